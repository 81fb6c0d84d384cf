/* A region of a per-unit pass, block by block: fetch (widen, gather), add the bias and count, one of the
 * elementwise loops, sum, store. What the stages pass on stays in L1.
 *
 * A block has strips of consecutive elements. Short rows: one strip, which is whole rows of positions where
 * it can be. Long rows: a band, four strips that lie below each other, so that the accumulators of a
 * position, which do not fit into L1 then, are loaded once for four elements. Or single strips, in columns
 * from top to bottom whose accumulators do fit.
 *
 * relu that streams and counts, but nothing else, has a loop of its own instead of blocks: rectify. */
#include "units_pass.h"

#include <math.h>
#include <string.h>

enum {
    LONG_ROW = 1024, /* elements from which a strip streams, or is worth a call of its own */
    BAND = 4,
    AHEAD_BYTES = 2 * BLOCK_BYTES,       /* one block is too late: counting takes a sixth longer */
    COLUMN_BYTES = 2 * BLOCK_BYTES,      /* wide, at most, are columns from top to bottom */
    COLUMN_ROWS = 16,                    /* fewer are not worth a column: what is read again is little */
    FIRST_LEVEL_BYTES = 8 * BLOCK_BYTES, /* that much is read from there again and again */
};

typedef struct {
    ptrdiff_t row, first;  /* of its first element: row of the region, and element of that row */
    ptrdiff_t rows, width; /* strips, and elements of each */
    ptrdiff_t position;
    int band;    /* strips are parts of rows; else `first` goes on into the next rows */
    int down;    /* what is fetched meanwhile lies below; else it is what follows in the rows */
    int streams; /* the output goes past the cache */
} block;

/* Strips in memory of the computing type. */
typedef struct {
    char *at;
    ptrdiff_t stride; /* bytes from one to the next */
} strips;

static char *scratch(const worker *w, enum scratch which)
{
    return w->scratch + (ptrdiff_t)which * SCRATCH_BYTES;
}

static strips in_scratch(const worker *w, const block *b, enum scratch which)
{
    return (strips){scratch(w, which), b->width * (ptrdiff_t)w->pass->width};
}

/* Whether all strips are one. */
static int compact(const worker *w, const block *b, strips s)
{
    return b->rows == 1 || s.stride == b->width * (ptrdiff_t)w->pass->width;
}

/* Strip k where it is in memory; without a band the array is contiguous. */
static char *strip_of(const pass *p, const array *a, const block *b, ptrdiff_t k)
{
    return a->memory + (b->row + k) * a->step + b->first * (ptrdiff_t)p->size;
}

/* ---- in and out */

/* A block across rows with gaps, to or from scratch. */
static void copy_rows(const worker *w, const region *r, const array *a, const block *b, char *contiguous,
                      int gather)
{
    const pass *p = w->pass;
    const ptrdiff_t size = (ptrdiff_t)p->size, width = (ptrdiff_t)p->width;
    ptrdiff_t row = b->first / r->length, column = b->first % r->length, left = b->width;
    while (left > 0) {
        ptrdiff_t n = at_most(r->length - column, left);
        char *here = a->memory + row * a->step + column * size;
        if (!p->half && gather)
            memcpy(contiguous, here, (size_t)(n * size));
        else if (!p->half)
            memcpy(here, contiguous, (size_t)(n * size));
        else if (gather)
            p->half->widen((float *)contiguous, (const uint16_t *)here, n);
        else
            p->half->narrow((uint16_t *)here, (const float *)contiguous, n);
        contiguous += n * width;
        left -= n;
        column = 0;
        row++;
    }
}

/* Bytes from a strip to what is fetched meanwhile. */
static ptrdiff_t to_next(const pass *p, const array *a, const block *b)
{
    const ptrdiff_t next = b->width * (ptrdiff_t)p->size;
    if (b->down) return b->rows * a->step;
    if (rf_is_intel()) return next;
    if (b->band) return 2 * next;
    /* of one input memory brings more than a block meanwhile: a gradient by its mask, with its sums, takes
     * 0.82 to 0.92 of the time */
    return p->from_mask && p->wanted.sum ? at_least(next, AHEAD_BYTES) : next;
}

