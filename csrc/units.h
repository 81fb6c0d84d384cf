/* Fused passes over (outer, units, inner) arrays of type T.
 *
 * Both passes reduce to rows: a tile of at most F(WIDTH) neighbouring positions, each with its own bias,
 * parameter and accumulators, walked down the outer axis. What a position is decides the tile:
 *
 *   inner large      one unit a tile; its run of `inner` elements is cut into rows of F(LANES) positions
 *   inner small      whole units a tile: positions are (unit, inner) pairs
 *   inner 1, units few and rows adjacent: several outer entries make one row, so that vectors are full
 *
 * At the end of a chunk the positions of a unit are folded into it. Chunks are fixed by the shape alone and
 * sums are combined in chunk order, in float64: a result depends on shape and layout, and on nothing else. */

enum {
    F(WIDTH) = 1024,
    F(LANES) = 128,
    F(CHUNK_ELEMENTS) = 1 << 18,
    F(FEW_ROWS) = 2,
    /* Accumulators multiples of 4 KiB apart wait for each other's stores (4K aliasing): 3 times slower. */
    F(PAD) = 832 / sizeof(T),
};

enum { F(WANT_ACTIVE) = 1, F(WANT_USUAL) = 2, F(WANT_ALL) = 4 };

typedef struct {
    COUNT active[F(WIDTH) + F(PAD)], nonfinite[F(WIDTH) + F(PAD)];
    T max[F(WIDTH) + F(PAD)], min[F(WIDTH) + F(PAD)];
    double sum[F(WIDTH)];
} TYPE(positions);

/* How a tile lies in the array: see the three cases above. */
typedef struct {
    ptrdiff_t unit, n_units;       /* units of the tile */
    ptrdiff_t width;               /* positions in a full row */
    ptrdiff_t unit_step, pos_step; /* position of unit u's i-th: u * unit_step + i * pos_step */
    ptrdiff_t per_unit;            /* positions of one unit */
} TYPE(tile);

/* How the outer entries are walked. */
typedef struct {
    rf_shape shape;
    ptrdiff_t chunk, adjacent; /* outer entries a chunk; entries that one row takes */
} TYPE(plan);

static TYPE(plan) F(make_plan)(rf_shape s, int rows_touch)
{
    ptrdiff_t block = (ptrdiff_t)(s.units * s.inner);
    /* Memory is fastest read in order. Tiles side by side break it: then chunks are a few rows, which walk
     * down the array together. */
    TYPE(plan) p = {s, 1, 1};
    if (block <= F(WIDTH))
        p.chunk = F(CHUNK_ELEMENTS) / (block ? block : 1);
    else if ((ptrdiff_t)s.inner <= F(WIDTH))
        p.chunk = F(FEW_ROWS);
    if (rows_touch && s.inner == 1 && block < F(LANES)) {
        p.adjacent = F(LANES) / block;
        p.chunk -= p.chunk % p.adjacent;
    }
    return p;
}

static TYPE(tile) F(make_tile)(const TYPE(plan) *p, ptrdiff_t unit)
{
    ptrdiff_t units = (ptrdiff_t)p->shape.units, inner = (ptrdiff_t)p->shape.inner;
    TYPE(tile) t = {
        .unit = unit, .n_units = units - unit, .unit_step = inner, .pos_step = 1, .per_unit = inner};
    if (inner > F(WIDTH)) {
        t.n_units = 1;
        t.per_unit = F(LANES);
        t.width = F(LANES);
    } else if (p->adjacent > 1) {
        t.unit_step = 1;
        t.pos_step = units;
        t.per_unit = p->adjacent;
        t.width = units * p->adjacent;
    } else {
        if (t.n_units > F(WIDTH) / inner) t.n_units = F(WIDTH) / inner;
        t.width = t.n_units * inner;
    }
    return t;
}

