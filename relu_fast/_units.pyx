"""Fused per-unit passes over NumPy arrays: everything is checked here, once, before anything is written."""

from libc.math cimport NAN, isnan
from libc.stdint cimport int64_t, uint8_t, uint16_t

cimport numpy as cnp

from ._core cimport (
    RF_ENOMEM, RF_FLOAT16, RF_FLOAT32, RF_FLOAT64, RF_FROM_MASK, RF_FROM_X, RF_FROM_Y, RF_OK, error_message, narrow,
    rf_dtype, rf_unit_counts, rf_units_backward_args, rf_units_forward_args, units_backward, units_forward,
)
from ._layout cimport (
    apart_from, as_blocks, blocked, check_apart, check_overlap, checked_axis, checked_output, data_of, dtype_of,
    examples_in, floats, in_memory_order, is_plain, is_real, same_shape, shape_of,
)

import numpy as np

from .activations import ACTIVATIONS, activation_named

cnp.import_array()

cdef enum:
    MAX_PARAMS = 2
    STACK_UNITS = 256

cdef dict ROW_INDEX = {name: i for i, name in enumerate(ACTIVATIONS)}
cdef dict ROW_PARAMS = {name: tuple(row.params) for name, row in ACTIVATIONS.items()}
cdef dict ROW_MASK = {name: row.mask is not None for name, row in ACTIVATIONS.items()}
cdef dict ROW_FROM_Y = {name: row.from_y for name, row in ACTIVATIONS.items()}
# the parameter that the backward pass has a gradient for: it has no default
cdef dict ROW_LEARNED = {name: next((p for p, default in row.params.items() if default is None), None)
                         for name, row in ACTIVATIONS.items()}

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


cdef void add_to_all(cnp.ndarray a, int64_t n) noexcept:
    cdef int64_t *p = <int64_t *>cnp.PyArray_DATA(a)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_DIM(a, 0)):
        p[i] += n


cdef int check_stats(object stats, Py_ssize_t found, Py_ssize_t units, cnp.ndarray like, int axis, str name) except -1:
    if found != units:
        raise ValueError(f"stats is for {found} units, {name} {shape_of(like)} has {units} along axis {axis}")
    return 0


# ---- numbers that come with an activation

cdef int checked_row(object activation) except -1:
    index = ROW_INDEX.get(activation) if isinstance(activation, str) else None
    if index is None:
        activation_named(activation)
    return index


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
    if not is_real(a):
        raise TypeError(f"{name} has dtype {a.dtype}, expected numbers that fit {like.dtype}")
    return np.array(a, dtype=like.dtype, order="C")


cdef list parameters(object activation, dict params, cnp.ndarray like, Py_ssize_t units, int axis, str like_name):
    """The activation's parameters as arrays of like's dtype."""
    cdef tuple names = ROW_PARAMS[activation]
    for given in params:
        if given not in names:
            expected = ("it has no parameter" if not names else f"its parameter is {names[0]}" if len(names) == 1 else
                        f"its parameters are {' and '.join(names)}")
            raise TypeError(f"{activation} got an unexpected keyword {given!r}: {expected}")
    cdef list found = []
    for name in names:
        value = params[name] if name in params else ACTIVATIONS[activation].params[name]
        if value is None:
            raise TypeError(f"{activation} needs {name}=: a number, or one per unit")
        found.append(per_unit(value, like, units, axis, name, like_name, True))
    check_values(activation, found)
    return found


cdef double comparable(cnp.ndarray a, Py_ssize_t i) noexcept:
    """NaN where element i is, else a number that compares with those of the same dtype as the elements do.

    By hand: NumPy's comparisons clear the floating-point flags of the caller.
    """
    cdef int dtype = dtype_of(a), half, size
    if dtype == RF_FLOAT32:
        return (<float *>cnp.PyArray_DATA(a))[i]
    if dtype == RF_FLOAT64:
        return (<double *>cnp.PyArray_DATA(a))[i]
    half = (<uint16_t *>cnp.PyArray_DATA(a))[i]
    size = half & 0x7fff
    if size > (0x7c00 if dtype == RF_FLOAT16 else 0x7f80):
        return NAN
    return -size if half & 0x8000 else size


cdef bint any_negative(cnp.ndarray a) noexcept:
    for i in range(cnp.PyArray_SIZE(a)):
        if comparable(a, i) < 0:
            return True
    return False


