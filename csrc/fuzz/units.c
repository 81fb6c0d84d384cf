/* rf_units_forward and rf_units_backward. */
#include "fuzz.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- shapes and steps */

static const size_t sizes[] = {1,  1,  2,  3,   4,   5,   7,   8,   9,    15,   16,   17,   31,  33,
                               64, 65, 97, 128, 129, 255, 257, 300, 1023, 1025, 1500, 2049, 4097};

enum { USUAL_ELEMENTS = 3000, MOST_ELEMENTS = 40000 };

static rf_shape choose_shape(input *in)
{
    size_t d[3] = {CHOICE(in, sizes), CHOICE(in, sizes), choose(in, 2) ? CHOICE(in, sizes) : 1};
    if (rarely(in)) d[choose(in, 3)] = 0;
    const size_t most = rarely(in) ? MOST_ELEMENTS : USUAL_ELEMENTS;
    for (int i = 0; d[0] * d[1] * d[2] > most; i = (i + 1) % 3) d[i] = d[i] / 3 + 1;
    return (rf_shape){d[0], d[1], d[2]};
}

/* One that no memory has. */
static rf_shape choose_no_shape(input *in)
{
    const size_t half = (size_t)1 << 32;
    const rf_shape none[] = {{SIZE_MAX, 1, 1},    {1, SIZE_MAX, 1},     {1, 1, SIZE_MAX},
                             {2, PTRDIFF_MAX, 3}, {half, half, 1},      {half, half, half},
                             {1, half, half},     {half / 2, half, 1},  {PTRDIFF_MAX, 2, 1},
                             {half, 1, half / 2}, {SIZE_MAX / 8, 8, 2}, {3, SIZE_MAX / 2, 0}};
    return CHOICE(in, none);
}

static int is_empty(const rf_shape *s) { return !s->outer || !s->units || !s->inner; }

/* Whether an address past PTRDIFF_MAX would be needed. */
static int is_too_large(const rf_shape *s, size_t size)
{
    return s->units > PTRDIFF_MAX / sizeof(double) ||
           (!is_empty(s) &&
            (long double)s->outer * (long double)s->units * (long double)s->inner * (long double)size >
                (long double)PTRDIFF_MAX);
}

/* An array that lies far apart is refused: one block stands for it. */
enum { NEAR, FAR };

static operand choose_array(const fuzz_call *c, enum role role, bool none, input *in)
{
    if (none) return (operand){.role = role};
    const rf_shape *s = &c->shape;
    const size_t size = size_of(c->dtype), bytes = s->units * s->inner * size;
    operand o = {.step = (ptrdiff_t)bytes, .count = is_empty(s) ? 0 : s->outer, .bytes = bytes, .role = role};
    const ptrdiff_t pad = (ptrdiff_t)(choose(in, 20) * size);
    switch (choose(in, 12)) {
    case 0: o.step += pad; break;
    case 1: o.step = -o.step - pad; break;
    case 2: o.step = 0; break;
    case 3: o.step = (ptrdiff_t)((size_t)o.step / 2 / size * size); break;
    case 4: o.step += choose(in, 4) ? 0 : 1; break;
    case 5:
        if (o.count > 1 && rarely(in)) o.count = 1, o.param = FAR;
        break;
    }
    return o;
}

static ptrdiff_t step_of(const operand *o) { return !o ? 0 : o->param == FAR ? PTRDIFF_MIN : o->step; }

/* Whether it must be refused; anywhere if the shape is empty, then perhaps. */
static bool is_unsound(const fuzz_call *c, const operand *o)
{
    const size_t size = size_of(c->dtype);
    const ptrdiff_t step = step_of(o), block = (ptrdiff_t)o->bytes;
    const bool overlaps_itself = o->role == OVERWRITTEN && step < block && step > -block;
    return !o->at || misplaced(o, size) ||
           (c->shape.outer > 1 && (o->param == FAR || step % (ptrdiff_t)size || overlaps_itself));
}

/* ---- what both passes have */

