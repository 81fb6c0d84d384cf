/* The public per-unit functions: check everything, then hand over. */
#include "kernels.h"
#include "overlap.h"

#include <string.h>

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

static int empty(const rf_shape *s) { return s->outer == 0 || s->units == 0 || s->inner == 0; }

static blocks mask_block(const rf_shape *s, const void *mask)
{
    return one_block(mask, empty(s) ? 0 : (s->outer * s->units * s->inner + 7) / 8);
}

/* What both passes have: the numbers that come with an activation. */
typedef struct {
    const rf_activation_info *info;
    size_t size;
    blocks bias, params[RF_MAX_PARAMS];
} numbers;

static rf_status check_numbers(rf_activation activation, rf_dtype dtype, const rf_shape *s, const void *bias,
                               const void *const *params, const int *per_unit, numbers *found)
{
    const rf_activation_info *info = rf_info(activation);
    if (!info || dtype < 0 || dtype >= RF_N_DTYPES) return RF_EINVAL;
    size_t size = rf_dtype_size(dtype);
    if (bad_shape(s, size) || misaligned(bias, size)) return RF_EINVAL;
    *found = (numbers){.info = info, .size = size, .bias = one_block(bias, s->units * size)};
    for (int k = 0; k < info->n_params; k++) {
        if (!params[k] || misaligned(params[k], size)) return RF_EINVAL;
        found->params[k] = one_block(params[k], (per_unit[k] ? s->units : 1) * size);
    }
    return RF_OK;
}

static int meets_numbers(blocks out, const numbers *n)
{
    return meet(n->bias, out) || meet(n->params[0], out) || meet(n->params[1], out);
}

/* Whether any of the first `n_own` of `all`, which are memory of their own, meets another. */
static int clash(const blocks *all, int n_own, int n)
{
    for (int i = 0; i < n_own; i++) {
        if (!all[i].low) continue;
        for (int k = i + 1; k < n; k++)
            if (meet(all[i], all[k])) return 1;
    }
    return 0;
}

rf_status rf_units_forward(const rf_units_forward_args *a)
{
    if (!a) return RF_EINVAL;
    numbers n;
    const rf_shape *s = &a->shape;
    if (check_numbers(a->activation, a->dtype, s, a->bias, a->params, a->param_per_unit, &n) != RF_OK)
        return RF_EINVAL;
    const rf_unit_counts *c = &a->counts;
    if (misaligned(c->active, sizeof(int64_t)) || misaligned(c->nonfinite, sizeof(int64_t)) ||
        misaligned(c->max, sizeof(double)) || misaligned(c->min, sizeof(double)) ||
        misaligned(c->sum_abs, sizeof(double)) || (a->mask && n.info->mask == RF_MASK_NONE))
        return RF_EINVAL;
    if (empty(s)) return RF_OK;
    if (!a->z || misaligned(a->z, n.size) || misaligned(a->y, n.size) || bad_step(s, a->z_step, n.size) ||
        (a->y && bad_output_step(s, a->y_step, n.size)))
        return RF_EINVAL;
    const blocks y = blocks_of(s, n.size, a->y, a->y_step);
    const blocks all[] = {
        mask_block(s, a->mask),
        one_block(c->active, s->units * sizeof *c->active),
        one_block(c->nonfinite, s->units * sizeof *c->nonfinite),
        one_block(c->max, s->units * sizeof *c->max),
        one_block(c->min, s->units * sizeof *c->min),
        one_block(c->sum_abs, s->units * sizeof *c->sum_abs),
        y,
        blocks_of(s, n.size, a->z, a->z_step),
        n.bias,
        n.params[0],
        n.params[1],
    };
    if ((a->y && bad_pair(s, n.size, a->z, a->z_step, a->y, a->y_step)) || meets_numbers(y, &n) ||
        clash(all, 6, sizeof all / sizeof *all))
        return RF_EOVERLAP;
    return rf_run_units_forward(a);
}

static int bad_source(const rf_units_backward_args *a, const numbers *n)
{
    switch (a->source_kind) {
    case RF_FROM_X: return a->weight_grad && n->info->n_gradients < 2;
    case RF_FROM_Y: return !n->info->from_y || a->bias || a->weight_grad;
    case RF_FROM_MASK: return n->info->mask == RF_MASK_NONE || a->bias || a->weight_grad;
    }
    return 1;
}

rf_status rf_units_backward(const rf_units_backward_args *a)
{
    if (!a) return RF_EINVAL;
    numbers n;
    const rf_shape *s = &a->shape;
    if (check_numbers(a->activation, a->dtype, s, a->bias, a->params, a->param_per_unit, &n) != RF_OK ||
        bad_source(a, &n))
        return RF_EINVAL;
    if (misaligned(a->bias_grad, sizeof(double)) || misaligned(a->weight_grad, sizeof(double)) ||
        misaligned(a->counts.nonzero, sizeof(int64_t)) || misaligned(a->counts.nonfinite, sizeof(int64_t)))
        return RF_EINVAL;
    const size_t n_weights = a->param_per_unit[0] ? s->units : 1;
    if (empty(s)) {
        if (a->bias_grad) memset(a->bias_grad, 0, s->units * sizeof(double));
        if (a->weight_grad) memset(a->weight_grad, 0, n_weights * sizeof(double));
        return RF_OK;
    }
    const int masked = a->source_kind == RF_FROM_MASK;
    if (!a->grad_output || !a->source || !a->grad_input || misaligned(a->grad_output, n.size) ||
        (!masked && misaligned(a->source, n.size)) || misaligned(a->grad_input, n.size) ||
        bad_step(s, a->grad_output_step, n.size) || (!masked && bad_step(s, a->source_step, n.size)) ||
        bad_output_step(s, a->grad_input_step, n.size))
        return RF_EINVAL;
    const blocks out = blocks_of(s, n.size, a->grad_input, a->grad_input_step);
    const blocks source = masked ? mask_block(s, a->source) : blocks_of(s, n.size, a->source, a->source_step);
    const blocks all[] = {
        one_block(a->bias_grad, s->units * sizeof *a->bias_grad),
        one_block(a->weight_grad, n_weights * sizeof *a->weight_grad),
        one_block(a->counts.nonzero, s->units * sizeof *a->counts.nonzero),
        one_block(a->counts.nonfinite, s->units * sizeof *a->counts.nonfinite),
        out,
        blocks_of(s, n.size, a->grad_output, a->grad_output_step),
        source,
        n.bias,
        n.params[0],
        n.params[1],
    };
    if (bad_pair(s, n.size, a->grad_output, a->grad_output_step, a->grad_input, a->grad_input_step) ||
        (masked ? meet(source, out)
                : bad_pair(s, n.size, a->source, a->source_step, a->grad_input, a->grad_input_step)) ||
        meets_numbers(out, &n) || clash(all, 4, sizeof all / sizeof *all))
        return RF_EOVERLAP;
    return rf_run_units_backward(a);
}
