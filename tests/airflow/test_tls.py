"""Whose certificate a task takes, and whose it doesn't: whom no authority of ours knows gets no request."""

import hashlib
import json
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from trustme import CA, LeafCert
from urllib3.exceptions import InsecureRequestWarning

from airflow_provider_evpl.errors import EvplConfigError
from tests.support.api import TOKEN, replying, report, serving
from tests.support.network import make_certificate, tls, with_tls

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

OURS, ANOTHER = (CA(organization_name="who", organization_unit_name=name) for name in ("ours", "theirs"))
NOW, DAY = datetime.now(UTC), timedelta(days=1)
HERE = "127.0.0.1"
ENTRY = {
    "objectInstanceId": "a",
    "metric_name": "in",
    "performanceValues": [{"timeStamp": "2026-11-20T00:00:00Z", "value": "1"}],
}
"""What the window of the tests has."""

REFUSED: dict[str, tuple[Callable[[], LeafCert | CA], CA | None, str]] = {
    "unknown": (lambda: OURS.issue_cert(HERE), None, "unable to get local issuer certificate"),
    "of another": (lambda: ANOTHER.issue_cert(HERE), OURS, "unable to get local issuer certificate"),
    "of nobody": (lambda: ANOTHER, OURS, "self-signed certificate"),
    "expired": (
        lambda: OURS.issue_cert(HERE, not_before=NOW - 2 * DAY, not_after=NOW - DAY),
        OURS,
        "certificate has expired",
    ),
    "too early": (
        lambda: OURS.issue_cert(HERE, not_before=NOW + DAY, not_after=NOW + 2 * DAY),
        OURS,
        "certificate is not yet valid",
    ),
    "another address": (lambda: OURS.issue_cert("127.0.0.2"), OURS, f"is not valid for '{HERE}'"),
    "a name": (lambda: OURS.issue_cert("localhost"), OURS, f"is not valid for '{HERE}'"),
}
"""What the server shows, whom we trust, and what is told."""


def answer(handler: BaseHTTPRequestHandler) -> None:
    """Give a token or a report."""
    body = TOKEN if "token" in handler.path else report(ENTRY)
    replying(json.dumps(body).encode())(handler)


