"""`python -m airflow_provider_evpl.report`: make the report of a month of a lake."""

import argparse
import math
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from airflow_provider_evpl.config.figures_plan import ReportPlan
from airflow_provider_evpl.errors import EvplConfigError, EvplError, one_line
from airflow_provider_evpl.flows.figures.inventory import MAX_BYTES, Inventory, read_inventory
from airflow_provider_evpl.flows.report.model import Changes
from airflow_provider_evpl.flows.report.report import Page, build_report, render_report
from airflow_provider_evpl.lake.store import LocalStore, Store
from airflow_provider_evpl.window import iso

__all__ = ["main"]

_OPTIONS: Final = {
    "month": "like 2026-11; default: the newest month of the lake",
    "code-ope": "operator codes, with commas between them; default: all codes of the lake",
    "granularity": "of the samples; default: 300s",
    "time-zone": "of months, hours and weeks, like Europe/Paris; default: UTC",
    "inventory": ".csv or .parquet file, or its URL: committed rates, groups, labels",
    "min-coverage": "0 to 1: a series with a lower coverage is not judged; default: 0.9",
    "warning": "threshold in percent of a full line; default: 70",
    "critical": "threshold in percent of a full line; default: 90",
    "full-scale": "value that means a full line; default: 100",
    "directions": 'JSON: in, out or none by metric name, like {"rxUtil": "in"}',
    "out": "write the report to this local file, not into the lake below reports/",
}

_MOST_NOTES = 5


def main(arguments: list[str] | None = None) -> int:
    """Make the report. Print the URL of each page, its headline, and its first notes.

    Args:
        arguments: the command line without the program. None: `sys.argv`.

    Returns:
        The exit status: 0, or 1 after an error. A wrong option exits with status 2.
    """
    options = vars(_parser().parse_args(arguments))
    try:
        plan = ReportPlan.from_arguments(options)
        for url, page in _make(options, plan):
            notes = (f"Note: {note}" for note in page.notes[:_MOST_NOTES])
            print(url, *_headline(page, plan), *notes, sep="\n")
    except EvplError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_evpl.report",
        description="Make the report of a month of a lake: one HTML file, to open in a browser.",
    )
    parser.add_argument("root", help="local folder, or URL: s3://aws_default@lake/evpl")
    for name, text in _OPTIONS.items():
        parser.add_argument(f"--{name}", help=text)
    return parser


def _make(options: dict[str, str | None], plan: ReportPlan) -> list[tuple[str, Page]]:
    if (out := options["out"]) and Path(out).is_dir():
        raise EvplConfigError(f"out: {one_line(out)} is a folder.", "Name a file.")
    store = _open(options["root"] or "")
    inventory = _read_inventory(options["inventory"], plan)
    now = datetime.now(UTC)
    if not out:
        result = build_report(store, plan, inventory=inventory, now=now)
        return [*zip(result.urls, result.pages, strict=True)]
    pages = render_report(store, plan, inventory=inventory, now=now)
    return [*_write(pages, Path(out))]


def _open(root: str) -> Store:
    if "://" in root:
        from airflow_provider_evpl.hooks.storage import open_object_storage

        return open_object_storage(root, None)
    folder = Path(root).resolve()
    if not (folder / "samples").is_dir():
        raise EvplConfigError(
            f"root: {one_line(folder)} has no folder samples.", "Name the root of the lake."
        )
    return LocalStore(str(folder))


def _read_inventory(name: str | None, plan: ReportPlan) -> Inventory | None:
    if not name:
        return None
    if "://" in name:
        from airflow_provider_evpl.hooks.storage import read_object

        return read_inventory(read_object(name, None, "inventory"), name, plan.time_zone)
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise EvplConfigError("inventory: can't be read.", "Check the path.", one_line(error)) from error
    return read_inventory(data, name, plan.time_zone)


def _write(pages: list[Page], out: Path) -> Iterator[tuple[str, Page]]:
    """Write the page to a file. If there are several, each file has its operator code in the name."""
    folder = LocalStore(str(out.resolve().parent))
    for page in pages:
        code = f"-op-{quote(page.code_ope or '', safe='')}" if len(pages) > 1 else ""
        name = f"{out.stem}{code}{out.suffix}"
        folder.put(name, page.html)
        yield folder.url(name), page


def _headline(page: Page, plan: ReportPlan) -> Iterator[str]:
    """Yield the headline of a page, in five lines."""
    one = page.headline
    yield (
        f"{page.month}, {plan.time_zone.key}: {one.circuits:,} circuits, {one.series:,} series,"
        f" {one.samples:,} samples"
    )
    coverage = "unknown" if one.coverage is None else f"{math.floor(1000 * one.coverage) / 10:.1f} %"
    yield f"Coverage: {coverage}; not judged: {one.not_judged:,} series"
    yield (
        f"Above {plan.critical:g} %: {one.above_critical:,} series;"
        f" above {plan.warning:g} %: {one.above_warning:,} series"
    )
    yield _describe(page.changes)
    moments = (one.newest_sample, one.pulled_at)
    newest, pulled = (iso(moment.replace(microsecond=0)) if moment else "none" for moment in moments)
    yield f"Newest sample: {newest}; pulled: {pulled}"


def _describe(changes: Changes) -> str:
    if changes.reason:
        return f"Since {changes.month}: {changes.reason}"
    risen = len(changes.above_critical) + len(changes.above_warning)
    fallen = len(changes.below_critical) + len(changes.below_warning)
    return (
        f"Since {changes.month}: {risen:,} series rose above a threshold, {fallen:,} fell below one,"
        f" {len(changes.new):,} are new, {len(changes.gone):,} are gone"
    )


if __name__ == "__main__":
    sys.exit(main())
