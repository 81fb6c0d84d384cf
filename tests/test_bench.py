"""The benchmarks: the measuring core on made-up times, idioms and twins against our numbers, the command."""

import json
import math
import re
import sys

import numpy as np
import pytest

import relu_fast as rf
from relu_fast.bench import machine, output, works
from relu_fast.bench.bars import BARS, Bar, Outcome
from relu_fast.bench.numpy_twin import NumpyTwin
from relu_fast.bench.timing import Samples, interleaved
from relu_fast.bench.training import BATCH_SIZE, OurStep, batches
from relu_fast.cli import main

UNITS = works.UNITS


class FakeWork:
    """A sampler of a work that takes so many seconds a call, and notes when it was called how often."""

    def __init__(self, name, seconds_per_call, log):
        self.name, self.log = name, log
        self.seconds_per_call = seconds_per_call

    def __call__(self, calls):
        self.log.append((self.name, calls))
        return calls * self.seconds_per_call


def measured(costs, *, rounds=8, sample_seconds=0.01):
    """Samples of made-up works, and the rounds as they were called."""
    log = []
    samplers = {name: FakeWork(name, cost, log) for name, cost in costs.items()}
    samples = interleaved(samplers, rounds=rounds, sample_seconds=sample_seconds)
    return samples, log[len(log) - rounds * len(costs) :]


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
    assert samples["a"].seconds == pytest.approx([seconds_per_call] * 8)


def test_a_clock_that_stands_still_for_short_samples_is_no_error():
    assert interleaved({"a": lambda n: 0.0 if n < 50 else 1.0}, rounds=7, sample_seconds=0.1)["a"].calls >= 50


def test_ratio_is_that_of_the_medians():
    ours, theirs = Samples(1, (1.0, 2.0, 90.0)), Samples(5, (4.0, 4.0, 4.5))
    assert ours.over(theirs).value == 2.0 / 4.0


def test_one_disturbed_round_moves_neither_ratio_nor_spread():
    ours, theirs = Samples(1, (1.0,) * 8 + (50.0,)), Samples(1, (2.0,) * 9)
    assert vars(ours.over(theirs)) == {"value": 0.5, "low": 0.5, "high": 0.5}


def test_spread_is_the_quartiles_of_the_ratio_within_a_round():
    # Both are slower in the later rounds, by the same factor: the ratio does not move.
    ours, theirs = Samples(1, (1.0, 2.0, 4.0, 8.0, 16.0)), Samples(1, (2.0, 4.0, 8.0, 16.0, 32.0))
    assert vars(ours.over(theirs)) == {"value": 0.5, "low": 0.5, "high": 0.5}
    ratio = Samples(1, (1.0, 2.0, 3.0, 4.0, 5.0)).over(Samples(1, (1.0,) * 5))
    assert (ratio.low, ratio.high) == (2.0, 4.0)


def test_rounds_of_two_runs_are_not_compared():
    with pytest.raises(ValueError, match="shorter"):
        Samples(1, (1.0, 2.0, 3.0)).over(Samples(1, (1.0, 2.0)))


BAR = Bar(work="w", peer="p", at_most=0.5, ours="", theirs="", elements=0, names=dict)


@pytest.mark.parametrize(("seconds", "verdict"), [(1.0, "holds"), (0.9, "holds"), (1.01, "falls short")])
def test_a_bar_holds_up_to_its_ratio(seconds, verdict):
    assert Outcome(BAR, Samples(1, (seconds,) * 7), Samples(1, (2.0,) * 7)).verdict == verdict


def test_a_bar_without_samples_is_not_measured():
    assert Outcome(BAR, reason="no peer").verdict == "not measured"


def result_of(statement, names):
    """The value of a statement's last expression."""
    *before, last = statement.split("; ")
    for part in before:
        exec(part, names)
    value = eval(last, names)
    # NumPy's idiom for two outputs has the second one last.
    return (names["y"], value) if value is names["t"] else value


@pytest.mark.parametrize("work", works.works(), ids=lambda work: f"{work.activation} {work.task}")
def test_the_numpy_idiom_computes_what_we_compute(work):
    assert work.numpy is not None, f"write the idiom of {work.activation} in relu_fast/bench/works.py"
    names = works.arrays(16 * UNITS)
    ours, theirs = result_of(work.ours, names), result_of(work.numpy, works.arrays(16 * UNITS))
    if work.task == "fused + count":
        np.testing.assert_array_equal(names["stats"].active, theirs)
        theirs = result_of(works.IDIOMS[work.activation].forward, works.arrays(16 * UNITS))
    np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=2e-7)


def test_every_statement_of_a_bar_on_arrays_runs():
    for bar in BARS:
        if bar.elements:
            units = 64 if "64" in bar.work else UNITS
            names = works.arrays(4 * units, units=units)
            for statement in (bar.ours, bar.theirs):
                assert works.sampler(statement, names)(1) >= 0.0


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
def test_bench_prints_a_line_for_each_work_and_each_bar(capsys, tmp_path):
    path = tmp_path / "bench.json"
    assert main(["bench", "--quick", "--sizes", "256,4Ki", "--json", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    for work in works.works():
        (line,) = (line for line in lines if re.match(rf"{work.activation} +{re.escape(work.task)} ", line))
        ratios = re.findall(r"(\d+\.\d\d)±\d+\.\d\d", line)
        assert len(ratios) == 4, line
        assert all(0 < float(ratio) < 1000 for ratio in ratios)
    for bar in BARS:
        (line,) = (line for line in lines if line.startswith(bar.work) and f" {bar.peer} " in line)
        expected = "not measured" if bar.elements > 4096 or "PyTorch" in bar.peer else "holds|falls short"
        assert re.search(rf"({expected})$", line.rstrip()), line
    assert "PyTorch is not installed" in out
    assert re.search(r"Training steps per second: [\d,]+ against [\d,]+ \(NumPy", out)
    assert f"NumPy {np.__version__}" in out
    assert rf.isa.active() in out
    assert_json_is_complete(json.loads(path.read_text()), sizes=(256, 4096))


def assert_json_is_complete(content, sizes):
    assert content["rounds"] == 7
    assert content["machine"]["cpu"]
    assert content["machine"]["versions"]["NumPy"] == np.__version__
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", content["machine"]["date"])
    assert len(content["bars"]) == len(BARS)
    keys = [(row["activation"], row["task"], row["elements"]) for row in content["table"]]
    assert keys == [(work.activation, work.task, size) for size in sizes for work in works.works()]
    for row in content["table"]:
        assert len(row["ours"]["rounds_ns"]) == content["rounds"]
        ratio = row["ours"]["median_ns"] / row["numpy"]["median_ns"]
        assert math.isclose(ratio, row["over_numpy"]["value"], rel_tol=0.01)


@pytest.mark.usefixtures("no_torch", "renderer")
def test_an_activation_without_idiom_is_named(capsys, monkeypatch):
    monkeypatch.delitem(works.IDIOMS, "elu")
    assert main(["bench", "--quick", "--sizes", "256"]) == 0
    out = capsys.readouterr().out
    assert "No NumPy idiom is written for: elu\n" in out
    assert re.search(r"^elu +forward +- +\d+\.\d\d±", out, re.MULTILINE)


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
        (["--sized", "1Ki"], "unrecognized arguments"),
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
    assert output.size_name(elements) == name
