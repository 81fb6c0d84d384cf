/* The per-unit passes against a plain loop over (outer, units, inner), for every tiling and memory layout. */
#include "check.h"
#include "kernels.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Around the limits of units.h: 128 positions to a row of several entries or of one unit, 1024 to a tile. */
static const rf_shape small_shapes[] = {
    /* inner 1: below 128 units, several entries to a row; else whole units */
    {1, 1, 1},
    {33, 1, 1},
    {300, 1, 1},
    {130, 3, 1},
    {37, 17, 1},
    {32, 64, 1},
    {3, 127, 1},
    {5, 128, 1},
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
    /* inner large: rows of one unit */
    {3, 2, 1025},
    {2, 1, 1280},
    {1, 2, 2200},
};
/* Several chunks of 2^18 elements, the last one not full. */
static const rf_shape large_shapes[] = {
    {300001, 1, 1}, {90001, 3, 1},  {8229, 64, 1},  {600, 500, 1},
    {300, 300, 3},  {3, 1, 300000}, {350, 2, 1025},
};

enum layout { CONTIGUOUS, PADDED, BACKWARDS, SIDE_BY_SIDE, IN_PLACE, IN_PLACE_OF_SOURCE, REPEATED };
static const char *const layout_names[] = {"contiguous",        "padded",   "backwards",
                                           "side by side",      "in place", "in place of the source",
                                           "one entry repeated"};

/* What a pass can find out about each unit. */
enum total { ACTIVE, NONFINITE, MAX, MIN, SUM_ABS, BIAS_GRAD, NONZERO, NONFINITE_GRADS, N_TOTALS };
enum { USUAL = 1 << ACTIVE | 1 << NONFINITE | 1 << MAX, ALL = (1 << N_TOTALS) - 1 };

static const struct wishes {
    int bias, param_per_unit, output;
    unsigned totals; /* bits 1 << total */
} wishes[] = {
    {1, 1, 1, USUAL | 1 << BIAS_GRAD | 1 << NONZERO},
    {1, 0, 1, 0},
    {0, 0, 1, 1 << ACTIVE | 1 << BIAS_GRAD},
    {0, 1, 1, 1 << MAX | 1 << NONFINITE_GRADS},
    {1, 0, 0, ALL},
    {0, 1, 1, 1 << MIN | 1 << NONZERO},
    {1, 1, 1, 1 << SUM_ABS | 1 << NONFINITE | 1 << BIAS_GRAD | 1 << NONFINITE_GRADS},
};

/* ---- a case: arrays in C order, and what a plain loop makes of them */

typedef struct {
    const char *isa;
    rf_activation row;
    rf_dtype dtype;
    rf_shape shape;
    const struct wishes *wish;
    size_t block, n;                                     /* elements of an outer entry, and in all */
    buffer z, g, bias, param, y, gz;                     /* as a caller has them */
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
    for (size_t u = 0; u < c->shape.units; u++) {
        put(c->dtype, c->bias.data, u, c->wish->bias ? (long double)(u % 7) / 3 - 1 : -0.0L);
        put(c->dtype, c->param.data, u, c->wish->param_per_unit ? 0.125L * (u % 5 + 1) : ref->params[0]);
    }
}

/* The elementwise loops, which have tests of their own, of v = z + bias. */
static void fill_outputs(unit_case *c, buffer *v)
{
    const rf_activation_info *info = rf_info(c->row);
    buffer params = make_buffer(c->dtype, c->n, 0), grad_param = make_buffer(c->dtype, c->n, 0);
    for (size_t i = 0; i < c->n; i++) {
        size_t u = unit_of(c, i);
        if (c->dtype == RF_FLOAT32)
            ((float *)v->data)[i] = ((float *)c->z.data)[i] + ((float *)c->bias.data)[u];
        else
            ((double *)v->data)[i] = ((double *)c->z.data)[i] + ((double *)c->bias.data)[u];
        put(c->dtype, params.data, i, get(c->dtype, c->param.data, u));
    }
    ptrdiff_t size = (ptrdiff_t)dtype_size(c->dtype);
    const ptrdiff_t steps[] = {size, size, size, size, size};
    char *forward[] = {v->data, params.data, c->y.data};
    char *backward[] = {c->g.data, v->data, params.data, c->gz.data, grad_param.data};
    if (!info->n_params) forward[1] = c->y.data, backward[2] = c->gz.data;
    rf_run(c->row, RF_FORWARD, c->dtype, forward, (ptrdiff_t)c->n, steps);
    rf_run(c->row, RF_BACKWARD, c->dtype, backward, (ptrdiff_t)c->n, steps);
    free_buffer(&params);
    free_buffer(&grad_param);
}

