"""medkit.fetch: what comes from the network is the file that was published, or nothing; no archive reaches beyond its folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import multiprocessing
import os
import stat
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from medkit import _command
from medkit._check import MedkitInputError
from medkit.fetch import cache, catalogue, command, download, lock, unpack

pytestmark = pytest.mark.filterwarnings("error")


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


WHOLE = zipped({"set/a.txt": bytes(range(256)) * 4000, "set/b.txt": b"b"})
MD5 = "md5:" + hashlib.md5(WHOLE, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """A server on this machine with one file and a list of faults, one for each request; after that it is honest."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.faults, self.asked, self.etag = WHOLE, [], [], '"one"'
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def one(self, sum_: str | None = MD5, file: str = "set.zip") -> catalogue.PublicSet:
        url = f"http://127.0.0.1:{self.server_address[1]}/{file}"
        return catalogue.PublicSet("tiny", "a set", url, file, sum_, "CC0", "https://example.org/tiny")


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        fault = server.faults.pop(0) if server.faults else None
        if isinstance(fault, int):
            return self.send_error(fault)
        if isinstance(fault, str) and "//" in fault:
            self.send_response(302)
            self.send_header("Location", fault)
            return self.end_headers()
        start, content = 0, server.content
        if fault == "page":
            content = b"<!DOCTYPE html><html>please log in</html>"
        elif asked and self.headers.get("If-Range") == server.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", "text/html" if fault == "page" else "application/zip")
        self.send_header("Content-Length", str(len(content) - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        end = start + (len(content) - start) // 2 if fault == "cut" else len(content)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who has seen enough hangs up
            for at in range(start, end, 2**14):
                self.wfile.write(content[at : min(at + 2**14, end)])
                time.sleep(0.02 if fault == "slow" else 0)
        self.close_connection = True


@pytest.fixture
def server():
    one = Server()
    yield one
    one.shutdown()
    one.server_close()


def get(one: catalogue.PublicSet, folder: Path, waits=(0, 0)) -> Path:
    return download.download(one, folder, local=True, waits=waits, progress=None)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_a_file_comes_down_with_its_sum_beside_it(server, tmp_path):
    path = get(server.one(), tmp_path / "new")
    assert path.read_bytes() == WHOLE and left(path.parent) == ["set.zip", "set.zip.sha256"]
    assert cache.check_note(path) == hashlib.sha256(WHOLE).hexdigest()
    get(server.one(), path.parent)
    assert len(server.asked) == 1, "what is there is not fetched again"


def test_a_cut_connection_is_resumed_where_it_broke_off(server, tmp_path):
    server.faults = ["cut", "cut"]
    assert get(server.one(), tmp_path).read_bytes() == WHOLE
    half = len(WHOLE) // 2
    assert server.asked == [None, f"bytes={half}-", f"bytes={half + (len(WHOLE) - half) // 2}-"]


def test_a_truncated_file_is_no_file_and_goes_on_at_the_next_start(server, tmp_path):
    server.faults = ["cut"] * 3
    with pytest.raises(MedkitInputError, match="set.zip broke off after .* MiB .*start the same command again; or get set.zip from"):
        get(server.one(), tmp_path)
    assert left(tmp_path) == ["set.zip.part", "set.zip.part.json"]
    assert get(server.one(), tmp_path).read_bytes() == WHOLE and server.asked[-1] is not None
    assert left(tmp_path) == ["set.zip", "set.zip.sha256"]


def test_another_version_is_not_joined_to_the_first_half(server, tmp_path):
    server.faults = ["cut"]
    with pytest.raises(MedkitInputError):
        get(server.one(None), tmp_path, waits=())
    server.content, server.etag = zipped({"x": b"new" * 10_000}), '"two"'
    assert get(server.one(None), tmp_path).read_bytes() == server.content


def test_without_an_etag_nothing_is_resumed(server, tmp_path):
    server.faults, server.etag = ["cut", "cut"], ""
    with pytest.raises(MedkitInputError, match="broke off"):
        get(server.one(), tmp_path, waits=(0,))
    assert left(tmp_path) == [] and server.asked == [None, None]


FAULTS = {
    "wrong sum": ([], "md5:" + "0" * 32, "has the md5 .*, published is 000"),
    "web page": (["page"], MD5, "web page"),
    "not found": ([404], MD5, "has no such file"),
    "login": ([403], MD5, "asks for a login"),
    "server down": ([503] * 3, MD5, "broke off after 0.0 MiB"),
    "redirect to http": (["http://example.org/set.zip"], MD5, "would come by http, not https"),
    "redirect to a file": (["file:///etc/hostname//"], MD5, "answers 302"),  # urllib itself follows no such thing
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_answer_is_one_sentence_and_leaves_nothing(server, tmp_path, fault):
    server.faults, sum_, said = list(FAULTS[fault][0]), *FAULTS[fault][1:]
    with pytest.raises(MedkitInputError, match=f"^set.zip (.* )?{said}") as caught:
        get(server.one(sum_), tmp_path)
    assert "example.org/tiny" in str(caught.value) and left(tmp_path) == []


def test_a_page_that_calls_itself_a_file_and_another_kind_are_refused(server, tmp_path):
    for content, said in ((b"  <!doctype HTML><p>" * 30, "web page"), (b"GIF89a" * 100, "does not begin as a .zip")):
        server.content = content
        with pytest.raises(MedkitInputError, match=said):
            get(server.one(None), tmp_path)
        assert left(tmp_path) == []


def test_offline_says_what_to_get_and_where_to_put_it(server, tmp_path):
    one = server.one()
    server.shutdown()
    server.server_close()
    with pytest.raises(MedkitInputError) as caught:
        get(one, tmp_path / "cache")
    said = str(caught.value)
    assert "no connection to 127.0.0.1" in said
    assert f"get set.zip from https://example.org/tiny with any browser, and put it into {tmp_path / 'cache'}" in said
    assert left(tmp_path / "cache") == []


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://example.org/a", "file:///etc/passwd", "/a", "https://me:word@example.org/a"])
def test_https_alone(url, tmp_path):
    one = catalogue.PublicSet("x", "x", url, "a.zip", None, "CC0", "https://example.org")
    for local in (True, False):
        with pytest.raises(MedkitInputError, match="not https"):
            download.download(one, tmp_path, local=local, progress=None)


def test_http_from_this_machine_is_for_tests_alone(server, tmp_path):
    with pytest.raises(MedkitInputError, match="would come by http, not https"):
        download.download(server.one(), tmp_path, progress=None)


def test_a_file_that_does_not_fit_is_refused_before_it_comes(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(MedkitInputError, match="needs .* GiB more"):
        get(server.one(), tmp_path)
    assert left(tmp_path) == []


def test_a_changed_file_in_the_cache_is_found_out(server, tmp_path):
    for sum_, said in ((MD5, "has the md5"), (None, "no longer the file that came down")):
        path = get(server.one(sum_), tmp_path)
        content = bytearray(WHOLE)
        content[1000] ^= 1
        path.write_bytes(content)
        with pytest.raises(MedkitInputError, match=said):
            get(server.one(sum_), tmp_path)
        path.unlink()


def test_an_offline_copy_is_taken_and_checked_and_never_written_to(server, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "set.zip").write_bytes(WHOLE)
    monkeypatch.setenv("MEDKIT_DATA", str(mine))
    path, folder = command.fetch(server.one(), tmp_path / "cache", local=True, progress=None)
    assert path == mine / "set.zip" and folder == tmp_path / "cache" / "tiny" and server.asked == []
    assert (folder / "set" / "b.txt").read_bytes() == b"b" and left(mine) == ["set.zip"]
    assert command.fetch(server.one(), tmp_path / "cache", local=True, progress=None) == (path, folder)
    (mine / "set.zip").write_bytes(WHOLE[:-1])
    with pytest.raises(MedkitInputError, match="has the md5"):
        command.fetch(server.one(), tmp_path / "cache", local=True, progress=None)


# ── several processes

PROCESSES = multiprocessing.get_context("spawn")  # as Windows and macOS start them


def fetched(one: catalogue.PublicSet, folder: Path, said) -> None:
    """What another process does: fetch and unpack, and say how it went."""
    os.environ.pop("MEDKIT_DATA", None)
    try:
        path, target = command.fetch(one, folder, local=True, waits=(0, 0), progress=None)
        said.put(("md5:" + cache.sum_of(path, "md5"), (target / "set" / "a.txt").stat().st_size))
    except MedkitInputError as error:
        said.put(str(error))


def started(one: catalogue.PublicSet, folder: Path, count: int) -> tuple[list, object]:
    said = PROCESSES.Queue()
    found = [PROCESSES.Process(target=fetched, args=(one, folder, said)) for _ in range(count)]
    for process in found:
        process.start()
    return found, said


def until(happened) -> None:
    end = time.monotonic() + 60
    while not happened() and time.monotonic() < end:
        time.sleep(0.005)
    assert happened()


@pytest.mark.parametrize("etag", ['"one"', ""])
def test_three_processes_that_want_one_file_fetch_it_once(server, tmp_path, etag):
    server.faults, server.etag = ["slow"] * 3, etag
    processes, said = started(server.one(), tmp_path, 3)
    assert [said.get(timeout=60) for _ in processes] == [(MD5, 256 * 4000)] * 3
    for process in processes:
        process.join(60)
    assert server.asked == [None], "the others waited"
    assert left(tmp_path) == ["set.zip", "set.zip.sha256", "tiny"] and (tmp_path / "set.zip").read_bytes() == WHOLE


def test_who_waited_for_a_process_that_failed_tries_for_itself(server, tmp_path):
    server.faults = [503, "slow"]
    with lock.alone(tmp_path / "set.zip"):
        processes, said = started(server.one(), tmp_path, 2)
        time.sleep(0.5)
        assert server.asked == [] and (tmp_path / "set.zip.lock").is_file()
    assert [said.get(timeout=60) for _ in processes] == [(MD5, 256 * 4000)] * 2 and server.asked == [None, None]
    for process in processes:
        process.join(60)
    assert left(tmp_path) == ["set.zip", "set.zip.sha256", "tiny"]


def test_a_killed_process_blocks_nobody_and_its_part_is_gone_on_with(server, tmp_path):
    server.faults = ["slow"]
    [killed], _ = started(server.one(), tmp_path, 1)
    part = tmp_path / "set.zip.part"
    until(lambda: part.is_file() and part.stat().st_size)
    killed.kill()
    killed.join(60)
    assert (tmp_path / "set.zip.lock").is_file() and part.is_file(), "it was killed in the middle"
    start = time.monotonic()
    assert get(server.one(), tmp_path).read_bytes() == WHOLE and time.monotonic() - start < 5
    assert server.asked[1].startswith("bytes=") and left(tmp_path) == ["set.zip", "set.zip.sha256"]


def test_whoever_waits_says_so(tmp_path):
    seen = []

    class Bar:
        def __init__(self, desc, **_):
            seen.append(desc)

        def update(self):
            seen.append("looked")

        def close(self):
            seen.append("closed")

    with lock.alone(tmp_path / "set.zip"):
        waiting = threading.Thread(target=lambda: lock._taken(tmp_path / "set.zip.lock", Bar).close())
        waiting.start()
        until(lambda: "looked" in seen)
    waiting.join(60)
    assert seen[0] == "another process works on set.zip, waiting" and seen[-1] == "closed"


def test_only_one_at_a_time_is_alone(tmp_path):
    inside, most, turns = 0, 0, []

    def work():
        nonlocal inside, most
        for _ in range(20):
            with lock.alone(tmp_path / "x", None):
                inside += 1
                most = max(most, inside)
                turns.append(1)
                time.sleep(0.001)
                inside -= 1

    lock_pause, lock.PAUSE = lock.PAUSE, 0.0005
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lock.PAUSE = lock_pause
    assert (most, len(turns), left(tmp_path)) == (1, 80, [])


def test_as_on_windows(tmp_path, monkeypatch):
    """With a stand-in for msvcrt: a lock that is held is `EACCES`, and the file goes once it is closed."""
    import errno

    fcntl = pytest.importorskip("fcntl")

    class Locks:
        LK_NBLCK = 2

        @staticmethod
        def locking(number, mode, count):
            assert (mode, count) == (2, 1)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise OSError(errno.EACCES, "Permission denied") from None

    monkeypatch.setattr(lock, "fcntl", None)
    monkeypatch.setattr(lock, "msvcrt", Locks, raising=False)
    with lock.alone(tmp_path / "x", None):
        with (tmp_path / "x.lock").open("ab") as other:
            assert not lock._try(other)
    assert left(tmp_path) == []


def test_a_file_system_without_locks_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock, "_try", refuse)
    with pytest.raises(MedkitInputError, match="has no locks against other processes .Operation not supported.; choose another folder with --to"):
        with lock.alone(tmp_path / "x", None):
            raise AssertionError("never here")


# ── archives


def write_zip(path: Path, name: str, mode: int = 0) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.txt", b"good")
        entry = zipfile.ZipInfo("place.holder")
        entry.filename, entry.external_attr = name, mode << 16
        archive.writestr(entry, b"evil")


def write_tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    with tarfile.open(path, "w") as archive:
        for n, k, content in (("good.txt", tarfile.REGTYPE, b"good"), (name, kind, b"evil" if kind == tarfile.REGTYPE else b"")):
            entry = tarfile.TarInfo(n)
            entry.type, entry.size, entry.linkname = k, len(content), link
            archive.addfile(entry, io.BytesIO(content))


HOSTILE = {
    "dots": lambda p: write_zip(p, "../evil.txt"),
    "dots in the middle": lambda p: write_tar(p, "a/../../evil.txt"),
    "absolute": lambda p: write_tar(p, "/tmp/medkit_evil.txt"),
    "symbolic link": lambda p: write_tar(p, "link", tarfile.SYMTYPE, "/etc"),
    "symbolic link in a zip": lambda p: write_zip(p, "link", stat.S_IFLNK | 0o777),
    "hard link": lambda p: write_tar(p, "link", tarfile.LNKTYPE, "/etc/hostname"),
    "device": lambda p: write_tar(p, "device", tarfile.CHRTYPE),
    "pipe": lambda p: write_tar(p, "pipe", tarfile.FIFOTYPE),
    "drive": lambda p: write_zip(p, "C:/evil.txt"),
    "backslash": lambda p: write_zip(p, "a\\..\\evil.txt"),
    "case": lambda p: write_zip(p, "GOOD.txt"),
    "twice": lambda p: write_tar(p, "good.txt"),
    "file and folder": lambda p: write_tar(p, "good.txt/evil.txt"),
    "accent": lambda p: p.write_bytes(zipped({"e\u0301.txt": b"", "\u00e9.txt": b""})),
    "device's name": lambda p: write_zip(p, "a/NUL.txt"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_leaves_nothing(tmp_path, what):
    path = tmp_path / "in" / "hostile.archive"
    path.parent.mkdir()
    HOSTILE[what](path)
    with pytest.raises(MedkitInputError, match="^hostile.archive holds .*do not use this archive"):
        unpack.unpack(path, tmp_path / "out" / "set", progress=None)
    assert left(tmp_path) == ["in", "out"] and left(tmp_path / "out") == [] and not Path("/tmp/medkit_evil.txt").exists()


def test_a_nul_in_a_name_is_seen(tmp_path):
    """zipfile cuts a name at its NUL: evil.sh\\0.png is shown to one program and written by another."""
    path = tmp_path / "nul.zip"
    path.write_bytes(zipped({"evil.sh_.png": b""}).replace(b"evil.sh_.png", b"evil.sh\x00.png"))
    with pytest.raises(MedkitInputError, match="not safe"):
        unpack.unpack(path, tmp_path / "out", progress=None)
    assert left(tmp_path) == ["nul.zip"]


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_an_honest_archive_is_unpacked(tmp_path, write):
    """The control: the same archives with an honest name are unpacked."""
    write(tmp_path / "fine", "./a/benign (1).png")
    out = unpack.unpack(tmp_path / "fine", tmp_path / "out", progress=None)
    assert (out / "a" / "benign (1).png").read_bytes() == b"evil" and (out / "good.txt").read_bytes() == b"good"
    with pytest.raises(MedkitInputError, match="out is there already"):
        unpack.unpack(tmp_path / "fine", out, progress=None)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(200 * 2**20))
    with pytest.raises(MedkitInputError, match="would unpack to more than"):
        unpack.unpack(path, tmp_path / "out", progress=None)
    assert left(tmp_path) == ["bomb.zip"]


def test_a_bomb_that_lies_about_its_size_is_cut_off(tmp_path):
    path = tmp_path / "lie.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(2**20))
    content = path.read_bytes()
    size = (2**20).to_bytes(4, "little")
    path.write_bytes(content.replace(size, (1000).to_bytes(4, "little")))
    with pytest.raises(MedkitInputError):
        unpack.unpack(path, tmp_path / "out", progress=None)
    assert left(tmp_path) == ["lie.zip"]


@pytest.mark.parametrize("cut", [1, 100, 600])
def test_a_damaged_archive_is_one_sentence(tmp_path, cut):
    path = tmp_path / "cut.tar"
    write_tar(path, "a" * 20)
    whole = path.read_bytes()
    for content in (WHOLE[: len(WHOLE) - cut], whole[:1024 + 512 + 2 if cut == 600 else cut], b""):
        path.write_bytes(content)
        with pytest.raises(MedkitInputError, match="^cut.tar "):
            unpack.unpack(path, tmp_path / "out", progress=None)
        assert left(tmp_path) == ["cut.tar"]


# ── the table and the command


def test_the_catalogue_is_whole():
    for name, one in catalogue.SETS.items():
        assert name == one.name == name.lower() and one.licence and one.page.startswith("http")
        download.check_address(one, one.url, local=False)
        assert one.sum is None or (one.sum.startswith("md5:") and len(one.sum) == 36 and int(one.sum[4:], 16) >= 0)
        assert unpack.safe_name(one.file) and Path(one.file).suffix in (".npz", ".zip", ".tar")
    assert len({one.sum for one in catalogue.SETS.values() if one.sum}) == 21


def test_the_command_lists_fetches_and_says_what_is_next(server, tmp_path, monkeypatch, capsys):
    assert command.main([]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in catalogue.SETS) and "No address was tried" in out
    assert command.main(["nonsense"]) == 2
    assert "no public set that medkit knows; choose one of pathmnist" in capsys.readouterr().err
    one = server.one(None)._replace(then="prepare us {path}")
    monkeypatch.setitem(catalogue.SETS, "tiny", one)
    monkeypatch.delenv("MEDKIT_DATA", raising=False)
    get(one, tmp_path)
    assert command.main(["TINY", "--to", str(tmp_path)]) == 0
    done = capsys.readouterr()
    assert hashlib.sha256(WHOLE).hexdigest() in done.out and "no sum is published" in done.out and "CC0" in done.err
    then = _command.call(f"prepare us {_command.quoted(tmp_path / 'tiny' / 'set')}")
    assert f"next: {then} --out {_command.quoted(tmp_path / 'prepared')}\n" in done.out
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("MEDKIT_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path.parent)
    assert command.main(["tiny", "--to", tmp_path.name]) == 0
    assert f"next: {then}\n" in capsys.readouterr().out, "prepare knows where to, and the path is a whole one"


@pytest.mark.parametrize(
    "environ, platform, end",
    [
        ({"LOCALAPPDATA": "/l"}, "win32", "/l/medkit/Cache"),
        ({}, "darwin", "Library/Caches/medkit"),
        ({}, "linux", ".cache/medkit"),
        ({"XDG_CACHE_HOME": "relative"}, "linux", ".cache/medkit"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(environ, platform, end):
    assert cache.folder(environ, platform).as_posix().endswith(end)
