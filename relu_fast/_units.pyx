"""Fused per-unit passes over NumPy arrays: everything is checked here, once, before anything is written."""

from libc.stdint cimport int64_t, uintptr_t

cimport numpy as cnp

from ._core cimport (
    RF_FLOAT32, RF_FLOAT64, RF_OK, error_message, narrow, rf_shape, rf_unit_counts, rf_units_backward_args,
    rf_units_forward_args, units_backward, units_forward,
)

cdef extern from "numpy/arrayobject.h":
    cnp.ndarray PyArray_NewLikeArray(cnp.ndarray prototype, cnp.NPY_ORDER order, void *descr, int subok)

import numpy as np

from .activations import ACTIVATIONS, activation_named

cnp.import_array()

cdef dict ROW_INDEX = {name: i for i, name in enumerate(ACTIVATIONS)}
cdef dict ROW_PARAM = {name: next(iter(row.params), None) for name, row in ACTIVATIONS.items()}

cdef enum:
    STACK_UNITS = 256

cdef tuple UNIT_FIELDS = ("active", "nonfinite", "max", "min", "sum_abs")


# ---- the records that the passes fill

cdef class UnitArrays:
    """The arrays of UnitStats. The passes write to them directly: they are views, which cannot be resized."""

    cdef readonly Py_ssize_t units
    cdef readonly tuple collect
    cdef readonly cnp.ndarray seen, examples, active, nonfinite, max, min, sum_abs
    cdef bint busy

    def __cinit__(self, units=None, collect=("active", "nonfinite", "max")):
        self.units = _checked_units(units)
        wanted = (collect,) if isinstance(collect, str) else tuple(collect)
        for name in wanted:
            if name not in UNIT_FIELDS:
                raise ValueError(f"cannot collect {name!r}; choose from {', '.join(UNIT_FIELDS)}")
        self.collect = tuple(name for name in UNIT_FIELDS if name in wanted)
        self.seen = counters(self.units)
        self.examples = counters(self.units)
        self.active = counters(self.units) if "active" in wanted else None
        self.nonfinite = counters(self.units) if "nonfinite" in wanted else None
        self.max = np.full(self.units, -np.inf)[:] if "max" in wanted else None
        self.min = np.full(self.units, np.inf)[:] if "min" in wanted else None
        self.sum_abs = np.zeros(self.units)[:] if "sum_abs" in wanted else None


cdef class GradArrays:
    """The arrays of GradStats, likewise."""

    cdef readonly Py_ssize_t units
    cdef readonly cnp.ndarray seen, nonzero, nonfinite
    cdef bint busy

    def __cinit__(self, units=None):
        self.units = _checked_units(units)
        self.seen = counters(self.units)
        self.nonzero = counters(self.units)
        self.nonfinite = counters(self.units)


cdef cnp.ndarray counters(Py_ssize_t units):
    return np.zeros(units, np.int64)[:]


cdef int refuse_busy(object stats) except -1:
    raise RuntimeError(f"{type(stats).__name__} is being filled by another thread: give each thread its own, then "
                       "merge them")


cdef Py_ssize_t _checked_units(object units) except -1:
    try:
        count = units.__index__()
    except AttributeError:
        raise TypeError(f"units must be an integer, not {type(units).__name__}") from None
    if count < 0:
        raise ValueError(f"units={count} is negative")
    return count


cdef inline void *data_of(cnp.ndarray a) noexcept:
    return NULL if a is None else cnp.PyArray_DATA(a)


cdef void add_to_all(cnp.ndarray a, int64_t n) noexcept:
    cdef int64_t *p = <int64_t *>cnp.PyArray_DATA(a)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_DIM(a, 0)):
        p[i] += n


# ---- arguments

