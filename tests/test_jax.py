"""The activations for JAX: the numbers of the ufuncs, under every transformation that JAX has."""

import importlib
import inspect
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import reference
from tables import (
    ALL_DTYPES,
    ROWS_AND_PARAMS,
    UFUNCS,
    as_tuple,
    assert_same_bits,
    case,
    dense_samples,
    plain,
    random_gradients,
    row_id,
)

import relu_fast as rf

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax_calls = importlib.import_module("relu_fast.jax_calls")

NAMES = list(rf.ACTIVATIONS)
PLAIN = [name for name in NAMES if not rf.ACTIVATIONS[name].params]
FIXED = [name for name in NAMES if None not in rf.ACTIVATIONS[name].params.values()]
names = pytest.mark.parametrize("name", NAMES)
fixed = pytest.mark.parametrize("name", FIXED)


@pytest.fixture(autouse=True)
def double():
    """Every test has float64; those of the other mode leave it."""
    with x64(True):
        yield


def x64(on):
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(on)
    return (jax.experimental.enable_x64 if on else jax.experimental.disable_x64)()


def function(name, *params):
    """The activation as a function of x, with a weight if it needs one."""
    given = params or ((0.25,) if name == "prelu" else ())
    return lambda x: getattr(rf.jax, name)(x, *given)


def expected(name, x, *params):
    """What NumPy has for the same."""
    return getattr(rf, name)(x, *(params or ((0.25,) if name == "prelu" else ())))


def gradient(f, x, g):
    return jax.vjp(f, x)[1](g)[0]


# ---- numbers


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@names
def test_the_numbers_are_those_of_the_ufuncs(name, dtype):
    with np.errstate(all="ignore"):
        x, g = dense_samples(dtype), random_gradients(dtype)
        for params in [params for row, params in ROWS_AND_PARAMS if row == name]:
            with case(params):
                y, pull = jax.vjp(function(name, *params), x)
                assert_same_bits(np.asarray(y), expected(name, x, *params))
                backward = getattr(rf, f"{name}_backward")(g, x, *params)
                assert_same_bits(np.asarray(pull(g)[0]), as_tuple(backward)[0])


@names
def test_the_numbers_are_the_same_under_jit(name):
    x, g = plain(np.float32, 999), plain(np.float32, 999, seed=1)
    both = jax.jit(lambda x, g: (function(name)(x), gradient(function(name), x, g)))(x, g)
    assert_same_bits(np.asarray(both[0]), expected(name, x))
    assert_same_bits(np.asarray(both[1]), np.asarray(gradient(function(name), x, g)))


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
def test_arrays_of_slopes_have_elementwise_gradients(dtype):
    x, w, g = (plain(dtype, (3, 5), seed=seed) for seed in range(3))
    grads = jax.vjp(rf.jax.prelu, x, w)[1](jnp.asarray(g))
    for got, wanted in zip(grads, rf.prelu_backward(g, x, w), strict=True):
        assert_same_bits(np.asarray(got), wanted)


