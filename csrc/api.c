/* The public functions: check everything, then hand over to the kernels in use. */
#include "fp_state.h"
#include "kernels.h"

#include <math.h>
#include <string.h>

#define UNARY 0
#define PARAM 1
#define WEIGHT 1
#define GRADIENTS_UNARY 1
#define GRADIENTS_PARAM 1
#define GRADIENTS_WEIGHT 2
#define RF_NOWHERE NAN
#define RF_REQUIRED NAN
#define NAME_OF(name, value) name
#define DEFAULT_OF(name, value) value
#define RF_ROW(name, KIND, param, gate, gate_value, ceiling, from_y, formula)                                \
    {#name, formula, KIND, {NAME_OF param}, {DEFAULT_OF param}, gate, gate_value, ceiling, GRADIENTS_##KIND},
static const rf_activation_info infos[] = {
#include "activations.h"
};
#undef RF_ROW

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

const char *rf_strerror(rf_status status)
{
    switch (status) {
    case RF_OK: return "ok";
    case RF_EINVAL: return "invalid argument";
    case RF_EOVERLAP: return "output overlaps an input without being it";
    case RF_ENOTSUP: return "not supported by this machine";
    }
    return "unknown status";
}

void rf_run(rf_activation activation, rf_direction direction, rf_dtype dtype, char *const *args, ptrdiff_t n,
            const ptrdiff_t *steps)
{
    rf_fp_state saved = rf_fp_enter();
    rf_active_kernels()->rows[activation][dtype].loop[direction](args, n, steps);
    rf_fp_leave(saved);
}

/* noinline: the compiler may move arithmetic, but no call, across the change of the environment */
static __attribute__((noinline)) void narrow(const double *from, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

void rf_narrow(const double *from, float *to, size_t n)
{
    rf_fp_state saved = rf_fp_enter();
    narrow(from, to, n);
    rf_fp_leave(saved);
}

static size_t size_of(rf_dtype dtype) { return dtype == RF_FLOAT64 ? sizeof(double) : sizeof(float); }

static int known(rf_activation activation, rf_dtype dtype)
{
    return rf_info(activation) && (dtype == RF_FLOAT32 || dtype == RF_FLOAT64);
}

static int misaligned(const void *p, size_t size) { return (uintptr_t)p % size != 0; }

/* Blocks of `bytes` bytes each, `jump` apart. */
typedef struct {
    uintptr_t low;
    size_t count, bytes, jump;
} blocks;

static blocks one_block(const void *p, size_t bytes) { return (blocks){(uintptr_t)p, 1, bytes, 0}; }

/* Whether any block of `a` overlaps one of `b`. */
static int meet(blocks a, blocks b)
{
    uintptr_t a_end = a.low + (a.count - 1) * a.jump + a.bytes,
              b_end = b.low + (b.count - 1) * b.jump + b.bytes;
    if (!a.low || !b.low || a.low >= b_end || b.low >= a_end) return 0;
    /* columns side by side: the first and the last block of a meet whatever the others would */
    size_t every = a.jump == b.jump && a.count == b.count && a.count > 1 ? a.count - 1 : 1;
    for (size_t i = 0; i < a.count; i += every) {
        uintptr_t here = a.low + i * a.jump;
        if (here + a.bytes <= b.low) continue;
        /* of the blocks of b that start before this one's end, the last reaches farthest */
        size_t last = b.count - 1, reached = b.jump ? (here + a.bytes - 1 - b.low) / b.jump : last;
        if (reached < last) last = reached;
        if (b.low + last * b.jump + b.bytes > here) return 1;
    }
    return 0;
}

/* Overlap other than being the same. */
static int partly(const void *a, const void *b, size_t bytes)
{
    return a != b && bytes && meet(one_block(a, bytes), one_block(b, bytes));
}

rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x, const void *params,
                     void *y)
{
    if (!known(activation, dtype)) return RF_EINVAL;
    size_t size = size_of(dtype);
    int n_params = infos[activation].n_params;
    if (n > PTRDIFF_MAX / size || (n_params && !params)) return RF_EINVAL;
    if (n && (!x || !y)) return RF_EINVAL;
    if (misaligned(x, size) || misaligned(y, size) || misaligned(params, size)) return RF_EINVAL;
    if (partly(x, y, n * size) || (n_params && n && meet(one_block(params, size), one_block(y, n * size))))
        return RF_EOVERLAP;
    char *args[3] = {(char *)x, n_params ? (char *)params : y, y};
    ptrdiff_t step = (ptrdiff_t)size, steps[3] = {step, n_params ? 0 : step, step};
    rf_run(activation, RF_FORWARD, dtype, args, (ptrdiff_t)n, steps);
    return RF_OK;
}

rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output,
                      const void *x, const void *params, void *grad_input)
{
    if (!known(activation, dtype)) return RF_EINVAL;
    size_t size = size_of(dtype), bytes = n * size;
    int n_params = infos[activation].n_params;
    if (n > PTRDIFF_MAX / size || (n_params && !params)) return RF_EINVAL;
    if (n && (!x || !grad_output || !grad_input)) return RF_EINVAL;
    if (misaligned(x, size) || misaligned(grad_output, size) || misaligned(grad_input, size) ||
        misaligned(params, size))
        return RF_EINVAL;
    if (partly(x, grad_input, bytes) || partly(grad_output, grad_input, bytes) ||
        (n_params && n && meet(one_block(params, size), one_block(grad_input, bytes))))
        return RF_EOVERLAP;
    if (infos[activation].n_gradients == 1) {
        ptrdiff_t step = (ptrdiff_t)size, steps[4] = {step, step, n_params ? 0 : step, step};
        char *args[4] = {(char *)grad_output, (char *)x, n_params ? (char *)params : grad_input, grad_input};
        rf_run(activation, RF_BACKWARD, dtype, args, (ptrdiff_t)n, steps);
        return RF_OK;
    }
    /* the loop would also want to write the parameter's gradient; the per-unit pass does not */
    rf_units_backward_args args = {
        .activation = activation,
        .dtype = dtype,
        .shape = {1, 1, n},
        .grad_output = grad_output,
        .source = x,
        .grad_input = grad_input,
        .param = n_params ? params : NULL,
    };
    return n ? rf_units_backward(&args) : RF_OK;
}

