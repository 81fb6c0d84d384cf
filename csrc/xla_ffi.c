/* Handlers of XLA's foreign function interface: reads what the runtime hands over, checks it, computes. */
#include "xla_ffi.h"
#include "kernels.h"
#include "overlap.h"
#include "workspace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what is answered */

__attribute__((format(printf, 3, 4))) static void *fail(const xla_call *call, int code, const char *format,
                                                        ...)
{
    char message[256] = "relu_fast: ";
    const size_t start = strlen(message);
    va_list args;
    va_start(args, format);
    vsnprintf(message + start, sizeof message - start, format, args);
    va_end(args);
    xla_error error = {.struct_size = sizeof error, .message = message, .code = code};
    return call->api->create_error(&error);
}
#define REFUSE(...) return fail(call, XLA_INVALID_ARGUMENT, __VA_ARGS__)

static void *answer(const xla_call *call, rf_status status)
{
    if (status == RF_OK) return NULL;
    return fail(call, status == RF_ENOMEM ? XLA_RESOURCE_EXHAUSTED : XLA_INVALID_ARGUMENT, "%s",
                rf_strerror(status));
}

/* Whether this call only asks for the version, and the answer to it. */
static int is_query(const xla_call *call)
{
    for (xla_extension *e = call->extensions; e; e = e->next) {
        if (e->type != XLA_EXTENSION_METADATA) continue;
        xla_metadata *metadata = ((xla_metadata_query *)(void *)e)->metadata;
        metadata->version.major = XLA_VERSION_MAJOR;
        metadata->version.minor = XLA_VERSION_MINOR;
        metadata->traits = 0;
        return 1;
    }
    return 0;
}

/* ---- what is handed over */

enum { MOST_OPERANDS = 2 + RF_MAX_PARAMS, MOST_RESULTS = 2 };

typedef struct {
    rf_activation activation;
    const rf_activation_info *info;
    rf_dtype dtype;
    size_t size, n; /* bytes of an element; elements */
    int n_data;     /* operands before the parameters */
    const xla_buffer *operands[MOST_OPERANDS], *results[MOST_RESULTS];
} work;

static int dtype_of(const xla_buffer *b)
{
    switch (b->dtype) {
    case XLA_F32: return RF_FLOAT32;
    case XLA_F64: return RF_FLOAT64;
    case XLA_F16: return RF_FLOAT16;
    case XLA_BF16: return RF_BFLOAT16;
    default: return -1;
    }
}

static int same_shape(const xla_buffer *a, const xla_buffer *b)
{
    return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims));
}

/* Whether `b` can be repeated along axes where it has one entry to have the shape of `like`. */
static int fits(const xla_buffer *b, const xla_buffer *like)
{
    if (b->rank != like->rank) return b->rank == 0;
    for (int64_t d = 0; d < b->rank; d++)
        if (b->dims[d] != like->dims[d] && b->dims[d] != 1) return 0;
    return 1;
}

static size_t count_of(const xla_buffer *b)
{
    size_t n = 1; /* of an array that the runtime has allocated: no overflow */
    for (int64_t d = 0; d < b->rank; d++) n *= (size_t)b->dims[d];
    return n;
}

static void *read_buffers(const xla_call *call, const xla_list *list, const char *what,
                          const xla_buffer **buffers, work *w)
{
    for (int64_t i = 0; i < list->size; i++) {
        const xla_buffer *b = list->items[i];
        if (list->types[i] != XLA_BUFFER || b->struct_size < sizeof *b)
            REFUSE("%s %d is no buffer", what, (int)i);
        int dtype = dtype_of(b);
        if (dtype < 0)
            REFUSE("%s %d has XLA's dtype %d, expected F16, BF16, F32 or F64", what, (int)i, b->dtype);
        if (!w->size) {
            w->dtype = (rf_dtype)dtype;
            w->size = rf_dtype_size(w->dtype);
        }
        if ((rf_dtype)dtype != w->dtype)
            REFUSE("%s %d is %s, expected %s as operand 0", what, (int)i, rf_dtype_name((rf_dtype)dtype),
                   rf_dtype_name(w->dtype));
        if (misaligned(b->data, w->size)) REFUSE("%s %d is misaligned", what, (int)i);
        buffers[i] = b;
    }
    return NULL;
}

static void *read_activation(const xla_call *call, work *w)
{
    const xla_attributes *a = &call->attributes;
    for (int64_t i = 0; i < a->size; i++) {
        if (a->names[i]->length != strlen("activation") ||
            memcmp(a->names[i]->start, "activation", a->names[i]->length))
            continue;
        if (a->types[i] != XLA_STRING) break;
        const xla_text *given = a->values[i];
        for (rf_activation row = 0; (w->info = rf_info(row)); row++) {
            w->activation = row;
            if (strlen(w->info->name) == given->length &&
                memcmp(w->info->name, given->start, given->length) == 0)
                return NULL;
        }
        REFUSE("unknown activation \"%.*s\"", (int)(given->length < 40 ? given->length : 40), given->start);
    }
    REFUSE("the attribute \"activation\" is missing or no string");
}

