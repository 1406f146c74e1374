"""Any faults of the sandbox at once: laws that hold whatever comes of them."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import EXCHANGES, HANGING, PLACES, SLOW, bytes_of, rows_of, run
from tests.support.faults_table import UNSEEN

# These leave something out unseen, alone or with others, or make something else of each series.
SILENT = {name for names in UNSEEN for name in names.split()}
SILENT |= {"start-exclusive", "window-cut", "steps-coarser", "samples-late", "places-missing"}
SILENT |= {"retention-empty", "retention-null"}  # what is asked again is a second pull
EXCHANGED = {case.faults[0] for case in EXCHANGES}  # at any answer: what a page holds stays the same
NUMBERS = {"page-numbers-zero", "page-numbers-missing", "current-page-missing"}
HEALTHY_SERIES = {place.row for place in PLACES if not place.in_affected_entry}


@effort(max_examples=60)
@given(
    faults=st.lists(st.sampled_from(sorted(FAULTS.keys() - SILENT - NUMBERS)), max_size=4, unique=True),
    turn=st.sampled_from(["", ":1", ":2", "@2", "@2:1", "@3", "~0.3"]),
    pagination=st.sampled_from(["element", "page"]),
    parallelism=st.integers(1, 4),
)
def test_any_faults_together(
    running: SandboxServer, faults: list[str], turn: str, pagination: str, parallelism: int
) -> None:
    """There is a typed error and no object; or each row is there once, and only affected ones are lost."""
    running.set_faults(*(fault + turn if fault in EXCHANGED else fault for fault in faults))
    settings = {"pagination": pagination, "page_parallelism": str(parallelism)}
    settings |= SLOW if HANGING.keys() & set(faults) else {}
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