# (shape of x, shape of the weight): one, per unit of every layout, per element, x smaller, several places
SLOPES = [
    ((7,), ()),
    ((7,), (1,)),
    ((6, 5), (5,)),
    ((6, 5), (6, 1)),
    ((2, 3, 4, 5), (3, 1, 1)),
    ((2, 3, 4, 5), (1, 1, 1, 5)),
    ((2, 3, 4, 5), (2, 1, 4, 1)),
    ((2, 3, 4, 5), (3, 1, 5)),
    ((2, 2, 3, 2, 2, 3), (1, 2, 1, 2, 1, 3)),
    ((1, 5), (4, 1)),
    ((5,), (4, 5)),
    ((), (3,)),
    ((70_000, 3), (3,)),
    ((2, 300, 700), (300, 1)),
]


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)
@pytest.mark.parametrize(("shape", "slopes"), SLOPES, ids=str)
def test_the_gradient_of_a_weight_is_summed_over_what_it_is_repeated_along(shape, slopes, dtype):
    x, w = plain(dtype, shape), plain(dtype, slopes, seed=1)
    y = rf.jax.prelu(x, w)
    assert_same_bits(np.asarray(y), rf.prelu(x, w))
    g = plain(dtype, y.shape, seed=2)
    grad_x, grad_w = jax.vjp(rf.jax.prelu, x, w)[1](jnp.asarray(g))
    assert (grad_x.shape, grad_w.shape) == (x.shape, w.shape)
    wide = [a.astype(np.float64) for a in (g, x, w)]
    elementwise = rf.prelu_backward(*wide)
    for got, exact in zip((grad_x, grad_w), elementwise, strict=True):
        axes = tuple(range(exact.ndim - got.ndim))
        summed = exact.sum(axes)
        summed = summed.sum(tuple(i for i, n in enumerate(got.shape) if n == 1), keepdims=True)
        eps, size = float(jnp.finfo(dtype).eps), abs(exact).sum() / max(got.size, 1)
        # JAX's own sum of rounded elements where the handlers have none
        atol = eps * size if x.ndim == 6 else 1e-6 * size
        np.testing.assert_allclose(np.asarray(got, np.float64), summed, rtol=2 * eps, atol=atol)


def test_the_gradient_of_a_weight_per_unit_is_added_up_in_float64():
    x, g, w = (
        plain(np.float32, (500, 64)),
        plain(np.float32, (500, 64), seed=1),
        plain(np.float32, 64, seed=2),
    )
    wanted = rf.prelu_backward(g, x, w)[1].sum(0, dtype=np.float64).astype(np.float32)
    got = jax.vjp(rf.jax.prelu, x, w)[1](jnp.asarray(g))[1]
    assert_same_bits(np.asarray(got), wanted)


@pytest.mark.parametrize(
    "name", ["leaky_relu", "elu", "celu", "swish", "softplus", "thresholded_relu", "hardsigmoid"]
)
@pytest.mark.parametrize(
    "shape", [(3, 1, 1), (1, 1, 1, 5), (2, 3, 4, 5), (2, 1, 4, 1), (2, 1, 1, 1)], ids=str
)
def test_parameters_broadcast_as_in_numpy(name, shape):
    x, param = plain(np.float32, (2, 3, 4, 5)), abs(plain(np.float32, shape, seed=1))
    rest = (0.5,) if name == "hardsigmoid" else ()
    assert_same_bits(np.asarray(getattr(rf.jax, name)(x, param, *rest)), getattr(rf, name)(x, param, *rest))
    g = plain(np.float32, x.shape, seed=2)
    got = gradient(lambda x: getattr(rf.jax, name)(x, param, *rest), x, g)
    assert_same_bits(np.asarray(got), getattr(rf, f"{name}_backward")(g, x, param, *rest))


def test_prelu_takes_one_slope_per_unit_along_an_axis():
    x, w = plain(np.float32, (2, 3, 4)), plain(np.float32, 3, seed=1)
    wanted = rf.prelu(x, w, unit_axis=1)
    assert_same_bits(np.asarray(rf.jax.prelu(x, w, unit_axis=1)), wanted)
    assert_same_bits(np.asarray(jax.jit(lambda x, w: rf.jax.prelu(x, w, unit_axis=-2))(x, w)), wanted)
    assert_same_bits(np.asarray(rf.jax.prelu(x, [*w], unit_axis=1)), wanted)
    for weight in (w, jnp.asarray(w)):
        with pytest.raises(ValueError, match=r"weight has shape \(3,\), expected \(4,\): one entry per unit"):
            rf.jax.prelu(x, weight, unit_axis=2)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)], ids=str)
@names
def test_empty_arrays(name, shape):
    x = np.zeros(shape, np.float32)
    assert function(name)(x).shape == shape
    assert jax.grad(lambda x: function(name)(x).sum())(x).shape == shape


def test_a_weight_of_nothing_has_gradient_zero():
    assert_same_bits(
        np.asarray(jax.grad(lambda w: rf.jax.prelu(np.zeros((0, 3)), w).sum())(jnp.ones(3))), np.zeros(3)
    )


