/* The elementwise loops: whatever the length, offset and stride, they give what they give for one element at
 * a time (test_accuracy.c says what that is), and touch nothing else. */
#include "check.h"
#include "kernels.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

enum { N = 1100, MAX_ARGS = 5 };

typedef struct {
    rf_activation row;
    rf_dtype dtype;
    ptrdiff_t size;
    double params[RF_MAX_PARAMS]; /* all numbers are of dtype */
    double repeated[RF_MAX_PARAMS][N], x[N], g[N];
} samples;

static void fill(samples *s, rf_activation row, rf_dtype dtype, const long double *params)
{
    *s = (samples){.row = row, .dtype = dtype, .size = (ptrdiff_t)dtype_size(dtype)};
    for (size_t p = 0; p < RF_MAX_PARAMS; p++) {
        put(dtype, s->params, p, params[p]);
        for (size_t i = 0; i < N; i++) put(dtype, s->repeated[p], i, params[p]);
    }
    sample_inputs(dtype, s->x, N);
    sample_gradients(dtype, s->g, N);
}

static const char *way(rf_direction direction) { return direction == RF_FORWARD ? "forward" : "backward"; }

/* ---- contiguous, through the public functions */

static const size_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 97, 1000};
/* elements past a multiple of 64 bytes: of the inputs, of the output */
static const size_t offsets[][2] = {{0, 0}, {1, 0}, {0, 1}, {3, 7}};
static const struct {
    rf_direction direction;
    enum { APART, INTO_X, INTO_G } out;
    const char *name;
} modes[] = {
    {RF_FORWARD, APART, "forward"},           {RF_FORWARD, INTO_X, "forward in place"},
    {RF_BACKWARD, APART, "backward"},         {RF_BACKWARD, INTO_X, "backward into x"},
    {RF_BACKWARD, INTO_G, "backward into g"},
};

static rf_status run(const samples *s, rf_direction direction, size_t n, const char *g, const char *x,
                     char *out)
{
    return direction == RF_FORWARD ? rf_forward(s->row, s->dtype, n, x, s->params, out)
                                   : rf_backward(s->row, s->dtype, n, g, x, s->params, out);
}

static void contiguous(const samples *s, const char *isa, size_t n, const size_t offset[2], size_t mode)
{
    size_t size = (size_t)s->size, from = (n * 13 + mode) % (N - n + 1) * size;
    const char *given_x = (const char *)s->x + from, *given_g = (const char *)s->g + from;
    buffer x = make_buffer(s->dtype, n, offset[0]), g = make_buffer(s->dtype, n, offset[0]);
    buffer apart = make_buffer(s->dtype, n, offset[1]), want = make_buffer(s->dtype, n, 0);
    buffer *out = modes[mode].out == INTO_X ? &x : modes[mode].out == INTO_G ? &g : &apart;
    memcpy(x.data, given_x, x.bytes);
    memcpy(g.data, given_g, g.bytes);
    for (size_t i = 0; i < n * size; i += size)
        run(s, modes[mode].direction, 1, given_g + i, given_x + i, want.data + i);

    rf_status status = run(s, modes[mode].direction, n, g.data, x.data, out->data);
    size_t wrong = first_difference(s->dtype, out->data, want.data, n);
    int kept = canaries_alive(&x) && canaries_alive(&g) && canaries_alive(&apart) &&
               (out == &x || !memcmp(x.data, given_x, x.bytes)) &&
               (out == &g || !memcmp(g.data, given_g, g.bytes));
    check(status == RF_OK && wrong == n && kept,
          "%s %s %s %s, %zu elements, offsets %zu and %zu: status %d, first wrong element %zu, %s", isa,
          rf_info(s->row)->name, dtype_name(s->dtype), modes[mode].name, n, offset[0], offset[1], (int)status,
          wrong, kept ? "the rest untouched" : "wrote elsewhere");
    free_buffer(&x);
    free_buffer(&g);
    free_buffer(&apart);
    free_buffer(&want);
}

/* ---- any stride, as NumPy calls the loops */

