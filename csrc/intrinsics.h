/* What C cannot say, once per instruction set: stores that go around the cache, and half-precision
 * conversions. RF_STREAMS tells whether there is such a store. */
#if defined(__x86_64__)
#include <immintrin.h>
#define RF_STREAMS 1
#else
#define RF_STREAMS 0
#endif

enum { RF_STREAM_BYTES = 256 };

/* A vector, and where it goes: past the cache, if told to; then `to` is aligned. Else memcpy would do, but
 * makes GCC keep in memory what was in a register. */
#if defined(__AVX512F__)
enum { RF_VECTOR_BYTES = 64 };
typedef __m512i rf_vector;
static RF_INLINE rf_vector rf_take(const void *from) { return _mm512_loadu_si512((const __m512i *)from); }
static RF_INLINE void rf_put(void *to, rf_vector vector, int stream)
{
    if (__builtin_expect(stream, 0))
        _mm512_stream_si512((__m512i *)to, vector);
    else
        _mm512_storeu_si512((__m512i *)to, vector);
}
#elif defined(__AVX2__)
enum { RF_VECTOR_BYTES = 32 };
typedef __m256i rf_vector;
static RF_INLINE rf_vector rf_take(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
static RF_INLINE void rf_put(void *to, rf_vector vector, int stream)
{
    if (__builtin_expect(stream, 0))
        _mm256_stream_si256((__m256i *)to, vector);
    else
        _mm256_storeu_si256((__m256i *)to, vector);
}
#elif RF_STREAMS
enum { RF_VECTOR_BYTES = 16 };
typedef __m128i rf_vector;
static RF_INLINE rf_vector rf_take(const void *from) { return _mm_loadu_si128((const __m128i *)from); }
static RF_INLINE void rf_put(void *to, rf_vector vector, int stream)
{
    if (__builtin_expect(stream, 0))
        _mm_stream_si128((__m128i *)to, vector);
    else
        _mm_storeu_si128((__m128i *)to, vector);
}
#else
enum { RF_VECTOR_BYTES = 16 };
typedef struct {
    char bytes[RF_VECTOR_BYTES];
} rf_vector;
static RF_INLINE rf_vector rf_take(const void *from)
{
    rf_vector vector;
    memcpy(&vector, from, sizeof vector);
    return vector;
}
static RF_INLINE void rf_put(void *to, rf_vector vector, int stream)
{
    (void)stream;
    memcpy(to, &vector, sizeof vector);
}
#endif

/* Whole lines, RF_STREAM_BYTES at most, one vector after the other: the halves of a line that the compiler
 * stores apart wait for each other in the few buffers that there are. All are taken before: what is loaded
 * between two stores was in memory, not in a register. */
static RF_INLINE void rf_stream_lines(void *to, const void *from, int bytes)
{
    rf_vector vectors[RF_STREAM_BYTES / RF_VECTOR_BYTES];
    RF_UNROLLED
    for (int i = 0; i < bytes; i += RF_VECTOR_BYTES)
        vectors[i / RF_VECTOR_BYTES] = rf_take((const char *)from + i);
    RF_UNROLLED
    for (int i = 0; i < bytes; i += RF_VECTOR_BYTES) {
        rf_put((char *)to + i, vectors[i / RF_VECTOR_BYTES], 1);
        __asm__ volatile("" ::: "memory");
    }
}
static RF_INLINE void rf_stream(void *to, const void *from) { rf_stream_lines(to, from, RF_STREAM_BYTES); }

/* Orders streamed stores before whatever says that they are done. */
static RF_INLINE void rf_fence(void)
{
#if RF_STREAMS
    _mm_sfence();
#endif
}

/* Lines to come, into the second level: there they wait without pushing out what is being worked on (a copy
 * of 128 MiB takes a tenth less than with the first). */
static RF_INLINE void rf_prefetch_lines(const void *p, int bytes)
{
    RF_UNROLLED
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)p + i, 0, 2);
}
static RF_INLINE void rf_prefetch(const void *p) { rf_prefetch_lines(p, RF_STREAM_BYTES); }

/* The same into the first level. */
static RF_INLINE void rf_prefetch_near(const void *p)
{
    RF_UNROLLED
    for (int i = 0; i < RF_STREAM_BYTES; i += 64) __builtin_prefetch((const char *)p + i, 0, 3);
}

