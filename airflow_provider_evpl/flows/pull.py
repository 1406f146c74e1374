"""The whole flow on one screen: window -> slices -> pages -> samples -> object -> summary."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.errors import (
    EvplNotPublishedError,
    EvplPagingError,
    EvplRefusedError,
)
from airflow_provider_evpl.flows.failures import SliceFailures
from airflow_provider_evpl.flows.progress import Progress, ProgressMeter
from airflow_provider_evpl.flows.shortfalls import CoverageCheck
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.lake import Lake, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Page
from airflow_provider_evpl.window import DAY, floor, iso

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

    The newest slice comes first. Each slice ends exact, or as it was. An error that belongs to one slice does
    not stop the others: the pull fails at the end, with all of these errors.

    Args:
        client: authorised.
        store: the root of the lake.
        plan: what to pull.
        provenance: of the run, for the objects' footers: its ids.
        on_progress: is told after every page.
        summary: of this plan, still empty; it is filled slice by slice and returned, so what landed is
            known where the pull fails.
        clock: monotonic seconds.

    Raises:
        EvplNotPublishedError: no sample in the whole window; nothing has landed.
        EvplRefusedError: slices were left as they were; the others have landed.
        EvplIncompleteError: slices have landed with less than `min_coverage`.
        EvplError: the API failed for some slices, the others have landed; or the API, the credentials or the
            store failed for all, and the slices before have landed.
    """
    lake = Lake(store, Dataset(plan.code_ope, plan.granularity.text), client.settings.source)
    meter = ProgressMeter(plan.window, on_progress, clock)
    summary = summary or Summary(plan=plan)
    run = _Run(client, lake, summary, {**provenance, "window": str(plan.window)}, meter)
    sent_before = client.requests_sent
    days = groupby(plan.window.slices(plan.slice_length), lambda one: floor(one.start, DAY))
    try:
        for slices in reversed([list(slices) for _, slices in days]):
            for target in reversed(lake.targets(slices)):
                run.take(target)
        run.finish()
    finally:
        summary.requests = client.requests_sent - sent_before
        summary.seconds = meter.seconds
        run.warn_about_missing_values()
    return summary


