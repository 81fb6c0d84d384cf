"""Files appear whole under their name, or not at all."""

import os
import stat

import pytest

from relu_fast.report.files import write_atomically


@pytest.mark.parametrize(
    ("content", "data"), [("text, ä\n", "text, ä\n".encode()), (b"\x00\xff", b"\x00\xff")]
)
def test_content_is_written_as_it_is(tmp_path, content, data):
    path = tmp_path / "report.json"
    write_atomically(path, content)
    assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    write_atomically(str(path), "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize("broken", ["replace", "fsync"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, broken, error):
    def fail(*args):
        raise error

    path = tmp_path / "report.json"
    path.write_text("old")
    monkeypatch.setattr(os, broken, fail)
    with pytest.raises(type(error)):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize(
    ("place", "error"), [("missing/report.json", FileNotFoundError), ("file/report.json", NotADirectoryError)]
)
def test_a_folder_that_is_none_is_named_by_the_path_that_was_asked_for(tmp_path, place, error):
    (tmp_path / "file").write_text("")
    path = str(tmp_path / place)
    with pytest.raises(error) as caught:
        write_atomically(path, "new")
    assert caught.value.filename == path
    assert "\n" not in str(caught.value)


def test_a_path_that_is_a_folder_is_refused(tmp_path):
    folder = tmp_path / "report.json"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(folder, "new")
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_is_as_readable_as_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "report.json", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == mode
