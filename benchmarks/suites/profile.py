"""Profile ours and the limit with Python's profiler, on the data of S1, with one page in flight."""

import marshal
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.job import Job
from benchmarks.lab import Lab, open_lab
from benchmarks.part import Part, say
from benchmarks.participants import CORE, LIMIT, ROOT, WORK, Participant
from benchmarks.report import table_text
from benchmarks.shape import START
from benchmarks.suites.cpu import SUITE

__all__ = ["PART"]

_MOST = 16


class _Function(NamedTuple):
    """One function: its name, its own share of the time (without calls), and its number of calls."""

    name: str
    share: float
    calls: int


def _run(_: int) -> dict[str, list[_Function]]:
    say("Profile: once each")
    with open_lab(SUITE) as lab:
        return {who.title: _profile(who, lab) for who in (CORE, LIMIT)}


def _profile(who: Participant, lab: Lab) -> list[_Function]:
    target, found = WORK / "run" / "lake", WORK / "profile"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    job = Job(base_url=lab.base_url, target=str(target), start=START, in_flight=1)
    python, *module = who.command(job)
    command = [python, "-m", "cProfile", "-o", str(found), *module]
    subprocess.run(command, cwd=ROOT, env=who.environment, stdout=subprocess.DEVNULL, check=True)
    return _top(marshal.loads(found.read_bytes()))  # noqa: S302 written by the command above


def _top(stats: Mapping[tuple[str, int, str], tuple[int, int, float, float, object]]) -> list[_Function]:
    """Return the functions with the largest own time.

    Args:
        stats: the data of `cProfile` by file, line and name: calls, all calls, own time, whole time, callers.
    """
    whole = sum(own for _, _, own, _, _ in stats.values())
    functions = (
        _Function(_name(file, name), own / whole, calls)
        for (file, _, name), (_, calls, own, _, _) in stats.items()
    )
    return sorted(functions, key=lambda one: -one.share)[:_MOST]


def _name(file: str, function: str) -> str:
    """Return the name of a function without the paths of this machine."""
    if file == "~":
        return function
    path = Path(file)
    parts = path.parts
    if "site-packages" in parts:
        return f"{'/'.join(parts[parts.index('site-packages') + 1 :])}: {function}"
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}: {function}"


def _text(raw: Mapping[str, list[_Function]]) -> str:
    chapters = [
        "## Profile\n",
        "The data of S1, with one page in flight. The profiler makes calls look slower than they are.\n",
    ]
    for title, functions in raw.items():
        lines = ((f"`{one.name}`", f"{one.share:.1%}", f"{one.calls:,}") for one in functions)
        chapters.append(table_text((title, "own share of the time", "calls"), lines))
    return "\n".join(chapters)


PART = Part(name="profile", run=_run, targets=lambda _: [], text=_text)
