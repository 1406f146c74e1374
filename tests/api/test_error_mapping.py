"""Which error each response becomes, and what it tells its reader."""

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


def raised_for(response: Response, *, known: Settings | None = None, is_token: bool = False) -> EvplError:
    """Return the error that a response is raised as, without the secrets of these settings."""
    secrets = Secrets(lambda _: None)
    for secret in (known or settings()).secrets:
        secrets.add(secret)
    with pytest.raises(EvplError) as raised:
        raise_for(response, "connection c", is_token=is_token, hint="A hint.\n")
    return secrets.redact_error(raised.value)


def refusal(status: int, body: object, **headers: str) -> Response:
    """Make a response with a body in JSON, or of bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"X-OAPI-Request-Id": REQUEST_ID} | names, content)


@pytest.mark.contract("gap.A25")
@pytest.mark.parametrize("as_code", [int, str])
@pytest.mark.parametrize(("status", "code", "kind"), ROWS)
def test_status_and_code_choose_the_error(
    status: int, code: int | None, kind: type[EvplError], as_code: Callable[[int], object]
) -> None:
    """Status and code, a number or its text, choose the error's class; the error says what Orange said."""
    body: dict[str, object] = {"message": "Bad thing", "description": "It was bad", "infoURL": ""}
    error = raised_for(refusal(status, body if code is None else body | {"code": as_code(code)}))
    assert type(error) is kind
    assert error.what.endswith(f" ({status})." if code is None else f" ({status}/{code}).")
    assert error.detail == f"Response: Bad thing - It was bad\nRequest id: {REQUEST_ID}"


@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_status_alone_chooses_the_error_without_json(status: int, kind: type[EvplError], body: bytes) -> None:
    """For HTML, nothing or half a body, the status alone decides; the error has the body's size only."""
    error = raised_for(refusal(status, body))
    assert type(error) is kind
    said = f"{len(body):,} bytes that are not in the API's form"
    assert error.detail == f"Response: {said}\nRequest id: {REQUEST_ID}"


@pytest.mark.contract("errors.message")
@pytest.mark.parametrize("is_token", [False, True])
@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_every_error_has_a_next_step(
    status: int,
    kind: type[EvplError],
    is_token: bool,  # noqa: FBT001 drawn from the two
) -> None:
    """A permanent error says what to change, a temporary one to run again; lines fit into the log view."""
    error = raised_for(refusal(status, {}), is_token=is_token)
    assert error.what.startswith("The token endpoint " if is_token else "The API ")
    assert error.next_step.startswith("Run again later.") != issubclass(kind, EvplPermanentError)
    assert all(len(line) <= 80 for line in str(error).splitlines())


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (302, "Redirects are never followed"),
        (400, "A hint.\nCodes 25 and 26 mean a header: check application_id in connection c."),
        (401, "Login and password are right"),
        (403, "subscription"),
        (404, "Check host and job in connection c, and code_ope"),
        (406, "host and token_url"),
        (422, "A hint.\nThe request breaks a rule"),
        (429, "lower requests_per_second in connection c"),
        (503, "Orange's support"),
    ],
)
def test_next_step_names_what_to_check(status: int, word: str) -> None:
    """The next step names the setting and the connection, or the subscription."""
    next_step = raised_for(refusal(status, {"code": 1})).next_step
    assert word in next_step
    assert ("A hint." in next_step) == (status in (400, 422))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_request", EvplRequestError),
        (400, "invalid_client", EvplAuthError),
        (401, "invalid_client", EvplAuthError),
        (403, "invalid_client", EvplAuthError),
        (400, "unsupported_grant_type", EvplRequestError),
        (302, "moved", EvplResponseError),
        (503, "temporarily_unavailable", EvplUnavailableError),
    ],
)
def test_token_endpoint_has_its_own_form_and_next_step(
    status: int, error: str, kind: type[EvplError]
) -> None:
    """The token endpoint's form of an error is read as well; a permanent one is about the credentials."""
    body = {"error": error, "error_description": "No such client"}
    raised = raised_for(refusal(status, body), is_token=True)
    assert type(raised) is kind
    assert f"{error} - No such client" in raised.detail
    is_permanent = isinstance(raised, EvplPermanentError)
    assert (
        "Check login (client id), password (client secret), token_url and token_auth\nin connection c."
        in raised.next_step
    ) == is_permanent


