"""Questions about samples: bounds, grid, start or end of the step, forms of times and values, names."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import pairwise
from math import isnan
from statistics import fmean
from typing import Any, Final, NamedTuple

from airflow_provider_evpl.errors import name_of, name_some
from airflow_provider_evpl.flows.probe.answer import LIKELY, NOT_SEEN, SURE, Finding
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.paging import second_page
from airflow_provider_evpl.flows.probe.plan import GRANULARITIES, Purpose, length_of
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, microseconds

__all__ = ["Bounds", "judge_samples", "read_bounds", "read_order", "read_position"]

_HOURLY: Final = GRANULARITIES[1]
_HOUR: Final = microseconds(timedelta(hours=1))
_ENOUGH_SERIES: Final = 3
_ROUNDING: Final = 0.011  # of a mean of values with two decimals
_PER_CENT: Final = 100
_REJECTED: Final = "Such samples are not in the table, but in rejected/. Send this to Orange."

_Samples = list[tuple[int, float]]
"""Microseconds since the epoch, and the value."""


class Bounds(NamedTuple):
    """Whether a window's bounds are inclusive, None if that was not seen; samples beyond the bounds."""

    start: bool | None
    end: bool | None
    outside: int


def judge_samples(seen: Seen) -> Iterator[Finding]:
    """Give the findings about samples; none without a page."""
    if seen.granularity:
        yield _judge_bounds(seen)
        yield _judge_grid(seen)
        yield _judge_position(seen)
        yield _judge_times(seen)
        yield _judge_values(seen)
        yield _judge_fields(seen)


def read_bounds(seen: Seen) -> Bounds:
    """Compare the samples of both windows with their bounds."""
    starts, ends, outside = set[bool](), set[bool](), 0
    step = _step(seen)
    for exchange in filter(None, (seen.find(Purpose.STEP), seen.find(Purpose.PAGE))):
        start, end = _bounds(exchange)
        moments = {at for samples in _samples(exchange).values() for at, _ in samples}
        outside += sum(1 for at in moments if not start <= at <= end)
        if start in moments or {start + step} & moments - {end}:
            starts.add(start in moments)
        if {end, end - step} & moments:
            ends.add(end in moments)
    return Bounds(max(starts, default=None), max(ends, default=None), outside)


def _judge_bounds(seen: Seen) -> Finding:
    start, end, outside = read_bounds(seen)
    evidence = f"the start is {_included(start)}, the end is {_included(end)}"
    beyond = f"; {outside:,} times lie outside of the window" if outside else ""
    if start is False:
        consequence = "A pull loses the first sample of each slice. Ask Orange before you rely on the data."
    else:
        consequence = "" if None not in (start, end) else "A pull keeps start <= time < end."
    return Finding(
        question="bounds",
        certainty=NOT_SEEN if None in (start, end) else SURE,
        evidence=f"{evidence}{beyond}.",
        consequence=consequence,
        is_open=start is False,
    )


def _judge_grid(seen: Seen) -> Finding:
    first = seen.find(Purpose.PAGE)
    by_series = _samples(first)
    count = sum(map(len, by_series.values()))
    if not first or not count:
        return Finding(
            question="grid",
            certainty=NOT_SEEN,
            evidence="no sample came.",
            consequence="Probe a day with data, and check code_ope.",
            is_open=first is not None,
        )
    step, (start, end) = _step(seen), _bounds(first)
    steps = set(range(start, end, step)) - ({start} if read_bounds(seen).start is False else set())
    lacking = [steps - {at for at, _ in samples} for samples in by_series.values()]
    missing, is_open, consequence = _judge_missing(seen, steps, lacking, by_series.values())
    repeated, differing = _repeated(seen)
    if differing:
        is_open, consequence = True, "A pull keeps one of them: a value before null, else the last."
    off = sum(1 for samples in by_series.values() for at, _ in samples if at % step)
    parts = [
        missing,
        f"{off:,} of {count:,} times are off the grid" if off else "",
        f"{repeated:,} samples came again, {differing:,} of them with another value" if repeated else "",
    ]
    return Finding(
        question="grid",
        certainty=SURE,
        evidence=f"{'; '.join(filter(None, parts))}.",
        consequence=consequence,
        is_open=is_open,
    )


