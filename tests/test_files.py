"""A file is written whole or not at all."""

import errno
import os

import pytest

from medkit import _files
from medkit._files import write_whole

pytestmark = pytest.mark.filterwarnings("error")


def test_text_is_written_and_the_folder_made(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_whole(path, "½\n")
    assert path.read_bytes() == "½\n".encode()
    plain = tmp_path / "plain.txt"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode  # as readable as any other file


@pytest.mark.parametrize("broken", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_whatever_stops_it_the_old_file_stays_and_nothing_else(tmp_path, monkeypatch, broken, error):
    path = tmp_path / "a.txt"
    write_whole(path, "old")

    def stop(*arguments):
        raise error

    monkeypatch.setattr(_files.os, broken, stop)
    with pytest.raises(type(error)):
        write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_writing_in_place_would_fail_that_test(tmp_path):
    """The negative control: an open for writing empties the file at once."""
    path = tmp_path / "a.txt"
    path.write_text("old", encoding="utf-8")
    with open(path, "w", encoding="utf-8"):
        assert path.read_text(encoding="utf-8") == ""


def test_a_place_is_tried_and_no_folder_made(tmp_path):
    _files.try_place(tmp_path)
    _files.try_place(tmp_path / "a" / "b" / "c")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
        with pytest.raises(OSError):
            _files.try_place(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_to_nowhere_is_no_place(tmp_path):
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "gone")
    except OSError:
        pytest.skip("this system makes no links")
    for folder in (link, link / "a"):
        with pytest.raises(OSError):
            _files.try_place(folder)


def test_a_place_under_nothing_at_all_is_refused_and_not_sought_for_ever(tmp_path, monkeypatch):
    def gone(path, *arguments, **more):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(type(tmp_path), "lstat", gone)
    with pytest.raises(FileNotFoundError):
        _files.try_place(tmp_path / "a")
