import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import format_datetime, formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_evpl.api.error_mapping import api_code, raise_for, read_retry_after
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Response
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplPermanentError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from tests.support.api import ECHOES, REQUEST_ID, SECRET, START, settings

ROWS: list[tuple[int, int | None, type[EvplError]]] = [
    *((400, code, EvplRequestError) for code in range(20, 29)),
    *((401, code, EvplAuthError) for code in (40, 41, 42)),
    *((403, code, EvplForbiddenError) for code in (50, 51, 52)),
    (403, 53, EvplRateLimitError),
    (400, 53, EvplRequestError),
    (404, 60, EvplRequestError),
    *((status, code, EvplRequestError) for status, code in zip((405, 406), (61, 62), strict=True)),
    *((status, code, EvplRequestError) for status, code in zip(range(411, 416), range(64, 69), strict=True)),
    (408, 63, EvplUnavailableError),
    (422, None, EvplRequestError),
    (429, 53, EvplRateLimitError),
    (429, None, EvplRateLimitError),
    *((status, code, EvplUnavailableError) for status in (500, 502, 503, 504) for code in (1, 5, 6)),
    *((status, None, EvplResponseError) for status in (201, 204, 206, 301, 302, 307, 308, 501, 505)),
]
STATUSES = sorted({status: kind for status, code, kind in ROWS if code != 53}.items())
NO_JSON = {
    "html": b"<html><body>gateway</body></html>",
    "empty": b"",
    "cut": b'{"code": 53, "mess',
    "list": b"[53]",
    "latin-1": "<p>tax\xe9</p>".encode("latin-1"),
    "deep": b"[" * 50_000,
}


@pytest.fixture
def _in_tokyo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def failure(answer: Response, *, known: Settings | None = None, next_step: str | None = None) -> EvplError:
    """What an answer is raised as."""
    secrets = Secrets(lambda _: None)
    for secret in (known or settings()).secrets:
        secrets.add(secret)
    with pytest.raises(EvplError) as raised:
        raise_for(answer, "some request", secrets.redact, next_step=next_step)
    return raised.value


def refusal(status: int, body: object, **headers: str) -> Response:
    """An answer with a body in JSON, or of bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"X-OAPI-Request-Id": REQUEST_ID} | names, content)


@pytest.mark.contract("gap.A25")
@pytest.mark.parametrize("as_code", [int, str])
@pytest.mark.parametrize(("status", "code", "kind"), ROWS)
def test_every_row_of_the_table(
    status: int, code: int | None, kind: type[EvplError], as_code: Callable[[int], object]
) -> None:
    """Status and code, a number or its text, make one class of error that says what, where and who to ask."""
    body: dict[str, object] = {"message": "Bad thing", "description": "It was bad", "infoURL": ""}
    error = failure(refusal(status, body if code is None else body | {"code": as_code(code)}))
    assert type(error) is kind
    told = f"{status}" if code is None else f"{status}/{code}"
    assert str(error).startswith(f"some request: {told}: Bad thing - It was bad (request id {REQUEST_ID})")


@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_a_body_that_is_no_json(status: int, kind: type[EvplError], body: bytes) -> None:
    """HTML, nothing or half a body: the status alone decides, and the request id is told."""
    error = failure(refusal(status, body))
    assert type(error) is kind
    assert f"(request id {REQUEST_ID})" in str(error)


@pytest.mark.contract("errors.message")
@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_every_error_has_a_next_step(status: int, kind: type[EvplError]) -> None:
    """The next step stands behind the request id: what to change, or what to do if the error stays."""
    told, found, step = str(failure(refusal(status, {}))).partition(f"(request id {REQUEST_ID}); ")
    assert told
    assert found
    assert step
    assert step.startswith("if the error stays, ") != issubclass(kind, EvplPermanentError)


def test_a_rate_limit_names_the_setting() -> None:
    """A task that always hits the limit needs fewer requests a second: a rerun alone does not help it."""
    assert "lower requests_per_second" in str(failure(refusal(429, {})))


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (302, "no redirect is followed"),
        (400, "application_id"),
        (401, "look the request id up"),
        (403, "subscription"),
        (404, "code_ope"),
        (406, "host and token_url"),
        (422, "business"),
    ],
)
def test_the_next_step_names_what_to_look_at(status: int, word: str) -> None:
    """The advice names the setting, or the subscription."""
    assert word in str(failure(refusal(status, {"code": 1})))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_request", EvplRequestError),
        (400, "invalid_client", EvplAuthError),
        (401, "invalid_client", EvplAuthError),
        (403, "invalid_client", EvplAuthError),
        (400, "unsupported_grant_type", EvplRequestError),
        (503, "temporarily_unavailable", EvplUnavailableError),
    ],
)
def test_the_token_endpoints_shape(status: int, error: str, kind: type[EvplError]) -> None:
    """The other body shape is read as well, and its advice is the token request's."""
    body = {"error": error, "error_description": "No such client"}
    raised = failure(refusal(status, body), next_step="look there")
    assert type(raised) is kind
    assert f"{error} - No such client" in str(raised)
    assert str(raised).endswith("; look there") == isinstance(raised, EvplPermanentError)


