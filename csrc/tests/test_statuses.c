/* What is refused is refused with its status and nothing is written; what looks odd but is allowed is not
 * refused. Also the table of activations, instruction sets and messages as a caller sees them. */
#if !defined(__APPLE__)
#define _POSIX_C_SOURCE 200112L /* setenv */
#endif
#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTER = 4, UNITS = 3, INNER = 2, BLOCK = UNITS * INNER, N = OUTER * BLOCK, MASK = N / 8 };

/* Everything that the calls below can reach, so that one comparison shows whether anything was written. */
static struct arena {
    double before[N], z[N], g[N], out[2 * N], after[N];
    double bias[UNITS], param[UNITS], bias_grad[UNITS], max[UNITS], min[UNITS], sum_abs[UNITS];
    double weight_grad[UNITS];
    uint8_t mask[MASK + 1];
    int64_t active[UNITS], nonfinite[UNITS], nonzero[UNITS];
} m, untouched;

static const ptrdiff_t STEP = BLOCK * sizeof(double);

static void reset(void)
{
    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < N; i++) m.z[i] = (double)i - 7, m.g[i] = 1;
    for (size_t i = 0; i < UNITS; i++) m.param[i] = 0.5, m.bias_grad[i] = 9;
    untouched = m;
}

static void refused(rf_status got, rf_status want, const char *what)
{
    check(got == want, "%s: status \"%s\", expected \"%s\"", what, rf_strerror(got), rf_strerror(want));
    check(memcmp(&m, &untouched, sizeof m) == 0, "%s: refused, but memory was written", what);
    reset();
}

static void accepted(rf_status got, const char *what)
{
    check(got == RF_OK, "%s: status \"%s\"", what, rf_strerror(got));
    reset();
}

/* One byte into an array. */
#define OFF(p) ((void *)((char *)(p) + 1))

/* ---- elementwise */

static void elementwise_calls(void)
{
    const rf_activation relu = rf_activation_by_name("relu"), elu = rf_activation_by_name("elu");
    const rf_dtype f64 = RF_FLOAT64, unknown = (rf_dtype)RF_N_DTYPES;
    const size_t huge = SIZE_MAX / sizeof(double);
#define FORWARD(status, ...) refused(rf_forward(__VA_ARGS__), status, "rf_forward(" #__VA_ARGS__ ")")
    FORWARD(RF_EINVAL, -1, f64, N, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, 1000, f64, N, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, unknown, N, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, (rf_dtype)-1, N, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, huge, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, SIZE_MAX, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, N, NULL, NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, N, m.z, NULL, NULL);
    FORWARD(RF_EINVAL, elu, f64, N, m.z, NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, N - 1, OFF(m.z), NULL, m.out);
    FORWARD(RF_EINVAL, relu, f64, N - 1, m.z, NULL, OFF(m.out));
    FORWARD(RF_EINVAL, elu, f64, N, m.z, OFF(m.param), m.out);
    FORWARD(RF_EOVERLAP, relu, f64, N - 1, m.z, NULL, m.z + 1);
    FORWARD(RF_EOVERLAP, relu, f64, N - 1, m.z + 1, NULL, m.z);
    FORWARD(RF_EOVERLAP, elu, f64, N, m.z, m.out + 3, m.out);
#undef FORWARD
#define BACKWARD(status, ...) refused(rf_backward(__VA_ARGS__), status, "rf_backward(" #__VA_ARGS__ ")")
    BACKWARD(RF_EINVAL, -1, f64, N, m.g, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, 1000, f64, N, m.g, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, unknown, N, m.g, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, huge, m.g, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N, NULL, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N, m.g, NULL, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N, m.g, m.z, NULL, NULL);
    BACKWARD(RF_EINVAL, elu, f64, N, m.g, m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N - 1, OFF(m.g), m.z, NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N - 1, m.g, OFF(m.z), NULL, m.out);
    BACKWARD(RF_EINVAL, relu, f64, N - 1, m.g, m.z, NULL, OFF(m.out));
    BACKWARD(RF_EINVAL, elu, f64, N, m.g, m.z, OFF(m.param), m.out);
    BACKWARD(RF_EOVERLAP, relu, f64, N - 1, m.g, m.z, NULL, m.g + 1);
    BACKWARD(RF_EOVERLAP, relu, f64, N - 1, m.g, m.z + 1, NULL, m.z);
    BACKWARD(RF_EOVERLAP, elu, f64, N, m.g, m.z, m.out + 3, m.out);
#undef BACKWARD
    accepted(rf_forward(relu, f64, 0, NULL, NULL, NULL), "rf_forward of nothing");
    accepted(rf_backward(relu, f64, 0, NULL, NULL, NULL, NULL), "rf_backward of nothing");
    accepted(rf_forward(relu, f64, N, m.z, NULL, m.z), "rf_forward in place");
    accepted(rf_forward(relu, f64, N, m.z, NULL, m.z + N), "rf_forward into the neighbour behind");
    accepted(rf_backward(relu, f64, N, m.g, m.g, NULL, m.g), "rf_backward of one array three times");
}

