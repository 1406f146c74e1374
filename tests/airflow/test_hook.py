import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_evpl.errors import EvplConfigError, EvplRefusedError
from tests.support.airflow_versions import needs_any_extra
from tests.support.api import replying, serving

if TYPE_CHECKING:
    from airflow_provider_evpl.hooks.evpl import EvplHook
    from tests.support.airflow_runs import Lab


@pytest.fixture
def hook(lab: "Lab") -> "EvplHook":
    """Give the hook of the default connection."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    assert lab.sandbox.base_url
    return EvplHook()


@pytest.mark.contract("names.EvplHook")
def test_hook_makes_an_authorized_client(hook: "EvplHook", lab: "Lab") -> None:
    """The client requests a token when it is used, not when it is made."""
    before = lab.sandbox.tokens_issued
    with hook.get_conn() as client:
        assert lab.sandbox.tokens_issued == before
        client.check_token()
    assert lab.sandbox.tokens_issued == before + 1


def test_get_settings_makes_no_client_and_requests_no_token(hook: "EvplHook", lab: "Lab") -> None:
    """The settings are those of the client."""
    before = lab.sandbox.tokens_issued
    settings = hook.get_settings()
    with hook.get_conn() as client:
        assert client.settings == settings
    assert lab.sandbox.tokens_issued == before


def test_client_works_in_the_thread_of_the_event_loop(hook: "EvplHook", lab: "Lab") -> None:
    """As in a notebook: the loop can't wait for itself, so the secret is masked directly."""
    lab.connect()

    async def use() -> None:
        with await hook.aget_conn() as client:
            client.check_token()

    asyncio.run(use())


def test_client_of_an_event_loop_does_not_retry(hook: "EvplHook", lab: "Lab") -> None:
    """Its settings are the connection's, except `max_retry_seconds`. A missing connection is named."""
    lab.connect(max_retry_seconds=300)
    before = lab.sandbox.tokens_issued

    async def use() -> None:
        with await hook.aget_conn() as client, hook.get_conn() as other:
            assert lab.sandbox.tokens_issued == before
            await asyncio.to_thread(client.check_token)
            assert client.settings == replace(other.settings, max_retry_seconds=0)

    asyncio.run(use())
    hook.evpl_conn_id = "nobody"
    with pytest.raises(EvplConfigError, match="No connection `nobody`"):
        asyncio.run(hook.aget_conn())


@pytest.mark.contract("connection.port", "connection.wrong-value")
@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("login", "", "login"),
        ("password", None, "password"),
        ("host", "http://api.orange.com", "host"),
        ("host", "api.orange.com", "host"),
        ("port", 8443, "port"),
        ("schema", "https", "schema"),
        pytest.param("extra", "{not JSON: hush-hush", "extra", marks=needs_any_extra),
        pytest.param("extra", "[1, 2]", "extra", marks=needs_any_extra),
        ("application_id", " ", "application_id"),
        ("code_ope", 42, "code_ope"),
        ("token_url", "ftp://x", "token_url"),
        ("token_auth", "digest", "token_auth"),
        ("ctxtid", 1, "ctxtid"),
        ("pagination", "offset", "pagination"),
        ("page_parallelism", 33, "page_parallelism"),
        ("requests_per_second", 0, "requests_per_second"),
        ("timeout_seconds", "0", "timeout_seconds"),
        ("max_retry_seconds", -1, "max_retry_seconds"),
        ("verify", "/no/such/bundle", "verify"),
        ("proxy", "socks5://hush-hush@x", "proxy"),
        ("naive_timestamps", "local", "naive_timestamps"),
        ("job", 1, "job"),
        ("offer_type", ["EVPL"], "offer_type"),
        ("aplication_id", "x", "aplication_id"),
    ],
)
def test_wrong_connection_field_is_named_without_a_secret(
    hook: "EvplHook", lab: "Lab", field: str, value: object, named: str
) -> None:
    """Each wrong field is an EvplConfigError that names the field and shows no secret."""
    lab.connect(**{field: value})
    before = lab.sandbox.tokens_issued
    with pytest.raises(EvplConfigError) as caught:
        hook.get_conn()
    assert named in str(caught.value)
    assert "hush-hush" not in str(caught.value)
    assert lab.sandbox.config.client_secret not in str(caught.value)
    assert hook.test_connection() == (False, str(caught.value))
    assert lab.sandbox.tokens_issued == before


