import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplConfigError, EvplUnavailableError
from tests.support.api import QUERY, TOKEN, replying, report, serving, settings, transported
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
def test_a_known_certificate(certificate: Path) -> None:
    """A host whose certificate the bundle in `verify` vouches for is asked over TLS."""
    with (
        serving(replying(b"safe"), with_tls(certificate)) as server,
        transported(settings(verify=str(certificate))) as transport,
    ):
        assert transport.send("GET", f"https://127.0.0.1:{server.port}", headers={}).body == b"safe"


@pytest.mark.usefixtures("_no_proxy")
def test_interim_answers_over_tls(certificate: Path) -> None:
    """They are skipped over TLS too, before a token as before a report."""

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
def test_an_unknown_certificate(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused certificate is a setting to correct; no bundle is taken from the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with (
        serving(lambda _: None, with_tls(certificate)) as server,
        transported(settings()) as transport,
        pytest.raises(EvplConfigError, match=r"its certificate is refused.*set verify to your CA bundle"),
    ):
        transport.send("GET", f"https://127.0.0.1:{server.port}", headers={})
    assert server.seen == []


@pytest.mark.usefixtures("_no_proxy")
def test_no_tls_at_all() -> None:
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
        found = (
            "SSLError.*; if the error stays, check that host, token_url and proxy name servers that speak TLS"
        )
        with transported(settings()) as transport, pytest.raises(EvplUnavailableError, match=found):
            transport.send("GET", f"https://127.0.0.1:{listener.getsockname()[1]}", headers={})
        thread.join()


def _closed_port() -> int:
    """Give a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("url", ["https://127.0.0.1:{port}", "https://nowhere.invalid"])
def test_a_host_that_cannot_be_reached(url: str) -> None:
    """A rerun does not mend a misspelt host or a closed firewall: the error names what to check."""
    with (
        transported(settings()) as transport,
        pytest.raises(EvplUnavailableError, match="if the error stays, check host, token_url and proxy"),
    ):
        transport.send("GET", url.format(port=_closed_port()), headers={})


@pytest.mark.usefixtures("_no_proxy")
def test_a_proxy_that_cannot_be_reached() -> None:
    """The error names the setting of the proxy, not the host behind it."""
    with (
        transported(settings(proxy=f"http://127.0.0.1:{_closed_port()}")) as transport,
        pytest.raises(EvplUnavailableError, match="if the error stays, check proxy or HTTPS_PROXY"),
    ):
        transport.send("GET", "http://127.0.0.1:9/x", headers={})


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in `.netrc` never go anywhere."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login who password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(replying(b"")) as server, transported(settings()) as transport:
        transport.send("GET", server.url, headers={})
    assert "Authorization" not in server.seen[0]


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
def test_the_connections_proxy_serves_every_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting goes before the environment, and NO_PROXY doesn't count for it."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(replying(b"by proxy")) as proxy, transported(settings(proxy=proxy.url)) as transport:
        assert transport.send("GET", "http://127.0.0.1:9/x", headers={}).body == b"by proxy"
    assert proxy.seen[0]["path"] == "http://127.0.0.1:9/x"


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"])
def test_plain_http_stays_on_this_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http is allowed for loopback alone: no proxy of the environment gets to see it."""
    with (
        serving(replying(b"by proxy")) as proxy,
        serving(replying(b"directly")) as server,
        transported(settings()) as transport,
    ):
        monkeypatch.setenv(name, proxy.url)
        assert transport.send("GET", server.url, headers={}).body == b"directly"


@pytest.mark.contract("connection.proxy")
@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_the_environments_proxy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the setting HTTPS_PROXY counts, and NO_PROXY takes hosts out; each host is looked up once."""
    with serving(replying(b"", status=502)) as proxy:
        monkeypatch.setenv(name, proxy.url)
        for hidden in ("", "localhost"):
            monkeypatch.setenv("NO_PROXY", hidden)
            with transported(settings()) as transport:
                for url in ("https://localhost:9", "https://localhost:9", "https://other:9"):
                    with pytest.raises(EvplUnavailableError):
                        transport.send("GET", url, headers={})
    assert [seen["path"] for seen in proxy.seen] == ["localhost:9"] * 2 + ["other:9"] * 2


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("proxy", [f"http://who:{PASSWORD}/x@127.0.0.1:1", f"http://who:{PASSWORD}@", "//"])
def test_the_environments_proxy_is_no_url(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken one is a setting to correct, named and not shown: its password could not be told apart."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with (
        transported(settings()) as transport,
        pytest.raises(EvplConfigError, match=r"^HTTPS_PROXY: ") as raised,
    ):
        transport.send("GET", "https://localhost:9", headers={})
    assert PASSWORD not in str(raised.value)


@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("from_environment", [False, True])
@pytest.mark.parametrize("credentials", [f"who:{PASSWORD}", f"{PASSWORD}:"])
def test_a_proxy_that_refuses(
    credentials: str,
    from_environment: bool,  # noqa: FBT001 one of the parameters
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy that refuses its credentials is a setting to correct; what it echoes of them is hidden."""

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
            transported(chosen) as transport,
            pytest.raises(EvplConfigError, match="the proxy refuses the credentials") as raised,
        ):
            transport.send("GET", "https://evpl.invalid", headers={})
    assert "407 wrong: *** ***" in str(raised.value)
    assert len(proxy.seen) == 1


@pytest.mark.usefixtures("_no_proxy")
def test_a_proxy_that_fails() -> None:
    """A proxy that fails in another way is an unavailable service."""
    with (
        serving(replying(b"", status=502)) as proxy,
        transported(settings(proxy=proxy.url)) as transport,
        pytest.raises(EvplUnavailableError, match="502"),
    ):
        transport.send("GET", "https://evpl.invalid", headers={})
