"""Which revivals took, some steps later."""

import numpy as np
import pytest
from revive_networks import DEAD, hidden, inputs, network

import relu_fast as rf
from relu_fast import nn, revive

LOSS = "binary_crossentropy"


def test_units_that_fire_and_learn_took():
    model, (x, y) = network(), inputs()
    optimizer = nn.Adam(learning_rate=0.01)
    revivals = revive.redo(model, {"first": [1, 3], "second": [0, 2]}, x=x, optimizer=optimizer)
    # The outgoing weights are zero as yet: the units fire, but no gradient comes through.
    report, _ = revive.follow_up(model, revivals, x=x, y=y, loss=LOSS, step=0)
    assert (report.fires, report.learns, report.took, report.failed) == ((1, 3), (), (), (1, 3))
    assert str(report) == (
        "first, redo: 0 of 2 units took at step 0, not units 1, 3 (2 units); "
        "units 1, 3 (2 units) fired but got no gradient."
    )
    for _ in range(3):
        model.loss_and_gradients(x, y, LOSS)
        optimizer.step(model.parameters, model.gradients)
    hidden(model)[0].bias[3] = DEAD
    report, _ = revive.follow_up(model, revivals, x=x, y=y, loss=LOSS, step=3)
    assert (report.fires, report.learns, report.took, report.failed) == ((1,), (1,), (1,), (3,))
    assert report.revival is revivals[0]
    assert [seen.state for seen in report.evidence] == ["alive", "dead"]
    assert str(report) == "first, redo: 1 of 2 units took at step 3, not units 3 (1 unit)."


def test_gradients_are_counted_as_the_monitor_counts_them():
    # More rows than are looked at in one go.
    model, (x, y) = network(dead=((), ())), inputs(9000)
    revivals = [revive.Revival("first", tuple(range(8)), "none", "nothing")]
    (report,) = revive.follow_up(model, revivals, x=x, y=y, loss=LOSS)
    model.layers[0].grad_stats = stats = rf.GradStats(8)
    model.loss_and_gradients(x, y, LOSS, training=False)
    assert list(report.gradients) == stats.nonzero.tolist()
    assert [seen.examples for seen in report.evidence] == [9000] * 8


def test_without_targets_it_says_that_gradients_were_not_observed():
    model, (x, _) = network(), inputs()
    revivals = revive.redo(model, {"first": [1, 3]})
    (report,) = revive.follow_up(model, revivals, x=x)
    assert (report.learns, report.gradients, report.took) == (None, (None, None), (1, 3))
    assert str(report) == "first, redo: 2 of 2 units took; gradients were not observed."


def test_nothing_is_changed_but_the_gradients():
    model, (x, y) = network(between=[nn.Dropout(0.3)]), inputs()
    revivals = revive.redo(model, {"first": [1, 3]})
    before = model.parameters.copy()
    reports = [revive.follow_up(model, revivals, x=x, y=y, loss=LOSS) for _ in range(2)]
    assert reports[0] == reports[1]
    np.testing.assert_array_equal(model.parameters, before)
    assert revive.follow_up(model, [], x=x) == ()


def test_one_layer_revived_twice_has_two_reports():
    model, (x, _) = network(), inputs()
    revivals = [*revive.redo(model, {"first": [1]}), *revive.lift_bias(model, {"first": [3]}, x=x, rate=0.2)]
    reports = revive.follow_up(model, revivals, x=x)
    assert [(report.revival.cure, report.took) for report in reports] == [("redo", (1,)), ("bias lift", (3,))]
    assert revive.summary(reports) == "2 of 2 revivals took (first 2 of 2)."
    assert revive.summary([]) == "No revival was followed up."


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"y": [1.0]}, ValueError, "y comes with a loss: expected both of them or neither"),
        ({"loss": LOSS}, ValueError, "y comes with a loss"),
        ({"y": np.ones(3), "loss": LOSS}, ValueError, r"y has shape \(3,\), expected 200 rows"),
    ],
)
def test_targets_come_with_a_loss(options, error, message):
    model, (x, _) = network(), inputs()
    with pytest.raises(error, match=message):
        revive.follow_up(model, revive.redo(model, {"first": [1]}), x=x, **options)


def test_revivals_of_another_network_are_refused():
    model, (x, _) = network(), inputs()
    other = revive.Revival("elsewhere", (1,), "redo", "done")
    with pytest.raises(ValueError, match="no layer is named 'elsewhere'"):
        revive.follow_up(model, [other], x=x)
    with pytest.raises(TypeError, match="revivals holds 'first', expected what redo"):
        revive.follow_up(model, ["first"], x=x)