cdef cnp.ndarray floats(object x, str name):
    """x as a native, aligned float32 or float64 array: itself where it is one."""
    cdef cnp.ndarray a
    if type(x) is cnp.ndarray:
        a = x
    else:
        refuse_masked(x, name)
        a = np.asarray(x)
    cdef int kind = cnp.PyArray_TYPE(a)
    if kind == cnp.NPY_FLOAT or kind == cnp.NPY_DOUBLE:
        if not cnp.PyArray_ISBEHAVED_RO(a):
            return np.array(a, dtype=a.dtype.newbyteorder("="))
        return a
    if a.dtype.kind in "biu" or a.dtype == np.float16:
        return a.astype(np.result_type(a.dtype, np.float32) if a.dtype.kind != "b" else np.float32)
    raise TypeError(f"{name} has dtype {a.dtype}, expected float32 or float64 (integers are converted)")


cdef int refuse_masked(object x, str name) except -1:
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected a plain one: the passes count masked elements too")
    return 0


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


cdef cnp.ndarray apart_from(cnp.ndarray a, cnp.ndarray out):
    """a, copied if writing to out would change it."""
    return a.copy() if a is not None and out is not None and share_memory(a, out) else a


cdef cnp.ndarray per_unit(object value, cnp.ndarray like, Py_ssize_t units, int axis, str name, str like_name,
                          bint scalar_allowed):
    """value as contiguous numbers of like's dtype: one per unit, or (where allowed) a single one."""
    cdef cnp.ndarray a
    if type(value) is cnp.ndarray:
        a = value
    else:
        a = np.asarray(value)
    if not (cnp.PyArray_NDIM(a) == 0 and scalar_allowed):
        if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != units:
            raise ValueError(f"{name} has shape {shape_of(a)}, expected ({units},): one entry per unit along axis "
                             f"{axis} of {like_name} {shape_of(like)}")
    if cnp.PyArray_TYPE(a) == cnp.PyArray_TYPE(like) and cnp.PyArray_ISCARRAY_RO(a):
        return a
    if a.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {a.dtype}, expected numbers that fit {like.dtype}")
    return np.array(a, dtype=like.dtype, order="C")


cdef cnp.ndarray parameter(object activation, dict params, cnp.ndarray like, Py_ssize_t units, int axis,
                           str like_name):
    """The activation's parameter as an array of like's dtype, or None where it has none."""
    name = ROW_PARAM[activation]
    for given in params:
        if given != name:
            expected = f"its parameter is {name}" if name else "it has no parameter"
            raise TypeError(f"{activation} got an unexpected keyword {given!r}: {expected}")
    if name is None:
        return None
    value = params[name] if name in params else ACTIVATIONS[activation].params[name]
    if value is None:
        raise TypeError(f"{activation} needs {name}=: a number, or one per unit")
    return per_unit(value, like, units, axis, name, like_name, True)


cdef bint any_negative(cnp.ndarray a) noexcept:
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(a)):
        if cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT:
            if (<float *>cnp.PyArray_DATA(a))[i] < 0:
                return True
        elif (<double *>cnp.PyArray_DATA(a))[i] < 0:
            return True
    return False


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


cdef bint all_plain(cnp.ndarray a, cnp.ndarray b, cnp.ndarray c) noexcept:
    return (cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_IS_C_CONTIGUOUS(b)
            and cnp.PyArray_IS_C_CONTIGUOUS(c))


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


cdef int raise_status(int status) except -1:
    raise ValueError((<bytes>error_message(status)).decode())


# ---- the passes

cdef int checked_row(object activation) except -1:
    index = ROW_INDEX.get(activation) if isinstance(activation, str) else None
    if index is None:
        activation_named(activation)
    return index


