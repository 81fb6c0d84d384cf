"""Arrays as the fused passes want them: dtypes, axes, overlap, and memory as (outer, units, inner) blocks."""

from libc.stdint cimport int64_t, uintptr_t

cimport numpy as cnp

from ._core cimport BFLOAT16, RF_BFLOAT16, RF_FLOAT16, RF_FLOAT32, RF_FLOAT64, rf_shape

cdef extern from "numpy/arrayobject.h":
    int NPY_HALF
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *descr, int subok)

import numpy as np

cnp.import_array()


# ---- dtypes

cdef void *data_of(cnp.ndarray a) noexcept:
    return NULL if a is None else cnp.PyArray_DATA(a)


cdef int dtype_of(cnp.ndarray a) noexcept:
    """rf_dtype of an array; -1 if it has none."""
    cdef int kind = cnp.PyArray_TYPE(a)
    if kind == cnp.NPY_FLOAT:
        return RF_FLOAT32
    if kind == cnp.NPY_DOUBLE:
        return RF_FLOAT64
    if kind == NPY_HALF:
        return RF_FLOAT16
    return RF_BFLOAT16 if kind == BFLOAT16 else -1


cdef bint is_real(cnp.ndarray a):
    return a.dtype.kind in "biuf" or cnp.PyArray_TYPE(a) == BFLOAT16


cdef cnp.ndarray floats(object x, str name):
    """x as a native, aligned array of a dtype that the passes have: itself where it is one."""
    cdef cnp.ndarray a
    if type(x) is cnp.ndarray:
        a = x
    else:
        refuse_masked(x, name)
        a = np.asarray(x)
    if dtype_of(a) >= 0:
        if not cnp.PyArray_ISBEHAVED_RO(a):
            return np.array(a, dtype=a.dtype.newbyteorder("="))
        return a
    if a.dtype.kind in "biu":
        return a.astype(np.result_type(a.dtype, np.float16))
    raise TypeError(f"{name} has dtype {a.dtype}, expected float16, bfloat16, float32 or float64 (integers are "
                    "converted)")


cdef int refuse_masked(object x, str name) except -1:
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected a plain one: the passes count masked elements too")
    return 0


# ---- shapes

cdef int checked_axis(object unit_axis, cnp.ndarray a, str name) except -1:
    cdef int nd = cnp.PyArray_NDIM(a)
    cdef Py_ssize_t axis
    if nd == 0:
        raise ValueError(f"{name} has no dimension, expected at least the axis of its units")
    if unit_axis is None:
        if nd <= 2:
            return nd - 1
        raise ValueError(f"unit_axis is required for {name} of shape {shape_of(a)}: "
                         "1 for NCHW, -1 for NHWC and (batch, time, features)")
    try:
        axis = unit_axis.__index__()
    except AttributeError:
        raise TypeError(f"unit_axis must be an integer, not {type(unit_axis).__name__}") from None
    except OverflowError:
        axis = nd
    if not -nd <= axis < nd:
        raise ValueError(f"unit_axis={unit_axis} is out of range for {name} of shape {shape_of(a)}")
    return axis + nd if axis < 0 else axis


cdef tuple shape_of(cnp.ndarray a):
    return (<object>a).shape


