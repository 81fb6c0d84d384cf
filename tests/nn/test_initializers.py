import math

import numpy as np
import pytest

from relu_fast import nn
from relu_fast.nn import initializers

SHAPE = (300, 500)  # fan_in 300, fan_out 500, 150000 values


def draw(
    initializer: str | initializers.Initializer, shape: tuple[int, ...] = SHAPE, seed: int = 0
) -> np.ndarray:
    return initializers.get(initializer)(shape, np.random.default_rng(seed))


# Keras: variance scale / fan, and for the truncated normal a cut at two (widened) standard deviations.
SCALED = [
    ("he_normal", 2 / 300),
    ("he_uniform", 2 / 300),
    ("lecun_normal", 1 / 300),
    ("lecun_uniform", 1 / 300),
    ("glorot_normal", 1 / 400),
    ("glorot_uniform", 1 / 400),
]


def test_every_scaled_initializer_is_in_the_table():
    others = {"rai", "random_normal", "random_uniform", "zeros"}
    assert {name for name, _ in SCALED} | others == set(initializers.INITIALIZERS)


@pytest.mark.parametrize(("name", "variance"), SCALED)
def test_scaled_initializers_have_their_moments_and_bounds(name, variance):
    values = draw(name)
    stddev = math.sqrt(variance)
    bound = math.sqrt(3) * stddev if name.endswith("uniform") else 2 * stddev / 0.87962566103423978
    assert values.mean() == pytest.approx(0.0, abs=5 * stddev / math.sqrt(values.size))
    assert values.var() == pytest.approx(variance, rel=0.02)
    assert np.abs(values).max() <= bound
    assert np.abs(values).max() >= 0.999 * bound


@pytest.mark.parametrize("name", ["he_normal", "lecun_normal", "glorot_normal"])
def test_truncated_values_are_redrawn_not_clipped(name):
    values = draw(name)
    assert np.unique(values).size == values.size


def test_truncated_normal_has_the_distribution_of_a_normal_that_was_cut():
    values = np.abs(initializers.truncated_normal((200_000,), np.random.default_rng(0)))
    inside = math.erf(2 / math.sqrt(2))
    for x in (0.25, 0.5, 1.0, 1.5, 1.9):
        assert (values < x).mean() == pytest.approx(math.erf(x / math.sqrt(2)) / inside, abs=5e-3)
    assert values.std() > 0.5  # of the absolute values


def test_the_correction_is_the_standard_deviation_of_the_cut_normal():
    # var = 1 - 2 c phi(c) / (Phi(c) - Phi(-c)) at c = 2
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    expected = math.sqrt(1 - 4 * density / math.erf(2 / math.sqrt(2)))
    assert expected == pytest.approx(initializers.TRUNCATED_STDDEV, rel=1e-15)


@pytest.mark.parametrize("options", [{}, {"stddev": 0.3}, {"mean": 2.0, "stddev": 0.1}])
def test_random_normal_is_not_truncated(options):
    initializer = initializers.random_normal(**options)
    values = draw(initializer)
    mean, stddev = options.get("mean", 0.0), options.get("stddev", 0.05)
    assert values.mean() == pytest.approx(mean, abs=5 * stddev / math.sqrt(values.size))
    assert values.std() == pytest.approx(stddev, rel=0.01)
    assert np.abs(values - mean).max() > 3.5 * stddev


@pytest.mark.parametrize("options", [{}, {"minval": -2.0, "maxval": 5.0}, {"minval": 0.0, "maxval": 0.0}])
def test_random_uniform_fills_its_bounds(options):
    low, high = options.get("minval", -0.05), options.get("maxval", 0.05)
    values = draw(initializers.random_uniform(**options))
    assert values.min() >= low
    assert values.max() <= high
    assert values.min() == pytest.approx(low, abs=1e-3 * (high - low))
    assert values.max() == pytest.approx(high, abs=1e-3 * (high - low))
    assert values.mean() == pytest.approx(
        (low + high) / 2, abs=5 * (high - low) / math.sqrt(12 * values.size)
    )


def test_zeros_are_zero():
    np.testing.assert_array_equal(draw("zeros"), np.zeros(SHAPE))


@pytest.mark.parametrize("features", [1, 3, 99])
def test_rai_replaces_exactly_one_entry_of_each_unit_weight_or_bias(features):
    units = 30_000
    values = draw("rai", (features + 1, units), seed=1)
    normals = np.random.default_rng(1).standard_normal((features + 1, units)) * 0.6007 / math.sqrt(features)
    replaced = ~np.isclose(values, normals, rtol=1e-14, atol=0)
    np.testing.assert_array_equal(replaced.sum(axis=0), 1)
    # Every row, the bias included, has its share.
    share = replaced.mean(axis=1)
    p = 1 / (features + 1)
    np.testing.assert_allclose(share, p, atol=4.5 * math.sqrt(p * (1 - p) / units))
    # Beta(2, 1) has the distribution function x^2.
    beta = values[replaced]
    assert beta.min() > 0
    assert beta.max() < 1
    for x in (0.25, 0.5, 0.75):
        assert (beta < x).mean() == pytest.approx(x * x, abs=0.015)


