"""The reference: formulas in float64 against definitions in mpmath, and the conventions of the kernels."""

import mpmath
import numpy as np
import pytest
from mpmath import mp

import relu_fast as rf
from relu_fast.accuracy.exact import DEFINITIONS, exact
from relu_fast.accuracy.judge import PRECISION
from relu_fast.accuracy.peers import IDIOMS, numpy_peer, torch_peer
from relu_fast.accuracy.reference import REFERENCES
from relu_fast.accuracy.samples import SPECIAL, around, count_of, float64_samples, patterns
from relu_fast.accuracy.walk import DIRECTIONS

PARAMS = {
    "leaky_relu": [(0.01,), (0.0,)],
    "prelu": [(0.25,), (-1.5,)],
    "thresholded_relu": [(1.0,), (-0.5,)],
    "elu": [(1.0,), (0.3,), (1e10,)],
    "celu": [(1.0,), (0.3,), (1.7,)],
    "swish": [(1.0,), (1.7,), (-0.3,)],
    "softplus": [(1.0,), (1.7,), (0.1,)],
    "hardsigmoid": [(1 / 6, 0.5), (0.2, 0.5)],
    "hardtanh": [(-1.0, 1.0), (-2.0, 0.5)],
}
ROWS = [(name, params) for name in REFERENCES for params in PARAMS.get(name, [()])]
rows = pytest.mark.parametrize(("name", "params"), ROWS, ids=str)
directions = pytest.mark.parametrize("direction", DIRECTIONS)

KNEES = (0.0, 0.5, 1.0, 3.0, 6.0, 9.01, 17.33, 38.0, 51.0, 87.34, 88.73, 103.98, 110.0)


def rounded(params):
    return tuple(float(np.float32(p)) for p in params)


def hard_points():
    """Finite float32 numbers as float64: all magnitudes, knees and tails."""
    rng = np.random.default_rng(11)
    x = np.concatenate(
        [
            np.exp2(rng.uniform(-149, 127, 40)),
            rng.uniform(0, 4, 60),
            rng.uniform(0, 24, 40),
            rng.uniform(0, 105, 40),
            *(around(knee, 1) for knee in KNEES),
        ]
    ).astype(np.float32)
    return np.concatenate([x, -x]).astype(np.float64)


def test_every_activation_has_reference_definition_and_peer():
    assert set(rf.ACTIVATIONS) <= set(REFERENCES)
    assert list(REFERENCES) == list(DEFINITIONS) == list(IDIOMS)


@directions
@rows
@pytest.mark.parametrize("x", [1e300, -1e300, 5e-324, -5e-324])
def test_definitions_take_the_largest_and_the_smallest_numbers(name, params, direction, x):
    value = exact(name, direction, x, params)
    ours = getattr(rf.ufuncs, name if direction == "forward" else f"{name}_backward")
    given = (np.float64(x), *params) if direction == "forward" else (1.0, np.float64(x), *params)
    with np.errstate(all="ignore"):
        got = ours(*given)
    got = got[0] if isinstance(got, tuple) else got
    assert abs(float(value) - float(got)) <= 4 * np.spacing(abs(float(got))) or float(value) == float(got)


@directions
@rows
def test_the_reference_is_as_close_as_it_says(name, params, direction):
    params, x = rounded(params), hard_points()
    reference = REFERENCES[name]
    got = reference(direction, x, *params)
    low, high = reference.root(*params) if reference.root and direction == "backward" else (0.0, 0.0)
    claimed = reference.error[direction == "backward"]
    with mpmath.workprec(PRECISION):
        for at, value in zip(x.tolist(), got.tolist(), strict=True):
            right = exact(name, direction, at, params)
            if mp.mpf(2) ** -1000 < abs(right) < mp.mpf(2) ** 1000:
                unit = 1 if low < at < high else abs(right)
                assert abs(value - right) <= claimed * mp.mpf(2) ** -53 * unit, (at, value)
            else:
                assert abs(value) <= 2.0**-1000 or abs(value) >= 2.0**1000, (at, value)


@rows
def test_the_second_definition_is_the_derivative_of_the_first(name, params):
    with mpmath.workprec(PRECISION):
        for x in (-5.3, -2.7, -1.1, -0.4, 0.3, 0.9, 2.2, 4.7, 7.1):
            slope = mp.diff(lambda v: DEFINITIONS[name][0](v, *map(mp.mpf, params)), x)
            assert mp.almosteq(slope, exact(name, "backward", x, params), 1e-20, 1e-20), x


@directions
@rows
def test_a_block_gives_what_its_elements_give(name, params, direction):
    x = np.concatenate([hard_points(), [0.0, -0.0, np.inf, -np.inf, np.nan]])
    reference, params = REFERENCES[name], rounded(params)
    one_by_one = [reference(direction, x[i : i + 1], *params)[0] for i in range(len(x))]
    together = reference(direction, x, *params)
    np.testing.assert_array_equal(together, one_by_one)
    np.testing.assert_array_equal(np.signbit(together), np.signbit(one_by_one))


@rows
def test_nan_passes_forward(name, params):
    assert np.isnan(REFERENCES[name]("forward", np.array([np.nan, 1.0]), *params)[0])


