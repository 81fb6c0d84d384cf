import difflib

import pytest

from relu_fast import nn, revive
from relu_fast.lab.experiments import EXPERIMENTS, named
from relu_fast.lab.settings import Settings

SMALL = "RandomNormal(mean=0.0, stddev=0.05)"
GLOROT = "VarianceScaling(scale=1.0, mode='fan_avg', distribution='uniform')"
HE_NORMAL = "VarianceScaling(scale=2.0, mode='fan_in', distribution='truncated_normal')"
HE_UNIFORM = "VarianceScaling(scale=2.0, mode='fan_in', distribution='uniform')"
LECUN_NORMAL = "VarianceScaling(scale=1.0, mode='fan_in', distribution='truncated_normal')"
LECUN_UNIFORM = "VarianceScaling(scale=1.0, mode='fan_in', distribution='uniform')"

OUTPUT = ("Dense", 1, "sigmoid", GLOROT)


def dense(activation="relu", initializer=SMALL):
    return ("Dense", 64, activation, initializer)


def thrice(*block):
    return [*block, *block, *block, OUTPUT]


NETWORKS = {
    "one-layer": [("Dense", 1, "relu", SMALL)],
    "three-layer": thrice(dense()),
    "more-data": thrice(dense()),
    "dropout": thrice(dense(), ("Dropout", 0.25)),
    "more-layers": [*[dense()] * 6, OUTPUT],
    "more-epochs": thrice(dense()),
    "init-he_normal": thrice(dense("relu", HE_NORMAL)),
    "init-he_uniform": thrice(dense("relu", HE_UNIFORM)),
    "init-lecun_normal": thrice(dense("relu", LECUN_NORMAL)),
    "init-lecun_uniform": thrice(dense("relu", LECUN_UNIFORM)),
    "init-random_uniform": thrice(dense("relu", "RandomUniform(minval=-0.05, maxval=0.05)")),
    "init-negative": thrice(dense("relu", "RandomUniform(minval=-1.0, maxval=0.0)")),
    "init-rai": thrice(dense("relu", "RAI()")),
    "act-leaky_relu": thrice(dense("leaky_relu")),
    "act-prelu": thrice(dense(None), ("PReLU", False, 0.25)),
    "act-elu": thrice(dense("elu")),
    "act-selu": thrice(dense("selu", LECUN_NORMAL), ("AlphaDropout", 0.25)),
    "act-tanh": thrice(dense("tanh")),
    "act-sigmoid": thrice(dense("sigmoid")),
    "batchnorm": thrice(dense(None), ("BatchNorm",), ("Activation", "relu")),
    "gradient-clipping": thrice(dense()),
    "revive": thrice(dense()),
}

# What differs from three-layer beside the network.
TRAINING = {
    "more-data": {"samples_factor": 2},
    "more-epochs": {"epochs_factor": 2},
    "gradient-clipping": {"clip_norm": 5.0, "learning_rate": 0.1},
    "revive": {"cure": revive.ReDo},
}


def described(layer):
    kind = type(layer).__name__
    if isinstance(layer, nn.Dropout):
        return kind, layer.rate
    if isinstance(layer, nn.PReLU):
        return kind, layer.shared, layer.initial
    if isinstance(layer, nn.BatchNorm):
        return (kind,)
    if isinstance(layer, nn.Activation):
        return kind, layer.activation
    assert repr(layer.bias_initializer) in ("Zeros()", "RAI()")
    return kind, layer.units, layer.activation, repr(layer.kernel_initializer)


def test_the_table_holds_the_networks_in_order():
    assert list(EXPERIMENTS) == list(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_is_the_one_of_the_study(name):
    assert [described(layer) for layer in EXPERIMENTS[name].layers()] == NETWORKS[name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_all_else_is_as_in_three_layer(name):
    row, plain = EXPERIMENTS[name], nn.Adam()
    training = {
        "samples_factor": 1,
        "epochs_factor": 1,
        "clip_norm": None,
        "cure": None,
        "learning_rate": 0.001,
    }
    expected = training | TRAINING.get(name, {})
    optimizer = row.optimizer()
    assert expected.pop("learning_rate") == optimizer.learning_rate
    assert {key: getattr(row, key) for key in expected} == expected
    optimizer.learning_rate = plain.learning_rate
    assert repr(optimizer) == repr(plain)


def test_sizes_are_those_of_the_study():
    settings = Settings()
    assert settings.samples * EXPERIMENTS["more-data"].samples_factor == 400_000
    assert settings.epochs * EXPERIMENTS["more-epochs"].epochs_factor == 50
    assert (settings.epochs, settings.samples, settings.batch_size) == (25, 200_000, 32)


def test_clipping_has_the_same_without_it_as_control():
    row = EXPERIMENTS["gradient-clipping"]
    assert [described(layer) for layer in row.control.layers()] == NETWORKS["gradient-clipping"]
    assert repr(row.control.optimizer()) == repr(row.optimizer())
    assert row.control.clip_norm is None
    assert row.trained == (row.control, row)
    assert row.epochs(25) == 50
    assert [other.name for other in EXPERIMENTS.values() if other.control is not None] == [row.name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_row_gives_new_layers_and_optimizers_each_time(name):
    row = EXPERIMENTS[name]
    assert row.name == name
    first, second = row.layers(), row.layers()
    assert not set(map(id, first)) & set(map(id, second))
    assert row.optimizer() is not row.optimizer()


def test_what_takes_longer_costs_more():
    costs = {name: row.cost for name, row in EXPERIMENTS.items()}
    assert costs["one-layer"] < costs["three-layer"] < costs["more-layers"] < costs["more-data"]
    assert (
        costs["more-data"] == costs["more-epochs"] == costs["gradient-clipping"] == 2 * costs["three-layer"]
    )


def test_named_keeps_the_order_and_takes_each_once():
    names = ["act-selu", "one-layer", "act-selu"]
    assert [row.name for row in named(names)] == ["act-selu", "one-layer"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("two-layer", "one-layer"),
        ("tree-layer", "three-layer"),
        ("One-Layer", "one-layer"),
        ("selu", "act-selu"),
        ("rai", "init-rai"),
        ("he_normal", "init-he_normal"),
        ("init-rei", "init-rai"),
        ("act-relu", "act-elu"),
        ("clipping", "gradient-clipping"),
        ("batch-norm", "batchnorm"),
    ],
)
def test_an_unknown_name_is_quoted_and_the_nearest_is_listed(name, nearest):
    with pytest.raises(ValueError, match="unknown experiment") as caught:
        named(["one-layer", name])
    message = str(caught.value)
    listed = message.removeprefix(f"unknown experiment {name!r}; the nearest: ")
    assert nearest in listed.removesuffix(" (relu-fast lab --list shows all)").split(", ")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["", "quantum"])
def test_a_name_near_none_says_where_all_are_listed(name):
    assert not difflib.get_close_matches(name, EXPERIMENTS, cutoff=0.5)
    with pytest.raises(ValueError, match=r"; relu-fast lab --list shows all$"):
        named([name])


def test_no_name_at_all_is_refused():
    with pytest.raises(ValueError, match="no experiment is named; choose from one-layer"):
        named([])