typedef struct {
    fuzz_call call;
    bool einval, anything; /* must be refused; or may be, or not */
    size_t size;
    int n_params;
    const operand *bias, *params[RF_MAX_PARAMS];
    int per_unit[RF_MAX_PARAMS];
} passing;

static passing begin(const char *function, bool *none, input *in)
{
    passing p = {
        .call = {.function = function, .activation = choose_activation(in), .dtype = choose_dtype(in)}};
    choose_settings(&p.call, in);
    *none = rarely(in);
    p.call.shape = *none ? choose_no_shape(in) : choose_shape(in);
    p.size = size_of(p.call.dtype);
    const rf_activation_info *info = rf_info(p.call.activation);
    p.n_params = info ? info->n_params : 0;
    p.einval = !info || !rf_dtype_size(p.call.dtype) || is_too_large(&p.call.shape, p.size);
    return p;
}

/* Memory for these many bytes, or none that is needed: the shape is refused. */
static operand bytes_of(size_t bytes, bool none) { return (operand){.count = 1, .bytes = none ? 0 : bytes}; }

static void place_numbers(passing *p, bool none, input *in)
{
    fuzz_call *c = &p->call;
    const size_t units = c->shape.units;
    if (choose(in, 2)) {
        operand bias = bytes_of(units * p->size, none);
        bias.content = BIAS;
        p->bias = place(c, in, bias, p->size);
        p->einval |= misplaced(p->bias, p->size);
    }
    for (int k = 0; k < p->n_params; k++) {
        p->per_unit[k] = choose(in, 3) == 2;
        operand numbers = bytes_of((p->per_unit[k] ? units : 1) * p->size, none);
        numbers.content = PARAMS, numbers.param = k;
        p->params[k] = place(c, in, numbers, p->size);
        p->einval |= !p->params[k]->at || misplaced(p->params[k], p->size);
    }
}

/* One number per unit, or not wanted. */
static operand *place_totals(passing *p, enum content content, enum role role, size_t n, bool none, input *in)
{
    if (choose(in, 2) == 0) return NULL;
    operand o = bytes_of(n * sizeof(double), none);
    o.content = content, o.role = role;
    operand *placed = place(&p->call, in, o, sizeof(double));
    p->einval |= misplaced(placed, sizeof(double));
    return placed;
}

static void *at(const operand *o) { return o ? o->at : NULL; }

/* Whether an output overlaps what it must not: anything but, an array of the same place and steps. */
static int clashes(const fuzz_call *c)
{
    for (int i = 0; i < c->n; i++) {
        const operand *out = &c->operands[i];
        if (out->role == READ || !out->at) continue;
        for (int k = 0; k < c->n; k++) {
            const operand *o = &c->operands[k];
            if (k == i || !overlap(out, o)) continue;
            int array = out->role == OVERWRITTEN && out->content == NUMBERS && o->content == NUMBERS &&
                        o->role == READ && o->count == c->shape.outer && o->param == out->param;
            if (!array || o->at != out->at || (o->step != out->step && c->shape.outer > 1)) return 1;
        }
    }
    return 0;
}

/* Number of unit u as the call found it. */
static const void *number_of(const operand *o, size_t u, size_t size, int per_unit)
{
    return o ? as_before(o->at) + (per_unit ? u * size : 0) : NULL;
}

static double widened(double value, rf_dtype dtype)
{
    return dtype == RF_FLOAT64 ? value : (double)(float)value;
}

/* v = z + bias in the type that is computed in. */
static double pre_activation(const passing *p, const void *z, size_t u)
{
    double v = number_at(p->call.dtype, z, 0);
    if (!at(p->bias)) return v;
    double bias = number_at(p->call.dtype, number_of(p->bias, u, p->size, 1), 0);
    return p->call.dtype == RF_FLOAT64 ? v + bias : (double)((float)v + (float)bias);
}

