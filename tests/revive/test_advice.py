"""A lower learning rate is advised where the units died of it, and nowhere else."""

from types import SimpleNamespace

import numpy as np
import pytest
from revive_networks import inputs, network

import relu_fast as rf
from relu_fast import nn, revive
from relu_fast.history import JUMP, Cause, UnitEvent


def report(*causes, revivals=0):
    """What is read of a report: deaths with these causes, and revivals."""
    deaths = [UnitEvent("first", unit, "death", 3, cause) for unit, cause in enumerate(causes)]
    return SimpleNamespace(events=(*deaths, *[UnitEvent("first", 0, "revival", 4)] * revivals))


def jump(ratio, norm=2.0):
    return Cause("weights_jumped", {"step_norm": ratio * norm, "weights_norm": norm})


DRIFT = Cause("bias_drifted", {"bias": -3.0})
BORN = Cause("born_dead", {"largest": -1.0})


def test_the_worst_step_would_have_been_half_of_a_jump():
    advice = revive.learning_rate_advice(report(jump(0.8), jump(5.0), DRIFT, None, revivals=3), 0.1)
    assert advice.learning_rate == pytest.approx(0.1 * JUMP / 2 / 5.0)
    assert (advice.deaths, advice.jumps, advice.worst) == (3, 2, 5.0)
    assert (
        str(advice)
        == advice.sentence
        == (
            "Lower the learning rate from 0.1 to 0.005: in 2 of 3 deaths with a known cause one step was 0.8 to 5 "
            "times as long as the weights it moved; the worst would then have been 0.25 times as long."
        )
    )
    assert eval(repr(advice), vars(revive)) == advice


@pytest.mark.parametrize(
    "causes",
    [(), (None, None), (DRIFT,), (BORN, DRIFT, jump(3.0)), (jump(np.inf),), (jump(np.nan),)],
    ids=str,
)
def test_without_the_evidence_there_is_no_advice(causes):
    assert revive.learning_rate_advice(report(*causes, revivals=1), 0.1) is None


@pytest.mark.parametrize("learning_rate", [0.0, -1.0, np.nan, np.inf])
def test_a_learning_rate_that_cannot_be_is_refused(learning_rate):
    with pytest.raises(ValueError, match=r"learning_rate is .*, expected a finite number > 0"):
        revive.learning_rate_advice(report(jump(1.0)), learning_rate)


def test_a_network_that_jumped_survives_with_the_advice():
    def train(learning_rate):
        model, monitor = network(dead=((), ())), rf.DeadUnitMonitor()
        x, y = inputs()
        # A calm epoch first: it shows the units alive.
        schedule = nn.LearningRate(lambda epoch: learning_rate if epoch else 1e-4)
        model.fit(
            20.0 * x,
            y,
            epochs=3,
            batch_size=20,
            optimizer=nn.SGD(),
            validation_data=(20.0 * x, y),
            callbacks=[monitor, schedule],
        )
        return monitor.report()

    jumped = train(5.0)
    advice = revive.learning_rate_advice(jumped, 5.0)
    assert advice.deaths >= advice.jumps >= 2
    calm = train(advice.learning_rate)
    died, dies = ([event for event in each.events if event.kind == "death"] for each in (jumped, calm))
    assert len(dies) < len(died)
    assert revive.learning_rate_advice(calm, advice.learning_rate) is None
