/* Constants of the scalar mathematics, per type. coefficients.py derives the polynomials and the (hi, lo)
 * pairs and states their errors. */

enum { MANTISSA_BITS_f32 = 23, EXPONENT_BIAS_f32 = 127 };
enum { EXPONENT_NEAR_f32 = -124 }; /* of powers whose products with a number next to 1 are not subnormal */
static const uint32_t SIGN_BIT_f32 = UINT32_C(1) << 31;
static const float MAX_f32 = FLT_MAX, INF_f32 = HUGE_VALF, EPSILON_f32 = FLT_EPSILON, NOWHERE_f32 = NAN;
static const float ROUNDER_f32 = 0x1.8p23f; /* adding it rounds to an integer */

static const float LOG2E_f32 = 0x1.715476p+0f;
static const float LN2_HI_f32 = 0x1.62e43p-1f, LN2_LO_f32 = -0x1.05c61p-29f;
static const float SELU_SCALE_HI_f32 = 0x1.0cfabcp+0f, SELU_SCALE_LO_f32 = 0x1.6a9114p-24f;
static const float SELU_LEFT_HI_f32 = 0x1.c212ccp+0f, SELU_LEFT_LO_f32 = 0x1.903c0cp-26f; /* scale * alpha */

static const float EXPM1_FLAT_f32 = -25; /* e^x - 1 is -1 below */
/* e^x is lifted by two steps below FAR; below VANISHED even x * MAX * e^x is 0. */
static const float EXP_FAR_f32 = -80, EXP_VANISHED_f32 = -200, EXP_STEP_f32 = 0x1p-100f;
enum { EXP_STEP_LOG2_f32 = 100 };
/* 1 / (1 + e^-x) is 0 or 1 outside; the denominator is scaled by ONE. */
static const float LOGISTIC_LOW_f32 = -105, LOGISTIC_HIGH_f32 = 43, LOGISTIC_ONE_f32 = 0x1p-64f;
enum { LOGISTIC_SHIFT_f32 = 64 };
/* Where x is not held in that interval: below FAR numerator and denominator are multiplied by 2^-STEP_LOG2
 * twice. */
static const float LOGISTIC_FAR_f32 = -87;
enum { LOGISTIC_STEP_LOG2_f32 = 90 };
/* silu and mish vanish below LOW; mish is x above HIGH, and its slope 1 above SLOPE_HIGH. */
static const float SILU_LOW_f32 = -110, MISH_HIGH_f32 = 10, MISH_SLOPE_HIGH_f32 = 13;
/* softplus scales by 1 / LOGISTIC_ONE unless its beta is below SMALL; the power of 2 in beta is held in the
 * interval. */
static const float BETA_SMALL_f32 = 0x1p-40f, BETA_LOW_f32 = 0x1p-100f, BETA_HIGH_f32 = 0x1p126f;
static const float SOFTPLUS_FLAT_f32 = 104;     /* it is x above, with beta 1, and 0 below -FLAT */
static const float TANH_FLAT_f32 = 10;          /* it is 1 above */
static const float SOFTSIGN_FLAT_f32 = 0x1p30f; /* it is 1 above */
static const float SIXTH_HI_f32 = 0x1.555556p-3f, SIXTH_LO_f32 = -0x1.555556p-28f;

/* e^r - 1 = r + r^2 q(r) for |r| <= ln(2) / 2. */
static RF_INLINE float exp_q_f32(float r)
{
    float q = fma_f32(r, 0x1.6a524cp-10f, 0x1.12396ep-7f);
    q = fma_f32(r, q, 0x1.5558aap-5f);
    q = fma_f32(r, q, 0x1.555492p-3f);
    return fma_f32(r, q, 0x1.fffffcp-2f);
}

/* The q of e^x - 1, x <= 0. */
static RF_INLINE float expm1_q_f32(float r)
{
    float q = fma_f32(r, 0x1.69b68ap-10f, 0x1.123ab8p-7f);
    q = fma_f32(r, q, 0x1.555a66p-5f);
    q = fma_f32(r, q, 0x1.55549p-3f);
    return fma_f32(r, q, 0x1.fffff8p-2f);
}

/* (cosh(r) - 1) / r^2 and (sinh(r) - r) / r^3 as functions of u = r^2, |r| <= ln(2) / 2. */
static RF_INLINE float cosh_rest_f32(float u)
{
    return fma_f32(u, fma_f32(u, 0x1.6d4f1p-10f, 0x1.5554e6p-5f), 0x1p-1f);
}
static RF_INLINE float sinh_rest_f32(float u) { return fma_f32(u, 0x1.123c06p-7f, 0x1.55548ep-3f); }

