"""The public sets by name: address, published sum, licence.

None of these addresses was tried, and no sum was compared with a real file, when this table was written:
there was no network. What it says was read in the places named here.

| sets | files | sum, and where it was published |
|---|---|---|
| eleven of MedMNIST v2, 28 × 28 | Zenodo record 6496656 | md5, in the package `medmnist` 2.1.0 |
| ten tasks of the Decathlon | the public store that MONAI downloads from | md5, in MONAI's `DecathlonDataset` |
| BUSI | Cairo University | none published: the file's own sum is shown |
| BRISC 2025 | Kaggle, which may ask for a login | none published |
| CT-ICH 1.0.0 | PhysioNet, which may ask for a login | none for the archive |

An md5 tells a damaged file from a whole one; it does not stop somebody who forges a file on purpose, as
sha256 would. Every file's sha256 is computed as well and kept beside it.
"""

from __future__ import annotations

from typing import NamedTuple

from medkit._check import MedkitInputError
from medkit.data.medmnist import SUMS

ZENODO = "https://zenodo.org/record/6496656/files/"
MONAI = "https://msd-for-monai.s3-us-west-2.amazonaws.com/"
DECATHLON = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}
CT_ICH = "computed-tomography-images-for-intracranial-hemorrhage-detection-and-segmentation-1.0.0.zip"


class PublicSet(NamedTuple):
    """One set: one file at one address.

    name: what the command calls it. title: what it is. url: of the file, https. file: its name on disk.
    sum: "md5:..." or "sha256:..." as published, None where none is. licence: as its makers state it.
    page: where a person reads about it and can get it by hand. then: the command that comes next, or "".
    """

    name: str
    title: str
    url: str
    file: str
    sum: str | None
    licence: str
    page: str
    then: str = ""


def _medmnist(name: str, md5: str) -> PublicSet:
    licence = "CC BY-NC 4.0" if name == "dermamnist" else "CC BY 4.0"
    url = f"{ZENODO}{name}.npz?download=1"
    return PublicSet(name, "MedMNIST v2, 28 × 28", url, f"{name}.npz", f"md5:{md5}", licence, "https://zenodo.org/record/6496656", "reproduce --data {path}")


def _decathlon(task: str, md5: str) -> PublicSet:
    title, page = f"Decathlon, {task.split('_')[1]}", "http://medicaldecathlon.com"
    return PublicSet(task.lower(), title, f"{MONAI}{task}.tar", f"{task}.tar", f"md5:{md5}", "CC BY-SA 4.0", page, "reproduce --data {path}")


SETS = {one.name: one for one in (
    *(_medmnist(*item) for item in SUMS.items()),
    *(_decathlon(*item) for item in DECATHLON.items()),
    PublicSet("busi", "BUSI, breast ultrasound", "https://scholar.cu.edu.eg/Dataset_BUSI.zip", "Dataset_BUSI.zip", None,
              "CC BY 4.0", "https://scholar.cu.edu.eg/?q=afahmy/pages/dataset", "prepare us {path}"),
    PublicSet("brisc", "BRISC 2025, brain MRI", "https://www.kaggle.com/api/v1/datasets/download/briscdataset/brisc2025",
              "brisc2025.zip", None, "CC BY 4.0", "https://www.kaggle.com/datasets/briscdataset/brisc2025", "prepare mri {path}"),
    PublicSet("ct-ich", "CT-ICH 1.0.0, head CT", f"https://physionet.org/static/published-projects/ct-ich/{CT_ICH}", CT_ICH, None,
              "CC BY 4.0 (later versions: a restricted one)", "https://physionet.org/content/ct-ich/1.0.0/", "prepare ct {path}"),
)}  # fmt: skip


def named(name: str) -> PublicSet:
    """Return the set of that name, whatever its capitals.

    Raises:
        MedkitInputError: there is none; it lists those there are.
    """
    if name.lower() not in SETS:
        raise MedkitInputError(name, "is no public set that medkit knows", f"choose one of {', '.join(SETS)}")
    return SETS[name.lower()]