/* Per-unit numbers spread over the positions of a tile. */
static const T *F(spread)(T *to, const TYPE(tile) *t, const T *per_unit)
{
    per_unit += t->unit;
    if (t->per_unit == 1) return per_unit;
    for (ptrdiff_t u = 0; u < t->n_units; u++)
        for (ptrdiff_t i = 0; i < t->per_unit; i++) to[u * t->unit_step + i * t->pos_step] = per_unit[u];
    return to;
}

/* One number for every position of every tile. */
static const T *F(constant)(T *to, T value)
{
    for (int i = 0; i < F(WIDTH); i++) to[i] = value;
    return to;
}

/* z + -0.0 is z, zeros included: a missing bias. */
static const T F(NO_BIAS) = -(T)0;

/* Folding adds a tile's positions to its units. Sums and extremes of one unit go through eight accumulators
 * in a fixed order: vector code, and the same everywhere. */
static void F(fold_counts)(int64_t *to, const TYPE(tile) *t, const COUNT *from)
{
    to += t->unit;
    if (t->per_unit == 1) {
        for (ptrdiff_t u = 0; u < t->n_units; u++) to[u] += (int64_t)from[u];
    } else if (t->pos_step == 1) {
        for (ptrdiff_t u = 0; u < t->n_units; u++, from += t->unit_step) {
            TOTAL total = 0;
            for (ptrdiff_t i = 0; i < t->per_unit; i++) total += from[i];
            to[u] += (int64_t)total;
        }
    } else {
        for (ptrdiff_t i = 0; i < t->per_unit; i++, from += t->pos_step)
            for (ptrdiff_t u = 0; u < t->n_units; u++) to[u] += (int64_t)from[u];
    }
}

static void F(fold_sums)(double *to, const TYPE(tile) *t, const double *from)
{
    to += t->unit;
    if (t->per_unit == 1) {
        for (ptrdiff_t u = 0; u < t->n_units; u++) to[u] += from[u];
        return;
    }
    for (ptrdiff_t u = 0; u < t->n_units; u++) {
        const double *v = from + u * t->unit_step;
        double acc[8] = {0};
        ptrdiff_t i = 0, step = t->pos_step;
        for (; i + 8 <= t->per_unit; i += 8)
            for (int j = 0; j < 8; j++) acc[j] += v[(i + j) * step];
        for (int j = 0; i < t->per_unit; i++, j++) acc[j] += v[i * step];
        to[u] += ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]));
    }
}

/* The largest of sign * v; sign -1 makes it the smallest v. */
static RF_INLINE void F(fold_extremes)(double *to, const TYPE(tile) *t, const T *from, T sign)
{
    to += t->unit;
    for (ptrdiff_t u = 0; u < t->n_units; u++) {
        const T *v = from + u * t->unit_step;
        T acc[8], most;
        for (int j = 0; j < 8; j++) acc[j] = sign * v[0];
        ptrdiff_t i = 1, step = t->pos_step;
        for (; i + 8 <= t->per_unit; i += 8)
            for (int j = 0; j < 8; j++)
                acc[j] = sign * v[(i + j) * step] > acc[j] ? sign * v[(i + j) * step] : acc[j];
        for (; i < t->per_unit; i++) acc[0] = sign * v[i * step] > acc[0] ? sign * v[i * step] : acc[0];
        most = acc[0];
        for (int j = 1; j < 8; j++) most = acc[j] > most ? acc[j] : most;
        to[u] = most > sign * to[u] ? sign * most : to[u];
    }
}

/* ---- forward */

typedef struct {
    const T *bias, *param;
    T threshold;
    TYPE(positions) *acc;
} TYPE(forward_context);

