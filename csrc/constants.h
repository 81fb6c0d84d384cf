/* Constants of the scalar mathematics, per type. coefficients.py derives the polynomials and the (hi, lo)
 * pairs and states their errors. */

enum { MANTISSA_BITS_f32 = 23, EXPONENT_BIAS_f32 = 127 };
static const uint32_t SIGN_BIT_f32 = UINT32_C(1) << 31;
static const float MAX_f32 = FLT_MAX, INF_f32 = HUGE_VALF;
static const float ROUNDER_f32 = 0x1.8p23f; /* adding it rounds to an integer */

static const float LOG2E_f32 = 0x1.715476p+0f;
static const float LN2_HI_f32 = 0x1.62e43p-1f, LN2_LO_f32 = -0x1.05c61p-29f;
static const float SELU_SCALE_HI_f32 = 0x1.0cfabep+0f, SELU_SCALE_LO_f32 = -0x1.2adddap-25f;
static const float SELU_LEFT_HI_f32 = 0x1.c212ccp+0f, SELU_LEFT_LO_f32 = 0x1.903c0cp-26f; /* scale * alpha */

static const float EXPM1_FLAT_f32 = -25; /* e^x - 1 is -1 below */
/* e^x is lifted by two steps below FAR; below VANISHED even MAX * e^x is 0. */
static const float EXP_FAR_f32 = -80, EXP_VANISHED_f32 = -200, EXP_STEP_f32 = 0x1p-100f;
enum { EXP_STEP_LOG2_f32 = 100 };
/* 1 / (1 + e^-x) is 0 or 1 outside; the denominator is scaled by ONE. */
static const float LOGISTIC_LOW_f32 = -105, LOGISTIC_HIGH_f32 = 43, LOGISTIC_ONE_f32 = 0x1p-64f;
enum { LOGISTIC_SHIFT_f32 = 64 };

/* e^(r + d) - 1 - r = r^2 q(r) + d e^r for |r| <= ln(2) / 2 and d so small that it counts to first order;
 * here d < 2^-21, and r^2 d / 2 is all that is needed of d e^r's tail. */
static RF_INLINE float expm1_rest_f32(float r, float d)
{
    float q = fma_f32(r, 0x1.6a524cp-10f, 0x1.12396ep-7f);
    q = fma_f32(r, q, 0x1.5558aap-5f);
    q = fma_f32(r, q, 0x1.555492p-3f);
    q = fma_f32(r, q, 0x1.fffffcp-2f);
    return fma_f32(r, fma_f32(r, fma_f32(d, 0.5f, q), d), d);
}

enum { MANTISSA_BITS_f64 = 52, EXPONENT_BIAS_f64 = 1023 };
static const uint64_t SIGN_BIT_f64 = UINT64_C(1) << 63;
static const double MAX_f64 = DBL_MAX, INF_f64 = HUGE_VAL;
static const double ROUNDER_f64 = 0x1.8p52;

static const double LOG2E_f64 = 0x1.71547652b82fep+0;
static const double LN2_HI_f64 = 0x1.62e42fefa39efp-1, LN2_LO_f64 = 0x1.abc9e3b39803fp-56;
static const double SELU_SCALE_HI_f64 = 0x1.0cfabd6a91132p+0, SELU_SCALE_LO_f64 = 0x1.6fc7d272f2695p-55;
static const double SELU_LEFT_HI_f64 = 0x1.c212cc640f031p+0, SELU_LEFT_LO_f64 = 0x1.05161b045a1fep-56;

static const double EXPM1_FLAT_f64 = -50;
static const double EXP_FAR_f64 = -600, EXP_VANISHED_f64 = -1460, EXP_STEP_f64 = 0x1p-800;
enum { EXP_STEP_LOG2_f64 = 800 };
static const double LOGISTIC_LOW_f64 = -746, LOGISTIC_HIGH_f64 = 43, LOGISTIC_ONE_f64 = 0x1p-512;
enum { LOGISTIC_SHIFT_f64 = 512 };

/* As above; d reaches 2^-44, 2^8 ULP: all of d e^r is needed. */
static RF_INLINE double expm1_rest_f64(double r, double d)
{
    double q = fma_f64(r, 0x1.1e62aa2bda232p-29, 0x1.af66b18044c1ap-26);
    q = fma_f64(r, q, 0x1.27e58f1769a8bp-22);
    q = fma_f64(r, q, 0x1.71ddf38c393f8p-19);
    q = fma_f64(r, q, 0x1.a01a0151f34cdp-16);
    q = fma_f64(r, q, 0x1.a01a01b1e3565p-13);
    q = fma_f64(r, q, 0x1.6c16c16c26f7bp-10);
    q = fma_f64(r, q, 0x1.111111110f168p-7);
    q = fma_f64(r, q, 0x1.5555555555531p-5);
    q = fma_f64(r, q, 0x1.555555555555ap-3);
    q = fma_f64(r, q, 0x1p-1);
    double w = r * r * q;
    return fma_f64(d, r + w, w) + d;
}
