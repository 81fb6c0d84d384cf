/* THE TABLE. Included again and again; the includer defines what it wants:
 *
 *   RF_SCALARS  the functions for type T, forward and backward side by side. F(name) is the name for T.
 *               <name>(x, params...), <name>_backward(grad_output, x, params...), and where the gradient can
 *               be told from the output, but not as from x: <name>_backward_y(grad_output, y, params...).
 *   RF_ROW      RF_ROW(name, KIND, cost, (param, default), (param, default), gate, ceiling, mask, formula)
 *               KIND     UNARY no parameter; PARAM one; PARAMS two; SLOPE one, with 0 of which it is relu;
 *                        WEIGHT such a one that is learned: its backward has a second output,
 *                        <name>_backward_weight(grad_output, x); ALPHA one, with 1 of which it is elu
 *               cost     RF_CHEAP: a few operations; RF_MEDIUM: about as long as memory takes; RF_COSTLY:
 *                        longer; RF_LONG: longest, in long code. Loops differ (loops.h), results do not
 *               gate     at or below it output and gradient are zero; ceiling: at or above it the gradient
 *                        is; each an expression in the parameters p[0], p[1], or RF_NOWHERE
 *               mask     whether one bit an element is enough for the backward pass: see rf_mask
 *   RF_FROM_Y   RF_FROM_Y(name, KIND, function) for the rows whose gradient the function tells from y; SHARED
 *               where it is one that is there already
 *
 * A new activation is its pair, its row, its oracle in tests/reference.py and its line in the exports. */

#ifdef RF_SCALARS

/* relu: x where x > 0, else +0; NaN passes, and so does the gradient there. */
static RF_INLINE T F(relu)(T x) { return x <= 0 ? 0 : x; }
static RF_INLINE T F(relu_backward)(T g, T x) { return x <= 0 ? 0 : g; }

/* relu6: clip to [0, 6]; NaN passes, and so does the gradient there. */
static RF_INLINE T F(relu6)(T x) { return F(at_most)(F(relu)(x), 6); }
static RF_INLINE T F(relu6_backward)(T g, T x) { return F(stopped_outside)(g, x, 0, 6); }

/* squared_relu: relu(x)^2 (arXiv 2109.08668); the gradient at NaN is that of relu. */
static RF_INLINE T F(squared_relu)(T x) { return F(relu)(x) * F(relu)(x); }
static RF_INLINE T F(squared_relu_backward)(T g, T x)
{
    /* 2 * x could overflow, and so could 2 * g */
    return x > 0 ? 2 * (g * x) : F(relu_backward)(g, x);
}

/* leaky_relu: x where x > 0, else slope * x; with slope 0 it is relu, for infinite x too. */
static RF_INLINE T F(leaky_relu)(T x, T slope) { return x > 0 ? x : F(times)(slope, x); }
static RF_INLINE T F(leaky_relu_backward)(T g, T x, T slope) { return x > 0 ? g : F(times)(slope, g); }

/* prelu: leaky_relu whose slope is learned; its gradient is x where x <= 0. */
static RF_INLINE T F(prelu)(T x, T weight) { return F(leaky_relu)(x, weight); }
static RF_INLINE T F(prelu_backward)(T g, T x, T weight) { return F(leaky_relu_backward)(g, x, weight); }
static RF_INLINE T F(prelu_backward_weight)(T g, T x) { return x > 0 ? 0 : g * x; }

/* thresholded_relu: x where x > alpha, else +0; NaN passes, and so does the gradient there. */
static RF_INLINE T F(thresholded_relu)(T x, T alpha) { return x <= alpha ? 0 : x; }
static RF_INLINE T F(thresholded_relu_backward)(T g, T x, T alpha) { return x <= alpha ? 0 : g; }

/* elu: x where x > 0, else alpha * (e^x - 1); the derivative at 0 is alpha. */
static RF_INLINE T F(elu)(T x, T alpha)
{
    TYPE(pair) e = F(expm1)(x);
    return x < 0 ? F(times_pair)(alpha, e) : x;
}
static RF_INLINE T F(elu_backward)(T g, T x, T alpha)
{
    TYPE(scaled) e = F(exp_scaled)((TYPE(pair)){F(at_least)(x, F(EXP_VANISHED)), 0});
    return x > 0 ? g : F(times_exp)(g * alpha, e);
}
static RF_INLINE T F(elu_backward_y)(T g, T y, T alpha) { return y > 0 ? g : g * (y + alpha); }

