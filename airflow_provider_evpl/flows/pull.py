"""Pulls a window into the lake: window -> slices -> pages -> samples -> object -> summary."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import groupby

from airflow_provider_evpl.api.client import Client, Query
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.errors import EvplNotPublishedError, EvplPagingError
from airflow_provider_evpl.flows.decision import Land, Refuse, decide, refuse_rejected, refuse_unreadable
from airflow_provider_evpl.flows.failures import Shortfalls, SliceFailures
from airflow_provider_evpl.flows.progress import Progress, ProgressMeter
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.changes import Change
from airflow_provider_evpl.lake.lake import Lake, Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.samples import SampleCollector, Samples
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Page
from airflow_provider_evpl.window import DAY, floor

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

    The newest slice comes first. Each slice lands exactly, or stays as it was. An error of one slice does not
    stop the others: the pull fails at the end, with one error that lists them.

    Args:
        client: authorized.
        store: the root of the lake.
        plan: the window, and what may be replaced.
        provenance: ids of the run, for the objects' footers.
        on_progress: is called after every page.
        summary: of this plan, still empty. It is filled slice by slice and returned, so that the caller knows
            what has landed even if the pull fails.
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
        run.log_rest()
    return summary


def pull_slice(
    client: Client,
    query: Query,
    on_page: Callable[[Page], None] = lambda _: None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Samples:
    """Pull all pages of a window into memory; call `on_page` with each.

    If the pages don't add up, it starts again from the first one, up to two times, one page at a time.

    Raises:
        EvplPagingError: the pages didn't add up three times.
    """
    parallelism = client.settings.page_parallelism
    for _ in range(1, _STARTS):
        try:
            return _collect(client, query, parallelism, on_page, now())
        except EvplPagingError as error:
            _log.info("%s Starting again, one page at a time.", error.what)
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
    """Pulls the slices of one run, and carries out what is decided about each."""

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
        self._shortfalls = Shortfalls(summary, fail=self._failures.add, redact=client.redact)
        self._logged: frozenset[str] = frozenset()

    def take(self, target: Target) -> None:
        """Pull a slice; refuse it, or land it once the window has shown its first sample."""
        self._meter.begin(target.window)
        with self._failures.of(target.window):
            samples = self._pull(target)
            self._failures.reset_count()
            self._log_findings(samples)
            self._is_published |= samples.count_within(self._plan.window)[0] > 0
            limit = self._plan.max_rejected_fraction
            if error := refuse_rejected(samples, limit, redact=self._client.redact):
                self._failures.add(target.window, error)
            else:
                self._waiting.append((target, samples))
        if self._is_published:
            for one in self._waiting:
                with self._failures.of(one[0].window):
                    self._carry_out(*one)
            self._waiting.clear()

    def finish(self) -> None:
        """Raise the collected errors, or that the window has no sample."""
        unpublished = EvplNotPublishedError(
            f"window {self._plan.window.label}: not published yet. Nothing has landed.",
            "Airflow retries. If the error stays, check code_ope and granularity,\nor set allow_empty.",
        )
        if self._waiting and not self._is_published and self._failures.are_permanent:
            self._failures.add(self._plan.window, unpublished)  # other slices may come: worth a retry
        for target, samples in self._waiting:
            if error := refuse_unreadable(samples, self._plan, redact=self._client.redact):
                self._failures.add(target.window, error)
        self._shortfalls.finish()
        self._failures.raise_all()
        if not self._is_published:
            raise unpublished

    def log_rest(self) -> None:
        """Log the errors that no raised error shows, and, once a run, that values are missing."""
        self._failures.log_rest()
        self._shortfalls.finish()
        if message := self._shortfalls.message():
            _log.warning("%s", message)

    def _pull(self, target: Target) -> Samples:
        if target.foreign:
            raise target.foreign
        query = Query(code_ope=self._plan.code_ope, granularity=self._plan.granularity, window=target.window)
        return pull_slice(self._client, query, self._meter.page, now=self._summary.now)

    def _carry_out(self, target: Target, samples: Samples) -> None:
        change = self._lake.change(target, samples)
        decision = decide(target, change, self._plan, redact=self._client.redact)
        if isinstance(decision, Land):
            self._land(target, change)
        elif isinstance(decision, Refuse):
            self._failures.add(target.window, decision.error)
        else:
            _log.warning("%s", decision.reason)
            if kept := self._lake.completeness(target, change.samples):
                self._shortfalls.check(kept)

    def _land(self, target: Target, change: Change) -> None:
        samples, name = change.samples, target.window.label
        landing = self._lake.land(target, change, self._provenance)
        self._summary.add(landing, samples)
        if landing.revisions and any(landing.revisions):
            _log.info("slice %s: %d samples added, %d changed, %d gone", name, *landing.revisions[:3])
        if landing.rejected_path:
            _log.warning(
                "slice %s: landed, but %d samples are rejected.\n"
                "Show Orange the examples. All rejected samples are in\n%s\n%s",
                name,
                samples.ledger.rejected,
                landing.rejected_path,
                samples.set_aside(self._client.redact),
            )
        self._shortfalls.add(samples)

    def _log_findings(self, samples: Samples) -> None:
        name = samples.window.label
        self._log_once(samples.unknown_fields, "Fields that Orange's document lacks are not landed: %s")
        self._log_once(samples.unit_doubts, f"slice {name}: values may not be percentages: %s")

    def _log_once(self, findings: frozenset[str], message: str) -> None:
        """Log each finding once a run."""
        if new := findings - self._logged:
            _log.warning(message, ", ".join(sorted(new)))
        self._logged |= findings
