/* All 2^32 float32 inputs of every activation, forward and backward (with gradient 1), against libm in
 * double: the largest error in ULP of the exact result, and where. About 40 seconds of one core a line.
 *
 *     walk [--isa NAME] [--threads N] [--every N] [ACTIVATION[=PARAMETER] ...]
 *
 * Left out, these are the best instruction set, one thread a core, every input and every activation at its
 * default parameter (prelu: 0.25). Exit status 1 if an error passes its bound, if NaN does not stay NaN (or
 * a number becomes it), or if a zero has the wrong sign. */
#define _GNU_SOURCE /* _SC_NPROCESSORS_ONLN */
#include "relu_fast.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Formulas that do not cancel: good to 2^-28 ULP of float32. At NaN they give what the kernels promise: relu
 * passes the gradient, leaky_relu and prelu multiply it by the slope, the others give NaN. */
static const double SELU_ALPHA = 1.6732632423543772848, SELU_SCALE = 1.0507009873554804934;

static double logistic_slope(double x)
{
    double e = exp(-fabs(x));
    return e / ((1 + e) * (1 + e));
}

static double relu(double x, double p) { return (void)p, x <= 0 ? 0 : x; }
static double relu_slope(double x, double p) { return (void)p, x <= 0 ? 0 : 1; }
static double leaky(double x, double p) { return x > 0 ? x : p == 0 && x == x ? 0 : p * x; }
static double leaky_slope(double x, double p) { return x > 0 ? 1 : p; }
static double elu(double x, double p) { return x > 0 ? x : p * expm1(x); }
static double elu_slope(double x, double p) { return x > 0 ? 1 : p * exp(x); }
static double selu(double x, double p) { return (void)p, SELU_SCALE * elu(x, SELU_ALPHA); }
static double selu_slope(double x, double p) { return (void)p, SELU_SCALE * elu_slope(x, SELU_ALPHA); }
static double sigmoid(double x, double p) { return (void)p, 1 / (1 + exp(-x)); }
static double sigmoid_slope(double x, double p) { return (void)p, logistic_slope(x); }
static double hyperbolic(double x, double p) { return (void)p, tanh(x); }
static double hyperbolic_slope(double x, double p) { return (void)p, 4 * logistic_slope(2 * x); }

typedef double formula(double x, double param);

static const struct {
    const char *name;
    formula *forward, *backward;
} formulas[] = {
    {"relu", relu, relu_slope},
    {"leaky_relu", leaky, leaky_slope},
    {"prelu", leaky, leaky_slope},
    {"elu", elu, elu_slope},
    {"selu", selu, selu_slope},
    {"sigmoid", sigmoid, sigmoid_slope},
    {"tanh", hyperbolic, hyperbolic_slope},
};
enum { N_FORMULAS = sizeof formulas / sizeof *formulas, BLOCK = 4096 };

static const double BOUND[2] = {1, 2}; /* forward, backward */

