"""How many threads share the work on large arrays.

They start with the first large array, not at import, and sleep between calls. No result depends on how many
there are. A child of ``os.fork`` starts its own.
"""

from __future__ import annotations

import atexit
import operator
import os
import warnings
from typing import SupportsIndex

from ._core import threads_environment_ok, threads_most, threads_number, threads_set_number, threads_shutdown

__all__ = ["get_num_threads", "origin", "set_num_threads"]

_VARIABLE = "RELU_FAST_NUM_THREADS"
_was_set = False


def get_num_threads() -> int:
    """Return how many threads share large arrays, the one that calls included.

    Until `set_num_threads` changes it, this is ``RELU_FAST_NUM_THREADS``, or else the number of processors that
    affinity and cgroup leave to the process. It is found out once, when first needed.
    """
    return threads_number()


def set_num_threads(n: SupportsIndex) -> None:
    """Set how many threads share large arrays, for the whole process.

    Parameters
    ----------
    n
        The thread that calls included: 1 turns sharing off.

    Raises
    ------
    ValueError
        If `n` is less than 1 or more than 1024.
    TypeError
        If `n` is no integer.
    """
    global _was_set
    try:
        number = operator.index(n)
    except TypeError:
        raise TypeError(f"set_num_threads: expected an integer, got {type(n).__name__}") from None
    if number < 1:
        raise ValueError(f"set_num_threads({number}): expected at least 1")
    if number > threads_most():
        raise ValueError(f"set_num_threads({number}): expected at most {threads_most()}")
    threads_set_number(number)
    _was_set = True


def origin() -> str:
    """Say in words where the number comes from."""
    if _was_set:
        return "set_num_threads"
    if os.environ.get(_VARIABLE) and threads_environment_ok():
        return _VARIABLE
    return "the processors that this process may use"


if not threads_environment_ok():
    warnings.warn(
        f"{_VARIABLE}={os.environ[_VARIABLE]!r} is ignored; expected a number from 1 to {threads_most()}",
        RuntimeWarning,
        stacklevel=3,  # the line that imports relu_fast
    )

# Else they would still be there while the interpreter and the libraries are taken down.
atexit.register(threads_shutdown)