static const ptrdiff_t strided_lengths[] = {0, 1, 5, 255, 256, 257, 520};
/* steps in elements: of g and x, of the parameter, of the two outputs; 0 repeats one element */
static const struct {
    ptrdiff_t in[2], param, out[2];
} strides[] = {
    {{1, 1}, 0, {1, 1}},  {{1, 1}, 1, {1, 1}},  {{1, 1}, 2, {1, 1}},   {{2, 1}, 0, {1, 1}},
    {{1, 2}, 0, {1, 1}},  {{1, 1}, 0, {2, 1}},  {{1, 1}, 0, {1, 2}},   {{2, 2}, 2, {2, 2}},
    {{1, 0}, 0, {1, 1}},  {{0, 1}, 0, {1, 1}},  {{0, 0}, 0, {1, 1}},   {{-1, 1}, 0, {1, 1}},
    {{1, -1}, 1, {1, 1}}, {{1, 1}, 0, {-1, 1}}, {{1, 1}, -1, {1, -2}}, {{-2, -1}, 1, {-2, 1}},
};

/* Memory for n elements `step` apart, holding `numbers` where they are given; where the first one stands. */
static char *strided_array(buffer *b, const samples *s, const double *numbers, ptrdiff_t n, ptrdiff_t step)
{
    *b = make_buffer(s->dtype, (size_t)(labs(step) * n + 1), 1);
    char *first = b->data + (step < 0 && n ? -step * (n - 1) * s->size : 0);
    memset(b->data, 0xA5, b->bytes); /* holes are canaries, too */
    for (ptrdiff_t i = 0; i < n && numbers; i++)
        memcpy(first + i * step * s->size, (const char *)numbers + i * s->size, (size_t)s->size);
    return first;
}

static void strided(const samples *s, const char *isa, rf_direction direction, ptrdiff_t n, size_t which)
{
    const rf_activation_info *info = rf_info(s->row);
    char *args[MAX_ARGS], *one[MAX_ARGS], want[2][sizeof(double)];
    ptrdiff_t steps[MAX_ARGS], alone[MAX_ARGS];
    buffer memory[MAX_ARGS];
    int n_args = 0;
#define ADD_ARRAY(numbers, step)                                                                             \
    (args[n_args] = strided_array(&memory[n_args], s, numbers, n, step), steps[n_args] = (step) * s->size,   \
     alone[n_args] = s->size, n_args++)
    if (direction == RF_BACKWARD) ADD_ARRAY(s->g, strides[which].in[0]);
    ADD_ARRAY(s->x, strides[which].in[1]);
    for (int p = 0; p < info->n_params; p++) ADD_ARRAY(s->repeated[p], strides[which].param);
    int n_in = n_args, n_out = direction == RF_BACKWARD ? info->n_gradients : 1, right = 1, kept = 1;
    for (int k = 0; k < n_out; k++) ADD_ARRAY(NULL, strides[which].out[k]);
#undef ADD_ARRAY

    rf_run(s->row, direction, s->dtype, args, n, steps);
    for (ptrdiff_t i = 0; i < n; i++) {
        for (int a = 0; a < n_args; a++) one[a] = a < n_in ? args[a] + i * steps[a] : want[a - n_in];
        rf_run(s->row, direction, s->dtype, one, 1, alone);
        for (int k = 0; k < n_out; k++) {
            char *got = args[n_in + k] + i * steps[n_in + k];
            right &= first_difference(s->dtype, got, want[k], 1) == 1;
            memset(got, 0xA5, (size_t)s->size);
        }
    }
    for (int a = 0; a < n_args; a++) {
        for (size_t k = 0; k < memory[a].bytes && a >= n_in; k++)
            kept &= (unsigned char)memory[a].data[k] == 0xA5;
        kept &= canaries_alive(&memory[a]);
        free_buffer(&memory[a]);
    }
    check(right && kept, "%s %s %s %s, %td elements, strides[%zu]: %s", isa, info->name, dtype_name(s->dtype),
          way(direction), n, which, kept ? "wrong result" : "wrote between or around its outputs");
}

/* ---- past the cache, in every order that a processor may be given (dispatch.c) */

enum { LARGE = 2 * RF_SHEET_BYTES / sizeof(float) + 1001 };
static const ptrdiff_t large_lengths[] = {777, LARGE}; /* less than a sheet, and more than some */
static const struct {
    ptrdiff_t ahead;
    const char *name;
} orders[] = {{RF_IN_ORDER, "in order"},
              {RF_SIDE_BY_SIDE, "pages side by side"},
              {RF_AHEAD, "far ahead"},
              {-40004, "somewhere else"}};

