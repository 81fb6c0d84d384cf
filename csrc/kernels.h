/* What one compilation of kernels.c offers, and what dispatch.c picks from. */
#ifndef RF_KERNELS_H
#define RF_KERNELS_H

#include "relu_fast.h"

enum {
#define RF_ROW(name, ...) RF_##name,
#define RF_FROM_Y(...)
#include "activations.h"
    RF_N_ACTIVATIONS
};

/* Sizes from which work is cut up, shared and streamed are divided by this: the fuzzer gets there with small
 * arrays. */
#ifndef RF_SHRINK
#define RF_SHRINK 1
#endif

/* Of a row: bound by memory wherever it is; by arithmetic while data are in cache; by arithmetic always; the
 * same, but its code so long that fewer vectors at once must do where they need many registers. */
typedef enum { RF_CHEAP, RF_MEDIUM, RF_COSTLY, RF_LONG } rf_cost;

/* Elementwise: data, parameters, outputs, contiguous and in whole vectors or groups of them; `constant`:
 * parameters are one number each.
 *
 * `ahead` is 0, or asks that the outputs go past the cache; then outputs are aligned to a cache line and
 * apart from the inputs, and parameters constant. It says how many bytes past the last data input that is
 * which is needed next; or it is an order (below), where that is what follows in memory. */
typedef void rf_loop(char *const *args, ptrdiff_t n, int constant, ptrdiff_t ahead);

/* From x; from (grad_output, x); from (grad_output, y). */
typedef enum { RF_FORWARD, RF_BACKWARD, RF_BACKWARD_Y, RF_N_DIRECTIONS } rf_direction;

/* Of a loop: how many of its arrays are data, inputs (data and parameters), outputs; its rf_cost, which tells
 * how many vectors it takes at once. */
typedef struct {
    uint8_t n_data, n_in, n_out, cost;
} rf_arity;
rf_arity rf_arity_of(rf_activation activation, rf_direction direction);

/* A loop for any `n` and any `steps`, in bytes; with `ahead` arrays are as it says. */
typedef void rf_call(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n, const ptrdiff_t *steps,
                     ptrdiff_t ahead);

/* For any `n`, of arrays in order: contiguous but for constant parameters. */
typedef void rf_call_in_order(rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n, int constant,
                              ptrdiff_t ahead);

/* Where inputs are read one after the other. Without prefetching streams take up to three times as long; with
 * a page, whose addresses end in the same bits as the stores', a plain copy took a third longer on Zen 4. */
enum { RF_AHEAD = 3072 };
/* Where the processor's own prefetchers see to what is further away. */
enum { RF_AHEAD_LITTLE = 192 };

/* What is computed in registers and then streamed; pages side by side. */
enum { RF_PIECE_BYTES = 128, RF_PAGE_BYTES = RF_SHRINK == 1 ? 4096 : 1024, RF_PAGES = 8 };
enum { RF_SHEET_BYTES = RF_PAGES * RF_PAGE_BYTES };

/* Orders of large arrays, as distances that are not between numbers: pages side by side, where the next sheet
 * is what is needed next; or one element after the other. Which of them is the faster one here. */
enum { RF_SIDE_BY_SIDE = RF_SHEET_BYTES + 1, RF_IN_ORDER = RF_AHEAD_LITTLE + 1 };
ptrdiff_t rf_faster_order(void);

/* Processors differ in what their memory is fast at; tests assume one after the other (-1: what it is). */
int rf_is_intel(void);
void rf_assume_intel(int yes);

/* 1, but who compiles a kernel is not to know it (scalar_math.h). */
extern const float rf_one_f32 __attribute__((visibility("hidden")));
extern const double rf_one_f64 __attribute__((visibility("hidden")));

/* The types that kernels compute in. */
#define RF_N_COMPUTED 2

/* Conversions of a half-precision type. */
typedef struct {
    void (*widen)(float *to, const uint16_t *from, ptrdiff_t n);
    void (*narrow)(uint16_t *to, const float *from, ptrdiff_t n);
} rf_half;

/* ---- per unit: see units.h */

/* What every position of a row has: numbers of the computing type, and accumulators. */
typedef struct {
    void *bias, *gate, *ceiling, *params[RF_MAX_PARAMS];
    void *mask_gate; /* as `gate`, where elements are counted above 0 but nothing is at most NaN */
    void *active, *nonfinite, *max, *min; /* of gradients: `active` counts those that are not 0 */
    double *sum, *weight_sum;
} rf_positions;

/* Which positions are one unit's: see units.h. */
typedef struct {
    ptrdiff_t copies, units, inner;
} rf_fold;

