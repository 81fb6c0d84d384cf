/* The loops of the per-unit passes, for type T: what units.c calls for blocks of consecutive elements.
 *
 * A block is `rows` times `width` elements; column i of it belongs to position i of the accumulators, which
 * are loaded and stored once for four rows. A position adds up its column in order: sums do not depend on how
 * the rows are cut into blocks.
 *
 * Whether all elements are finite is asked of a block as a whole, at half the price of counting the others;
 * only a block that holds others counts them. */
#if defined(__AVX2__) && !defined(__clang__)
/* Memory is what these wait for: in the order that saves registers a gradient by its mask takes 1.1 times as
 * long, relu with counts up to 1.4 times (AVX2), counting up to 1.15 times (AVX-512). */
#pragma GCC push_options
#pragma GCC optimize("no-sched-pressure")
#endif

/* The sign bit is set if x is NaN or infinite: a full exponent overflows into it. */
static RF_INLINE U F(overflow)(T x) { return (F(bits)(x) & ~F(SIGN_BIT)) + ((U)1 << F(MANTISSA_BITS)); }

/* One more if `yes`. A comparison is a vector of -1 and 0, or a mask under which AVX-512 adds. */
static RF_INLINE COUNT F(counted)(COUNT n, int yes)
{
#ifdef __AVX512F__
    return yes ? n + 1 : n;
#else
    return n + (yes ? (COUNT)1 : 0);
#endif
}

/* ---- forward: v = z + bias, and what it tells */

typedef struct {
    COUNT active;
    T max;
    U overflow;
} TYPE(seen);

static RF_INLINE void F(see)(int with_bias, int level, TYPE(seen) *s, T z, T bias, T gate, T *v)
{
    T x = with_bias ? z + bias : z;
    if (with_bias) *v = x;
    if (level >= RF_SEE_ACTIVE) s->active = F(counted)(s->active, x > gate);
    if (level >= RF_SEE_MAX) {
        s->overflow |= F(overflow)(x);
        s->max = x > s->max ? x : s->max;
    }
}

/* Prefetches what lies at columns i and those after it: of all rows, or a quarter. */
static __attribute__((noinline)) void F(fetch_ahead)(ptrdiff_t n_rows, ptrdiff_t stride, ptrdiff_t i,
                                                     const void *next, const rf_ahead *ahead)
{
    const char *here = (const char *)((const T *)next + i) + ahead->bytes;
    if (n_rows == 1 && !ahead->all && i / F(LINES) % 4) return;
    for (ptrdiff_t row = 0; row < (ahead->all ? n_rows : 1); row++, here += stride * (ptrdiff_t)sizeof(T)) {
        if (ahead->near)
            rf_prefetch_near(here);
        else
            rf_prefetch(here);
    }
    __asm__ volatile(""); /* else gcc thinks that nothing happens here */
}

/* Columns [from, to) of one row, or of four; those of z lie `stride` apart, those of v `width`. */
static RF_INLINE U F(observe_columns)(int with_bias, int level, int n_rows, const rf_positions *at,
                                      ptrdiff_t from, ptrdiff_t to, ptrdiff_t width, const T *z,
                                      ptrdiff_t stride, T *v)
{
    const T *biases = with_bias ? at->bias : z, *gates = level >= RF_SEE_ACTIVE ? at->gate : z;
    COUNT *active = at->active;
    T *max = at->max;
    U overflow = 0;
    RF_INDEPENDENT
    for (ptrdiff_t i = from; i < to; i++) {
        const T bias = biases[i], gate = gates[i];
        TYPE(seen) s = {.overflow = overflow};
        if (level >= RF_SEE_ACTIVE) s.active = active[i];
        if (level >= RF_SEE_MAX) s.max = max[i];
        F(see)(with_bias, level, &s, z[i], bias, gate, v + i);
        if (n_rows > 1) {
            F(see)(with_bias, level, &s, z[stride + i], bias, gate, v + width + i);
            F(see)(with_bias, level, &s, z[2 * stride + i], bias, gate, v + 2 * width + i);
            F(see)(with_bias, level, &s, z[3 * stride + i], bias, gate, v + 3 * width + i);
        }
        if (level >= RF_SEE_ACTIVE) active[i] = s.active;
        if (level >= RF_SEE_MAX) max[i] = s.max;
        overflow = s.overflow;
    }
    return overflow;
}