def test_rai_has_its_moments():
    features, units = 24, 20_000
    values = draw("rai", (features + 1, units))
    p, variance = 1 / (features + 1), 0.6007**2 / features
    mean, second = 2 / 3 * p, (1 - p) * variance + p / 2  # Beta(2, 1): mean 2/3, second moment 1/2
    error = 5 * math.sqrt(second / values.size)
    assert values.mean() == pytest.approx(mean, abs=error)
    assert np.square(values).mean() == pytest.approx(second, rel=0.02)
    for part in values[:-1], values[-1:]:
        assert part.mean() == pytest.approx(mean, abs=5 * math.sqrt(second / part.size))


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (3, 4, 5)])
def test_rai_wants_a_row_for_the_bias(shape):
    with pytest.raises(ValueError, match=r"got shape \(.*\), expected \(features \+ 1, units\)"):
        draw("rai", shape)


def test_dense_takes_kernel_and_bias_from_rai():
    dense = nn.Dense(5, "relu", kernel_initializer="rai")
    kernel, bias = np.empty((3, 5)), np.empty(5)
    dense.initialize([kernel, bias], np.random.default_rng(2))
    both = draw("rai", (4, 5), seed=2)
    np.testing.assert_array_equal(np.vstack([kernel, bias]), both)
    assert repr(dense) == repr(eval(repr(dense), {"Dense": nn.Dense, "RAI": initializers.RAI}))


def test_rai_stands_alone():
    with pytest.raises(ValueError, match=r"bias_initializer is Zeros\(\), but RAI\(\) draws the bias"):
        nn.Dense(5, "relu", kernel_initializer="rai", bias_initializer="zeros")
    with pytest.raises(ValueError, match=r"bias_initializer is RAI\(\), which draws the kernel as well"):
        nn.Dense(5, "relu", bias_initializer="rai")
    assert (
        nn.Dense(5, kernel_initializer="rai", bias_initializer="rai").bias_initializer == initializers.RAI()
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((5,), (5, 5)), ((4, 64), (4, 64)), ((3, 4, 10), (12, 30)), ((3, 3, 16, 32), (144, 288))],
)
def test_fans_are_those_of_keras(shape, expected):
    assert initializers.fans(shape) == expected


@pytest.mark.parametrize("name", initializers.INITIALIZERS)
def test_the_generator_decides_everything(name):
    np.testing.assert_array_equal(draw(name, seed=4), draw(name, seed=4))
    if name != "zeros":
        assert not np.array_equal(draw(name, seed=4), draw(name, seed=5))


@pytest.mark.parametrize("name", initializers.INITIALIZERS)
def test_repr_makes_the_initializer_again(name):
    initializer = initializers.get(name)
    assert eval(repr(initializer), vars(initializers)) == initializer


def test_float32_and_float64_models_start_from_the_same_numbers():
    def kernel(dtype: type) -> np.ndarray:
        return nn.Sequential([nn.Dense(8, "relu")]).build(4, seed=3, dtype=dtype).layers[0].kernel

    np.testing.assert_array_equal(kernel(np.float32), kernel(np.float64).astype(np.float32))


def test_an_unknown_name_lists_the_choices():
    with pytest.raises(ValueError, match=r"unknown initializer 'xavier'; choose from glorot_normal, .*zeros"):
        initializers.get("xavier")


@pytest.mark.parametrize(
    ("initializer", "message"),
    [
        (initializers.Zeros, "is the class Zeros, expected what it returns: call it"),
        (initializers.zeros, "is the function zeros, expected what it returns: call it"),
        (np.zeros((4, 3)), "is a ndarray, expected a name or a callable"),
        (1.0, "is 1.0, expected a name or a callable"),
    ],
)
def test_what_is_no_initializer_is_refused_in_one_line(initializer, message):
    with pytest.raises(TypeError, match=message) as caught:
        initializers.get(initializer)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.random_normal(stddev=-1.0), "stddev"),
        (lambda: initializers.random_normal(mean=float("nan")), "finite mean"),
        (lambda: initializers.random_uniform(minval=1.0, maxval=0.0), "minval <= maxval"),
        (lambda: initializers.random_uniform(maxval=float("inf")), "finite bounds"),
        (
            lambda: initializers.VarianceScaling(scale=0.0, mode="fan_in", distribution="uniform"),
            "scale is 0.0",
        ),
        (lambda: initializers.VarianceScaling(scale=1.0, mode="fan", distribution="uniform"), "mode 'fan'"),
        (lambda: initializers.VarianceScaling(scale=1.0, mode="fan_in", distribution="normal"), "'normal'"),
    ],
)
def test_parameters_outside_their_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
