/* The handlers for XLA, called by a runtime that is made here: what it asks and what it gets. */
#include "check.h"
#include "xla_ffi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the runtime */

static char said[256];
static int code_said, error_token;

static void *create_error(xla_error *error)
{
    check(error->struct_size == sizeof *error && !error->extensions, "an error of %zu bytes",
          error->struct_size);
    strncpy(said, error->message, sizeof said - 1);
    code_said = error->code;
    return &error_token;
}

static const xla_api api = {.struct_size = sizeof api, .create_error = create_error};

enum { MOST = 5, MOST_RANK = 5 };

/* A call with everything that it points to. */
typedef struct {
    xla_call call;
    xla_buffer operands[MOST], results[2];
    void *operand_items[MOST], *result_items[2];
    int types[MOST], attribute_types[1];
    xla_text name, value;
    const xla_text *names[1];
    void *values[1];
} frame;

static void add(xla_buffer *b, void **item, int dtype, void *data, int rank, const int64_t *dims)
{
    *b = (xla_buffer){.struct_size = sizeof *b, .dtype = dtype, .data = data, .rank = rank, .dims = dims};
    *item = b;
}
static void operand(frame *f, int dtype, const void *data, int rank, const int64_t *dims)
{
    int i = (int)f->call.operands.size++;
    add(&f->operands[i], &f->operand_items[i], dtype, (void *)data, rank, dims);
}
static void result(frame *f, int dtype, void *data, int rank, const int64_t *dims)
{
    int i = (int)f->call.results.size++;
    add(&f->results[i], &f->result_items[i], dtype, data, rank, dims);
}

/* The frame points into itself: it is filled where it stays. */
static void start(frame *f, const char *activation)
{
    *f = (frame){.types = {XLA_BUFFER, XLA_BUFFER, XLA_BUFFER, XLA_BUFFER, XLA_BUFFER},
                 .attribute_types = {XLA_STRING},
                 .name = {"activation", strlen("activation")},
                 .value = {activation, strlen(activation)}};
    f->names[0] = &f->name;
    f->values[0] = &f->value;
    f->call = (xla_call){
        .struct_size = sizeof f->call,
        .api = &api,
        .stage = XLA_STAGE_EXECUTE,
        .operands = {sizeof(xla_list), NULL, 0, f->types, f->operand_items},
        .results = {sizeof(xla_list), NULL, 0, f->types, f->result_items},
        .attributes = {sizeof(xla_attributes), NULL, 1, f->attribute_types, f->names, f->values},
    };
}

static void accepted(void *error, const char *what)
{
    check(!error, "%s: refused with \"%s\"", what, error ? said : "");
}

/* ---- versions */

static void the_version_is_told(void)
{
    struct {
        xla_metadata metadata;
        int64_t later;
    } asked = {.metadata = {.struct_size = sizeof asked, .traits = 77}, .later = 55};
    xla_metadata_query query = {.base = {sizeof query, XLA_EXTENSION_METADATA, NULL},
                                .metadata = &asked.metadata};
    xla_extension other = {sizeof other, 99, &query.base};
    void *(*const handlers[])(void *) = {rf_xla_forward, rf_xla_backward};
    for (size_t i = 0; i < LENGTH_OF(handlers); i++) {
        xla_call call = {.struct_size = sizeof call, .extensions = &other};
        asked.metadata.version.major = asked.metadata.version.minor = 9;
        check(!handlers[i](&call), "a query is answered with an error");
        check(asked.metadata.version.major == 0 && asked.metadata.version.minor == 1,
              "version %d.%d, expected 0.1", asked.metadata.version.major, asked.metadata.version.minor);
        check(asked.metadata.traits == 0 && asked.later == 55, "traits or what lies behind them");
    }
}

/* ---- results: those of rf_forward and rf_backward, one element at a time where parameters are arrays */

enum { N = 2 * 3 * 4 * 5 };

/* Ways for parameters to lie along x (2, 3, 4, 5). */
static const struct {
    int rank;
    int64_t dims[4];
} layouts[] = {
    {0, {0}},          {4, {1, 1, 1, 1}}, {4, {1, 3, 1, 1}}, {4, {1, 1, 1, 5}}, {4, {2, 1, 1, 1}},
    {4, {2, 3, 1, 1}}, {4, {2, 1, 4, 1}}, {4, {2, 1, 1, 5}}, {4, {1, 3, 4, 5}}, {4, {2, 3, 4, 5}},
};
static const int64_t dims[] = {2, 3, 4, 5};