/* selu: scale * elu(x, alpha) with Klambauer's constants (arXiv 1706.02515), kept as pairs. */
static RF_INLINE T F(selu_scaled)(T v) { return (F(SELU_SCALE_HI) + F(SELU_SCALE_LO)) * v; }
static RF_INLINE T F(selu)(T x)
{
    TYPE(exp_parts) e = F(expm1_parts)(F(at_least)(x, F(EXPM1_FLAT)));
    T c = e.scale - 1;
    if (DIGITS != 24) return x < 0 ? F(SELU_LEFT_HI) * F(fma)(e.scale, e.p, c) : F(selu_scaled)(x);
    T scale = F(SELU_LEFT_HI) * e.scale, base = F(fma)(F(SELU_LEFT_HI), c, F(SELU_LEFT_LO) * c);
    T left = F(fma)(scale, e.p, F(fma)(scale, e.p_lo, base));
    T right = F(fma)(F(SELU_SCALE_HI), x, F(SELU_SCALE_LO) * x);
    return x < 0 ? left : right;
}
static RF_INLINE T F(selu_backward)(T g, T x)
{
    TYPE(scaled) e = F(exp_scaled)((TYPE(pair)){F(at_least)(x, F(EXP_VANISHED)), 0});
    T left = F(times_exp)(F(fma)(F(SELU_LEFT_HI), g, F(SELU_LEFT_LO) * g), e);
    return x > 0 ? F(selu_scaled)(g) : left;
}
static RF_INLINE T F(selu_backward_y)(T g, T y)
{
    return y > 0 ? F(selu_scaled)(g) : g * (y + F(SELU_LEFT_HI));
}

/* celu: x where x > 0, else alpha * (e^(x / alpha) - 1) (arXiv 1704.07483); the derivative at 0 is 1. With
 * alpha 0 it is the limit, relu; a negative one gives NaN. */
static RF_INLINE T F(celu)(T x, T alpha)
{
    TYPE(pair) e = F(expm1_of_pair)(F(quotient)(x, alpha, F(EXPM1_FLAT)));
    /* closer to 0 it is x, whose quotient may be subnormal */
    return x >= F(EPSILON) / -4 * F(not_negative)(alpha) ? x : F(times_pair)(alpha, e);
}
static RF_INLINE T F(celu_backward)(T g, T x, T alpha)
{
    TYPE(scaled) e = F(exp_scaled)(F(quotient)(x, alpha, F(EXP_VANISHED)));
    return x > 0 ? g : F(times_exp)(g * (alpha > 0 ? 1 : F(not_negative)(alpha)), e);
}
static RF_INLINE T F(celu_backward_y)(T g, T y, T alpha)
{
    return y > 0 ? g : g * ((y + alpha) * F(reciprocal)(alpha));
}

/* gelu: x Phi(x) = max(x, 0) - |x| Phi(-|x|), Phi the normal distribution (arXiv 1606.08415). Phi(-a) is
 * e^(-a^2 / 2) times a smooth function of a; everything is 2^SHIFT times larger until the end. */
