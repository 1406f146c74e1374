"""The search for secrets finds them: else no test that looks with it could fail."""

import logging
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.airflow_leaks import SECRET, Traces, listening
from tests.support.api import ECHOES

FORMS = ECHOES | {"base64": lambda secret: b64encode(f"who:{secret}".encode()).decode()}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_secret_is_found_in_each_form(form: Callable[[str], str]) -> None:
    """A secret in the middle of a text is found in whatever form."""
    traces = Traces()
    traces.add("here", f"before{form(SECRET)}after")
    assert {where for where, _ in traces.leaks({SECRET})} == {"here"}


def test_a_secret_is_found_in_the_context_of_an_error() -> None:
    """An error that nobody shows has it still: its context's arguments."""
    traces = Traces()
    hidden = KeyError(SECRET)
    shown = ValueError("shown")
    shown.__context__, shown.__suppress_context__ = hidden, True
    traces.add_error(shown)
    assert traces.leaks({SECRET})


def test_a_secret_is_found_in_a_silenced_logger() -> None:
    """Also where its logger is told to keep quiet."""
    traces = Traces()
    logger = logging.getLogger("evpl.quiet")
    logger.setLevel(logging.ERROR)
    with listening(traces):
        logger.debug("told: %s", SECRET)
    assert traces.leaks({SECRET})


@pytest.mark.parametrize("place", ["name", "bytes", "footer", "column"])
def test_a_secret_is_found_in_file_names_bytes_and_parquet(tmp_path: Path, place: str) -> None:
    """In names, in bytes, and in what Parquet has packed."""
    plain = "plain-secret"
    table = pa.table({"value": [plain if place == "column" else "x"] * 100})
    footer = {"ledger": plain if place == "footer" else "x"}
    pq.write_table(table.replace_schema_metadata(footer), tmp_path / "one.parquet", compression="zstd")
    (tmp_path / (plain if place == "name" else "two")).write_text(plain if place == "bytes" else "x")
    traces = Traces()
    traces.add_files(tmp_path)
    assert traces.leaks({plain})
    assert not traces.leaks({"other-secret"})
