"""Eq. 5 and Table 2: frozen means bytes, and Δweights add up."""

import copy
import importlib
import io
import math

import pytest
import torch
from torch import nn

from medkit import transfer
from medkit.transfer import (
    delta_rows,
    delta_weights,
    fingerprint,
    freeze,
    is_frozen,
    table_2,
    table_2_shapes,
    table_2_text,
    thaw,
)

pytestmark = pytest.mark.filterwarnings("error")
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
    ),
]
SET_UPS = ("SGD momentum", "AdamW decay", "BatchNorm", "frozen late", "thawed at stage 2", "resumed")


class Net(nn.Module):
    """Two stages and a head, with either norm."""

    def __init__(self, norm):
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), norm(4), nn.ReLU(), nn.Dropout(0.2))
        self.two = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), norm(4), nn.ReLU())
        self.head = nn.Linear(4, 3)

    def forward(self, image):
        return self.head(self.two(self.one(image)).mean(dim=(2, 3)))


def net(norm=nn.BatchNorm2d, seed=0, device="cpu"):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return Net(norm).to(device)


def group(channels):
    return nn.GroupNorm(2, channels)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)


def adamw(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)


def train(model, optimiser, steps=5, set_to_none=False):
    """Train as loops in the wild do: `.train()` first, gradients zeroed in place."""
    model.train()
    device = next(model.parameters()).device
    image = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)).to(device)
    label = (torch.arange(6) % 3).to(device)
    with torch.random.fork_rng(devices=[]):  # dropout
        for _ in range(steps):
            optimiser.zero_grad(set_to_none=set_to_none)
            nn.functional.cross_entropy(model(image), label).backward()
            optimiser.step()


def naive(model, *stages):
    for stage in stages:
        model.get_submodule(stage).requires_grad_(False)


def naive_thaw(model, *stages):
    for stage in stages:
        model.get_submodule(stage).requires_grad_(True)


def part(prints, *stages):
    return {name: digest for name, digest in prints.items() if name.split(".")[0] in stages}


def moved(set_up, freeze, thaw, device="cpu"):
    """Run one set-up; return what changed that should not have, and what stayed that should move."""
    plain = set_up in ("SGD momentum", "AdamW decay", "frozen late")  # no statistics: the optimiser alone
    model = net(group if plain else nn.BatchNorm2d, device=device)
    held, learning = ("one", "two"), ("head",)
    optimiser = None
    if set_up in ("frozen late", "thawed at stage 2"):
        optimiser = sgd(model)
        train(model, optimiser, 2)
    freeze(model, "one", "two")
    if optimiser is None:
        optimiser = adamw(model) if set_up == "AdamW decay" else sgd(model)
    if set_up == "thawed at stage 2":
        train(model, optimiser, 2)
        thaw(model, "two")
        held, learning = ("one",), ("two", "head")
    if set_up == "resumed":
        train(model, optimiser, 2)
        file = io.BytesIO()
        torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict()}, file)
        file.seek(0)
        model = net(seed=7, device=device)
        freeze(model, "one", "two")
        optimiser = sgd(model)
        saved = torch.load(file, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
    before = fingerprint(model)
    train(model, optimiser)
    after = fingerprint(model)
    changed = {name for name in before if before[name] != after[name]}
    return changed & set(part(before, *held)), set(part(before, *learning)) - changed


# --- frozen means bytes -----------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("set_up", SET_UPS)
def test_law_no_byte_of_a_frozen_layer_changes(set_up, device):
    assert moved(set_up, freeze, thaw, device) == (set(), set())


def test_law_the_naive_way_fails():
    """Gradients off and nothing else: four of six move; never frozen: all six move."""
    fails = {set_up: moved(set_up, naive, naive_thaw)[0] for set_up in SET_UPS}
    assert {set_up for set_up in SET_UPS if fails[set_up]} == set(SET_UPS[2:])
    assert {name.rpartition(".")[2] for name in fails["BatchNorm"]} == {
        "running_mean", "running_var", "num_batches_tracked",
    }  # fmt: skip
    assert "one.0.weight" in fails["frozen late"]  # momentum and decay, without any BatchNorm
    nothing = {set_up: moved(set_up, lambda *a: None, lambda *a: None)[0] for set_up in SET_UPS}
    assert all(nothing.values())


OPTIMISERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer)
    and name not in ("Optimizer", "LBFGS", "SparseAdam", "Muon")
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMISERS)
def test_law_whichever_optimiser(name):
    model = net(group)
    optimiser = OPTIMISERS[name](model.parameters(), lr=1e-2)
    start = fingerprint(model)
    train(model, optimiser, 2)
    before = fingerprint(model)
    assert part(before, "one") != part(start, "one")
    freeze(model, "one", "two")
    train(model, optimiser, 3)
    assert part(fingerprint(model), "one", "two") == part(before, "one", "two")
    assert part(fingerprint(model), "head") != part(before, "head")


