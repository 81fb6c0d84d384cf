/* relu_fast: rectifier activations at memory speed that count dead units in the same pass.
 *
 * Threads. Every function may be called from any number of threads at once; what the process shares is the
 * instruction set in use and the pool of threads, and both may be changed at any time. Two calls must not
 * write to the same memory: counts, too, are added to without a lock.
 *
 * Errors. Functions that return an rf_status check all of their arguments first: on anything but RF_OK no
 * memory of the caller has been written. Nothing is printed, nothing aborts, errno means nothing.
 *
 * Memory. Nothing is allocated but the threads that large arrays start and what per-unit passes over wide
 * layers borrow: it is kept for the next of them until rf_threads_shutdown, and RF_ENOMEM says that there is
 * none. Addresses must be multiples of the size of what lies there.
 *
 * Numbers. Floating-point flags and control word of the caller are the same after a call as before, and no
 * result depends on them. NaN, zeros and infinities: see the formulas in activations.h; every activation
 * propagates NaN forward.
 *
 * C11 and C++11. Link with -lpthread -lm. */
#ifndef RELU_FAST_H
#define RELU_FAST_H

#include <stddef.h>
#include <stdint.h>

/* Nothing else leaves librelu_fast.so. A shared library that carries librelu_fast.a without exporting it is
 * linked with -Wl,--exclude-libs,librelu_fast.a (macOS: -Wl,-load_hidden,<path of the .a>). */
#define RF_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

/* ---- versions and statuses */

#define RF_VERSION "0.1.0"

/* What was compiled with this header fits a library with the same thousands and at least these ones: the
 * thousands grow when a function, a struct or a number changes or goes, the ones when something is added. */
#define RF_ABI_VERSION 1001

typedef enum { RF_OK = 0, RF_EINVAL, RF_EOVERLAP, RF_ENOTSUP, RF_ENOMEM } rf_status;

/* RF_VERSION and RF_ABI_VERSION of the library, which may be another than the header's. */
RF_API const char *rf_version(void);
RF_API int rf_abi_version(void);
/* rf_abi_check(RF_ABI_VERSION) before anything else. RF_ENOTSUP: the library does not fit. */
RF_API rf_status rf_abi_check(int abi_version);
/* One line for a status; of an unknown one, too. Never freed. */
RF_API const char *rf_strerror(rf_status status);

/* ---- dtypes */

/* Halves are computed in float32 and rounded once. */
typedef enum { RF_FLOAT32 = 0, RF_FLOAT64, RF_FLOAT16, RF_BFLOAT16, RF_N_DTYPES } rf_dtype;

/* The dtype called "float32", "float64", "float16" or "bfloat16"; -1 if there is none. */
RF_API int rf_dtype_by_name(const char *name);
/* NULL, and 0 bytes, of an unknown one. */
RF_API const char *rf_dtype_name(rf_dtype dtype);
RF_API size_t rf_dtype_size(rf_dtype dtype);

/* ---- activations */

/* An index into the table of activations. Numbers never change; what is new comes last. */
typedef int rf_activation;
enum {
    RF_RELU = 0,
    RF_RELU6,
    RF_SQUARED_RELU,
    RF_LEAKY_RELU,
    RF_PRELU,
    RF_THRESHOLDED_RELU,
    RF_ELU,
    RF_SELU,
    RF_CELU,
    RF_GELU,
    RF_GELU_TANH,
    RF_SILU,
    RF_SWISH,
    RF_MISH,
    RF_SOFTPLUS,
    RF_SOFTSIGN,
    RF_SIGMOID,
    RF_TANH,
    RF_HARDSIGMOID,
    RF_HARDSWISH,
    RF_HARDTANH
};

/* What one bit an element can tell the backward pass, v being the pre-activation. */
typedef enum {
    RF_MASK_NONE,  /* not enough */
    RF_MASK_GATED, /* not (v <= gate or v >= ceiling), so always where both are NaN: the gradient passes where
                      it is set, else it is 0 */
    RF_MASK_SLOPE  /* v > 0: the gradient passes where it is set, else it is slope * gradient */
} rf_mask;

enum { RF_MAX_PARAMS = 2 };

