"""Bring one file down: https alone, resumed where it broke off, checked, and only then given its name."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from medkit._check import MedkitInputError
from medkit._files import write_whole
from medkit.fetch import cache
from medkit.fetch.catalogue import PublicSet
from medkit.fetch.lock import alone

WAITS = (1, 3, 10, 30)  # seconds before each further try
SILENCE = 30  # seconds without a byte after which a try is over
LARGEST = 100 * 2**30  # bytes that any file may have; the Decathlon's largest has 27 GB
PORTION = 2**20
STARTS = {".zip": b"PK\x03\x04", ".npz": b"PK\x03\x04"}
OFFLINE_FIX = "get {file} from {page} with any browser, and put it into {folder}"


class _Broken(Exception):
    """The connection ended before the file did; another try goes on from there."""


def download(
    one: PublicSet, folder: Path, *, local: bool = False, waits: tuple[float, ...] = WAITS, progress: Callable | None = tqdm,
) -> Path:  # fmt: skip
    """Return the set's file in `folder`, fetched if it is not there; a file that is there is hashed again.

    While it comes down it is called `….part`, and goes on from there after a break or at the next call, if
    the server says by its ETag that the file is still the same. Whatever else goes wrong leaves nothing. Of
    several processes that want it at once one fetches it, and the others wait.

    Args:
        one: what to fetch. folder: made if need be.
        local: also allow http, and that from 127.0.0.1 alone: for tests.
        waits: seconds before each further try. progress: such as tqdm; None for none.

    Raises:
        MedkitInputError: no network, an address that is not https, an answer that is not the file (404, a
            login page), another sum than the published one, too little disk; it says how to get it by hand.
    """
    path = folder / one.file
    if not path.is_file():
        check_address(one, one.url, local)
        with alone(path, progress):
            if not path.is_file():  # or another process has fetched it meanwhile
                _bring(one, path, local, waits, progress)
                return path
    cache.check_published(path, one.sum, one.file, one.page)
    cache.check_note(path)
    return path


def _bring(one: PublicSet, path: Path, local: bool, waits: tuple[float, ...], progress: Callable | None) -> None:
    """Fetch the file in as many tries as there are, check it, and only then give it its name."""
    part, folder = path.with_name(path.name + ".part"), path.parent
    for wait in (*waits, None):
        try:
            _one_try(one, part, local, progress)
            break
        except _Broken as broken:
            if wait is None:
                here = part.stat().st_size if part.is_file() else 0
                if not _tag(part).is_file():
                    _remove(part)  # nobody could tell whether the rest fits it
                fix = f"start the same command again; or {_by_hand(one, folder)}"
                raise MedkitInputError(one.file, f"broke off after {here / 2**20:,.1f} MiB ({broken})", fix) from None
            time.sleep(wait)
    try:
        _check_kind(one, part, folder)
        cache.check_published(part, one.sum, one.file, one.page)
    except MedkitInputError:
        _remove(part)
        raise
    os.replace(part, path)
    _tag(part).unlink(missing_ok=True)
    cache.write_note(path)


def check_address(one: PublicSet, url: str, local: bool) -> None:
    """Refuse every address but https; `local` also allows http from 127.0.0.1.

    Raises:
        MedkitInputError: it is another one, or holds a password.
    """
    parts = urlsplit(url)
    here = local and parts.scheme == "http" and parts.hostname == "127.0.0.1"
    if not (parts.scheme == "https" or here) or not parts.hostname or "@" in parts.netloc:
        raise MedkitInputError(one.file, f"would come by {parts.scheme or 'an address without a scheme'}, not https", f"get it from {one.page}")


def _by_hand(one: PublicSet, folder: Path) -> str:
    return OFFLINE_FIX.format(file=one.file, page=one.page, folder=folder)


def _remove(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def _tag(part: Path) -> Path:
    """Return the file that says which version of the server's file the part belongs to."""
    return part.with_name(part.name + ".json")


class _OnlySafe(urllib.request.HTTPRedirectHandler):
    """Follow a redirect to another https address alone."""

    def __init__(self, one: PublicSet, local: bool):
        self.one, self.local = one, local

    def redirect_request(self, request, file, code, message, headers, url):
        try:
            check_address(self.one, url, self.local)
        except MedkitInputError:
            file.close()
            raise
        return super().redirect_request(request, file, code, message, headers, url)