/* ---- per unit: a good call, and what each change of it is answered with */

static rf_units_forward_args good_forward(void)
{
    return (rf_units_forward_args){.activation = rf_activation_by_name("prelu"),
                                   .dtype = RF_FLOAT64,
                                   .shape = {OUTER, UNITS, INNER},
                                   .z = m.z,
                                   .z_step = STEP,
                                   .y = m.out,
                                   .y_step = STEP,
                                   .bias = m.bias,
                                   .params = {m.param},
                                   .param_per_unit = {1},
                                   .counts = {m.active, m.nonfinite, m.max, m.min, m.sum_abs}};
}

static rf_units_backward_args good_backward(void)
{
    return (rf_units_backward_args){.activation = rf_activation_by_name("prelu"),
                                    .dtype = RF_FLOAT64,
                                    .shape = {OUTER, UNITS, INNER},
                                    .grad_output = m.g,
                                    .grad_output_step = STEP,
                                    .source = m.z,
                                    .source_step = STEP,
                                    .grad_input = m.out,
                                    .grad_input_step = STEP,
                                    .bias = m.bias,
                                    .params = {m.param},
                                    .param_per_unit = {1},
                                    .bias_grad = m.bias_grad,
                                    .counts = {m.nonzero, m.nonfinite}};
}

