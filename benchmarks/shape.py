"""The amount of data of a suite, and sums to check what was written. Imports little: see `process`."""

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
    """The amount of data that the API has, and its pages.

    Attributes:
        circuits: number of circuits; each has four series with 288 samples per day.
        page_entries: series on a page.
        days: number of days, from `START` on.
    """

    circuits: int
    page_entries: int
    days: int = 1

    @property
    def samples_a_day(self) -> int:
        """The number of samples per day."""
        return self.circuits * _SERIES_OF_A_CIRCUIT * (86_400 // GRANULARITY_SECONDS)

    @property
    def pages_a_day(self) -> int:
        """The number of pages per day."""
        return -(-self.circuits * _SERIES_OF_A_CIRCUIT // self.page_entries)

    def each_day(self) -> Iterator[str]:
        """Return the days."""
        return (str(date.fromisoformat(START) + timedelta(number)) for number in range(self.days))


class Sums(NamedTuple):
    """Sums over a set of rows. A row is a sample with its circuit, metric and place.

    Attributes:
        rows: number of rows.
        hundredths: sum of the values, times 100.
        checksum: sum of the hashes of the rows. A missing, repeated or changed row changes it.
    """

    rows: int
    hundredths: int
    checksum: int


NOTHING = Sums(0, 0, 0)


def expected(folder: Path, days: int) -> Sums:
    """Return the sums of the first days of a folder made by `data.make`."""
    told = sorted(folder.glob("*.json"))[:days]
    each = (Sums(*json.loads(path.read_text())["sums"]) for path in told)
    return Sums(*map(sum, zip(NOTHING, *each, strict=True)))
