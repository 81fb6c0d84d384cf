/* The per-unit passes against a plain loop over (outer, units, inner), for every tiling and memory layout. */
#include "check.h"
#include "kernels.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Around the limits of units.c: rows below 128 elements share a row of positions, blocks have 1024 or 512. */
static const rf_shape small_shapes[] = {
    /* inner 1 */
    {1, 1, 1},
    {33, 1, 1},
    {300, 1, 1},
    {130, 3, 1},
    {37, 17, 1},
    {37, 97, 1},
    {32, 64, 1},
    {5, 128, 1},
    {3, 255, 1},
    {5, 256, 1},
    {3, 1024, 1},
    {9, 1025, 1},
    {2, 2100, 1},
    /* inner small: (unit, inner) pairs */
    {7, 5, 3},
    {4, 200, 3},
    {9, 700, 3},
    {3, 2, 511},
    {2, 3, 1024},
    {1, 1, 97},
    /* inner large: runs of one unit */
    {3, 2, 1025},
    {2, 1, 1280},
    {1, 2, 2200},
};
/* Several jobs of 2^18 elements, the last one not full; tiles of 2^12 positions; outputs that stream. */
static const rf_shape large_shapes[] = {
    {300001, 1, 1}, {90001, 3, 1},   {8229, 64, 1},   {600, 500, 1},  {300, 300, 3},
    {3, 1, 300000}, {350, 2, 1025},  {2, 3, 300001},  {19, 20001, 1}, {17, 7001, 5},
    {4100, 256, 1}, {1200, 1000, 1}, {1, 2, 1 << 19}, {12001, 90, 1}, {1, 1200007, 1},
};

enum layout { CONTIGUOUS, PADDED, BACKWARDS, SIDE_BY_SIDE, IN_PLACE, IN_PLACE_OF_SOURCE, REPEATED };
static const char *const layout_names[] = {"contiguous",        "padded",   "backwards",
                                           "side by side",      "in place", "in place of the source",
                                           "one entry repeated"};

/* What a pass can find out about each unit. */
enum total {
    ACTIVE,
    NONFINITE,
    MAX,
    MIN,
    SUM_ABS,
    BIAS_GRAD,
    WEIGHT_GRAD,
    NONZERO,
    NONFINITE_GRADS,
    N_TOTALS
};
enum { USUAL = 1 << ACTIVE | 1 << NONFINITE | 1 << MAX, ALL = (1 << N_TOTALS) - 1 };

static const struct wishes {
    int bias, param_per_unit, output, mask;
    unsigned totals; /* bits 1 << total */
} wishes[] = {
    {1, 1, 1, 1, USUAL | 1 << BIAS_GRAD | 1 << NONZERO},
    {1, 0, 1, 0, 0},
    {0, 0, 1, 0, 1 << ACTIVE | 1 << BIAS_GRAD | 1 << WEIGHT_GRAD},
    {0, 1, 1, 1, 1 << MAX | 1 << NONFINITE_GRADS},
    {1, 0, 0, 1, ALL},
    {0, 1, 1, 0, 1 << MIN | 1 << NONZERO | 1 << WEIGHT_GRAD},
    {0, 0, 1, 1, 0},
    {1, 1, 1, 0, 1 << SUM_ABS | 1 << NONFINITE | 1 << BIAS_GRAD | 1 << NONFINITE_GRADS},
    {0, 0, 1, 0, 0},
    /* of relu's own loop, or next to what it does */
    {1, 0, 1, 0, 1 << ACTIVE},
    {0, 0, 0, 0, USUAL},
    {0, 0, 1, 0, USUAL},
    {1, 0, 1, 1, USUAL},
    {1, 0, 1, 0, USUAL | 1 << SUM_ABS},
    {1, 0, 1, 0, USUAL | 1 << MIN},
    {1, 0, 1, 0, USUAL},
};
enum { LAST_WISH = LENGTH_OF(wishes) - 1, OF_RELU = LENGTH_OF(wishes) - 7 };

/* ---- a case: arrays in C order, and what a plain loop makes of them */

typedef struct {
    const char *isa;
    rf_activation row;
    rf_dtype dtype;
    rf_shape shape;
    const struct wishes *wish;
    size_t block, n;                                     /* elements of an outer entry, and in all */
    buffer z, g, bias, params[RF_MAX_PARAMS], y, gz;     /* as a caller has them */
    buffer mask;                                         /* bytes; empty where the row has none */
    double (*totals)[N_TOTALS], (*magnitudes)[N_TOTALS]; /* per unit; of sums, the sum of magnitudes */
} unit_case;

static size_t unit_of(const unit_case *c, size_t i) { return i / c->shape.inner % c->shape.units; }

static void fill_inputs(unit_case *c, int repeated)
{
    const reference *ref = reference_of(rf_info(c->row)->name);
    sample_inputs(c->dtype, c->z.data, c->n);
    sample_gradients(c->dtype, c->g.data, c->n);
    for (size_t i = 0; i < c->n; i++) /* a NaN in every sum would hide errors: in one unit of four */
        if (unit_of(c, i) % 4 && !(fabsl(get(c->dtype, c->z.data, i)) < 1e30L))
            put(c->dtype, c->z.data, i, -1.5L);
    for (size_t i = c->block; i < c->n && repeated; i++) {
        put(c->dtype, c->z.data, i, get(c->dtype, c->z.data, i - c->block));
        put(c->dtype, c->g.data, i, get(c->dtype, c->g.data, i - c->block));
    }
    const int slope = c->row == RF_LEAKY_RELU || c->row == RF_PRELU; /* the first unit's is 0 */
    for (size_t u = 0; u < c->shape.units; u++) {
        put(c->dtype, c->bias.data, u, c->wish->bias ? (long double)(u % 7) / 3 - 1 : -0.0L);
        for (size_t k = 0; k < RF_MAX_PARAMS; k++)
            put(c->dtype, c->params[k].data, u,
                c->wish->param_per_unit ? 0.125L * (u % 5 + !slope) + (long double)k : ref->params[0][k]);
    }
}

