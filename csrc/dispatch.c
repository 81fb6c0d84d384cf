/* Picks the instruction set at run time: the best that the machine has, capped by RELU_FAST_ISA. */
#include "kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

typedef struct {
    const char *name;
    int (*supported)(void);
    const rf_kernels *kernels;
} isa;

static int always(void) { return 1; }

extern const rf_kernels rf_kernels_baseline;
#if defined(__x86_64__)
extern const rf_kernels rf_kernels_avx2, rf_kernels_avx512;
static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("fma");
}
/* clang's __builtin_cpu_supports does not know it. What it needs of the operating system, avx2 needs as well.
 */
static int has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && c & bit_F16C;
}
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
}
#endif
const float rf_one_f32 = 1;
const double rf_one_f64 = 1;
/* What every machine of the architecture has. */
#if defined(__aarch64__)
#define LEAST "neon"
#else
#define LEAST "baseline"
#endif

/* Best first. */
static const isa known[] = {
#if defined(__x86_64__)
    {"avx512", has_avx512, &rf_kernels_avx512},
    {"avx2", has_avx2, &rf_kernels_avx2},
#endif
    {LEAST, always, &rf_kernels_baseline},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static int index_of(const char *name)
{
    for (int i = 0; i < N_KNOWN; i++)
        if (name && strcmp(known[i].name, name) == 0) return i;
    return name && strcmp(name, "baseline") == 0 ? N_KNOWN - 1 : -1;
}

static const char *cap_wanted(void)
{
    const char *cap = getenv("RELU_FAST_ISA");
    return cap && *cap ? cap : NULL;
}

static _Atomic(const isa *) active;

static const isa *current(void)
{
    const isa *now = atomic_load_explicit(&active, memory_order_acquire);
    if (now) return now;
    int cap = index_of(cap_wanted()), best = cap < 0 ? 0 : cap;
    while (!known[best].supported()) best++; /* the last always is */
    /* Two threads that race here choose the same; a choice by rf_isa_use wins. */
    const isa *unset = NULL;
    atomic_compare_exchange_strong(&active, &unset, &known[best]);
    return atomic_load_explicit(&active, memory_order_acquire);
}

enum { UNKNOWN = -1 };
static atomic_int intel = UNKNOWN;

void rf_assume_intel(int yes) { atomic_store_explicit(&intel, yes, memory_order_relaxed); }

int rf_is_intel(void)
{
#if defined(__x86_64__)
    if (atomic_load_explicit(&intel, memory_order_relaxed) == UNKNOWN)
        rf_assume_intel(__builtin_cpu_is("intel") != 0);
#endif
    return atomic_load_explicit(&intel, memory_order_relaxed) > 0;
}

/* Intel's have a prefetcher for every page: through pages side by side relu of 128 MiB takes 0.85 to 0.9 of
 * the time. On Zen 5 it takes 1.4 times as long, backward passes up to twice. */
ptrdiff_t rf_faster_order(void) { return rf_is_intel() ? RF_SIDE_BY_SIDE : RF_IN_ORDER; }

const rf_kernels *rf_active_kernels(void) { return current()->kernels; }
const char *rf_isa_active(void) { return current()->name; }
const char *rf_isa_known(int index) { return index >= 0 && index < N_KNOWN ? known[index].name : NULL; }

const char *rf_isa_available(int index)
{
    for (int i = 0; i < N_KNOWN; i++)
        if (known[i].supported() && index-- == 0) return known[i].name;
    return NULL;
}

rf_status rf_isa_use(const char *name)
{
    int i = index_of(name);
    if (i < 0) return RF_EINVAL;
    if (!known[i].supported()) return RF_ENOTSUP;
    atomic_store_explicit(&active, &known[i], memory_order_release);
    return RF_OK;
}

rf_status rf_isa_environment(void)
{
    return !cap_wanted() || index_of(cap_wanted()) >= 0 ? RF_OK : RF_EINVAL;
}
