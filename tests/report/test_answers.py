from dataclasses import replace
from types import SimpleNamespace

import pytest
from small_lab import EXPLODING, GATELESS, HEALTHY, SMALL, STILLBORN, result_of, study_of

from relu_fast import nn
from relu_fast.nn.initializers import random_uniform
from relu_fast.report.answers import answer, dead_of, dormant_of
from relu_fast.report.study import Revivals

# A single unit: alive, or dead since it was born.
ALIVE, DEAD = (
    replace(
        HEALTHY,
        name=name,
        asks="survival",
        layers=lambda low=low, high=high: [
            nn.Dense(1, "relu", kernel_initializer=random_uniform(minval=low, maxval=high))
        ],
    )
    for name, low, high in (("alive", -0.9, -0.8), ("dead", 0.5, 1.0))
)
SATURATED = replace(
    GATELESS,
    name="saturated",
    layers=lambda: [
        nn.Dense(8, "sigmoid", kernel_initializer=random_uniform(minval=-1e4, maxval=-9e3)),
        nn.Dense(1, "sigmoid"),
    ],
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    rows = (HEALTHY, STILLBORN, GATELESS, EXPLODING, ALIVE, DEAD, SATURATED)
    return {row.name: result_of(row, folder) for row in rows}


def with_dead(result, name, dead, units=100):
    """The result of a network of one hidden relu layer of which so many units are dead."""
    layer = SimpleNamespace(
        gate=0.0,
        activation="relu",
        units=units,
        dead=dead,
        counts={"non_finite": 0},
        flagged=lambda flag: None,
    )
    report = replace(result.report, window=replace(result.report.window, layers={"dense_1": layer}))
    return replace(result, name=name, report=report)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ((20, 100), (60, 100), "Yes: 20 of 100 (20 %) are dead, 60 of 100 (60 %) in three-layer."),
        ((0, 100), (60, 100), "Yes: 0 of 100 are dead, 60 of 100 (60 %) in three-layer."),
        ((56, 100), (60, 100), "Hardly: 56 of 100 (56 %) are dead, 60 of 100 (60 %) in three-layer."),
        ((60, 100), (60, 100), "No, as many: 60 of 100 (60 %) are dead, 60 of 100 (60 %) in three-layer."),
        (
            (64, 100),
            (60, 100),
            "No, about as many: 64 of 100 (64 %) are dead, 60 of 100 (60 %) in three-layer.",
        ),
        ((65, 100), (60, 100), "No, more: 65 of 100 (65 %) are dead, 60 of 100 (60 %) in three-layer."),
        ((100, 200), (60, 100), "Yes: 100 of 200 (50 %) are dead, 60 of 100 (60 %) in three-layer."),
        ((0, 100), (0, 100), "There is nothing to save: no unit is dead, nor in three-layer."),
        ((9, 100), (0, 100), "No, more: 9 of 100 (9 %) are dead, 0 of 100 in three-layer."),
    ],
)
def test_shares_of_dead_units_are_compared(results, own, other, expected):
    reference = with_dead(results["healthy"], "three-layer", *other)
    assert answer(with_dead(results["healthy"], "x", *own), reference) == expected


def test_without_a_reference_nothing_is_compared(results):
    assert answer(with_dead(results["healthy"], "x", 20), None) == (
        "20 of 100 (20 %) are dead; what that is to be compared with was not run."
    )


def test_how_many_is_answered_by_a_number(results):
    result = replace(with_dead(results["healthy"], "three-layer", 20), asks="number")
    assert answer(result, None) == "20 of 100 (20 %) are dead after 3 epochs."


def test_whether_a_unit_survives_is_answered_by_yes_or_no(results):
    assert answer(results["alive"], None) == "Yes: it fires on 100 % of the validation rows after 3 epochs."
    assert answer(results["dead"], None) == "No: it is dead after 3 epochs, since epoch 1."


def test_where_nothing_can_be_dead_gradients_are_looked_at(results):
    reference = with_dead(results["healthy"], "three-layer", 60)
    assert answer(results["gateless"], reference) == (
        "Yes: none can be dead, as selu has no gate; no gradient at its units is zero. 60 of 100 (60 %) are dead "
        "in three-layer."
    )
    assert answer(results["gateless"], None).endswith("no gradient at its units is zero.")
    words = answer(results["saturated"], None)
    assert words.startswith("Yes: none can be dead, as sigmoid has no gate; ")
    assert words.endswith("of the gradients at its units are zero all the same.")


def test_a_network_of_nan_is_broken_whatever_is_asked(results):
    broken = sum(layer.counts["non_finite"] for layer in results["exploding"].layers.values())
    assert broken
    for asks in ("fewer", "number", "survival"):
        assert answer(replace(results["exploding"], asks=asks), None) == (
            f"The network is broken: {broken} of 17 units compute NaN or infinity."
        )


def test_revivals_are_counted(results):
    reference = with_dead(results["healthy"], "three-layer", 60)
    cured = replace(with_dead(results["healthy"], "x", 20), revivals=Revivals(done=9, followed=8, took=5))
    assert answer(cured, reference).endswith(
        "in three-layer. 5 of 8 revivals took: an epoch later the unit fired and learned."
    )


def test_a_control_is_what_an_experiment_is_compared_with(results):
    three_layer = with_dead(results["healthy"], "three-layer", 60)
    # Another seed, other losses.
    control = with_dead(results["alive"], "x.control", 80)
    result = replace(with_dead(results["healthy"], "x", 20), control=control)
    study = study_of(three_layer, result)
    assert study.reference(result) is control
    assert study.answer(result) == "Yes: 20 of 100 (20 %) are dead, 80 of 100 (80 %) without it."
    same = replace(result, control=with_dead(results["healthy"], "x.control", 20))
    assert study.answer(same).endswith(
        "without it. It changed nothing: both trained alike to the last digit."
    )


def test_three_layer_is_what_the_others_are_compared_with(results):
    three_layer = replace(results["stillborn"], name="three-layer", asks="number")
    study = study_of(results["healthy"], three_layer, results["alive"])
    assert study.reference(results["healthy"]) is three_layer
    assert study.reference(three_layer) is None
    assert study.reference(results["alive"]) is None
    assert study_of(results["healthy"]).reference(results["healthy"]) is None


def test_units_that_can_be_dead_are_counted(results):
    assert dead_of(results["stillborn"]) == (12, 12)
    assert dead_of(results["gateless"]) == (0, 0)
    assert dead_of(results["healthy"])[1] == 8


def test_dormant_units_are_counted_where_that_has_an_answer(results):
    # Both hidden layers put out nothing but zeros.
    assert dormant_of(results["stillborn"]) == (0, 0)
    dormant, known = dormant_of(results["healthy"])
    assert known == 12
    assert dormant == sum(len(results["healthy"].layers[f"dense_{i}"].flagged("dormant")) for i in (1, 2))
    assert dormant_of(results["alive"]) == (0, 1)


def test_answers_are_those_of_the_summary(results):
    study = study_of(*results.values())
    assert study.to_dict()["answers"] == {result.name: study.answer(result) for result in study.results}
    assert SMALL.epochs == 3