static size_t distance(ptrdiff_t step) { return step < 0 ? 0 - (size_t)step : (size_t)step; }

/* Outer entries that lie between addresses that do not exist, or not on whole elements. */
static int bad_step(const rf_shape *s, ptrdiff_t step, size_t size)
{
    size_t block = s->units * s->inner * size, jump = distance(step);
    return s->outer > 1 && (jump % size || jump > (PTRDIFF_MAX - block) / (s->outer - 1));
}

/* Blocks of an output must not overlap each other. */
static int bad_output_step(const rf_shape *s, ptrdiff_t step, size_t size)
{
    return bad_step(s, step, size) || (s->outer > 1 && distance(step) < s->units * s->inner * size);
}

static blocks blocks_of(const rf_shape *s, size_t size, const void *p, ptrdiff_t step)
{
    size_t jump = distance(step), bytes = s->units * s->inner * size;
    if (s->outer == 1 || step == 0) return one_block(p, bytes);
    uintptr_t low = (uintptr_t)p - (step < 0 ? (s->outer - 1) * jump : 0);
    return (blocks){low, s->outer, bytes, jump};
}

static blocks parameter_block(const rf_shape *s, size_t size, const void *param, int per_unit)
{
    return one_block(param, (per_unit ? s->units : 1) * size);
}

/* An output may overlap an input only by being it. */
static int bad_pair(const rf_shape *s, size_t size, const void *in, ptrdiff_t in_step, const void *out,
                    ptrdiff_t out_step)
{
    if (in == out && (in_step == out_step || s->outer == 1)) return 0;
    return meet(blocks_of(s, size, in, in_step), blocks_of(s, size, out, out_step));
}

static int bad_shape(const rf_shape *s, size_t size)
{
    if (s->units > PTRDIFF_MAX / sizeof(double)) return 1;
    if (s->units == 0 || s->inner == 0 || s->outer == 0) return 0;
    return s->inner > PTRDIFF_MAX / size / s->units || s->outer > PTRDIFF_MAX / size / s->units / s->inner;
}