typedef struct {
    const char *name, *formula;
    int n_params; /* 0 to RF_MAX_PARAMS */
    const char *param_names[RF_MAX_PARAMS];
    double param_defaults[RF_MAX_PARAMS]; /* NaN: the parameter must be given */
    rf_mask mask;
    int n_gradients; /* 2 where the parameter is learned: grad_input and grad_weight */
    int from_y;      /* whether the output is enough for the backward pass */
} rf_activation_info;

/* The activation called `name`, as "leaky_relu"; -1 if there is none. */
RF_API rf_activation rf_activation_by_name(const char *name);
/* Row `activation` of the table, or NULL past its end: counting up from 0 finds them all. */
RF_API const rf_activation_info *rf_info(rf_activation activation);
/* With these parameters (n_params of them): at or below the gate output and gradient are zero, at or above
 * the ceiling the gradient is. NaN: nowhere, or not an activation, or parameters are NULL that it needs. */
RF_API double rf_gate(rf_activation activation, const double *params);
RF_API double rf_ceiling(rf_activation activation, const double *params);

/* ---- elementwise
 *
 * RF_EINVAL: unknown activation or dtype; n elements are more than memory has; NULL with n > 0; parameters
 * are NULL that the activation needs; a misaligned address. RF_EOVERLAP: the output overlaps an input without
 * starting where it does, or overlaps the parameters. */

/* y[i] = activation(x[i]) for n elements of `dtype`; `params` holds n_params numbers of `dtype` (or is NULL
 * when there are none). y may be x itself. */
RF_API rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x,
                            const void *params, void *y);

/* grad_input[i] = grad_output[i] * activation'(x[i]). grad_input may be grad_output or x itself. */
RF_API rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output,
                             const void *x, const void *params, void *grad_input);

/* ---- per unit
 *
 * An array (outer, units, inner): dense layers are (batch, units, 1), NCHW is (N, C, H * W), NHWC is
 * (N * H * W, C, 1). Each (units, inner) block is contiguous; `*_step` below is the distance in bytes from
 * one outer entry to the next, which may be 0 or negative for what is only read.
 *
 * RF_EINVAL: unknown activation, dtype or source; a shape or steps that reach past what memory has; blocks of
 * an output that overlap each other; NULL for data where the shape is not empty, or for a parameter that the
 * activation needs; what the activation does not have (a mask, a gradient of its parameter, a backward pass
 * from y); a misaligned address or step.
 * RF_EOVERLAP: what is written (output, mask, sums, counts) overlaps anything else; but an output may be an
 * input: same address, same step.
 * RF_ENOMEM: see above.
 *
 * Both passes take a struct: clear it (`= {0}`), then set what is wanted. */
typedef struct {
    size_t outer, units, inner;
} rf_shape;

/* Per unit, added to what is there; NULL: not wanted. Integers count elements. */
typedef struct {
    int64_t *active;    /* v > gate (v > 0 where there is no gate), v = z + bias */
    int64_t *nonfinite; /* v is NaN or infinite */
    double *max, *min;  /* of v, NaN ignored; a zero is +0 */
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
    const void *bias;                  /* units numbers, or NULL */
    const void *params[RF_MAX_PARAMS]; /* of each parameter one number, or one per unit */
    int param_per_unit[RF_MAX_PARAMS];
    rf_unit_counts counts;
    uint8_t *mask; /* overwritten, or NULL: see below */
} rf_units_forward_args;

/* y = activation(z + bias), the counts and the mask, in one pass. Everything is computed in float for halves,
 * and counted before y is rounded.
 *
 * A mask has one bit an element, in C order of (outer, units, inner): element i is bit i % 8 of byte i / 8;
 * bits past the last element are 0. What a bit says: rf_activation_info.mask. RF_EINVAL where that is
 * RF_MASK_NONE. */
RF_API rf_status rf_units_forward(const rf_units_forward_args *args);

/* What the gradient is computed from. */
typedef enum {
    RF_FROM_X, /* the pre-activation without bias */
    RF_FROM_Y, /* the output, where rf_activation_info.from_y; parameters must not be negative: else the sign
                * of y does not tell that of x */
    RF_FROM_MASK /* the mask of the forward pass; activation and parameters are the same as there */
} rf_source;

