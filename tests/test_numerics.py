"""Accuracy against the oracle, in ULP of the exact result, on every instruction set."""

import numpy as np
import pytest
import reference
from tables import DTYPES, ROWS_AND_PARAMS, dense_samples, neighbours, random_gradients, row_id

import relu_fast as rf

# Bounds in ULP for every instruction set.
FORWARD_ULP = {np.float32: 1, np.float64: 2}
BACKWARD_ULP = {np.float32: 2, np.float64: 2}

rows = pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)


def rounded(params, dtype):
    """The parameters that a kernel for dtype sees."""
    return tuple(float(dtype(p)) for p in params)


def assert_within(bound, got, exact, *inputs, error=None):
    error = reference.ulp_error(got, exact) if error is None else error
    worst = int(np.argmax(error))
    at = ", ".join(float(v.flat[worst]).hex() for v in inputs)
    assert error[worst] <= bound, (
        f"{error[worst]:.3f} ULP at ({at}): got {got[worst]!r}, exact {exact.value[worst]!r}"
    )


def parameters(params, dtype):
    return [dtype(p) for p in params]


# ---- float32, against float64


@rows
def test_float32_forward_is_within_its_bound(name, params, isa):
    x = dense_samples(np.float32, 256)
    got = getattr(rf.ufuncs, name)(x, *parameters(params, np.float32))
    exact = reference.exact_from_float64(reference.forward(name, x, *rounded(params, np.float32)))
    assert_within(FORWARD_ULP[np.float32], got, exact, x)


GRADIENTS = {
    "one": lambda random: np.ones_like(random),
    "random": lambda random: random,
    "subnormal": lambda random: np.copysign(np.finfo(np.float32).smallest_normal * (random % 1), random),
    "huge": lambda random: np.copysign(np.finfo(np.float32).max * (1 - 0.5 * (abs(random) % 1)), random),
}
SELU_SLOPE = 1.7580993408473769  # the product with it is the first that a kernel computes


@pytest.mark.parametrize("gradients", GRADIENTS)
@rows
def test_float32_backward_is_within_its_bound(name, params, gradients, isa):
    x, g = dense_samples(np.float32), GRADIENTS[gradients](random_gradients(np.float32))
    if gradients == "huge":
        g /= np.float32(SELU_SLOPE if name == "selu" else max([1, *np.abs(params)]))
    got = getattr(rf.ufuncs, f"{name}_backward")(g, x, *parameters(params, np.float32))
    got = got[0] if name == "prelu" else got
    exact = reference.exact_from_float64(reference.backward(name, g, x, *rounded(params, np.float32)))
    error = reference.gradient_error(name, got, exact, g)
    assert_within(BACKWARD_ULP[np.float32], got, exact, g, x, error=error)


# ---- float64, against 40 digits


@pytest.fixture(scope="module")
def few_samples():
    """Finite float64 numbers, few enough for mpmath: all magnitudes, far tails, neighbours of the knees."""
    rng = np.random.default_rng(7)
    x = np.concatenate(
        [
            np.exp2(rng.uniform(-1074, 1023.9, 300)),
            rng.uniform(0, 1, 300),
            rng.uniform(0, 45, 500),
            rng.uniform(550, 750, 500),
            *(
                neighbours(knee, np.float64, 2)
                for knee in (0.0, 19.06, 43.0, 50.0, 600.0, 708.4, 745.13, 746.0)
            ),
            [np.finfo(np.float64).max],
        ]
    )
    return tuple(np.concatenate([x, -x]).tolist())


@pytest.fixture(scope="module")
def few_gradients(few_samples):
    rng = np.random.default_rng(8)
    return tuple(
        (rng.normal(size=len(few_samples)) * np.exp2(rng.integers(-200, 200, len(few_samples)))).tolist()
    )


@rows
def test_float64_forward_is_within_its_bound(name, params, isa, few_samples):
    x = np.array(few_samples)
    got = getattr(rf.ufuncs, name)(x, *params)
    assert_within(
        FORWARD_ULP[np.float64], got, reference.exact_float64(name, "forward", params, few_samples), x
    )


@rows
def test_float64_backward_is_within_its_bound(name, params, isa, few_samples, few_gradients):
    x, g = np.array(few_samples), np.array(few_gradients)
    got = getattr(rf.ufuncs, f"{name}_backward")(g, x, *params)
    got = got[0] if name == "prelu" else got
    exact = reference.exact_float64(
        name, "backward", params, tuple(zip(few_gradients, few_samples, strict=True))
    )
    error = reference.gradient_error(name, got, exact, g)
    assert_within(BACKWARD_ULP[np.float64], got, exact, g, x, error=error)


# ---- what depends on what


@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
def test_prelu_weight_gradient_is_g_times_x_where_the_slope_acts(dtype, isa):
    x, g = dense_samples(dtype), random_gradients(dtype)
    with np.errstate(all="ignore"):
        expected = np.where(x > 0, dtype(0), g * x)
    np.testing.assert_array_equal(rf.ufuncs.prelu_backward(g, x, dtype(0.25))[1], expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=row_id)
@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_bounded_activation_never_leaves_its_bounds(name, dtype, isa):
    y = getattr(rf.ufuncs, name)(dense_samples(dtype))
    assert y.max() == 1
    assert y.min() == (-1 if name == "tanh" else 0)
