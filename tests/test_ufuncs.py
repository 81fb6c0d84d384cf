"""How a ufunc is called: out, where, broadcasting, methods, subclasses, overrides."""

import operator

import numpy as np
import pytest
from tables import ALL_DTYPES, ROWS, UFUNCS, as_tuple, assert_same_bits, case, operands, plain, row_id

import relu_fast as rf

UNARY = [name for name, ufunc in UFUNCS.items() if ufunc.nin == 1]
ONE_OUTPUT = [name for name, ufunc in UFUNCS.items() if ufunc.nout == 1]

every_ufunc = pytest.mark.parametrize("name", UFUNCS)
one_output = pytest.mark.parametrize("name", ONE_OUTPUT)
dtypes = pytest.mark.parametrize("dtype", ALL_DTYPES, ids=row_id)


@every_ufunc
def test_it_is_a_true_ufunc(name):
    ufunc = UFUNCS[name]
    assert type(ufunc) is np.ufunc
    assert ufunc.__name__ == name
    assert [t.split("->")[0] for t in ufunc.types] == [c * ufunc.nin for c in "efd"]
    assert ufunc.nout == (2 if name == "prelu_backward" else 1)
    assert ufunc.identity is None
    assert f"{name}(" in ufunc.__doc__


@pytest.mark.parametrize(("name", "params"), ROWS, ids=row_id)
def test_backward_takes_the_gradient_before_the_operands_of_forward(name, params):
    assert UFUNCS[name].nin == 1 + len(params)
    assert UFUNCS[f"{name}_backward"].nin == 2 + len(params)
    assert f"{name}_backward(grad_output, x" in UFUNCS[f"{name}_backward"].__doc__


# ---- out


@dtypes
@every_ufunc
def test_out_is_filled_and_returned(name, dtype):
    given = operands(name, dtype=dtype)
    wanted = as_tuple(UFUNCS[name](*given))
    out = tuple(np.full(97, 7, dtype) for _ in wanted)
    results = as_tuple(UFUNCS[name](*given, out=out))
    for result, target, want in zip(results, out, wanted, strict=True):
        assert result is target
        assert_same_bits(target, want)


@one_output
def test_out_of_a_wider_dtype_chooses_nothing_but_the_storage(name):
    given = operands(name)
    out = np.empty(97, np.float64)
    UFUNCS[name](*given, out=out)
    assert_same_bits(out, UFUNCS[name](*given).astype(np.float64))


@one_output
def test_a_bad_out_raises_and_stays_as_it_is(name):
    given = operands(name)
    read_only = np.full(97, 7, np.float32)
    read_only.setflags(write=False)
    for out, error in [
        (np.full(97, 7, np.int64), TypeError),
        (np.full(96, 7, np.float32), ValueError),
        (np.full((97, 2), 7, np.float32), ValueError),
        (read_only, ValueError),
        ([0.0] * 97, TypeError),
    ]:
        before = np.array(out)
        with pytest.raises(error):
            UFUNCS[name](*given, out=out)
        np.testing.assert_array_equal(before, out)


def test_one_of_two_outputs_can_be_given():
    given = operands("prelu_backward")
    wanted = rf.ufuncs.prelu_backward(*given)
    weight = np.empty(97, np.float32)
    results = rf.ufuncs.prelu_backward(*given, out=(None, weight))
    assert results[1] is weight
    for got, want in zip(results, wanted, strict=True):
        assert_same_bits(got, want)


# ---- where

MASKS = {
    "all": np.ones(97, bool),
    "none": np.zeros(97, bool),
    "every other": np.arange(97) % 2 == 0,
    "runs": np.arange(97) % 23 < 17,
    "random": np.random.default_rng(1).random(97) < 0.5,
}


@dtypes
@every_ufunc
def test_where_with_out_leaves_the_rest_alone(name, dtype, isa):
    given = operands(name, dtype=dtype)
    before = [g.copy() for g in given]
    wanted = as_tuple(UFUNCS[name](*given))
    for kind, mask in MASKS.items():
        with case(kind):
            out = tuple(np.full(97, 7, dtype) for _ in wanted)
            UFUNCS[name](*given, out=out, where=mask)
            for target, want in zip(out, wanted, strict=True):
                assert_same_bits(target, np.where(mask, want, dtype(7)))
            for after, was in zip(given, before, strict=True):
                assert_same_bits(after, was)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@one_output
@pytest.mark.filterwarnings("ignore:'where' used without 'out'")
def test_where_without_out_fills_what_it_selects(name, mask):
    given = operands(name)
    assert_same_bits(UFUNCS[name](*given, where=mask)[mask], UFUNCS[name](*given)[mask])


@one_output
def test_where_broadcasts_and_works_with_casts(name):
    given = [g.reshape(97, 1) * np.ones(3, np.float32) for g in operands(name)]
    out = np.full((97, 3), 7.0)
    UFUNCS[name](*(g.astype(np.float16) for g in given), out=out, where=[True, False, True])
    want = UFUNCS[name](*(g.astype(np.float16) for g in given)).astype(np.float64)
    want[:, 1] = 7
    assert_same_bits(out, want)


@one_output
def test_where_in_place_changes_what_it_selects_only(name):
    given = operands(name)
    want = np.where(MASKS["runs"], UFUNCS[name](*given), given[0])
    UFUNCS[name](*given, out=given[0], where=MASKS["runs"])
    assert_same_bits(given[0], want)


