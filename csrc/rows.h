/* The loops of every row of the table, for type T: those of loops.h with the row's scalars inlined. For relu:
 * relu_loop and relu_stream, relu_backward_loop and .._stream, relu_backward_y_loop and .._stream. */

/* The scalars of a row under one signature: (grad_output, x or y, parameters). */
#define UNARY_AS_MAP(name)                                                                                   \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, (void)p, (void)q, F(name)(x); }
#define PARAM_AS_MAP(name)                                                                                   \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, (void)q, F(name)(x, p); }
#define PARAMS_AS_MAP(name)                                                                                  \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, F(name)(x, p, q); }
#define WEIGHT_AS_MAP(name) PARAM_AS_MAP(name)
#define UNARY_AS_GRADIENT(name)                                                                              \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)p, (void)q, F(name)(g, x); }
#define PARAM_AS_GRADIENT(name)                                                                              \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)q, F(name)(g, x, p); }
#define PARAMS_AS_GRADIENT(name)                                                                             \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return F(name)(g, x, p, q); }
#define WEIGHT_AS_GRADIENT(name) PARAM_AS_GRADIENT(name)

#define LOOPS(name, n_data, n_params)                                                                        \
    static void F(name##_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)                       \
    {                                                                                                        \
        F(map)(F(name##_loop), F(name##_map), n_data, n_params, args, n, steps);                             \
    }                                                                                                        \
    static void F(name##_stream)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps, ptrdiff_t ahead)    \
    {                                                                                                        \
        F(map_streaming)(F(name##_loop), F(name##_map), n_data, n_params, args, n, steps, ahead);            \
    }
#define LOOPS_OF_WEIGHT(name, name_weight)                                                                   \
    static void F(name##_loop)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps)                       \
    {                                                                                                        \
        F(map_weight)(F(name##_loop), F(name##_map), F(name_weight), args, n, steps);                        \
    }                                                                                                        \
    static void F(name##_stream)(char *const *args, ptrdiff_t n, const ptrdiff_t *steps, ptrdiff_t ahead)    \
    {                                                                                                        \
        F(map_weight_streaming)(F(name##_loop), F(name##_map), F(name_weight), args, n, steps, ahead);       \
    }

#define UNARY_LOOPS(name) LOOPS(name, 1, 0) LOOPS(name##_backward, 2, 0)
#define PARAM_LOOPS(name) LOOPS(name, 1, 1) LOOPS(name##_backward, 2, 1)
#define PARAMS_LOOPS(name) LOOPS(name, 1, 2) LOOPS(name##_backward, 2, 2)
#define WEIGHT_LOOPS(name) LOOPS(name, 1, 1) LOOPS_OF_WEIGHT(name##_backward, name##_backward_weight)
#define UNARY_LOOPS_Y(name) LOOPS(name##_backward_y, 2, 0)
#define PARAM_LOOPS_Y(name) LOOPS(name##_backward_y, 2, 1)
#define PARAMS_LOOPS_Y(name) LOOPS(name##_backward_y, 2, 2)
#define WEIGHT_LOOPS_Y(name) LOOPS(name##_backward_y, 2, 1)

#define RF_ROW(name, KIND, ...) KIND##_AS_MAP(name) KIND##_AS_GRADIENT(name##_backward) KIND##_LOOPS(name)
#define RF_FROM_Y(name, KIND) KIND##_AS_GRADIENT(name##_backward_y) KIND##_LOOPS_Y(name)
#include "activations.h"
#undef UNARY_AS_MAP
#undef PARAM_AS_MAP
#undef PARAMS_AS_MAP
#undef WEIGHT_AS_MAP
#undef UNARY_AS_GRADIENT
#undef PARAM_AS_GRADIENT
#undef PARAMS_AS_GRADIENT
#undef WEIGHT_AS_GRADIENT
#undef LOOPS
#undef LOOPS_OF_WEIGHT
#undef UNARY_LOOPS
#undef PARAM_LOOPS
#undef PARAMS_LOOPS
#undef WEIGHT_LOOPS
#undef UNARY_LOOPS_Y
#undef PARAM_LOOPS_Y
#undef PARAMS_LOOPS_Y
#undef WEIGHT_LOOPS_Y
