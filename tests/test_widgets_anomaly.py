"""Notebook 14's pictures: at their ends, in the middle and on nonsense; and that they say what the modules say."""

from __future__ import annotations

import math
import re

import pytest
import torch

from medkit.anomaly import classical, measures, run, show
from medkit.scores import auroc
from medkit.widgets import anomaly as widgets_14
from medkit.widgets import anomaly_distance, anomaly_records, anomaly_spot

pytestmark = pytest.mark.filterwarnings("error")
US, CT = "breast ultrasound (BUSI)", "head CT (CT-ICH)"


@pytest.fixture(scope="module", autouse=True)
def small_run():
    """Train in fast mode on phantoms; what other tests find in the cache stays theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDKIT_FAST", "1")
        patch.delenv("MEDKIT_DATA", raising=False)
        widgets_14.desk.cache_clear()
        yield
        widgets_14.desk.cache_clear()


def assert_is_a_whole_figure(page: str, tier: str = "phantom") -> None:
    assert re.search(r'<img alt="[^"]{20,}"', page) and "<figcaption" in page and f"Data: {tier}." in page
    assert len(re.search(r'src="([^"]+)"', page)[1]) > 5000


def caption(page: str) -> str:
    return re.search(r"<figcaption[^>]*>(.*)</figcaption>", page, re.DOTALL)[1]


# ---- a distance


@pytest.mark.parametrize("x, y, shrinkage, count", [(-4.5, 4.5, 0.0, 3), (0.0, 0.0, 0.5, 20), (4.5, -4.5, 1.0, 40)])
def test_distance_picture_at_min_middle_max(x, y, shrinkage, count):
    page = anomaly_distance.distance_picture(x, y, shrinkage, count)
    assert_is_a_whole_figure(page)
    assert f"{count} healthy images" in page and f"at shrinkage {shrinkage:g}" in page


def test_a_round_covariance_makes_it_the_plain_distance_in_units_of_the_spread():
    healthy = anomaly_distance.healthy_features(20)
    fitted = anomaly_distance.shrunk(healthy, 1.0)
    spread = healthy.var(0, correction=0).mean()
    plain = (torch.tensor([1.0, -2.0]) - healthy.mean(0)).square().sum()
    assert anomaly_distance.squared_distance(1.0, -2.0, fitted) == pytest.approx(float(plain / spread), rel=1e-6)


def test_shrinking_by_ledoit_and_wolf_s_own_share_gives_the_module_s_covariance():
    healthy = anomaly_distance.healthy_features(7)
    covariance, share = classical.ledoit_wolf(healthy[None])
    torch.testing.assert_close(anomaly_distance.shrunk(healthy, float(share)).covariance, covariance)


def test_with_few_images_an_unshrunk_distance_is_far_larger():
    few = anomaly_distance.healthy_features(3)
    far = [anomaly_distance.squared_distance(-2.0, 1.5, anomaly_distance.shrunk(few, share)) for share in (0.0, 0.5, 1.0)]
    assert far[0] > 5 * far[1] > 5 * far[2]
    assert torch.equal(anomaly_distance.healthy_features(9)[:3], few)


@pytest.mark.parametrize("nonsense", [(9.0, 0.0, 0.5, 9), (0.0, math.nan, 0.5, 9), (0.0, 0.0, 1.1, 9), (0.0, 0.0, 0.5, 2), (0.0, 0.0, 0.5, 41)])
def test_edge_distance_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="x and y must lie in"):
        anomaly_distance.distance_picture(*nonsense)


# ---- detectors


def test_detectors_learn_from_healthy_images_of_healthy_patients_alone():
    at = widgets_14.desk()
    assert at.healthy == int(run.healthy_of(at.task.train, "phantom").sum()) < len(at.task.train)
    assert set(at.answers) == set(widgets_14.ON_THE_PAGE) == set(run.METHODS) - {"f-AnoGAN"}
    for of_val, of_test in at.answers.values():
        assert len(of_val.score) == len(at.task.val) and len(of_test.score) == len(at.test)
        assert of_test.score.isfinite().all()


def test_shown_images_hold_healthy_and_anomalous_ones():
    sick = widgets_14.desk().sick[1][widgets_14.shown_images()]
    assert len(sick) == widgets_14.SHOWN and sick.any() and not sick.all()


@pytest.mark.parametrize("number, share", [(0, 1.0), (6, 5.0), (11, 30.0)])
def test_maps_picture_at_min_middle_max(number, share):
    for method in widgets_14.with_maps()[:: 1 if number == 6 else 3]:
        page = widgets_14.maps_picture(number, method, share)
        assert_is_a_whole_figure(page)
        assert f"{method}: " in page
        assert ("no lesion" in page) == (not widgets_14.desk().sick[1][widgets_14.shown_images()[number]])


def test_maps_picture_flags_what_it_says_of_healthy_validation_pixels():
    at = widgets_14.desk()
    for method in widgets_14.with_maps():
        maps = at.answers[method][0].maps[~at.sick[0]].double()
        assert float((maps >= maps.flatten().quantile(0.9)).double().mean()) == pytest.approx(0.1, abs=0.01)
    page = widgets_14.maps_picture(6, "brightness", 30.0)
    assert widgets_14.maps_picture(6, "brightness", 1.0) != page == widgets_14.maps_picture(6, "brightness", 30.0)


def test_edge_maps_picture_on_nonsense():
    with pytest.raises(ValueError, match=r"number must lie in 0 ... 11, got 12"):
        widgets_14.maps_picture(12, "brightness", 5.0)
    with pytest.raises(ValueError, match="method must be one of mirror asymmetry"):
        widgets_14.maps_picture(0, "Mahalanobis, random features", 5.0)  # it has no map
    for share in (0.0, 31.0, math.nan):
        with pytest.raises(ValueError, match="share must lie in 1 ... 30 %"):
            widgets_14.maps_picture(0, "brightness", share)


@pytest.mark.parametrize(
    "method, sensitivity", [*((method, 0.9) for method in widgets_14.ON_THE_PAGE), ("autoencoder", 0.5), ("autoencoder", 1.0)]
)
def test_scores_picture_at_min_middle_max(method, sensitivity):
    page, at = widgets_14.scores_picture(method, sensitivity), widgets_14.desk()
    assert_is_a_whole_figure(page)
    score = at.answers[method][1].score
    assert f"AUROC {auroc(score, at.sick[1]).value:.2f} [" in caption(page)
    threshold = measures.threshold_at(at.answers[method][0].score, at.sick[0], sensitivity)
    found = float((score.double() >= threshold)[at.sick[1]].double().mean())
    assert f"finds {found:.0%} of the test&#x27;s anomalies" in caption(page)
    assert ("Trained with labels" in page) == (method in run.SUPERVISED)


def test_edge_scores_picture_on_nonsense():
    with pytest.raises(ValueError, match="method must be one of"):
        widgets_14.scores_picture("f-AnoGAN", 0.9)
    for sensitivity in (0.4, 1.1, math.nan):
        with pytest.raises(ValueError, match="sensitivity must lie in 0.5 ... 1"):
            widgets_14.scores_picture("brightness", sensitivity)


def test_precision_where_an_anomaly_is_rare():
    assert widgets_14.precision_at(1.0, 0.0, 0.01) == 1.0 and widgets_14.precision_at(0.3, 0.3, 0.2) == pytest.approx(0.2)
    assert math.isnan(widgets_14.precision_at(0.0, 0.0, 0.5))


# ---- a spot


@pytest.mark.parametrize("brightness, radius", [(-0.6, 8), (0.0, 5), (0.6, 1)])
def test_spot_picture_at_min_middle_max(brightness, radius):
    page = anomaly_spot.spot_picture(brightness, radius)
    assert_is_a_whole_figure(page)
    assert ("No spot" in page) == (brightness == 0)


def test_a_painted_spot_is_where_it_is_said_and_nowhere_else():
    image = torch.full((1, 1, 32, 32), 0.5)
    painted, inside = anomaly_spot.paint(image, 0.25, 4)
    assert torch.equal((painted != image)[0, 0], inside) and painted[0, 0][inside].unique().tolist() == [0.75]
    assert 40 < int(inside.sum()) < 60 and float(anomaly_spot.paint(image, 0.9, 4)[0].max()) == 1.0


def test_a_model_that_copies_draws_the_whole_spot(monkeypatch):
    at = widgets_14.desk()._replace(model=torch.nn.Identity())
    monkeypatch.setattr(widgets_14, "desk", lambda: at)
    assert "draws 100%" in anomaly_spot.spot_picture(0.3, 5) and "Mean error in the spot 0.0000" in anomaly_spot.spot_picture(0.3, 5)


@pytest.mark.parametrize("nonsense", [(0.7, 5), (math.nan, 5), (0.3, 0), (0.3, 9)])
def test_edge_spot_picture_on_nonsense(nonsense):
    with pytest.raises(ValueError, match="brightness must lie in"):
        anomaly_spot.spot_picture(*nonsense)


# ---- records


def test_records_are_the_kit_s_own_and_real_sets_come_first():
    found = anomaly_records.records()
    assert list(found) == [US, CT, "phantom"]
    for runs in found.values():
        assert {one["method"] for one in runs} == set(run.METHODS) and not any("/local/" in one["file"] for one in runs)


@pytest.mark.parametrize("where", [US, CT, "phantom"])
def test_records_picture_of_every_set_and_measure(where):
    for measure in show.HEADS.values():
        page = anomaly_records.records_picture(where, measure)
        assert_is_a_whole_figure(page, "phantom" if where == "phantom" else "real")
        assert ("no masks" in page) == (where == CT and measure in ("pixel AUROC", "PRO"))


def test_spans_are_the_table_s_numbers():
    runs = anomaly_records.records()[US]
    middle, low, high = anomaly_records.spans(runs, "auroc")["PaDiM, pre-trained features"]
    rows = {row[0]: row[1] for table in show.sheet(list(runs)).tables if "AUROC" in table.heads for row in table.rows}
    assert rows["PaDiM, pre-trained features"] == f"{middle:.2f} [{low:.2f}, {high:.2f}]"
    assert anomaly_records.chance_of(runs, "ap") == pytest.approx(129 / 153) and anomaly_records.chance_of(runs, "alarms") is None


def test_what_the_page_says_of_chance_is_what_the_records_say():
    found = anomaly_records.records()
    alone = {title: set(anomaly_records.shown_above(runs, "auroc")) - set(run.SUPERVISED) for title, runs in found.items()}
    assert alone == {US: {"brightness"}, CT: set(), "phantom": {"mirror asymmetry"}}
    assert all(run.SUPERVISED[0] in anomaly_records.shown_above(runs, "auroc") for runs in found.values())
    assert anomaly_records.spans(found[CT], "auroc")["brightness"][2] < 0.5, "below chance"


def test_edge_records_picture_on_nonsense():
    with pytest.raises(ValueError, match="where must be one of"):
        anomaly_records.records_picture("moon rocks", "AUROC")
    with pytest.raises(ValueError, match="measure must be one of"):
        anomaly_records.records_picture(US, "accuracy")


def test_edge_without_records_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly_records, "RESULTS", tmp_path / "nowhere")
    anomaly_records.records.cache_clear()
    assert anomaly_records.records() == {}
    anomaly_records.records.cache_clear()


# ---- controls


def test_controls_start_where_they_can_be_drawn():
    for made in (
        anomaly_distance.explore_distance(), widgets_14.explore_maps(), widgets_14.explore_scores(), anomaly_spot.explore_spot(),
        anomaly_records.explore_records(),
    ):  # fmt: skip
        assert "<figure" in made.children[-1].value


@pytest.mark.parametrize("make", [widgets_14.explore_maps, widgets_14.explore_scores, anomaly_spot.explore_spot, anomaly_distance.explore_distance])
def test_each_step_of_a_slider_changes_its_picture_and_coming_back_restores_it(make):
    made = make()
    *controls, shown = made.children
    for control in controls:
        if not hasattr(control, "step"):
            continue
        at = control.value
        step = control.step if at < control.max else -control.step
        before = shown.value
        control.value = at + step
        moved = shown.value
        assert re.search(r'src="[^"]+"', moved)[0] != re.search(r'src="[^"]+"', before)[0], control.description
        control.value = at
        assert shown.value == before