def _judge_missing(
    seen: Seen, steps: set[int], lacking: list[set[int]], by_series: Iterable[_Samples]
) -> tuple[str, bool, str]:
    """Return what the steps of the series show, whether that is open, and its consequence."""
    incomplete, granularity = [one for one in lacking if one], seen.granularity
    text = granularity.text if granularity else ""
    if not incomplete:
        return f"each series on page 1 has all {len(steps)} steps of {text}", False, ""
    gaps = {later - at for one in by_series for (at, _), (later, _) in pairwise(sorted(one))}
    if len(gaps) == 1 and (gap := gaps.pop()) > _step(seen):
        seconds = gap // 1_000_000
        advice = f"Set granularity to {seconds}s in the DAGs, or ask Orange."
        return f"a sample comes every {seconds}s, not every {text}", True, advice
    what = f"{len(incomplete):,} of {len(lacking):,} series on page 1 lack steps"
    pages = [seen.find(one) for one in (Purpose.PAGE, Purpose.SECOND, Purpose.NEXT, Purpose.LAST)]
    union = {at for samples in _samples(*pages).values() for at, _ in samples}
    if len(incomplete) == len(lacking) and steps <= union:
        return f"{what}, which are on other pages", False, "A pull joins the parts of a series."
    shared = set.intersection(*lacking)
    if shared:
        return f"all series on page 1 lack the same {len(shared)} of {len(steps)} steps", True, "Ask Orange."
    return what, False, "The lake has gaps there. The coverage operator shows them."


def _repeated(seen: Seen) -> tuple[int, int]:
    """Count the samples that are twice on the pages 1, 2 and last, and those with different values."""
    pages = (seen.find(Purpose.PAGE), second_page(seen), seen.find(Purpose.LAST))
    repeated = differing = 0
    for one in _samples(*pages).values():
        values = defaultdict[int, set[str]](set)
        for at, value in one:
            values[at].add(str(value))
        repeated += len(one) - len(values)
        differing += sum(1 for texts in values.values() if len(texts) > 1)
    return repeated, differing


def read_position(seen: Seen) -> tuple[str | None, int]:
    """Compare hourly values with the 300s values around them.

    Returns:
        `start` or `end` of the step, None if that can't be seen; and how many series show it.
    """
    hourly = _samples(seen.find(Purpose.GRANULARITY.format(_HOURLY.text)))
    fine = _samples(seen.find(Purpose.PAGE)) if seen.granularity == GRANULARITIES[0] else {}
    hour = microseconds(seen.plan.step(_HOURLY).start - EPOCH)
    votes = Counter[str]()
    for series, samples in hourly.items():
        values = dict(fine.get(series, []))
        after = [values[at] for at in values if hour <= at < hour + _HOUR]
        before = [values[at] for at in values if hour - _HOUR < at <= hour]
        value = dict(samples).get(hour)
        if value is not None and len(after) == len(before) == _HOUR // _step(seen):
            fits = [abs(value - fmean(one)) <= _ROUNDING for one in (after, before)]
            if fits[0] != fits[1]:
                votes["start" if fits[0] else "end"] += 1
    position, count = votes.most_common(1)[0] if votes else ("", 0)
    is_seen = len(votes) == 1 and count >= _ENOUGH_SERIES
    return (position if is_seen else None), count


def _judge_position(seen: Seen) -> Finding:
    position, count = read_position(seen)
    if position:
        return Finding(
            question="timestamp",
            certainty=LIKELY,
            evidence=f"it is the {position} of its step: the 1h value is the mean of the 300s values "
            f"{'after' if position == 'start' else 'before'} it, in {count:,} series.",
            consequence="" if position == "start" else "Times are stored as sent: as ends of steps.",
        )
    return Finding(
        question="timestamp",
        certainty=NOT_SEEN,
        evidence="1h and 300s values don't show whether it is the start or the end of its step.",
        consequence="Times are stored as sent. Ask Orange if an hour matters.",
    )


def read_order(seen: Seen) -> str | None:
    """Return the order of the timestamps in an entry: `ascending`, `descending` or `mixed`."""
    found = set[str]()
    for exchange in seen.reports:
        for entry in exchange.entries:
            rises = {later > at for at, later in pairwise(entry.timestamps) if later != at}
            found |= {"ascending" if one else "descending" for one in rises}
    return None if not found else found.pop() if len(found) == 1 else "mixed"


def _judge_times(seen: Seen) -> Finding:
    zones, decimals = _sum(seen, "zones"), _sum(seen, "decimals")
    rejected = _text_of(_rejections(seen, "timeStamp"))
    if not zones and not rejected:
        return Finding(
            question="times",
            certainty=NOT_SEEN,
            evidence="no timestamp came.",
            consequence="Probe a day with data.",
        )
    odd = sum(one.facts.odd_times for one in seen.reports)
    is_unread = zones["none"] > 0 and seen.settings.naive_timestamps != "utc"
    is_shifted = is_unread and read_bounds(seen).outside > 0
    parts = [
        f"zone {_counts(zones)}; decimals {_counts(decimals)}; order {read_order(seen) or 'not seen'}",
        f"{odd:,} with a comma, or with a blank for T" if odd else "",
        rejected,
        "read as UTC, times without a zone are outside of the window" if is_shifted else "",
        "times without a zone are inside the windows, so they are UTC" if is_unread > is_shifted else "",
    ]
    advice = (
        _REJECTED if rejected else "",
        "They are not UTC: ask Orange for the zone." if is_shifted else "",
    )
    return Finding(
        question="times",
        certainty=LIKELY if is_unread > is_shifted else SURE,
        evidence=f"{'; '.join(filter(None, parts))}.",
        consequence=" ".join(filter(None, advice)),
        settings={"naive_timestamps": "utc"} if is_unread > is_shifted else {},
        is_open=bool(rejected) or is_shifted,
    )


