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
#define RF_ROW(name, KIND, param, gate, gate_value, ceiling, from_y, formula)                          \
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

static size_t size_of(rf_dtype dtype) { return dtype == RF_FLOAT64 ? sizeof(double) : sizeof(float); }

static int known(rf_activation activation, rf_dtype dtype)
{
    return rf_info(activation) && (dtype == RF_FLOAT32 || dtype == RF_FLOAT64);
}

static int misaligned(const void *p, size_t size) { return (uintptr_t)p % size != 0; }

/* Overlap other than being the same: [a, a + a_bytes) against [b, b + b_bytes). */
static int partly(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    uintptr_t p = (uintptr_t)a, q = (uintptr_t)b;
    return p != q && a_bytes && b_bytes && p < q + b_bytes && q < p + a_bytes;
}

rf_status rf_forward(rf_activation activation, rf_dtype dtype, size_t n, const void *x, const void *params, void *y)
{
    if (!known(activation, dtype)) return RF_EINVAL;
    size_t size = size_of(dtype);
    int n_params = infos[activation].n_params;
    if (n > PTRDIFF_MAX / size || (n_params && !params)) return RF_EINVAL;
    if (n && (!x || !y)) return RF_EINVAL;
    if (misaligned(x, size) || misaligned(y, size) || misaligned(params, size)) return RF_EINVAL;
    if (partly(x, n * size, y, n * size)) return RF_EOVERLAP;
    char *args[3] = {(char *)x, n_params ? (char *)params : y, y};
    ptrdiff_t step = (ptrdiff_t)size, steps[3] = {step, n_params ? 0 : step, step};
    rf_run(activation, RF_FORWARD, dtype, args, (ptrdiff_t)n, steps);
    return RF_OK;
}

rf_status rf_backward(rf_activation activation, rf_dtype dtype, size_t n, const void *grad_output, const void *x,
                      const void *params, void *grad_input)
{
    if (!known(activation, dtype)) return RF_EINVAL;
    size_t size = size_of(dtype), bytes = n * size;
    int n_params = infos[activation].n_params;
    if (n > PTRDIFF_MAX / size || (n_params && !params)) return RF_EINVAL;
    if (n && (!x || !grad_output || !grad_input)) return RF_EINVAL;
    if (misaligned(x, size) || misaligned(grad_output, size) || misaligned(grad_input, size) ||
        misaligned(params, size))
        return RF_EINVAL;
    if (partly(x, bytes, grad_input, bytes) || partly(grad_output, bytes, grad_input, bytes)) return RF_EOVERLAP;
    /* the per-unit pass: elementwise, without the gradient of a learned parameter */
    rf_units_backward_args args = {activation, dtype, {1, 1, n}, grad_output, 0, x, 0, 0, grad_input, 0,
                                   NULL, params, 0, NULL, dtype, {NULL, NULL}};
    return n ? rf_units_backward(&args) : RF_OK;
}

/* Bytes from the first to the last of an array of outer entries; 0 if that overflows or a step is too small. */
static size_t extent(const rf_shape *s, ptrdiff_t step, size_t size)
{
    size_t block = s->units * s->inner * size, jump = (size_t)(step < 0 ? -step : step);
    if (s->outer == 1) return block;
    if (jump % size || jump > (PTRDIFF_MAX - block) / s->outer) return 0;
    return (s->outer - 1) * jump + block;
}

/* An output may not write an element twice, and may overlap an input only by being it. */
static int bad_pair(const rf_shape *s, size_t size, const void *in, ptrdiff_t in_step, const void *out,
                    ptrdiff_t out_step)
{
    size_t in_bytes = extent(s, in_step, size), out_bytes = extent(s, out_step, size);
    const char *in_low = (const char *)in, *out_low = (const char *)out;
    if (s->outer > 1 && in_step < 0) in_low += (ptrdiff_t)(s->outer - 1) * in_step;
    if (s->outer > 1 && out_step < 0) out_low += (ptrdiff_t)(s->outer - 1) * out_step;
    if (in == out && (in_step == out_step || s->outer == 1)) return 0;
    if (!partly(in_low, in_bytes, out_low, out_bytes)) return in == out;
    if (in_step != out_step || s->outer == 1 || in_step == 0) return 1;
    /* columns side by side: blocks repeat every `step` bytes, and lie apart if they do within one period */
    size_t step = (size_t)(in_step < 0 ? -in_step : in_step), block = s->units * s->inner * size;
    size_t apart = in_low < out_low ? (size_t)(out_low - in_low) % step : step - (size_t)(in_low - out_low) % step;
    return apart < block || step - apart < block;
}

static int bad_shape(const rf_shape *s, size_t size)
{
    if (s->units == 0 || s->inner == 0 || s->outer == 0) return 0;
    return s->inner > PTRDIFF_MAX / size / s->units || s->outer > PTRDIFF_MAX / size / s->units / s->inner;
}

/* Blocks of an output must not overlap each other. */
static int bad_output_step(const rf_shape *s, ptrdiff_t step, size_t size)
{
    return s->outer > 1 && (size_t)(step < 0 ? -step : step) < s->units * s->inner * size;
}

rf_status rf_units_forward(const rf_units_forward_args *a)
{
    if (!a || !known(a->activation, a->dtype)) return RF_EINVAL;
    const rf_shape *s = &a->shape;
    size_t size = size_of(a->dtype);
    if (bad_shape(s, size)) return RF_EINVAL;
    if (infos[a->activation].n_params && !a->param) return RF_EINVAL;
    if (s->outer == 0 || s->units == 0 || s->inner == 0) return RF_OK;
    if (!a->z || misaligned(a->z, size) || misaligned(a->y, size) || misaligned(a->bias, size) ||
        misaligned(a->param, size))
        return RF_EINVAL;
    if (!extent(s, a->z_step, size)) return RF_EINVAL;
    if (a->y) {
        if (!extent(s, a->y_step, size) || bad_output_step(s, a->y_step, size)) return RF_EINVAL;
        if (bad_pair(s, size, a->z, a->z_step, a->y, a->y_step)) return RF_EOVERLAP;
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
    if (a->bias_grad && a->bias_grad_dtype != RF_FLOAT32 && a->bias_grad_dtype != RF_FLOAT64) return RF_EINVAL;
    if (a->bias_grad && misaligned(a->bias_grad, size_of(a->bias_grad_dtype))) return RF_EINVAL;
    if (s->outer == 0 || s->units == 0 || s->inner == 0) {
        if (a->bias_grad) memset(a->bias_grad, 0, s->units * size_of(a->bias_grad_dtype));
        return RF_OK;
    }
    if (!a->grad_output || !a->source || !a->grad_input || misaligned(a->grad_output, size) ||
        misaligned(a->source, size) || misaligned(a->grad_input, size) || misaligned(a->bias, size) ||
        misaligned(a->param, size))
        return RF_EINVAL;
    if (!extent(s, a->grad_output_step, size) || !extent(s, a->source_step, size) ||
        !extent(s, a->grad_input_step, size) || bad_output_step(s, a->grad_input_step, size))
        return RF_EINVAL;
    if (bad_pair(s, size, a->grad_output, a->grad_output_step, a->grad_input, a->grad_input_step) ||
        bad_pair(s, size, a->source, a->source_step, a->grad_input, a->grad_input_step))
        return RF_EOVERLAP;
    rf_fp_state saved = rf_fp_enter();
    rf_active_kernels()->rows[a->activation][a->dtype].units_backward(a);
    rf_fp_leave(saved);
    return RF_OK;
}
