/* For extension modules in C, C++ and Cython: the functions of relu_fast.h in the copy of the library that
 * the Python package relu_fast works with. Instruction set and threads are those that Python sees, and
 * nothing has to be linked.
 *
 *     #include <Python.h>
 *     #include <relu_fast_python.h>
 *
 * Call rf_import() once in every source file that includes this, where the module is initialised and with the
 * GIL held; on -1 an exception is set. Before, no function may be called; afterwards they are called by their
 * usual names, with or without the GIL. */
#ifndef RELU_FAST_PYTHON_H
#define RELU_FAST_PYTHON_H

#include <relu_fast.h>

/* In the order of the table: what is new comes last. */
/* clang-format off */
#define RF_FUNCTIONS(X) \
    X(version) X(abi_version) X(abi_check) X(strerror) \
    X(dtype_by_name) X(dtype_name) X(dtype_size) \
    X(activation_by_name) X(info) X(gate) X(ceiling) \
    X(forward) X(backward) X(units_forward) X(units_backward) \
    X(isa_available) X(isa_active) X(isa_use) X(isa_environment) X(isa_known) \
    X(get_num_threads) X(set_num_threads) X(threads_environment) X(threads_shutdown) \
    X(xla_forward) X(xla_backward)
/* clang-format on */

/* Versions come first, whatever they are. forward: `rf_status (*forward)(rf_activation, ...)` */
typedef struct {
    int abi;
    const char *release;
#define RF_FIELD(name) __typeof__(rf_##name) *name;
    RF_FUNCTIONS(RF_FIELD)
#undef RF_FIELD
} rf_functions;

/* The name of the capsule, and where it is found. */
#define RF_CAPSULE_MODULE "relu_fast._core"
#define RF_CAPSULE_ATTRIBUTE "_C_API"
#define RF_CAPSULE RF_CAPSULE_MODULE "." RF_CAPSULE_ATTRIBUTE

#ifndef RF_PROVIDES_FUNCTIONS /* the package itself */

static const rf_functions *rf_imported;

/* -1, with ImportError set, if relu_fast is not there or its ABI does not fit RF_ABI_VERSION. */
static inline int rf_import(void)
{
    PyObject *module = PyImport_ImportModule(RF_CAPSULE_MODULE);
    if (!module) return -1;
    PyObject *capsule = PyObject_GetAttrString(module, RF_CAPSULE_ATTRIBUTE);
    Py_DECREF(module);
    if (!capsule || !PyCapsule_IsValid(capsule, RF_CAPSULE)) {
        Py_XDECREF(capsule);
        PyErr_Format(
            PyExc_ImportError,
            "this module was built for relu_fast %s (ABI %d); the one that is installed has no " RF_CAPSULE,
            RF_VERSION, RF_ABI_VERSION);
        return -1;
    }
    const rf_functions *found = (const rf_functions *)PyCapsule_GetPointer(capsule, RF_CAPSULE);
    Py_DECREF(capsule);
    if (found->abi / 1000 != RF_ABI_VERSION / 1000 || found->abi < RF_ABI_VERSION) {
        PyErr_Format(
            PyExc_ImportError,
            "this module was built for relu_fast %s (ABI %d), which relu_fast %s (ABI %d) does not fit",
            RF_VERSION, RF_ABI_VERSION, found->release, found->abi);
        return -1;
    }
    rf_imported = found;
    return 0;
}

#define rf_version (rf_imported->version)
#define rf_abi_version (rf_imported->abi_version)
#define rf_abi_check (rf_imported->abi_check)
#define rf_strerror (rf_imported->strerror)
#define rf_dtype_by_name (rf_imported->dtype_by_name)
#define rf_dtype_name (rf_imported->dtype_name)
#define rf_dtype_size (rf_imported->dtype_size)
#define rf_activation_by_name (rf_imported->activation_by_name)
#define rf_info (rf_imported->info)
#define rf_gate (rf_imported->gate)
#define rf_ceiling (rf_imported->ceiling)
#define rf_forward (rf_imported->forward)
#define rf_backward (rf_imported->backward)
#define rf_units_forward (rf_imported->units_forward)
#define rf_units_backward (rf_imported->units_backward)
#define rf_isa_available (rf_imported->isa_available)
#define rf_isa_active (rf_imported->isa_active)
#define rf_isa_use (rf_imported->isa_use)
#define rf_isa_environment (rf_imported->isa_environment)
#define rf_isa_known (rf_imported->isa_known)
#define rf_get_num_threads (rf_imported->get_num_threads)
#define rf_set_num_threads (rf_imported->set_num_threads)
#define rf_threads_environment (rf_imported->threads_environment)
#define rf_threads_shutdown (rf_imported->threads_shutdown)
#define rf_xla_forward (rf_imported->xla_forward)
#define rf_xla_backward (rf_imported->xla_backward)

#endif
#endif