def _judge_values(seen: Seen) -> Finding:
    types = _sum(seen, "values")
    odd = sum(one.facts.odd_texts for one in seen.reports)
    entries = (entry for page in seen.pages for entry in page.entries)
    values = [value for entry in entries for value in entry.values if not isnan(value)]
    rejected = _text_of(_rejections(seen, "value"))
    forms = f"{_counts(types)}" + (f", {odd:,} texts not like 12.34" if odd else "")
    if not values:
        return Finding(
            question="values",
            certainty=NOT_SEEN,
            evidence=f"no number came ({forms or 'no sample'}){'; ' if rejected else ''}{rejected}.",
            consequence="Probe a day with data.",
            is_open=bool(rejected),
        )
    low, high = min(values), max(values)
    is_fraction = low >= 0 and high <= 1
    scale = "shares of 1, or circuits that are nearly idle" if is_fraction else "per cent, not shares of 1"
    beyond = " (above 100 or below 0)" if low < 0 or high > _PER_CENT else ""
    return Finding(
        question="values",
        certainty=SURE if rejected else NOT_SEEN if is_fraction else LIKELY,
        evidence=f"{forms}; {low:g} to {high:g}{beyond}: {scale}{'; ' if rejected else ''}{rejected}.",
        consequence=_REJECTED
        if rejected
        else "Compare a busy circuit with Orange's portal."
        if is_fraction
        else "",
        is_open=bool(rejected),
    )


def _judge_fields(seen: Seen) -> Finding:
    """Give fields, metrics and object types; the document names no metrics and no types [O]."""
    unknown = sorted({name for page in seen.pages for name in page.unknown_fields})
    missing, lists = _sum(seen, "missing"), _sum(seen, "lists")
    del lists["list"]
    series = {entry.series for page in seen.pages for entry in page.entries}
    metrics = sorted({name_of(one.metric_name) for one in series})
    types = sorted({name_of(one.object_type) for one in series if one.object_type})
    reasons = _rejections(seen, "")
    rejected = _text_of(reasons)
    parts = [
        f"metrics {name_some(metrics) or 'none'}",
        f"object types {name_some(types) or 'none'}",
        f"unknown fields {name_some(unknown)}" if unknown else "no unknown field",
        f"missing or null: {_counts(missing)}" if missing else "",
        f"performanceValues as {_counts(lists)}" if lists else "",
        rejected,
    ]
    return Finding(
        question="fields",
        certainty=SURE if series or rejected else NOT_SEEN,
        evidence=f"{'; '.join(filter(None, parts))}.",
        consequence=_REJECTED if rejected else "",
        is_open=bool(rejected),
        shown=(*metrics, *types, *unknown, *reasons),
    )


def _text_of(rejections: Counter[str]) -> str:
    return f"rejected: {_counts(rejections)}" if rejections else ""


def _rejections(seen: Seen, start: str) -> Counter[str]:
    """Count the rejected samples by reason; an empty start stands for all other reasons."""
    counts = Counter[str]()
    for one in (rejection for page in seen.pages for rejection in page.rejections):
        kind = next((word for word in ("timeStamp", "value") if one.reason.startswith(word)), "")
        if kind == start:
            counts[one.reason] += one.samples
    return counts


def _sum(seen: Seen, name: str) -> Counter[Any]:
    total = Counter[Any]()
    for exchange in seen.reports:
        total.update(getattr(exchange.facts, name))
    return total


def _counts(counter: Mapping[Any, int]) -> str:
    return name_some([f"{key} ({counter[key]:,})" for key in sorted(counter, key=str)])


def _samples(*exchanges: Exchange | None) -> dict[Series, _Samples]:
    found = defaultdict[Series, _Samples](list)
    for entry in (entry for one in exchanges if one for entry in one.entries):
        found[entry.series] += zip(entry.timestamps, entry.values, strict=True)
    return found


def _step(seen: Seen) -> int:
    return microseconds(length_of(seen.granularity or GRANULARITIES[0]))


def _bounds(exchange: Exchange) -> tuple[int, int]:
    window = exchange.asked.query.window if exchange.asked else None
    assert window  # noqa: S101 only reports have pages
    return microseconds(window.start - EPOCH), microseconds(window.end - EPOCH)


def _included(is_included: bool | None) -> str:  # noqa: FBT001 a table
    return {True: "included", False: "excluded", None: "not seen"}[is_included]
