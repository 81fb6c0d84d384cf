"""The benchmarks: the measuring core on made-up times, peers and twins against our numbers, the command."""

import json
import math
import platform
import re
import subprocess
import sys
import types

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.bench import (
    bar_list,
    command,
    data,
    formulas,
    limit,
    machine,
    output,
    progress,
    sections,
    settings,
    table,
    works,
)
from relu_fast.bench.bars import Bar, Bench, Outcome, geometric_means, measure
from relu_fast.bench.numpy_twin import NumpyTwin
from relu_fast.bench.peers import PEERS, find_peers
from relu_fast.bench.sections import bar_sections
from relu_fast.bench.timing import Call, Samples, interleaved
from relu_fast.bench.training import BATCH_SIZE, OurStep, batches
from relu_fast.cli import main

UNITS = data.UNITS
WORKS = works.works()


@pytest.fixture(autouse=True)
def threads_are_as_before():
    before = rf.get_num_threads()
    yield
    rf.set_num_threads(before)


class FakeWork:
    """A sampler of a work that takes so many seconds of CPU a call, twice that by the wall; notes its calls."""

    def __init__(self, name, seconds_per_call, log):
        self.name, self.log = name, log
        self.seconds_per_call = seconds_per_call

    def __call__(self, calls):
        self.log.append((self.name, calls))
        return calls * self.seconds_per_call * (2 + 1j)


def measured(costs, *, rounds=8, sample_seconds=0.01):
    """Samples of made-up works, and the rounds as they were called."""
    log = []
    samplers = {name: FakeWork(name, cost, log) for name, cost in costs.items()}
    samples = interleaved(samplers, rounds=rounds, sample_seconds=sample_seconds)
    return samples, log[len(log) - rounds * len(costs) :]


def taken(*seconds):
    """Samples of rounds that took so long, by either clock."""
    return Samples(1, seconds, seconds)


def test_candidates_take_turns_in_alternating_order():
    _, calls = measured({"a": 1.0, "b": 1.0, "c": 1.0}, rounds=4)
    assert [name for name, _ in calls] == list("abccbaabccba")


@pytest.mark.parametrize(
    ("seconds_per_call", "fewest", "most"),
    [(1e-7, 100_000, 200_000), (1e-3, 10, 20), (0.0099, 2, 2), (0.01, 1, 1), (5.0, 1, 1)],
)
def test_a_sample_repeats_its_work_until_it_lasts_long_enough(seconds_per_call, fewest, most):
    samples, calls = measured({"a": seconds_per_call})
    assert fewest <= samples["a"].calls <= most
    assert {n for _, n in calls} == {samples["a"].calls}
    assert samples["a"].seconds("cpu") == pytest.approx([seconds_per_call] * 8)
    assert samples["a"].seconds("wall") == pytest.approx([2 * seconds_per_call] * 8)


def test_a_work_that_takes_long_is_done_once_before_its_rounds():
    log = []
    interleaved({"a": FakeWork("a", 1.0, log)}, rounds=7, sample_seconds=0.01)
    assert len(log) == 1 + 7


def test_a_clock_that_stands_still_for_short_samples_is_no_error():
    samples = interleaved({"a": lambda n: 0j if n < 50 else 1 + 1j}, rounds=7, sample_seconds=0.1)
    assert samples["a"].calls >= 50


def test_a_call_is_timed_by_both_clocks_without_its_setup():
    names = {"log": []}
    seconds = Call("log.append(1)", names, "log.append(0)").sampler()(3)
    assert names["log"] == [0, 1, 1, 1]
    assert 0 < seconds.real < 1
    assert 0 <= seconds.imag < 1


def test_ratio_is_that_of_the_medians():
    ours, theirs = taken(1.0, 2.0, 90.0), Samples(5, (4.0, 4.0, 4.5), (8.0, 8.0, 9.0))
    assert ours.over(theirs, "cpu").value == 2.0 / 4.0
    assert ours.over(theirs, "wall").value == 2.0 / 8.0


