/* The target of the fuzzer without one: replay [N | FILE ...] tries N inputs of random bytes, the same in
 * every run, or the contents of files. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>

enum { LONGEST = 4096, USUAL = 160 };

static void try_file(const char *path)
{
    static uint8_t bytes[LONGEST];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(2);
    }
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, n);
}

int main(int argc, char **argv)
{
    char *end;
    unsigned long n = argc == 2 ? strtoul(argv[1], &end, 10) : 0;
    if (argc < 2 || (n == 0 && argc == 2 && *end == 0)) {
        fprintf(stderr, "usage: %s N | FILE ...\n", argv[0]);
        return 2;
    }
    if (n == 0 || *end) {
        for (int i = 1; i < argc; i++) try_file(argv[i]);
        n = (unsigned long)argc - 1;
    } else {
        uint64_t state = 1;
        for (unsigned long k = 0; k < n; k++) {
            uint8_t bytes[USUAL];
            for (size_t i = 0; i < sizeof bytes; i++) { /* Knuth's MMIX */
                state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                bytes[i] = (uint8_t)(state >> 56);
            }
            LLVMFuzzerTestOneInput(bytes, sizeof bytes);
        }
    }
    printf("%lu inputs, no finding\n", n);
    rf_threads_shutdown();
    return 0;
}