static void edges_of(const passing *p, size_t u, double *gate, double *ceiling)
{
    double params[RF_MAX_PARAMS];
    for (int k = 0; k < p->n_params; k++)
        params[k] = number_at(p->call.dtype, number_of(p->params[k], u, p->size, p->per_unit[k]), 0);
    *gate = widened(rf_gate(p->call.activation, params), p->call.dtype);
    *ceiling = widened(rf_ceiling(p->call.activation, params), p->call.dtype);
}

static int bit(const void *mask, size_t i) { return ((const uint8_t *)mask)[i / 8] >> i % 8 & 1; }

/* Sums of the same numbers in whatever order. */
static void expect_sum(const fuzz_call *c, const char *what, size_t u, double got, double want, double size,
                       int finite)
{
    if (!finite && c->dtype != RF_FLOAT64)
        expect(isfinite(got) == isfinite(want) && isnan(got) == isnan(want), c,
               "%s of unit %zu is %g, expected %g", what, u, got, want);
    else if (finite && size < 1e300)
        expect(is_close(got, want, size * 1e-9), c, "%s of unit %zu is %.17g, expected %.17g", what, u, got,
               want);
}

#define AT(operand, type, i) (((const type *)(const void *)(operand)->at)[i])
#define WAS(operand, type, i) (((const type *)(const void *)as_before((operand)->at))[i])

/* ---- forward */

static rf_status run_forward(const void *args) { return rf_units_forward(args); }

typedef struct {
    passing p;
    const operand *z, *y, *active, *nonfinite, *max, *min, *sum_abs, *mask;
    rf_units_forward_args args;
} forward;

static void judge_unit_forward(const forward *f, size_t u)
{
    const passing *p = &f->p;
    const fuzz_call *c = &p->call;
    const rf_shape *s = &c->shape;
    double gate, ceiling, max = f->max && f->max->at ? WAS(f->max, double, u) : 0,
                          min = at(f->min) ? WAS(f->min, double, u) : 0, sum = 0;
    edges_of(p, u, &gate, &ceiling);
    int64_t active = 0, nonfinite = 0;
    rf_units_forward_args one = f->args;
    double y;
    uint8_t mask;
    const rf_mask kind = rf_info(c->activation)->mask;
    one.shape = (rf_shape){1, 1, 1};
    one.y = &y, one.bias = number_of(at(p->bias) ? p->bias : NULL, u, p->size, 1),
    one.mask = at(f->mask) ? &mask : NULL;
    for (int k = 0; k < p->n_params; k++) one.params[k] = number_of(p->params[k], u, p->size, p->per_unit[k]);
    one.counts = (rf_unit_counts){.sum_abs = &sum};
    for (size_t o = 0; o < s->outer; o++)
        for (size_t i = 0; i < s->inner; i++) {
            const ptrdiff_t offset = (ptrdiff_t)((u * s->inner + i) * p->size);
            const char *z = as_before(f->z->at + (ptrdiff_t)o * f->z->step + offset);
            one.z = z;
            expect(rf_units_forward(&one) == RF_OK, c, "one element alone is refused");
            if (at(f->y)) {
                const char *got = f->y->at + (ptrdiff_t)o * f->y->step + offset;
                expect(same_number(c->dtype, got, &y), c,
                       "element (%zu, %zu, %zu) of %a is %a under %s, alone %a", o, u, i,
                       number_at(c->dtype, z, 0), number_at(c->dtype, got, 0), rf_isa_active(),
                       number_at(c->dtype, &y, 0));
            }
            const double v = pre_activation(p, z, u);
            active += isnan(gate) ? v > 0 : v > gate;
            nonfinite += !isfinite(v);
            max = v > max ? v : max, min = v < min ? v : min;
            if (!at(f->mask)) continue;
            int want = kind == RF_MASK_SLOPE ? v > 0 : !(v <= gate || v >= ceiling);
            size_t index = (o * s->units + u) * s->inner + i;
            expect(bit(f->mask->at, index) == want && mask == want, c,
                   "bit %zu for %a is %d, alone %d, expected %d", index, v, bit(f->mask->at, index), mask,
                   want);
        }
    if (at(f->active))
        expect(AT(f->active, int64_t, u) - WAS(f->active, int64_t, u) == active, c,
               "unit %zu: %lld active, expected %lld", u,
               (long long)(AT(f->active, int64_t, u) - WAS(f->active, int64_t, u)), (long long)active);
    if (at(f->nonfinite))
        expect(AT(f->nonfinite, int64_t, u) - WAS(f->nonfinite, int64_t, u) == nonfinite, c,
               "unit %zu: another number than %lld non-finite", u, (long long)nonfinite);
    if (at(f->max))
        expect(AT(f->max, double, u) == max, c, "max of unit %zu is %a, expected %a", u,
               AT(f->max, double, u), max);
    if (at(f->min))
        expect(AT(f->min, double, u) == min, c, "min of unit %zu is %a, expected %a", u,
               AT(f->min, double, u), min);
    if (at(f->sum_abs))
        expect_sum(c, "sum_abs", u, AT(f->sum_abs, double, u), WAS(f->sum_abs, double, u) + sum,
                   fabs(WAS(f->sum_abs, double, u)) + sum, isfinite(sum));
}

