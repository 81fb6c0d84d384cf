/* Runs every test, or those of the groups named, or those of all others: run_tests [-v] [[--without] GROUP
 * ...]. Failures go to stderr; -v also prints what accuracy was reached, and how long each group took. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* In the order in which they have to run. */
static const struct {
    const char *name;
    void (*test)(void);
} groups[] = {
    {"isa_cap", test_isa_cap},                       /* nothing has picked an instruction set yet */
    {"thread_environment", test_thread_environment}, /* nor a number of threads */
    {"accuracy", test_accuracy},
    {"elementwise", test_elementwise},
    {"environment", test_environment},
    {"units", test_units},
    {"large_units", test_large_units},
    {"statuses", test_statuses},
    {"threads", test_threads},
    {"forks", test_forks},
    {"callers", test_callers},
    {"xla", test_xla},
};

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [-v] [[--without] GROUP ...], each of", program);
    for (size_t i = 0; i < LENGTH_OF(groups); i++) fprintf(stderr, " %s", groups[i].name);
    fputc('\n', stderr);
    return 2;
}

static int is_among(const char *group, char **names)
{
    for (; *names; names++)
        if (strcmp(*names, group) == 0) return 1;
    return 0;
}

static int is_group(const char *name)
{
    for (size_t i = 0; i < LENGTH_OF(groups); i++)
        if (strcmp(groups[i].name, name) == 0) return 1;
    return 0;
}

int main(int argc, char **argv)
{
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    char **names = argv + 1 + verbose;
    const int without = *names && strcmp(*names, "--without") == 0;
    names += without;
    const int all = without || !*names;
    for (char **name = names; *name; name++)
        if (!is_group(*name)) return usage(argv[0]);
    count_threads_at_first();
    for (size_t i = 0; i < LENGTH_OF(groups); i++)
        if (all != is_among(groups[i].name, names)) {
            time_t start = time(NULL);
            groups[i].test();
            note("%s: %.0f s\n", groups[i].name, difftime(time(NULL), start));
        }
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed != 0;
}
