"""Anomaly detection: distances against scikit-learn, measures against brute force, and that anomalies are found."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.covariance import LedoitWolf
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestNeighbors

from medkit.anomaly import autoencoder, classical, gan, measures, mirror, planted, run, show
from medkit.claims import anomalies
from medkit.claims.trials import Evidence
from medkit.data.phantom import phantom
from medkit.scores import auroc

pytestmark = pytest.mark.filterwarnings("error")


def seeded(seed):
    return torch.Generator().manual_seed(seed)


# --- distances --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100))
def test_twin_mahalanobis_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(3, 60)), int(rng.integers(1, 40))  # more features than images as well
    x, asked = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)), rng.normal(size=(7, d))
    twin = LedoitWolf().fit(x)
    covariance, s = classical.ledoit_wolf(torch.tensor(x)[None])
    assert np.allclose(covariance[0].numpy(), twin.covariance_, rtol=1e-9) and float(s) == pytest.approx(twin.shrinkage_)
    mine = classical.mahalanobis(torch.tensor(asked)[None], classical.fit_gaussian(torch.tensor(x)[None]))[0]
    assert np.allclose(mine.numpy(), twin.mahalanobis(asked), rtol=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_twin_padim_is_scikit_learn_at_each_place(seed):
    healthy, image = torch.randn(20, 40, 2, 3, generator=seeded(seed)), torch.randn(5, 40, 2, 3, generator=seeded(seed + 99))
    maps = classical.padim(healthy, image, generator=seeded(seed))
    kept = torch.randperm(40, generator=seeded(seed))[: classical.KEPT]
    for y in range(2):
        for x in range(3):
            twin = LedoitWolf().fit(healthy[:, kept, y, x].double().numpy())
            wanted = np.sqrt(twin.mahalanobis(image[:, kept, y, x].double().numpy()))
            assert np.allclose(maps[:, 0, y, x].numpy(), wanted, rtol=1e-5)


def test_twin_nearest_neighbours():
    healthy, image = torch.randn(30, 4, 2, 2, generator=seeded(0)), torch.randn(8, 4, 2, 2, generator=seeded(1))
    known, asked = (x.double().mean((2, 3)).numpy() for x in (healthy, image))
    scale = known.std(0, ddof=1)
    wanted = NearestNeighbors(n_neighbors=3).fit(known / scale).kneighbors(asked / scale)[0].mean(1)
    assert np.allclose(classical.nearest(healthy, image, 3).numpy(), wanted)
    with pytest.raises(ValueError, match="neighbours must lie in 1 ... 30, got 31"):
        classical.nearest(healthy, image, 31)


def test_edge_features_that_never_vary_and_one_image():
    flat = classical.fit_gaussian(torch.ones(1, 5, 3))
    assert float(flat.shrinkage) == 0 and classical.mahalanobis(torch.ones(1, 2, 3), flat).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="N at least 2, got .*one image has no spread"):
        classical.ledoit_wolf(torch.ones(1, 1, 3))


def test_law_padim_finds_what_is_normal_elsewhere():
    """A value that is usual at another place is found at this one: what one Gaussian for all places can't do."""
    healthy = 0.1 * torch.randn(50, 32, 1, 2, generator=seeded(0))
    healthy[..., 1] += 5
    swapped = healthy[:3].flip(-1)
    maps = classical.padim(healthy[10:], torch.cat([healthy[:3], swapped]), generator=seeded(0))
    assert maps[3:].min() > 3 * maps[:3].max()
    scores = classical.image_scores(healthy[10:], torch.cat([healthy[:3], swapped]))
    assert scores[3:].max() < 3 * scores[:3].max()  # averaged over places, nothing is odd


def test_law_mirror():
    image = torch.rand(2, 1, 16, 16, generator=seeded(0))
    even = image + image.flip(-1)
    assert float(mirror.asymmetry(even).abs().max()) < 1e-6
    assert torch.allclose(mirror.asymmetry(image), mirror.asymmetry(image.flip(-1)).flip(-1))
    with pytest.raises(ValueError, match="window must be odd, got 4"):
        mirror.asymmetry(image, 4)


