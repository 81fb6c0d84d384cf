"""Every activation at every size, float32, one thread: ours, the NumPy idiom, the limit."""

import pytest

from relu_fast.bench.sections import size_name
from relu_fast.bench.settings import SIZES
from relu_fast.bench.works import ours, works


@pytest.fixture(params=SIZES, ids=size_name)
def data(request, arrays):
    return arrays.store.get("float32", request.param)


@pytest.mark.parametrize("who", ["ours", "numpy", "limit"])
@pytest.mark.parametrize("work", works(), ids=lambda work: f"{work.activation}-{work.task}")
def test_work(benchmark, arrays, as_function, data, work, who):
    if who == "limit":
        found = arrays.limits.fastest(work.traffic, data)
        call = found and found[1]
    else:
        call = ours(work, data) if who == "ours" else arrays.peer("numpy").call(work, data, 1)
    if call is None:
        pytest.skip(f"no {who} for {work.activation} {work.task}")
    benchmark.group = f"{work.activation} {work.task}, {size_name(data.x.size)}"
    benchmark(as_function(call))
