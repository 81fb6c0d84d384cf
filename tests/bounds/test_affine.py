"""Sums: what is exact and what is computed, in any order, lies in the bounds, and the bounds are tight."""

from fractions import Fraction

import numpy as np
import pytest
from bounds.exact_network import corners, fractions, run_exactly, sums
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from relu_fast.bounds import Activate, Affine, Box, prove
from relu_fast.bounds.rounding import DOUBLE, precision_of

DTYPES = (np.float32, np.float64)
RELU = Activate("relu")


def bounds_of(weights, bias, lower, upper):
    return prove({"z": (Affine(weights, bias),)}, Box(lower, upper))["z"]


def drawn(seed, features, units, dtype=np.float32):
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(features, units)).astype(dtype)
    lower = generator.normal(size=features).astype(dtype)
    upper = (lower + generator.exponential(size=features)).astype(dtype)
    return weights, generator.normal(size=units).astype(dtype), lower, upper


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", [1, 2, 7])
def test_the_exact_extremes_lie_inside_and_next_to_the_bounds(dtype, features):
    weights, bias, lower, upper = drawn(features, features, 5, dtype)
    found = bounds_of(weights, bias, lower, upper)
    exact = [run_exactly({"z": (Affine(weights, bias),)}, x)["z"] for x in corners(lower, upper)]
    gamma = (features + 2) * np.finfo(dtype).eps / 2
    sizes = np.maximum(np.abs(lower), np.abs(upper)) @ np.abs(weights) + np.abs(bias)
    for unit in range(5):
        largest, smallest = (pick(z[unit] for z in exact) for pick in (max, min))
        assert smallest >= Fraction(found.lower[unit])
        assert largest <= Fraction(found.upper[unit])
        margin = Fraction(float(5 * gamma * sizes[unit]))
        assert Fraction(found.upper[unit]) - largest <= margin
        assert smallest - Fraction(found.lower[unit]) <= margin


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_unit_whose_exact_corner_maximum_is_below_the_margin_is_proven(dtype):
    """Completeness. The margin: gamma_(n+2) (|W| max|x| + |b|) in the network's dtype, and in float64."""
    features, units = 6, 200
    weights, bias, lower, upper = drawn(1, features, units, dtype)
    gamma = Fraction(precision_of(dtype).gamma(features + 2) + 3 * DOUBLE.gamma(features + 4))
    distances, largest = np.linspace(0.5, 2, units), []
    for unit in range(units):
        w = fractions(weights[:, unit])
        ends = list(zip(w, fractions(lower), fractions(upper), strict=True))
        top = sum(max(w * low, w * high) for w, low, high in ends)
        reach = sum(abs(w) * max(abs(low), abs(high)) for w, low, high in ends)
        bias[unit] = -float(top + gamma * (reach + abs(top)) * Fraction(distances[unit]))
        exact = Fraction(float(bias[unit]))
        largest.append((top + exact) / (gamma * (reach + abs(exact))))
    below = np.array([top < -1 for top in largest])
    assert 20 < below.sum() < 180
    assert prove({"z": (Affine(weights, bias), RELU)}, Box(lower, upper))["z"].proven[below].all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_order_of_summation_stays_inside(dtype):
    generator = np.random.default_rng(0)
    for seed in range(100):
        weights, bias, lower, upper = drawn(seed, 64, 1, dtype)
        found = bounds_of(weights, bias, lower, upper)
        for towards_upper in (weights[:, 0] > 0, weights[:, 0] < 0, generator.random(64) < 0.5):
            z = np.array(sums(weights[:, 0], np.where(towards_upper, upper, lower), bias[0]), np.float64)
            assert found.lower <= z.min()
            assert z.max() <= found.upper


def test_one_nextafter_would_prove_units_that_fire():
    """64 float32 terms: one of a dozen orders nearly always passes the neighbour of the sum in one of them."""
    wrong = 0
    for seed in range(400):
        weights, _, x, _ = drawn(seed, 64, 1)
        naive = np.nextafter(np.dot(weights[:, 0], x), np.float32(np.inf))
        bias = np.array([-naive])
        fires = max(sums(weights[:, 0], x, bias[0])) > 0
        wrong += fires
        proven = prove({"z": (Affine(weights, bias), RELU)}, Box(x, x))["z"].proven
        assert not (fires and proven)
    assert wrong > 200


def test_cancellation_in_the_corner_is_covered_by_the_sizes_of_the_terms():
    """1e8 + 1 - 1e8 is 0 or 1 in float32, depending on the order."""
    weights, x = np.float32([[1e8], [1], [-1e8]]), np.ones(3, np.float32)
    found = bounds_of(weights, np.float32([-0.5]), x, x)
    z = [float(v) for v in sums(weights[:, 0], x, np.float32(-0.5))]
    assert min(z) < 0 < max(z)
    assert found.lower <= min(z)
    assert found.upper >= max(z)


@pytest.mark.parametrize("bias", [0.0, -0.0, -1e-45])
def test_products_that_are_never_positive_prove_a_unit_without_any_margin(bias):
    weights = np.float32([[-1, -1e-40, -0.0, 0], [-3e38, -1e-45, -1e-45, -0.0]])
    found = prove({"z": (Affine(weights, np.full(4, bias, np.float32)), RELU)}, Box([0, 0], [1e-3, 0.25]))[
        "z"
    ]
    assert found.proven.all()
    # and with the signs of everything changed
    mirrored = prove({"z": (Affine(-weights, np.full(4, bias, np.float32)), RELU)}, Box([-1e-3, -0.25], 0))
    assert mirrored["z"].proven.all()