static RF_INLINE U F(observe_rows)(int with_bias, int level, int n_rows, const rf_positions *at,
                                   ptrdiff_t width, const T *z, ptrdiff_t stride, T *v, const rf_ahead *ahead)
{
    U overflow = 0;
    for (ptrdiff_t i = 0, to; i < width; i = to) {
        to = width;
        if (ahead->bytes && i + F(LINES) <= width) {
            to = i + F(LINES);
            F(fetch_ahead)(n_rows, stride, i, z, ahead);
        }
        overflow |= F(observe_columns)(with_bias, level, n_rows, at, i, to, width, z, stride, v);
    }
    return overflow;
}

static void *F(moved)(void *numbers, ptrdiff_t n) { return numbers ? (T *)numbers + n : NULL; }

static rf_positions F(positions_from)(const rf_positions *at, ptrdiff_t first)
{
    return (rf_positions){
        .bias = F(moved)(at->bias, first),
        .gate = F(moved)(at->gate, first),
        .active = at->active ? (COUNT *)at->active + first : NULL,
        .max = F(moved)(at->max, first),
    };
}

static RF_INLINE int F(observe)(int with_bias, int level, const rf_positions *at, ptrdiff_t first,
                                ptrdiff_t rows, ptrdiff_t width, const void *from, ptrdiff_t stride, void *to,
                                const rf_ahead *ahead)
{
    const rf_positions here = F(positions_from)(at, first);
    const T *z = from;
    T *v = to;
    U overflow = 0;
    for (; rows >= 4 && !ahead->by_row; rows -= 4, z += 4 * stride, v += 4 * width)
        overflow |= F(observe_rows)(with_bias, level, 4, &here, width, z, stride, v, ahead);
    for (; rows > 0; rows--, z += stride, v += width)
        overflow |= F(observe_rows)(with_bias, level, 1, &here, width, z, stride, v, ahead);
    return (overflow & F(SIGN_BIT)) != 0;
}

#define OBSERVE(name, with_bias, level)                                                                      \
    static RF_PLACED int F(name)(const rf_positions *at, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t width,   \
                                 const void *z, ptrdiff_t stride, void *v, const rf_ahead *ahead)            \
    {                                                                                                        \
        return F(observe)(with_bias, level, at, first, rows, width, z, stride, v, ahead);                    \
    }
OBSERVE(add_bias, 1, RF_SEE_NOTHING)
OBSERVE(see_active, 0, RF_SEE_ACTIVE)
OBSERVE(see_max, 0, RF_SEE_MAX)
OBSERVE(add_bias_see_active, 1, RF_SEE_ACTIVE)
OBSERVE(add_bias_see_max, 1, RF_SEE_MAX)
#undef OBSERVE

/* Smallest numbers are seldom asked for: a loop of its own, of what is in cache by then. */
static void F(see_min)(void *min, ptrdiff_t rows, ptrdiff_t width, const void *from, ptrdiff_t stride)
{
    T *least = min;
    const T *v = from;
    for (; rows >= 4; rows -= 4, v += 4 * stride) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) {
            T low = v[i] < least[i] ? v[i] : least[i];
            low = v[stride + i] < low ? v[stride + i] : low;
            low = v[2 * stride + i] < low ? v[2 * stride + i] : low;
            least[i] = v[3 * stride + i] < low ? v[3 * stride + i] : low;
        }
    }
    for (; rows > 0; rows--, v += stride) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) least[i] = v[i] < least[i] ? v[i] : least[i];
    }
}

#if !RF_SMALL /* else not worth the code */
/* A piece of relu(z + bias) past the cache, counted in the same loop, from column i of a row on. Gates, which
 * for relu are 0, would be a load too many: wherever the code happened to lie badly, in half of all places,
 * it took 1.3 to 1.45 times as long (Zen 5, AVX2). */
