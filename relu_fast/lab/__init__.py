"""The lab: trains the classic networks whose ReLUs die, and says which units died.

=========== ==========================================================================
experiments the table of experiments: a question and a network each
data        the rows they are trained on
settings    the options of a run, checked
probe       outputs and gradients of a network on a few fixed rows
sparsity    which units work for which row, and what that costs or saves
runner      one experiment: training, watched by the monitor and the probe
workers     experiments in processes of their own, some at a time
study       all of a run's experiments
output      the output folder: checked before, written after
terminal    progress while it runs, the table at the end
server      TensorBoard, for as long as the command runs
command     ``relu-fast lab``
born_dead   ``relu-fast lab born-dead``: constant before training, by depth and width
collapse    ``relu-fast lab collapse``: deep, narrow networks that learn a constant
=========== ==========================================================================

The last two stand on theory (bounds of the probability), small_networks (many of them at once) and
sheet_command (their options, progress, files).

Experiments and data need NumPy alone, the rest the extra ``relu_fast[lab]``.
"""
