# cython: language_level=3
"""relu in place, and how often each unit fired: typed calls without the GIL, and nothing to link."""

from libc.stdint cimport int64_t

cimport relu_fast

relu_fast.rf_import()


def relu_and_count(float[:, ::1] z not None, float[::1] bias not None, int64_t[::1] active not None):
    """Replace z by relu(z + bias), and add to `active` how often each column fired."""
    if bias.shape[0] != z.shape[1] or active.shape[0] != z.shape[1]:
        raise ValueError(f"{bias.shape[0]} biases and {active.shape[0]} counts for {z.shape[1]} columns")
    if z.shape[0] == 0 or z.shape[1] == 0:
        return
    cdef relu_fast.rf_units_forward_args args
    cdef relu_fast.rf_status status
    args = relu_fast.rf_units_forward_args(
        activation=relu_fast.RF_RELU,
        dtype=relu_fast.RF_FLOAT32,
        shape=relu_fast.rf_shape(z.shape[0], z.shape[1], 1),
        z=&z[0, 0],
        z_step=z.strides[0],
        y=&z[0, 0],
        y_step=z.strides[0],
        bias=&bias[0],
        params=[NULL, NULL],
        param_per_unit=[0, 0],
        counts=relu_fast.rf_unit_counts(&active[0], NULL, NULL, NULL, NULL),
        mask=NULL,
    )
    with nogil:
        status = relu_fast.rf_units_forward(&args)
    if status != relu_fast.RF_OK:
        raise RuntimeError(relu_fast.rf_strerror(status).decode())
