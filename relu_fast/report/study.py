"""What the lab measured: frozen records of a study, its experiments, their epochs. Nothing here measures.

The schema of `Study.to_dict`, version 1 (a number that is not known, NaN or infinite is null)::

    {"format": "relu_fast.lab", "version": 1,
     "command": str, "settings": {...}, "data": {...}, "versions": {...},
     "run": {"started": str, "seconds": float, "interrupted": bool,          all that differs from run
             "epochs_seconds": {name: [float]}},                             to run
     "answers": {name: str},                                                 one line each
     "table": [row],                                                         one row a layer, in order
     "experiments": {name: {"question", "findings": [str], "model": [str], "training_rows",
                            "validation_rows", "probe_rows",
                            "epochs": {"epoch": [int], "loss": [...], "val_loss": [...],
                                       "layers": {layer: {"dead", "always_on", "dormant", "sparsity",
                                                          "active_per_example", "mean_abs_gradient",
                                                          "gradient_norm": [one entry an epoch]}}},
                            "sparsity": {"units", "active_units": {"mean", "fewest", "percentile_5",
                                         "median", "percentile_95", "most"}, "patterns", "multiplications",
                                         "skippable", "removable",
                                         "noise": [{"level", "switched", "overlap", "unchanged"}]},
                            "revivals": null | {"done", "followed", "took"},
                            "report": what relu_fast.report.json describes,
                            "control": null | the same of its control}}}

    row: "experiment", "layer", "units", "dead" (null: not known), "always_on", "dormant",
         "sparsity", "mean_abs_gradient", "loss", "val_loss" (of the last epoch)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import answer
from .findings import findings
from .json import plain
from .records import LayerReport, Report, Snapshot
from .sparsity import Sparsity

__all__ = [
    "REFERENCE",
    "TENSORS",
    "EpochRecord",
    "ExperimentResult",
    "Histogram",
    "LayerEpoch",
    "LayerRow",
    "Study",
]

REFERENCE = "three-layer"
"""The experiment that others are compared with, unless they have a control of their own."""

TENSORS = {
    "outputs": "layer outputs",
    "pre_activation_gradient": "gradients of the pre-activations, per example",
    "kernel_gradient": "gradients of the kernel (weights)",
    "bias_gradient": "gradients of the bias",
    "kernel": "weights (kernel)",
}
"""What is histogrammed of every layer at every epoch, and what it is called."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of the values of one array, the exact zeros apart.

    Attributes
    ----------
    edges : ndarray of float64, (bins + 1,)
        Ascending, over the finite values that are not zero; empty if there are none.
    counts : ndarray of int64, (bins,)
    zeros, nonfinite : int
        Values that are exactly zero; NaN or infinite.
    lowest, highest : float or None
        Extremes of the finite values, zeros included; None if there are none.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    zeros: int
    nonfinite: int
    lowest: float | None
    highest: float | None

    @property
    def size(self) -> int:
        """Number of values."""
        return int(self.counts.sum()) + self.zeros + self.nonfinite

    @property
    def zero_share(self) -> float:
        """Share of the values that are exactly zero; 0 of none."""
        return self.zeros / self.size if self.size else 0.0


@dataclass(frozen=True, eq=False)
class LayerEpoch:
    """What the probe showed of one layer after an epoch.

    Attributes
    ----------
    mean_abs_gradient : float
        Mean over the probe's examples and the units of |d loss of the example / d pre-activation|.
    gradient_norm : float
        Euclidean norm of the gradient of the probe's mean loss with respect to the layer's kernel and bias.
    histograms : Mapping of str to Histogram
        One for each key of `TENSORS`.
    """

    mean_abs_gradient: float
    gradient_norm: float
    histograms: Mapping[str, Histogram]


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """One epoch: the losses, the monitor's snapshot, and what the probe showed of each layer."""

    epoch: int
    loss: float
    val_loss: float
    snapshot: Snapshot
    layers: Mapping[str, LayerEpoch]


@dataclass(frozen=True)
class LayerRow:
    """One line of the final table; the values are those of the last epoch."""

    experiment: str
    layer: str
    units: int
    dead: int | None
    always_on: int
    dormant: int | None
    sparsity: float | None
    mean_abs_gradient: float
    loss: float
    val_loss: float


@dataclass(frozen=True)
class Revivals:
    """Units that a cure revived, each counted as often as it was.

    Attributes
    ----------
    done, followed, took : int
        Revived after any epoch; of those the ones that were looked at an epoch later; of those the ones that
        fired then and got a gradient.
    """

    done: int
    followed: int
    took: int


