"""Which units of a saved network are dead on given data, and whether that is too many.

=========== ==========================================================================
conditions  ``dead>5%``: what it says, and whether it holds
inputs      the files: a network of ``nn.save_weights``, data of ``numpy.save``, a box
survey      one complete pass over the data, and bounds over the box
command     ``relu-fast check``
=========== ==========================================================================
"""

from .command import add_arguments, run

__all__ = ["add_arguments", "run"]
