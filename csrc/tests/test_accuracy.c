/* Every row against libm in long double, on every instruction set: errors in ULP, special values, slopes. */
#include "check.h"
#include "kernels.h"
#include "reference.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 30000 };
typedef struct {
    double data[N];
} numbers; /* of either type */

/* In ULP, forward and backward. Where long double is double the reference itself is half an ULP off. */
static const long double BOUND[RF_N_DTYPES][RF_N_DIRECTIONS] = {{1, 2}, {2, 2}};
static const long double SLACK = LDBL_MANT_DIG > 53 ? 0 : 1;

static rf_status run(rf_activation row, rf_direction direction, rf_dtype dtype, size_t n, const void *g,
                     const void *x, const void *params, void *out)
{
    return direction == RF_FORWARD ? rf_forward(row, dtype, n, x, params, out)
                                   : rf_backward(row, dtype, n, g, x, params, out);
}

/* A reference's set of parameters, rounded to the type: for the kernels, and for the reference. */
static void put_params(rf_dtype dtype, const long double *set, double *given, long double *params)
{
    for (size_t i = 0; i < RF_MAX_PARAMS; i++) {
        put(dtype, given, i, set[i]);
        params[i] = get(dtype, given, i);
    }
}

static long double exact(const reference *ref, rf_direction direction, long double g, long double x,
                         const long double *params)
{
    if (direction == RF_FORWARD) return ref->value(x, params);
    if (isnan(x)) return ref->at_nan == GIVES_G ? g : ref->at_nan == GIVES_SLOPE ? *params * g : x;
    return g * ref->slope(x, params);
}

/* An error in ULP, or, next to a root of the slope, what would be as bad: twice the error in units of
 * epsilon * g (2^-23 g for float) where the slope is below 1/4, if that is less. */
static long double error_of(const reference *ref, rf_direction direction, rf_dtype dtype, long double g,
                            long double got, long double want)
{
    long double error = ulp_error(dtype, got, want);
    long double epsilon = dtype == RF_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
    if (direction == RF_FORWARD || !ref->has_root || !(fabsl(want) < fabsl(g) / 4)) return error;
    return fminl(error, 2 * fabsl(got - want) / (epsilon * fabsl(g)));
}

/* With g = 1 and with sampled g. The exact results are computed once, the kernels run on every ISA. */
static void errors_stay_within_their_bounds(rf_activation row, rf_dtype dtype, rf_direction direction,
                                            int ones)
{
    static numbers x, g, got;
    static long double want[N];
    const reference *ref = reference_of(rf_info(row)->name);
    sample_inputs(dtype, &x, N);
    sample_gradients(dtype, &g, N);
    for (size_t i = 0; ones && i < N; i++) put(dtype, &g, i, 1);
    for (int set = 0; set < ref->n_sets; set++) {
        double given[RF_MAX_PARAMS];
        long double params[RF_MAX_PARAMS];
        put_params(dtype, ref->params[set], given, params);
        for (size_t i = 0; i < N; i++)
            want[i] = exact(ref, direction, get(dtype, &g, i), get(dtype, &x, i), params);
        FOR_EACH_ISA(isa) {
            long double most = 0;
            size_t worst = 0;
            run(row, direction, dtype, N, &g, &x, given, &got);
            for (size_t i = 0; i < N; i++) {
                long double error =
                    error_of(ref, direction, dtype, get(dtype, &g, i), get(dtype, &got, i), want[i]);
                if (error > most) most = error, worst = i;
            }
            const char *way = direction == RF_FORWARD ? "forward" : ones ? "backward, g = 1" : "backward";
            note("%-16s %-7s %-8s params %-9Lg %-4Lg %-15s %6.3Lf ULP at %La\n", ref->name, dtype_name(dtype),
                 isa, params[0], params[1], way, most, get(dtype, &x, worst));
            check(most <= BOUND[dtype][direction] + SLACK,
                  "%s %s %s %s, params %Lg, %Lg: %Lg ULP at x %La, g %La: got %La, exact %La", isa, ref->name,
                  dtype_name(dtype), way, params[0], params[1], most, get(dtype, &x, worst),
                  get(dtype, &g, worst), get(dtype, &got, worst), want[worst]);
        }
    }
}

