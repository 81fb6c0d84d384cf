/* What units.c, which cuts a per-unit pass into jobs, and units_walk.c, which walks them, tell each other. */
#ifndef RF_UNITS_PASS_H
#define RF_UNITS_PASS_H

#include "kernels.h"

enum {
    LINE = 64,
    BLOCK_BYTES = 4096, /* of the computing type; a block has this much, or up to twice as much */
    SPARE = LINE / 2,   /* positions past the last, of those that are turned */
};

typedef struct {
    ptrdiff_t outer, units, inner, row; /* row = units * inner */
    ptrdiff_t chunk, tile, run;         /* outer entries, units and inner positions of a job */
    ptrdiff_t n_tiles, n_runs, n_jobs;
    ptrdiff_t copies; /* outer entries to one row of positions */
    int by_runs;      /* inner large */
} plan;

typedef struct {
    char *memory;
    ptrdiff_t step; /* bytes from one outer entry to the next */
} array;

/* Per unit, of a job or of the caller; NULL: not wanted. `active` of gradients: not 0. */
typedef struct {
    int64_t *active, *nonfinite;
    double *max, *min, *sum, *weight_sum;
} totals;

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
    int banded;     /* rows long: walked in bands or columns */
    int large;      /* past a core's own caches */
    int streams;    /* the output goes past the cache */
    int plain;      /* elementwise: one loop over all of it */
    /* rows of positions may begin anywhere in rows of memory, most often at `head`, where the output's first
     * cache line begins: the first positions follow on the last, too */
    int turns;
    ptrdiff_t head;
} pass;

enum scratch { GRADIENT, SOURCE, PRE_ACTIVATION, RESULT, WEIGHT_RESULT, PARAM_0, PARAM_1, N_SCRATCH };
enum { SCRATCH_BYTES = 2 * BLOCK_BYTES + 5 * LINE };

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

/* Whether a byte of a mask has other bits: written before or later, or maybe meanwhile by another thread. */
typedef enum { NOT_SHARED, SHARED, SHARED_BY_THREADS } sharing;

/* Elements that are walked in one go: rows of a part of each outer entry. */
typedef struct {
    array source, gradient, out; /* from its first element on */
    ptrdiff_t rows, length;
    int contiguous;
    size_t bit;           /* of its first element in a mask */
    sharing begins, ends; /* bytes of the mask in which a row does, or all of it where that is contiguous */
} region;

static inline ptrdiff_t at_most(ptrdiff_t n, ptrdiff_t limit) { return n < limit ? n : limit; }
static inline ptrdiff_t at_least(ptrdiff_t n, ptrdiff_t limit) { return n > limit ? n : limit; }

/* An array of the pass from another place on. */
static inline array moved(const pass *p, array a, ptrdiff_t rows, ptrdiff_t elements)
{
    if (a.memory) a.memory += rows * a.step + elements * (ptrdiff_t)p->size;
    return a;
}

/* Elements up to the next cache line of an array like the output. */
static inline ptrdiff_t to_line(const pass *p, const char *memory)
{
    return (ptrdiff_t)((0 - (uintptr_t)memory) % LINE / p->size);
}

/* Whether a parameter differs from unit to unit. */
static inline int varies(const pass *p)
{
    return (p->n_params > 0 && p->per_unit[0]) || (p->n_params > 1 && p->per_unit[1]);
}

/* Positions that make a row of a block, at most: longer rows are walked in bands. */
static inline ptrdiff_t longest_row(const pass *p) { return 2 * BLOCK_BYTES / (ptrdiff_t)p->width / 4; }

/* Whether bias, relu and counts are one loop. */
int rf_rectifies(const pass *p);

/* Reads and writes the region; what is counted and summed is added to the worker's positions. */
void rf_walk(const worker *w, const region *r);

#endif
