import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.replay import read_replay
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import HOURLY, Time, rows_of, run

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FITS = {  # each reading of an API that is as documented
    "token_auth": "basic",
    "expires_in": 3600,
    "expires_in_type": "number",
    "second_token_ends_first": False,
    "ctxtid": "repeated",
    "pagination": "element",
    "page_size": 25,
    "entries": 25,
    "first_page": 1,
    "current_page": "filled",
    "total_pages": 4,
    "start_included": True,
    "end_included": False,
    "timestamp": "start",
    "granularities": {"300s": True, "1h": False},
    "granularity": "300s",
    "zone": "Z",
    "decimals": 3,
    "order": "ascending",
    "values": "text",
    "history": {"7": True, "365": True},
}
STRANGE = {  # each reading with a value that the sandbox cannot serve
    "token_auth": "jwt",
    "expires_in": -1,
    "expires_in_type": "other",
    "second_token_ends_first": "perhaps",
    "ctxtid": "custom",
    "pagination": ["element"],
    "page_size": 0,
    "entries": 2.5,
    "first_page": 7,
    "current_page": "random",
    "total_pages": "4",
    "start_included": 1,
    "end_included": "no",
    "timestamp": "middle",
    "granularities": {"300s": False, "5y": True},
    "granularity": "1y",
    "zone": "mixed",
    "decimals": 6,
    "order": "mixed",
    "values": "mixed",
    "history": {"7": False, "30": True},
    "newest_age_seconds": "late",
    "moon_phase": "full",
}
SERVED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"token_auth": "post"}, {"faults": ("basic-refused",)}),
    ({"expires_in": 60.0, "expires_in_type": "text"}, {"token_ttl": 60, "faults": ("expires-in-text",)}),
    ({"expires_in_type": "missing"}, {"faults": ("expires-in-missing",)}),
    ({"second_token_ends_first": True}, {"faults": ("token-ends-earlier",)}),
    ({"ctxtid": "joined", "pagination": "page"}, {"faults": ("ctxtid-joined", "pagination-by-page")}),
    ({"start_included": False, "end_included": True}, {"faults": ("start-exclusive", "end-inclusive")}),
    ({"zone": "none", "decimals": 0}, {"faults": ("timestamp-naive", "timestamp-whole-second")}),
    ({"order": "descending", "values": "number"}, {"faults": ("samples-descending", "value-number")}),
    ({"current_page": "filled", "first_page": 0}, {"faults": ("current-page-from-zero",)}),
    ({"current_page": "filled", "first_page": 1, "total_pages": 0}, {"faults": ("total-pages-zero",)}),
    ({"current_page": "filled", "total_pages": None}, {"faults": ("total-pages-missing",)}),
    ({"current_page": "zero", "first_page": 0, "total_pages": 0}, {"faults": ("page-numbers-zero",)}),
    ({"current_page": "missing", "total_pages": None}, {"faults": ("page-numbers-missing",)}),
    ({"current_page": "stuck", "first_page": 1}, {"faults": ("current-page-stuck",)}),
    ({"total_pages": None, "first_page": None}, {}),
    ({"page_size": 500, "entries": 500}, {"page_size": 500, "circuits": 250}),
    ({"page_size": 10, "total_pages": 7}, {"page_size": 10, "circuits": 17}),
    ({"page_size": 1, "total_pages": 8}, {"page_size": 1, "circuits": 2}),
    ({"entries": 8, "total_pages": 1}, {"circuits": 2}),
    ({"entries": 80}, {"circuits": 20, "page_size": 80}),
    ({"entries": 0}, {"circuits": 0}),
    (
        {"granularities": {"1h": True, "5m": True, "300s": True, "1d": False}, "timestamp": "end"},
        {"granularities": ("1h", "5m"), "timestamps": "end"},
    ),
    ({"granularity": "900s", "granularities": {"300s": False}}, {"granularity": "900s"}),
    ({"newest_age_seconds": 900}, {"data_until": datetime(2026, 11, 29, 11, 45, 0, 1000, tzinfo=UTC)}),
    (
        {"history": {"7": True, "30": True, "90": False, "365": False}},
        {"data_since": datetime(2026, 10, 30, tzinfo=UTC)},
    ),
    ({"history": {"30": False, "7": False}}, {"data_since": datetime(2026, 11, 23, tzinfo=UTC)}),
]
HARD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"page_size": 3, "total_pages": 5}, {"page_size": 3, "circuits": 3}),
    ({"page_size": 1, "total_pages": 5}, {"page_size": 1, "circuits": 1}),
    ({"page_size": 10**6, "total_pages": 10**6}, {}),
    ({"entries": 7}, {"circuits": 2}),
    ({"current_page": "zero", "total_pages": 4}, {}),
    ({"granularities": {"1h": True, "90m": True}}, {}),
]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def _text(readings: dict[str, Any]) -> str:
    return json.dumps({"format": 1, "readings": readings})