void fuzz_units_forward(input *in)
{
    bool none;
    forward f = {.p = begin("rf_units_forward", &none, in)};
    passing *p = &f.p;
    fuzz_call *c = &p->call;
    const rf_shape *s = &c->shape;
    const bool empty = is_empty(s);
    const size_t n_bits = none || empty ? 0 : s->outer * s->units * s->inner;
    f.z = place(c, in, choose_array(c, READ, none, in), p->size);
    if (choose(in, 8)) f.y = place(c, in, choose_array(c, OVERWRITTEN, none, in), p->size);
    place_numbers(p, none, in);
    f.active = place_totals(p, COUNTS, ADDED_TO, s->units, none, in);
    f.nonfinite = place_totals(p, COUNTS, ADDED_TO, s->units, none, in);
    f.max = place_totals(p, DOUBLES, ADDED_TO, s->units, none, in);
    f.min = place_totals(p, DOUBLES, ADDED_TO, s->units, none, in);
    f.sum_abs = place_totals(p, DOUBLES, ADDED_TO, s->units, none, in);
    if (choose(in, 2)) {
        f.mask = place(
            c, in, (operand){.count = 1, .bytes = (n_bits + 7) / 8, .role = OVERWRITTEN, .content = BITS}, 1);
        p->einval |= at(f.mask) && rf_info(c->activation) && rf_info(c->activation)->mask == RF_MASK_NONE;
    }
    const bool unsound = is_unsound(c, f.z) || (at(f.y) && is_unsound(c, f.y));
    p->einval |= !empty && unsound;
    p->anything = empty && unsound;
    arena_ready(c, in);
    f.args = (rf_units_forward_args){
        .activation = c->activation,
        .dtype = c->dtype,
        .shape = *s,
        .z = f.z->at,
        .z_step = step_of(f.z),
        .y = at(f.y),
        .y_step = step_of(f.y),
        .bias = at(p->bias),
        .params = {at(p->params[0]), at(p->params[1])},
        .param_per_unit = {p->per_unit[0], p->per_unit[1]},
        .counts = {at(f.active), at(f.nonfinite), at(f.max), at(f.min), at(f.sum_abs)},
        .mask = at(f.mask)};
    const rf_status want = p->einval ? RF_EINVAL : empty ? RF_OK : clashes(c) ? RF_EOVERLAP : RF_OK;
    const rf_status got = rf_units_forward(&f.args);
    arena_judge(c, got);
    expect(got == want || (p->anything && got == RF_EINVAL), c, "\"%s\", expected \"%s\"", rf_strerror(got),
           rf_strerror(want));
    if (got != RF_OK || empty) return;
    for (size_t i = n_bits; at(f.mask) && i < (n_bits + 7) / 8 * 8; i++)
        expect(!bit(f.mask->at, i), c, "bit %zu, past the last, is set", i);
    for (size_t u = 0; u < s->units; u++) judge_unit_forward(&f, u);
    call_otherwise(c, run_forward, &f.args);
}

