"""Coverage-guided fuzzing of one reader: python3 tests/hostile/fuzz.py DICOM 120

Off by default, for it takes minutes and the package atheris (Linux). It ends with 0 where nothing but
`MedkitInputError` came out; what broke a reader is left in the folder that the last lines name.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
with atheris.instrument_imports(include=["pydicom", "nibabel", "medkit.data.read", "PIL", "zipfile"]):
    from hostile import measure, plain

    from medkit._check import MedkitInputError
    from medkit.data.read import dicom, nifti, picture

    with tempfile.TemporaryDirectory() as warm:  # decoders are imported at first use, and must be so in here
        for sound, content in plain.everything().items():
            Path(warm, sound).write_bytes(content)
            measure.put_in(Path(warm, sound))

SECONDS = 10  # that one file may take, instrumented as the readers are: more is a hang
MEBIBYTES = 4096  # torch and all decoders included


def in_archive(data: bytes) -> bytes:
    """Return data as one array of an .npz file: sums would hide all that is behind them."""
    members = {f"{name}.npy": data for name in plain.medmnist_arrays()}
    return plain.archive(members, kind=0)


READERS = {  # name -> reader, sound files to start from, the name of the file, what is done with the bytes first
    "DICOM": (dicom.read_dicom, plain.dicoms, "a.dcm", bytes),
    "NIfTI": (nifti.read_nifti, plain.niftis, "a.nii", bytes),
    "packed": (nifti.read_nifti, plain.niftis, "a.nii.gz", plain.zipped),
    "picture": (picture.read_picture, plain.pictures, "a.png", bytes),
    "arrays": (measure.put_in, lambda: {"a.npy": plain.npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4), }", bytes(32))}, "a.npz", in_archive),
}  # fmt: skip


def main(name: str, seconds: str) -> None:
    """Fuzz one reader for so many seconds."""
    reader, seeds, file_name, packed = READERS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (folder / "corpus").mkdir()
    for seed, content in seeds().items():
        (folder / "corpus" / seed).write_bytes(content)
    path = folder / file_name

    def one(data: bytes) -> None:
        path.write_bytes(packed(data))
        with contextlib.suppress(MedkitInputError):
            reader(path)

    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEBIBYTES}", f"-artifact_prefix={folder}/", "-max_len=8192", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