/* Operands are `n_data` arrays and the parameters; results are arrays, and where `learns` permits the
 * gradient of the parameter. */
static void *read_call(const xla_call *call, int n_data, int learns, work *w)
{
    *w = (work){.n_data = n_data};
    if (call->struct_size < sizeof *call || call->operands.struct_size != sizeof call->operands ||
        call->results.struct_size != sizeof call->results ||
        call->attributes.struct_size != sizeof call->attributes)
        REFUSE("the runtime's structs have sizes %zu, %zu, %zu and %zu, expected %zu, %zu, %zu and %zu",
               call->struct_size, call->operands.struct_size, call->results.struct_size,
               call->attributes.struct_size, sizeof *call, sizeof call->operands, sizeof call->results,
               sizeof call->attributes);
    if (call->stage != XLA_STAGE_EXECUTE)
        REFUSE("called in stage %d, expected %d, execution", call->stage, XLA_STAGE_EXECUTE);
    void *error = read_activation(call, w);
    if (error) return error;
    const int n_params = w->info->n_params, most = learns && w->info->n_gradients > 1 ? 2 : 1;
    if (call->operands.size != n_data + n_params)
        REFUSE("%s got %d operands, expected %d: %s and %d parameters", w->info->name,
               (int)call->operands.size, n_data + n_params, n_data == 1 ? "x" : "grad_output, x", n_params);
    if (call->results.size < 1 || call->results.size > most)
        REFUSE("%s got %d results, expected 1%s", w->info->name, (int)call->results.size,
               most == 2 ? " or 2" : "");
    error = read_buffers(call, &call->operands, "operand", w->operands, w);
    if (!error) error = read_buffers(call, &call->results, "result", w->results, w);
    if (error) return error;
    const xla_buffer *x = w->operands[0];
    if ((n_data == 2 && !same_shape(w->operands[1], x)) || !same_shape(w->results[0], x))
        REFUSE("%s got arrays of different shapes", w->info->name);
    for (int k = 0; k < n_params; k++) {
        const xla_buffer *param = w->operands[n_data + k];
        if (!same_shape(param, w->operands[n_data]) || !fits(param, x))
            REFUSE("%s got parameters that are not of one shape, with 1 or the size of x along every axis",
                   w->info->name);
    }
    if (call->results.size == 2 && !same_shape(w->results[1], w->operands[n_data]))
        REFUSE("%s got a parameter and its gradient of different shapes", w->info->name);
    w->n = count_of(x);
    return NULL;
}

/* ---- how parameters lie along x */

/* One value for all (units is 1 and so is `leading`), one an element (`elementwise`), or one a unit: then the
 * array is `leading` arrays (outer, units, inner), each with parameters of its own. */
typedef struct {
    int elementwise;
    size_t leading;
    rf_shape shape;
} layout;

static int find_layout(const xla_buffer *x, const xla_buffer *param, layout *found)
{
    /* axes side by side that the parameters have, that they are repeated along, that they have, ... */
    size_t runs[4] = {1, 1, 1, 1};
    int last = 0;
    for (int64_t d = 0; d < x->rank; d++) {
        if (x->dims[d] == 1) continue;
        int repeated = param->rank == 0 || param->dims[d] == 1;
        last += repeated != last % 2;
        if (last > 3) return 0;
        runs[last] *= (size_t)x->dims[d];
    }
    *found = last > 1 ? (layout){.leading = runs[0], .shape = {runs[1], runs[2], runs[3]}}
                      : (layout){.leading = 1, .shape = {1, runs[0], runs[1]}, .elementwise = last == 0};
    return 1;
}

static void *deep(const xla_call *call, const work *w)
{
    REFUSE("%s got parameters that are repeated along x in more than two separate places", w->info->name);
}

/* The loop that ufuncs run, parameters being arrays as well. */
static void run_elementwise(const work *w, rf_direction direction, int n_results)
{
    char *args[MOST_OPERANDS + MOST_RESULTS];
    ptrdiff_t steps[MOST_OPERANDS + MOST_RESULTS];
    int n_args = 0, n_operands = w->n_data + w->info->n_params;
    for (int i = 0; i < n_operands; i++) args[n_args++] = w->operands[i]->data;
    for (int i = 0; i < n_results; i++) args[n_args++] = w->results[i]->data;
    for (int i = 0; i < n_args; i++) steps[i] = (ptrdiff_t)w->size;
    rf_run(w->activation, direction, w->dtype, args, (ptrdiff_t)w->n, steps);
}

