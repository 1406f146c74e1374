"""Query a month of 576,000 samples per day with DuckDB, in the files of each participant."""

import shutil
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import participants as who
from benchmarks.figures import Target
from benchmarks.lab import open_lab, run_module
from benchmarks.numbers import Spread
from benchmarks.part import Part, say
from benchmarks.report import spread_text, table_text
from benchmarks.suite import Case, Run
from benchmarks.suites.growth import SUITE

__all__ = ["PART"]

_CIRCUITS: Final = (50, 150, 250, 350, 450)
_ROWS_OF_A_GROUP: Final = (20_480, 40_960, 61_440, 122_880, 576_000)
_OURS = Case(participant=who.OURS, days=SUITE.shape.days)
_OTHERS = tuple(
    Case(participant=one, days=SUITE.shape.days, in_flight=1)
    for one in (who.LIMIT, who.STREAM, who.DELTA, who.DLT_ARROW, who.RECIPE)
)


class _Answer(NamedTuple):
    """The result of `benchmarks.question`."""

    one_bytes: int
    one_seconds: float
    all_seconds: float


class _Asked(NamedTuple):
    """A lake: the run that wrote it, and its query results."""

    run: Run
    answers: list[_Answer]

    @property
    def shares(self) -> Spread:
        """The percentage of the lake that is read for one circuit."""
        return Spread.of(100 * one.one_bytes / self.run.bytes for one in self.answers)

    @property
    def share(self) -> float:
        """The median share of the lake that is read for one circuit."""
        return self.shares.middle / 100

    @property
    def one_ms(self) -> Spread:
        """Milliseconds for one circuit."""
        return Spread.of(1000 * one.one_seconds for one in self.answers)

    @property
    def all_ms(self) -> Spread:
        """Milliseconds for all circuits."""
        return Spread.of(1000 * one.all_seconds for one in self.answers)


class _Grouped(NamedTuple):
    """Our lake with other row groups: rows per group, bytes, and the shares read for one circuit."""

    rows: int
    bytes: int
    shares: list[float]


class _Raw(NamedTuple):
    """All measurements."""

    asked: dict[str, _Asked]
    grouped: list[_Grouped]


def _run(runs: int) -> _Raw:
    say(f"Questions: a lake of {SUITE.shape.days} days of each, asked {runs} times")
    places = {case: who.WORK / "lakes" / str(number) for number, case in enumerate((_OURS, *_OTHERS))}
    made = {}
    with open_lab(SUITE) as lab:
        for case, place in places.items():
            made[case] = _Asked(lab.run(case, place), [])
            say(f"  {case}: {made[case].run}")
    for number in range(runs):
        for case, place in places.items():
            answer = _ask(place / "lake", _CIRCUITS[number % len(_CIRCUITS)])
            made[case].answers.append(answer)
            say(f"  {number + 1}/{runs} {case.participant.title}: {answer}")
    grouped = [_regroup(places[_OURS] / "lake", rows) for rows in _ROWS_OF_A_GROUP]
    return _Raw({case.key: asked for case, asked in made.items()}, grouped)


def _ask(lake: Path, circuit: int) -> _Answer:
    return _Answer(*run_module("benchmarks.question", lake, circuit))


def _regroup(lake: Path, rows: int) -> _Grouped:
    target = who.WORK / "lakes" / "grouped"
    shutil.rmtree(target, ignore_errors=True)
    size = run_module("benchmarks.regroup", lake, target, rows)
    shares = [_ask(target, circuit).one_bytes / size for circuit in _CIRCUITS]
    say(f"  {rows:,} rows a group: {size / 1e6:.1f} MB, {shares}")
    return _Grouped(rows, size, shares)


def _targets(raw: _Raw) -> list[Target]:
    ours = raw.asked[_OURS.key]
    best = min(raw.asked[case.key].all_ms.middle for case in _OTHERS)
    one = Target(
        "questions: one circuit, share of the month's bytes that is read",
        ours.share,
        0.1,
        unit="of all",
        note="see the row groups below",
    )
    # 1.05, because two rounds of the same query differ by as much.
    of_all = Target(
        "questions: all circuits, time against the files of the best peer", ours.all_ms.middle / best, 1.05
    )
    return [one, of_all]


def _text(raw: _Raw) -> str:
    heads = ("", "MB of the month", "read for one circuit", "one circuit ms", "all circuits ms", "rows")
    lines = (
        (
            case.participant.title,
            f"{asked.run.bytes / 1e6:.1f} in {asked.run.row_groups} row groups",
            spread_text(asked.shares, 0, "%"),
            spread_text(asked.one_ms, 0),
            spread_text(asked.all_ms, 0),
            "right" if asked.run.is_right else "**wrong**",
        )
        for case, asked in ((case, raw.asked[case.key]) for case in (_OURS, *_OTHERS))
    )
    circuits = ", ".join(map(str, _CIRCUITS))
    about = (
        "DuckDB computes the 95th percentile (nearest rank) of each series over 30 days. The files are in "
        f"the page cache. The one circuit is number {circuits} of {SUITE.shape.circuits}, in turn.\n"
    )
    return "\n".join(("## Questions\n", about, table_text(heads, lines), _groups_text(raw)))


def _groups_text(raw: _Raw) -> str:
    limit = raw.asked[_OTHERS[0].key].run.bytes
    heads = ("rows per group, at most", "MB of the month", "against the limit", "read for one circuit")
    lines = (
        (
            f"{one.rows:,}",
            f"{one.bytes / 1e6:.1f}",
            f"{one.bytes / limit:.2f}",
            spread_text(Spread.of(100 * share for share in one.shares), 0, "%"),
        )
        for one in raw.grouped
    )
    is_both = any(one.bytes / limit <= 1.05 and Spread.of(one.shares).middle <= 0.1 for one in raw.grouped)  # noqa: PLR2004 the two targets
    about = (
        "Our month with other row groups. With small row groups readers can skip more, but the files are "
        "larger, because each row group has its own dictionary of values. "
        f"{'At least one' if is_both else 'No'} line meets both targets: a tenth read, and at most 1.05 x "
        "the bytes of the limit. A day with more rows has more row groups, so a smaller share is read. The "
        "spread is over circuits.\n"
    )
    return "\n".join((about, table_text(heads, lines)))


PART = Part(name="questions", run=_run, targets=_targets, text=_text)