static RF_INLINE T F(gelu)(T x)
{
    T a = F(at_most)(F(abs)(x), F(GELU_FLAT));
    TYPE(exp_and_rest) f = F(exp_split_rest)(F(half_square)(a), F(GELU_SHIFT));
    TYPE(scaled_tail) k = F(normal_tail)(a);
    T b = a * f.e.scale, l = F(fma)(b, f.e.p, b), l_lo = F(fma)(b, f.e.p, b - l);
    T m = l * k.t, m_lo = F(fma)(l_lo, k.t, F(fma)(l, k.t, -m));
    T n = m * k.s, n_lo = F(fma)(m, F(fma)(f.rest, k.s, k.s_lo), F(fma)(m_lo, k.s, F(fma)(m, k.s, -n)));
    T base = F(at_least_minus_zero)(x), y = F(fma)(n, -F(GELU_SCALE) * F(GELU_UNSHIFT), base);
    /* what y lacks, still 2^SHIFT times larger, for it may be subnormal */
    T lost = F(fma)(n, F(GELU_SCALE), (y - base) * (1 / F(GELU_UNSHIFT)));
    y = F(fma)(F(fma)(n_lo, F(GELU_SCALE), lost), -F(GELU_UNSHIFT), y);
    return x <= F(GELU_FLAT) ? y : x;
}
/* gelu' is Phi(x) + x e^(-x^2 / 2) / sqrt(2 pi); its values at a and -a add up to 1. */
static RF_INLINE T F(gelu_backward)(T g, T x)
{
    T a = F(at_most)(F(abs)(x), F(GELU_BACKWARD_FLAT));
    TYPE(pair) h = F(half_square)(a);
    TYPE(exp_and_rest) f = F(exp_split_rest)(h, 0);
    const int far = h.hi < F(EXP_FAR);
    TYPE(scaled) e = F(lifted)(f.e, far);
    TYPE(scaled_tail) k = F(normal_tail)(a);
    /* m + m_lo = t s - a / sqrt(2 pi): sums next to COARSE have so few digits that differences are exact */
    T part = F(fma)(k.t, k.s, F(GELU_COARSE)), sum = F(fma)(-F(GELU_DENSITY), a, part);
    T part_lo = F(fma)(k.t, k.s, F(GELU_COARSE) - part), sum_lo = F(fma)(-F(GELU_DENSITY), a, part - sum);
    T m = sum - F(GELU_COARSE), m_lo = F(fma)(k.t, k.s_lo, F(fma)(-F(GELU_DENSITY_LO), a, part_lo));
    m_lo = F(fma)(m, f.rest, m_lo + sum_lo);
    T z = F(fma)(m, e.p, m), z_lo = F(fma)(m, e.p, m - z) + F(fma)(m_lo, e.p, m_lo);
    z = F(fma)(z, F(GELU_SCALE), z_lo * F(GELU_SCALE));
    T left = F(unscale)(g, z, e), right = F(grown)(g, far ? 0 : -z * e.scale);
    return x < 0 ? left : right;
}

/* gelu_tanh: x / (1 + e^-v), v = x (LINEAR + CUBIC x^2), which is 0.5 x (1 + tanh(v / 2)). */
static RF_INLINE T F(gelu_tanh)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(GELU_TANH_LOW)), F(GELU_TANH_HIGH));
    TYPE(pair) v = F(odd_cubic)(c, F(square)(c), F(GELU_CUBIC_HI), F(GELU_CUBIC_LO));
    TYPE(exp_parts) e = F(exp_split_pair)(-v.hi, -v.lo, -F(LOGISTIC_SHIFT));
    T base = F(LOGISTIC_ONE) + e.scale, d = F(fma)(e.scale, e.p, base);
    T d_lo = F(fma)(e.scale, e.p_lo, F(fma)(e.scale, e.p, base - d) + (F(LOGISTIC_ONE) - (base - e.scale)));
    T r = 1 / d, y = c * r, rest = F(fma)(-y, d_lo, F(fma)(-y, d, c));
    y = F(fma)(r, rest, y) * F(LOGISTIC_ONE);
    return x <= F(GELU_TANH_HIGH) ? F(signed_as)(y, x) : x;
}
/* s (1 + t (1 - s)) with s = 1 / (1 + e^-v) and t = x v'. With z = e^-|v| that is (1 + z + t) z / (1 + z)^2
 * on the left, and (1 + z + t z) / (1 + z)^2 on the right. */