static void fma_instruction_sets_give_the_same_bits(rf_activation row, rf_dtype dtype, rf_direction direction)
{
    static numbers x, g, got, first;
    const reference *ref = reference_of(rf_info(row)->name);
    sample_inputs(dtype, &x, N);
    sample_gradients(dtype, &g, N);
    for (int set = 0; set < ref->n_sets; set++) {
        const char *other = NULL;
        double given[RF_MAX_PARAMS];
        long double params[RF_MAX_PARAMS];
        put_params(dtype, ref->params[set], given, params);
        FOR_EACH_ISA(isa) {
            if (!has_fma(isa)) continue;
            run(row, direction, dtype, N, &g, &x, given, other ? &got : &first);
            if (other) {
                size_t i = first_difference(dtype, &got, &first, N);
                check(i == N, "%s and %s differ: %s %s %s, params %Lg, %Lg, at x %La", isa, other, ref->name,
                      dtype_name(dtype), direction == RF_FORWARD ? "forward" : "backward", params[0],
                      params[1], i < N ? get(dtype, &x, i) : 0);
            }
            other = isa;
        }
    }
}

/* What is promised of single points: the value, and the gradient for g = 2. Zeros are compared with sign. */
static const struct {
    const char *name;
    double params[2], x, value, gradient;
} points[] = {
    {"relu", {0}, NAN, NAN, 2},
    {"relu", {0}, 0.0, 0.0, 0},
    {"relu", {0}, -0.0, 0.0, 0},
    {"relu", {0}, INFINITY, INFINITY, 2},
    {"relu", {0}, -INFINITY, 0.0, 0},
    {"leaky_relu", {0.25}, NAN, NAN, 0.5},
    {"leaky_relu", {0.25}, 0.0, 0.0, 0.5},
    {"leaky_relu", {0.25}, -0.0, -0.0, 0.5},
    {"leaky_relu", {0.25}, INFINITY, INFINITY, 2},
    {"leaky_relu", {0.25}, -INFINITY, -INFINITY, 0.5},
    {"leaky_relu", {0}, -INFINITY, 0.0, 0},
    {"leaky_relu", {0}, -0.0, 0.0, 0},
    {"leaky_relu", {0}, -1, 0.0, 0},
    {"leaky_relu", {0}, NAN, NAN, 0},
    {"prelu", {0.25}, NAN, NAN, 0.5},
    {"prelu", {0.25}, 0.0, 0.0, 0.5},
    {"prelu", {0.25}, -0.0, -0.0, 0.5},
    {"prelu", {-0.5}, -INFINITY, INFINITY, -1},
    {"prelu", {0}, -INFINITY, 0.0, 0},
    {"prelu", {0}, -1, 0.0, 0},
    {"elu", {1.5}, NAN, NAN, NAN},
    {"elu", {1.5}, 0.0, 0.0, 3},
    {"elu", {1.5}, -0.0, -0.0, 3},
    {"elu", {1.5}, INFINITY, INFINITY, 2},
    {"elu", {1.5}, -INFINITY, -1.5, 0},
    {"selu", {0}, NAN, NAN, NAN},
    {"selu", {0}, 0.0, 0.0, 2 * 1.0507009873554804934 * 1.6732632423543772848},
    {"selu", {0}, -0.0, -0.0, 2 * 1.0507009873554804934 * 1.6732632423543772848},
    {"selu", {0}, INFINITY, INFINITY, 2 * 1.0507009873554804934},
    {"selu", {0}, -INFINITY, -1.0507009873554804934 * 1.6732632423543772848, 0},
    {"sigmoid", {0}, NAN, NAN, NAN},
    {"sigmoid", {0}, 0.0, 0.5, 0.5},
    {"sigmoid", {0}, -0.0, 0.5, 0.5},
    {"sigmoid", {0}, INFINITY, 1, 0},
    {"sigmoid", {0}, -INFINITY, 0.0, 0},
    {"tanh", {0}, NAN, NAN, NAN},
    {"tanh", {0}, 0.0, 0.0, 2},
    {"tanh", {0}, -0.0, -0.0, 2},
    {"tanh", {0}, INFINITY, 1, 0},
    {"tanh", {0}, -INFINITY, -1, 0},
    {"relu6", {0}, NAN, NAN, 2},
    {"relu6", {0}, 0.0, 0.0, 0},
    {"relu6", {0}, -0.0, 0.0, 0},
    {"relu6", {0}, 6, 6, 0},
    {"relu6", {0}, 0x1.7ffffep2, 0x1.7ffffep2, 2},
    {"relu6", {0}, INFINITY, 6, 0},
    {"relu6", {0}, -INFINITY, 0.0, 0},
    {"squared_relu", {0}, NAN, NAN, 2},
    {"squared_relu", {0}, 0.0, 0.0, 0},
    {"squared_relu", {0}, -0.0, 0.0, 0},
    {"squared_relu", {0}, 3, 9, 12},
    {"squared_relu", {0}, INFINITY, INFINITY, INFINITY},
    {"squared_relu", {0}, -INFINITY, 0.0, 0},
    {"thresholded_relu", {1}, NAN, NAN, 2},
    {"thresholded_relu", {1}, 1, 0.0, 0},
    {"thresholded_relu", {1}, 1.5, 1.5, 2},
    {"thresholded_relu", {1}, -0.0, 0.0, 0},
    {"thresholded_relu", {1}, INFINITY, INFINITY, 2},
    {"thresholded_relu", {1}, -INFINITY, 0.0, 0},
    {"thresholded_relu", {-1}, -0.0, -0.0, 2},
    {"celu", {1.5}, NAN, NAN, NAN},
    {"celu", {1.5}, 0.0, 0.0, 2},
    {"celu", {1.5}, -0.0, -0.0, 2},
    {"celu", {1.5}, INFINITY, INFINITY, 2},
    {"celu", {1.5}, -INFINITY, -1.5, 0},
    {"celu", {0}, -2, 0.0, 0},
    {"celu", {0}, 0.0, 0.0, 0},
    {"gelu_tanh", {0}, NAN, NAN, NAN},
    {"gelu_tanh", {0}, 0.0, 0.0, 1},
    {"gelu_tanh", {0}, -0.0, -0.0, 1},
    {"gelu_tanh", {0}, INFINITY, INFINITY, 2},
    {"gelu_tanh", {0}, -INFINITY, -0.0, -0.0},
    {"gelu", {0}, NAN, NAN, NAN},
    {"gelu", {0}, 0.0, 0.0, 1},
    {"gelu", {0}, -0.0, -0.0, 1},
    {"gelu", {0}, INFINITY, INFINITY, 2},
    {"gelu", {0}, -INFINITY, -0.0, -0.0},
    {"gelu", {0}, 1e30, 1e30, 2},
    {"silu", {0}, NAN, NAN, NAN},
    {"silu", {0}, 0.0, 0.0, 1},
    {"silu", {0}, -0.0, -0.0, 1},
    {"silu", {0}, INFINITY, INFINITY, 2},
    {"silu", {0}, -1000, -0.0, -0.0},
    {"swish", {1.5}, NAN, NAN, NAN},
    {"swish", {1.5}, 0.0, 0.0, 1},
    {"swish", {1.5}, -0.0, -0.0, 1},
    {"swish", {1.5}, INFINITY, INFINITY, 2},
    {"swish", {1.5}, -INFINITY, -0.0, -0.0},
    {"swish", {-1.5}, INFINITY, 0.0, -0.0},
    {"swish", {-1.5}, -INFINITY, -INFINITY, 2},
    {"swish", {0}, INFINITY, INFINITY, 1},
    {"swish", {0}, -INFINITY, -INFINITY, 1},
    {"swish", {0}, -3, -1.5, 1},
    {"swish", {NAN}, 1, NAN, NAN},
    {"mish", {0}, NAN, NAN, NAN},
    {"mish", {0}, 0.0, 0.0, 1.2},
    {"mish", {0}, -0.0, -0.0, 1.2},
    {"mish", {0}, INFINITY, INFINITY, 2},
    {"mish", {0}, -INFINITY, -0.0, -0.0},
    {"softplus", {1}, NAN, NAN, NAN},
    {"softplus", {1}, 0.0, 0.69314718055994530942, 1},
    {"softplus", {1}, -0.0, 0.69314718055994530942, 1},
    {"softplus", {1}, INFINITY, INFINITY, 2},
    {"softplus", {1}, -INFINITY, 0.0, 0},
    {"softplus", {2}, -0.0, 0.34657359027997265471, 1},
    {"softplus", {2}, INFINITY, INFINITY, 2},
    {"softplus", {2}, -INFINITY, 0.0, 0},
    {"softplus", {-2}, INFINITY, -0.0, 0},
    {"softplus", {-2}, -INFINITY, -INFINITY, 2},
    {"softplus", {0}, -1, INFINITY, 1},
    {"softplus", {0}, -INFINITY, INFINITY, 1},
    {"softplus", {NAN}, 1, NAN, NAN},
    {"softsign", {0}, NAN, NAN, NAN},
    {"softsign", {0}, 0.0, 0.0, 2},
    {"softsign", {0}, -0.0, -0.0, 2},
    {"softsign", {0}, INFINITY, 1, 0},
    {"softsign", {0}, -INFINITY, -1, 0},
    {"hardsigmoid", {1.0 / 6, 0.5}, NAN, NAN, 2},
    {"hardsigmoid", {1.0 / 6, 0.5}, 0.0, 0.5, 2.0 / 6},
    {"hardsigmoid", {1.0 / 6, 0.5}, -3, 0.0, 0},
    {"hardsigmoid", {1.0 / 6, 0.5}, 3, 1, 0},
    {"hardsigmoid", {1.0 / 6, 0.5}, INFINITY, 1, 0},
    {"hardsigmoid", {1.0 / 6, 0.5}, -INFINITY, 0.0, 0},
    {"hardswish", {0}, NAN, NAN, NAN},
    {"hardswish", {0}, 0.0, 0.0, 1},
    {"hardswish", {0}, -0.0, -0.0, 1},
    {"hardswish", {0}, -3, -0.0, 0},
    {"hardswish", {0}, 3, 3, 2},
    {"hardswish", {0}, INFINITY, INFINITY, 2},
    {"hardswish", {0}, -INFINITY, -0.0, 0},
    {"hardtanh", {-1, 2}, NAN, NAN, 2},
    {"hardtanh", {-1, 2}, 0.0, 0.0, 2},
    {"hardtanh", {-1, 2}, -0.0, -0.0, 2},
    {"hardtanh", {-1, 2}, -1, -1, 0},
    {"hardtanh", {-1, 2}, 2, 2, 0},
    {"hardtanh", {-1, 2}, INFINITY, 2, 0},
    {"hardtanh", {-1, 2}, -INFINITY, -1, 0},
};