typedef struct {
    rf_activation row;
    int backward;
    formula *exact;
    float param;
    uint64_t first, step, every; /* blocks first, first + step, ...; inputs 0, every, 2 every, ... */
    double most;
    float worst_x, worst_got, wrong_x, wrong_got;
    uint64_t above, wrong;
} walker;

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Reciprocal of the float32 ULP at x, subnormals included. */
static double per_ulp(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    exponent = exponent < -126 ? -126 : exponent > 127 ? 127 : exponent;
    bits = (uint64_t)(1023 + 23 - exponent) << 52;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double at_most_past_largest(double x) { return fabs(x) > 0x1p128 ? copysign(0x1p128, x) : x; }

static void judge(walker *w, float x, float got)
{
    double exact = w->exact(x, w->param);
    int zero_with_wrong_sign = got == 0 && !signbit(got) != !signbit(exact);
    if ((got != got) != (exact != exact) || zero_with_wrong_sign) {
        w->wrong++;
        w->wrong_x = x, w->wrong_got = got;
    }
    double error = fabs(at_most_past_largest(got) - at_most_past_largest(exact)) * per_ulp(exact);
    if (error > BOUND[w->backward]) w->above++;
    if (error > w->most) w->most = error, w->worst_x = x, w->worst_got = got;
}

static void *walk(void *argument)
{
    walker *w = argument;
    float x[BLOCK], ones[BLOCK], got[BLOCK];
    for (int i = 0; i < BLOCK; i++) ones[i] = 1;
    uint64_t n_inputs = (UINT64_C(1) << 32) / w->every, n_blocks = (n_inputs + BLOCK - 1) / BLOCK;
    for (uint64_t block = w->first; block < n_blocks; block += w->step) {
        for (int i = 0; i < BLOCK; i++)
            x[i] = from_bits((uint32_t)((block * BLOCK + (uint64_t)i) * w->every));
        if (w->backward)
            rf_backward(w->row, RF_FLOAT32, BLOCK, ones, x, &w->param, got);
        else
            rf_forward(w->row, RF_FLOAT32, BLOCK, x, &w->param, got);
        for (int i = 0; i < BLOCK; i++) judge(w, x[i], got[i]);
    }
    return NULL;
}

/* One line of output; 0 if something is wrong. */
static int walk_in_threads(walker of_all, const char *name, int n_threads)
{
    pthread_t threads[64];
    walker part[64], *all = &of_all;
    for (int t = 0; t < n_threads; t++) {
        part[t] = of_all;
        part[t].first = (uint64_t)t, part[t].step = (uint64_t)n_threads;
        if (pthread_create(&threads[t], NULL, walk, &part[t]) != 0) perror("pthread_create"), exit(2);
    }
    for (int t = 0; t < n_threads; t++) {
        pthread_join(threads[t], NULL);
        if (part[t].most > all->most)
            all->most = part[t].most, all->worst_x = part[t].worst_x, all->worst_got = part[t].worst_got;
        if (part[t].wrong) all->wrong_x = part[t].wrong_x, all->wrong_got = part[t].wrong_got;
        all->above += part[t].above;
        all->wrong += part[t].wrong;
    }
    printf("%-11s %-9s %-9g %7.4f  x = %-15a got %-15a %9llu", name, all->backward ? "backward" : "forward",
           all->param, all->most, all->worst_x, all->worst_got, (unsigned long long)all->above);
    if (all->wrong)
        printf("  %llu wrong NaN or sign of zero, such as x = %a: %a", (unsigned long long)all->wrong,
               all->wrong_x, all->wrong_got);
    putchar('\n');
    fflush(stdout);
    return all->above == 0 && all->wrong == 0;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--isa NAME] [--threads 1..64] [--every N] [ACTIVATION[=PARAMETER] ...]\n",
            program);
    return 2;
}

/* Both directions of an activation, given as NAME or NAME=PARAMETER; -1 if there is none of that name. */
static int walk_activation(const char *given, int n_threads, uint64_t every)
{
    char name[64];
    size_t length = strcspn(given, "=");
    if (length >= sizeof name) return -1;
    memcpy(name, given, length);
    name[length] = 0;
    rf_activation row = rf_activation_by_name(name);
    for (int i = 0; i < N_FORMULAS && row >= 0; i++) {
        if (strcmp(formulas[i].name, name) != 0) continue;
        const rf_activation_info *info = rf_info(row);
        double standard = info->n_params ? info->param_defaults[0] : 0;
        walker w = {.row = row, .every = every};
        w.param = (float)(given[length]     ? strtod(given + length + 1, NULL)
                          : isnan(standard) ? 0.25
                                            : standard);
        w.exact = formulas[i].forward;
        int ok = walk_in_threads(w, name, n_threads);
        w.backward = 1, w.exact = formulas[i].backward;
        return walk_in_threads(w, name, n_threads) && ok;
    }
    return -1;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n_threads = cores < 1 ? 1 : cores > 64 ? 64 : (int)cores, all_right = 1, i = 1;
    uint64_t every = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--threads") == 0) {
            n_threads = atoi(value);
        } else if (strcmp(argv[i], "--every") == 0) {
            every = strtoull(value, NULL, 10);
        } else if (strcmp(argv[i], "--isa") == 0) {
            rf_status status = rf_isa_use(value);
            if (status != RF_OK) return fprintf(stderr, "--isa %s: %s\n", value, rf_strerror(status)), 2;
        } else {
            return usage(argv[0]);
        }
    }
    if (n_threads < 1 || n_threads > 64 || every < 1) return usage(argv[0]);

    printf("float32 on %s, one input of %llu, %d threads\n", rf_isa_active(), (unsigned long long)every,
           n_threads);
    printf("%-11s %-9s %-9s %7s  %-42s %9s\n", "activation", "direction", "parameter", "max ULP", "at",
           "above");
    for (rf_activation row = 0; i == argc && rf_info(row); row++) {
        int ok = walk_activation(rf_info(row)->name, n_threads, every);
        if (ok < 0) fprintf(stderr, "%s has no formula in walk.c\n", rf_info(row)->name);
        all_right &= ok > 0;
    }
    for (; i < argc; i++) {
        int ok = walk_activation(argv[i], n_threads, every);
        if (ok < 0) return fprintf(stderr, "%s: no such activation\n", argv[i]), 2;
        all_right &= ok;
    }
    return !all_right;
}
