"""Experiments in processes of their own: what happens when one of them ends otherwise than it should."""

import io
import os
import signal

import pytest
from small_lab import SMALL

from relu_fast.lab import workers
from relu_fast.lab.experiments import named
from relu_fast.lab.output import OutputFolder
from relu_fast.lab.settings import Settings
from relu_fast.lab.terminal import Lines
from relu_fast.lab.workers import WorkerError, run_in_workers


class Watching(Lines):
    """Progress that notes what it is told, and calls back after each epoch."""

    def __init__(self, names, after_epoch=lambda name: None):
        super().__init__(io.StringIO(), dict.fromkeys(names, SMALL.epochs))
        self.told, self._after_epoch = [], after_epoch

    def begin(self, name):
        self.told.append(("begin", name))

    def epoch(self, name, epoch, loss, val_loss):
        self.told.append(("epoch", name, epoch))
        self._after_epoch(name)

    def end(self, result):
        self.told.append(("end", result.name))


def children():
    """The living workers of this process."""
    return workers.multiprocessing.active_children()


def kill_them(name):
    for child in children():
        os.kill(child.pid, signal.SIGKILL)


def running(names, folder, shown, *, jobs=2, settings=SMALL):
    folder.prepare(names)
    return run_in_workers(named(names), settings, folder, jobs, shown)


def test_the_longest_experiment_is_begun_first_and_each_is_told_of(tmp_path):
    names = ["one-layer", "more-layers", "three-layer"]
    shown = Watching(names)
    results = list(running(names, OutputFolder(tmp_path), shown))
    assert sorted(result.name for result in results) == sorted(names)
    begun = [words[1] for words in shown.told if words[0] == "begin"]
    assert begun == ["more-layers", "three-layer", "one-layer"]
    for name in names:
        own = [words for words in shown.told if words[1] == name]
        assert own == [("begin", name), *(("epoch", name, i) for i in (1, 2, 3)), ("end", name)]
    assert not children()


def test_a_worker_that_is_killed_is_told_by_its_experiment_and_signal(tmp_path):
    shown = Watching(["three-layer"], after_epoch=kill_them)
    settings = Settings(epochs=1000, samples=SMALL.samples)
    with pytest.raises(WorkerError, match=r"^the process that trained three-layer was ended by signal 9$"):
        list(running(["three-layer"], OutputFolder(tmp_path), shown, settings=settings))
    assert not children()


def test_an_event_file_that_cannot_be_written_is_an_error_here(tmp_path):
    folder = OutputFolder(tmp_path)
    folder.prepare(["one-layer"])
    folder.events_of("one-layer").write_text("a file where a folder is to be")
    shown = Watching(["one-layer"])
    with pytest.raises(FileExistsError):
        list(run_in_workers(named(["one-layer"]), SMALL, folder, 1, shown))
    assert not children()
    assert folder.events_of("one-layer").read_text() == "a file where a folder is to be"
    assert [path.name for path in folder.events.iterdir()] == ["one-layer"]


def test_who_stops_listening_ends_the_workers_which_leave_nothing_unfinished(tmp_path):
    names = ["one-layer", "three-layer"]
    settings = Settings(epochs=100_000, samples=SMALL.samples)

    def stop(name):
        raise KeyboardInterrupt

    folder = OutputFolder(tmp_path)
    results = running(names, folder, Watching(names, after_epoch=stop), settings=settings)
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert not children()
    assert list(folder.events.iterdir()) == []


def test_ctrl_c_is_for_the_one_who_started_them(tmp_path):
    """A worker gets SIGINT, as at a terminal, and goes on."""

    def interrupt_them(name):
        for child in children():
            os.kill(child.pid, signal.SIGINT)

    results = list(running(["one-layer"], OutputFolder(tmp_path), Watching(["one-layer"], interrupt_them)))
    assert [result.last.epoch for result in results] == [SMALL.epochs]


def test_starting_workers_leaves_the_signal_mask_as_it_was(tmp_path):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    list(running(["one-layer"], OutputFolder(tmp_path), Watching(["one-layer"])))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
