/* Calls of the public functions from many threads at once, while instruction set, number of threads and the
 * pool change: what each of them computes is what it computes alone. */
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { N_CALLERS = 4, ROUNDS = 12, SHARED = (1 << 17) + 5 };

/* Wide layers borrow memory for their positions, large ones are shared among threads; of the last three
 * shapes threads share bytes of the mask, too, whose last bits are a block of their own. Every other one is
 * of float64: what comes before a cache line is less than a byte of the mask. */
static const rf_shape shapes[] = {{40, 7, 3},   {3, 5000, 1},   {300, 2501, 1}, {1, 3, SHARED / 3},
                                  {9, 3, 2001}, {1, 300, 1026}, {40, 4354, 1},  {41, 4353, 1}};

/* Everything that a caller writes. y begins at the second element: its first cache line is not whole. */
typedef struct {
    void *y, *gz;
    uint8_t *mask;
    double *bias_grad, *max, *sum_abs;
    int64_t *active, *nonzero;
} results;

typedef struct {
    rf_dtype dtype;
    rf_activation row;
    rf_shape shape;
    size_t n;
    void *z, *g, *bias;
    results alone;
} work;

static void *zeroed(size_t bytes)
{
    void *memory = aligned_alloc(64, (bytes / 64 + 1) * 64);
    if (!memory) abort();
    return memset(memory, 0, bytes);
}

static results make_results(const work *w)
{
    const size_t units = w->shape.units * sizeof(double), bytes = (w->n + 1) * dtype_size(w->dtype);
    return (results){zeroed(bytes), zeroed(bytes), zeroed(w->n / 8 + 1), zeroed(units),
                     zeroed(units), zeroed(units), zeroed(units),        zeroed(units)};
}

static void free_results(results *r)
{
    free(r->y), free(r->gz), free(r->mask), free(r->bias_grad);
    free(r->max), free(r->sum_abs), free(r->active), free(r->nonzero);
}

static int same_results(const work *w, const results *a, const results *b)
{
    const size_t units = w->shape.units * sizeof(double), bytes = (w->n + 1) * dtype_size(w->dtype);
    return !memcmp(a->y, b->y, bytes) && !memcmp(a->gz, b->gz, bytes) &&
           !memcmp(a->mask, b->mask, w->n / 8 + 1) && !memcmp(a->bias_grad, b->bias_grad, units) &&
           !memcmp(a->max, b->max, units) && !memcmp(a->sum_abs, b->sum_abs, units) &&
           !memcmp(a->active, b->active, units) && !memcmp(a->nonzero, b->nonzero, units);
}

/* Forward and backward, per unit and element by element. */
static int compute(const work *w, results *r)
{
    const ptrdiff_t step = (ptrdiff_t)(w->shape.units * w->shape.inner * dtype_size(w->dtype));
    double slope[1];
    put(w->dtype, slope, 0, 0.01L);
    rf_units_forward_args forward = {.activation = w->row,
                                     .dtype = w->dtype,
                                     .shape = w->shape,
                                     .z = w->z,
                                     .z_step = step,
                                     .y = (char *)r->y + dtype_size(w->dtype),
                                     .y_step = step,
                                     .bias = w->bias,
                                     .params = {slope},
                                     .counts = {.active = r->active, .max = r->max, .sum_abs = r->sum_abs},
                                     .mask = r->mask};
    rf_units_backward_args backward = {.activation = w->row,
                                       .dtype = w->dtype,
                                       .shape = w->shape,
                                       .grad_output = w->g,
                                       .grad_output_step = step,
                                       .source = r->mask,
                                       .source_kind = RF_FROM_MASK,
                                       .grad_input = r->gz,
                                       .grad_input_step = step,
                                       .params = {slope},
                                       .bias_grad = r->bias_grad,
                                       .counts = {.nonzero = r->nonzero}};
    return rf_units_forward(&forward) == RF_OK && rf_units_backward(&backward) == RF_OK &&
           rf_forward(w->row, w->dtype, w->n, r->gz, slope, r->gz) == RF_OK;
}

static atomic_int different;

static void *call(void *context)
{
    const work *w = context;
    results mine = make_results(w);
    for (int round = 0; round < ROUNDS; round++) {
        free_results(&mine);
        mine = make_results(w);
        different += !compute(w, &mine) || !same_results(w, &mine, &w->alone);
    }
    free_results(&mine);
    return NULL;
}

static atomic_int stop;

/* relu and leaky_relu are exact: instruction sets differ in nothing. */
static void *change(void *unused)
{
    for (int i = 0; !stop; i++) {
        int n = 0;
        while (rf_isa_available(n)) n++;
        rf_isa_use(rf_isa_available(i % n));
        rf_set_num_threads(1 + i % 5);
        if (i % 7 == 0) rf_threads_shutdown();
        sched_yield();
    }
    return unused;
}

void test_callers(void)
{
    const rf_activation rows[] = {RF_RELU, RF_LEAKY_RELU};
    const int before = rf_get_num_threads();
    for (size_t s = 0; s < LENGTH_OF(shapes); s++) {
        rf_shape shape = shapes[s];
        work w = {s % 2 ? RF_FLOAT64 : RF_FLOAT32,
                  rows[s / 2 % 2],
                  shape,
                  shape.outer * shape.units * shape.inner,
                  NULL,
                  NULL,
                  NULL,
                  {0}};
        w.z = zeroed(w.n * sizeof(double)), w.g = zeroed(w.n * sizeof(double));
        w.bias = zeroed(shape.units * sizeof(double));
        sample_gradients(w.dtype, w.z, w.n), sample_gradients(w.dtype, w.g, w.n);
        sample_gradients(w.dtype, w.bias, shape.units);
        w.alone = make_results(&w);
        rf_set_num_threads(1);
        check(compute(&w, &w.alone), "(%zu, %zu, %zu) is refused", shape.outer, shape.units, shape.inner);
        pthread_t callers[N_CALLERS], changer;
        different = stop = 0;
        if (pthread_create(&changer, NULL, change, NULL)) abort();
        for (size_t i = 0; i < N_CALLERS; i++)
            if (pthread_create(&callers[i], NULL, call, &w)) abort();
        for (size_t i = 0; i < N_CALLERS; i++) pthread_join(callers[i], NULL);
        stop = 1;
        pthread_join(changer, NULL);
        check(different == 0, "%d calls at once, (%zu, %zu, %zu): %d computed something else", N_CALLERS,
              shape.outer, shape.units, shape.inner, different);
        free_results(&w.alone);
        free(w.z), free(w.g), free(w.bias);
    }
    rf_isa_use(rf_isa_available(0));
    rf_set_num_threads(before);
    rf_threads_shutdown();
}
