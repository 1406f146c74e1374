"""Tokens of an OAuth 2.0 server that nobody here wrote."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplAuthError, EvplError, EvplRequestError, EvplResponseError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.faults_pulls import HOURLY, TRUTH, rows_of
from tests.support.oidc import App, World, world

PATIENCE_SECONDS = 30
Start = Callable[..., World]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the API: eight series on three pages."""
    with SandboxServer(SandboxConfig(circuits=2, granularity="3600s", page_size=3)) as server:
        yield server


@pytest.fixture
def start(sandbox: SandboxServer) -> Iterator[Start]:
    """Give a way to start an authorization server, which ends with the test."""
    with ExitStack() as stack:
        yield lambda app, *before: stack.enter_context(world(app, sandbox, *before))


def _land(settings: Settings, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
    with Client(settings, clock=clock, sleep=lambda _: None) as client:
        pull(client, LocalStore(str(root)), HOURLY, provenance={})


@pytest.mark.parametrize(
    ("app", "at_least"),
    [(App(), 20), (App(format="jwt"), 500), (App(format="jwt", padding=5_000), 6_500)],
    ids=["opaque", "jwt", "long jwt"],
)
@pytest.mark.parametrize("token_auth", ["basic", "post"])
def test_a_day_lands_with_its_token(
    start: Start, tmp_path: Path, app: App, at_least: int, token_auth: str
) -> None:
    """One token, of whatever look, is good for the whole day; the credentials come in one way, never both."""
    it = start(app)
    _land(it.settings(token_auth=token_auth), tmp_path)
    assert rows_of(tmp_path) == TRUTH
    [bearer], [request] = it.bearers(), it.tokens.seen
    assert len(bearer) >= at_least
    assert (b"client_secret=" in request.body) == (token_auth == "post")
    assert ("Authorization" in request.headers) == (token_auth == "basic")


def test_a_token_beyond_the_limit_is_no_token(start: Start, tmp_path: Path) -> None:
    """One of more than 8,000 characters is an error that shows nothing of it, before the API is asked."""
    it = start(App(format="jwt", padding=20_000))
    with pytest.raises(EvplResponseError, match="no usable access_token") as caught:
        _land(it.settings(), tmp_path)
    assert "eyJ" not in str(caught.value)
    assert not it.api.seen


def test_a_wrong_secret_is_refused_once(start: Start, tmp_path: Path) -> None:
    """The error has the server's reason and where to look, the secret not; it isn't asked again."""
    it = start(App())
    with pytest.raises(EvplAuthError, match=r"401(.|\n)*token_auth(.|\n)*invalid_client") as caught:
        _land(it.settings(password="another-secret"), tmp_path)
    assert "another-secret" not in str(caught.value)
    assert len(it.tokens.seen) == 1
    assert not it.api.seen


BY_LETTER = "a-b_c.d~e!f*g'h(i)j&k=l/m:n?o@p"
BY_FORM = "a+b%41c"
NO_FORM = "a%zz"


@pytest.mark.parametrize("text", [BY_LETTER, BY_FORM, NO_FORM])
def test_any_secret_can_be_posted(start: Start, text: str) -> None:
    """In the form every id and secret arrive as they are."""
    it = start(App(client_id=text.replace(":", ""), client_secret=text))
    with Client(it.settings(token_auth="post")) as client:
        client.check_token()


def test_basic_sends_what_it_is_given(start: Start) -> None:
    """By Basic all characters arrive but `%` and `+`, which the RFC has encoded once more, and Orange not."""
    it = start(App(client_id=BY_LETTER.replace(":", ""), client_secret=BY_LETTER))
    with Client(it.settings()) as client:
        client.check_token()


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        (BY_FORM, EvplAuthError, r"\(401\)[\s\S]*token_auth[\s\S]*invalid_client"),
        (
            NO_FORM,
            EvplRequestError,
            r"\(400\)[\s\S]*token_auth[\s\S]*invalid_request .* not properly encoded",
        ),
    ],
)
def test_where_basic_is_read_by_the_rfc_the_error_says_so(
    start: Start, text: str, kind: type[EvplError], why: str
) -> None:
    """A server that decodes what wasn't encoded refuses; the error names `token_auth`, the way out."""
    it = start(App(client_secret=text))
    with Client(it.settings()) as client, pytest.raises(kind, match=why) as caught:
        client.check_token()
    assert text not in str(caught.value)


def test_a_token_is_renewed_before_its_end(start: Start, tmp_path: Path) -> None:
    """What the server says of a token's life is kept to: of ten minutes nine are used, at five a look."""
    seconds = iter(range(0, 1_000_000, 300))
    it = start(App(ttl=600))
    _land(it.settings(), tmp_path, lambda: float(next(seconds)))
    assert rows_of(tmp_path) == TRUTH
    assert len(it.bearers()) == len(it.tokens.seen) > 1
    assert all(it.is_active(one) for one in it.bearers())


def test_an_expired_token_is_replaced_once(start: Start, tmp_path: Path) -> None:
    """Where the API finds it expired, by its own clock, one new token is asked for, and the day lands."""

    def outlive(it: World) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(it.api.seen) == 2 and it.is_active(it.bearers()[0]):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    it = start(App(ttl=2), outlive)
    _land(it.settings(), tmp_path, lambda: 0.0)
    assert rows_of(tmp_path) == TRUTH
    assert len(it.bearers()) == len(it.tokens.seen) == 2


def test_a_revoked_token_is_replaced_once(start: Start, tmp_path: Path) -> None:
    """Where the server forgets a token in mid-run, one new one is asked for, and the day lands."""

    def forget(it: World) -> None:
        if len(it.api.seen) == 2:
            it.revoke(it.bearers()[0])

    it = start(App(), forget)
    _land(it.settings(), tmp_path)
    assert rows_of(tmp_path) == TRUTH
    assert len(it.bearers()) == len(it.tokens.seen) == 2
    assert len(it.api.seen) == 4