/* Halves are widened in one go, whatever they are needed for, and faster than memory brings them: what the
 * next block of a band needs is fetched before (Zen 5: 0.4 to 0.9 of the time). */
static void fetch_halves(const pass *p, const array *a, const block *b)
{
    if (!b->band || !p->large || rf_is_intel()) return;
    const char *next = strip_of(p, a, b, 0) + to_next(p, a, b);
    for (ptrdiff_t i = 0; i < b->width * (ptrdiff_t)p->size; i += LINE) __builtin_prefetch(next + i, 0, 2);
}

static strips fetch(const worker *w, const region *r, const array *a, const block *b, enum scratch where)
{
    const pass *p = w->pass;
    const int in_place = b->band || r->contiguous;
    if (in_place && !p->half) return (strips){strip_of(p, a, b, 0), a->step};
    strips to = in_scratch(w, b, where);
    if (in_place)
        fetch_halves(p, a, b);
    else
        copy_rows(w, r, a, b, to.at, 1);
    for (ptrdiff_t k = 0; k < b->rows && in_place; k++)
        p->half->widen((float *)(to.at + k * to.stride), (const uint16_t *)strip_of(p, a, b, k), b->width);
    return to;
}

/* Where the inputs of the next block are, strip k; NULL past the last. */
static void coming_next(const pass *p, const region *r, const block *b, ptrdiff_t k, const char **next)
{
    if (r->gradient.memory) *next++ = strip_of(p, &r->gradient, b, k) + to_next(p, &r->gradient, b);
    if (r->source.memory) *next = strip_of(p, &r->source, b, k) + to_next(p, &r->source, b);
}

static void deliver(const worker *w, const region *r, const block *b, strips result)
{
    const pass *p = w->pass;
    if (!b->band && !r->contiguous) {
        copy_rows(w, r, &r->out, b, result.at, 0);
        return;
    }
    const ptrdiff_t bytes = b->width * (ptrdiff_t)p->size;
    for (ptrdiff_t k = 0; k < b->rows; k++) {
        char *to = strip_of(p, &r->out, b, k), *from = result.at + k * result.stride;
        if (p->half) {
            char *narrowed = b->streams ? scratch(w, WEIGHT_RESULT) : to;
            p->half->narrow((uint16_t *)narrowed, (const float *)from, b->width);
            from = narrowed;
        }
        if (b->streams) {
            const char *next[2] = {NULL, NULL};
            coming_next(p, r, b, k, next);
            p->kernels->stream_out(to, from, bytes, next[0], next[1]);
        } else if (from != to) {
            memcpy(to, from, (size_t)bytes);
        }
    }
}

/* ---- positions */

/* A run of whole rows of positions, or a part of one. */
typedef struct {
    ptrdiff_t from, position, rows, width;
} piece;

static int next_piece(piece *q, const worker *w, const block *b)
{
    if (b->band) {
        if (q->rows) return 0;
        *q = (piece){0, b->position, b->rows, b->width};
        return 1;
    }
    q->from += q->rows * q->width;
    const ptrdiff_t left = b->width - q->from, whole = w->n_positions;
    if (left == 0) return 0;
    q->position = q->from ? 0 : b->position;
    q->rows = 1;
    q->width = at_most(left, whole - q->position);
    /* a few at most, and cheaper than a division */
    while (q->width == whole && (q->rows + 1) * whole <= left) q->rows++;
    return 1;
}

/* Numbers of positions for every element of a strip. */
static const char *along(const worker *w, const void *by_position, const block *b, enum scratch where)
{
    const ptrdiff_t width = (ptrdiff_t)w->pass->width;
    const char *from = by_position;
    if (b->position + b->width <= w->n_positions) return from + b->position * width;
    char *to = scratch(w, where);
    piece q = {0};
    while (next_piece(&q, w, b))
        for (ptrdiff_t row = 0; row < q.rows; row++)
            memcpy(to + (q.from + row * q.width) * width, from + q.position * width,
                   (size_t)(q.width * width));
    return to;
}

