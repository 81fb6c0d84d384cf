"""Networks run in exact arithmetic, and float32 sums in every order one may think of."""

from fractions import Fraction
from itertools import product

import numpy as np

from relu_fast.bounds import Activate, Affine, Drop, Scale


def fractions(values):
    return [Fraction(float(value)) for value in np.ravel(values)]


ACTIVATIONS = {
    "relu": lambda x: max(x, Fraction(0)),
    "relu6": lambda x: min(max(x, Fraction(0)), Fraction(6)),
    "squared_relu": lambda x: max(x, Fraction(0)) ** 2,
    "leaky_relu": lambda x, negative_slope: x if x > 0 else negative_slope * x,
    "prelu": lambda x, weight: x if x > 0 else weight * x,
    "thresholded_relu": lambda x, alpha: x if x > alpha else Fraction(0),
    "hardtanh": lambda x, min_val, max_val: min(max(x, min_val), max_val),
    "hardswish": lambda x: x * min(max(x + 3, Fraction(0)), Fraction(6)) / 6,
}


def run_exactly(network, x, dropped=lambda: False):
    """Exact pre-activations of every layer of name -> stages for one input; `dropped` decides for each value."""
    values, found = fractions(x), {}
    for name, stages in network.items():
        for stage in stages:
            if isinstance(stage, Affine):
                columns = [fractions(column) for column in stage.weights.T]
                sums = [sum(w * v for w, v in zip(column, values, strict=True)) for column in columns]
                values = [s + b for s, b in zip(sums, fractions(stage.bias), strict=True)]
            elif isinstance(stage, Scale):
                parameters = [
                    fractions(np.broadcast_to(a, len(values)))
                    for a in (stage.center, stage.scale, stage.shift)
                ]
                values = [(v - c) * s + b for v, c, s, b in zip(values, *parameters, strict=True)]
            elif isinstance(stage, Drop):
                center, scale, lost = fractions([stage.center, stage.scale, stage.dropped])
                values = [lost if dropped() else (v - center) * scale + lost for v in values]
            elif isinstance(stage, Activate):
                found[name] = values
                params = [fractions(np.broadcast_to(p, len(values))) for p in stage.params.values()]
                f = ACTIVATIONS[stage.name]
                given = zip(values, *params, strict=True)
                values = [f(v, **dict(zip(stage.params, own, strict=True))) for v, *own in given]
        found.setdefault(name, values)
    return found


def corners(lower, upper):
    """Every corner of a box."""
    return [np.array(corner) for corner in product(*zip(lower, upper, strict=True))]


def sums(weights, x, bias):
    """Compute x @ weights + bias, a single unit, in the dtype of its operands: in many orders, a list."""
    kind = weights.dtype.type
    terms = weights * x
    backwards, outside_in = terms[::-1], terms[np.argsort(-np.abs(terms), kind="stable")]
    found = [np.dot(weights, x) + bias, np.dot(weights[::-1].copy(), x[::-1].copy()) + bias]
    for order in (terms, backwards, outside_in, outside_in[::-1]):
        found.append(np.cumsum(order, dtype=kind)[-1] + bias)
        found.append(np.cumsum(np.append(bias, order).astype(kind), dtype=kind)[-1])
    lanes = np.zeros(4, kind)
    for start in range(0, len(terms), 4):
        part = terms[start : start + 4]
        lanes[: len(part)] += part
    found.append((lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + bias)
    fused = kind(bias)
    for w, v in zip(weights, x, strict=True):
        # Rounded once, but for rare double roundings in float32.
        fused = kind(np.longdouble(w) * np.longdouble(v) + np.longdouble(fused))
    found.append(fused)
    return found
