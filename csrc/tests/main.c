/* Runs every test: run_tests [-v]. Failures go to stderr; -v also prints what accuracy was reached. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static unsigned long passed, failed;
static int verbose;

enum { MOST_PRINTED = 40 };

int check(int ok, const char *format, ...)
{
    if (ok) {
        passed++;
    } else if (++failed <= MOST_PRINTED) {
        va_list args;
        va_start(args, format);
        fputs("FAILED: ", stderr);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        va_end(args);
    }
    return ok;
}

void note(const char *format, ...)
{
    if (!verbose) return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}

int main(int argc, char **argv)
{
    verbose = argc == 2 && strcmp(argv[1], "-v") == 0;
    if (argc > 1 && !verbose) {
        fprintf(stderr, "usage: %s [-v]\n", argv[0]);
        return 2;
    }
    test_isa_cap();            /* first: nothing has picked an instruction set yet */
    test_thread_environment(); /* nor a number of threads */
    test_accuracy();
    test_elementwise();
    test_environment();
    test_units();
    test_statuses();
    test_threads();
    test_xla();
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
