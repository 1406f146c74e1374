"""A connection's fields become settings, or an error that names the field and shows no secret."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.errors import EvplConfigError
from tests.support.connections import DEFAULTS, OTHERS, SECRET, settings
from tests.support.network import make_certificate


@pytest.mark.contract("connection.base-URL", "connection.code_ope", "connection.token_auth")
@pytest.mark.contract("connection.ctxtid", "connection.pagination", "connection.page_parallelism")
@pytest.mark.contract("connection.requests_per_second", "connection.timeout_seconds")
@pytest.mark.contract("connection.max_retry_seconds", "connection.verify", "connection.naive_timestamps")
@pytest.mark.contract("connection.job", "gap.A4", "gap.A15", "gap.A19")
def test_settings_need_three_fields() -> None:
    """Client id, secret and ApplicationID are required. Other fields have the defaults of the contract."""
    required = {"client_id": "client", "client_secret": SECRET, "application_id": "app"}
    fixed = {"base_url": "https://api.orange.com", "connection": "the connection"}
    assert asdict(settings()) == required | fixed | DEFAULTS


def test_each_extra_is_read() -> None:
    """Each optional extra is read under its name."""
    extra = OTHERS | {"verify": True}
    assert {name: getattr(settings(**extra), name) for name in OTHERS} == extra


@pytest.mark.contract("connection.client-id", "connection.client-secret", "connection.application_id")
@pytest.mark.contract("gap.A18")
@pytest.mark.parametrize("missing", ["login", "password", "application_id"])
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_missing_field_is_named(missing: str, nothing: str | None) -> None:
    """Null and blank mean "not given". The error names the field and the connection."""
    with pytest.raises(EvplConfigError, match=rf"^{missing}.*: must be set\.\n.* in connection evpl_1\.$"):
        settings(**{missing: nothing}, conn_id="evpl_1")


@pytest.mark.contract("connection.unknown-extra")
def test_unknown_extra_is_named() -> None:
    """An unknown extra is an error, also if it is empty. The error does not show the value."""
    with pytest.raises(EvplConfigError, match="unknown aplication_id") as error:
        settings(aplication_id=SECRET)
    assert SECRET not in str(error.value)
    with pytest.raises(EvplConfigError, match="unknown client_secret"):
        settings(client_secret=None)


@pytest.mark.contract("connection.ctxtid")
def test_extras_may_be_text() -> None:
    """Each extra may be text, as in a URI."""
    as_json = settings(
        ctxtid=["a", "b"],
        page_parallelism=8,
        requests_per_second=2.5,
        timeout_seconds=5,
        max_retry_seconds=0,
        verify=True,
    )
    as_text = settings(
        ctxtid=" a, b ",
        page_parallelism="8",
        requests_per_second="2.5",
        timeout_seconds=" 5 ",
        max_retry_seconds="0",
        verify="True",
    )
    assert as_json == as_text


@pytest.mark.contract("connection.text")
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_blank_fields_have_their_defaults(nothing: str | None) -> None:
    """Forms store nulls and blanks for empty fields."""
    assert settings(host=nothing, **dict[str, Any].fromkeys(DEFAULTS, nothing)) == settings()


@pytest.mark.contract("gap.A1")
@pytest.mark.parametrize("text", ["a,b", '["a", "b"]', "['a', 'b']", " [ 'a','b' ] "])
def test_ctxtid_may_be_a_list_as_text(text: str) -> None:
    """A list may be text of JSON, as in a URI, or text of Python, as the form of Airflow 2.11 stores it."""
    assert settings(ctxtid=text).ctxtid == ("a", "b")


@pytest.mark.contract("connection.ctxtid", "gap.A1")
@pytest.mark.parametrize("none", ["none", "None", [], "[]"])
def test_ctxtid_may_be_empty(none: object) -> None:
    """An empty list is written `none`."""
    assert settings(ctxtid=none).ctxtid == ()


def test_job_may_be_any_text() -> None:
    """A job is text, without surrounding blanks."""
    assert settings(job=" JOBX ").job == "JOBX"


@pytest.mark.contract("connection.application_id", "connection.code_ope", "connection.token_auth")
@pytest.mark.contract("connection.pagination", "connection.page_parallelism")
@pytest.mark.contract("connection.requests_per_second", "connection.timeout_seconds")
@pytest.mark.contract("connection.max_retry_seconds", "connection.naive_timestamps", "connection.job")
@pytest.mark.contract("connection.wrong-value")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("application_id", 7),
        ("application_id", "line\nbreak"),
        ("code_ope", 42),
        ("token_auth", "digest"),
        ("ctxtid", 5),
        ("ctxtid", "wses,,vsn"),
        ("ctxtid", [1]),
        ("ctxtid", "[1]"),
        ("ctxtid", "[wses, vsn]"),
        ("ctxtid", '["wses"'),
        ("pagination", "cursor"),
        ("page_parallelism", 0),
        ("page_parallelism", 33),
        ("page_parallelism", 1.5),
        ("page_parallelism", "many"),
        ("page_parallelism", True),
        ("requests_per_second", 0),
        ("requests_per_second", 1001),
        ("requests_per_second", "nan"),
        ("requests_per_second", "1e-300"),
        ("requests_per_second", "1e999"),
        ("timeout_seconds", 0),
        ("timeout_seconds", "inf"),
        ("timeout_seconds", 10**400),
        ("max_retry_seconds", -1),
        ("verify", 1),
        ("verify", "/there/is/no/such/bundle.pem"),
        ("proxy", "socks5://127.0.0.1:1080"),
        ("proxy", "http://"),
        ("naive_timestamps", "local"),
        ("job", 1),
        ("job", ".."),
        ("offer_type", ["EVPL"]),
    ],
)
def test_wrong_extra_is_named(name: str, value: Any) -> None:  # noqa: ANN401 the point is to try anything
    """The error of a wrong type or range starts with the name of the field."""
    with pytest.raises(EvplConfigError, match=f"^{name}"):
        settings(**{name: value})


@pytest.mark.contract("connection.page_parallelism")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_parallelism", 1),
        ("page_parallelism", 32),
        ("requests_per_second", 0.001),
        ("requests_per_second", 1000),
        ("timeout_seconds", 0.001),
        ("max_retry_seconds", 0),
        ("token_auth", "post"),
        ("pagination", "page"),
        ("naive_timestamps", "utc"),
        ("proxy", "http://127.0.0.1:3128"),
        ("proxy", "https://user:p%40ss@proxy.example.com:3128"),
    ],
)
def test_range_includes_its_ends(name: str, value: Any) -> None:  # noqa: ANN401 the point is to try anything
    """The smallest and the largest number, and each choice, is accepted."""
    assert getattr(settings(**{name: value}), name) == value


@pytest.mark.parametrize("url", ["http://localhost:8075", "HTTP://127.0.0.1"])
@pytest.mark.parametrize("field", ["host", "token_url"])
def test_remote_proxy_needs_https(field: str, url: str) -> None:
    """Over plain HTTP, the credentials stay on this machine: a proxy on another machine is an error."""
    with pytest.raises(EvplConfigError, match=r"^proxy: must be on a loopback host"):
        settings(**{field: url}, proxy="http://proxy.example.com:3128")
    assert settings(**{field: url}, proxy="http://127.0.0.1:3128").token_url.startswith(url)


@pytest.mark.contract("connection.base-URL", "connection.token_url", "connection.urls", "gap.A19")
@pytest.mark.parametrize(
    "host",
    [
        "https://api.example.com",
        "https://api.example.com:8443/gateway/",
        "http://localhost:8075",
        "http://127.1.2.3",
        "http://[::1]:80",
    ],
)
def test_url_is_https_or_loopback(host: str) -> None:
    """Plain HTTP is for a loopback host only. A trailing slash is ignored."""
    made = settings(host=host)
    assert made.base_url == host.rstrip("/")
    assert made.token_url == f"{made.base_url}/oauth/v3/token"
    assert settings(token_url=host).token_url == made.base_url


@pytest.mark.contract("connection.urls")
@pytest.mark.parametrize(
    "url",
    [
        "api.orange.com",
        "ftp://api.orange.com",
        "http://api.orange.com",
        "http://0.0.0.0:8075",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://[::2]",
        "https://",
        "https://user:hunter2@api.orange.com",
        "https://hunter2@api.orange.com",
        "https://api.orange.com?key=hunter2",
        "https://api.orange.com?",
        "https://api.orange.com#",
        "https://api.orange.com/#hunter2",
        "https://api.orange.com:hunter2",
        "https://[api",
        "http://127.0.0.1\\@example.com",
        "https://api.orange .com",
    ],
)
@pytest.mark.parametrize("field", ["host", "token_url"])
def test_wrong_url_is_named_not_shown(field: str, url: str) -> None:
    """Scheme, host and port must be clear. A URL must have no credentials, because messages show it."""
    with pytest.raises(EvplConfigError, match=f"^{field}") as error:
        settings(**{field: url})
    assert "hunter2" not in str(error.value)


@pytest.mark.contract("connection.verify")
def test_verify_accepts_a_bundle(tmp_path: Path) -> None:
    """The path of a CA bundle, or of a folder of certificates, is kept."""
    bundle = make_certificate(tmp_path / "ca.pem")
    assert settings(verify=str(bundle)).verify == str(bundle)
    assert settings(verify=str(tmp_path)).verify == str(tmp_path)


def test_verify_rejects_a_file_without_certificates(tmp_path: Path) -> None:
    """Each request would fail, as if the host were down."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    with pytest.raises(
        EvplConfigError, match=r"verify: .* is no CA bundle on this machine\.\n.*\n.*no certificate"
    ):
        settings(verify=str(bundle))


