/* Elementwise loops for type T, once per arity. Inputs come first in `args`, then outputs.
 *
 * A loop function wants its arrays contiguous and its last input, the parameter, contiguous or constant
 * (step 0). Anything else goes through F(gathered): blocks are copied into contiguous scratch, so that every
 * stride gets vector code. RF_INDEPENDENT: outputs are inputs or apart from them (or behind: a vector is
 * loaded before it is stored), so no store feeds a later load. */

enum { F(BLOCK) = 256, F(MAX_ARGS) = 5 };

static RF_INLINE int F(contiguous)(const ptrdiff_t *steps, int from, int to)
{
    int yes = 1;
    for (int i = from; i < to; i++) yes &= steps[i] == sizeof(T);
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

static RF_INLINE void F(loop_1_1)(rf_loop *self, T (*f)(T), char *const *args, ptrdiff_t n,
                                  const ptrdiff_t *steps)
{
    if (!F(contiguous)(steps, 0, 2)) {
        F(gathered)(self, 1, 1, args, n, steps);
        return;
    }
    const T *a = (const T *)args[0];
    T *y = (T *)args[1];
    RF_INDEPENDENT
    for (ptrdiff_t i = 0; i < n; i++) y[i] = f(a[i]);
}

/* ufunc.reduce and ufunc.accumulate: each result is the first input of the next step. */
static RF_INLINE int F(feeds_itself)(char *const *args, const ptrdiff_t *steps)
{
    return steps[2] == steps[0] && args[2] == args[0] + steps[0];
}

static RF_INLINE void F(loop_2_1)(rf_loop *self, T (*f)(T, T), char *const *args, ptrdiff_t n,
                                  const ptrdiff_t *steps)
{
    const T *a = (const T *)args[0], *b = (const T *)args[1];
    T *y = (T *)args[2];
    if (F(feeds_itself)(args, steps)) {
        for (ptrdiff_t i = 0; i < n; i++)
            *(T *)(args[2] + i * steps[2]) =
                f(*(const T *)(args[0] + i * steps[0]), *(const T *)(args[1] + i * steps[1]));
    } else if (F(contiguous)(steps, 0, 3)) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) y[i] = f(a[i], b[i]);
    } else if (steps[0] == sizeof(T) && steps[1] == 0 && steps[2] == sizeof(T)) {
        const T p = b[0];
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) y[i] = f(a[i], p);
    } else {
        F(gathered)(self, 2, 1, args, n, steps);
    }
}

static RF_INLINE void F(loop_3_1)(rf_loop *self, T (*f)(T, T, T), char *const *args, ptrdiff_t n,
                                  const ptrdiff_t *steps)
{
    const T *a = (const T *)args[0], *b = (const T *)args[1], *c = (const T *)args[2];
    T *y = (T *)args[3];
    if (F(contiguous)(steps, 0, 4)) {
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) y[i] = f(a[i], b[i], c[i]);
    } else if (F(contiguous)(steps, 0, 2) && steps[2] == 0 && steps[3] == sizeof(T)) {
        const T p = c[0];
        RF_INDEPENDENT
        for (ptrdiff_t i = 0; i < n; i++) y[i] = f(a[i], b[i], p);
    } else {
        F(gathered)(self, 3, 1, args, n, steps);
    }
}

/* The backward pass of a learned parameter: grad_input and, elementwise, the parameter's gradient. */
static RF_INLINE void F(loop_3_2)(rf_loop *self, T (*f)(T, T, T), T (*f_weight)(T, T), char *const *args,
                                  ptrdiff_t n, const ptrdiff_t *steps)
{
    const T *g = (const T *)args[0], *x = (const T *)args[1], *w = (const T *)args[2];
    T *gx = (T *)args[3], *gw = (T *)args[4];
    if (!F(contiguous)(steps, 0, 5)) {
        F(gathered)(self, 3, 2, args, n, steps);
        return;
    }
    RF_INDEPENDENT
    for (ptrdiff_t i = 0; i < n; i++) {
        T gi = g[i], xi = x[i], wi = w[i];
        gx[i] = f(gi, xi, wi);
        gw[i] = f_weight(gi, xi);
    }
}
