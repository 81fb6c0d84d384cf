#include "reference.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef long double real;

static const real ONE = 1;

static const real SELU_ALPHA = 1.6732632423543772848170429916717L,
                  SELU_SCALE = 1.0507009873554804934193349852946L;

/* No formula cancels, and none overflows where long double is no wider than double. */
static real logistic(real x) { return x > 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x)); }
static real logistic_slope(real x)
{
    real e = expl(-fabsl(x));
    return e / (1 + e) / (1 + e);
}

static real relu(real x, const real *p) { return (void)p, x <= 0 ? 0 : x; }
static real relu_slope(real x, const real *p) { return (void)p, x > 0; }

static real relu6(real x, const real *p) { return (void)p, x <= 0 ? 0 : x > 6 ? 6 : x; }
static real relu6_slope(real x, const real *p) { return (void)p, x > 0 && x < 6; }

static real squared(real x, const real *p) { return (void)p, x <= 0 ? 0 : x * x; }
static real squared_slope(real x, const real *p) { return (void)p, x > 0 ? 2 * x : 0; }

static real leaky(real x, const real *slope) { return x > 0 ? x : *slope == 0 && x == x ? 0 : *slope * x; }
static real leaky_slope(real x, const real *slope) { return x > 0 ? 1 : *slope; }

static real thresholded(real x, const real *alpha) { return x <= *alpha ? 0 : x; }
static real thresholded_slope(real x, const real *alpha) { return x > *alpha; }

static real elu(real x, const real *alpha) { return x > 0 ? x : *alpha * expm1l(x); }
static real elu_slope(real x, const real *alpha) { return x > 0 ? 1 : *alpha * expl(x); }
static real elu_slope_from_y(real y, const real *alpha) { return y > 0 ? 1 : y + *alpha; }

static real selu(real x, const real *p) { return (void)p, SELU_SCALE * elu(x, &SELU_ALPHA); }
static real selu_slope(real x, const real *p) { return (void)p, SELU_SCALE * elu_slope(x, &SELU_ALPHA); }
static real selu_slope_from_y(real y, const real *p)
{
    return (void)p, y > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA;
}

/* alpha 0: the limit, relu */
static real celu(real x, const real *alpha)
{
    return x > 0 || *alpha == 0 ? relu(x, NULL) : *alpha * expm1l(x / *alpha);
}
static real celu_slope(real x, const real *alpha)
{
    return x > 0 || *alpha == 0 ? relu_slope(x, NULL) : expl(x / *alpha);
}
static real celu_slope_from_y(real y, const real *alpha)
{
    return y > 0 || *alpha == 0 ? relu_slope(y, NULL) : y / *alpha + 1;
}

/* the normal distribution's density and what lies below x */
static real density(real x) { return expl(x * x / -2) * 0.39894228040143267793994605993438L; }
static real below(real x) { return erfcl(x * -0.70710678118654752440084436210485L) / 2; }
static real gelu(real x, const real *p) { return (void)p, isinf(x) ? (x > 0 ? x : -0.0L) : x * below(x); }
static real gelu_slope(real x, const real *p)
{
    return (void)p, isinf(x) ? (x > 0 ? 1 : -0.0L) : below(x) + x * density(x);
}

/* x logistic(v): v and x dv/dx; farther out it is 0 or x */
static real cubic(real x, real c)
{
    const real linear = 1.5957691216057307117597842397375L;
    x = fmaxl(-100, fminl(x, 100));
    return x * (linear + c * linear * 0.044715L * x * x);
}
static real gelu_tanh(real x, const real *p)
{
    return (void)p, isnan(x) ? x : x < -100 ? -0.0L : x * logistic(cubic(x, 1));
}
static real gelu_tanh_slope(real x, const real *p)
{
    real v = cubic(x, 1);
    return (void)p, x < -100 ? -0.0L : logistic(v) * (1 + cubic(x, 3) * logistic(-v));
}

static real softsign(real x, const real *p)
{
    return (void)p, isinf(x) ? copysignl(1, x) : x / (1 + fabsl(x));
}
static real softsign_slope(real x, const real *p) { return (void)p, 1 / (1 + fabsl(x)) / (1 + fabsl(x)); }

static real sigmoid(real x, const real *p) { return (void)p, logistic(x); }
static real sigmoid_slope(real x, const real *p) { return (void)p, logistic_slope(x); }
static real sigmoid_slope_from_y(real y, const real *p) { return (void)p, y * (1 - y); }

static real hyperbolic(real x, const real *p) { return (void)p, tanhl(x); }
static real hyperbolic_slope(real x, const real *p) { return (void)p, 4 * logistic_slope(2 * x); }
static real hyperbolic_slope_from_y(real y, const real *p) { return (void)p, (1 - y) * (1 + y); }

/* With beta 0 what is beta * x is 0, for infinite x too; large negative ones would give inf * 0. */
static real times(real beta, real x) { return beta == 0 ? 0 : beta * x; }
static real swish(real x, const real *p)
{
    real t = times(*p, x);
    return t < -20000 ? copysignl(0, x) : isinf(x) ? x : x * logistic(t);
}
static real swish_slope(real x, const real *p)
{
    real t = times(*p, x), e = expl(-fabsl(t));
    return t < -20000  ? -0.0L
           : t > 20000 ? 1
           : t < 0     ? e * ((1 + e) + t) / (1 + e) / (1 + e)
                       : (1 + e * (1 + t)) / (1 + e) / (1 + e);
}
static real silu(real x, const real *p) { return (void)p, swish(x, &ONE); }
static real silu_slope(real x, const real *p) { return (void)p, swish_slope(x, &ONE); }