/* 64 comparisons as bits, the first in the lowest: a > b, not a <= b, not a >= b. */
#if defined(__AVX512F__)
#define RF_COMPARE_64(name, predicate)                                                                       \
    static RF_INLINE uint64_t name##_f32(const float *a, const float *b)                                     \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_UNROLLED                                                                                          \
        for (int i = 0; i < 64; i += 16)                                                                     \
            bits |= (uint64_t)_mm512_cmp_ps_mask(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), predicate)  \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }                                                                                                        \
    static RF_INLINE uint64_t name##_f64(const double *a, const double *b)                                   \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_UNROLLED                                                                                          \
        for (int i = 0; i < 64; i += 8)                                                                      \
            bits |= (uint64_t)_mm512_cmp_pd_mask(_mm512_loadu_pd(a + i), _mm512_loadu_pd(b + i), predicate)  \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }
RF_COMPARE_64(rf_above, _CMP_GT_OQ)
RF_COMPARE_64(rf_not_at_most, _CMP_NLE_UQ)
RF_COMPARE_64(rf_not_at_least, _CMP_NGE_UQ)
#elif defined(__AVX2__)
#define RF_COMPARE_64(name, predicate)                                                                       \
    static RF_INLINE uint64_t name##_f32(const float *a, const float *b)                                     \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_UNROLLED                                                                                          \
        for (int i = 0; i < 64; i += 8)                                                                      \
            bits |= (uint64_t)(unsigned)_mm256_movemask_ps(                                                  \
                        _mm256_cmp_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), predicate))            \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }                                                                                                        \
    static RF_INLINE uint64_t name##_f64(const double *a, const double *b)                                   \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_PARTLY_UNROLLED                                                                                   \
        for (int i = 0; i < 64; i += 4)                                                                      \
            bits |= (uint64_t)(unsigned)_mm256_movemask_pd(                                                  \
                        _mm256_cmp_pd(_mm256_loadu_pd(a + i), _mm256_loadu_pd(b + i), predicate))            \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }
RF_COMPARE_64(rf_above, _CMP_GT_OQ)
RF_COMPARE_64(rf_not_at_most, _CMP_NLE_UQ)
RF_COMPARE_64(rf_not_at_least, _CMP_NGE_UQ)
#elif defined(__SSE2__)
#define RF_COMPARE_64(name, predicate)                                                                       \
    static RF_INLINE uint64_t name##_f32(const float *a, const float *b)                                     \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_PARTLY_UNROLLED                                                                                   \
        for (int i = 0; i < 64; i += 4)                                                                      \
            bits |= (uint64_t)(unsigned)_mm_movemask_ps(                                                     \
                        _mm_cmp##predicate##_ps(_mm_loadu_ps(a + i), _mm_loadu_ps(b + i)))                   \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }                                                                                                        \
    static RF_INLINE uint64_t name##_f64(const double *a, const double *b)                                   \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        RF_PARTLY_UNROLLED                                                                                   \
        for (int i = 0; i < 64; i += 2)                                                                      \
            bits |= (uint64_t)(unsigned)_mm_movemask_pd(                                                     \
                        _mm_cmp##predicate##_pd(_mm_loadu_pd(a + i), _mm_loadu_pd(b + i)))                   \
                    << i;                                                                                    \
        return bits;                                                                                         \
    }
RF_COMPARE_64(rf_above, gt)
RF_COMPARE_64(rf_not_at_most, nle)
RF_COMPARE_64(rf_not_at_least, nge)
#else
#define RF_COMPARE_64(name, comparison)                                                                      \
    static RF_INLINE uint64_t name##_f32(const float *a, const float *b)                                     \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        for (int i = 0; i < 64; i++) bits |= (uint64_t)(comparison) << i;                                    \
        return bits;                                                                                         \
    }                                                                                                        \
    static RF_INLINE uint64_t name##_f64(const double *a, const double *b)                                   \
    {                                                                                                        \
        uint64_t bits = 0;                                                                                   \
        for (int i = 0; i < 64; i++) bits |= (uint64_t)(comparison) << i;                                    \
        return bits;                                                                                         \
    }
RF_COMPARE_64(rf_above, a[i] > b[i])
RF_COMPARE_64(rf_not_at_most, !(a[i] <= b[i]))
RF_COMPARE_64(rf_not_at_least, !(a[i] >= b[i]))
#endif
#undef RF_COMPARE_64

