from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.tokens import TOKEN_FAULTS
from tests.support.sandbox import TOKEN_PATH, Client, Clock

RIGHT = {"token_type": "Bearer", "access_token": str, "expires_in": 3600}
GOOD = [200] * 12
# The answer, and what twelve report requests with its token are answered.
ANSWERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "token-expires-early": (RIGHT, GOOD),
    "token-revoked": (RIGHT, [200] * 10 + [401, 401]),
    "token-ends-earlier": (RIGHT, GOOD),
    "token-refused": (RIGHT, [401] * 12),
    "expires-in-text": ({**RIGHT, "expires_in": "3600"}, GOOD),
    "expires-in-word": ({**RIGHT, "expires_in": "soon"}, GOOD),
    "expires-in-zero": ({**RIGHT, "expires_in": 0}, GOOD),
    "expires-in-tiny": ({**RIGHT, "expires_in": 1}, GOOD),
    "expires-in-null": ({**RIGHT, "expires_in": None}, GOOD),
    "expires-in-missing": ({"token_type": "Bearer", "access_token": str}, GOOD),
    "token-type-lower-case": ({**RIGHT, "token_type": "bearer"}, GOOD),
    "token-type-mac": ({**RIGHT, "token_type": "mac"}, GOOD),
    "token-type-missing": ({"access_token": str, "expires_in": 3600}, GOOD),
    "access-token-null": ({**RIGHT, "access_token": None}, []),
    "access-token-missing": ({"token_type": "Bearer", "expires_in": 3600}, []),
}


def _answer(client: Client) -> dict[str, Any]:
    auth = (client.config.client_id, client.config.client_secret)
    answer = client.request("POST", TOKEN_PATH, data={"grant_type": "client_credentials"}, auth=auth)
    body: dict[str, Any] = answer.json()
    return body


def test_the_table_above_has_each_fault_of_a_token() -> None:
    """No fault of a token is without its line above."""
    assert {fault.name for fault in TOKEN_FAULTS} == set(ANSWERS)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_fault_of_a_token_changes_its_answer_and_lifetime(name: str) -> None:
    """The token endpoint answers what is written above, and the token opens the report as long."""
    client = Client(SandboxConfig(faults=(name,)))
    expected, statuses = ANSWERS[name]
    answer = _answer(client)
    token = answer.get("access_token")
    assert {**answer, **({"access_token": str} if isinstance(token, str) else {})} == expected
    assert [client.report(token=token).status_code for _ in statuses] == statuses


def test_a_short_token_expires_after_a_tenth_of_its_lifetime() -> None:
    """It is expired, not unknown, after a tenth of its life."""
    clock = Clock()
    client = Client(SandboxConfig(faults=("token-expires-early",)), clock=clock)
    token = client.token()
    clock.seconds = 359.9
    assert client.report(token=token).status_code == 200
    clock.seconds = 360
    assert client.report(token=token).json()["code"] == 42


def test_a_used_up_token_is_unknown() -> None:
    """A token that is used up is unknown, and a new one is good again."""
    client = Client(SandboxConfig(faults=("token-revoked",)))
    token = client.token()
    codes = [client.report(token=token).json().get("code") for _ in range(11)]
    assert codes == [None] * 10 + [41]
    assert client.report(token=client.token()).status_code == 200


def test_second_token_ends_the_first() -> None:
    """The first token is unknown after the second one is issued; with a count only the first time."""
    client = Client(SandboxConfig(faults=("token-ends-earlier@2:1",)))
    tokens = [client.token()]
    assert client.report(token=tokens[0]).status_code == 200
    tokens += [client.token(), client.token()]
    answers = [client.report(token=token) for token in tokens]
    assert [answer.status_code for answer in answers] == [401, 200, 200]
    assert answers[0].json()["code"] == 41


def test_a_count_limits_the_wrong_tokens() -> None:
    """With a count only so many tokens are wrong."""
    client = Client(SandboxConfig(faults=("token-refused:2",)))
    assert [client.report().status_code for _ in range(4)] == [401, 401, 200, 200]