/* ---- backward */

static rf_status run_backward(const void *args) { return rf_units_backward(args); }

typedef struct {
    passing p;
    const operand *g, *source, *gx, *bias_grad, *weight_grad, *nonzero, *nonfinite;
    rf_units_backward_args args;
    double weights, weights_size; /* sums over units, for one weight */
    int weights_finite;
} backward;

static void judge_unit_backward(backward *b, size_t u)
{
    const passing *p = &b->p;
    const fuzz_call *c = &p->call;
    const rf_shape *s = &c->shape;
    double sum = 0, size = 0, weights = 0, weights_size = 0, gx, gradient, weight;
    int finite = 1, weights_finite = 1;
    int64_t nonzero = 0, nonfinite = 0;
    uint8_t mask = 0;
    rf_units_backward_args one = b->args;
    one.shape = (rf_shape){1, 1, 1};
    one.grad_input = &gx, one.bias_grad = &gradient, one.weight_grad = at(b->weight_grad) ? &weight : NULL;
    one.bias = number_of(at(p->bias) ? p->bias : NULL, u, p->size, 1);
    for (int k = 0; k < p->n_params; k++) one.params[k] = number_of(p->params[k], u, p->size, p->per_unit[k]);
    one.counts = (rf_grad_counts){0};
    for (size_t o = 0; o < s->outer; o++)
        for (size_t i = 0; i < s->inner; i++) {
            const ptrdiff_t offset = (ptrdiff_t)((u * s->inner + i) * p->size);
            one.grad_output = as_before(b->g->at + (ptrdiff_t)o * b->g->step + offset);
            if (b->args.source_kind == RF_FROM_MASK) {
                mask = (uint8_t)bit(as_before(b->source->at), (o * s->units + u) * s->inner + i);
                one.source = &mask;
            } else {
                one.source = as_before(b->source->at + (ptrdiff_t)o * b->source->step + offset);
            }
            expect(rf_units_backward(&one) == RF_OK, c, "one element alone is refused");
            const char *got = b->gx->at + (ptrdiff_t)o * b->gx->step + offset;
            expect(same_number(c->dtype, got, &gx), c, "gradient (%zu, %zu, %zu) is %a under %s, alone %a", o,
                   u, i, number_at(c->dtype, got, 0), rf_isa_active(), number_at(c->dtype, &gx, 0));
            sum += gradient, size += fabs(gradient), finite &= isfinite(gradient) != 0;
            nonzero += gradient != 0, nonfinite += !isfinite(gradient);
            if (!at(b->weight_grad)) continue;
            weights += weight, weights_size += fabs(weight), weights_finite &= isfinite(weight) != 0;
        }
    if (at(b->bias_grad)) expect_sum(c, "bias_grad", u, AT(b->bias_grad, double, u), sum, size, finite);
    if (at(b->nonzero))
        expect(AT(b->nonzero, int64_t, u) - WAS(b->nonzero, int64_t, u) == nonzero, c,
               "unit %zu: another number than %lld not 0", u, (long long)nonzero);
    if (at(b->nonfinite))
        expect(AT(b->nonfinite, int64_t, u) - WAS(b->nonfinite, int64_t, u) == nonfinite, c,
               "unit %zu: another number than %lld non-finite", u, (long long)nonfinite);
    if (at(b->weight_grad) && p->per_unit[0])
        expect_sum(c, "weight_grad", u, AT(b->weight_grad, double, u), weights, weights_size, weights_finite);
    b->weights += weights, b->weights_size += weights_size, b->weights_finite &= weights_finite;
}

static bool has_no_such_source(const backward *b)
{
    const rf_activation_info *info = rf_info(b->args.activation);
    const bool more = b->args.bias || b->args.weight_grad;
    switch ((int)b->args.source_kind) {
    case RF_FROM_X: return b->args.weight_grad && info->n_gradients < 2;
    case RF_FROM_Y: return !info->from_y || more;
    case RF_FROM_MASK: return info->mask == RF_MASK_NONE || more;
    }
    return true;
}

