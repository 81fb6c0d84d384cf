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
static RF_INLINE T F(abs)(T x) { return F(from_bits)(F(bits)(x) & ~F(SIGN_BIT)); }
static RF_INLINE T F(copysign)(T x, T sign)
{
    return F(from_bits)((F(bits)(x) & ~F(SIGN_BIT)) | (F(bits)(sign) & F(SIGN_BIT)));
}
static RF_INLINE T F(at_most)(T x, T limit) { return limit < x ? limit : x; }
static RF_INLINE T F(at_least)(T x, T limit) { return limit > x ? limit : x; }
static RF_INLINE int F(is_finite)(T x) { return F(abs)(x) <= F(MAX); }

/* s * v, but 0 where s is 0 and v infinite: the limit, not NaN. */
static RF_INLINE T F(times)(T s, T v) { return s == 0 && v == v ? 0 : s * v; }

typedef struct {
    T hi, lo;
} TYPE(pair);

/* exp(x) = scale * (1 + p + p_lo) with scale = 2^(k + shift), |p| < 0.42. */
typedef struct {
    T scale, p, p_lo;
} TYPE(exp_parts);

static RF_INLINE TYPE(exp_parts) F(exp_split)(T x, int shift)
{
    /* Adding the magic number rounds x / ln 2 to the integer k and leaves k plus the exponent bias in the low
     * bits; what overflows there is shifted out. */
    T magic = F(ROUNDER) + (T)(F(EXPONENT_BIAS) + shift);
    T t = F(fma)(x, F(LOG2E), magic), k = t - magic;
    T r = F(fma)(k, -F(LN2_HI), x), d = k * -F(LN2_LO);
    T s = F(expm1_rest)(r, d), p = r + s;
    return (TYPE(exp_parts)){F(from_bits)(F(bits)(t) << F(MANTISSA_BITS)), p, s - (p - r)};
}

/* e^x - 1 for x <= 0 (whatever for x > 0). */
static RF_INLINE TYPE(pair) F(expm1)(T x)
{
    TYPE(exp_parts) e = F(exp_split)(F(at_most)(F(at_least)(x, F(EXPM1_FLAT)), 0), 0);
    T c = e.scale - 1, c_lo = e.scale - (c + 1), hi = F(fma)(e.scale, e.p, c);
    return (TYPE(pair)){hi, F(fma)(e.scale, e.p_lo, F(fma)(e.scale, e.p, (c - hi) + c_lo))};
}

/* e^x for x <= 0 as (hi + lo) * scale * step * step: never subnormal before the last product, and down to
 * where even F(MAX) * e^x is 0. */
typedef struct {
    T hi, lo, scale, step;
} TYPE(scaled);

static RF_INLINE TYPE(scaled) F(exp_scaled)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(EXP_VANISHED)), 0);
    TYPE(exp_parts) e = F(exp_split)(c, 0);
    U lift = c < F(EXP_FAR) ? (U)(2 * F(EXP_STEP_LOG2)) << F(MANTISSA_BITS) : 0;
    T hi = 1 + e.p;
    return (TYPE(scaled)){hi, (e.p - (hi - 1)) + e.p_lo, F(from_bits)(F(bits)(e.scale) + lift),
                          c < F(EXP_FAR) ? F(EXP_STEP) : 1};
}

/* v e^x; v may be any number, infinite too: only its rounding is lost. */
static RF_INLINE T F(times_exp)(T v, TYPE(scaled) e)
{
    T a = v * e.step, finite = F(at_most)(F(at_least)(a, -F(MAX)), F(MAX));
    return F(fma)(a, e.hi * e.scale, finite * (e.lo * e.scale)) * e.step;
}

/* g * m * e.scale * e.step^2 for m next to 1, in an order that neither overflows nor loses bits early. */
static RF_INLINE T F(unscale)(T g, T m, TYPE(scaled) e) { return (g * e.step) * (m * e.scale) * e.step; }

/* 1 / (1 + e^-x): the denominator as a pair, scaled so that its reciprocal is never subnormal. */
static RF_INLINE T F(logistic)(T x)
{
    T c = F(at_most)(F(at_least)(x, F(LOGISTIC_LOW)), F(LOGISTIC_HIGH));
    TYPE(exp_parts) e = F(exp_split)(-c, -F(LOGISTIC_SHIFT));
    T base = F(LOGISTIC_ONE) + e.scale, d = F(fma)(e.scale, e.p, base);
    T d_lo = F(fma)(e.scale, e.p, base - d) + (F(LOGISTIC_ONE) - (base - e.scale));
    T r = 1 / d;
    T rest = F(fma)(-r, d_lo, F(fma)(-r, d, 1));
    return F(fma)(r, rest, r) * F(LOGISTIC_ONE);
}

/* g * factor * s(x) (1 - s(x)) = g * factor * z / (1 + z)^2 with z = e^-|x|. */
static RF_INLINE T F(logistic_backward)(T g, T x, T factor)
{
    TYPE(scaled) e = F(exp_scaled)(-F(abs)(x));
    T z = e.hi * e.scale * e.step * e.step, z_lo = e.lo * e.scale * e.step;
    T t = F(fma)(z, z, 2 * z), d = 1 + t, t_lo = F(fma)(z, z, 2 * z - t) + 2 * z_lo * (1 + z);
    T d_lo = (t - (d - 1)) + t_lo;
    T r = 1 / d, q = e.hi * r;
    T rest = F(fma)(-q, d_lo, F(fma)(-q, d, e.hi)) + e.lo;
    return F(unscale)(g, factor * F(fma)(r, rest, q), e);
}