static int same_point(rf_dtype dtype, long double got, long double want)
{
    if (isnan(want)) return isnan(got);
    /* some stand in the table rounded to double; the errors of others are checked above */
    if (want != 0)
        return got == rounded(dtype, want) || fabsl(got - want) <= 1e-6L * fabsl(want) * !isinf(want);
    return got == 0 && signbit(got) == signbit(want);
}

static void special_values_are_the_promised_ones(void)
{
    FOR_EACH_ISA(isa)
        FOR_EACH_DTYPE(dtype)
            for (size_t i = 0; i < LENGTH_OF(points); i++) {
                rf_activation row = rf_activation_by_name(points[i].name);
                double x[1], g[1], params[2], y[1], gx[1];
                put(dtype, x, 0, points[i].x);
                put(dtype, g, 0, 2);
                put(dtype, params, 0, points[i].params[0]);
                put(dtype, params, 1, points[i].params[1]);
                rf_forward(row, dtype, 1, x, params, y);
                rf_backward(row, dtype, 1, g, x, params, gx);
                check(same_point(dtype, get(dtype, y, 0), points[i].value),
                      "%s %s: %s(%g), param %g, is %Lg, expected %g", isa, dtype_name(dtype), points[i].name,
                      points[i].x, points[i].params[0], get(dtype, y, 0), points[i].value);
                check(same_point(dtype, get(dtype, gx, 0), points[i].gradient),
                      "%s %s: gradient of %s at %g, param %g, for g = 2 is %Lg, expected %g", isa,
                      dtype_name(dtype), points[i].name, points[i].x, points[i].params[0], get(dtype, gx, 0),
                      points[i].gradient);
            }
}

