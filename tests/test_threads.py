"""The GIL is let go; threads compute what one alone does; how many there are, and when they come and go."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from tables import ALL_DTYPES, DTYPES, UFUNCS, as_tuple, assert_same_bits, plain, row_id

import relu_fast as rf

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
on_linux = pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc and affinity")


@contextmanager
def threads(n):
    """So many threads share large arrays."""
    before = rf.get_num_threads()
    rf.set_num_threads(n)
    try:
        yield
    finally:
        rf.set_num_threads(before)


# ---- the GIL


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


# ---- callers in several threads


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


# ---- large arrays, shared among threads

SHARED = 200_003  # enough for three threads
STREAMED = (1 << 20) + 77  # and past the cache
LAYOUTS = {
    "contiguous": lambda base: base[:SHARED],
    "off alignment": lambda base: base[1 : SHARED + 1],
    "every third": lambda base: base[: 3 * SHARED : 3],
    "backwards": lambda base: base[SHARED::-1],
    "two axes": lambda base: base[: 2 * SHARED].reshape(2, SHARED)[:, :-5],
    "streamed": lambda base: base[:STREAMED],
}


def outputs(name, inputs):
    """Empty arrays for the outputs, which lie in memory as the first input does."""
    return tuple(np.full_like(inputs[0], 9) for _ in range(UFUNCS[name].nout))


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@pytest.mark.parametrize("layout", LAYOUTS)
@every_ufunc
def test_shared_arrays_have_the_bits_of_one_thread(name, layout, dtype):
    base = plain(dtype, 3 * SHARED + STREAMED)
    # parameters as arrays, too: nothing is constant
    inputs = [LAYOUTS[layout](np.roll(base, shift)) for shift in range(UFUNCS[name].nin)]
    with threads(1):
        alone = as_tuple(UFUNCS[name](*inputs, out=outputs(name, inputs)))
    with threads(3):
        shared = as_tuple(UFUNCS[name](*inputs, out=outputs(name, inputs)))
    for a, b in zip(alone, shared, strict=True):
        assert_same_bits(a, b)


@dtypes
@every_ufunc
def test_shared_arrays_may_be_written_in_place(name, dtype):
    n_params = UFUNCS[name].nin - (2 if name.endswith("_backward") else 1)
    data = [plain(dtype, STREAMED, seed=seed) for seed in range(UFUNCS[name].nin - n_params)]
    params = [dtype(0.5)] * n_params
    with threads(1):
        alone = as_tuple(UFUNCS[name](*data, *params))
    with threads(3):
        out = (data[0], *(np.empty_like(data[0]) for _ in alone[1:]))
        UFUNCS[name](*data, *params, out=out)
    for a, b in zip(alone, out, strict=True):
        assert_same_bits(a, b)


# ---- how many

NUMBER = "import relu_fast as rf; print(rf.get_num_threads())"


def run(code, *options, **environment):
    """Run Python with these variables, in a process of its own: other libraries start no threads there."""
    env = {key: value for key, value in os.environ.items() if key != "RELU_FAST_NUM_THREADS"}
    env |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, *options, "-c", code], env=env, capture_output=True, text=True, timeout=300
    )


def printed(code, **environment):
    done = run(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("n", [1, 2, 1024, np.int64(3), True])
def test_the_number_that_was_set_is_got(n):
    with threads(n):
        assert rf.get_num_threads() == n


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "set_num_threads(0): expected at least 1"),
        (-3, ValueError, "set_num_threads(-3): expected at least 1"),
        (1025, ValueError, "set_num_threads(1025): expected at most 1024"),
        (10**30, ValueError, f"set_num_threads({10**30}): expected at most 1024"),
        (2.0, TypeError, "set_num_threads: expected an integer, got float"),
        ("2", TypeError, "set_num_threads: expected an integer, got str"),
        (None, TypeError, "set_num_threads: expected an integer, got NoneType"),
        (np.ones((2, 2), int), TypeError, "set_num_threads: expected an integer, got ndarray"),
    ],
    ids=str,
)
def test_a_number_that_cannot_be_is_refused_in_one_line(n, error, message):
    before = rf.get_num_threads()
    with pytest.raises(error) as raised:
        rf.set_num_threads(n)
    assert str(raised.value) == message
    assert rf.get_num_threads() == before


@pytest.mark.parametrize("value", ["1", "3", "1024"])
def test_the_environment_sets_the_number(value):
    done = run(NUMBER, RELU_FAST_NUM_THREADS=value)
    assert (done.stdout.strip(), done.stderr) == (value, "")


def test_an_empty_variable_is_no_variable():
    done = run(NUMBER, RELU_FAST_NUM_THREADS="")
    assert (done.stdout, done.stderr) == (run(NUMBER).stdout, "")


@pytest.mark.parametrize("value", ["0", "-1", "1025", "abc", "2 threads", "1.5", "9" * 30])
def test_a_variable_that_is_no_such_number_warns_in_one_line_and_is_ignored(value):
    done = run(NUMBER, RELU_FAST_NUM_THREADS=value)
    assert done.stdout == run(NUMBER).stdout
    (line,) = [line for line in done.stderr.splitlines() if "Warning" in line]
    assert line.endswith(f"RELU_FAST_NUM_THREADS={value!r} is ignored; expected a number from 1 to 1024")


def test_the_setter_wins_over_the_environment():
    code = "import relu_fast as rf; rf.set_num_threads(2); print(rf.get_num_threads(), rf.threads.origin())"
    assert printed(code, RELU_FAST_NUM_THREADS="5") == "2 set_num_threads"


@pytest.mark.parametrize(
    ("value", "origin"),
    [("5", "RELU_FAST_NUM_THREADS"), ("", "the processors that this process may use")],
)
def test_it_is_told_where_the_number_comes_from(value, origin):
    code = "import relu_fast as rf; print(rf.threads.origin())"
    assert printed(code, RELU_FAST_NUM_THREADS=value) == origin


@on_linux
def test_by_default_there_is_a_thread_for_each_processor_of_the_affinity_at_most():
    assert 1 <= int(printed(NUMBER)) <= len(os.sched_getaffinity(0))
    one = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    assert printed(one + NUMBER) == "1"


# ---- coming and going

PROLOGUE = """
import os, signal, sys, threading, time
import numpy as np

