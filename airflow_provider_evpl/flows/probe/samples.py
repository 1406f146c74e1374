"""Questions about samples: bounds, grid, the position of a timestamp, its form, values, names."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from math import isnan
from statistics import fmean
from typing import Any, Final, NamedTuple

from airflow_provider_evpl.errors import name_of, name_some
from airflow_provider_evpl.flows.probe.answer import LIKELY, NOT_SEEN, SURE, Finding, listed
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.paging import second_page
from airflow_provider_evpl.flows.probe.plan import GRANULARITIES, Purpose, length_of
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import EPOCH, microseconds

__all__ = [
    "Bounds",
    "judge_bounds",
    "judge_fields",
    "judge_grid",
    "judge_position",
    "judge_times",
    "judge_values",
    "read_bounds",
    "read_order",
    "read_position",
]

_HOURLY: Final = GRANULARITIES[1]
_HOUR: Final = microseconds(timedelta(hours=1))
_ENOUGH_SERIES: Final = 3
_ENOUGH_GAPS: Final = 3
_ROUNDING: Final = 0.011  # of a mean of values with two decimals
_CLEAR: Final = 10 * _ROUNDING  # a difference of two means that chance does not decide
_MOST_OF_ONE: Final = 2  # shares of 1 may be a bit above 1, per cent a bit above 100
_PER_CENT: Final = 100
_REJECTED: Final = "Rejected samples are not in the table, but in rejected/."

_Samples = list[tuple[int, float]]
"""Microseconds since the epoch, and the value."""


class Bounds(NamedTuple):
    """Whether a window's bounds are inclusive, None if that was not seen; samples beyond the bounds."""

    start: bool | None
    end: bool | None
    outside: int


def judge_bounds(seen: Seen) -> Finding:
    """Judge whether a window has samples of its start and of its end."""
    start, end, outside = read_bounds(seen)
    words = {True: "included", False: "excluded", None: "not seen"}
    beyond = f"{outside:,} timestamps are outside of the window" if outside else ""
    loss = "A pull loses the first sample of each slice. Wait for Orange before you rely on the data."
    return Finding(
        NOT_SEEN if None in (start, end) else SURE,
        listed(f"The start is {words[start]}, the end is {words[end]}", beyond),
        ask=loss if start is False else "",
    )


def read_bounds(seen: Seen) -> Bounds:
    """Compare the samples of both windows with their bounds."""
    starts, ends, outside = set[bool](), set[bool](), 0
    step = _step(seen)
    for exchange in filter(None, (seen.find(Purpose.STEP), seen.find(Purpose.PAGE))):
        start, end = _bounds(exchange)
        moments = {at for samples in _samples(exchange).values() for at, _ in samples}
        outside += sum(1 for at in moments if not start <= at <= end)
        others = set(range(start + step, end, step))
        if start in moments or (others and others <= moments):
            starts.add(start in moments)
        if {end, end - step} & moments:
            ends.add(end in moments)
    return Bounds(max(starts, default=None), max(ends, default=None), outside)


def judge_grid(seen: Seen) -> Finding | None:
    """Judge whether each series on page 1 has a sample at each step, and only there."""
    first = seen.find(Purpose.PAGE)
    by_series = _samples(first)
    count = sum(map(len, by_series.values()))
    if not count:
        return (
            Finding(NOT_SEEN, "No sample came.", do="Probe a day with data, and check code_ope.")
            if first
            else None
        )
    found = _judge_steps(seen, list(by_series.values()))
    repeated, differing = _repeated(seen)
    off = sum(1 for samples in by_series.values() for at, _ in samples if at % _step(seen))
    parts = (
        found.evidence,
        f"{off:,} of {count:,} timestamps are off the grid" if off else "",
        f"{repeated:,} samples came again, {differing:,} of them with another value" if repeated else "",
    )
    kept = "A pull keeps one of them: a value before null, else the last."
    return replace(found, evidence=listed(*parts), ask=kept if differing else found.ask)


