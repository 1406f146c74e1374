"""Where faults of single entries and samples strike: always at the same places."""

from typing import Final

from airflow_provider_evpl.sandbox.data import Series

__all__ = ["is_struck"]

_EVERY: Final = 8
_OFFSET: Final = 3


def is_struck(series: Series, *, step: int | None = None, granularity_seconds: int = 1) -> bool:
    """Tell whether a series is struck, or its sample at a step.

    Struck are both directions of circuit 1 at its end A, and of their samples every eighth: the
    steps whose number since the epoch leaves 3 when divided by 8.

    Args:
        series: Of the network.
        step: Seconds since the epoch, on the grid; none for the series as a whole.
        granularity_seconds: The grid's.
    """
    if (series.circuit, series.end) != (1, "A"):
        return False
    return step is None or step // granularity_seconds % _EVERY == _OFFSET
