"""The libraries to compare with: how each of them does a work, on the same numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib import import_module

import numpy as np

from .compiled_peers import COMPILED_PEERS
from .data import Data
from .idioms import IDIOMS, NEEDS_SCIPY
from .peer import Peer
from .timing import Call
from .torch_calls import ALLOCATING, TORCH
from .works import Work

__all__ = ["PEERS", "find_peers"]


class NumPy(Peer):
    name, title, has_threads = "numpy", "NumPy", False

    def __init__(self) -> None:
        self.version = np.__version__
        try:
            self._erf = import_module("scipy.special").erf
        except ImportError:
            self._erf = None

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        statement = IDIOMS.get((work.activation, work.task))
        if statement is None or (work.activation in NEEDS_SCIPY and self._erf is None):
            return None
        return Call(statement, {**data.names, "erf": self._erf})

    def measuring(self) -> AbstractContextManager[object]:
        return np.errstate(all="ignore")  # float16 overflows in the exponential functions


class Torch(Peer):
    name, title = "torch", "PyTorch"

    def __init__(self) -> None:
        self._torch = import_module("torch")
        self.version = self._torch.__version__
        self._names = {"torch": self._torch, "nn": self._torch._C._nn}
        for name in sorted(set(re.findall(r"\b\w+_backward\b", " ".join(TORCH.values())))):
            overloads = getattr(self._torch.ops.aten, name)
            self._names[name] = overloads.default if name in ALLOCATING else overloads.grad_input

    def call(self, work: Work, data: Data, threads: int) -> Call | None:
        statement = TORCH.get((work.activation, work.task))
        if statement is None:
            return None
        arrays = {name: self._torch.from_numpy(getattr(data, name)) for name in "xgyt"}
        weight = self._torch.full((1,), float(data.w), dtype=arrays["x"].dtype)
        return Call(statement, {**self._names, **arrays, "w": weight})

    def set_threads(self, threads: int) -> None:
        self._torch.set_num_threads(threads)

    def measuring(self) -> AbstractContextManager[object]:
        mode: AbstractContextManager[object] = self._torch.inference_mode()
        return mode


_ALL: tuple[type[Peer], ...] = (NumPy, Torch, *COMPILED_PEERS)
PEERS: dict[str, type[Peer]] = {peer.name: peer for peer in _ALL}


def find_peers(names: Iterable[str]) -> tuple[list[Peer], list[str]]:
    """Import them; return those that are there, and the titles of those that are not."""
    found, missing = [], []
    for name in names:
        try:
            found.append(PEERS[name]())
        except ImportError:
            missing.append(PEERS[name].title)
    return found, missing
