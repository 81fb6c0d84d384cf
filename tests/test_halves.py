"""float16 and bfloat16: float32's results rounded once, with and without ml_dtypes."""

import subprocess
import sys

import numpy as np
import pytest
from tables import (
    ALL_DTYPES,
    HALVES,
    ROWS_AND_PARAMS,
    UFUNCS,
    all_halves,
    as_tuple,
    assert_same_bits,
    operands,
    row_id,
)

import relu_fast as rf

halves = pytest.mark.parametrize("half", HALVES, ids=row_id)
rows = pytest.mark.parametrize(("name", "params"), ROWS_AND_PARAMS, ids=row_id)


def is_float32_rounded_once(name, half, *arrays):
    """Whether the ufunc gives what float32 gives, rounded."""
    results = as_tuple(UFUNCS[name](*arrays))
    wide = as_tuple(UFUNCS[name](*(np.asarray(a).astype(np.float32) for a in arrays)))
    for got, want in zip(results, wide, strict=True):
        assert got.dtype == half
        with np.errstate(all="ignore"):  # NumPy's own conversion overflows
            assert_same_bits(got, want.astype(half))
    return True


def rounded(params, half):
    with np.errstate(over="ignore"):  # some parameters are infinite in float16
        return [half(p) for p in params]


@rows
@halves
def test_forward_is_float32_rounded_once_at_every_value(name, params, half, isa):
    assert is_float32_rounded_once(name, half, all_halves(half), *rounded(params, half))


@rows
@halves
def test_backward_is_float32_rounded_once_at_every_value(name, params, half, isa):
    x = all_halves(half)
    for g in (half(1), half(-1.7), np.random.default_rng(2).permutation(x)):
        gradients = np.broadcast_to(g, x.shape).copy()
        assert is_float32_rounded_once(f"{name}_backward", half, gradients, x, *rounded(params, half))


@pytest.mark.parametrize("name", UFUNCS)
@halves
def test_parameters_as_arrays_change_nothing(name, half, isa):
    assert is_float32_rounded_once(name, half, *operands(name, 10_007, half))


# ---- dtypes that meet

FLOAT64, FLOAT32, FLOAT16, BFLOAT16 = np.float64, np.float32, *HALVES
# dtype of x, of another operand, of the result
MIXED = [
    (FLOAT16, FLOAT16, FLOAT16),
    (FLOAT16, BFLOAT16, FLOAT32),
    (FLOAT16, FLOAT32, FLOAT32),
    (FLOAT16, FLOAT64, FLOAT64),
    (FLOAT16, np.int8, FLOAT16),
    (FLOAT16, np.int16, FLOAT32),
    (FLOAT16, np.int64, FLOAT64),
    (BFLOAT16, BFLOAT16, BFLOAT16),
    (BFLOAT16, FLOAT32, FLOAT32),
    (BFLOAT16, FLOAT64, FLOAT64),
    (BFLOAT16, np.int8, BFLOAT16),
    (BFLOAT16, np.bool_, BFLOAT16),
    (FLOAT32, FLOAT64, FLOAT64),
]


@pytest.mark.parametrize(("x", "other", "result"), MIXED, ids=row_id)
def test_operands_of_two_dtypes_meet_where_both_fit(x, other, result):
    g, z = np.arange(-3, 4).astype(x), np.arange(7).astype(other)
    for a, b in ((g, z), (z, g)):
        assert_same_bits(rf.relu_backward(a, b), rf.relu_backward(a.astype(result), b.astype(result)))


@pytest.mark.parametrize("wide", ALL_DTYPES, ids=row_id)
@halves
def test_out_of_another_dtype_changes_the_storage_only(half, wide):
    x, out = np.linspace(-3, 3, 101).astype(half), np.empty(101, wide)
    if np.can_cast(half, wide, "same_kind"):
        rf.selu(x, out=out)
        assert_same_bits(out, rf.selu(x).astype(wide))
    else:
        with pytest.raises(TypeError, match="Cannot cast ufunc 'selu' output"):
            rf.selu(x, out=out)


# ---- ml_dtypes, there or not


def printed(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_ml_dtypes_there_is_everything_but_bfloat16():
    code = """
import sys
sys.modules["ml_dtypes"] = None
import numpy as np, relu_fast as rf
for dtype in "efd":
    print(rf.relu(np.ones(3, dtype)).dtype, rf.elu(-np.ones(3, dtype), 0.5).dtype)
print(rf.elu(np.float16(-1)) == np.float16(np.expm1(-1.0)))
"""
    assert printed(code) == ["float16"] * 2 + ["float32"] * 2 + ["float64"] * 2 + ["True"]


@pytest.mark.parametrize(
    "imports",
    ["import ml_dtypes, relu_fast as rf", "import relu_fast as rf, ml_dtypes", "import relu_fast as rf"],
)
def test_the_order_of_imports_does_not_matter(imports):
    code = f"""
{imports}
import numpy as np
x = np.arange(-3, 4).astype("bfloat16")
print(rf.relu(x).dtype, rf.elu(x, 0.5).dtype, rf.relu_backward(x, x).dtype)
"""
    assert printed(code) == ["bfloat16"] * 3


def test_importing_relu_fast_imports_ml_dtypes_only():
    code = (
        "import numpy, sys; before = set(sys.modules); import relu_fast; print(*(set(sys.modules) - before))"
    )
    new = {name.split(".")[0] for name in printed(code)} - sys.stdlib_module_names
    assert new <= {"relu_fast", "ml_dtypes", "numpy"} | {
        n for n in new if n.startswith(("_cython", "cython"))
    }
