/* A hash of all that each kernel computes from the same numbers, NaNs made one: "elu float32 forward
 * 1234567890abcdef avx2". Of instruction sets with fused multiply-add, on whatever machine, the hashes are
 * the same: compare them without the last word. */
#include "relu_fast.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 1 << 14, UNITS = 61, OUTER = 67, INNER = 3, N_UNITS = OUTER * UNITS * INNER };

static uint64_t x[N], g[N], y[N];
static double sums[3][UNITS], max[UNITS];
static int64_t counts[3][UNITS];
static uint8_t mask[N_UNITS / 8 + 1];

static uint64_t state;

static uint64_t random_bits(void)
{
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 (Steele, Lea, Flood 2014) */
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* FNV-1a */
static uint64_t hashed(uint64_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001B3);
    return hash;
}

/* Every other number has bits of any kind, the rest lie where activations bend. */
static void fill(rf_dtype dtype, uint64_t seed, void *to)
{
    state = seed;
    for (size_t i = 0; i < N; i++) {
        uint64_t bits = random_bits();
        double d = ((double)(bits >> 11) * 0x1p-53 - 0.5) * 40;
        float f = (float)d;
        uint32_t single;
        memcpy(&single, &f, sizeof single);
        uint16_t half = (uint16_t)bits, brain = (uint16_t)(i % 2 ? single >> 16 : bits & 0xFFFF);
        if (i % 2) half = (uint16_t)((half & 0x83FF) | (10 + bits % 9) << 10); /* 2^-5 to 2^3 */
        if (i % 2 == 0) memcpy(&d, &bits, sizeof d), memcpy(&f, &bits, sizeof f);
        switch (dtype) {
        case RF_FLOAT32: ((float *)to)[i] = f; break;
        case RF_FLOAT64: ((double *)to)[i] = d; break;
        case RF_FLOAT16: ((uint16_t *)to)[i] = half; break;
        default: ((uint16_t *)to)[i] = brain;
        }
    }
}

static int is_nan(rf_dtype dtype, const void *numbers, size_t i)
{
    const uint16_t *half = numbers;
    switch (dtype) {
    case RF_FLOAT32: return isnan(((const float *)numbers)[i]);
    case RF_FLOAT64: return isnan(((const double *)numbers)[i]);
    case RF_FLOAT16: return (half[i] & 0x7FFF) > 0x7C00;
    default: return (half[i] & 0x7FFF) > 0x7F80;
    }
}

static const uint64_t START = UINT64_C(0xCBF29CE484222325);

static uint64_t hash_of(uint64_t hash, rf_dtype dtype, const void *numbers, size_t n)
{
    const size_t size = rf_dtype_size(dtype);
    for (size_t i = 0; i < n; i++)
        hash = is_nan(dtype, numbers, i) ? hashed(hash, "nan", 3)
                                         : hashed(hash, (const char *)numbers + i * size, size);
    return hash;
}

static void say(rf_activation row, rf_dtype dtype, const char *what, rf_status status, uint64_t hash)
{
    printf("%s %s %s %016llx %s\n", rf_info(row)->name, rf_dtype_name(dtype), what,
           status == RF_OK ? (unsigned long long)hash : 0ULL, rf_isa_active());
}

static void put(rf_dtype dtype, void *to, double value)
{
    float f = (float)value;
    uint32_t single;
    memcpy(&single, &f, sizeof single);
    /* 0.25, 0.5 and 1 and their negatives, in float16 */
    int exponent;
    frexp(value, &exponent);
    switch (dtype) {
    case RF_FLOAT32: memcpy(to, &f, sizeof f); break;
    case RF_FLOAT64: memcpy(to, &value, sizeof value); break;
    case RF_FLOAT16: *(uint16_t *)to = (uint16_t)((value < 0 ? 0x8000 : 0) | (exponent + 14) << 10); break;
    default: *(uint16_t *)to = (uint16_t)(single >> 16);
    }
}

static void elementwise(rf_activation row, rf_dtype dtype, const void *params)
{
    rf_status status = rf_forward(row, dtype, N, x, params, y);
    say(row, dtype, "forward", status, hash_of(START, dtype, y, N));
    status = rf_backward(row, dtype, N, g, x, params, y);
    say(row, dtype, "backward", status, hash_of(START, dtype, y, N));
}

static void per_unit(rf_activation row, rf_dtype dtype, const void *const *params)
{
    memset(counts, 0, sizeof counts), memset(sums, 0, sizeof sums), memset(max, 0, sizeof max);
    const ptrdiff_t step = UNITS * INNER * (ptrdiff_t)rf_dtype_size(dtype);
    const int masked = rf_info(row)->mask != RF_MASK_NONE;
    rf_units_forward_args f = {.activation = row,
                               .dtype = dtype,
                               .shape = {OUTER, UNITS, INNER},
                               .z = x,
                               .z_step = step,
                               .y = y,
                               .y_step = step,
                               .bias = g,
                               .params = {params[0], params[1]},
                               .counts = {counts[0], counts[1], max, NULL, sums[0]},
                               .mask = masked ? mask : NULL};
    rf_status status = rf_units_forward(&f);
    uint64_t hash = hash_of(hash_of(START, dtype, y, N_UNITS), RF_FLOAT64, sums[0], UNITS);
    hash = hashed(hash_of(hash, RF_FLOAT64, max, UNITS), counts, sizeof counts);
    say(row, dtype, "units_forward", status, masked ? hashed(hash, mask, N_UNITS / 8 + 1) : hash);
    rf_units_backward_args b = {.activation = row,
                                .dtype = dtype,
                                .shape = {OUTER, UNITS, INNER},
                                .grad_output = g,
                                .grad_output_step = step,
                                .source = x,
                                .source_step = step,
                                .grad_input = y,
                                .grad_input_step = step,
                                .bias = g,
                                .params = {params[0], params[1]},
                                .bias_grad = sums[1],
                                .weight_grad = rf_info(row)->n_gradients > 1 ? sums[2] : NULL,
                                .counts = {counts[2], counts[1]}};
    status = rf_units_backward(&b);
    hash = hash_of(hash_of(START, dtype, y, N_UNITS), RF_FLOAT64, sums[1], 2 * UNITS);
    say(row, dtype, "units_backward", status, hashed(hash, counts, sizeof counts));
    if (!rf_info(row)->from_y) return;
    b.source_kind = RF_FROM_Y, b.bias = NULL, b.weight_grad = NULL;
    status = rf_units_backward(&b);
    say(row, dtype, "from_y", status, hash_of(START, dtype, y, N_UNITS));
}

int main(void)
{
    for (int k = 0; rf_isa_available(k); k++)
        for (rf_activation row = 0; rf_info(row); row++)
            for (int d = 0; d < RF_N_DTYPES; d++) {
                rf_dtype dtype = (rf_dtype)d;
                const size_t size = rf_dtype_size(dtype);
                uint64_t params[RF_MAX_PARAMS] = {0};
                /* hardtanh: from -0.5 to 0.25 */
                put(dtype, params, row == RF_HARDTANH ? -0.5 : 0.5);
                put(dtype, (char *)params + size, 0.25);
                rf_isa_use(rf_isa_available(k));
                fill(dtype, 1, x);
                fill(dtype, 2, g);
                elementwise(row, dtype, params);
                per_unit(row, dtype, (const void *const[]){params, (char *)params + size});
            }
    return 0;
}