static void *position(const worker *w, void *by_position, ptrdiff_t i)
{
    return (char *)by_position + i * (ptrdiff_t)w->pass->width;
}

static void count_nonfinite(const worker *w, const piece *q, const char *v, ptrdiff_t stride)
{
    for (ptrdiff_t k = 0; k < q->rows; k++)
        w->pass->loops->count_nonfinite(position(w, w->at.nonfinite, q->position), 1, q->width,
                                        v + k * stride);
}

/* ---- bits */

/* Of strip k in the mask. */
static size_t bit_of(const pass *p, const region *r, const block *b, ptrdiff_t k)
{
    return r->bit + (size_t)(b->row + k) * (size_t)p->plan.row + (size_t)b->first;
}

/* A locked operation waits for all that was streamed: elsewhere than between threads relu with a mask would
 * take 1.6 times as long. */
static void or_bits(uint8_t *byte, uint64_t bits, sharing how)
{
    if (how == SHARED_BY_THREADS)
        __atomic_fetch_or(byte, (uint8_t)bits, __ATOMIC_RELAXED);
    else
        *byte |= (uint8_t)bits;
}

/* `n` bits of `words` (and one word more) to the mask from `bit` on. The first byte has its other bits, and
 * so has the last if it is shared. */
static void put_bits(uint8_t *mask, size_t bit, uint64_t *words, ptrdiff_t n, sharing first, sharing last)
{
    uint8_t *to = mask + bit / 8;
    const int taken = (int)(bit % 8), head = taken ? 8 - taken : 0;
    const ptrdiff_t n_words = (n + 63) / 64;
    if (head) {
        or_bits(to++, words[0] << taken, first);
        for (ptrdiff_t i = 0; i < n_words; i++) words[i] = words[i] >> head | words[i + 1] << (64 - head);
        n -= head;
        if (n <= 0) return;
    }
    /* the first bit in the lowest byte: every machine that this runs on is little-endian */
    memcpy(to, words, (size_t)(n / 8));
    if (n % 8 == 0) return;
    uint64_t rest = words[n / 64] >> (n % 64 / 8 * 8);
    if (last != NOT_SHARED)
        or_bits(to + n / 8, rest, last);
    else
        to[n / 8] = (uint8_t)rest;
}

/* noinline: within forward_block it makes halves that have no mask take up to 1.18 times as long */
static __attribute__((noinline)) void write_mask(const worker *w, const region *r, const block *b, strips v)
{
    const pass *p = w->pass;
    const char *gate = w->at.mask_gate, *ceiling = w->at.ceiling;
    const int per_position = varies(p);
    if (per_position) {
        gate = along(w, gate, b, PARAM_0);
        ceiling = along(w, ceiling, b, PARAM_1);
    } else if (p->width == sizeof(double) ? isnan(*(const double *)ceiling)
                                          : isnan(*(const float *)ceiling)) {
        ceiling = NULL;
    }
    const ptrdiff_t left = (b->band ? r->length : r->rows * r->length) - b->first;
    for (ptrdiff_t k = 0; k < b->rows; k++) {
        uint64_t words[2 * BLOCK_BYTES / sizeof(float) / 64 + 2];
        p->loops->pack[p->mask_kind](words, v.at + k * v.stride, b->width, gate, ceiling, per_position);
        words[(b->width + 63) / 64] = 0;
        const size_t bit = bit_of(p, r, b, k), end = (bit + (size_t)left) / 8;
        sharing first = SHARED, last = NOT_SHARED;
        /* a head before the first cache line may be shorter than a byte: what follows begins in that byte,
         * too */
        if (b->first < 8 && r->begins == SHARED_BY_THREADS) first = SHARED_BY_THREADS;
        if (bit / 8 == end && r->ends == SHARED_BY_THREADS) first = SHARED_BY_THREADS;
        if ((bit + (size_t)b->width) / 8 == end) last = r->ends;
        put_bits(p->to_mask, bit, words, b->width, first, last);
    }
}

/* ---- the stages */