/* The elementwise loops, which have tests of their own, of v = z + bias. */
static void fill_outputs(unit_case *c, buffer *v, buffer *grad_weight)
{
    const rf_activation_info *info = rf_info(c->row);
    buffer params[RF_MAX_PARAMS];
    for (size_t i = 0; i < c->n; i++) {
        size_t u = unit_of(c, i);
        if (c->dtype == RF_FLOAT32)
            ((float *)v->data)[i] = ((float *)c->z.data)[i] + ((float *)c->bias.data)[u];
        else
            ((double *)v->data)[i] = ((double *)c->z.data)[i] + ((double *)c->bias.data)[u];
    }
    char *forward[2 + RF_MAX_PARAMS] = {v->data}, *backward[4 + RF_MAX_PARAMS] = {c->g.data, v->data};
    for (int k = 0; k < RF_MAX_PARAMS; k++) {
        params[k] = make_buffer(c->dtype, c->n, 0);
        for (size_t i = 0; i < c->n; i++)
            put(c->dtype, params[k].data, i, get(c->dtype, c->params[k].data, unit_of(c, i)));
        if (k < info->n_params) forward[1 + k] = backward[2 + k] = params[k].data;
    }
    forward[1 + info->n_params] = c->y.data;
    backward[2 + info->n_params] = c->gz.data;
    backward[3 + info->n_params] = grad_weight->data;
    ptrdiff_t size = (ptrdiff_t)dtype_size(c->dtype);
    const ptrdiff_t steps[] = {size, size, size, size, size, size};
    rf_run(c->row, RF_FORWARD, c->dtype, forward, (ptrdiff_t)c->n, steps);
    rf_run(c->row, RF_BACKWARD, c->dtype, backward, (ptrdiff_t)c->n, steps);
    for (int k = 0; k < RF_MAX_PARAMS; k++) free_buffer(&params[k]);
}

/* Gate and ceiling of the unit of element i; gate 0 where there is none. */
static void edges_of(const unit_case *c, size_t i, double *gate, double *ceiling)
{
    double params[RF_MAX_PARAMS];
    for (int k = 0; k < RF_MAX_PARAMS; k++)
        params[k] = (double)get(c->dtype, c->params[k].data, unit_of(c, i));
    *gate = (double)rounded(c->dtype, rf_gate(c->row, params));
    *ceiling = (double)rounded(c->dtype, rf_ceiling(c->row, params));
    if (isnan(*gate)) *gate = 0;
}

static void fill_mask(unit_case *c, const buffer *v)
{
    const rf_mask kind = rf_info(c->row)->mask;
    for (size_t i = 0; i < c->n && kind != RF_MASK_NONE; i++) {
        double gate, ceiling, x = (double)get(c->dtype, v->data, i);
        edges_of(c, i, &gate, &ceiling);
        int passes = kind == RF_MASK_SLOPE ? x > 0 : !(x <= gate) && !(x >= ceiling);
        c->mask.data[i / 8] = (char)(c->mask.data[i / 8] | passes << (i % 8));
    }
}

static void fill_totals(unit_case *c, const buffer *v, const buffer *grad_weight)
{
    for (size_t u = 0; u < c->shape.units; u++) c->totals[u][MAX] = -INFINITY, c->totals[u][MIN] = INFINITY;
    for (size_t i = 0; i < c->n; i++) {
        double *t = c->totals[unit_of(c, i)], *magnitude = c->magnitudes[unit_of(c, i)];
        double x = (double)get(c->dtype, v->data, i), y = (double)get(c->dtype, c->y.data, i);
        double gz = (double)get(c->dtype, c->gz.data, i), gw = (double)get(c->dtype, grad_weight->data, i);
        double gate, ceiling;
        edges_of(c, i, &gate, &ceiling);
        t[ACTIVE] += x > gate;
        t[NONFINITE] += !isfinite(x);
        t[MAX] = fmax(t[MAX], x);
        t[MIN] = fmin(t[MIN], x);
        t[SUM_ABS] += isfinite(y) ? fabs(y) : 0;
        t[BIAS_GRAD] += gz;
        t[NONZERO] += gz != 0;
        t[NONFINITE_GRADS] += !isfinite(gz);
        t[WEIGHT_GRAD] += gw;
        magnitude[BIAS_GRAD] += fabs(gz);
        magnitude[WEIGHT_GRAD] += fabs(gw);
        magnitude[SUM_ABS] = t[SUM_ABS];
    }
}

static buffer make_bytes(size_t n)
{
    buffer b = make_buffer(RF_FLOAT32, (n + 3) / 4, 0);
    b.bytes = n;
    memset(b.data + n, b.memory[0], 4 * ((n + 3) / 4) - n); /* canaries, too */
    return b;
}

