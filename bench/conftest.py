"""One thread for every suite, and statements as functions."""

import pytest

from relu_fast.bench.machine import one_thread


@pytest.fixture(scope="session", autouse=True)
def single_thread():
    with one_thread() as said:
        yield said


@pytest.fixture
def as_function():
    """Turn a statement and its names into a function without arguments."""

    def compiled(statement, names):
        scope = dict(names)
        exec(f"def work(): {statement}", scope)
        return scope["work"]

    return compiled