static RF_INLINE void F(rectify_piece)(int with_bias, int level, const rf_positions *at, ptrdiff_t i,
                                       const T *z, T *y, ptrdiff_t ahead, U *overflow)
{
    const T *biases = with_bias ? (const T *)at->bias + i : z + i;
    COUNT *active = level >= RF_SEE_ACTIVE ? (COUNT *)at->active + i : NULL;
    T *max = level >= RF_SEE_MAX ? (T *)at->max + i : NULL;
    T lines[F(PIECE)] __attribute__((aligned(64)));
    rf_prefetch_lines((const char *)(z + i) + ahead, RF_PIECE_BYTES);
    RF_IN_GROUP
    for (ptrdiff_t j = 0; j < F(PIECE); j++) {
        T v = z[i + j];
        TYPE(seen) s = {0};
        if (level >= RF_SEE_ACTIVE) s.active = active[j];
        if (level >= RF_SEE_MAX) s.max = max[j], s.overflow = overflow[j];
        F(see)(with_bias, level, &s, v, biases[j], 0, &v);
        lines[j] = F(relu)(v);
        if (level >= RF_SEE_ACTIVE) active[j] = s.active;
        if (level >= RF_SEE_MAX) max[j] = s.max, overflow[j] = s.overflow;
    }
    rf_stream_lines(y + i, lines, RF_PIECE_BYTES);
}

/* Loops one after the other, which suit every row of the table, leave memory idle while they count; here it
 * never waits. As in loops.h pages are walked side by side, or rows where they are longer. */
static RF_INLINE int F(rectify)(int with_bias, int level, const rf_positions *at, ptrdiff_t first,
                                ptrdiff_t rows, ptrdiff_t width, const void *from, ptrdiff_t stride, void *to,
                                ptrdiff_t to_stride, ptrdiff_t ahead)
{
    const rf_positions here = F(positions_from)(at, first);
    const T *z = from;
    T *y = to;
    U overflow[F(PIECE)] __attribute__((aligned(64))) = {0}, any = 0;
    const ptrdiff_t page = width < F(PAGE) ? F(PAGE) / width : 1, sheet = RF_PAGES * page;
    const int side_by_side = ahead == RF_SIDE_BY_SIDE && rows >= sheet;
    if (ahead == RF_SIDE_BY_SIDE) ahead = side_by_side ? sheet * stride * (ptrdiff_t)sizeof(T) : 0;
    for (; side_by_side && rows >= sheet; rows -= sheet, z += sheet * stride, y += sheet * to_stride)
        for (ptrdiff_t row = 0; row < page; row++)
            for (ptrdiff_t i = 0; i < width; i += F(PIECE))
                for (ptrdiff_t k = row; k < sheet; k += page)
                    F(rectify_piece)(with_bias, level, &here, i, z + k * stride, y + k * to_stride, ahead,
                                     overflow);
    for (ptrdiff_t row = 0; row < rows; row++)
        for (ptrdiff_t i = 0; i < width; i += F(PIECE))
            F(rectify_piece)(with_bias, level, &here, i, z + row * stride, y + row * to_stride, ahead,
                             overflow);
    for (ptrdiff_t j = 0; j < F(PIECE); j++) any |= overflow[j];
    return (any & F(SIGN_BIT)) != 0;
}

#define RECTIFY(name, with_bias, level)                                                                      \
    static RF_PLACED int F(name)(const rf_positions *at, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t width,   \
                                 const void *z, ptrdiff_t stride, void *y, ptrdiff_t y_stride,               \
                                 ptrdiff_t ahead)                                                            \
    {                                                                                                        \
        return F(rectify)(with_bias, level, at, first, rows, width, z, stride, y, y_stride, ahead);          \
    }
RECTIFY(relu_see_active, 0, RF_SEE_ACTIVE)
RECTIFY(relu_see_max, 0, RF_SEE_MAX)
RECTIFY(add_bias_relu_see_active, 1, RF_SEE_ACTIVE)
RECTIFY(add_bias_relu_see_max, 1, RF_SEE_MAX)
RECTIFY(add_bias_relu, 1, RF_SEE_NOTHING)
#undef RECTIFY
#endif

static void F(count_nonfinite)(void *counts, ptrdiff_t rows, ptrdiff_t width, const void *from)
{
    COUNT *count = counts;
    const T *v = from;
    for (; rows > 0; rows--, v += width) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) count[i] = F(counted)(count[i], !F(is_finite)(v[i]));
    }
}

