"""Any faults of the sandbox at once: laws that hold whatever comes of them."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.faults.pulls import PLACES, bytes_of, rows_of, run
from tests.faults.table import UNSEEN

# These leave something out unseen, alone or with others, or make something else of each series.
SILENT = {name for names in UNSEEN for name in names.split()}
SILENT |= {"start-exclusive", "samples-late", "places-missing"}
NUMBERS = {"page-numbers-zero", "page-numbers-missing", "current-page-missing"}
HEALTHY_SERIES = {place.row for place in PLACES if not place.in_struck_entry}


@effort(max_examples=60)
@given(
    faults=st.lists(st.sampled_from(sorted(FAULTS.keys() - SILENT - NUMBERS)), max_size=4, unique=True),
    pagination=st.sampled_from(["element", "page"]),
    parallelism=st.integers(1, 4),
)
def test_any_faults_together(
    running: SandboxServer, faults: list[str], pagination: str, parallelism: int
) -> None:
    """There is a typed error and no object; or each row is there once, and only struck ones are lost."""
    running.set_faults(*faults)
    settings = {"pagination": pagination, "page_parallelism": str(parallelism)}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        try:
            summary = run(running, root, settings=settings)
        except EvplError:
            assert bytes_of(root) == {}
            return
        rows = rows_of(root)
        assert rows.keys() >= HEALTHY_SERIES
        assert len({row[:-1] for row in rows}) == rows.total() == summary["rows"]
        assert summary["received"] == rows.total() + sum(
            summary[name] for name in ("duplicates", "out_of_window", "rejected")
        )