def test_one_disturbed_round_moves_neither_ratio_nor_spread():
    ours, theirs = taken(*(1.0,) * 8, 50.0), taken(*(2.0,) * 9)
    assert vars(ours.over(theirs, "cpu")) == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_spread_is_the_quartiles_of_the_ratio_within_a_round():
    # Both are slower in the later rounds, by the same factor: the ratio does not move.
    ours, theirs = taken(1.0, 2.0, 4.0, 8.0, 16.0), taken(2.0, 4.0, 8.0, 16.0, 32.0)
    assert vars(ours.over(theirs, "cpu")) == {"value": 0.5, "low": 0.5, "high": 0.5}
    ratio = taken(1.0, 2.0, 3.0, 4.0, 5.0).over(taken(*(1.0,) * 5), "cpu")
    assert (ratio.low, ratio.high) == (2.0, 4.0)


def test_rounds_of_two_runs_are_not_compared():
    with pytest.raises(ValueError, match="shorter"):
        taken(1.0, 2.0, 3.0).over(taken(1.0, 2.0), "cpu")


def a_bar(**changes):
    chosen = {"section": "s", "work": "w", "against": "p", "at_most": 0.5, "elements": 0, "sides": dict}
    return Bar(**{**chosen, **changes})


def an_outcome(ours, theirs, bar=None, **others):
    sides = {"ours": ours, "theirs": theirs, **others}
    return Outcome(bar or a_bar(), {side: taken(*(seconds,) * 7) for side, seconds in sides.items()})


@pytest.mark.parametrize(("seconds", "verdict"), [(1.0, "holds"), (0.9, "holds"), (1.01, "falls short")])
def test_a_bar_holds_up_to_its_ratio(seconds, verdict):
    assert an_outcome(seconds, 2.0).verdict == verdict


def test_a_bar_without_samples_is_not_measured():
    assert Outcome(a_bar(), reason="no peer").verdict == "not measured"


@pytest.mark.parametrize(("small", "ratio", "is_bound"), [(0.1, 2.0, False), (0.5, 1.0, True)])
def test_a_bar_counts_the_slower_of_memory_and_arithmetic(small, ratio, is_bound):
    outcome = an_outcome(2.0, 1.0, a_bar(times=4), small=small)
    assert (outcome.ratio.value, outcome.is_bound_by_arithmetic) == (ratio, is_bound)


def test_what_more_threads_gain_stands_beside_what_memory_allows():
    bar = a_bar(threads=2, at_most=0.7)
    outcome = an_outcome(1.8, 2.0, bar, **{"memory": 0.95, "memory of one": 1.0})
    assert outcome.memory.value == 0.95
    (section,) = bar_sections([outcome], [])
    assert dict(zip(section.header, section.rows[0], strict=True))["memory"] == "0.950"
    assert an_outcome(1.0, 2.0).memory is None


def test_two_threads_are_not_measured_where_there_is_one():
    rf.set_num_threads(1)
    options = {"rounds": 7, "sample_seconds": 0.0, "largest": 0, "progress": lambda text, seconds: None}
    (outcome,) = measure([a_bar(threads=2)], **options)
    assert (outcome.verdict, outcome.reason) == ("not measured", "this process may use one thread only")


def test_a_geometric_mean_is_that_of_all_bars_of_a_section_or_is_not_measured():
    found = [an_outcome(1.0, 2.0), an_outcome(1.0, 8.0), an_outcome(1.0, 99.0, a_bar(section="other"))]
    (mean,) = geometric_means(found, {"s": 0.25, "empty": 1.0})
    assert (mean.value, mean.count, mean.verdict) == (pytest.approx(0.25), 2, "holds")
    (mean,) = geometric_means([*found, Outcome(a_bar(), reason="no peer")], {"s": 0.25})
    assert mean.verdict == "not measured"


@pytest.mark.parametrize("dtype", data.DTYPES)
def test_arrays_are_aligned_and_hold_nothing_subnormal(dtype):
    arrays, again = data.make_data(dtype, 64 * UNITS), data.make_data(dtype, 64 * UNITS)
    for name in "xgyt":
        values = getattr(arrays, name)
        assert (values.shape, values.dtype.name) == ((64, UNITS), dtype)
        assert values.ctypes.data % data.ALIGNMENT == 0
        np.testing.assert_array_equal(values, getattr(again, name))
    for values in (arrays.x, arrays.g):
        assert np.abs(values).min() >= np.finfo(dtype).tiny
    assert np.std(arrays.x, dtype=np.float64) == pytest.approx(3, rel=0.02)