def _one_try(one: PublicSet, part: Path, local: bool, progress: Callable | None) -> None:
    """Ask for what is missing, and write it; `_Broken` where another try may go on."""
    tag = _read_tag(one, part)
    start = part.stat().st_size if tag else 0
    asked = {"User-Agent": "medkit", "Accept-Encoding": "identity"}
    if start:
        asked |= {"Range": f"bytes={start}-", "If-Range": tag}  # another version is sent whole
    handlers = [_OnlySafe(one, local)] + [urllib.request.ProxyHandler({})] * local  # no proxy stands before this very machine
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(urllib.request.Request(one.url, headers=asked), timeout=SILENCE) as answer:
            _receive(one, part, answer, start, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing lies behind what is here: begin anew
            _remove(part)
            raise _Broken("the server knows another length") from None
        if error.code in (429, 500, 502, 503, 504):
            raise _Broken(f"the server answers {error.code}") from None
        _refuse(one, part.parent, error.code)
    except urllib.error.URLError as error:
        _offline_or_broken(one, part, error.reason)
    except (OSError, http.client.HTTPException) as error:
        _offline_or_broken(one, part, error)


def _offline_or_broken(one: PublicSet, part: Path, reason: object) -> None:
    if isinstance(reason, OSError) and reason.errno in (28, 122):  # ENOSPC, EDQUOT: the disk, not the network
        raise MedkitInputError(one.file, "does not fit on the disk", "make room, then start the same command again")
    if part.is_file():
        raise _Broken(type(reason).__name__)
    said = type(reason).__name__ if isinstance(reason, Exception) else "no answer"
    raise MedkitInputError(one.file, f"can't be fetched: no connection to {urlsplit(one.url).hostname} ({said})", _by_hand(one, part.parent))


def _refuse(one: PublicSet, folder: Path, code: int) -> None:
    why = {401: "asks for a login", 403: "asks for a login", 404: "has no such file (any more)"}.get(code, f"answers {code}")
    raise MedkitInputError(one.file, f"can't be fetched: {urlsplit(one.url).hostname} {why}", _by_hand(one, folder))


def _read_tag(one: PublicSet, part: Path) -> str:
    """Return the ETag that the part came with; "" where it can't be continued, and then the part is removed."""
    try:
        told = json.loads(_tag(part).read_text(encoding="utf-8"))
        if told["url"] == one.url and part.stat().st_size and isinstance(told["etag"], str):
            return told["etag"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    _remove(part)
    return ""


def _receive(one: PublicSet, part: Path, answer, start: int, progress: Callable | None) -> None:
    page_instead = answer.headers.get_content_type() in ("text/html", "application/xhtml+xml")
    if page_instead:
        _refuse_page(one, part)
    if start and not (answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")):
        start = 0  # the whole file comes
    length = answer.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    _check_room(one, part.parent, total, start)
    etag = answer.headers.get("ETag", "")
    if etag.startswith('"'):  # a weak one does not speak for every byte
        write_whole(_tag(part), json.dumps({"url": one.url, "etag": etag}))
    bar = (progress or tqdm)(total=total, initial=start, desc=one.file, unit="B", unit_scale=True, disable=progress is None)
    got = start
    with bar, part.open("ab" if start else "wb") as file:
        while portion := answer.read1(PORTION):
            got += len(portion)
            if got > LARGEST:
                raise MedkitInputError(one.file, "has no end", f"look at {one.page}")
            file.write(portion)
            bar.update(len(portion))
        file.flush()
        os.fsync(file.fileno())
    if total is not None and got < total:
        raise _Broken(f"{got:,} of {total:,} bytes came")


def _check_room(one: PublicSet, folder: Path, total: int | None, start: int) -> None:
    if total is not None and total > LARGEST:
        raise MedkitInputError(one.file, f"would have {total / 2**30:,.0f} GiB, more than any set here", f"look at {one.page}")
    free = shutil.disk_usage(folder).free
    if total is not None and total - start > free:
        needs = f"needs {(total - start) / 2**30:,.1f} GiB more, and {free / 2**30:,.1f} are free"
        raise MedkitInputError(one.file, needs, "make room, or choose another folder with --to")


def _refuse_page(one: PublicSet, part: Path) -> None:
    what = "is not what came: the address answers with a web page (a login? a new address?)"
    raise MedkitInputError(one.file, what, _by_hand(one, part.parent))


def _check_kind(one: PublicSet, part: Path, folder: Path) -> None:
    """Look at the first bytes: a page that calls itself a file, or anything else that is no such archive."""
    with part.open("rb") as file:
        head = file.read(512)
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        _refuse_page(one, part)
    suffix = Path(one.file).suffix
    fits = head[257:262] == b"ustar" if suffix == ".tar" else head.startswith(STARTS.get(suffix, b""))
    if not fits:
        raise MedkitInputError(one.file, f"does not begin as a {suffix} file does", _by_hand(one, folder))
