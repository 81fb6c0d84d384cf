"""A training step of the three-layer experiment. Every round does the same steps from the same start."""

import pytest

from relu_fast.bench.training import against_numpy, against_torch

STEPS = 50


@pytest.fixture(params=["ours", "numpy", "torch"])
def trainer(request):
    if request.param == "torch":
        pytest.importorskip("torch")
        return against_torch()["theirs"]
    return against_numpy()["ours" if request.param == "ours" else "theirs"]


def test_fifty_steps(benchmark, trainer):
    def steps():
        for _ in range(STEPS):
            trainer.step()

    benchmark.group = "training step"
    benchmark.pedantic(steps, setup=trainer.restart, rounds=50)
