/* A calculator: activation NAME X... prints each x, the activation with its default parameters, and its
 * derivative; without arguments, every activation and its formula. */
#include <relu_fast.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int list(void)
{
    for (rf_activation row = 0; rf_info(row); row++)
        printf("%-16s %s\n", rf_info(row)->name, rf_info(row)->formula);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) return list();
    const rf_activation activation = rf_activation_by_name(argv[1]);
    const rf_activation_info *info = rf_info(activation);
    if (!info) {
        fprintf(stderr, "activation: there is no \"%s\"\n", argv[1]);
        return 2;
    }
    double params[RF_MAX_PARAMS];
    for (int i = 0; i < info->n_params; i++) {
        params[i] = info->param_defaults[i];
        if (isnan(params[i])) params[i] = 0.25; /* learned: what PyTorch starts from */
        printf("# %s = %g\n", info->param_names[i], params[i]);
    }
    for (int i = 2; i < argc; i++) {
        const double x = strtod(argv[i], NULL), one = 1;
        double y, slope;
        rf_status status = rf_forward(activation, RF_FLOAT64, 1, &x, params, &y);
        if (status == RF_OK) status = rf_backward(activation, RF_FLOAT64, 1, &one, &x, params, &slope);
        if (status != RF_OK) {
            fprintf(stderr, "activation: %s\n", rf_strerror(status));
            return 1;
        }
        printf("%g\t%.12g\t%.12g\n", x, y, slope);
    }
    return 0;
}
