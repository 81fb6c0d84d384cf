/* Branch-free building blocks for type T, included once per type. No libm, no loops: every function here ends
 * up inside a vector loop. F(name) is the name for T, U the unsigned integer of T's width.
 *
 * Sums of two numbers (hi, lo) carry what one rounding would lose; F(fma) keeps them exact where the ISA has
 * it. Selects are written so that NaN falls through: `limit < x ? limit : x` keeps a NaN in x. */

static RF_INLINE U F(bits)(T x)
{
    U u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static RF_INLINE T F(from_bits)(U u)
{
    T x;
    memcpy(&x, &u, sizeof x);
    return x;
}
/* not by its bits: gcc 12 would compute it twice where a minimum takes it */
static RF_INLINE T F(abs)(T x) { return (T)(DIGITS == 24 ? __builtin_fabsf((float)x) : __builtin_fabs(x)); }
/* x with the sign of `sign`; x is positive or has it already. */
static RF_INLINE T F(signed_as)(T x, T sign)
{
    return F(from_bits)(F(bits)(x) | (F(bits)(sign) & F(SIGN_BIT)));
}
/* x86's minimum and maximum to the letter, but of a limit that it knows gcc makes a comparison and a
 * selection. */
static RF_INLINE T F(not_known)(T limit, T x)
{
    return __builtin_constant_p(limit) && !__builtin_constant_p(x) ? limit * F(rf_one) : limit;
}
static RF_INLINE T F(at_most)(T x, T limit)
{
    limit = F(not_known)(limit, x);
    return limit < x ? limit : x;
}
static RF_INLINE T F(at_least)(T x, T limit)
{
    limit = F(not_known)(limit, x);
    return limit > x ? limit : x;
}
static RF_INLINE int F(is_finite)(T x) { return F(abs)(x) <= F(MAX); }

/* a (1 + p), for infinite a, too. */
static RF_INLINE T F(grown)(T a, T p)
{
    T sum = F(fma)(a, p, a);
    return sum == sum ? sum : a + p;
}

/* g, but 0 at low, at high and beyond them; NaN is inside. */
static RF_INLINE T F(stopped_outside)(T g, T x, T low, T high) { return ((x <= low) | (x >= high)) ? 0 : g; }

/* The largest number of the type that is not above v. */
static RF_INLINE T F(not_above)(double v)
{
    T x = (T)v;
    return (double)x > v ? F(from_bits)(F(bits)(x) + (x > 0 ? ~(U)0 : 1)) : x;
}

/* s * v, but 0 where s is 0 and v infinite: the limit, not NaN. */
static RF_INLINE T F(times)(T s, T v)
{
    /* as numbers, because SSE2 cannot choose between 64-bit integers */
    T number = v == v ? F(from_bits)(~(U)0) : 0, gone = s == 0 ? number : 0;
    return F(from_bits)(F(bits)(s * v) & ~F(bits)(gone));
}

typedef struct {
    T hi, lo;
} TYPE(pair);

/* exp(x) = scale * (1 + p + p_lo) with scale = 2^(k + shift), |p| < 0.42. */
typedef struct {
    T scale, p, p_lo;
} TYPE(exp_parts);

/* Adding the magic number rounds x / ln 2 to the integer k and leaves k plus the exponent bias in the low
 * bits; what overflows there is shifted out. */
static RF_INLINE T F(exp_magic)(T shift) { return F(ROUNDER) + (F(EXPONENT_BIAS) + shift); }

/* e^(r + d) - 1 - r = r^2 q(r) + d e^r for a d that counts to first order. If it is tiny, below 2^-21 for
 * float, r^2 d / 2 is all that is needed of d e^r's tail. */
static RF_INLINE T F(expm1_rest)(T r, T d, int tiny)
{
    T q = F(exp_q)(r), u = r * q;
    if (tiny) return F(fma)(r, F(fma)(r, F(fma)(d, (T)0.5, q), d), d);
    return F(fma)(r, F(fma)(d, u, u + d), d);
}

static RF_INLINE TYPE(exp_parts) F(exp_parts_of)(T t, T r, T d, int tiny)
{
    T s = F(expm1_rest)(r, d, tiny), p = r + s;
    return (TYPE(exp_parts)){F(from_bits)(F(bits)(t) << F(MANTISSA_BITS)), p, s - (p - r)};
}

static RF_INLINE TYPE(exp_parts) F(exp_split)(T x, T shift)
{
    T t = F(fma)(x, F(LOG2E), F(exp_magic)(shift)), k = t - F(exp_magic)(shift);
    return F(exp_parts_of)(t, F(fma)(k, -F(LN2_HI), x), k * -F(LN2_LO), DIGITS == 24);
}

/* The same of x + x_lo. */
static RF_INLINE TYPE(exp_parts) F(exp_split_pair)(T x, T x_lo, T shift)
{
    T t = F(fma)(x, F(LOG2E), F(exp_magic)(shift)), k = t - F(exp_magic)(shift);
    return F(exp_parts_of)(t, F(fma)(k, -F(LN2_HI), x), F(fma)(k, -F(LN2_LO), x_lo), 0);
}

static RF_INLINE TYPE(exp_parts) F(exp_parts_from)(T t, T r, T q)
{
    T u = r * r, p = F(fma)(u, q, r);
    return (TYPE(exp_parts)){F(from_bits)(F(bits)(t) << F(MANTISSA_BITS)), p, F(fma)(u, q, r - p)};
}

/* As exp_split, in two operations fewer: p has the rounding of the reduced x, of which p_lo does not know. */
static RF_INLINE TYPE(exp_parts) F(exp_short)(T x, T shift)
{
    T t = F(fma)(x, F(LOG2E), F(exp_magic)(shift)), k = t - F(exp_magic)(shift);
    T r = F(fma)(k, -F(LN2_LO), F(fma)(k, -F(LN2_HI), x));
    return F(exp_parts_from)(t, r, F(exp_q)(r));
}

/* The same of x + x_lo, which is in p, not in p_lo; float64 has no bits to spare for that. */
static RF_INLINE TYPE(exp_parts) F(exp_short_of_pair)(TYPE(pair) x, T shift)
{
    if (DIGITS != 24) return F(exp_split_pair)(x.hi, x.lo, shift);
    TYPE(exp_parts) e = F(exp_short)(x.hi, shift);
    /* gcc would keep a sum with 0 */
    if (!__builtin_constant_p(x.lo) || x.lo != 0) e.p += F(fma)(x.lo, e.p, x.lo);
    return e;
}

/* e^x for e^x - 1, x <= 0 (whatever for x > 0, and for NaN): beside the 1 what LN2_LO changes is too small
 * for float, and without it r is exact. */
static RF_INLINE TYPE(exp_parts) F(expm1_parts)(T x)
{
    T t = F(fma)(x, F(LOG2E), F(exp_magic)(0)), k = t - F(exp_magic)(0), r = F(fma)(k, -F(LN2_HI), x);
    if (DIGITS != 24) r = F(fma)(k, -F(LN2_LO), r);
    return F(exp_parts_from)(t, r, F(expm1_q)(r));
}

/* e^x - 1 as hi + lo. */
static RF_INLINE TYPE(pair) F(minus_one)(TYPE(exp_parts) e)
{
    T c = e.scale - 1, hi = F(fma)(e.scale, e.p, c); /* where c is rounded, hi is -1 */
    return (TYPE(pair)){hi, F(fma)(e.scale, e.p_lo, F(fma)(e.scale, e.p, c - hi))};
}

static RF_INLINE TYPE(pair) F(expm1)(T x)
{
    return F(minus_one)(F(expm1_parts)(F(at_least)(x, F(EXPM1_FLAT))));
}
static RF_INLINE TYPE(pair) F(expm1_of_pair)(TYPE(pair) x)
{
    TYPE(exp_parts) e = F(expm1_parts)(x.hi);
    e.p_lo += F(fma)(x.lo, e.p, x.lo);
    return F(minus_one)(e);
}

/* e^x for x <= 0 (whatever for x > 0) as (hi + lo) * scale * step * step: never subnormal before the last
 * product, and down to where even F(MAX) * e^x is 0. */
typedef struct {
    T p, p_lo, hi, lo, scale, step; /* hi + lo = 1 + p + p_lo */
} TYPE(scaled);

static RF_INLINE TYPE(scaled) F(lifted)(TYPE(exp_parts) e, int far)
{
    U lift = far ? (U)(2 * F(EXP_STEP_LOG2)) << F(MANTISSA_BITS) : 0;
    T hi = 1 + e.p;
    return (TYPE(scaled)){e.p,
                          e.p_lo,
                          hi,
                          (e.p - (hi - 1)) + e.p_lo,
                          F(from_bits)(F(bits)(e.scale) + lift),
                          far ? F(EXP_STEP) : 1};
}
static RF_INLINE TYPE(scaled) F(exp_scaled)(TYPE(pair) x)
{
    return F(lifted)(F(exp_short_of_pair)(x, 0), x.hi < F(EXP_FAR));
}
static RF_INLINE TYPE(scaled) F(exp_scaled_precisely)(TYPE(pair) x)
{
    return F(lifted)(F(exp_split_pair)(x.hi, x.lo, 0), x.hi < F(EXP_FAR));
}

/* v e^x; v may be any number, infinite too: p and a product are rounded. In this order it overflows only
 * where it should. */
static RF_INLINE T F(times_exp)(T v, TYPE(scaled) e) { return F(grown)(v * e.step * e.scale, e.p) * e.step; }

/* g * m * e.scale * e.step^2 for m next to 1, in an order that neither overflows nor loses bits early. */
static RF_INLINE T F(unscale)(T g, T m, TYPE(scaled) e) { return (g * e.step) * (m * e.scale) * e.step; }

/* 1 / (1 + e^-x): the denominator scaled so that its reciprocal is never subnormal. */
static RF_INLINE T F(logistic)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(LOGISTIC_LOW)), F(LOGISTIC_HIGH));
    TYPE(exp_parts) e = F(exp_short)(-c, -F(LOGISTIC_SHIFT));
    T base = F(LOGISTIC_ONE) + e.scale, base_lo = F(LOGISTIC_ONE) - (base - e.scale);
    if (DIGITS != 24) return 1 / (base + F(fma)(e.scale, e.p, base_lo)) * F(LOGISTIC_ONE);
    T d = F(fma)(e.scale, e.p, base), d_lo = F(fma)(e.scale, e.p, base - d) + base_lo;
    T r = 1 / d, rest = F(fma)(-r, d_lo, F(fma)(-r, d, 1));
    return F(fma)(r, rest, r) * F(LOGISTIC_ONE);
}

