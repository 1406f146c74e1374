"""The button "Test" of the connection form: it says what is wrong, and what to do."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.api import replying, serving
from tests.support.network import make_certificate, with_tls

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

SECRET = "hush-hush/7"
TOKEN = "token-that-nobody-may-see"
BASIC = b64encode(f"the-client:{SECRET}".encode()).decode()
PROXY_PASSWORD = "pr0xy-hush"
TOKEN_ECHO = f"you sent {SECRET} and {BASIC}"
ECHO = f"{TOKEN_ECHO} and {TOKEN}"


class Reply(NamedTuple):
    """One answer; the body as JSON, or as it is."""

    status: int
    body: object
    headers: Mapping[str, str] = {}


class Case(NamedTuple):
    """What a server answers, the words that its user needs, and how many requests that takes."""

    token: Reply
    report: Reply
    words: tuple[str, ...]
    requests: int


def problem(status: int, code: int, echo: str = ECHO) -> Reply:
    """Answer with an error of the API that tells all that it was sent."""
    return Reply(status, {"code": code, "message": "what", "description": echo, "infoURL": ""})


FINE = Reply(200, {"token_type": "Bearer", "access_token": TOKEN, "expires_in": 3600})
EMPTY = Reply(200, {"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": []})
PAGE = f"<html><body>Welcome. {ECHO}</body></html>".encode()
MOVED = Reply(302, b"", {"Location": "https://sso.example/login"})
LOGIN = ("Token: none", "login", "password", "token_url")
PLACE = ("Token: none", "token_url", "follows host", "/oauth/v3/token")
NO_REPORT = ("Token: accepted", "Report: none")

CASES = {
    "credentials": Case(
        Reply(401, {"error": "invalid_client", "error_description": TOKEN_ECHO}), EMPTY, LOGIN, 1
    ),
    "credentials-400": Case(Reply(400, {"error": "invalid_client"}), EMPTY, (*LOGIN, "token_auth"), 1),
    "credentials-api": Case(problem(401, 41, TOKEN_ECHO), EMPTY, LOGIN, 1),
    "token-no-such-path": Case(problem(404, 60, TOKEN_ECHO), EMPTY, (*PLACE, "404"), 1),
    "token-html-404": Case(Reply(404, PAGE), EMPTY, (*PLACE, "404", "not in the API's form"), 1),
    "token-html": Case(
        Reply(200, PAGE), EMPTY, ("Token: none", "no complete JSON text", "Check host, token_url"), 1
    ),
    "token-other-json": Case(Reply(200, {"status": "UP"}), EMPTY, (*PLACE, "no usable access_token"), 1),
    "token-redirect": Case(MOVED, EMPTY, (*PLACE, "302", "Redirects are not followed"), 1),
    "token-limit": Case(Reply(429, b"", {"Retry-After": "3600"}), EMPTY, ("429", "limit", "in a minute"), 1),
    "token-away": Case(Reply(503, PAGE), EMPTY, ("Token: none", "503", "the service is down"), 1),
    "application-missing": Case(FINE, problem(400, 25), (*NO_REPORT, "400/25", "application_id"), 2),
    "application-wrong": Case(FINE, problem(400, 26), (*NO_REPORT, "400/26", "application_id"), 2),
    "subscription": Case(FINE, problem(403, 50), (*NO_REPORT, "403/50", "code_ope", "does not say which"), 2),
    "limit": Case(FINE, problem(403, 53), (*NO_REPORT, "403/53", "limit", "in a minute"), 2),
    "token-refused": Case(FINE, problem(401, 41), (*NO_REPORT, "401/41", "token_url", "subscription"), 2),
    "no-such-path": Case(FINE, problem(404, 60), (*NO_REPORT, "404/60", "host and job", "code_ope"), 2),
    "html-404": Case(FINE, Reply(404, PAGE), (*NO_REPORT, "404", "not in the API's form", "host"), 2),
    "html": Case(FINE, Reply(200, PAGE), (*NO_REPORT, "complete JSON", "Check host"), 2),
    "other-json": Case(FINE, Reply(200, {"status": "UP"}), (*NO_REPORT, "hasNext", "Check host"), 2),
    "redirect": Case(FINE, MOVED, (*NO_REPORT, "302", "Check host", "Redirects are never followed"), 2),
    "business": Case(FINE, problem(422, 0), (*NO_REPORT, "422", "a rule of Orange's"), 2),
    "away": Case(FINE, problem(503, 5), (*NO_REPORT, "503/5", "test again later"), 2),
}


def by_path(token: Reply, report: Reply) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer token and report requests."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        said = token if "token" in handler.path else report
        body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
        replying(body, status=said.status, **said.headers)(handler)

    return reply


def try_out(lab: "Lab", host: str, **changes: object) -> str:
    """Press the button, for a connection that doesn't work; return what it shows."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    lab.connect(host=host, login="the-client", password=SECRET, max_retry_seconds=None, **changes)
    is_fine, message = EvplHook().test_connection()
    assert not is_fine
    for hidden in (SECRET, BASIC, TOKEN, PROXY_PASSWORD, "gave up"):
        assert hidden not in message
    return message


