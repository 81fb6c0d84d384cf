// relu_fast.h is usable from C++11: every function links under its C name.
#include "relu_fast.h"

#include <cstdio>
#include <cstring>

int main()
{
    const rf_activation relu = rf_activation_by_name("relu");
    const float x[3] = {-1, 0, 2}, ones[3] = {1, 1, 1};
    float y[3], gx[3];
    int64_t active[3] = {0, 0, 0};

    rf_units_forward_args count = rf_units_forward_args();
    count.activation = relu;
    count.dtype = RF_FLOAT32;
    count.shape.outer = 1, count.shape.units = 3, count.shape.inner = 1;
    count.z = x;
    count.counts.active = active;
    rf_units_backward_args back = rf_units_backward_args();
    back.activation = relu;
    back.dtype = RF_FLOAT32;
    back.shape = count.shape;
    back.grad_output = ones;
    back.source = x;
    back.grad_input = gx;

    const bool right = rf_abi_check(RF_ABI_VERSION) == RF_OK && relu == RF_RELU &&
                       rf_dtype_by_name(rf_dtype_name(RF_FLOAT32)) == RF_FLOAT32 &&
                       rf_info(relu)->n_params == 0 && rf_forward(relu, RF_FLOAT32, 3, x, NULL, y) == RF_OK &&
                       y[0] == 0 && y[2] == 2 &&
                       rf_backward(relu, RF_FLOAT32, 3, ones, x, NULL, gx) == RF_OK && gx[2] == 1 &&
                       rf_units_forward(&count) == RF_OK && active[0] == 0 && active[2] == 1 &&
                       rf_units_backward(&back) == RF_OK && gx[0] == 0 && rf_isa_available(0) &&
                       rf_isa_known(0) && rf_isa_use(rf_isa_active()) == RF_OK &&
                       rf_isa_environment() == RF_OK && std::strcmp(rf_strerror(RF_OK), "ok") == 0;
    std::puts(right ? "C++11: 1 passed, 0 failed" : "C++11: 0 passed, 1 failed");
    return !right;
}
