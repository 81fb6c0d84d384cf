# What relu_fast.h says, for every .pyx and .pxd of the package, and for those who cimport relu_fast.

from libc.stdint cimport int64_t, uint8_t

cdef extern from "relu_fast.h" nogil:
    const char *RF_VERSION
    int RF_ABI_VERSION

    ctypedef enum rf_status:
        RF_OK
        RF_EINVAL
        RF_EOVERLAP
        RF_ENOTSUP
        RF_ENOMEM
    ctypedef enum rf_dtype:
        RF_FLOAT32
        RF_FLOAT64
        RF_FLOAT16
        RF_BFLOAT16
        RF_N_DTYPES
    ctypedef int rf_activation
    enum:
        RF_RELU
        RF_RELU6
        RF_SQUARED_RELU
        RF_LEAKY_RELU
        RF_PRELU
        RF_THRESHOLDED_RELU
        RF_ELU
        RF_SELU
        RF_CELU
        RF_GELU
        RF_GELU_TANH
        RF_SILU
        RF_SWISH
        RF_MISH
        RF_SOFTPLUS
        RF_SOFTSIGN
        RF_SIGMOID
        RF_TANH
        RF_HARDSIGMOID
        RF_HARDSWISH
        RF_HARDTANH
    enum:
        RF_MAX_PARAMS
        RF_MAX_THREADS
    ctypedef enum rf_mask:
        RF_MASK_NONE
        RF_MASK_GATED
        RF_MASK_SLOPE
    ctypedef struct rf_activation_info:
        const char *name
        const char *formula
        int n_params
        const char *param_names[2]
        double param_defaults[2]
        rf_mask mask
        int n_gradients
        int from_y
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
        rf_activation activation
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
        rf_activation activation
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