/* The pre-activation, counted. */
static strips see(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    const ptrdiff_t width = (ptrdiff_t)p->width;
    const strips z = fetch(w, r, &r->source, b, SOURCE);
    if (!p->bias && p->level == RF_SEE_NOTHING) return z;
    const strips v = p->bias ? in_scratch(w, b, PRE_ACTIVATION) : z;
    const int in_memory = (b->band || r->contiguous) && !p->half;
    /* Zen 5 counts in 0.3 to 0.6 of the time, where nothing else happens, if it reads memory in order and
     * fetches into the first level; what is streamed out later it fetches best by itself */
    const int is_intel = rf_is_intel(), fetches = p->large && in_memory && (!b->streams || is_intel);
    const rf_ahead ahead = {.bytes = !fetches  ? 0
                                     : b->band ? to_next(p, &r->source, b)
                                               : AHEAD_BYTES,
                            .all = !b->streams,
                            .near = !is_intel,
                            .by_row = fetches && !is_intel && !b->band};
    piece q = {0};
    while (next_piece(&q, w, b)) {
        const ptrdiff_t stride = b->band ? v.stride : q.width * width;
        char *here = v.at + q.from * width;
        int odd = p->loops->see[p->bias != NULL][p->level](
            &w->at, q.position, q.rows, q.width, z.at + q.from * width, b->band ? z.stride / width : q.width,
            here, &ahead);
        if (odd && w->at.nonfinite) count_nonfinite(w, &q, here, stride);
        if (w->at.min)
            p->loops->see_min(position(w, w->at.min, q.position), q.rows, q.width, here, stride / width);
    }
    return v;
}

/* Where results go: to the output at once, if nobody needs them and nothing is in the way. */
static strips results_of(const worker *w, const region *r, const block *b, int needed)
{
    const pass *p = w->pass;
    const int reachable = r->out.memory && (b->band ? !needed : r->contiguous) && !p->half;
    if (reachable && !b->streams) return (strips){strip_of(p, &r->out, b, 0), r->out.step};
    return in_scratch(w, b, RESULT);
}

/* The same where loops stream by themselves: at whole cache lines. */
static int streams_at_once(const pass *p, const region *r, const block *b, int needed)
{
    if (!b->streams || needed || p->half) return 0;
    return (uintptr_t)strip_of(p, &r->out, b, 0) % LINE == 0 && (b->rows == 1 || r->out.step % LINE == 0);
}

/* The row's loop; what it gives is in cache, or written (.at is NULL). */
static strips run_row(const worker *w, const region *r, const block *b, const strips *gradient, strips source,
                      int needed)
{
    const pass *p = w->pass;
    const rf_dtype computed = p->width == sizeof(double) ? RF_FLOAT64 : RF_FLOAT32;
    rf_loop *loop = p->kernels->loops[p->activation][computed][p->direction];
    rf_call *call = p->kernels->call[computed];
    const rf_arity arity = rf_arity_of(p->activation, p->direction);
    const ptrdiff_t width = (ptrdiff_t)p->width;
    const int at_once = !varies(p) && streams_at_once(p, r, b, needed);
    const strips to =
        at_once ? (strips){strip_of(p, &r->out, b, 0), r->out.step} : results_of(w, r, b, needed);
    char *args[2 + RF_MAX_PARAMS + 2];
    ptrdiff_t steps[2 + RF_MAX_PARAMS + 2];
    const int n_data = gradient ? 2 : 1;
    int n = n_data;
    for (int a = 0; a < n_data; a++) steps[a] = width;
    for (int k = 0; k < p->n_params; k++) {
        int per_unit = p->per_unit[k];
        args[n] =
            per_unit ? (char *)along(w, w->at.params[k], b, k ? PARAM_1 : PARAM_0) : (char *)&w->constant[k];
        steps[n++] = per_unit ? width : 0;
    }
    steps[n] = steps[n + 1] = width;
    const int as_one =
        !varies(p) && compact(w, b, source) && compact(w, b, to) && (!gradient || compact(w, b, *gradient));
    const ptrdiff_t calls = as_one ? 1 : b->rows, length = as_one ? b->rows * b->width : b->width;
    for (ptrdiff_t k = 0; k < calls; k++) {
        if (gradient) args[0] = gradient->at + k * gradient->stride;
        args[n_data - 1] = source.at + k * source.stride;
        args[n] = to.at + k * to.stride;
        args[n + 1] = scratch(w, WEIGHT_RESULT) + k * b->width * width;
        if (at_once) {
            const char *next = strip_of(p, &r->source, b, k) + to_next(p, &r->source, b);
            int apart = source.at == scratch(w, PRE_ACTIVATION);
            const ptrdiff_t apart_by = next - args[n_data - 1];
            /* Of Zen 5: what was counted is read again from cache, and the next blocks are fetched meanwhile.
             * Elsewhere than at 1.5 blocks, or 0.75 where nothing is counted, elu with counts takes up to 1.6
             * times as long, relu with a mask 1.15. */
            call(loop, arity, args, length, steps,
                 p->plain        ? rf_faster_order()
                 : b->band       ? apart_by
                 : apart         ? apart_by + AHEAD_BYTES - BLOCK_BYTES
                 : rf_is_intel() ? RF_AHEAD
                                 : (p->level ? 6 : 3) * b->width * width / 4 & -LINE);
        } else {
            call(loop, arity, args, length, steps, 0);
        }
    }
    return at_once ? (strips){NULL, 0} : to;
}