static unit_case make_case(const char *isa, rf_activation row, rf_dtype dtype, rf_shape shape,
                           const struct wishes *wish, int repeated)
{
    unit_case c = {.isa = isa, .row = row, .dtype = dtype, .shape = shape, .wish = wish};
    c.block = shape.units * shape.inner;
    c.n = shape.outer * c.block;
    buffer *arrays[] = {&c.z, &c.g, &c.y, &c.gz};
    for (size_t i = 0; i < LENGTH_OF(arrays); i++) *arrays[i] = make_buffer(dtype, c.n, 0);
    c.bias = make_buffer(dtype, shape.units, 1);
    for (int k = 0; k < RF_MAX_PARAMS; k++) c.params[k] = make_buffer(dtype, shape.units, 1);
    c.mask = make_bytes((c.n + 7) / 8);
    c.totals = calloc(shape.units, sizeof *c.totals);
    c.magnitudes = calloc(shape.units, sizeof *c.magnitudes);
    buffer v = make_buffer(dtype, c.n, 0), grad_weight = make_buffer(dtype, c.n, 0);
    fill_inputs(&c, repeated);
    fill_outputs(&c, &v, &grad_weight);
    fill_mask(&c, &v);
    fill_totals(&c, &v, &grad_weight);
    free_buffer(&v);
    free_buffer(&grad_weight);
    return c;
}

static void free_case(unit_case *c)
{
    buffer *arrays[] = {&c->z, &c->g, &c->bias, &c->params[0], &c->params[1], &c->y, &c->gz, &c->mask};
    for (size_t i = 0; i < LENGTH_OF(arrays); i++) free_buffer(arrays[i]);
    free(c->totals);
    free(c->magnitudes);
}

/* ---- memory layouts */

typedef struct {
    char *first;
    ptrdiff_t step;
} view;

/* `count` arrays in one piece of memory, the last of them the output. */
typedef struct {
    buffer memory;
    view at[3];
} arrangement;

static arrangement arrange(const unit_case *c, enum layout layout, int count)
{
    size_t size = dtype_size(c->dtype), outer = c->shape.outer;
    size_t row =
        layout == SIDE_BY_SIDE ? (size_t)count * c->block + 2 : c->block + (layout == PADDED ? 3 : 0);
    size_t apart = layout == SIDE_BY_SIDE ? c->block : outer * row;
    ptrdiff_t step = (ptrdiff_t)(row * size);
    arrangement a = {
        .memory = make_buffer(c->dtype, layout == SIDE_BY_SIDE ? outer * row : (size_t)count * apart, 1)};
    for (int k = 0; k < count; k++) {
        a.at[k] = (view){a.memory.data + (size_t)k * apart * size, step};
        int input = k + 1 < count;
        if (layout == REPEATED && input) a.at[k].step = 0;
        if (layout == BACKWARDS && input)
            a.at[k] = (view){a.at[k].first + (ptrdiff_t)(outer - 1) * step, -step};
    }
    if (layout == IN_PLACE) a.at[count - 1] = a.at[0];
    if (layout == IN_PLACE_OF_SOURCE) a.at[count - 1] = a.at[1];
    return a;
}

static void copy_blocks(const unit_case *c, view to, const char *c_order)
{
    size_t bytes = c->block * dtype_size(c->dtype);
    for (size_t o = 0; o < c->shape.outer; o++)
        memcpy(to.first + (ptrdiff_t)o * to.step, c_order + o * bytes, bytes);
}

/* The memory is as it was before, but for the output (where there is one), which is as expected. */
static int only_the_output_changed(const unit_case *c, const arrangement *a, buffer *before, view out,
                                   const char *want)
{
    view expected = {before->data + (out.first - a->memory.data), out.step};
    if (want) copy_blocks(c, expected, want);
    size_t n = before->bytes / dtype_size(c->dtype);
    int same = first_difference(c->dtype, a->memory.data, before->data, n) == n && canaries_alive(&a->memory);
    free_buffer(before);
    return same;
}

static buffer copy_of(const unit_case *c, const buffer *b)
{
    buffer copy = make_buffer(c->dtype, b->bytes / dtype_size(c->dtype), 0);
    memcpy(copy.data, b->data, b->bytes);
    return copy;
}

/* ---- the totals that a pass fills */

static int is_count(enum total t)
{
    return t == ACTIVE || t == NONFINITE || t == NONZERO || t == NONFINITE_GRADS;
}

/* What stands there before the call. */
static double seed(enum total t, size_t u)
{
    if (t == MAX) return u % 3 ? -INFINITY : 0.25;
    if (t == MIN) return u % 3 ? INFINITY : 0.25;
    return 5;
}

static void make_totals(buffer *totals, size_t units)
{
    for (enum total t = ACTIVE; t < N_TOTALS; t++) {
        totals[t] = make_buffer(RF_FLOAT64, units, 0);
        for (size_t u = 0; u < units; u++)
            if (is_count(t))
                ((int64_t *)totals[t].data)[u] = (int64_t)seed(t, u);
            else
                ((double *)totals[t].data)[u] = seed(t, u);
    }
}

static int right_total(const unit_case *c, enum total t, size_t u, const buffer *b, int wanted)
{
    double got = is_count(t) ? (double)((int64_t *)b->data)[u] : ((double *)b->data)[u];
    double before = seed(t, u), found = c->totals[u][t];
    if (!wanted) return got == before;
    if (t == MAX) return got == fmax(before, found);
    if (t == MIN) return got == fmin(before, found);
    if (is_count(t)) return got == before + found;
    double want = t == BIAS_GRAD || t == WEIGHT_GRAD ? found : before + found; /* gradients are overwritten */
    if (!isfinite(want)) return isnan(want) ? isnan(got) : got == want;
    /* another order of adding up, in float64 */
    return fabs(got - want) <= (5 + c->magnitudes[u][t]) * (double)c->n * DBL_EPSILON;
}

