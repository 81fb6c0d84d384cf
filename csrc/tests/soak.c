/* Calls of every public function, of ever other sizes, and whether they keep memory: soak CALLS. */
#if defined(__linux__)
#define _GNU_SOURCE /* mallinfo2 */
#endif
#include "relu_fast.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { MOST = 6000, LARGE = 1 << 17 };

static double in[LARGE], gradient[LARGE], out[LARGE], totals[5][MOST];
static uint8_t mask[LARGE / 8];

/* Numbers in use by malloc and by the process, in bytes; 0 where the system does not tell. */
typedef struct {
    size_t allocated, resident;
} memory;

static memory memory_now(void)
{
    memory m = {0};
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();
    m.allocated = info.uordblks + info.hblkhd;
#endif
    size_t pages, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%zu %zu", &pages, &resident) == 2)
        m.resident = resident * (size_t)sysconf(_SC_PAGESIZE);
    if (file) fclose(file);
    return m;
}

static uint64_t state = 1;

static size_t below(size_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
    return (size_t)(state >> 33) % n;
}

static void call(unsigned long i)
{
    const int large = i % 5000 == 0;
    rf_dtype dtype = (rf_dtype)below(RF_N_DTYPES);
    const ptrdiff_t size = (ptrdiff_t)rf_dtype_size(dtype);
    const uint64_t params[RF_MAX_PARAMS] = {0};                /* 0 in every dtype */
    rf_activation row = (rf_activation)below(RF_HARDTANH + 2); /* one of them is none */
    rf_shape shape = {1 + below(4), 1 + below(i % 100 ? 40 : MOST - 40), 1};
    if (large) shape = (rf_shape){LARGE / 5000, 5000, 1};
    const ptrdiff_t step = (ptrdiff_t)shape.units * size;
    switch (i % 6) {
    case 0: rf_forward(row, dtype, large ? LARGE : below(100), in, params, out); break;
    case 1: rf_backward(row, dtype, large ? LARGE : below(100), gradient, in, params, out); break;
    case 2:
    case 3: {
        rf_units_forward_args a = {.activation = row,
                                   .dtype = dtype,
                                   .shape = shape,
                                   .z = in,
                                   .z_step = step,
                                   .y = out,
                                   .y_step = i % 7 ? step : step + 1, /* sometimes refused */
                                   .params = {params, params + 1},
                                   .counts = {.max = totals[0], .min = totals[1], .sum_abs = totals[2]},
                                   .mask = rf_info(row) && rf_info(row)->mask && i % 2 ? mask : NULL};
        rf_units_forward(&a);
        break;
    }
    case 4: {
        rf_units_backward_args a = {.activation = row,
                                    .dtype = dtype,
                                    .shape = shape,
                                    .grad_output = gradient,
                                    .grad_output_step = step,
                                    .source = in,
                                    .source_step = step,
                                    .grad_input = out,
                                    .grad_input_step = i % 7 ? step : 0,
                                    .params = {params, params + 1},
                                    .bias_grad = totals[3],
                                    .weight_grad = row == RF_PRELU ? totals[4] : NULL};
        rf_units_backward(&a);
        break;
    }
    default:
        rf_isa_use(rf_isa_known((int)below(3)));
        rf_activation_by_name(rf_strerror((rf_status)below(7)));
        if (i % 3000 == 5) rf_set_num_threads(1 + (int)below(4));
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    unsigned long calls = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (calls < 100 || *end) {
        fprintf(stderr, "usage: %s CALLS, at least 100\n", argv[0]);
        return 2;
    }
    const unsigned long warm =
        calls / 10; /* until each kind of call was made and every thread has its stack */
    memory start = {0};
    for (unsigned long i = 0; i < calls; i++) {
        if (i == warm) start = memory_now();
        call(i);
    }
    memory stop = memory_now();
    printf("%lu calls: malloc %zu to %zu bytes, resident %zu to %zu KiB\n", calls - warm, start.allocated,
           stop.allocated, start.resident / 1024, stop.resident / 1024);
    /* what wide layers borrow depends on their widths, stacks of threads on how deep they got */
    enum { ALLOCATED = 256 << 10, RESIDENT = 4 << 20 };
    int grew = stop.allocated > start.allocated + ALLOCATED || stop.resident > start.resident + RESIDENT;
    if (grew) fputs("FAILED: memory grew\n", stderr);
    rf_threads_shutdown();
    return grew;
}
