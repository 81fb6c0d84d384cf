/* Elementwise loops for type T. `args` are the data (x; or grad_output and x or y), then the parameters, then
 * the outputs.
 *
 * A loop wants its data contiguous and its parameters constant (step 0) or contiguous, too. Anything else
 * goes through F(gathered): blocks are copied into contiguous scratch, so that every stride gets vector code.
 * RF_INDEPENDENT: outputs are inputs or apart from them (or behind: a vector is loaded before it is stored),
 * so no store feeds a later load. */

enum {
    F(BLOCK) = 256,
    F(MAX_ARGS) = 5,
    F(LINES) = 256 / sizeof(T), /* elements that are streamed at once: four cache lines */
    F(AHEAD) = RF_AHEAD / sizeof(T),
};

static RF_INLINE int F(contiguous)(const ptrdiff_t *steps, int from, int to)
{
    int yes = 1;
    for (int i = from; i < to; i++) yes &= steps[i] == sizeof(T);
    return yes;
}

static RF_INLINE int F(constant)(const ptrdiff_t *steps, int from, int to)
{
    int yes = 1;
    for (int i = from; i < to; i++) yes &= steps[i] == 0;
    return yes;
}

static void F(copy_strided)(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, sizeof(T));
}

/* noinline: one copy serves every row */
static __attribute__((noinline)) void F(gathered)(rf_loop *loop, int n_in, int n_out, char *const *args,
                                                  ptrdiff_t n, const ptrdiff_t *steps)
{
    T scratch[F(MAX_ARGS)][F(BLOCK)];
    char *block[F(MAX_ARGS)];
    ptrdiff_t unit[F(MAX_ARGS)];
    int n_args = n_in + n_out;
    for (int a = 0; a < n_args; a++) unit[a] = sizeof(T);
    for (ptrdiff_t start = 0; start < n; start += F(BLOCK)) {
        ptrdiff_t m = n - start < F(BLOCK) ? n - start : F(BLOCK);
        for (int a = 0; a < n_args; a++) {
            char *here = args[a] + start * steps[a];
            int direct = steps[a] == sizeof(T);
            block[a] = direct ? here : (char *)scratch[a];
            if (!direct && a < n_in) F(copy_strided)(block[a], sizeof(T), here, steps[a], m);
        }
        loop(block, m, unit);
        for (int a = n_in; a < n_args; a++)
            if (steps[a] != sizeof(T))
                F(copy_strided)(args[a] + start * steps[a], steps[a], block[a], sizeof(T), m);
    }
}

/* ufunc.reduce and ufunc.accumulate: each result is the first input of the next step. */
static RF_INLINE int F(feeds_itself)(char *const *args, const ptrdiff_t *steps)
{
    return steps[2] == steps[0] && args[2] == args[0] + steps[0];
}

/* y = f(g, x, p, q); with one data input there is no g, and parameters that f does not have are not read. */
static RF_INLINE void F(map)(rf_loop *self, T (*f)(T, T, T, T), int n_data, int n_params, char *const *args,
                             ptrdiff_t n, const ptrdiff_t *steps)
{
    const int n_in = n_data + n_params;
    const T *g = (const T *)args[0], *x = (const T *)args[n_data - 1];
    const T *p = (const T *)args[n_data], *q = (const T *)args[n_data + (n_params > 1)];
    T *y = (T *)args[n_in];
    const int data_contiguous = F(contiguous)(steps, 0, n_data) & F(contiguous)(steps, n_in, n_in + 1);
    if (n_in == 2 && F(feeds_itself)(args, steps)) {
        for (ptrdiff_t i = 0; i < n; i++) {
            const T a = *(const T *)(args[0] + i * steps[0]), b = *(const T *)(args[1] + i * steps[1]);
            *(T *)(args[2] + i * steps[2]) = n_data > 1 ? f(a, b, 0, 0) : f(0, a, b, 0);
            __asm__ volatile("" ::: "memory"); /* one after the other: not worth a vector loop that gathers */
        }
    } else if (data_contiguous && F(constant)(steps, n_data, n_in)) {
        const T p0 = n_params ? *p : 0, q0 = n_params > 1 ? *q : 0;
        if (n_params == 1 && p0 == 1) { /* what most alphas and betas are: their products vanish */
            RF_INDEPENDENT
            for (ptrdiff_t i = 0; i < n; i++) y[i] = f(n_data > 1 ? g[i] : 0, x[i], 1, 0);
            return;
        }
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) y[i] = f(n_data > 1 ? g[i] : 0, x[i], p0, q0);
    } else if (n_params && data_contiguous && F(contiguous)(steps, n_data, n_in)) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++)
            y[i] = f(n_data > 1 ? g[i] : 0, x[i], p[i], n_params > 1 ? q[i] : 0);
    } else {
        F(gathered)(self, n_in, 1, args, n, steps);
    }
}

