"""Publication into an Iceberg table: a day is replaced, many days, and the cost of a commit over time."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Target
from benchmarks.numbers import Spread
from benchmarks.part import Part, say
from benchmarks.participants import AIRFLOW, ROOT, WORK
from benchmarks.report import spread_text, table_text

__all__ = ["PART"]


def _run(runs: int) -> list[dict[str, Any]]:
    say(f"Publication: {runs} runs")
    found = []
    for number in range(1, runs + 1):
        folder = WORK / "publication"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run = {step: _step(step, folder) for step in ("make", "day", "days")}
        if number == 1:
            shutil.rmtree(folder / "tables")
            (folder / "catalog.db").unlink()
            run["commits"] = _step("commits", folder)
        say(f"  {number}/{runs} {run}")
        found.append(run)
    return found


def _step(step: str, folder: Path) -> Any:  # noqa: ANN401 JSON
    command = [str(AIRFLOW.python), "-m", "benchmarks.publication", step, str(folder)]
    said = subprocess.run(
        command, cwd=ROOT, env=AIRFLOW.environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return json.loads(said.splitlines()[-1])


def _targets(runs: Sequence[dict[str, Any]]) -> list[Target]:
    def middle(step: str, name: str) -> float:
        return Spread.of(run[step][name] for run in runs).middle

    return [
        Target("Iceberg: 1,152,000 rows replaced, after imports", middle("day", "seconds"), 4, unit="s"),
        Target("Iceberg: peak memory of 1,152,000 rows", middle("day", "peak_mb"), 450, unit="MB"),
        Target("Iceberg: peak memory of 17,280,000 rows", middle("days", "peak_mb"), 1000, unit="MB"),
        Target(
            "Iceberg: bytes of the table, against the lake's",
            middle("days", "bytes") / middle("days", "lake_bytes"),
            1.1,
        ),
    ]


def _text(runs: Sequence[dict[str, Any]]) -> str:
    names = {"day": "1 day, replaced", "days": "16 days, of which one is unchanged"}
    lines = [
        (
            name,
            f"{runs[0][step]['rows']:,}",
            spread_text(Spread.of(run[step]["seconds"] for run in runs), 2),
            spread_text(Spread.of(run[step]["peak_mb"] for run in runs), 0),
        )
        for step, name in names.items()
    ]
    commits = ((f"{int(number):,}", f"{seconds:.2f}") for number, seconds in runs[0]["commits"].items())
    return "\n".join(
        (
            "## Publication into an Iceberg table\n",
            "A table and a catalog (SQLite) in a local folder. Seconds are without start and imports.\n",
            table_text(("publication", "rows", "s", "peak memory, MB"), lines),
            "The seconds of a publication of one small day, as the n-th commit. No snapshot is expired.\n",
            table_text(("commit", "s"), commits),
        )
    )


PART = Part(name="publish", run=_run, targets=_targets, text=_text)
