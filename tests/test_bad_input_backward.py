"""Bad input to fused.backward, count_active and the records: see callers.assert_refused."""

import numpy as np
import pytest
from callers import assert_refused

import relu_fast as rf


def backward(e, g=None, activation="relu", **keywords):
    if not {"x", "y", "mask"} & set(keywords):
        keywords["x"] = e.z
    common = {"stats": e.grads, "bias_grad": e.sums}
    return rf.fused.backward(e.g if g is None else g, activation, **{**common, **keywords})


# what is wrong: (call on the caller, exception, what its message has to say)
BACKWARD = {
    "object g": (lambda e: backward(e, e.g.astype(object)), TypeError, "g has dtype object"),
    "complex x": (lambda e: backward(e, x=e.z.astype(complex)), TypeError, "x has dtype complex128"),
    "string y": (lambda e: backward(e, y=np.full((4, 6), "a")), TypeError, "y has dtype <U1"),
    "g of another dtype": (
        lambda e: backward(e, e.wide),
        TypeError,
        "g has dtype float64, expected float32: that of x",
    ),
    "g of another shape": (
        lambda e: backward(e, e.g[:3]),
        ValueError,
        "g has shape (3, 6), expected (4, 6): that of x",
    ),
    "g that would broadcast": (
        lambda e: backward(e, e.g[:1]),
        ValueError,
        "g has shape (1, 6), expected (4, 6)",
    ),
    "neither x nor y": (lambda e: rf.fused.backward(e.g, "relu"), TypeError, "exactly one of x="),
    # masks
    "mask too long": (
        lambda e: backward(e, mask=np.zeros(4, np.uint8)),
        ValueError,
        "mask has shape (4,), expected (3,): one bit for each element of g (4, 6)",
    ),
    "mask too short": (
        lambda e: backward(e, mask=e.mask[:2]),
        ValueError,
        "mask has shape (2,), expected (3,)",
    ),
    "mask of two dimensions": (
        lambda e: backward(e, mask=e.mask[None]),
        ValueError,
        "mask has shape (1, 3), expected (3,)",
    ),
    "mask of booleans": (
        lambda e: backward(e, mask=np.zeros(24, bool)),
        TypeError,
        "mask has dtype bool, expected uint8: eight elements a byte",
    ),
    "mask that is a list": (
        lambda e: backward(e, mask=[0, 0, 0]),
        TypeError,
        "mask must be an array from empty_mask, not list",
    ),
    "mask with gaps": (
        lambda e: backward(e, mask=np.zeros(6, np.uint8)[::2]),
        ValueError,
        "mask is not contiguous (strides (2,))",
    ),
    "mask for an activation without": (
        lambda e: backward(e, activation="elu", mask=e.mask),
        ValueError,
        "elu cannot do with a mask: its gradient needs more than one bit an element (only relu, relu6, ",
    ),
    "mask for a learned slope": (
        lambda e: backward(e, activation="prelu", weight=0.25, mask=e.mask),
        ValueError,
        "prelu cannot do with a mask",
    ),
    "mask over out": (
        lambda e: backward(e, out=e.out, mask=e.out.view(np.uint8).ravel()[-3:]),
        ValueError,
        "out overlaps mask: it needs memory of its own",
    ),
    "both x and mask": (lambda e: backward(e, x=e.z, mask=e.mask), TypeError, "exactly one of x="),
    "bias with a mask": (
        lambda e: backward(e, mask=e.mask, bias=e.bias),
        TypeError,
        "bias= goes with x=: the mask already contains it",
    ),
    # sources that are not enough
    "y of an activation whose output does not tell": (
        lambda e: backward(e, activation="squared_relu", y=e.z),
        ValueError,
        "squared_relu cannot take y=: its output does not tell its derivative (only those of relu, relu6, ",
    ),
    # the gradient of a weight
    "weight_grad without a weight": (
        lambda e: backward(e, weight_grad=np.zeros(6)),
        TypeError,
        "relu has no weight_grad: it has no learned parameter",
    ),
    "weight_grad from y": (
        lambda e: backward(e, activation="prelu", y=e.z, weight=0.5, weight_grad=np.zeros(())),
        TypeError,
        "weight_grad= goes with x=",
    ),
    "weight_grad of the wrong length": (
        lambda e: backward(e, activation="prelu", weight=np.ones(6), weight_grad=np.zeros(5)),
        ValueError,
        "weight_grad has shape (5,), expected (6,): one entry per unit along axis 1 of x (4, 6)",
    ),
    "weight_grad of many for one weight": (
        lambda e: backward(e, activation="prelu", weight=0.5, weight_grad=np.zeros(6)),
        ValueError,
        "weight_grad has shape (6,), expected () or (1,): that of the one weight",
    ),
    "weight_grad that is a list": (
        lambda e: backward(e, activation="prelu", weight=0.5, weight_grad=[0.0]),
        TypeError,
        "weight_grad must be an array to write to, not list",
    ),
    "weight_grad of integers": (
        lambda e: backward(e, activation="prelu", weight=0.5, weight_grad=np.zeros(1, int)),
        TypeError,
        "weight_grad has dtype int64, expected float32 or float64",
    ),
    "weight_grad over bias_grad": (
        lambda e: backward(e, activation="prelu", weight=np.ones(6), weight_grad=e.sums),
        ValueError,
        "weight_grad overlaps bias_grad: it needs memory of its own",
    ),
    "both x and y": (lambda e: backward(e, x=e.z, y=e.z), TypeError, "exactly one of x="),
    "bias with y": (lambda e: backward(e, y=e.z, bias=e.bias), TypeError, "bias= goes with x="),
    "negative slope with y": (
        lambda e: backward(e, activation="leaky_relu", y=e.z, negative_slope=-0.5),
        ValueError,
        "leaky_relu with negative_slope=-0.5 cannot take y=",
    ),
    "one negative weight with y": (
        lambda e: backward(e, activation="prelu", y=e.z, weight=np.array([1, 1, -1, 1, 1, 1.0])),
        ValueError,
        "prelu with weight=",
    ),
    "negative alpha with y": (
        lambda e: backward(e, activation="elu", y=e.z, alpha=-1.0),
        ValueError,
        "elu with alpha=-1.0 cannot take y=",
    ),
    "bias too long": (
        lambda e: backward(e, bias=np.ones(7)),
        ValueError,
        "bias has shape (7,), expected (6,): one entry per unit along axis 1 of x (4, 6)",
    ),
    "bias gradient too short": (
        lambda e: backward(e, bias_grad=e.sums[:5]),
        ValueError,
        "bias_grad has shape (5,), expected (6,): one entry per unit along axis 1 of x (4, 6)",
    ),
    "bias gradient of integers": (
        lambda e: backward(e, bias_grad=np.zeros(6, int)),
        TypeError,
        "bias_grad has dtype int64, expected float32 or float64",
    ),
    "narrow bias gradient": (
        lambda e: backward(e, e.wide, x=e.wide, bias_grad=e.sums),
        TypeError,
        "bias_grad has dtype float32, expected float64",
    ),
    "bias gradient that is a list": (
        lambda e: backward(e, bias_grad=[0.0] * 6),
        TypeError,
        "bias_grad must be an array",
    ),
    "read-only bias gradient": (
        lambda e: backward(e, bias_grad=e.frozen[0]),
        ValueError,
        "bias_grad must be writeable",
    ),
    "gapped bias gradient": (lambda e: backward(e, bias_grad=e.out.ravel()[:12:2]), ValueError, "contiguous"),
    "bias gradient inside g": (lambda e: backward(e, bias_grad=e.g[0]), ValueError, "bias_grad overlaps g"),
    "bias gradient inside x": (lambda e: backward(e, bias_grad=e.z[0]), ValueError, "bias_grad overlaps x"),
    "bias gradient inside out": (
        lambda e: backward(e, out=e.out, bias_grad=e.out[0]),
        ValueError,
        "bias_grad overlaps out",
    ),
    "out read-only": (lambda e: backward(e, out=e.frozen), ValueError, "out is read-only"),
    "out too small": (
        lambda e: backward(e, out=e.out[:3]),
        ValueError,
        "out has shape (3, 6), expected (4, 6)",
    ),
    "out of another dtype": (
        lambda e: backward(e, out=e.wide),
        TypeError,
        "out has dtype float64, expected float32",
    ),
    "out overlaps x": (
        lambda e: backward(e, x=e.buffer[:4], out=e.buffer[1:5]),
        ValueError,
        "out overlaps x without being it",
    ),
    "out overlaps g": (
        lambda e: backward(e, e.buffer[:4], out=e.buffer[1:5]),
        ValueError,
        "out overlaps g without being it",
    ),
    "axis missing": (
        lambda e: backward(e, e.z3, x=e.z3),
        ValueError,
        "unit_axis is required for x of shape (2, 6, 5)",
    ),
    "axis too large": (
        lambda e: backward(e, unit_axis=5),
        ValueError,
        "unit_axis=5 is out of range for x of shape (4, 6)",
    ),
    "stats of another length": (
        lambda e: backward(e, stats=e.grads3),
        ValueError,
        "stats is for 3 units, x (4, 6) has 6 along axis 1",
    ),
    "stats of units": (
        lambda e: backward(e, stats=e.stats),
        TypeError,
        "stats must be a GradStats, not UnitStats",
    ),
    "unknown activation": (
        lambda e: backward(e, activation="relu7"),
        ValueError,
        "unknown activation 'relu7'; choose",
    ),
    "unknown parameter": (
        lambda e: backward(e, slope=1),
        TypeError,
        "relu got an unexpected keyword 'slope'",
    ),
    "no weight": (lambda e: backward(e, activation="prelu"), TypeError, "prelu needs weight="),
}