/* e^(2r) for |r| <= ln(2) / 4, by exp_q. */
static RF_INLINE float exp_twice_f32(float r)
{
    float q = fma_f32(r, 64 * 0x1.6a524cp-10f, 32 * 0x1.12396ep-7f);
    q = fma_f32(r, q, 16 * 0x1.5558aap-5f);
    q = fma_f32(r, q, 8 * 0x1.555492p-3f);
    q = fma_f32(r, q, 4 * 0x1.fffffcp-2f);
    return fma_f32(r, fma_f32(r, q, 2), 1);
}

/* (atanh(h) - h) / h^3 as a function of u = h^2 <= 1/9. */
static RF_INLINE float atanh_rest_f32(float u)
{
    float q = fma_f32(u, 0x1.1ec906p-3f, 0x1.1ec07p-3f);
    return fma_f32(u, fma_f32(u, q, 0x1.99d1cap-3f), 0x1.555502p-2f);
}

/* x^3 / (x - tanh(x)) as a function of z = x^2 <= 1. */
static RF_INLINE float tanh_rest_f32(float z)
{
    float m = fma_f32(z, 0x1.dad29cp-13f, -0x1.750566p-8f);
    return fma_f32(z, fma_f32(z, m, 0x1.3332bap+0f), 0x1.800006p+1f);
}

/* erfc(a / sqrt(2)) e^(a^2 / 2) / 2 = SCALE t s with t = 1 / (1 + C a) and s a polynomial in u = t - CENTRE;
 * the scale makes its low coefficients fit the type. CENTRE is such that u is exact. From FLAT on gelu is 0
 * or x. */
static const float GELU_FLAT_f32 = 14.7f, GELU_BACKWARD_FLAT_f32 = 20;
static const float GELU_C_f32 = 0x1.30a3d8p-2f, GELU_CENTRE_f32 = 0.4375f, GELU_SCALE_f32 = 0x1.c324cap+0f;
static const float GELU_DENSITY_f32 = 0x1.cf9f84p-3f,
                   GELU_DENSITY_LO_f32 = 0x1.869f2ap-29f; /* 1 / (SCALE sqrt(2 pi)) */
enum { GELU_SHIFT_f32 = 100 };
static const float GELU_UNSHIFT_f32 = 0x1p-100f;
static const float GELU_COARSE_f32 = 14; /* keeps its binade when t s - a / sqrt(2 pi) is added */

typedef struct {
    float s, s_lo, slope; /* s + t ds/dt */
} gelu_ratio_f32;

static RF_INLINE gelu_ratio_f32 gelu_ratio_of_f32(float t)
{
    float u = t - GELU_CENTRE_f32;
    float w = fma_f32(u, -0x1.7e1adap-7f, 0x1.3a627cp-6f);
    w = fma_f32(u, w, 0x1.69f7e8p-7f);
    w = fma_f32(u, w, -0x1.e7f748p-6f);
    w = fma_f32(u, w, -0x1.0c4f44p-5f);
    w = fma_f32(u, w, 0x1.0e835cp-5f);
    w = fma_f32(u, w, 0x1.f99c26p-4f);
    w = fma_f32(u, w, 0x1.64933cp-3f);
    float v = fma_f32(u, w, 0x1.4dcb28p-3f), v_lo = fma_f32(u, w, 0x1.4dcb28p-3f - v);
    float s = fma_f32(u, v, 0x1.d38894p-4f), s_lo = fma_f32(u, v_lo, fma_f32(u, v, 0x1.d38894p-4f - s));
    return (gelu_ratio_f32){s, s_lo, fma_f32(t, fma_f32(u, w, v), s)};
}

/* gelu_tanh: v = x (LINEAR + CUBIC x^2), and x v' with CUBIC3 = 3 CUBIC. LINEAR_HI has so few digits that its
 * difference from the sum is exact. gelu_tanh is 0 below LOW and x above HIGH; below VANISHED even MAX times
 * its slope is 0. */
static const float GELU_LINEAR_HI_f32 = 0x1.98844p+0f, GELU_LINEAR_LO_f32 = 0x1.33d436p-20f;
static const float GELU_CUBIC_HI_f32 = 0x1.2444f2p-4f, GELU_CUBIC_LO_f32 = 0x1.49b16ap-29f;
static const float GELU_CUBIC3_HI_f32 = 0x1.b6676cp-3f, GELU_CUBIC3_LO_f32 = -0x1.175e2p-32f;
static const float GELU_TANH_LOW_f32 = -11, GELU_TANH_HIGH_f32 = 6.5f, GELU_TANH_VANISHED_f32 = -13.6f;

