"""Cures for dead units, each verified by what happens after.

=================== ==================================================================================
``redo``            new incoming weights, outgoing weights zero: the function stays what it was where
                    the units are dead (ReDo, Sokar et al. 2023)
``lift_bias``       a bias just high enough for a stated firing rate on given data
``swap_activation`` another activation, such as leaky_relu for relu
``follow_up``       some steps later: which revived units fire, and get a gradient
``ReDo``            the first and the last of these as a callback of ``fit``
=================== ==================================================================================

::

    from relu_fast import revive

    (revival,) = revive.redo(model, {"dense_1": report.layers["dense_1"].dead_units}, x=x, optimizer=optimizer)
    ...                                                # train on
    print(*revive.follow_up(model, [revival], x=x, y=y, loss="binary_crossentropy"))

Given the optimizer, a cure lets it forget what it knows of the revived units, and of nothing else: their incoming
weights, biases and outgoing weights. Moments that decayed while the units were dead would else make Adam's first
step about three times as long as the learning rate, and an earlier momentum would push the units back.

The protocol
------------
A network is any object with ``layers``, a sequence in the order of the data. To tell an optimizer what changed it
also needs ``parameters``, one flat vector of which all kernels and biases are views.

A *dense* layer has ``name``, ``kernel`` (features, units) and ``bias`` (units,), which are written into,
``activation``, a name of ``relu_fast.ACTIVATIONS`` or None, ``activation_params``, a mapping, and
``initialize(parameters, generator)``, which draws initial values into a list of two arrays like kernel and bias. An
*activation* layer has ``name``, ``activation`` and ``activation_params``, and learns nothing; right after a dense
layer without activation it has that layer's units. All layers have ``forward(x, training=False)``. One that returns
in evaluation the very array it was given, as dropout does, may stand between the units and the dense layer that
reads them; any other is refused by name, batch normalisation among them, and so are weights that two layers share.
``swap_activation`` needs ``set_activation(activation, **params)``.

An optimizer has ``check(parameters)``, which raises unless it moves that vector, and ``reset_entries(indices)``.

``relu_fast.nn`` has all this; nothing here asks for its classes.
"""

from .advice import Advice, learning_rate_advice
from .callback import ReDo
from .cures import lift_bias, redo, swap_activation
from .follow import follow_up
from .records import Revival, RevivalReport, summary

__all__ = [
    "Advice",
    "ReDo",
    "Revival",
    "RevivalReport",
    "follow_up",
    "learning_rate_advice",
    "lift_bias",
    "redo",
    "summary",
    "swap_activation",
]
