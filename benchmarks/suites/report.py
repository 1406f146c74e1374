"""Figures and report of 2,000 series: a month of 17.28 million rows, and a year."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import participants as who
from benchmarks.figures import Target
from benchmarks.lab import run_module
from benchmarks.numbers import Spread
from benchmarks.part import Part, say
from benchmarks.process import Usage, measure
from benchmarks.report import spread_text, table_text

__all__ = ["PART"]

_SERIES: Final = 2000
_LAKES: Final = {"month": ("2026-11-01", 30), "year": ("2025-12-01", 365)}
_CASES: Final = {
    "figures": "figures of the month",
    "unchanged": "the same again, nothing changed",
    "report": "report of the month",
    "year": "figures of a year, 12 months",
    "year report": "report of the newest month of the year",
}
_HEADS: Final = ("", "rows of the lake", "time s", "CPU s", "peak MB", "MB written")


class _Done(NamedTuple):
    """One process: its usage, the rows of its lake, and the bytes that it wrote."""

    usage: Usage
    rows: int
    bytes: int


_Raw = Mapping[str, Sequence[_Done]]


def _run(runs: int) -> _Raw:
    say(f"Figures and report: {_SERIES:,} series, {runs} runs; a year is run once")
    found: dict[str, list[_Done]] = {name: [] for name in _CASES}
    month = _make_lake("month")
    for _ in range(runs):
        shutil.rmtree(month / "figures", ignore_errors=True)
        for name in ("figures", "unchanged", "report"):
            found[name].append(_measure(name, month))
    year = _make_lake("year")
    shutil.rmtree(year / "figures", ignore_errors=True)
    for name in ("year", "year report"):
        found[name].append(_measure(name, year))
    return found


def _make_lake(name: str) -> Path:
    folder = who.WORK / "lakes" / name
    rows = run_module("benchmarks.days", folder, _SERIES, *_LAKES[name])
    say(f"  lake of a {name}: {rows:,} rows")
    return folder


def _measure(name: str, lake: Path) -> _Done:
    what = "report" if "report" in name else "figures"
    log = who.WORK / "months.log"
    usage = measure(
        [str(who.CORE.python), "-m", "benchmarks.runners.months", what, str(lake)],
        cwd=who.ROOT,
        env=who.CORE.environment,
        log=log,
        ended=lake / "ended",  # never written: the whole process counts
    )
    if usage.code:
        raise RuntimeError(f"{name} failed:\n{log.read_text()}")
    folder = lake / ("reports" if what == "report" else what)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    say(
        f"  {name}: {usage.seconds:.2f} s, CPU {usage.cpu_seconds:.2f} s, {usage.peak_mb:.0f} MB, "
        f"{size:,} bytes written"
    )
    return _Done(usage, _SERIES * 288 * _LAKES[lake.name][1], size)


def _targets(raw: _Raw) -> list[Target]:
    figures, report, year = (raw[name] for name in ("figures", "report", "year"))
    return [
        Target("figures: 17.28 M rows", _seconds(figures).middle, 10, unit="s"),
        Target("figures: 17.28 M rows, peak memory", _peak(figures).middle, 1000, unit="MB"),
        Target("figures: a year of 2,000 series, peak memory", _peak(year).middle, 2000, unit="MB"),
        Target("report: 2,000 series x 30 days, size", report[-1].bytes / 1e6, 2.5, unit="MB"),
    ]


def _text(raw: _Raw) -> str:
    about = (
        f"{_SERIES:,} series of five-minute samples in a local folder, without an inventory. Whole processes "
        "without Airflow, with their start and imports. The files are in the page cache. A year was run "
        "once. *MB written* is the table of figures, or the HTML file.\n"
    )
    lines = (
        (
            title,
            f"{raw[name][-1].rows:,}",
            spread_text(_seconds(raw[name])),
            spread_text(Spread.of(one.usage.cpu_seconds for one in raw[name])),
            spread_text(_peak(raw[name]), 0),
            f"{raw[name][-1].bytes / 1e6:.2f}",
        )
        for name, title in _CASES.items()
    )
    return "\n".join(("## Figures and report\n", about, table_text(_HEADS, lines)))


def _seconds(done: Sequence[_Done]) -> Spread:
    return Spread.of(one.usage.seconds for one in done)


def _peak(done: Sequence[_Done]) -> Spread:
    return Spread.of(one.usage.peak_mb for one in done)


PART = Part(name="report", run=_run, targets=_targets, text=_text)
