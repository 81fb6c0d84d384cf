# `cimport relu_fast`: the functions of relu_fast.h, typed and without the GIL, from the copy of the library that the
# Python package works with: nothing is linked. Compile with include_dirs=[relu_fast.get_include()], and call
# rf_import() once where your module is initialised, before any of them.

from relu_fast._header cimport *

cdef extern from "relu_fast_python.h":
    # ImportError if the package that is installed does not fit the header that was compiled with
    int rf_import() except -1

cdef extern from "relu_fast_python.h" nogil:
    const char *rf_version()
    int rf_abi_version()
    rf_status rf_abi_check(int abi_version)
    const char *rf_strerror(rf_status status)
    int rf_dtype_by_name(const char *name)
    const char *rf_dtype_name(rf_dtype dtype)
    size_t rf_dtype_size(rf_dtype dtype)
    rf_activation rf_activation_by_name(const char *name)
    const rf_activation_info *rf_info(rf_activation activation)
    double rf_gate(rf_activation activation, const double *params)
    double rf_ceiling(rf_activation activation, const double *params)
    rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x, const void *params,
                         void *y)
    rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output, const void *x,
                          const void *params, void *grad_input)
    rf_status rf_units_forward(const rf_units_forward_args *args)
    rf_status rf_units_backward(const rf_units_backward_args *args)
    const char *rf_isa_available(int index)
    const char *rf_isa_active()
    rf_status rf_isa_use(const char *name)
    rf_status rf_isa_environment()
    const char *rf_isa_known(int index)
    int rf_get_num_threads()
    rf_status rf_set_num_threads(int n)
    rf_status rf_threads_environment()
    void rf_threads_shutdown()
    void *rf_xla_forward(void *call_frame)
    void *rf_xla_backward(void *call_frame)
