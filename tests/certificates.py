"""Certificates for servers on loopback, each signed by itself."""

import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = timedelta(days=1)


def make_certificate(path: Path, *, address: str = "127.0.0.1", ends: timedelta = DAY) -> Path:
    """Write a certificate and its key into one file.

    Args:
        path: of the file, for OpenSSL (PEM).
        address: of the only host that it is for.
        ends: when it expires, from now.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    host = x509.IPAddress(ipaddress.ip_address(address))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([host]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(signed.public_bytes(pem) + plain)
    return path


def with_tls(certificate: Path) -> Callable[[ThreadingHTTPServer], None]:
    """Put TLS around a server's socket."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def wrap(server: ThreadingHTTPServer) -> None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )

    return wrap
