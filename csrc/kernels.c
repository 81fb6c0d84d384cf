/* Every kernel for one instruction set. Compiled once per ISA; RF_ISA names it, and rf_kernels_<RF_ISA> is
 * the only symbol that leaves. */
#ifndef __clang__
/* Else GCC turns clamps into nested branches, or computes what follows them on both sides: slower by up to a
 * half; and the copy that limits are measured by into one through the stack, 1.06 of the time. */
#pragma GCC optimize("no-thread-jumps", "no-tree-pre", "no-tree-loop-distribute-patterns")
#ifndef __OPTIMIZE_SIZE__
/* -O3 without its peeling and unrolling, which make code larger and nothing faster; and operations of vectors
 * that are computed together take turns. With AVX the scheduler follows GCC's other model of pressure on
 * registers: fewer numbers wait in memory, and what is costly takes 0.87 to 1.0 of the time. That, and that
 * neither loops nor targets of jumps are aligned (7 KB less, nothing slower), isa_flags.txt says, for no
 * pragma can. (It also says that the baseline, which is to be small, has no tables to unwind by: 11 KB.) */
#pragma GCC optimize("vect-cost-model=dynamic", "unswitch-loops", "schedule-insns", "sched-pressure")
#endif
#ifdef __AVX512F__
/* Constants are operands in memory: to keep them in registers, too, takes 8 KB and gains nothing. */
#pragma GCC optimize("no-gcse")
#endif
#endif
#include "kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define RF_INLINE inline __attribute__((always_inline))
/* No element depends on another. With gcc this also vectorises where -Os asks for little code, and keeps
 * short loops from being unrolled before they are vectorised. */
#define RF_INDEPENDENT _Pragma("omp simd")
/* So many vectors of each type does a costly row compute together: as the registers hold, and as long code is
 * worth its gain. */
#if defined(__AVX512F__)
#define RF_GROUP_F32 4
#define RF_GROUP_F64 2
#define RF_GROUP_LONG_F64 2
#define RF_GROUP_MEDIUM 4
#elif defined(__AVX2__)
/* though numbers wait in memory: 0.77 to 1.05 of the time of 2, long arrays of double 0.86 to 0.95 */
#define RF_GROUP_F32 4
#define RF_GROUP_F64 4
#define RF_GROUP_LONG_F64 2
#define RF_GROUP_MEDIUM 2
#else
#define RF_GROUP_F32 1
#define RF_GROUP_F64 1
#define RF_GROUP_LONG_F64 1
#define RF_GROUP_MEDIUM 1
#endif
/* Some vectors, in registers. */
#if defined(__clang__) || RF_GROUP_F32 == 1
#define RF_IN_GROUP RF_INDEPENDENT
#else
#define RF_IN_GROUP _Pragma("GCC ivdep") _Pragma("GCC unroll 4")
#endif
/* As RF_INDEPENDENT, two vectors at a time: a loop of a few operations in L1 takes 0.6 to 0.9 of the time.
 * Not by 4, which is one vector of AVX2's float64: a loop that short would be unrolled whole, and not
 * vectorised. */
#if defined(__clang__) || RF_GROUP_F32 == 1
#define RF_BY_TWO RF_INDEPENDENT
#else
#define RF_BY_TWO _Pragma("GCC ivdep") _Pragma("GCC unroll 2")
#endif
/* A few lines or vectors of them that are to stay in registers. */
#ifdef __clang__
#define RF_UNROLLED _Pragma("unroll")
#define RF_PARTLY_UNROLLED _Pragma("unroll 4")
#else
#define RF_UNROLLED _Pragma("GCC unroll 16")
#define RF_PARTLY_UNROLLED _Pragma("GCC unroll 4") /* where it would be long code for what is seldom used */
#endif
/* Where in a cache line loops lie decides over up to a seventh of the time (Zen 5: counting, AVX2). RF_PLACED
 * are those that wait for memory: they stay where they were measured, whatever comes before them. */
#ifdef __OPTIMIZE_SIZE__
#define RF_SMALL 1
#define RF_PLACED
#else
#define RF_SMALL 0
#define RF_PLACED __attribute__((aligned(64)))
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
    double low = t + e, y = s + low;
    /* splitting overflows near the largest numbers; low is +0 where s is the sum, be it -0 */
    double sum = (low != 0) & (y == y) ? y : s;
    return (c == 0) & (a != 0) & (b != 0) ? p : sum; /* a product that underflows keeps its sign */
