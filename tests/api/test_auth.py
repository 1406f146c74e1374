"""The access token: how it is requested, kept, renewed and shared between threads."""

import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests_mock

from airflow_provider_evpl.api.auth import TokenSource
from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Session, Transport
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplRateLimitError,
    EvplResponseError,
    EvplUnavailableError,
)
from tests.support.api import REQUEST_ID, SECRET, TOKEN, TOKEN_URL, Clock, all_at_once, answer, settings

THREADS = 12


class Source:
    """A token source with a list of responses; the last response is repeated."""

    def __init__(self, *answers: dict[str, Any], **changes: Any) -> None:  # noqa: ANN401 any field
        chosen = settings(**changes)
        self.clock, self.masked = Clock(), list[str]()
        secrets = Secrets(self.masked.append)
        secrets.add(chosen.client_secret)
        limiter = RateLimiter(1000, clock=self.clock, sleep=lambda *_: None)
        adapter = requests_mock.Adapter()
        self.endpoint = adapter.register_uri("POST", TOKEN_URL, list(answers))
        session = Session(1)
        session.mount("http://", adapter)
        transport = Transport(chosen, session=session, rate_limiter=limiter, secrets=secrets)
        self._tokens = TokenSource(chosen, transport, secrets, clock=self.clock)

    def token(self, cancellation: Cancellation | None = None) -> str:
        """Get a token; by default nobody cancels."""
        return self._tokens.token(cancellation or Cancellation())

    def renew(self, refused: str) -> str:
        """Renew a token; nobody cancels."""
        return self._tokens.renew(Cancellation(), refused=refused)

    @property
    def count(self) -> int:
        """Token requests so far."""
        return int(self.endpoint.call_count)


def token(text: object = "token-1", **changes: object) -> dict[str, Any]:
    """A response with a token; fields that are changed to None are left out."""
    body = TOKEN | {"access_token": text} | changes
    return answer(json={name: value for name, value in body.items() if value is not None})


@pytest.mark.contract("connection.client-id", "connection.client-secret", "connection.token_auth")
def test_credentials_are_sent_by_http_basic() -> None:
    """By default, credentials are sent by HTTP Basic and not in the form."""
    source = Source(token())
    assert source.token() == "token-1"
    (request,) = source.endpoint.request_history
    assert request.headers["Authorization"] == f"Basic {settings().basic_credentials}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.text == "grant_type=client_credentials"


@pytest.mark.contract("connection.client-id", "connection.client-secret", "connection.token_auth")
def test_credentials_are_sent_in_the_form() -> None:
    """With `token_auth` `post`, credentials are sent in the form and not by HTTP Basic."""
    source = Source(token(), token_auth="post")
    source.token()
    (request,) = source.endpoint.request_history
    assert "Authorization" not in request.headers
    assert parse_qs(request.text) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": [SECRET],
    }


def test_on_secret_gets_every_token() -> None:
    """The caller gets each token the moment it arrives."""
    source = Source(token("one"), token("two"))
    source.renew(source.token())
    assert source.masked == [SECRET, "one", "two"]


@pytest.mark.parametrize(
    ("expires_in", "kept_seconds"),
    [
        (3600, 3540),
        ("3600", 3540),
        (" 3600 ", 3540),
        (3600.0, 3540),
        ("3600.5", 3540.5),
        (600, 540),
        (60, 54),
        (1, 0.9),
        (0.5, 0.45),
        (86_400, 86_340),
        (86_401, 86_340),
        (10**12, 86_340),
        ("1000000000000", 86_340),
        (10**40, 86_340),
        (1e300, 86_340),
        ("9" * 400, 86_340),
    ],
)
def test_token_is_renewed_before_it_expires(expires_in: object, kept_seconds: float) -> None:
    """A token is renewed when a tenth of its lifetime, at most a minute, is left; a day is the longest."""
    source = Source(token("one", expires_in=expires_in), token("two"))
    source.token()
    source.clock.now += kept_seconds - 1e-6
    assert (source.token(), source.count) == ("one", 1)
    source.clock.now += 2e-6
    assert (source.token(), source.count) == ("two", 2)


def test_token_without_lifetime_is_kept_until_refused() -> None:
    """Without `expires_in`, a token is kept until the API refuses it."""
    source = Source(token("one", expires_in=None), token("two"))
    source.token()
    source.clock.now += 10**9
    assert source.token() == "one"
    assert source.renew("one") == "two"


def test_lifetime_starts_with_the_request() -> None:
    """The time until the response counts as part of the token's lifetime."""

    def give(_request: object, _context: object) -> object:
        source.clock.now += 89
        return TOKEN | {"expires_in": 100}

    source = Source({"json": give})
    source.token()
    source.clock.now += 0.5
    source.token()
    assert source.count == 1
    source.clock.now += 0.5
    source.token()
    assert source.count == 2