def count():
    return len(os.listdir("/proc/self/task"))

def settles_at(n):  # a thread that leaves is there for a moment yet
    end = time.monotonic() + 60
    while count() != n and time.monotonic() < end:
        time.sleep(0.001)
    return count() == n

before = count()
"""

SHARING = """
import relu_fast as rf

x = np.linspace(-3, 3, 500_000)
rf.set_num_threads(1)
expected = rf.elu(x)
rf.set_num_threads(3)

def right():
    return np.array_equal(rf.elu(x), expected)
"""

FORKING = """
def child_is_right(body=right):
    pid = os.fork()
    if pid == 0:
        signal.alarm(120)
        os._exit(0 if body() else 1)
    return os.waitpid(pid, 0)[1] == 0
"""


@on_linux
def test_threads_start_with_the_first_large_array_only():
    code = f"""{PROLOGUE}
import relu_fast as rf
assert count() == before, "import starts threads"
rf.set_num_threads(3)
rf.relu(np.ones(10_000))
assert count() == before, "a small array starts threads"
rf.set_num_threads(1)
rf.relu(np.ones(500_000))
assert count() == before, "one thread starts others"
rf.set_num_threads(3)
rf.relu(np.ones(500_000))
assert count() == before + 2, count()
rf.set_num_threads(2)
assert settles_at(before + 1), count()
"""
    printed(code)


@on_linux
def test_no_thread_is_left_at_exit():
    code = f"""{PROLOGUE}
import atexit
# called after all that are registered later
atexit.register(lambda: print("left" if settles_at(before) else count(), flush=True))
{SHARING}
assert right() and count() == before + 2
"""
    assert printed(code) == "left"


@on_linux
def test_a_child_forked_after_a_large_array_computes():
    code = f"""{PROLOGUE}{SHARING}{FORKING}
def grandchild():
    return right() and child_is_right()

def exits():
    rf.threads.threads_shutdown()
    return right()

assert right()
for body in (right, grandchild, exits, lambda: count() == 1 and right() and count() == 3):
    assert child_is_right(body) and right()
"""
    printed(code)


@on_linux
def test_a_child_forked_while_another_thread_computes_computes():
    code = f"""{PROLOGUE}{SHARING}{FORKING}
stop, wrong = threading.Event(), []

def compute():
    out = np.empty_like(x)
    while not stop.is_set():
        if not np.array_equal(rf.elu(x, out=out), expected):
            wrong.append(1)

others = [threading.Thread(target=compute) for _ in range(2)]
for other in others:
    other.start()
children = [child_is_right() for _ in range(20)]
stop.set()
for other in others:
    other.join()
assert all(children), children
assert not wrong
assert right()
"""
    printed(code)


@on_linux
def test_a_pool_of_forked_processes_computes():
    code = f"""{PROLOGUE}{SHARING}
import multiprocessing
assert right()
with multiprocessing.get_context("fork").Pool(2) as pool:
    results = [pool.apply_async(rf.elu, (x * k,)) for k in (1, 2, 3, 4)]
    for k, result in zip((1, 2, 3, 4), results):
        assert np.array_equal(result.get(timeout=120), rf.elu(x * k))
"""
    printed(code)


@on_linux
def test_threads_that_cannot_be_had_are_done_without():
    code = f"""{PROLOGUE}{SHARING}
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
out = np.empty_like(x)
rf.set_num_threads(64)
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), -1))
rf.elu(x, out=out)
got = count() - before
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert np.array_equal(out, expected)
print(got)
"""
    assert int(printed(code)) < 63


def test_callers_share_while_others_change_the_number():
    x = plain(np.float32, 500_000)
    with threads(1):
        expected = rf.ufuncs.tanh(x)
    with threads(3), ThreadPoolExecutor(4) as pool:
        changes = [pool.submit(rf.set_num_threads, 1 + i % 4) for i in range(60)]
        results = [pool.submit(rf.ufuncs.tanh, x) for _ in range(60)]
        for change in changes:
            change.result()
        for result in results:
            assert_same_bits(result.result(), expected)
