# What _units.pyx and _layout.pyx borrow from the one extension that links the C library.

from ._header cimport (
    RF_BFLOAT16, RF_ENOMEM, RF_FLOAT16, RF_FLOAT32, RF_FLOAT64, RF_FROM_MASK, RF_FROM_X, RF_FROM_Y, RF_OK, rf_dtype,
    rf_grad_counts, rf_shape, rf_source, rf_status, rf_unit_counts, rf_units_backward_args, rf_units_forward_args,
)

# NumPy's number of the dtype bfloat16, -1 without ml_dtypes
cdef int BFLOAT16

cdef int units_forward(const rf_units_forward_args *args) noexcept nogil
cdef int units_backward(const rf_units_backward_args *args) noexcept nogil
cdef const char *error_message(int status) noexcept nogil
cdef void narrow(rf_dtype dtype, const double *sums, void *to, size_t n) noexcept nogil
