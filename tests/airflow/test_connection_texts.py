"""A connection as JSON and as URI, the ways in which environments and secret stores hold them."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplConfigError
from tests.support.airflow_versions import needs
from tests.support.connections import OTHERS

HOST = "https://localhost:8075/gate%20way"
BLANK = {"token_url": "", "job": None, "offer_type": " "}
EXTRA = {"application_id": "the app"} | OTHERS | {"ctxtid": [*OTHERS["ctxtid"]]} | BLANK
TEXTS = {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in EXTRA.items()}
TEXTS |= {"job": ""}
FIELDS: dict[str, Any] = {"login": "the/id", "password": "s3cret@:/?#%41", "host": HOST}
EXPECTED = Settings.from_connection(**FIELDS, extra=EXTRA, conn_id="evpl_default")
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
def test_connection_as_json_and_uri_is_the_same(
    read: Callable[[str], Settings], way: Callable[[], str]
) -> None:
    """JSON and URI, with extras as they are or as text, give the same settings."""
    assert read(way()) == EXPECTED


def test_uri_may_have_the_scheme_of_the_host(read: Callable[[str], Settings]) -> None:
    """Airflow also reads the scheme of the host before the credentials."""
    uri = "evpl://https://id:secret@api.example.com/?application_id=app"
    assert read(uri).base_url == "https://api.example.com"


def test_port_in_a_uri_is_an_error(read: Callable[[str], Settings]) -> None:
    """A port that Airflow reads as a field is an error that says how to write it."""
    with pytest.raises(EvplConfigError, match=r"(?s)^port: .*in a URI percent-encoded"):
        read("evpl://https://id:secret@api.example.com:8443/?application_id=app")


@pytest.mark.contract("connection.port")
def test_port_0_in_a_uri_is_ignored(read: Callable[[str], Settings]) -> None:
    """The test button of Airflow 3.3.2 needs a port, and passes the connection on as a URI."""
    assert read(f"{START}@{quote(HOST, safe='')}:0/?{urlencode(TEXTS)}") == EXPECTED


@pytest.mark.contract("connection.unknown-extra")
def test_unknown_key_of_a_uri_is_named(read: Callable[[str], Settings]) -> None:
    """A typing mistake in a URI is an error."""
    with pytest.raises(EvplConfigError, match="unknown aplication_id"):
        read("evpl://id:secret@/?aplication_id=app")