enum { MANTISSA_BITS_f64 = 52, EXPONENT_BIAS_f64 = 1023, EXPONENT_NEAR_f64 = -1020 };
static const uint64_t SIGN_BIT_f64 = UINT64_C(1) << 63;
static const double MAX_f64 = DBL_MAX, INF_f64 = HUGE_VAL, EPSILON_f64 = DBL_EPSILON, NOWHERE_f64 = NAN;
static const double ROUNDER_f64 = 0x1.8p52;

static const double LOG2E_f64 = 0x1.71547652b82fep+0;
static const double LN2_HI_f64 = 0x1.62e42fefa39efp-1, LN2_LO_f64 = 0x1.abc9e3b39803fp-56;
static const double SELU_SCALE_HI_f64 = 0x1.0cfabd6a91132p+0, SELU_SCALE_LO_f64 = 0x1.6fc7d272f2695p-55;
static const double SELU_LEFT_HI_f64 = 0x1.c212cc640f031p+0, SELU_LEFT_LO_f64 = 0x1.05161b045a1fep-56;

static const double EXPM1_FLAT_f64 = -50;
static const double EXP_FAR_f64 = -600, EXP_VANISHED_f64 = -1480, EXP_STEP_f64 = 0x1p-800;
enum { EXP_STEP_LOG2_f64 = 800 };
static const double LOGISTIC_LOW_f64 = -746, LOGISTIC_HIGH_f64 = 43, LOGISTIC_ONE_f64 = 0x1p-512;
enum { LOGISTIC_SHIFT_f64 = 512 };
static const double LOGISTIC_FAR_f64 = -600;
enum { LOGISTIC_STEP_LOG2_f64 = 800 };
static const double SILU_LOW_f64 = -756, MISH_HIGH_f64 = 20, MISH_SLOPE_HIGH_f64 = 24;
static const double BETA_SMALL_f64 = 0x1p-400, BETA_LOW_f64 = 0x1p-900, BETA_HIGH_f64 = 0x1p1022;
static const double TANH_FLAT_f64 = 20;
static const double SOFTSIGN_FLAT_f64 = 0x1p60;
static const double SIXTH_HI_f64 = 0x1.5555555555555p-3, SIXTH_LO_f64 = 0x1.5555555555555p-57;

static RF_INLINE double exp_q_f64(double r)
{
    double q = step_f64(r, 0x1.ae979762502c5p-26, 0x1.28a173458e94fp-22);
    q = step_f64(r, q, 0x1.71de673e942a8p-19);
    q = step_f64(r, q, 0x1.a019a7d13bcd9p-16);
    q = step_f64(r, q, 0x1.a01a0186d6072p-13);
    q = step_f64(r, q, 0x1.6c16c17ec7041p-10);
    q = step_f64(r, q, 0x1.1111111114e0dp-7);
    q = step_f64(r, q, 0x1.5555555552275p-5);
    q = step_f64(r, q, 0x1.555555555554fp-3);
    return step_f64(r, q, 0x1.0000000000005p-1);
}

static RF_INLINE double expm1_q_f64(double r) { return exp_q_f64(r); }

static RF_INLINE double cosh_rest_f64(double u)
{
    double c = step_f64(u, 0x1.1f8be9a28b5ffp-29, 0x1.27e4cc0b7add3p-22);
    c = step_f64(u, c, 0x1.a01a01ad80529p-16);
    c = step_f64(u, c, 0x1.6c16c16c14ffbp-10);
    c = step_f64(u, c, 0x1.5555555555558p-5);
    return step_f64(u, c, 0x1p-1);
}
static RF_INLINE double sinh_rest_f64(double u)
{
    double s = step_f64(u, 0x1.af70c1608f80ap-26, 0x1.71dded52782eep-19);
    s = step_f64(u, s, 0x1.a01a01b4a06e3p-13);
    s = step_f64(u, s, 0x1.111111110e968p-7);
    return step_f64(u, s, 0x1.555555555555cp-3);
}

