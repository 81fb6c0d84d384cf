"""Both sides of every bar on one thread."""

import pytest

from relu_fast.bench.bar_list import bars

ON_ARRAYS = [bar for bar in bars() if not bar.is_training and bar.threads == 1]


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("bar", ON_ARRAYS, ids=lambda bar: f"{bar.section}: {bar.work} against {bar.against}")
def test_bar(benchmark, arrays, as_function, bar, side):
    pytest.importorskip(bar.peer)
    peer = arrays.peer(bar.peer)
    peer.set_threads(1)
    benchmark.group = f"{bar.section}: {bar.work}, at most {bar.at_most} x {bar.against}"
    with peer.measuring():
        benchmark(as_function(bar.sides(arrays)[side]))
