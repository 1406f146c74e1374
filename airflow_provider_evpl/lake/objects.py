"""The landed objects of one data set: lists them, checks who landed them, and reads them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from typing import NamedTuple

from airflow_provider_evpl.errors import LONGEST_NAME, EvplForeignError, EvplStoreError, one_line
from airflow_provider_evpl.lake.contents import (
    Counts,
    Part,
    SeriesCounter,
    UnreadableError,
    read_code_ope,
    read_parts,
    read_series,
)
from airflow_provider_evpl.lake.layout import Dataset, parse_folder, parse_name
from airflow_provider_evpl.lake.parquet import Footer, read_footer
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Granularity, Window, floor, microseconds

__all__ = ["Foreign", "Objects"]

_TAIL_BYTES = 32 << 10
"""A footer has 2 KB, and 1 KB more for each further row group: 11 KB for a day of 2,000 circuits."""


class Foreign(NamedTuple):
    """An object that this connection didn't land.

    Attributes:
        reason: how the object shows that: "was not written by this provider".
    """

    reason: str


class Objects:
    """The objects that have landed of one operator code at one granularity, from one source.

    Objects from another source (`Settings.source`) are foreign. Each method raises EvplError if the store
    fails or refuses.
    """

    def __init__(self, store: Store, dataset: Dataset, source: Mapping[str, str]) -> None:
        self._store = store
        self._dataset = dataset
        self._source = source
        self._granularity = Granularity(dataset.granularity)
        self._series: dict[str, frozenset[Series]] = {}
        self._names: dict[Series, Series] = {}
        self._shared: dict[frozenset[Series], frozenset[Series]] = {}

    def windows(self, day: datetime) -> list[Window]:
        """List the intervals of the objects of a UTC day."""
        return list(self._sizes(day))

    def _sizes(self, day: datetime) -> dict[Window, int]:
        listing = self._store.listing(self._dataset.folder(day))
        parsed = ((parse_name(name, day), size) for name, size in listing.items())
        return {landed: size for landed, size in parsed if landed is not None}

    def rejected_windows(self, day: datetime) -> list[Window]:
        """List the intervals of the files of rejected samples of a UTC day."""
        listing = self._store.listing(self._dataset.rejected_folder(day))
        parsed = (parse_name(name, day, "jsonl") for name in listing)
        return [rejected for rejected in parsed if rejected is not None]

    def steps_in(self, window: Window) -> int | None:
        """Count the steps of a window; None if it isn't made of whole steps."""
        return self._granularity.steps_in(window)

    def survey(self, window: Window) -> dict[Window, Footer | Foreign]:
        """Read the footers of all objects that overlap a window, in order of time."""
        return self.footers(self.sizes(window))

    def sizes(self, window: Window) -> dict[Window, int]:
        """List the objects that overlap a window, in order of time, with their sizes in bytes."""
        days = (floor(part.start, DAY) for part in window.slices(DAY))
        found = sorted(pair for day in days for pair in self._sizes(day).items())
        return {one: size for one, size in found if one.overlaps(window)}

    def footers(self, sizes: Mapping[Window, int]) -> dict[Window, Footer | Foreign]:
        """Read the footers of listed objects, in the same order."""
        return {one: footer for one, (footer, _) in self.footers_with_digests(sizes).items()}

    def footers_with_digests(
        self, sizes: Mapping[Window, int]
    ) -> dict[Window, tuple[Footer | Foreign, bytes]]:
        """Read the footers of listed objects, in the same order.

        The digest of an object is that of its size and its last bytes, which differ for each pull.
        """
        paths = {self._dataset.samples_path(one): size for one, size in sizes.items()}
        tails = self._store.tails(paths, _TAIL_BYTES)
        return {
            one: (self._footer_in(one, tail), sha256(b"%d " % sizes[one] + (tail or b"")).digest())
            for one, tail in zip(sizes, tails, strict=True)
        }

    def _footer_in(self, window: Window, tail: bytes | None) -> Footer | Foreign:
        """Read a footer from the last bytes of an object, or from the object if the bytes hold no footer."""
        footer = read_footer(BytesIO(tail)) if tail else None
        return self._check(window, footer) if footer else self.footer(window)

    def first_day(self) -> datetime | None:
        """Find the first UTC day that has a folder; None if the data set has none."""
        folders = self._store.folders(self._dataset.root)
        return min((day for day in map(parse_folder, folders) if day is not None), default=None)

    def footer(self, window: Window) -> Footer | Foreign:
        """Read the footer of an object, and compare it with the source and the path."""
        path = self._dataset.samples_path(window)
        with translate_errors(self._store.url(path)), self._store.open(path) as file:
            footer = read_footer(file)
        return self._check(window, footer) if footer else Foreign("was not written by this provider")

    def _check(self, window: Window, footer: Footer) -> Footer | Foreign:
        if footer.source != self._source:
            return Foreign(f"comes from {one_line(footer.source)}, not from {one_line(dict(self._source))}")
        return self._misplaced(window, footer) or footer

    def own_footer(self, window: Window) -> Footer:
        """Read the footer of an object that must not be foreign.

        Raises:
            EvplForeignError: this connection didn't land the object.
        """
        footer = self.footer(window)
        if isinstance(footer, Foreign):
            raise EvplForeignError(
                f"object {window.label}: this connection didn't land it.",
                "Choose another object_storage_path, or move the object away.",
                f"{self._store.url(self._dataset.samples_path(window))}\nThe object {footer.reason}.",
            )
        return footer

    def _misplaced(self, window: Window, footer: Footer) -> Foreign | None:
        """Compare a footer with the path of its object, because an object may be a misplaced copy."""
        code_ope = footer.code_ope if footer.code_ope is not None else self._code_ope_of(window)
        written = {"operator code": code_ope, "granularity": footer.granularity, "slice": footer.slice}
        here = (self._dataset.code_ope, self._dataset.granularity, str(window))
        for (name, text), expected in zip(written.items(), here, strict=True):
            if text != expected:
                shown, place = one_line(text, LONGEST_NAME), one_line(expected, LONGEST_NAME)
                what = f"its footer has the {name} {shown}, its path {place}"
                return Foreign(f"is in the wrong place: {what}")
        return None

    def _code_ope_of(self, window: Window) -> str:
        """Read the operator code of an object of an earlier version from its rows.

        If the object has no rows, or they can't be read, the code of the path is returned.
        """
        try:
            code_ope = read_code_ope(self._read(window))
        except UnreadableError:
            code_ope = None
        return self._dataset.code_ope if code_ope is None else code_ope

    def _read(self, window: Window) -> bytes:
        """Read a whole object."""
        path = self._dataset.samples_path(window)
        with translate_errors(self._store.url(path)), self._store.open(path) as file:
            return file.read()

    def parts(self, window: Window) -> Iterator[Part]:
        """Read the rows of an object, some at a time; raise UnreadableError if they can't be read."""
        return read_parts(self._read(window))

    def series(self, window: Window, footer: Footer) -> frozenset[Series]:
        """Return the series of an object. If objects have the same digest, only one of them is read.

        Raises:
            UnreadableError: its rows can't be read.
        """
        if not footer.ledger.rows:
            return frozenset()
        digest = footer.series_digest
        if digest is None:
            return self.share(read_series(self._read(window)))
        if digest not in self._series:
            self._series[digest] = self.share(read_series(self._read(window)))
        return self._series[digest]

    def share(self, series: frozenset[Series]) -> frozenset[Series]:
        """Return the same set for equal sets, to save memory: thousands of hours have equal series."""
        if series not in self._shared:
            series = frozenset(self._names.setdefault(one, one) for one in series)
        return self._shared.setdefault(series, series)

    def count(self, window: Window) -> dict[Series, Counts]:
        """Count the rows, values and steps of each series; raise UnreadableError if rows can't be read."""
        step = self._granularity.step
        counter = SeriesCounter(microseconds(step) if step else None)
        for part in self.parts(window):
            counter.add(part)
        return counter.counts

    def newest_series(self, before: datetime, within: timedelta) -> frozenset[Series]:
        """Return the series of the newest object with rows that ended at a moment, or up to so long before.

        Foreign objects and objects that can't be read are left out.
        """
        days = Window(before - within, before).slices(DAY)
        landed = [one for day in days for one in self.windows(floor(day.start, DAY))]
        recent = [one for one in landed if before - within < one.end <= before]
        for one in sorted(recent, key=lambda one: (one.end, one.length), reverse=True):
            try:
                found = self._own_series(one)
            except EvplStoreError:
                if one in self.windows(floor(one.start, DAY)):
                    raise
                # Another run has superseded the object since it was listed.
                return self.newest_series(before, within)
            if found:
                return found
        return frozenset()

    def _own_series(self, window: Window) -> frozenset[Series]:
        footer = self.footer(window)
        with suppress(UnreadableError):
            return frozenset() if isinstance(footer, Foreign) else self.series(window, footer)
        return frozenset()