def test_law_whichever_optimiser_has_met_most():
    assert {"SGD", "Adam", "AdamW", "RMSprop", "Rprop", "ASGD", "NAdam"} <= set(OPTIMISERS)


def test_edge_lbfgs_moves_what_has_no_gradient_and_is_refused():
    model = net(group)
    image, label = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 3

    def closure():
        optimiser.zero_grad(set_to_none=False)
        loss = nn.functional.cross_entropy(model.eval()(image), label)
        loss.backward()
        return loss

    freeze(net())  # elsewhere: what LBFGS itself holds matters
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=3)
    optimiser.step(closure)
    freeze(model, "one", "two")
    before = fingerprint(model)
    with pytest.raises(ValueError, match="optimiser must hold no frozen weights if it is LBFGS"):
        optimiser.step(closure)
    assert fingerprint(model) == before
    optimiser = torch.optim.LBFGS([p for p in model.parameters() if p.requires_grad], max_iter=3)
    optimiser.step(closure)
    assert part(fingerprint(model), "one", "two") == part(before, "one", "two") != before


def test_edge_lbfgs_would_move_them(monkeypatch):
    """The reason for the refusal: frozen without it, weights move along remembered directions."""
    model, image = net(group), torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def closure():
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(model.eval()(image), torch.arange(6) % 3)
        loss.backward()
        return loss

    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=3)
    optimiser.step(closure)
    monkeypatch.setattr(transfer, "_watch", lambda: None)
    monkeypatch.setattr(importlib.import_module("torch.optim.optimizer"), "_global_optimizer_pre_hooks", {})
    freeze(model, "one")
    before = fingerprint(model)
    optimiser.step(closure)
    assert part(fingerprint(model), "one") != part(before, "one")


def test_law_freezing_between_backward_and_step_holds():
    """Also a graph that was built before, run backward after: nothing arrives at the frozen."""
    for backward_first in (True, False):
        model = net(group)
        optimiser = sgd(model)
        loss = model(torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))).square().sum()
        if backward_first:
            loss.backward()
        freeze(model, "one")
        if not backward_first:
            loss.backward()
        before = fingerprint(model)
        optimiser.step()
        assert part(fingerprint(model), "one") == part(before, "one")
        assert part(fingerprint(model), "two") != part(before, "two")


def test_law_someone_switches_gradients_on_again():
    model = net()
    optimiser = sgd(model)
    freeze(model, "one")
    before = fingerprint(model)
    model.requires_grad_(True)
    train(model, optimiser)
    assert part(fingerprint(model), "one") == part(before, "one")


def test_law_gradients_flow_through_a_frozen_stage():
    model = net()
    freeze(model, "two")
    before = fingerprint(model)
    train(model, sgd(model))
    after = fingerprint(model)
    assert part(after, "two") == part(before, "two") and part(after, "one") != part(before, "one")