def forward(z, activation, bias, unit_axis, stats, out, bint store, dict params, str name="z"):
    """See fused.forward; without `store` fused.observe. `name` is what messages call z."""
    cdef rf_units_forward_args args
    cdef cnp.ndarray source, target, result, bias_array, param
    cdef UnitArrays counts
    cdef int axis, status
    cdef Py_ssize_t units
    cdef int64_t examples
    args.activation = checked_row(activation)
    source = floats(z, name)
    axis = checked_axis(unit_axis, source, name)
    units = cnp.PyArray_DIM(source, axis)
    bias_array = None if bias is None else per_unit(bias, source, units, axis, "bias", name, False)
    param = parameter(activation, params, source, units, axis, name)
    if stats is None and store:
        counts = None
    elif isinstance(stats, UnitArrays):
        counts = stats
        if counts.units != units:
            raise ValueError(f"stats is for {counts.units} units, {name} {shape_of(source)} has {units} along axis "
                             f"{axis}")
        if counts.busy:
            refuse_busy(counts)
    else:
        raise TypeError(f"stats must be a UnitStats, not {type(stats).__name__}")
    result = target = None
    if store:
        result = target = checked_output(out, source, name)
        if out is not None:
            check_overlap(target, source, name)
        bias_array = apart_from(bias_array, target)
        param = apart_from(param, target)

    examples = examples_in(source, axis)
    if not (cnp.PyArray_IS_C_CONTIGUOUS(source)
            and (target is None or cnp.PyArray_ISCARRAY(target))):
        order, axis = in_memory_order(source, axis)
        source = blocked(source, order, axis, True)
        if target is not None:
            target = blocked(target, order, axis, False)

    as_blocks(source, axis, &args.shape, &args.z_step)
    args.dtype = RF_FLOAT32 if cnp.PyArray_TYPE(source) == cnp.NPY_FLOAT else RF_FLOAT64
    args.z = cnp.PyArray_DATA(source)
    args.y = NULL
    args.y_step = 0
    if target is not None:
        as_blocks(target, axis, &args.shape, &args.y_step)
        args.y = cnp.PyArray_DATA(target)
    args.bias = data_of(bias_array)
    args.param = data_of(param)
    args.param_per_unit = param is not None and cnp.PyArray_NDIM(param) == 1
    if counts is not None:
        args.counts.active = <int64_t *>data_of(counts.active)
        args.counts.nonfinite = <int64_t *>data_of(counts.nonfinite)
        args.counts.max = <double *>data_of(counts.max)
        args.counts.min = <double *>data_of(counts.min)
        args.counts.sum_abs = <double *>data_of(counts.sum_abs)
        counts.busy = True
    else:
        args.counts = rf_unit_counts(NULL, NULL, NULL, NULL, NULL)
    with nogil:
        status = units_forward(&args)
    if counts is not None:
        counts.busy = False
    if status != RF_OK:
        raise_status(status)
    if counts is not None:
        add_to_all(counts.seen, <int64_t>(args.shape.outer * args.shape.inner))
        add_to_all(counts.examples, examples)
    if target is not None and cnp.PyArray_DATA(target) != cnp.PyArray_DATA(result):
        result.transpose(order)[...] = target
    return result