@names
def test_numbers_are_arrays_of_no_axis(name):
    y = function(name)(-0.5)
    assert (y.shape, y.dtype) == ((), np.float64)
    assert y == expected(name, -0.5)
    assert jax.grad(function(name))(-0.5).shape == ()


# ---- dtypes


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint16, np.int64, bool], ids=row_id)
@names
def test_integers_become_the_default_float(name, dtype):
    x = np.array([0, 1, 1, 0], dtype)
    assert_same_bits(np.asarray(function(name)(x)), expected(name, x.astype(np.float64)))
    with x64(False):
        assert function(name)(x).dtype == np.float32


def test_integers_have_the_gradient_of_no_value():
    got = jax.grad(lambda x: rf.jax.mish(x).sum(), allow_int=True)(np.arange(3))
    assert (got.dtype, got.shape) == (jax.dtypes.float0, (3,))


# dtype of x, parameter, dtype of the result
PROMOTIONS = [
    (jnp.bfloat16, 0.1, jnp.bfloat16),
    (np.float16, 1, np.float16),
    (np.float32, np.float32(0.1), np.float32),
    (jnp.bfloat16, np.float32(0.1), np.float32),
    (np.float32, np.full(3, 0.1), np.float64),
    (np.float16, jnp.full(3, 0.1, jnp.bfloat16), np.float32),
    (np.int32, np.float16(0.1), np.float16),
]


@pytest.mark.parametrize(("given", "param", "result"), PROMOTIONS, ids=str)
def test_operands_are_promoted_as_jax_does(given, param, result):
    x = jnp.ones(3, given)
    assert rf.jax.leaky_relu(x, param).dtype == result == (x * param).dtype


def test_a_python_number_is_rounded_once():
    slope = 0.1 + 2.0**-12 + 2.0**-60  # rounds to another float16 by way of float32
    x = np.full(3, -1, np.float16)
    slopes = [s for s in np.linspace(0.1, 0.2, 9999) if np.float16(s) != np.float16(np.float32(s))] or [slope]
    for slope in slopes[:5]:
        assert_same_bits(
            np.asarray(jax.jit(lambda x, s=slope: rf.jax.leaky_relu(x, s))(x)), rf.leaky_relu(x, slope)
        )


def test_float64_is_float32_where_jax_has_no_other():
    x = plain(np.float64, 97)
    with x64(False):
        y = rf.jax.mish(x)
        grad = jax.grad(lambda x: rf.jax.mish(x).sum())(x)
    assert_same_bits(np.asarray(y), rf.mish(x.astype(np.float32)))
    assert_same_bits(np.asarray(grad), rf.mish_backward(np.float32(1), x.astype(np.float32)))


# ---- transformations


@names
def test_vmap_over_every_axis(name):
    x = plain(np.float32, (3, 4, 5))
    for axis in range(3):
        got = jax.vmap(function(name), in_axes=axis, out_axes=axis)(x)
        assert_same_bits(np.asarray(got), expected(name, x))
        twice = jax.vmap(jax.vmap(jax.grad(function(name))))(x[..., 0])
        once = jax.grad(lambda x: function(name)(x).sum())(x[..., 0])
        assert_same_bits(np.asarray(twice), np.asarray(once))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0), (1, 0), (2, None)], ids=str)
@pytest.mark.parametrize("slopes", [(), (4,), (3, 1), (3, 4)], ids=str)
def test_vmap_over_x_or_the_weight_or_both(axes, slopes):
    shape = [3, 4]
    x = plain(np.float32, np.insert(shape, axes[0], 6) if axes[0] is not None else shape)
    w = plain(np.float32, slopes if axes[1] is None else (6, *slopes), seed=1)
    got = jax.vmap(rf.jax.prelu, in_axes=axes)(x, w)
    singly = [
        rf.prelu(x if axes[0] is None else x.take(i, axes[0]), w if axes[1] is None else w[i])
        for i in range(6)
    ]
    assert_same_bits(np.asarray(got), np.stack(singly))

    def both(x, w):
        return jax.grad(lambda x, w: rf.jax.prelu(x, w).sum(), argnums=(0, 1))(x, w)

    grads = jax.vmap(both, in_axes=axes)(x, w)
    for i in range(6):
        one = both(x if axes[0] is None else x.take(i, axes[0]), w if axes[1] is None else w[i])
        assert_same_bits(np.asarray(grads[0][i]), np.asarray(one[0]))
        np.testing.assert_allclose(grads[1][i], one[1], rtol=1e-6)
    # the gradient of what is not mapped is the sum over what is
    total = jax.grad(lambda w: jax.vmap(rf.jax.prelu, in_axes=axes)(x, w).sum())(w)
    np.testing.assert_allclose(total, grads[1].sum(0) if axes[1] is None else grads[1], rtol=1e-5)


