"""Both sides of every bar on arrays."""

import pytest

from relu_fast.bench.bars import BARS

ON_ARRAYS = [bar for bar in BARS if not bar.is_training]


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("bar", ON_ARRAYS, ids=lambda bar: f"{bar.work} against {bar.peer}")
def test_bar(benchmark, as_function, bar, side):
    benchmark.group = f"{bar.work}, at most {bar.at_most} x {bar.peer}"
    benchmark(as_function(getattr(bar, side), bar.names()))
