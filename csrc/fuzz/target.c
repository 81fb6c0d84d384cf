#include "fuzz.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void expect(int ok, const fuzz_call *c, const char *format, ...)
{
    if (ok) return;
    const rf_activation_info *info = rf_info(c->activation);
    const char *dtype = rf_dtype_name(c->dtype);
    fprintf(stderr, "%s of %s (%d), %s (%d), shape (%zu, %zu, %zu), %d threads\n", c->function,
            info ? info->name : "no activation", c->activation, dtype ? dtype : "no dtype", (int)c->dtype,
            c->shape.outer, c->shape.units, c->shape.inner, c->n_threads);
    static const char *const roles[] = {"read", "added to", "overwritten"};
    for (int i = 0; i < c->n; i++)
        fprintf(stderr, "  operand %d: arena + %td, %zu blocks of %zu bytes, %td apart, %s\n", i,
                c->operands[i].at ? c->operands[i].at - arena : -1, c->operands[i].count,
                c->operands[i].bytes, c->operands[i].step, roles[c->operands[i].role]);
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void choose_settings(fuzz_call *c, input *in)
{
    int n = 0;
    while (rf_isa_available(n)) n++;
    rf_isa_use(rf_isa_available((int)choose(in, (size_t)n)));
    c->n_threads = 1 + (int)choose(in, 4);
    rf_set_num_threads(c->n_threads);
}

/* Of those with fused multiply-add the bits are the same. */
static int rounds_alike(const char *a, const char *b)
{
    return strcmp(a, "baseline") != 0 && strcmp(b, "baseline") != 0;
}

void call_otherwise(const fuzz_call *c, rf_status (*call)(const void *args), const void *args)
{
    static char first[ARENA];
    const char *used = rf_isa_active();
    arena_copy(first);
    rf_set_num_threads(1);
    for (int i = 0; rf_isa_available(i); i++) {
        const char *isa = rf_isa_available(i);
        rf_isa_use(isa);
        arena_restore(c);
        rf_status status = call(args);
        arena_judge(c, status);
        expect(status == RF_OK, c, "\"%s\" under %s", rf_strerror(status), isa);
        int same = strcmp(isa, used) == 0 || rounds_alike(isa, used);
        /* where rounding differs, a gradient may be 0 in one and not in the other */
        if (same || strcmp(c->function, "rf_units_backward") != 0) same_as(c, first, same);
    }
}

void fuzz_lookups(input *in)
{
    fuzz_call c = {.function = "lookups", .activation = choose_activation(in), .dtype = choose_dtype(in)};
    char name[16] = {0};
    size_t length = choose(in, sizeof name);
    for (size_t i = 0; i < length; i++) name[i] = (char)choose(in, 256);
    rf_activation row = rf_activation_by_name(name);
    expect(row == -1 || (rf_info(row) && strcmp(rf_info(row)->name, name) == 0), &c, "\"%s\" is number %d",
           name, row);
    int dtype = rf_dtype_by_name(name);
    expect(dtype == -1 || strcmp(rf_dtype_name((rf_dtype)dtype), name) == 0, &c, "\"%s\" is dtype %d", name,
           dtype);
    double params[RF_MAX_PARAMS] = {choose_param(c.activation, 0, in), choose_param(c.activation, 1, in)};
    expect(rf_info(c.activation) ||
               (isnan(rf_gate(c.activation, params)) && isnan(rf_ceiling(c.activation, params))),
           &c, "no activation, but a gate");
    rf_gate(c.activation, NULL), rf_ceiling(c.activation, NULL);
    int number = (int)((unsigned)choose(in, 256) << 24 | (unsigned)choose(in, 256));
    expect(rf_strerror((rf_status)number) && *rf_strerror((rf_status)number), &c, "status %d has no message",
           number);
    expect(rf_abi_check(number) == RF_OK || number != RF_ABI_VERSION, &c, "ABI %d does not fit", number);
    const char *active = rf_isa_active();
    expect(rf_isa_use(name) == RF_OK || rf_isa_active() == active, &c,
           "\"%s\" was refused, but changed the instruction set", name);
    int n = rf_get_num_threads(), wanted = number % 8;
    rf_status status = rf_set_num_threads(wanted);
    expect(status == (wanted >= 1 ? RF_OK : RF_EINVAL) &&
               rf_get_num_threads() == (status == RF_OK ? wanted : n),
           &c, "%d threads: \"%s\", then there are %d", wanted, rf_strerror(status), rf_get_num_threads());
    if (rarely(in)) rf_threads_shutdown();
    expect(rf_units_forward(NULL) == RF_EINVAL && rf_units_backward(NULL) == RF_EINVAL, &c,
           "NULL is accepted");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const functions[])(input *) = {fuzz_elementwise,   fuzz_units_forward,  fuzz_units_backward,
                                                 fuzz_units_forward, fuzz_units_backward, fuzz_elementwise,
                                                 fuzz_elementwise,   fuzz_lookups};
    input in = {data, data + size};
    arena_clear();
    CHOICE(&in, functions)(&in);
    return 0;
}
