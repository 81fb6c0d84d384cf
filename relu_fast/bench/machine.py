"""What a measurement was made on, holding NumPy's BLAS to one thread, and keeping memory that is freed."""

from __future__ import annotations

import ctypes
import datetime
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np

import relu_fast as rf

from .peer import Peer

__all__ = ["Machine", "describe", "keep_freed_memory", "one_thread"]

# Of glibc's mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True)
class Machine:
    """Processor, versions and the moment: without them a ratio is no measurement.

    Attributes
    ----------
    load : float or None
        Processes that ran, mean over the last minute: more than 0.5 on an idle machine is other work.
    date : str
        ISO 8601, UTC.
    """

    cpu: str
    cores: int
    system: str
    isa: str
    versions: dict[str, str]
    load: float | None
    date: str

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        load = "" if self.load is None else f", load {self.load:.2f}"
        return f"{self.cpu}, {self.cores} cores, {self.system}, ISA {self.isa}\n{versions}\n{self.date}{load}"

    def to_dict(self) -> dict[str, object]:
        """Return plain types for JSON."""
        return asdict(self)


def describe(peers: Iterable[Peer] = ()) -> Machine:
    """Describe this machine now, with the versions of the peers, and of PyTorch, which the bars want."""
    versions = {"relu_fast": rf.__version__, "Python": platform.python_version(), "NumPy": np.__version__}
    with suppress(PackageNotFoundError):
        versions["PyTorch"] = version("torch")
    versions.update({peer.title: peer.version for peer in peers})
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        isa=rf.isa.active(),
        versions=versions,
        load=_load(),
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )


@contextmanager
def one_thread() -> Iterator[str]:
    """Hold BLAS to one thread inside the block; gives a sentence on whether that worked."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        if any(os.environ.get(name) == "1" for name in _BLAS_VARIABLES):
            yield "one thread (BLAS by its environment variable)"
        else:
            yield (
                "NOT ensured: BLAS may use several threads in the training steps; "
                "install threadpoolctl or set OPENBLAS_NUM_THREADS=1"
            )
        return
    with threadpool_limits(1, user_api="blas"):
        yield "one thread (BLAS held to one by threadpoolctl)"


def keep_freed_memory() -> None:
    """Ask glibc, where it is the C library, not to return freed memory to the system, up to 32 MiB a piece.

    Else whether it does is a matter of which blocks lie next to each other, so of chance; a candidate that makes
    its output anew, as JAX's do, then meets a page fault every 4 KiB in some processes and takes twice as long.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.libc_ver()[0] == "glibc" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _cpu() -> str:
    """Name of the processor, as Linux or macOS gives it."""
    try:
        if platform.system() == "Darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                # AArch64 has no name there.
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or platform.machine()