static const char *describe(const unit_case *c, enum layout layout)
{
    static char text[200];
    snprintf(text, sizeof text, "%s %s %s (%zu, %zu, %zu) %s, wishes[%td]", c->isa, rf_info(c->row)->name,
             dtype_name(c->dtype), c->shape.outer, c->shape.units, c->shape.inner, layout_names[layout],
             c->wish - wishes);
    return text;
}

/* Only a learned parameter has a gradient; here it is one number a unit, as the parameter must be then. */
static int is_wanted(const unit_case *c, enum total t)
{
    if (t == WEIGHT_GRAD && (rf_info(c->row)->n_gradients < 2 || !c->wish->param_per_unit)) return 0;
    return c->wish->totals >> t & 1;
}

static void check_totals(const unit_case *c, enum layout layout, buffer *totals, enum total from,
                         enum total to)
{
    static const char *const names[] = {"active",      "nonfinite", "max",
                                        "min",         "sum_abs",   "bias_grad",
                                        "weight_grad", "nonzero",   "nonfinite gradients"};
    for (enum total t = ACTIVE; t < N_TOTALS; t++) {
        int wanted = is_wanted(c, t) && t >= from && t <= to;
        size_t u = 0;
        while (u < c->shape.units && right_total(c, t, u, &totals[t], wanted)) u++;
        check(u == c->shape.units && canaries_alive(&totals[t]), "%s: %s of unit %zu is wrong",
              describe(c, layout), names[t], u);
        free_buffer(&totals[t]);
    }
}

/* ---- the passes */

static void *if_wanted(const unit_case *c, buffer *totals, enum total t)
{
    return is_wanted(c, t) ? totals[t].data : NULL;
}

static void forward_is_the_plain_loop(const unit_case *c, enum layout layout)
{
    buffer totals[N_TOTALS];
    make_totals(totals, c->shape.units);
    arrangement a = arrange(c, layout, 2);
    copy_blocks(c, a.at[0], c->z.data);
    buffer before = copy_of(c, &a.memory);
    rf_units_forward_args args = {
        .activation = c->row,
        .dtype = c->dtype,
        .shape = c->shape,
        .z = a.at[0].first,
        .z_step = a.at[0].step,
        .y = c->wish->output ? a.at[1].first : NULL,
        .y_step = a.at[1].step,
        .bias = c->wish->bias ? c->bias.data : NULL,
        .params = {c->params[0].data, c->params[1].data},
        .param_per_unit = {c->wish->param_per_unit, c->wish->param_per_unit},
        .counts = {if_wanted(c, totals, ACTIVE), if_wanted(c, totals, NONFINITE), if_wanted(c, totals, MAX),
                   if_wanted(c, totals, MIN), if_wanted(c, totals, SUM_ABS)},
    };
    buffer mask = make_bytes((c->n + 7) / 8);
    memset(mask.data, 0x5a, mask.bytes);
    if (c->wish->mask && rf_info(c->row)->mask != RF_MASK_NONE) args.mask = (uint8_t *)mask.data;
    rf_status status = rf_units_forward(&args);
    int right = only_the_output_changed(c, &a, &before, a.at[1], c->wish->output ? c->y.data : NULL);
    check(!args.mask || memcmp(mask.data, c->mask.data, mask.bytes) == 0, "%s: wrong mask",
          describe(c, layout));
    check(canaries_alive(&mask), "%s: wrote beside the mask", describe(c, layout));
    free_buffer(&mask);
    check(status == RF_OK && right, "%s: forward, status %d, wrong output", describe(c, layout), (int)status);
    check_totals(c, layout, totals, ACTIVE, SUM_ABS);
    free_buffer(&a.memory);
}

static void backward_is_the_plain_loop(const unit_case *c, enum layout layout)
{
    buffer totals[N_TOTALS];
    make_totals(totals, c->shape.units);
    arrangement a = arrange(c, layout, 3);
    copy_blocks(c, a.at[0], c->g.data);
    copy_blocks(c, a.at[1], c->z.data);
    buffer before = copy_of(c, &a.memory);
    rf_units_backward_args args = {
        .activation = c->row,
        .dtype = c->dtype,
        .shape = c->shape,
        .grad_output = a.at[0].first,
        .grad_output_step = a.at[0].step,
        .source = a.at[1].first,
        .source_step = a.at[1].step,
        .grad_input = a.at[2].first,
        .grad_input_step = a.at[2].step,
        .bias = c->wish->bias ? c->bias.data : NULL,
        .params = {c->params[0].data, c->params[1].data},
        .param_per_unit = {c->wish->param_per_unit, c->wish->param_per_unit},
        .bias_grad = if_wanted(c, totals, BIAS_GRAD),
        .weight_grad = if_wanted(c, totals, WEIGHT_GRAD),
        .counts = {if_wanted(c, totals, NONZERO), if_wanted(c, totals, NONFINITE_GRADS)},
    };
    rf_status status = rf_units_backward(&args);
    int right = only_the_output_changed(c, &a, &before, a.at[2], c->gz.data);
    check(status == RF_OK && right, "%s: backward, status %d, wrong output", describe(c, layout),
          (int)status);
    check_totals(c, layout, totals, BIAS_GRAD, NONFINITE_GRADS);
    free_buffer(&a.memory);
}

