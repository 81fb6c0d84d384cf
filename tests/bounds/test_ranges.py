"""The range of every activation over intervals: sound in exact arithmetic and as computed, and tight."""

import mpmath
import numpy as np
import pytest
from tables import ROWS_AND_PARAMS, row_id

import relu_fast as rf
from relu_fast.accuracy.exact import DEFINITIONS, exact
from relu_fast.bounds.ranges import KNOTS, activation_range
from relu_fast.bounds.rounding import DOUBLE, SINGLE, Interval

# Parameters that turn functions around or flatten them, beside those of the oracle.
MORE = [
    *[("leaky_relu", (slope,)) for slope in (-0.3, -2.0, 0.0, 1.0, 3.0, 1e-30)],
    *[("prelu", (weight,)) for weight in (-0.3, 0.0, -7.0)],
    *[("elu", (alpha,)) for alpha in (-0.5, -2.0, 1e-3)],
    *[("swish", (beta,)) for beta in (-0.2, -3.0, 20.0, -1e-3)],
    *[("softplus", (beta,)) for beta in (-2.0, 0.05)],
    *[("hardsigmoid", params) for params in ((0.0, 0.3), (-0.5, 0.2), (2.0, -1.0), (1.0, 5.0))],
    *[("hardtanh", params) for params in ((0.0, 0.0), (-np.inf, 0.5), (0.25, np.inf), (-3.0, -2.0))],
    *[("thresholded_relu", (alpha,)) for alpha in (-0.75, 0.5, np.inf, -np.inf)],
]
CASES = sorted(set(ROWS_AND_PARAMS) | set(MORE), key=str)
# At the others mpmath has no value, but a limit.
DEFINED = [
    (name, params)
    for name, params in CASES
    if np.isfinite(params).all() and (name, params) not in (("softplus", (0.0,)), ("celu", (0.0,)))
]
ENDS = (-1e4, -90.0, -9.0, -3.0, -1.6, -1.28, -0.8, -0.5, -1e-3, -1e-40, 0.0, 1e-6, 0.4, 1.0, 3.0, 7.5, 100.0)
INTERVALS = [(low, high) for i, low in enumerate(ENDS) for high in ENDS[i:]]
LOWER, UPPER = (np.array(ends) for ends in zip(*INTERVALS, strict=True))


def named(name, params):
    return dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))


def ranges(name, params, precision=SINGLE, lower=LOWER, upper=UPPER, **options):
    z = Interval(np.asarray(lower, np.float64), np.asarray(upper, np.float64))
    return activation_range(name, named(name, params), z, precision, **options)


def inside(dtype, count):
    """`count` numbers of the dtype in every interval, (count, intervals), both ends among them."""
    step = np.linspace(0, 1, count)[:, np.newaxis]
    # Half of them crowd around 0 and the ends, where things happen.
    samples = np.concatenate([LOWER + step * (UPPER - LOWER), LOWER + step**8 * (UPPER - LOWER)])
    return np.clip(samples.astype(dtype), LOWER.astype(dtype), UPPER.astype(dtype))


def test_every_row_is_tried():
    assert {name for name, _ in CASES} == set(rf.ACTIVATIONS)


@pytest.mark.parametrize(("name", "params"), CASES, ids=row_id)
@pytest.mark.parametrize("precision", [SINGLE, DOUBLE], ids=["float32", "float64"])
def test_what_is_computed_lies_inside(name, params, precision):
    kind = precision.dtype.type
    x = inside(kind, 1000)
    with np.errstate(all="ignore"):
        y = getattr(rf.ufuncs, name)(x, *map(kind, params))
        # Ends are rounded to float32: what is fed to the network is as well.
        found = ranges(name, params, precision, LOWER.astype(kind), UPPER.astype(kind))
    known = np.isfinite(found.upper)
    assert (found.lower <= y)[:, known].all()
    assert (y <= found.upper)[:, known].all()
    assert np.isfinite(y[:, known]).all()


