import gzip
import json
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx
import pytest
import requests

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.replies import REPLY_FAULTS, TOKEN_REPLY_FAULTS, Reply
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.sandbox import HEALTHY, PAGE_STARTS, REPORT_PATH, TOKEN_PATH, Client, ask, client_of

# Status, code and Retry-After of what is in the API's error shape.
REFUSALS: dict[str, tuple[int, object, str | None]] = {
    "error-400-28": (400, 28, None),
    "error-401-40": (401, 40, None),
    "error-401-41": (401, 41, None),
    "error-401-42": (401, 42, None),
    "error-403-50": (403, 50, None),
    "error-403-51": (403, 51, None),
    "error-404-60": (404, 60, None),
    "error-408-63": (408, 63, None),
    "error-422-business": (422, 422, None),
    "error-500-1": (500, 1, None),
    "error-502-1": (502, 1, None),
    "error-503-5": (503, 5, None),
    "error-504-6": (504, 6, None),
    "rate-limit-403": (403, 53, None),
    "rate-limit-403-seconds": (403, 53, "30"),
    "rate-limit-403-huge": (403, 53, "9" * 400),
    "rate-limit-403-negative": (403, 53, "-5"),
    "rate-limit-403-word": (403, 53, "soon"),
    "rate-limit-403-code-text": (403, "53", None),
    "rate-limit-429": (429, 53, None),
    "rate-limit-429-seconds": (429, 53, "30"),
    "rate-limit-429-huge": (429, 53, "9" * 400),
    "rate-limit-429-negative": (429, 53, "-5"),
    "rate-limit-429-word": (429, 53, "soon"),
    "token-error-403-50": (403, 50, None),
    "token-error-429": (429, 53, None),
    "token-error-503": (503, 5, None),
}
DATES = {"rate-limit-403-date": 403, "rate-limit-429-date": 429}
RIGHT = Reply("report", 200, {"content-type": "application/json"}, b'{"a": 1}', 1_795_305_600.0, "http://b/c")
PACKED = {"content-type": "application/json", "content-encoding": "gzip"}
HTML = {"content-type": "text/html"}


def _is_html(body: bytes) -> bool:
    return body.startswith(b"<!doctype html>")


def _is(right: bytes) -> Callable[[bytes], bool]:
    return lambda body: body == right


def _unpacks(right: bytes) -> Callable[[bytes], bool]:
    return lambda body: gzip.decompress(body) == right


def _is_broken(error: type[Exception]) -> Callable[[bytes], bool]:
    def is_broken(body: bytes) -> bool:
        with pytest.raises(error):
            gzip.decompress(body)
        return True

    return is_broken


# Status, headers and body of what is made of the answer above.
MADE: dict[str, tuple[int, dict[str, str], Callable[[bytes], bool]]] = {
    "html-502": (502, HTML, _is_html),
    "html-200": (200, HTML, _is_html),
    "status-204": (204, dict(RIGHT.headers), _is(b"")),
    "redirect-elsewhere": (302, {**RIGHT.headers, "location": "http://b/c"}, _is(b"")),
    "body-empty": (200, dict(RIGHT.headers), _is(b"")),
    "body-list": (200, dict(RIGHT.headers), _is(b'[{"a": 1}]')),
    "body-bom": (200, dict(RIGHT.headers), _is(b'\xef\xbb\xbf{"a": 1}')),
    "json-cut": (200, dict(RIGHT.headers), _is(b'{"a"')),
    "content-type-html": (200, HTML, _is(RIGHT.body)),
    "gzip-right": (200, PACKED, _unpacks(RIGHT.body)),
    "gzip-missing": (200, PACKED, _is(RIGHT.body)),
    "gzip-cut": (200, PACKED, _is_broken(EOFError)),
    "gzip-broken": (200, PACKED, _is_broken(Exception)),
    "gzip-bomb": (200, PACKED, lambda body: len(body) < 1 << 18),
    "token-html-503": (503, HTML, _is_html),
    "token-html-200": (200, HTML, _is_html),
    "token-error-401": (401, dict(RIGHT.headers), lambda body: json.loads(body)["error"] == "invalid_client"),
    "token-body-empty": (200, dict(RIGHT.headers), _is(b"")),
    "token-json-cut": (200, dict(RIGHT.headers), _is(b'{"a"')),
    "token-gzip-right": (200, PACKED, _unpacks(RIGHT.body)),
    "token-redirect-elsewhere": (307, {**RIGHT.headers, "location": "http://b/c"}, _is(b"")),
}
ALL = (*REPLY_FAULTS, *TOKEN_REPLY_FAULTS)


def _get_token(client: Client) -> httpx.Response:
    auth = (client.config.client_id, client.config.client_secret)
    return client.request("POST", TOKEN_PATH, data={"grant_type": "client_credentials"}, auth=auth)


