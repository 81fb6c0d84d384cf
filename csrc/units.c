/* The per-unit passes over (outer, units, inner), in memory order.
 *
 * The array is cut into jobs, by its shape alone; a job walks its elements in blocks that stay in L1: fetch
 * (widen, gather), add the bias and count, one of the elementwise loops, sum, store. Counts and sums are kept
 * for each position of a row and folded into units at the end of a job; jobs are combined in order, sums in
 * float64. So results depend on the shape, not on threads, steps or instruction set. What a job looks like:
 *
 *   inner large   runs of one unit; any element of a run belongs to LANES positions in turn
 *   rows short    several outer entries make one row of positions, so that vectors are full
 *   rows long     whole units, as many as have TILE positions, of some outer entries */
#include "fp_state.h"
#include "kernels.h"
#include "threads.h"
#include "workspace.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    LINE = 64,
    BLOCK_BYTES = 4096,
    SHORT_ROW = 128,
    LANES = 128,
    LONG_INNER = 1024,
    TILE = 1 << 14,
    JOB = 1 << 18,
    LONG_ROW = 1024,            /* rows apart from each other are read where they are from here on */
    SHARE_MIN = 1 << 17,        /* elements that are worth a second thread */
    WAVE_BYTES = 1 << 24,       /* at most, for the results of jobs that await their turn */
    STREAM_MIN_BYTES = 4 << 20, /* as in run.c */
    ARENA_BYTES = 24 << 10,     /* on the stack: positions of all but wide layers */
    APART =
        832, /* arrays multiples of 4 KiB apart wait for each other's stores (4K aliasing): 3 times slower */
};

/* ---- how an array is cut into jobs */

typedef struct {
    ptrdiff_t outer, units, inner, row; /* row = units * inner */
    ptrdiff_t chunk, tile, run;         /* outer entries, units and inner positions of a job */
    ptrdiff_t n_tiles, n_runs, n_jobs;
    ptrdiff_t copies; /* outer entries to one row of positions */
    int by_runs;      /* inner large */
} plan;

static ptrdiff_t at_most(ptrdiff_t n, ptrdiff_t limit) { return n < limit ? n : limit; }
static ptrdiff_t at_least(ptrdiff_t n, ptrdiff_t limit) { return n > limit ? n : limit; }
static ptrdiff_t parts(ptrdiff_t n, ptrdiff_t size) { return (n - 1) / size + 1; }

static plan make_plan(ptrdiff_t outer, ptrdiff_t units, ptrdiff_t inner)
{
    plan l = {.outer = outer, .units = units, .inner = inner, .row = units * inner, .copies = 1};
    l.by_runs = inner > LONG_INNER;
    if (l.by_runs) {
        l.run = at_most(inner, JOB);
        l.tile = at_most(units, JOB / l.run);
        l.chunk = l.tile < units ? 1 : at_most(outer, at_least(JOB / (l.tile * l.run), 1));
    } else {
        l.run = inner;
        l.tile = at_most(units, TILE / inner);
        if (l.row < SHORT_ROW) l.copies = SHORT_ROW / l.row;
        /* whole rows of positions, and whole bytes of a mask */
        ptrdiff_t group = 8 * l.copies;
        l.chunk = at_least(JOB / (l.tile * inner) / group, 1) * group;
    }
    l.n_tiles = parts(units, l.tile);
    l.n_runs = parts(inner, l.run);
    l.n_jobs = parts(outer, l.chunk) * l.n_tiles * l.n_runs;
    return l;
}

/* ---- a pass */

typedef struct {
    char *memory;
    ptrdiff_t step; /* bytes from one outer entry to the next */
} array;

/* Per unit, of a job or of the caller; NULL: not wanted. `active` of gradients: not 0. */
typedef struct {
    int64_t *active, *nonfinite;
    double *max, *min, *sum, *weight_sum;
} totals;

enum scratch { GRADIENT, SOURCE, PRE_ACTIVATION, RESULT, WEIGHT_RESULT, PARAM_0, PARAM_1, N_SCRATCH };
enum { SCRATCH_BYTES = BLOCK_BYTES + 5 * LINE };

typedef struct {
    const rf_kernels *kernels;
    const rf_unit_loops *loops;
    const rf_half *half; /* NULL: the computing type */
    rf_activation activation;
    rf_mask mask_kind;
    int n_params;
    size_t size, width; /* of an element in memory, and of the computing type */
    plan plan;
    array source, gradient, out; /* z or x or y; forward there is no gradient */
    const uint8_t *from_mask;
    uint8_t *to_mask;
    const char *bias, *params[RF_MAX_PARAMS];
    int per_unit[RF_MAX_PARAMS];
    rf_direction direction; /* of the loop; from a mask there is none */
    int level;              /* RF_SEE_... */
    totals wanted;
    int one_weight; /* for all units: so is its gradient */
    int large;      /* past a core's own caches */
    int streams;    /* the output goes past the cache */
    int plain;      /* elementwise: one loop over all of it */
} pass;

/* Memory apart from that of other workers. */
typedef struct {
    const pass *pass;
    char *scratch;
    rf_positions at;
    rf_fold fold;
    ptrdiff_t n_positions;
    ptrdiff_t unit, n_units;        /* whose numbers stand in `at` */
    char *numbers;                  /* per unit, widened */
    double constant[RF_MAX_PARAMS]; /* of the computing type */
} worker;

