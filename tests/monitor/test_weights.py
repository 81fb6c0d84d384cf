"""Weights that a monitor looks at."""

import numpy as np
import pytest

import relu_fast as rf


@pytest.mark.parametrize(("shape", "axis"), [((4, 3), -1), ((3, 4), 0), ((3, 2, 5, 5), 0), ((5, 5, 2, 3), 3)])
def test_weights_have_a_unit_axis(shape, axis):
    monitor, rng = rf.DeadUnitMonitor(), np.random.default_rng(0)
    first, second = rng.normal(size=(2, *shape))
    monitor.observe_weights("conv", first, unit_axis=axis)
    monitor.observe_weights("conv", second, unit_axis=axis)
    weights = monitor.report().layers["conv"].weights
    others = tuple(k for k in range(len(shape)) if k != axis % len(shape))
    np.testing.assert_allclose(weights.weights_norm, np.sqrt((first**2).sum(axis=others)), rtol=1e-12)
    np.testing.assert_allclose(
        weights.step_norm, np.sqrt(((second - first) ** 2).sum(axis=others)), rtol=1e-12
    )


def test_weights_that_the_caller_changes_in_place_have_moved():
    monitor, weights = rf.DeadUnitMonitor(), np.ones((2, 3), np.float32)
    monitor.observe_weights("fc1", weights)
    weights *= 3
    monitor.observe_weights("fc1", weights)
    assert monitor.report().layers["fc1"].weights.step_norm.tolist() == pytest.approx([8**0.5] * 3)


def test_weights_of_another_shape_are_no_step():
    monitor = rf.DeadUnitMonitor()
    monitor.observe_weights("fc1", np.ones((2, 3)))
    monitor.observe_weights("fc1", np.ones((5, 3)))
    assert monitor.report().layers["fc1"].weights.step_norm is None
