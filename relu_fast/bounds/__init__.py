"""Bounds of what a network can do on every input of a box, and the units that are dead on all of them.

>>> from relu_fast import bounds, nn
>>> model = nn.Sequential([nn.Dense(2, "relu"), nn.Dense(1)]).build(1)
>>> model.layers[0].kernel[...] = [[1, -1]]
>>> proof = bounds.prove(model, bounds.Box(0, 1))
>>> print(proof["dense_1"])
dense_1: 1 of 2 units proven dead, z in [-1, 1]
>>> proof["dense_1"].proven  # which units no input of the box can make fire
array([False,  True])

``proof.tell(monitor)``: the monitor's verdict on them is "proven" then.
"""

from .box import Box
from .proof import LayerBounds, Proof, prove
from .stages import Activate, Affine, Drop, Scale, Stage

__all__ = ["Activate", "Affine", "Box", "Drop", "LayerBounds", "Proof", "Scale", "Stage", "prove"]