cdef int check_values(object activation, list params) except -1:
    """Leave parameters that make no sense to the row, which raises."""
    cdef bint wrong = False
    cdef cnp.ndarray param, low, high
    cdef Py_ssize_t i, lows, highs
    if ROW_LEARNED[activation] is None:
        for param in params:
            for i in range(cnp.PyArray_SIZE(param)):
                wrong |= isnan(comparable(param, i))
    if ROW_PARAMS[activation] == ("min_val", "max_val"):
        low, high = params
        lows, highs = cnp.PyArray_SIZE(low), cnp.PyArray_SIZE(high)
        for i in range(max(lows, highs) if lows and highs else 0):
            wrong |= comparable(low, i if lows > 1 else 0) > comparable(high, i if highs > 1 else 0)
    if wrong:
        ACTIVATIONS[activation].check(dict(zip(ROW_PARAMS[activation], params)))
    return 0


cdef int check_tells_sign(object activation, list params) except -1:
    """From y, a slope or alpha must not be negative; hardtanh's two limits may."""
    if len(params) == 1 and any_negative(params[0]):
        given = " ".join(str(params[0]).split())
        raise ValueError(f"{activation} with {ROW_PARAMS[activation][0]}={given} cannot take y=: the sign of y does "
                         "not tell that of x; pass x=")
    return 0


cdef str listed(dict rows):
    return ", ".join(name for name, has in rows.items() if has)


# ---- masks

cdef Py_ssize_t mask_bytes(Py_ssize_t size) noexcept:
    return (size + 7) // 8


def empty_mask(shape):
    """See fused.empty_mask."""
    # NumPy says what is wrong with the shape, without allocating anything of that size
    size = np.broadcast_to(np.uint8(0), shape).size
    return np.zeros(mask_bytes(size), np.uint8)


cdef cnp.ndarray checked_mask(object mask, object activation, cnp.ndarray like, str like_name, bint written):
    if not ROW_MASK[activation]:
        raise ValueError(f"{activation} cannot do with a mask: its gradient needs more than one bit an element (only "
                         f"{listed(ROW_MASK)} do)")
    if not isinstance(mask, np.ndarray):
        raise TypeError(f"mask must be an array from empty_mask, not {type(mask).__name__}")
    cdef cnp.ndarray a = mask
    cdef Py_ssize_t expected = mask_bytes(cnp.PyArray_SIZE(like))
    if cnp.PyArray_TYPE(a) != cnp.NPY_UINT8:
        raise TypeError(f"mask has dtype {a.dtype}, expected uint8: eight elements a byte")
    if cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != expected:
        raise ValueError(f"mask has shape {shape_of(a)}, expected ({expected},): one bit for each element of "
                         f"{like_name} {shape_of(like)}")
    if not cnp.PyArray_IS_C_CONTIGUOUS(a):
        raise ValueError(f"mask is not contiguous (strides {(<object>a).strides})")
    if written and not cnp.PyArray_ISWRITEABLE(a):
        raise ValueError("mask is read-only")
    return a


# ---- the passes

cdef int raise_status(int status) except -1:
    message = (<bytes>error_message(status)).decode()
    raise MemoryError(message) if status == RF_ENOMEM else ValueError(message)


def forward(z, activation, bias, unit_axis, stats, mask, out, bint store, dict params, str name="z"):
    """See fused.forward; without `store` fused.observe. `name` is what messages call z."""
    cdef rf_units_forward_args args
    cdef cnp.ndarray source, target, result, bias_array, param, bits = None
    cdef list numbers, order
    cdef UnitArrays counts
    cdef int axis, status, k
    cdef Py_ssize_t units
    cdef int64_t examples
    args.activation = checked_row(activation)
    source = floats(z, name)
    axis = checked_axis(unit_axis, source, name)
    units = cnp.PyArray_DIM(source, axis)
    bias_array = None if bias is None else per_unit(bias, source, units, axis, "bias", name, False)
    numbers = parameters(activation, params, source, units, axis, name)
    if stats is None and store:
        counts = None
    elif isinstance(stats, UnitArrays):
        counts = stats
        check_stats(counts, counts.units, units, source, axis, name)
        if counts.busy:
            refuse_busy(counts)
    else:
        raise TypeError(f"stats must be a UnitStats, not {type(stats).__name__}")
    if mask is not None:
        bits = checked_mask(mask, activation, source, name, True)
        check_apart(bits, "mask", source, name)
    result = target = None
    if store:
        result = target = checked_output(out, source, name)
        if out is not None:
            check_overlap(target, source, name)
            if bits is not None:
                check_apart(bits, "mask", target, "out")
    bias_array = apart_from(apart_from(bias_array, target), bits)
    for k in range(len(numbers)):
        numbers[k] = apart_from(apart_from(numbers[k], target), bits)

    examples = examples_in(source, axis)
    order = None
    if not (cnp.PyArray_IS_C_CONTIGUOUS(source) and (target is None or cnp.PyArray_ISCARRAY(target))):
        # a mask lists the elements in C order
        order = in_memory_order(source, axis)[0] if bits is None else list(range(cnp.PyArray_NDIM(source)))
        axis = order.index(axis)
        source = blocked(source, order, axis, True)
        if target is not None:
            target = blocked(target, order, axis, False)

    as_blocks(source, axis, &args.shape, &args.z_step)
    args.dtype = <rf_dtype>dtype_of(source)
    args.z = cnp.PyArray_DATA(source)
    args.y = NULL
    args.y_step = 0
    if target is not None:
        as_blocks(target, axis, &args.shape, &args.y_step)
        args.y = cnp.PyArray_DATA(target)
    args.bias = data_of(bias_array)
    for k in range(MAX_PARAMS):
        param = numbers[k] if k < len(numbers) else None
        args.params[k] = data_of(param)
        args.param_per_unit[k] = param is not None and cnp.PyArray_NDIM(param) == 1
    args.mask = <uint8_t *>data_of(bits)
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


