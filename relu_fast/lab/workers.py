"""Experiments in processes of their own, some at a time.

A worker is started anew (not forked), takes one experiment after the other, and sends what `Message` lists.
Ctrl-C at a terminal reaches every process of the command: workers do not hear it, they are ended by the one
that started them, and remove what they had begun to write.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..report.files import uninterrupted
from ..report.study import EpochRecord, ExperimentResult
from .experiments import EXPERIMENTS, Experiment
from .output import OutputFolder
from .runner import run_experiment
from .settings import Settings
from .single_thread import single_thread

if TYPE_CHECKING:
    from .terminal import Lines

__all__ = ["WorkerError", "ctrl_c_held_back", "run_in_workers"]

SECONDS_TO_END = 10.0
"""How long a worker may take to remove what it had begun to write."""

Message: TypeAlias = "tuple[int, float, float] | ExperimentResult | OSError | MemoryError"
"""An epoch with its losses; a finished experiment; or what stopped it."""


class WorkerError(RuntimeError):
    """A worker ended without saying why."""


def run_in_workers(
    experiments: Sequence[Experiment], settings: Settings, folder: OutputFolder, jobs: int, shown: Lines
) -> Generator[ExperimentResult, None, None]:
    """Run experiments in `jobs` processes; yield results as they are finished.

    Those that take longest are begun first, so that no process is left with a long one at the end.

    Raises
    ------
    OSError, MemoryError
        What stopped an experiment.
    WorkerError
        If a worker ended without saying why: the system may have killed it.
    """
    waiting = sorted(experiments, key=lambda row: row.cost)
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, Any] = {}
    running: dict[Connection, str] = {}

    def hand_out(connection: Connection) -> None:
        if not waiting:
            connection.close()
            workers.pop(connection).join()
            return
        running[connection] = waiting.pop().name
        shown.begin(running[connection])
        with suppress(BrokenPipeError):  # it died: its end of file tells
            connection.send(running[connection])

    try:
        with ctrl_c_held_back():
            for _ in range(min(jobs, len(waiting))):
                connection, other = context.Pipe()
                worker = context.Process(target=_work, args=(other, settings, folder), daemon=True)
                worker.start()
                other.close()
                workers[connection] = worker
        for connection in list(workers):
            hand_out(connection)
        while workers:
            for connection in cast("list[Connection]", wait(list(workers))):
                try:
                    message: Message = connection.recv()
                except (EOFError, ConnectionResetError):
                    raise _died(running[connection], workers[connection]) from None
                if isinstance(message, ExperimentResult):
                    shown.end(message)
                    yield message
                    hand_out(connection)
                elif isinstance(message, tuple):
                    shown.epoch(running[connection], *message)
                else:
                    raise message
    finally:
        _end(workers)


def _work(connection: Connection, settings: Settings, folder: OutputFolder) -> None:
    """Run the experiments whose names come in, until nobody is at the other end."""

    def send_epoch(record: EpochRecord) -> None:
        connection.send((record.epoch, record.loss, record.val_loss))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Ctrl-C and the end of the one who listens come at any point, and there is nobody to tell.
    with suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError), single_thread():
        while True:
            name = connection.recv()
            try:
                result = run_experiment(
                    EXPERIMENTS[name], settings, events=folder.events_of(name), on_epoch=send_epoch
                )
            except (BrokenPipeError, ConnectionResetError):
                raise
            except (OSError, MemoryError) as error:
                connection.send(error)
                return
            connection.send(result)


def _died(name: str, worker: Any) -> WorkerError:
    worker.join()
    code = worker.exitcode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return WorkerError(f"the process that trained {name} {how}")


def _end(workers: dict[Connection, Any]) -> None:
    """End the workers, and wait until they are."""
    with uninterrupted():
        for connection, worker in workers.items():
            connection.close()
            worker.terminate()
        for worker in workers.values():
            worker.join(SECONDS_TO_END)
            if worker.is_alive():
                worker.kill()
                worker.join()


@contextmanager
def ctrl_c_held_back() -> Iterator[None]:
    """Block Ctrl-C for the time of the block; processes started in it never hear it."""
    # It would unblock the signal when it is started along with the first worker.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
