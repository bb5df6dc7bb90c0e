"""medkit.prepare: published folders become the very arrays that the tables were made from."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from medkit import fetch
from medkit._check import MedkitInputError
from medkit.data import public
from medkit.data.archive import read_arrays
from medkit.data.leaks import refuse_leaks
from medkit.data.where import data_root
from medkit.data.twins import joined_by
from medkit.prepare import brisc, busi, chosen, command, ct_ich, pictures, result, twins

pytestmark = pytest.mark.filterwarnings("error")
real = pytest.mark.skipif(data_root() is None, reason="MEDKIT_DATA unset")


def quiet(items, desc=""):
    return items


def noise(seed: int, shape=(90, 80)) -> np.ndarray:
    """Return a smooth picture of its own, uint8."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(shape[::-1], Image.Resampling.BICUBIC))


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def inside(shape=(90, 80)) -> np.ndarray:
    pixels = np.zeros(shape, dtype=np.uint8)
    pixels[20:50, 10:40] = 255
    return pixels


# ── the pictures


def test_a_picture_is_shrunk_by_hand():
    """4 pixels become 2: each new one weighs old ones by a triangle of 2 pixels on either side, 3 : 3 : 1 of them here."""
    row = np.array([[0.0, 70.0, 140.0, 210.0]] * 4)
    assert pictures.shrink(row, 2).tolist() == [[50, 160], [50, 160]]  # (3·0 + 3·70 + 1·140) / 7


def test_several_masks_are_one_and_packed(tmp_path):
    one, two = np.zeros((16, 16), dtype=np.uint8), np.zeros((16, 16), dtype=np.uint8)
    one[0, 0], two[0, 2] = 255, 255
    save(tmp_path / "a.png", one)
    save(tmp_path / "b.png", two)
    packed = pictures.mask([tmp_path / "a.png", tmp_path / "b.png"], (16, 16), 16)
    assert packed.shape == (16, 2) and packed[0].tolist() == [0b10100000, 0] and not packed[1:].any()
    assert not pictures.mask([], (16, 16), 16).any()
    with pytest.raises(MedkitInputError, match="a.png has .* pixels, its image"):
        pictures.mask([tmp_path / "a.png"], (16, 17), 16)


# ── BUSI


def busi_folder(root: Path) -> Path:
    """Three of each class, one of them a twin of another class's; below two folders, as the archive has it."""
    for label, name in enumerate(public.BREAST):
        for n in (1, 2, 10):
            twin = (name, n) == ("malignant", 2)
            save(root / "busi" / "Dataset_BUSI_with_GT" / name / f"{name} ({n}).png", noise(1 if twin else 10 * label + n))
            save(root / "busi" / "Dataset_BUSI_with_GT" / name / f"{name} ({n})_mask.png", inside() if name != "normal" else inside() * 0)
    return root


def test_busi_anew(tmp_path):
    made = busi.prepare(busi_folder(tmp_path), True, quiet)
    names = made.arrays["name"].tolist()
    assert names[:4] == ["benign (1)", "benign (10)", "benign (2)", "malignant (1)"]
    group, at = made.arrays["group"], names.index("malignant (2)")
    assert group[at] == 0 and len(set(group.tolist())) == 8
    assert [names[k] for k in made.arrays["conflict"].nonzero()[0]] == ["benign (1)", "malignant (2)"]
    assert not np.unpackbits(made.arrays["mask"][6:], axis=-1).any() and made.arrays["mask"][:6].any((1, 2)).all()


def test_busi_without_a_twin_is_loaded_and_searched_for_leaks(tmp_path):
    for label, name in enumerate(public.BREAST):
        for n in range(3):
            save(tmp_path / "in" / name / f"{name} ({n + 1}).png", noise(10 * label + n))
            save(tmp_path / "in" / name / f"{name} ({n + 1})_mask.png", inside() * (name != "normal"))
    assert command.main(["us", str(tmp_path / "in"), "--anew", "--out", str(tmp_path / "out")]) == 0
    split = public.breast_ultrasound(tmp_path / "out", size=32)
    assert split.train.unit == "duplicate group, one image each" and refuse_leaks(split) == []


