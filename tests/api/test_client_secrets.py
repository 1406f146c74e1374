import logging
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.errors import EvplError, EvplUnavailableError
from airflow_provider_evpl.models import Series
from tests.support.api import QUERY, SECRET, TOKEN, answer, report, scripted, serving, settings, transported

OK = answer(json=report())


def test_secrets_are_told() -> None:
    """The client secret is told at once, its Basic form and each token as they come."""
    with scripted([OK]) as api:
        assert api.secrets == [SECRET, settings().basic_credentials]
        api.client.page(QUERY, 1)
    assert api.secrets[2:] == ["token-1"]


def test_no_secret_in_what_is_kept_of_a_page() -> None:
    """What a report echoes of a secret is hidden in what was rejected and in the names nobody knows."""
    sample = {"timeStamp": "2026-11-22T00:00:00Z", "value": f"Bearer {TOKEN['access_token']}", SECRET: 1}
    body = report({"objectInstanceId": "a", "metric_name": "m", "performanceValues": [sample]})
    with scripted([answer(json=body)]) as api:
        page = api.client.page(QUERY, 1)
    assert page.unknown_fields == {"entries[].performanceValues[].***"}
    assert "Bearer ***" in page.rejections[0].raw
    for secret in (SECRET, str(TOKEN["access_token"])):
        assert secret not in str(page)


@pytest.mark.parametrize("status", [201, 202, 203, 400, 429, 500])
def test_a_token_that_comes_with_an_error_is_not_shown(status: int) -> None:
    """A token in an answer of any other status than 200 is neither used nor told."""
    tokens = [answer(status, json={**TOKEN, "access_token": "a-token-to-hide"})]
    with scripted([OK], tokens) as api, pytest.raises(EvplError) as raised:
        api.client.page(QUERY, 1)
    assert "a-token-to-hide" not in str(raised.value)
    assert api.reports.call_count == 0


def test_no_secret_in_a_name() -> None:
    """What a report echoes of a secret in a name is hidden, for names land; nothing else of them changes."""
    named = {"objectInstanceId": f"a {SECRET}", "metric_name": TOKEN["access_token"], "pop_name": "b"}
    plain = {"objectInstanceId": "a", "metric_name": "m"}
    with scripted([answer(json=report(named, plain))]) as api:
        series = [entry.series for entry in api.client.page(QUERY, 1).entries]
    assert series == [Series("a ***", "***", None, "b", None, None), Series("a", "m", None, None, None, None)]


def test_a_short_secret_changes_no_name() -> None:
    """A token of a few characters may be part of any circuit's name: that lands as it came."""
    plain = {"objectInstanceId": "EVPL-0000001", "metric_name": "m"}
    tokens = [answer(json={**TOKEN, "access_token": "00001"})]
    with scripted([answer(json=report(plain))], tokens) as api:
        [entry] = api.client.page(QUERY, 1).entries
    assert entry.series.object_instance_id == "EVPL-0000001"


def test_no_secret_behind_an_error() -> None:
    """What the library's error echoes of a secret is not even in a context that tracebacks don't show."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.1 {SECRET}\r\n\r\n".encode())
        handler.close_connection = True

    with (
        serving(reply) as server,
        transported(settings()) as transport,
        pytest.raises(EvplUnavailableError, match=r"\*\*\*") as raised,
    ):
        transport.send("GET", server.url, headers={})
    assert raised.value.__context__ is raised.value.__cause__ is None


def test_no_secret_in_the_librarys_log(caplog: pytest.LogCaptureFixture) -> None:
    """Headers that can't be parsed are not logged as they came; what others do with urllib3 still is."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{SECRET}\r\n\r\n".encode())

    with serving(reply) as server, transported(settings()) as transport:
        transport.send("GET", server.url, headers={})
        assert "urllib3.connection" not in {record.name for record in caplog.records}
    logging.getLogger("urllib3.connection").warning("told")
    assert "told" in caplog.messages
