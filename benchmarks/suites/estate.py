"""A small estate: the tasks of eight operator codes at once, under the rate limit of a gateway."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from benchmarks import participants as who
from benchmarks.figures import Target
from benchmarks.lab import Lab, open_lab
from benchmarks.part import Part, say
from benchmarks.report import table_text
from benchmarks.shape import Shape
from benchmarks.suite import Case, Run, Suite

__all__ = ["PART"]

_TASKS: Final = 8
_GATEWAY: Final = 25
"""Requests per second over all tasks: the known limit of Orange's gateway."""

_SUITES = {
    is_even: Suite(
        name="estate",
        title="Estate in small",
        shape=Shape(circuits=500, page_entries=25),
        cases=tuple(Case(participant=who.CORE, requests_per_second=rate) for rate in rates),
        latency_seconds=0.2,
        most_per_second=_GATEWAY,
        is_even=is_even,
    )
    for is_even, rates in ((False, (2.0, 3.0, 10.0)), (True, (2.0, 3.0)))
}
_PAGES: Final = _SUITES[False].shape.pages_a_day
_HEADS: Final = (
    "the gateway allows",
    "requests a second of each task",
    "of all tasks",
    "computed s",
    "measured s",
    "pages",
    "refused and retried",
    "rows",
)


class _AtOnce(NamedTuple):
    """The runs of tasks that ran at once."""

    is_even: bool
    requests_per_second: float
    runs: list[Run]


def _run(_: int) -> list[_AtOnce]:
    say(f"Estate in small: {_TASKS} tasks at once, once each")
    found = []
    for is_even, suite in _SUITES.items():
        with open_lab(suite) as lab:
            found += [_AtOnce(is_even, case.requests_per_second, _at_once(lab, case)) for case in suite.cases]
    return found


def _at_once(lab: Lab, case: Case) -> list[Run]:
    places = [who.WORK / "estate" / str(number) for number in range(_TASKS)]
    with ThreadPoolExecutor(_TASKS) as pool:
        usages = list(pool.map(lambda place: lab.start(case, place), places))
    runs = [lab.check(case, place, usage) for place, usage in zip(places, usages, strict=True)]
    say(f"  {case.requests_per_second:g} a second each: {', '.join(map(str, runs))}")
    return runs


def _line(one: _AtOnce) -> tuple[str, ...]:
    rate = _TASKS * one.requests_per_second
    wrong = sum(not run.is_right for run in one.runs)
    return (
        f"one every {1000 / _GATEWAY:.0f} ms" if one.is_even else f"{_GATEWAY} in any second",
        f"{one.requests_per_second:g}",
        f"{rate:g}",
        f"{_TASKS * _PAGES / min(rate, _GATEWAY):.1f}",
        f"{max(run.usage.seconds for run in one.runs):.1f}",
        f"{sum(run.pages for run in one.runs):,}",
        f"{sum(run.refused for run in one.runs):,}",
        f"**wrong in {wrong}**" if wrong else "right",
    )


def _text(raw: Sequence[_AtOnce]) -> str:
    about = (
        f"{_TASKS} processes of the core run at once, like the tasks of {_TASKS} operator codes. Each pulls "
        f"the same {_SUITES[False].shape.samples_a_day:,} samples on {_PAGES} pages of 200 ms, 4 in flight. "
        "The server refuses requests above the limit with status 429.\n\n"
        "- *Computed*: the number of pages, divided by the smaller of the two rates.\n"
        "- *Measured*: the slowest of the eight processes, including its start. Each line was run once.\n"
    )
    return "\n".join(("## Estate in small\n", about, table_text(_HEADS, map(_line, raw))))


def _targets(_: object) -> list[Target]:
    return []


PART = Part(name="estate", run=_run, targets=_targets, text=_text)
