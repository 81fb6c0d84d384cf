"""The lab: trains the classic networks whose ReLUs die, and says which units died.

=========== ==========================================================================
experiments the table of experiments: a question and a network each
data        the rows they are trained on
settings    the options of a run, checked
probe       outputs and gradients of a network on a few fixed rows
runner      one experiment: training, watched by the monitor and the probe
study       all of a run's experiments
output      the output folder: checked before, written after
terminal    progress while it runs, the table at the end
command     ``relu-fast lab``
=========== ==========================================================================

Experiments and data need NumPy alone, the rest the extra ``relu_fast[lab]``.
"""
