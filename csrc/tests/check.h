/* What the tests share: counting, numbers of either type, memory with canaries, samples. */
#ifndef RF_CHECK_H
#define RF_CHECK_H

#include "relu_fast.h"

/* Counts one statement of a test; a false one is printed with what the format says. Returns `ok`. */
__attribute__((format(printf, 2, 3))) int check(int ok, const char *format, ...);
/* A result that is worth seeing; printed under -v. */
__attribute__((format(printf, 1, 2))) void note(const char *format, ...);

/* ---- what tests loop over */

#define LENGTH_OF(array) (sizeof(array) / sizeof *(array))
#define FOR_EACH_ROW(row) for (rf_activation row = 0; rf_info(row); row++)
#define FOR_EACH_DTYPE(dtype) for (rf_dtype dtype = RF_FLOAT32; dtype <= RF_FLOAT64; dtype++)
/* Each available instruction set in turn, in use while the body runs. */
#define FOR_EACH_ISA(isa) for (const char *isa = first_isa(); isa; isa = isa_after(isa))
const char *first_isa(void);
const char *isa_after(const char *isa);
/* Instruction sets with a fused multiply-add give the same bits. */
int has_fma(const char *isa);

/* ---- numbers of either type */

const char *dtype_name(rf_dtype dtype);
size_t dtype_size(rf_dtype dtype);
long double get(rf_dtype dtype, const void *numbers, size_t i);
void put(rf_dtype dtype, void *numbers, size_t i, long double value);
long double rounded(rf_dtype dtype, long double value);
/* Index of the first two that differ as integers, all NaNs being one; n if there are none. */
size_t first_difference(rf_dtype dtype, const void *a, const void *b, size_t n);
/* Distance from the exact result in ULP of the exact result, subnormals included. Infinity counts as the
 * first number past the largest; 0 where both are NaN. */
long double ulp_error(rf_dtype dtype, long double got, long double exact);

/* ---- memory */

/* n elements at `offset` elements past a multiple of 64 bytes, between canaries. Freed by free_buffer. */
typedef struct {
    char *data, *memory;
    size_t bytes, all;
} buffer;
buffer make_buffer(rf_dtype dtype, size_t n, size_t offset);
int canaries_alive(const buffer *b);
void free_buffer(buffer *b);

/* ---- samples, the same in every run */

/* Numbers of all kinds: every third is special (zeros, infinities, NaN, limits, bends), the others of all
 * magnitudes and evenly spread over where activations bend and vanish. */
void sample_inputs(rf_dtype dtype, void *x, size_t n);
/* Finite gradients of both signs over 60 binades, some of them 0. */
void sample_gradients(rf_dtype dtype, void *g, size_t n);

/* Before any group: tests of the pool compare with it. */
void count_threads_at_first(void);

/* ---- the groups, in the order of main.c */

void test_isa_cap(void);
void test_thread_environment(void);
void test_accuracy(void);
void test_elementwise(void);
void test_environment(void);
void test_units(void);
void test_large_units(void);
void test_statuses(void);
void test_threads(void);
void test_forks(void);
void test_xla(void);
void test_callers(void);

#endif