/* Which entry of parameters of `shape` belongs to element i of x. */
static size_t entry_of(const int64_t *shape, int rank, size_t i)
{
    size_t entry = 0, stride = 1;
    for (int d = 3; d >= 0; i /= (size_t)dims[d], d--)
        if (rank && shape[d] > 1) {
            entry += i % (size_t)dims[d] * stride;
            stride *= (size_t)shape[d];
        }
    return entry;
}

static int dtype_of_xla(rf_dtype dtype) { return dtype == RF_FLOAT32 ? XLA_F32 : XLA_F64; }

static void agrees(rf_activation row, rf_dtype dtype, size_t at)
{
    const rf_activation_info *info = rf_info(row);
    const int xla = dtype_of_xla(dtype), rank = layouts[at].rank;
    const int64_t *shape = layouts[at].dims;
    const size_t size = rf_dtype_size(dtype);
    double x[N], g[N], y[N], gx[N], want[N], want_gx[N], params[RF_MAX_PARAMS][N];
    char sums[N * sizeof(double)];
    sample_inputs(dtype, x, N);
    sample_gradients(dtype, g, N);
    frame f;
    start(&f, info->name);
    operand(&f, xla, x, 4, dims);
    size_t n_entries = entry_of(shape, rank, N - 1) + 1;
    for (int k = 0; k < info->n_params; k++) {
        for (size_t i = 0; i < n_entries; i++)
            put(dtype, params[k], i, 0.25L * (long double)(i + 1) + k * 31);
        operand(&f, xla, params[k], rank, shape);
    }
    result(&f, xla, y, 4, dims);
    accepted(rf_xla_forward(&f.call), info->name);
    long double sum[N] = {0};
    for (size_t i = 0; i < N; i++) {
        char one[RF_MAX_PARAMS * sizeof(double)];
        const size_t entry = entry_of(shape, rank, i);
        for (int k = 0; k < info->n_params; k++)
            memcpy(one + (size_t)k * size, (char *)params[k] + entry * size, size);
        const char *xi = (char *)x + i * size, *gi = (char *)g + i * size;
        rf_forward(row, dtype, 1, xi, info->n_params ? one : NULL, (char *)want + i * size);
        rf_backward(row, dtype, 1, gi, xi, info->n_params ? one : NULL, (char *)want_gx + i * size);
        if (!(get(dtype, x, i) > 0)) sum[entry] += get(dtype, g, i) * get(dtype, x, i);
    }
    size_t where = first_difference(dtype, y, want, N);
    check(where == N, "%s, %s, layout %zu: y differs at %zu", info->name, dtype_name(dtype), at, where);

    start(&f, info->name);
    operand(&f, xla, g, 4, dims);
    operand(&f, xla, x, 4, dims);
    for (int k = 0; k < info->n_params; k++) operand(&f, xla, params[k], rank, shape);
    result(&f, xla, gx, 4, dims);
    accepted(rf_xla_backward(&f.call), info->name);
    where = first_difference(dtype, gx, want_gx, N);
    check(where == N, "%s, %s, layout %zu: grad_input differs at %zu", info->name, dtype_name(dtype), at,
          where);
    if (info->n_gradients < 2) return;

    memset(sums, 77, sizeof sums);
    result(&f, xla, sums, rank, shape);
    memset(gx, 0, sizeof gx);
    accepted(rf_xla_backward(&f.call), info->name);
    where = first_difference(dtype, gx, want_gx, N);
    check(where == N, "%s, %s, layout %zu: grad_input with the weight's differs at %zu", info->name,
          dtype_name(dtype), at, where);
    for (size_t i = 0; i < n_entries; i++) {
        /* halves of a ULP apart: long double and float64 add up differently */
        long double got = get(dtype, sums, i), wanted = rounded(dtype, sum[i]);
        check(got == wanted || (isnan(got) && isnan(wanted)) || fabsl(got - wanted) <= 1e-6L * fabsl(wanted),
              "%s, %s, layout %zu: gradient of weight %zu is %Lg, expected %Lg", info->name,
              dtype_name(dtype), at, i, got, wanted);
    }
    check(n_entries == N || sums[n_entries * size] == 77, "%s, layout %zu: wrote past the weights",
          info->name, at);
}

