"""Numerical differentiation: what every gradient is checked against."""

from collections.abc import Callable

import numpy as np

STEP = 1e-6


def central_difference(function: Callable[[], float], x: np.ndarray) -> np.ndarray:
    """Return d function() / d x, for a float64 array x that the function reads; x stays as it is."""
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + STEP
        above = function()
        x[index] = value - STEP
        below = function()
        x[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient
