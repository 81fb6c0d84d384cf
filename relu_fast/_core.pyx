# cython: cdivision=True
"""The one extension that links the C library: its ufuncs, its table of activations, its instruction sets."""

from libc.math cimport isnan
from libc.stdint cimport intptr_t

cimport numpy as cnp

cnp.import_array()
cnp.import_ufunc()

cdef extern from "numpy/ufuncobject.h":
    ctypedef void (*PyUFuncGenericFunction)(char **, const cnp.npy_intp *, const cnp.npy_intp *, void *) noexcept nogil
    object PyUFunc_FromFuncAndData(PyUFuncGenericFunction *, void **, const char *, int, int, int, int, const char *,
                                   const char *, int)

cdef extern from "kernels.h" nogil:
    int RF_N_ACTIVATIONS
    int RF_N_DTYPES
    int RF_N_DIRECTIONS
    int RF_FORWARD
    int RF_BACKWARD
    ctypedef enum rf_direction:
        pass
    ctypedef enum rf_gate:
        RF_GATE_NONE
        RF_GATE_CONSTANT
        RF_GATE_ZERO_SLOPE
    ctypedef struct rf_activation_info:
        const char *name
        const char *formula
        int n_params
        const char *param_names[1]
        double param_defaults[1]
        rf_gate gate
        double gate_value
        double ceiling
        int n_gradients
    const rf_activation_info *rf_info(int activation)
    const char *rf_strerror(rf_status status)
    void rf_run(int activation, rf_direction direction, rf_dtype dtype, char **args, ptrdiff_t n,
                const ptrdiff_t *steps)
    void rf_narrow(const double *from_, float *to, size_t n)
    rf_status rf_units_forward(const rf_units_forward_args *args)
    rf_status rf_units_backward(const rf_units_backward_args *args)
    const char *rf_isa_available(int index)
    const char *rf_isa_known(int index)
    const char *rf_isa_active()
    rf_status rf_isa_use(const char *name)
    rf_status rf_isa_environment()


cdef int units_forward(const rf_units_forward_args *args) noexcept nogil:
    return rf_units_forward(args)


cdef int units_backward(const rf_units_backward_args *args) noexcept nogil:
    return rf_units_backward(args)


cdef void narrow(const double *sums, float *to, size_t n) noexcept nogil:
    rf_narrow(sums, to, n)


cdef const char *error_message(int status) noexcept nogil:
    return rf_strerror(<rf_status>status)


# ---- the table

def _rows():
    """Rows of the table in order: (name, formula, {parameter: default or None}, gate kind, gate, ceiling)."""
    cdef const rf_activation_info *info
    kinds = {RF_GATE_NONE: "none", RF_GATE_CONSTANT: "constant", RF_GATE_ZERO_SLOPE: "zero_slope"}
    rows = []
    for i in range(RF_N_ACTIVATIONS):
        info = rf_info(i)
        params = {info.param_names[k].decode(): None if isnan(info.param_defaults[k]) else info.param_defaults[k]
                  for k in range(info.n_params)}
        rows.append((info.name.decode(), info.formula.decode(), params, kinds[info.gate], info.gate_value,
                     None if isnan(info.ceiling) else info.ceiling))
    return rows


# ---- ufuncs

# The loop finds its kernel by a number in `data`: no memory that would have to outlive the ufunc.
cdef void loop(char **args, const cnp.npy_intp *n, const cnp.npy_intp *steps, void *data) noexcept nogil:
    cdef intptr_t code = <intptr_t>data
    rf_run(<int>(code // (RF_N_DIRECTIONS * RF_N_DTYPES)), <rf_direction>(code // RF_N_DTYPES % RF_N_DIRECTIONS),
           <rf_dtype>(code % RF_N_DTYPES), args, n[0], <const ptrdiff_t *>steps)


# NumPy keeps pointers to all of this: filled once, never freed.
cdef enum:
    MAX_ACTIVATIONS = 64
    MAX_ARGS = 5
cdef PyUFuncGenericFunction loops[2]
cdef void *codes[MAX_ACTIVATIONS][2][2]
cdef char types[MAX_ARGS + 1][2 * MAX_ARGS]
cdef list kept_text = []


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
               f"x, {info.formula.decode()}.\n\nLoops for float32 and float64; other dtypes are cast.")
        name += "_backward"
    else:
        call = ", ".join(["x", *params])
        doc = (f"{name}({call}) = {info.formula.decode()}, elementwise; NaN stays NaN.\n\n"
               "Loops for float32 and float64; other dtypes are cast.")
    for dtype in range(RF_N_DTYPES):
        codes[row][direction][dtype] = <void *><intptr_t>((row * RF_N_DIRECTIONS + direction) * RF_N_DTYPES + dtype)
        for arg in range(n_args):
            types[n_args][dtype * n_args + arg] = cnp.NPY_FLOAT if dtype == RF_FLOAT32 else cnp.NPY_DOUBLE
    return PyUFunc_FromFuncAndData(loops, codes[row][direction], types[n_args], RF_N_DTYPES, n_in, n_out,
                                   -1, keep(name), keep(doc), 0)


def _ufuncs():
    """Every ufunc by name: each activation and its backward."""
    assert RF_N_ACTIVATIONS <= MAX_ACTIVATIONS and RF_N_DTYPES == 2
    loops[0] = loops[1] = loop
    found = {}
    for row in range(RF_N_ACTIVATIONS):
        for direction in (RF_FORWARD, RF_BACKWARD):
            ufunc = make_ufunc(row, direction)
            found[ufunc.__name__] = ufunc
    return found


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
    if name not in isa_known():
        raise ValueError(f"unknown instruction set {name!r}; choose from {list(isa_available())}")
    if rf_isa_use(name.encode()) != RF_OK:
        raise ValueError(f"this machine cannot run instruction set {name!r}; choose from {list(isa_available())}")


def isa_environment_ok():
    """Whether RELU_FAST_ISA, if set, names an instruction set."""
    return rf_isa_environment() == RF_OK
