/* One layer of a pipeline: rows of float32 come in on standard input, relu(row + bias) goes out on standard
 * output, and when the stream ends the units that never fired go to standard error.
 *
 *     cc -O2 relu_pipe.c $(pkg-config --cflags --libs relu_fast) -o relu_pipe
 *     producer | relu_pipe 512 bias.f32 2> dead.tsv | consumer
 *
 * It is as fast as the pipe: a chunk is read, worked on in place while it is in the cache, and written. */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <relu_fast.h>

enum { CHUNK = 256 << 10 /* bytes; fits the second-level cache */ };

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "relu_pipe: %s: %s\n", what, why);
    exit(1);
}

static void *allocate(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (!memory) fail("memory", strerror(errno));
    return memory;
}

/* Bytes read, 0 at the end. */
static size_t read_some(char *to, size_t room)
{
    ssize_t got;
    do got = read(STDIN_FILENO, to, room);
    while (got < 0 && errno == EINTR);
    if (got < 0) fail("standard input", strerror(errno));
    return (size_t)got;
}

static void write_all(const char *from, size_t bytes)
{
    while (bytes) {
        ssize_t put = write(STDOUT_FILENO, from, bytes);
        if (put < 0 && errno != EINTR) fail("standard output", strerror(errno));
        if (put > 0) from += put, bytes -= (size_t)put;
    }
}

static void read_bias(const char *path, float *bias, size_t units)
{
    FILE *file = fopen(path, "rb");
    if (!file) fail(path, strerror(errno));
    if (fread(bias, sizeof *bias, units, file) != units || fgetc(file) != EOF)
        fail(path, "expected one float32 for each unit");
    fclose(file);
}

static void print_dead(const rf_unit_counts *counts, size_t units, size_t rows)
{
    size_t dead = 0;
    for (size_t u = 0; u < units; u++) dead += counts->active[u] == 0;
    fprintf(stderr, "# %zu of %zu units never fired in %zu rows\nunit\tlargest\tnonfinite\n", dead, units,
            rows);
    for (size_t u = 0; u < units; u++)
        if (counts->active[u] == 0)
            fprintf(stderr, "%zu\t%g\t%" PRId64 "\n", u, counts->max[u], counts->nonfinite[u]);
}

int main(int argc, char **argv)
{
    char *end = NULL;
    const size_t units = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
    if (argc < 2 || argc > 3 || *end || !units || units > SIZE_MAX / 64) {
        fprintf(stderr, "usage: relu_pipe UNITS [BIAS.f32] < IN.f32 > OUT.f32 2> DEAD.tsv\n");
        return 2;
    }
    if (rf_abi_check(RF_ABI_VERSION) != RF_OK) fail("relu_fast", rf_version());

    const size_t row = units * sizeof(float), room = row > CHUNK ? row : CHUNK / row * row;
    char *chunk = allocate(room, 1);
    float *bias = allocate(units, sizeof *bias);
    if (argc == 3) read_bias(argv[2], bias, units);
    rf_unit_counts counts = {.active = allocate(units, sizeof *counts.active),
                             .nonfinite = allocate(units, sizeof *counts.nonfinite),
                             .max = allocate(units, sizeof *counts.max)};
    for (size_t u = 0; u < units; u++) counts.max[u] = -INFINITY;
#ifdef F_SETPIPE_SZ /* fewer switches between the processes; not everything is a pipe */
    fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
    fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 1 << 20);
#endif

    size_t have = 0, rows = 0, got;
    while ((got = read_some(chunk + have, room - have)) > 0) {
        have += got;
        const size_t whole = have / row;
        if (!whole) continue;
        const rf_units_forward_args args = {.activation = RF_RELU,
                                            .dtype = RF_FLOAT32,
                                            .shape = {whole, units, 1},
                                            .z = chunk,
                                            .z_step = (ptrdiff_t)row,
                                            .y = chunk,
                                            .y_step = (ptrdiff_t)row,
                                            .bias = bias,
                                            .counts = counts};
        const rf_status status = rf_units_forward(&args);
        if (status != RF_OK) fail("rf_units_forward", rf_strerror(status));
        write_all(chunk, whole * row);
        rows += whole;
        have -= whole * row;
        memmove(chunk, chunk + whole * row, have);
    }
    if (have) fail("standard input", "ends within a row");
    print_dead(&counts, units, rows);
    free(chunk), free(bias), free(counts.active), free(counts.nonfinite), free(counts.max);
    return 0;
}