@pytest.mark.contract("sandbox.replay")
def test_a_documented_api_is_the_default_sandbox() -> None:
    """Readings that are as documented, and readings that were not seen, change nothing."""
    defaults = SandboxConfig(everywhere=True)
    assert read_replay(_text(FITS), now=NOW) == (replace(defaults, circuits=25), {})
    assert read_replay(_text(dict.fromkeys(FITS)), now=NOW) == (defaults, {})
    assert read_replay('{"readings": {"history": {}}, "more": 1}', now=NOW) == (defaults, {})


@pytest.mark.contract("sandbox.replay")
@pytest.mark.parametrize(("readings", "settings"), SERVED, ids=str)
def test_a_reading_sets_the_sandbox(readings: dict[str, Any], settings: dict[str, Any]) -> None:
    """The settings are those of the table, and each reading is served."""
    assert read_replay(_text(readings), now=NOW) == (SandboxConfig(**settings, everywhere=True), {})


@pytest.mark.contract("sandbox.replay")
@pytest.mark.parametrize("name", STRANGE)
def test_a_reading_that_cannot_be_served_is_kept(name: str) -> None:
    """A reading that the sandbox cannot serve changes nothing, and is listed with its value."""
    expected = (SandboxConfig(everywhere=True), {name: STRANGE[name]})
    assert read_replay(_text({name: STRANGE[name]}), now=NOW) == expected


@pytest.mark.parametrize(("readings", "settings"), HARD, ids=str)
def test_readings_that_do_not_add_up_are_listed(readings: dict[str, Any], settings: dict[str, Any]) -> None:
    """Readings that no sandbox has together are listed, and as many as possible are served."""
    config, unserved = read_replay(_text(readings), now=NOW)
    assert config == SandboxConfig(**settings, everywhere=True)
    assert unserved.keys() <= readings.keys()
    assert unserved


@given(st.dictionaries(st.sampled_from(sorted(STRANGE)), ANY_JSON))
def test_any_readings_make_a_sandbox(readings: dict[str, Any]) -> None:
    """Whatever the values are, there is a sandbox, and no reading is listed that was not seen."""
    _, unserved = read_replay(_text(readings), now=NOW)
    assert unserved.keys() <= {name for name, value in readings.items() if value is not None}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"readings": []}', '{"format": 2, "readings": {}}'])
def test_another_file_is_an_error(text: str) -> None:
    """A text that is no `probe.json` of format 1 is an error."""
    with pytest.raises(ValueError, match=r"readings|format|Expecting"):
        read_replay(text, now=NOW)


@pytest.mark.contract("sandbox.replay")
def test_a_replay_lands_its_expected_rows(tmp_path: Path) -> None:
    """A pull with the settings that the readings ask for lands the truth of the replayed network."""
    readings = {
        "token_auth": "post",
        "ctxtid": "joined",
        "pagination": "page",
        "page_size": 3,
        "total_pages": 4,
        "end_included": True,
        "zone": "none",
        "values": "number",
        "timestamp": "end",
        "granularities": {"300s": True, "3600s": True},
    }
    config, _ = read_replay(_text(readings), now=NOW)
    settings = {
        "token_auth": "post",
        "ctxtid": '["wses,vsn"]',
        "pagination": "page",
        "naive_timestamps": "utc",
    }
    with SandboxServer(config) as server:
        run(server, tmp_path, HOURLY, settings, clock=Time())
    window = HOURLY.window
    truth = config.networks["3600s"].truth(start=window.start.timestamp(), end=window.end.timestamp())
    assert rows_of(tmp_path) == Counter(map(tuple, truth))
