"""A box of inputs: an interval for each feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Box"]


@dataclass(frozen=True, eq=False)
class Box:
    """All inputs between `lower` and `upper`, both included.

    Attributes
    ----------
    lower, upper : ndarray of float64, (features,) or ()
        Numbers stand for every feature. Where an end is infinite or NaN the box is unbounded, and nothing is
        proven over it.
    source : str
        Where it comes from, for evidence.

    Raises
    ------
    ValueError
        If a lower end is above its upper end, or shapes do not fit.
    TypeError
        If the ends are no real numbers.

    Examples
    --------
    >>> Box(-1, 1)
    Box(lower=array(-1.), upper=array(1.), source='stated')
    >>> str(Box.of([[0.0, 2.0], [1.0, -2.0]]))
    'range of 2 examples, 2 features in [-2, 2]'
    """

    lower: np.ndarray
    upper: np.ndarray
    source: str = "stated"

    def __post_init__(self) -> None:
        lower, upper = _ends(self.lower, "lower", -np.inf), _ends(self.upper, "upper", np.inf)
        if lower.ndim and upper.ndim and lower.shape != upper.shape:
            raise ValueError(
                f"lower has shape {lower.shape} and upper {upper.shape}, expected one entry per feature in both"
            )
        lower, upper = (np.array(end) for end in np.broadcast_arrays(lower, upper))
        if (lower > upper).any():
            feature = int(np.argmax(lower > upper))
            given = f"lower {lower.flat[feature]:.17g} and upper {upper.flat[feature]:.17g}"
            where = f" in feature {feature}" if lower.ndim else ""
            raise ValueError(f"the box has {given}{where}, expected lower <= upper")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @classmethod
    def of(cls, data: ArrayLike) -> Box:
        """Return the smallest box around `data`, (rows, features); one NaN leaves its feature unbounded.

        Raises
        ------
        ValueError
            If there are no rows, or it has another number of dimensions.
        TypeError
            If it holds no real numbers.
        """
        array = np.asarray(data)
        if array.ndim != 2 or not len(array):
            raise ValueError(f"data has shape {array.shape}, expected (rows, features) with at least one row")
        _ends(array[0], "data", 0.0)
        rows = f"{len(array)} example{'s' if len(array) > 1 else ''}"
        return cls(array.min(axis=0), array.max(axis=0), source=f"range of {rows}")

    @property
    def bounded(self) -> np.ndarray:
        """Whether both ends are finite, of the shape of `lower`."""
        finite: np.ndarray = np.isfinite(self.lower) & np.isfinite(self.upper)
        return finite

    def __str__(self) -> str:
        if not self.lower.size:
            return f"{self.source}, no features"
        if not self.bounded.all():
            return f"{self.source}, unbounded"
        features = (
            f"{self.lower.size} feature{'s' if self.lower.size > 1 else ''} in"
            if self.lower.ndim
            else "all in"
        )
        return f"{self.source}, {features} [{self.lower.min():.6g}, {self.upper.max():.6g}]"


def _ends(values: ArrayLike, name: str, outward: float) -> np.ndarray:
    """Return ends of intervals as float64, those that are no float64 numbers rounded towards `outward`."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {array.dtype}, expected float64 or smaller real numbers")
    if array.ndim > 1:
        raise ValueError(f"{name} has shape {array.shape}, expected a number or (features,)")
    ends = array.astype(np.float64)
    if array.dtype.kind in "iu":
        # Integers from 2**53 on may have been rounded.
        ends = np.where(np.abs(ends) >= 2.0**53, np.nextafter(ends, outward), ends)
    return ends
