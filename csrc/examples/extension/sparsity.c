/* An extension module in C that calls the copy of the library inside the Python package: nothing is linked,
 * and instruction set and threads are those that Python sees. sparsity.active(rows, units) counts in a buffer
 * of float32, rows of `units` numbers, how often each unit is above zero. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <relu_fast_python.h>

static PyObject *counts_of(const Py_buffer *rows, Py_ssize_t units)
{
    const size_t row = (size_t)units * sizeof(float);
    int64_t *active = PyMem_Calloc((size_t)units, sizeof *active);
    if (!active) return PyErr_NoMemory();
    const rf_units_forward_args args = {.activation = RF_RELU,
                                        .dtype = RF_FLOAT32,
                                        .shape = {(size_t)rows->len / row, (size_t)units, 1},
                                        .z = rows->buf,
                                        .z_step = (ptrdiff_t)row,
                                        .counts = {.active = active}}; /* no y: only count */
    rf_status status;
    Py_BEGIN_ALLOW_THREADS;
    status = rf_units_forward(&args);
    Py_END_ALLOW_THREADS;

    PyObject *counts = NULL;
    if (status == RF_OK)
        counts = PyList_New(units);
    else
        PyErr_SetString(PyExc_ValueError, rf_strerror(status));
    for (Py_ssize_t u = 0; counts && u < units; u++) {
        PyObject *count = PyLong_FromLongLong(active[u]);
        if (!count)
            Py_CLEAR(counts);
        else
            PyList_SET_ITEM(counts, u, count);
    }
    PyMem_Free(active);
    return counts;
}

static PyObject *active(PyObject *module, PyObject *arguments)
{
    (void)module;
    Py_buffer rows;
    Py_ssize_t units;
    if (!PyArg_ParseTuple(arguments, "y*n:active", &rows, &units)) return NULL;
    PyObject *counts = NULL;
    if (units < 1 || units > PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(float) ||
        rows.len % (units * (Py_ssize_t)sizeof(float)))
        PyErr_Format(PyExc_ValueError, "%zd bytes are no rows of %zd float32", rows.len, units);
    else
        counts = counts_of(&rows, units);
    PyBuffer_Release(&rows);
    return counts;
}

static PyMethodDef functions[] = {
    {"active", active, METH_VARARGS, "How often each of the units in a buffer of float32 is above zero."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "sparsity", .m_size = -1, .m_methods = functions};

PyMODINIT_FUNC PyInit_sparsity(void)
{
    if (rf_import() < 0) return NULL; /* ImportError, if the versions do not fit */
    return PyModule_Create(&definition);
}