def test_two_parameters_of_different_shapes_under_vmap():
    x, low = plain(np.float32, (6, 3, 4)), -abs(plain(np.float32, (6, 3, 1), seed=1))
    got = jax.vmap(lambda x, low: rf.jax.hardtanh(x, low, 0.5))(x, low)
    assert_same_bits(np.asarray(got), rf.hardtanh(x, low, 0.5))


@pytest.mark.parametrize("name", ["relu", "prelu", "mish"])
def test_checkpoint_scan_and_remat(name):
    x = plain(np.float32, (4, 5))
    f = function(name)

    def twice(x):
        return f(f(x)).sum()

    def scanned(x):
        return jax.lax.scan(lambda carry, _: (f(carry), None), x, None, length=2)[0].sum()

    wanted = jax.grad(twice)(x)
    for other in (jax.checkpoint(twice), scanned, jax.jit(jax.checkpoint(scanned))):
        assert_same_bits(np.asarray(jax.grad(other)(x)), np.asarray(wanted))


def test_jacrev():
    x = plain(np.float32, 9)
    diagonal = np.diag(rf.mish_backward(np.ones_like(x), x))
    assert_same_bits(np.asarray(jax.jacrev(rf.jax.mish)(x)), diagonal)


@names
def test_forward_mode_is_refused(name):
    x = np.ones(3, np.float32)
    for transformed in (lambda: jax.jvp(function(name), (x,), (x,)), lambda: jax.jacfwd(function(name))(x)):
        with pytest.raises(TypeError, match=r"can't apply forward-mode .*custom_vjp"):
            transformed()


@names
def test_second_derivatives_are_refused(name):
    with pytest.raises(NotImplementedError, match=f"^{name} has a first derivative only"):
        jax.grad(jax.grad(function(name)))(1.0)


@fixed
def test_parameters_without_a_gradient_say_so(name):
    for at, param in enumerate(rf.ACTIVATIONS[name].params):
        values = list(rf.ACTIVATIONS[name].params.values())

        def of_parameter(value, at=at, values=values, stop=lambda value: value):
            return getattr(rf.jax, name)(1.0, *values[:at], stop(value), *values[at + 1 :])

        message = rf"^{name} has no gradient with respect to {param}: pass jax.lax.stop_gradient\({param}\)"
        for transformed in (
            jax.grad(of_parameter),
            jax.jit(jax.grad(of_parameter)),
            jax.grad(jax.jit(of_parameter)),
        ):
            with pytest.raises(TypeError, match=message):
                transformed(values[at])
        assert jax.grad(lambda v, f=of_parameter: f(v, stop=jax.lax.stop_gradient))(values[at]) == 0


def test_parameters_may_be_traced():
    x = plain(np.float32, 97)
    for name, value in [("elu", 0.5), ("leaky_relu", 0.25), ("swish", 2.0)]:
        got = jax.jit(getattr(rf.jax, name))(x, np.float32(value))
        assert_same_bits(np.asarray(got), getattr(rf, name)(x, value))
    assert_same_bits(
        np.asarray(jax.jit(rf.jax.hardtanh)(x, np.float32(-2), np.float32(1))), rf.hardtanh(x, -2, 1)
    )