static void finish(const worker *w, const region *r, const block *b, strips result)
{
    if (result.at == scratch(w, RESULT) && r->out.memory) deliver(w, r, b, result);
}

static void forward_block(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    strips v = see(w, r, b);
    if (p->to_mask) write_mask(w, r, b, v);
    if (!r->out.memory && !w->at.sum) return;
    strips y = run_row(w, r, b, NULL, v, w->at.sum != NULL);
    if (w->at.sum) {
        piece q = {0};
        while (next_piece(&q, w, b))
            p->loops->add_sizes(w->at.sum + q.position, q.rows, q.width, y.at + q.from * (ptrdiff_t)p->width);
    }
    finish(w, r, b, y);
}

static void sum_gradients(const worker *w, const region *r, const block *b, const char *gradient)
{
    const pass *p = w->pass;
    const ptrdiff_t width = (ptrdiff_t)p->width;
    const rf_positions *at = &w->at;
    const struct {
        double *sum;
        const char *of;
    } sums[] = {{at->sum, gradient}, {at->weight_sum, scratch(w, WEIGHT_RESULT)}};
    const int all = !rf_is_intel();
    piece q = {0};
    while (next_piece(&q, w, b)) {
        const char *here = gradient + q.from * width, *next[2] = {NULL, NULL};
        if (b->streams && !p->half) coming_next(p, r, b, 0, next);
        for (int k = 0; k < 2; k++) {
            if (!sums[k].sum) continue;
            p->loops->add_up(sums[k].sum + q.position, q.rows, q.width, sums[k].of + q.from * width,
                             next[0] ? next[0] + q.from * width : NULL,
                             next[1] ? next[1] + q.from * width : NULL, all);
            next[0] = next[1] = NULL; /* once */
        }
        if (at->active &&
            p->loops->count_nonzero(position(w, at->active, q.position), q.rows, q.width, here) &&
            at->nonfinite)
            count_nonfinite(w, &q, here, q.width * width);
    }
}

static strips select_by_mask(const worker *w, const region *r, const block *b, strips gradient, int needed)
{
    const pass *p = w->pass;
    const int varying = varies(p), sloped = p->mask_kind == RF_MASK_SLOPE;
    const void *slope = !sloped ? NULL : varying ? along(w, w->at.params[0], b, PARAM_0) : w->at.params[0];
    const int at_once = streams_at_once(p, r, b, needed);
    const ptrdiff_t ahead = !at_once ? 0 : rf_is_intel() ? RF_AHEAD : RF_AHEAD_LITTLE;
    const strips to =
        at_once ? (strips){strip_of(p, &r->out, b, 0), r->out.step} : results_of(w, r, b, needed);
    for (ptrdiff_t k = 0; k < b->rows; k++) {
        size_t bit = bit_of(p, r, b, k);
        p->loops->select[p->mask_kind](to.at + k * to.stride, p->from_mask + bit / 8, (int)(bit % 8),
                                       gradient.at + k * gradient.stride, b->width, slope, varying, ahead);
    }
    return to;
}