/* to[i] = bit i ? yes[i] : no[i], 64 of them; without `no` it is 0. */
#if defined(__AVX512F__)
static RF_INLINE void rf_choose_64_f32(float *to, uint64_t bits, const float *yes, const float *no)
{
    RF_UNROLLED
    for (int i = 0; i < 64; i += 16)
        _mm512_storeu_ps(to + i, _mm512_mask_loadu_ps(no ? _mm512_loadu_ps(no + i) : _mm512_setzero_ps(),
                                                      (__mmask16)(bits >> i), yes + i));
}
static RF_INLINE void rf_choose_64_f64(double *to, uint64_t bits, const double *yes, const double *no)
{
    RF_UNROLLED
    for (int i = 0; i < 64; i += 8)
        _mm512_storeu_pd(to + i, _mm512_mask_loadu_pd(no ? _mm512_loadu_pd(no + i) : _mm512_setzero_pd(),
                                                      (__mmask8)(bits >> i), yes + i));
}
#elif defined(__AVX2__)
static RF_INLINE void rf_choose_64_f32(float *to, uint64_t bits, const float *yes, const float *no)
{
    const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i left = each;
    RF_UNROLLED
    for (int i = 0; i < 64; i += 8) {
        left = i % 32 ? _mm256_srli_epi32(left, 8) : _mm256_set1_epi32((int)(bits >> i));
        __m256 set = _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(left, each), each));
        __m256 v = _mm256_loadu_ps(yes + i);
        _mm256_storeu_ps(to + i,
                         no ? _mm256_blendv_ps(_mm256_loadu_ps(no + i), v, set) : _mm256_and_ps(v, set));
    }
}
static RF_INLINE void rf_choose_64_f64(double *to, uint64_t bits, const double *yes, const double *no)
{
    const __m256i each = _mm256_setr_epi64x(1, 2, 4, 8);
    __m256i left = _mm256_set1_epi64x((int64_t)bits);
    RF_PARTLY_UNROLLED
    for (int i = 0; i < 64; i += 4, left = _mm256_srli_epi64(left, 4)) {
        __m256d set = _mm256_castsi256_pd(_mm256_cmpeq_epi64(_mm256_and_si256(left, each), each));
        __m256d v = _mm256_loadu_pd(yes + i);
        _mm256_storeu_pd(to + i,
                         no ? _mm256_blendv_pd(_mm256_loadu_pd(no + i), v, set) : _mm256_and_pd(v, set));
    }
}
#elif defined(__SSE2__)
static RF_INLINE void rf_choose_64_f32(float *to, uint64_t bits, const float *yes, const float *no)
{
    const __m128i each = _mm_setr_epi32(1, 2, 4, 8);
    RF_PARTLY_UNROLLED
    for (int i = 0; i < 64; i += 4) {
        __m128 set =
            _mm_castsi128_ps(_mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)(bits >> i)), each), each));
        __m128 v = _mm_and_ps(set, _mm_loadu_ps(yes + i));
        _mm_storeu_ps(to + i, no ? _mm_or_ps(v, _mm_andnot_ps(set, _mm_loadu_ps(no + i))) : v);
    }
}
static RF_INLINE void rf_choose_64_f64(double *to, uint64_t bits, const double *yes, const double *no)
{
    const __m128i each = _mm_setr_epi32(1, 1, 2, 2);
    RF_PARTLY_UNROLLED
    for (int i = 0; i < 64; i += 2) {
        __m128d set =
            _mm_castsi128_pd(_mm_cmpeq_epi32(_mm_and_si128(_mm_set1_epi32((int)(bits >> i)), each), each));
        __m128d v = _mm_and_pd(set, _mm_loadu_pd(yes + i));
        _mm_storeu_pd(to + i, no ? _mm_or_pd(v, _mm_andnot_pd(set, _mm_loadu_pd(no + i))) : v);
    }
}
#else
static RF_INLINE void rf_choose_64_f32(float *to, uint64_t bits, const float *yes, const float *no)
{
    for (int i = 0; i < 64; i++) to[i] = bits >> i & 1 ? yes[i] : no ? no[i] : 0;
}
static RF_INLINE void rf_choose_64_f64(double *to, uint64_t bits, const double *yes, const double *no)
{
    for (int i = 0; i < 64; i++) to[i] = bits >> i & 1 ? yes[i] : no ? no[i] : 0;
}
#endif

/* Half precision in whole vectors; how many elements were done. */
#if defined(__AVX512F__)
static RF_INLINE ptrdiff_t rf_widen_float16(float *to, const uint16_t *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(to + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from + i))));
    return i;
}
static RF_INLINE ptrdiff_t rf_narrow_float16(uint16_t *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(to + i),
                            _mm512_cvtps_ph(_mm512_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}
#elif defined(__F16C__)
static RF_INLINE ptrdiff_t rf_widen_float16(float *to, const uint16_t *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from + i))));
    return i;
}
static RF_INLINE ptrdiff_t rf_narrow_float16(uint16_t *to, const float *from, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(to + i),
                         _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    return i;
}
#else
static RF_INLINE ptrdiff_t rf_widen_float16(float *to, const uint16_t *from, ptrdiff_t n)
{
    return (void)to, (void)from, (void)n, 0;
}
static RF_INLINE ptrdiff_t rf_narrow_float16(uint16_t *to, const float *from, ptrdiff_t n)
{
    return (void)to, (void)from, (void)n, 0;
}
#endif
