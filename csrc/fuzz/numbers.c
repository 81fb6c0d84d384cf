#include "fuzz.h"

#include <limits.h>
#include <math.h>
#include <string.h>

size_t choose(input *in, size_t n) { return in->at < in->end ? *in->at++ % n : 0; }
int rarely(input *in) { return choose(in, 32) == 31; }

size_t size_of(rf_dtype dtype)
{
    size_t size = rf_dtype_size(dtype);
    return size ? size : 1;
}

static double from_float16(uint16_t bits)
{
    int exponent = bits >> 10 & 31, mantissa = bits & 1023;
    double value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                   : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                  : ldexp(mantissa, -24);
    return bits >> 15 ? -value : value;
}

static float from_bfloat16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

double number_at(rf_dtype dtype, const void *numbers, size_t i)
{
    switch (dtype) {
    case RF_FLOAT32: return (double)((const float *)numbers)[i];
    case RF_FLOAT64: return ((const double *)numbers)[i];
    case RF_FLOAT16: return from_float16(((const uint16_t *)numbers)[i]);
    default: return (double)from_bfloat16(((const uint16_t *)numbers)[i]);
    }
}

/* Towards zero, which is as good a number as the nearest. */
static uint16_t to_float16(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value)) return sign | 0x7E00;
    int exponent;
    double size = frexp(fabs(value), &exponent);
    if (exponent > 16) return sign | 0x7C00; /* infinity, too: frexp gives that an exponent of 0 */
    if (isinf(value)) return sign | 0x7C00;
    if (value == 0 || exponent < -13) return (uint16_t)(sign | (uint16_t)ldexp(size, exponent + 24));
    return (uint16_t)(sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)((int)ldexp(size, 11) & 1023));
}

void put_number(rf_dtype dtype, void *to, size_t i, double value)
{
    uint32_t bits;
    float narrow = dtype == RF_FLOAT64             ? 0
                   : fabs(value) > (double)3.4e38F ? (float)copysign(INFINITY, value)
                                                   : (float)value;
    if (isnan(value)) narrow = NAN;
    switch (dtype) {
    case RF_FLOAT32: ((float *)to)[i] = narrow; break;
    case RF_FLOAT64: ((double *)to)[i] = value; break;
    case RF_FLOAT16: ((uint16_t *)to)[i] = to_float16(value); break;
    default:
        memcpy(&bits, &narrow, sizeof bits);
        ((uint16_t *)to)[i] = (uint16_t)(isnan(narrow) ? 0x7FC0 : bits >> 16);
    }
}

int same_number(rf_dtype dtype, const void *a, const void *b)
{
    return memcmp(a, b, size_of(dtype)) == 0 ||
           (isnan(number_at(dtype, a, 0)) && isnan(number_at(dtype, b, 0)));
}

int is_close(double got, double want, double tolerance)
{
    return got == want || (isnan(got) && isnan(want)) || fabs(got - want) <= tolerance;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static const double specials[] = {0,     1,       3,         6,    0.5,  100,   NAN,  INFINITY, 1e-3,
                                  1e-30, 3.4e38,  1e300,     88.7, 104,  709.7, 746,  0x1p-126, 0x1p-149,
                                  65504, 0x1p-24, 0x1p-1074, 2.5,  17.3, 3e38,  1e30, 0.25};

static double special(size_t i)
{
    double value = specials[i / 2 % (sizeof specials / sizeof *specials)];
    return i % 2 ? -value : value;
}

/* RF_N_DTYPES: bytes of any kind. */
void fill_numbers(rf_dtype dtype, void *to, size_t bytes, input *in)
{
    enum { TAME, SPECIAL, WILD };
    size_t kind = choose(in, 3);
    uint64_t state = choose(in, 256) + 256 * choose(in, 256);
    size_t size = size_of(dtype);
    const int addressable = (uintptr_t)to % size == 0 && (int)dtype >= 0 && dtype < RF_N_DTYPES;
    if (!addressable) kind = WILD;
    for (size_t i = 0; i < bytes / size; i++) {
        uint64_t bits = random_bits(&state);
        if (kind == WILD)
            memcpy((char *)to + i * size, &bits, size);
        else if (kind == SPECIAL && bits % 4 == 0)
            put_number(dtype, to, i, special(bits >> 8));
        else
            put_number(dtype, to, i, ((double)(bits >> 11) * 0x1p-53 - 0.5) * (bits % 8 ? 8 : 200));
    }
}

rf_activation choose_activation(input *in)
{
    static const rf_activation none[] = {-1, RF_HARDTANH + 1, INT_MAX, INT_MIN};
    return rarely(in) ? CHOICE(in, none) : (rf_activation)choose(in, RF_HARDTANH + 1);
}

rf_dtype choose_dtype(input *in)
{
    static const int none[] = {RF_N_DTYPES, -1, 77, INT_MIN};
    return rarely(in) ? (rf_dtype)CHOICE(in, none) : (rf_dtype)choose(in, RF_N_DTYPES);
}

double choose_param(rf_activation activation, int k, input *in)
{
    const rf_activation_info *info = rf_info(activation);
    double value = info && k < info->n_params ? info->param_defaults[k] : NAN;
    return choose(in, 2) || value != value ? special(choose(in, 256)) : value;
}
