"""A caller whose arrays and records have to survive every refused call."""

import numpy as np
import pytest
from reference_units import EVERYTHING

import relu_fast as rf

F4 = np.float32


class Caller:
    """What a caller owns: arrays and records, each of which a failing call has to leave alone."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.z = rng.normal(size=(4, 6)).astype(F4)
        self.z3 = rng.normal(size=(2, 6, 5)).astype(F4)
        self.g = rng.normal(size=(4, 6)).astype(F4)
        self.wide = rng.normal(size=(4, 6))
        self.bias = rng.normal(size=6).astype(F4)
        self.sums = np.full(6, 7, F4)
        self.out = np.full((4, 6), 7, F4)
        self.frozen = np.full((4, 6), 7, F4)
        self.frozen.setflags(write=False)
        self.buffer = rng.normal(size=(9, 6)).astype(F4)
        self.mask = np.full(3, 7, np.uint8)
        self.frozen_mask = np.full(3, 7, np.uint8)
        self.frozen_mask.setflags(write=False)
        self.stats = rf.UnitStats(6, EVERYTHING)
        self.stats3 = rf.UnitStats(3)
        self.grads = rf.GradStats(6)
        self.grads3 = rf.GradStats(3)
        for stats in (self.stats, self.stats3):
            rf.fused.observe(np.ones((2, stats.units)), "relu", stats=stats)

    def state(self):
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        for name in ("stats", "stats3", "grads", "grads3"):
            record = getattr(self, name)
            arrays |= {f"{name}.{field}": getattr(record, field) for field in record._fields}
        return {
            name: None if value is None else (value.dtype, value.tobytes()) for name, value in arrays.items()
        }


def assert_refused(call, error, says):
    """`call` raises exactly this error, its message is a line with `says` in it, and nothing has changed."""
    caller = Caller()
    before = caller.state()
    with pytest.raises(error) as caught:
        call(caller)
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert type(caught.value) is error
    assert caller.state() == before
