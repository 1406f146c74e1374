"""How much data a suite has, and what tells whether all of it has landed. Imports little: see `process`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

__all__ = ["GRANULARITY_SECONDS", "NOTHING", "START", "Shape", "Sums", "expected"]

START = "2026-10-01"
GRANULARITY_SECONDS = 300
_SERIES_OF_A_CIRCUIT = 4


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How much the API has, and on how many pages.

    Attributes:
        circuits: each has four series, of 288 samples a day.
        page_entries: series on a page.
        days: from `START` on.
    """

    circuits: int
    page_entries: int
    days: int = 1

    @property
    def samples_a_day(self) -> int:
        """How many samples a day has."""
        return self.circuits * _SERIES_OF_A_CIRCUIT * (86_400 // GRANULARITY_SECONDS)

    @property
    def pages_a_day(self) -> int:
        """How many pages a day has."""
        return -(-self.circuits * _SERIES_OF_A_CIRCUIT // self.page_entries)

    def each_day(self) -> Iterator[str]:
        """Name the days."""
        return (str(date.fromisoformat(START) + timedelta(number)) for number in range(self.days))


class Sums(NamedTuple):
    """Of a set of rows: a row is a sample with its circuit, metric and place.

    Attributes:
        rows: how many.
        hundredths: the values' sum, times 100.
        checksum: sum of a hash of each row: one that is missing, doubled or changed changes it.
    """

    rows: int
    hundredths: int
    checksum: int


NOTHING = Sums(0, 0, 0)


def expected(folder: Path, days: int) -> Sums:
    """Sum up what the first days of a folder of `data.make` have."""
    told = sorted(folder.glob("*.json"))[:days]
    each = (Sums(*json.loads(path.read_text())["sums"]) for path in told)
    return Sums(*map(sum, zip(NOTHING, *each, strict=True)))