void fuzz_units_backward(input *in)
{
    static const int kinds[] = {RF_FROM_X,    RF_FROM_X,    RF_FROM_X, RF_FROM_Y, RF_FROM_Y,
                                RF_FROM_MASK, RF_FROM_MASK, RF_FROM_X, 3,         -1};
    bool none;
    backward b = {.p = begin("rf_units_backward", &none, in), .weights_finite = 1};
    passing *p = &b.p;
    fuzz_call *c = &p->call;
    const rf_shape *s = &c->shape;
    const bool empty = is_empty(s);
    const int kind = choose(in, 8) ? kinds[choose(in, 8)] : CHOICE(in, kinds);
    const bool masked = kind == RF_FROM_MASK;
    const size_t n_bits = none || empty ? 0 : s->outer * s->units * s->inner;
    b.g = place(c, in, choose_array(c, READ, none, in), p->size);
    b.source = masked ? place(c, in, (operand){.count = 1, .bytes = (n_bits + 7) / 8, .content = BITS}, 1)
                      : place(c, in, choose_array(c, READ, none, in), p->size);
    b.gx = place(c, in, choose_array(c, OVERWRITTEN, none, in), p->size);
    place_numbers(p, none, in);
    const bool vast = none && empty; /* overwritten with zeros that no memory has */
    b.bias_grad = vast ? NULL : place_totals(p, DOUBLES, OVERWRITTEN, s->units, none, in);
    b.weight_grad = vast ? NULL
                    : choose(in, 2)
                        ? place_totals(p, DOUBLES, OVERWRITTEN, p->per_unit[0] ? s->units : 1, none, in)
                        : NULL;
    b.nonzero = place_totals(p, COUNTS, ADDED_TO, s->units, none, in);
    b.nonfinite = place_totals(p, COUNTS, ADDED_TO, s->units, none, in);
    const bool unsound =
        is_unsound(c, b.g) || is_unsound(c, b.gx) || (masked ? !b.source->at : is_unsound(c, b.source));
    arena_ready(c, in);
    b.args = (rf_units_backward_args){.activation = c->activation,
                                      .dtype = c->dtype,
                                      .shape = *s,
                                      .grad_output = b.g->at,
                                      .grad_output_step = step_of(b.g),
                                      .source = b.source->at,
                                      .source_step = step_of(b.source),
                                      .source_kind = (rf_source)kind,
                                      .grad_input = b.gx->at,
                                      .grad_input_step = step_of(b.gx),
                                      .bias = at(p->bias),
                                      .params = {at(p->params[0]), at(p->params[1])},
                                      .param_per_unit = {p->per_unit[0], p->per_unit[1]},
                                      .bias_grad = at(b.bias_grad),
                                      .weight_grad = at(b.weight_grad),
                                      .counts = {at(b.nonzero), at(b.nonfinite)}};
    p->einval |= (rf_info(c->activation) && has_no_such_source(&b)) || (!empty && unsound);
    p->anything = empty && unsound;
    const rf_status want = p->einval ? RF_EINVAL : empty ? RF_OK : clashes(c) ? RF_EOVERLAP : RF_OK;
    const rf_status got = rf_units_backward(&b.args);
    arena_judge(c, got);
    expect(got == want || (p->anything && got == RF_EINVAL), c, "\"%s\", expected \"%s\"", rf_strerror(got),
           rf_strerror(want));
    if (got != RF_OK) return;
    for (size_t u = 0; u < s->units && !vast; u++) {
        if (!empty)
            judge_unit_backward(&b, u);
        else if (at(b.bias_grad))
            expect(AT(b.bias_grad, double, u) == 0, c, "bias_grad of an empty batch is not 0");
    }
    if (empty) return;
    if (at(b.weight_grad) && !p->per_unit[0])
        expect_sum(c, "weight_grad", 0, AT(b.weight_grad, double, 0), b.weights, b.weights_size,
                   b.weights_finite);
    call_otherwise(c, run_backward, &b.args);
}
