/* float16 and bfloat16: blocks are widened to float, computed, and rounded once. Integer arithmetic, and
 * F16C's instructions where there are any: the same bits, NaN's included. */

static RF_INLINE float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static RF_INLINE uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static RF_INLINE float from_float16(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, size = (uint32_t)(h & 0x7fff) << 13;
    /* the product moves the exponent's bias and makes subnormals normal */
    uint32_t finite = bits_of(float_of(size) * 0x1p112f);
    uint32_t quiet = size > 0x0f800000 ? 0x00400000 : 0;
    return float_of(sign | (size >= 0x0f800000 ? 0x70000000 | size | quiet : finite));
}

static RF_INLINE uint16_t to_float16(float x)
{
    uint32_t size = bits_of(x) & 0x7fffffff, sign = bits_of(x) >> 16 & 0x8000;
    uint32_t nan = 0x7e00 | (size >> 13 & 0x3ff);
    /* 1/2 has its last bit where float16's subnormals have theirs */
    uint32_t small = bits_of(float_of(size) + 0.5f) - 0x3f000000;
    uint32_t normal = (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    uint32_t finite = size < 0x38800000 ? small : size < 0x47800000 ? normal : 0x7c00;
    return (uint16_t)(sign | (size > 0x7f800000 ? nan : finite));
}

static RF_INLINE float from_bfloat16(uint16_t h) { return float_of((uint32_t)h << 16); }

static RF_INLINE uint16_t to_bfloat16(float x)
{
    uint32_t bits = bits_of(x), rounded = bits + 0x7fff + (bits >> 16 & 1);
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded >> 16);
}

static void widen_float16(float *to, const uint16_t *from, ptrdiff_t n)
{
    ptrdiff_t done = rf_widen_float16(to, from, n);
    RF_INDEPENDENT
    for (ptrdiff_t i = done; i < n; i++) to[i] = from_float16(from[i]);
}
static void narrow_float16(uint16_t *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t done = rf_narrow_float16(to, from, n);
    RF_INDEPENDENT
    for (ptrdiff_t i = done; i < n; i++) to[i] = to_float16(from[i]);
}
static void widen_bfloat16(float *to, const uint16_t *from, ptrdiff_t n)
{
    RF_INDEPENDENT
    for (ptrdiff_t i = 0; i < n; i++) to[i] = from_bfloat16(from[i]);
}
static void narrow_bfloat16(uint16_t *to, const float *from, ptrdiff_t n)
{
    RF_INDEPENDENT
    for (ptrdiff_t i = 0; i < n; i++) to[i] = to_bfloat16(from[i]);
}

enum { HALF_BLOCK = 512, HALF_ARGS = 5 };

static void copy_halves(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, sizeof(uint16_t));
}

static void put_halves(const rf_half *half, char *to, ptrdiff_t step, const float *from, ptrdiff_t n,
                       int stream)
{
    uint16_t block[HALF_BLOCK] __attribute__((aligned(64)));
    if (stream && n == HALF_BLOCK) {
        half->narrow(block, from, n);
        for (int i = 0; i < (int)sizeof block; i += RF_STREAM_BYTES) rf_stream(to + i, (char *)block + i);
    } else if (step == sizeof *block) {
        half->narrow((uint16_t *)to, from, n);
    } else {
        half->narrow(block, from, n);
        copy_halves(to, step, (char *)block, sizeof *block, n);
    }
}

static void get_halves(const rf_half *half, float *to, const char *from, ptrdiff_t step, ptrdiff_t n)
{
    uint16_t block[HALF_BLOCK];
    if (step == sizeof *block) {
        half->widen(to, (const uint16_t *)from, n);
    } else {
        copy_halves((char *)block, sizeof *block, from, step, n);
        half->widen(to, block, n);
    }
}

/* One of float's loops over arrays of halves. */
static void call_halves(const rf_half *half, rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n,
                        const ptrdiff_t *steps, int stream)
{
    float scratch[HALF_ARGS][HALF_BLOCK];
    char *block[HALF_ARGS];
    ptrdiff_t unit[HALF_ARGS];
    /* reduce and accumulate: each result is the first input of the next step */
    int feeds_itself = arity.n_in == 2 && steps[2] == steps[0] && args[2] == args[0] + steps[0];
    ptrdiff_t most = feeds_itself ? 1 : HALF_BLOCK;
    for (int a = 0; a < arity.n_in + arity.n_out; a++) {
        block[a] = (char *)scratch[a];
        unit[a] = a < arity.n_in && steps[a] == 0 ? 0 : sizeof(float);
    }
    for (ptrdiff_t start = 0; start < n; start += most) {
        ptrdiff_t m = n - start < most ? n - start : most;
        for (int a = 0; a < arity.n_in; a++)
            get_halves(half, scratch[a], args[a] + start * steps[a], steps[a], unit[a] ? m : 1);
        call_f32(loop, arity, block, m, unit, 0);
        for (int a = arity.n_in; a < arity.n_in + arity.n_out; a++)
            put_halves(half, args[a] + start * steps[a], steps[a], scratch[a], m, stream);
    }
}