@pytest.mark.parametrize(("name", "params"), DEFINED, ids=row_id)
def test_the_exact_values_lie_inside(name, params):
    params = [float(np.float32(p)) for p in params]
    found = ranges(name, params)
    for i in range(0, len(INTERVALS), 7):
        low, high = INTERVALS[i]
        points = {low, high, *np.linspace(low, high, 5), *np.clip([-1.5, -1.19, -1.28, -0.752], low, high)}
        for x in points:
            assert found.lower[i] <= exact(name, "forward", float(x), params) <= found.upper[i]


@pytest.mark.parametrize(("name", "params"), CASES, ids=row_id)
def test_ranges_are_not_wider_than_what_is_reached(name, params):
    rounded = [np.float64(np.float32(p)) for p in params]
    with np.errstate(all="ignore"):
        special = [
            *KNOTS.values(),
            *rounded,
            *np.nextafter(rounded, np.inf),
            *(KNOTS["swish"] / p for p in rounded),
        ]
        special = np.nan_to_num(np.array(special))[:, np.newaxis]
        x = np.concatenate([inside(np.float64, 100), np.clip(special, LOWER, UPPER)])
        y = getattr(rf.ufuncs, name)(x, *rounded)
        found = ranges(name, params)
        slack = 4 * 2.0**-24 * np.abs(y).max(axis=0) + 1e-44
        known = np.isfinite(found.upper)
        assert (found.lower >= y.min(axis=0) - slack)[known].all()
        assert (found.upper <= y.max(axis=0) + slack)[known].all()


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("gelu", "-0.16997120747990366169"),
        ("gelu_tanh", "-0.17004075057125405064"),
        ("silu", "-0.27846454276107379511"),
        ("swish", "-0.27846454276107379511"),
        ("mish", "-0.30884341301725040663"),
        ("hardswish", "-0.375"),
    ],
)
@pytest.mark.parametrize("precision", [SINGLE, DOUBLE], ids=["float32", "float64"])
def test_interior_minima_are_met(name, least, precision):
    params = (1.0,) if name == "swish" else ()
    found = ranges(name, params, precision, [-5.0], [5.0])
    error = mpmath.mpf(least) - mpmath.mpf(float(found.lower[0]))
    assert 0 <= error < 16 * precision.unit
    # Nothing is gained left and right of it.
    knot = KNOTS[name]
    for low, high in ((-5.0, knot - 0.1), (knot + 0.1, 5.0)):
        assert ranges(name, params, precision, [low], [high]).lower[0] > float(least) + 1e-4


def test_knots_are_roots_of_the_derivative():
    for name in ("gelu", "gelu_tanh", "silu", "swish", "mish", "hardswish"):
        slope, params = DEFINITIONS[name][1], [mpmath.mpf(1)] * (name == "swish")
        with mpmath.workdps(60):
            assert abs(slope(mpmath.mpf(KNOTS[name]), *params)) < 1e-15, name


def test_a_swish_that_is_turned_over_has_a_maximum():
    found = ranges("swish", (-0.5,), DOUBLE, [-1.0, -1.0, 2.0, 3.0], [5.0, 1.0, 3.0, 4.0])
    top = 2 * 0.27846454276107379
    assert found.upper[[0, 2]] == pytest.approx(top, abs=1e-14)
    assert (found.upper[[0, 2]] >= top).all()
    assert (found.upper[[1, 3]] < top - 1e-3).all()


