/* Elementwise loops for type T. `args` are the data (x; or grad_output and x or y), then the parameters, then
 * the outputs.
 *
 * A loop wants whole vectors (a costly row whole groups of them), its data contiguous and its parameters
 * constant or contiguous, too. Calls go through F(call), which copies what is not so into scratch that is:
 * every stride gets vector code, and no row has its mathematics once more for single elements.
 * RF_INDEPENDENT: outputs are inputs or apart from them (or behind: a vector is loaded before it is stored),
 * so no store feeds a later load. */

enum {
    F(BLOCK) = 256,
    F(MAX_ARGS) = 5,
    F(VECTOR) = RF_VECTOR_BYTES / sizeof(T),
    F(GROUPED) = GROUP * F(VECTOR), /* at once, at most */
    F(LINES) = 256 / sizeof(T),     /* elements that are fetched or streamed at once where that is many */
    F(PIECE) = RF_PIECE_BYTES / sizeof(T),
    F(LINE) = 64 / sizeof(T),
    F(PAGE) = RF_PAGE_BYTES / sizeof(T),
    F(SHEET) = RF_SHEET_BYTES / sizeof(T),
};

/* Elements at once, by cost. */
static const ptrdiff_t F(at_once)[] = {
    [RF_CHEAP] = F(VECTOR),
    [RF_MEDIUM] = (GROUP < RF_GROUP_MEDIUM ? GROUP : RF_GROUP_MEDIUM) * F(VECTOR),
    [RF_COSTLY] = F(GROUPED),
    [RF_LONG] = GROUP_LONG * F(VECTOR),
};

/* Pages side by side: where the i-th elements are, `size` at once. What is cheap walks them in a loop of its
 * own; around elu and its like that takes up to a twentieth longer. */
static RF_INLINE ptrdiff_t F(side_by_side)(ptrdiff_t i, ptrdiff_t size)
{
    const ptrdiff_t k = i & (F(SHEET) - 1);
    return i - k + k / size % RF_PAGES * F(PAGE) + k / (size * RF_PAGES) * size;
}

static void F(copy_strided)(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, sizeof(T));
}

/* ufunc.reduce and ufunc.accumulate: each result is the first input of the next step. */
static RF_INLINE int F(feeds_itself)(rf_arity arity, char *const *args, ptrdiff_t n, const ptrdiff_t *steps)
{
    return arity.n_in == 2 && n > 1 && steps[2] == steps[0] && args[2] == args[0] + steps[0];
}

/* What whole vectors leave is computed first, for it may be in place: of the last vector that there is, or of
 * what is copied into one. The same of groups, where the loop takes them. */
static void F(call_with_rest)(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n, int constant,
                              ptrdiff_t ahead)
{
    T line[F(MAX_ARGS)][F(GROUPED)] __attribute__((aligned(64)));
    char *rest[F(MAX_ARGS)];
    const ptrdiff_t size = F(at_once)[arity.cost], whole = n & -size, left = n - whole;
    for (int a = 0; a < arity.n_in + arity.n_out; a++) {
        rest[a] = (char *)line[a];
        if (constant && a >= arity.n_data && a < arity.n_in) {
            rest[a] = args[a];
        } else if (a < arity.n_in && whole) {
            rest[a] = args[a] + (n - size) * (ptrdiff_t)sizeof(T);
        } else if (a < arity.n_in) {
            memset(line[a], 0, (size_t)size * sizeof(T));
            memcpy(line[a], args[a], (size_t)left * sizeof(T));
        }
    }
    loop(rest, size, constant, 0);
    if (whole) loop(args, whole, constant, ahead);
    for (int a = arity.n_in; a < arity.n_in + arity.n_out; a++)
        memcpy((T *)args[a] + whole, line[a] + (whole ? size - left : 0), (size_t)left * sizeof(T));
}

static void F(call_in_order)(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n, int constant,
                             ptrdiff_t ahead)
{
    /* with the baseline alone side by side is not worth the code */
    if (ahead == RF_SIDE_BY_SIDE && (RF_SMALL || n < F(SHEET))) ahead = RF_AHEAD;
    if (n & (F(at_once)[arity.cost] - 1))
        F(call_with_rest)(loop, arity, args, n, constant, ahead);
    else
        loop(args, n, constant, ahead);
}