/* From the mask of the forward pass: the bits that x gives, and the same sums. */
static void backward_from_the_mask_is_the_plain_loop(const unit_case *c, enum layout layout)
{
    if (rf_info(c->row)->mask == RF_MASK_NONE) return;
    buffer totals[N_TOTALS];
    make_totals(totals, c->shape.units);
    arrangement a = arrange(c, layout, 2);
    copy_blocks(c, a.at[0], c->g.data);
    buffer before = copy_of(c, &a.memory);
    rf_units_backward_args args = {
        .activation = c->row,
        .dtype = c->dtype,
        .shape = c->shape,
        .grad_output = a.at[0].first,
        .grad_output_step = a.at[0].step,
        .source = c->mask.data,
        .source_kind = RF_FROM_MASK,
        .grad_input = a.at[1].first,
        .grad_input_step = a.at[1].step,
        .params = {c->params[0].data, c->params[1].data},
        .param_per_unit = {c->wish->param_per_unit, c->wish->param_per_unit},
        .bias_grad = if_wanted(c, totals, BIAS_GRAD),
        .counts = {if_wanted(c, totals, NONZERO), if_wanted(c, totals, NONFINITE_GRADS)},
    };
    struct wishes wish = *c->wish;
    wish.totals &= ~(1u << WEIGHT_GRAD);
    unit_case without = *c;
    without.wish = &wish;
    rf_status status = rf_units_backward(&args);
    int right = only_the_output_changed(c, &a, &before, a.at[1], c->gz.data);
    check(status == RF_OK && right, "%s: backward from a mask, status %d, wrong output", describe(c, layout),
          (int)status);
    check_totals(&without, layout, totals, BIAS_GRAD, NONFINITE_GRADS);
    free_buffer(&a.memory);
}

/* In the layouts [from, to]. */
static void passes_are_the_plain_loop(const char *isa, rf_activation row, rf_dtype dtype, rf_shape shape,
                                      size_t wish, enum layout from, enum layout to)
{
    unit_case c = make_case(isa, row, dtype, shape, &wishes[wish % LENGTH_OF(wishes)], from == REPEATED);
    for (enum layout layout = from; layout <= to; layout++) {
        if (layout != IN_PLACE_OF_SOURCE) forward_is_the_plain_loop(&c, layout);
        if (layout != IN_PLACE_OF_SOURCE) backward_from_the_mask_is_the_plain_loop(&c, layout);
        backward_is_the_plain_loop(&c, layout);
    }
    free_case(&c);
}

/* ---- the gradient told by the output */

static void backward_from_y_is_accurate(const char *isa, rf_activation row, rf_dtype dtype, rf_shape shape)
{
    const reference *ref = reference_of(rf_info(row)->name);
    if (!rf_info(row)->from_y) return;
    unit_case c = make_case(isa, row, dtype, shape, &wishes[1], 0);
    buffer gz = make_buffer(dtype, c.n, 1);
    ptrdiff_t step = (ptrdiff_t)(c.block * dtype_size(dtype));
    rf_units_backward_args args = {.activation = row,
                                   .dtype = dtype,
                                   .shape = shape,
                                   .grad_output = c.g.data,
                                   .grad_output_step = step,
                                   .source = c.y.data,
                                   .source_step = step,
                                   .source_kind = RF_FROM_Y,
                                   .grad_input = gz.data,
                                   .grad_input_step = step,
                                   .params = {c.params[0].data, c.params[1].data}};
    check(rf_units_backward(&args) == RF_OK, "%s %s: refused y", isa, ref->name);
    long double most = 0, epsilon = dtype == RF_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
    for (size_t i = 0; i < c.n; i++) {
        long double y = get(dtype, c.y.data, i), g = get(dtype, c.g.data, i);
        const long double params[] = {get(dtype, c.params[0].data, 0), get(dtype, c.params[1].data, 0)};
        long double want = g * ref->slope_from_y(y, params), got = get(dtype, gz.data, i);
        /* y + alpha has no relative accuracy far left: there the error is one of g */
        if (fabsl(got - want) <= 2 * epsilon * fabsl(g)) continue;
        long double error = ulp_error(dtype, got, isnan(y) && ref->at_nan == GIVES_G ? g : want);
        if (error > most) most = error;
    }
    check(most <= 4 && canaries_alive(&gz), "%s %s %s: backward from y is %Lg ULP off", isa, ref->name,
          dtype_name(dtype), most);
    free_buffer(&gz);
    free_case(&c);
}

/* ---- reductions do not depend on the instruction set or on the number of threads */

enum { N_SUMS = 3 };

static void reduce(const unit_case *c, buffer *sums)
{
    for (int k = 0; k < N_SUMS; k++) sums[k] = make_buffer(RF_FLOAT64, c->shape.units, 0);
    ptrdiff_t step = (ptrdiff_t)(c->block * dtype_size(c->dtype));
    rf_units_forward_args forward = {.activation = c->row,
                                     .dtype = c->dtype,
                                     .shape = c->shape,
                                     .z = c->z.data,
                                     .z_step = step,
                                     .params = {c->params[0].data, c->params[1].data},
                                     .counts = {.sum_abs = (double *)sums[0].data}};
    int learned = rf_info(c->row)->n_gradients > 1;
    rf_units_backward_args backward = {.activation = c->row,
                                       .dtype = c->dtype,
                                       .shape = c->shape,
                                       .grad_output = c->g.data,
                                       .grad_output_step = step,
                                       .source = c->z.data,
                                       .source_step = step,
                                       .grad_input = c->gz.data,
                                       .grad_input_step = step,
                                       .params = {c->params[0].data, c->params[1].data},
                                       .param_per_unit = {learned, 0},
                                       .bias_grad = (double *)sums[1].data,
                                       .weight_grad = learned ? (double *)sums[2].data : NULL};
    check(rf_units_forward(&forward) == RF_OK && rf_units_backward(&backward) == RF_OK, "%s refused",
          rf_info(c->row)->name);
}