def test_of_large_arrays_the_last_are_kept(monkeypatch):
    monkeypatch.setattr(data, "LARGE", 2 * UNITS)
    store = data.Store()
    small, large = store.get("float32", UNITS), store.get("float32", 3 * UNITS)
    store.get("float64", 3 * UNITS)
    assert store.get("float32", UNITS) is small
    assert store.get("float32", 3 * UNITS) is not large


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", data.DTYPES)
@pytest.mark.parametrize("traffic", ["copy", "add", "two copies"])
def test_every_way_to_the_limit_moves_the_bytes(traffic, dtype, threads, monkeypatch):
    monkeypatch.setattr(limit, "SPLIT_FROM", 0)
    arrays = data.make_data(dtype, 16 * UNITS)
    calls = limit.Limits(0.0)._candidates(traffic, arrays, threads)
    assert len(calls) == 1 + threads  # ours finds its threads by itself
    for name, call in calls.items():
        arrays.y.fill(7)
        arrays.t.fill(7)
        call.sampler()(1)
        if traffic == "add":
            words = np.float32 if "our" in name else np.int16 if dtype == "float16" else dtype
            with np.errstate(all="ignore"):
                expected = (arrays.g.view(words) + arrays.x.view(words)).view(dtype)
            np.testing.assert_array_equal(arrays.y, expected, err_msg=name)
        else:
            np.testing.assert_array_equal(arrays.y, arrays.x, err_msg=name)
        if traffic == "two copies":
            np.testing.assert_array_equal(arrays.t, arrays.g, err_msg=name)


@pytest.mark.parametrize("threads", [1, 2])
def test_our_copy_and_sum_reach_every_element_in_parts_too(threads):
    arrays = data.make_data("float32", 2**18 + UNITS)
    rf.set_num_threads(threads)
    limits = limit.Limits(0.0)
    limits.past_the_cache("copy", arrays).sampler()(1)
    np.testing.assert_array_equal(arrays.y, arrays.x)
    limits.past_the_cache("add", arrays).sampler()(1)
    np.testing.assert_array_equal(arrays.y, arrays.g + arrays.x)


def test_the_fastest_is_looked_for_once_for_the_same_arrays():
    limits, arrays = limit.Limits(0.0), data.make_data("float32", UNITS)
    assert limits.fastest("copy", arrays) is limits.fastest("copy", arrays)
    assert limits.fastest("read", arrays) is None


def test_numbers_in_a_formula_become_scalars_of_the_dtype():
    formula, scalars = formulas.with_typed_numbers("s = x1 * -0.5; where(x1 > 3, s, 2)", "float32")
    assert formula == "s = x1 * -number_0_5; where(x1 > number_3, s, number_2)"
    assert scalars == {"number_0_5": 0.5, "number_3": 3.0, "number_2": 2.0}
    assert {type(value) for value in scalars.values()} == {np.float32}


def result_of(call, arrays, work):
    """What a call computes: its outputs, or the value of its last expression where it allocates them."""
    arrays.y.fill(7)
    *before, last = call.statement.replace(".block_until_ready()", "").replace("[-1]", "").split("; ")
    names = dict(call.names)
    for part in before:
        exec(part, names)
    value = eval(last, names)
    wrote = arrays.y.flat[0] != 7
    values = (arrays.y, arrays.t) if wrote else value if isinstance(value, tuple | list) else (value,)
    return [np.asarray(one).copy() for one in values[: 2 if work.traffic == "two copies" else 1]]


