"""The handlers of the C library as JAX functions: registered, shaped, differentiated, one for each activation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from ._core import _XLA_HANDLERS
from .activations import ACTIVATIONS
from .extras import missing

if missing("jax"):
    raise ImportError("relu_fast.jax needs JAX: pip install 'relu_fast[jax]'")

import jax
import jax.numpy as jnp

if not hasattr(jax, "ffi"):
    raise ImportError(f"relu_fast.jax needs JAX 0.5 or newer, this is {jax.__version__}")

__all__ = ["FORMULAS", "call"]

Function: TypeAlias = Callable[..., Any]

DTYPES = ("float16", "bfloat16", "float32", "float64")

# Here, while the module is imported: once, whatever number of threads need it first.
for _direction, _handler in _XLA_HANDLERS.items():
    jax.ffi.register_ffi_target(f"relu_fast.{_direction}", _handler, platform="cpu")

FORMULAS: dict[str, Function] = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "squared_relu": lambda x: jnp.square(jax.nn.relu(x)),
    "leaky_relu": lambda x, negative_slope: jnp.where(x > 0, x, negative_slope * x),
    "prelu": lambda x, weight: jnp.where(x > 0, x, weight * x),
    "thresholded_relu": lambda x, alpha: jnp.where(x <= alpha, 0, x),
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "silu": jax.nn.silu,
    "swish": lambda x, beta: x * jax.nn.sigmoid(beta * x),
    "mish": jax.nn.mish,
    "softplus": lambda x, beta: jax.nn.softplus(beta * x) / beta,
    "softsign": jax.nn.soft_sign,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "hardsigmoid": lambda x, alpha, beta: jnp.clip(alpha * x + beta, 0, 1),
    "hardswish": jax.nn.hard_swish,
    "hardtanh": lambda x, min_val, max_val: jnp.clip(x, min_val, max_val),
}
"""What is computed where the C library is not: on GPUs and TPUs, in JAX's own arithmetic."""


def call(name: str, x: Any, *params: Any) -> Any:
    """Return an activation of x: operands promoted, parameters checked and broadcast.

    Raises
    ------
    TypeError
        If the operands' dtype is none of `DTYPES`, and no integers or booleans.
    ValueError
        If a parameter is NaN, or the operands do not broadcast.
    """
    row = ACTIVATIONS[name]
    if all(isinstance(p, (int, float, np.generic, np.ndarray)) for p in params):  # else traced, or elsewhere
        row.check(dict(zip(row.params, params, strict=True)))
    operands = [p if _is_number(p) else jnp.asarray(p) for p in (x, *params)]
    dtype = _dtype_of(name, *operands)
    x, *arrays = (_cast(p, dtype) for p in operands)
    shape = np.broadcast_shapes(x.shape, *(p.shape for p in arrays))
    if x.shape != shape:
        x = jnp.broadcast_to(x, shape)
    return _differentiable(name)(x, *_lined_up(arrays, shape))


def _is_number(value: Any) -> bool:
    """Whether it is rounded here and not by JAX, which makes float32 of a number before anything else."""
    return isinstance(value, (int, float, np.generic))


def _dtype_of(name: str, *operands: Any) -> Any:
    dtype = jnp.result_type(*operands)
    if jnp.issubdtype(dtype, jnp.integer) or dtype.kind == "b":
        dtype = jnp.result_type(dtype, float)
    if dtype.name not in DTYPES:
        raise TypeError(f"{name} got dtype {dtype.name}, expected {', '.join(DTYPES)} or integers")
    return dtype


def _cast(value: Any, dtype: Any) -> Any:
    if _is_number(value):
        return np.asarray(value, dtype)
    return value if value.dtype == dtype else value.astype(dtype)


def _lined_up(params: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """Parameters of one shape, with as many axes as x, so that an axis which `vmap` adds is the first of all."""
    common = np.broadcast_shapes(*(p.shape for p in params))
    full = (1,) * (len(shape) - len(common)) + common
    if _is_deep(shape, full):
        full = shape
    return [p if p.shape == full else _broadcast(p, full) for p in params]


def _is_deep(shape: tuple[int, ...], params: tuple[int, ...]) -> bool:
    """Whether the handlers refuse to repeat parameters like that: see ``rf_xla_forward`` in relu_fast.h."""
    repeated = [param == 1 for size, param in zip(shape, params, strict=True) if size != 1]
    return sum(now != before for before, now in zip([False, *repeated], repeated, strict=False)) > 3


def _broadcast(param: Any, shape: tuple[int, ...]) -> Any:
    if param.size == np.prod(shape):
        return param.reshape(shape)
    return jnp.broadcast_to(param, shape)


@cache
def _differentiable(name: str) -> Function:
    """Return the activation of arrays of one dtype, as `_lined_up` makes them, with its gradient."""
    function = jax.custom_vjp(_forward(name))
    backward = {learns: _backward(name, learns) for learns in (False, True)}
    defaults = ACTIVATIONS[name].params

    def residuals(x: Any, *params: Any) -> Any:
        learns = False
        for (param, default), given in zip(defaults.items(), params, strict=True):
            if given.perturbed and default is not None:
                raise TypeError(
                    f"{name} has no gradient with respect to {param}: "
                    f"pass jax.lax.stop_gradient({param}), or a number"
                )
            learns |= given.perturbed
        values = [given.value for given in (x, *params)]
        # what is no array can be told by the structure alone
        return function(*values), (values, () if learns else None)

    def gradients(kept: Any, grad_output: Any) -> Any:
        (x, *params), learns = kept
        if isinstance(grad_output, jax.custom_derivatives.SymbolicZero):
            return (None,) * (1 + len(params))
        found = backward[learns is not None](grad_output, x, *params)
        return (*found, *[None] * (1 + len(params) - len(found)))

    function.defvjp(residuals, gradients, symbolic_zeros=True)
    return jax.jit(function)  # type: ignore[no-any-return]


def _forward(name: str) -> Function:
    def on_cpu(x: Any, *params: Any) -> Any:
        # x itself says what the result is like: shape and dtype, and how it is spread over devices
        target = jax.ffi.ffi_call("relu_fast.forward", x, vmap_method="broadcast_all")
        return target(x, *params, activation=name)

    def forward(x: Any, *params: Any) -> Any:
        return jax.lax.platform_dependent(x, *params, cpu=on_cpu, default=FORMULAS[name])

    return forward


def _backward(name: str, learns: bool) -> Function:
    """Return what makes [grad_input], or [grad_input, grad_param] where the parameter learns."""
    count = 1 + learns

    def on_cpu(grad_output: Any, x: Any, *params: Any) -> Any:
        target = jax.ffi.ffi_call("relu_fast.backward", [x, *params][:count], vmap_method="broadcast_all")
        return list(target(grad_output, x, *params, activation=name))

    def elsewhere(grad_output: Any, x: Any, *params: Any) -> Any:
        return list(jax.vjp(FORMULAS[name], x, *params)[1](grad_output)[:count])

    def backward(grad_output: Any, x: Any, *params: Any) -> Any:
        return jax.lax.platform_dependent(grad_output, x, *params, cpu=on_cpu, default=elsewhere)

    def refuse(*operands: Any) -> Any:
        raise NotImplementedError(f"{name} has a first derivative only")

    function = jax.custom_vjp(backward)
    function.defvjp(refuse, refuse)
    return function  # type: ignore[no-any-return]