static void backward_block(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    const int needed = w->at.sum || w->at.weight_sum || w->at.active;
    strips g = fetch(w, r, &r->gradient, b, GRADIENT), result;
    if (p->from_mask)
        result = select_by_mask(w, r, b, g, needed);
    else
        result = run_row(w, r, b, &g, see(w, r, b), needed);
    if (needed) sum_gradients(w, r, b, result.at);
    finish(w, r, b, result);
}

static void do_block(const worker *w, const region *r, const block *b)
{
    if (r->gradient.memory)
        backward_block(w, r, b);
    else
        forward_block(w, r, b);
}

/* ---- the walk */

/* Elements of a block, BLOCK_BYTES of them or up to twice as much: groups of four rows of positions. */
static ptrdiff_t whole_block(const worker *w)
{
    const ptrdiff_t most = BLOCK_BYTES / (ptrdiff_t)w->pass->width, row = w->n_positions;
    return at_least(most / row / BAND, 1) * BAND * row;
}

/* Rows of a region, and elements of each. */
typedef struct {
    ptrdiff_t row, rows, first, width;
} rectangle;

static void walk_bands(const worker *w, const region *r, rectangle q, ptrdiff_t most_rows,
                       ptrdiff_t most_columns)
{
    block b = {.band = 1, .down = q.rows > 1 && q.width < r->length, .streams = w->pass->streams};
    for (b.row = q.row; b.row < q.row + q.rows; b.row += b.rows) {
        b.rows = at_most(most_rows, q.row + q.rows - b.row);
        const ptrdiff_t columns = at_least(most_columns / b.rows / 64 * 64, 64), end = q.first + q.width;
        for (b.first = q.first; b.first < end; b.first += b.width) {
            const ptrdiff_t head = b.streams ? to_line(w->pass, strip_of(w->pass, &r->out, &b, 0)) : 0;
            b.width = at_most(head ? head : columns, end - b.first);
            b.position = b.first;
            do_block(w, r, &b);
        }
    }
}

/* From top to bottom, in bands whose accumulators stay in the first level. */
static void walk_columns(const worker *w, const region *r, ptrdiff_t most)
{
    const pass *p = w->pass;
    const int lined_up = p->streams && r->out.step % LINE == 0;
    const ptrdiff_t head = lined_up ? at_most(to_line(p, r->out.memory), r->length) : 0,
                    length = r->length - head,
                    n = (length * (ptrdiff_t)p->width + COLUMN_BYTES - 1) / COLUMN_BYTES,
                    columns = n ? (length + n * 64 - 1) / (n * 64) * 64 : 0;
    if (head) walk_bands(w, r, (rectangle){0, r->rows, 0, head}, BAND, most);
    for (ptrdiff_t first = head; first < r->length; first += columns)
        walk_bands(w, r, (rectangle){0, r->rows, first, at_most(columns, r->length - first)}, 1, most);
}

/* ---- without blocks */

int rf_rectifies(const pass *p)
{
    return p->activation == RF_relu && p->streams && !p->gradient.memory && !p->half && !p->to_mask &&
           !p->wanted.min && !p->wanted.sum && p->loops->relu[p->bias != NULL][p->level];
}