static RF_INLINE void F(forward_rows)(T (*f)(T, T), int want, const TYPE(forward_context) *c, ptrdiff_t rows,
                                      ptrdiff_t width, const char *z, ptrdiff_t z_step, char *y,
                                      ptrdiff_t y_step)
{
    const T *bias = c->bias, *param = c->param, threshold = c->threshold;
    TYPE(positions) *acc = c->acc;
    for (ptrdiff_t row = 0; row < rows; row++) {
        const T *zr = (const T *)(z + row * z_step);
        T *yr = (T *)(y + row * y_step);
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) {
            T v = zr[i] + bias[i], out = f(v, param[i]);
            yr[i] = out;
            acc->active[i] += v > threshold ? (COUNT)1 : 0;
            if (want >= F(WANT_USUAL)) {
                acc->nonfinite[i] += F(is_finite)(v) ? 0 : (COUNT)1;
                acc->max[i] = v > acc->max[i] ? v : acc->max[i];
            }
            if (want >= F(WANT_ALL)) {
                acc->min[i] = v < acc->min[i] ? v : acc->min[i];
                acc->sum[i] += F(is_finite)(out) ? (double)F(abs)(out) : 0;
            }
        }
    }
}

typedef void TYPE(forward_rows_fn)(const TYPE(forward_context) *c, ptrdiff_t rows, ptrdiff_t width,
                                   const char *z, ptrdiff_t z_step, char *y, ptrdiff_t y_step);

/* How often positions fire, and nothing else: the same for every activation, without computing an
 * output that nobody wants. */
static void F(count_rows)(const TYPE(forward_context) *c, ptrdiff_t rows, ptrdiff_t width, const char *z,
                          ptrdiff_t z_step, char *y, ptrdiff_t y_step)
{
    (void)y, (void)y_step;
    const T *bias = c->bias, threshold = c->threshold;
    COUNT *active = c->acc->active;
    for (ptrdiff_t row = 0; row < rows; row++) {
        const T *zr = (const T *)(z + row * z_step);
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) active[i] += zr[i] + bias[i] > threshold ? (COUNT)1 : 0;
    }
}

static void F(clear)(TYPE(positions) *acc, int want, ptrdiff_t width)
{
    memset(acc->active, 0, (size_t)width * sizeof(COUNT));
    if (want >= F(WANT_USUAL)) {
        memset(acc->nonfinite, 0, (size_t)width * sizeof(COUNT));
        for (ptrdiff_t i = 0; i < width; i++) acc->max[i] = -F(INF);
    }
    if (want >= F(WANT_ALL)) {
        for (ptrdiff_t i = 0; i < width; i++) acc->min[i] = F(INF);
        memset(acc->sum, 0, (size_t)width * sizeof(double));
    }
}

static void F(fold_forward)(const TYPE(tile) *t, const TYPE(positions) *acc, const rf_unit_counts *to)
{
    if (to->active) F(fold_counts)(to->active, t, acc->active);
    if (to->nonfinite) F(fold_counts)(to->nonfinite, t, acc->nonfinite);
    if (to->max) F(fold_extremes)(to->max, t, acc->max, 1);
    if (to->min) F(fold_extremes)(to->min, t, acc->min, -1);
    if (to->sum_abs) F(fold_sums)(to->sum_abs, t, acc->sum);
}

/* The rows of outer entries [first, last) in tile t. */
static void F(forward_chunk)(TYPE(forward_rows_fn) *rows, const TYPE(forward_context) *c, const TYPE(plan) *p,
                             const TYPE(tile) *t, const rf_units_forward_args *a, ptrdiff_t first,
                             ptrdiff_t last, char *no_output)
{
    ptrdiff_t inner = (ptrdiff_t)p->shape.inner, offset = t->unit * inner * (ptrdiff_t)sizeof(T);
    const char *z = (const char *)a->z + first * a->z_step + offset;
    char *y = a->y ? (char *)a->y + first * a->y_step + offset : no_output;
    ptrdiff_t y_step = a->y ? a->y_step : 0, n = last - first;
    if (inner > F(WIDTH)) {
        ptrdiff_t full = inner / t->width, rest = inner % t->width, bytes = t->width * (ptrdiff_t)sizeof(T);
        for (ptrdiff_t o = 0; o < n; o++) {
            const char *zo = z + o * a->z_step;
            char *yo = y + o * y_step;
            rows(c, full, t->width, zo, bytes, yo, a->y ? bytes : 0);
            rows(c, 1, rest, zo + full * bytes, 0, a->y ? yo + full * bytes : yo, 0);
        }
    } else {
        ptrdiff_t full = n / p->adjacent, rest = n % p->adjacent;
        rows(c, full, t->width, z, a->z_step * p->adjacent, y, y_step * p->adjacent);
        if (rest)
            rows(c, 1, rest * (ptrdiff_t)p->shape.units, z + full * p->adjacent * a->z_step, 0,
                 y + full * p->adjacent * y_step, 0);
    }
}