rf_status rf_units_forward(const rf_units_forward_args *a)
{
    if (!a || !known(a->activation, a->dtype)) return RF_EINVAL;
    const rf_shape *s = &a->shape;
    size_t size = size_of(a->dtype);
    if (bad_shape(s, size)) return RF_EINVAL;
    if (infos[a->activation].n_params && !a->param) return RF_EINVAL;
    const rf_unit_counts *c = &a->counts;
    if (misaligned(c->active, sizeof(int64_t)) || misaligned(c->nonfinite, sizeof(int64_t)) ||
        misaligned(c->max, sizeof(double)) || misaligned(c->min, sizeof(double)) ||
        misaligned(c->sum_abs, sizeof(double)))
        return RF_EINVAL;
    if (s->outer == 0 || s->units == 0 || s->inner == 0) return RF_OK;
    if (!a->z || misaligned(a->z, size) || misaligned(a->y, size) || misaligned(a->bias, size) ||
        misaligned(a->param, size))
        return RF_EINVAL;
    if (bad_step(s, a->z_step, size) || (a->y && bad_output_step(s, a->y_step, size))) return RF_EINVAL;
    if (a->y) {
        blocks y = blocks_of(s, size, a->y, a->y_step);
        if (bad_pair(s, size, a->z, a->z_step, a->y, a->y_step) ||
            meet(one_block(a->bias, s->units * size), y) ||
            meet(parameter_block(s, size, a->param, a->param_per_unit), y))
            return RF_EOVERLAP;
    }
    rf_fp_state saved = rf_fp_enter();
    rf_active_kernels()->rows[a->activation][a->dtype].units_forward(a);
    rf_fp_leave(saved);
    return RF_OK;
}

rf_status rf_units_backward(const rf_units_backward_args *a)
{
    if (!a || !known(a->activation, a->dtype)) return RF_EINVAL;
    const rf_shape *s = &a->shape;
    size_t size = size_of(a->dtype);
    if (bad_shape(s, size)) return RF_EINVAL;
    if (infos[a->activation].n_params && !a->param) return RF_EINVAL;
    if (a->source_is_y && a->bias) return RF_EINVAL;
    if (misaligned(a->bias_grad, sizeof(double)) || misaligned(a->counts.nonzero, sizeof(int64_t)) ||
        misaligned(a->counts.nonfinite, sizeof(int64_t)))
        return RF_EINVAL;
    if (s->outer == 0 || s->units == 0 || s->inner == 0) {
        if (a->bias_grad) memset(a->bias_grad, 0, s->units * sizeof(double));
        return RF_OK;
    }
    if (!a->grad_output || !a->source || !a->grad_input || misaligned(a->grad_output, size) ||
        misaligned(a->source, size) || misaligned(a->grad_input, size) || misaligned(a->bias, size) ||
        misaligned(a->param, size))
        return RF_EINVAL;
    if (bad_step(s, a->grad_output_step, size) || bad_step(s, a->source_step, size) ||
        bad_output_step(s, a->grad_input_step, size))
        return RF_EINVAL;
    if (bad_pair(s, size, a->grad_output, a->grad_output_step, a->grad_input, a->grad_input_step) ||
        bad_pair(s, size, a->source, a->source_step, a->grad_input, a->grad_input_step))
        return RF_EOVERLAP;
    blocks out = blocks_of(s, size, a->grad_input, a->grad_input_step),
           bias = one_block(a->bias, s->units * size),
           param = parameter_block(s, size, a->param, a->param_per_unit),
           sums = one_block(a->bias_grad, s->units * sizeof(double));
    if (meet(bias, out) || meet(param, out) || meet(sums, out) || meet(sums, bias) || meet(sums, param) ||
        meet(sums, blocks_of(s, size, a->grad_output, a->grad_output_step)) ||
        meet(sums, blocks_of(s, size, a->source, a->source_step)))
        return RF_EOVERLAP;
    if (a->bias_grad) memset(a->bias_grad, 0, s->units * sizeof(double));
    rf_fp_state saved = rf_fp_enter();
    rf_active_kernels()->rows[a->activation][a->dtype].units_backward(a);
    rf_fp_leave(saved);
    return RF_OK;
}