@pytest.mark.parametrize("name", REFERENCES)
def test_gradient_at_nan(name):
    expected = {"leaky_relu": 0.01, "prelu": 0.25} | dict.fromkeys(
        ("relu", "relu6", "squared_relu", "thresholded_relu", "hardtanh", "hardsigmoid"), 1.0
    )
    (got,) = REFERENCES[name]("backward", np.array([np.nan]), *PARAMS.get(name, [()])[0])
    np.testing.assert_equal(got, expected.get(name, np.nan))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("relu", -0.0, 0.0),
        ("relu", -np.inf, 0.0),
        ("elu", -0.0, -0.0),
        ("elu", -np.inf, -1.0),
        ("celu", -0.0, -0.0),
        ("celu", -np.inf, -1.0),
        *(
            (name, -0.0, -0.0)
            for name in ("silu", "gelu", "gelu_tanh", "mish", "hardswish", "tanh", "softsign")
        ),
        *((name, -np.inf, -0.0) for name in ("silu", "swish", "gelu", "gelu_tanh", "mish", "hardswish")),
        *((name, np.inf, np.inf) for name in ("silu", "swish", "gelu", "gelu_tanh", "mish", "hardswish")),
        ("softsign", np.inf, 1.0),
        ("softsign", -np.inf, -1.0),
        ("softplus", -np.inf, 0.0),
        ("sigmoid", -np.inf, 0.0),
        ("hardsigmoid", -3.0, 0.0),
    ],
)
def test_forward_at_zero_and_infinity(name, x, expected):
    (got,) = REFERENCES[name]("forward", np.array([x]), *PARAMS.get(name, [()])[0])
    assert (got, np.signbit(got)) == (expected, np.signbit(expected))


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("relu", 0.0, 0.0),
        ("relu6", 0.0, 0.0),
        ("relu6", 6.0, 0.0),
        ("leaky_relu", 0.0, 0.01),
        ("elu", 0.0, 1.0),
        ("selu", 0.0, 1.7580993408473769),
        ("celu", 0.0, 1.0),
        ("hardsigmoid", 0.0, 1 / 6),
        ("hardsigmoid", 3.0, 0.0),
        ("hardsigmoid", -3.0, 0.0),
        ("hardswish", 0.0, 0.5),
        ("hardswish", -3.0, 0.0),
        ("thresholded_relu", 1.0, 0.0),
        ("hardtanh", 1.0, 0.0),
        *((name, np.inf, 1.0) for name in ("silu", "swish", "gelu", "gelu_tanh", "mish", "hardswish")),
    ],
)
def test_derivative_at_knees(name, x, expected):
    assert REFERENCES[name]("backward", np.array([x]), *PARAMS.get(name, [()])[0])[0] == expected


@pytest.mark.parametrize(("name", "params"), [row for row in ROWS if REFERENCES[row[0]].root], ids=str)
def test_the_interval_around_a_root_reaches_from_the_minimum_to_a_quarter(name, params):
    reference = REFERENCES[name]
    low, high = sorted(
        reference.root(*params), key=lambda x: reference("backward", np.array([x]), *params)[0]
    )
    slope = reference("backward", np.linspace(low, high, 1001), *params)
    assert slope[0] < 0 < slope[-1]
    assert slope[-1] == pytest.approx(0.25, abs=1e-7)
    assert np.all(np.diff(slope) > 0)
    assert (
        reference("backward", np.array([low * 1.01 if abs(low) > abs(high) else low / 1.01]), *params)[0]
        > slope[0]
    )


@directions
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("make", [numpy_peer, torch_peer])
def test_a_peer_computes_the_same_function(make, name, direction):
    if make is torch_peer:
        pytest.importorskip("torch")
    params = PARAMS.get(name, [()])[0]
    x = np.linspace(-4.95, 6.95, 200, dtype=np.float32)
    got = make(name, direction, tuple(map(np.float32, params))).function(x)
    assert got.dtype == np.float32
    expected = REFERENCES[name](direction, x.astype(np.float64), *params)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


# ---- inputs


@pytest.mark.parametrize(("dtype", "count"), [("float16", 65536), ("float32", 1 << 12)])
def test_bit_patterns_come_once_each(dtype, count):
    every = 1 if dtype == "float16" else 1 << 20
    halves = [patterns(dtype, first, count // 2, every) for first in (0, count // 2)]
    bits = np.concatenate(halves).view(f"u{np.dtype(dtype).itemsize}").astype(np.int64)
    np.testing.assert_array_equal(bits, np.arange(count) * every)


@pytest.mark.parametrize(
    ("dtype", "every"), [("float16", 3), ("float16", 1000), ("float32", 1 << 28), ("float32", 3 << 27)]
)
def test_a_sample_ends_with_the_special_numbers(dtype, every):
    count = count_of(dtype, every)
    whole = patterns(dtype, 0, count, every)
    assert count == -(-(1 << (32 if dtype == "float32" else 16)) // every) + len(SPECIAL)
    np.testing.assert_array_equal(whole[-len(SPECIAL) :], SPECIAL)
    assert np.signbit(whole[-len(SPECIAL)])
    for first in range(count):
        np.testing.assert_array_equal(patterns(dtype, first, count - first, every), whole[first:])
        if first == 60:
            break


@pytest.mark.parametrize(
    ("name", "direction"),
    [("sigmoid", "forward"), ("gelu", "forward"), ("tanh", "backward"), ("elu", "backward")],
)
def test_float64_samples_reach_the_last_result_that_is_not_zero(name, direction):
    params = PARAMS.get(name, [()])[0]
    x = float64_samples(name, direction, params, 200)
    np.testing.assert_array_equal(x, float64_samples(name, direction, params, 200))
    result = np.abs(REFERENCES[name](direction, x, *params))
    assert 0 < result[result > 0].min() <= 4 * 5e-324
    assert len(np.unique(x)) > 400


def test_float64_samples_close_in_on_the_root():
    slope = REFERENCES["silu"]("backward", float64_samples("silu", "backward", (), 200))
    assert np.nanmin(np.abs(slope)) < 1e-15
    for exponent in range(-14, -2):
        assert np.any((np.abs(slope) > 10.0**exponent) & (np.abs(slope) < 10.0 ** (exponent + 2)))
