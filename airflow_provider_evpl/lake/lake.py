"""One data set in the lake: finds what a slice replaces, and lands the slice."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_evpl.errors import EvplForeignError, EvplOverlapError, name_some
from airflow_provider_evpl.lake.changes import Change, compare, count_landed, find_losses
from airflow_provider_evpl.lake.completeness import Completeness
from airflow_provider_evpl.lake.layout import Dataset, Group, group, parse_name
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.lake.parquet import Footer, encode
from airflow_provider_evpl.lake.revisions import Revisions
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["Lake", "Landing", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """An interval to pull at once, and the landed objects that it replaces.

    Attributes:
        landed: the footers of these objects, by interval.
        foreign: the error of a foreign object in the way; None if there is no such object.
    """

    window: Window
    landed: Mapping[Window, Footer]
    foreign: EvplForeignError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """One object that was put.

    Attributes:
        path, rejected_path: URLs. `rejected_path` is None if no sample was rejected.
        bytes: the size of the object.
        replaced: the number of superseded objects, an earlier object of the same interval included.
        revisions: what changed in these objects; None if one of them could not be read.
    """

    window: Window
    path: str
    rows: int
    bytes: int
    replaced: int
    rejected_path: str | None
    revisions: Revisions | None


class Lake:
    """The samples of one operator code at one granularity, from one source.

    Objects from another source (`Settings.source`) are foreign, and never superseded. Each method raises
    EvplError if the store fails or refuses.
    """

    def __init__(self, store: Store, dataset: Dataset, source: Mapping[str, str]) -> None:
        self._store = store
        self._dataset = dataset
        self._source = source
        self._objects = Objects(store, dataset, source)

    def targets(self, slices: Iterable[Window]) -> list[Target]:
        """Join slices of one UTC day with the landed objects that overlap them."""
        slices = list(slices)
        day = floor(slices[0].start, DAY)
        groups = group(slices, self._objects.windows(day))
        self._tidy(day, [one.window for one in groups])
        return [self._target(one) for one in groups]

    def change(self, target: Target, samples: Samples) -> Change:
        """Compare a slice with the landed objects in its interval. Nothing is written.

        Raises:
            EvplOverlapError: another run landed newer samples meanwhile.
            EvplForeignError: a foreign object landed in the interval meanwhile.
        """
        footers = self._footers(target, samples)
        landed = {one: footer for one, footer in target.landed.items() if footers.get(one) == footer}
        return compare(self._objects, landed, samples)

    def completeness(self, target: Target, samples: Samples) -> Completeness | None:
        """Return how complete the landed objects are. They stay if the slice is not landed.

        The objects are listed again, because another run may have replaced some of them meanwhile.
        """
        return count_landed(self._objects, self._inside(target), samples)

    def land(self, target: Target, change: Change, provenance: Mapping[str, str]) -> Landing:
        """Put the rejected samples of a slice, then its rows, then delete the superseded objects.

        Raises:
            EvplOverlapError: another run landed in the interval meanwhile. If its samples are newer or more,
                nothing was put. Otherwise the objects of both runs stay.
            EvplForeignError: a foreign object landed in the interval meanwhile.
        """
        samples = change.samples
        path = self._dataset.samples_path(target.window)
        rejected_path = self._dataset.rejected_path(target.window)
        data = encode(
            samples,
            self._dataset,
            source=self._source,
            provenance=provenance,
            first_pulled_at=_first_pulled_at(target.landed),
        )
        # As late as possible, because another run may land at any moment.
        self._check_again(target, samples)
        if samples.rejections:
            self._store.put(rejected_path, _json_lines(samples))
        self._store.put(path, memoryview(data))
        self._supersede(target, clean=not samples.rejections)
        return Landing(
            window=target.window,
            path=self._store.url(path),
            rows=samples.ledger.rows,
            bytes=data.size,
            replaced=len(target.landed),
            rejected_path=self._store.url(rejected_path) if samples.rejections else None,
            revisions=change.revisions,
        )

    def _tidy(self, day: datetime, windows: Iterable[Window]) -> None:
        """Remove the temporary files of killed runs, for objects that lie in these windows of a UTC day."""

        def is_inside(name: str, kind: str) -> bool:
            one = parse_name(name, day, kind)
            return one is not None and any(window.contains(one) for window in windows)

        self._store.tidy(self._dataset.folder(day), lambda name: is_inside(name, "parquet"))
        self._store.tidy(self._dataset.rejected_folder(day), lambda name: is_inside(name, "jsonl"))

    def _target(self, one: Group) -> Target:
        try:
            landed = {window: self._objects.own_footer(window) for window in one.replaces}
        except EvplForeignError as error:
            return Target(one.window, {}, error)
        return Target(one.window, landed)

    def _listed(self, target: Target) -> list[Window]:
        return self._objects.windows(floor(target.window.start, DAY))

    def _inside(self, target: Target) -> list[Window]:
        return [one for one in self._listed(target) if target.window.contains(one)]

    def _check_again(self, target: Target, samples: Samples) -> None:
        """Raise if another run has landed newer samples, or samples that this slice lacks."""
        footers = self._footers(target, samples)
        news = {one: footer for one, footer in footers.items() if target.landed.get(one) != footer}
        if find_losses(self._objects, news, samples):
            raise _overlap(target, "landed more samples meanwhile.", "Nothing was put.", news)

    def _footers(self, target: Target, samples: Samples) -> dict[Window, Footer]:
        """Read the footers of the interval again. Raise if another run landed newer samples meanwhile.

        Only objects that appeared or changed since the target was made are compared. So a worker with a wrong
        clock never blocks a later run.
        """
        footers = {one: self._objects.own_footer(one) for one in self._inside(target)}
        newer = [
            one
            for one, footer in footers.items()
            if target.landed.get(one) != footer and _is_after(footer, samples.pulled_at)
        ]
        if newer:
            raise _overlap(target, "landed newer samples meanwhile.", "Nothing was put.", newer)
        return footers

    def _supersede(self, target: Target, *, clean: bool) -> None:
        """Delete the objects that the new object replaces.

        Rejected files are deleted first, so that none stays without its object. Rejected files that killed
        runs left in the interval are deleted too.
        """
        overlapping = [one for one in self._listed(target) if one.overlaps(target.window)]
        others = [one for one in overlapping if one not in {*target.landed, target.window}]
        for window in self._objects.rejected_windows(floor(target.window.start, DAY)):
            is_replaced = target.window.contains(window) and window not in others
            if is_replaced and (clean or window != target.window):
                self._store.delete(self._dataset.rejected_path(window))
        for window in target.landed:
            if window != target.window:
                self._store.delete(self._dataset.samples_path(window))
        if others:
            raise _overlap(target, "landed meanwhile.", "Both stay.", others)


def _is_after(footer: Footer, pulled_at: datetime) -> bool:
    return footer.pulled_at is not None and footer.pulled_at > pulled_at


def _overlap(target: Target, what: str, outcome: str, windows: Iterable[Window]) -> EvplOverlapError:
    return EvplOverlapError(
        f"slice {target.window.label}: another run {what}",
        f"{outcome} Airflow retries. Don't run overlapping windows at the same time.",
        f"objects of the other run: {name_some([one.label for one in windows])}",
    )


def _first_pulled_at(landed: Mapping[Window, Footer]) -> datetime | None:
    """Return when the first of the replaced objects was pulled."""
    pulled = (footer.first_pulled_at or footer.pulled_at for footer in landed.values())
    return min((moment for moment in pulled if moment is not None), default=None)


def _json_lines(samples: Samples) -> bytes:
    return b"".join(
        json.dumps(
            {
                "reason": record.rejection.reason,
                "slice": str(samples.window),
                "page": record.page,
                "entry": record.rejection.entry,
                "sample": record.rejection.sample,
                "samples": record.rejection.samples,
                "raw": record.rejection.raw,
            }
        ).encode()
        + b"\n"
        for record in samples.rejections
    )