SLOW_TO_COMPILE = {"numba": ("relu", "prelu", "gelu", "silu", "sigmoid")}


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("work", WORKS, ids=lambda work: f"{work.activation} {work.task}")
def test_a_peer_computes_what_we_compute(work, name):
    if work.activation not in SLOW_TO_COMPILE.get(name, [work.activation]):
        pytest.skip("its formula is tested with numexpr")
    pytest.importorskip(name)
    (peer,), _ = find_peers([name])
    # Numba's parallel loops take seconds to compile.
    arrays = data.make_data("float32", 16 * UNITS)
    ours = works.ours(work, arrays)
    expected = result_of(ours, arrays, work)
    if work.task == works.COUNTED:
        expected = [ours.names["stats"].active]
    exec(work.setup, {"rf": rf, **arrays.names})
    with peer.measuring():
        call = peer.call(work, arrays, 1)
        if call is None:
            assert name != "numpy" or work.activation == "gelu", (
                f"write the idiom of {work} in bench/idioms.py"
            )
            pytest.skip(f"{peer.title} has nothing for it")
        theirs = result_of(call, arrays, work)
    if work.task == works.COUNTED:
        theirs = [eval(call.statement.split("; ")[-1], dict(call.names))]
    for one, other in zip(expected, theirs, strict=True):
        np.testing.assert_allclose(one.ravel(), other.ravel(), rtol=2e-5, atol=2e-5)


def test_every_activation_is_written_for_every_peer():
    for table_of in (formulas.FORMULAS, works_of("idioms", "IDIOMS"), works_of("torch_calls", "TORCH")):
        lacking = [(work.activation, work.task) for work in WORKS if work.task in ("forward", "backward")]
        assert [key for key in lacking if key not in table_of] == []
    assert [name for name in rf.ACTIVATIONS if name not in formulas.JAX] == []


def works_of(module, name):
    return getattr(__import__(f"relu_fast.bench.{module}", fromlist=[name]), name)


def test_every_statement_of_every_bar_runs(monkeypatch):
    for name, elements in {"LARGE": 16 * UNITS, "SMALL": 8 * UNITS, "Ki": UNITS}.items():
        monkeypatch.setattr(bar_list, name, elements)
    bench, without_torch = Bench(0.0), 0
    for bar in bar_list.bars():
        if bar.is_training:
            continue
        try:
            peer = bench.peer(bar.peer)
        except ImportError:
            without_torch += bar.peer == "torch"
            continue
        with peer.measuring():
            for call in bar.sides(bench).values():
                assert call.sampler()(1).real >= 0.0
    assert without_torch == 0 or "torch" not in sys.modules


def test_with_avx2_the_bar_of_mish_is_another():
    def bar_of(isa):
        found = [
            bar for bar in bar_list.bars(isa=isa) if bar.work == "mish forward" and "32Ki" in bar.section
        ]
        return [bar.at_most for bar in found if bar.dtype == "float32"]

    if "mish" in rf.ACTIVATIONS:
        assert (bar_of("avx512"), bar_of("avx2")) == ([0.20], [0.25])


