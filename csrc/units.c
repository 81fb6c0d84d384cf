/* The per-unit passes over (outer, units, inner): how they are cut into jobs, and how what jobs find is
 * combined.
 *
 * Counts and sums are kept for each position of a row and folded into units at the end of a job; jobs are
 * combined in order, sums in float64. Jobs of a pass that sums are cut by the shape alone; counts and
 * extremes are the same however they are cut. So results depend on the shape, not on threads, steps or
 * instruction set. What a job looks like:
 *
 *   inner large   runs of one unit; any element of a run belongs to LANES positions in turn
 *   rows short    several outer entries make one row of positions, so that vectors are full
 *   rows long     whole units, as many as have TILE positions or more, of some outer entries */
#include "fp_state.h"
#include "threads.h"
#include "units_pass.h"
#include "workspace.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    SHORT_ROW = 128,
    LANES = 128,
    LONG_INNER = 1024,
    TILE = 1 << 12,
    WIDE_TILE = 1 << 15,
    NEAR_BYTES = 1 << 16,
    JOB = RF_SHRINK == 1 ? 1 << 18 : 1 << 12,
    MANY_JOBS = 64,                           /* of eight rows, the fewest that make a job */
    SHARE_MIN = (1 << 17) / RF_SHRINK,        /* elements that are worth a second thread */
    WAVE_BYTES = 1 << 24,                     /* at most, for the results of jobs that await their turn */
    STREAM_MIN_BYTES = (4 << 20) / RF_SHRINK, /* as in run.c */
    ARENA_BYTES = 24 << 10,                   /* on the stack: positions of all but wide layers */
    FETCHED = 1024,                           /* bytes of the next run */
    /* Arrays multiples of 4 KiB apart wait for each other's stores (4K aliasing): 3 times slower. */
    APART = 832,
};

/* ---- how an array is cut into jobs */

static ptrdiff_t parts(ptrdiff_t n, ptrdiff_t size) { return (n - 1) / size + 1; }

/* Positions of a tile, `n` elements in all, of a pass that is complete but for its plan. Where nothing is
 * summed forward passes take 0.6 to 0.85 of the time if rows are read as far as they go (Zen 5), those that
 * relu's own loop counts if their numbers are near; so long as there are MANY_JOBS. */
static ptrdiff_t tile_of(const pass *p, ptrdiff_t n, ptrdiff_t inner)
{
    ptrdiff_t most = WIDE_TILE;
    if (p->gradient.memory || p->wanted.sum) return TILE; /* the order of sums: by the shape alone */
    if (rf_rectifies(p) && p->level)
        most = inner > 1 && !rf_is_intel() ? NEAR_BYTES / (ptrdiff_t)p->width : TILE;
    return at_least(at_most(most, n * RF_SHRINK / (8 * MANY_JOBS)), TILE);
}

static plan make_plan(ptrdiff_t outer, ptrdiff_t units, ptrdiff_t inner, ptrdiff_t tile)
{
    plan l = {.outer = outer, .units = units, .inner = inner, .row = units * inner, .copies = 1};
    l.by_runs = inner > LONG_INNER;
    if (l.by_runs) {
        l.run = at_most(inner, JOB);
        l.tile = at_most(units, JOB / l.run);
        l.chunk = l.tile < units ? 1 : at_most(outer, at_least(JOB / (l.tile * l.run), 1));
    } else {
        l.run = inner;
        l.tile = at_most(units, tile / inner);
        if (l.row < SHORT_ROW) l.copies = SHORT_ROW / l.row;
        /* two rows that are no whole vectors waste less of the last one: counting many of 65 to 127 elements
         * takes 0.3 to 0.9 of the time */
        if (l.copies == 1 && l.row < SHORT_ROW && l.row % 16 && outer >= 16) l.copies = 2;
        /* whole rows of positions, and whole bytes of a mask */
        ptrdiff_t group = 8 * l.copies;
        l.chunk = at_least(JOB / (l.tile * inner) / group, 1) * group;
    }
    l.n_tiles = parts(units, l.tile);
    l.n_runs = parts(inner, l.run);
    l.n_jobs = parts(outer, l.chunk) * l.n_tiles * l.n_runs;
    return l;
}

/* ---- positions: their memory, and the numbers that come from units */

/* An array whose element at `head` bytes begins a cache line. */
static char *carve(char **memory, ptrdiff_t *used, ptrdiff_t bytes, ptrdiff_t head)
{
    const ptrdiff_t before = (LINE - head % LINE) % LINE;
    char *here = *memory ? *memory + *used + before : NULL;
    bytes = (bytes + before + LINE - 1) / LINE * LINE;
    ptrdiff_t over = (bytes + APART) % BLOCK_BYTES;
    *used += bytes + (bytes >= BLOCK_BYTES / 2 && over < 2 * APART ? APART : 0);
    return here;
}

