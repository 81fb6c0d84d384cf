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
                     const void *x, const void *param, void *out)
{
    return direction == RF_FORWARD ? rf_forward(row, dtype, n, x, param, out)
                                   : rf_backward(row, dtype, n, g, x, param, out);
}

static long double exact(const reference *ref, rf_direction direction, long double g, long double x,
                         long double param)
{
    if (direction == RF_FORWARD) return ref->value(x, param);
    if (isnan(x)) return ref->at_nan == GIVES_G ? g : ref->at_nan == GIVES_SLOPE_TIMES_G ? param * g : x;
    return g * ref->slope(x, param);
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
    for (int p = 0; p < ref->n_params; p++) {
        long double param = rounded(dtype, ref->params[p]);
        double given[1];
        put(dtype, given, 0, param);
        for (size_t i = 0; i < N; i++)
            want[i] = exact(ref, direction, get(dtype, &g, i), get(dtype, &x, i), param);
        FOR_EACH_ISA(isa) {
            long double most = 0;
            size_t worst = 0;
            run(row, direction, dtype, N, &g, &x, given, &got);
            for (size_t i = 0; i < N; i++) {
                long double error = ulp_error(dtype, get(dtype, &got, i), want[i]);
                if (error > most) most = error, worst = i;
            }
            const char *way = direction == RF_FORWARD ? "forward" : ones ? "backward, g = 1" : "backward";
            note("%-11s %-7s %-8s param %-8Lg %-15s %6.3Lf ULP at %La\n", ref->name, dtype_name(dtype), isa,
                 param, way, most, get(dtype, &x, worst));
            check(most <= BOUND[dtype][direction] + SLACK,
                  "%s %s %s %s, param %Lg: %Lg ULP at x %La, g %La: got %La, exact %La", isa, ref->name,
                  dtype_name(dtype), way, param, most, get(dtype, &x, worst), get(dtype, &g, worst),
                  get(dtype, &got, worst), want[worst]);
        }
    }
}

static void fma_instruction_sets_give_the_same_bits(rf_activation row, rf_dtype dtype, rf_direction direction)
{
    static numbers x, g, got, first;
    const reference *ref = reference_of(rf_info(row)->name);
    sample_inputs(dtype, &x, N);
    sample_gradients(dtype, &g, N);
    for (int p = 0; p < ref->n_params; p++) {
        const char *other = NULL;
        double param[1];
        put(dtype, param, 0, ref->params[p]);
        FOR_EACH_ISA(isa) {
            if (!has_fma(isa)) continue;
            run(row, direction, dtype, N, &g, &x, param, other ? &got : &first);
            if (other) {
                size_t i = first_difference(dtype, &got, &first, N);
                check(i == N, "%s and %s differ: %s %s %s, param %Lg, at x %La", isa, other, ref->name,
                      dtype_name(dtype), direction == RF_FORWARD ? "forward" : "backward", ref->params[p],
                      i < N ? get(dtype, &x, i) : 0);
            }
            other = isa;
        }
    }
}