def assert_twins_agree(ours, twin, rtol):
    np.testing.assert_allclose(ours.model.parameters, twin.parameters, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(ours.model.gradients, twin.gradients, rtol=rtol, atol=rtol)
    for ours_layer, twin_layer in zip(ours.model.layers, twin.layers, strict=True):
        stats, grad_stats = ours_layer.stats, ours_layer.grad_stats
        np.testing.assert_array_equal(stats.active, twin_layer.active)
        np.testing.assert_array_equal(stats.nonfinite, twin_layer.nonfinite)
        np.testing.assert_array_equal(grad_stats.nonzero, twin_layer.gradient_nonzero)
        np.testing.assert_array_equal(grad_stats.nonfinite, twin_layer.gradient_nonfinite)


@pytest.mark.parametrize(("dtype", "steps", "rtol"), [(np.float64, 50, 1e-12), (np.float32, 1, 1e-6)])
def test_numpy_twin_does_the_same_step(dtype, steps, rtol):
    ours = OurStep(dtype)
    twin = NumpyTwin(ours.widths, BATCH_SIZE, ours.model.parameters)
    for x, y in batches(steps):
        x, y = x.astype(dtype), y.astype(dtype)
        assert ours.step(x, y) == pytest.approx(twin.step(x, y), rel=rtol)
    assert_twins_agree(ours, twin, rtol)
    for ours_layer, twin_layer in zip(ours.model.layers, twin.layers, strict=True):
        np.testing.assert_allclose(ours_layer.stats.max, twin_layer.largest, rtol=rtol, atol=rtol)
        assert ours_layer.stats.seen[0] == steps * BATCH_SIZE
    assert any(0 < layer.active[0] < steps * BATCH_SIZE for layer in twin.layers)


def test_numpy_twin_counts_what_is_not_finite():
    ours = OurStep()
    ours.model.layers[0].kernel[0, :5] = np.inf
    ours.model.layers[3].bias[0] = np.nan
    twin = NumpyTwin(ours.widths, BATCH_SIZE, ours.model.parameters)
    (batch,) = batches(1)
    with np.errstate(all="ignore"):
        ours.step(*batch)
        twin.step(*batch)
    for ours_layer, twin_layer in zip(ours.model.layers, twin.layers, strict=True):
        np.testing.assert_array_equal(ours_layer.stats.nonfinite, twin_layer.nonfinite)
    assert twin.layers[0].nonfinite.sum() == 5 * BATCH_SIZE
    # Below, NumPy's NaN * 0 is NaN where ours selects 0.
    assert twin.layers[3].gradient_nonfinite[0] == ours.model.layers[3].grad_stats.nonfinite[0] == BATCH_SIZE


def test_torch_step_does_the_same_step():
    torch = pytest.importorskip("torch")
    from relu_fast.bench.torch_step import TorchStep

    ours = OurStep()
    theirs = TorchStep(ours.widths, ours.model.parameters)
    for i, (x, y) in enumerate(batches(20)):
        loss = theirs.step(torch.from_numpy(x), torch.from_numpy(y))
        # PyTorch's epsilon in Adam stands elsewhere, so later losses are only close.
        assert ours.step(x, y) == pytest.approx(loss.item(), rel=1e-6 if i == 0 else 1e-3)
        if i == 0:
            gradients = [parameter.grad.numpy().T.ravel() for parameter in theirs.model.parameters()]
            np.testing.assert_allclose(ours.model.gradients, np.concatenate(gradients), rtol=1e-4, atol=1e-8)


@pytest.fixture
def no_torch(monkeypatch):
    """Spares its import, which takes seconds."""
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.fixture(params=["rich", "plain"])
def renderer(request, monkeypatch):
    """With rich and as without it."""
    if request.param == "rich":
        pytest.importorskip("rich")
    else:
        monkeypatch.setattr(output, "find_spec", lambda name: None)


@pytest.mark.usefixtures("no_torch", "renderer")
def test_bench_prints_every_bar_that_it_could_measure(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--sizes", "256,4Ki", "--json", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for bar in bar_list.bars():
        lines = [
            line for line in out.splitlines() if line.startswith(bar.work) and f" {bar.against} " in line
        ]
        if bar.peer == "torch" or bar.elements > 4096:
            assert lines == []
        else:
            (line,) = lines
            assert re.search(
                r" \d+\.\d{3} +\d+\.\d{3}\.\.\d+\.\d{3} .* (holds|falls short)$", line.rstrip()
            ), line
    assert "(PyTorch is not installed)" in out
    assert "(larger than the largest of --sizes)" in out
    assert re.search(r"Training steps per second: [\d,]+ against [\d,]+ \(NumPy", out)
    assert f"NumPy {np.__version__}" in out
    assert rf.isa.active() in out
    content = json.loads(path.read_text())
    assert len(content["bars"]) == len(bar_list.bars())
    assert content["table"] == []
    counts = {
        verdict: sum(bar["verdict"] == verdict for bar in content["bars"])
        for verdict in ("holds", "falls short")
    }
    assert f"{counts['holds']} bars hold, " in out
    assert f" {counts['falls short']} fall short" in out


FULL = ["bench", "--full", "--quick", "--sizes", "256,512", "--activations", "relu,prelu,sigmoid,any"]


@pytest.mark.usefixtures("no_torch")
def test_the_full_table_has_every_row_at_every_size_dtype_and_number_of_threads(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "jax", None)
    monkeypatch.setattr(table, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(settings, "QUICK_SECONDS", 0.0)
    json_path, markdown_path = tmp_path / "bench.json", tmp_path / "bench.md"
    options = [
        "--peers",
        "numpy,torch,jax",
        "--threads",
        "1,2",
        "--json",
        str(json_path),
        "--markdown",
        str(markdown_path),
    ]
    assert main([*FULL, *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Not installed, so not measured: PyTorch, JAX." in out
    content, markdown = json.loads(json_path.read_text()), markdown_path.read_text()
    assert_table_is_complete(content, out, markdown)
    assert content["not_installed"] == ["PyTorch", "JAX"]
    assert markdown.startswith(
        "# Benchmark results\n\nWritten by `relu-fast bench --full --quick --sizes 256,512 "
    )
    assert f"NumPy {np.__version__}" in markdown
    assert content["machine"]["date"] in markdown
    assert "\n\n\n" not in markdown


def assert_table_is_complete(content, out, markdown):
    rows = [work for work in WORKS if work.activation in ("relu", "prelu", "sigmoid", "any")]
    expected = {
        (dtype, size, threads, work.activation, work.task)
        for dtype in data.DTYPES
        for size in (256, 512)
        for threads in (1, 2)
        for work in rows
        if dtype in work.dtypes
    }
    found = {
        (r["dtype"], r["elements"], r["threads"], r["activation"], r["task"]): r for r in content["table"]
    }
    assert set(found) == expected
    assert len(content["table"]) == len(expected)
    for row in found.values():
        assert row["clock"] == ("cpu" if row["threads"] == 1 else "wall")
        assert set(row["samples"]) == (
            {"ours", "numpy"} | ({"limit", "copy"} if row["task"] != "count" else set())
        )
        for name, taken_by in row["samples"].items():
            assert len(taken_by["rounds_ns"]) == 7
            if name != "ours" and row["clock"] == "wall":
                ratio = row["samples"]["ours"]["median_ns"] / taken_by["median_ns"]
                assert math.isclose(ratio, row["over"][name]["value"], rel_tol=0.01)
    for text, start in ((out, ""), (markdown, "### ")):
        for dtype in data.DTYPES:
            for size in (256, 512):
                assert f"\n{start}{dtype}, {size}, one thread\n" in text
                assert f"\n{start}{dtype}, {size}, 2 threads\n" in text
    assert markdown.count("\n| prelu | backward | ") == 12
    assert re.search(r"^float16, 512, 2 threads +backward +\d", out, re.MULTILINE)


@pytest.mark.usefixtures("no_torch")
def test_numpy_is_measured_once_on_large_arrays(monkeypatch):
    monkeypatch.setattr(table, "LARGE", UNITS)
    (peer,), _ = find_peers(["numpy"])
    plan = table.Plan(
        works=tuple(work for work in WORKS if work.activation == "relu" and work.task == "forward"),
        sizes=(UNITS,),
        dtypes=("float32",),
        threads=(1, 2),
        peers=(peer,),
        rounds=7,
        sample_seconds=0.0,
    )
    one, two = table.measure_table(plan, progress=lambda text, seconds: None)
    assert one.samples["numpy"] is two.samples["numpy"]
    assert one.samples["limit"] is not two.samples["limit"]


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("where", ["bars", "table"])
def test_ctrl_c_prints_and_writes_what_there_is(where, capsys, tmp_path, monkeypatch):
    name = {"bars": "measure", "table": "measure_table"}[where]
    real = getattr(command, name)

    def interrupted(*args, **options):
        for count, found in enumerate(real(*args, **options)):
            if count == 3:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(command, name, interrupted)
    path, markdown_path = tmp_path / "bench.json", tmp_path / "bench.md"
    options = ["--peers", "numpy", "--json", str(path), "--markdown", str(markdown_path)]
    assert main([*FULL, *options]) == 130
    out, err = capsys.readouterr()
    assert err == "relu-fast: interrupted\n"
    assert "Interrupted: this is what had been measured by then." in out
    assert "**Interrupted: this is what had been measured by then.**" in markdown_path.read_text()
    content = json.loads(path.read_text())
    assert content["was_interrupted"] is True
    assert len(content[where]) == 3
    if where == "table":
        assert re.search(r"^relu +backward +\d", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes", "0"], "--sizes has 0, expected multiples of 256"),
        (["--sizes", "1Ki,1000"], "--sizes has 1000, expected multiples of 256"),
        (["--sizes", "1kb"], "--sizes has '1kb', expected numbers like"),
        (["--sizes", "-256"], "expected"),
        (["--sizes", ","], "--sizes names none"),
        (["--sizes", "99999999Gi"], "GiB; this machine has"),
        (["--rounds", "6"], "--rounds is 6, expected at least 7"),
        (["--rounds", "many"], "invalid int value: 'many'"),
        (["--json", "."], "is a folder"),
        (["--json", "missing/bench.json"], "the folder 'missing' is missing"),
        (["--markdown", "missing/bench.md"], "cannot write --markdown 'missing/bench.md'"),
        (["--sized", "1Ki"], "unrecognized arguments"),
        (["--dtypes", "float32,int8"], "--dtypes has 'int8', expected some of float32, float64, float16"),
        (["--activations", "rely"], "--activations has 'rely', expected some of relu, "),
        (["--peers", "numpy"], "--peers needs --full"),
        (["--threads", "2"], "--threads needs --full"),
        (
            ["--full", "--peers", "tensorflow"],
            "--peers has 'tensorflow', expected some of numpy, torch, jax, ",
        ),
        (["--full", "--peers", ","], "--peers names none, expected names"),
        (["--full", "--threads", "0"], "--threads has '0', expected numbers from 1 to 1024, or all"),
        (["--full", "--threads", "9999"], "--threads has '9999', expected numbers"),
        (["--full", "--threads", "two"], "--threads has 'two', expected numbers"),
    ],
)
def test_bad_options_end_with_one_line(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["bench", *options])
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("relu-fast")
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "sentence"), [("1", "one thread"), ("4", "NOT ensured"), (None, "NOT ensured")]
)
def test_says_whether_blas_is_held_to_one_thread_without_threadpoolctl(monkeypatch, variable, sentence):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", variable)
    with machine.one_thread() as said:
        assert said.startswith(sentence)


def test_blas_is_held_to_one_thread_with_threadpoolctl():
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with machine.one_thread() as said:
        libraries = threadpoolctl.threadpool_info()
        assert all(row["num_threads"] == 1 for row in libraries if row["user_api"] == "blas")
        assert said.startswith("one thread")


@pytest.mark.parametrize(
    ("elements", "name"), [(256, "256"), (1024, "1Ki"), (2**25, "32Mi"), (3 * 2**30, "3Gi")]
)
def test_sizes_are_written_as_they_are_given(elements, name):
    assert sections.size_name(elements) == name


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (None, "-"),
        (2.0, "2.00 s"),
        (0.0123, "12.3 ms"),
        (1.234e-4, "123 µs"),
        (9.99e-7, "999 ns"),
        (5e-9, "5.00 ns"),
    ],
)
def test_times_are_written_in_three_digits(seconds, name):
    assert sections.time_name(seconds) == name


