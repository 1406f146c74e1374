"""TLS, proxies, and what the environment may change."""

import json
import socket
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplConfigError, EvplUnavailableError
from tests.support.api import QUERY, TOKEN, get, replying, report, serving, settings, transported
from tests.support.network import make_certificate, with_tls

PASSWORD = "pr%40xy p"  # as a URL has it, but for the blank
PROXY_VARIABLES = [
    name for word in ("http", "https", "all", "no") for name in (f"{word}_proxy", f"{word.upper()}_PROXY")
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_no_proxy")
def test_host_with_trusted_certificate_is_asked(certificate: Path) -> None:
    """TLS works with a host whose certificate is signed by the CA bundle in `verify`."""
    with (
        serving(replying(b"safe"), with_tls(certificate)) as server,
        transported(settings(verify=str(certificate))) as transport,
    ):
        assert get(transport, f"https://127.0.0.1:{server.port}").body == b"safe"


@pytest.mark.usefixtures("_no_proxy")
def test_interim_responses_over_tls_are_skipped(certificate: Path) -> None:
    """Interim responses are skipped over TLS too, before a token and before a report."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = TOKEN if handler.command == "POST" else report()
        handler.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        replying(json.dumps(body).encode())(handler)

    with serving(reply, with_tls(certificate)) as server:
        url = f"https://127.0.0.1:{server.port}"
        urls = {"base_url": url, "token_url": f"{url}/token"}
        with Client(settings(**urls, verify=str(certificate), max_retry_seconds=0.0)) as client:
            assert client.page(QUERY, 1).entries == []


@pytest.mark.usefixtures("_no_proxy")
def test_untrusted_certificate_is_config_error(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrusted certificate is a setting to correct; no CA bundle is taken from the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with (
        serving(lambda _: None, with_tls(certificate)) as server,
        transported(settings()) as transport,
        pytest.raises(EvplConfigError, match=r"The certificate of .* is not trusted") as raised,
    ):
        get(transport, f"https://127.0.0.1:{server.port}")
    assert "set verify in the connection" in raised.value.next_step
    assert "self-signed" in raised.value.detail
    assert server.seen == []


@pytest.mark.usefixtures("_no_proxy")
def test_server_without_tls_is_temporary_error() -> None:
    """A port that doesn't speak TLS is an unavailable service: no certificate was refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_at_once() -> None:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                connection.sendall(b"HTTP/1.0 400 no\r\n\r\n")
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=answer_at_once)
        thread.start()
        with (
            transported(settings()) as transport,
            pytest.raises(EvplUnavailableError, match="TLS connection"),
        ):
            get(transport, f"https://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()


def _closed_port() -> int:
    """Give a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("url", ["https://127.0.0.1:{port}", "https://nowhere.invalid"])
def test_unreachable_host_names_the_settings(url: str) -> None:
    """A retry does not help with a misspelt host or a closed firewall: the error names what to check."""
    with (
        transported(settings()) as transport,
        pytest.raises(
            EvplUnavailableError, match=r"Can't connect to .* \((connection refused|.*not known)\)"
        ) as raised,
    ):
        get(transport, url.format(port=_closed_port()))
    assert raised.value.next_step.startswith("Check host, token_url and proxy in the connection.")
    assert "Pool" not in str(raised.value)


@pytest.mark.usefixtures("_no_proxy")
def test_unreachable_proxy_names_its_setting() -> None:
    """The error names the setting of the proxy, not the host behind it."""
    with (
        transported(settings(proxy=f"http://127.0.0.1:{_closed_port()}")) as transport,
        pytest.raises(
            EvplUnavailableError, match=r"through the proxy\..*\n.*\nReason: connection refused"
        ) as raised,
    ):
        get(transport, "http://127.0.0.1:9/x")
    assert raised.value.next_step == "Check proxy in the connection, or HTTPS_PROXY."


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in `.netrc` never go anywhere."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login who password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(replying(b"")) as server, transported(settings()) as transport:
        get(transport, server.url)
    assert "Authorization" not in server.seen[0]


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
def test_proxy_of_the_connection_serves_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting takes precedence over the environment, and NO_PROXY has no effect on it."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(replying(b"by proxy")) as proxy, transported(settings(proxy=proxy.url)) as transport:
        assert get(transport, "http://127.0.0.1:9/x").body == b"by proxy"
    assert proxy.seen[0]["path"] == "http://127.0.0.1:9/x"


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"])
def test_plain_http_uses_no_proxy_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http is allowed for loopback only: no proxy of the environment sees it."""
    with (
        serving(replying(b"by proxy")) as proxy,
        serving(replying(b"directly")) as server,
        transported(settings()) as transport,
    ):
        monkeypatch.setenv(name, proxy.url)
        assert get(transport, server.url).body == b"directly"


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_https_proxy_and_no_proxy_are_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting, HTTPS_PROXY is used but for the hosts in NO_PROXY; each host is looked up once."""
    with serving(replying(b"", status=502)) as proxy:
        monkeypatch.setenv(name, proxy.url)
        for hidden in ("", "localhost"):
            monkeypatch.setenv("NO_PROXY", hidden)
            with transported(settings()) as transport:
                for url in ("https://localhost:9", "https://localhost:9", "https://other:9"):
                    with pytest.raises(EvplUnavailableError):
                        get(transport, url)
    assert [seen["path"] for seen in proxy.seen] == ["localhost:9"] * 2 + ["other:9"] * 2


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("proxy", [f"http://who:{PASSWORD}/x@127.0.0.1:1", f"http://who:{PASSWORD}@", "//"])
def test_broken_https_proxy_is_config_error(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken HTTPS_PROXY is named and not shown, because its password can't be found in it."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with (
        transported(settings()) as transport,
        pytest.raises(EvplConfigError, match="HTTPS_PROXY is not the URL of a proxy") as raised,
    ):
        get(transport, "https://localhost:9")
    assert PASSWORD not in str(raised.value)


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("from_environment", [False, True])
@pytest.mark.parametrize("credentials", [f"who:{PASSWORD}", f"{PASSWORD}:"])
def test_refused_proxy_credentials_are_config_error(
    credentials: str,
    from_environment: bool,  # noqa: FBT001 one of the parameters
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refused credentials of a proxy are a setting to correct; an echo of them is redacted."""

    def echo(handler: object) -> None:
        headers = handler.headers  # type: ignore[attr-defined]  # http.server's handler
        told = headers["Proxy-Authorization"].removeprefix("Basic ")
        handler.send_response(407, f"wrong: {told} pr@xy p")  # type: ignore[attr-defined]  # the same
        handler.end_headers()  # type: ignore[attr-defined]  # the same

    with serving(echo) as proxy:
        url = f"http://{credentials}@127.0.0.1:{proxy.port}"
        if from_environment:
            monkeypatch.setenv("HTTPS_PROXY", url)
        chosen = settings() if from_environment else settings(proxy=url)
        with (
            Client(replace(chosen, token_url="https://evpl.invalid")) as client,
            pytest.raises(EvplConfigError, match="The proxy refuses its credentials") as raised,
        ):
            client.check_token()
    assert "407 wrong: *** ***" in raised.value.detail
    assert len(proxy.seen) == 1


@pytest.mark.usefixtures("_no_proxy")
def test_failing_proxy_is_temporary_error() -> None:
    """A proxy that fails in another way is an unavailable service."""
    with (
        serving(replying(b"", status=502)) as proxy,
        transported(settings(proxy=proxy.url)) as transport,
        pytest.raises(EvplUnavailableError, match="502"),
    ):
        get(transport, "https://evpl.invalid")
