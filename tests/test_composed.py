"""crelu and rrelu, which are made of other activations."""

import numpy as np
import pytest
from tables import ALL_DTYPES, as_tuple, assert_same_bits, plain, row_id

import relu_fast as rf

dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)

# ---- crelu

SHAPES = [
    ((7,), 0),
    ((4, 5), -1),
    ((4, 5), 0),
    ((2, 3, 4, 5), 1),
    ((2, 3, 4, 5), -1),
    ((2, 0, 3), 1),
    ((0, 3), 1),
]
shapes = pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)


@shapes
@dtypes
def test_crelu_is_relu_of_x_and_of_minus_x_along_an_axis(shape, axis, dtype):
    x = plain(dtype, shape)
    want = np.concatenate([rf.relu(x), rf.relu(-x)], axis)
    assert_same_bits(rf.crelu(x, axis), want)
    assert_same_bits(rf.crelu(np.asfortranarray(x), axis=axis), want)
    out = np.full_like(want, 7)
    assert rf.crelu(x, axis, out=out) is out
    assert_same_bits(out, want)


def test_crelu_takes_the_last_axis_by_default():
    x = plain(np.float32, (3, 4))
    assert_same_bits(rf.crelu(x), rf.crelu(x, axis=1))


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.uint8, "float16"),
        (np.int8, "float16"),
        (np.bool_, "float16"),
        (np.uint16, "float32"),
        (np.int64, "float64"),
    ],
    ids=row_id,
)
def test_crelu_casts_as_relu_does_and_never_wraps_around(given, dtype):
    x = np.array([0, 1, 1], given)
    np.testing.assert_array_equal(rf.crelu(x), np.array([0, 1, 1, 0, 0, 0], dtype), strict=True)
    np.testing.assert_array_equal(
        rf.crelu_backward(np.ones(6, dtype), x), np.array([0, 1, 1], dtype), strict=True
    )


def test_crelu_takes_lists():
    np.testing.assert_array_equal(rf.crelu([[-1, 2]]), [[0, 2, 1, 0]])


def test_crelu_at_special_values():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])
    expected = np.array([np.nan, np.inf, 0, 0, 0, np.nan, 0, np.inf, 0, 0])
    assert_same_bits(rf.crelu(x), expected)


@pytest.mark.parametrize("shift", [0, 1, 5, 10])
def test_out_of_crelu_may_overlap_x(shift):
    buffer = plain(np.float32, 60)
    x, out = buffer[shift : shift + 20], buffer[:40]
    want = rf.crelu(x.copy())
    rf.crelu(x, out=out)
    assert_same_bits(out, want)


def test_out_of_crelu_may_have_another_layout_and_dtype():
    x = plain(np.float32, (4, 6))
    out = np.zeros((24, 4)).T[:, ::2]
    assert rf.crelu(x, out=out) is out
    np.testing.assert_array_equal(out, rf.crelu(x))


