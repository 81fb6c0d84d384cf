"""Bounds of what a network can do on every input of a box, and the units that are dead on all of them.

>>> from relu_fast import bounds
>>> proof = bounds.prove(model, bounds.Box.of(x))  # doctest: +SKIP
>>> print(proof)  # doctest: +SKIP
>>> proof["dense_1"].proven                        # which units no input of the box can make fire
>>> proof.tell(monitor)                            # its verdict on them is "proven" then
"""

from .box import Box
from .proof import LayerBounds, Proof, prove
from .stages import Activate, Affine, Drop, Scale, Stage

__all__ = ["Activate", "Affine", "Box", "Drop", "LayerBounds", "Proof", "Scale", "Stage", "prove"]
