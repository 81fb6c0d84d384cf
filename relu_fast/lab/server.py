"""TensorBoard's server on this machine's loopback address, for as long as the command runs."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from ..report.files import uninterrupted
from .workers import ctrl_c_held_back

__all__ = ["LOOPBACK", "RELOAD_SECONDS", "ServerError", "tensorboard"]

LOOPBACK = "127.0.0.1"
RELOAD_SECONDS = 5
"""How often the server looks for new events."""


class ServerError(RuntimeError):
    """The server did not start; the message says why."""


@contextmanager
def tensorboard(events: Path) -> Iterator[str]:
    """Serve the event files below a folder while the block runs; yields the address.

    The server takes a free port. It is a process of its own, which ends with this one, however that ends.

    Raises
    ------
    ServerError
        If it does not start.
    """
    context = multiprocessing.get_context("spawn")
    connection, other = context.Pipe()
    server = context.Process(target=_serve, args=(other, str(events)), daemon=True)
    with ctrl_c_held_back():
        server.start()
    other.close()
    try:
        try:
            address, reason = connection.recv()
        except EOFError:
            server.join()
            address, reason = None, f"its process ended with exit code {server.exitcode}"
        if address is None:
            raise ServerError(f"TensorBoard does not start: {reason}")
        yield address
    finally:
        with uninterrupted():
            connection.close()
            server.terminate()
            server.join()


def _serve(connection: Connection, events: str) -> None:
    """Send (address, None) or (None, reason); serve until nobody is at the other end."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # What it says of itself, such as that there is no TensorFlow, is nothing to be done about.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with suppress(KeyboardInterrupt, EOFError, ConnectionResetError):
        try:
            connection.send((_started(events), None))
        except Exception as error:  # whatever it is, it is told in one line
            connection.send((None, " ".join(str(error).split()) or type(error).__name__))
            return
        connection.recv()


def _started(events: str) -> str:
    from tensorboard import program

    server = program.TensorBoard()
    options = ("--logdir", events, "--host", LOOPBACK, "--port", "0")
    server.configure(argv=("tensorboard", *options, "--reload_interval", str(RELOAD_SECONDS)))
    return str(server.launch())
