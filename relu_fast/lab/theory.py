"""What is proven of networks that are born dead: bounds of the probability, for one input and zero bias.

Lu, Shin, Su and Karniadakis 2019, "Dying ReLU and Initialization: Theory and Numerical Examples" (1903.06733).
A network of depth L has L affine layers: L - 1 hidden ones of N relu units, and a linear output. Its weights are
independent, symmetric about zero, without atoms; normal, for the lower bound beyond depth 3. It is born dead if
it is constant: some hidden layer fires for no input.

Without bias the network is linear on either side of zero, so the two directions x > 0 and x < 0 decide. Let
r = 2^-N. A layer that gets a vector h that is not zero is silent for it with probability r, whatever h is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["exact", "lower_bound", "upper_bound"]


def upper_bound(widths: Sequence[int]) -> float:
    """Return 1 - prod(1 - 2^-N) over the hidden layers: the probability that one given input dies on the way.

    Holds for any number of inputs and for symmetric biases.

    Parameters
    ----------
    widths : sequence of int
        Units of each hidden layer.
    """
    # 1 - product, without losing what is small in wide layers.
    return -math.expm1(sum(math.log1p(-(0.5**width)) for width in widths))


def lower_bound(width: int, depth: int) -> float:
    """Return a lower bound of the probability, for `depth` - 1 hidden layers of `width` units.

    With a = 1 - r and b = 1 - 2 r - (N - 1) r^2 it is
    1 - a^(L-2) + (1 - 2 r) (1 - r) / (1 + (N - 1) r) (b^(L-2) - a^(L-2)).

    After the first layer either one direction is alive (probability 2 r), or both are, at a right angle. One
    direction, or two that have become parallel, survive a layer with probability a. For two at an angle t a
    unit fires for both with probability p = (pi - t) / (2 pi) >= 1/4, and for neither likewise; so both live on
    without becoming parallel with probability 1 - 2 r - (N - 1) p^N <= b. Taking p = 1/4 in every layer gives
    the bound, which is exact where there is no layer after the right angle.
    """
    r = 0.5**width
    if depth <= 3:
        # The same, where the terms would cancel.
        return r * r * (3.0 - 2.0 * r) * (depth - 2)
    # a^(L-2) - 1 and b^(L-2) - 1; b is 0 for one unit.
    one = math.expm1((depth - 2) * math.log1p(-r))
    lost = 2.0 * r + (width - 1) * r * r  # 1 - b
    two = math.expm1((depth - 2) * math.log1p(-lost)) if lost < 1.0 else -1.0
    weight = (1.0 - 2.0 * r) * (1.0 - r) / (1.0 + (width - 1) * r)
    return weight * (two - one) - one


def exact(width: int, depth: int) -> float | None:
    """Return the probability where it has a closed form: one unit a layer, or at most 3 layers; else None.

    At depth 3 it is 4^-N (3 - 2^(1-N)).
    """
    return lower_bound(width, depth) if width == 1 or depth <= 3 else None