def test_busi_refuses_what_is_not_whole(tmp_path):
    folder = busi_folder(tmp_path / "in")
    with pytest.raises(MedkitInputError, match="holds 9 images, the tables were made from 780; get the whole set, or add --anew"):
        busi.prepare(folder, False, quiet)
    victim = folder / "busi" / "Dataset_BUSI_with_GT" / "benign"
    (victim / "benign (1)_mask.png").rename(victim / "benign (3)_mask.png")
    with pytest.raises(MedkitInputError, match=r"benign \(3\)_mask.png is a mask without its image"):
        busi.prepare(folder, True, quiet)
    (victim / "benign (3)_mask.png").unlink()
    with pytest.raises(MedkitInputError, match=r"benign \(1\) has no mask"):
        busi.prepare(folder, True, quiet)
    shutil.rmtree(victim)
    with pytest.raises(MedkitInputError, match="benign and malignant and normal in 0 places"):
        busi.prepare(folder, True, quiet)


@real
def test_busi_is_the_tables_own_pixel_for_pixel():
    """The published files at hand against the rows of the same names: images, masks and labels without any difference."""
    raw = data_root() / "raw" / "busi"
    if not raw.is_dir():
        pytest.skip("MEDKIT_DATA has no raw/busi")
    made = busi.prepare(raw, True, quiet).arrays
    with np.load(data_root() / busi.FILE, allow_pickle=False) as known:
        row = [known["name"].tolist().index(name) for name in made["name"].tolist()]
        assert len(row) == 23
        assert np.abs(made["image"].astype(int) - known["image"][row]).max() == 0
        assert (made["mask"] == known["mask"][row]).all() and (made["label"] == known["label"][row]).all()


@real
def test_twins_of_busi_are_found():
    """Against the groups of the tables: 95 % of the pairs, and few that are none."""
    with np.load(data_root() / busi.FILE, allow_pickle=False) as known:
        image, group = known["image"], known["group"]
        assert (chosen.busi_groups() == group).all()
    found = np.array(joined_by(len(image), twins.pairs(image, "ultrasound")))
    upper = np.triu(np.ones((len(group),) * 2, dtype=bool), 1)
    same, alike = ((one[:, None] == one[None])[upper] for one in (group, found))
    assert same.sum() == 197 and (same & alike).sum() >= 0.95 * 197 and (alike & ~same).sum() <= 20


# ── BRISC


def brisc_folder(root: Path) -> Path:
    """Four images of each kind on each side; training number 3 of glioma is a copy of test number 1, a little brighter."""
    folders = {"gl": "glioma", "me": "meningioma", "pi": "pituitary", "no": "no_tumor"}
    for side, n in (("train", 8), ("test", 3)):
        for kind, (code, name) in enumerate(folders.items()):
            for k in range(1, n + 1):
                number = kind * 100 + k
                seed = 9001 if (side, number) == ("train", 3) else number + (9000 if side == "test" else 0)
                stem = f"brisc2025_{side}_{number:05d}_{code}_ax_t1"
                save(root / "brisc2025" / brisc.TASK / side / name / f"{stem}.jpg", noise(seed, (140, 130)))
                if code != "no":
                    save(root / "brisc2025" / brisc.MASKS / side / "masks" / f"{stem}.png", inside((140, 130)))
    return root


def test_brisc_anew_and_its_loader(tmp_path):
    made = brisc.prepare(brisc_folder(tmp_path / "in"), True, quiet)
    assert len(made.arrays["name"]) == 43 and "brisc2025_train_00003_gl_ax_t1.jpg" not in made.arrays["name"].tolist()
    assert "train 31, test 12; 1 near-twins left out" in made.notes[0]
    result.write(made, tmp_path)
    arrays = read_arrays(tmp_path / brisc.FILE, {
        "image": ("uint8", ("N", 128, 128)), "mask": ("uint8", ("N", 128, 16)), "label": ("uint8", ("N",)),
        "test": ("bool", ("N",)), "name": ("str", ("N",)),
    })  # fmt: skip
    assert sorted(set(zip((n.split("_")[3] for n in arrays["name"].tolist()), arrays["label"].tolist()))) == [("gl", 0), ("me", 1), ("no", 3), ("pi", 2)]
    split = public.brain_mri(tmp_path, size=32)
    assert len(split.test) == 9 and split.train.mask.any()


def test_brisc_refuses_what_is_not_whole(tmp_path):
    folder = brisc_folder(tmp_path)
    with pytest.raises(MedkitInputError, match="holds .* of the 2200 train images"):
        brisc.prepare(folder, False, quiet)
    path = folder / "brisc2025" / brisc.MASKS / "test" / "masks" / "brisc2025_test_00001_gl_ax_t1.png"
    path.unlink()
    with pytest.raises(MedkitInputError, match="brisc2025_test_00001_gl_ax_t1.jpg has no mask"):
        brisc.prepare(folder, True, quiet)
    save(folder / "brisc2025" / brisc.TASK / "train" / "glioma" / "brisc2025_test_00001_gl_ax_t1.jpg", noise(1))
    with pytest.raises(MedkitInputError, match="is not named as BRISC's train images"):
        brisc.prepare(folder, True, quiet)


@real
def test_what_is_chosen_is_what_the_tables_have():
    with np.load(data_root() / brisc.FILE, allow_pickle=False) as known:
        for side in brisc.SIDES:
            numbers = {int(n.split("_")[2]) for n, test in zip(known["name"].tolist(), known["test"]) if test == (side == "test")}
            assert numbers == chosen.brisc(side)
    folds = json.loads((data_root() / result.SPLITS).read_text(encoding="utf-8"))["ct_ich_patient_fold"]
    assert {int(patient): fold for patient, fold in folds.items()} == chosen.ct_ich_folds()
    with np.load(data_root() / ct_ich.FILE, allow_pickle=False) as known:
        assert set(zip(known["patient"].tolist(), known["slice"].tolist())) == chosen.ct_ich_slices()


# ── CT-ICH


