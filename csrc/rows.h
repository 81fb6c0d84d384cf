/* The functions of every row of the table, for type T: each is a loop from loops.h or units.h with the row's
 * scalars inlined. For relu: relu_loop, relu_backward_loop, relu_units_forward, relu_units_backward. */

#define UNARY(name)                                                                                          \
    static void F(name##_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)                       \
    {                                                                                                        \
        F(loop_1_1)(F(name##_loop), F(name), args, n, steps);                                                \
    }                                                                                                        \
    static void F(name##_backward_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)              \
    {                                                                                                        \
        F(loop_2_1)(F(name##_backward_loop), F(name##_backward), args, n, steps);                            \
    }                                                                                                        \
    static RF_INLINE T F(name##_with)(T x, T none) { return (void)none, F(name)(x); }

#define PARAM(name)                                                                                          \
    static void F(name##_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)                       \
    {                                                                                                        \
        F(loop_2_1)(F(name##_loop), F(name), args, n, steps);                                                \
    }                                                                                                        \
    static void F(name##_backward_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)              \
    {                                                                                                        \
        F(loop_3_1)(F(name##_backward_loop), F(name##_backward), args, n, steps);                            \
    }                                                                                                        \
    static RF_INLINE T F(name##_with)(T x, T param) { return F(name)(x, param); }

#define WEIGHT(name)                                                                                         \
    static void F(name##_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)                       \
    {                                                                                                        \
        F(loop_2_1)(F(name##_loop), F(name), args, n, steps);                                                \
    }                                                                                                        \
    static void F(name##_backward_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)              \
    {                                                                                                        \
        F(loop_3_2)(F(name##_backward_loop), F(name##_backward), F(name##_backward_weight), args, n, steps); \
    }                                                                                                        \
    static RF_INLINE T F(name##_with)(T x, T param) { return F(name)(x, param); }

/* Backward functions under one signature: f(g, x or y, parameter). */
#define UNARY_GRADIENT(name, from)                                                                           \
    static RF_INLINE T F(name)(T g, T s, T none) { return (void)none, F(from)(g, s); }
#define PARAM_GRADIENT(name, from)                                                                           \
    static RF_INLINE T F(name)(T g, T s, T param) { return F(from)(g, s, param); }
#define WEIGHT_GRADIENT(name, from) PARAM_GRADIENT(name, from)

#define FORWARD_ROWS(name, want)                                                                             \
    static void F(name##_rows_##want)(const TYPE(forward_context) *c, ptrdiff_t rows, ptrdiff_t width,       \
                                      const char *z, ptrdiff_t z_step, char *y, ptrdiff_t y_step)            \
    {                                                                                                        \
        F(forward_rows)(F(name##_with), F(want), c, rows, width, z, z_step, y, y_step);                      \
    }
#define BACKWARD_ROWS(name, want_counts)                                                                     \
    static void F(name##_rows_##want_counts)(const TYPE(backward_context) *c, ptrdiff_t rows,                \
                                             ptrdiff_t width, TYPE(backward_rows_at) at)                     \
    {                                                                                                        \
        F(backward_rows)(F(name), want_counts, c, rows, width, at);                                          \
    }

/* clang-format off */
#define RF_ROW(name, KIND, param, gate, gate_value, ceiling, from_y, formula)                                \
    KIND(name)                                                                                               \
    KIND##_GRADIENT(name##_from_x, name##_backward)                                                          \
    KIND##_GRADIENT(name##_from_y, from_y)                                                                   \
    FORWARD_ROWS(name, WANT_ACTIVE)                                                                          \
    FORWARD_ROWS(name, WANT_USUAL)                                                                           \
    FORWARD_ROWS(name, WANT_ALL)                                                                             \
    BACKWARD_ROWS(name##_from_x, 0)                                                                          \
    BACKWARD_ROWS(name##_from_x, 1)                                                                          \
    BACKWARD_ROWS(name##_from_y, 0)                                                                          \
    BACKWARD_ROWS(name##_from_y, 1)                                                                          \
    static void F(name##_units_forward)(const rf_units_forward_args *args)                                   \
    {                                                                                                        \
        TYPE(forward_rows_fn) *const rows[] = {F(name##_rows_WANT_ACTIVE), F(name##_rows_WANT_USUAL),        \
                                               F(name##_rows_WANT_ALL)};                                     \
        F(units_forward)(rows, gate_value, args);                                                            \
    }                                                                                                        \
    static void F(name##_units_backward)(const rf_units_backward_args *args)                                 \
    {                                                                                                        \
        TYPE(backward_rows_fn) *const from_x[] = {F(name##_from_x_rows_0), F(name##_from_x_rows_1)};         \
        TYPE(backward_rows_fn) *const y_rows[] = {F(name##_from_y_rows_0), F(name##_from_y_rows_1)};         \
        F(units_backward)(args->source_is_y ? y_rows : from_x, args);                                        \
    }
/* clang-format on */
#include "activations.h"
#undef RF_ROW
#undef UNARY
#undef PARAM
#undef WEIGHT
#undef UNARY_GRADIENT
#undef PARAM_GRADIENT
#undef WEIGHT_GRADIENT
#undef FORWARD_ROWS
#undef BACKWARD_ROWS