def test_a_network_trains():
    rng = np.random.default_rng(0)
    x, layers = (
        rng.normal(size=(64, 8)),
        [rng.normal(size=(8, 16)) / 3, rng.normal(size=(16, 1)) / 4, np.full(16, 0.25)],
    )
    target = x[:, :1] * x[:, 1:2]

    def loss(layers):
        first, second, slopes = layers
        return jnp.mean((rf.jax.prelu(x @ first, slopes) @ second - target) ** 2)

    step = jax.jit(lambda layers: [w - 0.05 * g for w, g in zip(layers, jax.grad(loss)(layers), strict=True)])
    before = loss(layers)
    for _ in range(100):
        layers = step(layers)
    assert loss(layers) < 0.5 * before
    assert not np.array_equal(layers[2], np.full(16, 0.25))


# ---- refusals


@names
def test_other_dtypes_are_refused(name):
    wanted = "expected float16, bfloat16, float32, float64 or integers$"
    for dtype in ("complex64", "float8_e4m3fn"):
        with pytest.raises(TypeError, match=f"^{name} got dtype {dtype}, {wanted}"):
            function(name)(jnp.ones(3, dtype))
    with pytest.raises(TypeError, match="not a valid JAX"):
        function(name)("abc")


@fixed
def test_nan_is_refused_as_a_parameter(name):
    for at, param in enumerate(rf.ACTIVATIONS[name].params):
        for nan in (np.nan, np.float32(np.nan), np.array([1, np.nan])):
            values = list(rf.ACTIVATIONS[name].params.values())
            values[at] = nan
            with pytest.raises(
                ValueError, match=f"{name} got NaN in the parameter '{param}', expected numbers"
            ):
                getattr(rf.jax, name)(np.ones(2), *values)


def test_the_ends_of_hardtanh_are_in_order():
    with pytest.raises(ValueError, match="hardtanh got min_val=2, max_val=1, expected min_val <= max_val"):
        rf.jax.hardtanh(np.ones(3), 2, 1)


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ValueError, match="broadcast"):
        rf.jax.elu(np.ones(3), np.ones(4))


def test_the_handlers_refuse_what_the_functions_never_send():
    x = jnp.ones(3, np.float32)

    def call(*operands, like=x, target="forward", **attributes):
        # as an error of the program, not of its compilation
        return jax.ffi.ffi_call(f"relu_fast.{target}", like)(*operands, **attributes)

    for wrong, message in [
        (lambda: call(x, activation="relu7"), 'unknown activation "relu7"'),
        (lambda: call(x, activation=np.int32(1)), '"activation" is missing or no string'),
        (lambda: call(x), '"activation" is missing'),
        (lambda: call(x, activation="elu"), "elu got 1 operands, expected 2: x and 1 parameters"),
        (
            lambda: call(x, x, activation="relu", target="backward", like=[x, x]),
            "relu got 2 results, expected 1",
        ),
        (lambda: call(jnp.ones(3, np.int32), activation="relu"), "operand 0 has XLA's dtype 4"),
        (lambda: call(x, activation="relu", like=jnp.ones(2, np.float32)), "arrays of different shapes"),
        (
            lambda: call(x, activation="relu", like=jnp.ones(3)),
            "result 0 is float64, expected float32 as operand 0",
        ),
    ]:
        with pytest.raises(Exception, match=f"INVALID_ARGUMENT.* relu_fast: .*{message}"):
            jax.block_until_ready(wrong())


# ---- the library


def test_the_names_and_defaults_are_those_of_the_table():
    assert rf.jax.__all__ == sorted(NAMES)
    for name in NAMES:
        signature = inspect.signature(getattr(rf.jax, name)).parameters.values()
        positional = [p for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD]
        assert [p.name for p in positional] == ["x", *rf.ACTIVATIONS[name].params]
        defaults = {p.name: None if p.default is p.empty else p.default for p in positional[1:]}
        assert defaults == rf.ACTIVATIONS[name].params
        assert inspect.getdoc(getattr(rf.jax, name)).splitlines()[0].endswith((".", ")."))
    assert list(jax_calls.FORMULAS) == NAMES


