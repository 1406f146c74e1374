"""Run the suites and write the results: `python -m benchmarks [--suite NAME ...] [--runs N]`."""

import argparse
import fcntl
import json
from collections.abc import Sequence

from benchmarks.machine import describe
from benchmarks.part import say
from benchmarks.participants import ROOT, WORK
from benchmarks.report import render
from benchmarks.suites import (
    cpu,
    estate,
    growth,
    latency,
    parsing,
    profile,
    publish,
    questions,
    report,
    slices,
)

_PARTS = {
    module.PART.name: module.PART
    for module in (cpu, latency, growth, slices, estate, questions, report, publish, parsing, profile)
}
_RUNS = 5
_RAW = WORK / "results.json"


def main() -> None:
    """Run the requested suites. RESULTS.md is only updated by all suites with the full number of runs."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--suite", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--runs", type=int, default=_RUNS)
    asked = parser.parse_args()
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            parser.exit(
                1,
                "make bench is already running here. Wait until it ends: two would disturb each other.\n",
            )
        _measure(asked.suite, asked.runs)


def _measure(names: Sequence[str], runs: int) -> None:
    parts = [_PARTS[name] for name in names]
    raw = {}
    for part in parts:
        raw[part.name] = part.run(runs)
        _RAW.write_text(json.dumps(raw, indent=1))  # after each part, because a later one may fail
    text = render(
        targets=[target for part in parts for target in part.targets(raw[part.name])],
        chapters=[part.text(raw[part.name]) for part in parts],
        machine=describe(),
    )
    is_whole = set(names) == set(_PARTS) and runs >= _RUNS
    place = (ROOT / "benchmarks" if is_whole else WORK) / "RESULTS.md"
    place.write_text(text)
    say(f"\n{text}\nWrote {place.relative_to(ROOT)}. The figures of each run: {_RAW.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
