/* The public functions: check everything, then hand over to the kernels in use. */
#include "fp_state.h"
#include "kernels.h"
#include "overlap.h"

#include <math.h>
#include <string.h>

#define RF_NOWHERE NAN
#define RF_REQUIRED NAN
#define RF_NO_PARAM (NULL, NAN)
#define NAME_OF(name, value) name
#define DEFAULT_OF(name, value) value
#define N_PARAMS_UNARY 0
#define N_PARAMS_PARAM 1
#define N_PARAMS_PARAMS 2
#define N_PARAMS_SLOPE 1
#define N_PARAMS_ALPHA 1
#define N_PARAMS_WEIGHT 1
#define N_GRADIENTS_UNARY 1
#define N_GRADIENTS_PARAM 1
#define N_GRADIENTS_PARAMS 1
#define N_GRADIENTS_SLOPE 1
#define N_GRADIENTS_ALPHA 1
#define N_GRADIENTS_WEIGHT 2
#define RF_ROW(row, KIND, cost, param, param2, gate, ceiling, mask_kind, text)                               \
    [RF_##row] = {.name = #row,                                                                              \
                  .formula = text,                                                                           \
                  .n_params = N_PARAMS_##KIND,                                                               \
                  .param_names = {NAME_OF param, NAME_OF param2},                                            \
                  .param_defaults = {DEFAULT_OF param, DEFAULT_OF param2},                                   \
                  .mask = mask_kind,                                                                         \
                  .n_gradients = N_GRADIENTS_##KIND},
#define RF_FROM_Y(name, ...) [RF_##name].from_y = 1,
static const rf_activation_info infos[] = {
#include "activations.h"
};

#define RF_ROW(name, KIND, cost, param, param2, gate, ceiling, mask, formula)                                \
    static double gate_of_##name(const double *p) { return (void)p, gate; }                                  \
    static double ceiling_of_##name(const double *p) { return (void)p, ceiling; }
#define RF_FROM_Y(...)
#include "activations.h"

typedef double edge(const double *params);
static const struct {
    edge *gate, *ceiling;
} edges[] = {
#define RF_ROW(name, ...) [RF_##name] = {gate_of_##name, ceiling_of_##name},
#define RF_FROM_Y(...)
#include "activations.h"
};

#define ARITY(KIND, data, out, cost) {data, data + N_PARAMS_##KIND, out, cost}
static const rf_arity arities[][RF_N_DIRECTIONS] = {
#define RF_ROW(name, KIND, cost, ...)                                                                        \
    [RF_##name] = {ARITY(KIND, 1, 1, cost), ARITY(KIND, 2, N_GRADIENTS_##KIND, cost),                        \
                   ARITY(KIND, 2, 1, RF_CHEAP)},
#define RF_FROM_Y(...)
#include "activations.h"
};

rf_arity rf_arity_of(rf_activation activation, rf_direction direction)
{
    return arities[activation][direction];
}

static int complete(rf_activation activation, const double *params)
{
    return rf_info(activation) && (params || !infos[activation].n_params);
}

double rf_gate(rf_activation activation, const double *params)
{
    return complete(activation, params) ? edges[activation].gate(params) : RF_NOWHERE;
}

double rf_ceiling(rf_activation activation, const double *params)
{
    return complete(activation, params) ? edges[activation].ceiling(params) : RF_NOWHERE;
}

_Static_assert((int)RF_relu == RF_RELU && RF_N_ACTIVATIONS == RF_HARDTANH + 1,
               "relu_fast.h numbers the rows");

const rf_activation_info *rf_info(rf_activation activation)
{
    return activation >= 0 && activation < RF_N_ACTIVATIONS ? &infos[activation] : NULL;
}

rf_activation rf_activation_by_name(const char *name)
{
    for (int i = 0; i < RF_N_ACTIVATIONS; i++)
        if (name && strcmp(infos[i].name, name) == 0) return i;
    return -1;
}

static const struct {
    const char *name;
    size_t size;
} dtypes[RF_N_DTYPES] = {[RF_FLOAT32] = {"float32", sizeof(float)},
                         [RF_FLOAT64] = {"float64", sizeof(double)},
                         [RF_FLOAT16] = {"float16", sizeof(uint16_t)},
                         [RF_BFLOAT16] = {"bfloat16", sizeof(uint16_t)}};

static int is_dtype(rf_dtype dtype) { return (int)dtype >= 0 && dtype < RF_N_DTYPES; }

const char *rf_dtype_name(rf_dtype dtype) { return is_dtype(dtype) ? dtypes[dtype].name : NULL; }
size_t rf_dtype_size(rf_dtype dtype) { return is_dtype(dtype) ? dtypes[dtype].size : 0; }

int rf_dtype_by_name(const char *name)
{
    for (int i = 0; i < RF_N_DTYPES; i++)
        if (name && strcmp(dtypes[i].name, name) == 0) return i;
    return -1;
}

const char *rf_version(void) { return RF_VERSION; }
int rf_abi_version(void) { return RF_ABI_VERSION; }

rf_status rf_abi_check(int abi_version)
{
    int fits = abi_version / 1000 == RF_ABI_VERSION / 1000 && abi_version <= RF_ABI_VERSION;
    return fits && abi_version > 0 ? RF_OK : RF_ENOTSUP;
}

const char *rf_strerror(rf_status status)
{
    switch (status) {
    case RF_OK: return "ok";
    case RF_EINVAL: return "invalid argument";
    case RF_EOVERLAP: return "output overlaps an input without being it";
    case RF_ENOTSUP: return "not supported by this machine";
    case RF_ENOMEM: return "out of memory";
    }
    return "unknown status";
}

/* Rounded to odd: a second rounding, to at most 22 bits, finds what was lost. */
static float to_odd(double x)
{
    float rounded = (float)x;
    if ((double)rounded == x || x != x || rounded - rounded != 0) return rounded;
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    if (fabs((double)rounded) > fabs(x)) bits--;
    bits |= 1;
    memcpy(&rounded, &bits, sizeof bits);
    return rounded;
}

/* noinline: the compiler may move arithmetic, but no call, across the change of the environment */
static __attribute__((noinline)) void narrow(rf_dtype dtype, const double *from, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (dtype == RF_FLOAT32) {
            ((float *)to)[i] = (float)from[i];
        } else {
            float odd = to_odd(from[i]);
            rf_active_kernels()->halves[dtype - RF_N_COMPUTED].narrow((uint16_t *)to + i, &odd, 1);
        }
    }
}

