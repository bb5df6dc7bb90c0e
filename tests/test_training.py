"""Table 3: the training run."""

import dataclasses
import io

import pytest
import torch
from torch import nn
from tqdm import tqdm

from medkit.blocks import Prediction
from medkit.losses import total_loss
from medkit.models import Hybrid
from medkit.training import Settings, epoch_order, fit, predict

pytestmark = pytest.mark.filterwarnings("error")
QUICK = Settings(batch_size=8, epochs=2)


class Tiny(nn.Module):
    """The smallest model with the contract of the big ones."""

    def __init__(self):
        super().__init__()
        self.conv, self.linear = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(1, 3)
        self.modes = []

    def forward(self, image):
        self.modes.append(self.training)
        return Prediction(self.linear(image.mean(dim=(2, 3))), self.conv(image))


def build(kind=Tiny, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return kind()


def images(n=20, size=32):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand((n, 1, size, size), generator=generator)
    return image, torch.arange(n) % 3, image > 0.8


def train(kind=Tiny, seed=0, settings=QUICK, **kwargs):
    model = build(kind)
    history = fit(model, *images(), settings, seed=seed, progress=None, **kwargs)
    return model, [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters()))


def test_settings_are_table_3():
    assert (Settings().batch_size, Settings().learning_rate, Settings().epochs) == (32, 0.001, 50)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().epochs = 1
    for wrong in ({"batch_size": 0}, {"epochs": 0}, {"learning_rate": 0.0}, {"learning_rate": float("nan")}):
        with pytest.raises(ValueError, match=f"{list(wrong)[0]} must be"):
            Settings(**wrong)


def test_hand_one_step_of_adam():
    """At its first step Adam moves every weight by the learning rate against the gradient's sign."""
    model, (image, label, mask) = build(), images()
    before = [p.detach().clone() for p in model.parameters()]
    once = Settings(batch_size=20, epochs=1, learning_rate=0.01)
    fit(model, image, label, mask, once, seed=0, progress=None)
    for old, new in zip(before, model.parameters()):
        assert (new - old).abs().sub(0.01).abs().max() < 1e-5


