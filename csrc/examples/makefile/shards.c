/* Many threads at once: each takes shards of a batch, applies leaky_relu with one slope per unit, and counts
 * for itself; counts are added up at the end. shards [THREADS]. */
#define _POSIX_C_SOURCE 200809L
#include <relu_fast.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARDS = 64, ROWS = 128, UNITS = 96, MOST_THREADS = 64 };

static float batch[SHARDS][ROWS][UNITS], slopes[UNITS];
static atomic_int next_shard;

typedef struct {
    pthread_t thread;
    rf_status status;
    int64_t active[UNITS];
} worker;

static void *work(void *argument)
{
    worker *self = argument;
    for (int shard; self->status == RF_OK && (shard = atomic_fetch_add(&next_shard, 1)) < SHARDS;) {
        const rf_units_forward_args args = {.activation = RF_LEAKY_RELU,
                                            .dtype = RF_FLOAT32,
                                            .shape = {ROWS, UNITS, 1},
                                            .z = batch[shard],
                                            .z_step = sizeof batch[0][0],
                                            .y = batch[shard],
                                            .y_step = sizeof batch[0][0],
                                            .params = {slopes},
                                            .param_per_unit = {1},
                                            .counts = {.active = self->active}};
        self->status = rf_units_forward(&args);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static worker workers[MOST_THREADS];
    int n = argc > 1 ? atoi(argv[1]) : 4, started = 0, failed = 0;
    if (n < 1 || n > MOST_THREADS) n = MOST_THREADS;
    /* unit u is positive in u of 96 rows, one after the other */
    for (int row = 0; row < SHARDS * ROWS; row++)
        for (int u = 0; u < UNITS; u++) batch[row / ROWS][row % ROWS][u] = row % UNITS < u ? 1.0f : -1.0f;
    for (int u = 0; u < UNITS; u++) slopes[u] = (float)u / UNITS;
    while (started < n && pthread_create(&workers[started].thread, NULL, work, &workers[started]) == 0)
        started++;
    for (int i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        failed |= workers[i].status != RF_OK;
    }
    if (!started || failed) {
        fprintf(stderr, "shards: %s\n", started ? "a call was refused" : "no thread");
        return 1;
    }
    int64_t fired = 0, dead = 0;
    double sum = 0;
    for (int u = 0; u < UNITS; u++) {
        int64_t times = 0;
        for (int i = 0; i < started; i++) times += workers[i].active[u];
        fired += times;
        dead += times == 0;
    }
    for (int i = 0; i < SHARDS * ROWS * UNITS; i++) sum += (&batch[0][0][0])[i];
    printf("%" PRId64 " firings, %" PRId64 " dead units, mean %.6f\n", fired, dead,
           sum / (SHARDS * ROWS * UNITS));
    return 0;
}
