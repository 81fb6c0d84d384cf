# cython: cdivision=True
"""The one extension that links the C library: its ufuncs, its table of activations, its instruction sets."""

from cpython.pycapsule cimport PyCapsule_New
from libc.math cimport isnan
from libc.stdint cimport intptr_t

cimport numpy as cnp

from ._header cimport (
    RF_MASK_GATED, RF_MASK_NONE, RF_MASK_SLOPE, RF_MAX_PARAMS, RF_MAX_THREADS, RF_N_DTYPES, rf_activation_info,
)

import numpy as np

cnp.import_array()
cnp.import_ufunc()

cdef extern from "numpy/ndarraytypes.h":
    int NPY_HALF

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*PyUFuncGenericFunction)(char **, const cnp.npy_intp *, const cnp.npy_intp *, void *) noexcept nogil
    object PyUFunc_FromFuncAndData(PyUFuncGenericFunction *, void **, const char *, int, int, int, int, const char *,
                                   const char *, int)
    ctypedef struct PyUFuncObject:
        pass
    int PyUFunc_RegisterLoopForType(PyUFuncObject *, int, PyUFuncGenericFunction, const int *, void *) except -1

cdef extern from "kernels.h" nogil:
    int RF_N_ACTIVATIONS
    int RF_FORWARD
    int RF_BACKWARD
    ctypedef enum rf_direction:
        pass
    void rf_move(float *to, const float *a, const float *b, ptrdiff_t n)
    const rf_activation_info *rf_info(int activation)
    double rf_gate(int activation, const double *params)
    double rf_ceiling(int activation, const double *params)
    const char *rf_strerror(rf_status status)
    void rf_run(int activation, rf_direction direction, rf_dtype dtype, char **args, ptrdiff_t n,
                const ptrdiff_t *steps)
    void rf_narrow(rf_dtype dtype, const double *from_, void *to, size_t n)
    rf_status rf_units_forward(const rf_units_forward_args *args)
    rf_status rf_units_backward(const rf_units_backward_args *args)
    const char *rf_isa_available(int index)
    const char *rf_isa_known(int index)
    const char *rf_isa_active()
    rf_status rf_isa_use(const char *name)
    rf_status rf_isa_environment()
    int rf_get_num_threads()
    rf_status rf_set_num_threads(int n)
    rf_status rf_threads_environment()
    void rf_threads_shutdown()
    void *rf_xla_forward(void *call_frame)
    void *rf_xla_backward(void *call_frame)


cdef int units_forward(const rf_units_forward_args *args) noexcept nogil:
    return rf_units_forward(args)


cdef int units_backward(const rf_units_backward_args *args) noexcept nogil:
    return rf_units_backward(args)


cdef void narrow(rf_dtype dtype, const double *sums, void *to, size_t n) noexcept nogil:
    rf_narrow(dtype, sums, to, n)


cdef const char *error_message(int status) noexcept nogil:
    return rf_strerror(<rf_status>status)


# ---- other extensions

cdef extern from *:
    """
    #define RF_PROVIDES_FUNCTIONS
    #include "relu_fast_python.h"
    #define RF_ENTRY(name) rf_##name,
    static const rf_functions rf_table = {RF_ABI_VERSION, RF_VERSION, RF_FUNCTIONS(RF_ENTRY)};
    #undef RF_ENTRY
    """
    const char *RF_CAPSULE
    const void *rf_table_address "&rf_table"

_C_API = PyCapsule_New(<void *>rf_table_address, RF_CAPSULE, NULL)

# what jax.ffi.register_ffi_target takes: the address in a capsule without a name
_XLA_HANDLERS = {
    "forward": PyCapsule_New(<void *>&rf_xla_forward, NULL, NULL),
    "backward": PyCapsule_New(<void *>&rf_xla_backward, NULL, NULL),
}


# ---- the table

