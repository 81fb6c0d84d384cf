"""What a library to compare with has to do."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from .data import DTYPES, Data
from .timing import Call
from .works import Work

__all__ = ["Peer"]


class Peer:
    """A library that computes activations.

    Attributes
    ----------
    name, title : str
        For options, and for readers.
    version : str
    dtypes : tuple of str
        Those it computes with.
    has_threads : bool
        Whether it can use more than one.

    Raises
    ------
    ImportError
        By the constructor, if it is not installed.
    """

    name: str
    title: str
    dtypes: tuple[str, ...] = tuple(DTYPES)
    has_threads: bool = True
    version: str

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        """How it does a work; None where it has nothing for it. What has to be compiled is compiled."""
        raise NotImplementedError

    def set_threads(self, threads: int) -> None:
        """Use so many from now on."""

    def measuring(self) -> AbstractContextManager[object]:
        """Enter while it is timed."""
        return nullcontext()
