"""The fused passes the slow way: broadcast, apply, reduce one unit at a time."""

import numpy as np
import reference

EVERYTHING = ("active", "nonfinite", "max", "min", "sum_abs")


def along(values, a, axis):
    """One number per unit (or a single one) shaped so that it broadcasts along the units of a."""
    values = np.asarray(values)
    return (
        values
        if values.ndim == 0
        else values.reshape([-1 if i == axis % a.ndim else 1 for i in range(a.ndim)])
    )


def pre_activation(z, bias, axis):
    """z + bias in the dtype of z."""
    z = np.asarray(z)
    with np.errstate(all="ignore"):
        return np.array(z) if bias is None else z + along(np.asarray(bias).astype(z.dtype), z, axis)


def spread_params(params, a, axis):
    return [along(np.asarray(p, a.dtype), a, axis) for p in params]


def by_unit(a, axis):
    """The elements of each unit, one row a unit."""
    return np.moveaxis(a, axis, 0).reshape(a.shape[axis], -1 if a.size else 0)


def forward(z, name, params=(), *, bias=None, axis=-1):
    """(exact y as float64, statistics by field)."""
    v = pre_activation(z, bias, axis)
    y = reference.forward(name, v, *spread_params(params, v, axis))
    return y, counts(v, y, axis, name, params)


# where output and gradient become zero, in the parameters; elsewhere 0 counts as the gate
GATES = {
    "thresholded_relu": lambda alpha: alpha,
    "hardsigmoid": lambda alpha, beta: np.where(alpha > 0, -beta / alpha, 0),
    "hardswish": lambda: -3.0,
    "hardtanh": lambda low, high: low,
}
CEILINGS = {"relu6": lambda: 6.0, "hardtanh": lambda low, high: high}
MASKED = ("relu", "relu6", "leaky_relu", "thresholded_relu", "hardtanh")


def edge(edges, name, params, v, axis, otherwise):
    """Gate or ceiling of each element, in the dtype of v (float32 for halves)."""
    if name not in edges:
        return otherwise
    spread = [np.asarray(p, float) for p in spread_params(params, v, axis)]
    return np.asarray(edges[name](*spread)).astype(computing(v.dtype))


def computing(dtype):
    """The type that a dtype is computed in."""
    return np.float32 if np.dtype(dtype).itemsize == 2 else np.dtype(dtype)


def mask(v, name, params, axis):
    """Whether the gradient passes: all but those at or below the gate, or at or above the ceiling."""
    if name == "leaky_relu":
        return v > 0
    low, high = (edge(e, name, params, v, axis, o) for e, o in ((GATES, 0), (CEILINGS, np.inf)))
    return ~(v <= low) & ~((v >= high) & (high < np.inf))


def packed(bits):
    return np.packbits(np.ravel(bits), bitorder="little")


def counts(v, y, axis, name="relu", params=()):
    units, batch_axis = v.shape[axis], 1 if axis % v.ndim == 0 else 0
    found = {
        "seen": np.full(units, v.size // units if units else 0),
        "examples": np.full(units, 0 if v.size == 0 else 1 if v.ndim == 1 else v.shape[batch_axis]),
    }
    rows, outputs = by_unit(v, axis), by_unit(y, axis)
    fired = by_unit(v > edge(GATES, name, params, v, axis, 0), axis)
    found["active"] = fired.sum(axis=1).astype(int)
    found["nonfinite"] = np.array([np.sum(~np.isfinite(row)) for row in rows], int)
    found["max"] = np.array([np.max(row[~np.isnan(row)], initial=-np.inf) for row in rows], float)
    found["min"] = np.array([np.min(row[~np.isnan(row)], initial=np.inf) for row in rows], float)
    with np.errstate(over="ignore"):
        outputs = np.abs(outputs.astype(v.dtype).astype(float))  # an output may overflow in the dtype
        found["sum_abs"] = np.array([np.sum(row[np.isfinite(row)]) for row in outputs], float)
    return found


def backward(g, name, params=(), *, x=None, y=None, bias=None, axis=-1):
    """Exact gradient as float64."""
    if y is not None:
        return reference.backward_y(name, g, y, *spread_params(params, np.asarray(y), axis))
    v = pre_activation(x, bias, axis)
    return reference.backward(name, g, v, *spread_params(params, v, axis))


def assert_stats(stats, expected, *, rtol=1e-6):
    """UnitStats hold what the oracle counted: integers and extremes exactly, sums to the rounding of y."""
    for field in ("seen", "examples", *stats.collect):
        got, want = getattr(stats, field), expected[field]
        if field == "sum_abs":
            np.testing.assert_allclose(got, want, rtol=rtol, err_msg=field)
        else:
            np.testing.assert_array_equal(got, want, err_msg=field)


def assert_sums(got, gz, axis, *, rtol=1e-13):
    """Per unit, `got` is the sum of the gradient that the pass returned, within rounding of float64."""
    rows = by_unit(gz.astype(np.float64), axis)
    size = np.abs(rows).sum(axis=1)
    tolerance = (np.finfo(got.dtype).eps + rtol) * size + np.finfo(got.dtype).smallest_subnormal
    assert (np.abs(got - rows.sum(axis=1)) <= tolerance).all()