@pytest.mark.contract("gap.A20")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_connection_test_explains_each_wrong_answer(lab: "Lab", case: Case) -> None:
    """The message says what to check, shows no secret, and no request is sent twice."""
    with serving(by_path(case.token, case.report)) as server:
        message = try_out(lab, server.url)
    for word in case.words:
        assert word in message
    assert len(server.seen) == case.requests


def test_a_wrong_token_url_is_in_the_message(lab: "Lab") -> None:
    """The address that was asked for a token is in the message."""
    with serving(by_path(EMPTY, EMPTY)) as server:
        message = try_out(lab, server.url, token_url=f"{server.url}/else/token")
    assert f"Token: none from {server.url}/else/token" in message


def test_a_host_without_a_server_is_reported_at_once(lab: "Lab") -> None:
    """A host that nobody listens at is told at once."""
    with serving(by_path(FINE, EMPTY)) as server:
        url = server.url
    message = try_out(lab, url)
    assert "refused" in message
    assert "heck host" in message


@pytest.mark.parametrize(
    ("ends", "address", "knows", "words"),
    [
        (1, "127.0.0.1", False, "self-signed certificate"),
        (1, "127.0.0.2", True, "certificate is not valid for '127.0.0.1'"),
        (-1, "127.0.0.1", True, "certificate has expired"),
    ],
    ids=["unknown-ca", "wrong-host", "expired"],
)
def test_a_refused_certificate_is_explained(  # noqa: PLR0913 a table of four columns
    lab: "Lab", tmp_path: Path, *, ends: int, address: str, knows: bool, words: str
) -> None:
    """The message says what is wrong with it, and to check the host and the CA bundle."""
    path = make_certificate(tmp_path / "server.pem", address=address, ends=timedelta(days=ends))
    with serving(by_path(FINE, EMPTY), with_tls(path)) as server:
        url = f"https://127.0.0.1:{server.port}"
        message = try_out(lab, url, verify=str(path) if knows else None)
    assert "is not trusted" in message
    assert words in message
    assert "Check the host" in message
    assert "CA bundle" in message
    assert server.seen == []


def test_plain_http_behind_https_is_explained(lab: "Lab") -> None:
    """A port that doesn't speak TLS is a wrong host, or a wrong scheme in it."""
    with serving(by_path(FINE, EMPTY)) as server:
        message = try_out(lab, f"https://127.0.0.1:{server.port}")
    assert "Can't open a TLS connection" in message
    assert "heck host" in message


@pytest.mark.parametrize("value", ["yes", "1", 1, "/no/such/bundle.pem", __file__, "a\0b", ["true"]])
def test_a_wrong_verify_is_named_before_any_request(lab: "Lab", value: object) -> None:
    """What is neither true nor a CA bundle is told before anything is sent."""
    with serving(by_path(FINE, EMPTY)) as server:
        message = try_out(lab, server.url, verify=value)
    assert message.startswith("verify: ")
    assert server.seen == []


@pytest.mark.parametrize(
    ("status", "words"), [(407, ("refuses its credentials", "Check proxy")), (502, ("502", "proxy"))]
)
def test_a_proxy_that_refuses_is_named(lab: "Lab", status: int, words: tuple[str, ...]) -> None:
    """A proxy that wants other credentials, or doesn't get through, is told as the proxy's fault."""
    with serving(replying(ECHO.encode(), status=status)) as server:
        proxy = f"http://user:{PROXY_PASSWORD}@127.0.0.1:{server.port}"
        message = try_out(lab, "https://evpl.invalid", proxy=proxy)
    for word in words:
        assert word in message
    assert len(server.seen) == 1


def test_a_proxy_without_a_server_is_named(lab: "Lab") -> None:
    """A proxy that nobody listens at is told as such."""
    with serving(replying(b"")) as server:
        proxy = f"http://user:{PROXY_PASSWORD}@127.0.0.1:{server.port}"
    message = try_out(lab, "https://evpl.invalid", proxy=proxy)
    assert "through the proxy" in message
    assert "proxy or HTTPS_PROXY" in message


def test_an_empty_report_passes_with_a_note(lab: "Lab") -> None:
    """An operator code without data may get an empty report: the test passes with a note."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    with serving(by_path(FINE, EMPTY)) as server:
        lab.connect(host=server.url)
        is_fine, message = EvplHook().test_connection()
    assert is_fine
    assert "Series: 0 on the first page" in message
    assert "check code_ope" in message
    assert len(server.seen) == 3


@pytest.mark.contract("connection.test")
@pytest.mark.parametrize("changes", [{"code_ope": None}, {"password": "wrong"}], ids=["passed", "failed"])
def test_the_command_line_shows_the_text_of_the_form(lab: "Lab", changes: dict[str, str | None]) -> None:
    """Line by line, except the id of the request."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    lab.connect(**changes)
    _, message = EvplHook().test_connection()
    command = (sys.executable, "-m", "airflow", "connections", "test", "evpl_default")
    env = os.environ | {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled", "COLUMNS": "1000"}
    shown = subprocess.run(command, capture_output=True, text=True, check=False, env=env).stdout.splitlines()
    assert [one for one in message.splitlines() if not one.startswith("Request id")] == [
        one for one in message.splitlines() if one in shown
    ]
