"""Bounds of what a network can do on every input of a box, and the units that are dead on all of them."""

from .stages import Activate, Affine, Drop, Scale, Stage

__all__ = ["Activate", "Affine", "Drop", "Scale", "Stage"]
