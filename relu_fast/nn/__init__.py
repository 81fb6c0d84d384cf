"""Train small networks in NumPy, with the fused passes that count which units fire.

>>> import numpy as np
>>> from relu_fast import nn
>>> x = np.random.default_rng(0).uniform(-1, 1, (100, 4))
>>> y = x[:, :1] > 0
>>> model = nn.Sequential([nn.Dense(64, "relu"), nn.Dense(1, "sigmoid")])
>>> history = model.fit(x, y, epochs=5, loss="binary_crossentropy", optimizer="adam")
>>> model.save("model.npz")
>>> nn.load_model("model.npz").predict(x).shape
(100, 1)
"""

from . import callbacks, initializers, layers, losses, optimizers, schedules
from .activation import Activation, PReLU
from .callbacks import Callback, EarlyStopping, LearningRate
from .dropout import AlphaDropout, Dropout
from .files import WeightsError, load_model, load_weights, save_weights
from .layers import Dense, Layer
from .losses import Loss, softmax
from .normalization import BatchNorm
from .optimizers import SGD, Adam, Optimizer, clip_by_global_norm
from .sequential import Sequential
from .training import History

__all__ = [
    "SGD",
    "Activation",
    "Adam",
    "AlphaDropout",
    "BatchNorm",
    "Callback",
    "Dense",
    "Dropout",
    "EarlyStopping",
    "History",
    "Layer",
    "LearningRate",
    "Loss",
    "Optimizer",
    "PReLU",
    "Sequential",
    "WeightsError",
    "callbacks",
    "clip_by_global_norm",
    "initializers",
    "layers",
    "load_model",
    "load_weights",
    "losses",
    "optimizers",
    "save_weights",
    "schedules",
    "softmax",
]