static RF_INLINE double F(size)(T y) { return F(is_finite)(y) ? (double)F(abs)(y) : 0; }

static RF_PLACED void F(add_sizes)(double *sum, ptrdiff_t rows, ptrdiff_t width, const void *from)
{
    const T *y = from;
    for (; rows >= 4; rows -= 4, y += 4 * width) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++)
            sum[i] = (((sum[i] + F(size)(y[i])) + F(size)(y[width + i])) + F(size)(y[2 * width + i])) +
                     F(size)(y[3 * width + i]);
    }
    for (; rows > 0; rows--, y += width) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) sum[i] += F(size)(y[i]);
    }
}

/* ---- backward: what the gradient adds up to */

static RF_INLINE void F(add_columns)(int n_rows, double *sum, ptrdiff_t from, ptrdiff_t to, ptrdiff_t width,
                                     const T *g)
{
    RF_INDEPENDENT
    for (ptrdiff_t i = from; i < to; i++) {
        double s = sum[i] + (double)g[i];
        if (n_rows > 1)
            s = ((s + (double)g[width + i]) + (double)g[2 * width + i]) + (double)g[3 * width + i];
        sum[i] = s;
    }
}

static RF_INLINE void F(add_rows)(int n_rows, double *sum, ptrdiff_t width, const T *g, const T *next,
                                  const T *next_too, const rf_ahead *ahead)
{
    ptrdiff_t i = 0;
    for (; next && i + F(LINES) <= width; i += F(LINES)) {
        F(fetch_ahead)(n_rows, width, i, next, ahead);
        if (next_too) F(fetch_ahead)(n_rows, width, i, next_too, ahead);
        F(add_columns)(n_rows, sum, i, i + F(LINES), width, g);
    }
    F(add_columns)(n_rows, sum, i, width, width, g);
}

static RF_PLACED void F(add_up)(double *sum, ptrdiff_t rows, ptrdiff_t width, const void *from,
                                const void *next, const void *next_too, int all)
{
    const T *g = from, *a = next, *b = next_too;
    const rf_ahead ahead = {.all = all};
    for (ptrdiff_t n; rows > 0; rows -= n, g += n * width) {
        n = rows < 4 ? 1 : 4;
        if (n == 4)
            F(add_rows)(4, sum, width, g, a, b, &ahead);
        else
            F(add_rows)(1, sum, width, g, a, b, &ahead);
        if (a) a += n * width;
        if (b) b += n * width;
    }
}

static RF_INLINE void F(see_gradient)(COUNT *nonzero, U *overflow, T g)
{
    *nonzero = F(counted)(*nonzero, g != 0);
    *overflow |= F(overflow)(g);
}

/* Whether any element is not finite. */
static RF_PLACED int F(count_nonzero)(void *counts, ptrdiff_t rows, ptrdiff_t width, const void *from)
{
    COUNT *count = counts;
    const T *g = from;
    U overflow = 0;
    for (; rows >= 4; rows -= 4, g += 4 * width) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) {
            COUNT nonzero = count[i];
            F(see_gradient)(&nonzero, &overflow, g[i]);
            F(see_gradient)(&nonzero, &overflow, g[width + i]);
            F(see_gradient)(&nonzero, &overflow, g[2 * width + i]);
            F(see_gradient)(&nonzero, &overflow, g[3 * width + i]);
            count[i] = nonzero;
        }
    }
    for (; rows > 0; rows--, g += width) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) {
            COUNT nonzero = count[i];
            F(see_gradient)(&nonzero, &overflow, g[i]);
            count[i] = nonzero;
        }
    }
    return (overflow & F(SIGN_BIT)) != 0;
}

/* ---- masks: 64 elements are one word, the first in its lowest bit */

static RF_INLINE uint64_t F(word_of)(int gated, const T *v, const T *gate, const T *ceiling)
{
    uint64_t word = gated ? F(rf_not_at_most)(v, gate) : F(rf_above)(v, gate);
    return ceiling ? word & F(rf_not_at_least)(v, ceiling) : word;
}

