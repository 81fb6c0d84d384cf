"""What the tests run over: activations with their parameters, dtypes, lengths, and float samples."""

from contextlib import contextmanager
from functools import lru_cache

import ml_dtypes
import numpy as np
from ml_dtypes import bfloat16
from reference import ORACLES

import relu_fast as rf

DTYPES = (np.float32, np.float64)
HALVES = (np.float16, bfloat16)  # computed in float32
ALL_DTYPES = (*HALVES, *DTYPES)
# around the widths of every instruction set, one block of the strided loops (256), several of them
LENGTHS = (0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 97, 255, 256, 257, 1000)
# (activation, its parameters): one row each, then one for every parameter value of the oracle
ROWS = [(name, oracle.params[0]) for name, oracle in ORACLES.items()]
ROWS_AND_PARAMS = [(name, params) for name, oracle in ORACLES.items() for params in oracle.params]


UFUNCS = {name: getattr(rf.ufuncs, name) for name in rf.ufuncs.__all__}


def shifted(name, x):
    """One array for each input of the ufunc: x, and x rolled along."""
    return [np.roll(x, 7 * i) for i in range(UFUNCS[name].nin)]


def operands(name, n=97, dtype=np.float32):
    """One array for each input of the ufunc, different from each other."""
    return [plain(dtype, n, seed=seed) for seed in range(UFUNCS[name].nin)]


def as_tuple(result):
    """The outputs of a ufunc, be they one or two."""
    return result if isinstance(result, tuple) else (result,)


def row_id(value):
    """Readable test ids: float32, elu, (0.5,)."""
    return getattr(value, "__name__", None) or str(value)


@contextmanager
def using(isa):
    """Run under another instruction set."""
    before = rf.isa.active()
    rf.isa.use(isa)
    try:
        yield
    finally:
        rf.isa.use(before)


@contextmanager
def case(*values):
    """Say which case of a loop failed."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"at {', '.join(map(str, values))}: {error}") from error


def finfo(dtype):
    """np.finfo, for bfloat16 too."""
    return ml_dtypes.finfo(dtype)


def all_halves(dtype):
    """All 65536 bit patterns of a half, NaN and infinities among them."""
    return np.arange(1 << 16, dtype=np.uint16).view(dtype)


def bits(a):
    """The array as integers, every NaN the same."""
    a = np.asarray(a)
    return np.where(np.isnan(a), np.nan, a).astype(a.dtype, copy=False).view(f"u{a.dtype.itemsize}")


def assert_same_bits(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(bits(a), bits(b))


def neighbours(knee, dtype, reach=16):
    """`reach` numbers on either side of a number."""
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    around = abs(np.array(knee, dtype)).view(unsigned).astype(np.int64) + np.arange(-reach, reach + 1)
    return np.copysign(around[around >= 0].astype(unsigned).view(dtype), dtype(knee))


# where the kernels change their ways: thresholds of constants.h, saturation, overflow
KNEES = {
    np.float32: (0.0, 1e-4, 0.5493, 1.0, 9.01, 17.33, 25.0, 43.0, 80.0, 87.34, 88.73, 103.98, 105.0, 200.0),
    np.float64: (
        0.0,
        1e-9,
        0.5493,
        1.0,
        19.06,
        36.74,
        43.0,
        50.0,
        600.0,
        708.4,
        709.8,
        745.14,
        746.0,
        1460.0,
    ),
}
SPAN = {np.float32: 110.0, np.float64: 750.0}


@lru_cache(maxsize=8)
def dense_samples(dtype, mantissas=64):
    """Finite floats: every exponent with random mantissas, around every knee, a uniform span; all of a half."""
    if dtype in HALVES:
        patterns = np.arange(1 << 16, dtype=np.uint16)
        infinite = np.array(np.inf, dtype).view(np.uint16)
        return patterns[patterns & infinite != infinite].view(dtype)
    rng = np.random.default_rng(20240229)
    info = np.finfo(dtype)
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}").type
    exponents = np.arange(2 ** (info.bits - 1 - info.nmant) - 1, dtype=unsigned)  # of subnormals, too
    mantissa = rng.integers(0, 2**info.nmant, (len(exponents), mantissas), dtype=unsigned)
    every_exponent = (exponents[:, None] << unsigned(info.nmant) | mantissa).view(dtype).ravel()
    halves = np.arange(0.5, SPAN[dtype] * 1.4427) * 0.6931471805599453  # where x / ln 2 rounds to the next
    around = np.concatenate([neighbours(knee, dtype) for knee in (*KNEES[dtype], *halves)])
    uniform = rng.uniform(0, SPAN[dtype], 512 * mantissas).astype(dtype)
    small = rng.uniform(0, 3, 512 * mantissas).astype(dtype)
    ends = np.array([0, info.smallest_subnormal, info.smallest_normal, info.max], dtype)
    positive = np.concatenate([every_exponent, around, uniform, small, ends])
    samples = np.concatenate([positive, -positive])
    samples.setflags(write=False)
    return samples


@lru_cache(maxsize=8)
def random_gradients(dtype):
    """One g for each dense sample: normal ones, and with every exponent."""
    rng = np.random.default_rng(20240301)
    n = dense_samples(dtype).size
    g = rng.normal(size=n)
    g[::3] *= np.exp2(rng.integers(-60, 60, g[::3].size))
    return g.astype(dtype)


def plain(dtype, n, *, seed=0, scale=2.0):
    """Well-behaved values around 0."""
    return np.random.default_rng(seed).normal(scale=scale, size=n).astype(dtype)
