"""The participants: what runs, in which environment, and which part of it does not count as work."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.job import Job

__all__ = [
    "AIRFLOW",
    "AIRFLOW_OF_HTTP",
    "CORE",
    "DELTA",
    "DLT_ARROW",
    "DLT_ROWS",
    "DOWNLOAD",
    "HTTP_OPERATOR",
    "LIMIT",
    "OURS",
    "PYTHON",
    "RECIPE",
    "ROOT",
    "STREAM",
    "WORK",
    "Participant",
]

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".venv" / "bench"
"""Environments, data and raw results; none of them is committed."""

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": str(WORK / "home"),
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "NO_PROXY": "127.0.0.1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "benchmarks" / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # The supervisor can wait this long after the task has ended.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
}


@dataclass(frozen=True, kw_only=True)
class Participant:
    """One kind of process.

    Attributes:
        title: its name in the report.
        runner: the module in `benchmarks.runners`, and its arguments before the job.
        peer: its environment in `benchmarks/peers`; None is the project's own.
        start: the participant that does nothing in the same kind of process. None: this one does nothing.
        lands: True if it writes the requested rows, False if it must write nothing.
    """

    title: str
    runner: tuple[str, ...]
    peer: str | None = None
    start: "Participant | None" = None
    lands: bool = True

    @property
    def python(self) -> Path:
        """The Python interpreter of the environment."""
        return (WORK / self.peer if self.peer else ROOT / ".venv") / "bin" / "python"

    @property
    def environment(self) -> dict[str, str]:
        """All environment variables of the process."""
        return {**_ENVIRONMENT, "AIRFLOW_HOME": str(WORK / "airflow" / (self.peer or "ours"))}

    @property
    def imports(self) -> "Participant | None":
        """The participant that only imports the same modules. Its cost does not count as work."""
        if self.start is None:
            return None
        *kind, name = self.runner
        runner = (*kind, f"{name}_imports") if kind else ("imports", name)
        title = f"imports of {self.title}"
        return Participant(title=title, runner=runner, peer=self.peer, start=None, lands=False)

    def command(self, job: Job) -> list[str]:
        """Return the command to run."""
        module, *arguments = self.runner
        return [str(self.python), "-m", f"benchmarks.runners.{module}", *arguments, job.as_json()]


PYTHON = Participant(title="Python's own start", runner=("nothing",), lands=False)
AIRFLOW = Participant(
    title="Airflow's own start: an empty task", runner=("airflow_task", "empty"), lands=False
)
AIRFLOW_OF_HTTP = Participant(
    title="the same, in HttpOperator's environment",
    runner=("airflow_task", "empty"),
    peer="http_operator",
    lands=False,
)
DOWNLOAD = Participant(title="download alone", runner=("download",), start=PYTHON, lands=False)
LIMIT = Participant(title="the limit", runner=("limit",), start=PYTHON)
CORE = Participant(title="this provider, its core alone", runner=("ours_core",), start=PYTHON)
OURS = Participant(
    title="**this provider**, its operator in Airflow", runner=("airflow_task", "ours"), start=AIRFLOW
)
STREAM = Participant(title="a plain pyarrow stream", runner=("arrow_stream",), peer="plain", start=PYTHON)
DELTA = Participant(title="deltalake", runner=("delta",), peer="delta", start=PYTHON)
DLT_ARROW = Participant(title="dlt with Arrow", runner=("dlt_arrow",), peer="dlt", start=PYTHON)
DLT_ROWS = Participant(title="dlt, one dict per row", runner=("dlt_rows",), peer="dlt", start=PYTHON)
RECIPE = Participant(
    title="requests + json_normalize + to_parquet", runner=("recipe",), peer="plain", start=PYTHON
)
HTTP_OPERATOR = Participant(
    title="HttpOperator + pandas",
    runner=("airflow_task", "http_operator"),
    peer="http_operator",
    start=AIRFLOW_OF_HTTP,
)
