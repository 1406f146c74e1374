import base64
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.support.sandbox import TOKEN_PATH, Client

GRANT = {"grant_type": "client_credentials"}
POSTED = {**GRANT, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
BASIC = ("sandbox-client", "sandbox-secret")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _authorization(text: str) -> dict[str, Any]:
    return {"headers": {"Authorization": text}, "data": GRANT}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"data": POSTED, "auth": BASIC}, 400, "invalid_request"),
    ({"data": {**GRANT, "client_id": "sandbox-client"}, "auth": BASIC}, 400, "invalid_request"),
    ({"data": {}, "auth": BASIC, "headers": FORM}, 400, "invalid_request"),
    ({"json": POSTED}, 400, "invalid_request"),
    ({"params": POSTED}, 400, "invalid_request"),
    (
        {"content": "grant_type=client_credentials&grant_type=x", "auth": BASIC, "headers": FORM},
        400,
        "invalid_request",
    ),
    ({"content": b"\xff", "auth": BASIC, "headers": FORM}, 400, "invalid_request"),
    ({"data": {"grant_type": "password"}, "auth": BASIC}, 400, "unsupported_grant_type"),
    ({"data": GRANT}, 401, "invalid_client"),
    ({"data": GRANT, "auth": ("sandbox-client", "wrong")}, 401, "invalid_client"),
    ({"data": GRANT, "auth": ("wrong", "sandbox-secret")}, 401, "invalid_client"),
    ({"data": {**POSTED, "client_secret": "wrong"}}, 401, "invalid_client"),
    ({"data": {**POSTED, "client_secret": ""}}, 401, "invalid_client"),
    ({"data": {**GRANT, "client_id": "sandbox-client"}}, 401, "invalid_client"),
    (_authorization("Basic"), 401, "invalid_client"),
    (_authorization("Basic not-base-64"), 401, "invalid_client"),
    (_authorization(f"Basic {_encoded('sandbox-client')}"), 401, "invalid_client"),
    (_authorization(f"Basic {_encoded('é:è')}"), 401, "invalid_client"),
    (_authorization(f"Bearer {_encoded(':'.join(BASIC))}"), 401, "invalid_client"),
    ({"data": POSTED, "headers": {"Accept": "text/html"}}, 406, "invalid_request"),
    ({"data": POSTED, "headers": {"Accept": ""}}, 406, "invalid_request"),
]


@pytest.fixture(scope="module")
def client() -> Client:
    """Requests to a sandbox whose tokens live 90 seconds."""
    return Client(SandboxConfig(token_ttl=90))


@pytest.mark.parametrize(
    "options",
    [
        {"data": GRANT, "auth": BASIC},
        {"data": POSTED},
        {"data": {**POSTED, "scope": "ignored"}},
        {"data": POSTED, "headers": {"Accept": "text/html, Application/JSON;q=0.5"}},
        {"data": POSTED, "headers": {"Accept": "application/*"}},
        {"data": POSTED, "headers": {"Content-Type": f"{FORM['Content-Type']}; charset=UTF-8"}},
        _authorization(f"basic {_encoded(':'.join(BASIC))}"),
    ],
    ids=str,
)
def test_right_credentials_get_a_new_token(client: Client, options: dict[str, Any]) -> None:
    """Credentials by HTTP Basic or in the form give a new Bearer token that opens the report."""
    answer = client.request("POST", TOKEN_PATH, **options)
    body = answer.json()
    assert answer.status_code == 200
    assert sorted(body) == ["access_token", "expires_in", "token_type"]
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 90)
    assert answer.headers["cache-control"] == "no-store"
    assert client.report(token=body["access_token"]).status_code == 200


@pytest.mark.parametrize(("options", "status", "error"), REFUSED, ids=str)
def test_a_wrong_token_request_is_refused(
    client: Client, options: dict[str, Any], status: int, error: str
) -> None:
    """Each wrong request is refused with its status and the shape of RFC 6749, secrets kept."""
    answer = client.request("POST", TOKEN_PATH, **options)
    body = answer.json()
    assert (answer.status_code, body["error"]) == (status, error)
    assert sorted(body) == ["error", "error_description"]
    assert answer.headers["X-OAPI-Request-Id"]
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert "sandbox-secret" not in answer.text


def test_tokens_live_side_by_side(client: Client) -> None:
    """A new token leaves those issued before alone, and no two are the same."""
    first, second = client.token(), client.token()
    assert first != second
    assert client.report(token=first).status_code == client.report(token=second).status_code == 200


def test_only_post_is_allowed(client: Client) -> None:
    """Only POST is allowed; the refusal is the gateway's, in the API's shape."""
    answer = client.request("GET", TOKEN_PATH)
    assert (answer.status_code, answer.json()["code"]) == (405, 61)
    assert answer.headers["allow"] == "POST"