def test_the_instruction_set_is_the_one_that_python_sees():
    x = plain(np.float32, 1000)
    before = rf.isa.active()
    try:
        for isa in rf.isa.available():
            rf.isa.use(isa)
            assert_same_bits(np.asarray(rf.jax.softplus(x)), rf.softplus(x))
    finally:
        rf.isa.use(before)


def test_importing_again_registers_again():
    importlib.reload(jax_calls)
    assert_same_bits(np.asarray(jax_calls.call("relu", np.float32([-1, 2]))), np.float32([0, 2]))


def test_many_threads_at_once():
    x = plain(np.float32, 300_000)
    wanted = {name: UFUNCS[name](x) for name in PLAIN}
    found = []

    def run(name):
        f = jax.jit(lambda x: function(name)(x))
        found.append((name, [np.asarray(y) for y in [f(x) for _ in range(5)]]))

    threads = [threading.Thread(target=run, args=(name,)) for name in PLAIN]
    for thread in threads:
        thread.start()
    for _ in range(20):  # the same pool, meanwhile, from here
        rf.relu(x)
    for thread in threads:
        thread.join()
    assert len(found) == len(PLAIN)
    for name, results in found:
        for result in results:
            assert_same_bits(result, wanted[name])


def test_several_calls_in_one_program():
    """XLA may run them side by side."""
    x = plain(np.float32, 200_000)
    together = jax.jit(lambda x: [function(name)(x) for name in NAMES])(x)
    for name, got in zip(NAMES, together, strict=True):
        assert_same_bits(np.asarray(got), expected(name, x))


def script(text):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_child_of_a_process_that_ran_jax_computes():
    printed = script(
        "import os, numpy as np, relu_fast as rf\n"
        "x = np.linspace(-1, 1, 1 << 20, dtype=np.float32)\n"
        "rf.set_num_threads(2)\n"
        "wanted = np.asarray(rf.jax.mish(x))\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if np.array_equal(rf.mish(x), wanted) else 1)\n"
        "status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "print(np.array_equal(rf.jax.mish(x), wanted), status)\n"
    )
    assert printed == "True 0\n"


def test_arrays_spread_over_devices():
    """Under jit, and one shard at a time."""
    printed = script(
        "import os\n"
        "os.environ['XLA_FLAGS'] = '--xla_force_host_platform_device_count=2'\n"
        "import jax, numpy as np, relu_fast as rf\n"
        "from jax.sharding import NamedSharding, PartitionSpec as P\n"
        "try:\n"
        "    from jax import shard_map\n"
        "except ImportError:\n"
        "    from functools import partial\n"
        "    from jax.experimental.shard_map import shard_map as shard_map\n"
        "    shard_map = partial(shard_map, check_rep=False)\n"
        "mesh = jax.make_mesh((2,), ('d',))\n"
        "x = np.linspace(-3, 3, 64, dtype=np.float32).reshape(8, 8)\n"
        "spread = jax.device_put(x, NamedSharding(mesh, P('d')))\n"
        "wanted = rf.leaky_relu(x, 0.5)\n"
        "jitted = jax.jit(lambda x: rf.jax.leaky_relu(x, 0.5))\n"
        "print(np.array_equal(jitted(spread), wanted), end=' ')\n"
        "shards = shard_map(lambda x: rf.jax.leaky_relu(x, 0.5), mesh=mesh, in_specs=P('d'), out_specs=P('d'))\n"
        "print(np.array_equal(jax.jit(shards)(spread), wanted), end=' ')\n"
        "slopes = jax.jit(jax.grad(lambda x: jitted(x).sum()))(spread)\n"
        "print(np.array_equal(slopes, np.where(x > 0, 1, 0.5)), end='')\n"
    )
    assert printed == "True True True"


