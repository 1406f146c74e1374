"""What the values say of their unit, which Orange's document doesn't name."""

from collections.abc import Iterator

import numpy as np

from airflow_provider_evpl.lake.columns import Floats

__all__ = ["unit_doubts"]

_HIGHEST_PERCENTAGE = 100.0
_HIGHEST_FRACTION = 1.0


def unit_doubts(values: Floats) -> frozenset[str]:
    """Say what speaks against a percentage, 0 to 100, of the bandwidth: MEF's unit [S], likely Orange's.

    Args:
        values: of a slice, NaN for null; nothing is ever rescaled.
    """
    return frozenset(_doubts(np.fmin.reduce(values), np.fmax.reduce(values))) if len(values) else frozenset()


def _doubts(low: float, high: float) -> Iterator[str]:
    """Of nulls alone both are NaN, of which nothing is true."""
    if low < 0:
        yield "some values are below 0"
    if high > _HIGHEST_PERCENTAGE:
        yield "some values are above 100, which is right only against a committed rate"
    if low >= 0 and 0 < high <= _HIGHEST_FRACTION:
        yield "all values are from 0 to 1, as fractions would be"