# what is passed, exception, message
BAD_CRELU = [
    (lambda x: rf.crelu(x, 2), ValueError, r"axis=2 is out of range for x of shape \(4, 5\)"),
    (lambda x: rf.crelu(x, -3), ValueError, "axis=-3 is out of range"),
    (lambda x: rf.crelu(x[0, 0]), ValueError, r"axis=-1 is out of range for x of shape \(\)"),
    (lambda x: rf.crelu(x, 1.0), TypeError, "'float' object cannot be interpreted as an integer"),
    (
        lambda x: rf.crelu(x, out=x),
        ValueError,
        r"out has shape \(4, 5\), expected \(4, 10\): twice x \(4, 5\)",
    ),
    (lambda x: rf.crelu(x, out=[0.0]), TypeError, "out is of type list, expected an array"),
    (lambda x: rf.crelu(x, out=np.zeros((4, 10), int)), TypeError, "Cannot cast ufunc 'relu' output"),
    (lambda x: rf.crelu(x * 1j), TypeError, "relu"),
    (lambda x: rf.crelu_backward(x, x), ValueError, r"grad_output has shape \(4, 5\), expected \(4, 10\)"),
    (lambda x: rf.crelu_backward(rf.crelu(x), x, 0), ValueError, r"shape \(4, 10\), expected \(8, 5\)"),
    (lambda x: rf.crelu_backward(rf.crelu(x), x, 2), ValueError, "axis=2 is out of range"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD_CRELU)
def test_crelu_refuses_what_does_not_fit(call, error, message):
    x = plain(np.float32, (4, 5))
    before = x.copy()
    with pytest.raises(error, match=message) as caught:
        call(x)
    assert "\n" not in str(caught.value)
    np.testing.assert_array_equal(x, before)


@shapes
@dtypes
def test_crelu_backward_passes_each_half_on_its_side(shape, axis, dtype):
    x = plain(dtype, shape)
    x.ravel()[:1] = 0
    g = plain(dtype, np.concatenate([x, x], axis).shape, seed=1)
    first, second = np.split(g, 2, axis)
    want = np.where(x > 0, first, np.where(x < 0, -second, dtype(0)))
    np.testing.assert_array_equal(rf.crelu_backward(g, x, axis), want)
    out = x.copy()
    assert rf.crelu_backward(g, out, axis, out=out) is out
    np.testing.assert_array_equal(out, want)
    assert want.dtype == rf.crelu_backward(g, x, axis).dtype == dtype


def test_crelu_backward_lets_no_infinite_gradient_through_a_dead_half():
    g = np.full(4, np.inf)
    np.testing.assert_array_equal(rf.crelu_backward(g, [1.0, -1.0]), [np.inf, -np.inf])


# ---- rrelu


@dtypes
def test_rrelu_in_training_is_leaky_relu_with_drawn_slopes(dtype):
    x = plain(dtype, (50, 60))
    y, slopes = rf.rrelu(x, training=True, rng=np.random.default_rng(5))
    assert y.dtype == slopes.dtype == dtype
    assert slopes.shape == x.shape
    assert_same_bits(y, rf.leaky_relu(x, slopes))
    assert dtype(1 / 8) <= slopes.min() < slopes.max() <= dtype(1 / 3)
    g = plain(dtype, x.shape, seed=1)
    assert_same_bits(rf.rrelu_backward(g, x, slopes), rf.leaky_relu_backward(g, x, slopes))


@dtypes
def test_rrelu_in_evaluation_is_leaky_relu_with_the_mean_slope(dtype):
    x, g = plain(dtype, 97), plain(dtype, 97, seed=1)
    mean = (1 / 8 + 1 / 3) / 2
    assert_same_bits(rf.rrelu(x), rf.leaky_relu(x, mean))
    assert_same_bits(rf.rrelu_backward(g, x), rf.leaky_relu_backward(g, x, mean))
    assert_same_bits(rf.rrelu(x, 0.1, 0.5), rf.leaky_relu(x, (0.1 + 0.5) / 2))


def test_the_slopes_of_rrelu_are_uniform():
    _, slopes = rf.rrelu(np.zeros(200_000), 0.25, 0.75, training=True, rng=0)
    counts, _ = np.histogram(slopes, 10, (0.25, 0.75))
    assert abs(counts - 20_000).max() < 6 * np.sqrt(20_000)


def test_one_seed_gives_the_same_slopes_and_a_generator_goes_on():
    x = np.zeros(100)
    first, second, other = (
        rf.rrelu(x, training=True, rng=rng)[1] for rng in (3, np.random.default_rng(3), 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    generator = np.random.default_rng(3)
    drawn = [rf.rrelu(x, training=True, rng=generator)[1] for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()
    assert (rf.rrelu(x, training=True)[1] != rf.rrelu(x, training=True)[1]).any()


@pytest.mark.parametrize("training", [False, True])
def test_rrelu_takes_lists_integers_and_the_keywords_of_a_ufunc(training):
    for x in ([-1, 2], np.array([-1, 2], np.int8)):
        y, *slopes = as_tuple(rf.rrelu(x, training=training, rng=0))
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, [-1 * (slopes[0][0] if training else (1 / 8 + 1 / 3) / 2), 2])
    out = np.zeros(2)
    assert as_tuple(rf.rrelu([-1, 2], training=training, out=out))[0] is out


def test_rrelu_with_equal_ends_is_leaky_relu():
    x = plain(np.float32, 97)
    y, slopes = rf.rrelu(x, 0.5, 0.5, training=True)
    assert (slopes == 0.5).all()
    assert_same_bits(y, rf.leaky_relu(x, 0.5))


@pytest.mark.parametrize("ends", [(0.5, 0.25), (np.nan, 1.0), (0.0, np.nan), (-np.inf, 1.0), (0.0, np.inf)])
@pytest.mark.parametrize("training", [False, True])
def test_rrelu_refuses_an_interval_that_is_none(ends, training):
    with pytest.raises(
        ValueError, match=f"lower={ends[0]} and upper={ends[1]}, expected finite numbers, lower <="
    ):
        rf.rrelu(np.ones(3), *ends, training=training)
