"""The floating-point state of the process: no kernel sees it, none leaves a trace in it."""

import contextlib
import ctypes
import ctypes.util
import platform
import sys

import numpy as np
import pytest
from tables import (
    ALL_DTYPES,
    DTYPES,
    ROWS,
    UFUNCS,
    as_tuple,
    assert_same_bits,
    case,
    dense_samples,
    row_id,
    shifted,
)

import relu_fast as rf

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
every_row = pytest.mark.parametrize(("name", "params"), ROWS, ids=row_id)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=row_id)


def everything(dtype):
    """Overflows, underflows, subnormals, infinities, NaN: whatever could raise a flag."""
    return np.concatenate([dense_samples(dtype)[::3], np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)])


def fused_calls(name, params, dtype):
    """Calls of every fused pass over `everything`, each returning its array."""
    z = everything(dtype)
    z = z[: z.size // 8 * 8].reshape(-1, 8)
    params = {key: dtype(value) for key, value in zip(rf.ACTIVATIONS[name].params, params, strict=True)}
    out, sums, stats = (
        np.empty_like(z),
        np.empty(8, dtype),
        rf.UnitStats(8, ("active", "max", "min", "sum_abs")),
    )
    yield lambda: rf.fused.forward(z, name, bias=z[0], stats=stats, out=out, **params)
    yield lambda: rf.fused.backward(z, name, x=z, bias=z[0], out=out, stats=rf.GradStats(8), **params)
    if rf.ACTIVATIONS[name].from_y:
        yield lambda: rf.fused.backward(z, name, y=z, out=out, bias_grad=sums, **params)
    if rf.ACTIVATIONS[name].mask:
        mask = rf.fused.empty_mask(z.shape)
        yield lambda: rf.fused.forward(z, name, mask=mask, out=out, **params)
        yield lambda: rf.fused.backward(z, name, mask=mask, out=out, bias_grad=sums, **params)


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@every_ufunc
def test_no_floating_point_error_is_raised(name, dtype, isa):
    given = shifted(name, everything(dtype))
    with np.errstate(all="raise"):
        UFUNCS[name](*given)
        UFUNCS[name](*(np.asfortranarray(np.stack([g, g], axis=1)) for g in given))
        UFUNCS[name](*(g[::2] for g in given))


@every_row
@dtypes
def test_fused_passes_raise_no_floating_point_error(name, params, dtype, isa):
    with np.errstate(all="raise"):
        for call in fused_calls(name, params, dtype):
            call()


MXCSR = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
needs_mxcsr = pytest.mark.skipif(not MXCSR, reason="reads the MXCSR register through glibc's fenv_t")


class FloatEnvironment:
    """The calling thread's MXCSR: flags in bits 0 to 5, DAZ in 6, rounding in 13 and 14, FTZ in 15."""

    def __init__(self):
        libm = ctypes.CDLL(ctypes.util.find_library("m"))
        self._get, self._set = libm.fegetenv, libm.fesetenv
        self._words = (ctypes.c_uint32 * 8)()  # seven of x87, then MXCSR

    def read(self):
        self._get(self._words)
        return self._words[7]

    @contextlib.contextmanager
    def having(self, value):
        before = self.read()
        self._words[7] = value
        self._set(self._words)
        try:
            yield
        finally:
            self.read()
            self._words[7] = before
            self._set(self._words)


DEFAULT, FLAGS = 0x1F80, 0x3F
STATES = {
    "no flags": DEFAULT,
    "all flags": DEFAULT | FLAGS,
    "round up": DEFAULT | 0x4000,
    "round down": DEFAULT | 0x2000,
    "toward zero": DEFAULT | 0x6000,
    "subnormals flushed": DEFAULT | 0x8040,
}


@needs_mxcsr
@every_row
def test_fused_passes_neither_see_nor_change_the_float_state(name, params, isa):
    for what, state in STATES.items():
        with case(what):
            environment = FloatEnvironment()
            for call in fused_calls(name, params, np.float32):
                want = call().copy()
                with environment.having(state):
                    got = call()
                    after = environment.read()
                assert_same_bits(got, want)
                inexact = 0x20  # Python itself computes with floats
                assert after | inexact == state | inexact


@needs_mxcsr
@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=row_id)
@every_ufunc
def test_ufuncs_neither_see_nor_change_the_float_control_word(name, dtype, isa):
    for what, state in STATES.items():
        with case(what):
            environment, given = FloatEnvironment(), shifted(name, everything(dtype))
            want = as_tuple(UFUNCS[name](*given))
            with environment.having(state):
                got = as_tuple(UFUNCS[name](*given))
                after = environment.read()
            for g, w in zip(got, want, strict=True):
                assert_same_bits(g, w)
            assert after & ~FLAGS == state & ~FLAGS  # NumPy itself clears the flags


@needs_mxcsr
@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@every_ufunc
def test_ufuncs_leave_no_flag_behind(name, dtype, isa):
    environment, given = FloatEnvironment(), shifted(name, everything(dtype))
    with environment.having(DEFAULT):
        UFUNCS[name](*given)
        assert environment.read() & FLAGS & ~0x20 == 0