def test_the_structs_are_those_of_the_header_of_jaxlib(tmp_path):
    compiler = shutil.which("c++")
    source = reference.__file__.replace("tests/reference.py", "csrc/xla_ffi.h")
    header = f"{jax.ffi.include_dir()}/xla/ffi/api/c_api.h"
    if not compiler:
        pytest.skip("needs a C++ compiler")
    pairs = {
        "xla_call": "XLA_FFI_CallFrame: api stage operands=args results=rets attributes=attrs",
        "xla_list": "XLA_FFI_Args: size types items=args",
        "xla_attributes": "XLA_FFI_Attrs: size types names values=attrs",
        "xla_buffer": "XLA_FFI_Buffer: dtype data rank dims",
        "xla_text": "XLA_FFI_ByteSpan: start=ptr length=len",
        "xla_api": "XLA_FFI_Api: create_error=XLA_FFI_Error_Create",
        "xla_error": "XLA_FFI_Error_Create_Args: message code=errc",
        "xla_extension": "XLA_FFI_Extension_Base: struct_size type next",
        "xla_version": "XLA_FFI_Api_Version: major=major_version minor=minor_version",
        "xla_metadata": "XLA_FFI_Metadata: version=api_version traits",
        "xla_metadata_query": "XLA_FFI_Metadata_Extension: metadata",
    }
    checks = [
        f'static_assert(offsetof({ours}, {mine}) == offsetof({theirs}, {its or mine}), "{ours}.{mine}");'
        for ours, described in pairs.items()
        for theirs, _, fields in [described.partition(": ")]
        for mine, _, its in [field.partition("=") for field in fields.split()]
    ]
    checks += [
        f'static_assert(sizeof({ours}) == sizeof({theirs}), "{ours}");'
        for ours, theirs in [
            ("xla_list", "XLA_FFI_Args"),
            ("xla_list", "XLA_FFI_Rets"),
            ("xla_attributes", "XLA_FFI_Attrs"),
        ]
    ]
    checks += [
        f'static_assert((int){ours} == (int)XLA_FFI_{theirs}, "{ours}");'
        for ours, theirs in {
            "XLA_STAGE_EXECUTE": "ExecutionStage_EXECUTE",
            "XLA_BUFFER": "ArgType_BUFFER",
            "XLA_STRING": "AttrType_STRING",
            "XLA_EXTENSION_METADATA": "Extension_Metadata",
            "XLA_F16": "DataType_F16",
            "XLA_F32": "DataType_F32",
            "XLA_F64": "DataType_F64",
            "XLA_BF16": "DataType_BF16",
            "XLA_INVALID_ARGUMENT": "Error_Code_INVALID_ARGUMENT",
            "XLA_RESOURCE_EXHAUSTED": "Error_Code_RESOURCE_EXHAUSTED",
            "XLA_VERSION_MAJOR": "API_MAJOR",
        }.items()
    ]
    program = tmp_path / "layouts.cpp"
    program.write_text(f'#include "{header}"\n#include "{source}"\n' + "\n".join(checks))
    done = subprocess.run(
        [compiler, "-std=c++11", "-w", "-fsyntax-only", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# ---- other platforms


@names
def test_other_platforms_compute_the_same_formula(name):
    x, g = plain(np.float64, 999), plain(np.float64, 999, seed=1)
    params = [np.float64(p if p is not None else 0.25) for p in rf.ACTIVATIONS[name].params.values()]
    with x64(True):
        y, pull = jax.vjp(lambda x: jax_calls.FORMULAS[name](x, *params), x)
    np.testing.assert_allclose(y, function(name)(x), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(pull(g)[0], gradient(function(name), x, g), rtol=1e-9, atol=1e-12)


@names
def test_programs_for_other_platforms_do_not_call_the_library(name):
    pytest.importorskip("absl")  # jax.export needs it in older versions
    x = np.ones((2, 3), np.float32)
    both = jax.value_and_grad(lambda x: function(name)(x).sum())
    for platform in ("cuda", "tpu"):
        text = jax.export.export(jax.jit(both), platforms=[platform])(x).mlir_module()
        assert "@relu_fast." not in text
    assert "@relu_fast.backward" in jax.jit(both).lower(x).as_text()


def test_without_jax_one_line_says_what_to_install():
    said = script(
        "import sys\n"
        "sys.modules['jax'] = None\n"
        "import relu_fast as rf\n"
        "assert 'jax' not in dir(rf)\n"
        "try:\n"
        "    rf.jax\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    assert said == "relu_fast.jax needs JAX: pip install 'relu_fast[jax]'\n"
