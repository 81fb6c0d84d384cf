#include "check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- instruction sets */

static const char *use(const char *isa)
{
    if (isa) check(rf_isa_use(isa) == RF_OK, "%s is available, but cannot be used", isa);
    return isa;
}

const char *first_isa(void) { return use(rf_isa_available(0)); }

const char *isa_after(const char *isa)
{
    int i = 0;
    while (strcmp(rf_isa_available(i), isa) != 0) i++;
    return use(rf_isa_available(i + 1));
}

int has_fma(const char *isa)
{
#if defined(__x86_64__)
    return strcmp(isa, "baseline") != 0;
#else
    return isa != NULL;
#endif
}

/* ---- numbers */

const char *dtype_name(rf_dtype dtype) { return dtype == RF_FLOAT32 ? "float32" : "float64"; }
size_t dtype_size(rf_dtype dtype) { return dtype == RF_FLOAT32 ? sizeof(float) : sizeof(double); }

long double get(rf_dtype dtype, const void *numbers, size_t i)
{
    if (dtype == RF_FLOAT32) return ((const float *)numbers)[i];
    return ((const double *)numbers)[i];
}

void put(rf_dtype dtype, void *numbers, size_t i, long double value)
{
    if (dtype == RF_FLOAT32)
        ((float *)numbers)[i] = (float)value;
    else
        ((double *)numbers)[i] = (double)value;
}

long double rounded(rf_dtype dtype, long double value)
{
    double number[1];
    put(dtype, number, 0, value);
    return get(dtype, number, 0);
}

size_t first_difference(rf_dtype dtype, const void *a, const void *b, size_t n)
{
    size_t size = dtype_size(dtype), i = 0;
    if (n == 0 || memcmp(a, b, n * size) == 0) return n;
    for (; i < n; i++)
        if (memcmp((const char *)a + i * size, (const char *)b + i * size, size) != 0 &&
            !(isnan(get(dtype, a, i)) && isnan(get(dtype, b, i))))
            break;
    return i;
}

long double ulp_error(rf_dtype dtype, long double got, long double exact)
{
    if (isnan(got) || isnan(exact)) return isnan(got) && isnan(exact) ? 0 : HUGE_VALL;
    int digits = dtype == RF_FLOAT32 ? 24 : 53, top = dtype == RF_FLOAT32 ? 128 : 1024;
    int smallest = dtype == RF_FLOAT32 ? -149 : -1074;
    int exponent = exact == 0 ? smallest : (ilogbl(exact) < top ? ilogbl(exact) : top - 1) - digits + 1;
    if (exponent < smallest) exponent = smallest;
    /* in units of that ULP: long double may be double, which has no number past the largest */
    long double limit = ldexpl(1, top - exponent), a = ldexpl(got, -exponent), b = ldexpl(exact, -exponent);
    if (fabsl(a) > limit) a = copysignl(limit, a);
    if (fabsl(b) > limit) b = copysignl(limit, b);
    return fabsl(a - b);
}

/* ---- memory */

enum { CANARY = 0xA5, CANARIES = 128 };

buffer make_buffer(rf_dtype dtype, size_t n, size_t offset)
{
    size_t size = dtype_size(dtype), before = CANARIES + offset * size;
    buffer b = {.bytes = n * size, .all = (before + n * size + CANARIES + 63) / 64 * 64};
    b.memory = aligned_alloc(64, b.all);
    if (!b.memory) abort();
    b.data = b.memory + before;
    memset(b.memory, CANARY, b.all);
    memset(b.data, 0, b.bytes);
    return b;
}

int canaries_alive(const buffer *b)
{
    const char *end = b->data + b->bytes;
    for (const char *p = b->memory; p < b->data; p++)
        if (*(const unsigned char *)p != CANARY) return 0;
    for (const char *p = end; p < b->memory + b->all; p++)
        if (*(const unsigned char *)p != CANARY) return 0;
    return 1;
}

void free_buffer(buffer *b)
{
    free(b->memory);
    *b = (buffer){0};
}

/* ---- samples */

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static double uniform(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)(random_bits(state) >> 11) * 0x1p-53;
}

static const double specials[] = {
    0.0,
    INFINITY,
    NAN,
    1.0,
    0.5,
    0.34657,
    1e-8,
    1e-20,
    17.5,
    25.0,
    43.0,
    50.0,
    79.999,
    80.001,
    87.33,
    88.72,
    103.97,
    104.5,
    105.0,
    200.0,
    600.0,
    708.39,
    709.8,
    745.13,
    746.0,
    0x1p-126,
    0x1p-127,
    0x1p-149,
    0x1p-1022,
    0x1p-1050,
    0x1p-1074,
    1e38,
    0x1.fffffep127,
    1e300,
    0x1p-23,
    0x1p-24,
    0x1p-52,
    0x1p-53,
    0.6931472,
    1460.0,
    0x1p127,
    0x1p1023,
    1.5,
    3.0,
    0x1.7ffffep1,
    0x1.800002p1,
    6.0,
    0x1.7ffffep2,
    0x1.7ffffffffffffp1,
    0x1.8000000000001p1,
};

static double special(rf_dtype dtype, size_t i)
{
    double value = specials[i / 2 % LENGTH_OF(specials)];
    if (dtype == RF_FLOAT64 && value == 0x1.fffffep127) value = 0x1.fffffffffffffp1023;
    return i % 2 ? -value : value;
}

void sample_inputs(rf_dtype dtype, void *x, size_t n)
{
    uint64_t state = 1;
    double vanished = dtype == RF_FLOAT32 ? 120 : 800;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = random_bits(&state);
        double reach = i % 2 ? 3 : vanished;
        if (i % 3 == 0)
            put(dtype, x, i, special(dtype, i / 3));
        else if (i % 3 == 1)
            put(dtype, x, i, uniform(&state, -reach, reach));
        else
            memcpy((char *)x + i * dtype_size(dtype), &bits, dtype_size(dtype)); /* every magnitude */
    }
}

void sample_gradients(rf_dtype dtype, void *g, size_t n)
{
    uint64_t state = 2;
    for (size_t i = 0; i < n; i++) {
        double binade = (double)(UINT64_C(1) << random_bits(&state) % 60) * 0x1p-30;
        put(dtype, g, i, i % 11 == 7 ? 0 : uniform(&state, -2, 2) * binade);
    }
}