/* Whether numbers of units are those of positions as they are. */
static int in_place(const pass *p)
{
    return !p->half && !p->plan.by_runs && p->plan.copies == 1 && p->plan.inner == 1 && !p->turns;
}

static ptrdiff_t most_positions(const pass *p)
{
    const plan *l = &p->plan;
    return l->by_runs ? LANES : l->copies * l->tile * l->inner;
}

/* Lays out what the pass wants in `memory`; how many bytes that is. */
static ptrdiff_t lay_out(worker *w, char *memory)
{
    const pass *p = w->pass;
    const ptrdiff_t n = most_positions(p) + (p->turns ? SPARE : 0), bytes = n * (ptrdiff_t)p->width;
    const totals *t = &p->wanted;
    const ptrdiff_t head = p->head * (ptrdiff_t)p->width, of_double = sizeof(double);
    ptrdiff_t used = 0;
    rf_positions *at = &w->at;
    if (p->half) w->numbers = carve(&memory, &used, p->plan.tile * (ptrdiff_t)sizeof(float), 0);
    if (p->bias && !in_place(p)) at->bias = carve(&memory, &used, bytes, head);
    if (p->level > RF_SEE_NOTHING) at->gate = carve(&memory, &used, bytes, head);
    if (p->to_mask) at->mask_gate = carve(&memory, &used, bytes, head);
    if (p->to_mask) at->ceiling = carve(&memory, &used, bytes, head);
    for (int k = 0; k < p->n_params; k++)
        if ((p->per_unit[k] && !in_place(p)) || p->from_mask)
            at->params[k] = carve(&memory, &used, bytes, head);
    if (p->level > RF_SEE_NOTHING || t->active || t->nonfinite)
        at->active = carve(&memory, &used, bytes, head);
    if (t->nonfinite) at->nonfinite = carve(&memory, &used, bytes, head);
    if (p->level >= RF_SEE_MAX) at->max = carve(&memory, &used, bytes, head);
    if (t->min) at->min = carve(&memory, &used, bytes, head);
    if (t->sum) at->sum = (double *)carve(&memory, &used, n * of_double, p->head * of_double);
    if (t->weight_sum) at->weight_sum = (double *)carve(&memory, &used, n * of_double, p->head * of_double);
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

/* The first positions behind the last, too. */
static void fill_spare(const worker *w, void *numbers)
{
    const size_t width = w->pass->width;
    if (w->pass->turns) memcpy((char *)numbers + (size_t)w->n_positions * width, numbers, SPARE * width);
}

static void *spread(const worker *w, void *to, const char *per_unit, ptrdiff_t unit, ptrdiff_t n)
{
    const void *numbers = numbers_of(w, per_unit, unit, n);
    if (!to) return (void *)numbers;
    w->pass->loops->spread(to, numbers, &w->fold);
    fill_spare(w, to);
    return to;
}

/* Gate and ceiling for `n` positions from `first` on, where they are wanted. */
static void fill_edges(const worker *w, ptrdiff_t first, ptrdiff_t n, const double *params)
{
    const pass *p = w->pass;
    const double gate = rf_gate(p->activation, params), ceiling = rf_ceiling(p->activation, params);
    const double above = isnan(gate) ? 0 : gate, of_mask = p->mask_kind == RF_MASK_GATED ? gate : above;
    const ptrdiff_t at = first * (ptrdiff_t)p->width;
    if (w->at.gate) p->loops->fill((char *)w->at.gate + at, above, n);
    if (w->at.mask_gate) p->loops->fill((char *)w->at.mask_gate + at, of_mask, n);
    if (w->at.ceiling) p->loops->fill((char *)w->at.ceiling + at, ceiling, n);
}

/* Those that differ from unit to unit: the parameters of each position tell. */
static void spread_edges(const worker *w)
{
    const pass *p = w->pass;
    for (ptrdiff_t i = 0; i < w->n_positions; i++) {
        double params[RF_MAX_PARAMS];
        for (int k = 0; k < p->n_params; k++)
            params[k] = p->per_unit[k] ? number(p, w->at.params[k], i) : number(p, &w->constant[k], 0);
        fill_edges(w, i, 1, params);
    }
    void *edges[] = {w->at.gate, w->at.mask_gate, w->at.ceiling};
    for (int k = 0; k < 3; k++)
        if (edges[k]) fill_spare(w, edges[k]);
}

/* Everything that is the same for every job. */
static void prepare(worker *w)
{
    const pass *p = w->pass;
    const ptrdiff_t n = most_positions(p) + (p->turns ? SPARE : 0);
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
    if (!varies(p)) fill_edges(w, 0, n, params);
}

/* The numbers of units [unit, unit + n) for the positions of `w->fold`. */
static void turn_to(worker *w, ptrdiff_t unit, ptrdiff_t n)
{
    const pass *p = w->pass;
    if (unit == w->unit && n == w->n_units) return;
    w->unit = unit;
    w->n_units = n;
    if (p->bias) w->at.bias = spread(w, in_place(p) ? NULL : w->at.bias, p->bias, unit, n);
    for (int k = 0; k < p->n_params; k++)
        if (p->per_unit[k])
            w->at.params[k] =
                spread(w, in_place(p) && !p->from_mask ? NULL : w->at.params[k], p->params[k], unit, n);
    if ((w->at.gate || w->at.mask_gate) && varies(p)) spread_edges(w);
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

/* ---- jobs */

static int touches(const array *a, ptrdiff_t row_bytes) { return !a->memory || a->step == row_bytes; }

/* `rows` outer entries from `row` on, `length` elements of each from `column` on. */
static region region_at(const pass *p, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column, ptrdiff_t length)
{
    const plan *l = &p->plan;
    const ptrdiff_t bytes = l->row * (ptrdiff_t)p->size;
    region r = {
        .source = moved(p, p->source, row, column),
        .gradient = moved(p, p->gradient, row, column),
        .out = moved(p, p->out, row, column),
        .rows = rows,
        .length = length,
        .bit = (size_t)row * (size_t)l->row + (size_t)column,
    };
    /* chunks have whole bytes, if not outer entries */
    r.begins = r.ends = l->by_runs || (p->banded && length < l->row) ? SHARED_BY_THREADS
                        : p->banded                                  ? SHARED
                                                                     : NOT_SHARED;
    r.contiguous = rows == 1 || (length == l->row && touches(&p->source, bytes) &&
                                 touches(&p->gradient, bytes) && touches(&p->out, bytes));
    return r;
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

/* What follows in memory, most often the next run, while this one is folded. */
static void fetch_next_run(const region *r, ptrdiff_t bytes)
{
    for (ptrdiff_t i = bytes; i < bytes + FETCHED; i += LINE) {
        if (r->source.memory) __builtin_prefetch(r->source.memory + i, 0, 2);
        if (r->gradient.memory) __builtin_prefetch(r->gradient.memory + i, 0, 2);
    }
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
        region r = region_at(w->pass, j->row, j->rows, j->unit * l->inner, j->units * l->inner);
        rf_walk(w, &r);
        fold(w, to, first);
        return;
    }
    w->fold = (rf_fold){1, 1, LANES};
    w->n_positions = LANES;
    for (ptrdiff_t row = j->row; row < j->row + j->rows; row++)
        for (ptrdiff_t u = 0; u < j->units; u++) {
            turn_to(w, j->unit + u, 1);
            clear(w);
            region r = region_at(w->pass, row, 1, (j->unit + u) * l->inner + j->first, j->run);
            /* with the run before or after, which is this job's, too */
            if (u > 0) r.begins = SHARED;
            if (u < j->units - 1) r.ends = SHARED;
            rf_walk(w, &r);
            fetch_next_run(&r, j->run * (ptrdiff_t)w->pass->size);
            fold(w, to, first + u);
        }
}

/* ---- the results of jobs, in waves: combined in order, whoever computed them */

static ptrdiff_t lay_out_totals(totals *to, const totals *wanted, ptrdiff_t units, char *memory)
{
    ptrdiff_t used = 0, bytes = units * (ptrdiff_t)sizeof(double);
    *to = (totals){0};
    if (wanted->active) to->active = (int64_t *)carve(&memory, &used, bytes, 0);
    if (wanted->nonfinite) to->nonfinite = (int64_t *)carve(&memory, &used, bytes, 0);
    if (wanted->max) to->max = (double *)carve(&memory, &used, bytes, 0);
    if (wanted->min) to->min = (double *)carve(&memory, &used, bytes, 0);
    if (wanted->sum) to->sum = (double *)carve(&memory, &used, bytes, 0);
    if (wanted->weight_sum) to->weight_sum = (double *)carve(&memory, &used, bytes, 0);
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
    if (!l->by_runs && !p->banded) return;
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
    p->plan = p->plain && contiguous ? make_plan(1, 1, n, TILE)
                                     : make_plan(outer, units, inner, tile_of(p, n, inner));
    p->banded = !p->plan.by_runs && p->plan.copies * p->plan.tile * inner > longest_row(p);
    const int rows_are_lines = contiguous && p->plan.tile == units && bytes % LINE == 0;
    p->turns = p->streams && (!p->banded || rows_are_lines);
    p->head = p->turns ? to_line(p, p->out.memory) : 0;
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
        .level = c->max || c->nonfinite || c->min ? RF_SEE_MAX
                 : c->active                      ? RF_SEE_ACTIVE
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
