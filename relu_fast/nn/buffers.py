"""Arrays that one batch after the other is written into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Buffers"]


class Buffers:
    """One array (rows, columns) for each of `columns`, kept from call to call and grown where it must be."""

    def __init__(self, columns: Sequence[int], dtype: np.dtype) -> None:
        self._columns, self._dtype = tuple(columns), dtype
        self._capacity = self._rows = 0
        self._arrays = self._views = [np.empty((0, n), dtype) for n in columns]

    def rows(self, n: int) -> list[np.ndarray]:
        """Cut each array to n rows: C-contiguous, in the memory that the previous call gave out."""
        if n != self._rows:
            if n > self._capacity:
                self._arrays = [np.empty((n, columns), self._dtype) for columns in self._columns]
                self._capacity = n
            self._views = [array[:n] for array in self._arrays]
            self._rows = n
        return self._views

    @property
    def last(self) -> np.ndarray | None:
        """The first array as it was last cut; None before that."""
        return self._views[0] if self._capacity else None

    def __reduce__(self) -> tuple[Any, ...]:
        # Nothing in them outlives a call: a copy starts empty.
        return Buffers, (self._columns, self._dtype)