@pytest.mark.contract("connection.verify")
def test_verify_false_is_for_loopback() -> None:
    """Certificates are checked for each host but a loopback host, also for the host of the token."""
    assert settings(host="http://localhost:1", verify="false").verify is False
    with pytest.raises(EvplConfigError, match="verify"):
        settings(verify=False)
    with pytest.raises(EvplConfigError, match="verify"):
        settings(host="http://localhost:1", token_url="https://login.example.com", verify=False)


@pytest.mark.contract("connection.proxy")
@pytest.mark.parametrize("credentials", ["user:pr0xy", "pr0xy:", "pr0xy", ":pr0xy"])
def test_settings_text_has_no_secret(credentials: str) -> None:
    """Settings may be printed. A secret is the proxy's password, or its user if there is no password."""
    made = settings(proxy=f"http://{credentials}@proxy.example.com:3128")
    assert SECRET not in repr(made)
    assert "pr0xy" not in repr(made)
    assert {SECRET, "pr0xy", made.basic_credentials} == set(made.secrets)


@pytest.mark.contract("foreign.base-url")
@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("https://API.Orange.com:443/", "https://api.orange.com"),
        ("http://LOCALHOST:8075/Path/", "http://localhost:8075/path"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
        ("https://api.orange.com:80/x", "https://api.orange.com:80/x"),
    ],
)
def test_source_is_normalized(host: str, canonical: str) -> None:
    """Case, default port and trailing slash make no other source. The host counts as given."""
    assert settings(host=host).source == {
        "base_url": canonical,
        "job": "JOBV",
        "offer_type": "EVPL",
        "ctxtid": "wses,vsn",
    }