COUNT = {
    "object x": (lambda e: rf.count_active(e.z.astype(object)), TypeError, "dtype object"),
    "string x": (lambda e: rf.count_active(["a"]), TypeError, "dtype <U1"),
    "complex x": (lambda e: rf.count_active([1j]), TypeError, "dtype complex128"),
    "scalar x": (lambda e: rf.count_active(1.0), ValueError, "no dimension"),
    "axis missing": (lambda e: rf.count_active(e.z3), ValueError, "unit_axis is required for"),
    "axis too large": (
        lambda e: rf.count_active(e.z, unit_axis=2),
        ValueError,
        "unit_axis=2 is out of range",
    ),
    "axis too small": (
        lambda e: rf.count_active(e.z, unit_axis=-3),
        ValueError,
        "unit_axis=-3 is out of range",
    ),
    "axis that is a float": (
        lambda e: rf.count_active(e.z, unit_axis=0.5),
        TypeError,
        "unit_axis must be an integer",
    ),
    "axis that is a string": (
        lambda e: rf.count_active(e.z, unit_axis="C"),
        TypeError,
        "unit_axis must be an integer",
    ),
}

RECORDS = {
    "negative units": (lambda e: rf.UnitStats(-1), ValueError, "units=-1 is negative"),
    "units that are a float": (lambda e: rf.UnitStats(6.0), TypeError, "units must be an integer, not float"),
    "units that are a string": (lambda e: rf.GradStats("6"), TypeError, "units must be an integer, not str"),
    "unknown field": (
        lambda e: rf.UnitStats(6, collect=("active", "mean")),
        ValueError,
        "cannot collect 'mean'; choose from active, nonfinite, max, min, sum_abs",
    ),
    "merging another length": (
        lambda e: e.stats3.merge(rf.UnitStats(6)),
        ValueError,
        "units and collect must agree",
    ),
    "merging another collection": (lambda e: e.stats.merge(rf.UnitStats(6)), ValueError, "cannot merge"),
    "merging what was not collected": (lambda e: rf.UnitStats(6) + e.stats, ValueError, "cannot merge"),
    "merging another kind": (
        lambda e: e.stats.merge(e.grads),
        TypeError,
        "cannot merge GradStats into UnitStats",
    ),
    "adding another kind": (lambda e: e.stats + e.grads, TypeError, "unsupported operand"),
    "adding a number": (lambda e: e.stats + 1, TypeError, "unsupported operand"),
    "adding to a number": (lambda e: 1 + e.stats, TypeError, "unsupported operand"),
}


@pytest.mark.parametrize(("call", "error", "says"), BACKWARD.values(), ids=BACKWARD)
def test_backward_refuses_bad_input_in_one_clear_line_and_changes_nothing(call, error, says):
    assert_refused(call, error, says)


@pytest.mark.parametrize(("call", "error", "says"), COUNT.values(), ids=COUNT)
def test_count_active_refuses_bad_input_in_one_clear_line_and_changes_nothing(call, error, says):
    assert_refused(call, error, says)


@pytest.mark.parametrize(("call", "error", "says"), RECORDS.values(), ids=RECORDS)
def test_records_refuse_bad_input_in_one_clear_line_and_change_nothing(call, error, says):
    assert_refused(call, error, says)
