"""The values that rooms exchange: what was read from one response of the report."""

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from airflow_provider_evpl.errors import name_of

if TYPE_CHECKING:
    from array import array

__all__ = ["NO_ZONE", "Entry", "Page", "Rejection", "Series"]


NO_ZONE = "timeStamp has no zone"
"""The reason of a rejection that the connection field `naive_timestamps` can avoid."""


class Series(NamedTuple):
    """The names that identify a series, in the sort order of the lake. The first two are required [A]."""

    object_instance_id: str
    metric_name: str
    pop_country: str | None
    pop_name: str | None
    pop_section_name: str | None
    object_type: str | None

    @property
    def label(self) -> str:
        """The name in a message, on one line."""
        return name_of(*self)


class Entry(Struct, gc=False, frozen=True):
    """The accepted samples of one series on one page. Both lists have the same length.

    Attributes:
        timestamps: microseconds since the epoch, UTC.
        values: doubles, as the API sent them; NaN for a sample without a value.
    """

    series: Series
    timestamps: list[int]
    values: "array[float]"


class Rejection(Struct, gc=False, frozen=True):
    r"""A sample or an entry that could not be read, and the reason.

    Attributes:
        entry, sample: positions from 0; `sample` is None for the whole entry.
        samples: the number of samples that it stands for.
        raw: the JSON as it was sent; bytes that are not UTF-8 as `\xe9`.
    """

    reason: str
    entry: int
    sample: int | None
    samples: int
    raw: str


class Page(Struct, gc=False, frozen=True, kw_only=True):
    """One response of the report.

    Attributes:
        current_page, total_pages: as sent; None if absent.
        size: bytes of the response, uncompressed.
        entry_count: entries on the page, rejected entries included; `pagination` counts these.
        unknown_fields: paths of the names that are not documented.
        request_id: of the response, for messages; None if it has none.
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
