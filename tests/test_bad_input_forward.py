"""Bad input to fused.forward and fused.observe: see callers.assert_refused."""

import numpy as np
import pytest
from callers import Caller, assert_refused

import relu_fast as rf


def forward(e, z=None, activation="relu", **keywords):
    return rf.fused.forward(e.z if z is None else z, activation, **{"stats": e.stats, **keywords})


def observe(e, z=None, activation="relu", **keywords):
    return rf.fused.observe(e.z if z is None else z, activation, **{"stats": e.stats, **keywords})


# what is wrong: (call on the caller, exception, what its message has to say)
FORWARD = {
    # dtypes
    "object z": (
        lambda e: forward(e, e.z.astype(object)),
        TypeError,
        "z has dtype object, expected float16, bfloat16, float32 or float64",
    ),
    "complex z": (lambda e: forward(e, e.z.astype(complex)), TypeError, "z has dtype complex128"),
    "string z": (lambda e: forward(e, np.array([["a"] * 6])), TypeError, "z has dtype <U1"),
    "date z": (lambda e: forward(e, np.zeros((4, 6), "M8[s]")), TypeError, "z has dtype datetime64"),
    "long double z": (lambda e: forward(e, e.z.astype(np.longdouble)), TypeError, "z has dtype"),
    "no z": (lambda e: rf.fused.forward(None, "relu"), TypeError, "z has dtype object"),
    "object bias": (lambda e: forward(e, bias=e.bias.astype(object)), TypeError, "bias has dtype object"),
    "complex bias": (
        lambda e: forward(e, bias=e.bias.astype(complex)),
        TypeError,
        "bias has dtype complex128",
    ),
    "string bias": (lambda e: forward(e, bias=["a"] * 6), TypeError, "bias has dtype <U1"),
    "out of another dtype": (
        lambda e: forward(e, out=e.wide),
        TypeError,
        "out has dtype float64, expected float32: that of z",
    ),
    "out of integers": (lambda e: forward(e, out=np.zeros((4, 6), int)), TypeError, "out has dtype int64"),
    "out that is a list": (
        lambda e: forward(e, out=e.z.tolist()),
        TypeError,
        "out must be an array, not list",
    ),
    "masked z": (lambda e: forward(e, np.ma.array(e.z)), TypeError, "z is a masked array"),
    "masked out": (lambda e: forward(e, out=np.ma.array(e.out)), TypeError, "out is a masked array"),
    "out whose rows share memory": (
        lambda e: forward(e, out=np.lib.stride_tricks.as_strided(e.out, (4, 6), (4, 4))),
        ValueError,
        "out has elements that share memory",
    ),
    "an axis beyond every integer": (
        lambda e: forward(e, unit_axis=2**70),
        ValueError,
        f"unit_axis={2**70} is out of range for z of shape (4, 6)",
    ),
    "a keyword of the inside": (
        lambda e: forward(e, store=False),
        TypeError,
        "unexpected keyword 'store'",
    ),
    "complex weight": (
        lambda e: forward(e, activation="prelu", weight=1j),
        TypeError,
        "weight has dtype complex128",
    ),
    "string alpha": (lambda e: forward(e, activation="elu", alpha="big"), TypeError, "alpha has dtype <U3"),
    "stats that are a dict": (
        lambda e: forward(e, stats={}),
        TypeError,
        "stats must be a UnitStats, not dict",
    ),
    "stats of gradients": (
        lambda e: forward(e, stats=e.grads),
        TypeError,
        "stats must be a UnitStats, not GradStats",
    ),
    # shapes
    "bias too short": (
        lambda e: forward(e, bias=e.bias[:3]),
        ValueError,
        "bias has shape (3,), expected (6,): one entry per unit along axis 1 of z (4, 6)",
    ),
    "scalar bias": (lambda e: forward(e, bias=1.0), ValueError, "bias has shape (), expected (6,)"),
    "bias of two dimensions": (lambda e: forward(e, bias=e.bias[None]), ValueError, "bias has shape (1, 6)"),
    "bias of the other axis": (
        lambda e: forward(e, bias=e.bias, unit_axis=0, stats=None),
        ValueError,
        "bias has shape (6,), expected (4,): one entry per unit along axis 0",
    ),
    "weight of the wrong length": (
        lambda e: forward(e, activation="prelu", weight=np.ones(5)),
        ValueError,
        "weight has shape (5,), expected (6,)",
    ),
    "alpha that is NaN": (
        lambda e: forward(e, activation="elu", alpha=np.nan),
        ValueError,
        "elu got NaN in the parameter 'alpha', expected numbers",
    ),
    "beta of which one is NaN": (
        lambda e: forward(e, activation="swish", beta=[1, 1, np.nan, 1, 1, 1]),
        ValueError,
        "swish got NaN in the parameter 'beta', expected numbers",
    ),
    "ends the wrong way round": (
        lambda e: forward(e, activation="hardtanh", min_val=2),
        ValueError,
        "hardtanh got min_val=2.0, max_val=1.0, expected min_val <= max_val",
    ),
    "ends of which one is the wrong way round": (
        lambda e: forward(e, activation="hardtanh", max_val=[1, 1, -2, 1, 1, 1]),
        ValueError,
        "hardtanh got min_val=-1.0, max_val=[ 1. 1. -2. 1. 1. 1.], expected min_val <= max_val",
    ),
    "alpha of two dimensions": (
        lambda e: forward(e, activation="elu", alpha=np.ones((4, 6))),
        ValueError,
        "alpha has shape (4, 6), expected (6,)",
    ),
    "stats of another length": (
        lambda e: forward(e, stats=e.stats3),
        ValueError,
        "stats is for 3 units, z (4, 6) has 6 along axis 1",
    ),
    "out too small": (
        lambda e: forward(e, out=e.out[:3]),
        ValueError,
        "out has shape (3, 6), expected (4, 6): that of z",
    ),
    "out of another rank": (lambda e: forward(e, out=e.out.ravel()), ValueError, "out has shape (24,)"),
    "out read-only": (lambda e: forward(e, out=e.frozen), ValueError, "out is read-only"),
    "scalar z": (lambda e: forward(e, 1.0), ValueError, "z has no dimension"),
    "ragged z": (lambda e: forward(e, [[1.0], [2.0, 3.0]]), ValueError, "inhomogeneous"),
    # axes
    "axis too large": (
        lambda e: forward(e, unit_axis=2),
        ValueError,
        "unit_axis=2 is out of range for z of shape (4, 6)",
    ),
    "axis too small": (lambda e: forward(e, unit_axis=-3), ValueError, "unit_axis=-3 is out of range"),
    "axis missing": (
        lambda e: forward(e, e.z3, stats=None),
        ValueError,
        "unit_axis is required for z of shape (2, 6, 5): 1 for NCHW, -1 for NHWC and (batch, time, features)",
    ),
    "axis that is a float": (
        lambda e: forward(e, unit_axis=1.0),
        TypeError,
        "unit_axis must be an integer, not float",
    ),
    "axis that is a string": (
        lambda e: forward(e, unit_axis="C"),
        TypeError,
        "unit_axis must be an integer, not str",
    ),
    # overlap
    "out one row further": (
        lambda e: forward(e, e.buffer[0:4], out=e.buffer[1:5]),
        ValueError,
        "out overlaps z without being it",
    ),
    "out one element further": (
        lambda e: forward(e, e.buffer.ravel()[:24].reshape(4, 6), out=e.buffer.ravel()[1:25].reshape(4, 6)),
        ValueError,
        "out overlaps z",
    ),
    "out is z backwards": (lambda e: forward(e, out=e.z[::-1]), ValueError, "out overlaps z"),
    "out is z transposed": (
        lambda e: forward(e, e.buffer[:6], out=e.buffer[:6].T),
        ValueError,
        "out overlaps z",
    ),
    "out shares one element": (
        lambda e: forward(e, e.buffer.ravel()[:24].reshape(4, 6), out=e.buffer.ravel()[23:47].reshape(4, 6)),
        ValueError,
        "out overlaps z",
    ),
    # names
    "unknown activation": (
        lambda e: forward(e, activation="gelo"),
        ValueError,
        "unknown activation 'gelo'; choose from relu, relu6, ",
    ),
    "activation that is a function": (
        lambda e: forward(e, activation=rf.relu),
        ValueError,
        "unknown activation <ufunc",
    ),
    "activation that is a list": (
        lambda e: forward(e, activation=["relu"]),
        ValueError,
        "unknown activation ['relu']",
    ),
    "no activation": (lambda e: forward(e, activation=None), ValueError, "unknown activation None"),
    "parameter of another activation": (
        lambda e: forward(e, activation="elu", negative_slope=0.1),
        TypeError,
        "elu got an unexpected keyword 'negative_slope': its parameter is alpha",
    ),
    "parameter for one that has none": (
        lambda e: forward(e, alpha=1.0),
        TypeError,
        "relu got an unexpected keyword 'alpha': it has no parameter",
    ),
    "no weight": (
        lambda e: forward(e, activation="prelu"),
        TypeError,
        "prelu needs weight=: a number, or one per unit",
    ),
    "weight that is None": (
        lambda e: forward(e, activation="prelu", weight=None),
        TypeError,
        "prelu needs weight=",
    ),
    # masks
    "mask too long": (
        lambda e: forward(e, mask=np.zeros(4, np.uint8)),
        ValueError,
        "mask has shape (4,), expected (3,): one bit for each element of z (4, 6)",
    ),
    "mask too short": (
        lambda e: forward(e, mask=e.mask[:2]),
        ValueError,
        "mask has shape (2,), expected (3,)",
    ),
    "mask of two dimensions": (
        lambda e: forward(e, mask=e.mask[None]),
        ValueError,
        "mask has shape (1, 3), expected (3,)",
    ),
    "mask of booleans": (
        lambda e: forward(e, mask=np.zeros(24, bool)),
        TypeError,
        "mask has dtype bool, expected uint8: eight elements a byte",
    ),
    "mask that is a list": (
        lambda e: forward(e, mask=[0, 0, 0]),
        TypeError,
        "mask must be an array from empty_mask, not list",
    ),
    "mask with gaps": (
        lambda e: forward(e, mask=np.zeros(6, np.uint8)[::2]),
        ValueError,
        "mask is not contiguous (strides (2,))",
    ),
    "mask for an activation without": (
        lambda e: forward(e, activation="elu", mask=e.mask),
        ValueError,
        "elu cannot do with a mask: its gradient needs more than one bit an element (only relu, relu6, ",
    ),
    "mask for a learned slope": (
        lambda e: forward(e, activation="prelu", weight=0.25, mask=e.mask),
        ValueError,
        "prelu cannot do with a mask",
    ),
    "mask read-only": (lambda e: forward(e, mask=e.frozen_mask), ValueError, "mask is read-only"),
    "mask over z": (
        lambda e: forward(e, mask=e.z.view(np.uint8).ravel()[:3]),
        ValueError,
        "mask overlaps z: it needs memory of its own",
    ),
    "mask over out": (
        lambda e: forward(e, out=e.out, mask=e.out.view(np.uint8).ravel()[-3:]),
        ValueError,
        "mask overlaps out: it needs memory of its own",
    ),
}