def ct_table(path: Path, rows: list[tuple[int, int, int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        table = csv.writer(file)
        table.writerow([*ct_ich.COLUMNS[:-1], "No_Hemorrhage", "Fracture_Yes_No"])
        table.writerows([patient, cut, 0, 0, 0, flag, 0, 1 - flag, 0] for patient, cut, flag in rows)


def ct_jpegs(root: Path, patients=range(49, 64)) -> Path:
    rows = [(patient, cut, int(patient % 2 and cut == 1)) for patient in patients for cut in (1, 2)]
    ct_table(root / "ct" / "hemorrhage_diagnosis.csv", [*rows, (49, 36, 0)])
    for patient, cut, _ in rows:
        save(root / "ct" / "Patients_CT" / f"{patient:03d}" / "brain" / f"{cut}.jpg", noise(patient * 2 + cut))
        save(root / "ct" / "Patients_CT" / f"{patient:03d}" / "bone" / f"{cut}.jpg", noise(1))
    return root


def test_ct_of_jpegs_with_the_folds_of_the_tables(tmp_path):
    made = ct_ich.prepare(ct_jpegs(tmp_path / "in"), False, quiet)
    assert "28 slices of 15 patients; 0 rows of the table have no image" in made.notes[0]
    assert made.arrays["slice"][:3].tolist() == [2, 1, 2], "slice 1 of patient 49 is not among the tables'"
    assert "expect other numbers" in made.notes[1]
    everything = ct_ich.prepare(tmp_path / "in", True, quiet)
    assert "30 slices of 15 patients; 1 rows" in everything.notes[0]
    assert everything.arrays["subtype"][:2].tolist() == [[0, 0, 0, 1, 0], [0] * 5]
    folds = chosen.ct_ich_folds()
    assert made.splits["ct_ich_patient_fold"] == {str(p): folds[p] for p in range(49, 64)}
    (tmp_path / "splits.json").write_text('{"mine": 1}', encoding="utf-8")
    result.write(made, tmp_path)
    assert json.loads((tmp_path / "splits.json").read_text(encoding="utf-8"))["mine"] == 1
    assert public.head_ct(tmp_path, size=32).train.classes == ("no bleed", "bleed")
    (tmp_path / "splits.json").write_text('{"ct_ich_patient_fold": {}}', encoding="utf-8")
    with pytest.raises(MedkitInputError, match="splits.json has another ct_ich_patient_fold"):
        result.write(made, tmp_path)


def test_ct_of_volumes_is_windowed_upright_and_dealt(tmp_path):
    volume = np.full((20, 20, 3), -1000, dtype=np.int16)  # x to the right, y to the front, z up
    volume[:, 10:, 1] = 40  # the front half of the second slice: in the middle of the window
    volume[10:, :10, 1] = 3000  # its back right, in array terms: bone
    for patient in range(1, 7):
        path = tmp_path / "in" / "ct_scans" / f"{patient:03d}.nii"
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(volume, np.diag([-1.0, 1.0, 1.0, 1.0])), path)
    ct_table(tmp_path / "in" / "hemorrhage_diagnosis_raw_ct.csv", [(p, cut, int(p in (2, 5) and cut == 2)) for p in range(1, 7) for cut in (1, 2, 3, 4)])
    made = ct_ich.prepare(tmp_path / "in", True, quiet)
    image = made.arrays["image"][1]
    assert made.arrays["slice"].tolist() == [1, 2, 3] * 6 and not made.arrays["image"][0].any()
    assert image[:50].min() == image[:50].max() == 128, "the front above; 40 HU is the middle of the window"
    assert {int(image[100, 20]), int(image[100, 100])} == {0, 255}
    assert made.splits["ct_ich_patient_fold"] == {"1": 2, "2": 0, "3": 3, "4": 4, "5": 1, "6": 0}
    with pytest.raises(MedkitInputError, match="patients that the tables do not know"):
        ct_ich.prepare(tmp_path / "in", False, quiet)


def test_ct_refuses_a_table_that_is_none(tmp_path):
    folder = ct_jpegs(tmp_path)
    table = folder / "ct" / "hemorrhage_diagnosis.csv"
    whole = table.read_text(encoding="utf-8-sig")
    lines = whole.splitlines()
    faults = {
        "lacks the columns Epidural": whole.replace("Epidural", "Other"),
        "whole numbers in line 3": whole.replace(lines[2], lines[2].replace("0", "x", 1), 1),
        "out of range in line 2": whole.replace(lines[1], "49,1,0,0,0,2,0,0,0", 1),
        "lists a slice twice": whole + lines[1] + "\n",
        "lacks the columns PatientNumber": "",
    }
    for said, text in faults.items():
        table.write_text(text, encoding="utf-8")
        with pytest.raises(MedkitInputError, match=f"hemorrhage_diagnosis.csv .*{said}"):
            ct_ich.prepare(folder, True, quiet)
    table.unlink()
    with pytest.raises(MedkitInputError, match="holds neither Patients_CT and"):
        ct_ich.prepare(folder, True, quiet)


# ── the command


def test_each_step_says_the_next_one_and_that_works_as_it_stands(tmp_path, monkeypatch, capsys):
    """From a download that is there to the images of `--data ct`, with what is printed and nothing else."""
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    here = tmp_path / "my sets"
    here.mkdir()
    ct_jpegs(tmp_path / "in" / "set")
    shutil.make_archive(str(here / fetch.catalogue.CT_ICH).removesuffix(".zip"), "zip", tmp_path / "in")
    assert fetch.command.main(["ct-ich", "--to", str(here)]) == 0
    words = following(capsys.readouterr().out)
    assert words[1:4] == ["-m", "medkit", "prepare"] and command.main(words[4:]) == 0
    last = following(capsys.readouterr().out)
    if os.name != "nt":
        assert last == [f"MEDKIT_DATA={here / 'prepared'}", "python3", "-m", "medkit", "reproduce", "--data", "ct"]
    assert len(public.head_ct(here / "prepared", size=32).test.image) > 0


def following(printed: str) -> list[str]:
    """Return the words of the first command that is said to come next."""
    line = next(line for line in printed.splitlines() if line.startswith("next: "))
    return [word.strip('"') for word in shlex.split(line.removeprefix("next: "), posix=os.name != "nt")]


def test_the_command_writes_what_the_loader_reads_and_nothing_over_it(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    folder = str(brisc_folder(tmp_path / "in"))
    assert command.main(["mri", folder]) == 2 and "give --out FOLDER" in capsys.readouterr().err
    assert command.main(["mri", folder, "--anew", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "as it is split: train" in out and "reproduce --data mri" in out and f"MEDKIT_DATA={tmp_path / 'out'}" in out.replace("'", "")
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path / "data"))
    assert command.main(["mri", folder, "--anew"]) == 0
    assert capsys.readouterr().out.endswith("-m medkit reproduce --data mri\n") and (tmp_path / "data" / brisc.FILE).is_file()
    monkeypatch.delenv("MEDKIT_DATA")
    assert command.main(["mri", folder, "--anew", "--out", str(tmp_path / "out")]) == 2
    assert "mri_brisc128.npz is there already" in capsys.readouterr().err
    assert command.main(["us", folder, "--out", str(tmp_path / "out")]) == 2
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["mri_brisc128.npz"]