static void same_sums(const unit_case *c, const char *how, buffer *sums, buffer *first)
{
    static const char *const names[] = {"sum_abs", "bias_grad", "weight_grad"};
    for (int k = 0; k < N_SUMS; k++)
        check(first_difference(RF_FLOAT64, sums[k].data, first[k].data, c->shape.units) == c->shape.units,
              "%s: %s of %s %s (%zu, %zu, %zu) differs", how, names[k], rf_info(c->row)->name,
              dtype_name(c->dtype), c->shape.outer, c->shape.units, c->shape.inner);
}

static void fma_instruction_sets_add_up_alike(rf_activation row, rf_dtype dtype, rf_shape shape)
{
    int begun = 0;
    buffer first[N_SUMS], sums[N_SUMS];
    FOR_EACH_ISA(isa) {
        if (!has_fma(isa)) continue;
        unit_case c = make_case(isa, row, dtype, shape, &wishes[0], 0);
        reduce(&c, begun ? sums : first);
        if (begun) same_sums(&c, isa, sums, first);
        for (int k = 0; k < N_SUMS && begun; k++) free_buffer(&sums[k]);
        begun = 1;
        free_case(&c);
    }
    for (int k = 0; k < N_SUMS && begun; k++) free_buffer(&first[k]);
}

static void threads_add_up_alike(rf_activation row, rf_dtype dtype, rf_shape shape)
{
    const int before = rf_get_num_threads();
    unit_case c = make_case(rf_isa_active(), row, dtype, shape, &wishes[0], 0);
    buffer first[N_SUMS], sums[N_SUMS];
    rf_set_num_threads(1);
    reduce(&c, first);
    for (int threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        char how[32];
        snprintf(how, sizeof how, "%d threads", threads);
        rf_set_num_threads(threads);
        reduce(&c, sums);
        same_sums(&c, how, sums, first);
        for (int k = 0; k < N_SUMS; k++) free_buffer(&sums[k]);
    }
    rf_set_num_threads(before);
    for (int k = 0; k < N_SUMS; k++) free_buffer(&first[k]);
    free_case(&c);
}

/* One weight for all units has one gradient: the sum over units. */
static void one_weight_has_one_gradient(void)
{
    float z[6] = {-1, 2, -3, -4, 5, -6}, g[6] = {1, 1, 2, 2, 3, 3}, gz[6], weight = 0.5f;
    double sum[2] = {9, 9};
    rf_units_backward_args a = {.activation = rf_activation_by_name("prelu"),
                                .shape = {2, 3, 1},
                                .grad_output = g,
                                .grad_output_step = 12,
                                .source = z,
                                .source_step = 12,
                                .grad_input = gz,
                                .grad_input_step = 12,
                                .params = {&weight},
                                .weight_grad = sum};
    check(rf_units_backward(&a) == RF_OK && sum[0] == -1 - 6 - 8 - 18 && sum[1] == 9,
          "the gradient of one weight is %g", sum[0]);
}

/* ---- halves: the float pass over the same numbers, rounded once */

/* The same bits, all NaNs being one. */
static int same_halves(rf_dtype half, const void *a, const void *b, size_t n)
{
    const int infinity = half == RF_FLOAT16 ? 0x7C00 : 0x7F80;
    const uint16_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i] && ((x[i] & 0x7FFF) <= infinity || (y[i] & 0x7FFF) <= infinity)) return 0;
    return 1;
}