def _judge_steps(seen: Seen, series: list[_Samples]) -> Finding:
    """Judge which steps the series lack. The evidence has no full stop."""
    first, step, text = (
        seen.find(Purpose.PAGE),
        _step(seen),
        seen.granularity.text if seen.granularity else "",
    )
    start, end = _bounds(first)
    steps = set(range(start, end, step)) - ({start} if read_bounds(seen).start is False else set())
    lacking = [steps - {at for at, _ in samples} for samples in series]
    incomplete = sum(map(bool, lacking))
    if not incomplete:
        return Finding(SURE, f"Each series on page 1 has all {len(steps)} steps of {text}")
    gaps = [later - at for one in series for (at, _), (later, _) in pairwise(sorted(one))]
    if len(set(gaps)) == 1 and len(gaps) >= _ENOUGH_GAPS and gaps[0] > step:
        seconds = gaps[0] // 1_000_000
        advice = f"Set granularity to {seconds}s in the DAGs, or ask Orange."
        return Finding(SURE, f"A sample comes every {seconds}s, not every {text}", do=advice)
    evidence = f"{incomplete:,} of {len(series):,} series on page 1 lack steps"
    pages = (seen.find(one) for one in (Purpose.PAGE, Purpose.SECOND, Purpose.NEXT, Purpose.LAST))
    union = {at for samples in _samples(*pages).values() for at, _ in samples}
    if incomplete == len(series) and steps <= union:
        return Finding(SURE, f"{evidence}, which are on other pages", "A pull joins the parts of a series.")
    if len(series) >= _ENOUGH_SERIES and all(one == lacking[0] for one in lacking):
        evidence = f"All series on page 1 lack the same {len(lacking[0])} of {len(steps)} steps"
        return Finding(SURE, evidence, ask="The lake has gaps there.")
    return Finding(SURE, evidence, "The lake has gaps there. The coverage operator shows them.")


def _repeated(seen: Seen) -> tuple[int, int]:
    """Count the samples that are twice on the pages 1, 2 and last, and those with different values."""
    pages = (seen.find(Purpose.PAGE), seen.find(second_page(seen)), seen.find(Purpose.LAST))
    repeated = differing = 0
    for one in _samples(*pages).values():
        values = defaultdict[int, set[str]](set)
        for at, value in one:
            values[at].add(str(value))
        repeated += len(one) - len(values)
        differing += sum(1 for texts in values.values() if len(texts) > 1)
    return repeated, differing


def judge_position(seen: Seen) -> Finding:
    """Judge whether a timestamp is the start or the end of its step."""
    position, count = read_position(seen)
    if position is None:
        return Finding(NOT_SEEN, "1h and 300s values don't show if it is the start or the end of its step.")
    place = {"start": "after", "end": "before"}[position]
    return Finding(
        LIKELY,
        f"It is the {position} of its step: the 1h value is the mean of the 300s values {place} it, "
        f"in {count:,} series.",
        "" if position == "start" else "Timestamps are stored as sent: as ends of steps.",
    )


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
            means = fmean(after), fmean(before)
            if abs(means[0] - means[1]) >= _CLEAR:
                fits = [abs(value - mean) <= _ROUNDING for mean in means]
                votes["start" if fits[0] else "end" if fits[1] else "neither"] += 1
    position, count = votes.most_common(1)[0] if votes else ("neither", 0)
    is_seen = position != "neither" and len(votes) == 1 and count >= _ENOUGH_SERIES
    return (position if is_seen else None), count


def read_order(seen: Seen) -> str | None:
    """Return the order of the timestamps in an entry: `ascending`, `descending` or `mixed`."""
    found = set[str]()
    for exchange in seen.reports:
        for entry in exchange.entries:
            rises = {later > at for at, later in pairwise(entry.timestamps) if later != at}
            found |= {"ascending" if one else "descending" for one in rises}
    return None if not found else found.pop() if len(found) == 1 else "mixed"