# --- measures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_twin_auroc_and_average_precision_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 80))
    score, target = rng.normal(size=n).round(seed % 3), rng.random(n) < 0.4  # with ties
    target[:2] = True, False
    mine = torch.tensor(score), torch.tensor(target)
    assert measures.average_precision(*mine).value == pytest.approx(average_precision_score(target, score))
    assert auroc(*mine).value == pytest.approx(roc_auc_score(target, score))
    found = measures.of_images(*mine, torch.arange(n))
    assert found["auroc"].value == pytest.approx(roc_auc_score(target, score))
    assert found["ap"].value == pytest.approx(average_precision_score(target, score))


def brute_pro(maps, mask, limit):
    """PRO by its definition: a loop over thresholds and regions, the curve then read at 300,000 rates."""
    regions = []
    for one, inside in zip(maps[:, 0].numpy(), mask[:, 0].numpy()):
        number, count = ndimage.label(inside, structure=np.ones((3, 3)))
        regions += [one[number == r] for r in range(1, count + 1)]
    outside = maps[~mask].numpy()
    points = [(0.0, 0.0)]
    for t in sorted(set(maps.flatten().tolist()), reverse=True):
        points.append((np.mean(outside >= t), np.mean([np.mean(r >= t) for r in regions])))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        top = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + top) / 2
    return area / limit


@pytest.mark.parametrize("seed", range(50))
def test_twin_pro_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    maps = torch.tensor(rng.normal(size=(3, 1, 9, 11)).round(1 + seed % 2))  # with ties
    mask = torch.tensor(ndimage.zoom(rng.random((3, 1, 5, 6)), (1, 1, 1.8, 11 / 6), order=0) < 0.2)
    mask[0, 0, 2, 2] = True
    maps = maps + mask * (seed % 4) / 2
    limit = (0.3, 0.05, 1.0)[seed % 3]
    assert measures.pro(maps, mask, limit).value == pytest.approx(brute_pro(maps, mask, limit), abs=1e-9)
    assert measures.pixel_auroc(maps, mask).value == pytest.approx(roc_auc_score(mask.flatten(), maps.flatten()))
    found = measures.of_pixels(maps, mask, torch.arange(3))
    assert found["pro"].value == pytest.approx(measures.pro(maps, mask).value, abs=0.02)  # of fewer thresholds
    assert found["pixel_auroc"].value == pytest.approx(measures.pixel_auroc(maps, mask).value, abs=0.02)


def test_twin_regions():
    inside = torch.rand(40, 40, generator=seeded(0)) < 0.35
    mine, (number, count) = measures.regions_of(inside), ndimage.label(inside.numpy(), structure=np.ones((3, 3)))
    assert len(mine.unique()) == count + 1
    assert len({(a, b) for a, b in zip(mine.flatten().tolist(), number.flatten().tolist())}) == count + 1


def test_law_pro_counts_small_regions_as_large_ones():
    mask = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    mask[..., :10, :10] = mask[..., 15, 15] = True
    large = torch.zeros(1, 1, 20, 20)
    large[..., :10, :10] = 1
    assert measures.pixel_auroc(large, mask).value > 0.99  # 100 of 101 pixels
    assert measures.pro(large, mask).value == pytest.approx(0.5 + 0.5 * 0.15)