def _rows():
    """Rows of the table in order: (name, formula, {parameter: default or None}, mask, from_y)."""
    cdef const rf_activation_info *info
    masks = {RF_MASK_NONE: None, RF_MASK_GATED: "gated", RF_MASK_SLOPE: "slope"}
    rows = []
    for i in range(RF_N_ACTIVATIONS):
        info = rf_info(i)
        params = {info.param_names[k].decode(): None if isnan(info.param_defaults[k]) else info.param_defaults[k]
                  for k in range(info.n_params)}
        rows.append((info.name.decode(), info.formula.decode(), params, masks[info.mask], bool(info.from_y)))
    return rows


def _edges(int row, params):
    """(gate, ceiling) of a row with these parameters; NaN where there is none."""
    cdef double p[2]
    for k, value in enumerate(params):
        p[k] = value
    return rf_gate(row, p), rf_ceiling(row, p)


# ---- ufuncs

# NumPy keeps pointers to all of this: filled once, never freed. Halves come first, as in NumPy's own ufuncs: else
# they would find the loop of a larger type.
cdef enum:
    MAX_ACTIVATIONS = 64
    MAX_ARGS = 5
    N_LOOPS = 3
cdef tuple LOOP_DTYPES = ((RF_FLOAT16, NPY_HALF), (RF_FLOAT32, cnp.NPY_FLOAT), (RF_FLOAT64, cnp.NPY_DOUBLE))
cdef PyUFuncGenericFunction loops[N_LOOPS]
cdef void *codes[MAX_ACTIVATIONS][2][N_LOOPS]
cdef char types[MAX_ARGS + 1][N_LOOPS * MAX_ARGS]
cdef list kept_text = []


# The loop finds its kernel by a number in `data`: no memory that would have to outlive the ufunc.
cdef void *code_of(int row, int direction, int dtype) noexcept nogil:
    return <void *><intptr_t>((row * 2 + direction) * RF_N_DTYPES + dtype)