/* Blocks are copied, which feed themselves element by element. */
static void F(call_gathered)(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n,
                             const ptrdiff_t *steps)
{
    T scratch[F(MAX_ARGS)][F(BLOCK)];
    char *block[F(MAX_ARGS)];
    const int n_args = arity.n_in + arity.n_out;
    const ptrdiff_t most = F(feeds_itself)(arity, args, n, steps) ? 1 : F(BLOCK);
    for (ptrdiff_t start = 0; start < n; start += most) {
        ptrdiff_t m = n - start < most ? n - start : most;
        for (int a = 0; a < n_args; a++) {
            char *here = args[a] + start * steps[a];
            int direct = steps[a] == sizeof(T);
            block[a] = direct ? here : (char *)scratch[a];
            if (!direct && a < arity.n_in) F(copy_strided)(block[a], sizeof(T), here, steps[a], m);
        }
        F(call_in_order)(loop, arity, block, m, 0, 0);
        for (int a = arity.n_in; a < n_args; a++)
            if (steps[a] != sizeof(T))
                F(copy_strided)(args[a] + start * steps[a], steps[a], block[a], sizeof(T), m);
    }
}

/* Of data, parameters and outputs there are two at most: the first and the last. */
static void F(call)(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n, const ptrdiff_t *steps,
                    ptrdiff_t ahead)
{
    const ptrdiff_t *data = steps, *params = steps + arity.n_data, *outputs = steps + arity.n_in;
    const ptrdiff_t unit = sizeof(T), p = params[0], q = outputs[-1];
    const int constant = (arity.n_in == arity.n_data) | ((p == 0) & (q == 0));
    if (((data[0] == unit) & (params[-1] == unit) & (outputs[0] == unit) &
         (outputs[arity.n_out - 1] == unit) & (constant | ((p == unit) & (q == unit)))) &&
        !F(feeds_itself)(arity, args, n, steps))
        F(call_in_order)(loop, arity, args, n, constant, ahead);
    else
        F(call_gathered)(loop, arity, args, n, steps);
}

/* y = f(g, x, p, q), and beside it w = f_weight(g, x), the gradient of a learned parameter, unless that is
 * NULL. With one data input there is no g; parameters that f does not have are not read. `like` is the loop
 * of the row that this one is where p is `like_at`, or NULL; it has p, too, or neither p nor g. */
typedef struct {
    T (*f)(T, T, T, T);
    T (*f_weight)(T, T);
    rf_loop *like;
    T like_at;
    int like_has_p, n_data, n_params;
    rf_cost cost;
} TYPE(row);

/* The arrays of a call; p0 and q0 are the parameters where they are constant. */
typedef struct {
    const T *g, *x, *p, *q;
    T *y, *w;
    T p0, q0;
} TYPE(arrays);

static RF_INLINE TYPE(arrays) F(arrays_of)(const TYPE(row) row, char *const *args)
{
    const int n_in = row.n_data + row.n_params;
    TYPE(arrays) a = {
        .g = (const T *)args[0],
        .x = (const T *)args[row.n_data - 1],
        .p = (const T *)args[row.n_data],
        .q = (const T *)args[row.n_data + (row.n_params > 1)],
        .y = (T *)args[n_in],
        .w = (T *)args[n_in + (row.f_weight != NULL)],
    };
    if (row.n_params) a.p0 = *a.p;
    if (row.n_params > 1) a.q0 = *a.q;
    return a;
}

static RF_INLINE T F(first_input)(const TYPE(row) row, const TYPE(arrays) a, ptrdiff_t i)
{
    return row.n_data > 1 ? a.g[i] : 0;
}

static RF_INLINE void F(map_one)(const TYPE(row) row, const TYPE(arrays) a, ptrdiff_t i, int constant)
{
    const T g = F(first_input)(row, a, i), x = a.x[i];
    a.y[i] = constant ? row.f(g, x, a.p0, a.q0) : row.f(g, x, a.p[i], row.n_params > 1 ? a.q[i] : 0);
    if (row.f_weight) a.w[i] = row.f_weight(g, x);
}