static void F(units_forward)(TYPE(forward_rows_fn) *const *variants, T threshold,
                             const rf_units_forward_args *a)
{
    const rf_unit_counts *counts = &a->counts;
    int want = counts->min || counts->sum_abs     ? F(WANT_ALL)
               : counts->nonfinite || counts->max ? F(WANT_USUAL)
                                                  : F(WANT_ACTIVE);
    TYPE(forward_rows_fn) *rows = !a->y && want == F(WANT_ACTIVE) ? F(count_rows) : variants[want >> 1];
    ptrdiff_t row_bytes = (ptrdiff_t)(a->shape.units * a->shape.inner * sizeof(T));
    TYPE(plan) p = F(make_plan)(a->shape, a->z_step == row_bytes && (!a->y || a->y_step == row_bytes));
    TYPE(positions) acc;
    T bias[F(WIDTH)], param[F(WIDTH)], no_output[F(WIDTH)];
    ptrdiff_t outer = (ptrdiff_t)a->shape.outer, units = (ptrdiff_t)a->shape.units;
    TYPE(forward_context) c = {bias, param, threshold, &acc};
    if (!a->bias) F(constant)(bias, F(NO_BIAS));
    if (a->param && !a->param_per_unit) F(constant)(param, *(const T *)a->param);
    for (ptrdiff_t first = 0; first < outer; first += p.chunk) {
        ptrdiff_t last = outer - first < p.chunk ? outer : first + p.chunk;
        for (ptrdiff_t unit = 0; unit < units;) {
            TYPE(tile) t = F(make_tile)(&p, unit);
            if (a->bias) c.bias = F(spread)(bias, &t, a->bias);
            if (a->param && a->param_per_unit) c.param = F(spread)(param, &t, a->param);
            F(clear)(&acc, want, t.width);
            F(forward_chunk)(rows, &c, &p, &t, a, first, last, (char *)no_output);
            F(fold_forward)(&t, &acc, counts);
            unit += t.n_units;
        }
    }
}

/* ---- backward */

typedef struct {
    const T *bias, *param;
    TYPE(positions) *acc;
} TYPE(backward_context);

typedef struct {
    const char *g, *s;
    char *out;
    ptrdiff_t g_step, s_step, out_step;
} TYPE(backward_rows_at);

static RF_INLINE void F(backward_rows)(T (*f)(T, T, T), int want_counts, const TYPE(backward_context) *c,
                                       ptrdiff_t rows, ptrdiff_t width, TYPE(backward_rows_at) at)
{
    const T *bias = c->bias, *param = c->param;
    TYPE(positions) *acc = c->acc;
    for (ptrdiff_t row = 0; row < rows; row++) {
        const T *g = (const T *)(at.g + row * at.g_step), *s = (const T *)(at.s + row * at.s_step);
        T *out = (T *)(at.out + row * at.out_step);
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < width; i++) {
            T gz = f(g[i], s[i] + bias[i], param[i]);
            out[i] = gz;
            acc->sum[i] += gz;
            if (want_counts) {
                acc->active[i] += gz != 0 ? (COUNT)1 : 0;
                acc->nonfinite[i] += F(is_finite)(gz) ? 0 : (COUNT)1;
            }
        }
    }
}

typedef void TYPE(backward_rows_fn)(const TYPE(backward_context) *c, ptrdiff_t rows, ptrdiff_t width,
                                    TYPE(backward_rows_at) at);

