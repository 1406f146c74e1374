"""What a month of 576,000 samples a day answers, by DuckDB, from the files that each participant writes."""

from collections.abc import Mapping
from typing import NamedTuple

from benchmarks import participants as who
from benchmarks.figures import Target
from benchmarks.lab import open_lab, said_by
from benchmarks.numbers import Spread
from benchmarks.part import Part, say
from benchmarks.report import spread_text, table_text
from benchmarks.suite import Case, Run
from benchmarks.suites.growth import SUITE

__all__ = ["PART"]

_OURS = Case(participant=who.OURS, days=SUITE.shape.days)
_OTHERS = tuple(
    Case(participant=one, days=SUITE.shape.days, in_flight=1)
    for one in (who.LIMIT, who.STREAM, who.DELTA, who.DLT_ARROW, who.RECIPE)
)


class _Answer(NamedTuple):
    """As `benchmarks.question` says."""

    one_bytes: int
    one_seconds: float
    all_seconds: float


class _Asked(NamedTuple):
    """A lake: the run that made it, and its answers."""

    run: Run
    answers: list[_Answer]

    @property
    def share(self) -> float:
        """How much of the lake is read for one circuit."""
        return Spread.of(one.one_bytes for one in self.answers).middle / self.run.bytes

    @property
    def one_ms(self) -> Spread:
        """Milliseconds for one circuit."""
        return Spread.of(1000 * one.one_seconds for one in self.answers)

    @property
    def all_ms(self) -> Spread:
        """Milliseconds for all circuits."""
        return Spread.of(1000 * one.all_seconds for one in self.answers)


def _run(runs: int) -> dict[str, _Asked]:
    say(f"Questions: a lake of {SUITE.shape.days} days of each, asked {runs} times")
    places = {case: who.WORK / "lakes" / str(number) for number, case in enumerate((_OURS, *_OTHERS))}
    made = {}
    with open_lab(SUITE) as lab:
        for case, place in places.items():
            made[case] = _Asked(lab.run(case, place), [])
            say(f"  {case}: {made[case].run}")
    for number in range(1, runs + 1):
        for case, place in places.items():
            answer = _Answer(*said_by("benchmarks.question", place / "lake"))
            made[case].answers.append(answer)
            say(f"  {number}/{runs} {case.participant.title}: {answer}")
    return {case.key: asked for case, asked in made.items()}


def _targets(raw: Mapping[str, _Asked]) -> list[Target]:
    ours = raw[_OURS.key]
    best = min(raw[case.key].all_ms.middle for case in _OTHERS)
    one = Target("questions: of one circuit's month, share of its bytes read", ours.share, 0.1, unit="of all")
    # As fast as: within what two rounds of the same differ by.
    of_all = Target(
        "questions: of all circuits, time against the best peer's files", ours.all_ms.middle / best, 1.05
    )
    return [one, of_all]


def _text(raw: Mapping[str, _Asked]) -> str:
    heads = ("", "MB of the month", "read for one circuit", "one circuit ms", "all circuits ms", "rows")
    lines = (
        (
            case.participant.title,
            f"{asked.run.bytes / 1e6:.1f} in {asked.run.row_groups} row groups",
            f"{asked.share:.1%}",
            spread_text(asked.one_ms, 0),
            spread_text(asked.all_ms, 0),
            "right" if asked.run.is_right else "**wrong**",
        )
        for case, asked in ((case, raw[case.key]) for case in (_OURS, *_OTHERS))
    )
    about = "The 95th percentile (nearest rank) of a series' 30 days, by DuckDB, files in the page cache.\n"
    return "\n".join(("## Questions\n", about, table_text(heads, lines)))


PART = Part(name="questions", run=_run, targets=_targets, text=_text)