def test_law_a_frozen_stage_answers_the_same_in_training():
    """No dropout, no statistics of the batch."""
    model, image = net(), torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    freeze(model, "one")
    alone = model.eval().one(image)
    assert torch.equal(model.train().one(image), alone)
    thaw(model, "one")
    assert not torch.equal(model.train().one(image), alone)


def test_law_thawing_undoes_freezing():
    """Frozen and thawed, a model trains to the same bytes as one that was never touched."""
    never, once = net(group), net(group)
    freeze(once)
    freeze(once)  # twice is once
    assert all(is_frozen(module) for module in once.modules())
    thaw(once)
    assert not any(is_frozen(module) or module._forward_pre_hooks for module in once.modules())
    for model in (never, once):
        model.one[3].p = 0.0
        train(model, sgd(model))
    assert fingerprint(never) == fingerprint(once)


def test_law_thawing_leaves_alone_what_was_turned_off_by_hand():
    """A layer that was let go and then held by other means is none of `thaw`'s."""
    model = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
    freeze(model, "0")
    thaw(model, "0.1")
    model[0][1].requires_grad_(False)
    thaw(model, "0")
    assert all(p.requires_grad for p in model[0][0].parameters())
    assert not any(p.requires_grad for p in model[0][1].parameters())


def test_law_thawed_layers_take_on_the_mode_of_the_model():
    model = net().train()
    freeze(model, "one", "two")
    thaw(model, "two")
    assert all(module.training for module in model.two.modules())
    thaw(model.eval(), "one")
    assert not any(module.training for module in model.one.modules())


def test_law_a_copy_stays_frozen_and_thaws_alone():
    model = net()
    freeze(model, "one")
    twin = copy.deepcopy(model)
    before = fingerprint(twin)
    train(twin, sgd(twin))
    assert part(fingerprint(twin), "one") == part(before, "one")
    thaw(twin, "one")
    train(twin, sgd(twin))
    assert not set(part(fingerprint(twin), "one").values()) <= set(part(before, "one").values())
    assert is_frozen(model.one[0]) and not is_frozen(twin.one[0])
    before = fingerprint(model)
    train(model, sgd(model))
    assert part(fingerprint(model), "one") == part(before, "one")


def test_law_all_but_the_head():
    model = net()
    freeze(model)
    thaw(model, "head")
    before = fingerprint(model)
    train(model, adamw(model))
    after = fingerprint(model)
    assert {name for name in before if before[name] != after[name]} == {"head.weight", "head.bias"}


def test_law_a_compiled_model_stays_frozen():
    model = net()
    freeze(model, "one")
    before = fingerprint(model)
    train(torch.compile(model, backend="eager"), sgd(model), 2)
    assert part(fingerprint(model), "one") == part(before, "one")
    assert part(fingerprint(model), "two") != part(before, "two")


def test_law_shared_weights_are_held_in_both():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Flatten(), nn.Linear(256, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    model[4].weight = model[3].weight
    optimiser = sgd(model)
    freeze(model, "3")
    before = fingerprint(model)
    train(model, optimiser)
    after = fingerprint(model)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"0.weight", "0.bias", "2.weight", "2.bias", "4.bias"}


def test_edge_an_unknown_stage_changes_nothing():
    model = net()
    for change in (freeze, thaw):
        with pytest.raises(ValueError, match="stage must be .*, got 'three'; take one of one, two, head"):
            change(model, "one", "three")
    assert not any(is_frozen(module) for module in model.modules())


def test_hand_fingerprint_sees_one_bit():
    layer = nn.Linear(2, 1).to(torch.bfloat16)
    before = fingerprint(layer)
    assert set(before) == {"weight", "bias"} and before == fingerprint(copy.deepcopy(layer))
    with torch.no_grad():
        layer.bias.view(torch.int16).bitwise_xor_(1)
    assert [name for name in before if before[name] != fingerprint(layer)[name]] == ["bias"]
    zero = nn.Linear(1, 1)
    nn.init.zeros_(zero.weight)
    plus = fingerprint(zero)["weight"]
    zero.weight.data.neg_()
    assert fingerprint(zero)["weight"] != plus  # -0 == 0, but its bytes are others


