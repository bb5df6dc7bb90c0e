"""Sizes of runs: a smaller one cuts epochs, images and size, and nothing else."""

import dataclasses

import pytest

from medkit.augment import Ranges
from medkit.presets import PRESETS
from medkit.settings import Settings

pytestmark = pytest.mark.filterwarnings("error")


def test_the_paper_preset_is_table_3():
    table_3 = Settings(batch_size=32, learning_rate=1e-3, epochs=50, augment=Ranges())
    assert PRESETS["paper"].settings == table_3 and PRESETS["paper"].seeds >= 5


@pytest.mark.parametrize("name", PRESETS)
def test_short_and_nothing_else(name):
    assert dataclasses.replace(PRESETS[name].settings, epochs=50) == PRESETS["paper"].settings
    assert not any(count % 6 for count in PRESETS[name].phantoms)  # every class equally often, whole patients
    assert PRESETS[name].settings.epochs % 5 == 0
