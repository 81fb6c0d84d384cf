"""Stages: what layers say of themselves is what they compute."""

import numpy as np
import pytest
from tables import ROWS_AND_PARAMS, row_id

import relu_fast as rf
from relu_fast import nn
from relu_fast.bounds import Activate, Affine, Drop, Scale


def apply(stages, x):
    """What the stages say, in evaluation."""
    for stage in stages:
        if isinstance(stage, Affine):
            x = x @ stage.weights + stage.bias
        elif isinstance(stage, Scale):
            x = (x - stage.center) * stage.scale + stage.shift
        elif isinstance(stage, Activate):
            params = {**rf.ACTIVATIONS[stage.name].params, **stage.params}
            x = getattr(rf.ufuncs, stage.name)(x, *params.values())
    return x


@pytest.mark.parametrize(("name", "params"), [*ROWS_AND_PARAMS, (None, ())], ids=row_id)
def test_dense_says_what_it_computes(name, params):
    given = {} if name is None else dict(zip(rf.ACTIVATIONS[name].params, params, strict=True))
    save = None if name is None else "pre_activation"
    model = nn.Sequential([nn.Dense(5, name, save=save, **given)]).build(3, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(20, 3))
    np.testing.assert_allclose(apply(model.layers[0].stages(), x), model(x), rtol=1e-12)


def test_stages_show_the_weights_of_the_moment_without_a_copy():
    model = nn.Sequential([nn.Dense(2, "relu")]).build(3)
    affine = model.layers[0].stages()[0]
    assert np.shares_memory(affine.weights, model.parameters)
    assert np.shares_memory(affine.bias, model.parameters)


@pytest.mark.parametrize("kind", [nn.Dropout, nn.AlphaDropout])
def test_dropout_says_what_it_drops_to_and_what_becomes_of_the_rest(kind):
    layer = kind(0.3)
    (drop,) = layer.stages()
    assert drop.rate == 0.3
    x = np.random.default_rng(0).normal(size=(50, 8))
    y = layer.forward(x, training=True)
    kept = np.isclose(y, (x - drop.center) * drop.scale + drop.dropped)
    lost = np.isclose(y, drop.dropped)
    assert (kept ^ lost).all()
    assert 0 < lost.sum() < kept.sum()


def test_a_layer_that_does_nothing_has_no_stages():
    assert nn.Layer().stages() == ()


def test_a_stage_shows_itself_as_it_is_made():
    assert repr(Drop(0.5)) == "Drop(rate=0.5, scale=2.0, center=0.0, dropped=0.0)"
    assert repr(Activate("elu", {"alpha": 0.5})) == "Activate(name='elu', params={'alpha': 0.5})"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: Affine(np.zeros(3), np.zeros(3)),
            ValueError,
            "weights has shape (3,), expected (features, units)",
        ),
        (
            lambda: Affine(np.zeros((3, 2)), np.zeros(3)),
            ValueError,
            "bias has shape (3,), expected (2,): one entry per unit of weights (3, 2)",
        ),
        (
            lambda: Affine(np.zeros((3, 2), np.float16), np.zeros(2)),
            TypeError,
            "weights has dtype float16, expected float32 or float64",
        ),
        (
            lambda: Scale(np.zeros(3), np.zeros(2)),
            ValueError,
            "the shapes are scale (3,), shift (2,), center (), expected numbers or (units,) for each",
        ),
        (
            lambda: Scale(np.zeros((1, 3)), np.zeros(3)),
            ValueError,
            "the shapes are scale (1, 3), shift (3,), center (), expected numbers or (units,) for each",
        ),
        (lambda: Drop(1.0), ValueError, "rate is 1.0, expected a number in [0, 1)"),
        (lambda: Drop(float("nan")), ValueError, "rate is nan, expected a number in [0, 1)"),
        (
            lambda: Activate("prelu"),
            TypeError,
            "prelu misses the parameter 'weight', expected a number or one per unit",
        ),
        (
            lambda: Activate("elu", {"alpha": np.nan}),
            ValueError,
            "elu got NaN in the parameter 'alpha', expected numbers",
        ),
        (
            lambda: Activate("elu", {"slope": 1}),
            TypeError,
            "elu got the parameter 'slope', its parameters are: alpha",
        ),
        (
            lambda: Activate("hardtanh", {"min_val": np.zeros(2), "max_val": np.ones(3)}),
            ValueError,
            "hardtanh got shape (3,) in the parameter 'max_val', expected a number or (2,)",
        ),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused_in_one_line(make, error, message):
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message


def test_an_unknown_activation_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"unknown activation 'rely'; choose from relu, relu6"):
        Activate("rely")
