/* Calls of the public functions made from bytes, each judged by what relu_fast.h says of it: its status, what
 * it wrote and nothing else, and results that one call an element gives as well.
 *
 * Operands lie in one arena, apart, the same or partly over each other; everything around them is poisoned
 * where there is an AddressSanitizer, and compared afterwards everywhere. */
#ifndef RF_FUZZ_H
#define RF_FUZZ_H

#include "relu_fast.h"

/* ---- the input: choices, the first of each once the bytes are used up */

typedef struct {
    const uint8_t *at, *end;
} input;
size_t choose(input *in, size_t n); /* 0 to n - 1 */
int rarely(input *in);              /* once in 32 times */
#define CHOICE(in, array) ((array)[choose(in, sizeof(array) / sizeof *(array))])

/* ---- memory */

enum role { READ, ADDED_TO, OVERWRITTEN };
enum content { NUMBERS, BIAS, PARAMS, DOUBLES, COUNTS, BITS }; /* NUMBERS: an array of the shape */

/* `count` blocks of `bytes` bytes, `step` apart. Sizes that no memory has: `bytes` is 0, `at` is somewhere.
 */
typedef struct {
    char *at; /* NULL: not given */
    ptrdiff_t step;
    size_t count, bytes;
    enum role role;
    enum content content;
    int param; /* which one PARAMS are; -1: one after the other */
} operand;

enum { MOST_OPERANDS = 16, ARENA = 3 << 20 };

/* A call on its way: what it is, and its operands. */
typedef struct {
    const char *function;
    rf_activation activation;
    rf_dtype dtype;
    rf_shape shape; /* elementwise: (n, 1, 1) */
    int n_threads, n;
    operand operands[MOST_OPERANDS];
} fuzz_call;

extern char arena[ARENA], before[ARENA]; /* now, and before the call */
/* Where the same is that lies in the arena. */
static inline const char *as_before(const void *p) { return before + ((const char *)p - arena); }

void arena_clear(void);
/* Adds an operand to the call at a place that the input chooses. */
operand *place(fuzz_call *c, input *in, operand o, size_t alignment);
/* Whether the two share a byte. */
int overlap(const operand *a, const operand *b);
int misplaced(const operand *o, size_t alignment);
/* Numbers of all kinds everywhere, integers and sums small where they are added to; then poison, and a copy.
 */
void arena_ready(const fuzz_call *c, input *in);
/* The copy again, for another call of the same. */
void arena_restore(const fuzz_call *c);
void arena_copy(char *to);
/* Ends the poison; nothing but what may be written has changed, and on errors nothing. */
void arena_judge(const fuzz_call *c, rf_status status);
/* Whether what was written is the same as in `other`, a copy of the arena; `bits`: all of it, else counts and
 * masks. */
void same_as(const fuzz_call *c, const char *other, int bits);

/* ---- numbers */

size_t size_of(rf_dtype dtype); /* 1 of an unknown one */
double number_at(rf_dtype dtype, const void *numbers, size_t i);
/* The same bits, all NaNs being one. */
int same_number(rf_dtype dtype, const void *a, const void *b);
int is_close(double got, double want, double tolerance);
void fill_numbers(rf_dtype dtype, void *to, size_t bytes, input *in);
rf_activation choose_activation(input *in);
rf_dtype choose_dtype(input *in);
/* A parameter: its default or a number of any kind. */
double choose_param(rf_activation activation, int k, input *in);
void put_number(rf_dtype dtype, void *to, size_t i, double value);

/* ---- judging */

/* Prints what was called and aborts unless `ok`. */
__attribute__((format(printf, 3, 4))) void expect(int ok, const fuzz_call *c, const char *format, ...);
/* Instruction set and number of threads for the call. */
void choose_settings(fuzz_call *c, input *in);
/* Calls again under each other instruction set and with one thread; results are as the arena has them. */
void call_otherwise(const fuzz_call *c, rf_status (*call)(const void *args), const void *args);

void fuzz_elementwise(input *in);
void fuzz_units_forward(input *in);
void fuzz_units_backward(input *in);
void fuzz_lookups(input *in);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