cdef void loop(char **args, const cnp.npy_intp *n, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef intptr_t code = <intptr_t>data
    rf_run(<int>(code // (2 * RF_N_DTYPES)), <rf_direction>(code // RF_N_DTYPES % 2), <rf_dtype>(code % RF_N_DTYPES),
           args, n[0], <const ptrdiff_t *>steps)


cdef const char *keep(str text):
    kept_text.append(text.encode())
    return kept_text[-1]


cdef object make_ufunc(int row, int direction):
    cdef const rf_activation_info *info = rf_info(row)
    cdef int n_in = 1 + info.n_params + (direction == RF_BACKWARD)
    cdef int n_out = info.n_gradients if direction == RF_BACKWARD else 1
    cdef int n_args = n_in + n_out
    name = info.name.decode()
    params = [info.param_names[k].decode() for k in range(info.n_params)]
    if direction == RF_BACKWARD:
        call = ", ".join(["grad_output", "x", *params])
        result = "grad_input" if n_out == 1 else f"(grad_input, grad_{params[0]})"
        doc = (f"{name}_backward({call}) -> {result}, elementwise: grad_output times the derivative of {name} at "
               f"x, {info.formula.decode()}.\n\n")
        name += "_backward"
    else:
        call = ", ".join(["x", *params])
        doc = f"{name}({call}) = {info.formula.decode()}, elementwise; NaN stays NaN.\n\n"
    doc += ("Loops for float32, float64, float16 and, with ml_dtypes, bfloat16 (halves are computed in float32 and "
            "rounded once); other dtypes are cast.")
    for i, (dtype, numpy_type) in enumerate(LOOP_DTYPES):
        codes[row][direction][i] = code_of(row, direction, dtype)
        for arg in range(n_args):
            types[n_args][i * n_args + arg] = numpy_type
    return PyUFunc_FromFuncAndData(loops, codes[row][direction], types[n_args], N_LOOPS, n_in, n_out,
                                   -1, keep(name), keep(doc), 0)


cdef int register_bfloat16(object ufunc, int row, int direction, int bfloat16) except -1:
    cdef int arg_types[MAX_ARGS]
    for arg in range(MAX_ARGS):
        arg_types[arg] = bfloat16
    return PyUFunc_RegisterLoopForType(<PyUFuncObject *>ufunc, bfloat16, loop, arg_types,
                                       code_of(row, direction, RF_BFLOAT16))


def _ufuncs(bfloat16):
    """Every ufunc by name: each activation and its backward; with loops for the dtype bfloat16 unless it is None."""
    assert RF_N_ACTIVATIONS <= MAX_ACTIVATIONS and RF_FORWARD == 0 and RF_BACKWARD == 1 and RF_MAX_PARAMS == 2
    for i in range(N_LOOPS):
        loops[i] = loop
    global bfloat16_dtype, BFLOAT16
    if bfloat16 is not None:
        bfloat16_dtype, BFLOAT16 = bfloat16, bfloat16.num
    found = {}
    for row in range(RF_N_ACTIVATIONS):
        for direction in (RF_FORWARD, RF_BACKWARD):
            ufunc = make_ufunc(row, direction)
            found[ufunc.__name__] = ufunc
            if bfloat16 is not None:
                register_bfloat16(ufunc, row, direction, bfloat16.num)
    return found


# ---- functions with parameters

cdef enum:
    NOGIL_MIN = 2048  # elements; letting the GIL go and taking it again costs as much as 1000 of relu
cdef object bfloat16_dtype = None
BFLOAT16 = -1  # its type number, once it is known

cdef extern from "numpy/ndarrayobject.h":
    int PyArray_SETITEM(cnp.ndarray, void *, object) except -1
    object PyArray_SimpleNew(int, cnp.npy_intp *, int)


cdef bint is_bfloat16(object a):
    if isinstance(a, cnp.ndarray):
        return cnp.PyArray_TYPE(a) == BFLOAT16
    return bfloat16_dtype is not None and type(a) is bfloat16_dtype.type


cdef bint same_layout(object a, cnp.ndarray b):
    """Whether a is a contiguous array with the dtype and shape of b."""
    if type(a) is not cnp.ndarray:
        return False
    cdef cnp.ndarray x = a
    if not cnp.PyArray_ISCARRAY_RO(x) or cnp.PyArray_TYPE(x) != cnp.PyArray_TYPE(b):
        return False
    if cnp.PyArray_NDIM(x) != cnp.PyArray_NDIM(b):
        return False
    for i in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(x, i) != cnp.PyArray_DIM(b, i):
            return False
    return True


cdef bint is_one_number(object p, cnp.ndarray x):
    """Whether p is one number that leaves the dtype and the shape of x to a result."""
    if type(p) is float or type(p) is int:
        return True
    cdef int numpy_type = cnp.PyArray_TYPE(x)
    if type(p) is cnp.ndarray:
        return (cnp.PyArray_TYPE(<cnp.ndarray>p) == numpy_type and cnp.PyArray_SIZE(<cnp.ndarray>p) == 1
                and cnp.PyArray_NDIM(<cnp.ndarray>p) <= cnp.PyArray_NDIM(x))
    if numpy_type == cnp.NPY_FLOAT:
        return type(p) is np.float32
    if numpy_type == cnp.NPY_DOUBLE:
        return type(p) is np.float64
    if numpy_type == NPY_HALF:
        return type(p) is np.float16
    return is_bfloat16(p)


cdef object number_of(object p):
    return p.item() if type(p) is cnp.ndarray else p


cdef bint holds(object found) except -1:
    """Whether a comparison, a bool or an array of them, holds anywhere."""
    return found if type(found) is bool else found.any()


cdef bint partly_overlap(cnp.ndarray a, cnp.ndarray b):
    """Whether two arrays of one layout share memory without being the same memory."""
    cdef intptr_t distance = <intptr_t>cnp.PyArray_DATA(a) - <intptr_t>cnp.PyArray_DATA(b)
    cdef intptr_t size = cnp.PyArray_NBYTES(a)
    return distance != 0 and -size < distance < size


cdef class Function:
    """A ufunc whose last operands are parameters, with a short way for its usual call.

    The usual call has contiguous arrays of one shape and dtype, single numbers as parameters and no keyword but
    ``out``. NumPy needs more time to convert the numbers than relu does for a thousand elements. Python's numbers
    take the arrays' dtype: bfloat16 included, from which NumPy itself goes to float32. Parameters that make no
    sense are left to the activation's `check`, which raises.
    """

    cdef readonly object ufunc
    cdef object activation
    cdef int row, n_data, n_out
    cdef bint may_be_nan, are_ends
    cdef rf_direction direction

    def __init__(self, ufunc, activation):
        self.ufunc, self.activation = ufunc, activation
        self.may_be_nan = None in activation.params.values()  # learned
        self.are_ends = "min_val" in activation.params
        name = ufunc.__name__.removesuffix("_backward")
        self.row = [row[0] for row in _rows()].index(name)
        self.direction = <rf_direction>(RF_BACKWARD if name != ufunc.__name__ else RF_FORWARD)
        self.n_data = 2 if self.direction == RF_BACKWARD else 1
        self.n_out = ufunc.nout

    def call(self, dict kwargs, *operands):
        """Call the ufunc; one value or array for every input."""
        result = self.usual(operands, kwargs)
        return self.any(operands, kwargs) if result is None else result

    cdef int check(self, tuple operands) except -1:
        cdef bint wrong = False
        cdef list params = [np.asarray(p) if isinstance(p, (list, tuple)) else p for p in operands[self.n_data:]]
        for value in params:
            if not isinstance(value, (int, float, np.generic, np.ndarray)):
                return 0  # of a kind that may be computed later, or that the ufunc refuses
            wrong |= not self.may_be_nan and holds(value != value)
        if self.are_ends:
            wrong |= holds(params[0] > params[1])
        if wrong:
            self.activation.check(dict(zip(self.activation.params, params)))
        return 0

    cdef any(self, tuple operands, dict kwargs):
        self.check(operands)
        for i in range(self.n_data):
            if not is_bfloat16(operands[i]):
                break
        else:
            if "dtype" not in kwargs and "signature" not in kwargs:
                operands = tuple([bfloat16_dtype.type(p) if type(p) is float or type(p) is int else p
                                  for p in operands])
        return self.ufunc(*operands, **kwargs)

    cdef usual(self, tuple operands, dict kwargs):
        """Return the result, or None if the call is not of the usual kind."""
        cdef char *args[MAX_ARGS]
        cdef ptrdiff_t steps[MAX_ARGS]
        cdef double given[2]
        cdef double params[2]
        cdef rf_dtype dtype
        cdef Py_ssize_t i, n_in = len(operands)
        given[0] = given[1] = 0
        if self.n_out != 1 or len(kwargs) > 1 or type(operands[0]) is not cnp.ndarray:
            return None
        cdef cnp.ndarray x = operands[0]
        cdef int numpy_type = cnp.PyArray_TYPE(x)
        if numpy_type == cnp.NPY_FLOAT:
            dtype = RF_FLOAT32
        elif numpy_type == cnp.NPY_DOUBLE:
            dtype = RF_FLOAT64
        elif numpy_type == NPY_HALF:
            dtype = RF_FLOAT16
        elif numpy_type == BFLOAT16:
            dtype = RF_BFLOAT16
        else:
            return None
        if cnp.PyArray_NDIM(x) == 0:
            return None  # NumPy makes a scalar of the result
        for i in range(self.n_data):
            if not same_layout(operands[i], x):
                return None
            args[i] = <char *>cnp.PyArray_DATA(<cnp.ndarray>operands[i])
            steps[i] = cnp.PyArray_ITEMSIZE(x)
        for i in range(self.n_data, n_in):
            if not is_one_number(operands[i], x):
                return None
            given[i - self.n_data] = number_of(operands[i])
            args[i] = <char *>&params[i - self.n_data]
            steps[i] = 0
        if isnan(given[0] + given[1]) and not self.may_be_nan or self.are_ends and given[0] > given[1]:
            return None  # to be refused, or infinite
        y = kwargs.get("out") if kwargs else None
        if y is not None:
            if not same_layout(y, x) or not cnp.PyArray_ISWRITEABLE(<cnp.ndarray>y):
                return None
            for i in range(self.n_data):
                if partly_overlap(y, operands[i]):
                    return None
        elif kwargs:
            return None
        for i in range(self.n_data, n_in):
            PyArray_SETITEM(x, args[i], number_of(operands[i]))
        if y is None:
            y = PyArray_SimpleNew(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), numpy_type)
        args[n_in] = <char *>cnp.PyArray_DATA(<cnp.ndarray>y)
        steps[n_in] = cnp.PyArray_ITEMSIZE(x)
        cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
        if n < NOGIL_MIN:
            rf_run(self.row, self.direction, dtype, args, n, steps)
        else:
            with nogil:
                rf_run(self.row, self.direction, dtype, args, n, steps)
        return y


# ---- the limit that benchmarks compare with

cdef float *streamable(cnp.ndarray a) except NULL:
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT or not cnp.PyArray_IS_C_CONTIGUOUS(a) or <intptr_t>cnp.PyArray_DATA(a) % 64:
        raise ValueError(f"array of dtype {a.dtype} must be float32, contiguous and aligned to 64 bytes")
    return <float *>cnp.PyArray_DATA(a)


def stream_copy(cnp.ndarray to not None, cnp.ndarray source not None):
    """Copy one array past the cache, by as many threads as there may be."""
    cdef float *t = streamable(to)
    cdef float *s = streamable(source)
    cdef ptrdiff_t n = min(to.size, source.size)
    with nogil:
        rf_move(t, s, NULL, n)


def stream_add(cnp.ndarray to not None, cnp.ndarray a not None, cnp.ndarray b not None):
    """Write the sum of two arrays past the cache, by as many threads as there may be."""
    cdef float *t = streamable(to)
    cdef float *pa = streamable(a)
    cdef float *pb = streamable(b)
    cdef ptrdiff_t n = min(to.size, a.size, b.size)
    with nogil:
        rf_move(t, pa, pb, n)


# ---- instruction sets

def isa_available():
    """Instruction sets that this machine runs, best first."""
    names = []
    while rf_isa_available(<int>len(names)) is not NULL:
        names.append(rf_isa_available(<int>len(names)).decode())
    return tuple(names)


def isa_known():
    """Instruction sets that this build carries, best first."""
    names = []
    while rf_isa_known(<int>len(names)) is not NULL:
        names.append(rf_isa_known(<int>len(names)).decode())
    return tuple(names)


def isa_active():
    """The instruction set in use."""
    return rf_isa_active().decode()


def isa_use(str name not None):
    """Switch to an instruction set, for the whole process."""
    if name != "baseline" and name not in isa_known():
        raise ValueError(f"unknown instruction set {name!r}; choose from {list(isa_available())}")
    if rf_isa_use(name.encode()) != RF_OK:
        raise ValueError(f"this machine cannot run instruction set {name!r}; choose from {list(isa_available())}")


def isa_environment_ok():
    """Whether RELU_FAST_ISA, if set, names an instruction set."""
    return rf_isa_environment() == RF_OK


# ---- threads

def threads_most():
    """The largest number of threads that there may be."""
    return RF_MAX_THREADS


def threads_number():
    """How many threads share large arrays, the caller included."""
    return rf_get_num_threads()


def threads_set_number(int n):
    """Set it; whether it is possible."""
    return rf_set_num_threads(n) == RF_OK


def threads_environment_ok():
    """Whether RELU_FAST_NUM_THREADS, if set, is a possible number."""
    return rf_threads_environment() == RF_OK


def threads_shutdown():
    """End the threads; large arrays start them again."""
    with nogil:
        rf_threads_shutdown()