/* What to prefetch meanwhile: `bytes` past the input (0: nothing), all of it, or a quarter where the block is
 * streamed out later and the rest is prefetched then: memory should never be idle. `near`: into the first
 * level. `by_row`: rows are read one after the other, not four at a time. */
typedef struct {
    ptrdiff_t bytes;
    int all, near, by_row;
} rf_ahead;

/* How much a pass counts: each level includes those before. */
enum { RF_SEE_NOTHING, RF_SEE_ACTIVE, RF_SEE_MAX, RF_SEE_LEVELS };

typedef struct {
    /* With a bias or not, at a level: v = z + bias, and counts; whether an element is not finite (from
     * SEE_MAX). Rows of z are `stride` elements apart, those of v `width`. */
    int (*see[2][RF_SEE_LEVELS])(const rf_positions *at, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t width,
                                 const void *z, ptrdiff_t stride, void *v, const rf_ahead *ahead);
    /* of v, whose rows are `stride` elements apart */
    void (*see_min)(void *min, ptrdiff_t rows, ptrdiff_t width, const void *v, ptrdiff_t stride);
    /* As `see`, and relu past the cache, in one loop; NULL where relu alone does. Rows of y are `y_stride`
     * elements apart. Asks for whole RF_PIECE_BYTES of each row. */
    int (*relu[2][RF_SEE_LEVELS])(const rf_positions *at, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t width,
                                  const void *z, ptrdiff_t stride, void *y, ptrdiff_t y_stride,
                                  ptrdiff_t ahead);
    void (*count_nonfinite)(void *counts, ptrdiff_t rows, ptrdiff_t width, const void *v);
    void (*add_sizes)(double *sum, ptrdiff_t rows, ptrdiff_t width, const void *y);
    /* meanwhile fetches what is needed next, of one input or of two, all of it or a quarter; NULL: nothing */
    void (*add_up)(double *sum, ptrdiff_t rows, ptrdiff_t width, const void *g, const void *next,
                   const void *next_too, int all);
    int (*count_nonzero)(void *counts, ptrdiff_t rows, ptrdiff_t width, const void *g);
    /* by rf_mask */
    void (*pack[3])(uint64_t *words, const void *v, ptrdiff_t n, const void *gate, const void *ceiling,
                    ptrdiff_t step);
    void (*select[3])(void *to, const uint8_t *mask, int bit, const void *g, ptrdiff_t n, const void *slope,
                      ptrdiff_t step, ptrdiff_t ahead);
    void (*fill)(void *to, double value, ptrdiff_t n);
    void (*spread)(void *to, const void *per_unit, const rf_fold *fold);
    void (*fold_counts)(int64_t *to, void *counts, const rf_fold *fold);
    void (*fold_max)(double *to, void *extremes, const rf_fold *fold);
    void (*fold_min)(double *to, void *extremes, const rf_fold *fold);
} rf_unit_loops;

typedef struct {
    /* NULL: the row has no such direction */
    rf_loop *loops[RF_N_ACTIVATIONS][RF_N_COMPUTED][RF_N_DIRECTIONS];
    rf_call *call[RF_N_COMPUTED];
    rf_call_in_order *call_in_order[RF_N_COMPUTED];
    rf_half halves[RF_N_DTYPES - RF_N_COMPUTED];
    /* float's loop over arrays of halves; with `stream` contiguous outputs go past the cache */
    void (*call_halves)(const rf_half *half, rf_loop *loop, rf_arity arity, char *const *args, ptrdiff_t n,
                        const ptrdiff_t *steps, int stream);
    void (*fence)(void);
    rf_loop *copy, *add; /* of floats, for rf_move */
    /* to = from, whole lines of `to` past the cache. Meanwhile what comes next is fetched; NULL: nothing. */
    void (*stream_out)(void *to, const void *from, ptrdiff_t bytes, const void *next, const void *next_too);
    const rf_unit_loops *units[RF_N_COMPUTED];
} rf_kernels;

/* The kernels in use. */
const rf_kernels *rf_active_kernels(void);

/* One elementwise loop under a default floating-point environment, by as many threads as the work is worth.
 */
void rf_run(rf_activation activation, rf_direction direction, rf_dtype dtype, char *const *args, ptrdiff_t n,
            const ptrdiff_t *steps);

/* to = a, or a + b where there is a b, past the cache and by as many threads: what memory allows at best.
 * `to` is aligned to 64 bytes. */
void rf_move(float *to, const float *a, const float *b, ptrdiff_t n);

/* The per-unit passes; arguments were validated. */
rf_status rf_run_units_forward(const rf_units_forward_args *args);
rf_status rf_run_units_backward(const rf_units_backward_args *args);

/* Sums in float64 to float32 or halves, under the same environment: an overflow raises no flag. */
void rf_narrow(rf_dtype dtype, const double *from, void *to, size_t n);

#endif
