/* What one compilation of kernels.c offers, and what dispatch.c picks from. */
#ifndef RF_KERNELS_H
#define RF_KERNELS_H

#include "relu_fast.h"

enum {
#define RF_ROW(name, ...) RF_##name,
#include "activations.h"
#undef RF_ROW
    RF_N_ACTIVATIONS
};

/* Elementwise: inputs, then outputs; `steps` are bytes and may be anything. */
typedef void rf_loop(char *const *args, ptrdiff_t n, const ptrdiff_t *steps);

/* Per unit; arguments were validated. */
typedef void rf_units_forward_fn(const rf_units_forward_args *args);
typedef void rf_units_backward_fn(const rf_units_backward_args *args);

typedef enum { RF_FORWARD, RF_BACKWARD, RF_N_DIRECTIONS } rf_direction;

typedef struct {
    rf_loop *loop[RF_N_DIRECTIONS];
    rf_units_forward_fn *units_forward;
    rf_units_backward_fn *units_backward;
} rf_row_kernels;

typedef struct {
    rf_row_kernels rows[RF_N_ACTIVATIONS][RF_N_DTYPES];
} rf_kernels;

/* The kernels in use. */
const rf_kernels *rf_active_kernels(void);

/* One elementwise loop under a default floating-point environment. */
void rf_run(rf_activation activation, rf_direction direction, rf_dtype dtype, char *const *args, ptrdiff_t n,
            const ptrdiff_t *steps);

/* Sums in float64 to float32, under the same environment: an overflow raises no flag. */
void rf_narrow(const double *from, float *to, size_t n);

#endif
