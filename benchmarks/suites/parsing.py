"""The cost of importing the operator in a DAG file, in new processes."""

import json
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.figures import Target
from benchmarks.numbers import Spread
from benchmarks.part import Part, say
from benchmarks.participants import AIRFLOW, ROOT
from benchmarks.report import spread_text

__all__ = ["PART"]

_CODE = """
import airflow.sdk, json, sys, time
before = set(sys.modules)
started = time.process_time()
import airflow_provider_evpl.operators.evpl
took = time.process_time() - started
heavy = [name for name in ("pyarrow", "pandas", "requests") if name in set(sys.modules) - before]
print(json.dumps([1000 * took, heavy]))
"""


class _Import(NamedTuple):
    """One process: milliseconds of CPU, and the heavy modules that it imported."""

    milliseconds: float
    heavy: list[str]


def _run(runs: int) -> list[_Import]:
    say(f"Parsing: {runs} runs")
    return [_import() for _ in range(runs)]


def _import() -> _Import:
    command = [str(AIRFLOW.python), "-c", _CODE]
    said = subprocess.run(
        command, cwd=ROOT, env=AIRFLOW.environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return _Import(*json.loads(said.splitlines()[-1]))


def _targets(imports: Sequence[_Import]) -> list[Target]:
    took = Spread.of(one.milliseconds for one in imports)
    heavy = {name for one in imports for name in one.heavy}
    return [
        Target("parsing: CPU of importing the operator, without Airflow", took.middle, 10, unit="ms"),
        Target(
            "parsing: how many of pyarrow, pandas and requests it imports",
            len(heavy),
            0,
            unit="of 3",
            note=", ".join(sorted(heavy)),
        ),
    ]


def _text(imports: Sequence[_Import]) -> str:
    took = spread_text(Spread.of(one.milliseconds for one in imports), 1)
    return (
        "## Parsing\n\n"
        f"CPU of importing the operator after `import airflow.sdk`, in {len(imports)} new processes: "
        f"{took} ms.\n"
    )


PART = Part(name="parsing", run=_run, targets=_targets, text=_text)
