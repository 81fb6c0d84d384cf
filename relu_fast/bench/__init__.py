"""The benchmarks: what ``relu-fast bench`` measures, and the pytest-benchmark suites in ``bench/`` with it.

=========== ==========================================================================
timing      the measuring core: interleaved rounds, ratios of medians
works       the rows of the table: our call and the NumPy idiom for the same numbers
bars        the ratios that must hold
training    a training step: ours, and those of the peers
numpy_twin  the same step in pure NumPy
torch_step  the same step in PyTorch
machine     what it was measured on, and holding it to one thread
output      table, bars and JSON
command     ``relu-fast bench``
=========== ==========================================================================
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
