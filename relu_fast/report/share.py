"""A share that was counted, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["LEVEL", "Share"]

LEVEL = 0.95
_Z = 1.959963984540054  # the normal distribution has 95 % between -z and z


@dataclass(frozen=True)
class Share:
    """`count` out of `of` independent trials.

    Attributes
    ----------
    count, of : int
        0 <= count <= of, of >= 1.
    """

    count: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.of or self.of < 1:
            raise ValueError(f"{self!r}: expected 0 <= count <= of and of >= 1")

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.4f} [{low:.4f}, {high:.4f}]"

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.of

    @property
    def standard_error(self) -> float:
        """Estimated standard deviation of `value`; 0 where none or all were counted."""
        return math.sqrt(self.value * (1.0 - self.value) / self.of)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, which also holds next to 0 and 1.

        Wilson 1927, "Probable inference, the law of succession, and statistical inference": the p at which
        the share lies within z standard deviations sqrt(p (1 - p) / n) of p.
        """
        n, p, z2 = self.of, self.value, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        # Rounding must not leave an end a hair inside where it is 0 or 1.
        low = 0.0 if self.count == 0 else max(0.0, middle - half)
        high = 1.0 if self.count == self.of else min(1.0, middle + half)
        return low, high

    def to_dict(self) -> dict[str, Any]:
        """Return counts, share and interval by name."""
        low, high = self.interval
        return {"count": self.count, "of": self.of, "share": self.value, "low": low, "high": high}