static void results_are_those_of_the_other_functions(void)
{
    FOR_EACH_ROW(row)
        FOR_EACH_DTYPE(dtype)
            for (size_t at = 0; at < LENGTH_OF(layouts); at++) agrees(row, dtype, at);
}

static void halves(void)
{
    const int64_t shape[] = {3};
    const uint16_t x[] = {0xbc00, 0x3c00, 0x4000}, bf[] = {0xbf80, 0x3f80, 0x4000};
    uint16_t y[3];
    frame f;
    start(&f, "relu");
    operand(&f, XLA_F16, x, 1, shape);
    result(&f, XLA_F16, y, 1, shape);
    accepted(rf_xla_forward(&f.call), "float16");
    check(y[0] == 0 && y[1] == x[1] && y[2] == x[2], "relu of float16");
    f.operands[0].dtype = f.results[0].dtype = XLA_BF16;
    f.operands[0].data = (void *)bf;
    accepted(rf_xla_forward(&f.call), "bfloat16");
    check(y[0] == 0 && y[1] == bf[1] && y[2] == bf[2], "relu of bfloat16");
}

static void empty_arrays(void)
{
    const int64_t shape[] = {0, 3}, units[] = {1, 3};
    const float w[3] = {1, 1, 1};
    float gw[3] = {7, 7, 7};
    frame f;
    start(&f, "prelu");
    operand(&f, XLA_F32, NULL, 2, shape);
    operand(&f, XLA_F32, w, 2, units);
    result(&f, XLA_F32, NULL, 2, shape);
    accepted(rf_xla_forward(&f.call), "forward of nothing");
    start(&f, "prelu");
    operand(&f, XLA_F32, NULL, 2, shape);
    operand(&f, XLA_F32, NULL, 2, shape);
    operand(&f, XLA_F32, w, 2, units);
    result(&f, XLA_F32, NULL, 2, shape);
    result(&f, XLA_F32, gw, 2, units);
    accepted(rf_xla_backward(&f.call), "backward of nothing");
    check(gw[0] == 0 && gw[1] == 0 && gw[2] == 0, "the gradient of a weight without elements is not 0");
}

/* ---- refusals */

static float data[N], out[N];
static const int64_t flat[] = {N}, other[] = {N - 1}, part[] = {2};

static void good(frame *f, const char *activation, int n_params)
{
    start(f, activation);
    operand(f, XLA_F32, data, 1, flat);
    for (int k = 0; k < n_params; k++) operand(f, XLA_F32, data, 0, NULL);
    result(f, XLA_F32, out, 1, flat);
}

static void refused(void *error, const char *message)
{
    check(error == &error_token && code_said == XLA_INVALID_ARGUMENT && strstr(said, message),
          "refused with code %d and \"%s\", expected \"%s\"", code_said, said, message);
    for (size_t i = 0; i < N; i++)
        if (!check(out[i] == 5, "refused (%s), but written", message)) break;
    *said = 0;
    code_said = -1;
}

