"""The limit: how fast this machine moves the same bytes, whoever does it.

For a forward pass (one input, one output) the faster of ``np.copyto`` and our own copy past the cache; for a backward
pass (two inputs, one output) the faster of ``np.add`` and our own sum past the cache; for two outputs two copies.
Which is the faster is found out once for each size and dtype; it then takes turns with the work itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from .. import _core
from .data import ALIGNMENT, Data
from .timing import MIN_ROUNDS, Call, clock_of, interleaved

__all__ = ["Limits"]

SPLIT_FROM = 2**20  # bytes: below, handing out the parts costs more than it saves

Operation = Callable[..., Any]


class Limits:
    """Finds the fastest way for each traffic; keeps what it found for one size and dtype.

    Parameters
    ----------
    sample_seconds : float
        As for `interleaved`.
    """

    def __init__(self, sample_seconds: float) -> None:
        self._sample_seconds = sample_seconds
        self._data: Data | None = None
        self._found: dict[tuple[str, int], tuple[str, Call]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def fastest(self, traffic: str, data: Data, threads: int = 1) -> tuple[str, Call] | None:
        """Return what it is called, and how to do it; None for "read", which nothing of this kind limits."""
        if traffic == "read":
            return None
        if data is not self._data:
            self._data, self._found = data, {}
        if (traffic, threads) not in self._found:
            calls = self._candidates(traffic, data, threads)
            samplers = {name: call.sampler() for name, call in calls.items()}
            samples = interleaved(samplers, rounds=MIN_ROUNDS, sample_seconds=self._sample_seconds)
            name = min(samples, key=lambda name: samples[name].median(clock_of(threads)))
            self._found[traffic, threads] = name, calls[name]
        return self._found[traffic, threads]

    def past_the_cache(self, traffic: str, data: Data) -> Call:
        """Return our own way, by as many threads as ``rf.set_num_threads`` allows."""
        (call,) = self._ours(traffic, data).values()
        return call

    def _candidates(self, traffic: str, data: Data, threads: int) -> dict[str, Call]:
        operands = _operands(traffic, data)
        name, operation = ("np.add", _add) if traffic == "add" else ("np.copyto", np.copyto)
        return self._calls(name, operation, operands, threads) | self._ours(traffic, data)

    def _ours(self, traffic: str, data: Data) -> dict[str, Call]:
        name, operation = (
            ("our sum past the cache", _core.stream_add)
            if traffic == "add"
            else ("our copy past the cache", _core.stream_copy)
        )
        return self._calls(name, operation, _words(_operands(traffic, data)), 1)

    def _calls(
        self, name: str, operation: Operation, operands: list[tuple[np.ndarray, ...]], threads: int
    ) -> dict[str, Call]:
        """Do it alone; and, with more threads, in parts."""
        letters = [chr(ord("a") + i) for i in range(3)]
        names: dict[str, Any] = {"f": operation}
        statements = []
        for i, arrays in enumerate(operands):
            used = [f"{letter}{i}" for letter in letters[: len(arrays)]]
            names.update(zip(used, arrays, strict=True))
            statements.append(f"f({', '.join(used)})")
        calls = {name: Call("; ".join(statements), names)}
        if threads > 1 and operands[0][0].nbytes >= SPLIT_FROM:
            parts = [part for arrays in operands for part in _split(arrays, threads)]
            calls[f"{name}, {threads} threads"] = Call(
                "f()", {"f": lambda: self._together(operation, parts, threads)}
            )
        return calls

    def _together(self, operation: Operation, parts: Sequence[tuple[np.ndarray, ...]], threads: int) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads)
        for future in [self._pool.submit(operation, *part) for part in parts]:
            future.result()


def _operands(traffic: str, data: Data) -> list[tuple[np.ndarray, ...]]:
    if traffic == "add":
        # NumPy adds float16 by way of float32; as integers they are added at the speed of the memory.
        kind = np.int16 if data.x.itemsize == 2 else data.x.dtype
        return [tuple(a.reshape(-1).view(kind) for a in (data.y, data.g, data.x))]
    pairs = [(data.y, data.x), (data.t, data.g)]
    return [tuple(a.reshape(-1) for a in pair) for pair in pairs[: 1 if traffic == "copy" else 2]]


def _add(to: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    np.add(a, b, out=to)


def _words(operands: list[tuple[np.ndarray, ...]]) -> list[tuple[np.ndarray, ...]]:
    """Return the same bytes as float32."""
    return [tuple(array.view(np.float32) for array in arrays) for arrays in operands]


def _split(arrays: tuple[np.ndarray, ...], parts: int) -> list[tuple[np.ndarray, ...]]:
    per_line = ALIGNMENT // arrays[0].itemsize
    step = -(-arrays[0].size // (parts * per_line)) * per_line
    return [tuple(a[start : start + step] for a in arrays) for start in range(0, arrays[0].size, step)]
