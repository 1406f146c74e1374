"""`python -m benchmarks [--suite NAME ...] [--runs N]`: runs the suites, then writes what was measured."""

import argparse
import json

from benchmarks.figures import Figures
from benchmarks.machine import describe
from benchmarks.participants import ROOT, WORK
from benchmarks.report import Chapter, render
from benchmarks.suite import run_suite, say
from benchmarks.suites import cpu, growth, latency

_MODULES = {module.SUITE.name: module for module in (cpu, latency, growth)}
_RUNS = 5
_RAW = WORK / "results.json"


def main() -> None:
    """Run the suites that are asked for; a part of them, or fewer runs, isn't written to RESULTS.md."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--suite", nargs="+", choices=_MODULES, default=list(_MODULES))
    parser.add_argument("--runs", type=int, default=_RUNS)
    asked = parser.parse_args()
    raw = {name: run_suite(_MODULES[name].SUITE, asked.runs) for name in asked.suite}
    _RAW.write_text(json.dumps(raw, indent=1))
    chapters = [
        Chapter(_MODULES[name].SUITE, Figures(runs), _MODULES[name].targets, asked.runs)
        for name, runs in raw.items()
    ]
    names = {
        case.participant.peer or "ours": case.participant.python
        for one in chapters
        for case in one.suite.cases
    }
    text = render(chapters, describe(names.items()))
    is_whole = set(asked.suite) == set(_MODULES) and asked.runs >= _RUNS
    place = (ROOT / "benchmarks" if is_whole else WORK) / "RESULTS.md"
    place.write_text(text)
    say(f"\n{text}\nWritten to {place.relative_to(ROOT)}; each run's figures are in {_RAW.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
