"""The walk over all inputs: what ``relu-fast accuracy`` and ``python -m relu_fast.accuracy`` run.

========== ===========================================================================
reference  each activation and its derivative in float64, with the error of the formula
exact      the same by definition, in mpmath
judge      results against exact ones: ULP, correct rounding, NaN and zeros
samples    all bit patterns; float64 numbers where errors hide
peers      the same functions in NumPy and PyTorch
walk       blocks over all cores
record     what was found so far, as a file that a run goes on from
output     the table
command    ``relu-fast accuracy``
========== ===========================================================================
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