/* gate and ceiling: one number an element, or (step 0) 64 of one number; ceiling may be NULL */
static RF_INLINE void F(pack)(int gated, uint64_t *words, const T *v, ptrdiff_t n, const T *gate,
                              const T *ceiling, ptrdiff_t step)
{
    ptrdiff_t i = 0;
    for (; i + 64 <= n; i += 64) {
        *words++ = F(word_of)(gated, v + i, gate, ceiling);
        gate += 64 * step;
        if (ceiling) ceiling += 64 * step;
    }
    if (i == n) return;
    T rest[3][64] = {{0}};
    size_t bytes = (size_t)(n - i) * sizeof(T);
    memcpy(rest[0], v + i, bytes);
    memcpy(rest[1], gate, bytes);
    if (ceiling) memcpy(rest[2], ceiling, bytes);
    uint64_t word = F(word_of)(gated, rest[0], rest[1], ceiling ? rest[2] : NULL);
    *words = word & ~(~UINT64_C(0) << (n - i));
}

static RF_PLACED void F(pack_gated)(uint64_t *words, const void *v, ptrdiff_t n, const void *gate,
                                    const void *ceiling, ptrdiff_t step)
{
    if (ceiling)
        F(pack)(1, words, v, n, gate, ceiling, step);
    else
        F(pack)(1, words, v, n, gate, NULL, step);
}
static RF_PLACED void F(pack_slope)(uint64_t *words, const void *v, ptrdiff_t n, const void *gate,
                                    const void *ceiling, ptrdiff_t step)
{
    (void)ceiling;
    F(pack)(0, words, v, n, gate, NULL, step);
}

/* 64 bits from bit `bit` (0 to 7) of the bytes on. */
static RF_INLINE uint64_t F(word_at)(const uint8_t *bytes, int bit)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return bit ? word >> bit | (uint64_t)bytes[8] << (64 - bit) : word;
}

static RF_INLINE void F(select_64)(int sloped, T *to, uint64_t word, const T *g, const T *slope)
{
    T other[64];
    for (int i = 0; sloped && i < 64; i++) other[i] = F(times)(slope[i], g[i]);
    F(rf_choose_64)(to, word, g, sloped ? other : NULL);
}

/* to = bit ? g : 0, or slope * g: one slope an element, or (step 0) 64 of one. With `ahead` whole
 * lines go past the cache: `to` is aligned to 64 bytes then, and g is fetched so many bytes ahead. */
static RF_INLINE void F(select)(int sloped, T *to, const uint8_t *mask, int bit, const T *g, ptrdiff_t n,
                                const T *slope, ptrdiff_t step, ptrdiff_t ahead)
{
    T line[64] __attribute__((aligned(64)));
    ptrdiff_t i = 0;
    if (ahead) {
        for (; i + 64 <= n; i += 64, mask += 8) {
            for (int k = 0; k < 64; k += F(LINES)) rf_prefetch((const char *)(g + i + k) + ahead);
            F(select_64)(sloped, line, F(word_at)(mask, bit), g + i, slope + i * step);
            for (int k = 0; k < 64; k += F(LINES)) rf_stream(to + i + k, line + k);
        }
    } else {
        for (; i + 64 <= n; i += 64, mask += 8)
            F(select_64)(sloped, to + i, F(word_at)(mask, bit), g + i, slope + i * step);
    }
    for (; i < n; i++, bit++)
        to[i] = mask[bit >> 3] >> (bit & 7) & 1 ? g[i] : sloped ? F(times)(slope[i * step], g[i]) : 0;
}

static RF_PLACED void F(select_gated)(void *to, const uint8_t *mask, int bit, const void *g, ptrdiff_t n,
                                      const void *slope, ptrdiff_t step, ptrdiff_t ahead)
{
    (void)slope, (void)step;
    F(select)(0, to, mask, bit, g, n, g, 0, ahead);
}
static RF_PLACED void F(select_slope)(void *to, const uint8_t *mask, int bit, const void *g, ptrdiff_t n,
                                      const void *slope, ptrdiff_t step, ptrdiff_t ahead)
{
    F(select)(1, to, mask, bit, g, n, slope, step, ahead);
}

/* ---- positions and units: position (copy * units + unit) * inner + i is one of `unit` */

static void F(fill)(void *to, double value, ptrdiff_t n)
{
    T *numbers = to;
    for (ptrdiff_t i = 0; i < n; i++) numbers[i] = (T)value;
}