def backward(g, activation, x, y, mask, bias, unit_axis, bias_grad, weight_grad, stats, out, dict params):
    """See fused.backward."""
    cdef rf_units_backward_args args
    cdef cnp.ndarray grad, source = None, like, target, result, bias_array, param, sums, weights, bits = None
    cdef list numbers, order
    cdef GradArrays counts
    cdef int axis, status, k
    cdef Py_ssize_t units
    cdef str name
    cdef list kept = []
    cdef double bias_room[STACK_UNITS]
    cdef double weight_room[STACK_UNITS]
    args.activation = checked_row(activation)
    if (x is not None) + (y is not None) + (mask is not None) != 1:
        raise TypeError("backward needs exactly one of x= (the pre-activation without bias), y= (the output) and "
                        "mask= (what forward wrote to its mask)")
    if bias is not None and x is None:
        raise TypeError(f"bias= goes with x=: {'y' if mask is None else 'the mask'} already contains it")
    if weight_grad is not None:
        if ROW_LEARNED[activation] is None:
            raise TypeError(f"{activation} has no weight_grad: it has no learned parameter")
        if x is None:
            raise TypeError("weight_grad= goes with x=: it is a sum over g * x")
    grad = floats(g, "g")
    if mask is None:
        name = "x" if y is None else "y"
        args.source_kind = RF_FROM_X if y is None else RF_FROM_Y
        like = source = floats(x if y is None else y, name)
        if not same_shape(grad, source):
            raise ValueError(f"g has shape {shape_of(grad)}, expected {shape_of(source)}: that of {name}")
        if cnp.PyArray_TYPE(grad) != cnp.PyArray_TYPE(source):
            raise TypeError(f"g has dtype {grad.dtype}, expected {source.dtype}: that of {name}")
    else:
        name = "g"
        args.source_kind = RF_FROM_MASK
        like = grad
    axis = checked_axis(unit_axis, like, name)
    units = cnp.PyArray_DIM(like, axis)
    bias_array = None if bias is None else per_unit(bias, like, units, axis, "bias", name, False)
    numbers = parameters(activation, params, like, units, axis, name)
    if y is not None:
        if not ROW_FROM_Y[activation]:
            raise ValueError(f"{activation} cannot take y=: its output does not tell its derivative (only those of "
                             f"{listed(ROW_FROM_Y)} do); pass x=")
        check_tells_sign(activation, numbers)
    if stats is None:
        counts = None
    elif isinstance(stats, GradArrays):
        counts = stats
        check_stats(counts, counts.units, units, like, axis, name)
        if counts.busy:
            refuse_busy(counts)
    else:
        raise TypeError(f"stats must be a GradStats, not {type(stats).__name__}")

    if mask is not None:
        bits = checked_mask(mask, activation, grad, "g", False)
    result = target = checked_output(out, like, name)
    if out is not None:
        if source is not None:
            check_overlap(target, source, name)
        check_overlap(target, grad, "g")
        if bits is not None:
            check_apart(target, "out", bits, "mask")
    sums = weights = None
    if bias_grad is not None:
        sums = checked_sums(bias_grad, "bias_grad", like, units, axis, name, False)
    if weight_grad is not None:
        weights = checked_sums(weight_grad, "weight_grad", like, units, axis, name,
                               cnp.PyArray_NDIM(<cnp.ndarray>numbers[0]) == 0)
    for gradient, gradient_name in ((sums, "bias_grad"), (weights, "weight_grad")):
        if gradient is not None:
            for other, other_name in ((source, name), (grad, "g"), (bits, "mask"), (target, "out")):
                check_apart(gradient, gradient_name, other, other_name)
    if sums is not None and weights is not None:
        check_apart(weights, "weight_grad", sums, "bias_grad")
    bias_array = apart_from(apart_from(apart_from(bias_array, target), sums), weights)
    for k in range(len(numbers)):
        numbers[k] = apart_from(apart_from(apart_from(numbers[k], target), sums), weights)

    order = None
    if not (is_plain(source) and is_plain(grad) and cnp.PyArray_ISCARRAY(target)):
        order = in_memory_order(source, axis)[0] if bits is None else list(range(cnp.PyArray_NDIM(grad)))
        axis = order.index(axis)
        if source is not None:
            source = blocked(source, order, axis, True)
        grad = blocked(grad, order, axis, True)
        target = blocked(target, order, axis, False)

    as_blocks(grad, axis, &args.shape, &args.grad_output_step)
    args.source_step = 0
    if source is not None:
        as_blocks(source, axis, &args.shape, &args.source_step)
    as_blocks(target, axis, &args.shape, &args.grad_input_step)
    args.dtype = <rf_dtype>dtype_of(grad)
    args.grad_output = cnp.PyArray_DATA(grad)
    args.source = data_of(source if bits is None else bits)
    args.grad_input = cnp.PyArray_DATA(target)
    args.bias = data_of(bias_array)
    for k in range(MAX_PARAMS):
        param = numbers[k] if k < len(numbers) else None
        args.params[k] = data_of(param)
        args.param_per_unit[k] = param is not None and cnp.PyArray_NDIM(param) == 1
    args.bias_grad = exact(sums, bias_room, kept)
    args.weight_grad = exact(weights, weight_room, kept)
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
    round_to(sums, args.bias_grad)
    round_to(weights, args.weight_grad)
    if counts is not None:
        add_to_all(counts.seen, <int64_t>(args.shape.outer * args.shape.inner))
    if cnp.PyArray_DATA(target) != cnp.PyArray_DATA(result):
        result.transpose(order)[...] = target
    return result


