"""Independent random streams from one seed."""

from __future__ import annotations

import numpy as np

from .arrays import at_least

__all__ = ["INITIAL_VALUES", "NOISE", "SHUFFLING", "streams"]

INITIAL_VALUES, SHUFFLING, NOISE = range(3)


def streams(seed: int | None, purpose: int, count: int) -> list[np.random.Generator]:
    """`count` generators (PCG64) for one purpose.

    Those of another purpose or position are independent, however many numbers each of them draws: a wider
    layer or a longer training does not change what the others get. None takes fresh entropy for each.

    Raises
    ------
    TypeError, ValueError
        If `seed` is no integer, or negative.
    """
    if seed is not None:
        seed = at_least(seed, 0, "seed")
    return [
        np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(purpose, position))))
        for position in range(count)
    ]