/* g * s(x) (1 - s(x)), or four times that. With |x| = r - k ln(2) and z = 2^k it is g z / d with
 * d = e^r (1 + z e^-r)^2 = (1 + z)^2 + (1 - z^2) sinh(r) + (1 + z^2) (cosh(r) - 1). For four times that z is
 * divided by 4, d and its 1 by 16. What 2^k has below NEAR is multiplied in as far * far: so g may be any
 * number, and nothing is lost early. */
static RF_INLINE T F(logistic_backward)(T g, T x, int four_times)
{
    const T one = four_times ? (T)0.0625 : 1, two = four_times ? (T)0.5 : 2;
    const T magic = F(exp_magic)(four_times ? -2 : 0), halfway = F(exp_magic)(0),
            near = halfway + F(EXPONENT_NEAR);
    T c = F(at_most)(F(abs)(x), -F(EXP_VANISHED)), t = F(fma)(c, -F(LOG2E), magic), k = t - magic;
    T r = F(fma)(k, F(LN2_LO), F(fma)(k, F(LN2_HI), c)), u = r * r;
    T half = F(fma)(F(at_most)(t, near), (T)0.5, halfway - (T)0.5 * near);
    T z = F(from_bits)(F(bits)(F(fma)(half - halfway, -2, t)) << F(MANTISSA_BITS));
    T far = F(from_bits)(F(bits)(half) << F(MANTISSA_BITS));
    T more = z + two, odd = F(fma)(-z, z, one), even = F(fma)(z, z, one);
    T sinh = F(fma)(r * u, F(sinh_rest)(u), r), most = F(fma)(odd, sinh, F(fma)(z, more, one));
    T rest = F(fma)(odd, sinh, F(fma)(z, more, one - most)); /* most + rest = d */
    rest = F(fma)(even, u * F(cosh_rest)(u), rest);
    T q = 1 / (most + rest), slope = F(fma)(q, F(fma)(-q, rest, F(fma)(-q, most, 1)), q);
    return g * (slope * z) * far * far;
}

/* s * e: float64 does not need e.lo for its 2 ULP, and an s of 1 not for float's 1. */
static RF_INLINE T F(times_pair)(T s, TYPE(pair) e)
{
    return DIGITS == 24 && s != 1 ? F(fma)(s, e.hi, s * e.lo) : s * e.hi;
}

static RF_INLINE T F(not_negative)(T alpha) { return alpha >= 0 ? alpha : F(NOWHERE); }
static RF_INLINE T F(reciprocal)(T alpha) { return F(at_most)(1 / alpha, F(MAX)); }

/* x / alpha, but not far below `low`, for alpha >= 0; finite for alpha 0 and for infinite x, too. What
 * depends on alpha alone leaves the loop. */
static RF_INLINE TYPE(pair) F(quotient)(T x, T alpha, T low)
{
    T r = F(reciprocal)(F(not_negative)(alpha)), r_lo = r > 0 ? F(fma)(-r, alpha, 1) * r : 0;
    T c = F(at_least)(x, F(at_least)(low * alpha, -F(MAX))), hi = c * r;
    return (TYPE(pair)){hi, F(fma)(c, r_lo, F(fma)(c, r, -hi))};
}

#if DIGITS == 24
/* 1 - 2 / (e^(2a) + 1) from a = 1 on, before a - a z / M(z) with z = a^2, in one quotient. */
static RF_INLINE float tangent_f32(float x)
{
    float a = abs_f32(x), c = at_most_f32(a, TANH_FLAT_f32);
    float t = fma_f32(c, 2 * LOG2E_f32, exp_magic_f32(0)), k = t - exp_magic_f32(0);
    float d = fma_f32(from_bits_f32(bits_f32(t) << MANTISSA_BITS_f32),
                      exp_twice_f32(fma_f32(k, LN2_HI_f32 / -2, c)), 1);
    float z = x * x;
    int large = a >= 1;
    float q = (large ? 2 : z) / (large ? d : tanh_rest_f32(z));
    float base = large ? 1 : a;
    return signed_as_f32(fma_f32(-base, q, base), x);
}
#else
/* h / (1 + h) with h = (e^(2|x|) - 1) / 2; up to h = 1 the rounding of 1 + h is made up for. */
static RF_INLINE double tangent_f64(double x)
{
    exp_parts_f64 e = exp_split_f64(2 * at_most_f64(abs_f64(x), TANH_FLAT_f64), -1);
    double h = fma_f64(e.scale, e.p, e.scale - 0.5), y = h / (1 + h);
    return signed_as_f64(fma_f64(fma_f64(-y, h, h - y), h < 1 ? 1 - y : 0, y), x);
}
#endif

/* x, but -0 for what is below; NaN may get lost. One instruction for float, which SSE2 lacks for double:
 * there compared with the largest negative number, as clang 14 makes x <= 0 of x < 0, and -0 of 0. */
static RF_INLINE T F(at_least_minus_zero)(T x)
{
    if (DIGITS != 24) return x <= (T)-0x1p-1074 ? -(T)0 : x;
    return F(from_bits)(F(bits)(x) < F(SIGN_BIT) ? F(bits)(x) : F(SIGN_BIT));
}

/* erfc(a / sqrt(2)) e^(a^2 / 2) / 2 = SCALE t (s + s_lo), for a >= 0; one Newton step for t is in s_lo. */
typedef struct {
    T t, s, s_lo;
} TYPE(scaled_tail);

static RF_INLINE TYPE(scaled_tail) F(normal_tail)(T a)
{
    T d = F(fma)(F(GELU_C), a, 1), d_lo = F(fma)(F(GELU_C), a, 1 - d), t = 1 / d;
    T rest = F(fma)(-t, d_lo, F(fma)(-t, d, 1));
    TYPE(gelu_ratio) ratio = F(gelu_ratio_of)(t);
    return (TYPE(scaled_tail)){t, ratio.s, F(fma)(rest, ratio.slope, ratio.s_lo)};
}

