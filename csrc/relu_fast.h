/* relu_fast: rectifier activations at memory speed that count dead units in the same pass.
 *
 * Every function is thread safe and allocates nothing. Those that return a status check all of their
 * arguments first: on anything but RF_OK no memory of the caller has been written. Floating-point flags and
 * control word of the caller are the same after a call as before. NaN, zeros and infinities: see the formulas
 * in activations.h; every activation propagates NaN forward. */
#ifndef RELU_FAST_H
#define RELU_FAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RF_VERSION "0.1.0"

typedef enum { RF_OK = 0, RF_EINVAL, RF_EOVERLAP, RF_ENOTSUP } rf_status;
typedef enum { RF_FLOAT32 = 0, RF_FLOAT64, RF_N_DTYPES } rf_dtype;

/* An index into the table of activations; rf_activation_by_name finds it. */
typedef int rf_activation;

/* How an activation is silenced: below or at its gate both output and gradient are zero. */
typedef enum {
    RF_GATE_NONE,       /* never zero */
    RF_GATE_CONSTANT,   /* zero where x <= gate_value */
    RF_GATE_ZERO_SLOPE, /* zero where x <= gate_value, if the parameter is 0 */
} rf_gate;

typedef struct {
    const char *name, *formula;
    int n_params; /* 0 or 1 */
    const char *param_names[1];
    double param_defaults[1]; /* NaN: the parameter must be given */
    rf_gate gate;
    double gate_value;
    double ceiling;  /* at or above it the gradient is zero; NaN: nowhere */
    int n_gradients; /* 2 where the parameter is learned: grad_input and grad_weight */
} rf_activation_info;

/* Row `activation` of the table, or NULL past its end. */
const rf_activation_info *rf_info(rf_activation activation);
/* Index of the row with that name, or -1. */
rf_activation rf_activation_by_name(const char *name);
/* One line for a status. */
const char *rf_strerror(rf_status status);

/* y[i] = activation(x[i]) for n elements of `dtype`; `params` holds n_params numbers of `dtype` (or is NULL
 * when there are none). y may be x itself; RF_EOVERLAP if they overlap in any other way. */
rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x, const void *params,
                     void *y);

/* grad_input[i] = grad_output[i] * activation'(x[i]). grad_input may be grad_output or x itself. */
rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output,
                      const void *x, const void *params, void *grad_input);

/* An array (outer, units, inner): dense layers are (batch, units, 1), NCHW is (N, C, H * W), NHWC is
 * (N * H * W, C, 1). Each (units, inner) block is contiguous; `*_step` below is the distance in bytes from
 * one outer entry to the next. No per-unit array (bias, param, bias_grad, counts) may overlap an output: that
 * is RF_EOVERLAP, too, but for the counts, which are not compared. */
typedef struct {
    size_t outer, units, inner;
} rf_shape;

/* Per unit, added to what is there; NULL: not wanted. Integers count elements. */
typedef struct {
    int64_t *active;    /* v > gate (v > 0 where there is no gate), v = z + bias */
    int64_t *nonfinite; /* v is NaN or infinite */
    double *max, *min;  /* of v, NaN ignored */
    double *sum_abs;    /* sum of |y| over finite y */
} rf_unit_counts;

typedef struct {
    int64_t *nonzero;   /* gradient != 0, NaN included */
    int64_t *nonfinite; /* gradient is NaN or infinite */
} rf_grad_counts;

typedef struct {
    rf_activation activation;
    rf_dtype dtype;
    rf_shape shape;
    const void *z;
    ptrdiff_t z_step;
    void *y; /* may be z with the same step; NULL: only count */
    ptrdiff_t y_step;
    const void *bias;  /* units numbers, or NULL */
    const void *param; /* one number, or one per unit; NULL where there is no parameter */
    int param_per_unit;
    rf_unit_counts counts;
} rf_units_forward_args;

/* y = activation(z + bias) and the counts, in one pass. */
rf_status rf_units_forward(const rf_units_forward_args *args);

typedef struct {
    rf_activation activation;
    rf_dtype dtype;
    rf_shape shape;
    const void *grad_output;
    ptrdiff_t grad_output_step;
    const void *source; /* x, the pre-activation without bias; or y, the output */
    ptrdiff_t source_step;
    int source_is_y;
    void *grad_input; /* may be grad_output or source, with the same step */
    ptrdiff_t grad_input_step;
    const void *bias; /* units numbers, or NULL; NULL where the source is y */
    const void *param;
    int param_per_unit;
    double *bias_grad; /* units numbers, overwritten; or NULL */
    rf_grad_counts counts;
} rf_units_backward_args;

/* grad_input = grad_output * activation'(x + bias), its sum per unit (added up in float64, in an order that
 * the shape and the steps decide) and the counts, in one pass. From y, the parameter must not be negative:
 * else the sign of y does not tell that of x. */
rf_status rf_units_backward(const rf_units_backward_args *args);

/* Instruction sets that this machine runs, best first: "avx512", "avx2", "baseline" on x86-64. NULL past the
 * last. */
const char *rf_isa_available(int index);
/* The one in use: the best, unless the environment variable RELU_FAST_ISA caps it or rf_isa_use chose. */
const char *rf_isa_active(void);
/* RF_EINVAL: no such name; RF_ENOTSUP: this machine cannot run it. */
rf_status rf_isa_use(const char *name);
/* RF_EINVAL if RELU_FAST_ISA names no known instruction set (it is ignored then). */
rf_status rf_isa_environment(void);
/* Every name that RELU_FAST_ISA may have, whether this machine runs it or not; NULL past the last. */
const char *rf_isa_known(int index);

#ifdef __cplusplus
}
#endif
#endif
