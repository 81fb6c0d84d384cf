"""One thread for every suite, and calls as functions."""

import pytest

from relu_fast.bench.bars import Bench
from relu_fast.bench.machine import one_thread
from relu_fast.bench.table import use_threads


@pytest.fixture(scope="session", autouse=True)
def single_thread():
    with one_thread() as said:
        use_threads(1, [])
        yield said


@pytest.fixture(scope="session")
def arrays():
    """Arrays, limits and peers."""
    return Bench(sample_seconds=0.004)


@pytest.fixture
def as_function():
    """Turn a call into a function without arguments."""

    def compiled(call):
        scope = dict(call.names)
        exec(f"def work(): {call.statement}", scope)
        exec(call.setup, scope)
        return scope["work"]

    return compiled