static RF_INLINE T F(gelu_tanh_backward)(T g, T x)
{
    const int left = x < 0;
    T a = F(at_least)(-F(abs)(x), F(GELU_TANH_VANISHED));
    TYPE(pair) square = F(square)(a), t = F(odd_cubic)(a, square, F(GELU_CUBIC3_HI), F(GELU_CUBIC3_LO));
    TYPE(scaled) e = F(exp_scaled_precisely)(F(odd_cubic)(a, square, F(GELU_CUBIC_HI), F(GELU_CUBIC_LO)));
    T unlift = e.step < 1 ? 0 : e.scale;
    T z = e.hi * unlift, z_lo = e.lo * unlift;
    T w = z + 2, d = F(fma)(z, w, 1);
    T d_lo = F(fma)(z_lo, w + z, F(fma)(z, w, 1 - d) + z * (z - (w - 2)));
    /* a, and so t, is that of -|x| */
    T k = left ? 1 : -z, k_lo = left ? 0 : -z_lo;
    T m = F(fma)(t.hi, k, 1), n = m + z;
    T n_lo = F(fma)(t.hi, k, 1 - m) + (z - (n - m)) + F(fma)(t.lo, k, F(fma)(t.hi, k_lo, z_lo));
    T r = 1 / d, y = n * r, rest = r * (F(fma)(-y, d_lo, F(fma)(-y, d, n)) + n_lo);
    T grown = y + F(fma)(y, e.p, F(fma)(rest, e.hi, y * e.p_lo));
    return left ? F(unscale)(g, grown, e) : g * (y + rest);
}

/* silu: x / (1 + e^-x) (arXiv 1702.03118). */
static RF_INLINE T F(silu)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(SILU_LOW)), F(LOGISTIC_HIGH));
    TYPE(exp_parts) e = F(exp_split)(-c, -F(LOGISTIC_SHIFT));
    T base = F(LOGISTIC_ONE) + e.scale, base_lo = F(LOGISTIC_ONE) - (base - e.scale);
    T d = F(fma)(e.scale, e.p, base), d_lo = F(fma)(e.scale, e.p, base - d) + base_lo;
    T y = F(divided)(c, d, d_lo) * F(LOGISTIC_ONE);
    return x <= F(LOGISTIC_HIGH) ? y : x;
}
static RF_INLINE T F(silu_backward)(T g, T x)
{
    T t = F(at_most)(F(at_least)(x, F(EXP_VANISHED)), 2 * F(LOGISTIC_HIGH));
    return F(silu_slope)(g, (TYPE(pair)){t, 0}, F(exp_short)(-t, 0), 0);
}

/* swish: x / (1 + e^(-beta x)) (arXiv 1710.05941); x / 2 with beta 0. */
static RF_INLINE T F(swish)(T x, T beta)
{
    TYPE(product) v = F(product_of)(x, beta);
    TYPE(logistic_parts) l = F(logistic_parts_of)(v.t, F(exp_split_pair)(-v.t, -v.t_lo, 0));
    T d = F(fma)(l.scale, l.p, l.base), d_lo = F(fma)(l.scale, l.p, l.base - d) + l.base_lo;
    if (DIGITS == 24) d_lo = F(fma)(l.scale, l.p_lo, d_lo); /* 1.02 ULP without */
    T y = F(divided)(v.c * l.step, d, d_lo) * l.step;
    y -= l.far ? 0 : v.c - x; /* an infinite x stays infinite */
    return v.t > F(LOGISTIC_HIGH) ? x : y;
}
static RF_INLINE T F(swish_backward)(T g, T x, T beta)
{
    TYPE(product) v = F(product_of)(x, beta);
    TYPE(pair) t = {F(at_most)(v.t, 2 * F(LOGISTIC_HIGH)), v.t_lo};
    return F(silu_slope)(g, t, F(exp_short_of_pair)((TYPE(pair)){-t.hi, -t.lo}, 0), 1);
}

