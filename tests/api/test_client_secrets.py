import pytest

from airflow_provider_evpl.errors import EvplError
from tests.api.support import QUERY, SECRET, TOKEN, answer, report, scripted, settings

OK = answer(json=report())


def test_secrets_are_told() -> None:
    """The client secret is told at once, its Basic form and each token as they come."""
    with scripted([OK]) as api:
        assert api.secrets == [SECRET, settings().basic_credentials]
        api.client.page(QUERY, 1)
    assert api.secrets[2:] == ["token-1"]


def test_no_secret_in_what_is_kept_of_a_page() -> None:
    """What a report echoes of a secret is hidden in what was rejected and in the names nobody knows."""
    sample = {"timeStamp": "2026-11-22T00:00:00Z", "value": f"Bearer {TOKEN['access_token']}", SECRET: 1}
    body = report({"objectInstanceId": "a", "metric_name": "m", "performanceValues": [sample]})
    with scripted([answer(json=body)]) as api:
        page = api.client.page(QUERY, 1)
    assert page.unknown_fields == {"entries[].performanceValues[].***"}
    assert "Bearer ***" in page.rejections[0].raw
    for secret in (SECRET, str(TOKEN["access_token"])):
        assert secret not in str(page)


@pytest.mark.parametrize("status", [201, 202, 203, 400, 429, 500])
def test_a_token_that_comes_with_an_error_is_not_shown(status: int) -> None:
    """A token in an answer of any other status than 200 is neither used nor told."""
    tokens = [answer(status, json={**TOKEN, "access_token": "a-token-to-hide"})]
    with scripted([OK], tokens) as api, pytest.raises(EvplError) as raised:
        api.client.page(QUERY, 1)
    assert "a-token-to-hide" not in str(raised.value)
    assert api.reports.call_count == 0