typedef struct {
    buffer x, g, apart[2], want[2];
} large_arrays;

static void past_the_cache(const samples *s, const char *isa, rf_direction direction, ptrdiff_t n,
                           large_arrays *m)
{
    const rf_kernels *kernels = rf_active_kernels();
    rf_loop *loop = kernels->loops[s->row][s->dtype][direction];
    if (!loop) return;
    const rf_arity arity = rf_arity_of(s->row, direction);
    char *args[MAX_ARGS];
    ptrdiff_t steps[MAX_ARGS];
    for (int a = 0; a < arity.n_in + arity.n_out; a++) steps[a] = s->size;
    args[0] = m->g.data;
    args[arity.n_data - 1] = m->x.data;
    for (int p = arity.n_data; p < arity.n_in; p++) {
        args[p] = (char *)(s->params + p - arity.n_data);
        steps[p] = 0;
    }
    for (int k = 0; k < arity.n_out; k++) args[arity.n_in + k] = m->want[k].data;
    kernels->call[s->dtype](loop, arity, args, n, steps, 0);
    for (size_t order = 0; order < LENGTH_OF(orders); order++) {
        int right = 1;
        for (int k = 0; k < arity.n_out; k++) {
            args[arity.n_in + k] = m->apart[k].data;
            memset(m->apart[k].data, 0xA5, m->apart[k].bytes);
        }
        kernels->call[s->dtype](loop, arity, args, n, steps, orders[order].ahead);
        for (int k = 0; k < arity.n_out; k++)
            right &= first_difference(s->dtype, m->apart[k].data, m->want[k].data, (size_t)n) == (size_t)n &&
                     canaries_alive(&m->apart[k]) &&
                     (n == LARGE || (unsigned char)m->apart[k].data[n * s->size] == 0xA5);
        check(
            right,
            "%s %s %s direction %d, %td elements, %s: differs from the same in the cache, or wrote elsewhere",
            isa, rf_info(s->row)->name, dtype_name(s->dtype), (int)direction, n, orders[order].name);
    }
}

static void every_order_gives_the_same(void)
{
    static samples s;
    FOR_EACH_DTYPE(dtype) {
        large_arrays m = {make_buffer(dtype, LARGE, 0),
                          make_buffer(dtype, LARGE, 0),
                          {make_buffer(dtype, LARGE, 0), make_buffer(dtype, LARGE, 0)},
                          {make_buffer(dtype, LARGE, 0), make_buffer(dtype, LARGE, 0)}};
        sample_inputs(dtype, m.x.data, LARGE);
        sample_gradients(dtype, m.g.data, LARGE);
        FOR_EACH_ROW(row)
            FOR_EACH_ISA(isa) {
                fill(&s, row, dtype, reference_of(rf_info(row)->name)->params[0]);
                for (rf_direction d = RF_FORWARD; d < RF_N_DIRECTIONS; d++)
                    for (size_t n = 0; n < LENGTH_OF(large_lengths); n++)
                        past_the_cache(&s, isa, d, large_lengths[n], &m);
            }
        buffer *all[] = {&m.x, &m.g, m.apart, m.apart + 1, m.want, m.want + 1};
        for (size_t k = 0; k < LENGTH_OF(all); k++) free_buffer(all[k]);
    }
}

/* As the public functions walk it, on whatever processor. */
static void both_processors_give_the_same(void)
{
    enum { PAST = (16 << 20) / sizeof(float) + 100001 }; /* from 16 MiB on outputs stream (run.c) */
    static samples s;
    buffer x = make_buffer(RF_FLOAT32, PAST, 0), g = make_buffer(RF_FLOAT32, PAST, 0);
    buffer y[2] = {make_buffer(RF_FLOAT32, PAST, 3), make_buffer(RF_FLOAT32, PAST, 3)};
    sample_inputs(RF_FLOAT32, x.data, PAST);
    sample_gradients(RF_FLOAT32, g.data, PAST);
    FOR_EACH_ROW(row) {
        fill(&s, row, RF_FLOAT32, reference_of(rf_info(row)->name)->params[0]);
        for (rf_direction d = RF_FORWARD; d <= RF_BACKWARD; d++) {
            for (int intel = 0; intel < 2; intel++) {
                rf_assume_intel(intel);
                run(&s, d, PAST, g.data, x.data, y[intel].data);
            }
            check(first_difference(RF_FLOAT32, y[0].data, y[1].data, PAST) == PAST,
                  "%s %s of %d elements depends on the processor", rf_info(row)->name, way(d), (int)PAST);
        }
    }
    rf_assume_intel(-1);
    free_buffer(&x);
    free_buffer(&g);
    free_buffer(&y[0]);
    free_buffer(&y[1]);
}