OBSERVE = {
    "object z": (lambda e: observe(e, e.z.astype(object)), TypeError, "z has dtype object"),
    "axis missing": (
        lambda e: observe(e, e.z3),
        ValueError,
        "unit_axis is required for z of shape (2, 6, 5)",
    ),
    "stats of another length": (lambda e: observe(e, stats=e.stats3), ValueError, "stats is for 3 units"),
    "unknown activation": (lambda e: observe(e, activation="x"), ValueError, "unknown activation 'x'"),
    "no stats": (lambda e: rf.fused.observe(e.z, "relu"), TypeError, "stats"),
    "stats that are None": (lambda e: observe(e, stats=None), TypeError, "stats"),
}


@pytest.mark.parametrize(("call", "error", "says"), FORWARD.values(), ids=FORWARD)
def test_forward_refuses_bad_input_in_one_clear_line_and_changes_nothing(call, error, says):
    assert_refused(call, error, says)


@pytest.mark.parametrize(("call", "error", "says"), OBSERVE.values(), ids=OBSERVE)
def test_observe_refuses_bad_input_in_one_clear_line_and_changes_nothing(call, error, says):
    assert_refused(call, error, says)


def test_a_change_of_what_the_caller_owns_would_be_noticed():
    caller = Caller()
    before = caller.state()
    forward(caller, out=caller.out)
    changed = {name for name, value in caller.state().items() if value != before[name]}
    assert {"out", "stats.seen", "stats.max"} <= changed
