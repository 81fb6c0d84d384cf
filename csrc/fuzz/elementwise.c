/* rf_forward and rf_backward. */
#include "fuzz.h"

typedef struct {
    const fuzz_call *call;
    size_t n;
    const void *data[2], *params;
    void *out;
} elementwise_args;

static rf_status run(const void *args)
{
    const elementwise_args *a = args;
    const fuzz_call *c = a->call;
    return a->data[1] ? rf_backward(c->activation, c->dtype, a->n, a->data[0], a->data[1], a->params, a->out)
                      : rf_forward(c->activation, c->dtype, a->n, a->data[0], a->params, a->out);
}

/* The lengths around vectors and shares, and a few that no memory has. */
static size_t choose_length(input *in)
{
    static const size_t lengths[] = {0,    1,    2,    7,    8,    9,    15,   16,   17,    31,   32,
                                     33,   63,   64,   65,   127,  255,  256,  257,  511,   1000, 1023,
                                     1024, 1025, 1500, 2048, 2049, 3333, 8191, 8193, 16385, 33000};
    return CHOICE(in, lengths) + (choose(in, 4) ? 0 : choose(in, 256));
}

static size_t choose_no_length(size_t size, input *in)
{
    const size_t none[] = {SIZE_MAX, PTRDIFF_MAX, SIZE_MAX / size, PTRDIFF_MAX / size + 1,
                           SIZE_MAX / size + 2};
    size_t n = CHOICE(in, none);
    return n > PTRDIFF_MAX / size ? n : SIZE_MAX;
}

static rf_status expected(const elementwise_args *a, int n_data, int misaligned, const operand *const *data,
                          const operand *params, const operand *out)
{
    const fuzz_call *c = a->call;
    const rf_activation_info *info = rf_info(c->activation);
    size_t size = rf_dtype_size(c->dtype);
    if (!info || !size || a->n > PTRDIFF_MAX / size || (info->n_params && !a->params) || misaligned)
        return RF_EINVAL;
    if (a->n == 0) return RF_OK;
    if (!a->out || !data[0]->at || (n_data > 1 && !data[1]->at)) return RF_EINVAL;
    for (int i = 0; i < n_data; i++)
        if (data[i]->at != out->at && overlap(out, data[i])) return RF_EOVERLAP;
    return info->n_params && overlap(out, params) ? RF_EOVERLAP : RF_OK;
}

static void one_at_a_time(const elementwise_args *a, int n_data)
{
    const fuzz_call *c = a->call;
    const size_t size = size_of(c->dtype);
    double params[RF_MAX_PARAMS] = {0}, y;
    for (int k = 0; k < rf_info(c->activation)->n_params; k++)
        put_number(c->dtype, params, (size_t)k, number_at(c->dtype, as_before(a->params), (size_t)k));
    for (size_t i = 0; i < a->n; i++) {
        const char *x = as_before(a->data[0]) + i * size;
        rf_status status = n_data > 1 ? rf_backward(c->activation, c->dtype, 1, x,
                                                    as_before(a->data[1]) + i * size, params, &y)
                                      : rf_forward(c->activation, c->dtype, 1, x, params, &y);
        expect(status == RF_OK, c, "one element alone is refused: \"%s\"", rf_strerror(status));
        expect(same_number(c->dtype, &y, (char *)a->out + i * size), c,
               "element %zu of %a (%a) with %a, %a is %a under %s, alone %a", i, number_at(c->dtype, x, 0),
               number_at(c->dtype, as_before(a->data[n_data - 1]), i), number_at(c->dtype, params, 0),
               number_at(c->dtype, params, 1), number_at(c->dtype, a->out, i), rf_isa_active(),
               number_at(c->dtype, &y, 0));
    }
}

void fuzz_elementwise(input *in)
{
    const int n_data = 1 + (int)choose(in, 2);
    fuzz_call c = {.function = n_data > 1 ? "rf_backward" : "rf_forward",
                   .activation = choose_activation(in),
                   .dtype = choose_dtype(in)};
    choose_settings(&c, in);
    const size_t size = size_of(c.dtype);
    const int none = rarely(in);
    const size_t n = none ? choose_no_length(size, in) : choose_length(in);
    const rf_activation_info *info = rf_info(c.activation);
    const size_t n_params = info ? (size_t)info->n_params : RF_MAX_PARAMS;
    c.shape = (rf_shape){n, 1, 1};
    const operand block = {.count = 1, .bytes = none ? 0 : n * size};
    operand *data[2] = {0},
            *params =
                place(&c, in, (operand){.count = 1, .bytes = n_params * size, .content = PARAMS, .param = -1},
                      size);
    for (int i = 0; i < n_data; i++) data[i] = place(&c, in, block, size);
    operand *out = place(&c, in, block, size);
    out->role = OVERWRITTEN;
    arena_ready(&c, in);
    elementwise_args a = {&c, n, {data[0]->at, n_data > 1 ? data[1]->at : NULL}, params->at, out->at};
    if (n_data > 1 && !a.data[1]) { /* what tells `run` the two apart */
        arena_judge(&c, rf_backward(c.activation, c.dtype, n, a.data[0], NULL, a.params, a.out));
        return;
    }
    int misaligned = misplaced(params, size) || misplaced(out, size);
    for (int i = 0; i < n_data; i++) misaligned |= misplaced(data[i], size);
    rf_status want = expected(&a, n_data, misaligned, (const operand *const *)data, params, out),
              got = run(&a);
    arena_judge(&c, got);
    expect(got == want, &c, "\"%s\", expected \"%s\"", rf_strerror(got), rf_strerror(want));
    if (got != RF_OK || n == 0) return;
    one_at_a_time(&a, n_data);
    call_otherwise(&c, run, &a);
}