#endif
}

/* a * b + c of a polynomial, whose next step makes the rounding of this one small: not worth Dekker's dozen
 * and a half of operations. */
static RF_INLINE double step_f64(double a, double b, double c)
{
    return RF_HAS_FMA ? fma_f64(a, b, c) : a * b + c;
}

#include "intrinsics.h"

#include "constants.h"

/* F(name) is a function or constant for the type T, TYPE(name) a type. */
#define TYPE(name) F(name)

#define RF_SCALARS
#define T float
#define DIGITS 24 /* of the significand, in bits */
#define U uint32_t
#define COUNT uint32_t /* of one position in a chunk; a unit's may be larger */
#define F(name) name##_f32
#define GROUP RF_GROUP_F32
#define GROUP_LONG RF_GROUP_F32
#include "scalar_math.h"
#include "activations.h"
#include "loops.h"
#include "units.h"
#undef RF_SCALARS
#include "rows.h"
#undef T
#undef DIGITS
#undef U
#undef COUNT
#undef F
#undef GROUP
#undef GROUP_LONG

#include "halves.h"

#define RF_SCALARS
#define T double
#define DIGITS 53
#define U uint64_t
#define COUNT double /* exact to 2^53, and SSE2 cannot compare 64-bit integers */
#define F(name) name##_f64
#define GROUP RF_GROUP_F64
#define GROUP_LONG RF_GROUP_LONG_F64
#include "scalar_math.h"
#include "activations.h"
#include "loops.h"
#include "units.h"
#undef RF_SCALARS
#include "rows.h"

static void fence(void) { rf_fence(); }

static void stream_out(void *to, const void *from, ptrdiff_t bytes, const void *next, const void *next_too)
{
    char *out = to;
    const char *in = from;
    ptrdiff_t head = (ptrdiff_t)(0 - (uintptr_t)to) & 63, i = head < bytes ? head : bytes;
    memcpy(out, in, (size_t)i);
    for (; i + RF_STREAM_BYTES <= bytes; i += RF_STREAM_BYTES) {
        if (next) rf_prefetch((const char *)next + i);
        if (next_too) rf_prefetch((const char *)next_too + i);
        rf_stream(out + i, in + i);
    }
    memcpy(out + i, in + i, (size_t)(bytes - i));
}

static float first(float g, float x, float p, float q) { return (void)g, (void)p, (void)q, x; }
static RF_PLACED void copy_loop(char *const *args, ptrdiff_t n, int constant, ptrdiff_t ahead)
{
    map_f32((row_f32){.f = first, .n_data = 1, .cost = RF_CHEAP}, args, n, constant, ahead);
}
static float sum(float g, float x, float p, float q) { return (void)p, (void)q, g + x; }
static RF_PLACED void add_loop(char *const *args, ptrdiff_t n, int constant, ptrdiff_t ahead)
{
    map_f32((row_f32){.f = sum, .n_data = 2, .cost = RF_CHEAP}, args, n, constant, ahead);
}

#define LOOPS_OF(name, type) {name##_loop_##type, name##_backward_loop_##type}
#define SYMBOL_(isa) rf_kernels_##isa
#define SYMBOL(isa) SYMBOL_(isa)
const rf_kernels SYMBOL(RF_ISA) = {
    .loops =
        {
#define RF_ROW(name, ...) [RF_##name] = {LOOPS_OF(name, f32), LOOPS_OF(name, f64)},
#define RF_FROM_Y(name, KIND, function)                                                                      \
    [RF_##name][RF_FLOAT32][RF_BACKWARD_Y] = function##_loop_f32,                                            \
    [RF_##name][RF_FLOAT64][RF_BACKWARD_Y] = function##_loop_f64,
#include "activations.h"
        },
    .call = {call_f32, call_f64},
    .call_in_order = {call_in_order_f32, call_in_order_f64},
    .halves = {{widen_float16, narrow_float16}, {widen_bfloat16, narrow_bfloat16}},
    .call_halves = call_halves,
    .fence = fence,
    .copy = copy_loop,
    .add = add_loop,
    .stream_out = stream_out,
    .units = {&unit_loops_f32, &unit_loops_f64},
};
