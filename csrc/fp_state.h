/* The floating-point state around a kernel: results must not depend on the host program's rounding mode or
 * flush-to-zero, and its exception flags stay as they were. Two register moves each way; feclearexcept costs
 * ten times as much. */
#ifndef RF_FP_STATE_H
#define RF_FP_STATE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
typedef uint32_t rf_fp_state;
static inline rf_fp_state rf_fp_enter(void)
{
    rf_fp_state saved = _mm_getcsr();
    _mm_setcsr(0x1f80); /* round to nearest, subnormals kept, every exception masked, no flag set */
    return saved;
}
static inline void rf_fp_leave(rf_fp_state saved) { _mm_setcsr(saved); }
#elif defined(__aarch64__)
typedef struct {
    uint64_t control, status;
} rf_fp_state;
static inline rf_fp_state rf_fp_enter(void)
{
    rf_fp_state saved;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr\n\tmsr fpcr, xzr"
                     : "=r"(saved.control), "=r"(saved.status)::"memory");
    return saved;
}
static inline void rf_fp_leave(rf_fp_state saved)
{
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" ::"r"(saved.control), "r"(saved.status) : "memory");
}
#else
#include <fenv.h>
typedef fenv_t rf_fp_state;
static inline rf_fp_state rf_fp_enter(void)
{
    rf_fp_state saved;
    fegetenv(&saved);
    fesetenv(FE_DFL_ENV);
    return saved;
}
static inline void rf_fp_leave(rf_fp_state saved) { fesetenv(&saved); }
#endif

#endif
