import threading
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests_mock

from airflow_provider_evpl.api.auth import TokenSource
from airflow_provider_evpl.api.rate_limit import RateLimiter
from airflow_provider_evpl.api.redact import Secrets
from airflow_provider_evpl.api.transport import Transport, make_session
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
    """A token source that is answered from a list; the last answer is given again and again."""

    def __init__(self, *answers: dict[str, Any], **changes: Any) -> None:  # noqa: ANN401 any field
        chosen = settings(**changes)
        self.clock, self.told = Clock(), list[str]()
        secrets = Secrets(self.told.append)
        secrets.add(chosen.client_secret)
        pace = RateLimiter(1000, clock=self.clock, sleep=lambda _: None)
        adapter = requests_mock.Adapter()
        self.endpoint = adapter.register_uri("POST", TOKEN_URL, list(answers))
        session = make_session(1)
        session.mount("http://", adapter)
        transport = Transport(chosen, session=session, rate_limiter=pace, secrets=secrets)
        self.tokens = TokenSource(chosen, transport, secrets, clock=self.clock)

    @property
    def count(self) -> int:
        """Token requests so far."""
        return int(self.endpoint.call_count)


def token(text: object = "token-1", **changes: object) -> dict[str, Any]:
    """An answer with a token; what is changed to None is left out."""
    body = TOKEN | {"access_token": text} | changes
    return answer(json={name: value for name, value in body.items() if value is not None})


@pytest.mark.contract("connection.client-id", "connection.client-secret", "connection.token_auth")
def test_basic() -> None:
    """Credentials go by HTTP Basic and not in the form."""
    source = Source(token())
    assert source.tokens.token() == "token-1"
    (request,) = source.endpoint.request_history
    assert request.headers["Authorization"] == f"Basic {settings().basic_credentials}"
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.text == "grant_type=client_credentials"


@pytest.mark.contract("connection.client-id", "connection.client-secret", "connection.token_auth")
def test_post() -> None:
    """With the setting they go in the form and not by HTTP Basic."""
    source = Source(token(), token_auth="post")
    source.tokens.token()
    (request,) = source.endpoint.request_history
    assert "Authorization" not in request.headers
    assert parse_qs(request.text) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client"],
        "client_secret": [SECRET],
    }


def test_every_token_is_told() -> None:
    """The caller hears of each token the moment it arrives."""
    source = Source(token("one"), token("two"))
    source.tokens.renew(refused=source.tokens.token())
    assert source.told == [SECRET, "one", "two"]


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
def test_renewed_before_its_end(expires_in: object, kept_seconds: float) -> None:
    """A token is kept until a tenth of its life, a day at most, or a minute is left, and then renewed."""
    source = Source(token("one", expires_in=expires_in), token("two"))
    source.tokens.token()
    source.clock.now += kept_seconds - 1e-6
    assert (source.tokens.token(), source.count) == ("one", 1)
    source.clock.now += 2e-6
    assert (source.tokens.token(), source.count) == ("two", 2)


def test_without_a_lifetime() -> None:
    """A token whose lifetime isn't told is kept until the API refuses it."""
    source = Source(token("one", expires_in=None), token("two"))
    source.tokens.token()
    source.clock.now += 10**9
    assert source.tokens.token() == "one"
    assert source.tokens.renew(refused="one") == "two"


def test_the_life_begins_with_the_request() -> None:
    """What the answer took counts as part of the token's life."""

    def give(_request: object, _context: object) -> object:
        source.clock.now += 89
        return TOKEN | {"expires_in": 100}

    source = Source({"json": give})
    source.tokens.token()
    source.clock.now += 0.5
    source.tokens.token()
    assert source.count == 1
    source.clock.now += 0.5
    source.tokens.token()
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
        *(({"expires_in": value}, "expires_in is no number of seconds above 0") for value in ODD_LIFETIMES),
        *(({"token_type": value}, "token_type is not Bearer") for value in ODD_TYPES),
        *(({"access_token": value}, "no usable access_token") for value in ODD_TOKENS),
    ],
    ids=repr,
)
def test_an_odd_answer(changes: dict[str, object], why: str) -> None:
    """An answer that can't be trusted is an error that says why, what to look at, and no secret."""
    body = {name: value for name, value in (TOKEN | changes).items() if value is not None}
    source = Source(answer(json=body))
    with pytest.raises(EvplResponseError, match=why) as raised:
        source.tokens.token()
    told = str(raised.value)
    assert told.startswith("token request: ")
    assert told.endswith(f"(request id {REQUEST_ID}); check token_url")
    assert "token-1" not in told


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_the_type_is_of_any_case(token_type: str) -> None:
    """`Bearer` is written in any case (RFC 6749, 5.1)."""
    assert Source(token(token_type=token_type)).tokens.token() == "token-1"


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b"[" * 50_000, b'{"a":' * 50_000])
def test_no_json_object(body: bytes) -> None:
    """JSON that is no object is an error for good, never a token."""
    with pytest.raises(EvplResponseError, match="the answer is no JSON object"):
        Source(answer(content=body)).tokens.token()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"access_token": "tok', b'{"access_token": "tok"}}'])