cdef bint same_shape(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef int i
    if cnp.PyArray_NDIM(a) != cnp.PyArray_NDIM(b):
        return False
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_DIM(a, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


# ---- overlap

cdef bint same_layout(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether a and b are the same elements (their shapes are equal)."""
    cdef int i
    if cnp.PyArray_DATA(a) != cnp.PyArray_DATA(b):
        return False
    for i in range(cnp.PyArray_NDIM(a)):
        if cnp.PyArray_STRIDE(a, i) != cnp.PyArray_STRIDE(b, i) and cnp.PyArray_DIM(a, i) > 1:
            return False
    return True


cdef bint bounds_meet(cnp.ndarray a, cnp.ndarray b) noexcept:
    cdef uintptr_t low[2]
    cdef uintptr_t high[2]
    cdef cnp.ndarray c
    cdef Py_ssize_t reach
    cdef int i, k
    for k in range(2):
        c = a if k == 0 else b
        low[k] = high[k] = <uintptr_t>cnp.PyArray_DATA(c)
        for i in range(cnp.PyArray_NDIM(c)):
            if cnp.PyArray_DIM(c, i) == 0:
                return False
            reach = (cnp.PyArray_DIM(c, i) - 1) * cnp.PyArray_STRIDE(c, i)
            if reach < 0:
                low[k] += reach
            else:
                high[k] += reach
        high[k] += cnp.PyArray_ITEMSIZE(c)
    return low[0] < high[1] and low[1] < high[0]


cdef bint share_memory(cnp.ndarray a, cnp.ndarray b) except -1:
    if not bounds_meet(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


cdef bint overlaps_itself(cnp.ndarray a) except -1:
    """Whether two elements of a may share memory (NumPy asks the same of every axis against all shorter ones)."""
    cdef Py_ssize_t reach = cnp.PyArray_ITEMSIZE(a)
    if cnp.PyArray_IS_C_CONTIGUOUS(a) or cnp.PyArray_SIZE(a) == 0:
        return False
    for stride, length in sorted((abs(stride), length) for stride, length in zip((<object>a).strides, shape_of(a))):
        if length > 1:
            if stride < reach:
                return True
            reach += stride * (length - 1)
    return False


# ---- outputs

cdef cnp.ndarray checked_output(object out, cnp.ndarray like, str like_name):
    """out, or a new array with the order of axes of `like`."""
    if out is None:
        return PyArray_NewLikeArray(like, cnp.NPY_KEEPORDER, NULL, 0)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an array, not {type(out).__name__}")
    if type(out) is not cnp.ndarray:
        refuse_masked(out, "out")
    cdef cnp.ndarray a = out
    if not same_shape(a, like):
        raise ValueError(f"out has shape {shape_of(a)}, expected {shape_of(like)}: that of {like_name}")
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(like):
        raise TypeError(f"out has dtype {a.dtype}, expected {like.dtype}: that of {like_name}")
    if not cnp.PyArray_ISWRITEABLE(a):
        raise ValueError("out is read-only")
    if overlaps_itself(a):
        raise ValueError(f"out has elements that share memory (shape {shape_of(a)}, strides {(<object>a).strides})")
    return a


cdef int check_overlap(cnp.ndarray out, cnp.ndarray source, str name) except -1:
    if bounds_meet(out, source) and not same_layout(out, source) and share_memory(out, source):
        raise ValueError(f"out overlaps {name} without being it: pass {name} itself, or memory of its own")
    return 0


cdef int check_apart(cnp.ndarray out, str out_name, cnp.ndarray other, str name) except -1:
    if other is not None and share_memory(out, other):
        raise ValueError(f"{out_name} overlaps {name}: it needs memory of its own")
    return 0


cdef cnp.ndarray apart_from(cnp.ndarray a, cnp.ndarray out):
    """a, copied if writing to out would change it."""
    return a.copy() if a is not None and out is not None and share_memory(a, out) else a


# ---- layout: arrays as (outer, units, inner) blocks

cdef bint as_blocks(cnp.ndarray a, int axis, rf_shape *shape, ptrdiff_t *step) noexcept:
    """Whether each (units, inner) block of a is contiguous and the outer axes have one common step."""
    cdef Py_ssize_t expected = cnp.PyArray_ITEMSIZE(a)
    cdef int i, nd = cnp.PyArray_NDIM(a)
    shape.outer = shape.inner = 1
    shape.units = cnp.PyArray_DIM(a, axis)
    step[0] = 0
    if cnp.PyArray_SIZE(a) == 0:  # NumPy gives such arrays any strides
        shape.outer = 0
        return True
    for i in range(nd - 1, axis - 1, -1):
        if cnp.PyArray_DIM(a, i) > 1 and cnp.PyArray_STRIDE(a, i) != expected:
            return False
        expected *= cnp.PyArray_DIM(a, i)
        if i > axis:
            shape.inner *= cnp.PyArray_DIM(a, i)
    step[0] = expected
    for i in range(axis - 1, -1, -1):
        if cnp.PyArray_DIM(a, i) == 1:
            continue
        if shape.outer == 1:
            step[0] = cnp.PyArray_STRIDE(a, i)
        elif cnp.PyArray_STRIDE(a, i) != expected:
            return False
        shape.outer *= cnp.PyArray_DIM(a, i)
        expected = cnp.PyArray_STRIDE(a, i) * cnp.PyArray_DIM(a, i)
    return True


cdef bint is_plain(cnp.ndarray a) noexcept:
    return a is None or cnp.PyArray_IS_C_CONTIGUOUS(a)


cdef tuple in_memory_order(cnp.ndarray a, int axis):
    """(axes of a from the widest stride to the narrowest, where the unit axis went)."""
    strides = (<object>a).strides
    order = sorted(range(cnp.PyArray_NDIM(a)), key=lambda i: -abs(strides[i]))
    return order, order.index(axis)


cdef cnp.ndarray blocked(cnp.ndarray a, list order, int axis, bint copy_contents):
    """a under that order of its axes: a view where as_blocks can describe it, else contiguous memory."""
    cdef rf_shape shape
    cdef ptrdiff_t step
    cdef cnp.ndarray view = a.transpose(order)
    # a constant step of 0 (a broadcast input) reads well, but no block may be written twice
    if cnp.PyArray_ISBEHAVED_RO(view) and as_blocks(view, axis, &shape, &step):
        if copy_contents or shape.outer == 1 or abs(step) >= <ptrdiff_t>(
                shape.units * shape.inner * cnp.PyArray_ITEMSIZE(a)):
            return view
    if copy_contents:
        return np.array(view, order="C")
    return np.empty(shape_of(view), view.dtype.newbyteorder("="))


cdef int64_t examples_in(cnp.ndarray a, int axis) noexcept:
    """Entries of the batch: the first axis that is not the units'."""
    if cnp.PyArray_SIZE(a) == 0:
        return 0
    if cnp.PyArray_NDIM(a) == 1:
        return 1
    return cnp.PyArray_DIM(a, 1 if axis == 0 else 0)
