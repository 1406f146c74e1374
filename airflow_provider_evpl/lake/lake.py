"""One data set in the lake: what has landed, what a slice would replace, and its landing."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_evpl.errors import EvplForeignError, EvplOverlapError
from airflow_provider_evpl.lake.layout import Dataset, Group, group, parse_name
from airflow_provider_evpl.lake.parquet import Footer, encode, read_footer
from airflow_provider_evpl.lake.revisions import Revisions, UnreadableError, revise
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.lake.store import Store, told
from airflow_provider_evpl.window import DAY, Window, floor

__all__ = ["Lake", "Landing", "Target"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """What to pull at once, and what has landed there so far: our own objects, by their interval."""

    window: Window
    landed: Mapping[Window, Footer]

    def shrinks(self, samples: Samples) -> list[str]:
        """Say which landed objects have more rows, or more values, than the samples would put in their place.

        An object inside another one is a left-over of a run that ended between its put and its
        deletes: the larger one counts.
        """
        found = []
        for window, footer in self.landed.items():
            rows, values = samples.count_within(window)
            is_left_over = any(other != window and other.contains(window) for other in self.landed)
            if not is_left_over and (rows < footer.rows or values < footer.values):
                found.append(
                    f"{window} has {footer.rows} rows, {footer.values} with a value, now {rows} and {values}"
                )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """One object that was put.

    Attributes:
        path, rejected_path: as people know them; the latter None where nothing was rejected.
        bytes: of the object.
        replaced: how many objects it superseded, its own former self included.
        revisions: what it changed of them; None where one of them could not be read.
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

    Args:
        source: `Settings.source`: objects of another one are never read as ours, nor superseded.
    """

    def __init__(self, store: Store, dataset: Dataset, source: Mapping[str, str]) -> None:
        self._store = store
        self._dataset = dataset
        self._source = source

    def targets(self, slices: Iterable[Window]) -> list[Target]:
        """Join slices of one UTC day with what has landed there.

        Raises:
            EvplForeignError: an object in the way isn't ours.
            EvplError: the store failed or refused.
        """
        slices = list(slices)
        groups = group(slices, self._landed(slices[0]))
        for window in {*slices, *(one.window for one in groups)}:
            self._store.tidy(self._dataset.samples_path(window))
            self._store.tidy(self._dataset.rejected_path(window))
        return [self._target(one) for one in groups]

    def survey(self, window: Window) -> dict[Window, Footer | None]:
        """Read the names and footers of all that has landed in a window, in order of time.

        Returns:
            Each landed interval that overlaps the window, and its footer; None where it has another
            source, or none.

        Raises:
            EvplError: the store failed or refused.
        """
        landed = [one for day in window.slices(DAY) for one in self._landed(day) if one.overlaps(window)]
        footers = {one: self._footer(one) for one in sorted(landed)}
        return {
            one: footer if footer and footer.source == self._source else None
            for one, footer in footers.items()
        }

    def land(self, target: Target, samples: Samples, provenance: Mapping[str, str]) -> Landing:
        """Put a slice's rejected samples, then its rows, then delete what they supersede.

        Raises:
            EvplOverlapError: another run landed in the interval meanwhile; nothing was put where that
                has more than the samples, else what this one put stays.
            EvplForeignError: an object that isn't ours landed in the interval meanwhile.
            EvplError: the store failed or refused.
        """
        path, rejected_path = (
            self._dataset.samples_path(target.window),
            self._dataset.rejected_path(target.window),
        )
        data = encode(
            samples,
            granularity=self._dataset.granularity,
            source=self._source,
            provenance=provenance,
        )
        landed = self._check_again(target, samples)  # as late as can be
        revisions = self._revise(target, landed, samples)
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
            revisions=revisions,
        )

    def _target(self, one: Group) -> Target:
        return Target(one.window, {window: self._own_footer(window) for window in one.replaces})

    def _landed(self, window: Window) -> list[Window]:
        day = floor(window.start, DAY)
        parsed = (parse_name(name, day) for name in self._store.names(self._dataset.folder(day)))
        return [landed for landed in parsed if landed is not None]

    def _own_footer(self, window: Window) -> Footer:
        footer = self._footer(window)
        if footer is None or footer.source != self._source:
            whose = (
                "was not written by this provider" if footer is None else f"comes from {dict(footer.source)}"
            )
            raise EvplForeignError(
                f"{self._store.url(self._dataset.samples_path(window))} {whose}, "
                f"this run pulls from {dict(self._source)}; "
                "choose another object_storage_path, or move the object away"
            )
        return footer

    def _revise(self, target: Target, landed: Iterable[Window], samples: Samples) -> Revisions | None:
        """Compare with what is about to be replaced; that it can't be read is no reason not to replace it."""
        try:
            return revise(samples.rows, target.window, landed, self._bytes)
        except UnreadableError as error:
            _log.warning("slice %s: what it changes can't be told: %s", target.window, error)
            return None

    def _bytes(self, window: Window) -> bytes:
        path = self._dataset.samples_path(window)
        with told(self._store.url(path)), self._store.open(path) as file:
            return file.read()

    def _footer(self, window: Window) -> Footer | None:
        path = self._dataset.samples_path(window)
        with told(self._store.url(path)), self._store.open(path) as file:
            return read_footer(file)

    def _check_again(self, target: Target, samples: Samples) -> Iterable[Window]:
        """What another run landed since the targets were read must not be lost: none of it was counted.

        Returns:
            The intervals of the objects that are there.
        """
        now = {
            one: self._own_footer(one) for one in self._landed(target.window) if target.window.contains(one)
        }
        news = {window: footer for window, footer in now.items() if target.landed.get(window) != footer}
        shrunk = Target(target.window, news).shrinks(samples)
        if shrunk:
            raise EvplOverlapError(
                f"slice {target.window}: another run landed more meanwhile: {'; '.join(shrunk)}; "
                "run again. Don't run overlapping windows at once"
            )
        return now

    def _supersede(self, target: Target, *, clean: bool) -> None:
        for window in target.landed:
            if window != target.window:
                self._store.delete(self._dataset.rejected_path(window))  # first: never alone
                self._store.delete(self._dataset.samples_path(window))
        if clean:
            self._store.delete(self._dataset.rejected_path(target.window))
        strangers = [
            window
            for window in self._landed(target.window)
            if window.overlaps(target.window) and window != target.window
        ]
        if strangers:
            raise EvplOverlapError(
                f"slice {target.window}: another run landed {', '.join(map(str, strangers))} meanwhile; "
                "run again: the next run makes one of both. Don't run overlapping windows at once"
            )


def _json_lines(samples: Samples) -> bytes:
    return b"".join(
        json.dumps(
            {
                "reason": placed.rejection.reason,
                "slice": str(samples.window),
                "page": placed.page,
                "entry": placed.rejection.entry,
                "sample": placed.rejection.sample,
                "samples": placed.rejection.samples,
                "raw": placed.rejection.raw,
            }
        ).encode()
        + b"\n"
        for placed in samples.rejections
    )
