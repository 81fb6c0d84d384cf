"""prove(): networks in, bounds by layer out; what a monitor and a report make of them; what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest

import relu_fast as rf
from relu_fast import nn
from relu_fast.bounds import Activate, Affine, Box, Drop, Scale, prove


def model_with_dead_units():
    """Units 0 and 1 of the first layer are dead on [-1, 1], unit 2 only on inputs whose features are equal."""
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dropout(0.5), nn.Dense(2, "elu"), nn.Dense(1)]).build(2)
    model.layers[0].kernel[...] = [[1, -1, 4, 1], [1, 0.5, -4, -2]]
    model.layers[0].bias[...] = [-2.5, -1.75, -1, 0]
    return model


def test_every_layer_with_weights_has_bounds_by_its_name():
    proof = prove(model_with_dead_units(), Box(-1, 1))
    assert list(proof) == ["dense_1", "dense_2", "dense_3"]
    assert [layer.activation for layer in proof.values()] == ["relu", "elu", None]
    assert len(proof) == 3
    first = proof["dense_1"]
    np.testing.assert_allclose(first.lower, [-4.5, -3.25, -9, -3], rtol=1e-5)
    np.testing.assert_allclose(first.upper, [-0.5, -0.25, 7, 3], rtol=1e-5)
    assert first.proven.tolist() == [True, True, False, False]
    assert first.gate.tolist() == [0, 0, 0, 0]
    # Without a gate nothing is ever dead.
    assert np.isnan(proof["dense_2"].gate).all()
    assert not proof["dense_2"].proven.any()
    assert not proof["dense_3"].proven.any()


def test_bounds_are_those_of_the_weights_of_the_moment():
    model = model_with_dead_units()
    before = prove(model, Box(-1, 1))["dense_1"]
    model.layers[0].bias[0] = 3
    assert before.proven[0]
    assert not prove(model, Box(-1, 1))["dense_1"].proven[0]


def test_the_box_is_that_of_the_data():
    model, x = model_with_dead_units(), np.repeat([[-1.0], [0.2]], 2, axis=1)
    proof = prove(model, Box.of(x))
    assert proof.box.source == "range of 2 examples"
    assert proof["dense_1"].proven.tolist() == [True, True, False, False]


def test_dropout_reaches_further_as_trained():
    model = model_with_dead_units()
    used, trained = (prove(model, Box(-1, 1), dropout=dropout) for dropout in (False, True))
    assert (used.dropout, trained.dropout) == (False, True)
    np.testing.assert_array_equal(used["dense_1"].upper, trained["dense_1"].upper)
    # Behind it the values are doubled, or 0 as they could be before.
    np.testing.assert_allclose(trained["dense_2"].upper, 2 * used["dense_2"].upper, rtol=1e-5)


def test_dropout_at_rate_0_drops_nothing():
    stages = (Affine(np.eye(1), np.ones(1)), Drop(0.0), Affine(np.eye(1), np.ones(1)))
    assert prove({"z": stages}, Box(1, 2), dropout=True)["z"].lower[0] == pytest.approx(3)


def test_batch_normalisation_between_affine_step_and_activation_moves_the_pre_activation():
    norm = Scale(np.float32([2, -1, 0]), np.float32([-1, -1, -0.5]), np.float32([1, 2, 3]))
    stages = (Affine(np.ones((1, 3), np.float32), np.zeros(3, np.float32)), norm, Activate("relu"))
    found = prove({"z": stages}, Box(0, 1))["z"]
    np.testing.assert_allclose(found.lower, [-3, 0, -0.5], atol=1e-5)
    np.testing.assert_allclose(found.upper, [-1, 1, -0.5], atol=1e-5)
    assert found.proven.tolist() == [True, False, True]


def test_a_mean_that_nearly_cancels_the_input_leaves_its_rounding_error():
    """1e6 - 1e6: neighbours in float32 are 0.06 apart, and what remains of them is scaled up."""
    norm = Scale(np.float32([1000]), np.float32([-1]), np.float32([1e6]))
    found = prove({"z": (Affine(np.float32([[1]]), np.float32([0])), norm, Activate("relu"))}, Box(1e6, 1e6))[
        "z"
    ]
    assert found.upper > 50
    assert not found.proven


@pytest.mark.parametrize("folded", [False, True])
def test_batch_normalisation_stays_inside_computed_either_way(folded):
    """(x - mean) scale + beta, or x scale + (beta - mean scale), in float32, with means that nearly cancel."""
    generator = np.random.default_rng(0)
    mean = generator.uniform(1000, 1001, 500).astype(np.float32)
    scale, beta = generator.normal(size=(2, 500)).astype(np.float32)
    x = (mean + generator.normal(size=500)).astype(np.float32)
    stages = (Scale(scale, beta, mean), Activate("relu"))
    found = prove({"z": stages}, Box(x, x), dtype=np.float32)["z"]
    z = x * scale + (beta - mean * scale) if folded else (x - mean) * scale + beta
    assert (found.lower <= z).all()
    assert (z <= found.upper).all()


@pytest.mark.parametrize(
    ("scale", "center", "interval"),
    [
        (1e39, 0.0, (0, 0)),  # infinite in float32, and infinity times 0 is NaN
        (1e-10, -3e38, (0, 3e38)),  # x - center
        (1e10, 1e30, (1e30, 1e30)),  # x scale, where center is folded into shift
    ],
)
def test_a_scale_that_may_overflow_on_the_way_leaves_its_unit_unknown(scale, center, interval):
    norm = Scale(np.array([scale]), np.array([-1.0]), np.array([center]))
    found = prove({"z": (norm, Activate("relu"))}, Box(*interval), dtype=np.float32)["z"]
    assert not found.known
    assert not found.proven


def test_a_scaled_product_that_underflows_is_covered():
    tiny = np.finfo(np.float32).smallest_subnormal
    norm = Scale(np.float32([0.75]), np.float32([0]))
    found = prove({"z": (norm, Activate("relu"))}, Box(tiny, tiny), dtype=np.float32)["z"]
    assert np.float32(0.75) * tiny == tiny
    assert found.lower <= 0.75 * float(tiny)
    assert found.upper >= float(tiny)


def test_a_scale_of_0_leaves_the_shift_alone():
    found = prove({"z": (Scale(np.zeros(1), np.zeros(1)), Activate("relu"))}, Box(-9, 9), dtype=np.float32)[
        "z"
    ]
    assert (found.lower, found.upper, found.proven) == (0, 0, True)


def test_a_scale_of_its_own_width_tells_the_features():
    found = prove({"z": (Scale(np.ones(3), np.zeros(3)), Activate("relu"))}, Box(-1, 1), dtype=np.float64)[
        "z"
    ]
    assert found.upper.shape == (3,)


@pytest.mark.parametrize(
    ("name", "params", "bias", "dead"),
    [
        ("thresholded_relu", {"alpha": 0.7}, 0.69, True),
        ("thresholded_relu", {"alpha": 0.7}, 0.71, False),
        ("hardtanh", {"min_val": -2.0, "max_val": 1.0}, -2.01, True),
        ("hardsigmoid", {}, -3.01, True),
        ("hardsigmoid", {}, -2.99, False),
        ("hardswish", {}, -3.01, True),
        ("relu6", {}, -0.01, True),
        ("squared_relu", {}, -0.01, True),
        ("leaky_relu", {}, -1.0, False),
        ("leaky_relu", {"negative_slope": 0.0}, -1.0, True),
        ("leaky_relu", {"negative_slope": 1e-60}, -1.0, False),
        ("gelu", {}, -1e3, False),
    ],
)
def test_units_are_proven_at_the_gate_of_their_activation(name, params, bias, dead):
    stages = (Affine(np.zeros((1, 1), np.float32), np.float32([bias])), Activate(name, params))
    assert prove({"z": stages}, Box(0, 1))["z"].proven[0] == dead


def test_the_gate_is_that_of_the_rounded_parameters_too():
    """0.16 in float32 is less: hardsigmoid is not yet 0 at the gate for 0.16."""
    params = {"alpha": 0.16, "beta": 0.5}
    z = np.float32(-3.125)
    assert rf.ACTIVATIONS["hardsigmoid"].gate_for(**params) == float(z)
    assert rf.hardsigmoid(np.array([z]), **params) > 0
    found = prove({"z": (Activate("hardsigmoid", params),)}, Box([z], [z]), dtype=np.float32)["z"]
    assert found.upper == float(z)
    assert not found.proven


def test_slopes_of_prelu_decide_by_unit():
    affine = Affine(np.zeros((1, 3), np.float32), np.full(3, -1, np.float32))
    stages = (affine, Activate("prelu", {"weight": np.float32([0, 0.1, np.nan])}))
    assert prove({"z": stages}, Box(0, 1))["z"].proven.tolist() == [True, False, False]


def test_it_says_how_many_dead_units_could_not_be_proven():
    model = model_with_dead_units()
    proof = prove(model, Box(-1, 1))
    dead = np.array([True, True, True, False])
    assert proof["dense_1"].unproven(dead) == 1
    monitor = rf.DeadUnitMonitor()
    x = np.repeat(np.linspace(-1, 1, 50, dtype=np.float32)[:, np.newaxis], 2, axis=1)
    with monitor.complete_pass():
        monitor.observe("dense_1", x @ model.layers[0].kernel + model.layers[0].bias)
    assert monitor.report().layers["dense_1"].states[2] == "dead"
    assert proof.unproven(monitor.report()) == {"dense_1": 1}


def test_a_monitor_is_told_the_bounds_of_layers_with_an_activation():
    told = {}

    def observe_bounds(name, lower, upper, *, box):
        told[name] = (lower, upper, box)

    proof = prove(model_with_dead_units(), Box(-1, 1))
    proof.tell(SimpleNamespace(observe_bounds=observe_bounds))
    assert list(told) == ["dense_1", "dense_2"]
    lower, upper, box = told["dense_1"]
    np.testing.assert_array_equal(lower, proof["dense_1"].lower)
    np.testing.assert_array_equal(upper, proof["dense_1"].upper)
    assert box == "stated, all in [-1, 1]"


def test_a_proof_reads_as_a_summary():
    model = model_with_dead_units()
    assert str(prove(model, Box(-1, 1), dropout=True)).splitlines()[:2] == [
        "over the box (stated, all in [-1, 1]), float32, dropout as in training:",
        "  dense_1: 2 of 4 units proven dead, z in [-9, 7]",
    ]
    assert str(prove(model, Box(-1, np.inf))).splitlines() == [
        "over the box (stated, unbounded), float32:",
        "  dense_1: 0 of 4 units proven dead, 4 unknown",
        "  dense_2: elu has no gate, nothing can be dead, 2 unknown",
        "  dense_3: linear has no gate, nothing can be dead, 1 unknown",
    ]


def test_another_dtype_rounds_the_weights_to_it():
    weights, bias = np.array([[1 / 3]]), np.zeros(1)
    double, single = (prove({"z": (Affine(weights, bias),)}, Box(3, 3), dtype=t)["z"] for t in ("f8", "f4"))
    assert double.upper - double.lower < 1e-14
    assert 1e-8 < single.upper - single.lower < 1e-5
    assert single.lower <= 3 * float(np.float32(1 / 3)) <= single.upper


def test_layers_will_do_without_a_model():
    model = model_with_dead_units()
    one, other = prove(model.layers, Box(-1, 1)), prove(model, Box(-1, 1))
    for name in other:
        np.testing.assert_array_equal(one[name].upper, other[name].upper)


class Squaring(nn.Dense):
    def forward(self, x, *, training=False, out=None):
        return super().forward(x * x, training=training)


class Negating(nn.Layer):
    def forward(self, x, *, training=False, out=None):
        return -x


class Passing(nn.Layer):
    pass


class SquaringThatSaysSo(Squaring):
    def stages(self):
        return (Activate("squared_relu"), *super().stages())


@pytest.mark.parametrize("layer", [Negating(), Squaring(2, "relu")])
def test_a_layer_that_does_not_say_what_it_computes_is_refused(layer):
    model = nn.Sequential([layer, nn.Dense(1, "relu")]).build(2)
    with pytest.raises(
        TypeError, match=r"computes a forward pass of its own but .* expected a method stages\(\)"
    ):
        prove(model, Box(0, 1))


def test_a_layer_that_computes_nothing_of_its_own_is_the_identity():
    model = nn.Sequential([Passing(), nn.Dense(1, "relu")]).build(2)
    assert list(prove(model, Box(0, 1))) == ["dense_1"]


FIRST = Affine(np.zeros((2, 3), np.float32), np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("network", "box", "options", "error", "message"),
    [
        (
            {"a": (FIRST,)},
            Box([0, 0, 0], 1),
            {},
            ValueError,
            "the box has 3 features, expected 2: those of the network",
        ),
        ({"a": (FIRST,)}, (0, 1), {}, TypeError, "box is a tuple, expected a Box"),
        (
            {"a": (FIRST,), "b": (FIRST,)},
            Box(0, 1),
            {},
            ValueError,
            "layer 'b': weights has shape (2, 3), expected (3, units): 3 features come in",
        ),
        (
            {"a": (FIRST, Activate("relu"), Activate("elu"))},
            Box(0, 1),
            {},
            ValueError,
            "layer 'a': it has the activations relu, elu, expected one a layer",
        ),
        (
            {"a": (FIRST, Activate("prelu", {"weight": np.zeros(2)}))},
            Box(0, 1),
            {},
            ValueError,
            "layer 'a': weight has shape (2,), expected (3,): one entry per unit",
        ),
        (
            {"a": (FIRST, Scale(np.zeros(4), np.zeros(4)))},
            Box(0, 1),
            {},
            ValueError,
            "layer 'a': scale has shape (4,), expected (3,): one entry per unit",
        ),
        (
            {"a": (FIRST,), "b": (Affine(np.zeros((3, 1)), np.zeros(1)),)},
            Box(0, 1),
            {},
            TypeError,
            "the network's weights have float32 and float64, expected one: say dtype=",
        ),
        (
            {"a": (Activate("relu"),)},
            Box(0, 1),
            {},
            TypeError,
            "the network's weights have no dtype, expected one: say dtype=",
        ),
        (
            {"a": (FIRST,)},
            Box(0, 1),
            {"dtype": np.float16},
            TypeError,
            "dtype is float16, expected float32 or float64",
        ),
        (
            {"a": (FIRST,)},
            Box(0, 1),
            {"ulps": -1},
            ValueError,
            "ulps is -1, expected a number from 0 to 2**20",
        ),
        (
            {"a": ("relu",)},
            Box(0, 1),
            {"dtype": "f4"},
            TypeError,
            "layer 'a' has the stage 'relu', expected Affine, Activate, Scale or Drop",
        ),
        (
            [Passing("a"), Passing("a")],
            Box(0, 1),
            {"dtype": "f4"},
            ValueError,
            "two layers are named 'a', expected a name of its own for each",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(network, box, options, error, message):
    with pytest.raises(error) as raised:
        prove(network, box, **options)
    assert str(raised.value) == message


def test_a_network_without_parameters_is_refused():
    with pytest.raises(RuntimeError, match="dense_1 has no parameters yet"):
        prove(nn.Sequential([nn.Dense(1, "relu")]), Box(0, 1))


@pytest.mark.parametrize("dead", [np.zeros(3, bool), np.zeros(4, int)])
def test_the_dead_are_one_bool_a_unit(dead):
    with pytest.raises(ValueError, match=r"expected bool \(4,\)"):
        prove(model_with_dead_units(), Box(0, 1))["dense_1"].unproven(dead)
