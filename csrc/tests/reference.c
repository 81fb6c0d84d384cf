#include "reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef long double real;

static const real SELU_ALPHA = 1.6732632423543772848170429916717L,
                  SELU_SCALE = 1.0507009873554804934193349852946L;

/* No formula cancels, and none overflows where long double is no wider than double. */
static real logistic(real x) { return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }
static real logistic_slope(real x)
{
    real e = expl(-fabsl(x));
    return e / (1 + e) / (1 + e);
}

static real relu(real x, real p) { return (void)p, x <= 0 ? 0 : x; }
static real relu_slope(real x, real p) { return (void)p, x > 0; }

static real leaky(real x, real slope) { return x > 0 ? x : slope == 0 && x == x ? 0 : slope * x; }
static real leaky_slope(real x, real slope) { return x > 0 ? 1 : slope; }

static real elu(real x, real alpha) { return x > 0 ? x : alpha * expm1l(x); }
static real elu_slope(real x, real alpha) { return x > 0 ? 1 : alpha * expl(x); }
static real elu_slope_from_y(real y, real alpha) { return y > 0 ? 1 : y + alpha; }

static real selu(real x, real p) { return (void)p, SELU_SCALE * elu(x, SELU_ALPHA); }
static real selu_slope(real x, real p) { return (void)p, SELU_SCALE * elu_slope(x, SELU_ALPHA); }
static real selu_slope_from_y(real y, real p)
{
    return (void)p, y > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA;
}

static real sigmoid(real x, real p) { return (void)p, logistic(x); }
static real sigmoid_slope(real x, real p) { return (void)p, logistic_slope(x); }
static real sigmoid_slope_from_y(real y, real p) { return (void)p, y * (1 - y); }

static real hyperbolic(real x, real p) { return (void)p, tanhl(x); }
static real hyperbolic_slope(real x, real p) { return (void)p, 4 * logistic_slope(2 * x); }
static real hyperbolic_slope_from_y(real y, real p) { return (void)p, (1 - y) * (1 + y); }

static const reference references[] = {
    {"relu", relu, relu_slope, relu_slope, GIVES_G, 1, {0}},
    {"leaky_relu", leaky, leaky_slope, leaky_slope, GIVES_SLOPE_TIMES_G, 4, {0.01L, 0, 1e-30L, 3.5L}},
    {"prelu", leaky, leaky_slope, leaky_slope, GIVES_SLOPE_TIMES_G, 4, {0.25L, 0, -1.5L, 1e30L}},
    {"elu", elu, elu_slope, elu_slope_from_y, GIVES_NAN, 4, {1, 0, 0.3L, 1e10L}},
    {"selu", selu, selu_slope, selu_slope_from_y, GIVES_NAN, 1, {0}},
    {"sigmoid", sigmoid, sigmoid_slope, sigmoid_slope_from_y, GIVES_NAN, 1, {0}},
    {"tanh", hyperbolic, hyperbolic_slope, hyperbolic_slope_from_y, GIVES_NAN, 1, {0}},
};

const reference *reference_of(const char *name)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (strcmp(references[i].name, name) == 0) return &references[i];
    return NULL;
}