static char *scratch(const worker *w, enum scratch which)
{
    return w->scratch + (ptrdiff_t)which * SCRATCH_BYTES;
}

static int varies(const pass *p)
{
    return (p->n_params > 0 && p->per_unit[0]) || (p->n_params > 1 && p->per_unit[1]);
}

/* ---- positions: their memory, and the numbers that come from units */

static char *carve(char **memory, ptrdiff_t *used, ptrdiff_t bytes)
{
    char *here = *memory ? *memory + *used : NULL;
    bytes = (bytes + LINE - 1) / LINE * LINE;
    ptrdiff_t over = (bytes + APART) % BLOCK_BYTES;
    *used += bytes + (bytes >= BLOCK_BYTES / 2 && over < 2 * APART ? APART : 0);
    return here;
}

/* Lays out what the pass wants in `memory`; how many bytes that is. */
static ptrdiff_t lay_out(worker *w, char *memory)
{
    const pass *p = w->pass;
    const plan *l = &p->plan;
    const ptrdiff_t n = l->by_runs ? LANES : l->copies * l->tile * l->inner, bytes = n * (ptrdiff_t)p->width;
    const int in_place = !p->half && !l->by_runs && l->copies == 1 && l->inner == 1;
    const totals *t = &p->wanted;
    ptrdiff_t used = 0;
    rf_positions *at = &w->at;
    if (p->half) w->numbers = carve(&memory, &used, l->tile * (ptrdiff_t)sizeof(float));
    if (p->bias && !in_place) at->bias = carve(&memory, &used, bytes);
    if (p->level > RF_SEE_NOTHING || p->to_mask) at->gate = carve(&memory, &used, bytes);
    if (p->to_mask) at->ceiling = carve(&memory, &used, bytes);
    for (int k = 0; k < p->n_params; k++)
        if ((p->per_unit[k] && !in_place) || p->from_mask) at->params[k] = carve(&memory, &used, bytes);
    if (p->level > RF_SEE_NOTHING || t->active || t->nonfinite) at->active = carve(&memory, &used, bytes);
    if (t->nonfinite) at->nonfinite = carve(&memory, &used, bytes);
    if (p->level >= RF_SEE_MAX) at->max = carve(&memory, &used, bytes);
    if (p->level >= RF_SEE_MIN) at->min = carve(&memory, &used, bytes);
    if (t->sum) at->sum = (double *)carve(&memory, &used, n * (ptrdiff_t)sizeof(double));
    if (t->weight_sum) at->weight_sum = (double *)carve(&memory, &used, n * (ptrdiff_t)sizeof(double));
    return used;
}

