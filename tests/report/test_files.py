"""Files appear whole under their name, or not at all."""

import os
import signal
import stat
import threading

import pytest

from relu_fast.report.files import uninterrupted, write_atomically


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


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_stays_and_is_written_into(tmp_path, linked):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    # Open at both ends, so that neither opening nor reading can wait for ever.
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_atomically(link if linked else pipe, "new")
        assert os.read(end, 100) == b"new"
    finally:
        os.close(end)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("n" * 250)
    write_atomically(path, "new")
    assert path.read_text() == "new"


def test_a_name_that_is_too_long_is_named_as_it_was_asked_for(tmp_path):
    path = str(tmp_path / ("n" * 300))
    with pytest.raises(OSError, match="File name too long") as caught:
        write_atomically(path, "new")
    assert caught.value.filename == path


def test_a_path_may_be_bytes(tmp_path):
    write_atomically(os.fsencode(tmp_path / "report.json"), "new")
    assert (tmp_path / "report.json").read_text() == "new"


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_a_file_is_as_readable_as_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "report.json", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == mode


def test_ctrl_c_is_ignored_inside_an_uninterrupted_block_and_works_after_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_uninterrupted_block_runs_in_a_thread_too():
    ran = []

    def block():
        with uninterrupted():
            ran.append(True)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    assert ran
