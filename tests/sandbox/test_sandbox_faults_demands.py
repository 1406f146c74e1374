import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.demands import DEMAND_FAULTS
from tests.support.sandbox import QUERY, TOKEN_PATH, Client, query

GRANT = {"grant_type": "client_credentials"}
REPEATED, JOINED, FIRST = (
    [value for name, value in params if name == "ctxtid"]
    for params in (QUERY, query(ctxtid="wses,vsn"), query(ctxtid="wses"))
)
CTXTID = {  # the status and code of each form: repeated, joined, only the first value
    "": [(200, None), (400, 28), (400, 27)],
    "ctxtid-joined": [(400, 28), (200, None), (400, 28)],
    "ctxtid-first": [(400, 28), (400, 28), (200, None)],
}
CREDENTIALS = {  # the status of each way: HTTP Basic, form
    "": [200, 200],
    "basic-refused": [401, 200],
    "form-refused": [200, 401],
}


def _client(*faults: str) -> Client:
    return Client(SandboxConfig(circuits=1, faults=tuple(filter(None, faults))))


def test_the_tables_above_have_each_fault_of_a_demand() -> None:
    """No fault of a demand is without its line above."""
    assert {fault.name for fault in DEMAND_FAULTS} == {*CTXTID, *CREDENTIALS} - {""}


@pytest.mark.parametrize("name", CTXTID)
def test_only_the_demanded_ctxtid_is_served(name: str) -> None:
    """The report serves one form of ctxtid, and answers 400 to the others."""
    client, others = _client(name), list(query(ctxtid=None))
    forms = [[*others, *(("ctxtid", value) for value in form)] for form in (REPEATED, JOINED, FIRST)]
    answers = [client.report(form) for form in forms]
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == CTXTID[name]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_only_the_demanded_credentials_get_a_token(name: str) -> None:
    """The token endpoint accepts credentials in one place, and answers 401 to the other."""
    client = _client(name)
    posted = {"client_id": client.config.client_id, "client_secret": client.config.client_secret}
    answers = [
        client.request("POST", TOKEN_PATH, data=GRANT, auth=tuple(posted.values())),
        client.request("POST", TOKEN_PATH, data={**GRANT, **posted}),
    ]
    assert [answer.status_code for answer in answers] == CREDENTIALS[name]
    assert all("access_token" in answer.text or "invalid_client" in answer.text for answer in answers)


def test_a_count_limits_the_refused_requests() -> None:
    """A count counts only the requests that the fault can refuse."""
    client = _client("ctxtid-joined:1", "form-refused:1")
    assert [client.report().status_code for _ in range(3)] == [400, 200, 200]
