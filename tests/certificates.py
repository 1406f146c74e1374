"""Certificates for servers on loopback, of authorities that nobody knows."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

from trustme import CA

DAY = timedelta(days=1)


def make_certificate(path: Path, *, address: str = "127.0.0.1", ends: timedelta = DAY) -> Path:
    """Write a certificate, its key and its authority into one file, which is a bundle for it too.

    Args:
        path: of the file, for OpenSSL (PEM).
        address: of the only host that it is for.
        ends: when it expires, from now; it was made two days before.
    """
    authority, end = CA(), datetime.now(UTC) + ends
    issued = authority.issue_cert(address, not_before=end - 2 * DAY, not_after=end)
    path.write_bytes(issued.private_key_and_cert_chain_pem.bytes() + authority.cert_pem.bytes())
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    """Make a server's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def with_tls(certificate: Path) -> Callable[[ThreadingHTTPServer], None]:
    """Put TLS around a server's socket."""
    context = tls(certificate)

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )

    return wrap