/* Whole lines past the cache, from registers. */
static RF_INLINE void F(map_lines)(const TYPE(row) row, const TYPE(arrays) a, ptrdiff_t at, int bytes)
{
    T lines[F(PIECE)] __attribute__((aligned(64))), lines_w[F(PIECE)] __attribute__((aligned(64)));
    RF_IN_GROUP
    for (ptrdiff_t j = 0; j < bytes / (ptrdiff_t)sizeof(T); j++) {
        const T g = F(first_input)(row, a, at + j), x = a.x[at + j];
        lines[j] = row.f(g, x, a.p0, a.q0);
        if (row.f_weight) lines_w[j] = row.f_weight(g, x);
    }
    rf_stream_lines(a.y + at, lines, bytes);
    if (row.f_weight) rf_stream_lines(a.w + at, lines_w, bytes);
}

/* Whole vectors. A few operations: into memory at once, or past the cache, then some lines at a time. */
static RF_INLINE void F(map_cheap)(const TYPE(row) row, const TYPE(arrays) a, ptrdiff_t n, int constant,
                                   ptrdiff_t ahead)
{
    const ptrdiff_t sheets = !RF_SMALL && ahead == RF_SIDE_BY_SIDE ? n & -(ptrdiff_t)F(SHEET) : 0;
    const ptrdiff_t pieces = !ahead ? 0 : row.n_data > 1 ? sheets : n & -(ptrdiff_t)F(PIECE);
    ptrdiff_t i = 0;
    for (ptrdiff_t next; i < pieces; i = next) {
        /* a piece of each page of a sheet, side by side, or all that is left */
        const int turned = i < sheets;
        const ptrdiff_t k = i & (F(SHEET) - 1), first = turned ? i - k + k / RF_PAGES : i;
        const ptrdiff_t step = turned ? F(PAGE) : F(PIECE), end = turned ? i - k + F(SHEET) : pieces;
        next = turned ? i + RF_PAGES * F(PIECE) : pieces;
        for (ptrdiff_t at = first; at < end; at += step) {
            /* side by side the processor sees to one of two inputs by itself: asking for both takes up to a
             * tenth longer */
            rf_prefetch_lines((const char *)(a.x + at) + ahead, RF_PIECE_BYTES);
            F(map_lines)(row, a, at, RF_PIECE_BYTES);
        }
    }
    /* in order two are faster line by line: 0.95 of the time on Zen 5 */
    const ptrdiff_t ahead_too = ahead == RF_IN_ORDER ? ahead : RF_AHEAD;
    for (; row.n_data > 1 && ahead && i + F(LINE) <= n; i += F(LINE)) {
        __builtin_prefetch((const char *)(a.x + i) + ahead, 0, 2);
        __builtin_prefetch((const char *)(a.g + i) + ahead_too, 0, 2);
        F(map_lines)(row, a, i, 64);
    }
    if (constant) {
        RF_BY_TWO
        for (ptrdiff_t k = i; k < n; k++) F(map_one)(row, a, k, 1);
    } else {
        RF_INDEPENDENT
        for (ptrdiff_t k = i; k < n; k++) F(map_one)(row, a, k, 0);
    }
}

/* Many operations: a vector's wait for each other, so those of a group of vectors take turns. They are in
 * registers until they are stored, in whichever way, so that there is one copy of the mathematics. A
 * parameter is `known`, or read from memory vector by vector, one that is constant over and over. */