def test_ok_is_no_error() -> None:
    """An answer of status 200 raises nothing, whatever it holds."""
    raise_for(refusal(200, {"code": 53, "error": "invalid_client"}), "some request", str)


@pytest.mark.parametrize("code", [SECRET, [SECRET], {"token": SECRET}, 123456789012])
def test_a_code_is_a_number_and_no_secret(code: object) -> None:
    """What stands in the place of the code is shown only where it is a number, and never a secret."""
    known = replace(settings(), client_secret="123456789012")
    told = str(failure(refusal(400, {"code": code, "message": f"no {SECRET}"}), known=known))
    assert told.startswith(f"some request: 400{'/***' if isinstance(code, int) else ''}: no ")
    assert "123456789012" not in told


def test_nobody_else_writes_lines_into_the_log() -> None:
    """Control characters of a server are blanks in our messages, in the request id too."""
    body = {"message": "one\nERROR two\x1b[31m\u2028three"}
    told = str(failure(refusal(400, body, X_OAPI_Request_Id="id\x1b[31m")))
    assert told.isprintable()
    assert "one ERROR two [31m three (request id id [31m)" in told


def test_a_token_endpoint_that_forbids_is_about_the_subscription() -> None:
    """403 asks for the subscription, whoever answers it."""
    assert "subscription" in str(failure(refusal(403, {"code": 50}), next_step="check the password"))


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("name", ["message", "description", "error", "error_description"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_secret_in_a_message(echo: Callable[[str], str], name: str) -> None:
    """What a server echoes of a secret is hidden in every field and in the request id; no more is told."""
    known = settings()
    for secret in (SECRET, known.basic_credentials):
        text = f"you sent {echo(secret)}!"
        for body in ({name: text}, {name: {"nested": text}}):
            told = str(failure(refusal(401, body), known=known))
            assert "you sent ***!" in told
            assert secret not in told
        for other in (text.encode(), f'{{"{name}": "{text}'.encode(), {"access_token": secret}, [text]):
            assert "you sent" not in str(failure(refusal(401, other), known=known))
            assert secret not in str(failure(refusal(401, other), known=known))
        told = str(failure(refusal(401, {}, **{"X-OAPI-Request-Id": echo(secret)}), known=known))
        assert "id ***)" in told or (len(echo(secret)) > 200 and "id too long to be one)" in told)


@pytest.mark.parametrize("distance", range(470, 510, 3))
def test_no_half_of_a_secret(distance: int) -> None:
    """A long body is cut after its secrets are hidden: the cut leaves no half of one."""
    body = b"." * distance + SECRET.encode()
    assert SECRET[:3] not in str(failure(refusal(400, body)))


def test_a_long_body_is_not_told() -> None:
    """A message stays short: of a huge body that is no JSON only its size is told."""
    huge = str(failure(refusal(502, b"<p>" * 100_000)))
    assert "an answer of 300000 bytes, not in the API's form" in huge
    assert len(str(failure(refusal(400, {"message": "x" * 10_000})))) < 800


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": 53}, 53),
        ({"code": "53"}, 53),
        ({"code": None}, None),
        ({"code": "a"}, None),
        ({"code": "9" * 10_000}, None),
        ({"code": [53]}, None),
        ({}, None),
        ([], None),
    ],
)
def test_api_code(body: object, code: int | None) -> None:
    """A code is a number or its text; everything else is none."""
    assert api_code(refusal(400, body)) == code


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("99999999", 99999999.0),
        ("99999999999", 1e9),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
        ("9" * 5000, 1e9),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("\u0665", None),
        (format_datetime(START, usegmt=True), 60.0),
        ("Sunday, 22-Nov-26 00:00:00 GMT", 60.0),
        ("Sun Nov 22 00:00:00 2026", 60.0),
        ("Sun, 22 Nov 2026 01:00:00 +0100", 60.0),
        ("Sat, 21 Nov 2026 00:00:00 GMT", 0.0),
    ],
)
@pytest.mark.usefixtures("_in_tokyo")
def test_read_retry_after(text: str | None, seconds: float | None) -> None:
    """`Retry-After` is seconds or a date in any of HTTP's three forms, wherever the worker stands."""
    assert read_retry_after(text, now=lambda: START.timestamp() - 60) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ [\d:]+ .*"))
@example("Sun, 99 Nov 99999999999 00:00:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_any_retry_after_is_read(text: str) -> None:
    """Whatever stands in the header, it is seconds from now on, or nothing."""
    seconds = read_retry_after(text, now=lambda: 0.0)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
def test_the_wait_goes_with_the_error(status: int) -> None:
    """An error that may pass carries how long the server asks to wait."""
    body = {"code": 53}
    error = failure(refusal(status, body, Retry_After="17"))
    assert isinstance(error, EvplRetryableError)
    assert error.retry_after_seconds == 17
    past = failure(refusal(status, body, Retry_After=formatdate(0, usegmt=True)))
    assert isinstance(past, EvplRetryableError)
    assert past.retry_after_seconds == 0