/* A rectangle whose rows lie `from` and `to` bytes apart, of positions from `position` on. */
static void rectify(const worker *w, const char *z, ptrdiff_t from, char *y, ptrdiff_t to, ptrdiff_t rows,
                    ptrdiff_t width, ptrdiff_t position)
{
    const pass *p = w->pass;
    const ptrdiff_t size = (ptrdiff_t)p->width;
    const int read_often = (p->bias != NULL) + 2 * (p->level >= RF_SEE_ACTIVE) + (p->level >= RF_SEE_MAX);
    const int by_columns =
        !rf_is_intel() && rows >= COLUMN_ROWS && read_often * width * size > FIRST_LEVEL_BYTES;
    const ptrdiff_t most = by_columns ? BLOCK_BYTES / size : width;
    const ptrdiff_t ahead = rf_is_intel()                 ? RF_SIDE_BY_SIDE
                            : by_columns                  ? from
                            : width * size > COLUMN_BYTES ? RF_AHEAD
                                                          : RF_AHEAD_LITTLE;
    int odd = 0;
    for (ptrdiff_t first = 0; first < width; first += most)
        odd |= p->loops->relu[p->bias != NULL][p->level](&w->at, position + first, rows,
                                                         at_most(most, width - first), z + first * size,
                                                         from / size, y + first * size, to / size, ahead);
    if (!odd || !w->at.nonfinite) return;
    for (ptrdiff_t row = 0; row < rows; row++)
        for (piece q = {0, position, 1, 0}; q.from < width; q.from += q.width, q.position += q.width) {
            const char *v = z + row * from + q.from * size;
            q.width = at_most(width - q.from, BLOCK_BYTES / size);
            if (p->bias) { /* what was not finite is z + bias */
                char *sums = scratch(w, PRE_ACTIVATION);
                p->loops->see[1][RF_SEE_NOTHING](&w->at, q.position, 1, q.width, v, 0, sums,
                                                 &(const rf_ahead){0});
                v = sums;
            }
            count_nonfinite(w, &q, v, 0);
        }
}

/* Rows that are long: but for what stands next to whole lines. */
static void rectify_bands(const worker *w, const region *r, ptrdiff_t most)
{
    const pass *p = w->pass;
    const ptrdiff_t size = (ptrdiff_t)p->size, length = r->length,
                    head = at_most(to_line(p, r->out.memory), length);
    const ptrdiff_t unit = RF_PIECE_BYTES / size, width = (length - head) / unit * unit, end = head + width;
    rectify(w, r->source.memory + head * size, r->source.step, r->out.memory + head * size, r->out.step,
            r->rows, width, head);
    walk_bands(w, r, (rectangle){0, r->rows, 0, head}, BAND, most);
    walk_bands(w, r, (rectangle){0, r->rows, end, length - end}, BAND, most);
}

/* ---- rows of positions one after the other */

static void *past(void *numbers, ptrdiff_t bytes) { return numbers ? (char *)numbers + bytes : NULL; }

static void carry(void *numbers, ptrdiff_t to, ptrdiff_t from, ptrdiff_t n, ptrdiff_t size)
{
    if (numbers) memcpy((char *)numbers + to * size, (char *)numbers + from * size, (size_t)(n * size));
}

static void carry_accumulators(const worker *w, ptrdiff_t to, ptrdiff_t from, ptrdiff_t n)
{
    const rf_positions *at = &w->at;
    const ptrdiff_t width = (ptrdiff_t)w->pass->width;
    carry(at->active, to, from, n, width);
    carry(at->nonfinite, to, from, n, width);
    carry(at->max, to, from, n, width);
    carry(at->min, to, from, n, width);
    carry(at->sum, to, from, n, sizeof(double));
    carry(at->weight_sum, to, from, n, sizeof(double));
}

/* The same worker with the first `n` positions behind the last, where memory is spare: rows that begin `n`
 * elements later then begin with position 0. */
static worker turn(const worker *w, ptrdiff_t n)
{
    worker turned = *w;
    rf_positions *at = &turned.at;
    const ptrdiff_t bytes = n * (ptrdiff_t)w->pass->width;
    carry_accumulators(w, w->n_positions, 0, n);
    at->bias = past(at->bias, bytes);
    at->gate = past(at->gate, bytes);
    at->mask_gate = past(at->mask_gate, bytes);
    at->ceiling = past(at->ceiling, bytes);
    for (int k = 0; k < RF_MAX_PARAMS; k++) at->params[k] = past(at->params[k], bytes);
    at->active = past(at->active, bytes);
    at->nonfinite = past(at->nonfinite, bytes);
    at->max = past(at->max, bytes);
    at->min = past(at->min, bytes);
    if (at->sum) at->sum += n;
    if (at->weight_sum) at->weight_sum += n;
    return turned;
}

