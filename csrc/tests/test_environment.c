/* The caller's floating-point environment: rounding mode, flush-to-zero and unmasked exceptions do not change
 * a bit of the results, and control word and flags are the same after a call as before. */
#if defined(__GLIBC__) || defined(__linux__)
#define _GNU_SOURCE /* feenableexcept */
#endif
#include "check.h"
#include "kernels.h"
#include "reference.h"

#include <fenv.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { N = 300, UNITS = 3 };

/* Everything that a call may write. */
typedef struct {
    double y[N], gx[N], units_y[N], units_gz[N];
    double bias_grad[UNITS], max[UNITS], min[UNITS], sum_abs[UNITS];
    int64_t active[UNITS], nonfinite[UNITS], nonzero[UNITS];
} results;

typedef struct {
    rf_activation row;
    rf_dtype dtype;
    double x[N], g[N], bias[UNITS], params[RF_MAX_PARAMS];
} inputs;

/* ---- environments */

static void nothing(void) {}
static void round_up(void) { fesetround(FE_UPWARD); }
static void round_down(void) { fesetround(FE_DOWNWARD); }
static void round_to_zero(void) { fesetround(FE_TOWARDZERO); }
static void raise_flags(void) { feraiseexcept(FE_ALL_EXCEPT); }
#if defined(__x86_64__)
static void flush_to_zero(void) { _mm_setcsr(_mm_getcsr() | 0x8040); } /* FTZ and DAZ */
#endif
#if defined(__GLIBC__)
static void trap(void) { feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW); }
#endif

static const struct {
    const char *name;
    void (*enter)(void);
} environments[] = {
    {"the default environment", nothing}, {"rounding up", round_up},         {"rounding down", round_down},
    {"rounding to zero", round_to_zero},  {"all flags raised", raise_flags},
#if defined(__x86_64__)
    {"flushing to zero", flush_to_zero},
#endif
#if defined(__GLIBC__)
    {"exceptions that trap", trap},
#endif
};

/* What must be the same after a call. */
typedef struct {
    int rounding, flags;
    unsigned control;
} state;

static state state_now(void)
{
    state s = {fegetround(), fetestexcept(FE_ALL_EXCEPT), 0};
#if defined(__x86_64__)
    s.control = _mm_getcsr();
#endif
    return s;
}

static int same_state(state a, state b)
{
    return a.rounding == b.rounding && a.flags == b.flags && a.control == b.control;
}

/* ---- the calls */

static const char *const calls[] = {"rf_forward", "rf_backward", "rf_run", "rf_units_forward",
                                    "rf_units_backward"};

static void call(size_t which, const inputs *in, results *r)
{
    rf_shape shape = {N / UNITS, UNITS, 1};
    ptrdiff_t size = (ptrdiff_t)dtype_size(in->dtype), step = UNITS * size;
    switch (which) {
    case 0: rf_forward(in->row, in->dtype, N, in->x, in->params, r->y); break;
    case 1: rf_backward(in->row, in->dtype, N, in->g, in->x, in->params, r->gx); break;
    case 2: {
        char *args[] = {(char *)in->x, (char *)in->params, (char *)in->params + size, NULL};
        ptrdiff_t steps[] = {size, 0, 0, size};
        int n_params = rf_info(in->row)->n_params;
        args[1 + n_params] = (char *)r->y, steps[1 + n_params] = size;
        rf_run(in->row, RF_FORWARD, in->dtype, args, N, steps);
        break;
    }
    case 3: {
        rf_units_forward_args args = {.activation = in->row,
                                      .dtype = in->dtype,
                                      .shape = shape,
                                      .z = in->x,
                                      .z_step = step,
                                      .y = r->units_y,
                                      .y_step = step,
                                      .bias = in->bias,
                                      .params = {in->params, (const char *)in->params + size},
                                      .counts = {r->active, r->nonfinite, r->max, r->min, r->sum_abs}};
        rf_units_forward(&args);
        break;
    }
    default: {
        rf_units_backward_args args = {.activation = in->row,
                                       .dtype = in->dtype,
                                       .shape = shape,
                                       .grad_output = in->g,
                                       .grad_output_step = step,
                                       .source = in->x,
                                       .source_step = step,
                                       .grad_input = r->units_gz,
                                       .grad_input_step = step,
                                       .bias = in->bias,
                                       .params = {in->params, (const char *)in->params + size},
                                       .bias_grad = r->bias_grad,
                                       .counts = {r->nonzero, r->nonfinite}};
        rf_units_backward(&args);
    }
    }
}

static void the_environment_neither_matters_nor_changes(const inputs *in, const char *isa, size_t which)
{
    static results want, got;
    fenv_t before;
    memset(&want, 0, sizeof want);
    call(which, in, &want);
    for (size_t e = 0; e < LENGTH_OF(environments); e++) {
        memset(&got, 0, sizeof got);
        feholdexcept(&before);
        environments[e].enter();
        state entered = state_now();
        call(which, in, &got);
        state left = state_now();
        fesetenv(&before);
        check(same_state(entered, left),
              "%s %s %s: %s in %s left rounding %d, flags %x, control %x; they were %d, %x, %x", isa,
              rf_info(in->row)->name, dtype_name(in->dtype), calls[which], environments[e].name,
              left.rounding, (unsigned)left.flags, left.control, entered.rounding, (unsigned)entered.flags,
              entered.control);
        check(memcmp(&got, &want, sizeof got) == 0, "%s %s %s: %s gave other results in %s", isa,
              rf_info(in->row)->name, dtype_name(in->dtype), calls[which], environments[e].name);
    }
}

void test_environment(void)
{
    FOR_EACH_ROW(row)
        FOR_EACH_DTYPE(dtype) {
            static inputs in;
            in = (inputs){.row = row, .dtype = dtype};
            for (size_t p = 0; p < RF_MAX_PARAMS; p++)
                put(dtype, in.params, p, reference_of(rf_info(row)->name)->params[0][p]);
            sample_inputs(dtype, in.x,
                          N); /* overflow, underflow, NaN and inexact results: every flag has a reason */
            sample_gradients(dtype, in.g, N);
            sample_gradients(dtype, in.bias, UNITS);
            FOR_EACH_ISA(isa)
                for (size_t which = 0; which < LENGTH_OF(calls); which++)
                    the_environment_neither_matters_nor_changes(&in, isa, which);
        }
}
