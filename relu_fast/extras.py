"""The optional parts of the package, and what each of them needs."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["EXTRAS", "missing"]

EXTRAS: dict[str, tuple[str, ...]] = {
    "lab": ("jinja2", "matplotlib", "rich", "tensorboard", "threadpoolctl"),
    "bench": ("mpmath", "pytest", "pytest_benchmark", "rich", "scipy", "threadpoolctl"),
    "jax": ("jax",),
    "test": ("hypothesis", "ml_dtypes", "mpmath", "pytest", "pytest_benchmark", "xdist", "scipy"),
}
"""The modules behind each extra of ``pip install 'relu_fast[...]'``."""


def missing(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if find_spec(module) is None]