def test_status_200_raises_nothing() -> None:
    """A response of status 200 is no error, whatever it holds."""
    raise_for(refusal(200, {"code": 53, "error": "invalid_client"}), "connection c")


@pytest.mark.parametrize("code", [SECRET, [SECRET], {"token": SECRET}, 123456789012])
def test_code_is_a_number_and_no_secret(code: object) -> None:
    """The code is shown only if it is a number, and never if it is a secret."""
    known = replace(settings(), client_secret="123456789012")
    error = raised_for(refusal(400, {"code": code, "message": f"no {SECRET}"}), known=known)
    assert error.what == f"The API refuses the request (400{'/***' if isinstance(code, int) else ''})."
    assert "123456789012" not in str(error)


def test_control_characters_of_a_server_become_blanks() -> None:
    """A server can't write lines of its own into the log, in its request id either."""
    body = {"message": "one\nERROR two\x1b[31m\u2028three"}
    detail = raised_for(refusal(400, body, X_OAPI_Request_Id="id\x1b[31m")).detail
    assert detail == "Response: one ERROR two [31m three\nRequest id: id [31m"


def test_403_of_the_token_endpoint_is_about_the_subscription() -> None:
    """403 asks to check the subscription, whichever server sends it."""
    assert "subscription" in raised_for(refusal(403, {"code": 50}), is_token=True).next_step


@pytest.mark.contract("messages.no-secret")
@pytest.mark.parametrize("name", ["message", "description", "error", "error_description"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_echoed_secret_is_redacted(echo: Callable[[str], str], name: str) -> None:
    """A secret that a server echoes is redacted in every field and in the request id."""
    known = settings()
    for secret in (SECRET, known.basic_credentials):
        text = f"you sent {echo(secret)}!"
        for body in ({name: text}, {name: {"nested": text}}):
            shown = str(raised_for(refusal(401, body), known=known))
            assert "you sent ***!" in shown
            assert secret not in shown
        for other in (text.encode(), f'{{"{name}": "{text}'.encode(), {"access_token": secret}, [text]):
            assert "you sent" not in str(raised_for(refusal(401, other), known=known))
            assert secret not in str(raised_for(refusal(401, other), known=known))
        shown = raised_for(refusal(401, {}, **{"X-OAPI-Request-Id": echo(secret)}), known=known).detail
        assert "id: ***" in shown or (len(echo(secret)) > 200 and "id: too long to be one" in shown)


@pytest.mark.parametrize("distance", range(470, 510, 3))
def test_cut_text_holds_no_half_of_a_secret(distance: int) -> None:
    """A long text is cut after its secrets are redacted: the cut leaves no half of a secret."""
    message = "." * distance + SECRET
    assert SECRET[:3] not in str(raised_for(refusal(400, {"message": message})))


def test_long_response_makes_a_short_message() -> None:
    """A message stays short, whatever the server says."""
    assert len(str(raised_for(refusal(400, {"message": "x" * 10_000})))) < 800


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
def test_api_code_is_a_number_or_its_text(body: object, code: int | None) -> None:
    """A code is a number or its text; everything else is no code."""
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
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    """`Retry-After` is seconds or a date in any of HTTP's three forms, in any time zone of the worker."""
    assert read_retry_after(text, now=lambda: START.timestamp() - 60) == seconds


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ [\d:]+ .*"))
@example("Sun, 99 Nov 99999999999 00:00:00 GMT")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_any_retry_after_is_seconds_or_none(text: str) -> None:
    """Any text in the header is read as seconds from now, or as nothing."""
    seconds = read_retry_after(text, now=lambda: 0.0)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
def test_temporary_error_has_the_wait(status: int) -> None:
    """A temporary error has the seconds that the server asks to wait."""
    body = {"code": 53}
    error = raised_for(refusal(status, body, Retry_After="17"))
    assert isinstance(error, EvplRetryableError)
    assert error.retry_after_seconds == 17
    past = raised_for(refusal(status, body, Retry_After=formatdate(0, usegmt=True)))
    assert isinstance(past, EvplRetryableError)
    assert past.retry_after_seconds == 0
