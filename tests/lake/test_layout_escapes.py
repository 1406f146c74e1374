"""No operator code, job or name of the API makes a path outside the lake's root."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_evpl.config.readers import read_text
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplConfigError, EvplStoreDeniedError
from tests.support.fake_api import A_DAY, MIDNIGHT, FakeApi, grid, run
from tests.support.lake import fewer
from tests.support.lake_files import rows

HOSTILE = [
    *("..", ".", "../..", "/etc/passwd", "a/../../b", "..\\..\\b", "C:\\x", "~", "-rf", "%2e%2e%2f", "..%2F"),
    *(
        "a\0b",
        "a\nb",
        "'; DROP--",
        '"`$(id)`',
        "*?[a]",
        "🛰",
        "é\u0301",
        "\u202egnp",
        "op-",
        "date=x",
        "a=b&c#d",
    ),
    *("file:///etc", "s3://x@y/z", "{{ 7 * 7 }}", "CON", "x" * 200),
]
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.lists(st.sampled_from(["..", "/", "\\", ".", "%2F", "\0", "a", "\n", "~", "é"]), max_size=8).map(
        "".join
    ),
    st.text(max_size=20),
)


def _below(folder: Path) -> list[str]:
    """List all that is there, links and empty folders too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@fewer
@given(texts)
@example("../../outside")
def test_operator_code_lands_below_the_root(text: str) -> None:
    """A run lands in one folder of its own, or refuses a blank code."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "up", "lake")
        try:
            code_ope = read_text(text, "code_ope")
        except EvplConfigError:
            assert not text.strip()
            return
        api = FakeApi([*grid("a", MIDNIGHT, 2), *grid("b", MIDNIGHT, 1, value="odd")])
        run(api, root, replace(A_DAY, code_ope=code_ope, max_rejected_fraction=1.0))
        found = [Path(path).parts for path in _below(Path(folder))]
        assert [parts[:3] for parts in found] == [("up", "lake", "rejected"), ("up", "lake", "samples")]
        assert all(len(parts) == 7 and parts[3].startswith("operator_code=op-") for parts in found)
        assert len(rows(root)) == 2


@fewer
@given(texts)
@example("x" * 10_000)
def test_names_of_circuits_are_in_no_path(name: str) -> None:
    """They are values in a column, as they came."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "lake")
        run(FakeApi(grid(name, MIDNIGHT, 2)), root)
        [path] = _below(Path(folder))
        partitions = "samples/operator_code=op-0042/granularity=300s/date=2026-11-20"
        assert path == f"lake/{partitions}/20261120T000000Z-20261121T000000Z.parquet"
        assert {row.name for row in rows(root)} == {name}


def test_operator_code_too_long_for_a_folder_is_refused(tmp_path: Path) -> None:
    """The error is permanent, and no file is left."""
    plan = replace(A_DAY, code_ope="/" * (os.pathconf(tmp_path, "PC_NAME_MAX") + 1))
    with pytest.raises(EvplStoreDeniedError, match="name too long"):
        run(FakeApi(grid("a", MIDNIGHT, 2)), tmp_path / "lake", plan)
    assert _below(tmp_path) == []


def test_job_is_one_part_of_the_url() -> None:
    """Slashes in a job are escaped."""
    api = FakeApi(grid("a", MIDNIGHT, 2))
    with tempfile.TemporaryDirectory() as folder:
        for job in set(HOSTILE) - {".", ".."}:
            run(api, Path(folder, "lake"), replace(A_DAY, code_ope=job), job=job)
    parts = [
        urlsplit(url).path.removeprefix("/api-monitoring-live/v1/pm_jobs/").split("/") for url in api.urls
    ]
    assert len({job for job, *_ in parts}) == len(HOSTILE) - 2
    for job in (".", ".."):
        with pytest.raises(EvplConfigError, match="job"):
            Settings.from_connection(
                login="id", password="a-secret", host=None, extra={"application_id": "app", "job": job}
            )
    assert {tuple(rest) for _, *rest in parts} == {("reports", "UTILIZATION")}
