"""The command `python -m airflow_provider_evpl.report`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.report import main
from tests.support.airflow_versions import AIRFLOW_3
from tests.support.documents import ROOT
from tests.support.report import LINES, days, land_slices

OPTIONS = ["--month", "2026-11", "--granularity", "1h"]
PAGE = "reports/granularity=1h/month=2026-11/report.html"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake in a folder: three days, and a series that is full."""
    root = tmp_path / "a lake"
    values = dict(zip(LINES, (95.0, 75.0, *[10.0] * 6), strict=True))
    land_slices(LocalStore(str(root)), days("2026-11-01", "2026-11-03"), lambda series, _: values[series])
    return root


@pytest.mark.contract("names.report", "report.command")
def test_command_puts_the_page_and_prints_the_headline(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The URL, then five lines, then notes on what is missing. A blank option is not given."""
    assert main([str(lake), *OPTIONS, "--inventory", "", "--out", ""]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        f"file://{lake}/{PAGE}",
        "2026-11, UTC: 2 circuits, 8 series, 576 samples",
        "Coverage: 100.0 %; not judged: 0 series",
        "Above 90 %: 1 series; above 70 %: 2 series",
        "Since 2026-10: Less than 90 % of 2026-10 has landed, so no changes are shown.",
        "Newest sample: 2026-11-03T23:00:00Z; pulled: 2026-11-04T00:00:00Z",
    ]
    assert lines[6].startswith("Note: Slices are missing on ")
    assert lines[7] == "Note: The newest slice ends at 2026-11-04T00:00:00Z. All figures end there."
    assert (lake / PAGE).read_bytes().startswith(b"<!doctype html>")


@pytest.mark.contract("report.command")
def test_command_writes_only_the_given_file(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lake stays as it is."""
    land_slices(LocalStore(str(lake)), days("2026-10-01", "2026-10-31"), series=LINES[:7])
    out = tmp_path / "new" / "page.html"
    assert main([str(lake), *OPTIONS, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"file://{out}"
    assert lines[4] == (
        "Since 2026-10: 2 series rose above a threshold, 0 fell below one, 1 are new, 0 are gone"
    )
    assert out.exists()
    assert not (lake / "reports").exists()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, because a URL imports Airflow."""
    command = [sys.executable, "-m", "airflow_provider_evpl.report", *arguments]
    env = os.environ | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, text=True)


def test_command_takes_paths_and_urls(lake: Path, tmp_path: Path) -> None:
    """For the root and the inventory."""
    (tmp_path / "inventory.csv").write_text("object_instance_id,committed_mbits\na,10\nb,20\n")
    paths = run(tmp_path, "a lake", *OPTIONS, "--inventory", "inventory.csv")
    url = tmp_path.as_uri()
    urls = run(tmp_path, f"file://{lake}", *OPTIONS, "--inventory", f"{url}/inventory.csv")
    assert (paths.returncode, paths.stderr) == (0, "")
    assert paths.stdout.startswith(f"file://{lake}/{PAGE}\n")
    assert urls.stdout == paths.stdout


@pytest.mark.contract("report.command")
@pytest.mark.parametrize(
    ("root", "options", "message"),
    [
        (".", [], "operator code any: no samples"),
        ("none", [], "root: "),
        ("ftp://lake/evpl", [], "object_storage_path: the scheme must be one of"),
        (".", ["--month", "11/2026"], "month: must be a month, but is '11/2026'."),
        (".", ["--time-zone", "Paris"], "time_zone: is no time zone, but is 'Paris'."),
        (".", ["--out", "samples"], "out: samples is a folder."),
        (".", ["--inventory", "none.csv"], "inventory: can't be read."),
        (".", ["--inventory", "file:///none/none.csv"], "inventory: no such object."),
    ],
)
def test_error_is_one_message(root: str, options: list[str], message: str, tmp_path: Path) -> None:
    """Without a traceback, with exit status 1."""
    (tmp_path / "samples").mkdir()
    done = run(tmp_path, root, *options)
    assert (done.returncode, done.stdout) == (1, "")
    # Airflow 2.11 warns before the message.
    said = done.stderr if AIRFLOW_3 else done.stderr[done.stderr.find(message) :]
    assert said.startswith(message)
    assert "Traceback" not in done.stderr


@pytest.mark.contract("report.command")
def test_wrong_option_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    """The usage is shown."""
    with pytest.raises(SystemExit, match="2"):
        main(["root", "--months", "2026-11"])
    assert "usage: python -m airflow_provider_evpl.report" in capsys.readouterr().err


def test_command_imports_neither_airflow_nor_the_engine() -> None:
    """The help is there at once; a local lake is read without Airflow."""
    code = "import sys, airflow_provider_evpl.report; print({'airflow', 'pandas', 'duckdb'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "set()\n"
