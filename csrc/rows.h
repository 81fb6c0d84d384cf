/* The loops of every row of the table, for type T: those of loops.h with the row's scalars inlined. For elu:
 * elu_loop, elu_backward_loop and elu_backward_y_loop. */

/* The scalars of a row under one signature: (grad_output, x or y, parameters). */
#define UNARY_AS_MAP(name)                                                                                   \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, (void)p, (void)q, F(name)(x); }
#define PARAM_AS_MAP(name)                                                                                   \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, (void)q, F(name)(x, p); }
#define PARAMS_AS_MAP(name)                                                                                  \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)g, F(name)(x, p, q); }
#define SLOPE_AS_MAP(name) PARAM_AS_MAP(name)
#define ALPHA_AS_MAP(name) PARAM_AS_MAP(name)
#define WEIGHT_AS_MAP(name) PARAM_AS_MAP(name)
#define UNARY_AS_GRADIENT(name)                                                                              \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)p, (void)q, F(name)(g, x); }
#define PARAM_AS_GRADIENT(name)                                                                              \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return (void)q, F(name)(g, x, p); }
#define PARAMS_AS_GRADIENT(name)                                                                             \
    static RF_INLINE T F(name##_map)(T g, T x, T p, T q) { return F(name)(g, x, p, q); }
#define SLOPE_AS_GRADIENT(name) PARAM_AS_GRADIENT(name)
#define ALPHA_AS_GRADIENT(name) PARAM_AS_GRADIENT(name)
#define WEIGHT_AS_GRADIENT(name) PARAM_AS_GRADIENT(name)
#define SHARED_AS_GRADIENT(name)

/* What takes few operations waits for memory most. */
#define PLACE_RF_CHEAP RF_PLACED
#define PLACE_RF_MEDIUM
#define PLACE_RF_COSTLY
#define PLACE_RF_LONG
#define LOOP(name, COST, ...)                                                                                \
    static PLACE_##COST void F(name##_loop)(char *const *args, ptrdiff_t n, int constant, ptrdiff_t ahead)   \
    {                                                                                                        \
        F(map)((TYPE(row)){.f = F(name##_map), .cost = COST, __VA_ARGS__}, args, n, constant, ahead);        \
    }

#define UNARY_LOOPS(name, COST)                                                                              \
    LOOP(name, COST, .n_data = 1, .n_params = 0)                                                             \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 0)
#define PARAM_LOOPS(name, COST)                                                                              \
    LOOP(name, COST, .n_data = 1, .n_params = 1)                                                             \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 1)
#define PARAMS_LOOPS(name, COST)                                                                             \
    LOOP(name, COST, .n_data = 1, .n_params = 2)                                                             \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 2)
#define SLOPE_LOOPS(name, COST)                                                                              \
    LOOP(name, COST, .n_data = 1, .n_params = 1, .like = F(relu_loop))                                       \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 1)
#define WEIGHT_LOOPS(name, COST)                                                                             \
    LOOP(name, COST, .n_data = 1, .n_params = 1, .like = F(relu_loop))                                       \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 1, .f_weight = F(name##_backward_weight))
#define ALPHA_LOOPS(name, COST)                                                                              \
    LOOP(name, COST, .n_data = 1, .n_params = 1, .like = F(elu_loop), .like_at = 1, .like_has_p = 1)         \
    LOOP(name##_backward, COST, .n_data = 2, .n_params = 1, .like = F(elu_backward_loop), .like_at = 1,      \
         .like_has_p = 1)
#define UNARY_LOOPS_Y(name) LOOP(name, RF_CHEAP, .n_data = 2)
#define PARAM_LOOPS_Y(name) LOOP(name, RF_CHEAP, .n_data = 2, .n_params = 1)
#define SHARED_LOOPS_Y(name)

#define RF_ROW(name, KIND, cost, ...)                                                                        \
    KIND##_AS_MAP(name) KIND##_AS_GRADIENT(name##_backward) KIND##_LOOPS(name, cost)
#define RF_FROM_Y(name, KIND, function) KIND##_AS_GRADIENT(function) KIND##_LOOPS_Y(function)
#include "activations.h"
#undef UNARY_AS_MAP
#undef PARAM_AS_MAP
#undef PARAMS_AS_MAP
#undef SLOPE_AS_MAP
#undef ALPHA_AS_MAP
#undef WEIGHT_AS_MAP
#undef UNARY_AS_GRADIENT
#undef PARAM_AS_GRADIENT
#undef PARAMS_AS_GRADIENT
#undef SLOPE_AS_GRADIENT
#undef ALPHA_AS_GRADIENT
#undef WEIGHT_AS_GRADIENT
#undef SHARED_AS_GRADIENT
#undef PLACE_RF_CHEAP
#undef PLACE_RF_MEDIUM
#undef PLACE_RF_COSTLY
#undef PLACE_RF_LONG
#undef LOOP
#undef UNARY_LOOPS
#undef PARAM_LOOPS
#undef PARAMS_LOOPS
#undef SLOPE_LOOPS
#undef ALPHA_LOOPS
#undef WEIGHT_LOOPS
#undef UNARY_LOOPS_Y
#undef PARAM_LOOPS_Y
#undef SHARED_LOOPS_Y