/* -a^2 / 2 */
static RF_INLINE TYPE(pair) F(half_square)(T a)
{
    T half = a / -2, h = half * a;
    return (TYPE(pair)){h, F(fma)(half, a, -h)};
}

/* e^(x + x_lo) = e (1 + rest) for those who have a use for the rest elsewhere; there is no p_lo. */
typedef struct {
    TYPE(exp_parts) e;
    T rest;
} TYPE(exp_and_rest);

static RF_INLINE TYPE(exp_and_rest) F(exp_split_rest)(TYPE(pair) x, T shift)
{
    T t = F(fma)(x.hi, F(LOG2E), F(exp_magic)(shift)), k = t - F(exp_magic)(shift);
    T r = F(fma)(k, -F(LN2_HI), x.hi), p = F(fma)(r * r, F(exp_q)(r), r);
    TYPE(exp_parts) e = {F(from_bits)(F(bits)(t) << F(MANTISSA_BITS)), p, 0};
    return (TYPE(exp_and_rest)){e, F(fma)(k, -F(LN2_LO), x.lo)};
}

static RF_INLINE TYPE(pair) F(square)(T x)
{
    T hi = x * x;
    return (TYPE(pair)){hi, F(fma)(x, x, -hi)};
}

/* x (LINEAR + c x^2) of gelu_tanh. */
static RF_INLINE TYPE(pair) F(odd_cubic)(T x, TYPE(pair) square, T c, T c_lo)
{
    T m = F(fma)(c, square.hi, F(GELU_LINEAR_HI)), m_lo = F(fma)(c, square.hi, F(GELU_LINEAR_HI) - m);
    m_lo += F(fma)(c, square.lo, F(fma)(c_lo, square.hi, F(GELU_LINEAR_LO)));
    T hi = x * m;
    return (TYPE(pair)){hi, F(fma)(x, m_lo, F(fma)(x, m, -hi))};
}

/* n / (d + d_lo): float's 1 ULP takes the remainder. */
static RF_INLINE T F(divided)(T n, T d, T d_lo)
{
    if (DIGITS != 24) return n / (d + d_lo);
    T r = 1 / d, y = n * r, minus_rest = F(fma)(y, d_lo, F(fma)(y, d, -n));
    return F(fma)(-r, minus_rest, y); /* subtracted, because the sum of -0 and +0 is +0 */
}

/* e^-x beside the 1 it is added to. Far left e^-x is multiplied by step^2, and the 1 becomes step, which is
 * still nothing beside it. Masks and integers instead of selections, which AVX2 takes three times as long
 * for. */
