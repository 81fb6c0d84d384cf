"""Calls keep no memory, those that raise neither; `soak.py` makes more of them."""

import pytest
from soak import calls, growth

import relu_fast as rf

N = 15_000


@pytest.fixture(autouse=True)
def _settings():
    """What the calls may change."""
    before = rf.get_num_threads(), rf.isa.active()
    yield
    rf.set_num_threads(before[0])
    rf.isa.use(before[1])


def test_every_call_does_what_it_is_there_for():
    good, bad = calls()
    for call in good:
        call()
    for call in bad:
        with pytest.raises((TypeError, ValueError)):
            call()


def test_calls_leave_no_objects_references_or_memory_behind():
    traced, resident, references = growth(N, traced=True)
    assert traced < N // 2  # a function that leaves one object a call leaves 16 bytes * N // 28 or more
    assert references < 100
    assert resident < 8 << 20


def test_the_measure_notices_a_reference_for_every_round(monkeypatch):
    kept = []
    monkeypatch.setattr("soak.calls", lambda: ([lambda: kept.append(rf.relu)], []))
    assert growth(3000, traced=False)[2] >= 3000
