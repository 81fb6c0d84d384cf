import pytest

from relu_fast import nn
from relu_fast.lab.experiments import EXPERIMENTS, named

RELU = ("Dense", 64, "relu", "RandomNormal(mean=0.0, stddev=0.05)")
SELU = ("Dense", 64, "selu", "VarianceScaling(scale=1.0, mode='fan_in', distribution='truncated_normal')")
OUTPUT = ("Dense", 1, "sigmoid", "VarianceScaling(scale=1.0, mode='fan_avg', distribution='uniform')")
DROPOUT = ("AlphaDropout", 0.25)

NETWORKS = {
    "one-layer": [("Dense", 1, "relu", "RandomNormal(mean=0.0, stddev=0.05)")],
    "three-layer": [RELU, RELU, RELU, OUTPUT],
    "selu": [SELU, DROPOUT, SELU, DROPOUT, SELU, DROPOUT, OUTPUT],
}


def described(layer):
    if isinstance(layer, nn.AlphaDropout):
        return "AlphaDropout", layer.rate
    assert repr(layer.bias_initializer) == "Zeros()"
    return "Dense", layer.units, layer.activation, repr(layer.kernel_initializer)


def test_the_table_holds_the_networks_in_order():
    assert list(EXPERIMENTS) == list(NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_network_is_the_one_of_the_study(name):
    assert [described(layer) for layer in EXPERIMENTS[name].layers()] == NETWORKS[name]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_row_gives_new_layers_and_optimizers_each_time(name):
    row = EXPERIMENTS[name]
    assert row.name == name
    first, second = row.layers(), row.layers()
    assert not set(map(id, first)) & set(map(id, second))
    assert row.optimizer() is not row.optimizer()
    assert repr(row.optimizer()) == repr(nn.Adam())


def test_named_keeps_the_order_and_takes_each_once():
    assert [row.name for row in named(["selu", "one-layer", "selu"])] == ["selu", "one-layer"]


@pytest.mark.parametrize("names", [["one-layer", "two-layer"], ["One-Layer"], [""]])
def test_an_unknown_name_is_quoted_and_the_choices_are_listed(names):
    with pytest.raises(ValueError, match=r"unknown experiment .*; choose from one-layer, ") as caught:
        named(names)
    assert repr(names[-1]) in str(caught.value)


def test_no_name_at_all_is_refused():
    with pytest.raises(ValueError, match="no experiment is named; choose from one-layer"):
        named([])
