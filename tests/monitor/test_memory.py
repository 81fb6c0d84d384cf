"""How much memory a history takes."""

import tracemalloc

import numpy as np
from monitored import passed

import relu_fast as rf


def test_history_takes_less_than_100_bytes_per_unit_and_snapshot():
    units, snapshots = 20000, 5
    rng = np.random.default_rng(0)
    z = rng.normal(size=(7, units)).astype(np.float32)
    z[rng.random(z.shape) < 0.3] = np.nan
    monitor = rf.DeadUnitMonitor()

    def window(step):
        monitor.observe("fc1", z)
        monitor.observe_grad("fc1", z)
        passed(monitor, z)
        monitor.snapshot(step)

    window(0)
    tracemalloc.start()
    try:
        for step in range(snapshots):
            window(step + 1)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < grown / (units * snapshots) <= 100
