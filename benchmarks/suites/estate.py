"""An estate in small: the tasks of eight operator codes at once, under a gateway's limit."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benchmarks import participants as who
from benchmarks.figures import Target
from benchmarks.lab import Lab, open_lab
from benchmarks.part import Part, say
from benchmarks.report import table_text
from benchmarks.shape import Shape
from benchmarks.suite import Case, Run, Suite

__all__ = ["PART"]

_TASKS: Final = 8
_GATEWAY: Final = 25  # requests a second, all tasks together: what is recorded of Orange's
_CASES = tuple(
    Case(participant=who.CORE, requests_per_second=requests_per_second)
    for requests_per_second in (2.0, 3.0, 10.0)
)
_SUITE = Suite(
    name="estate",
    title="Estate in small",
    shape=Shape(circuits=500, page_entries=25),
    cases=_CASES,
    latency_seconds=0.2,
    most_per_second=_GATEWAY,
)
_HEADS: Final = (
    "requests a second of each",
    "of all",
    "computed s",
    "measured s",
    "pages",
    "refused and asked again",
    "rows",
)


def _run(_: int) -> dict[str, list[Run]]:
    say(f"{_SUITE.title}: {_TASKS} tasks at once, once each")
    with open_lab(_SUITE) as lab:
        return {str(case.requests_per_second): _at_once(lab, case) for case in _CASES}


def _at_once(lab: Lab, case: Case) -> list[Run]:
    places = [who.WORK / "estate" / str(number) for number in range(_TASKS)]
    with ThreadPoolExecutor(_TASKS) as pool:
        runs = list(pool.map(lambda place: lab.run(case, place), places))
    say(f"  {case.requests_per_second:g} a second each: {', '.join(map(str, runs))}")
    return runs


def _line(case: Case, runs: Sequence[Run]) -> tuple[str, ...]:
    rate = _TASKS * case.requests_per_second
    pages = _TASKS * _SUITE.shape.pages_a_day
    wrong = sum(not run.is_right for run in runs)
    return (
        f"{case.requests_per_second:g}",
        f"{rate:g}",
        f"{pages / min(rate, _GATEWAY):.1f}",
        f"{max(run.usage.seconds for run in runs):.1f}",
        f"{sum(run.pages for run in runs):,}",
        f"{sum(run.refused for run in runs):,}",
        f"**wrong in {wrong}**" if wrong else "right",
    )


def _text(raw: Mapping[str, Sequence[Run]]) -> str:
    shape = _SUITE.shape
    about = (
        f"{_TASKS} processes of the core at once, each pulls {shape.samples_a_day:,} samples on "
        f"{shape.pages_a_day} pages of {1000 * _SUITE.latency_seconds:.0f} ms, 4 in flight; the server "
        f"answers 429 beyond {_GATEWAY} requests in any second. Computed is pages by the smaller rate.\n"
    )
    lines = [_line(case, raw[str(case.requests_per_second)]) for case in _CASES]
    return "\n".join((f"## {_SUITE.title}\n", about, table_text(_HEADS, lines)))


def _targets(_: object) -> list[Target]:
    return []


PART = Part(name=_SUITE.name, run=_run, targets=_targets, text=_text)