static RF_INLINE double atanh_rest_f64(double u)
{
    double q = step_f64(u, 0x1.5c7d0bb8b2cb9p-4, 0x1.55ace771e84ccp-5);
    q = step_f64(u, q, 0x1.efd92c4b93304p-5);
    q = step_f64(u, q, 0x1.1067b81602cap-4);
    q = step_f64(u, q, 0x1.3b1ddc56fbae9p-4);
    q = step_f64(u, q, 0x1.745cb3f6ac218p-4);
    q = step_f64(u, q, 0x1.c71c741cabd1bp-4);
    q = step_f64(u, q, 0x1.249249208c047p-3);
    q = step_f64(u, q, 0x1.99999999a0756p-3);
    return step_f64(u, q, 0x1.5555555555535p-2);
}

/* As above; u is exact where t >= 9/32. */
static const double GELU_FLAT_f64 = 39, GELU_BACKWARD_FLAT_f64 = 54;
static const double GELU_C_f64 = 0x1.5p-3, GELU_CENTRE_f64 = 0.5625, GELU_SCALE_f64 = 0x1.3ca349c4p+0;
static const double GELU_DENSITY_f64 = 0x1.4a48a1e1b4968p-2, GELU_DENSITY_LO_f64 = -0x1.4691c96c7945ap-56;
enum { GELU_SHIFT_f64 = 700 };
static const double GELU_UNSHIFT_f64 = 0x1p-700;
static const double GELU_COARSE_f64 = 120;

typedef struct {
    double s, s_lo, slope;
} gelu_ratio_f64;

static RF_INLINE gelu_ratio_f64 gelu_ratio_of_f64(double t)
{
    double u = t - GELU_CENTRE_f64;
    double w = step_f64(u, -0x1.1b07474b3eb45p-10, -0x1.ddd1c472ff0c2p-12);
    w = step_f64(u, w, 0x1.93e686f68a466p-9);
    w = step_f64(u, w, 0x1.1b5dd706d79e8p-9);
    w = step_f64(u, w, -0x1.75863bf404898p-8);
    w = step_f64(u, w, -0x1.efb2dd15c4f6ep-8);
    w = step_f64(u, w, 0x1.d1095de9b6ad7p-8);
    w = step_f64(u, w, 0x1.6d281ee5cf64cp-6);
    w = step_f64(u, w, 0x1.71c32fc30942bp-8);
    w = step_f64(u, w, -0x1.7d476a17e0cdcp-5);
    w = step_f64(u, w, -0x1.45436248eada3p-4);
    w = step_f64(u, w, -0x1.2572d8be4ac9fp-7);
    w = step_f64(u, w, 0x1.a88759b0c8ae6p-3);
    w = step_f64(u, w, 0x1.0bdeca00917e4p-1);
    w = step_f64(u, w, 0x1.a623de737928fp-1);
    w = step_f64(u, w, 0x1.ff4a24d0a0ba6p-1);
    w = step_f64(u, w, 0x1.fe572670fbc51p-1);
    double w3 = step_f64(u, w, 0x1.b1f8f4e3b6889p-1), w2 = step_f64(u, w3, 0x1.402efa0c311bp-1),
           w1 = fma_f64(u, w2, 0x1.9e376d48ae2aep-2), w1_lo = fma_f64(u, w2, 0x1.9e376d48ae2aep-2 - w1);
    double v = fma_f64(u, w1, 0x1.d866267b1acdp-3),
           v_lo = fma_f64(u, w1_lo, fma_f64(u, w1, 0x1.d866267b1acdp-3 - v));
    double s = fma_f64(u, v, 0x1.dbd1566c15488p-4),
           s_lo = fma_f64(u, v_lo, fma_f64(u, v, 0x1.dbd1566c15488p-4 - s));
    double ds = step_f64(u, step_f64(u, step_f64(u, step_f64(u, w, w3), w2), w1), v);
    return (gelu_ratio_f64){s, s_lo, fma_f64(t, ds, s)};
}

static const double GELU_LINEAR_HI_f64 = 0x1.9884533d4368p+0, GELU_LINEAR_LO_f64 = -0x1.7b9781a61d7fap-47;
static const double GELU_CUBIC_HI_f64 = 0x1.2444f2a4d8b4bp-4, GELU_CUBIC_LO_f64 = -0x1.6c843a29d1c7p-61;
static const double GELU_CUBIC3_HI_f64 = 0x1.b6676bf7450fp-3, GELU_CUBIC3_LO_f64 = 0x1.bba7351828aabp-57;
static const double GELU_TANH_LOW_f64 = -21.7, GELU_TANH_HIGH_f64 = 7.5, GELU_TANH_VANISHED_f64 = -27.5;