static void F(backward_chunk)(TYPE(backward_rows_fn) *rows, const TYPE(backward_context) *c,
                              const TYPE(plan) *p, const TYPE(tile) *t, const rf_units_backward_args *a,
                              ptrdiff_t first, ptrdiff_t last)
{
    ptrdiff_t inner = (ptrdiff_t)p->shape.inner, offset = t->unit * inner * (ptrdiff_t)sizeof(T),
              n = last - first;
    TYPE(backward_rows_at) at = {(const char *)a->grad_output + first * a->grad_output_step + offset,
                                 (const char *)a->source + first * a->source_step + offset,
                                 (char *)a->grad_input + first * a->grad_input_step + offset,
                                 a->grad_output_step * p->adjacent,
                                 a->source_step * p->adjacent,
                                 a->grad_input_step * p->adjacent};
    if (inner > F(WIDTH)) {
        ptrdiff_t full = inner / t->width, rest = inner % t->width, bytes = t->width * (ptrdiff_t)sizeof(T);
        for (ptrdiff_t o = 0; o < n; o++) {
            TYPE(backward_rows_at) run = {
                at.g + o * at.g_step, at.s + o * at.s_step, at.out + o * at.out_step, bytes, bytes, bytes};
            rows(c, full, t->width, run);
            run.g += full * bytes;
            run.s += full * bytes;
            run.out += full * bytes;
            rows(c, 1, rest, run);
        }
    } else {
        ptrdiff_t full = n / p->adjacent, rest = n % p->adjacent;
        rows(c, full, t->width, at);
        at.g += full * at.g_step;
        at.s += full * at.s_step;
        at.out += full * at.out_step;
        if (rest) rows(c, 1, rest * (ptrdiff_t)p->shape.units, at);
    }
}

static void F(units_backward)(TYPE(backward_rows_fn) *const *variants, const rf_units_backward_args *a)
{
    const rf_grad_counts *counts = &a->counts;
    int want_counts = counts->nonzero || counts->nonfinite;
    TYPE(backward_rows_fn) *rows = variants[want_counts];
    ptrdiff_t row_bytes = (ptrdiff_t)(a->shape.units * a->shape.inner * sizeof(T));
    TYPE(plan) p = F(make_plan)(a->shape, a->grad_output_step == row_bytes && a->source_step == row_bytes &&
                                              a->grad_input_step == row_bytes);
    TYPE(positions) acc;
    T bias[F(WIDTH)], param[F(WIDTH)];
    ptrdiff_t outer = (ptrdiff_t)a->shape.outer, units = (ptrdiff_t)a->shape.units;
    TYPE(backward_context) c = {bias, param, &acc};
    if (!a->bias) F(constant)(bias, F(NO_BIAS));
    if (a->param && !a->param_per_unit) F(constant)(param, *(const T *)a->param);
    for (ptrdiff_t first = 0; first < outer; first += p.chunk) {
        ptrdiff_t last = outer - first < p.chunk ? outer : first + p.chunk;
        for (ptrdiff_t unit = 0; unit < units;) {
            TYPE(tile) t = F(make_tile)(&p, unit);
            if (a->bias) c.bias = F(spread)(bias, &t, a->bias);
            if (a->param && a->param_per_unit) c.param = F(spread)(param, &t, a->param);
            memset(acc.sum, 0, (size_t)t.width * sizeof(double));
            if (want_counts) {
                memset(acc.active, 0, (size_t)t.width * sizeof(COUNT));
                memset(acc.nonfinite, 0, (size_t)t.width * sizeof(COUNT));
            }
            F(backward_chunk)(rows, &c, &p, &t, a, first, last);
            if (a->bias_grad) F(fold_sums)(a->bias_grad, &t, acc.sum);
            if (counts->nonzero) F(fold_counts)(counts->nonzero, &t, acc.active);
            if (counts->nonfinite) F(fold_counts)(counts->nonfinite, &t, acc.nonfinite);
            unit += t.n_units;
        }
    }
}