static RF_INLINE void F(map_costly)(const TYPE(row) row, const TYPE(arrays) a, ptrdiff_t n, int constant,
                                    int known, ptrdiff_t ahead)
{
    T line[F(GROUPED)] __attribute__((aligned(64))), same[F(VECTOR)] __attribute__((aligned(64)));
    for (ptrdiff_t j = 0; j < F(VECTOR); j++) same[j] = a.p0;
    const ptrdiff_t size = known ? F(at_once)[row.cost] : F(VECTOR), step = constant ? 0 : size;
    /* the shorter vectors are, the longer takes arithmetic, and the more it costs to find the place */
    const int paged = !RF_SMALL && row.cost == RF_MEDIUM && 32 * row.n_data <= RF_VECTOR_BYTES;
    const ptrdiff_t sheets = paged && ahead == RF_SIDE_BY_SIDE ? n & -(ptrdiff_t)F(SHEET) : 0;
    const T *p = constant ? same : a.p;
    const int in_order = ahead == RF_IN_ORDER, two = row.n_data > 1;
    if (!sheets && ahead == RF_SIDE_BY_SIDE) ahead = RF_AHEAD;
    /* In order, of 128 MiB on Zen 5: a page ahead gelu, elu and softsign take 0.9 to 0.95 of the time.
     * Between much arithmetic two inputs are better left to the processor itself: gelu' takes 0.96. */
    if (in_order && !two) ahead = RF_PAGE_BYTES;
    const int fetch = ahead != 0 && !(in_order && two && row.cost >= RF_COSTLY);
    const ptrdiff_t ahead_too = sheets || in_order ? ahead : RF_AHEAD;
    for (ptrdiff_t begin = 0, run; begin < n; begin += run) {
        const ptrdiff_t first = begin < sheets ? F(side_by_side)(begin, F(LINES)) : begin;
        run = begin < sheets ? F(LINES) : n - begin;
        for (ptrdiff_t i = first; i < first + run; i += size, p += step) {
            if (__builtin_expect(fetch, 0)) {
                RF_UNROLLED
                for (ptrdiff_t j = 0; j < size; j += F(VECTOR)) {
                    __builtin_prefetch((const char *)(a.x + i + j) + ahead, 0, 2);
                    if (two) __builtin_prefetch((const char *)(a.g + i + j) + ahead_too, 0, 2);
                }
            }
            if (known) {
                RF_IN_GROUP
                for (ptrdiff_t j = 0; j < size; j++)
                    line[j] = row.f(F(first_input)(row, a, i + j), a.x[i + j], a.p0, 0);
            } else {
                RF_INDEPENDENT
                for (ptrdiff_t j = 0; j < size; j++)
                    line[j] = row.f(F(first_input)(row, a, i + j), a.x[i + j], p[j], 0);
            }
            /* one condition for all: else each vector's operations would move behind its own */
            if (__builtin_expect(ahead != 0, 0)) {
                RF_UNROLLED
                for (ptrdiff_t j = 0; j < size; j += F(VECTOR)) rf_put(a.y + i + j, rf_take(line + j), 1);
            } else {
                RF_UNROLLED
                for (ptrdiff_t j = 0; j < size; j += F(VECTOR)) rf_put(a.y + i + j, rf_take(line + j), 0);
            }
        }
    }
}

static RF_INLINE void F(map)(const TYPE(row) row, char *const *args, ptrdiff_t n, int constant,
                             ptrdiff_t ahead)
{
    TYPE(arrays) a = F(arrays_of)(row, args);
    n &= -F(at_once)[row.cost];                        /* so it is; the compiler knows, too */
    if (row.like && constant && a.p0 == row.like_at) { /* to ask in the loop takes 1.05 of the time */
        if (row.like_has_p)
            row.like(args, n, 1, ahead);
        else
            row.like((char *const[]){args[0], args[row.n_data + 1]}, n, 1, ahead);
    } else if (row.cost == RF_CHEAP && (row.n_params == 0 || constant)) {
        F(map_cheap)(row, a, n, 1, ahead);
    } else if (row.cost == RF_CHEAP) {
        F(map_cheap)(row, a, n, 0, 0);
    } else if (row.n_params == 0) {
        F(map_costly)(row, a, n, 1, 1, ahead);
    } else if (RF_SMALL) {
        F(map_costly)(row, a, n, constant, 0, ahead);
    } else if (!constant) {
        F(map_costly)(row, a, n, 0, 0, ahead);
    } else if (a.p0 == 1 && !(row.like && row.like_at == 1)) {
        a.p0 = 1; /* as most alphas and betas are: to the compiler a constant, whose products vanish */
        F(map_costly)(row, a, n, 1, 1, ahead);
    } else {
        F(map_costly)(row, a, n, 1, 1, ahead); /* what depends on the parameter alone leaves the loop */
    }
}