static void fill_totals(unit_case *c, const buffer *v)
{
    for (size_t u = 0; u < c->shape.units; u++) c->totals[u][MAX] = -INFINITY, c->totals[u][MIN] = INFINITY;
    for (size_t i = 0; i < c->n; i++) {
        double *t = c->totals[unit_of(c, i)], *magnitude = c->magnitudes[unit_of(c, i)];
        double x = (double)get(c->dtype, v->data, i), y = (double)get(c->dtype, c->y.data, i);
        double gz = (double)get(c->dtype, c->gz.data, i);
        t[ACTIVE] += x > 0;
        t[NONFINITE] += !isfinite(x);
        t[MAX] = fmax(t[MAX], x);
        t[MIN] = fmin(t[MIN], x);
        t[SUM_ABS] += isfinite(y) ? fabs(y) : 0;
        t[BIAS_GRAD] += gz;
        t[NONZERO] += gz != 0;
        t[NONFINITE_GRADS] += !isfinite(gz);
        magnitude[BIAS_GRAD] += fabs(gz);
        magnitude[SUM_ABS] = t[SUM_ABS];
    }
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
    c.param = make_buffer(dtype, shape.units, 1);
    c.totals = calloc(shape.units, sizeof *c.totals);
    c.magnitudes = calloc(shape.units, sizeof *c.magnitudes);
    buffer v = make_buffer(dtype, c.n, 0);
    fill_inputs(&c, repeated);
    fill_outputs(&c, &v);
    fill_totals(&c, &v);
    free_buffer(&v);
    return c;
}

static void free_case(unit_case *c)
{
    buffer *arrays[] = {&c->z, &c->g, &c->bias, &c->param, &c->y, &c->gz};
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
    double want = t == BIAS_GRAD ? found : before + found; /* bias_grad is overwritten */
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

static void check_totals(const unit_case *c, enum layout layout, buffer *totals, enum total from,
                         enum total to)
{
    static const char *const names[] = {"active",  "nonfinite", "max",     "min",
                                        "sum_abs", "bias_grad", "nonzero", "nonfinite gradients"};
    for (enum total t = ACTIVE; t < N_TOTALS; t++) {
        int wanted = c->wish->totals >> t & 1 && t >= from && t <= to;
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
    return c->wish->totals >> t & 1 ? totals[t].data : NULL;
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
        .param = rf_info(c->row)->n_params ? c->param.data : NULL,
        .param_per_unit = c->wish->param_per_unit,
        .counts = {if_wanted(c, totals, ACTIVE), if_wanted(c, totals, NONFINITE), if_wanted(c, totals, MAX),
                   if_wanted(c, totals, MIN), if_wanted(c, totals, SUM_ABS)},
    };
    rf_status status = rf_units_forward(&args);
    int right = only_the_output_changed(c, &a, &before, a.at[1], c->wish->output ? c->y.data : NULL);
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
        .param = rf_info(c->row)->n_params ? c->param.data : NULL,
        .param_per_unit = c->wish->param_per_unit,
        .bias_grad = if_wanted(c, totals, BIAS_GRAD),
        .counts = {if_wanted(c, totals, NONZERO), if_wanted(c, totals, NONFINITE_GRADS)},
    };
    rf_status status = rf_units_backward(&args);
    int right = only_the_output_changed(c, &a, &before, a.at[2], c->gz.data);
    check(status == RF_OK && right, "%s: backward, status %d, wrong output", describe(c, layout),
          (int)status);
    check_totals(c, layout, totals, BIAS_GRAD, NONFINITE_GRADS);
    free_buffer(&a.memory);
}