# ---- sums over units: the C library has them in float64

cdef cnp.ndarray checked_sums(object given, str name, cnp.ndarray like, Py_ssize_t units, int axis, str like_name,
                              bint single):
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{name} must be an array to write to, not {type(given).__name__}")
    cdef cnp.ndarray a = given
    if single:
        if cnp.PyArray_SIZE(a) != 1 or cnp.PyArray_NDIM(a) > 1:
            raise ValueError(f"{name} has shape {shape_of(a)}, expected () or (1,): that of the one weight")
    elif cnp.PyArray_NDIM(a) != 1 or cnp.PyArray_DIM(a, 0) != units:
        raise ValueError(f"{name} has shape {shape_of(a)}, expected ({units},): one entry per unit along axis "
                         f"{axis} of {like_name} {shape_of(like)}")
    cdef int kind = cnp.PyArray_TYPE(a)
    cdef bint half = cnp.PyArray_ITEMSIZE(like) == 2
    if not (kind == cnp.PyArray_TYPE(like) or kind == cnp.NPY_DOUBLE or half and kind == cnp.NPY_FLOAT):
        choices = f"{like.dtype}, float32 or float64" if half else f"{like.dtype} or float64"
        raise TypeError(f"{name} has dtype {a.dtype}, expected {choices}")
    if not cnp.PyArray_ISCARRAY(a):
        raise ValueError(f"{name} must be writeable, contiguous and aligned")
    return a


cdef double *exact(cnp.ndarray sums, double *stack, list kept) except? NULL:
    """Where float64 sums go: to the array itself if it is float64; small layers borrow the stack."""
    cdef cnp.ndarray room
    if sums is None:
        return NULL
    if cnp.PyArray_TYPE(sums) == cnp.NPY_DOUBLE:
        return <double *>cnp.PyArray_DATA(sums)
    if cnp.PyArray_SIZE(sums) <= STACK_UNITS:
        return stack
    room = np.empty(cnp.PyArray_SIZE(sums))
    kept.append(room)
    return <double *>cnp.PyArray_DATA(room)


cdef void round_to(cnp.ndarray sums, const double *found):
    if sums is not None and cnp.PyArray_TYPE(sums) != cnp.NPY_DOUBLE:
        narrow(<rf_dtype>dtype_of(sums), found, cnp.PyArray_DATA(sums), cnp.PyArray_SIZE(sums))