/* What is promised of single points: the value, and the gradient for g = 2. Zeros are compared with sign. */
static const struct {
    const char *name;
    double param, x, value, gradient;
} points[] = {
    {"relu", 0, NAN, NAN, 2},
    {"relu", 0, 0.0, 0.0, 0},
    {"relu", 0, -0.0, 0.0, 0},
    {"relu", 0, INFINITY, INFINITY, 2},
    {"relu", 0, -INFINITY, 0.0, 0},
    {"leaky_relu", 0.25, NAN, NAN, 0.5},
    {"leaky_relu", 0.25, 0.0, 0.0, 0.5},
    {"leaky_relu", 0.25, -0.0, -0.0, 0.5},
    {"leaky_relu", 0.25, INFINITY, INFINITY, 2},
    {"leaky_relu", 0.25, -INFINITY, -INFINITY, 0.5},
    {"leaky_relu", 0, -INFINITY, 0.0, 0},
    {"leaky_relu", 0, -0.0, 0.0, 0},
    {"leaky_relu", 0, -1, 0.0, 0},
    {"leaky_relu", 0, NAN, NAN, 0},
    {"prelu", 0.25, NAN, NAN, 0.5},
    {"prelu", 0.25, 0.0, 0.0, 0.5},
    {"prelu", 0.25, -0.0, -0.0, 0.5},
    {"prelu", -0.5, -INFINITY, INFINITY, -1},
    {"prelu", 0, -INFINITY, 0.0, 0},
    {"prelu", 0, -1, 0.0, 0},
    {"elu", 1.5, NAN, NAN, NAN},
    {"elu", 1.5, 0.0, 0.0, 3},
    {"elu", 1.5, -0.0, -0.0, 3},
    {"elu", 1.5, INFINITY, INFINITY, 2},
    {"elu", 1.5, -INFINITY, -1.5, 0},
    {"selu", 0, NAN, NAN, NAN},
    {"selu", 0, 0.0, 0.0, 2 * 1.0507009873554804934 * 1.6732632423543772848},
    {"selu", 0, -0.0, -0.0, 2 * 1.0507009873554804934 * 1.6732632423543772848},
    {"selu", 0, INFINITY, INFINITY, 2 * 1.0507009873554804934},
    {"selu", 0, -INFINITY, -1.0507009873554804934 * 1.6732632423543772848, 0},
    {"sigmoid", 0, NAN, NAN, NAN},
    {"sigmoid", 0, 0.0, 0.5, 0.5},
    {"sigmoid", 0, -0.0, 0.5, 0.5},
    {"sigmoid", 0, INFINITY, 1, 0},
    {"sigmoid", 0, -INFINITY, 0.0, 0},
    {"tanh", 0, NAN, NAN, NAN},
    {"tanh", 0, 0.0, 0.0, 2},
    {"tanh", 0, -0.0, -0.0, 2},
    {"tanh", 0, INFINITY, 1, 0},
    {"tanh", 0, -INFINITY, -1, 0},
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
                double x[1], g[1], param[1], y[1], gx[1];
                put(dtype, x, 0, points[i].x);
                put(dtype, g, 0, 2);
                put(dtype, param, 0, points[i].param);
                rf_forward(row, dtype, 1, x, param, y);
                rf_backward(row, dtype, 1, g, x, param, gx);
                check(same_point(dtype, get(dtype, y, 0), points[i].value),
                      "%s %s: %s(%g), param %g, is %Lg, expected %g", isa, dtype_name(dtype), points[i].name,
                      points[i].x, points[i].param, get(dtype, y, 0), points[i].value);
                check(same_point(dtype, get(dtype, gx, 0), points[i].gradient),
                      "%s %s: gradient of %s at %g, param %g, for g = 2 is %Lg, expected %g", isa,
                      dtype_name(dtype), points[i].name, points[i].x, points[i].param, get(dtype, gx, 0),
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

static long double difference(const reference *ref, long double x, long double p, long double dx,
                              long double dp)
{
    return (ref->value(x + dx, p + dp) - ref->value(x - dx, p - dp)) / (2 * (dx + dp));
}

static void gradients_are_the_derivative(rf_activation row)
{
    const long double step = 1e-5L, tolerance = 1e-8L;
    const rf_activation_info *info = rf_info(row);
    const reference *ref = reference_of(info->name);
    for (int p = 0; p < ref->n_params; p++) {
        if (fabsl(ref->params[p]) > 10) continue; /* the tolerance is an absolute one */
        double g = 1, param = (double)ref->params[p], worst = 0, worst_y = 0, worst_param = 0;
        for (double x = -12.03; x < 12; x += 0.05) { /* away from the bend at 0 */
            double gx, gp = 0, gy, y = (double)ref->value(x, param);
            long double want = difference(ref, x, param, step, 0);
            rf_backward(row, RF_FLOAT64, 1, &g, &x, &param, &gx);
            worst = fmax(worst, (double)fabsl(gx - want));

            rf_units_backward_args from_y = {.activation = row,
                                             .dtype = RF_FLOAT64,
                                             .shape = {1, 1, 1},
                                             .grad_output = &g,
                                             .source = &y,
                                             .source_is_y = 1,
                                             .grad_input = &gy,
                                             .param = info->n_params ? &param : NULL};
            rf_units_backward(&from_y);
            if (param >= 0) worst_y = fmax(worst_y, (double)fabsl(gy - want));

            if (info->n_gradients == 2) {
                char *args[] = {(char *)&g, (char *)&x, (char *)&param, (char *)&gx, (char *)&gp};
                ptrdiff_t steps[] = {8, 8, 8, 8, 8};
                rf_run(row, RF_BACKWARD, RF_FLOAT64, args, 1, steps);
                worst_param = fmax(worst_param, (double)fabsl(gp - difference(ref, x, param, 0, step)));
            }
        }
        check(worst < tolerance, "%s, param %g: backward is %g off the central difference", info->name, param,
              worst);
        check(worst_y < tolerance, "%s, param %g: backward from y is %g off the central difference",
              info->name, param, worst_y);
        check(worst_param < tolerance,
              "%s, param %g: the parameter's gradient is %g off the central difference", info->name, param,
              worst_param);
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