def _write(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


def _shown(path: Path, issued: LeafCert | CA) -> Path:
    """Write what a server shows, and its key; an authority may show itself."""
    if isinstance(issued, CA):
        return _write(path, issued.private_key_pem.bytes(), issued.cert_pem.bytes())
    return _write(path, issued.private_key_and_cert_chain_pem.bytes())


def _bundle(folder: Path) -> Path:
    return _write(folder / "authority.pem", OURS.cert_pem.bytes())


def _hashed(folder: Path) -> Path:
    """Make a folder as OpenSSL looks for authorities: by a hash of the name, in small letters as ours is."""
    subject = x509.load_pem_x509_certificate(OURS.cert_pem.bytes()).subject.public_bytes()
    digest = hashlib.sha1(subject[2:], usedforsecurity=False).digest()
    (folder / "authorities").mkdir()
    _write(folder / "authorities" / f"{int.from_bytes(digest[:4], 'little'):08x}.0", OURS.cert_pem.bytes())
    return folder / "authorities"


def _refused(lab: "Lab") -> str:
    """Run a task that has to fail for good with nothing landed; give what it says."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    with pytest.raises(AirflowFailException) as raised:
        lab.execute()
    assert isinstance(raised.value.__cause__, EvplConfigError)
    assert lab.landed() == []
    return str(raised.value.__cause__)


@pytest.mark.contract("connection.verify")
@pytest.mark.parametrize("make", [_bundle, _hashed], ids=["file", "folder"])
def test_a_host_with_a_certificate_of_verify_is_pulled(
    lab: "Lab", tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """A host whose authority is in the bundle, or the folder of authorities, of `verify` is pulled from."""
    shown = _shown(tmp_path / "server.pem", OURS.issue_cert(HERE))
    with serving(answer, with_tls(shown)) as server:
        lab.connect(host=f"https://{HERE}:{server.port}", verify=str(make(tmp_path)))
        assert lab.execute()["rows"] == 1
    assert len(server.seen) == 2


@pytest.mark.contract("connection.verify")
@pytest.mark.parametrize("place", ["host", "token_url"])
@pytest.mark.parametrize(("issued", "trusted", "why"), REFUSED.values(), ids=REFUSED)
def test_another_certificate_fails_the_task_before_a_request(  # noqa: PLR0913 a table of three columns
    lab: "Lab",
    tmp_path: Path,
    *,
    place: str,
    issued: Callable[[], LeafCert | CA],
    trusted: CA | None,
    why: str,
) -> None:
    """The task fails without retries and names `verify`."""
    shown = _shown(tmp_path / "server.pem", issued())
    verify = None if trusted is None else str(_bundle(tmp_path))
    with serving(answer) as plain, serving(answer, with_tls(shown)) as server:
        urls = {"host": plain.url, "token_url": f"{plain.url}/token"}
        lab.connect(**urls | {place: f"https://{HERE}:{server.port}"}, verify=verify)
        said = _refused(lab)
    assert server.seen == []
    assert f"{HERE}:{server.port} is not trusted" in said
    assert re.search(rf"set verify in (.|\n)*{why}", said)


@pytest.mark.contract("connection.verify")
def test_verify_false_takes_any_certificate_with_a_warning(lab: "Lab", tmp_path: Path) -> None:
    """`verify: false`, which is for this machine alone, takes any certificate, with a warning."""
    with serving(answer, with_tls(make_certificate(tmp_path / "server.pem"))) as server:
        lab.connect(host=f"https://{HERE}:{server.port}", verify=False)
        with pytest.warns(InsecureRequestWarning, match=HERE):
            assert lab.execute()["rows"] == 1


@pytest.mark.contract("connection.urls")
@pytest.mark.parametrize("place", ["host", "token_url"])
def test_plain_http_is_refused_before_anything_is_sent(lab: "Lab", place: str) -> None:
    """Of a host elsewhere, for the token or the report, not even a proxy on this machine is asked."""
    with serving(answer) as proxy:
        urls: dict[str, object] = {"host": "https://evpl.example", "token_url": "https://evpl.example/token"}
        lab.connect(**urls | {place: "http://evpl.example"}, proxy=proxy.url)
        said = _refused(lab)
    assert proxy.seen == []
    assert re.match(rf"{place}.*must be https; plain http is for a loopback host only", said)


def _behind(shown: Path) -> Callable[[BaseHTTPRequestHandler], None]:
    """Make a proxy that answers in the host's place, with a certificate of its own: many companies' do."""
    context = tls(shown)

    def reply(handler: Any) -> None:  # noqa: ANN401 its parts are exchanged
        if handler.command != "CONNECT":
            return answer(handler)
        handler.send_response(200)
        handler.end_headers()
        with suppress(ssl.SSLError), context.wrap_socket(handler.connection, server_side=True) as line:
            handler.request = line
            handler.setup()
            handler.handle_one_request()
            line.shutdown(socket.SHUT_RDWR)
        return None

    return reply


@pytest.mark.parametrize(
    ("name", "said"), [("evpl.example", None), ("proxy.example", "is not valid for 'evpl.example'")]
)
def test_behind_a_proxy_it_is_the_hosts_certificate(
    lab: "Lab", tmp_path: Path, name: str, said: str | None
) -> None:
    """Through a proxy too the certificate has to be of the host that was asked, by one of `verify`."""
    shown = _shown(tmp_path / "proxy.pem", OURS.issue_cert(name))
    with serving(_behind(shown)) as proxy:
        lab.connect(host="https://evpl.example", proxy=proxy.url, verify=str(_bundle(tmp_path)))
        if said is None:
            assert lab.execute()["rows"] == 1
        else:
            assert said in _refused(lab)
    paths = {seen["path"].partition("?")[0] for seen in proxy.seen}
    assert (paths == {"evpl.example:443"}) == (said is not None)