def test_no_whole_json(body: bytes) -> None:
    """HTML, nothing, half an answer: a gateway's hiccup, after which the endpoint is asked again."""
    source = Source(answer(content=body), token("one"))
    with pytest.raises(EvplUnavailableError) as raised:
        source.tokens.token()
    told = f"token request: the answer is no whole JSON text (request id {REQUEST_ID})"
    assert str(raised.value).startswith(f"{told}; if the error stays, check token_url")
    source.clock.sleep(1)
    assert (source.tokens.token(), source.count) == ("one", 2)


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
def test_a_refusal(status: int, body: object, kind: type[EvplError]) -> None:
    """A refusal is the error of the table, about the token request, without the secret."""
    with pytest.raises(kind, match=rf"^token request: {status}.*no \*\*\*") as raised:
        Source(answer(status, json=body)).tokens.token()
    assert SECRET not in str(raised.value)
    assert ("check login" in str(raised.value)) == (status in (302, 400, 401))


def test_threads_share_a_token() -> None:
    """Of many threads that need the first token one asks for it, and all get it."""
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
        got.append(source.tokens.token())

    all_at_once(THREADS, work)
    assert got == ["token-1"] * THREADS
    assert source.count == 1


def test_threads_share_a_renewal() -> None:
    """Of many threads whose token is refused one asks for another; a late one gets that, too."""
    source = Source(token("one"), token("two"), token("three"))
    refused = source.tokens.token()
    got: list[str] = []
    all_at_once(THREADS, lambda _: got.append(source.tokens.renew(refused=refused)))
    assert got == ["two"] * THREADS
    assert source.tokens.renew(refused="one") == "two"
    assert source.count == 2


def test_threads_share_a_refusal() -> None:
    """Credentials that are refused are sent once, however many threads ask; each gets the error."""
    source = Source(answer(401, json={"code": 41}))
    errors: list[BaseException] = []

    def work(_: int) -> None:
        with pytest.raises(EvplAuthError, match="token request: 401/41") as raised:
            source.tokens.token()
        errors.append(raised.value)

    all_at_once(THREADS, work)
    assert len({id(error) for error in errors}) == THREADS
    assert source.count == 1


def test_what_may_pass_is_asked_again() -> None:
    """After a failure that may pass the next call asks anew, also when a renewal failed."""
    busy = answer(503, json={})
    source = Source(busy, token("one"), busy, token("two"))
    with pytest.raises(EvplUnavailableError):
        source.tokens.token()
    source.clock.sleep(1)
    assert source.tokens.token() == "one"
    with pytest.raises(EvplUnavailableError):
        source.tokens.renew(refused="one")
    source.clock.sleep(1)
    assert source.tokens.token() == "two"
    assert source.count == 4


def test_a_failure_is_not_repeated_by_every_thread() -> None:
    """Within a second, or as long as the endpoint asks, a failure holds for all threads: one request."""
    source = Source(answer(503, json={}), answer(429, json={}, headers={"Retry-After": "30"}), token())
    for _ in range(THREADS):
        with pytest.raises(EvplUnavailableError):
            source.tokens.token()
    source.clock.sleep(1)
    for seconds in (0, 29):
        source.clock.sleep(seconds)
        with pytest.raises(EvplRateLimitError) as limited:
            source.tokens.token()
        assert limited.value.retry_after_seconds == 30
    assert source.count == 2
    source.clock.sleep(1)
    assert source.tokens.token() == "token-1"