typedef struct {
    T scale, p, p_lo, step, base, base_lo; /* e^-x = scale (1 + p + p_lo); base + base_lo = scale + step */
    int far;
} TYPE(logistic_parts);

static RF_INLINE TYPE(logistic_parts) F(logistic_parts_of)(T x, TYPE(exp_parts) e)
{
    int far = x < F(LOGISTIC_FAR);
    U drop = far ? (U)F(LOGISTIC_STEP_LOG2) << F(MANTISSA_BITS) : 0;
    T scale = F(from_bits)(F(bits)(e.scale) - 2 * drop), step = F(from_bits)(F(bits)(1) - drop);
    T base = step + scale;
    return (TYPE(logistic_parts)){scale, e.p, e.p_lo, step, base, step - (base - scale), far};
}

/* t + t_lo = beta * c with c the x that is not far beyond where t is +-EXP_VANISHED; t is 0 where beta is.
 * What depends on beta alone leaves the loop. */
typedef struct {
    T t, t_lo, c;
} TYPE(product);

static RF_INLINE TYPE(product) F(product_of)(T x, T beta)
{
    T size = F(at_most)(F(abs)(beta), F(MAX)), limit = F(at_most)(-F(EXP_VANISHED) / size, F(MAX));
    T c = F(at_most)(F(at_least)(x, -limit), limit), b = F(signed_as)(size, beta), t = b * c;
    return (TYPE(product)){t, __builtin_constant_p(beta) && beta == 1 ? 0 : F(fma)(b, c, -t), c};
}

/* The derivative of t s(t) with s(t) = 1 / (1 + e^-t) is a s(t) with a = 1 + min(t, 0) + |t| s(-|t|); e is
 * e^-t. For a pair t the budget allows for what costs silu its time: t_lo, and the rounding of base. */
static RF_INLINE T F(silu_slope)(T g, TYPE(pair) t, TYPE(exp_parts) e, int of_pair)
{
    TYPE(logistic_parts) l = F(logistic_parts_of)(t.hi, e);
    T d = F(fma)(l.scale, l.p, l.base), d_lo = F(fma)(l.scale, l.p, l.base - d), r = 1 / d;
    T s = (t.hi < 0 ? -l.step : F(fma)(l.scale, l.p, l.scale)) * r; /* t s = |t| s(-|t|) */
    T b = 1 + F(at_most)(t.hi, 0), a = F(fma)(t.hi, s, b), m = a * r;
    T rest = F(fma)(t.hi, s, F(fma)(-m, d, b));
    if (of_pair) d_lo += l.base_lo, rest += F(fma)(t.lo, s, t.hi < 0 ? t.lo : 0);
    rest = F(fma)(-m, d_lo, rest);
    T v = g * l.step;
    if (DIGITS != 24) return v * F(fma)(r, rest, m) * l.step;
    T y = F(fma)(v, m, v * (r * rest)); /* float has no bits left for one more rounding */
    return (of_pair ? y == y ? y : v * m : y) * l.step;
}

/* log1p(one * (z + z_lo)) / one as 2 atanh(h), h = one * z / (2 + one * z). */
static RF_INLINE TYPE(pair) F(log1p)(T z, T z_lo, T one)
{
    T r = 2 / F(fma)(one, z, 2), y = z * r, h = (T)0.5 * one * y, u = h * h;
    return (TYPE(pair)){y, F(fma)(F(fma)(z_lo, r, F(fma)(-h, z, z - y)), r, y * u * F(atanh_rest)(u))};
}