def judge_times(seen: Seen) -> Finding | None:
    """Judge the form of the timestamps. Timestamps without a zone are UTC if UTC fits the windows."""
    zones, rejected = _sum(seen, "zones"), _text_of(_rejections(seen, "timeStamp"))
    if not zones and not rejected:
        return None
    odd = sum(one.facts.odd_times for one in seen.reports)
    is_unread = zones["none"] > 0 and seen.settings.naive_timestamps != "utc"
    is_shifted = is_unread and read_bounds(seen).outside > 0
    is_utc = is_unread and not is_shifted
    parts = (
        f"Zone {_counts(zones)}",
        f"decimals {_counts(_sum(seen, 'decimals'))}",
        f"order {read_order(seen) or 'not seen'}",
        f"{odd:,} with a comma, or with a blank in place of the T" if odd else "",
        rejected,
        "timestamps without a zone are outside of the windows if they are UTC" if is_shifted else "",
        "timestamps without a zone are inside the windows if they are UTC" if is_utc else "",
    )
    problems = (_REJECTED if rejected else "", "So they are not UTC." if is_shifted else "")
    return Finding(
        LIKELY if is_utc else SURE,
        listed(*parts),
        ask=" ".join(filter(None, problems)),
        settings={"naive_timestamps": "utc"} if is_utc else {},
    )


def judge_values(seen: Seen) -> Finding:
    """Judge the types and the range of the values, and whether they are per cent."""
    odd = sum(one.facts.odd_texts for one in seen.reports)
    rejected = _text_of(_rejections(seen, "value"))
    types = _counts(_sum(seen, "values")) or "no sample"
    forms = f"Types: {types}{f', {odd:,} texts not like 12.34' if odd else ''}"
    entries = (entry for page in seen.pages for entry in page.entries)
    values = [value for entry in entries for value in entry.values if not isnan(value)]
    ask = _REJECTED if rejected else ""
    if not values:
        return Finding(NOT_SEEN, listed(forms, "no number came", rejected), ask=ask)
    low, high = min(values), max(values)
    highest = max(abs(low), abs(high))
    is_clear = _MOST_OF_ONE < highest <= _MOST_OF_ONE * _PER_CENT
    meaning = "shares of 1, or per cent of circuits that are nearly idle"
    if highest > _MOST_OF_ONE:
        meaning = "per cent" if is_clear else "neither shares of 1 nor per cent"
    beyond = ", some below 0 or above 100" if low < 0 or high > _PER_CENT else ""
    return Finding(
        SURE if rejected else LIKELY if is_clear else NOT_SEEN,
        listed(forms, f"range {low:g} to {high:g}: {meaning}{beyond}", rejected),
        "" if is_clear or rejected else "Compare a busy circuit with Orange's portal.",
        ask=ask,
    )


def judge_fields(seen: Seen) -> Finding:
    """Judge fields, metrics and object types; the document names no metrics and no types [O]."""
    unknown = sorted({name for page in seen.pages for name in page.unknown_fields})
    missing, lists = _sum(seen, "missing"), _sum(seen, "lists")
    del lists["list"]
    series = {entry.series for page in seen.pages for entry in page.entries}
    metrics = sorted({name_of(one.metric_name) for one in series})
    types = sorted({name_of(one.object_type) for one in series if one.object_type})
    reasons = _rejections(seen, "")
    rejected = _text_of(reasons)
    parts = (
        f"Metrics {name_some(metrics) or 'none'}",
        f"object types {name_some(types) or 'none'}",
        f"unknown fields {name_some(unknown)}" if unknown else "no unknown field",
        f"missing or null: {_counts(missing)}" if missing else "",
        f"performanceValues as {_counts(lists)}" if lists else "",
        rejected,
    )
    return Finding(
        SURE if series or rejected else NOT_SEEN,
        listed(*parts),
        ask=_REJECTED if rejected else "",
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
    """Sum a counter of the facts over all reports."""
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


def _bounds(exchange: Exchange | None) -> tuple[int, int]:
    assert exchange and exchange.query  # noqa: PT018, S101 only reports have pages
    window = exchange.query.window
    return microseconds(window.start - EPOCH), microseconds(window.end - EPOCH)
