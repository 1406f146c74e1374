"""No secret in what a client shows or keeps."""

import json
from base64 import b64encode
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplError, EvplUnavailableError
from tests.support.api import (
    QUERY,
    SECRET,
    TOKEN,
    answer,
    get,
    problem,
    report,
    scripted,
    serving,
    settings,
    transported,
)

OK = answer(json=report())


def test_on_secret_gets_secret_and_tokens() -> None:
    """The caller gets the client secret and its Basic form at once, and each token as it arrives."""
    with scripted([OK]) as api:
        assert api.secrets == [SECRET, settings().basic_credentials]
        api.client.page(QUERY, 1)
    assert api.secrets[2:] == ["token-1"]


def test_kept_json_holds_no_secret() -> None:
    """A secret that a report echoes is redacted in rejected JSON and in unknown field names."""
    sample = {"timeStamp": "2026-11-22T00:00:00Z", "value": f"Bearer {TOKEN['access_token']}", SECRET: 1}
    body = report({"objectInstanceId": "a", "metric_name": "m", "performanceValues": [sample]})
    with scripted([answer(json=body)]) as api:
        page = api.client.page(QUERY, 1)
    assert page.unknown_fields == {"entries[].performanceValues[].***"}
    assert "Bearer ***" in page.rejections[0].raw
    for secret in (SECRET, str(TOKEN["access_token"])):
        assert secret not in str(page)


@pytest.mark.parametrize("status", [201, 202, 203, 400, 429, 500])
def test_token_in_an_error_response_is_not_shown(status: int) -> None:
    """A token in a response of another status than 200 is neither used nor shown."""
    tokens = [answer(status, json={**TOKEN, "access_token": "a-token-to-hide"})]
    with scripted([OK], tokens) as api, pytest.raises(EvplError) as raised:
        api.client.page(QUERY, 1)
    assert "a-token-to-hide" not in str(raised.value)
    assert api.reports.call_count == 0


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("is_odd", [False, True])
def test_entry_whose_name_holds_a_secret_is_rejected(is_odd: bool) -> None:  # noqa: FBT001 drawn from the two
    """Its samples count as rejected, its raw JSON is redacted, and all other names stay as they came."""
    samples = [{"timeStamp": "2026-11-22T00:00:00Z", "value": value} for value in ("1", "2")]
    named = {"objectInstanceId": f"a {SECRET}", "metric_name": "m", "performanceValues": samples}
    token = {"objectInstanceId": "b", "metric_name": TOKEN["access_token"]}
    plain = {"objectInstanceId": "c", "metric_name": "m", "performanceValues": samples}
    odd = {"objectInstanceId": "d"} if is_odd else plain | {"objectInstanceId": "d"}
    with scripted([answer(json=report(odd, named, token, plain))]) as api:
        page = api.client.page(QUERY, 1)
    names = [entry.series.object_instance_id for entry in page.entries]
    assert names == (["c"] if is_odd else ["d", "c"])
    rejections = [one for one in page.rejections if one.reason == "a name holds a secret"]
    assert [(one.entry, one.sample, one.samples) for one in rejections] == [(1, None, 2), (2, None, 1)]
    assert json.loads(rejections[0].raw) == named | {"objectInstanceId": "a ***"}
    assert json.loads(rejections[1].raw) == token | {"metric_name": "***"}
    assert page.entry_count == 4


def test_short_secret_rejects_no_name() -> None:
    """A token of a few characters may be a part of any circuit's name, which lands as it came."""
    plain = {"objectInstanceId": "EVPL-0000001", "metric_name": "m"}
    tokens = [answer(json={**TOKEN, "access_token": "00001"})]
    with scripted([answer(json=report(plain))], tokens) as api:
        [entry] = api.client.page(QUERY, 1).entries
    assert entry.series.object_instance_id == "EVPL-0000001"


def test_secret_in_base64_is_redacted() -> None:
    """A secret that a server echoes in base64 is redacted, with and without padding."""
    encoded = b64encode(SECRET.encode()).decode()
    with scripted([problem(400, 20, f"you sent {encoded}")]) as api, pytest.raises(EvplError) as raised:
        api.client.page(QUERY, 1)
    assert encoded.rstrip("=") not in str(raised.value)
    assert "you sent ***" in raised.value.detail


def test_error_has_no_cause_with_a_secret() -> None:
    """A secret in a library's error is in no cause or context either, which a traceback would show."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.1 {SECRET}\r\n\r\n".encode())
        handler.close_connection = True

    with (
        serving(reply) as server,
        Client(settings(token_url=server.url, max_retry_seconds=0)) as client,
        pytest.raises(EvplUnavailableError, match=r"\*\*\*") as raised,
    ):
        client.check_token()
    error: BaseException | None = raised.value
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("line", ["HTTP/1.1 \x1b[2J{}\r\n\r\n", "{}\r\n\r\n"])
def test_library_error_is_one_short_line(line: str) -> None:
    """A library quotes the line that it can't read, which may have 64 kB."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(line.format("\x9b2J\x85" + "x" * 60_000).encode("latin-1"))
        handler.close_connection = True

    with (
        serving(reply) as server,
        Client(settings(token_url=server.url, max_retry_seconds=0)) as client,
        pytest.raises(EvplUnavailableError) as raised,
    ):
        client.check_token()
    assert raised.value.what.isprintable()
    assert len(raised.value.what) < 1000


def test_unparsable_header_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """urllib3 does not log a header that it can't parse, because it may hold a secret."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{SECRET}\r\n\r\n".encode())

    with serving(reply) as server, transported(settings()) as transport:
        assert get(transport, server.url).status == 200
    assert "urllib3.connection" not in {record.name for record in caplog.records}
