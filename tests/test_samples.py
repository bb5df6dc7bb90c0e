"""Samples from inside the wheels: they load offline, say where they are from, and name no patient."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("pydicom")

from medkit.data import samples  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error")
SHAPES = {
    "ct": (1, 128, 128), "mr": (1, 64, 64), "mr_abdomen": (1, 300, 484), "ultrasound": (1, 180, 192),
    "retina": (3, 1411, 1411), "microaneurysms": (1, 102, 102), "tissue": (3, 512, 512),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", SHAPES)
def test_hand_every_sample_loads_and_is_stamped(name, capfd, caplog):
    data = getattr(samples, name)()
    assert tuple(data.image.shape) == (1, *SHAPES[name]) and data.image.std() > 5
    assert data.tier == "library sample" and data.mask is None and data.classes == ("unlabelled",)
    assert "pydicom" in data.source or "scikit-image" in data.source
    assert capfd.readouterr() == ("", "") and not caplog.records


def test_hand_ct_is_in_hounsfield_units():
    image = samples.ct().image
    assert image.min() == -896 and image.max() == 1167  # air, and the densest bone


@pytest.mark.parametrize("name", ["ct", "mr", "mr_abdomen", "ultrasound"])
def test_law_no_value_of_a_patient_comes_along(name):
    from pydicom import examples

    data = getattr(samples, name)()
    dataset = getattr(examples, {"mr_abdomen": "overlay", "ultrasound": "ybr_color"}.get(name, name))
    told = " ".join((data.title, data.source, *data.name, *data.notes))
    tags = ("PatientName", "PatientID", "PatientBirthDate", "StudyDate")
    values = [str(dataset.get(tag, "")) for tag in tags]
    assert any(values) and not any(value and value in told for value in values)


def test_law_what_pydicom_says_stays_inside(caplog, recwarn):
    import logging
    import warnings

    with samples._silent():
        warnings.warn("PatientName is Jane Doe", UserWarning, stacklevel=1)
        logging.getLogger("pydicom").warning("PatientName is Jane Doe")
    assert not recwarn.list and not caplog.records
    logging.getLogger("pydicom").warning("heard again")
    assert [record.message for record in caplog.records] == ["heard again"]


def test_edge_a_sample_that_is_not_installed():
    with pytest.raises(ValueError, match="nothing.png is not in the installed scikit-image; install"):
        samples._packaged("nothing.png")
