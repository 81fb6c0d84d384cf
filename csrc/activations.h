/* THE TABLE. Included again and again; the includer defines what it wants:
 *
 *   RF_SCALARS  the functions for type T, forward and backward side by side. F(name) is the name for T.
 *               <name>(x, param), <name>_backward(grad_output, x, param), and where the output tells the
 *               gradient in other terms than the input: <name>_backward_y(grad_output, y, param).
 *   RF_ROW      RF_ROW(name, KIND, (param, default), gate, gate_value, ceiling, from_y, formula)
 *               KIND    UNARY no parameter; PARAM one; WEIGHT one that is learned: its backward has a second
 *                       output, <name>_backward_weight(grad_output, x)
 *               from_y  the backward function that takes y in the place of x
 *
 * A new activation is its pair, its row, its oracle in tests/reference.py and its line in the exports. */

#ifdef RF_SCALARS

/* relu: x where x > 0, else +0; NaN passes, and so does the gradient there. */
static RF_INLINE T F(relu)(T x) { return x <= 0 ? 0 : x; }
static RF_INLINE T F(relu_backward)(T g, T x) { return x <= 0 ? 0 : g; }

/* leaky_relu: x where x > 0, else slope * x; with slope 0 it is relu, for infinite x too. */
static RF_INLINE T F(leaky_relu)(T x, T slope) { return x > 0 ? x : F(times)(slope, x); }
static RF_INLINE T F(leaky_relu_backward)(T g, T x, T slope) { return x > 0 ? g : F(times)(slope, g); }

/* prelu: leaky_relu whose slope is learned; its gradient is x where x <= 0. */
static RF_INLINE T F(prelu)(T x, T weight) { return F(leaky_relu)(x, weight); }
static RF_INLINE T F(prelu_backward)(T g, T x, T weight) { return F(leaky_relu_backward)(g, x, weight); }
static RF_INLINE T F(prelu_backward_weight)(T g, T x) { return x > 0 ? 0 : g * x; }

/* elu: x where x > 0, else alpha * (e^x - 1); the derivative at 0 is alpha. */
static RF_INLINE T F(elu)(T x, T alpha)
{
    TYPE(pair) e = F(expm1)(x);
    return x < 0 ? F(fma)(alpha, e.hi, alpha * e.lo) : x;
}
static RF_INLINE T F(elu_backward)(T g, T x, T alpha)
{
    TYPE(scaled) e = F(exp_scaled)(x);
    return x > 0 ? g : F(times_exp)(g * alpha, e);
}
static RF_INLINE T F(elu_backward_y)(T g, T y, T alpha) { return y > 0 ? g : g * (y + alpha); }

/* selu: scale * elu(x, alpha) with Klambauer's constants (arXiv 1706.02515), kept as pairs. */
static RF_INLINE T F(selu)(T x)
{
    TYPE(pair) e = F(expm1)(x);
    T left = F(fma)(F(SELU_LEFT_HI), e.hi, F(fma)(F(SELU_LEFT_HI), e.lo, F(SELU_LEFT_LO) * e.hi));
    T right = F(fma)(F(SELU_SCALE_HI), x, F(SELU_SCALE_LO) * F(at_most)(x, F(MAX)));
    return x < 0 ? left : F(copysign)(right, x); /* the sum of -0 and +0 is +0 */
}
static RF_INLINE T F(selu_backward)(T g, T x)
{
    TYPE(scaled) e = F(exp_scaled)(x);
    T left = F(fma)(F(SELU_LEFT_HI), e.hi, F(fma)(F(SELU_LEFT_HI), e.lo, F(SELU_LEFT_LO) * e.hi));
    return x > 0 ? F(SELU_SCALE_HI) * g : F(unscale)(g, left, e);
}
static RF_INLINE T F(selu_backward_y)(T g, T y)
{
    return y > 0 ? F(SELU_SCALE_HI) * g : g * (y + F(SELU_LEFT_HI));
}

/* sigmoid: 1 / (1 + e^-x). */
static RF_INLINE T F(sigmoid)(T x) { return F(logistic)(x); }
static RF_INLINE T F(sigmoid_backward)(T g, T x) { return F(logistic_backward)(g, x, 1); }
static RF_INLINE T F(sigmoid_backward_y)(T g, T y) { return g * (y * (1 - y)); }

/* tanh: -E / (2 + E) with E = e^(-2|x|) - 1, under the sign of x; its derivative is 4 sigmoid'(2x). */
static RF_INLINE T F(tanh)(T x)
{
    TYPE(pair) e = F(expm1)(-2 * F(abs)(x));
    T d = 2 + e.hi, d_lo = (e.hi - (d - 2)) + e.lo;
    T r = 1 / d, y = -e.hi * r;
    T rest = F(fma)(-y, d_lo, F(fma)(-y, d, -e.hi)) - e.lo;
    return F(copysign)(F(fma)(r, rest, y), x);
}
static RF_INLINE T F(tanh_backward)(T g, T x) { return F(logistic_backward)(g, 2 * x, 4); }
static RF_INLINE T F(tanh_backward_y)(T g, T y) { return g * ((1 - y) * (1 + y)); }

#endif /* RF_SCALARS */

#ifdef RF_ROW
/* clang-format off */
RF_ROW(relu,       UNARY,  (NULL, 0),                 RF_GATE_CONSTANT,   0, RF_NOWHERE, relu_backward,
       "max(x, 0)")
RF_ROW(leaky_relu, PARAM,  ("negative_slope", 0.01),  RF_GATE_ZERO_SLOPE, 0, RF_NOWHERE, leaky_relu_backward,
       "x if x > 0 else negative_slope * x")
RF_ROW(prelu,      WEIGHT, ("weight", RF_REQUIRED),   RF_GATE_ZERO_SLOPE, 0, RF_NOWHERE, prelu_backward,
       "x if x > 0 else weight * x")
RF_ROW(elu,        PARAM,  ("alpha", 1.0),            RF_GATE_NONE,       0, RF_NOWHERE, elu_backward_y,
       "x if x > 0 else alpha * (exp(x) - 1)")
RF_ROW(selu,       UNARY,  (NULL, 0),                 RF_GATE_NONE,       0, RF_NOWHERE, selu_backward_y,
       "1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (exp(x) - 1))")
RF_ROW(sigmoid,    UNARY,  (NULL, 0),                 RF_GATE_NONE,       0, RF_NOWHERE, sigmoid_backward_y,
       "1 / (1 + exp(-x))")
RF_ROW(tanh,       UNARY,  (NULL, 0),                 RF_GATE_NONE,       0, RF_NOWHERE, tanh_backward_y,
       "(exp(x) - exp(-x)) / (exp(x) + exp(-x))")
/* clang-format on */
#endif
