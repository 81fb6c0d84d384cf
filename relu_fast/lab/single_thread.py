"""One thread for everything: the lab's matrices are small, and its experiments run side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from .. import threads

__all__ = ["single_thread"]


@contextmanager
def single_thread() -> Iterator[None]:
    """Let BLAS and the kernels use one thread for the time of the block; no number depends on it.

    For matrices this small a second BLAS thread gains nothing, and waiting it takes a core: on a busy machine
    the lab was three times slower.
    """
    before = threads.get_num_threads()
    try:
        threads.set_num_threads(1)
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        threads.set_num_threads(before)
