"""Writing a report so that whoever reads its path finds all of it or what was there before."""

from __future__ import annotations

import contextlib
import os
import secrets

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file under a temporary name beside `path`, then rename it into place.

    Text is written as UTF-8 with the line ends as given. A symbolic link is followed, its target replaced.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written; `path` is then left as it was, and no temporary file
        stays.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        # Not tempfile: its files are private (0600), a report is as readable as the umask says.
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            # Its own message names the temporary file, which nobody asked for.
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
