"""Instruction sets: which ones this machine runs, which is in use, and the switch between them."""

import os
import warnings

from ._core import isa_active as active
from ._core import isa_available as available
from ._core import isa_environment_ok, isa_known
from ._core import isa_use as use

__all__ = ["active", "available", "use"]

if not isa_environment_ok():
    warnings.warn(
        f"RELU_FAST_ISA={os.environ['RELU_FAST_ISA']!r} is ignored; choose from {list(isa_known())}",
        RuntimeWarning,
        stacklevel=3,  # the line that imports relu_fast
    )
