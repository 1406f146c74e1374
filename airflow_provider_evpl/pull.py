"""The whole flow on one screen: window -> slices -> pages -> samples -> object -> summary."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import groupby

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.pages import read_pages
from airflow_provider_evpl.errors import EvplNotPublishedError, EvplPagingError, EvplRefusedError
from airflow_provider_evpl.lake.lake import Lake, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.plan import PullPlan
from airflow_provider_evpl.records import Page
from airflow_provider_evpl.summary import Progress, Summary
from airflow_provider_evpl.window import DAY, Granularity, Window, floor, iso

__all__ = ["pull", "pull_slice"]

_STARTS = 3
_log = logging.getLogger(__name__)


def pull(  # noqa: PLR0913 each is a seam to the outside
    client: Client,
    store: Store,
    plan: PullPlan,
    *,
    provenance: Mapping[str, str],
    on_progress: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Pull a window into the lake, slice by slice; memory grows with one slice, not with the window.

    Each slice ends exact, or as it was before.

    Args:
        client: authorised.
        store: the root of the lake.
        plan: what to pull.
        provenance: of the run, for the objects' footers: its ids, the time.
        on_progress: is told after every page.
        clock: monotonic seconds.

    Raises:
        EvplNotPublishedError: no sample in the whole window; nothing has landed.
        EvplRefusedError: slices were left as they were; the others have landed.
        EvplError: the API or the store failed; the slices before have landed.
    """
    lake = Lake(store, Dataset(plan.code_ope, plan.granularity.text), client.settings.source)
    meter = _Meter(plan.window, on_progress, clock)
    run = _Run(lake, plan, {**provenance, "window": str(plan.window)})
    sent_before = client.requests
    for _, slices in groupby(plan.window.slices(plan.slice_length), lambda one: floor(one.start, DAY)):
        for target in lake.targets(slices):
            meter.begin(target.window)
            run.take(
                target,
                pull_slice(client, plan.code_ope, plan.granularity, target.window, meter.page),
            )
    run.finish()
    run.summary.requests = client.requests - sent_before
    run.summary.seconds = meter.seconds
    return run.summary


def pull_slice(
    client: Client,
    code_ope: str,
    granularity: Granularity,
    window: Window,
    on_page: Callable[[Page], None] = lambda _: None,
) -> Samples:
    """Pull all pages of a window into memory.

    Where they don't add up it starts again from the first, then one page at a time.

    Raises:
        EvplPagingError: they didn't add up three times.
        EvplError: as `Client.page`.
    """
    query = Query(code_ope=code_ope, granularity=granularity, window=window)
    parallelism = client.settings.page_parallelism
    for _ in range(1, _STARTS):
        try:
            return _collect(client, query, parallelism, on_page)
        except EvplPagingError as error:
            _log.info("%s; starting again, one page at a time", error)
            parallelism = 1
    return _collect(client, query, parallelism, on_page)


def _collect(client: Client, query: Query, parallelism: int, on_page: Callable[[Page], None]) -> Samples:
    collector = SampleCollector(query.window, code_ope=query.code_ope, granularity=query.granularity)
    pages = read_pages(
        lambda index: client.page(query, index),
        pagination=client.settings.pagination,
        parallelism=parallelism,
    )
    try:
        with closing(pages):  # whatever is raised here, no page stays in flight
            for page in pages:
                collector.add(page)
                on_page(page)
    except EvplPagingError as error:
        raise EvplPagingError(
            f"slice {query.window}: {error}. If it stays so, look at the connection's `pagination`"
        ) from error
    return collector.finish()


class _Run:
    """Decides, slice by slice, what lands."""

    def __init__(self, lake: Lake, plan: PullPlan, provenance: Mapping[str, str]) -> None:
        self.summary = Summary(plan=plan)
        self._lake = lake
        self._plan = plan
        self._provenance = provenance
        self._is_published = plan.allow_empty
        self._waiting: list[tuple[Target, Samples]] = []
        self._refusals: list[str] = []
        self._told: frozenset[str] = frozenset()

    def take(self, target: Target, samples: Samples) -> None:
        """Land a slice, refuse it, or let it wait until the window has shown its first sample."""
        self._waiting.append((target, samples))
        self._is_published |= bool(samples.ledger.rejected or samples.count_within(self._plan.window)[0])
        if self._is_published:
            for one in self._waiting:
                self._settle(*one)
            self._waiting.clear()

    def finish(self) -> None:
        """Raise what has to be said in the end."""
        if not self._is_published:
            raise EvplNotPublishedError(
                f"window {self._plan.window}: not published yet, the API has no sample in it; "
                "nothing has landed. Run again later, or set allow_empty"
            )
        if self._refusals:
            msg = f"{len(self._refusals)} slices were left as they were:\n" + "\n".join(self._refusals)
            raise EvplRefusedError(msg)

    def _settle(self, target: Target, samples: Samples) -> None:
        if refusal := samples.refusal(self._plan.max_rejected_fraction):
            self._refusals.append(refusal)
            return
        if (shrinks := target.shrinks(samples)) and not self._may_shrink(target, shrinks):
            return
        self._tell_unknown(samples.unknown_fields)
        self.summary.add(self._lake.land(target, samples, self._provenance), samples)

    def _may_shrink(self, target: Target, shrinks: list[str]) -> bool:
        what = f"slice {target.window}: would erase landed samples: {'; '.join(shrinks)}"
        if not self._plan.window.contains(target.window):
            ask = f"window_start={iso(target.window.start)}, window_end={iso(target.window.end)}"
            self._refusals.append(
                f"{what}; it is wider than the window asked for: ask for {ask} to decide by on_shrink"
            )
        elif self._plan.on_shrink == "fail":
            self._refusals.append(f"{what}; set on_shrink to keep what has landed, or to replace it")
        elif self._plan.on_shrink == "keep":
            _log.warning("%s; kept what has landed", what)
        else:
            return True
        return False

    def _tell_unknown(self, names: frozenset[str]) -> None:
        if new := names - self._told:
            _log.warning(
                "Orange's document doesn't have these fields, they are not landed: %s",
                ", ".join(sorted(new)),
            )
        self._told |= names


class _Meter:
    """Turns pages into progress."""

    def __init__(
        self, window: Window, on_progress: Callable[[Progress], None], clock: Callable[[], float]
    ) -> None:
        self._window = window
        self._on_progress = on_progress
        self._clock = clock
        self._started = clock()
        self._pages = self._samples = 0
        self._target = window
        self._target_pages = 0

    @property
    def seconds(self) -> float:
        """Since the pull began."""
        return self._clock() - self._started

    def begin(self, target: Window) -> None:
        """Turn to the next slice."""
        self._target, self._target_pages = target, 0

    def page(self, page: Page) -> None:
        """Count a page and tell."""
        self._pages += 1
        self._target_pages += 1
        self._samples += sum(len(entry.timestamps) for entry in page.entries)
        share = self._share(page.total_pages)
        left = self.seconds * (1 - share) / share if share else None
        self._on_progress(Progress(pages=self._pages, samples=self._samples, share=share, seconds_left=left))

    def _share(self, total_pages: int | None) -> float:
        inside = min(1.0, self._target_pages / total_pages) if total_pages else 0.0
        done = self._target.start + inside * self._target.length - self._window.start
        return min(1.0, max(0.0, done / self._window.length))