def test_a_unit_of_zeros_is_exactly_zero():
    found = bounds_of(np.zeros((3, 1), np.float32), np.zeros(1, np.float32), -1, 1)
    assert (found.lower, found.upper) == (0, 0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_underflowing_products_are_covered(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    weights, x = np.full((9, 1), dtype(0.75)), np.full(9, tiny)
    # Each product is 0.75 of the smallest number, and is rounded up to it.
    found = bounds_of(weights, np.zeros(1, dtype), x, x)
    z = sums(weights[:, 0], x, dtype(0))
    assert max(z) == 9 * tiny
    assert found.lower <= min(z)
    assert found.upper >= max(z)
    weights = np.full((9, 1), dtype(-0.25))
    assert bounds_of(weights, np.zeros(1, dtype), x, x).upper <= 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_that_may_overflow_on_the_way_are_unknown(dtype):
    largest = np.finfo(dtype).max
    weights = np.array([[largest, 0.25], [largest, 0.25], [-largest, -0.25], [-largest, -0.25]], dtype)
    found = bounds_of(weights, np.full(2, -1, dtype), 1, 1)
    # The exact sum is -1 in both.
    assert found.known.tolist() == [False, True]
    assert (found.lower[0], found.upper[0]) == (-np.inf, np.inf)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_or_bias_that_is_no_number_leaves_its_unit_unknown(bad):
    weights, bias = np.full((2, 3), -1, np.float32), np.full(3, -1, np.float32)
    weights[1, 0], bias[1] = bad, bad
    proof = prove({"z": (Affine(weights, bias), RELU)}, Box(0, 1))["z"]
    assert proof.known.tolist() == [False, False, True]
    assert proof.proven.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("lower", "upper"), [(-np.inf, 0), (0, np.inf), (np.nan, 0), (0, np.nan), (np.inf, np.inf)]
)
def test_an_unbounded_feature_leaves_all_units_unknown_even_behind_zero_weights(lower, upper):
    """0 * inf is NaN, not 0."""
    weights = np.array([[-1, 0], [-1, -1]], np.float32)
    box = Box([lower, 0], [upper, 1])
    proof = prove({"z": (Affine(weights, np.full(2, -1, np.float32)), RELU)}, box)["z"]
    assert not proof.known.any()
    assert not proof.proven.any()


def test_an_unknown_predecessor_leaves_all_of_the_next_layer_unknown():
    """Also where the activation in between is bounded: it hands NaN on."""
    first = Affine(np.float32([[3e38, 1]]), np.float32([3e38, 0]))
    last = Affine(np.float32([[0], [-1]]), np.float32([-9]))
    proof = prove({"first": (first, Activate("hardtanh")), "last": (last, RELU)}, Box(0, 1))
    assert proof["first"].known.tolist() == [False, True]
    assert not proof["last"].known.any()


def test_inputs_are_rounded_to_the_network_first():
    """0.1 in float32 is larger than 0.1, and so is what comes of it."""
    rounded = float(np.float32(0.1))
    assert rounded > 0.1
    found = prove({"z": (RELU,)}, Box([-0.1], [0.1]), dtype=np.float32)["z"]
    assert (found.lower, found.upper) == (-rounded, rounded)
    assert prove({"z": (RELU,)}, Box([-0.1], [0.1]), dtype=np.float64)["z"].upper == 0.1


def test_wide_layers_in_blocks_give_what_narrow_ones_do():
    """More weights than are converted at a time."""
    weights, bias, lower, upper = drawn(3, 700, 900)
    whole = bounds_of(weights, bias, lower, upper)
    for units in (slice(0, 1), slice(374, 375), slice(899, 900)):
        part = bounds_of(weights[:, units], bias[units], lower, upper)
        np.testing.assert_allclose(part.upper, whole.upper[units], rtol=1e-12)
        np.testing.assert_allclose(part.lower, whole.lower[units], rtol=1e-12)


anything = st.floats(width=32, allow_subnormal=True)


@given(
    weights=hnp.arrays(np.float32, 5, elements=anything),
    ends=hnp.arrays(np.float32, (2, 5), elements=anything),
    bias=anything,
    at=hnp.arrays(np.float64, 5, elements=st.floats(0, 1)),
)
def test_whatever_is_computed_lies_in_bounds_or_is_unknown(weights, ends, bias, at):
    with np.errstate(all="ignore"):
        lower, upper = np.fmin(*ends), np.fmax(*ends)
        found = bounds_of(weights[:, np.newaxis], np.float32([bias]), lower, upper)
        inside = lower.astype(np.float64) + at * (upper.astype(np.float64) - lower)
        for x in (
            lower,
            upper,
            np.clip(inside.astype(np.float32), lower, upper),
            np.where(weights > 0, upper, lower),
        ):
            for z in sums(weights, x, np.float32(bias)):
                if np.isfinite(z):
                    assert found.lower <= z <= found.upper
                else:
                    assert not found.known.any()