# --- Eq. 5 ------------------------------------------------------------------------------------


def test_hand_delta():
    before = {"a.weight": torch.tensor([[3.0, 0.0]]), "a.bias": torch.tensor([4.0])}
    after = {"a.weight": torch.tensor([[3.0, 0.0]]), "a.bias": torch.tensor([2.0])}
    assert delta_weights(before, after)["a.bias"].item() == -2.0
    assert delta_rows(before, after) == [("a", 2.0, 2 / 5, 2.0)]
    zero = {"a.weight": torch.zeros(2)}
    assert delta_rows(zero, {"a.weight": torch.ones(2)})[0].relative == math.inf
    assert delta_rows(zero, {"a.weight": torch.zeros(2)}) == [("a", 0.0, 0.0, 0.0)]


def test_law_before_plus_delta_is_after():
    model = net()
    before = copy.deepcopy(model.state_dict())
    train(model, sgd(model))
    delta = delta_weights(before, model.state_dict())
    assert set(delta) == {name for name in before if "num_batches" not in name}
    for name, change in delta.items():
        assert torch.equal((before[name].double() + change).float(), model.state_dict()[name])
        assert change.abs().max() > 0


def test_law_frozen_layers_have_delta_zero_and_the_naive_way_shows():
    for way, expected in ((freeze, {"head"}), (naive, {"head", "one.1", "two.1"})):
        model = net()
        way(model, "one", "two")
        before = copy.deepcopy(model.state_dict())
        train(model, sgd(model))
        rows = delta_rows(before, model.state_dict())
        assert [row.layer for row in rows] == ["one.0", "one.1", "two.0", "two.1", "head"]
        assert {row.layer for row in rows if row.norm > 0} == expected
        assert all(row[1:] == (0.0, 0.0, 0.0) for row in rows if row.layer not in expected)


def test_edge_a_new_layer_has_no_delta():
    model = net()
    before = copy.deepcopy(model.state_dict())
    model.head = nn.Linear(4, 5)
    model.extra = nn.Linear(4, 4)
    rows = {row.layer: row for row in delta_rows(before, model.state_dict())}
    assert math.isnan(rows["head"].norm) and math.isnan(rows["extra"].largest) and rows["one.0"].norm == 0
    assert not {"head.weight", "extra.bias"} & set(delta_weights(before, model.state_dict()))


def test_edge_a_layer_with_one_new_tensor_is_new():
    before = {"a.weight": torch.ones(2, 2), "b.weight": torch.ones(2, 2), "b.bias": torch.ones(3)}
    after = {name: tensor + 1 for name, tensor in before.items()} | {"b.bias": torch.ones(2)}
    same, new = delta_rows(before, after)
    assert same.norm == 2.0 and math.isnan(new.norm) and math.isnan(new.relative) and math.isnan(new.largest)
    grown = delta_rows({"a.weight": torch.ones(2, 2)}, {"a.weight": torch.zeros(2, 2), "a.bias": torch.ones(2)})
    assert math.isnan(grown[0].norm)


def test_edge_before_is_no_copy():
    model = net()
    before = model.state_dict()
    train(model, sgd(model))
    with pytest.raises(ValueError, match="before must be a copy, got the very tensors of after"):
        delta_weights(before, model.state_dict())


# --- Table 2 ----------------------------------------------------------------------------------


