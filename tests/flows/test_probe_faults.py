"""A probe names each fault of the sandbox: by a setting that answers it, or in the line of a question."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.documents import ROOT
from tests.support.fake_api import A_DAY
from tests.support.faults_pulls import HANGING, SLOW, rows_of, run
from tests.support.probing import finding, probe_server

SETTINGS: dict[str, dict[str, object]] = {
    "basic-refused": {"token_auth": "post"},
    "form-refused": {"token_auth": "basic"},
    "ctxtid-joined": {"ctxtid": ["wses,vsn"]},
    "ctxtid-first": {"ctxtid": ["wses"]},
    "pagination-by-page": {"pagination": "page"},
    "timestamp-naive": {"naive_timestamps": "utc"},
}
# The question whose line shows the fault, and how these faults begin.
SEEN = {
    "credentials": "token-error token-html token-body token-json token-redirect token-dropped token-hangs "
    "token-type-m access-token expires-in-word expires-in-zero",
    "token": "token-revoked expires-in-t expires-in-null expires-in-missing token-type-lower",
    "second token": "token-ends-earlier",
    "report": "token-refused error rate-limit html status redirect body-e body-l body-d body-r body-h body-t "
    "json-cut gzip-m gzip-c gzip-b length chunks-cut answer total-pages-text has-next-null has-next-text "
    "has-next-missing entries window-",
    "responses": "token-gzip body-bom content-type gzip-right chunks-right",
    "page size": "page-short page-sizes",
    "page numbers": "page-empty page-skipped total-pages current-page page-numbers has-next-",
    "stability": "element page-repeated samples-late retention",
    "bounds": "end-inclusive start-",
    "grid": "places-missing window-cut steps-coarser series-split entry-repeated performance-values "
    "sample-repeated sample-conflict sample-beside timestamp-off-grid",
    "times": "samples-descending timestamp",
    "values": "value",
    "fields": "page-field entry optional object-instance metric-name names field-name value-bare-nan sample-",
}
_UNSEEN = re.compile(r"^- `([a-z-]+)`", re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """Serve two circuits on three pages; each test sets its faults."""
    with SandboxServer(SandboxConfig(circuits=2, page_size=3)) as server:
        yield server


@pytest.fixture(scope="module")
def clean(server: SandboxServer) -> Answer:
    """Probe the sandbox without a fault."""
    server.set_faults()
    return _probe(server)


def _probe(server: SandboxServer, **changes: Any) -> Answer:  # noqa: ANN401 any extra
    return probe_server(server, {"thorough": True}, **changes)


def _question_of(fault: str) -> str:
    """Return the question with the longest beginning of the fault's name."""
    begins = ((begin, question) for question, text in SEEN.items() for begin in text.split())
    return max((one for one in begins if fault.startswith(one[0])), key=lambda one: len(one[0]))[1]


def _unseen_in_docs() -> set[str]:
    page = (ROOT / "docs/first-day.md").read_text("utf-8")
    return set(_UNSEEN.findall(page.partition("## What a probe can't see")[2]))


@pytest.mark.contract("probe.faults")
@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - SETTINGS.keys() - _unseen_in_docs()))
def test_fault_without_a_setting_is_seen(server: SandboxServer, clean: Answer, fault: str) -> None:
    """The line of its question differs from that of a clean probe, and nothing is to be set."""
    server.set_faults(fault)
    answer = _probe(server, **SLOW if fault in HANGING else {})
    question = _question_of(fault)
    usual = [one for one in clean.findings if one.question == question]
    assert finding(answer, question) not in usual
    assert answer.settings == {}


@pytest.mark.contract("probe.faults")
@pytest.mark.parametrize("fault", sorted(_unseen_in_docs()))
def test_fault_that_the_docs_list_is_not_seen(server: SandboxServer, clean: Answer, fault: str) -> None:
    """The list in the docs has only faults that no finding shows."""
    server.set_faults(fault)
    assert _probe(server).findings == clean.findings


@pytest.mark.contract("probe.faults", "probe.settings")
@pytest.mark.parametrize(
    "fault", [*SETTINGS, "basic-refused ctxtid-joined pagination-by-page timestamp-naive"]
)
def test_pull_with_the_proposed_settings_lands_the_truth(tmp_path: Path, fault: str) -> None:
    """The JSON on the screen has the settings of a fault, or of several; a pull with it lands each row."""
    given = {"token_auth": "post"} if fault == "form-refused" else {}
    config = SandboxConfig(circuits=2, page_size=3, faults=tuple(fault.split()), everywhere=True)
    with SandboxServer(config) as server:
        answer = _probe(server, **given)
        [extras] = [json.loads(line) for line in answer.text.splitlines() if line.startswith("{")]
        assert extras == answer.settings
        assert extras == {name: value for one in fault.split() for name, value in SETTINGS[one].items()}
        assert answer.exit_status == 1
        run(server, tmp_path, A_DAY, extras)
    start = int(A_DAY.window.start.timestamp())
    truth = config.networks["300s"].truth(start=start, end=start + 86_400)
    assert rows_of(tmp_path) == Counter(map(tuple, truth))