/* mish: x * tanh(softplus(x)) (arXiv 1908.08681), which is x n / (n + 2) with n = w (w + 2), w = e^x. */
static RF_INLINE T F(mish)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(SILU_LOW)), F(MISH_HIGH)), one = F(LOGISTIC_ONE), two = 2 / one;
    TYPE(exp_parts) e = F(exp_split)(c, F(LOGISTIC_SHIFT)); /* w, n and d are multiplied by 1 / one */
    T w = F(fma)(e.scale, e.p, e.scale);
    T w_lo = F(fma)(e.scale, e.p_lo, F(fma)(e.scale, e.p, e.scale - w));
    T m = F(fma)(w, one, 2), n = w * m;
    T n_lo = F(fma)(w_lo, F(fma)(m, 2, -2), F(fma)(w, F(fma)(w, one, 2 - m), F(fma)(w, m, -n)));
    T d = n + two, d_lo = (n + (two - d)) + n_lo;
    T p = c * n, p_lo = F(fma)(c, n_lo, F(fma)(c, n, -p));
    T r = 1 / d, y = p * r, minus_rest = F(fma)(y, d_lo, F(fma)(y, d, -p)) - p_lo;
    y = F(fma)(-r, minus_rest, y); /* subtracted, because the sum of -0 and +0 is +0 */
    return x <= F(MISH_HIGH) ? y : x;
}
static RF_INLINE T F(mish_backward)(T g, T x)
{
    /* w ((s + 1) d + 4 x s) / d^2 with s = 1 + w, d = s^2 + 1 */
    T c = F(at_least)(F(at_most)(x, F(MISH_SLOPE_HIGH)), F(EXP_VANISHED));
    TYPE(scaled) e = F(exp_scaled_precisely)((TYPE(pair)){c, 0});
    T unlift = e.step < 1 ? 0 : e.scale, w = e.hi * unlift;
    T s = 1 + w, s_lo = (unlift > 1 ? 1 + (w - s) : w + (1 - s)) + e.lo * unlift;
    T d = F(fma)(s, s, 1), d_lo = F(fma)(s, s, 1 - d) + 2 * s * s_lo;
    T a = 1 + s, a_lo = (s + (1 - a)) + s_lo;
    T p = a * d, p_lo = F(fma)(a, d, -p) + F(fma)(a_lo, d, a * d_lo);
    T q = 4 * c * s, q_lo = F(fma)(4 * c, s, -q) + 4 * c * s_lo;
    T sum = p + q, p_kept = sum - q, sum_lo = (p - p_kept) + (q - (sum - p_kept)) + (p_lo + q_lo);
    T f = d * d, f_lo = F(fma)(d, d, -f) + 2 * d * d_lo;
    T n = e.hi * sum, n_lo = F(fma)(e.hi, sum, -n) + F(fma)(e.hi, sum_lo, e.lo * sum);
    T r = 1 / f, y = n * r, rest = r * (F(fma)(-y, f_lo, F(fma)(-y, f, n)) + n_lo);
    T v = g * e.step, scaled_y = y * e.scale, z = F(fma)(v, scaled_y, v * (rest * e.scale));
    return (z == z ? z : v * scaled_y) * e.step; /* v may be infinite */
}

/* softplus: log(1 + e^(beta x)) / beta; with beta 0 the limit, infinity. */
static RF_INLINE T F(softplus)(T x, T beta) { return F(softplus_of)(x, beta); }
static RF_INLINE T F(softplus_backward)(T g, T x, T beta)
{
    TYPE(product) v = F(product_of)(x, beta);
    TYPE(logistic_parts) l = F(logistic_parts_of)(v.t, F(exp_short_of_pair)((TYPE(pair)){-v.t, -v.t_lo}, 0));
    T d = l.base + F(fma)(l.scale, l.p, l.base_lo);
    T y = g * l.step / d * l.step;
    return v.t > F(LOGISTIC_HIGH) ? g : y;
}

/* softsign: x / (1 + |x|), its derivative 1 / (1 + |x|)^2. */
static RF_INLINE T F(softsign)(T x)
{
    T a = F(at_most)(F(abs)(x), F(SOFTSIGN_FLAT));
    /* exact up to 2^DIGITS; beyond, where it makes 1 of the result, that is right or next to it */
    T d = 1 + a, d_lo = a - (d - 1);
    T r = 1 / d, y = a * r, rest = F(fma)(-y, d_lo, F(fma)(-y, d, a));
    return F(signed_as)(F(fma)(r, rest, y), x);
}
static RF_INLINE T F(softsign_backward)(T g, T x)
{
    T a = F(abs)(x), r = 1 / (1 + a), c = F(at_most)(a, F(MAX));
    T large = F(at_least)(c, 1), small = F(at_most)(c, 1), d = large + small, d_lo = small - (d - large);
    T rest = F(fma)(-r, d_lo, F(fma)(-r, d, 1));
    T v = (g * r) * r, y = F(fma)(v, 2 * rest, v); /* r * r would vanish early */
    return y == y ? y : v;                         /* infinite */
}

