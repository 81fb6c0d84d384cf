from numpy import ufunc

__all__ = [
    "elu",
    "elu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]

elu: ufunc
elu_backward: ufunc
leaky_relu: ufunc
leaky_relu_backward: ufunc
prelu: ufunc
prelu_backward: ufunc
relu: ufunc
relu_backward: ufunc
selu: ufunc
selu_backward: ufunc
sigmoid: ufunc
sigmoid_backward: ufunc
tanh: ufunc
tanh_backward: ufunc
