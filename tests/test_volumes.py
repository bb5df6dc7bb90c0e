"""Many volumes in one pass: a progress bar, and memory that does not grow with what was read but with what is kept."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from medkit.check import check_images
from medkit.data import data_root
from medkit.deploy.alone import peak_bytes

pytestmark = pytest.mark.filterwarnings("error")
nibabel = pytest.importorskip("nibabel")
needs_data = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA is not set")

READ = """
import json, sys
from pathlib import Path
from tqdm import tqdm
from medkit.data.own import own_images
from medkit.deploy.alone import peak_bytes
bars = []
def progress(items, desc):
    bars.append(tqdm(items, desc=desc))
    return bars[0]
own_images(sys.argv[2], size=64, progress=None)  # code and caches are loaded, and one volume is no part of the question
if Path("/proc/self/clear_refs").exists():
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on: starting up took more than what follows
before = peak_bytes()
data = own_images(sys.argv[1], size=64, progress=progress)
kept = sum(t.nbytes for t in (data.image, data.mask, data.label, data.group, data.spacing))
print(json.dumps([len(data), len(data.group.unique()), bars[0].n if bars else 0, peak_bytes() - before, kept]))
"""


def hippocampus_as_nifti(root, volumes):
    """Write volumes and labels of mri_hippocampus.npz as a Decathlon folder; return how many slices they have."""
    entries, slices = [], 0
    with np.load(data_root() / "mri_hippocampus.npz") as found:
        for name in sorted(key[:-2] for key in found.files if key.endswith("_i"))[:volumes]:
            for kind, folder in (("_i", "imagesTr"), ("_l", "labelsTr")):
                (root / folder).mkdir(parents=True, exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(found[name + kind], np.eye(4)), root / folder / f"{name}.nii")
            slices += found[name + "_i"].shape[2]
            entries.append({"image": f"imagesTr/{name}.nii", "label": f"labelsTr/{name}.nii"})
    listed = {"name": "Hippocampus", "modality": {"0": "MRI"}, "labels": {"0": "none", "1": "anterior", "2": "posterior"}}
    (root / "dataset.json").write_text(json.dumps(listed | {"numTraining": len(entries), "training": entries}))
    return slices


@needs_data
@pytest.mark.parametrize("volumes", [40, pytest.param(260, marks=pytest.mark.slow)])
def test_law_volumes_are_read_in_one_pass_and_bounded_memory(tmp_path, volumes, capsys):
    if peak_bytes() is None:
        pytest.skip("this system does not say how much memory was taken")
    hippocampus_as_nifti(tmp_path / "one", 1)
    slices = hippocampus_as_nifti(tmp_path / "all", volumes)
    command = [sys.executable, "-W", "error", "-c", READ, str(tmp_path / "all"), str(tmp_path / "one")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    images, groups, shown, grown, kept = json.loads(done.stdout)
    assert (images, groups, shown) == (slices, volumes, volumes) and f"{volumes}/{volumes}" in done.stderr
    with capsys.disabled():
        print(f"\n{volumes} volumes, {slices} slices: {kept / 2**20:.0f} MiB kept, peak {grown / 2**20:.0f} MiB more than before")
    assert kept / 2 < grown <= 2.2 * kept + 32 * 2**20  # the slices, once as a list and once as one tensor


@needs_data
def test_law_a_check_of_volumes_keeps_thumbnails_alone(tmp_path):
    slices = hippocampus_as_nifti(tmp_path, 20)
    report = check_images(tmp_path, progress=None)
    assert not report.stops and len(report.looks) == 20 and f"{slices} slices" in dict(report.facts)["images"]
    assert sum(look.thumb.nbytes + look.mask.nbytes for look in report.looks) == 20 * 2 * 64 * 64