/* sigmoid: 1 / (1 + e^-x). */
static RF_INLINE T F(sigmoid)(T x) { return F(logistic)(x); }
static RF_INLINE T F(sigmoid_backward)(T g, T x) { return F(logistic_backward)(g, x, 0); }
static RF_INLINE T F(sigmoid_backward_y)(T g, T y) { return g * F(fma)(-y, y, y); }

/* tanh; its derivative is 4 sigmoid'(2x). */
static RF_INLINE T F(tanh)(T x) { return F(tangent)(x); }
static RF_INLINE T F(tanh_backward)(T g, T x) { return F(logistic_backward)(g, 2 * x, 1); }
static RF_INLINE T F(tanh_backward_y)(T g, T y) { return g * F(fma)(-y, y, 1); }

/* hardsigmoid: alpha * x + beta, clipped to [0, 1]; NaN passes, and so does the gradient there. At the gate
 * it is 0, even where alpha * x + beta is not: for alpha the double next to 1/6 that leaves 2^-54. */
static RF_INLINE T F(hardsigmoid)(T x, T alpha, T beta)
{
    T edge = F(not_above)(-(double)beta / (double)alpha), gate = alpha > 0 ? edge : F(NOWHERE);
    T y = F(at_most)(F(at_least)(F(fma)(alpha, x, beta), 0), 1);
    return x <= gate ? 0 : y;
}
static RF_INLINE T F(hardsigmoid_backward)(T g, T x, T alpha, T beta)
{
    double zero = -(double)beta / (double)alpha, one = (1 - (double)beta) / (double)alpha;
    T low = F(not_above)(alpha > 0 ? zero : one), high = -F(not_above)(alpha > 0 ? -one : -zero);
    return F(stopped_outside)(x == x ? alpha * g : g, x, low, high);
}

/* hardswish: x * clip(x + 3, 0, 6) / 6, from x / 2 + x^2 / 6; beyond 3 that is above x. The derivative is 0
 * at -3 and 1 at 3, as PyTorch has it. */
static RF_INLINE T F(hardswish)(T x)
{
    T c = F(at_least)(x, -3), sixth = c * F(SIXTH_HI), rest = F(fma)(-6, sixth, c);
    T y = F(fma)(rest, sixth, F(fma)(c, sixth, c * (T)0.5)), most = F(at_least)(x, 3);
    return F(signed_as)(y < most ? y : most, c);
}
static RF_INLINE T F(hardswish_backward)(T g, T x)
{
    T t = F(fma)(2, x, 3), t_lo = F(fma)(2, x, 3 - t);
    T slope = F(fma)(t, F(SIXTH_HI), F(fma)(t, F(SIXTH_LO), t_lo * F(SIXTH_HI)));
    return x <= -3 ? 0 : x >= 3 ? g : g * slope;
}

/* hardtanh: clip to [min_val, max_val]; NaN passes, and so does the gradient there. */
static RF_INLINE T F(hardtanh)(T x, T min_val, T max_val)
{
    return F(at_most)(F(at_least)(x, min_val), max_val);
}
static RF_INLINE T F(hardtanh_backward)(T g, T x, T min_val, T max_val)
{
    return F(stopped_outside)(g, x, min_val, max_val);
}

#endif /* RF_SCALARS */

#ifdef RF_ROW
/* clang-format off */
RF_ROW(relu,             UNARY,  RF_CHEAP,  RF_NO_PARAM,              RF_NO_PARAM,      0, RF_NOWHERE, RF_MASK_GATED,
       "max(x, 0)")
RF_FROM_Y(relu, SHARED, relu_backward)
RF_ROW(relu6,            UNARY,  RF_CHEAP,  RF_NO_PARAM,              RF_NO_PARAM,      0, 6, RF_MASK_GATED,
       "min(max(x, 0), 6)")
RF_FROM_Y(relu6, SHARED, relu6_backward)
RF_ROW(squared_relu,     UNARY,  RF_CHEAP,  RF_NO_PARAM,              RF_NO_PARAM,      0, RF_NOWHERE, RF_MASK_NONE,
       "max(x, 0) ** 2")
