"""fused passes over arrays that hypothesis draws: any shape, order of axes, strides and axis of units."""

import numpy as np
import reference_units
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_units import EVERYTHING, assert_stats, assert_sums, by_unit
from tables import ROWS, bits

import relu_fast as rf

SEEDS = st.integers(0, 2**32 - 1)
FAST = settings(max_examples=300)


@st.composite
def arrays(draw, shape, dtype):
    """Normal numbers, some special ones, under drawn strides: permuted, gapped, reversed, constant."""
    order = draw(st.permutations(range(len(shape))))
    steps = [draw(st.sampled_from((1, 1, 1, 2, 3, -1, -2))) for _ in shape]
    rng = np.random.default_rng(draw(SEEDS))
    wide = rng.normal(size=[shape[i] * abs(steps[i]) for i in order]).astype(dtype)
    if draw(st.booleans()):
        wide[rng.random(wide.shape) < 0.1] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0])
    view = wide.transpose(np.argsort(order))
    view = view[tuple(slice(None, None, step) for step in steps)][tuple(slice(n) for n in shape)]
    constant = draw(st.sampled_from([None, None, None, *range(len(shape))]))
    if constant is not None and shape[constant]:
        view = np.broadcast_to(np.take(view, [0], axis=constant), shape)
    if draw(st.integers(0, 7)) == 0:
        view = view.astype(view.dtype.newbyteorder())
    assert view.shape == shape
    return view


@st.composite
def problems(draw, count):
    """(activation, its parameters, dtype, unit axis, bias or None, `count` arrays of one shape)."""
    name, params = draw(st.sampled_from(ROWS))
    dtype = np.dtype(draw(st.sampled_from(["f4", "f8"])))
    dims = draw(st.sampled_from([(0, 7), (1, 12), (1, 40)]))
    shape = tuple(draw(st.lists(st.integers(*dims), min_size=1, max_size=5)))
    while np.prod(shape) > 50_000:
        shape = shape[1:]
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    bias = draw(st.none() | arrays((shape[axis],), dtype))
    if params and draw(st.booleans()):
        drawn = np.abs(np.random.default_rng(draw(SEEDS)).normal(size=(len(params), shape[axis])))
        params = tuple(np.cumsum(drawn, axis=0).astype(dtype))  # hardtanh's limits are in order
    return name, params, dtype, axis, bias, [draw(arrays(shape, dtype)) for _ in range(count)]


def native(a):
    return np.array(a, a.dtype.newbyteorder("="), order="C")


def output(kind, like):
    """What to give as `out` for an array like this."""
    return {
        "new": lambda: None,
        "C": lambda: np.full(like.shape, 7, like.dtype),
        "F": lambda: np.full(like.shape, 7, like.dtype, order="F"),
        "gapped": lambda: np.full([2 * n for n in like.shape], 7, like.dtype)[(np.s_[::-2],) * like.ndim],
    }[kind]()


OUTPUTS = st.sampled_from(["new", "C", "F", "gapped"])


@FAST
@given(problems(1), OUTPUTS, st.sets(st.sampled_from(EVERYTHING)))
def test_forward_is_the_elementwise_function_with_counts(problem, kind, collect):
    name, params, _, axis, bias, (z,) = problem
    v = reference_units.pre_activation(native(z), bias, axis)
    with np.errstate(all="ignore"):
        want = getattr(rf.ufuncs, name)(v, *reference_units.spread_params(params, v, axis))
    before, stats = native(z), rf.UnitStats(z.shape[axis], collect)
    keywords = {
        "bias": bias,
        "unit_axis": axis,
        **dict(zip(rf.ACTIVATIONS[name].params, params, strict=True)),
    }
    out = output(kind, v)
    y = rf.fused.forward(z, name, stats=stats, out=out, **keywords)
    assert out is None or y is out
    np.testing.assert_array_equal(bits(y), bits(want))
    np.testing.assert_array_equal(bits(native(z)), bits(before))
    assert_stats(stats, reference_units.counts(v, want, axis, name, params), rtol=1e-12)
    observed = rf.UnitStats(z.shape[axis], collect)
    rf.fused.observe(z, name, stats=observed, **keywords)
    assert_stats(observed, reference_units.counts(v, want, axis, name, params), rtol=1e-12)


@FAST
@given(problems(2), OUTPUTS, st.booleans())
def test_backward_is_the_elementwise_function_with_sums(problem, kind, use_stats):
    name, params, _, axis, bias, (g, x) = problem
    units = x.shape[axis]
    v = reference_units.pre_activation(native(x), bias, axis)
    with np.errstate(all="ignore"):
        want = getattr(rf.ufuncs, f"{name}_backward")(
            native(g), v, *reference_units.spread_params(params, v, axis)
        )
        want = want[0] if isinstance(want, tuple) else want
    stats, sums = rf.GradStats(units) if use_stats else None, np.full(units, 99.0)
    gz = rf.fused.backward(
        g,
        name,
        x=x,
        bias=bias,
        unit_axis=axis,
        stats=stats,
        bias_grad=sums,
        out=output(kind, v),
        **dict(zip(rf.ACTIVATIONS[name].params, params, strict=True)),
    )
    np.testing.assert_array_equal(bits(gz), bits(want))
    rows = by_unit(want, axis)
    if use_stats:
        np.testing.assert_array_equal(stats.nonzero, (rows != 0).sum(axis=1))
        np.testing.assert_array_equal(stats.nonfinite, (~np.isfinite(rows)).sum(axis=1))
    finite = np.isfinite(rows).all(axis=1)
    assert_sums(sums[finite], rows[finite], 0)
    assert not np.isfinite(sums[~finite]).any()


@FAST
@given(problems(1), st.data())
def test_count_active_counts_what_is_above_zero(problem, data):
    *_, axis, _, (x,) = problem
    want = (by_unit(native(x), axis) > 0).sum(axis=1)
    got = rf.count_active(x, unit_axis=axis)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, want)


@FAST
@given(problems(1), st.data())
def test_any_split_of_the_batch_counts_the_same(problem, data):
    name, params, _, axis, bias, (z,) = problem
    if axis % z.ndim == 0:
        axis = 0
        z, axis = (z[None], 1) if z.ndim == 1 else (np.moveaxis(z, 0, 1), 1)
    keywords = {
        "bias": bias,
        "unit_axis": axis,
        **dict(zip(rf.ACTIVATIONS[name].params, params, strict=True)),
    }
    together, apart = (rf.UnitStats(z.shape[axis], EVERYTHING) for _ in range(2))
    rf.fused.observe(z, name, stats=together, **keywords)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(z)), max_size=3)))
    for part in np.split(z, cuts):
        rf.fused.observe(part, name, stats=apart, **keywords)
    for field in ("seen", "examples", "active", "nonfinite", "max", "min"):
        np.testing.assert_array_equal(getattr(apart, field), getattr(together, field), err_msg=field)
    np.testing.assert_allclose(apart.sum_abs, together.sum_abs, rtol=1e-12)