/* One value of each parameter, next to each other. */
static const void *gather(const work *w, double *room)
{
    for (int k = 0; k < w->info->n_params; k++)
        memcpy((char *)room + (size_t)k * w->size, w->operands[w->n_data + k]->data, w->size);
    return room;
}

static const void *at(const xla_buffer *b, size_t bytes) { return (const char *)b->data + bytes; }

/* ---- forward */

void *rf_xla_forward(void *call_frame)
{
    const xla_call *call = call_frame;
    if (is_query(call)) return NULL;
    work w;
    void *error = read_call(call, 1, 0, &w);
    if (error || w.n == 0) return error;
    const xla_buffer *x = w.operands[0], *y = w.results[0];
    layout l = {.leading = 1, .shape = {1, 1, w.n}};
    if (w.info->n_params && !find_layout(x, w.operands[1], &l)) return deep(call, &w);
    if (l.elementwise) return run_elementwise(&w, RF_FORWARD, 1), NULL;
    if (l.leading == 1 && l.shape.units == 1) {
        double params[RF_MAX_PARAMS];
        return answer(call, rf_forward(w.activation, w.dtype, w.n, x->data, gather(&w, params), y->data));
    }
    const size_t block = w.n / l.leading * w.size, params = l.shape.units * w.size;
    rf_units_forward_args a = {.activation = w.activation, .dtype = w.dtype, .shape = l.shape};
    a.z_step = a.y_step = (ptrdiff_t)(l.shape.units * l.shape.inner * w.size);
    rf_status status = RF_OK;
    for (size_t i = 0; i < l.leading && status == RF_OK; i++) {
        a.z = at(x, i * block);
        a.y = (void *)at(y, i * block);
        for (int k = 0; k < w.info->n_params; k++) {
            a.params[k] = at(w.operands[1 + k], i * params);
            a.param_per_unit[k] = 1;
        }
        status = rf_units_forward(&a);
    }
    return answer(call, status);
}

/* ---- backward */

/* By units, with the sums that are the gradient of a learned parameter if it is wanted. */
static rf_status backward_by_units(const work *w, const layout *l, const xla_buffer *weight_grad)
{
    const size_t block = w->n / l->leading * w->size, units = l->shape.units;
    const int narrows = weight_grad && w->dtype != RF_FLOAT64;
    rf_units_backward_args a = {.activation = w->activation, .dtype = w->dtype, .shape = l->shape};
    a.grad_output_step = a.source_step = a.grad_input_step = (ptrdiff_t)(units * l->shape.inner * w->size);
    if (narrows && !(a.weight_grad = rf_workspace_take(units * sizeof(double)))) return RF_ENOMEM;
    rf_status status = RF_OK;
    for (size_t i = 0; i < l->leading && status == RF_OK; i++) {
        const size_t first = i * units * w->size;
        a.grad_output = at(w->operands[0], i * block);
        a.source = at(w->operands[1], i * block);
        a.grad_input = (void *)at(w->results[0], i * block);
        for (int k = 0; k < w->info->n_params; k++) {
            a.params[k] = at(w->operands[2 + k], first);
            a.param_per_unit[k] = 1;
        }
        if (weight_grad && !narrows) a.weight_grad = (double *)(void *)at(weight_grad, first);
        status = rf_units_backward(&a);
        if (narrows && status == RF_OK)
            rf_narrow(w->dtype, a.weight_grad, (void *)at(weight_grad, first), units);
    }
    if (narrows) rf_workspace_give(a.weight_grad);
    return status;
}

void *rf_xla_backward(void *call_frame)
{
    const xla_call *call = call_frame;
    if (is_query(call)) return NULL;
    work w;
    void *error = read_call(call, 2, 1, &w);
    if (error) return error;
    const xla_buffer *weight_grad = call->results.size == 2 ? w.results[1] : NULL;
    if (w.n == 0) {
        const size_t bytes = weight_grad ? count_of(weight_grad) * w.size : 0;
        if (bytes) memset(weight_grad->data, 0, bytes);
        return NULL;
    }
    layout l = {.leading = 1, .shape = {1, 1, w.n}};
    if (w.info->n_params && !find_layout(w.operands[1], w.operands[2], &l)) return deep(call, &w);
    if (l.elementwise) {
        rf_direction one_result = w.info->n_gradients > 1 ? RF_BACKWARD_Y : RF_BACKWARD; /* as rf_backward */
        return run_elementwise(&w, weight_grad ? RF_BACKWARD : one_result, weight_grad ? 2 : 1), NULL;
    }
    if (l.leading == 1 && l.shape.units == 1 && !weight_grad) {
        double params[RF_MAX_PARAMS];
        return answer(call, rf_backward(w.activation, w.dtype, w.n, w.operands[0]->data, w.operands[1]->data,
                                        gather(&w, params), w.results[0]->data));
    }
    return answer(call, backward_by_units(&w, &l, weight_grad));
}
