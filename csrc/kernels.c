/* Every kernel for one instruction set. Compiled once per ISA; RF_ISA names it, and rf_kernels_<RF_ISA> is
 * the only symbol that leaves. */
#ifndef __clang__
/* Else GCC turns clamps into nested branches, and these into masks: slower. */
#pragma GCC optimize("no-thread-jumps")
#endif
#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define RF_INLINE inline __attribute__((always_inline))
#ifdef __clang__
#define RF_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define RF_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* Clang does not define __FP_FAST_FMA. */
#if defined(__FP_FAST_FMA) || defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define RF_HAS_FMA 1
#else
#define RF_HAS_FMA 0
#endif

/* Where the ISA has no fused multiply-add, a * b + c would destroy the compensated steps. */
static RF_INLINE float fma_f32(float a, float b, float c)
{
#if RF_HAS_FMA
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * b + c);
#endif
}

static RF_INLINE double fma_f64(double a, double b, double c)
{
#if RF_HAS_FMA
    return __builtin_fma(a, b, c);
#else
    /* Dekker's product p + e = a * b, Knuth's sum s + t = p + c */
    double ta = a * 0x1.0000002p27, ah = ta - (ta - a), al = a - ah;
    double tb = b * 0x1.0000002p27, bh = tb - (tb - b), bl = b - bh;
    double p = a * b, e = ((ah * bh - p) + ah * bl + al * bh) + al * bl;
    double s = p + c, d = s - p, t = (p - (s - d)) + (c - d);
    double y = s + (t + e);
    return y == y ? y : s; /* splitting overflows near the largest numbers */
#endif
}

#include "constants.h"

/* F(name) is a function or constant for the type T, TYPE(name) a type. */
#define TYPE(name) F(name)

#define RF_SCALARS
#define T float
#define U uint32_t
#define COUNT uint32_t /* of one position in a chunk; a unit's may be larger */
#define TOTAL uint64_t
#define F(name) name##_f32
#include "scalar_math.h"
#include "activations.h"
#include "loops.h"
#include "units.h"
#undef RF_SCALARS
#include "rows.h"
#undef T
#undef U
#undef COUNT
#undef TOTAL
#undef F

#define RF_SCALARS
#define T double
#define U uint64_t
#define COUNT double /* exact to 2^53, and SSE2 cannot compare 64-bit integers */
#define TOTAL double
#define F(name) name##_f64
#include "scalar_math.h"
#include "activations.h"
#include "loops.h"
#include "units.h"
#undef RF_SCALARS
#include "rows.h"

#define KERNELS_OF(name, type)                                                                               \
    {                                                                                                        \
        {name##_loop_##type, name##_backward_loop_##type},                                                   \
        name##_units_forward_##type,                                                                         \
        name##_units_backward_##type,                                                                        \
    }
#define RF_ROW(name, ...) [RF_##name] = {KERNELS_OF(name, f32), KERNELS_OF(name, f64)},
#define SYMBOL_(isa) rf_kernels_##isa
#define SYMBOL(isa) SYMBOL_(isa)
const rf_kernels SYMBOL(RF_ISA) = {{
#include "activations.h"
}};