@dataclass(frozen=True, eq=False)
class ExperimentResult:
    """One finished experiment.

    Attributes
    ----------
    name, question : str
    asks : str
        What kind of question it is: "survival" (yes or no), "number" (how many), "fewer" (than what it is
        compared with).
    model : tuple of str
        Its layers, as they would be written.
    training_rows, validation_rows, probe_rows : int
    loss_floor : float or None
        The expected loss that no network can beat on new data; None if there is no such bound.
    epochs : tuple of EpochRecord
        At least one.
    report : Report
        The monitor's report after the last epoch, its history included.
    epochs_seconds : tuple of float
        Wall time of each epoch, measuring included.
    sparsity : Sparsity
        What its silent units cost or save after the last epoch, on the rows of the probe.
    revivals : Revivals or None
        What its cure did, if it has one.
    control : ExperimentResult or None
        The same without what is asked about, if it was trained along with it.
    """

    name: str
    question: str
    asks: str
    model: tuple[str, ...]
    training_rows: int
    validation_rows: int
    probe_rows: int
    loss_floor: float | None
    epochs: tuple[EpochRecord, ...]
    report: Report
    epochs_seconds: tuple[float, ...]
    sparsity: Sparsity
    revivals: Revivals | None = None
    control: ExperimentResult | None = None

    @property
    def trained(self) -> tuple[ExperimentResult, ...]:
        """All that was trained for it: itself, after its control if it has one."""
        return (self,) if self.control is None else (self.control, self)

    @property
    def layers(self) -> Mapping[str, LayerReport]:
        """Every watched layer with its verdicts after the last epoch."""
        return self.report.layers

    @property
    def last(self) -> EpochRecord:
        """The last epoch."""
        return self.epochs[-1]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs, those of the control included."""
        return sum(seconds for trained in self.trained for seconds in trained.epochs_seconds)

    @property
    def findings(self) -> list[str]:
        """What came out, in words."""
        return findings(self)

    @property
    def rows(self) -> list[LayerRow]:
        """The experiment's lines of the final table, one a layer."""
        return [
            LayerRow(
                experiment=self.name,
                layer=name,
                units=layer.units,
                dead=layer.dead,
                always_on=layer.counts["always_on"],
                dormant=dormant(layer),
                sparsity=layer.sparsity,
                mean_abs_gradient=self.last.layers[name].mean_abs_gradient,
                loss=self.last.loss,
                val_loss=self.last.val_loss,
            )
            for name, layer in self.layers.items()
        ]

    def curves(self) -> dict[str, Any]:
        """Losses and layers, each as a list with one entry an epoch."""
        return {
            "epoch": [record.epoch for record in self.epochs],
            "loss": [record.loss for record in self.epochs],
            "val_loss": [record.val_loss for record in self.epochs],
            "layers": {
                name: {
                    "dead": [record.snapshot.layers[name].dead for record in self.epochs],
                    "always_on": [record.snapshot.layers[name].counts["always_on"] for record in self.epochs],
                    "dormant": [dormant(record.snapshot.layers[name]) for record in self.epochs],
                    "sparsity": [record.snapshot.layers[name].sparsity for record in self.epochs],
                    "mean_abs_gradient": [record.layers[name].mean_abs_gradient for record in self.epochs],
                    "gradient_norm": [record.layers[name].gradient_norm for record in self.epochs],
                    "active_per_example": [
                        record.snapshot.layers[name].active_per_example for record in self.epochs
                    ],
                }
                for name in self.layers
            },
        }


@dataclass(frozen=True, eq=False)
class Study:
    """The finished experiments of one run of the lab.

    Attributes
    ----------
    command : str
        What to type to get the same numbers again.
    settings, data, versions : Mapping
        The options as they were used; what the data are, in words; of what was it run.
    results : tuple of ExperimentResult
    started : str
        ISO 8601, with time zone.
    seconds : float
        Wall time of the run.
    interrupted : bool
        Whether it was stopped before the last experiment was finished.
    """

    command: str
    settings: Mapping[str, Any]
    data: Mapping[str, str]
    versions: Mapping[str, str]
    results: tuple[ExperimentResult, ...]
    started: str
    seconds: float
    interrupted: bool = False

    @property
    def rows(self) -> list[LayerRow]:
        """The final table."""
        return [row for result in self.results for row in result.rows]

    def reference(self, result: ExperimentResult) -> ExperimentResult | None:
        """Return what an experiment is compared with: its control, else `three-layer`; None if that was not run."""
        if result.control is not None or result.asks != "fewer":
            return result.control
        return next((other for other in self.results if other.name == REFERENCE), None)

    def answer(self, result: ExperimentResult) -> str:
        """Answer the question of an experiment in one line."""
        return answer(result, self.reference(result))

    def to_dict(self) -> dict[str, Any]:
        """Return the study as plain Python objects, as this module's docstring describes it."""
        record: dict[str, Any] = plain(
            {
                "format": "relu_fast.lab",
                "version": 1,
                "command": self.command,
                "settings": self.settings,
                "data": self.data,
                "versions": self.versions,
                "run": {
                    "started": self.started,
                    "seconds": self.seconds,
                    "interrupted": self.interrupted,
                    "epochs_seconds": {
                        trained.name: trained.epochs_seconds
                        for result in self.results
                        for trained in result.trained
                    },
                },
                "answers": {result.name: self.answer(result) for result in self.results},
                "table": [asdict(row) for row in self.rows],
                "experiments": {result.name: _experiment(result) for result in self.results},
            }
        )
        return record

    def to_json(self) -> str:
        """Return the study as JSON text, standard JSON without NaN or Infinity."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False)


def dormant(layer: LayerReport) -> int | None:
    """Count the dormant units of a layer; None where that has no answer."""
    units = layer.flagged("dormant")
    return None if units is None else len(units)


def _experiment(result: ExperimentResult) -> dict[str, Any]:
    return {
        "question": result.question,
        "findings": result.findings,
        "model": result.model,
        "training_rows": result.training_rows,
        "validation_rows": result.validation_rows,
        "probe_rows": result.probe_rows,
        "epochs": result.curves(),
        "revivals": None if result.revivals is None else asdict(result.revivals),
        "sparsity": result.sparsity.to_dict(),
        "report": result.report.to_dict(),
        "control": None if result.control is None else _experiment(result.control),
    }