/* Whole lines of it past the cache; how many elements were done. */
static RF_INLINE ptrdiff_t F(stream_lines)(T (*f)(T, T, T, T), int n_data, const T *g, const T *x, T p, T q,
                                           T *y, ptrdiff_t n, ptrdiff_t ahead)
{
    T line[F(LINES)] __attribute__((aligned(64)));
    ptrdiff_t i = 0;
    for (; i + F(LINES) <= n; i += F(LINES)) {
        rf_prefetch((const char *)(x + i) + ahead);
        if (n_data > 1) rf_prefetch(g + i + F(AHEAD));
        RF_INDEPENDENT
        for (ptrdiff_t j = 0; j < F(LINES); j++) line[j] = f(n_data > 1 ? g[i + j] : 0, x[i + j], p, q);
        rf_stream(y + i, line);
    }
    return i;
}

/* The same past the cache, for contiguous data, constant parameters and an output aligned to a cache line
 * that no input overlaps. The results of a few lines wait in `line`, which stays in L1 or registers: small
 * enough that loads of the next lines overlap with the stores of these. */
static RF_INLINE void F(map_streaming)(rf_loop *loop, T (*f)(T, T, T, T), int n_data, int n_params,
                                       char *const *args, ptrdiff_t n, const ptrdiff_t *steps,
                                       ptrdiff_t ahead)
{
    const int n_in = n_data + n_params;
    const T *g = (const T *)args[0], *x = (const T *)args[n_data - 1];
    const T p = n_params ? *(const T *)args[n_data] : 0, q = n_params > 1 ? *(const T *)args[n_data + 1] : 0;
    T *y = (T *)args[n_in];
    const ptrdiff_t done = n_params == 1 && p == 1 ? F(stream_lines)(f, n_data, g, x, 1, 0, y, n, ahead)
                                                   : F(stream_lines)(f, n_data, g, x, p, q, y, n, ahead);
    char *rest[F(MAX_ARGS)];
    for (int a = 0; a <= n_in; a++) rest[a] = args[a] + done * steps[a];
    loop(rest, n - done, steps);
}

/* The backward pass of a learned parameter: grad_input and, elementwise, the parameter's gradient. */
static RF_INLINE void F(map_weight)(rf_loop *self, T (*f)(T, T, T, T), T (*f_weight)(T, T), char *const *args,
                                    ptrdiff_t n, const ptrdiff_t *steps)
{
    const T *g = (const T *)args[0], *x = (const T *)args[1], *w = (const T *)args[2];
    T *gx = (T *)args[3], *gw = (T *)args[4];
    const int data_contiguous = F(contiguous)(steps, 0, 2) & F(contiguous)(steps, 3, 5);
    if (data_contiguous && F(constant)(steps, 2, 3)) {
        const T w0 = *w;
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) {
            T gi = g[i], xi = x[i];
            gx[i] = f(gi, xi, w0, 0);
            gw[i] = f_weight(gi, xi);
        }
    } else if (data_contiguous && F(contiguous)(steps, 2, 3)) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) {
            T gi = g[i], xi = x[i], wi = w[i];
            gx[i] = f(gi, xi, wi, 0);
            gw[i] = f_weight(gi, xi);
        }
    } else {
        F(gathered)(self, 3, 2, args, n, steps);
    }
}

static RF_INLINE void F(map_weight_streaming)(rf_loop *loop, T (*f)(T, T, T, T), T (*f_weight)(T, T),
                                              char *const *args, ptrdiff_t n, const ptrdiff_t *steps,
                                              ptrdiff_t ahead)
{
    const T *g = (const T *)args[0], *x = (const T *)args[1], w0 = *(const T *)args[2];
    T *gx = (T *)args[3], *gw = (T *)args[4];
    T line[F(LINES)] __attribute__((aligned(64))), line_w[F(LINES)] __attribute__((aligned(64)));
    ptrdiff_t i = 0;
    for (; i + F(LINES) <= n; i += F(LINES)) {
        rf_prefetch((const char *)(x + i) + ahead);
        rf_prefetch(g + i + F(AHEAD));
        RF_INDEPENDENT
        for (ptrdiff_t j = 0; j < F(LINES); j++) {
            T gj = g[i + j], xj = x[i + j];
            line[j] = f(gj, xj, w0, 0);
            line_w[j] = f_weight(gj, xj);
        }
        rf_stream(gx + i, line);
        rf_stream(gw + i, line_w);
    }
    char *rest[F(MAX_ARGS)];
    for (int a = 0; a < 5; a++) rest[a] = args[a] + i * steps[a];
    loop(rest, n - i, steps);
}