def test_law_chance_is_chance():
    score, target = torch.rand(600, generator=seeded(0)), torch.arange(600) % 3 == 0
    found = measures.of_images(score, target, torch.arange(600) // 2)
    assert found["auroc"].low < 0.5 < found["auroc"].high and found["ap"].low < 1 / 3 < found["ap"].high
    mask = torch.zeros(40, 1, 16, 16, dtype=torch.bool)
    mask[..., 4:8, 4:8] = True
    found = [measures.of_pixels(torch.rand(40, 1, 16, 16, generator=seeded(seed)), mask, torch.arange(40))["pro"] for seed in range(20)]
    chance = measures.CHANCE["pro"]
    assert sum(one.value for one in found) / 20 == pytest.approx(chance, abs=0.01)
    assert sum(one.low < chance < one.high for one in found) >= 16  # about 19 of 20 of 95 % intervals


def test_law_intervals_widen_with_fewer_patients():
    score, target = torch.randn(200, generator=seeded(0)), torch.arange(200) % 2 == 0
    score = score + target
    wide, narrow = (measures.of_images(score, target, group)["auroc"] for group in (torch.arange(200) // 20, torch.arange(200)))
    assert wide.n_groups == 10 and narrow.n_groups == 200 and wide.value == narrow.value
    with pytest.raises(ValueError, match="group must hold two groups or more, got 1"):
        measures.of_images(score, target, torch.zeros(200, dtype=torch.long))


def test_hand_threshold_and_alarms():
    score, target = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.1]), torch.tensor([True, True, True, True, False])
    assert measures.threshold_at(score, target, 0.5) == pytest.approx(0.8)
    assert measures.threshold_at(score, target, 1.0) == pytest.approx(0.6)
    test = torch.tensor([0.9, 0.2, 0.9, 0.9, 0.1, 0.1, 0.9])
    truth = torch.tensor([True, True, False, False, False, False, False])
    group = torch.tensor([0, 1, 2, 2, 3, 3, 0])  # the last: a healthy slice of a sick patient counts nowhere
    found = measures.alarms(test, truth, group, 0.5)
    assert found.sensitivity.value == 0.5 and found.per_patient.value == 1.0  # two alarms in patient 2, none in 3
    with pytest.raises(ValueError, match="sensitivity must lie in 0 ... 1 and target hold an anomaly"):
        measures.threshold_at(score, torch.zeros(5, dtype=torch.bool), 0.9)


def test_edges_of_the_measures():
    nothing = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
    assert math.isnan(measures.pro(torch.rand(2, 1, 4, 4), nothing).value)
    assert math.isnan(measures.average_precision(torch.rand(3), torch.zeros(3, dtype=torch.bool)).value)
    with pytest.raises(ValueError, match="limit must lie above 0"):
        measures.pro(torch.rand(2, 1, 4, 4), nothing, 0)
    with pytest.raises(ValueError, match="without NaN"):
        measures.pro(torch.full((2, 1, 4, 4), torch.nan), nothing)


# --- what is trained --------------------------------------------------------------------------


def bumps(count, seed, height=0.0):
    """Smooth grey images, and in the middle a spot of that height that no healthy one has."""
    coarse = torch.rand(count, 1, 4, 4, generator=seeded(seed))
    image = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")
    image[..., 12:20, 12:20] += height
    return image


def test_law_an_autoencoder_draws_healthy_images_better_and_is_repeatable():
    model = autoencoder.train(bumps(200, 0), 60, seed=0, progress=None)
    again = autoencoder.train(bumps(200, 0), 60, seed=0, progress=None)
    healthy, sick = bumps(20, 1), bumps(20, 1, height=2.0)
    wrong = [float(autoencoder.error_map(model, image).amax((1, 2, 3)).mean()) for image in (healthy, sick)]
    assert wrong[1] > 3 * wrong[0]
    assert torch.equal(model(healthy), again(healthy))


def test_law_f_anogan_scores_a_spot_higher_and_is_repeatable():
    made = gan.train(bumps(200, 0), 60, seed=0, progress=None)
    again = gan.train(bumps(200, 0), 60, seed=0, progress=None)
    healthy, sick = bumps(20, 1), bumps(20, 1, height=2.0)
    score = torch.cat([gan.score(made, healthy), gan.score(made, sick)])
    assert auroc(score, torch.arange(40) >= 20).value > 0.9
    assert torch.equal(score[:20], gan.score(again, healthy))
    maps = gan.anomaly_map(made, sick)
    assert maps.flatten(1).argmax(1).remainder(32).float().sub(15.5).abs().max() < 8


def test_law_the_gradient_penalty_is_of_the_slope():
    steep = lambda image: 3 * image.flatten(1)[:, :1]  # noqa: E731
    real, drawn = torch.rand(4, 1, 4, 4, generator=seeded(0)), torch.rand(4, 1, 4, 4, generator=seeded(1))
    assert float(gan.gradient_penalty(steep, real, drawn, seeded(0))) == pytest.approx(4.0)


# --- what a detector sees ---------------------------------------------------------------------


def test_hand_a_disc_is_round_soft_and_away_from_what_it_covers():
    dark, bright = torch.full((50, 1, 48, 48), 0.2), torch.full((50, 1, 48, 48), 0.9)
    for image, sign in ((dark, 1), (bright, -1)):
        change = (planted.plant(image, 0.4) - image) * sign
        assert change.amax((1, 2, 3)).tolist() == pytest.approx([0.4] * 50, abs=1e-4) and float(change.min()) > -1e-6
        area = (change > 0.2).sum((1, 2, 3))
        assert 40 <= int(area.min()) and int(area.max()) <= 60  # pi 4² is 50
    top = (planted.plant(dark, 0.4) - dark).flatten(1).argmax(1)
    assert ((12 <= top // 48) & (top // 48 < 36) & (12 <= top % 48) & (top % 48 < 36)).all() and len(top.unique()) > 40
    assert torch.equal(planted.plant(dark, 0.0), dark) and not torch.equal(planted.plant(dark, 0.4, seed=1), planted.plant(dark, 0.4))


def test_law_a_disc_of_more_contrast_is_found_more_often():
    image = 0.4 + 0.2 * torch.rand(60, 1, 48, 48, generator=seeded(0))
    score = lambda x: autoencoder.smooth(x).flatten(1).amax(1)  # noqa: E731, brightness
    found = [planted.found(score(image), score(planted.plant(image.clamp(max=0.45), c))).auroc for c in (0.0, 0.05, 0.2, 0.5)]
    assert found == sorted(found) and found[0] < 0.1 and found[-1] == 1.0
    with pytest.raises(ValueError, match=r"contrast must lie in 0 ... 1, got 1.5"):
        planted.plant(image, 1.5)


def test_hand_maps_of_edges_and_of_lesions():
    image = torch.rand(3, 1, 24, 24, generator=seeded(0))
    slopes = torch.gradient(image[:, 0], dim=(-2, -1))
    assert planted.follows_edges((slopes[0] ** 2 + slopes[1] ** 2)[:, None], image) == pytest.approx(1.0)
    assert abs(planted.follows_edges(torch.rand(3, 1, 24, 24, generator=seeded(1)), image)) < 0.1
    mask = torch.zeros(3, 1, 24, 24, dtype=torch.bool)
    mask[:2, :, 4:8, 4:8] = True  # the third has none
    maps = torch.ones(3, 1, 24, 24) + 2 * mask
    maps[2] = 100
    assert planted.on_lesions(maps, mask) == pytest.approx(3.0)


def small_fold(shift=0.0, scale=1.0, seed=0, discs=0):
    """A fold of phantoms whose scores are drawn, and stand on a scale of their own."""
    data = {side: phantom(36, size=32, seed=seed, split=side) for side in ("val", "test")}
    answers = []
    for part in data.values():
        score = torch.randn(36, generator=seeded(seed)) + 1.5 * run.anomalous_in(part, "phantom")
        answers.append(run.Answers(shift + scale * score, None))
    some = run.healthy_test(data["test"], "phantom")
    with_disc = [run.Answers(answers[1].score[some] + step * scale, None) for step in range(discs)]
    task = type("Task", (), {"val": data["val"]})
    test = dataclasses.replace(data["test"], group=data["test"].group + 1000 * seed)
    return run.Fold(task, test, *answers, with_disc)


def test_law_folds_are_compared_from_their_own_thresholds():
    plain, moved = ([small_fold(), small_fold(shift, scale, seed=1)] for shift, scale in ((0, 1), (40, 7)))
    one, other = (run.measured_over(folds, "phantom") for folds in (plain, moved))
    assert one["measures"] == other["measures"] and one["threshold"]["value"] != other["threshold"]["value"]
    assert one["test"] == {"images": 72, "anomalous": 48, "groups": 36, "healthy groups": 12}
    bare = torch.cat([fold.of_test.score for fold in moved]), torch.cat([run.anomalous_in(f.test, "phantom") for f in moved])
    assert auroc(*bare).value < other["measures"]["auroc"][0] - 0.05  # raw scores of two folds can't be ranked together


def test_law_one_fold_is_measured_as_it_is():
    fold = small_fold(3.0, 2.0)
    found = run.measured_over([fold], "phantom")
    assert found == run.measured([fold.val, fold.of_test], fold.task, fold.test, "phantom")
    assert found["threshold"]["value"] == measures.threshold_at(
        fold.val.score, run.anomalous_in(fold.task.val, "phantom"), run.SENSITIVITY
    )
    assert "planted" not in found and "maps" not in found


def test_discs_stand_in_the_record_by_contrast():
    found = run.measured_over([small_fold(discs=4), small_fold(seed=1, discs=4)], "phantom")["planted"]
    assert list(found) == ["0.1", "0.2", "0.4", "0.8"] and found["0.1"] == {"auroc": 0.5, "rises": 0.5}
    aurocs = [one["auroc"] for one in found.values()]
    assert aurocs == sorted(aurocs) and aurocs[-1] > 0.9 and found["0.2"]["rises"] == 1.0  # each rises, few are told


# --- records, tables, the claim ---------------------------------------------------------------


def record(low, high, seed=0, unit="patient", groups=40, tier="real", method=anomalies.METHOD, pixels=None):
    found = {name: [(low + high) / 2, low, high] for name in ("auroc", "ap", "sensitivity", "alarms")}
    if pixels:
        found["pixel_auroc"] = [sum(pixels) / 2, *pixels]
    data = {"tier": tier, "key": "ct", "unit": unit, "size": 48, "title": "head CT", "notes": []}
    test = {"images": 90, "anomalous": 30, "groups": groups, "healthy groups": 20}
    return {
        "kind": "anomaly", "method": method, "seed": seed, "data": data, "test": test, "measures": found, "threshold": {"value": 0.5},
        "healthy": 50, "features": ["textures", "nothing"], "file": f"ct-{seed}.json",
    }  # fmt: skip


@pytest.mark.parametrize("change, wanted", [
    ({"low": 0.75, "high": 0.9}, "reproduced"),
    ({"low": 0.4, "high": 0.65}, "not reproduced"),
    ({"low": 0.6, "high": 0.8}, "inconclusive"),
    ({"low": 0.75, "high": 0.9, "unit": "duplicate group"}, "inconclusive"),
    ({"low": 0.4, "high": 0.65, "groups": 16}, "inconclusive"),
    ({"low": 0.75, "high": 0.9, "pixels": (0.4, 0.6)}, "not reproduced"),
    ({"low": 0.75, "high": 0.9, "tier": "phantom"}, None),
    ({"low": 0.75, "high": 0.9, "method": "autoencoder"}, None),
])  # fmt: skip
def test_k17_comes_out_each_way(change, wanted):
    runs = tuple(record(seed=seed, **change) for seed in range(3))
    assert anomalies.detects(Evidence(systems=runs)).verdict == wanted
    if wanted:
        assert anomalies.detects(Evidence(systems=runs[:2])).verdict == "inconclusive"  # too few seeds


def test_tables_keep_supervised_apart_and_say_what_is_at_chance():
    runs = [record(0.4, 0.6), record(0.7, 0.9, method="CNN, supervised"), record(0.1, 0.3, method="brightness")]
    text = str(show.sheet(runs))
    alone, labelled = text.split("Trained with labels")
    assert "CNN, supervised  0.80 [0.70, 0.90]" in labelled and "supervised" not in alone and "PaDiM" not in labelled
    assert f"{anomalies.METHOD}: not shown to beat chance" in alone and "brightness: below chance" in alone
    assert "chance at images" not in labelled


def test_a_row_at_chance_has_a_measured_reason():
    def discs(faint, bright, rises):
        return {"planted": {"0.1": {"auroc": faint, "rises": 0.5}, "0.8": {"auroc": bright, "rises": rises}}}

    blind, crowd = record(0.4, 0.6) | discs(0.5, 0.5, 0.55), record(0.4, 0.6, method="f-AnoGAN") | discs(0.5, 0.6, 0.97)
    sharp = record(0.4, 0.6, method="autoencoder") | discs(0.7, 0.95, 1.0) | {"maps": {"edges": 0.61}}
    better = record(0.7, 0.9, method="CNN, supervised") | discs(0.5, 0.5, 0.55)
    text = str(show.sheet([blind, sharp, better, crowd]))
    assert "A planted disc of contrast 0.8 raises the score of 55% of images, AUROC 0.50: it hardly sees it. " in text
    assert "97% of images, AUROC 0.60: it sees it, but healthy images differ more from one another." in text
    assert "It finds planted discs of contrast 0.8: lesions are fainter to it, or look healthy." in text
    assert "0.61 [0.61, 0.61]" in text and "What a detector sees" in text
    assert text.count("it hardly sees it") == 1  # what beats chance needs no reason
    assert "What a detector sees" not in str(show.sheet([record(0.4, 0.6)]))


def test_nothing_anomalous_and_no_patient_with_a_lesion_is_trained_on():
    data = phantom(60, size=32)
    healthy = run.healthy_of(data, "phantom")
    assert not data.mask[healthy].any() and int(healthy.sum()) == 20
    mixed = data.label.clone()
    mixed[1] = 1  # the second slice of patient 0
    assert not run.healthy_of(dataclasses.replace(data, label=mixed), "phantom")[:2].any()
    with pytest.raises(ValueError, match="key must be one of phantom, ct, us, got mri"):
        run.healthy_of(data, "mri")