/* Where the derivative is 0 by definition, even an infinite gradient stops. */
static void silenced_gradients_are_zero(void)
{
    static const char *const silent[] = {"relu", "leaky_relu", "prelu"};
    FOR_EACH_ISA(isa)
        for (size_t i = 0; i < LENGTH_OF(silent); i++) {
            double g = INFINITY, x = -1, slope = 0, gx = 1;
            rf_backward(rf_activation_by_name(silent[i]), RF_FLOAT64, 1, &g, &x, &slope, &gx);
            check(gx == 0, "%s %s: a silenced infinite gradient became %g", isa, silent[i], gx);
        }
}

/* ---- derivatives against a central difference of the value, both in long double */

static long double difference(const reference *ref, long double x, const long double *params, long double dx,
                              long double dp)
{
    long double above[] = {params[0] + dp, params[1]}, below[] = {params[0] - dp, params[1]};
    return (ref->value(x + dx, above) - ref->value(x - dx, below)) / (2 * (dx + dp));
}

static void gradients_are_the_derivative(rf_activation row)
{
    const long double step = 1e-5L, tolerance = 1e-8L;
    const rf_activation_info *info = rf_info(row);
    const reference *ref = reference_of(info->name);
    for (int set = 0; set < ref->n_sets; set++) {
        double g = 1, given[RF_MAX_PARAMS], worst = 0, worst_y = 0, worst_param = 0;
        long double params[RF_MAX_PARAMS];
        put_params(RF_FLOAT64, ref->params[set], given, params);
        if (fabs(given[0]) > 10) continue; /* the tolerance is an absolute one */
        /* a negative slope or alpha: the sign of y does not tell that of x */
        int from_y = info->from_y && !(info->n_params == 1 && given[0] < 0);
        for (double x = -12.03; x < 12; x += 0.05) { /* away from the bends */
            double gx, gp = 0, gy, y = (double)ref->value(x, params);
            long double want = difference(ref, x, params, step, 0);
            rf_backward(row, RF_FLOAT64, 1, &g, &x, given, &gx);
            worst = fmax(worst, (double)fabsl(gx - want));

            if (from_y) {
                char *args[] = {(char *)&g, (char *)&y, (char *)given, (char *)(given + 1), (char *)&gy};
                args[2 + info->n_params] = (char *)&gy;
                ptrdiff_t steps[] = {8, 8, 8, 8, 8};
                rf_run(row, RF_BACKWARD_Y, RF_FLOAT64, args, 1, steps);
                worst_y = fmax(worst_y, (double)fabsl(gy - want));
            }
            if (info->n_gradients == 2) {
                char *args[] = {(char *)&g, (char *)&x, (char *)given, (char *)&gx, (char *)&gp};
                ptrdiff_t steps[] = {8, 8, 8, 8, 8};
                rf_run(row, RF_BACKWARD, RF_FLOAT64, args, 1, steps);
                worst_param = fmax(worst_param, (double)fabsl(gp - difference(ref, x, params, 0, step)));
            }
        }
        check(worst < tolerance, "%s, params %g, %g: backward is %g off the central difference", info->name,
              given[0], given[1], worst);
        check(worst_y < tolerance, "%s, params %g, %g: backward from y is %g off the central difference",
              info->name, given[0], given[1], worst_y);
        check(worst_param < tolerance,
              "%s, param %g: the parameter's gradient is %g off the central difference", info->name, given[0],
              worst_param);
        check(info->from_y == (ref->slope_from_y != NULL), "%s: reference.c and the table differ on from_y",
              info->name);
    }
}

void test_accuracy(void)
{
    FOR_EACH_ROW(row) {
        if (!check(reference_of(rf_info(row)->name) != NULL, "%s has no reference in reference.c",
                   rf_info(row)->name))
            exit(1);
        FOR_EACH_DTYPE(dtype) {
            errors_stay_within_their_bounds(row, dtype, RF_FORWARD, 0);
            errors_stay_within_their_bounds(row, dtype, RF_BACKWARD, 1);
            errors_stay_within_their_bounds(row, dtype, RF_BACKWARD, 0);
            fma_instruction_sets_give_the_same_bits(row, dtype, RF_FORWARD);
            fma_instruction_sets_give_the_same_bits(row, dtype, RF_BACKWARD);
        }
        FOR_EACH_ISA(isa) gradients_are_the_derivative(row);
        int points_of_row = 0;
        for (size_t i = 0; i < LENGTH_OF(points); i++)
            points_of_row += !strcmp(points[i].name, rf_info(row)->name);
        check(points_of_row >= 5, "%s has %d special points in test_accuracy.c", rf_info(row)->name,
              points_of_row);
    }
    special_values_are_the_promised_ones();
    silenced_gradients_are_zero();
}
