"""A connection as JSON and as URI, the ways in which environments and secret stores hold them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplConfigError
from tests.support.airflow_versions import needs

HOST = "https://localhost:8075/gate%20way"
EXTRA = {
    "application_id": "the app",
    "code_ope": "0042",
    "token_url": "",
    "token_auth": "post",
    "ctxtid": ["a", "b&c"],
    "pagination": "page",
    "page_parallelism": 8,
    "requests_per_second": 2.5,
    "timeout_seconds": 30,
    "max_retry_seconds": 0,
    "verify": False,
    "proxy": "http://user:p%40ss@proxy.example:3128",
    "naive_timestamps": "utc",
    "job": None,
    "offer_type": " ",
}
TEXTS = {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in EXTRA.items()}
TEXTS |= {"job": ""}
FIELDS: dict[str, Any] = {"login": "the/id", "password": "s3cret@:/?#%41", "host": HOST}
EXPECTED = Settings.from_connection(**FIELDS, extra=EXTRA)
START = f"evpl://{quote(FIELDS['login'], safe='')}:{quote(FIELDS['password'], safe='')}"


def _as_json(extra: object) -> str:
    return json.dumps({"conn_type": "evpl", **FIELDS, "extra": extra})


def _get_uri(module: str, extra: dict[str, Any]) -> str:
    """Let Airflow write the URI, as `airflow connections export` does."""
    from importlib import import_module

    connection = import_module(module).Connection
    made = connection(conn_id="evpl", conn_type="evpl", **FIELDS, extra=json.dumps(extra))
    return str(made.get_uri())


WAYS: dict[str, Callable[[], str]] = {
    "json": lambda: _as_json(EXTRA),
    "json-texts": lambda: _as_json(TEXTS),
    "json-in-json": lambda: _as_json(json.dumps(EXTRA)),
    "uri-query": lambda: f"{START}@{quote(HOST, safe='')}/?{urlencode(TEXTS)}",
    "uri-extra": lambda: f"{START}@{quote(HOST, safe='')}/?{urlencode({'__extra__': json.dumps(EXTRA)})}",
    "uri-extra-texts": lambda: (
        f"{START}@{quote(HOST, safe='')}?{urlencode({'__extra__': json.dumps(TEXTS)})}"
    ),
    "core-uri": lambda: _get_uri("airflow.models", EXTRA),
    "core-uri-texts": lambda: _get_uri("airflow.models", TEXTS),
}
SDKS_WAYS = {
    "sdk-uri": lambda: _get_uri("airflow.sdk", EXTRA),
    "sdk-uri-texts": lambda: _get_uri("airflow.sdk", TEXTS),
}
ALL_WAYS = [
    *(pytest.param(way, id=name) for name, way in WAYS.items()),
    *(pytest.param(way, id=name, marks=needs("3.0", "airflow.sdk")) for name, way in SDKS_WAYS.items()),
]


@pytest.fixture
def read(airflow_home: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Settings]:
    """Read a connection of the environment."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    def read(text: str) -> Settings:
        monkeypatch.setenv("AIRFLOW_CONN_EVPL_DEFAULT", text)
        with EvplHook().get_conn() as client:
            return client.settings

    assert airflow_home
    return read


@pytest.mark.contract("connection.text")
@pytest.mark.parametrize("way", ALL_WAYS)
def test_json_and_uri_connections_give_the_same_settings(
    read: Callable[[str], Settings], way: Callable[[], str]
) -> None:
    """Extras may be JSON values or text."""
    assert read(way()) == EXPECTED


def test_a_uri_may_have_the_scheme_of_the_host(read: Callable[[str], Settings]) -> None:
    """Airflow also reads the host's own scheme before the credentials."""
    uri = "evpl://https://id:secret@api.example.com/?application_id=app"
    assert read(uri).base_url == "https://api.example.com"


def test_a_port_in_a_uri_is_an_error_that_says_how_to_write_it(read: Callable[[str], Settings]) -> None:
    """A port that Airflow takes for a field of its own is an error that says how to write it."""
    with pytest.raises(EvplConfigError, match=r"^port: .*in a URI percent-encoded"):
        read("evpl://https://id:secret@api.example.com:8443/?application_id=app")


@pytest.mark.contract("connection.port")
def test_a_port_of_0_in_a_uri_is_none(read: Callable[[str], Settings]) -> None:
    """The form's test of Airflow 3.3.2 asks for a port, and hands the connection on as a URI."""
    assert read(f"{START}@{quote(HOST, safe='')}:0/?{urlencode(TEXTS)}") == EXPECTED


@pytest.mark.contract("connection.unknown-extra")
def test_an_unknown_key_of_a_uri_is_named(read: Callable[[str], Settings]) -> None:
    """A typing mistake in a URI is an error, too."""
    with pytest.raises(EvplConfigError, match="unknown aplication_id"):
        read("evpl://id:secret@/?aplication_id=app")