@pytest.mark.parametrize("beta", [0.0, 5e-324, -5e-324, 1e-310])
def test_a_swish_whose_minimum_is_out_of_reach_is_a_line(beta):
    found = ranges("swish", (beta,), DOUBLE, [-2.0], [4.0])
    assert found.lower[0] == pytest.approx(-1.0)
    assert found.upper[0] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "params", "interval", "expected"),
    [
        ("relu", (), (-2, -1), (0, 0)),
        ("relu", (), (-2, 0.1), (0, 0.1)),
        ("relu6", (), (5, 9), (5, 6)),
        ("squared_relu", (), (-3, 0), (0, 0)),
        ("leaky_relu", (0.0,), (-3, 0), (0, 0)),
        ("prelu", (0.0,), (-3, -1), (0, 0)),
        ("hardtanh", (-1.0, 1.0), (-3, -2), (-1, -1)),
        ("hardtanh", (-np.inf, 0.5), (-3, 2), (-3, 0.5)),
        ("thresholded_relu", (1.0,), (-3, 1), (0, 0)),
        ("thresholded_relu", (1.0,), (2, 3), (2, 3)),
        ("thresholded_relu", (-0.5,), (-1, -0.25), (-0.5, 0)),
        ("thresholded_relu", (-0.5,), (-1, -0.5), (0, 0)),
        ("thresholded_relu", (np.inf,), (-1, 2), (0, 0)),
        ("thresholded_relu", (-np.inf,), (-1, 2), (-1, 2)),
    ],
)
def test_what_needs_no_rounding_is_exact(name, params, interval, expected):
    found = ranges(name, params, DOUBLE, *([float(end)] for end in interval))
    assert (found.lower[0], found.upper[0]) == expected


def test_a_negative_slope_is_widened_where_its_product_is():
    """The largest value comes of the lower end."""
    found = ranges("leaky_relu", (-0.3,), SINGLE, [-7.0], [0.0])
    assert found.lower[0] == 0
    assert found.upper[0] > -7.0 * float(np.float32(-0.3))
    assert found.upper[0] >= float(np.float32(-0.3) * np.float32(-7.0))


@pytest.mark.parametrize(
    ("name", "params", "interval"),
    [
        ("celu", (-1.0,), (-1, 1)),  # NaN by definition
        ("softplus", (0.0,), (-1, 1)),  # infinite
        ("squared_relu", (), (0, 1e30)),  # overflows in float32
        ("selu", (), (0, 3.4e38)),
        ("leaky_relu", (np.inf,), (-1, 1)),
        ("leaky_relu", (1e300,), (-1, 1)),  # infinite in float32
        ("prelu", (np.nan,), (-1, 1)),
        ("swish", (np.inf,), (-1, 1)),
        ("hardsigmoid", (np.inf, 0.0), (-1, 1)),  # NaN at 0
    ],
)
def test_what_may_be_nan_or_infinite_is_unknown(name, params, interval):
    found = ranges(name, params, SINGLE, *([float(end)] for end in interval))
    assert (found.lower[0], found.upper[0]) == (-np.inf, np.inf)


@pytest.mark.parametrize("name", sorted(rf.ACTIVATIONS))
def test_the_unknown_stays_unknown(name):
    """A NaN in it is handed on, whatever the range of the activation."""
    params = [0.5 if default is None else default for default in rf.ACTIVATIONS[name].params.values()]
    for low, high in ((-np.inf, np.inf), (np.nan, np.nan), (-np.inf, -5.0)):
        found = ranges(name, params, SINGLE, [low, 0.0], [high, 1.0])
        assert not np.isfinite(found.lower[0])
        assert not np.isfinite(found.upper[0])
        assert np.isfinite(found.upper[1])


def test_parameters_may_differ_by_unit():
    z = Interval(np.full(3, -2.0), np.full(3, 1.0))
    found = activation_range("prelu", {"weight": np.float32([0.5, -0.5, np.nan])}, z, SINGLE)
    np.testing.assert_allclose(found.lower, [-1, 0, -np.inf], rtol=1e-6)
    np.testing.assert_allclose(found.upper, [1, 1, np.inf], rtol=1e-6)


def test_the_error_of_another_library_widens_by_so_much():
    """Absolute below 1: where gelu is 0 to float32 it may be off by as much as at 1."""
    own, other = (ranges("gelu", (), SINGLE, [-50.0], [-40.0], ulps=ulps) for ulps in (None, 64))
    assert 0 <= own.upper[0] < 1e-40
    assert other.upper[0] == pytest.approx(64 * 2.0**-23)
    assert ranges("relu", (), SINGLE, [-2.0], [-1.0], ulps=64).upper[0] == 0
    assert ranges("tanh", (), SINGLE, [1.0], [2.0], ulps=64).upper[0] == pytest.approx(
        np.tanh(2) + 64 * 2.0**-23, abs=1e-8
    )