def test_missing_connection_is_named(lab: "Lab") -> None:
    """The error names the id, and says what to do."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    with pytest.raises(EvplConfigError) as caught:
        EvplHook("nobody").get_conn()
    assert caught.value.what == "No connection `nobody`."
    assert caught.value.next_step == "Create it, or set `evpl_conn_id`."
    assert lab.landed() == []


@pytest.mark.contract("connection.port")
def test_empty_fields_of_a_form_are_not_given(hook: "EvplHook", lab: "Lab") -> None:
    """The form stores null and blank text for empty fields."""
    lab.connect(token_url=None, ctxtid=None, page_parallelism=None, verify=None, proxy="", schema="", port=0)
    assert hook.test_connection()[0]


@pytest.mark.contract("connection.prefixed-extra")
def test_prefixed_extras_of_the_old_form_are_read(hook: "EvplHook", lab: "Lab") -> None:
    """The test button of Airflow 2.11 sends each extra twice. An unknown name is an error there too."""
    extra = lab.sandbox.connection()["extra"]
    old = {f"extra__evpl__{name}": value for name, value in extra.items()}
    lab.connect(extra=json.dumps(old | extra))
    assert hook.test_connection()[0]
    lab.connect(extra=json.dumps(extra | {"extra__evpl__page_paralelism": 2}))
    with pytest.raises(EvplConfigError, match=r"^extra: unknown page_paralelism"):
        hook.get_conn()


@pytest.mark.contract("gap.A20")
def test_connection_test_reports_token_and_report(hook: "EvplHook", lab: "Lab") -> None:
    """A good connection gets a token and a report; without code_ope only the token is tested."""
    is_fine, message = hook.test_connection()
    assert is_fine
    assert "Series: 5 on" in message
    assert "minutes old" in message
    lab.connect(code_ope=None)
    is_fine, message = hook.test_connection()
    assert is_fine
    assert "not requested" in message


@pytest.mark.contract("gap.A18")
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("password", "a-wrong-secret", "password"),
        ("application_id", "a-wrong-application", "application_id"),
        ("code_ope", "9999", "code_ope"),
        ("host", "http://127.0.0.1:9", "127.0.0.1"),
    ],
)
def test_connection_test_names_the_wrong_field(
    hook: "EvplHook", lab: "Lab", field: str, value: str, said: str
) -> None:
    """The result names what to check, without a secret."""
    lab.connect(**{field: value})
    is_fine, message = hook.test_connection()
    assert not is_fine
    assert said in message
    assert "a-wrong-secret" not in message
    assert lab.sandbox.config.client_secret not in message


def test_data_frame_equals_the_lake_and_the_truth(hook: "EvplHook", lab: "Lab") -> None:
    """The data frame of a window over midnight has the lake's columns, types and rows."""
    import pandas as pd

    from tests.support.airflow_runs import SERIES, local_paths, truth

    bounds = ("2026-11-19T22:00:00Z", "2026-11-20T02:00:00Z")
    frame = hook.get_utilization_df(*bounds)
    result = lab.execute(window_start=bounds[0], window_end=bounds[1], slice_length="1d")
    landed = [pd.read_parquet(path, partitioning=None) for path in local_paths(result)]
    pd.testing.assert_frame_equal(frame, pd.concat(landed, ignore_index=True))
    moments = [moment.timestamp() for moment in frame["timestamp"]]
    keys = zip(*(frame[name] for name in SERIES), moments, strict=True)
    start, end = (pd.Timestamp(bound).to_pydatetime() for bound in bounds)
    assert dict(zip(keys, frame["value"], strict=True)) == truth(lab.sandbox, start, end)
    assert set(frame["code_ope"]) == {"0042"}


def test_data_frame_lands_nothing_and_checks_its_window(hook: "EvplHook", lab: "Lab") -> None:
    """No object is written; a wrong window is an error."""
    assert len(hook.get_utilization_df("2026-11-20T00:00:00Z", "2026-11-20T00:05:00Z")) == 12
    assert lab.landed() == []
    with pytest.raises(EvplConfigError, match="window_start"):
        hook.get_utilization_df("yesterday", "2026-11-20")


def test_data_frame_of_a_rejected_day_is_an_error(hook: "EvplHook", lab: "Lab") -> None:
    """If more than 1 % of a day is rejected, the error has the reasons."""
    sample = {"timeStamp": "2026-11-20T00:00:00Z", "value": "n/a"}
    entry = {"objectInstanceId": "a", "metric_name": "in", "performanceValues": [sample]}
    body = {"access_token": "a-token", "token_type": "Bearer", "hasNext": False, "entries": [entry]}
    with serving(replying(json.dumps(body).encode())) as server:
        lab.connect(host=server.url)
        with pytest.raises(EvplRefusedError, match=r"100.0%(.*\n)*1 x value is no number"):
            hook.get_utilization_df("2026-11-20", "2026-11-21")
