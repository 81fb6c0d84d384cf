from numpy import ufunc

__all__ = [
    "celu",
    "celu_backward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "gelu_tanh",
    "gelu_tanh_backward",
    "hardsigmoid",
    "hardsigmoid_backward",
    "hardswish",
    "hardswish_backward",
    "hardtanh",
    "hardtanh_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "mish",
    "mish_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu6",
    "relu6_backward",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "silu",
    "silu_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "squared_relu",
    "squared_relu_backward",
    "swish",
    "swish_backward",
    "tanh",
    "tanh_backward",
    "thresholded_relu",
    "thresholded_relu_backward",
]

celu: ufunc
celu_backward: ufunc
elu: ufunc
elu_backward: ufunc
gelu: ufunc
gelu_backward: ufunc
gelu_tanh: ufunc
gelu_tanh_backward: ufunc
hardsigmoid: ufunc
hardsigmoid_backward: ufunc
hardswish: ufunc
hardswish_backward: ufunc
hardtanh: ufunc
hardtanh_backward: ufunc
leaky_relu: ufunc
leaky_relu_backward: ufunc
mish: ufunc
mish_backward: ufunc
prelu: ufunc
prelu_backward: ufunc
relu: ufunc
relu6: ufunc
relu6_backward: ufunc
relu_backward: ufunc
selu: ufunc
selu_backward: ufunc
sigmoid: ufunc
sigmoid_backward: ufunc
silu: ufunc
silu_backward: ufunc
softplus: ufunc
softplus_backward: ufunc
softsign: ufunc
softsign_backward: ufunc
squared_relu: ufunc
squared_relu_backward: ufunc
swish: ufunc
swish_backward: ufunc
tanh: ufunc
tanh_backward: ufunc
thresholded_relu: ufunc
thresholded_relu_backward: ufunc
