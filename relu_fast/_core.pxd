# What _units.pyx and _layout.pyx borrow from the one extension that links the C library.

from libc.stdint cimport int64_t, uint8_t

cdef extern from "relu_fast.h" nogil:
    ctypedef enum rf_status:
        RF_OK
        RF_ENOMEM
    ctypedef enum rf_dtype:
        RF_FLOAT32
        RF_FLOAT64
        RF_FLOAT16
        RF_BFLOAT16
    ctypedef struct rf_shape:
        size_t outer, units, inner
    ctypedef struct rf_unit_counts:
        int64_t *active
        int64_t *nonfinite
        double *max
        double *min
        double *sum_abs
    ctypedef struct rf_grad_counts:
        int64_t *nonzero
        int64_t *nonfinite
    ctypedef struct rf_units_forward_args:
        int activation
        rf_dtype dtype
        rf_shape shape
        const void *z
        ptrdiff_t z_step
        void *y
        ptrdiff_t y_step
        const void *bias
        const void *params[2]
        int param_per_unit[2]
        rf_unit_counts counts
        uint8_t *mask
    ctypedef enum rf_source:
        RF_FROM_X
        RF_FROM_Y
        RF_FROM_MASK
    ctypedef struct rf_units_backward_args:
        int activation
        rf_dtype dtype
        rf_shape shape
        const void *grad_output
        ptrdiff_t grad_output_step
        const void *source
        ptrdiff_t source_step
        rf_source source_kind
        void *grad_input
        ptrdiff_t grad_input_step
        const void *bias
        const void *params[2]
        int param_per_unit[2]
        double *bias_grad
        double *weight_grad
        rf_grad_counts counts

# NumPy's number of the dtype bfloat16, -1 without ml_dtypes
cdef int BFLOAT16

cdef int units_forward(const rf_units_forward_args *args) noexcept nogil
cdef int units_backward(const rf_units_backward_args *args) noexcept nogil
cdef const char *error_message(int status) noexcept nogil
cdef void narrow(rf_dtype dtype, const double *sums, void *to, size_t n) noexcept nogil