/* tanh(log(1 + e^x)) = n / (n + 2), n = e^x (e^x + 2) */
static real mish(real x, const real *p)
{
    real e = expl(-fabsl(x)), n = x > 0 ? 1 + 2 * e : e * (e + 2);
    return (void)p, x < -20000 ? -0.0L : isinf(x) ? x : x * n / (n + (x > 0 ? 2 * e * e : 2));
}
static real mish_slope(real x, const real *p)
{
    real e = expl(-fabsl(x)), n = 1 + 2 * e, d = x > 0 ? n + 2 * e * e : e * (e + 2) + 2;
    if (x < -20000 || x > 20000) return x < 0 ? -0.0L : 1;
    return (void)p,
           x > 0 ? (n + 4 * x * (1 + e) * e * e / d) / d : e * ((e + 2) * d + 4 * x * (1 + e)) / d / d;
}

static real softplus(real x, const real *p)
{
    real t = times(*p, x), tail = log1pl(expl(-fabsl(t))) / *p;
    return t > 0 ? x + tail : tail;
}
static real softplus_slope(real x, const real *p) { return logistic(times(*p, x)); }

/* The knees are where the kernels and rf_gate have them: quotients rounded to double. */
static real hardsigmoid(real x, const real *p)
{
    real y = fmal(p[0], x, p[1]);
    return p[0] > 0 && x <= (double)(-p[1] / p[0]) ? 0 : y < 0 ? 0 : y > 1 ? 1 : y;
}
static real hardsigmoid_slope(real x, const real *p)
{
    real a = (double)(-p[1] / p[0]), b = (double)((1 - p[1]) / p[0]);
    return p[0] != 0 && x > fminl(a, b) && x < fmaxl(a, b) ? p[0] : 0;
}

static real hardswish(real x, const real *p)
{
    return (void)p, x <= -3 ? -0.0L : x >= 3 ? x : x * (x + 3) / 6;
}
static real hardswish_slope(real x, const real *p)
{
    return (void)p, x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
}

static real hardtanh(real x, const real *p) { return x < p[0] ? p[0] : x > p[1] ? p[1] : x; }
static real hardtanh_slope(real x, const real *p) { return x > p[0] && x < p[1]; }

/* clang-format off */
static const reference references[] = {
    {"relu", relu, relu_slope, relu_slope, GIVES_G, 0, 1, {{0}}},
    {"relu6", relu6, relu6_slope, relu6_slope, GIVES_G, 0, 1, {{0}}},
    {"squared_relu", squared, squared_slope, NULL, GIVES_G, 0, 1, {{0}}},
    {"leaky_relu", leaky, leaky_slope, leaky_slope, GIVES_SLOPE, 0, 4, {{0.01L}, {0}, {1e-30L}, {3.5L}}},
    {"prelu", leaky, leaky_slope, leaky_slope, GIVES_SLOPE, 0, 4, {{0.25L}, {0}, {-1.5L}, {1e30L}}},
    {"thresholded_relu", thresholded, thresholded_slope, NULL, GIVES_G, 0, 3, {{1}, {0}, {-2.5L}}},
    {"elu", elu, elu_slope, elu_slope_from_y, GIVES_NAN, 0, 4, {{1}, {0}, {0.3L}, {1e10L}}},
    {"selu", selu, selu_slope, selu_slope_from_y, GIVES_NAN, 0, 1, {{0}}},
    {"celu", celu, celu_slope, celu_slope_from_y, GIVES_NAN, 0, 4, {{1}, {0}, {0.3L}, {1e10L}}},
    {"gelu", gelu, gelu_slope, NULL, GIVES_NAN, 1, 1, {{0}}},
    {"gelu_tanh", gelu_tanh, gelu_tanh_slope, NULL, GIVES_NAN, 1, 1, {{0}}},
    {"silu", silu, silu_slope, NULL, GIVES_NAN, 1, 1, {{0}}},
    {"swish", swish, swish_slope, NULL, GIVES_NAN, 1, 4, {{1}, {0}, {1.702L}, {-0.3L}}},
    {"mish", mish, mish_slope, NULL, GIVES_NAN, 1, 1, {{0}}},
    {"softplus", softplus, softplus_slope, NULL, GIVES_NAN, 0, 4, {{1}, {0.001L}, {3.7L}, {-1}}},
    {"softsign", softsign, softsign_slope, NULL, GIVES_NAN, 0, 1, {{0}}},
    {"sigmoid", sigmoid, sigmoid_slope, sigmoid_slope_from_y, GIVES_NAN, 0, 1, {{0}}},
    {"tanh", hyperbolic, hyperbolic_slope, hyperbolic_slope_from_y, GIVES_NAN, 0, 1, {{0}}},
    {"hardsigmoid", hardsigmoid, hardsigmoid_slope, NULL, GIVES_G, 0, 3,
     {{1 / 6.0L, 0.5L}, {0.2L, 0.5L}, {-0.3L, 0.1L}}},
    {"hardswish", hardswish, hardswish_slope, NULL, GIVES_NAN, 1, 1, {{0}}},
    {"hardtanh", hardtanh, hardtanh_slope, hardtanh_slope, GIVES_G, 0, 3, {{-1, 1}, {0, 6}, {-0.3L, 1e10L}}},
};
/* clang-format on */

const reference *reference_of(const char *name)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++)
        if (strcmp(references[i].name, name) == 0) return &references[i];
    return NULL;
}
