"""Compute figures or a report: `python -m benchmarks.runners.months figures|report FOLDER`."""

import sys
from datetime import UTC, datetime

from airflow_provider_evpl.config.figures_plan import FiguresPlan, ReportPlan
from airflow_provider_evpl.lake.store import LocalStore


def main(what: str, folder: str) -> None:
    """Compute the figures of all months of a lake, or build the report of its newest month."""
    if what == "figures":
        from airflow_provider_evpl.flows.figures.figures import compute_figures  # noqa: PLC0415 only if needed

        print(compute_figures(LocalStore(folder), FiguresPlan()).as_dict())
    else:
        from airflow_provider_evpl.flows.report.report import build_report  # noqa: PLC0415 only if needed

        print(build_report(LocalStore(folder), ReportPlan(), inventory=None, now=datetime.now(UTC)).as_dict())


if __name__ == "__main__":
    main(*sys.argv[1:])