#if DIGITS == 24
/* max(x, 0) + log1p(e^-|x|) in the fewest operations: z is e^-|x| times 2^32. */
static RF_INLINE float softplus_plain_f32(float x)
{
    exp_parts_f32 e = exp_split_f32(-at_most_f32(abs_f32(x), SOFTPLUS_FLAT_f32), 32);
    float z = fma_f32(e.scale, e.p, e.scale), r = 2 / (z + 0x1p33f), y = z * r, h = y / 2, u = h * h;
    /* what z lost is added last: in fewer operations 1.04 ULP at one input */
    float rest = fma_f32(-h, z, fma_f32(-0x1p32f, y, z)) + fma_f32(e.scale, e.p, e.scale - z);
    float lo = fma_f32(rest, r, y * u * atanh_rest_f32(u)), m = at_least_f32(x, 0);
    float large = at_least_f32(m, y), small = at_most_f32(m, y), sum = large + small;
    float value = sum + ((small - (sum - large)) + lo);
    return x <= SOFTPLUS_FLAT_f32 ? value : x;
}
#endif

/* softplus: sign(beta) * (max(v, 0) + log1p(e^-|b v|) / b) with b = |beta|, v = sign(beta) * x. What is added
 * is multiplied by `up`, so that it is not subnormal. What depends on beta alone leaves the loop. */
static RF_INLINE T F(softplus_of)(T x, T beta)
{
#if DIGITS == 24
    /* the loops have one for a constant 1; elsewhere it is computed beside the other, for the same bits */
    const float of_one = softplus_plain_f32(x);
    if (__builtin_constant_p(beta) && beta == 1) return of_one;
#else
    const double of_one = 0;
#endif
    /* then t_lo is 0 and lead 1, and p_lo is not needed for the bound: the same bits in less time */
    const int plain = __builtin_constant_p(beta) && beta == 1;
    T nan = beta == beta ? 0 : beta, sign = F(signed_as)(1, beta) + nan;
    T b = F(at_most)(F(abs)(beta), F(MAX)), divisor = b == 0 ? 1 : b;
    T power = F(from_bits)(F(bits)(b) & ((U)(2 * F(EXPONENT_BIAS) + 1) << F(MANTISSA_BITS)));
    power = F(at_most)(F(at_least)(power, F(BETA_LOW)), F(BETA_HIGH));
    T exponent = F(from_bits)(F(bits)(power) >> F(MANTISSA_BITS) | F(bits)(F(ROUNDER))) - F(ROUNDER);
    T up = b < F(BETA_SMALL) ? 1 : 1 / F(LOGISTIC_ONE), down = b == 0 ? F(INF) : 1 / up;
    T shift = (T)((b < F(BETA_SMALL) ? 0 : F(LOGISTIC_SHIFT)) + F(EXPONENT_BIAS)) - exponent;
    T limit = F(at_most)(F(LN2_HI) * (shift + F(EXPONENT_BIAS) - 2) / b, F(MAX));
    T lead = power / divisor, lead_lo = F(fma)(-lead, divisor, power) / divisor, keep = b == 1 ? 0 : 1;

    T v = x * (sign * up), a = F(at_most)(F(abs)(x), limit), t = b * a;
    TYPE(exp_parts) e = F(exp_split_pair)(-t, plain ? 0 : F(fma)(-b, a, t), shift);
    T z = F(fma)(e.scale, e.p, e.scale), z_lo = F(fma)(e.scale, e.p, e.scale - z);
    if (!plain) z_lo = F(fma)(keep * e.scale, e.p_lo, z_lo);
    TYPE(pair) l = F(log1p)(z, z_lo, power / up), y = l;
    if (!plain) {
        y.hi = l.hi * lead;
        y.lo = F(fma)(l.hi, lead_lo, F(fma)(l.lo, lead, F(fma)(l.hi, lead, -y.hi)));
    }
    T m = F(at_least)(v, 0), large = F(at_least)(m, y.hi), small = F(at_most)(m, y.hi), sum = large + small;
    T value = sum + ((small - (sum - large)) + y.lo);
    if (!plain) value = v < (b == 0 ? -F(INF) : -limit * up) ? 0 : value;
    value = v <= limit * up ? value * (sign * down) : plain ? x : x + nan;
    return DIGITS == 24 && beta == 1 ? of_one : value;
}
