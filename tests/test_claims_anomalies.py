"""K17: what a detector must show, of whom, and how often, before anything is said."""

import pytest

from medkit.claims import anomalies
from medkit.claims.trials import Evidence
from medkit.claims.verdict import INCONCLUSIVE, NOT_REPRODUCED, REPRODUCED

HIGH, LOW, WIDE = [0.9, 0.8, 0.95], [0.5, 0.4, 0.6], [0.7, 0.5, 0.9]


def records(auroc, pixel=None, *, tier="real", unit="patient", groups=40, seeds=3, method=anomalies.METHOD):
    measures = {"auroc": auroc} | ({"pixel_auroc": pixel} if pixel else {})
    data = {"tier": tier, "key": "ct", "unit": unit, "size": 48}
    one = {"kind": "anomaly", "method": method, "data": data, "test": {"groups": groups}, "measures": measures}
    return [{**one, "seed": seed, "file": f"results/x/{seed}.json"} for seed in range(seeds)]


@pytest.mark.parametrize("made, wanted", [
    (records(HIGH), REPRODUCED),
    (records(HIGH, HIGH), REPRODUCED),
    (records(LOW), NOT_REPRODUCED),
    (records(HIGH, LOW), NOT_REPRODUCED),
    (records(WIDE), INCONCLUSIVE),
    (records(HIGH, WIDE), INCONCLUSIVE),
    (records(LOW, seeds=2), INCONCLUSIVE),
    (records(LOW, groups=16), INCONCLUSIVE),
    (records(LOW, unit="duplicate group"), INCONCLUSIVE),
    (records(HIGH, unit="image, patients unknown"), INCONCLUSIVE),
    (records(HIGH, tier="phantom"), None),
    (records(HIGH, method="CNN, supervised"), None),
    ([], None),
])  # fmt: skip
def test_k17_needs_patients_seeds_and_an_auroc(made, wanted):
    assert anomalies.detects(Evidence(systems=tuple(made))).verdict == wanted


def test_phantoms_are_told_and_decide_nothing():
    found = anomalies.detects(Evidence(systems=tuple(records(LOW) + records(HIGH, tier="phantom"))))
    assert found.verdict == NOT_REPRODUCED and "holds" in found.phantom and "fails" in found.real
    assert len(found.records) == 3