/* g * x where x <= 0, else 0: one multiplication. */
static void the_gradient_of_the_parameter_is_exact(const samples *s, const char *isa)
{
    static double gx[N], gp[N];
    char *args[] = {(char *)s->g, (char *)s->x, (char *)s->repeated[0], (char *)gx, (char *)gp};
    const ptrdiff_t steps[] = {s->size, s->size, s->size, s->size, s->size};
    rf_run(s->row, RF_BACKWARD, s->dtype, args, N, steps);
    for (size_t i = 0; i < N; i++) {
        long double x = get(s->dtype, s->x, i), g = get(s->dtype, s->g, i), got = get(s->dtype, gp, i);
        long double want = x > 0 ? 0 : rounded(s->dtype, g * x);
        if (!check(ulp_error(s->dtype, got, want) == 0,
                   "%s %s %s: gradient of the parameter at x %La, g %La is %La", isa, rf_info(s->row)->name,
                   dtype_name(s->dtype), x, g, got))
            return;
    }
}

/* NumPy's accumulate and reduce (step 0): every result is the first input of the next step. */
static void a_result_feeds_the_next_step(const samples *s, const char *isa, ptrdiff_t step)
{
    enum { STEPS = 40 };
    double got[STEPS + 1], want[STEPS + 1];
    memcpy(want, s->g, sizeof want);
    char *x = (char *)s->x;
    for (ptrdiff_t i = 0; i < STEPS; i++) {
        char *one[] = {(char *)want + i * step, x + i * s->size, (char *)want + (i + 1) * step};
        const ptrdiff_t alone[] = {s->size, s->size, s->size};
        rf_run(s->row, RF_FORWARD, s->dtype, one, 1, alone);
    }
    memcpy(got, s->g, sizeof got);
    char *args[] = {(char *)got, x, (char *)got + step};
    const ptrdiff_t steps[] = {step, s->size, step};
    rf_run(s->row, RF_FORWARD, s->dtype, args, STEPS, steps);
    check(first_difference(s->dtype, got, want, STEPS + 1) == STEPS + 1, "%s %s %s: wrong %s", isa,
          rf_info(s->row)->name, dtype_name(s->dtype), step ? "accumulation" : "reduction");
}

void test_elementwise(void)
{
    every_order_gives_the_same();
    both_processors_give_the_same();
    static samples s;
    FOR_EACH_ROW(row)
        FOR_EACH_DTYPE(dtype)
            FOR_EACH_ISA(isa) {
                const rf_activation_info *info = rf_info(row);
                fill(&s, row, dtype, reference_of(info->name)->params[0]);
                for (size_t n = 0; n < LENGTH_OF(lengths); n++)
                    for (size_t o = 0; o < LENGTH_OF(offsets); o++)
                        for (size_t mode = 0; mode < LENGTH_OF(modes); mode++)
                            contiguous(&s, isa, lengths[n], offsets[o], mode);
                for (size_t n = 0; n < LENGTH_OF(strided_lengths); n++)
                    for (size_t i = 0; i < LENGTH_OF(strides); i++) {
                        strided(&s, isa, RF_FORWARD, strided_lengths[n], i);
                        strided(&s, isa, RF_BACKWARD, strided_lengths[n], i);
                    }
                if (info->n_params == 1) {
                    a_result_feeds_the_next_step(&s, isa, s.size);
                    a_result_feeds_the_next_step(&s, isa, 0);
                }
                if (info->n_gradients == 2) the_gradient_of_the_parameter_is_exact(&s, isa);
            }
}
