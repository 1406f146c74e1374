"""How complete a slice is: in how many of its steps each expected series has a value."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from airflow_provider_evpl.errors import name_some
from airflow_provider_evpl.lake.columns import Integers
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import Window

__all__ = ["Completeness", "Lack", "name_lacks"]


class Lack(NamedTuple):
    """A series that lacks values in a slice.

    Attributes:
        values: the steps of the slice in which the series has a value.
        steps: all steps of the slice.
    """

    series: Series
    values: int
    steps: int

    def __str__(self) -> str:
        """Name the series, and say how many of its values have landed."""
        return f"{self.series.label} ({self.values:,} of {self.steps:,})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How many values a slice of whole steps has, and how many it should have.

    Attributes:
        steps: of the slice, at least one.
        series: the series of its rows.
        value_steps: for each of these series the number of steps with a value.
        absent: expected series of earlier objects that have no row in the slice.
    """

    window: Window
    steps: int
    series: Sequence[Series]
    value_steps: Integers
    absent: frozenset[Series] = field(default_factory=frozenset)

    @property
    def expected(self) -> int:
        """The number of values that the slice should have: its steps times its expected series."""
        return self.steps * (len(self.series) + len(self.absent))

    @property
    def values(self) -> int:
        """The number of pairs of series and step that have a value."""
        return int(self.value_steps.sum())

    @property
    def lowest_share(self) -> float | None:
        """The lowest share of steps with a value that a series has; None if the slice has no series."""
        return float(self.value_steps.min() / self.steps) if len(self.value_steps) else None

    def expecting(self, series: AbstractSet[Series]) -> "Completeness":
        """Return the same slice with more series expected, each in every step."""
        return replace(self, absent=self.absent | (series - set(self.series)))

    def lacking(self, share: float) -> list[Lack]:
        """Return the series that have a value in less than a share (0 to 1) of the steps, the worst first."""
        low = np.flatnonzero(self.value_steps / self.steps < share).tolist()
        absent = sorted(self.absent, key=lambda one: one.label) if share > 0 else []
        lacks = [Lack(one, 0, self.steps) for one in absent]
        lacks += (Lack(self.series[at], int(self.value_steps[at]), self.steps) for at in low)
        return sorted(lacks, key=lambda one: one.values)


def name_lacks(lacks: Sequence[Lack]) -> str:
    """Say how many series lack values, and name the first five."""
    return f"{len(lacks):,} series lack values: {name_some([*map(str, lacks)])}"