def backward(g, activation, x, y, bias, unit_axis, bias_grad, stats, out, dict params):
    """See fused.backward."""
    cdef rf_units_backward_args args
    cdef cnp.ndarray grad, source, target, result, bias_array, param, sums
    cdef GradArrays counts
    cdef int axis, status
    cdef Py_ssize_t units
    cdef str name
    cdef cnp.ndarray exact_sums
    cdef double on_stack[STACK_UNITS]
    args.activation = checked_row(activation)
    if (x is None) == (y is None):
        raise TypeError("backward needs exactly one of x= (the pre-activation without bias) and y= (the output)")
    name = "x" if y is None else "y"
    args.source_is_y = y is not None
    if bias is not None and args.source_is_y:
        raise TypeError("bias= goes with x=: y already contains it")
    source = floats(x if y is None else y, name)
    grad = floats(g, "g")
    if not same_shape(grad, source):
        raise ValueError(f"g has shape {shape_of(grad)}, expected {shape_of(source)}: that of {name}")
    if cnp.PyArray_TYPE(grad) != cnp.PyArray_TYPE(source):
        raise TypeError(f"g has dtype {grad.dtype}, expected {source.dtype}: that of {name}")
    axis = checked_axis(unit_axis, source, name)
    units = cnp.PyArray_DIM(source, axis)
    bias_array = None if bias is None else per_unit(bias, source, units, axis, "bias", name, False)
    param = parameter(activation, params, source, units, axis, name)
    if args.source_is_y and param is not None and any_negative(param):
        raise ValueError(f"{activation} with {ROW_PARAM[activation]}={param} cannot take y=: the sign of y does not "
                         "tell that of x; pass x=")
    if stats is None:
        counts = None
    elif isinstance(stats, GradArrays):
        counts = stats
        if counts.units != units:
            raise ValueError(f"stats is for {counts.units} units, {name} {shape_of(source)} has {units} along axis "
                             f"{axis}")
        if counts.busy:
            refuse_busy(counts)
    else:
        raise TypeError(f"stats must be a GradStats, not {type(stats).__name__}")

    result = target = checked_output(out, source, name)
    if out is not None:
        check_overlap(target, source, name)
        check_overlap(target, grad, "g")
    sums = None
    if bias_grad is not None:
        sums = checked_bias_grad(bias_grad, source, units, axis, name)
        for other, other_name in ((source, name), (grad, "g"), (target, "out")):
            if share_memory(sums, other):
                raise ValueError(f"bias_grad overlaps {other_name}: it needs memory of its own")
    bias_array = apart_from(apart_from(bias_array, target), sums)
    param = apart_from(apart_from(param, target), sums)

    if not (all_plain(source, grad, target) and cnp.PyArray_ISCARRAY(target)):
        order, axis = in_memory_order(source, axis)
        source = blocked(source, order, axis, True)
        grad = blocked(grad, order, axis, True)
        target = blocked(target, order, axis, False)

    as_blocks(grad, axis, &args.shape, &args.grad_output_step)
    as_blocks(source, axis, &args.shape, &args.source_step)
    as_blocks(target, axis, &args.shape, &args.grad_input_step)
    args.dtype = RF_FLOAT32 if cnp.PyArray_TYPE(source) == cnp.NPY_FLOAT else RF_FLOAT64
    args.grad_output = cnp.PyArray_DATA(grad)
    args.source = cnp.PyArray_DATA(source)
    args.grad_input = cnp.PyArray_DATA(target)
    args.bias = data_of(bias_array)
    args.param = data_of(param)
    args.param_per_unit = param is not None and cnp.PyArray_NDIM(param) == 1
    # the C library sums in float64; small layers borrow the stack
    if sums is None:
        args.bias_grad = NULL
    elif cnp.PyArray_TYPE(sums) == cnp.NPY_DOUBLE:
        args.bias_grad = <double *>cnp.PyArray_DATA(sums)
    elif units <= STACK_UNITS:
        args.bias_grad = on_stack
    else:
        exact_sums = np.empty(units)
        args.bias_grad = <double *>cnp.PyArray_DATA(exact_sums)
    args.counts.nonzero = NULL if counts is None else <int64_t *>data_of(counts.nonzero)
    args.counts.nonfinite = NULL if counts is None else <int64_t *>data_of(counts.nonfinite)
    if counts is not None:
        counts.busy = True
    with nogil:
        status = units_backward(&args)
    if counts is not None:
        counts.busy = False
    if status != RF_OK:
        raise_status(status)
    if sums is not None and cnp.PyArray_TYPE(sums) == cnp.NPY_FLOAT:
        narrow(args.bias_grad, <float *>cnp.PyArray_DATA(sums), units)
    if counts is not None:
        add_to_all(counts.seen, <int64_t>(args.shape.outer * args.shape.inner))
    if cnp.PyArray_DATA(target) != cnp.PyArray_DATA(result):
        result.transpose(order)[...] = target
    return result


cdef cnp.ndarray checked_bias_grad(object bias_grad, cnp.ndarray like, Py_ssize_t units, int axis, str like_name):
    if not isinstance(bias_grad, np.ndarray):
        raise TypeError(f"bias_grad must be an array to write to, not {type(bias_grad).__name__}")
    cdef cnp.ndarray a = bias_grad
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != units:
        raise ValueError(f"bias_grad has shape {shape_of(a)}, expected ({units},): one entry per unit along axis "
                         f"{axis} of {like_name} {shape_of(like)}")
    if cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(like) and cnp.PyArray_TYPE(a) != cnp.NPY_DOUBLE:
        raise TypeError(f"bias_grad has dtype {a.dtype}, expected {like.dtype} or float64")
    if not cnp.PyArray_ISCARRAY(a):
        raise ValueError("bias_grad must be writeable, contiguous and aligned")
    return a
