"""Every activation at every size: ours, the NumPy idiom, np.copyto."""

import pytest

from relu_fast.bench.command import SIZES
from relu_fast.bench.output import size_name
from relu_fast.bench.works import COPY, arrays, works


@pytest.fixture(scope="module", params=SIZES, ids=size_name)
def names(request):
    return arrays(request.param)


@pytest.mark.parametrize("peer", ["ours", "numpy", "copy"])
@pytest.mark.parametrize("work", works(), ids=lambda work: f"{work.activation}-{work.task}")
def test_work(benchmark, as_function, names, work, peer):
    statement = {"ours": work.ours, "numpy": work.numpy, "copy": COPY}[peer]
    if statement is None:
        pytest.skip(f"no NumPy idiom is written for {work.activation}")
    benchmark.group = f"{work.activation} {work.task}, {size_name(names['x'].size)}"
    benchmark(as_function(statement, names))
