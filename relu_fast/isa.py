"""Instruction sets: which ones this machine runs, which is in use, and the switch between them."""

from ._core import isa_active as active
from ._core import isa_available as available
from ._core import isa_use as use

__all__ = ["active", "available", "use"]