static void halves_are_the_float_pass(const char *isa, rf_activation row, rf_dtype half, rf_shape shape,
                                      size_t wish)
{
    unit_case c = make_case(isa, row, RF_FLOAT32, shape, &wishes[wish % LENGTH_OF(wishes)], 0);
    const rf_half *convert = &rf_active_kernels()->halves[half - RF_N_COMPUTED];
    buffer *floats[] = {&c.z, &c.g, &c.bias, &c.params[0], &c.params[1], &c.y, &c.gz},
           halves[LENGTH_OF(floats)];
    for (size_t k = 0; k < LENGTH_OF(floats); k++) {
        ptrdiff_t n = (ptrdiff_t)(floats[k]->bytes / sizeof(float));
        halves[k] = make_bytes((size_t)n * 2);
        convert->narrow((uint16_t *)halves[k].data, (float *)floats[k]->data, n);
        convert->widen((float *)floats[k]->data, (uint16_t *)halves[k].data, n);
    }
    buffer totals[2][N_TOTALS], masks[2] = {make_bytes(c.mask.bytes), make_bytes(c.mask.bytes)};
    const int n_params = rf_info(row)->n_params, masked = rf_info(row)->mask != RF_MASK_NONE;
    for (int is_half = 0; is_half < 2; is_half++) {
        buffer *t = totals[is_half];
        make_totals(t, shape.units);
        char *at[LENGTH_OF(floats)];
        for (size_t k = 0; k < LENGTH_OF(floats); k++) at[k] = is_half ? halves[k].data : floats[k]->data;
        ptrdiff_t step = (ptrdiff_t)(c.block * (is_half ? 2 : 4));
        rf_dtype dtype = is_half ? half : RF_FLOAT32;
        rf_units_forward_args forward = {
            .activation = row,
            .dtype = dtype,
            .shape = shape,
            .z = at[0],
            .z_step = step,
            .y = at[5],
            .y_step = step,
            .bias = c.wish->bias ? at[2] : NULL,
            .params = {n_params > 0 ? at[3] : NULL, n_params > 1 ? at[4] : NULL},
            .param_per_unit = {c.wish->param_per_unit, c.wish->param_per_unit},
            .counts = {if_wanted(&c, t, ACTIVE), if_wanted(&c, t, NONFINITE), if_wanted(&c, t, MAX),
                       if_wanted(&c, t, MIN), if_wanted(&c, t, SUM_ABS)},
            .mask = masked ? (uint8_t *)masks[is_half].data : NULL,
        };
        rf_units_backward_args backward = {
            .activation = row,
            .dtype = dtype,
            .shape = shape,
            .grad_output = at[1],
            .grad_output_step = step,
            .source = at[0],
            .source_step = step,
            .grad_input = at[6],
            .grad_input_step = step,
            .bias = forward.bias,
            .params = {forward.params[0], forward.params[1]},
            .param_per_unit = {c.wish->param_per_unit, c.wish->param_per_unit},
            .bias_grad = if_wanted(&c, t, BIAS_GRAD),
            .weight_grad = if_wanted(&c, t, WEIGHT_GRAD),
            .counts = {if_wanted(&c, t, NONZERO), if_wanted(&c, t, NONFINITE_GRADS)},
        };
        check(rf_units_forward(&forward) == RF_OK && rf_units_backward(&backward) == RF_OK,
              "%s: refused halves", describe(&c, CONTIGUOUS));
    }
    for (size_t k = 5; k < LENGTH_OF(floats); k++) {
        buffer want = make_bytes(c.n * 2);
        convert->narrow((uint16_t *)want.data, (float *)floats[k]->data, (ptrdiff_t)c.n);
        check(same_halves(half, want.data, halves[k].data, c.n) && canaries_alive(&halves[k]),
              "%s: %s of %s differs", describe(&c, CONTIGUOUS), k == 5 ? "forward" : "backward",
              rf_dtype_name(half));
        free_buffer(&want);
    }
    check(memcmp(masks[0].data, masks[1].data, c.mask.bytes) == 0, "%s: mask of %s differs",
          describe(&c, CONTIGUOUS), rf_dtype_name(half));
    for (enum total t = ACTIVE; t < N_TOTALS; t++) {
        const size_t n = totals[0][t].bytes / sizeof(double); /* or counts, which are as long */
        check(first_difference(RF_FLOAT64, totals[0][t].data, totals[1][t].data, n) == n,
              "%s: total %d of %s differs", describe(&c, CONTIGUOUS), (int)t, rf_dtype_name(half));
        free_buffer(&totals[0][t]);
        free_buffer(&totals[1][t]);
    }
    for (size_t k = 0; k < LENGTH_OF(floats); k++) free_buffer(&halves[k]);
    free_buffer(&masks[0]);
    free_buffer(&masks[1]);
    free_case(&c);
}

/* relu's own loop walks in the order that suits the processor: every one gives the same. */
static void rectifying_in_every_order_gives_the_same(const char *isa, rf_dtype dtype)
{
    enum { WIDEST = 2048, MOST = 1 << 16 };
    static const ptrdiff_t widths[] = {32, 96, WIDEST};
    static double active[2][WIDEST], max[2][WIDEST], bias[WIDEST];
    const rf_unit_loops *loops = rf_active_kernels()->units[dtype];
    buffer z = make_buffer(dtype, MOST, 0), y[2] = {make_buffer(dtype, MOST, 0), make_buffer(dtype, MOST, 0)};
    sample_inputs(dtype, z.data, MOST);
    sample_gradients(dtype, bias, WIDEST);
    for (size_t w = 0; w < 2 * LENGTH_OF(widths); w++)
        for (int with_bias = 0; with_bias < 2; with_bias++)
            for (int level = RF_SEE_NOTHING; level < RF_SEE_LEVELS; level++) {
                /* some sheets, and rows that are left; without gaps and with different ones */
                const ptrdiff_t width = widths[w / 2], step = width + (w % 2 ? 32 : 0),
                                z_step = step + (w % 2 ? 64 : 0), rows = MOST / z_step - 3;
                /* the last one: what is fetched lies a row below */
                const ptrdiff_t orders[] = {RF_AHEAD_LITTLE, RF_SIDE_BY_SIDE, RF_AHEAD,
                                            z_step * (ptrdiff_t)dtype_size(dtype)};
                if (!loops->relu[with_bias][level]) continue; /* not worth its code */
                int odd[2];
                for (size_t order = 0; order < LENGTH_OF(orders); order++) {
                    const int k = order > 0;
                    memset(active[k], 0, sizeof active[k]);
                    memset(y[k].data, 0xA5, y[k].bytes);
                    loops->fill(max[k], -HUGE_VAL, WIDEST);
                    const rf_positions at = {.bias = bias, .active = active[k], .max = max[k]};
                    odd[k] = loops->relu[with_bias][level](&at, 0, rows, width, z.data, z_step, y[k].data,
                                                           step, orders[order]);
                    if (k == 0) continue;
                    check(odd[0] == odd[1] && !memcmp(y[0].data, y[1].data, y[0].bytes) &&
                              !memcmp(active[0], active[1], sizeof active[0]) &&
                              !memcmp(max[0], max[1], sizeof max[0]) && canaries_alive(&y[0]) &&
                              canaries_alive(&y[1]),
                          "%s relu %s, rows of %td, level %d, bias %d: order %zu differs from rows in order",
                          isa, dtype_name(dtype), width, level, with_bias, order);
                }
            }
    free_buffer(&z);
    free_buffer(&y[0]);
    free_buffer(&y[1]);
}

