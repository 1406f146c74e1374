"""Finds the objects that count for figures: those of our own source that lie in no other object."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from airflow_provider_evpl.errors import EvplOverlapError, EvplStoreError, name_of
from airflow_provider_evpl.flows.figures.engine import LandedObject
from airflow_provider_evpl.flows.roster import Roster
from airflow_provider_evpl.lake.contents import UnreadableError
from airflow_provider_evpl.lake.layout import Dataset, largest, parse_folder
from airflow_provider_evpl.lake.objects import Foreign, Objects
from airflow_provider_evpl.lake.parquet import Footer, read_footer
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.months import Month, month_of
from airflow_provider_evpl.window import DAY, EPOCH, Window, floor

__all__ = ["Landed", "LandedDay", "Shelf", "find_codes", "find_granularities"]

_CODE = "operator_code=op-"
_GRANULARITY = "granularity="


def find_codes(store: Store) -> list[str]:
    """List the operator codes that have a folder in the lake."""
    folders = store.folders("samples")
    return sorted(unquote(one.removeprefix(_CODE)) for one in folders if one.startswith(_CODE))


def find_granularities(store: Store, dataset: Dataset) -> list[str]:
    """List the granularities that have a folder for the operator code of a data set."""
    folders = store.folders(dataset.root.rpartition("/")[0])
    return sorted(unquote(one.removeprefix(_GRANULARITY)) for one in folders if one.startswith(_GRANULARITY))


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedDay:
    """What has landed of a UTC day.

    Attributes:
        window: the day, or its part in the month.
        covered_seconds: how much of the window has landed.
        rows, values, expected, rejected: sums of the day's objects, also of parts outside of the window.
        foreign: the number of foreign objects.
    """

    window: Window
    covered_seconds: int
    rows: int
    values: int
    expected: int
    rejected: int
    foreign: int


@dataclass(frozen=True, kw_only=True)
class Landed:
    """The objects of an operator code that overlap a window.

    Attributes:
        sizes: of all objects in bytes, in order of time.
        found: the footer of each object, or why it is foreign.
    """

    store: Store
    shelf: "Shelf"
    objects: Objects
    sizes: Mapping[Window, int]
    found: Mapping[Window, Footer | Foreign]

    @classmethod
    def read(cls, store: Store, shelf: "Shelf", window: Window) -> "Landed":
        """List the objects that overlap a window, and read their footers."""
        objects = Objects(store, shelf.dataset, shelf.source)
        sizes = _list_sizes(objects, shelf, window)
        return cls(store=store, shelf=shelf, objects=objects, sizes=sizes, found=objects.footers(sizes))

    def url(self, window: Window) -> str:
        """Return the URL of an object for messages."""
        return self.store.url(self.shelf.dataset.samples_path(window))

    def within(self, window: Window) -> "Landed":
        """Return only the objects that overlap a window."""
        sizes = {one: size for one, size in self.sizes.items() if one.overlaps(window)}
        return replace(self, sizes=sizes, found={one: self.found[one] for one in sizes})

    def has_changed(self, window: Window) -> bool:
        """List the objects of a window again, and return whether one of them is new, other or gone."""
        before = self.within(window)
        sizes = _list_sizes(self.objects, self.shelf, window)
        return sizes != before.sizes or self.objects.footers(sizes) != before.found

    @cached_property
    def foreign(self) -> dict[Window, Foreign]:
        """The objects that are left out, because another source or program wrote them."""
        return {one: what for one, what in self.found.items() if isinstance(what, Foreign)}

    @cached_property
    def own(self) -> dict[Window, Footer]:
        """The objects that count: none lies in another one.

        Objects that end after `Shelf.newest_end` landed later. They count in the next run.

        Raises:
            EvplOverlapError: two objects have the same samples, and neither holds the other.
        """
        known = ((one, what) for one, what in self.found.items() if one.end <= self.shelf.newest_end)
        own = {one: what for one, what in known if not isinstance(what, Foreign)}
        windows = largest(own)
        for one, other in pairwise(windows):
            if one.overlaps(other):
                raise EvplOverlapError(
                    f"{self.shelf.name}: objects {one.label} and {other.label} have the same samples.",
                    f"Pull the window {Window(one.start, other.end)} again.",
                    f"{self.url(one)}\n{self.url(other)}",
                )
        return {one: own[one] for one in windows}

    def describe_foreign(self) -> Iterator[str]:
        """Yield a note if objects are left out; it names one of them."""
        for one, what in [*self.foreign.items()][:1]:
            count = len(self.foreign)
            yield f"Foreign objects are left out: {count:,}. For example {self.url(one)} {what.reason}."

    def roster(self) -> Roster:
        """Read which series each UTC day has. One object is read for each distinct set of series."""
        days = defaultdict(list)
        for one, footer in self.own.items():
            try:
                days[floor(one.start, DAY)].append(self.objects.series(one, footer))
            except UnreadableError as error:
                raise EvplStoreError(
                    f"{self.url(one)}: the rows can't be read.",
                    "Pull the window again.",
                    f"Reason: {error}",
                ) from error
        return Roster(days, None)

    def readable(self) -> dict[Window, LandedObject]:
        """Return the objects with rows that count, as the engine reads them."""
        path = self.shelf.dataset.samples_path
        return {
            one: LandedObject(path(one), self.sizes[one], footer.ledger.rows, footer)
            for one, footer in self.own.items()
            if footer.ledger.rows
        }

    def days(self, window: Window) -> list[LandedDay]:
        """Sum up what has landed, for each UTC day of a window."""
        return [self._day(part) for part in window.slices(DAY)]

    def _day(self, window: Window) -> LandedDay:
        own = {one: footer.ledger for one, footer in self.own.items() if one.overlaps(window)}
        covered = (min(one.end, window.end) - max(one.start, window.start) for one in own)
        return LandedDay(
            window=window,
            covered_seconds=sum(int(one.total_seconds()) for one in covered),
            rows=sum(one.rows for one in own.values()),
            values=sum(one.values or 0 for one in own.values()),
            expected=sum(one.expected or 0 for one in own.values()),
            rejected=sum(one.rejected for one in own.values()),
            foreign=sum(one.overlaps(window) for one in self.foreign),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """An operator code at one granularity: its source, and how far it reaches.

    Attributes:
        source: of the newest landed object.
        first_day: the first UTC day since 1970 that has an object.
        newest_end: the latest end of a landed slice.
    """

    dataset: Dataset
    source: dict[str, str]
    first_day: datetime
    newest_end: datetime

    @property
    def name(self) -> str:
        """The operator code in a message."""
        return f"operator code {name_of(self.dataset.code_ope)}"

    def months(self, zone: ZoneInfo) -> tuple[Month, Month]:
        """Return the first and the last month that the lake has."""
        last = month_of(self.newest_end - timedelta.resolution, zone)
        return month_of(self.first_day, zone), last

    @classmethod
    def find(cls, store: Store, dataset: Dataset) -> "Shelf | None":
        """Read the newest objects of an operator code; None if nothing has landed."""
        objects = Objects(store, dataset, {})
        folders = filter(None, map(parse_folder, store.folders(dataset.root)))
        days = sorted(day for day in folders if day >= EPOCH)
        for day in reversed(days):
            windows = objects.windows(day)
            for end in sorted({one.end for one in windows}, reverse=True):
                footers = [_own_footer(store, dataset, one) for one in windows if one.end == end]
                if own := [one for one in footers if one]:
                    newest = max(own, key=lambda one: one.pulled_at or EPOCH)
                    return cls(
                        dataset=dataset,
                        source=newest.source,
                        first_day=next(filter(objects.windows, days)),
                        newest_end=end,
                    )
        return None


def _list_sizes(objects: Objects, shelf: Shelf, window: Window) -> dict[Window, int]:
    """List the objects that overlap a window, from the first day that has a folder."""
    start = max(window.start, shelf.first_day)
    return objects.sizes(Window(start, window.end)) if start < window.end else {}


def _own_footer(store: Store, dataset: Dataset, window: Window) -> Footer | None:
    """Read the footer of an object of any source; None if the object is foreign for another reason."""
    path = dataset.samples_path(window)
    with translate_errors(store.url(path)), store.open(path) as file:
        footer = read_footer(file)
    if footer is None or isinstance(Objects(store, dataset, footer.source).footer(window), Foreign):
        return None
    return footer