static void refusals(void)
{
    for (size_t i = 0; i < N; i++) out[i] = 5;
    frame f;
#define FORWARD(activation, n_params, change, message)                                                       \
    do {                                                                                                     \
        good(&f, activation, n_params);                                                                      \
        change;                                                                                              \
        refused(rf_xla_forward(&f.call), message);                                                           \
    } while (0)
    FORWARD("relu", 0, f.call.struct_size = 8, "structs have sizes 8, ");
    FORWARD("relu", 0, f.call.operands.struct_size += 8, "structs have sizes ");
    FORWARD("relu", 0, f.call.results.struct_size += 8, "structs have sizes ");
    FORWARD("relu", 0, f.call.attributes.struct_size -= 8, "structs have sizes ");
    FORWARD("relu", 0, f.call.stage = 1, "called in stage 1, expected 3");
    FORWARD("relu", 0, f.call.attributes.size = 0, "\"activation\" is missing");
    FORWARD("relu", 0, f.attribute_types[0] = 3, "\"activation\" is missing or no string");
    FORWARD("relu", 0, f.name.length--, "\"activation\" is missing");
    FORWARD("relu7", 0, (void)0, "unknown activation \"relu7\"");
    FORWARD("relu6", 0, f.value.length = 3, "unknown activation \"rel\"");
    FORWARD("relu", 1, (void)0, "relu got 2 operands, expected 1: x and 0 parameters");
    FORWARD("elu", 0, (void)0, "elu got 1 operands, expected 2: x and 1 parameters");
    FORWARD("relu", 0, result(&f, XLA_F32, out, 1, flat), "relu got 2 results, expected 1");
    FORWARD("prelu", 1, result(&f, XLA_F32, out, 1, flat), "prelu got 2 results, expected 1");
    FORWARD("relu", 0, f.call.results.size = 0, "relu got 0 results");
    FORWARD("relu", 0, f.operands[0].dtype = 4,
            "operand 0 has XLA's dtype 4, expected F16, BF16, F32 or F64");
    FORWARD("elu", 1, f.operands[1].dtype = XLA_F16, "operand 1 is float16, expected float32 as operand 0");
    FORWARD("relu", 0, f.results[0].dtype = XLA_BF16, "result 0 is bfloat16, expected float32");
    FORWARD("relu", 0, f.operands[0].struct_size -= 8, "operand 0 is no buffer");
    FORWARD("relu", 0, f.types[0] = 2, "operand 0 is no buffer");
    FORWARD("relu", 0, f.operands[0].data = (char *)data + 1, "operand 0 is misaligned");
    FORWARD("relu", 0, f.results[0].data = (char *)out + 2, "result 0 is misaligned");
    FORWARD("relu", 0, f.results[0].dims = other, "relu got arrays of different shapes");
    FORWARD("relu", 0, f.results[0].rank = 0, "relu got arrays of different shapes");
    FORWARD("relu", 0, f.results[0].data = data + 1, "output overlaps an input");
    FORWARD("elu", 1, (f.operands[1].rank = 1, f.operands[1].dims = part),
            "elu got parameters that are not of one");
    FORWARD("hardtanh", 2, (f.operands[2].rank = 1, f.operands[2].dims = flat),
            "hardtanh got parameters that");
    FORWARD("elu", 1, (f.operands[1].rank = 2, f.operands[1].dims = dims),
            "elu got parameters that are not of");
#undef FORWARD
    /* (2, 2, 2, 2, 2) with parameters (1, 2, 1, 2, 1) */
    static const int64_t five[] = {2, 2, 2, 2, 2}, deep[] = {1, 2, 1, 2, 1};
    start(&f, "elu");
    operand(&f, XLA_F32, data, 5, five);
    operand(&f, XLA_F32, data, 5, deep);
    result(&f, XLA_F32, out, 5, five);
    refused(rf_xla_forward(&f.call), "in more than two separate places");

    good(&f, "relu", 0);
    refused(rf_xla_backward(&f.call), "relu got 1 operands, expected 2: grad_output, x and 0 parameters");
    good(&f, "elu", 2);
    refused(rf_xla_backward(&f.call), "elu got arrays of different shapes");
    good(&f, "relu", 0);
    operand(&f, XLA_F32, data, 1, flat);
    result(&f, XLA_F32, out, 1, flat);
    refused(rf_xla_backward(&f.call), "relu got 2 results, expected 1");
    start(&f, "prelu");
    for (int i = 0; i < 2; i++) operand(&f, XLA_F32, data, 1, flat);
    operand(&f, XLA_F32, data, 0, NULL);
    for (int i = 0; i < 2; i++) result(&f, XLA_F32, out, 1, flat);
    refused(rf_xla_backward(&f.call), "prelu got a parameter and its gradient of different shapes");
    start(&f, "prelu");
    operand(&f, XLA_F32, data, 5, five);
    operand(&f, XLA_F32, data, 5, five);
    operand(&f, XLA_F32, data, 5, deep);
    result(&f, XLA_F32, out, 5, five);
    refused(rf_xla_backward(&f.call), "in more than two separate places");
}

void test_xla(void)
{
    the_version_is_told();
    results_are_those_of_the_other_functions();
    halves();
    empty_arrays();
    refusals();
}
