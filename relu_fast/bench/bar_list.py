"""All the bars: for every activation and for the fused passes, on one thread, and on two against one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import relu_fast as rf

from .bars import Bar, Bench, Sides
from .compiled_peers import Jax
from .timing import Call
from .training import against_numpy, against_torch
from .works import BACKWARD, COUNT, COUNTED, FORWARD, FROM_Y, Work, ours, records, works

__all__ = ["MEANS", "bars"]

Ki, Mi = 2**10, 2**20
LARGE, SMALL = 32 * Mi, 32 * Ki

_LIMIT = "the limit, 32Mi"
_FORWARD, _BACKWARD = "PyTorch, forward, 32Ki", "PyTorch, backward, 32Ki"
_DOUBLE, _CALLS, _THREADS = (
    "PyTorch, float64, 32Ki",
    "the cost of a call, 1Ki",
    "two threads against one, 32Mi",
)
_JAX = "JAX, rf.jax against jax.nn under jit, 1Mi"
_COUNTS, _TRAINING = "NumPy and fused passes", "training steps"

MEANS = {_FORWARD: 0.5, _THREADS: 1 / 1.6}
"""Sections whose geometric mean has a bar."""

AT_THE_LIMIT = ("relu", "leaky_relu", "relu6", "hardtanh")
PIECEWISE_LINEAR = ("relu", "relu6")

OVER_TORCH = {
    "elu": 0.33,
    "selu": 0.33,
    "celu": 0.33,
    "softplus": 0.40,
    "mish": 0.20,
    "relu": 1.0,
    "leaky_relu": 1.0,
    "sigmoid": 1.0,
    "hardswish": 1.0,
    "hardsigmoid": 1.0,
    "relu6": 1.0,
    "gelu_tanh": 0.45,
    "silu": 1.05,
    "tanh": 1.15,
    "gelu": 1.35,
}
"""Forward, float32, 32Ki. The others count in the geometric mean."""

OVER_JAX = {"relu": 1.2, "elu": 1.0, "selu": 1.0, "mish": 1.0}
"""Forward and backward, float32, 1Mi. XLA fuses what it compiles with its neighbours, and allocates all outputs."""


def bars(*, isa: str | None = None) -> tuple[Bar, ...]:
    """List all bars, for the activations that there are; those of PyTorch with AVX2 where that is the active ISA."""
    rows = [work for work in works() if work.task not in (COUNTED, COUNT)]
    is_avx2 = (isa or rf.isa.active()) == "avx2"
    return (
        *_of_calls(rows),
        *(bar for work in rows if work.task == FORWARD for bar in _of_forward(work, is_avx2)),
        *(bar for work in rows if work.task != FORWARD for bar in _of_backward(work, rows)),
        *(_torch_bar(_DOUBLE, work, 1.0, "float64") for work in rows),
        *(_jax_bar(work) for work in rows if work.task != FROM_Y and work.activation in OVER_JAX),
        *_of_statements(),
        *(_limit_bar(work) for work in rows if work.task != FROM_Y),
        *(_threads_bar(work) for work in rows if work.task != FROM_Y),
        _training_bar(0.75, "NumPy, counts included", against_numpy, "numpy"),
        _training_bar(0.33, "PyTorch, no counts", against_torch, "torch"),
    )


def _torch_bar(section: str, work: Work, at_most: float | None, dtype: str, elements: int = SMALL) -> Bar:
    return Bar(
        section=section,
        work=f"{work.activation} {work.task}",
        against="PyTorch",
        at_most=at_most,
        elements=elements,
        sides=partial(_against_torch, work, dtype, elements),
        activation=work.activation,
        dtype=dtype,
        peer="torch",
    )


def _jax_bar(work: Work) -> Bar:
    return Bar(
        section=_JAX,
        work=f"{work.activation} {work.task}",
        against="JAX",
        at_most=OVER_JAX[work.activation],
        elements=Mi,
        sides=partial(_against_jax, work),
        activation=work.activation,
        peer="jax",
    )


def _of_calls(rows: Sequence[Work]) -> Iterator[Bar]:
    for work in rows:
        if work.task == FORWARD and getattr(rf.ufuncs, work.activation).nin == 1:
            yield _torch_bar(_CALLS, work, 0.8, "float32", Ki)
            if work.activation in PIECEWISE_LINEAR:
                yield Bar(
                    section=_CALLS,
                    work=f"{work.activation} forward",
                    against="np.negative(x, out=y)",
                    at_most=1.10,
                    elements=Ki,
                    sides=partial(_against_negative, work),
                    activation=work.activation,
                )


def _of_forward(work: Work, is_avx2: bool) -> Iterator[Bar]:
    at_most = 0.25 if is_avx2 and work.activation == "mish" else OVER_TORCH.get(work.activation)
    yield _torch_bar(_FORWARD, work, at_most, "float32")


def _of_backward(work: Work, rows: Sequence[Work]) -> Iterator[Bar]:
    yield _torch_bar(_BACKWARD, work, 1.0, "float32")
    if work.task == FROM_Y:
        from_x = next(row for row in rows if (row.activation, row.task) == (work.activation, BACKWARD))
        yield Bar(
            section=_BACKWARD,
            work=f"{work.activation} backward",
            against="PyTorch, which reads y",
            at_most=1.0,
            elements=SMALL,
            sides=partial(_from_x_against_from_y, from_x, work),
            activation=work.activation,
            peer="torch",
        )


def _limit_bar(work: Work) -> Bar:
    is_pure = work.task == FORWARD and work.activation in AT_THE_LIMIT
    return Bar(
        section=_LIMIT,
        work=f"{work.activation} {work.task}",
        against=f"the limit ({work.traffic})",
        at_most=1.05 if is_pure else 1.15,
        elements=LARGE,
        sides=partial(_at_limit, work, is_pure),
        activation=work.activation,
        times=LARGE // SMALL,
    )


def _threads_bar(work: Work) -> Bar:
    return Bar(
        section=_THREADS,
        work=f"{work.activation} {work.task}",
        against="itself with one thread",
        at_most=1 / 1.4,
        elements=LARGE,
        sides=partial(_two_threads, work),
        activation=work.activation,
        threads=2,
    )


def _training_bar(at_most: float, against: str, make: Callable[[], dict[str, Any]], peer: str) -> Bar:
    return Bar(
        section=_TRAINING,
        work="training step, counts included",
        against=against,
        at_most=at_most,
        elements=0,
        sides=partial(_training, make),
        peer=peer,
        is_training=True,
    )


_RELU = "rf.relu(x, out=y)"
_BACK = "rf.relu_backward(g, x, out=y)"
_FUSED = "rf.fused.forward(x, 'relu', stats=stats, out=y)"
_ALL = "rf.fused.forward(x, 'relu', stats=all_stats, out=y)"
_LAYER = "rf.fused.forward(x, 'relu', bias=b, stats=all_stats, out=y)"
_SMALL_LAYER = "rf.fused.forward(y, 'relu', bias=b, stats=all_stats, out=y)"
_MASKED = "rf.fused.backward(g, 'relu', mask=bits, out=y)"
_BITS = "bits = rf.fused.empty_mask(x.shape); rf.fused.forward(x, 'relu', mask=bits, out=y)"
_IMAGES = "shape = -1, x.shape[1], min(len(x), 256); z, v = x.reshape(shape), y.reshape(shape)"

# Without a bar: what a layer does in one pass besides, against the activation alone.
_LAYERS = [
    ("relu", "fused bias + relu", "rf.fused.forward(x, 'relu', bias=b, out=y)", _RELU, "pass"),
    (
        "relu",
        "fused bias + relu + mask",
        "rf.fused.forward(x, 'relu', bias=b, mask=bits, out=y)",
        _RELU,
        _BITS,
    ),
    (
        "relu",
        "fused bias + relu + mask + all default counts",
        "rf.fused.forward(x, 'relu', bias=b, mask=bits, stats=all_stats, out=y)",
        _RELU,
        _BITS,
    ),
    (
        "elu",
        "fused elu + all default counts",
        "rf.fused.forward(x, 'elu', stats=all_stats, out=y)",
        "rf.elu(x, out=y)",
        "pass",
    ),
    (
        "relu",
        "relu_backward from the mask + bias gradient",
        "rf.fused.backward(g, 'relu', mask=bits, out=y, bias_grad=sums)",
        _MASKED,
        _BITS + "; sums = np.empty(x.shape[1])",
    ),
    (
        "relu",
        "fused bias + relu of images",
        "rf.fused.forward(z, 'relu', bias=b, unit_axis=1, out=v)",
        _RELU,
        _IMAGES,
    ),
    (
        "relu",
        "fused bias + relu + all default counts of images",
        "rf.fused.forward(z, 'relu', bias=b, stats=all_stats, unit_axis=1, out=v)",
        _RELU,
        _IMAGES,
    ),
]


def _of_statements() -> Iterator[Bar]:
    size, like = LARGE, "32Mi"
    yield _statement_bar("relu", "relu, 32Ki", SMALL, 0.60, _RELU, "np.maximum(x, 0, out=y)")
    yield _statement_bar(
        "elu", "elu, 32Ki", SMALL, 0.35, "rf.elu(x, out=y)", "np.where(x > 0, x, np.expm1(x))"
    )
    yield _statement_bar(
        "relu",
        "fused bias + relu + counts, (32, 64)",
        2 * Ki,
        2.50,
        _SMALL_LAYER,
        "np.add(y, b, out=y)",
        units=64,
    )
    yield _statement_bar("relu", f"relu, {like}", size, 0.75, _RELU, "np.maximum(x, 0, out=y)")
    yield _statement_bar("relu", f"relu_backward, {like}", size, 0.45, _BACK, "np.multiply(g, x > 0, out=y)")
    yield Bar(
        section=_COUNTS,
        work=f"relu_backward, {like}",
        against="PyTorch, threshold_backward",
        at_most=0.70,
        elements=size,
        sides=partial(_against_torch, next(w for w in works() if w.statement == _BACK), "float32", size),
        activation="relu",
        peer="torch",
    )
    yield _statement_bar(
        "relu", f"relu_backward from the mask, {like}", size, 0.75, _MASKED, _BACK, before=_BITS
    )
    yield _statement_bar("relu", f"fused bias + relu + all default counts, {like}", size, 1.08, _LAYER, _RELU)
    yield _statement_bar("relu", f"fused relu + firing counts, {like}", size, 1.10, _FUSED, _RELU)
    yield _statement_bar("relu", f"fused relu + all default counts, {like}", size, 1.10, _ALL, _RELU)
    for activation, work, statement, alone, before in _LAYERS:
        yield _statement_bar(activation, f"{work}, {like}", size, None, statement, alone, before=before)
    yield _statement_bar(
        "any", f"count_active, {like}", size, 0.50, "rf.count_active(x)", "(x > 0).any(axis=0)"
    )
    yield _statement_bar(
        "any", f"count_active, {like}", size, 0.30, "rf.count_active(x)", "np.count_nonzero(x > 0, axis=0)"
    )


def _statement_bar(
    activation: str,
    work: str,
    elements: int,
    at_most: float | None,
    ours: str,
    theirs: str,
    *,
    units: int = 256,
    before: str = "pass",
) -> Bar:
    return Bar(
        section=_COUNTS,
        work=work,
        against=theirs,
        at_most=at_most,
        elements=elements,
        sides=partial(_statements, elements, ours, theirs, units=units, before=before),
        activation=activation,
    )


def _statements(
    elements: int, ours: str, theirs: str, bench: Bench, *, units: int = 256, before: str = "pass"
) -> Sides:
    data = bench.store.get("float32", elements, units)
    names = {**data.names, **records(data)}
    exec(before, names)
    return {"ours": Call(ours, names), "theirs": Call(theirs, names)}


def _at_limit(work: Work, is_pure: bool, bench: Bench) -> Sides:
    data = bench.store.get("float32", LARGE)
    limit = bench.limits.fastest(work.traffic, data)
    copy = bench.limits.fastest("copy", data)
    assert limit is not None
    assert copy is not None
    sides = {"ours": ours(work, data), "theirs": limit[1]}
    if not is_pure:
        sides["small"] = ours(work, bench.store.get("float32", SMALL))
    return sides if work.traffic == "copy" else {**sides, "copy": copy[1]}


def _against_torch(work: Work, dtype: str, elements: int, bench: Bench) -> Sides:
    data = bench.store.get(dtype, elements)
    theirs = bench.peer("torch").call(work, data, 1)
    assert theirs is not None
    return {"ours": ours(work, data), "theirs": theirs}


def _against_jax(work: Work, bench: Bench) -> Sides:
    data, peer = bench.store.get("float32", Mi), bench.peer("jax")
    theirs = peer.call(work, data, 1)
    assert theirs is not None
    assert isinstance(peer, Jax)
    return {"ours": peer.ours(work, data, 1), "theirs": theirs}


def _from_x_against_from_y(work: Work, from_y: Work, bench: Bench) -> Sides:
    data = bench.store.get("float32", SMALL)
    exec(from_y.setup, {"rf": rf, **data.names})
    theirs = bench.peer("torch").call(from_y, data, 1)
    assert theirs is not None
    return {"ours": ours(work, data), "theirs": theirs}


def _against_negative(work: Work, bench: Bench) -> Sides:
    data = bench.store.get("float32", Ki)
    return {"ours": ours(work, data), "theirs": Call("np.negative(x, out=y)", data.names)}


def _two_threads(work: Work, bench: Bench) -> Sides:
    data = bench.store.get("float32", LARGE)
    call, moving = ours(work, data), bench.limits.past_the_cache(work.traffic, data)
    return {
        side: Call(one.statement, {"rf": rf, **one.names}, f"rf.set_num_threads({threads})")
        for side, one, threads in (
            ("ours", call, 2),
            ("theirs", call, 1),
            ("memory", moving, 2),
            ("memory of one", moving, 1),
        )
    }


def _training(make: Callable[[], dict[str, Any]], bench: Bench) -> Sides:
    names = make()
    setup = "ours.restart(); theirs.restart()"
    return {side: Call(f"{side}.step()", names, setup) for side in ("ours", "theirs")}
