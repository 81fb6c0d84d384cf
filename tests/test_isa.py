"""Instruction sets: the same bits on every one with FMA, switching between them, the cap by environment."""

import os
import subprocess
import sys

import numpy as np
import pytest
from tables import DTYPES, ROWS, ROWS_AND_PARAMS, bits, dense_samples, random_gradients, row_id, using

import relu_fast as rf

AVAILABLE = rf.isa.available()
WITH_FMA = [name for name in AVAILABLE if name != "baseline"]

needs_two_with_fma = pytest.mark.skipif(len(WITH_FMA) < 2, reason="needs a machine with AVX2 and AVX-512")


# ---- the same bits


def all_kinds_of_floats(dtype, n=1 << 18):
    """Samples of every exponent, then random bit patterns: subnormals, infinities and NaN among them."""
    rng = np.random.default_rng(3)
    patterns = rng.integers(0, 2**63, n, dtype=np.uint64)
    random_bits = (patterns << np.uint64(1) | patterns >> np.uint64(62)).astype(
        f"u{np.dtype(dtype).itemsize}"
    )
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    return np.concatenate([dense_samples(dtype), random_bits.view(dtype), special])


@needs_two_with_fma
@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
def test_instruction_sets_with_fma_give_the_same_bits(name, params, dtype):
    x = all_kinds_of_floats(dtype)
    g = np.resize(random_gradients(dtype), x.size)
    params = [dtype(p) for p in params]
    results = []
    for isa in WITH_FMA:
        with using(isa):
            y = getattr(rf.ufuncs, name)(x, *params)
            gradients = getattr(rf.ufuncs, f"{name}_backward")(g, x, *params)
        results.append([y, *(gradients if isinstance(gradients, tuple) else [gradients])])
    for first, other in zip(*results, strict=True):
        assert first.dtype == other.dtype == dtype
        differ = np.flatnonzero(bits(first) != bits(other))
        assert differ.size == 0, (
            f"{differ.size} differ, the first at x={x[differ[0]].hex()}, g={g[differ[0]].hex()}"
        )


@needs_two_with_fma
@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
@pytest.mark.parametrize("shape", [(3000, 7), (700, 129), (4, 3, 1500), (50, 9, 40), (2, 600, 3)], ids=str)
@pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)
def test_fused_passes_give_the_same_bits_with_fma(name, params, shape, dtype):
    rng = np.random.default_rng(4)
    z, g = rng.normal(size=(2, *shape)).astype(dtype)
    units = shape[1]
    bias = rng.normal(size=units).astype(dtype)
    params = dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))
    results = []
    for isa in WITH_FMA:
        stats = rf.UnitStats(units, collect=("active", "nonfinite", "max", "min", "sum_abs"))
        grad_stats, bias_grad = rf.GradStats(units), np.empty(units)
        with using(isa):
            y = rf.fused.forward(z, name, bias=bias, unit_axis=1, stats=stats, **params)
            gz = rf.fused.backward(
                g, name, x=z, bias=bias, unit_axis=1, bias_grad=bias_grad, stats=grad_stats, **params
            )
        results.append(
            (y, gz, bias_grad, stats.sum_abs, stats.max, stats.min, stats.active, grad_stats.nonzero)
        )
    for first, other in zip(*results, strict=True):
        np.testing.assert_array_equal(first.view(f"u{first.itemsize}"), other.view(f"u{other.itemsize}"))


# ---- switching


def test_available_lists_the_best_first_and_the_baseline_last():
    assert list(AVAILABLE) == [n for n in ("avx512", "avx2", "neon", "baseline") if n in AVAILABLE]
    with using("baseline"):
        assert rf.isa.active() == AVAILABLE[-1]
    assert rf.isa.active() in AVAILABLE


def test_use_switches_the_instruction_set(isa):
    assert rf.isa.active() == isa


def test_use_changes_the_code_that_runs():
    """Without FMA some last bits differ; if none did, the switch would lead nowhere."""
    if AVAILABLE[-1] in WITH_FMA or not WITH_FMA:
        pytest.skip("no instruction set here rounds differently from another")
    x = dense_samples(np.float64)

    def results():
        return [bits(getattr(rf.ufuncs, name)(x, *params)) for name, params in ROWS]

    with using("baseline"):
        baseline = results()
    with using(WITH_FMA[0]):
        best = results()
    assert any((a != b).any() for a, b in zip(baseline, best, strict=True))


@pytest.mark.parametrize("name", ["sse9", "", "AVX2", "avx512 "])
def test_use_of_an_unknown_name_lists_the_choices(name):
    before = rf.isa.active()
    with pytest.raises(ValueError, match="unknown instruction set") as error:
        rf.isa.use(name)
    message = str(error.value)
    assert repr(name) in message
    assert all(choice in message for choice in AVAILABLE)
    assert "\n" not in message
    assert rf.isa.active() == before


@pytest.mark.parametrize("name", [None, 1, b"avx2"])
def test_use_of_something_else_than_a_string_is_a_type_error(name):
    with pytest.raises(TypeError):
        rf.isa.use(name)


# ---- the environment

ACTIVE = "import relu_fast; print(relu_fast.isa.active())"


def run_with_cap(cap, code=ACTIVE, *options):
    env = {key: value for key, value in os.environ.items() if key != "RELU_FAST_ISA"}
    if cap is not None:
        env["RELU_FAST_ISA"] = cap
    return subprocess.run(
        [sys.executable, *options, "-c", code], env=env, capture_output=True, text=True, timeout=60
    )


def test_without_a_cap_the_best_instruction_set_is_active():
    assert run_with_cap(None).stdout.strip() == AVAILABLE[0]
    assert run_with_cap("").stdout.strip() == AVAILABLE[0]


@pytest.mark.parametrize("cap", ["avx512", "avx2", "baseline"])
def test_the_cap_is_obeyed_as_far_as_the_machine_goes(cap):
    if cap not in rf._core.isa_known():
        pytest.skip("this build does not know it")
    done = run_with_cap(cap)
    known = rf._core.isa_known()
    expected = next(name for name in known[known.index(cap) :] if name in AVAILABLE)
    assert done.stdout.strip() == expected
    assert done.stderr == ""


def test_an_unknown_cap_warns_names_the_choices_and_is_ignored():
    done = run_with_cap("avx1024")
    assert done.stdout.strip() == AVAILABLE[0]
    (line,) = [line for line in done.stderr.splitlines() if "Warning" in line]
    assert "RELU_FAST_ISA='avx1024'" in line
    assert all(name in line for name in rf._core.isa_known())


def test_an_unknown_cap_can_be_made_an_error():
    done = run_with_cap("avx1024", ACTIVE, "-W", "error")
    assert done.returncode == 1
    assert "RuntimeWarning: RELU_FAST_ISA='avx1024'" in done.stderr


def test_a_cap_does_not_forbid_a_switch():
    code = f"import relu_fast as rf; rf.isa.use({AVAILABLE[0]!r}); print(rf.isa.active())"
    assert run_with_cap("baseline", code).stdout.strip() == AVAILABLE[0]
