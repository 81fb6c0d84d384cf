"""What PyTorch has for each activation, with preallocated outputs wherever it takes them.

Forward through its Python functions, which cost less than ``torch.ops.aten``; backward through
``aten::<name>_backward.grad_input``. It takes no output for prelu and its backward, mish_backward and
hardswish_backward: those allocate. squared_relu, softsign and swish with a beta are no functions of PyTorch: they
are composed. `nn` is what ``torch.nn.functional`` calls.
"""

from __future__ import annotations

from .idioms import ALPHA, SCALE
from .works import BACKWARD, BETA, FORWARD, FROM_Y

__all__ = ["ALLOCATING", "TORCH"]

ALLOCATING = frozenset({"mish_backward", "hardswish_backward", "_prelu_kernel_backward"})
"""Backward functions that have no ``.grad_input``."""

_PAIRS: dict[str, tuple[str, str]] = {
    "relu": (
        "torch.clamp_min(x, 0, out=y)",
        "threshold_backward(g, x, 0, grad_input=y)",
    ),
    "relu6": (
        "nn.hardtanh(x, 0.0, 6.0, out=y)",
        "hardtanh_backward(g, x, 0.0, 6.0, grad_input=y)",
    ),
    "squared_relu": (
        "torch.clamp_min(x, 0, out=y); torch.mul(y, y, out=y)",
        "torch.clamp_min(x, 0, out=y); torch.mul(y, 2, out=y); torch.mul(g, y, out=y)",
    ),
    "leaky_relu": (
        "nn.leaky_relu(x, 0.01, out=y)",
        "leaky_relu_backward(g, x, 0.01, False, grad_input=y)",
    ),
    "prelu": (
        "torch.prelu(x, w)",
        "_prelu_kernel_backward(g, x, w.view(1, 1))",
    ),
    "thresholded_relu": (
        "torch.threshold(x, 1.0, 0.0, out=y)",
        "threshold_backward(g, x, 1.0, grad_input=y)",
    ),
    "elu": (
        "nn.elu(x, 1.0, out=y)",
        "elu_backward(g, 1.0, 1.0, 1.0, False, x, grad_input=y)",
    ),
    "selu": (
        f"nn.elu(x, {ALPHA}, {SCALE}, out=y)",
        f"elu_backward(g, {ALPHA}, {SCALE}, 1.0, False, x, grad_input=y)",
    ),
    "celu": (
        "nn.elu(x, 1.0, 1.0, 1.0, out=y)",
        "elu_backward(g, 1.0, 1.0, 1.0, False, x, grad_input=y)",
    ),
    "gelu": (
        "nn.gelu(x, out=y)",
        "gelu_backward(g, x, grad_input=y)",
    ),
    "gelu_tanh": (
        "nn.gelu(x, approximate='tanh', out=y)",
        "gelu_backward(g, x, approximate='tanh', grad_input=y)",
    ),
    "silu": (
        "nn.silu(x, out=y)",
        "silu_backward(g, x, grad_input=y)",
    ),
    "swish": (
        f"torch.mul(x, {BETA}, out=y); torch.sigmoid(y, out=y); torch.mul(x, y, out=y)",
        f"torch.mul(x, {BETA}, out=t); torch.sigmoid(t, out=y); torch.addcmul(t, t, y, value=-1, out=t); "
        "torch.add(t, 1, out=t); torch.mul(y, t, out=y); torch.mul(g, y, out=y)",
    ),
    "mish": (
        "nn.mish(x, out=y)",
        "mish_backward(g, x)",
    ),
    "softplus": (
        "nn.softplus(x, out=y)",
        "softplus_backward(g, x, 1.0, 20.0, grad_input=y)",
    ),
    "softsign": (
        "torch.abs(x, out=y); torch.add(y, 1, out=y); torch.div(x, y, out=y)",
        "torch.abs(x, out=y); torch.add(y, 1, out=y); torch.mul(y, y, out=y); torch.div(g, y, out=y)",
    ),
    "sigmoid": (
        "torch.sigmoid(x, out=y)",
        "torch.sigmoid(x, out=t); sigmoid_backward(g, t, grad_input=y)",
    ),
    "tanh": (
        "torch.tanh(x, out=y)",
        "torch.tanh(x, out=t); tanh_backward(g, t, grad_input=y)",
    ),
    "hardsigmoid": (
        "nn.hardsigmoid(x, out=y)",
        "hardsigmoid_backward(g, x, grad_input=y)",
    ),
    "hardswish": (
        "nn.hardswish(x, out=y)",
        "hardswish_backward(g, x)",
    ),
    "hardtanh": (
        "nn.hardtanh(x, -1.0, 1.0, out=y)",
        "hardtanh_backward(g, x, -1.0, 1.0, grad_input=y)",
    ),
}

TORCH: dict[tuple[str, str], str] = {
    **{(name, FORWARD): forward for name, (forward, _) in _PAIRS.items()},
    **{(name, BACKWARD): backward for name, (_, backward) in _PAIRS.items()},
    ("sigmoid", FROM_Y): "sigmoid_backward(g, t, grad_input=y)",
    ("tanh", FROM_Y): "tanh_backward(g, t, grad_input=y)",
}
"""By activation and task."""