def test_twin_the_loop_written_out():
    """The same run by hand: also proves that gradients are zeroed and every image is met once."""
    model, _ = train()
    twin, (image, label, mask) = build(), images()
    optimiser = torch.optim.Adam(twin.parameters(), lr=1e-3)
    for epoch in (1, 2):
        for batch in epoch_order(20, 0, epoch).split(8):
            a, b = twin(image[batch])
            p, t = b.sigmoid().flatten(1), mask[batch].flatten(1).float()
            soft = 1 - ((2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()
            cross = nn.functional.cross_entropy(a, label[batch])
            loss = cross + soft + nn.functional.binary_cross_entropy(p, t)
            for parameter in twin.parameters():
                parameter.grad = None
            loss.backward()
            optimiser.step()
    assert all((x - y).abs().max() < 1e-6 for x, y in zip(model.parameters(), twin.parameters()))
    assert not same(model, build())


def test_law_same_seed_same_bits_other_seed_others():
    (first, rows), other = train(Hybrid3, seed=0), train(Hybrid3, seed=1)
    torch.rand(7)  # what others draw in between must not matter
    again, rows_again = train(Hybrid3, seed=0)
    assert same(first, again) and rows == rows_again
    assert not same(first, other[0]) and rows != other[1]


def Hybrid3():
    return Hybrid(classes=3, width=4)


def test_law_order_is_keyed():
    orders = {(s, e): tuple(epoch_order(50, s, e).tolist()) for s in range(4) for e in range(1, 5)}
    assert len(set(orders.values())) == 16
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert orders[0, 1] == tuple(epoch_order(50, 0, 1).tolist())


def test_history_and_loss_falls():
    model, rows = train(settings=Settings(batch_size=8, epochs=12, learning_rate=0.01))
    assert [row["epoch"] for row in rows] == list(range(1, 13))
    assert rows[-1]["loss"] < rows[0]["loss"]
    for row in rows:
        assert row["loss"] == pytest.approx(row["label"] + row["dice"] + row["bce"])


def test_hand_history_is_a_mean_over_images_not_batches():
    """With a rate too small to move anything, unequal batches still average to the whole set's loss."""
    still = [Settings(batch_size=size, epochs=1, learning_rate=1e-30) for size in (20, 8)]
    whole, unequal = (train(settings=settings)[1][0]["loss"] for settings in still)
    assert whole == pytest.approx(unequal, rel=1e-6)
    model, (image, label, mask) = build(), images()
    batches = epoch_order(20, 0, 1).split(8)
    parts = [total_loss(*model(image[b]), label[b], mask[b]).total.item() for b in batches]
    assert unequal == pytest.approx((8 * parts[0] + 8 * parts[1] + 4 * parts[2]) / 20, rel=1e-6)
    assert unequal != pytest.approx(sum(parts) / 3, rel=1e-4)


def test_on_epoch_is_called_when_asked_and_training_goes_on():
    model, seen = build(), []

    def look(epoch, model):
        seen.append((epoch, model.training))
        return {"found": float(predict(model, images()[0]).label.sum())}

    history = fit(
        model,
        *images(),
        Settings(batch_size=8, epochs=4),
        seed=0,
        progress=None,
        at_epochs=(1, 4),
        on_epoch=look,
    )
    assert seen == [(1, False), (4, False)]
    assert ["found" in row for row in history] == [True, False, False, True]
    assert model.modes == [True] * 3 + [False] + [True] * 9 + [False]
    assert same(model, train(settings=Settings(batch_size=8, epochs=4))[0])  # looking changed nothing


def test_progress_shows_loss_and_time_left():
    text = io.StringIO()
    fit(
        build(),
        *images(),
        QUICK,
        seed=0,
        title="CNN",
        progress=lambda **kwargs: tqdm(**kwargs, file=text, mininterval=0, ncols=120),
    )
    assert "CNN: 100%" in text.getvalue() and "6/6 [" in text.getvalue()
    assert "epoch 2/2, loss " in text.getvalue() and "<00:00" in text.getvalue()


def test_without_masks_the_label_head_trains_alone():
    model, (image, label, _) = build(), images()
    history = fit(model, image, label, None, QUICK, seed=0, progress=None)
    assert history[0]["dice"] is None and history[0]["bce"] is None
    assert history[0]["loss"] == history[0]["label"]
    assert torch.equal(model.conv.weight, build().conv.weight)
    assert not torch.equal(model.linear.weight, build().linear.weight)


def test_unscored_labels_teach_nothing():
    image, label, mask = images()
    scored = torch.arange(20) % 4 != 0
    wrong = torch.where(scored, label, (label + 1) % 3)
    models = []
    for labels, use in ((label, scored), (wrong, scored), (wrong, None)):
        models.append(build())
        fit(models[-1], image, labels, mask, QUICK, seed=0, scored=use, progress=None)
    assert same(models[0], models[1])
    assert not same(models[0], models[2])


class Poisoned(Tiny):
    """Answers NaN once it meets the third image of the set."""

    poison = images()[0][3]

    def forward(self, image):
        prediction = super().forward(image)
        met = (image == self.poison).flatten(1).all(1)
        return prediction._replace(label=prediction.label + torch.where(met, torch.nan, 0.0)[:, None])


def test_edge_nan_stops_names_the_images_and_takes_no_step():
    batches = epoch_order(20, 5, 1).split(8)
    step = next(i for i, batch in enumerate(batches, start=1) if 3 in batch)
    model = build(Poisoned)
    with pytest.raises(FloatingPointError) as error:
        fit(model, *images(), QUICK, seed=5, progress=None)
    assert f"epoch 1, step {step}, images {batches[step - 1].tolist()}" in str(error.value)
    assert "label nan" in str(error.value)
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_edge_inf_stops():
    with pytest.raises(FloatingPointError, match="loss must be finite, got total (nan|inf)"):
        train(settings=Settings(batch_size=8, epochs=3, learning_rate=1e37))


def test_edge_tensors_that_do_not_fit():
    image, label, mask = images()
    nan = image.clone()
    nan[4, 0, 2, 2] = torch.nan
    for args, message in (
        ((image, label[:-1], mask), r"label must be \(20,\) torch.int64 to match image, got \(19,\)"),
        ((image, label.float(), mask), r"label must be .* got \(20,\) torch.float32"),
        ((image, label, mask[..., ::2]), r"mask must be \(20, 1, 32, 32\)"),
        ((image, label, mask.float()), "mask must be .* torch.bool"),
        ((nan, label, mask), r"image must be finite, got NaN or infinity before step 1, images \[4\]"),
        ((image.byte(), label, mask), "image must be floating point"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            fit(build(), *args, QUICK, seed=0, progress=None)
    with pytest.raises(ValueError, match="scored must be"):
        fit(build(), image, label, mask, QUICK, seed=0, scored=label, progress=None)


def test_predict_is_the_model_in_evaluation_mode_without_gradients():
    model, image = build().train(), images()[0]
    parts, whole = predict(model, image, batch_size=7), predict(model, image)
    assert model.modes == [False] * 4 and not model.training
    assert not whole.label.requires_grad and isinstance(whole, Prediction)
    assert (parts.label - whole.label).abs().max() < 1e-6 and parts.mask.shape == (20, 1, 32, 32)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_gpu_trains_like_the_cpu():
    image, label, mask = (tensor.cuda() for tensor in images())
    model = build().cuda()
    fit(model, image, label, mask, QUICK, seed=0, progress=None)
    cpu, _ = train()
    assert all((x.cpu() - y).abs().max() < 1e-3 for x, y in zip(model.parameters(), cpu.parameters()))
    with pytest.raises(ValueError, match="label must be on cuda:0 like image, got cpu"):
        fit(model, image, label.cpu(), mask, QUICK, seed=0, progress=None)


@pytest.mark.parametrize("found, message", [
    ({"dice": 0.9}, "on_epoch must return names that the training has not, got dice; call it val_dice"),
    ({"epoch": 3}, "got epoch; call it val_epoch"), ({"v": object()}, "on_epoch must return what JSON can hold"),
    (0.9, "on_epoch must return a dict or None, got float"),
])  # fmt: skip
def test_edge_what_on_epoch_returns(found, message):
    with pytest.raises((ValueError, TypeError), match=message):
        train(on_epoch=lambda epoch, model: found)


def test_numbers_of_tensors_and_numpy_become_plain_ones():
    import numpy as np

    _, rows = train(on_epoch=lambda epoch, model: {"a": torch.tensor(0.5), "b": np.float32(2)}, settings=QUICK)
    assert rows[0]["a"] == 0.5 and type(rows[0]["b"]) is float


def test_the_bar_shows_what_was_measured_last():
    text = io.StringIO()
    fit(
        build(), *images(), QUICK, seed=0, on_epoch=lambda epoch, model: {"val_dice": 0.25 * epoch},
        progress=lambda **kwargs: tqdm(**kwargs, file=text, mininterval=0, ncols=120),
    )  # fmt: skip
    assert "val_dice 0.250" in text.getvalue()


def test_the_model_is_left_in_evaluation_mode():
    assert not train()[0].training


def test_edge_ordinary_mistakes_get_one_clear_message():
    image, label, mask = images()
    for args, message in (
        ((image[:, 0], label, None), r"image must be \(N, C, H, W\), got \(20, 32, 32\)"),
        ((image, label + 5, mask), "model must answer all classes, got 3 answers and label 7"),
        ((image, label - 1, mask), "label must be 0 or more where it is scored"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(build(), *args, QUICK, seed=0, progress=None)

    class Bare(Tiny):
        def forward(self, image):
            return super().forward(image).label

    with pytest.raises(TypeError, match="model must return label logits and mask logits, got Tensor of"):
        fit(build(Bare), image, label, None, QUICK, seed=0, progress=None)


def test_a_filler_stands_where_a_label_is_not_scored():
    image, label, mask = images()
    scored = torch.arange(20) % 4 != 0
    models = []
    for filler in (-1, 0):
        models.append(build())
        fit(models[-1], image, label.where(scored, filler), mask, QUICK, seed=0, scored=scored, progress=None)
    assert same(*models)


def test_a_model_without_masks_trains_on_labels_alone():
    class Labels(Tiny):
        def forward(self, image):
            return Prediction(super().forward(image).label, None)

    image, label, mask = images()
    assert len(fit(build(Labels), image, label, None, QUICK, seed=0, progress=None)) == 2
    with pytest.raises(ValueError, match="model must return mask logits, got None beside masks"):
        fit(build(Labels), image, label, mask, QUICK, seed=0, progress=None)
