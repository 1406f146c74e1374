"""What is read of one answer of the report."""

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from airflow_provider_evpl.errors import name_of

if TYPE_CHECKING:
    from array import array

__all__ = ["NO_ZONE", "Entry", "Page", "Rejection", "Series"]


NO_ZONE = "timeStamp has no zone"
"""The reason that a setting may take away."""


class Series(NamedTuple):
    """What tells series apart, in the lake's sort order; the first two are required [A]."""

    object_instance_id: str
    metric_name: str
    pop_country: str | None
    pop_name: str | None
    pop_section_name: str | None
    object_type: str | None

    @property
    def label(self) -> str:
        """The name for people, on one line."""
        return name_of(*self)


class Entry(Struct, gc=False, frozen=True):
    """The accepted samples of one series on one page; times and values are of one length.

    Attributes:
        timestamps: microseconds since the epoch, UTC.
        values: doubles, as the API gave them; NaN for a sample without one.
    """

    series: Series
    timestamps: list[int]
    values: "array[float]"


class Rejection(Struct, gc=False, frozen=True):
    r"""What could not be read, and why.

    Attributes:
        entry, sample: positions from 0; `sample` is None where the whole entry is meant.
        samples: how many samples it stands for.
        raw: the JSON as it came; bytes that aren't UTF-8 as `\xe9`.
    """

    reason: str
    entry: int
    sample: int | None
    samples: int
    raw: str


class Page(Struct, gc=False, frozen=True, kw_only=True):
    """One answer of the report.

    Attributes:
        current_page, total_pages: as given; None where absent.
        size: of the answer, in bytes, unpacked.
        entry_count: elements on the page, rejected ones included: what `pagination` counts.
        unknown_fields: paths of names that Orange's document doesn't have.
        request_id: of the answer, for messages; None where it had none.
    """

    current_page: int | None
    total_pages: int | None
    has_next: bool
    entry_count: int
    entries: list[Entry]
    size: int = 0
    rejections: list[Rejection] = []
    unknown_fields: frozenset[str] = frozenset()
    request_id: str | None = None