ODD_LIFETIMES: list[object] = [
    0,
    "0",
    -1,
    "-1",
    "",
    "soon",
    True,
    [3600],
    {},
    "1e3",
    "\u0663",
]
ODD_TYPES: list[object] = [None, "", "mac", 7, ["Bearer"]]
ODD_TOKENS: list[object] = [None, "", 7, [], "a b", "a\r\nX: y", "t\xe9", "a\0", "\u4e00", "a\n", "t" * 8001]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        *(
            ({"expires_in": value}, "has an expires_in that is no number of seconds above 0")
            for value in ODD_LIFETIMES
        ),
        *(({"token_type": value}, "has a token_type other than Bearer") for value in ODD_TYPES),
        *(({"access_token": value}, "has no usable access_token") for value in ODD_TOKENS),
    ],
    ids=repr,
)
def test_unusable_token_response_is_an_error(changes: dict[str, object], why: str) -> None:
    """The error says what is wrong and what to check, and shows no secret."""
    body = {name: value for name, value in (TOKEN | changes).items() if value is not None}
    source = Source(answer(json=body))
    with pytest.raises(EvplResponseError, match=why) as raised:
        source.token()
    assert raised.value.what.startswith("The token endpoint's response ")
    assert raised.value.next_step == "Check token_url in the connection."
    assert raised.value.detail == f"Request id: {REQUEST_ID}"
    assert "token-1" not in str(raised.value)


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_token_type_is_in_any_case(token_type: str) -> None:
    """`Bearer` is written in any case (RFC 6749, 5.1)."""
    assert Source(token(token_type=token_type)).token() == "token-1"


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b"[" * 50_000, b'{"a":' * 50_000])
def test_json_without_object_is_permanent_error(body: bytes) -> None:
    """JSON that is no object is a permanent error, never a token."""
    with pytest.raises(EvplResponseError, match="response is no JSON object"):
        Source(answer(content=body)).token()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"access_token": "tok', b'{"access_token": "tok"}}'])
def test_incomplete_json_is_temporary_error(body: bytes) -> None:
    """After HTML, nothing or half a response of a gateway, the endpoint is asked again."""
    source = Source(answer(content=body), token("one"))
    with pytest.raises(EvplUnavailableError) as raised:
        source.token()
    assert raised.value.what == "The token endpoint's response is no complete JSON text."
    assert raised.value.detail == f"Request id: {REQUEST_ID}"
    source.clock.sleep(1)
    assert (source.token(), source.count) == ("one", 2)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client", "error_description": f"no {SECRET}"}, EvplAuthError),
        (400, {"error": "invalid_client", "error_description": f"no {SECRET}"}, EvplAuthError),
        (429, {"code": 53, "message": f"no {SECRET}"}, EvplRateLimitError),
        (503, {"code": 5, "message": f"no {SECRET}"}, EvplUnavailableError),
        (302, {"message": f"no {SECRET}"}, EvplResponseError),
    ],
)
def test_refused_token_request_is_the_error_of_its_status(
    status: int, body: object, kind: type[EvplError]
) -> None:
    """A refused request raises the error of its status, about the token endpoint."""
    with pytest.raises(kind, match=rf"^The token endpoint .* \({status}") as raised:
        Source(answer(status, json=body)).token()
    assert ("Check login" in raised.value.next_step) == (status in (302, 400, 401))


def test_threads_share_a_token() -> None:
    """Of many threads that need the first token, one requests it, and all get it."""
    all_have_started = threading.Event()
    started = iter(range(THREADS))

    def give(_request: object, _context: object) -> object:
        assert all_have_started.wait(10)
        return TOKEN

    source = Source({"json": give})
    got: list[str] = []

    def work(_: int) -> None:
        if next(started) == THREADS - 1:
            all_have_started.set()
        got.append(source.token())

    all_at_once(THREADS, work)
    assert got == ["token-1"] * THREADS
    assert source.count == 1


def test_threads_share_a_renewal() -> None:
    """Of many threads whose token is refused, one requests another; a late thread gets it too."""
    source = Source(token("one"), token("two"), token("three"))
    refused = source.token()
    got: list[str] = []
    all_at_once(THREADS, lambda _: got.append(source.renew(refused)))
    assert got == ["two"] * THREADS
    assert source.renew("one") == "two"
    assert source.count == 2


def test_threads_share_a_refusal() -> None:
    """Refused credentials are sent once, however many threads need a token; each gets the error."""
    source = Source(answer(401, json={"code": 41}))
    errors: list[BaseException] = []

    def work(_: int) -> None:
        with pytest.raises(EvplAuthError, match=r"refuses the credentials \(401/41\)") as raised:
            source.token()
        errors.append(raised.value)

    all_at_once(THREADS, work)
    assert len({id(error) for error in errors}) == THREADS
    assert source.count == 1


def test_temporary_error_is_not_kept_for_long() -> None:
    """A second after a temporary error, the next call requests a token again, also after a renewal."""
    busy = answer(503, json={})
    source = Source(busy, token("one"), busy, token("two"))
    with pytest.raises(EvplUnavailableError):
        source.token()
    source.clock.sleep(1)
    assert source.token() == "one"
    with pytest.raises(EvplUnavailableError):
        source.renew("one")
    source.clock.sleep(1)
    assert source.token() == "two"
    assert source.count == 4


def test_canceled_request_is_no_error_of_the_next_slice() -> None:
    """A slice that fails cancels its token request. The next slice requests a token at once."""
    source, cancellation = Source(token()), Cancellation()
    cancellation.set()
    with pytest.raises(EvplUnavailableError, match="was aborted"):
        source.token(cancellation)
    assert source.token() == "token-1"


def test_temporary_error_is_shared_for_a_moment() -> None:
    """For a second, or as long as the endpoint asks to wait, all threads get the error: one request."""
    source = Source(answer(503, json={}), answer(429, json={}, headers={"Retry-After": "30"}), token())
    for _ in range(THREADS):
        with pytest.raises(EvplUnavailableError):
            source.token()
    source.clock.sleep(1)
    for seconds in (0, 29):
        source.clock.sleep(seconds)
        with pytest.raises(EvplRateLimitError) as limited:
            source.token()
        assert limited.value.retry_after_seconds == 30
    assert source.count == 2
    source.clock.sleep(1)
    assert source.token() == "token-1"