/* Nothing is at most NaN: every element passes, as it does elementwise; what is counted are those above 0. */
static void a_gate_that_is_nan_lets_everything_pass(void)
{
    const float z[9] = {-2, -1, 0, 1, 2, NAN, INFINITY, -INFINITY, -3}, alpha = NAN;
    for (int per_unit = 0; per_unit < 2; per_unit++) {
        const float alphas[9] = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
        uint8_t mask[2] = {0};
        int64_t active[9] = {0};
        const rf_units_forward_args a = {.activation = RF_THRESHOLDED_RELU,
                                         .shape = {1, 9, 1},
                                         .z = z,
                                         .params = {per_unit ? alphas : &alpha},
                                         .param_per_unit = {per_unit},
                                         .counts = {.active = active},
                                         .mask = mask};
        rf_status status = rf_units_forward(&a);
        check(status == RF_OK && mask[0] == 0xFF && mask[1] == 1, "alpha NaN: %s, mask %x %x",
              rf_strerror(status), mask[0], mask[1]);
        for (int u = 0; u < 9; u++)
            check(active[u] == (z[u] > 0), "alpha NaN: unit %d, %d active", u, (int)active[u]);
    }
}

void test_units(void)
{
    FOR_EACH_ROW(row)
        FOR_EACH_DTYPE(dtype) {
            FOR_EACH_ISA(isa) {
                /* a row meets three of the wishes at a shape, the rows together every one */
                for (size_t s = 0; s < LENGTH_OF(small_shapes); s++)
                    for (size_t w = (size_t)row + s; w < (size_t)row + s + 9; w += 3) {
                        passes_are_the_plain_loop(isa, row, dtype, small_shapes[s], w, CONTIGUOUS,
                                                  IN_PLACE_OF_SOURCE);
                        passes_are_the_plain_loop(isa, row, dtype, small_shapes[s], w, REPEATED, REPEATED);
                    }
                backward_from_y_is_accurate(isa, row, dtype, (rf_shape){70, 33, 1});
                backward_from_y_is_accurate(isa, row, dtype, (rf_shape){1, 2, 1000});
            }
            for (size_t s = 0; s < LENGTH_OF(small_shapes); s++)
                fma_instruction_sets_add_up_alike(row, dtype, small_shapes[s]);
        }
    FOR_EACH_ROW(row)
        FOR_EACH_ISA(isa)
            for (size_t s = 0; s < LENGTH_OF(small_shapes); s++)
                halves_are_the_float_pass(isa, row, s % 2 ? RF_FLOAT16 : RF_BFLOAT16, small_shapes[s],
                                          (size_t)row + s);
    one_weight_has_one_gradient();
    a_gate_that_is_nan_lets_everything_pass();
}

/* On whatever processor: what is fetched, and in which order, depends on it (dispatch.c). */
static void large_passes(void)
{
    /* jobs do not depend on the row: cheap ones, one with a weight and one with a mask */
    const rf_activation rows[] = {rf_activation_by_name("prelu"), rf_activation_by_name("leaky_relu")};
    for (size_t s = 0; s < LENGTH_OF(large_shapes); s++)
        FOR_EACH_DTYPE(dtype) {
            FOR_EACH_ISA(isa)
                passes_are_the_plain_loop(isa, rows[s % 2], dtype, large_shapes[s], s, CONTIGUOUS, IN_PLACE);
            fma_instruction_sets_add_up_alike(rows[0], dtype, large_shapes[s]);
            threads_add_up_alike(rows[0], dtype, large_shapes[s]);
        }
}

/* Elsewhere than on Intel's processors by columns: what has a mask whose rows share bytes, relu in a loop of
 * its own, and rows that are whole cache lines, but begin between two. */
static void wide_passes(void)
{
    const rf_activation relu = rf_activation_by_name("relu"),
                        leaky_relu = rf_activation_by_name("leaky_relu"),
                        prelu = rf_activation_by_name("prelu");
    const rf_shape odd = {139, 7685, 1}, wider = {260, 4112, 1}, lines = {1030, 1024, 1};
    FOR_EACH_DTYPE(dtype)
        FOR_EACH_ISA(isa) {
            passes_are_the_plain_loop(isa, leaky_relu, dtype, odd, 0, CONTIGUOUS, PADDED);
            passes_are_the_plain_loop(isa, relu, dtype, wider, 2, CONTIGUOUS, CONTIGUOUS);
            passes_are_the_plain_loop(isa, relu, dtype, wider, LAST_WISH, CONTIGUOUS, PADDED);
            passes_are_the_plain_loop(isa, leaky_relu, dtype, lines, 0, CONTIGUOUS, PADDED);
            passes_are_the_plain_loop(isa, prelu, dtype, lines, 2, CONTIGUOUS, CONTIGUOUS);
            passes_are_the_plain_loop(isa, relu, dtype, lines, 1, CONTIGUOUS, CONTIGUOUS);
            for (size_t wish = OF_RELU; wish <= LAST_WISH; wish++)
                passes_are_the_plain_loop(isa, relu, dtype, lines, wish, CONTIGUOUS, CONTIGUOUS);
        }
    FOR_EACH_ISA(isa)
        for (size_t wish = 0; wish < 4; wish += 2) {
            halves_are_the_float_pass(isa, wish ? prelu : leaky_relu, RF_FLOAT16, (rf_shape){2200, 1024, 1},
                                      wish);
            halves_are_the_float_pass(isa, wish ? prelu : leaky_relu, RF_BFLOAT16, (rf_shape){310, 7685, 1},
                                      wish);
        }
}

void test_large_units(void)
{
    FOR_EACH_DTYPE(dtype)
        FOR_EACH_ISA(isa) rectifying_in_every_order_gives_the_same(isa, dtype);
    for (int intel = 0; intel < 2; intel++) {
        rf_assume_intel(intel);
        large_passes();
        wide_passes();
    }
    rf_assume_intel(-1);
}
