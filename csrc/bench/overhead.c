/* What a call of the public functions costs over the loop that it ends in: `make -C csrc overhead`. */
#define _POSIX_C_SOURCE 199309L /* clock_gettime */
#include "kernels.h"

#include <stdio.h>
#include <time.h>

enum { N = 16, CALLS = 200000, ROUNDS = 41 };

static float x[N], g[N], y[N];
static rf_loop *loop, *backward_loop;

static void bare_loop(void)
{
    char *args[] = {(char *)x, (char *)y};
    loop(args, N, 1, 0);
}
static void bare_backward_loop(void)
{
    char *args[] = {(char *)g, (char *)x, (char *)y};
    backward_loop(args, N, 1, 0);
}
static void forward(void) { rf_forward(RF_RELU, RF_FLOAT32, N, x, NULL, y); }
static void backward(void) { rf_backward(RF_RELU, RF_FLOAT32, N, g, x, NULL, y); }
static void units_forward(void)
{
    static int64_t active[N], nonfinite[N];
    static double max[N];
    static float bias[N];
    rf_units_forward_args a = {.activation = RF_RELU,
                               .shape = {1, N, 1},
                               .z = x,
                               .y = y,
                               .bias = bias,
                               .counts = {.active = active, .nonfinite = nonfinite, .max = max}};
    rf_units_forward(&a);
}

static double nanoseconds(void (*call)(void))
{
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < CALLS; i++) call();
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / CALLS;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*call)(void);
    } calls[] = {{"the bare loop", bare_loop},
                 {"rf_forward", forward},
                 {"the bare loop of the backward pass", bare_backward_loop},
                 {"rf_backward", backward},
                 {"rf_units_forward, three counts", units_forward}};
    enum { N_CALLS = sizeof calls / sizeof *calls };
    double best[N_CALLS];
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2), g[i] = 1;
    rf_loop *const *loops = rf_active_kernels()->loops[RF_RELU][RF_FLOAT32];
    loop = loops[RF_FORWARD], backward_loop = loops[RF_BACKWARD];
    /* interleaved, so that a change of the clock rate is everybody's */
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < N_CALLS; i++) {
            double now = nanoseconds(calls[i].call);
            if (!round || now < best[i]) best[i] = now;
        }
    printf("relu, float32, n = %d, %s: nanoseconds a call, the least of %d rounds\n", N, rf_isa_active(),
           ROUNDS);
    for (int i = 0; i < N_CALLS; i++) printf("%8.1f  %s\n", best[i], calls[i].name);
    return 0;
}