def test_hand_table_2():
    model = net()
    freeze(model, "one")
    assert table_2(model, new=["head"]) == [
        ("one.0", "Conv2d", True, "frozen", 0),
        ("one.1", "BatchNorm2d", True, "frozen", 0),
        ("two.0", "Conv2d", True, "tuned", 4 * 4 * 9 + 4),
        ("two.1", "BatchNorm2d", True, "tuned", 8),
        ("head", "Linear", False, "new", 15),
    ]
    text = table_2_text(table_2(model, new=["head"])).splitlines()
    assert text[0].split("  ")[0] == "layer" and text[-1].split() == ["total", "171"]
    assert len({len(line) for line in text}) == 1


def test_law_table_2_says_what_training_does():
    """A row is frozen exactly if training leaves its layer's bytes alone."""
    for way, stages in ((freeze, ["one"]), (naive, ["one", "two"]), (freeze, ["one", "two", "head"])):
        model = net()
        way(model, *stages)
        rows, before = table_2(model), fingerprint(model)
        if any(parameter.requires_grad for parameter in model.parameters()):
            train(model, sgd(model))
        after = fingerprint(model)
        changed = {name.rpartition(".")[0] for name in before if before[name] != after[name]}
        assert {row.layer for row in rows if row.state != "frozen"} == changed


def test_hand_table_2_shows_the_mistakes():
    model = net()
    naive(model, "one")
    assert table_2(model)[:2] == [
        ("one.0", "Conv2d", True, "frozen", 0),
        ("one.1", "BatchNorm2d", True, "tuned", 0),  # no gradient, but the statistics move
    ]
    freeze(model)
    new_and_never_trained = ("head", "Linear", False, "frozen", 0)
    assert table_2(model, new=["head"])[-1] == new_and_never_trained
    with pytest.raises(ValueError, match="got 'fc'; take one of one, two, head"):
        table_2(model, new=["fc"])
    assert table_2(nn.Linear(2, 1))[0].layer == "" and "(Linear)" in table_2_text(table_2(nn.Linear(2, 1)))


def test_hand_table_2_shapes():
    shapes = table_2_shapes()
    assert [tuple(s[:3]) for s in shapes if not s.first_bias and not s.second_bias] == [
        (5000, 1, 100), (2500, 2, 50), (1250, 4, 25), (1000, 5, 20), (500, 10, 10),
        (250, 20, 5), (200, 25, 4), (100, 50, 2), (50, 100, 1),
    ]  # fmt: skip
    assert (499, 10, 10, True, False) in shapes
    assert sum(s.first_bias and not s.second_bias for s in shapes) == 9
    assert [s for s in shapes if s.second_bias] == [
        (5000, 1, 50, False, True), (1250, 4, 20, False, True),
        (4999, 1, 50, True, True), (1249, 4, 20, True, True),
    ]  # fmt: skip
    assert not {512, 768, 1024, 2048} & {s.features for s in shapes}
    for first, second in ((0, 100), (5000, -1)):
        with pytest.raises(ValueError, match=f"counts must be 1 or more, got {first} and {second}"):
            table_2_shapes(first, second)


def test_twin_table_2_shapes_by_brute_force():
    """Every (features, hidden, outputs) tried, parameters counted by PyTorch's own layers."""

    def count(n, m, bias):
        with torch.device("meta"):
            return sum(p.numel() for p in nn.Linear(n, m, bias=bias).parameters())

    for first, second in ((12, 6), (24, 12), (7, 1), (6, 12)):
        tried = {
            (n, h, k, a, b)
            for a in (False, True) for b in (False, True)
            for n in range(1, first + 1) for h in range(1, min(first, second) + 1)
            if n * h <= first and count(n, h, a) == first
            for k in range(1, second + 1)
            if h * k <= second and count(h, k, b) == second
        }  # fmt: skip
        shapes = table_2_shapes(first, second)
        assert set(shapes) == tried and len(shapes) == len(tried)


def test_hand_eq_5_stands_where_it_is_computed():
    assert "Eq. 5:  Model_new = pre-trained model + Δweights" in transfer.delta_weights.__doc__
