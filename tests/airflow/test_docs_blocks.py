"""The blocks of code in `docs/` run as they stand there."""

import json
import os
import re
import runpy
import shlex
from collections.abc import Iterator
from contextlib import chdir
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_versions import is_command, is_since, needs
from tests.support.documents import BLOCKS, Block, commands


def _run_here(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language and block.reason is None]


def _marks(block: Block) -> list[pytest.MarkDecorator]:
    least = {
        "airflow.sdk": "3.0",
        "PartitionTimetable": "3.2",
        "PartitionedAssetTimetable": "3.2",
        "EvplRetryPolicy": "3.3",
        "IcebergHook": "3.1",  # its catalog in SQLite needs SQLAlchemy 2
    }
    return [needs(version, name) for name, version in least.items() if name in block.text]


PYTHON = [pytest.param(block, id=str(block), marks=_marks(block)) for block in _run_here("python")]


@pytest.fixture(scope="module")
def landed(
    airflow_home: Path, sandbox: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Any]]:
    """Land 2026-11-22 in `demo-lake` of a folder, compute its figures, and stay there; give the result."""
    from airflow_provider_evpl.operators.evpl import EvplFiguresOperator
    from tests.support.airflow_runs import Lab

    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        lab = Lab(airflow_home, sandbox, patch, folder / "demo-lake")
        lab.connect()
        patch.setenv("EVPL_LAKE_ROOT", lab.root)
        catalog = {"type": "sql", "uri": f"sqlite:///{folder}/catalog.db", "warehouse": folder.as_uri()}
        patch.setenv("AIRFLOW_CONN_ICEBERG_DEFAULT", json.dumps({"conn_type": "iceberg", "extra": catalog}))
        done = lab.execute(window_start="2026-11-22", window_end="2026-11-23")
        if is_since("3.1"):
            lab.publish(window_start="2026-11-22", window_end="2026-11-23")
        EvplFiguresOperator(task_id="figures", object_storage_path=lab.root).execute({})
        yield done


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("block", PYTHON)
def test_each_python_block_of_the_docs_runs(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each block runs by itself beside a landed day; a block with a DAG is parsed."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    path = tmp_path / block.page.replace(".md", ".py")
    path.write_text("\n" * (block.line - 1) + block.text)  # an error names the page's own line
    runpy.run_path(str(path))


@pytest.mark.usefixtures("landed")
def test_the_question_in_a_notebook(sandbox: SandboxServer) -> None:
    """The highest values are those of the ten busiest series, each end of a circuit by itself."""
    from tests.support.airflow_runs import DAY, truth

    [block] = [one for one in _run_here("python") if one.page == "lake.md" and "nlargest" in one.text]
    names: dict[str, Any] = {}
    exec(block.text, names)  # noqa: S102 the page's own code
    peaks: dict[tuple[str, ...], float] = {}
    for key, value in truth(sandbox, DAY, DAY + timedelta(days=1)).items():
        peaks[key[1:6]] = max(value, peaks.get(key[1:6], value))
    found = names["busiest"].to_dict()
    assert list(found.values()) == sorted(peaks.values(), reverse=True)[:10]
    assert found.items() <= peaks.items()


@pytest.mark.usefixtures("landed")
@pytest.mark.parametrize("block", _run_here("sql"), ids=str)
def test_each_sql_block_of_the_docs_runs_in_duckdb(block: Block) -> None:
    """Blocks that are marked as not run are left out."""
    with duckdb.connect() as connection:
        connection.execute(block.text)


def test_the_operators_result(landed: dict[str, Any]) -> None:
    """The page shows the result of just such a day: only sizes, times and places may differ."""
    [block] = [one for one in BLOCKS if one.page == "operator.md" and one.language == "json"]
    shown = json.loads(block.text)
    for one in (shown, shown["slices"][0]):
        assert one.pop("bytes") > 0
    assert shown.pop("seconds") > 0
    [shown_slice], [slice_] = shown.pop("slices"), landed["slices"]
    assert {name: landed[name] for name in shown} == shown
    assert set(shown) | {"bytes", "seconds", "slices"} == set(landed)
    place = re.compile(r".*(?=/samples/)")
    assert place.sub("", shown_slice.pop("path")) == place.sub("", slice_["path"])
    assert {name: slice_[name] for name in shown_slice} == shown_slice
    assert set(shown_slice) | {"bytes", "path"} == set(slice_)


@pytest.mark.usefixtures("airflow_home")
@pytest.mark.parametrize("command", [one for one in commands("airflow") if is_command(one)])
def test_airflow_knows_each_command(command: str) -> None:
    """Whatever a page has typed at `airflow` is a command with such options, where it is for this version."""
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(shlex.split(command)[1:])