# ---- shapes


@dtypes
@every_ufunc
def test_operands_broadcast(name, dtype):
    shapes = [(4, 1, 5), (3, 1), (1,), (5,)]
    given = [plain(dtype, shape, seed=i) for i, shape in enumerate(shapes[: UFUNCS[name].nin])]
    full = np.broadcast_arrays(*given)
    for got, want in zip(
        as_tuple(UFUNCS[name](*given)), as_tuple(UFUNCS[name](*map(np.copy, full))), strict=True
    ):
        assert got.shape == full[0].shape
        assert_same_bits(got, want)


@pytest.mark.parametrize("name", [n for n in UFUNCS if n not in UNARY])
def test_operands_that_do_not_broadcast_are_value_errors(name):
    with pytest.raises(ValueError, match="could not be broadcast"):
        UFUNCS[name](np.ones(3), *[np.ones(4)] * (UFUNCS[name].nin - 1))


@dtypes
@every_ufunc
def test_zero_dimensions_give_a_scalar(name, dtype):
    given = [np.array(v, dtype) for v in (-0.5, -1.5, 0.25, 0.5)[: UFUNCS[name].nin]]
    for got, want in zip(
        as_tuple(UFUNCS[name](*given)), as_tuple(UFUNCS[name](*(g.reshape(1) for g in given))), strict=True
    ):
        assert type(got) is dtype
        assert_same_bits(got, want[0])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4)], ids=str)
@every_ufunc
def test_empty_arrays_stay_empty(name, shape):
    for got in as_tuple(UFUNCS[name](*[np.empty(shape, np.float32)] * UFUNCS[name].nin)):
        assert got.shape == shape
        assert got.dtype == np.float32


@one_output
def test_order_follows_the_operands_or_the_wish(name):
    given = [np.asfortranarray(g.reshape(1, 97).repeat(3, 0)) for g in operands(name)]
    assert UFUNCS[name](*given).flags.f_contiguous
    assert UFUNCS[name](*given, order="C").flags.c_contiguous
    assert_same_bits(UFUNCS[name](*given, order="C"), UFUNCS[name](*given))


# ---- methods, subclasses, overrides


@pytest.mark.parametrize("name", UNARY)
def test_at_changes_the_chosen_elements_in_place(name):
    x = operands(name)[0]
    want = x.copy()
    want[[3, 50]] = UFUNCS[name](x[[3, 50]])
    want[7] = UFUNCS[name](UFUNCS[name](x[[7]]))[0]
    UFUNCS[name].at(x, [3, 50, 7, 7])
    assert_same_bits(x, want)


@pytest.mark.parametrize("name", [n for n in ONE_OUTPUT if UFUNCS[n].nin == 2])
def test_outer_pairs_every_element_with_every_other(name):
    a, b = operands(name)
    assert_same_bits(UFUNCS[name].outer(a, b[:5]), UFUNCS[name](a[:, None], b[:5]))


@pytest.mark.parametrize("name", [n for n, ufunc in UFUNCS.items() if ufunc.nin != 2])
def test_methods_that_need_two_inputs_and_one_output_say_so(name):
    for method in ("reduce", "accumulate", "outer"):
        with pytest.raises((TypeError, ValueError)):
            operator.methodcaller(method, *operands(name))(UFUNCS[name])


class Tagged(np.ndarray):
    """Keeps a tag through views and results."""

    def __array_finalize__(self, source):
        self.tag = getattr(source, "tag", None)


@every_ufunc
def test_subclasses_come_back_as_themselves(name):
    given = operands(name)
    tagged = given[0].view(Tagged)
    tagged.tag = "hidden layer"
    for got, want in zip(
        as_tuple(UFUNCS[name](tagged, *given[1:])), as_tuple(UFUNCS[name](*given)), strict=True
    ):
        assert type(got) is Tagged
        assert got.tag == "hidden layer"
        assert_same_bits(got.view(np.ndarray), want)
    assert type(as_tuple(UFUNCS[name](tagged, *given[1:], subok=False))[0]) is np.ndarray


@pytest.mark.parametrize("name", UNARY)
def test_masked_arrays_keep_their_mask(name):
    x = np.ma.masked_array(operands(name)[0], MASKS["runs"])
    y = UFUNCS[name](x)
    np.testing.assert_array_equal(y.mask, x.mask)
    assert_same_bits(y.data[~x.mask], UFUNCS[name](x.data)[~x.mask])


class Recorder:
    """Takes over every ufunc that it is an operand of."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return ufunc, method, inputs, kwargs


class Refuser:
    __array_ufunc__ = None


@every_ufunc
def test_operands_can_take_over(name):
    recorder, x = Recorder(), np.ones(3)
    inputs = (x,) * (UFUNCS[name].nin - 1) + (recorder,)
    ufunc, method, seen, kwargs = UFUNCS[name](*inputs, where=True)
    assert ufunc is UFUNCS[name]
    assert method == "__call__"
    assert all(a is b for a, b in zip(seen, inputs, strict=True))
    assert kwargs == {"where": True}
    with pytest.raises(TypeError):
        UFUNCS[name](*inputs[:-1], Refuser())
