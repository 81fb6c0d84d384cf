/* Every activation once more, from libm in long double: what the kernels are measured against. */
#ifndef RF_REFERENCE_H
#define RF_REFERENCE_H

typedef enum { GIVES_G, GIVES_SLOPE, GIVES_NAN } at_nan;

/* Of x (or y) and the parameters. */
typedef long double formula(long double x, const long double *params);

enum { MOST_SETS = 4 };

typedef struct {
    const char *name;
    formula *value, *slope;           /* slope: the derivative by x */
    formula *slope_from_y;            /* the same, told by the output; NULL where it cannot be */
    at_nan at_nan;                    /* the gradient where x is NaN */
    int has_root;                     /* the slope has one: next to it only the absolute error can be small */
    int n_sets;                       /* 1 where there are no parameters */
    long double params[MOST_SETS][2]; /* to test with, the default first */
} reference;

/* The reference of a row of the table, or NULL. */
const reference *reference_of(const char *name);

#endif