#define FORWARD(status, change)                                                                              \
    do {                                                                                                     \
        rf_units_forward_args a = good_forward();                                                            \
        change;                                                                                              \
        refused(rf_units_forward(&a), status, "rf_units_forward: " #change);                                 \
    } while (0)
#define BACKWARD(status, change)                                                                             \
    do {                                                                                                     \
        rf_units_backward_args a = good_backward();                                                          \
        change;                                                                                              \
        refused(rf_units_backward(&a), status, "rf_units_backward: " #change);                               \
    } while (0)
#define GOOD_FORWARD(change)                                                                                 \
    do {                                                                                                     \
        rf_units_forward_args a = good_forward();                                                            \
        change;                                                                                              \
        accepted(rf_units_forward(&a), "rf_units_forward: " #change);                                        \
    } while (0)
#define GOOD_BACKWARD(change)                                                                                \
    do {                                                                                                     \
        rf_units_backward_args a = good_backward();                                                          \
        change;                                                                                              \
        accepted(rf_units_backward(&a), "rf_units_backward: " #change);                                      \
    } while (0)

static void forward_refusals(void)
{
    const rf_activation leaky = rf_activation_by_name("leaky_relu");
    refused(rf_units_forward(NULL), RF_EINVAL, "rf_units_forward(NULL)");
    FORWARD(RF_EINVAL, a.activation = -1);
    FORWARD(RF_EINVAL, a.activation = 1000);
    FORWARD(RF_EINVAL, a.dtype = (rf_dtype)RF_N_DTYPES);
    FORWARD(RF_EINVAL, a.params[0] = NULL);
    FORWARD(RF_EINVAL, a.z = NULL);
    FORWARD(RF_EINVAL, a.z = OFF(m.z));
    FORWARD(RF_EINVAL, a.y = OFF(m.out));
    FORWARD(RF_EINVAL, a.bias = OFF(m.bias));
    FORWARD(RF_EINVAL, a.params[0] = OFF(m.param));
    FORWARD(RF_EINVAL, a.counts.active = OFF(m.active));
    FORWARD(RF_EINVAL, a.counts.nonfinite = OFF(m.nonfinite));
    FORWARD(RF_EINVAL, a.counts.max = OFF(m.max));
    FORWARD(RF_EINVAL, a.counts.min = OFF(m.min));
    FORWARD(RF_EINVAL, a.counts.sum_abs = OFF(m.sum_abs));
    FORWARD(RF_EINVAL, a.z_step = STEP + 1);
    FORWARD(RF_EINVAL, a.y_step = STEP + 1);
    FORWARD(RF_EINVAL, a.y_step = 0);
    FORWARD(RF_EINVAL, a.y_step = STEP - 8);
    FORWARD(RF_EINVAL, a.y_step = 8 - STEP);
    FORWARD(RF_EINVAL, a.z_step = PTRDIFF_MAX - 7);
    FORWARD(RF_EINVAL, a.z_step = PTRDIFF_MIN);
    FORWARD(RF_EINVAL, a.y_step = PTRDIFF_MIN);
    FORWARD(RF_EINVAL, a.shape.outer = SIZE_MAX);
    FORWARD(RF_EINVAL, a.shape.units = SIZE_MAX);
    FORWARD(RF_EINVAL, a.shape.inner = SIZE_MAX);
    FORWARD(RF_EINVAL, a.shape.units = a.shape.inner = (size_t)1 << 32);
    FORWARD(RF_EINVAL, (a.shape.outer = 0, a.shape.units = SIZE_MAX));
    FORWARD(RF_EOVERLAP, a.y = m.z + 1);
    FORWARD(RF_EOVERLAP, a.y = m.z + BLOCK);
    FORWARD(RF_EOVERLAP, (a.y = m.z, a.y_step = 2 * STEP));
    FORWARD(RF_EOVERLAP, (a.z = m.z + N - BLOCK, a.z_step = -STEP, a.y = m.z)); /* reversed */
    FORWARD(RF_EOVERLAP, (a.z = m.z, a.y = m.z + N - BLOCK, a.y_step = -STEP)); /* reversed */
    FORWARD(RF_EOVERLAP,
            (a.z = m.out, a.z_step = a.y_step = 2 * STEP, a.y = m.out + BLOCK - 1)); /* columns */
    FORWARD(RF_EOVERLAP, (a.z = m.out + 1, a.z_step = a.y_step = 2 * STEP, a.y = m.out + BLOCK));
    FORWARD(RF_EOVERLAP, (a.z = m.out + BLOCK, a.z_step = 0));
    FORWARD(RF_EOVERLAP, (a.z = m.out + N - 1, a.z_step = 0));
    FORWARD(RF_EINVAL, (a.activation = rf_activation_by_name("elu"), a.mask = m.mask));
    FORWARD(RF_EOVERLAP, (a.activation = leaky, a.mask = (uint8_t *)m.z));
    FORWARD(RF_EOVERLAP, (a.activation = leaky, a.mask = (uint8_t *)(m.out + N) - 1));
    FORWARD(RF_EOVERLAP, (a.activation = leaky, a.mask = (uint8_t *)m.bias - MASK + 1));
    FORWARD(RF_EOVERLAP, (a.activation = leaky, a.mask = (uint8_t *)m.param));
    FORWARD(RF_EOVERLAP, a.bias = m.out + 5);
    FORWARD(RF_EOVERLAP, a.params[0] = m.out + N - 1);
    FORWARD(RF_EOVERLAP, (a.params[0] = m.out + N - 1, a.param_per_unit[0] = 0));
    FORWARD(RF_EOVERLAP, a.counts.active = (int64_t *)m.out);
    FORWARD(RF_EOVERLAP, a.counts.nonfinite = (int64_t *)m.z + N - 1);
    FORWARD(RF_EOVERLAP, a.counts.max = m.bias + 1);
    FORWARD(RF_EOVERLAP, a.counts.min = m.param);
    FORWARD(RF_EOVERLAP, a.counts.sum_abs = m.max);
    FORWARD(RF_EOVERLAP, a.counts.min = m.max + 1);
    FORWARD(RF_EOVERLAP, a.counts.nonfinite = m.active);
    FORWARD(RF_EOVERLAP, (a.activation = leaky, a.mask = (uint8_t *)m.active + 7));
    FORWARD(RF_EOVERLAP, (a.y = NULL, a.counts.active = (int64_t *)m.z));
}

static void backward_refusals(void)
{
    const rf_activation leaky = rf_activation_by_name("leaky_relu");
    refused(rf_units_backward(NULL), RF_EINVAL, "rf_units_backward(NULL)");
    BACKWARD(RF_EINVAL, a.activation = -1);
    BACKWARD(RF_EINVAL, a.activation = 1000);
    BACKWARD(RF_EINVAL, a.dtype = (rf_dtype)RF_N_DTYPES);
    BACKWARD(RF_EINVAL, a.params[0] = NULL);
    BACKWARD(RF_EINVAL, a.source_kind = RF_FROM_Y); /* with a bias */
    BACKWARD(RF_EINVAL, (a.source_kind = RF_FROM_Y, a.bias = NULL, a.weight_grad = m.weight_grad));
    BACKWARD(RF_EINVAL,
             (a.activation = rf_activation_by_name("silu"), a.source_kind = RF_FROM_Y, a.bias = NULL));
    BACKWARD(RF_EINVAL, a.source_kind = (rf_source)3);
    BACKWARD(RF_EINVAL, (a.source_kind = RF_FROM_MASK, a.bias = NULL)); /* prelu has none */
    BACKWARD(RF_EINVAL, (a.activation = leaky, a.source_kind = RF_FROM_MASK));
    BACKWARD(RF_EINVAL, (a.activation = leaky, a.weight_grad = m.weight_grad)); /* not learned */
    BACKWARD(RF_EINVAL, a.weight_grad = OFF(m.weight_grad));
    BACKWARD(RF_EOVERLAP, a.weight_grad = m.bias_grad);
    BACKWARD(RF_EOVERLAP, a.weight_grad = m.out);
    BACKWARD(RF_EOVERLAP, a.weight_grad = m.param);
    BACKWARD(RF_EOVERLAP, (a.activation = leaky, a.source_kind = RF_FROM_MASK, a.bias = NULL,
                           a.source = (char *)m.out - 1));
    BACKWARD(RF_EOVERLAP,
             (a.activation = leaky, a.source_kind = RF_FROM_MASK, a.bias = NULL, a.source = m.bias_grad));
    BACKWARD(RF_EINVAL, a.grad_output = NULL);
    BACKWARD(RF_EINVAL, a.source = NULL);
    BACKWARD(RF_EINVAL, a.grad_input = NULL);
    BACKWARD(RF_EINVAL, a.grad_output = OFF(m.g));
    BACKWARD(RF_EINVAL, a.source = OFF(m.z));
    BACKWARD(RF_EINVAL, a.grad_input = OFF(m.out));
    BACKWARD(RF_EINVAL, a.bias = OFF(m.bias));
    BACKWARD(RF_EINVAL, a.params[0] = OFF(m.param));
    BACKWARD(RF_EINVAL, a.bias_grad = OFF(m.bias_grad));
    BACKWARD(RF_EINVAL, a.counts.nonzero = OFF(m.nonzero));
    BACKWARD(RF_EINVAL, a.counts.nonfinite = OFF(m.nonfinite));
    BACKWARD(RF_EINVAL, a.grad_output_step = STEP + 4);
    BACKWARD(RF_EINVAL, a.source_step = STEP + 4);
    BACKWARD(RF_EINVAL, a.grad_input_step = STEP + 4);
    BACKWARD(RF_EINVAL, a.grad_input_step = 0);
    BACKWARD(RF_EINVAL, a.grad_input_step = STEP - 8);
    BACKWARD(RF_EINVAL, a.grad_output_step = PTRDIFF_MIN);
    BACKWARD(RF_EINVAL, a.source_step = PTRDIFF_MAX - 7);
    BACKWARD(RF_EINVAL, a.shape.outer = SIZE_MAX);
    BACKWARD(RF_EINVAL,
             (a.shape.outer = 0, a.shape.units = SIZE_MAX / 8 + 1)); /* bias_grad would be cleared */
    BACKWARD(RF_EOVERLAP, a.grad_input = m.g + 1);
    BACKWARD(RF_EOVERLAP, a.grad_input = m.z + 1);
    BACKWARD(RF_EOVERLAP, (a.grad_input = m.g, a.grad_output_step = 0));
    BACKWARD(RF_EOVERLAP, (a.grad_input = m.z, a.source = m.z + N - BLOCK, a.source_step = -STEP));
    BACKWARD(RF_EOVERLAP, a.bias = m.out + 1);
    BACKWARD(RF_EOVERLAP, a.params[0] = m.out + 1);
    BACKWARD(RF_EOVERLAP, a.bias_grad = m.out + 1);
    BACKWARD(RF_EOVERLAP, a.bias_grad = m.g + 1);
    BACKWARD(RF_EOVERLAP, a.bias_grad = m.z + N - 1);
    BACKWARD(RF_EOVERLAP, a.bias_grad = m.bias);
    BACKWARD(RF_EOVERLAP, a.bias_grad = m.param);
    BACKWARD(RF_EOVERLAP, a.counts.nonzero = (int64_t *)m.out + N - 1);
    BACKWARD(RF_EOVERLAP, a.counts.nonzero = (int64_t *)m.g);
    BACKWARD(RF_EOVERLAP, a.counts.nonfinite = (int64_t *)m.z + 1);
    BACKWARD(RF_EOVERLAP, a.counts.nonfinite = m.nonzero + 1);
    BACKWARD(RF_EOVERLAP, a.counts.nonzero = (int64_t *)m.bias_grad);
    BACKWARD(RF_EOVERLAP, a.counts.nonzero = (int64_t *)m.param + 2);
}

static void odd_but_allowed(void)
{
    const rf_activation leaky = rf_activation_by_name("leaky_relu");
    GOOD_FORWARD((void)a);
    GOOD_FORWARD(a.y = NULL);
    GOOD_FORWARD((a.activation = leaky, a.mask = OFF(m.mask)));
    GOOD_FORWARD((a.activation = leaky, a.mask = m.mask, a.y = NULL, a.counts = (rf_unit_counts){0}));
    GOOD_FORWARD(a.y = m.z);
    GOOD_FORWARD((a.bias = NULL, a.counts = (rf_unit_counts){0}));
    GOOD_FORWARD(a.z_step = 0);
    GOOD_FORWARD(a.z_step = 8); /* entries that overlap each other are fine to read */
    GOOD_FORWARD((a.shape.outer = 1, a.z_step = 1, a.y_step = PTRDIFF_MIN));
    GOOD_FORWARD((a.shape.outer = 1, a.y = m.z, a.y_step = 0));
    GOOD_FORWARD((a.z = m.out, a.z_step = a.y_step = 2 * STEP, a.y = m.out + BLOCK)); /* columns */
    GOOD_FORWARD((a.z = m.out + BLOCK, a.z_step = a.y_step = 2 * STEP, a.y = m.out));
    GOOD_FORWARD(
        (a.z = m.out + 7 * BLOCK, a.z_step = -2 * STEP, a.y_step = 2 * STEP, a.y = m.out)); /* one reversed */
    GOOD_FORWARD((a.z = m.out + BLOCK, a.z_step = 0, a.y_step = 2 * STEP, a.y = m.out));
    GOOD_FORWARD((a.bias = m.out + BLOCK, a.y_step = 2 * STEP)); /* between the blocks of y */
    GOOD_FORWARD((a.shape.outer = 0, a.z = a.y = NULL));
    GOOD_FORWARD((a.shape.units = 0, a.z = a.y = NULL));
    GOOD_FORWARD((a.shape.inner = 0, a.z = a.y = NULL));
    GOOD_BACKWARD((void)a);
    GOOD_BACKWARD((a.source_kind = RF_FROM_Y, a.bias = NULL));
    GOOD_BACKWARD(a.weight_grad = m.weight_grad);
    GOOD_BACKWARD((a.weight_grad = m.bias_grad + 1, a.bias_grad = NULL, a.param_per_unit[0] = 0));
    GOOD_BACKWARD((a.activation = leaky, a.source_kind = RF_FROM_MASK, a.bias = NULL, a.source = OFF(m.mask),
                   a.source_step = 1));
    GOOD_BACKWARD(a.grad_input = m.g);
    GOOD_BACKWARD(a.grad_input = m.z);
    GOOD_BACKWARD((a.source = m.g, a.grad_input = m.g));
    GOOD_BACKWARD((a.bias_grad = NULL, a.bias = NULL, a.counts = (rf_grad_counts){0}));
    GOOD_BACKWARD((a.grad_output_step = 0, a.source_step = 0));
    GOOD_BACKWARD((a.shape.units = 0, a.grad_output = a.source = NULL));
}

/* An empty batch has a gradient: 0 for every bias. Counts stay as they are. */
static void an_empty_batch_overwrites_bias_grad_with_zero(void)
{
    for (int inner = 0; inner <= INNER; inner += INNER) {
        rf_units_backward_args a = good_backward();
        a.shape = (rf_shape){inner ? 0 : OUTER, UNITS, (size_t)inner};
        m.nonzero[1] = 3;
        check(rf_units_backward(&a) == RF_OK && m.bias_grad[0] == 0 && m.bias_grad[UNITS - 1] == 0 &&
                  m.nonzero[1] == 3,
              "backward of an empty batch with inner %d: bias_grad %g, nonzero %d", inner, m.bias_grad[0],
              (int)m.nonzero[1]);
        reset();
    }
}

/* ---- the table, messages, instruction sets */

static void every_row_describes_itself(void)
{
    int rows = 0;
    FOR_EACH_ROW(row) {
        const rf_activation_info *info = rf_info(row);
        rows++;
        check(rf_activation_by_name(info->name) == row, "%s is not found by its name", info->name);
        check(info->formula && strlen(info->formula) > 0, "%s has no formula", info->name);
        check(info->n_params >= 0 && info->n_params <= RF_MAX_PARAMS, "%s: %d parameters", info->name,
              info->n_params);
        double params[RF_MAX_PARAMS];
        for (int i = 0; i < info->n_params; i++) {
            check(info->param_names[i] && *info->param_names[i], "%s: parameter without a name", info->name);
            params[i] = isnan(info->param_defaults[i]) ? 0.25 : info->param_defaults[i];
        }
        check(info->n_gradients == 1 || (info->n_gradients == 2 && info->n_params == 1),
              "%s: %d gradients, %d parameters", info->name, info->n_gradients, info->n_params);
        double gate = rf_gate(row, params), ceiling = rf_ceiling(row, params);
        check(isnan(gate) || isnan(ceiling) || gate < ceiling, "%s: gate %g, ceiling %g", info->name, gate,
              ceiling);
        check(info->mask != RF_MASK_GATED || !isnan(gate), "%s: a mask without a gate", info->name);
    }
    check(isnan(rf_gate(-1, NULL)) && isnan(rf_ceiling(rows, NULL)), "an unknown row has a gate");
    check(isnan(rf_gate(RF_THRESHOLDED_RELU, NULL)) && isnan(rf_ceiling(RF_HARDTANH, NULL)),
          "a row has a gate without the parameters that it depends on");
    check(rf_gate(RF_RELU, NULL) == 0 && rf_ceiling(RF_RELU6, NULL) == 6, "relu needs parameters");
    check(rows >= 7 && !rf_info(rows) && !rf_info(-1), "%d rows, and then no NULL", rows);
    check(rf_activation_by_name("rectifier") == -1 && rf_activation_by_name(NULL) == -1 &&
              rf_activation_by_name("") == -1,
          "an unknown name was found");
}

/* Programs were compiled with these numbers. */
static void numbers_of_activations_and_dtypes_stay(void)
{
    static const char *const activations[] = {
        [RF_RELU] = "relu",
        [RF_RELU6] = "relu6",
        [RF_SQUARED_RELU] = "squared_relu",
        [RF_LEAKY_RELU] = "leaky_relu",
        [RF_PRELU] = "prelu",
        [RF_THRESHOLDED_RELU] = "thresholded_relu",
        [RF_ELU] = "elu",
        [RF_SELU] = "selu",
        [RF_CELU] = "celu",
        [RF_GELU] = "gelu",
        [RF_GELU_TANH] = "gelu_tanh",
        [RF_SILU] = "silu",
        [RF_SWISH] = "swish",
        [RF_MISH] = "mish",
        [RF_SOFTPLUS] = "softplus",
        [RF_SOFTSIGN] = "softsign",
        [RF_SIGMOID] = "sigmoid",
        [RF_TANH] = "tanh",
        [RF_HARDSIGMOID] = "hardsigmoid",
        [RF_HARDSWISH] = "hardswish",
        [RF_HARDTANH] = "hardtanh",
    };
    check(!rf_info((rf_activation)LENGTH_OF(activations)), "an activation without a number in relu_fast.h");
    for (size_t i = 0; i < LENGTH_OF(activations); i++)
        check(rf_activation_by_name(activations[i]) == (rf_activation)i, "%s is not number %d",
              activations[i], (int)i);
    static const struct {
        const char *name;
        rf_dtype dtype;
        size_t size;
    } dtypes[] = {{"float32", RF_FLOAT32, 4},
                  {"float64", RF_FLOAT64, 8},
                  {"float16", RF_FLOAT16, 2},
                  {"bfloat16", RF_BFLOAT16, 2}};
    for (size_t i = 0; i < LENGTH_OF(dtypes); i++)
        check(dtypes[i].dtype == (rf_dtype)i && rf_dtype_by_name(dtypes[i].name) == (int)i &&
                  strcmp(rf_dtype_name(dtypes[i].dtype), dtypes[i].name) == 0 &&
                  rf_dtype_size(dtypes[i].dtype) == dtypes[i].size,
              "%s: another number, name or size", dtypes[i].name);
    check(LENGTH_OF(dtypes) == RF_N_DTYPES && !rf_dtype_name(RF_N_DTYPES) && !rf_dtype_size((rf_dtype)-1) &&
              rf_dtype_by_name("int8") == -1 && rf_dtype_by_name(NULL) == -1,
          "an unknown dtype has a name, a size or a number");
}

static void programs_of_another_abi_are_told(void)
{
    static const struct {
        int version;
        rf_status status;
    } programs[] = {{RF_ABI_VERSION, RF_OK},
                    {RF_ABI_VERSION / 1000 * 1000, RF_OK},
                    {RF_ABI_VERSION + 1, RF_ENOTSUP},
                    {RF_ABI_VERSION + 1000, RF_ENOTSUP},
                    {RF_ABI_VERSION - 1000, RF_ENOTSUP},
                    {0, RF_ENOTSUP},
                    {-RF_ABI_VERSION, RF_ENOTSUP}};
    check(rf_abi_version() == RF_ABI_VERSION && strcmp(rf_version(), RF_VERSION) == 0,
          "version %s with ABI %d, the header has %s and %d", rf_version(), rf_abi_version(), RF_VERSION,
          RF_ABI_VERSION);
    for (size_t i = 0; i < LENGTH_OF(programs); i++)
        check(rf_abi_check(programs[i].version) == programs[i].status, "ABI %d: \"%s\"", programs[i].version,
              rf_strerror(rf_abi_check(programs[i].version)));
}

static void every_status_has_a_message(void)
{
    static const rf_status statuses[] = {RF_OK, RF_EINVAL, RF_EOVERLAP, RF_ENOTSUP, RF_ENOMEM};
    for (size_t i = 0; i < LENGTH_OF(statuses); i++) {
        const char *text = rf_strerror(statuses[i]);
        check(text && *text && !strchr(text, '\n'), "status %d: not one line", (int)statuses[i]);
        for (size_t k = 0; k < i; k++)
            check(strcmp(text, rf_strerror(statuses[k])) != 0, "statuses %d and %d share a message",
                  (int)statuses[i], (int)statuses[k]);
        check(strcmp(text, rf_strerror((rf_status)99)) != 0, "status %d has the message of an unknown one",
              (int)statuses[i]);
    }
}

static void instruction_sets_are_chosen_by_name(void)
{
    int available = 0, known = 0;
    const char *best = rf_isa_available(0);
    while (rf_isa_available(available)) available++;
    while (rf_isa_known(known)) known++;
    check(available >= 1 && known >= available, "%d instruction sets available, %d known", available, known);
    check(!rf_isa_available(-1) && !rf_isa_known(-1), "an instruction set before the first");
    const char *least = rf_isa_available(available - 1);
#if defined(__x86_64__)
    check(strcmp(least, "baseline") == 0, "the last one is %s, not the baseline", least);
#elif defined(__aarch64__)
    check(strcmp(least, "neon") == 0, "the last one is %s, not neon", least);
#endif
    check(rf_isa_use("baseline") == RF_OK && strcmp(rf_isa_active(), least) == 0,
          "the baseline is %s instead of %s", rf_isa_active(), least);
    FOR_EACH_ISA(isa)
        check(strcmp(rf_isa_active(), isa) == 0, "%s was chosen, but %s is active", isa, rf_isa_active());
    for (int i = 0; i < known; i++) {
        int can = 0;
        for (int k = 0; k < available; k++) can |= !strcmp(rf_isa_known(i), rf_isa_available(k));
        rf_isa_use("baseline");
        rf_status status = rf_isa_use(rf_isa_known(i));
        check(status == (can ? RF_OK : RF_ENOTSUP), "rf_isa_use(\"%s\"): \"%s\"", rf_isa_known(i),
              rf_strerror(status));
        check(can || !strcmp(rf_isa_active(), least), "%s was refused, but %s is active", rf_isa_known(i),
              rf_isa_active());
    }
    rf_isa_use(best);
    check(rf_isa_use("sse9") == RF_EINVAL && rf_isa_use("") == RF_EINVAL && rf_isa_use(NULL) == RF_EINVAL,
          "an unknown instruction set was accepted");
    check(strcmp(rf_isa_active(), best) == 0, "a refused choice changed the instruction set");
}

/* RELU_FAST_ISA caps the choice, which a process makes once: each value in a process of its own. */
void test_isa_cap(void)
{
    static const struct {
        const char *value;
        rf_status status;
    } caps[] = {{"baseline", RF_OK}, {"avx2", RF_OK},     {"avx512", RF_OK},  {"neon", RF_OK},
                {"", RF_OK},         {"sse9", RF_EINVAL}, {"AVX2", RF_EINVAL}};
    for (size_t i = 0; i < LENGTH_OF(caps); i++) {
        int known = 0, ok = -1;
        for (int k = 0; rf_isa_known(k); k++) known |= !strcmp(rf_isa_known(k), caps[i].value);
        if (caps[i].status == RF_OK && *caps[i].value && !known) continue; /* another architecture's */
        pid_t child = fork();
        if (child == 0) {
            setenv("RELU_FAST_ISA", caps[i].value, 1);
            /* the first from the cap on that the machine runs; of an ignored cap, the best */
            const char *want = rf_isa_available(0);
            int from = 0;
            while (known && strcmp(rf_isa_known(from), caps[i].value) != 0) from++;
            for (int k = 0, found = 0; known && !found; from++)
                for (k = 0; rf_isa_available(k) && !found; k++)
                    if (!strcmp(rf_isa_available(k), rf_isa_known(from)))
                        want = rf_isa_available(k), found = 1;
            _exit(rf_isa_environment() != caps[i].status || strcmp(rf_isa_active(), want) != 0);
        }
        check(waitpid(child, &ok, 0) == child && ok == 0,
              "RELU_FAST_ISA=%s is not obeyed or not judged right", caps[i].value);
    }
}

void test_statuses(void)
{
    reset();
    elementwise_calls();
    forward_refusals();
    backward_refusals();
    odd_but_allowed();
    an_empty_batch_overwrites_bias_grad_with_zero();
    every_row_describes_itself();
    numbers_of_activations_and_dtypes_stay();
    programs_of_another_abi_are_told();
    every_status_has_a_message();
    instruction_sets_are_chosen_by_name();
}