def pull_slice(
    client: Client,
    query: Query,
    on_page: Callable[[Page], None] = lambda _: None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Samples:
    """Pull all pages of a window into memory.

    Where they don't add up it starts again from the first, then one page at a time.

    Args:
        client: authorised.
        query: what to ask for.
        on_page: is told of each page.
        now: gives the time.

    Raises:
        EvplPagingError: they didn't add up three times.
        EvplError: as `Client.page`.
    """
    parallelism = client.settings.page_parallelism
    for _ in range(1, _STARTS):
        try:
            return _collect(client, query, parallelism, on_page, now())
        except EvplPagingError as error:
            _log.info("%s; starting again, one page at a time", error)
            parallelism = 1
    return _collect(client, query, parallelism, on_page, now())


def _collect(
    client: Client, query: Query, parallelism: int, on_page: Callable[[Page], None], pulled_at: datetime
) -> Samples:
    collector = SampleCollector(
        query.window, code_ope=query.code_ope, granularity=query.granularity, pulled_at=pulled_at
    )
    with closing(client.pages(query, parallelism=parallelism)) as pages:
        for page in pages:
            collector.add(page)
            on_page(page)
    return collector.finish()


class _Run:
    """Decides, slice by slice, what lands."""

    def __init__(
        self,
        client: Client,
        lake: Lake,
        summary: Summary,
        provenance: Mapping[str, str],
        meter: ProgressMeter,
    ) -> None:
        self._client = client
        self._lake = lake
        self._summary = summary
        self._plan = summary.plan
        self._provenance = provenance
        self._meter = meter
        self._is_published = summary.plan.allow_empty
        self._waiting: list[tuple[Target, Samples]] = []
        self._failures = SliceFailures(summary, lambda: client.is_stopped)
        self._coverage = CoverageCheck(summary, fail=self._failures.add, redact=client.redact)
        self._told: frozenset[str] = frozenset()

    def take(self, target: Target) -> None:
        """Pull a slice, then refuse it, land it, or let it wait until the window has shown its first sample.

        Raises:
            EvplError: the error concerns all slices.
        """
        self._meter.begin(target.window)
        with self._failures.of(target.window):
            if target.foreign:
                raise target.foreign
            query = Query(
                code_ope=self._plan.code_ope, granularity=self._plan.granularity, window=target.window
            )
            samples = pull_slice(self._client, query, self._meter.page, now=self._summary.now)
            self._failures.answered()
            self._judge(target, samples)
        if self._is_published:
            for one in self._waiting:
                with self._failures.of(one[0].window):
                    self._land(*one)
            self._waiting.clear()

    def finish(self) -> None:
        """Raise the collected errors, or that the window has no sample.

        A window whose samples are all unreadable is an error, not "not published yet".

        Raises:
            EvplError: slices failed, or the window has no sample.
        """
        unpublished = EvplNotPublishedError(
            f"window {self._plan.window}: not published yet, the API has no sample in it; "
            "nothing has landed. Run again later; if the error stays, check code_ope and granularity, "
            "or set allow_empty"
        )
        if self._waiting and not self._is_published and self._failures.miss_a_slice:
            self._failures.add(self._plan.window, unpublished)  # the others may come: worth a retry
        for target, samples in self._waiting:
            if samples.rejections and not samples.ledger.rows and self._plan.window.contains(target.window):
                self._refuse(target, f"no sample can be read: {samples.set_aside(self._client.redact)}")
        self._coverage.finish()
        self._failures.raise_all()
        if not self._is_published:
            raise unpublished

    def warn_about_missing_values(self) -> None:
        """Warn, once a run, if fewer values have landed than expected."""
        self._coverage.finish()
        if message := self._coverage.message():
            _log.warning("%s", self._client.redact(message))

    def _judge(self, target: Target, samples: Samples) -> None:
        self._tell(
            samples.unknown_fields, "Orange's document doesn't have these fields, they are not landed: %s"
        )
        self._tell(samples.unit_doubts, f"slice {target.window}: are these percentages? %s")
        self._is_published |= samples.count_within(self._plan.window)[0] > 0
        if refusal := samples.refusal(self._plan.max_rejected_fraction, redact=self._client.redact):
            self._refuse(target, refusal)
        else:
            self._waiting.append((target, samples))

    def _land(self, target: Target, samples: Samples) -> None:
        change = self._lake.change(target, samples)
        is_asked_for = self._plan.window.contains(target.window)
        if change.losses and not (is_asked_for and self._plan.on_shrink == "replace"):
            what = f"would erase landed samples: {'; '.join(change.losses)}"
            self._leave(target, change.samples, self._client.redact(what), is_asked_for=is_asked_for)
            return
        landing = self._lake.land(target, change, self._provenance)
        self._summary.add(landing, change.samples)
        if landing.revisions and any(landing.revisions):
            changes = landing.revisions[:3]
            _log.info("slice %s: %d samples added, %d changed, %d gone", target.window, *changes)
        if landing.rejected_path:
            _log.warning(
                "slice %s: landed; %d rejected samples are in %s. Rejected or in conflict: %s",
                target.window,
                samples.ledger.rejected,
                landing.rejected_path,
                samples.set_aside(self._client.redact),
            )
        self._coverage.add(change.samples)

    def _leave(self, target: Target, samples: Samples, what: str, *, is_asked_for: bool) -> None:
        window = target.window
        if not is_asked_for:
            ask = f"window_start={iso(window.start)}, window_end={iso(window.end)}"
            self._refuse(
                target, f"{what}; it is wider than the window asked for: ask for {ask} to decide by on_shrink"
            )
        elif self._plan.on_shrink == "keep":
            _log.warning("slice %s: %s; kept what has landed", window, what)
            if kept := self._lake.completeness(target, samples):
                self._coverage.check(kept)
        else:
            self._refuse(target, f"{what}; set on_shrink to keep what has landed, or to replace it")

    def _refuse(self, target: Target, why: str) -> None:
        self._failures.add(target.window, EvplRefusedError(f"slice {target.window}: {why}"))

    def _tell(self, findings: frozenset[str], message: str) -> None:
        """Each once a run."""
        if new := findings - self._told:
            _log.warning(message, ", ".join(sorted(new)))
        self._told |= findings
