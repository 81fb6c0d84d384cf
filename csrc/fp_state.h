/* The floating-point state around a kernel: results must not depend on the host program's rounding mode or
 * flush-to-zero, and its exception flags stay as they were. Registers are read each way and written only
 * where they differ: a write holds up all arithmetic around it (reads cost 3 ns, a call with writes 25 to
 * 100, and feclearexcept 65 by itself). */
#ifndef RF_FP_STATE_H
#define RF_FP_STATE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
typedef uint32_t rf_fp_state;
static inline rf_fp_state rf_fp_enter(void)
{
    enum { FLAGS = 0x3f, DEFAULT = 0x1f80 }; /* round to nearest, subnormals kept, every exception masked */
    rf_fp_state saved = _mm_getcsr();
    if ((saved & ~(rf_fp_state)FLAGS) != DEFAULT) _mm_setcsr(DEFAULT);
    return saved;
}
static inline void rf_fp_leave(rf_fp_state saved)
{
    if (_mm_getcsr() != saved) _mm_setcsr(saved);
}
#elif defined(__aarch64__)
typedef struct {
    uint64_t control, status;
} rf_fp_state;
static inline rf_fp_state rf_fp_enter(void)
{
    rf_fp_state saved;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(saved.control), "=r"(saved.status)::"memory");
    if (saved.control) __asm__ volatile("msr fpcr, xzr" ::: "memory");
    return saved;
}
static inline void rf_fp_leave(rf_fp_state saved)
{
    uint64_t status;
    __asm__ volatile("mrs %0, fpsr" : "=r"(status)::"memory");
    if (status != saved.status) __asm__ volatile("msr fpsr, %0" ::"r"(saved.status) : "memory");
    if (saved.control) __asm__ volatile("msr fpcr, %0" ::"r"(saved.control) : "memory");
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
