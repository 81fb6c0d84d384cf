"""Writing a report so that whoever reads its path finds all of it or what was there before."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import stat
import threading
from collections.abc import Iterator

__all__ = ["uninterrupted", "write_atomically"]


def write_atomically(path: str | bytes | os.PathLike[str] | os.PathLike[bytes], content: str | bytes) -> None:
    """Write a file under a temporary name beside `path`, then rename it into place.

    Text is written as UTF-8 with the line ends as given. A symbolic link is followed, its target replaced.
    A pipe or a device, as ``/dev/stdout``, is written straight into: it has no content to keep.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written; `path` is then left as it was, and no temporary file
        stays.
    """
    path = os.fsdecode(path)
    target = os.path.realpath(path)
    # Short, whatever the name: it is to fit where the name does.
    temporary = os.path.join(os.path.dirname(target), f".{secrets.token_hex(8)}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        if _is_special(path):
            with open(path, "wb") as file:
                file.write(data)
            return
        # Not tempfile: its files are private (0600), a report is as readable as the umask says.
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            # Its own message names the temporary file, which nobody asked for.
            raise OSError(error.errno, error.strerror, path) from error
        raise


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C inside the block: for what is short and must be done as a whole.

    SIGTERM as well, where that raises KeyboardInterrupt. Signals are the main thread's: elsewhere the block
    runs as it would without.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ignored = [signal.SIGINT]
    if signal.getsignal(signal.SIGTERM) is signal.default_int_handler:
        ignored.append(signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
    try:
        yield
    finally:
        for number, handler in zip(ignored, before, strict=True):
            signal.signal(number, handler)


def _is_special(path: str) -> bool:
    """Whether there is something that is no regular file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
