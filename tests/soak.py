"""Calls of everything that reaches C, over and over, and what memory they keep.

python tests/soak.py 10000000
"""

import contextlib
import gc
import os
import sys
import tracemalloc
from itertools import pairwise

import numpy as np

import relu_fast as rf

UNITS = 7


def calls():
    """Functions without arguments, each of them one call: those that do their work, and those that raise."""
    z, g = (
        np.linspace(-3, 3, 21 * UNITS, dtype=np.float32).reshape(21, UNITS),
        np.ones((21, UNITS), np.float32),
    )
    wide = np.linspace(-1, 1, 3 * 5000).reshape(3, 5000)
    bias, y, bias_grad = np.zeros(UNITS, np.float32), np.empty_like(z), np.empty(UNITS, np.float32)
    stats, grad_stats = rf.UnitStats(UNITS), rf.GradStats(UNITS)
    all_of_it = rf.UnitStats(5000, collect=("active", "nonfinite", "max", "min", "sum_abs"))
    mask = rf.fused.empty_mask(z.shape)
    halves, strided = z.astype(np.float16), np.ones((40, 2 * UNITS))[::2, ::2]
    good = [
        lambda: rf.relu(z),
        lambda: rf.elu(z, out=y),
        lambda: rf.mish(halves),
        lambda: rf.leaky_relu(strided, 0.1),
        lambda: rf.prelu(z, bias, unit_axis=-1),
        lambda: rf.relu(z, where=z > 0, out=y),
        lambda: rf.ufuncs.prelu_backward(g, z, bias),
        lambda: rf.relu_backward(g, z),
        lambda: rf.gelu(1.5),
        lambda: rf.count_active(z),
        lambda: rf.fused.forward(z, "relu", bias=bias, stats=stats, mask=mask),
        lambda: rf.fused.forward(z, "elu", out=y, alpha=0.5),
        lambda: rf.fused.forward(wide, "silu", stats=all_of_it),
        lambda: rf.fused.backward(g, "relu", x=z, bias=bias, bias_grad=bias_grad, stats=grad_stats),
        lambda: rf.fused.backward(g, "relu", mask=mask, out=y),
        lambda: rf.fused.backward(g, "tanh", y=y),
        lambda: rf.fused.empty_mask((21, UNITS)),
        lambda: rf.UnitStats(UNITS).merge(stats),
        lambda: rf.isa.use(rf.isa.active()),
    ]
    bad = [
        lambda: rf.fused.forward(z, "relu", bias=wide),
        lambda: rf.fused.forward(z, "no such thing"),
        lambda: rf.fused.forward(z.astype(complex), "relu"),
        lambda: rf.fused.backward(g, "gelu", mask=mask),
        lambda: rf.fused.backward(g, "relu", x=z, y=y),
        lambda: rf.relu("text"),
        lambda: rf.relu(z, out=wide),
        lambda: rf.set_num_threads(0),
        lambda: rf.isa.use("sse9"),
    ]
    return good, bad


def make(functions, n):
    """Call them in turn, at least `n` calls in all."""
    for _ in range(0, n, len(functions)):
        for function in functions:
            with contextlib.suppress(TypeError, ValueError):
                function()


def held(functions):
    """How many references there are to the operands, and to what every call looks at."""
    shared = [np.dtype(c) for c in "efd"] + [rf.relu, rf.ufuncs.elu, rf.UnitStats, "relu", "elu"]
    cells = {id(c): c for f in functions for c in f.__closure__ or ()}
    return [sys.getrefcount(o) for o in shared + [c.cell_contents for c in cells.values()]]


def resident():
    """Bytes of the process that are in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


def growth(n, *, traced):
    """What `n` calls leave behind: bytes that Python traces (0 unless `traced`), bytes in memory, references.

    Of three times `n` calls those that left least: a leak shows in each, a cache that fills does not.
    """
    good, bad = calls()
    functions = good + bad

    def state():
        gc.collect()
        return tracemalloc.get_traced_memory()[0], resident(), held(functions)

    make(functions, max(n // 10, 2000))
    if traced:
        tracemalloc.start()
        make(functions, n)  # fills CPython's cache of attributes, whose entries hold strings
    states = [state()]
    for _ in range(3):
        make(functions, n)
        states.append(state())
    if traced:
        tracemalloc.stop()
    traced_bytes, resident_bytes, references = zip(*states, strict=True)

    def least(before_and_after):
        return min(after - before for before, after in before_and_after)

    return (
        least(pairwise(traced_bytes)),
        least(pairwise(resident_bytes)),
        min(max(abs(a - b) for a, b in zip(*two, strict=True)) for two in pairwise(references)),
    )


if __name__ == "__main__":
    n = int(sys.argv[1])
    _, resident_growth, references = growth(n, traced=False)
    print(f"{n} calls: {resident_growth / 1024:.0f} KiB more in memory, at most {references} references more")
    sys.exit(resident_growth > 8 << 20 or references > 100)
