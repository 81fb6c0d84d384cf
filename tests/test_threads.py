"""The GIL is let go, and threads compute what one alone does."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tables import DTYPES, UFUNCS, as_tuple, assert_same_bits, plain, row_id

import relu_fast as rf

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)


def runs_while(call):
    """Whether another thread can run while `call` does, which needs the GIL."""
    interval, ran = sys.getswitchinterval(), threading.Event()
    ready, go = threading.Event(), threading.Lock()
    go.acquire()

    def other():
        ready.set()
        with go:
            ran.set()

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait()
    sys.setswitchinterval(1000)  # nobody takes the GIL: it has to be let go
    try:
        go.release()
        call()
        return ran.is_set()
    finally:
        sys.setswitchinterval(interval)
        thread.join()


def eventually(call, seconds=30.0):
    """Try again: on a busy machine the other thread may get no processor while `call` runs."""
    end = time.monotonic() + seconds
    while not runs_while(call):
        if time.monotonic() > end:
            return False
    return True


def test_the_measure_of_the_gil_notices_who_keeps_it():
    assert not eventually(lambda: sum(range(200_000)), seconds=0.2)


@every_ufunc
def test_ufuncs_let_other_threads_run(name):
    big = np.full(1_000_000, -1.5)
    out = tuple(np.empty_like(big) for _ in range(UFUNCS[name].nout))
    assert eventually(lambda: UFUNCS[name](*[big] * UFUNCS[name].nin, out=out))


def test_fused_passes_let_other_threads_run():
    big, out = np.full((10_000, 100), -1.5), np.empty((10_000, 100))
    assert eventually(lambda: rf.fused.forward(big, "tanh", out=out))
    assert eventually(lambda: rf.fused.backward(big, "tanh", x=big, out=out))
    assert eventually(lambda: rf.fused.observe(big, "tanh", stats=rf.UnitStats(100)))


@dtypes
@every_ufunc
def test_threads_compute_what_one_alone_does(name, dtype):
    given = [[plain(dtype, 100_003, seed=seed + i) for i in range(UFUNCS[name].nin)] for seed in range(4)]
    wanted = [as_tuple(UFUNCS[name](*g)) for g in given]
    with ThreadPoolExecutor(4) as pool:
        results = [as_tuple(r) for r in pool.map(lambda g: UFUNCS[name](*g), given * 4)]
    for got, want in zip(results, wanted * 4, strict=True):
        for g, w in zip(got, want, strict=True):
            assert_same_bits(g, w)


def test_threads_count_into_records_of_their_own():
    z = [plain(np.float32, (5_000, 33), seed=seed) for seed in range(4)]

    def count(a):
        stats = rf.UnitStats(33, ("active", "max", "sum_abs"))
        rf.fused.forward(a, "elu", stats=stats)
        return stats

    alone = [count(a) for a in z]
    with ThreadPoolExecutor(4) as pool:
        for got, want in zip(pool.map(count, z * 4), alone * 4, strict=True):
            assert got == want