@pytest.mark.parametrize(
    ("seconds", "name"), [(-1, "0 s"), (0, "0 s"), (89.4, "89 s"), (90, "2 min"), (3600, "60 min")]
)
def test_durations_are_written_for_people(seconds, name):
    assert progress.duration(seconds) == name


def test_the_progress_bar_tells_share_and_time_left_on_a_terminal_alone(capsys, monkeypatch):
    with progress.progress_bar(10.0) as silent:
        silent("a", 5.0)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(progress, "time", types.SimpleNamespace(monotonic=iter((0.0, 0.0, 20.0)).__next__))
    with progress.progress_bar(40.0) as shown:
        shown("first", 10.0)
        shown("second", 30.0)
    first, second, last = capsys.readouterr().err.split("\r\x1b[K")[1:]
    assert first == f"[{'.' * 20}]   0%, 40 s left  first"
    # The first took twice as long as estimated, so will the rest.
    assert second == f"[{'#' * 5}{'.' * 15}]  25%, 60 s left  second"
    assert last == ""


FAULTS = """
import resource
import numpy as np
from relu_fast.bench.machine import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        arrays = [np.ones(2**21) for _ in range(3)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults()
keep_freed_memory()
faults()
print(given_back, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is freed is kept by glibc alone")
def test_memory_that_is_freed_is_kept():
    command = [sys.executable, "-c", FAULTS]
    given_back, kept = map(int, subprocess.run(command, capture_output=True, check=True).stdout.split())
    assert given_back > 1000
    assert kept < 100