def _answer(name: str) -> httpx.Response:
    """Ask the endpoint that the fault is about."""
    client = client_of(name)
    return _get_token(client) if name.startswith("token-") else ask(client, 1)


def _make(name: str, right: Reply = RIGHT) -> Reply:
    return change(right, seam=ALL, names=frozenset([name]))


def test_the_table_above_has_each_fault_of_an_answer() -> None:
    """No fault of an answer is without its line above."""
    assert {fault.name for fault in ALL} == {*REFUSALS, *DATES, *MADE}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_the_error_shape_of_the_api(name: str) -> None:
    """The answer is what is written above, in the API's error shape, with its id."""
    status, code, wait = REFUSALS[name]
    answer = _answer(name)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)
    assert answer.json().keys() == {"code", "message", "description", "infoURL"}
    assert answer.json()["code"] == code
    assert answer.headers["X-OAPI-Request-Id"]


@pytest.mark.parametrize("name", DATES)
def test_a_retry_after_date_is_half_a_minute_ahead(name: str) -> None:
    """The date is half a minute after the answer's, as HTTP writes dates."""
    reply = _make(name)
    assert reply.status == DATES[name]
    assert reply.headers["retry-after"] == "Sun, 22 Nov 2026 00:00:30 GMT"
    assert parsedate_to_datetime(_answer(name).headers["retry-after"]).tzinfo


@pytest.mark.parametrize("name", MADE)
def test_a_fault_of_an_answer_changes_status_headers_or_body(name: str) -> None:
    """Status, headers and body are those above."""
    status, headers, is_right = MADE[name]
    reply = _make(name, RIGHT._replace(endpoint="token" if name.startswith("token-") else "report"))
    assert (reply.status, reply.headers) == (status, headers)
    assert is_right(reply.body)


@pytest.mark.parametrize("name", ["html-502", "status-204", "body-empty", "gzip-right", "token-html-503"])
def test_a_client_receives_the_changed_answer(name: str) -> None:
    """What is made of an answer is what a client gets, with its id and its length."""
    answer = _answer(name)
    assert answer.status_code == MADE[name][0]
    assert ("content-length" in answer.headers) is (answer.status_code != 204)
    assert answer.headers["X-OAPI-Request-Id"]
    if name == "gzip-right":
        assert answer.json() == HEALTHY[0]


def test_the_gzip_bomb_unpacks_to_a_thousand_times_its_size() -> None:
    """The bomb is 128 KiB that unpack to 128 MiB, of which the first 16 MiB are looked at here."""
    packed = _make("gzip-bomb").body
    part = gzip.compress(b" " * (16 << 20), mtime=0)
    assert packed == part * 8
    assert len(packed) < 1 << 18


def test_a_redirect_leads_to_another_host() -> None:
    """Its Location is this server under another name of the machine: whoever follows is counted."""
    with SandboxServer(SandboxConfig(faults=("redirect-elsewhere",))) as server:
        answer = requests.get(server.base_url + REPORT_PATH, allow_redirects=False, timeout=60)
        location = answer.headers["location"]
        assert location == f"{server.base_url.replace('127.0.0.1', 'localhost')}/elsewhere"
        assert server.requests["/elsewhere"] == 0
        assert requests.get(location, timeout=60).status_code == 404
        assert server.requests["/elsewhere"] == 1


@pytest.mark.parametrize("name", [fault.name for fault in ALL])
def test_a_fault_changes_only_its_endpoint(name: str) -> None:
    """A fault of the report leaves the token endpoint's answers alone, and the other way round."""
    other = RIGHT._replace(endpoint="report" if name.startswith("token-") else "token")
    assert _make(name, other) == other


def test_faults_leave_the_openapi_description_alone() -> None:
    """The description of the API is answered as ever."""
    client = Client(SandboxConfig(faults=("error-503-5", "token-error-503")))
    assert client.request("GET", "/openapi.json").status_code == 200
    assert client.request("GET", "/nowhere").status_code == 404


def test_a_fault_also_replaces_a_refusal_of_the_api() -> None:
    """It takes the place of the API's own refusals too."""
    client = client_of("html-502")
    assert client.report(headers={"Authorization": None}).status_code == 502


def test_a_fault_beside_a_harmless_one_gives_the_same_answer() -> None:
    """With a fault that changes nothing of an answer it is byte for byte the healthy one."""
    right, held = ask(client_of(), 1), ask(client_of("token-error-503@9"), 1)
    different = {"x-oapi-request-id"}
    assert held.content == right.content
    assert {name: value for name, value in held.headers.items() if name not in different} == {
        name: value for name, value in right.headers.items() if name not in different
    }


def test_a_fault_with_a_position_strikes_that_page() -> None:
    """With a position only that page is affected."""
    client = client_of("error-503-5@2:1")
    assert [ask(client, index).status_code for index in PAGE_STARTS] == [200, 503, 200]