RF_ROW(leaky_relu,       SLOPE,  RF_CHEAP,  ("negative_slope", 0.01), RF_NO_PARAM,      p[0] == 0 ? 0 : RF_NOWHERE, RF_NOWHERE, RF_MASK_SLOPE,
       "x if x > 0 else negative_slope * x")
RF_FROM_Y(leaky_relu, SHARED, leaky_relu_backward)
RF_ROW(prelu,            WEIGHT, RF_CHEAP,  ("weight", RF_REQUIRED),  RF_NO_PARAM,      p[0] == 0 ? 0 : RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x if x > 0 else weight * x")
RF_FROM_Y(prelu, SHARED, leaky_relu_backward)
RF_ROW(thresholded_relu, PARAM,  RF_CHEAP,  ("alpha", 1.0),           RF_NO_PARAM,      p[0], RF_NOWHERE, RF_MASK_GATED,
       "x if x > alpha else 0")
RF_ROW(elu,              PARAM,  RF_MEDIUM, ("alpha", 1.0),           RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x if x > 0 else alpha * (exp(x) - 1)")
RF_FROM_Y(elu, PARAM, elu_backward_y)
RF_ROW(selu,             UNARY,  RF_MEDIUM, RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * (exp(x) - 1))")
RF_FROM_Y(selu, UNARY, selu_backward_y)
RF_ROW(celu,             ALPHA,  RF_MEDIUM, ("alpha", 1.0),           RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x if x > 0 else alpha * (exp(x / alpha) - 1)")
RF_FROM_Y(celu, PARAM, celu_backward_y)
RF_ROW(gelu,             UNARY,  RF_LONG,   RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x * (1 + erf(x / sqrt(2))) / 2")
RF_ROW(gelu_tanh,        UNARY,  RF_LONG,   RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x ** 3)))")
RF_ROW(silu,             UNARY,  RF_COSTLY, RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x / (1 + exp(-x))")
RF_ROW(swish,            PARAM,  RF_COSTLY, ("beta", 1.0),            RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x / (1 + exp(-beta * x))")
RF_ROW(mish,             UNARY,  RF_LONG,   RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x * tanh(log(1 + exp(x)))")
RF_ROW(softplus,         PARAM,  RF_MEDIUM, ("beta", 1.0),            RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "log(1 + exp(beta * x)) / beta")
RF_ROW(softsign,         UNARY,  RF_MEDIUM, RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "x / (1 + abs(x))")
RF_ROW(sigmoid,          UNARY,  RF_COSTLY, RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "1 / (1 + exp(-x))")
RF_FROM_Y(sigmoid, UNARY, sigmoid_backward_y)
RF_ROW(tanh,             UNARY,  RF_COSTLY, RF_NO_PARAM,              RF_NO_PARAM,      RF_NOWHERE, RF_NOWHERE, RF_MASK_NONE,
       "(exp(x) - exp(-x)) / (exp(x) + exp(-x))")
RF_FROM_Y(tanh, UNARY, tanh_backward_y)
RF_ROW(hardsigmoid,      PARAMS, RF_CHEAP,  ("alpha", 1.0 / 6),       ("beta", 0.5),    p[0] > 0 ? -p[1] / p[0] : RF_NOWHERE,
       p[0] > 0 ? (1 - p[1]) / p[0] : RF_NOWHERE, RF_MASK_NONE,
       "min(max(alpha * x + beta, 0), 1)")
RF_ROW(hardswish,        UNARY,  RF_CHEAP,  RF_NO_PARAM,              RF_NO_PARAM,      -3, RF_NOWHERE, RF_MASK_NONE,
       "x * min(max(x + 3, 0), 6) / 6")
RF_ROW(hardtanh,         PARAMS, RF_CHEAP,  ("min_val", -1.0),        ("max_val", 1.0), p[0], p[1], RF_MASK_GATED,
       "min(max(x, min_val), max_val)")
RF_FROM_Y(hardtanh, SHARED, hardtanh_backward)
/* clang-format on */
#undef RF_ROW
#undef RF_FROM_Y
#endif