static double number(const pass *p, const void *numbers, ptrdiff_t i)
{
    return p->width == sizeof(double) ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

/* One number per unit, for `n` units from `unit` on, in the computing type. */
static const void *numbers_of(const worker *w, const char *per_unit, ptrdiff_t unit, ptrdiff_t n)
{
    const pass *p = w->pass;
    per_unit += unit * (ptrdiff_t)p->size;
    if (!p->half) return per_unit;
    p->half->widen((float *)w->numbers, (const uint16_t *)per_unit, n);
    return w->numbers;
}

static void *spread(const worker *w, void *to, const char *per_unit, ptrdiff_t unit, ptrdiff_t n)
{
    const void *numbers = numbers_of(w, per_unit, unit, n);
    if (!to) return (void *)numbers;
    w->pass->loops->spread(to, numbers, &w->fold);
    return to;
}

/* Gates and ceilings that differ from unit to unit: the parameters of each position tell. */
static void spread_edges(const worker *w)
{
    const pass *p = w->pass;
    for (ptrdiff_t i = 0; i < w->n_positions; i++) {
        double params[RF_MAX_PARAMS];
        for (int k = 0; k < p->n_params; k++)
            params[k] = p->per_unit[k] ? number(p, w->at.params[k], i) : number(p, &w->constant[k], 0);
        double gate = rf_gate(p->activation, params);
        p->loops->fill((char *)w->at.gate + i * (ptrdiff_t)p->width, isnan(gate) ? 0 : gate, 1);
        if (w->at.ceiling)
            p->loops->fill((char *)w->at.ceiling + i * (ptrdiff_t)p->width, rf_ceiling(p->activation, params),
                           1);
    }
}

/* Everything that is the same for every job. */
static void prepare(worker *w)
{
    const pass *p = w->pass;
    const plan *l = &p->plan;
    const ptrdiff_t n = l->by_runs ? LANES : l->copies * l->tile * l->inner;
    double params[RF_MAX_PARAMS] = {0};
    for (int k = 0; k < p->n_params; k++) {
        if (p->per_unit[k]) continue;
        if (p->half)
            p->half->widen((float *)&w->constant[k], (const uint16_t *)p->params[k], 1);
        else
            memcpy(&w->constant[k], p->params[k], p->width);
        params[k] = number(p, &w->constant[k], 0);
        if (p->from_mask) p->loops->fill(w->at.params[k], params[k], n);
    }
    w->unit = -1;
    if (!w->at.gate || varies(p)) return;
    double gate = rf_gate(p->activation, params);
    p->loops->fill(w->at.gate, isnan(gate) ? 0 : gate, n);
    if (w->at.ceiling) p->loops->fill(w->at.ceiling, rf_ceiling(p->activation, params), n);
}

/* The numbers of units [unit, unit + n) for the positions of `w->fold`. */
static void turn_to(worker *w, ptrdiff_t unit, ptrdiff_t n)
{
    const pass *p = w->pass;
    if (unit == w->unit && n == w->n_units) return;
    const plan *l = &p->plan;
    const int in_place = !p->half && !l->by_runs && l->copies == 1 && l->inner == 1;
    w->unit = unit;
    w->n_units = n;
    if (p->bias) w->at.bias = spread(w, in_place ? NULL : w->at.bias, p->bias, unit, n);
    for (int k = 0; k < p->n_params; k++)
        if (p->per_unit[k])
            w->at.params[k] =
                spread(w, in_place && !p->from_mask ? NULL : w->at.params[k], p->params[k], unit, n);
    if (w->at.gate && varies(p)) spread_edges(w);
}

static void clear(const worker *w)
{
    const pass *p = w->pass;
    const rf_positions *at = &w->at;
    const size_t n = (size_t)w->n_positions;
    /* no bit set is 0 in every type */
    if (at->active) memset(at->active, 0, n * p->width);
    if (at->nonfinite) memset(at->nonfinite, 0, n * p->width);
    if (at->max) p->loops->fill(at->max, -INFINITY, w->n_positions);
    if (at->min) p->loops->fill(at->min, INFINITY, w->n_positions);
    if (at->sum) memset(at->sum, 0, n * sizeof(double));
    if (at->weight_sum) memset(at->weight_sum, 0, n * sizeof(double));
}

/* Eight accumulators in a fixed order. */
static void fold_sums(double *to, double *from, const rf_fold *f)
{
    const ptrdiff_t row = f->units * f->inner;
    for (ptrdiff_t c = 1; c < f->copies; c++)
        for (ptrdiff_t i = 0; i < row; i++) from[i] += from[c * row + i];
    for (ptrdiff_t u = 0; u < f->units; u++, from += f->inner) {
        double sum[8] = {0};
        ptrdiff_t i = 0;
        for (; i + 8 <= f->inner; i += 8)
            for (int j = 0; j < 8; j++) sum[j] += from[i + j];
        for (int j = 0; i < f->inner; i++, j++) sum[j] += from[i];
        to[u] += ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
    }
}

/* Adds the positions to units from `unit` of `to` on. */
static void fold(const worker *w, const totals *to, ptrdiff_t unit)
{
    const rf_unit_loops *loops = w->pass->loops;
    const rf_positions *at = &w->at;
    if (to->active) loops->fold_counts(to->active + unit, at->active, &w->fold);
    if (to->nonfinite) loops->fold_counts(to->nonfinite + unit, at->nonfinite, &w->fold);
    if (to->max) loops->fold_max(to->max + unit, at->max, &w->fold);
    if (to->min) loops->fold_min(to->min + unit, at->min, &w->fold);
    if (to->sum) fold_sums(to->sum + unit, at->sum, &w->fold);
    if (to->weight_sum) fold_sums(to->weight_sum + unit, at->weight_sum, &w->fold);
}

/* ---- blocks: elements of a region, which are contiguous or rows with gaps */

typedef struct {
    array source, gradient, out; /* from its first element on */
    ptrdiff_t rows, length;
    int contiguous;
    size_t bit;        /* of its first element in a mask */
    int shares_a_byte; /* of the mask, with what another job writes */
} region;

typedef struct {
    ptrdiff_t first, n; /* elements of the region */
    ptrdiff_t position;
    int streams;
} block;

/* `n` elements from `first` on of an array with gaps, to or from scratch. */
static void copy_rows(const worker *w, const region *r, const array *a, const block *b, char *contiguous,
                      int gather)
{
    const pass *p = w->pass;
    const ptrdiff_t size = (ptrdiff_t)p->size, width = (ptrdiff_t)p->width;
    ptrdiff_t row = b->first / r->length, column = b->first % r->length, left = b->n;
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

/* The block of an input, in the computing type. */
static char *fetch(const worker *w, const region *r, const array *a, const block *b, enum scratch where)
{
    const pass *p = w->pass;
    char *here = a->memory + b->first * (ptrdiff_t)p->size;
    if (r->contiguous && !p->half) return here;
    char *to = scratch(w, where);
    if (r->contiguous)
        p->half->widen((float *)to, (const uint16_t *)here, b->n);
    else
        copy_rows(w, r, a, b, to, 1);
    return to;
}

/* Where the loops may write the block's output at once, or NULL. */
static char *output_in_place(const pass *p, const region *r, const block *b)
{
    return r->contiguous && !p->half ? r->out.memory + b->first * (ptrdiff_t)p->size : NULL;
}

/* Where the inputs of the next block are, or NULL. */
static void coming_next(const pass *p, const region *r, const block *b, const char **next)
{
    const ptrdiff_t bytes = (b->first + b->n) * (ptrdiff_t)p->size;
    if (r->gradient.memory) *next++ = r->gradient.memory + bytes;
    if (r->source.memory) *next = r->source.memory + bytes;
}

/* The block of the output, from scratch. */
static void deliver(const worker *w, const region *r, const block *b, char *result)
{
    const pass *p = w->pass;
    const ptrdiff_t size = (ptrdiff_t)p->size;
    if (!r->contiguous) {
        copy_rows(w, r, &r->out, b, result, 0);
        return;
    }
    char *to = r->out.memory + b->first * size;
    if (!b->streams) {
        p->half->narrow((uint16_t *)to, (const float *)result, b->n);
        return;
    }
    if (p->half) {
        char *narrowed = scratch(w, WEIGHT_RESULT);
        p->half->narrow((uint16_t *)narrowed, (const float *)result, b->n);
        result = narrowed;
    }
    const char *next[2] = {NULL, NULL};
    coming_next(p, r, b, next);
    p->kernels->stream_out(to, result, b->n * size, next[0], next[1]);
}

/* A run of whole rows of positions, or a part of one. */
typedef struct {
    ptrdiff_t from, position, rows, width;
} piece;

static int next_piece(piece *q, const worker *w, const block *b)
{
    q->from += q->rows * q->width;
    const ptrdiff_t left = b->n - q->from, whole = w->n_positions;
    if (left == 0) return 0;
    q->position = q->from ? 0 : b->position;
    q->rows = 1;
    q->width = at_most(left, whole - q->position);
    /* a few at most, and cheaper than a division */
    while (q->width == whole && (q->rows + 1) * whole <= left) q->rows++;
    return 1;
}

/* Numbers of positions for every element of a block. */
static const char *along(const worker *w, const void *by_position, const block *b, enum scratch where)
{
    const ptrdiff_t width = (ptrdiff_t)w->pass->width;
    const char *from = by_position;
    if (b->position + b->n <= w->n_positions) return from + b->position * width;
    char *to = scratch(w, where);
    piece q = {0};
    while (next_piece(&q, w, b))
        for (ptrdiff_t row = 0; row < q.rows; row++)
            memcpy(to + (q.from + row * q.width) * width, from + q.position * width,
                   (size_t)(q.width * width));
    return to;
}

/* ---- bits */

static void or_bits(uint8_t *byte, uint64_t bits)
{
    __atomic_fetch_or(byte, (uint8_t)bits, __ATOMIC_RELAXED); /* its other bits may be another thread's */
}

/* `n` bits of `words` (and one word more) to the mask from `bit` on. The first byte has its other bits, and
 * so has the last if it is shared. */
static void put_bits(uint8_t *mask, size_t bit, uint64_t *words, ptrdiff_t n, int shared)
{
    uint8_t *to = mask + bit / 8;
    const int taken = (int)(bit % 8), head = taken ? 8 - taken : 0;
    const ptrdiff_t n_words = parts(n, 64);
    if (head) {
        or_bits(to++, words[0] << taken);
        for (ptrdiff_t i = 0; i < n_words; i++) words[i] = words[i] >> head | words[i + 1] << (64 - head);
        n -= head;
        if (n <= 0) return;
    }
    /* the first bit in the lowest byte: every machine that this runs on is little-endian */
    memcpy(to, words, (size_t)(n / 8));
    if (n % 8 == 0) return;
    uint64_t last = words[n / 64] >> (n % 64 / 8 * 8);
    if (shared)
        or_bits(to + n / 8, last);
    else
        to[n / 8] = (uint8_t)last;
}

static void write_mask(const worker *w, const region *r, const block *b, const char *v)
{
    const pass *p = w->pass;
    uint64_t words[BLOCK_BYTES / sizeof(float) / 64 + 2] = {0};
    const char *gate = w->at.gate, *ceiling = w->at.ceiling;
    const int per_position = varies(p);
    if (per_position) {
        gate = along(w, gate, b, PARAM_0);
        ceiling = along(w, ceiling, b, PARAM_1);
    } else if (isnan(number(p, ceiling, 0))) {
        ceiling = NULL;
    }
    p->loops->pack[p->mask_kind](words, v, b->n, gate, ceiling, per_position);
    int ends = b->first + b->n == r->rows * r->length;
    put_bits(p->to_mask, r->bit + (size_t)b->first, words, b->n, ends && r->shares_a_byte);
}

/* ---- the passes over a block */

/* Runs the row's loop. What is needed afterwards (or cannot be written in place) is in cache and returned. */
static char *run_row(const worker *w, const region *r, const block *b, char *gradient, char *source,
                     int needed)
{
    const pass *p = w->pass;
    const rf_row_kernels *row =
        &p->kernels->rows[p->activation][p->width == sizeof(double) ? RF_FLOAT64 : RF_FLOAT32];
    const ptrdiff_t width = (ptrdiff_t)p->width;
    char *args[2 + RF_MAX_PARAMS + 2], *in_place = r->out.memory ? output_in_place(p, r, b) : NULL;
    ptrdiff_t steps[2 + RF_MAX_PARAMS + 2];
    int n = 0;
    if (gradient) args[n] = gradient, steps[n++] = width;
    args[n] = source, steps[n++] = width;
    for (int k = 0; k < p->n_params; k++) {
        int per_unit = p->per_unit[k];
        args[n] =
            per_unit ? (char *)along(w, w->at.params[k], b, k ? PARAM_1 : PARAM_0) : (char *)&w->constant[k];
        steps[n++] = per_unit ? width : 0;
    }
    if (b->streams && in_place && !needed && !varies(p)) {
        args[n] = in_place, steps[n] = width;
        const char *next = r->source.memory + (b->first + b->n) * width;
        int apart = source == scratch(w, PRE_ACTIVATION);
        row->stream[p->direction](args, b->n, steps, apart ? next - source : RF_AHEAD);
        return NULL;
    }
    char *result = in_place && !b->streams ? in_place : scratch(w, RESULT);
    args[n] = result, steps[n++] = width;
    args[n] = scratch(w, WEIGHT_RESULT), steps[n] = width;
    row->loop[p->direction](args, b->n, steps);
    return result;
}

static void finish(const worker *w, const region *r, const block *b, char *result)
{
    if (result == scratch(w, RESULT) && r->out.memory) deliver(w, r, b, result);
}

static char *see(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    const ptrdiff_t width = (ptrdiff_t)p->width;
    char *z = fetch(w, r, &r->source, b, SOURCE), *v = p->bias ? scratch(w, PRE_ACTIVATION) : z;
    if (!p->bias && p->level == RF_SEE_NOTHING) return v;
    const rf_ahead ahead = {p->large && r->contiguous && !p->half ? BLOCK_BYTES : 0, !b->streams};
    piece q = {0};
    while (next_piece(&q, w, b)) {
        char *here = v + q.from * width;
        int odd = p->loops->see[p->bias != NULL][p->level](&w->at, q.position, q.rows, q.width,
                                                           z + q.from * width, here, ahead);
        if (odd && w->at.nonfinite)
            p->loops->count_nonfinite((char *)w->at.nonfinite + q.position * width, q.rows, q.width, here);
    }
    return v;
}

static void forward_block(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    char *v = see(w, r, b);
    if (p->to_mask) write_mask(w, r, b, v);
    if (!r->out.memory && !w->at.sum) return;
    char *y = run_row(w, r, b, NULL, v, w->at.sum != NULL);
    if (w->at.sum) {
        piece q = {0};
        while (next_piece(&q, w, b))
            p->loops->add_sizes(w->at.sum + q.position, q.rows, q.width, y + q.from * (ptrdiff_t)p->width);
    }
    finish(w, r, b, y);
}

static void sum_gradients(const worker *w, const region *r, const block *b, const char *gradient)
{
    const pass *p = w->pass;
    const ptrdiff_t width = (ptrdiff_t)p->width;
    const rf_positions *at = &w->at;
    const char *weight = scratch(w, WEIGHT_RESULT);
    const char *next[2] = {NULL, NULL};
    if (b->streams && !p->half) coming_next(p, r, b, next);
    piece q = {0};
    while (next_piece(&q, w, b)) {
        const char *here = gradient + q.from * width;
        if (at->sum)
            p->loops->add_up(at->sum + q.position, q.rows, q.width, here,
                             next[0] ? next[0] + q.from * width : NULL,
                             next[1] ? next[1] + q.from * width : NULL);
        if (at->weight_sum)
            p->loops->add_up(at->weight_sum + q.position, q.rows, q.width, weight + q.from * width, NULL,
                             NULL);
        if (at->active &&
            p->loops->count_nonzero((char *)at->active + q.position * width, q.rows, q.width, here) &&
            at->nonfinite)
            p->loops->count_nonfinite((char *)at->nonfinite + q.position * width, q.rows, q.width, here);
    }
}

static char *select_by_mask(const worker *w, const region *r, const block *b, char *gradient, int needed)
{
    const pass *p = w->pass;
    const int varying = varies(p), sloped = p->mask_kind == RF_MASK_SLOPE;
    const void *slope = !sloped ? NULL : varying ? along(w, w->at.params[0], b, PARAM_0) : w->at.params[0];
    char *in_place = output_in_place(p, r, b);
    int streams = b->streams && in_place && !needed;
    char *to = in_place && (streams || !b->streams) ? in_place : scratch(w, RESULT);
    size_t bit = r->bit + (size_t)b->first;
    p->loops->select[p->mask_kind](to, p->from_mask + bit / 8, (int)(bit % 8), gradient, b->n, slope, varying,
                                   streams);
    return to;
}

static void backward_block(const worker *w, const region *r, const block *b)
{
    const pass *p = w->pass;
    const int needed = w->at.sum || w->at.weight_sum || w->at.active;
    char *g = fetch(w, r, &r->gradient, b, GRADIENT);
    char *result =
        p->from_mask ? select_by_mask(w, r, b, g, needed) : run_row(w, r, b, g, see(w, r, b), needed);
    if (needed) sum_gradients(w, r, b, result);
    finish(w, r, b, result);
}

static void walk(const worker *w, const region *r)
{
    const pass *p = w->pass;
    const ptrdiff_t n = r->rows * r->length, size = (ptrdiff_t)p->size,
                    most = BLOCK_BYTES / (ptrdiff_t)p->width;
    const int streams = p->streams && r->contiguous && n >= LONG_ROW;
    ptrdiff_t whole = w->n_positions <= most ? most / w->n_positions * w->n_positions : most;
    if (streams && whole * size % LINE) whole = most;
    if (p->plain && r->contiguous) whole = n;
    block b = {0};
    while (b.first < n) {
        b.n = at_most(whole, n - b.first);
        if (streams) {
            uintptr_t past = (uintptr_t)(r->out.memory + b.first * size) % LINE;
            b.streams = past == 0;
            if (past) b.n = at_most(b.n, (LINE - (ptrdiff_t)past) / size);
        }
        if (r->gradient.memory)
            backward_block(w, r, &b);
        else
            forward_block(w, r, &b);
        b.first += b.n;
        b.position += b.n;
        while (b.position >= w->n_positions && !p->plain) b.position -= w->n_positions;
    }
}

/* ---- jobs */

static array moved(array a, ptrdiff_t row, ptrdiff_t elements, size_t size)
{
    if (a.memory) a.memory += row * a.step + elements * (ptrdiff_t)size;
    return a;
}

static int touches(const array *a, ptrdiff_t row_bytes) { return !a->memory || a->step == row_bytes; }

/* `rows` outer entries from `row` on, `length` elements of each from `column` on. */
static region region_at(const pass *p, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column, ptrdiff_t length)
{
    const plan *l = &p->plan;
    const ptrdiff_t bytes = l->row * (ptrdiff_t)p->size;
    region r = {
        .source = moved(p->source, row, column, p->size),
        .gradient = moved(p->gradient, row, column, p->size),
        .out = moved(p->out, row, column, p->size),
        .rows = rows,
        .length = length,
        .bit = (size_t)row * (size_t)l->row + (size_t)column,
        .shares_a_byte = length < l->row || l->by_runs,
    };
    r.contiguous = rows == 1 || (length == l->row && touches(&p->source, bytes) &&
                                 touches(&p->gradient, bytes) && touches(&p->out, bytes));
    return r;
}

static void walk_rows(worker *w, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column, ptrdiff_t length)
{
    region r = region_at(w->pass, row, rows, column, length);
    if (r.contiguous || length < LONG_ROW) {
        walk(w, &r);
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        r = region_at(w->pass, row + i, 1, column, length);
        walk(w, &r);
    }
}

/* Job `index`; first of its units and how many. */
typedef struct {
    ptrdiff_t row, rows, unit, units, first, run;
} job;

static job job_at(const plan *l, ptrdiff_t index)
{
    const ptrdiff_t run = index % l->n_runs, tile = index / l->n_runs % l->n_tiles,
                    chunk = index / l->n_runs / l->n_tiles;
    job j = {.row = chunk * l->chunk, .unit = tile * l->tile, .first = run * l->run};
    j.rows = at_most(l->chunk, l->outer - j.row);
    j.units = at_most(l->tile, l->units - j.unit);
    j.run = at_most(l->run, l->inner - j.first);
    return j;
}

/* Adds to units from `first` of `to` on. */
static void run_job(worker *w, const job *j, const totals *to, ptrdiff_t first)
{
    const plan *l = &w->pass->plan;
    if (!l->by_runs) {
        w->fold = (rf_fold){l->copies, j->units, l->inner};
        w->n_positions = l->copies * j->units * l->inner;
        turn_to(w, j->unit, j->units);
        clear(w);
        walk_rows(w, j->row, j->rows, j->unit * l->inner, j->units * l->inner);
        fold(w, to, first);
        return;
    }
    w->fold = (rf_fold){1, 1, LANES};
    w->n_positions = LANES;
    for (ptrdiff_t row = j->row; row < j->row + j->rows; row++)
        for (ptrdiff_t u = 0; u < j->units; u++) {
            turn_to(w, j->unit + u, 1);
            clear(w);
            walk_rows(w, row, 1, (j->unit + u) * l->inner + j->first, j->run);
            fold(w, to, first + u);
        }
}

/* ---- the results of jobs, in waves: combined in order, whoever computed them */

static ptrdiff_t lay_out_totals(totals *to, const totals *wanted, ptrdiff_t units, char *memory)
{
    ptrdiff_t used = 0, bytes = units * (ptrdiff_t)sizeof(double);
    *to = (totals){0};
    if (wanted->active) to->active = (int64_t *)carve(&memory, &used, bytes);
    if (wanted->nonfinite) to->nonfinite = (int64_t *)carve(&memory, &used, bytes);
    if (wanted->max) to->max = (double *)carve(&memory, &used, bytes);
    if (wanted->min) to->min = (double *)carve(&memory, &used, bytes);
    if (wanted->sum) to->sum = (double *)carve(&memory, &used, bytes);
    if (wanted->weight_sum) to->weight_sum = (double *)carve(&memory, &used, bytes);
    return used;
}

static void clear_totals(const totals *t, ptrdiff_t units)
{
    const size_t bytes = (size_t)units * sizeof(double);
    if (t->active) memset(t->active, 0, bytes);
    if (t->nonfinite) memset(t->nonfinite, 0, bytes);
    for (ptrdiff_t u = 0; u < units && t->max; u++) t->max[u] = -INFINITY;
    for (ptrdiff_t u = 0; u < units && t->min; u++) t->min[u] = INFINITY;
    if (t->sum) memset(t->sum, 0, bytes);
    if (t->weight_sum) memset(t->weight_sum, 0, bytes);
}

static void add_counts(int64_t *to, const int64_t *from, ptrdiff_t n)
{
    for (ptrdiff_t u = 0; u < n; u++) to[u] += from[u];
}

static void add_sums(double *to, const double *from, ptrdiff_t n)
{
    for (ptrdiff_t u = 0; u < n; u++) to[u] += from[u];
}

static void add_totals(const pass *p, const job *j, const totals *from)
{
    const totals *to = &p->wanted;
    const ptrdiff_t n = j->units, first = j->unit;
    if (to->active) add_counts(to->active + first, from->active, n);
    if (to->nonfinite) add_counts(to->nonfinite + first, from->nonfinite, n);
    for (ptrdiff_t u = 0; u < n && to->max; u++)
        if (from->max[u] > to->max[first + u]) to->max[first + u] = from->max[u];
    for (ptrdiff_t u = 0; u < n && to->min; u++)
        if (from->min[u] < to->min[first + u]) to->min[first + u] = from->min[u];
    if (to->sum) add_sums(to->sum + first, from->sum, n);
    if (!to->weight_sum) return;
    if (!p->one_weight) add_sums(to->weight_sum + first, from->weight_sum, n);
    for (ptrdiff_t u = 0; u < n && p->one_weight; u++) to->weight_sum[0] += from->weight_sum[u];
}

typedef struct {
    const pass *pass;
    char *positions; /* of each worker, or NULL: the stack's are enough */
    ptrdiff_t positions_bytes;
    char *totals; /* of each job of the wave, or of one after the other */
    ptrdiff_t totals_bytes;
    int alone;             /* one worker, who combines what it finds */
    int directly;          /* and each job finds one number a unit: the same sums without `totals` */
    ptrdiff_t first, last; /* jobs of the wave */
    _Atomic ptrdiff_t next;
} wave;

static totals totals_of(const wave *v, ptrdiff_t index)
{
    totals t;
    ptrdiff_t slot = v->alone ? 0 : index - v->first;
    lay_out_totals(&t, &v->pass->wanted, v->pass->plan.tile, v->totals + slot * v->totals_bytes);
    return t;
}

/* noinline: its arithmetic stays within the changed floating-point environment */
static __attribute__((noinline)) void work_off(wave *v, char *positions)
{
    const pass *p = v->pass;
    char blocks[N_SCRATCH * SCRATCH_BYTES] __attribute__((aligned(64)));
    worker w = {.pass = p, .scratch = blocks};
    lay_out(&w, positions);
    prepare(&w);
    for (;;) {
        ptrdiff_t index = atomic_fetch_add_explicit(&v->next, 1, memory_order_relaxed);
        if (index >= v->last) break;
        job j = job_at(&p->plan, index);
        if (v->directly) {
            run_job(&w, &j, &p->wanted, j.unit);
            continue;
        }
        totals to = totals_of(v, index);
        clear_totals(&to, j.units);
        run_job(&w, &j, &to, 0);
        if (v->alone) add_totals(p, &j, &to);
    }
    if (p->streams) p->kernels->fence();
}

static void work_part(void *context, int part)
{
    wave *v = context;
    char arena[ARENA_BYTES] __attribute__((aligned(64)));
    rf_fp_state saved = rf_fp_enter();
    work_off(v, v->positions ? v->positions + part * v->positions_bytes : arena);
    rf_fp_leave(saved);
}

static __attribute__((noinline)) void combine(const wave *v)
{
    for (ptrdiff_t index = v->first; index < v->last; index++) {
        job j = job_at(&v->pass->plan, index);
        totals from = totals_of(v, index);
        add_totals(v->pass, &j, &from);
    }
}

/* Bytes of a mask that two jobs, or a job and nobody, write to: each adds its bits. */
static void clear_shared_bytes(const pass *p)
{
    const plan *l = &p->plan;
    const size_t n = (size_t)(l->outer * l->row);
    if (n % 8) p->to_mask[n / 8] = 0;
    if (!l->by_runs && l->tile == l->units) return;
    const ptrdiff_t length = l->by_runs ? l->inner : l->row, step = l->by_runs ? l->run : l->tile * l->inner;
    for (size_t start = 0; start < n; start += (size_t)length)
        for (ptrdiff_t first = 0; first < length; first += step) {
            size_t bit = start + (size_t)first;
            if (bit % 8) p->to_mask[bit / 8] = 0;
        }
}

static void run_waves(const pass *p, wave *v, ptrdiff_t n_workers, ptrdiff_t in_wave)
{
    for (v->first = 0; v->first < p->plan.n_jobs; v->first = v->last) {
        v->last = at_most(v->first + in_wave, p->plan.n_jobs);
        atomic_store_explicit(&v->next, v->first, memory_order_relaxed);
        rf_parallel((int)n_workers, work_part, v);
        rf_fp_state saved = rf_fp_enter();
        combine(v);
        rf_fp_leave(saved);
    }
}

/* What is overwritten starts from 0: called when nothing can fail any more. */
static void begin(const pass *p)
{
    if (p->to_mask) clear_shared_bytes(p);
    if (!p->gradient.memory) return;
    const size_t units = (size_t)p->plan.units;
    if (p->wanted.sum) memset(p->wanted.sum, 0, units * sizeof(double));
    if (p->wanted.weight_sum) memset(p->wanted.weight_sum, 0, (p->one_weight ? 1 : units) * sizeof(double));
}

static rf_status run_pass(const pass *p)
{
    const plan *l = &p->plan;
    ptrdiff_t n_workers = 1, in_wave = 1;
    if (l->n_jobs > 1 && l->outer * l->row >= SHARE_MIN) n_workers = at_most(rf_get_num_threads(), l->n_jobs);
    worker unplaced = {.pass = p};
    totals none;
    wave v = {.pass = p,
              .positions_bytes = lay_out(&unplaced, NULL) + APART / LINE * LINE,
              .totals_bytes = lay_out_totals(&none, &p->wanted, l->tile, NULL),
              .alone = n_workers == 1,
              .directly = n_workers == 1 && !l->by_runs && !(p->one_weight && p->wanted.weight_sum)};
    if (!v.alone)
        in_wave = at_most(at_least(at_most(8 * n_workers, WAVE_BYTES / (v.totals_bytes + 1)), n_workers),
                          l->n_jobs);
    char small[2 * BLOCK_BYTES] __attribute__((aligned(64)));
    const int arena_is_enough = v.positions_bytes <= ARENA_BYTES;
    const ptrdiff_t of_positions = arena_is_enough ? 0 : n_workers * v.positions_bytes,
                    of_totals =
                        in_wave * v.totals_bytes <= (ptrdiff_t)sizeof small ? 0 : in_wave * v.totals_bytes;
    void *borrowed = NULL;
    if (of_positions + of_totals && !(borrowed = rf_workspace_take((size_t)(of_positions + of_totals))))
        return RF_ENOMEM;
    v.positions = arena_is_enough ? NULL : borrowed;
    v.totals = of_totals ? (char *)borrowed + of_positions : small;
    begin(p);
    if (v.alone) {
        v.last = l->n_jobs;
        work_part(&v, 0);
    } else {
        run_waves(p, &v, n_workers, in_wave);
    }
    rf_workspace_give(borrowed);
    return RF_OK;
}

/* ---- from the public arguments */

static void set_up(pass *p, rf_activation activation, rf_dtype dtype, const rf_shape *s,
                   const void *const *params, const int *per_unit)
{
    const int halves = dtype >= RF_N_COMPUTED;
    p->kernels = rf_active_kernels();
    p->loops = p->kernels->units[dtype == RF_FLOAT64];
    p->half = halves ? &p->kernels->halves[dtype - RF_N_COMPUTED] : NULL;
    p->activation = activation;
    p->mask_kind = rf_info(activation)->mask;
    p->n_params = rf_info(activation)->n_params;
    p->width = dtype == RF_FLOAT64 ? sizeof(double) : sizeof(float);
    p->size = halves ? sizeof(uint16_t) : p->width;
    for (int k = 0; k < p->n_params; k++) {
        p->params[k] = params[k];
        p->per_unit[k] = per_unit[k];
    }
    const totals *t = &p->wanted;
    ptrdiff_t outer = (ptrdiff_t)s->outer, units = (ptrdiff_t)s->units, inner = (ptrdiff_t)s->inner;
    const ptrdiff_t bytes = units * inner * (ptrdiff_t)p->size, n = outer * units * inner;
    const int contiguous =
        outer == 1 || (touches(&p->source, bytes) && touches(&p->gradient, bytes) && touches(&p->out, bytes));
    p->plain = !p->half && !p->bias && !varies(p) && !p->level && !p->to_mask && !t->active &&
               !t->nonfinite && !t->sum && !t->weight_sum;
    p->large = n * (ptrdiff_t)p->size >= STREAM_MIN_BYTES;
    p->streams =
        p->large && p->out.memory && p->out.memory != p->source.memory && p->out.memory != p->gradient.memory;
    p->plan = p->plain && contiguous ? make_plan(1, 1, n) : make_plan(outer, units, inner);
}

rf_status rf_run_units_forward(const rf_units_forward_args *a)
{
    const rf_unit_counts *c = &a->counts;
    pass p = {
        .source = {(char *)a->z, a->z_step},
        .out = {a->y, a->y_step},
        .to_mask = a->mask,
        .bias = a->bias,
        .direction = RF_FORWARD,
        .level = c->min                   ? RF_SEE_MIN
                 : c->max || c->nonfinite ? RF_SEE_MAX
                 : c->active              ? RF_SEE_ACTIVE
                                          : RF_SEE_NOTHING,
        .wanted = {c->active, c->nonfinite, c->max, c->min, c->sum_abs, NULL},
    };
    set_up(&p, a->activation, a->dtype, &a->shape, a->params, a->param_per_unit);
    return run_pass(&p);
}

rf_status rf_run_units_backward(const rf_units_backward_args *a)
{
    const int masked = a->source_kind == RF_FROM_MASK;
    /* from x, the gradient alone of a learned parameter's row is the loop from y: it asks for nothing but the
     * sign */
    const int from_x =
        a->source_kind == RF_FROM_X && (a->weight_grad || rf_info(a->activation)->n_gradients == 1);
    pass p = {
        .source = {masked ? NULL : (char *)a->source, a->source_step},
        .gradient = {(char *)a->grad_output, a->grad_output_step},
        .out = {a->grad_input, a->grad_input_step},
        .from_mask = masked ? a->source : NULL,
        .bias = a->bias,
        .direction = from_x ? RF_BACKWARD : RF_BACKWARD_Y,
        .wanted = {.active = a->counts.nonzero,
                   .nonfinite = a->counts.nonfinite,
                   .sum = a->bias_grad,
                   .weight_sum = a->weight_grad},
        .one_weight = !a->param_per_unit[0],
    };
    set_up(&p, a->activation, a->dtype, &a->shape, a->params, a->param_per_unit);
    return run_pass(&p);
}
