"""The options of a run of the lab, checked before anything is computed."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from ..info import lack_of_memory
from .data import BYTES_PER_ROW, TARGETS
from .experiments import EXPERIMENTS, named

__all__ = ["MAX_SAMPLES", "MIN_SAMPLES", "Settings"]

MIN_SAMPLES, MAX_SAMPLES = 10, 10**9


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the numbers that come out.

    Attributes
    ----------
    experiments : tuple of str
    epochs, samples, batch_size, seed : int
    target : str

    Raises
    ------
    ValueError
        If a value is out of range, a name is unknown or the data do not fit into memory; the message says
        what was given and what may be.
    """

    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    epochs: int = 25
    samples: int = 200_000
    batch_size: int = 32
    seed: int = 0
    target: str = "random"

    def __post_init__(self) -> None:
        named(self.experiments)
        for name, least in (("epochs", 1), ("samples", MIN_SAMPLES), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{_option(name)} is {value}, expected at least {least}")
        if self.samples > MAX_SAMPLES:
            raise ValueError(f"--samples is {self.samples}, expected at most {MAX_SAMPLES}")
        if self.target not in TARGETS:
            raise ValueError(f"unknown target {self.target!r}; choose from {', '.join(TARGETS)}")
        self.check_memory(1)

    def check_memory(self, jobs: int) -> None:
        """Check that the data of `jobs` experiments at a time fit into memory; ValueError if they do not."""
        factors = sorted((experiment.samples_factor for experiment in named(self.experiments)), reverse=True)
        lack = lack_of_memory(self.samples * sum(factors[:jobs]) * BYTES_PER_ROW)
        if lack is not None:
            at_a_time = "" if jobs == 1 else f"with --jobs {jobs} "
            raise ValueError(f"--samples is {self.samples}, which {at_a_time}{lack}")

    @property
    def command(self) -> str:
        """The command that gives the same numbers again; without names it runs all experiments."""
        options = asdict(self) | {"experiments": ",".join(self.experiments)}
        if self.experiments == tuple(EXPERIMENTS):
            del options["experiments"]
        words = [word for name, value in options.items() for word in (_option(name), str(value))]
        return shlex.join(["relu-fast", "lab", *words])

    def to_dict(self) -> dict[str, Any]:
        """Every option by name."""
        return asdict(self)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
