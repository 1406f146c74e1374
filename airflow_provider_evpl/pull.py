"""The whole flow on one screen: window -> slices -> pages -> samples -> object -> summary."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import groupby
from threading import Event

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.api.pages import read_pages
from airflow_provider_evpl.errors import EvplNotPublishedError, EvplPagingError, EvplRefusedError
from airflow_provider_evpl.lake.lake import Lake, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.page import Page
from airflow_provider_evpl.plan import PullPlan
from airflow_provider_evpl.progress import Progress, ProgressMeter
from airflow_provider_evpl.summary import Summary
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
    summary: Summary | None = None,
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
        summary: of this plan, still empty; it is filled slice by slice and returned, so what landed is
            known where the pull fails.
        clock: monotonic seconds.

    Raises:
        EvplNotPublishedError: no sample in the whole window; nothing has landed.
        EvplRefusedError: slices were left as they were; the others have landed.
        EvplError: the API or the store failed; the slices before have landed.
    """
    lake = Lake(store, Dataset(plan.code_ope, plan.granularity.text), client.settings.source)
    meter = ProgressMeter(plan.window, on_progress, clock)
    summary = summary or Summary(plan=plan)
    run = _Run(lake, summary, {**provenance, "window": str(plan.window)}, client.blot)
    sent_before = client.requests_sent
    for _, slices in groupby(plan.window.slices(plan.slice_length), lambda one: floor(one.start, DAY)):
        for target in lake.targets(slices):
            meter.begin(target.window)
            run.take(
                target,
                pull_slice(client, plan.code_ope, plan.granularity, target.window, meter.page),
            )
    run.finish()
    summary.requests = client.requests_sent - sent_before
    summary.seconds = meter.seconds
    return summary


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
    ended = Event()
    pages = read_pages(
        lambda index: client.page(query, index, cancelled=ended.is_set),
        pagination=client.settings.pagination,
        parallelism=parallelism,
        on_end=ended.set,
        hang_up=client.hang_up,
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

    def __init__(
        self, lake: Lake, summary: Summary, provenance: Mapping[str, str], blot: Callable[[str], str]
    ) -> None:
        self._lake = lake
        self._summary = summary
        self._plan = summary.plan
        self._provenance = provenance
        self._blot = blot
        self._is_published = summary.plan.allow_empty
        self._waiting: list[tuple[Target, Samples]] = []
        self._refusals: list[str] = []
        self._told: frozenset[str] = frozenset()

    def take(self, target: Target, samples: Samples) -> None:
        """Refuse a slice, land it, or let it wait until the window has shown its first sample."""
        self._tell(
            samples.unknown_fields, "Orange's document doesn't have these fields, they are not landed: %s"
        )
        self._tell(samples.unit_doubts, f"slice {target.window}: are these percentages? %s")
        self._is_published |= samples.count_within(self._plan.window)[0] > 0
        if refusal := samples.refusal(self._plan.max_rejected_fraction, blot=self._blot):
            self._refuse(refusal)
        else:
            self._waiting.append((target, samples))
        if self._is_published:
            for one in self._waiting:
                self._land(*one)
            self._waiting.clear()

    def finish(self) -> None:
        """Raise what has to be said in the end; samples of which none can be read are not "none yet"."""
        for target, samples in self._waiting:
            if samples.rejections and not samples.ledger.rows and self._plan.window.contains(target.window):
                self._refuse(f"slice {target.window}: no sample can be read: {samples.set_aside(self._blot)}")
        if self._refusals:
            landed = len(self._summary.landings)
            raise EvplRefusedError(
                f"{landed} slices landed, {len(self._refusals)} were left as they were:\n"
                + "\n".join(self._refusals)
            )
        if not self._is_published:
            raise EvplNotPublishedError(
                f"window {self._plan.window}: not published yet, the API has no sample in it; "
                "nothing has landed. Run again later, or set allow_empty"
            )

    def _land(self, target: Target, samples: Samples) -> None:
        is_asked_for = self._plan.window.contains(target.window)
        if (shrinks := target.shrinks(samples)) and not (is_asked_for and self._plan.on_shrink == "replace"):
            what = f"slice {target.window}: would erase landed samples: {'; '.join(shrinks)}"
            self._leave(what, target.window, is_asked_for=is_asked_for)
        else:
            landing = self._lake.land(target, samples, self._provenance)
            self._summary.add(landing, samples)
            if landing.revisions and any(landing.revisions):
                changes = landing.revisions[:3]
                _log.info("slice %s: %d samples added, %d changed, %d gone", target.window, *changes)

    def _leave(self, what: str, window: Window, *, is_asked_for: bool) -> None:
        if not is_asked_for:
            ask = f"window_start={iso(window.start)}, window_end={iso(window.end)}"
            self._refuse(
                f"{what}; it is wider than the window asked for: ask for {ask} to decide by on_shrink"
            )
        elif self._plan.on_shrink == "keep":
            _log.warning("%s; kept what has landed", what)
        else:
            self._refuse(f"{what}; set on_shrink to keep what has landed, or to replace it")

    def _refuse(self, why: str) -> None:
        """Log it now: what fails later in the run would be all that is heard."""
        _log.warning("%s", why)
        self._refusals.append(why)

    def _tell(self, findings: frozenset[str], message: str) -> None:
        """Each once a run."""
        if new := findings - self._told:
            _log.warning(message, ", ".join(sorted(new)))
        self._told |= findings