/* In the layouts [from, to]. */
static void passes_are_the_plain_loop(const char *isa, rf_activation row, rf_dtype dtype, rf_shape shape,
                                      size_t wish, enum layout from, enum layout to)
{
    unit_case c = make_case(isa, row, dtype, shape, &wishes[wish % LENGTH_OF(wishes)], from == REPEATED);
    for (enum layout layout = from; layout <= to; layout++) {
        if (layout != IN_PLACE_OF_SOURCE) forward_is_the_plain_loop(&c, layout);
        backward_is_the_plain_loop(&c, layout);
    }
    free_case(&c);
}

/* ---- the gradient told by the output */

static void backward_from_y_is_accurate(const char *isa, rf_activation row, rf_dtype dtype, rf_shape shape)
{
    const reference *ref = reference_of(rf_info(row)->name);
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
                                   .source_is_y = 1,
                                   .grad_input = gz.data,
                                   .grad_input_step = step,
                                   .param = rf_info(row)->n_params ? c.param.data : NULL};
    check(rf_units_backward(&args) == RF_OK, "%s %s: refused y", isa, ref->name);
    long double most = 0, epsilon = dtype == RF_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
    for (size_t i = 0; i < c.n; i++) {
        long double y = get(dtype, c.y.data, i), g = get(dtype, c.g.data, i);
        long double want = g * ref->slope_from_y(y, get(dtype, c.param.data, 0)),
                    got = get(dtype, gz.data, i);
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

/* ---- reductions do not depend on the instruction set */

static void fma_instruction_sets_add_up_alike(rf_activation row, rf_dtype dtype, rf_shape shape)
{
    const char *other = NULL;
    buffer first[2];
    FOR_EACH_ISA(isa) {
        if (!has_fma(isa)) continue;
        unit_case c = make_case(isa, row, dtype, shape, &wishes[0], 0);
        buffer sums[2] = {make_buffer(RF_FLOAT64, shape.units, 0), make_buffer(RF_FLOAT64, shape.units, 0)};
        ptrdiff_t step = (ptrdiff_t)(c.block * dtype_size(dtype));
        const void *param = rf_info(row)->n_params ? c.param.data : NULL;
        rf_units_forward_args forward = {.activation = row,
                                         .dtype = dtype,
                                         .shape = shape,
                                         .z = c.z.data,
                                         .z_step = step,
                                         .param = param,
                                         .counts = {.sum_abs = (double *)sums[0].data}};
        rf_units_backward_args backward = {.activation = row,
                                           .dtype = dtype,
                                           .shape = shape,
                                           .grad_output = c.g.data,
                                           .grad_output_step = step,
                                           .source = c.z.data,
                                           .source_step = step,
                                           .grad_input = c.gz.data,
                                           .grad_input_step = step,
                                           .param = param,
                                           .bias_grad = (double *)sums[1].data};
        rf_units_forward(&forward);
        rf_units_backward(&backward);
        for (int k = 0; k < 2; k++) {
            if (other)
                check(first_difference(RF_FLOAT64, sums[k].data, first[k].data, shape.units) == shape.units,
                      "%s and %s add up %s of %s %s (%zu, %zu, %zu) differently", isa, other,
                      k ? "bias_grad" : "sum_abs", rf_info(row)->name, dtype_name(dtype), shape.outer,
                      shape.units, shape.inner);
            if (other) free_buffer(&first[k]);
            first[k] = sums[k];
        }
        other = isa;
        free_case(&c);
    }
    for (int k = 0; k < 2 && other; k++) free_buffer(&first[k]);
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
    /* chunks do not depend on the row: a cheap one with a parameter */
    rf_activation row = rf_activation_by_name("prelu");
    for (size_t s = 0; s < LENGTH_OF(large_shapes); s++)
        FOR_EACH_DTYPE(dtype) {
            FOR_EACH_ISA(isa)
                passes_are_the_plain_loop(isa, row, dtype, large_shapes[s], s, CONTIGUOUS, IN_PLACE);
            fma_instruction_sets_add_up_alike(row, dtype, large_shapes[s]);
        }
}