typedef struct {
    rf_activation activation;
    rf_dtype dtype;
    rf_shape shape;
    const void *grad_output;
    ptrdiff_t grad_output_step;
    const void *source;
    ptrdiff_t source_step; /* not of a mask */
    rf_source source_kind;
    void *grad_input; /* may be grad_output or x or y, with the same step */
    ptrdiff_t grad_input_step;
    const void *bias; /* units numbers, or NULL; goes with x */
    const void *params[RF_MAX_PARAMS];
    int param_per_unit[RF_MAX_PARAMS];
    double *bias_grad;   /* units numbers, overwritten; or NULL */
    double *weight_grad; /* of a learned parameter, as many as there are of it, overwritten; goes with x; or
                            NULL */
    rf_grad_counts counts;
} rf_units_backward_args;

/* grad_input = grad_output * activation'(x + bias), its sum per unit, the gradient of a learned parameter,
 * and the counts, in one pass. Sums are added up in float64, in an order that the shape alone decides:
 * neither threads nor steps nor (of those with fused multiply-add) instruction sets change them. */
RF_API rf_status rf_units_backward(const rf_units_backward_args *args);

/* ---- instruction sets, of the whole process */

/* Instruction sets that this machine runs, best first: "avx512", "avx2", "baseline" on x86-64; "neon" on
 * AArch64. NULL past the last. */
RF_API const char *rf_isa_available(int index);
/* The one in use: the best, unless the environment variable RELU_FAST_ISA caps it or rf_isa_use chose. */
RF_API const char *rf_isa_active(void);
/* "baseline" is the last one on every machine. RF_EINVAL: no such name; RF_ENOTSUP: this machine cannot run
 * it. */
RF_API rf_status rf_isa_use(const char *name);
/* RF_EINVAL if RELU_FAST_ISA names no known instruction set (it is ignored then). */
RF_API rf_status rf_isa_environment(void);
/* Every name that RELU_FAST_ISA may have, whether this machine runs it or not; NULL past the last. */
RF_API const char *rf_isa_known(int index);

/* ---- threads, of the whole process */

/* Large arrays are shared among threads that start with the first of them and sleep between calls, all
 * signals blocked. They are as many, the caller included, as RELU_FAST_NUM_THREADS says (1 to
 * RF_MAX_THREADS); else as the processors that affinity and cgroup leave to the process when the number is
 * first needed. No result depends on it. A child of fork() starts threads of its own. */
enum { RF_MAX_THREADS = 1024 };
RF_API int rf_get_num_threads(void);
/* RF_EINVAL: n is less than 1 or more than RF_MAX_THREADS. */
RF_API rf_status rf_set_num_threads(int n);
/* RF_EINVAL if RELU_FAST_NUM_THREADS is not such a number (it is ignored then). */
RF_API rf_status rf_threads_environment(void);
/* Ends the threads and waits until they have left, for leak checkers and before dlclose(); the next large
 * array starts them again. */
RF_API void rf_threads_shutdown(void);

/* ---- handlers for XLA, which JAX runs on
 *
 * To be registered with XLA's foreign function interface for the platform "Host" (JAX: "cpu"), as handlers of
 * the stage in which programs are executed; any name will do. The argument is an XLA_FFI_CallFrame and the
 * result an XLA_FFI_Error, NULL on success. They declare version 0.1 of XLA's interface, which every runtime
 * since takes, and need no header and no library of XLA. XLA calls them from threads of its own.
 *
 * Attribute "activation": the name, a string. All arrays have one dtype: F32, F64, F16 or BF16. Parameters
 * are operands, in the order of the table, of one shape: rank 0, or the rank of x with, along each axis, the
 * size of x or 1. So one value, one per unit, one per element; what takes more than "one array after the
 * other of (outer, units, inner)" is refused. INVALID_ARGUMENT, with a message: anything else than that;
 * RESOURCE_EXHAUSTED: RF_ENOMEM. */

/* Operands x, parameters; result y of the shape of x. */
RF_API void *rf_xla_forward(void *call_frame);
/* Operands grad_output, x, parameters; result grad_input and, if asked for, the gradient of a learned
 * parameter in the parameter's shape: sums are added up in float64 as in rf_units_backward. */
RF_API void *rf_xla_backward(void *call_frame);

#ifdef __cplusplus
}
#endif
#endif
