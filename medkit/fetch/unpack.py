"""Unpack a zip or tar that a stranger made: every member is looked at before anything is written.

Refused are names that lead out of the folder or that another system reads differently, everything that is
neither file nor folder, and more bytes than such an archive can honestly hold. What is unpacked lies in a
folder beside the target until all of it is there.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tqdm.auto import tqdm

from medkit._check import MedkitInputError

MOST = 200_000  # members
SWELL, SPARE = 20, 64 * 2**20  # an archive of N bytes may unpack to 20 N + 64 MiB: pictures and scans stay below 5 N
LONGEST = 1000  # characters of a name
PORTION = 2**20
FIX = "do not use this archive; get it again from the set's own page"
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names of devices on Windows
KINDS = {
    tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link", tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a pipe",
}  # fmt: skip
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, MemoryError)


class _Member(NamedTuple):
    name: PurePosixPath
    size: int
    entry: zipfile.ZipInfo | tarfile.TarInfo


def unpack(path: Path, folder: Path, *, progress: Callable | None = tqdm) -> Path:
    """Unpack an archive into `folder`, which must not be there yet; return it.

    macOS's own files (`__MACOSX`, `._name`) are left out. Files get the rights of new files, whatever the
    archive says.

    Args:
        path: .zip, or .tar that is not packed. folder: made, whole or not at all. progress: such as tqdm; None for none.

    Raises:
        MedkitInputError: `folder` is there, the archive is damaged or hostile, or the disk is full.
    """
    if folder.exists():
        raise MedkitInputError(folder, "is there already", "remove it, or choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _opened(path) as archive:
            members = _members(path, archive)
            room = shutil.disk_usage(folder.parent).free
            if sum(member.size for member in members) > room:
                raise MedkitInputError(path, f"needs more than the {room / 2**30:,.1f} GiB that are free", "make room on the disk")
            beside = folder.with_name(f"{folder.name}.{os.getpid()}.part")
            beside.mkdir()  # new, so that no link of anybody's lies in it
            try:
                for member in progress(members, desc=f"unpacking {path.name}") if progress else members:
                    _write(path, archive, member, beside)
                os.replace(beside, folder)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise
    except DAMAGE as error:
        if isinstance(error, MedkitInputError):
            raise
        raise MedkitInputError(path, f"can't be unpacked ({type(error).__name__})", "fetch it again: it is damaged") from None
    except OSError as error:
        raise MedkitInputError(path, f"can't be unpacked ({error.strerror or type(error).__name__})", "look at the disk and its permissions") from None
    return folder


def _opened(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    with path.open("rb") as file:
        return zipfile.ZipFile(path) if file.read(2) == b"PK" else tarfile.open(path, "r:")


def safe_name(name: str) -> PurePosixPath | None:
    """Return a member's name as a path below the folder, or None where it is not safe everywhere.

    >>> safe_name("busi/benign/benign (1).png"), safe_name("./a/b")
    (PurePosixPath('busi/benign/benign (1).png'), PurePosixPath('a/b'))
    >>> [safe_name(name) for name in ("../a", "/a", "C:a", "a\\\\b", "a/nul.txt", "a.", "")]
    [None, None, None, None, None, None, None]
    """
    path = PurePosixPath(name)
    odd = any(ord(letter) < 32 or letter in '\\:*?"<>|\x7f' for letter in name)
    if odd or len(name) > LONGEST or path.is_absolute() or not path.parts:
        return None
    bad = any(part == ".." or part[-1] in ". " or len(part.encode()) > 255 or RESERVED.fullmatch(part) for part in path.parts)
    return None if bad else path


def _members(path: Path, archive: zipfile.ZipFile | tarfile.TarFile) -> list[_Member]:
    """Return the files to be written, after a look at every member."""
    found, seen, total, most = [], {}, 0, SWELL * path.stat().st_size + SPARE
    for number, (raw, size, kind, entry) in enumerate(_looked_at(archive)):
        if raw.rstrip("/") in ("", ".") and kind == "folder":
            continue
        name = safe_name(raw.rstrip("/") if kind == "folder" else raw)
        if name is None:
            raise MedkitInputError(path, f"holds a file with the name {raw[:60]!r}, which leads elsewhere or is not safe", FIX)
        if kind not in ("file", "folder"):
            raise MedkitInputError(path, f"holds {kind}, {raw[:60]!r}", FIX)
        total += size
        if number >= MOST or total > most or size < 0:
            raise MedkitInputError(path, f"would unpack to more than {MOST:,} files or {most / 2**20:,.0f} MiB", FIX)
        if name.parts[0] == "__MACOSX" or name.name.startswith("._"):
            continue
        _check_collision(path, seen, name, kind)
        if kind == "file":
            found.append(_Member(name, size, entry))
    if not found:
        raise MedkitInputError(path, "holds no files", "fetch it again")
    return found


def _looked_at(archive: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, str, object]]:
    """Yield name, size, kind ("file", "folder" or what else it is) and entry of each member, one header after the other."""
    if isinstance(archive, tarfile.TarFile):
        for entry in archive:
            plain = entry.isreg() and not entry.issparse()
            kind = "file" if plain else "folder" if entry.isdir() else KINDS.get(entry.type, "something that is no file")
            yield entry.name, entry.size, kind, entry
        return
    for entry in archive.infolist():
        mode = stat.S_IFMT(entry.external_attr >> 16)
        kind = {0: "file", stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "a symbolic link"}.get(mode, "a device")
        if entry.flag_bits & 1:
            kind = "an encrypted file"
        if entry.orig_filename.endswith("/") and kind == "file":
            kind = "folder"
        yield entry.orig_filename, entry.file_size, kind, entry  # filename itself ends at a NUL


def _check_collision(path: Path, seen: dict[str, tuple[str, str]], name: PurePosixPath, kind: str) -> None:
    """Refuse two names that one file system keeps apart and another does not, and files that are folders too."""
    folders = [*reversed(name.parents[:-1]), *([name] if kind == "folder" else [])]
    for here in folders:
        first, was = seen.setdefault(_folded(here), (str(here), "folder"))
        if (first, was) != (str(here), "folder"):
            raise MedkitInputError(path, f"holds {first!r} and {str(here)!r}, which are one name on some systems", FIX)
    if kind == "file":
        first, was = seen.setdefault(_folded(name), (str(name), "new"))
        if was != "new":
            raise MedkitInputError(path, f"holds {first!r} and {str(name)!r}, which are one name on some systems", FIX)
        seen[_folded(name)] = (str(name), "file")


def _folded(name: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", str(name)).casefold()


def _write(path: Path, archive: zipfile.ZipFile | tarfile.TarFile, member: _Member, folder: Path) -> None:
    target = folder.joinpath(*member.name.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.open(member.entry) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(member.entry)
    left = member.size
    with source, target.open("xb") as file:
        while portion := source.read(PORTION):
            left -= len(portion)
            if left < 0:
                raise MedkitInputError(path, f"holds more in {member.name.name} than it says", FIX)
            file.write(portion)
    if left:
        raise MedkitInputError(path, f"holds less in {member.name.name} than it says", "fetch it again: it is damaged")
