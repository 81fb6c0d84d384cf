/* Elementwise work: large arrays are split among threads, and large outputs go past the cache. */
#include "fp_state.h"
#include "kernels.h"
#include "threads.h"

enum {
    MAX_ARGS = 2 + RF_MAX_PARAMS + 2,
    LINE = 64,
    /* Output bytes from which streaming pays, reading the output afterwards included (measured: relu and a
     * sum of its output; below, the last-level cache would have kept it). */
    STREAM_MIN_BYTES = (16 << 20) / RF_SHRINK,
    /* Elements that are worth waking a thread for. */
    SHARE_MIN = (1 << 16) / RF_SHRINK,
    /* Parts for each thread: one that comes late, or has less of a processor, does fewer of them. */
    PARTS = 4,
};

typedef struct {
    const rf_kernels *kernels;
    rf_dtype computed;
    rf_loop *loop;
    const rf_half *half; /* NULL: the loop's own type */
    rf_arity arity;
    char *const *args;
    const ptrdiff_t *steps;
    ptrdiff_t n, head, share; /* the first part ends at head + share, the others are `share` elements */
    int streams;
} work;

static size_t size_of(rf_dtype dtype)
{
    return dtype == RF_FLOAT64 ? sizeof(double) : dtype == RF_FLOAT32 ? sizeof(float) : sizeof(uint16_t);
}

static void run_loop(const work *w, int stream, char *const *args, ptrdiff_t n)
{
    if (w->half)
        w->kernels->call_halves(w->half, w->loop, w->arity, args, n, w->steps, stream);
    else
        w->kernels->call[w->computed](w->loop, w->arity, args, n, w->steps, stream ? rf_faster_order() : 0);
}

static void run_range(const work *w, ptrdiff_t first, ptrdiff_t last)
{
    char *args[MAX_ARGS];
    int n_args = w->arity.n_in + w->arity.n_out;
    for (int a = 0; a < n_args; a++) args[a] = w->args[a] + first * w->steps[a];
    if (!w->streams) {
        run_loop(w, 0, args, last - first);
        return;
    }
    ptrdiff_t head = first ? 0 : w->head;
    if (head) {
        run_loop(w, 0, args, head);
        for (int a = 0; a < n_args; a++) args[a] += head * w->steps[a];
    }
    run_loop(w, 1, args, last - first - head);
    w->kernels->fence();
}

static void run_part(void *context, int index)
{
    const work *w = context;
    ptrdiff_t first = index ? w->head + index * w->share : 0, last = w->head + (index + 1) * w->share;
    if (first >= w->n) return; /* shares are whole blocks: many of them may be more than there is */
    rf_fp_state saved = rf_fp_enter();
    run_range(w, first, last < w->n ? last : w->n);
    rf_fp_leave(saved);
}

/* 1: the same elements; 0: memory apart; -1: anything else. */
static int relation(const work *w, int in, int out, size_t size)
{
    if (w->args[in] == w->args[out] && w->steps[in] == w->steps[out]) return 1;
    uintptr_t low[2], high[2];
    for (int i = 0; i < 2; i++) {
        int a = i ? out : in;
        ptrdiff_t reach = (w->n - 1) * w->steps[a];
        uintptr_t start = (uintptr_t)w->args[a], end = start + (uintptr_t)reach;
        low[i] = reach < 0 ? end : start;
        high[i] = (reach < 0 ? start : end) + size;
    }
    return low[0] >= high[1] || low[1] >= high[0] ? 0 : -1;
}

/* Whether parts may be computed in any order, and whether outputs may go past the cache. */
static void inspect(work *w, size_t size, int *may_split, int *may_stream)
{
    *may_split = *may_stream = 1;
    for (int a = 0; a < w->arity.n_in + w->arity.n_out; a++)
        *may_stream &=
            a >= w->arity.n_data && a < w->arity.n_in ? w->steps[a] == 0 : w->steps[a] == (ptrdiff_t)size;
    for (int out = w->arity.n_in; out < w->arity.n_in + w->arity.n_out; out++) {
        *may_split &= w->steps[out] != 0;
        *may_stream &= (uintptr_t)w->args[out] % LINE == (uintptr_t)w->args[w->arity.n_in] % LINE;
        for (int in = 0; in < w->arity.n_in; in++) {
            int how = relation(w, in, out, size);
            *may_split &= how >= 0;
            *may_stream &= how == 0;
        }
    }
}

/* In parts, by as many threads as it is worth. */
static void run_shared(work *w, int may_split)
{
    ptrdiff_t most = may_split ? w->n / SHARE_MIN : 1, threads = most > 1 ? rf_get_num_threads() : 1;
    ptrdiff_t parts = threads > 1 ? PARTS * threads : 1;
    int n_parts = (int)(parts < most ? parts : most);
    if (n_parts > 1) {
        /* whole blocks of lines, so that every part streams from its first element on */
        w->share = ((w->n - w->head + n_parts - 1) / n_parts + 1023) / 1024 * 1024;
        rf_parallel(n_parts, run_part, w);
    } else {
        run_part(w, 0);
    }
}

void rf_run(rf_activation activation, rf_direction direction, rf_dtype dtype, char *const *args, ptrdiff_t n,
            const ptrdiff_t *steps)
{
    const rf_kernels *kernels = rf_active_kernels();
    const rf_dtype computed = dtype == RF_FLOAT64 ? RF_FLOAT64 : RF_FLOAT32;
    work w = {
        .kernels = kernels,
        .computed = computed,
        .loop = kernels->loops[activation][computed][direction],
        .half = dtype < RF_N_COMPUTED ? NULL : &kernels->halves[dtype - RF_N_COMPUTED],
        .arity = rf_arity_of(activation, direction),
        .args = args,
        .steps = steps,
        .n = n,
        .share = n,
    };
    const size_t size = size_of(dtype);
    int may_split = 0, may_stream;
    if (n >= SHARE_MIN) {
        inspect(&w, size, &may_split, &may_stream);
        w.streams = may_stream && n >= (ptrdiff_t)(STREAM_MIN_BYTES / size);
        if (steps[w.arity.n_in] == (ptrdiff_t)size)
            w.head = (ptrdiff_t)((0 - (uintptr_t)args[w.arity.n_in]) % LINE / size);
    }
    run_shared(&w, may_split);
}

void rf_move(float *to, const float *a, const float *b, ptrdiff_t n)
{
    const rf_kernels *kernels = rf_active_kernels();
    char *args[] = {(char *)a, (char *)(b ? (void *)b : to), (char *)to};
    const ptrdiff_t steps[] = {sizeof(float), sizeof(float), sizeof(float)};
    work w = {
        .kernels = kernels,
        .computed = RF_FLOAT32,
        .loop = b ? kernels->add : kernels->copy,
        .arity = b ? (rf_arity){2, 2, 1, 0} : (rf_arity){1, 1, 1, 0},
        .args = args,
        .steps = steps,
        .n = n,
        .share = n,
        .streams = 1,
    };
    run_shared(&w, 1);
}
