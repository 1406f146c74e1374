"""Which entries and samples the faults change: always the same ones."""

from typing import Final

from airflow_provider_evpl.sandbox.data import Series

__all__ = ["is_affected"]

_EVERY: Final = 8
_OFFSET: Final = 3


def is_affected(series: Series, *, step: int | None = None, granularity_seconds: int = 1) -> bool:
    """Return whether faults change a series, or its sample at a step.

    They change both directions of circuit 1 at its end A, and every eighth sample of these series: the steps
    whose number since the epoch, divided by 8, has the remainder 3.

    Args:
        series: A series of the network.
        step: Seconds since the epoch, on the grid. None: the series as a whole.
        granularity_seconds: Step of the grid.
    """
    if (series.circuit, series.end) != (1, "A"):
        return False
    return step is None or step // granularity_seconds % _EVERY == _OFFSET