void rf_narrow(rf_dtype dtype, const double *from, void *to, size_t n)
{
    rf_fp_state saved = rf_fp_enter();
    narrow(dtype, from, to, n);
    rf_fp_leave(saved);
}

/* Elements up to which the loop is called from here: neither threads nor streams could come in, and finding
 * that out takes longer than relu of a few numbers. */
enum { FEW = 1024 };

/* By element size, number of data inputs less one, number of parameters. */
#define STEPS(size)                                                                                          \
    {                                                                                                        \
        {{size, size}, {size, 0, size}, {size, 0, 0, size}},                                                 \
        {                                                                                                    \
            {size, size, size}, {size, size, 0, size}, { size, size, 0, 0, size }                            \
        }                                                                                                    \
    }
static const ptrdiff_t steps_of[][2][RF_MAX_PARAMS + 1][2 + RF_MAX_PARAMS + 1] = {
    [sizeof(uint16_t)] = STEPS(2), [sizeof(float)] = STEPS(4), [sizeof(double)] = STEPS(8)};

/* Operands of an elementwise call: data, parameters (constant), one output. */
static rf_status run(rf_activation activation, rf_direction direction, rf_dtype dtype, size_t n,
                     const void *const *data, int n_data, const void *params, void *out)
{
    if (!rf_info(activation) || !is_dtype(dtype)) return RF_EINVAL;
    size_t size = dtypes[dtype].size, bytes;
    int n_params = infos[activation].n_params;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX || (n_params && !params) ||
        misaligned(params, size) || misaligned(out, size) || (n && !out))
        return RF_EINVAL;
    char *args[2 + RF_MAX_PARAMS + 1];
    int n_args = 0;
    for (int i = 0; i < n_data; i++) {
        if ((n && !data[i]) || misaligned(data[i], size)) return RF_EINVAL;
        args[n_args++] = (char *)data[i];
    }
    for (int i = 0; i < n_data; i++)
        if (partly(data[i], out, bytes)) return RF_EOVERLAP;
    size_t params_bytes = (size_t)n_params * size;
    if (n_params && meet(one_block(params, params_bytes), one_block(out, bytes))) return RF_EOVERLAP;
    for (int i = 0; i < n_params; i++) args[n_args++] = (char *)params + (size_t)i * size;
    args[n_args] = out;
    if (n <= FEW && dtype < RF_N_COMPUTED) {
        const rf_kernels *kernels = rf_active_kernels();
        rf_loop *loop = kernels->loops[activation][dtype][direction];
        rf_fp_state saved = rf_fp_enter();
        kernels->call_in_order[dtype](loop, rf_arity_of(activation, direction), args, (ptrdiff_t)n, 1, 0);
        rf_fp_leave(saved);
    } else {
        rf_run(activation, direction, dtype, args, (ptrdiff_t)n, steps_of[size][n_data - 1][n_params]);
    }
    return RF_OK;
}

rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x, const void *params,
                     void *y)
{
    return run(activation, RF_FORWARD, dtype, n, &x, 1, params, y);
}

rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output,
                      const void *x, const void *params, void *grad_input)
{
    const void *data[] = {grad_output, x};
    /* a learned parameter's backward has two outputs; the one from y has grad_input alone, and asks of y
     * nothing but its sign, which x has as well */
    rf_direction direction =
        rf_info(activation) && infos[activation].n_gradients > 1 ? RF_BACKWARD_Y : RF_BACKWARD;
    return run(activation, direction, dtype, n, data, 2, params, grad_input);
}