/* Streams from a cache line on: what comes before is walked first, and positions are turned by as much. */
static void walk_in_order(const worker *w, const region *r, ptrdiff_t whole)
{
    const pass *p = w->pass;
    const ptrdiff_t n = r->rows * r->length, size = (ptrdiff_t)p->size, row = w->n_positions;
    const int streams = p->streams && r->contiguous && n >= LONG_ROW;
    const ptrdiff_t head = streams && whole * size % LINE == 0 ? to_line(p, r->out.memory) : 0;
    block b = {.rows = 1, .width = head};
    /* what is not streamed of the last line: to wait for it keeps what is streamed after it from going out */
    if (streams) __builtin_prefetch(r->out.memory + n * size, 1);
    if (head) do_block(w, r, &b);
    const worker turned = turn(w, head);
    b.first = head;
    b.streams = streams;
    if (streams && rf_rectifies(p) && row * size % RF_PIECE_BYTES == 0) {
        const ptrdiff_t rows = (n - head) / row, bytes = row * size;
        rectify(&turned, r->source.memory + head * size, bytes, r->out.memory + head * size, bytes, rows, row,
                0);
        b.first += rows * row;
    }
    for (; b.first < n; b.first += b.width) {
        b.width = at_most(whole, n - b.first);
        do_block(&turned, r, &b);
    }
    carry_accumulators(w, 0, row, head);
}

/* ---- long rows */

static void walk_long_rows(const worker *w, const region *r)
{
    const pass *p = w->pass;
    const ptrdiff_t most = BLOCK_BYTES / (ptrdiff_t)p->width;
    if (rf_rectifies(p) && r->out.step % LINE == 0)
        rectify_bands(w, r, most);
    else if (p->large && !rf_is_intel() && r->rows >= COLUMN_ROWS)
        walk_columns(w, r, most);
    else
        walk_bands(w, r, (rectangle){0, r->rows, 0, r->length}, BAND, most);
}

/* Bytes of a mask in which a turned row ends and the next begins: either adds its bits to what is there. */
static void clear_row_ends(const pass *p, const region *r)
{
    if (!p->to_mask) return;
    for (ptrdiff_t row = 0; row < r->rows; row++) {
        const size_t end = r->bit + (size_t)((row + 1) * p->plan.row);
        if (end % 8) p->to_mask[end / 8] = 0;
    }
}

/* As in walk_in_order: the same with rows that begin and end at a cache line. */
static void walk_long_rows_in_order(const worker *w, const region *r)
{
    const pass *p = w->pass;
    const ptrdiff_t head = p->turns && r->rows > 1 ? to_line(p, r->out.memory) : 0, last = r->rows - 1;
    if (head == 0) {
        walk_long_rows(w, r);
        return;
    }
    walk_bands(w, r, (rectangle){0, 1, 0, head}, 1, head);
    const worker turned = turn(w, head);
    region t = *r;
    t.source = moved(p, r->source, 0, head);
    t.gradient = moved(p, r->gradient, 0, head);
    t.out = moved(p, r->out, 0, head);
    t.bit += (size_t)head;
    t.rows = last;
    clear_row_ends(p, &t);
    walk_long_rows(&turned, &t);
    walk_bands(w, r, (rectangle){last, 1, head, r->length - head}, 1, BLOCK_BYTES / (ptrdiff_t)p->width);
    carry_accumulators(w, 0, w->n_positions, head);
}

void rf_walk(const worker *w, const region *r)
{
    const pass *p = w->pass;
    const ptrdiff_t n = r->rows * r->length, lines = LINE / (ptrdiff_t)p->size;
    if (p->plain && r->contiguous)
        walk_in_order(w, r, n < lines ? n : n / lines * lines);
    else if (p->plain && r->length >= LONG_ROW)
        walk_bands(w, r, (rectangle){0, r->rows, 0, r->length}, 1, r->length);
    else if (p->banded)
        walk_long_rows_in_order(w, r);
    else
        walk_in_order(w, r, whole_block(w));
}
