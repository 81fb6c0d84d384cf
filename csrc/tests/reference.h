/* Every activation once more, from libm in long double: what the kernels are measured against. */
#ifndef RF_REFERENCE_H
#define RF_REFERENCE_H

typedef enum { GIVES_G, GIVES_SLOPE_TIMES_G, GIVES_NAN } at_nan;

typedef struct {
    const char *name;
    long double (*value)(long double x, long double param);
    long double (*slope)(long double x, long double param);        /* the derivative by x */
    long double (*slope_from_y)(long double y, long double param); /* the same, told by the output */
    at_nan at_nan;                                                 /* the gradient where x is NaN */
    int n_params;                                                  /* 1 where there is no parameter */
    long double params[4]; /* to test with; from y, those that are not negative */
} reference;

/* The reference of a row of the table, or NULL. */
const reference *reference_of(const char *name);

#endif
