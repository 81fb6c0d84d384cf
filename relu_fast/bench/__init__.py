"""The benchmarks: what ``relu-fast bench`` measures, and the pytest-benchmark suites in ``bench/`` with it.

=========== ==========================================================================
timing      the measuring core: interleaved rounds, ratios of medians
data        the arrays that everything is measured on
works       the rows of the table: each activation and pass, as our statement
idioms      the same in NumPy; torch_calls: in PyTorch; formulas: for the compilers
peers       the libraries to compare with; peer, compiled_peers
limit       how fast the memory is
table       the full table
bars        ratios that must hold; bar_list: which they are
training    a training step: ours, and those of the peers
numpy_twin  the same step in pure NumPy
torch_step  the same step in PyTorch
machine     what it was measured on, and holding it to one thread
settings    the options, checked
sections    what was measured as tables of words
output      printing, Markdown, JSON; progress: the bar on the terminal
command     ``relu-fast bench``
=========== ==========================================================================
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