static void F(spread)(void *to, const void *per_unit, const rf_fold *f)
{
    T *numbers = to;
    const T *from = per_unit;
    const ptrdiff_t row = f->units * f->inner;
    if (f->inner == 1)
        memcpy(numbers, from, (size_t)row * sizeof(T));
    else
        for (ptrdiff_t u = 0; u < f->units; u++)
            for (ptrdiff_t i = 0; i < f->inner; i++) numbers[u * f->inner + i] = from[u];
    for (ptrdiff_t c = 1; c < f->copies; c++) memcpy(numbers + c * row, numbers, (size_t)row * sizeof(T));
}

static void F(fold_counts)(int64_t *to, void *counts, const rf_fold *f)
{
    COUNT *from = counts;
    const ptrdiff_t row = f->units * f->inner;
    for (ptrdiff_t c = 1; c < f->copies; c++)
        for (ptrdiff_t i = 0; i < row; i++) from[i] += from[c * row + i];
    if (f->inner == 1) {
        for (ptrdiff_t u = 0; u < f->units; u++) to[u] += (int64_t)from[u];
        return;
    }
    for (ptrdiff_t u = 0; u < f->units; u++, from += f->inner) {
        COUNT total = 0;
        for (ptrdiff_t i = 0; i < f->inner; i++) total += from[i];
        to[u] += (int64_t)total;
    }
}

/* The largest of sign * v; sign -1 makes it the smallest v. Which of the zeros came first depends on the
 * walk: it is made +0. */
static __attribute__((noinline)) void F(fold_extremes)(double *to, T *from, const rf_fold *f, T sign)
{
    const ptrdiff_t row = f->units * f->inner;
    for (ptrdiff_t c = 1; c < f->copies; c++)
        for (ptrdiff_t i = 0; i < row; i++)
            from[i] = sign * from[c * row + i] > sign * from[i] ? from[c * row + i] : from[i];
    if (f->inner == 1) {
        for (ptrdiff_t u = 0; u < f->units; u++)
            to[u] = (double)(sign * from[u]) > (double)sign * to[u] ? (double)from[u] + 0 : to[u];
        return;
    }
    for (ptrdiff_t u = 0; u < f->units; u++, from += f->inner) {
        T most = sign * from[0];
        ptrdiff_t i = 1;
        if (f->inner >= 16) {
            T lanes[8];
            for (int j = 0; j < 8; j++) lanes[j] = sign * from[j];
            for (i = 8; i + 8 <= f->inner; i += 8)
                for (int j = 0; j < 8; j++)
                    lanes[j] = sign * from[i + j] > lanes[j] ? sign * from[i + j] : lanes[j];
            for (int j = 0; j < 8; j++) most = lanes[j] > most ? lanes[j] : most;
        }
        for (; i < f->inner; i++) most = sign * from[i] > most ? sign * from[i] : most;
        to[u] = (double)most > (double)sign * to[u] ? (double)(sign * most) + 0 : to[u];
    }
}
static void F(fold_max)(double *to, void *from, const rf_fold *f) { F(fold_extremes)(to, from, f, 1); }
static void F(fold_min)(double *to, void *from, const rf_fold *f) { F(fold_extremes)(to, from, f, -1); }

static const rf_unit_loops F(unit_loops) = {
    .see = {{NULL, F(see_active), F(see_max)}, {F(add_bias), F(add_bias_see_active), F(add_bias_see_max)}},
    .see_min = F(see_min),
#if !RF_SMALL
    .relu = {{NULL, F(relu_see_active), F(relu_see_max)},
             {F(add_bias_relu), F(add_bias_relu_see_active), F(add_bias_relu_see_max)}},
#endif
    .count_nonfinite = F(count_nonfinite),
    .add_sizes = F(add_sizes),
    .add_up = F(add_up),
    .count_nonzero = F(count_nonzero),
    .pack = {NULL, F(pack_gated), F(pack_slope)},
    .select = {NULL, F(select_gated), F(select_slope)},
    .fill = F(fill),
    .spread = F(spread),
    .fold_counts = F(fold_counts),
    .fold_max = F(fold_max),
    .fold_min = F(fold_min),
};
#if defined(__AVX2__) && !defined(__clang__)
#pragma GCC pop_options
#endif
