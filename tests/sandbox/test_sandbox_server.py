import socket
import subprocess
import sys

import pytest
import requests

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.sandbox import QUERY, REPORT_PATH, TOKEN_PATH, Clock


def _get_token(server: SandboxServer) -> str:
    answer = requests.post(
        server.token_url,
        data={"grant_type": "client_credentials"},
        auth=(server.config.client_id, server.config.client_secret),
        timeout=60,
    )
    return str(answer.json()["access_token"])


def _get_report(server: SandboxServer, token: str) -> requests.Response:
    return requests.get(
        server.base_url + REPORT_PATH,
        params=list(QUERY),
        headers={
            "Authorization": f"Bearer {token}",
            "ApplicationID": server.config.application_id,
        },
        timeout=60,
    )


def test_the_server_counts_requests_and_tokens() -> None:
    """A server in the background serves over a port, and counts requests and tokens."""
    with SandboxServer() as server:
        token = _get_token(server)
        assert _get_report(server, token).json()["totalPages"] == 4
        assert _get_report(server, "nonsense").status_code == 401
        assert (server.requests[TOKEN_PATH], server.requests[REPORT_PATH]) == (1, 2)
        assert server.requests["/nowhere"] == 0
        assert server.tokens_issued == 1


def test_revoked_tokens_are_unknown_and_new_ones_work() -> None:
    """After a revocation the old tokens are unknown and new ones are good."""
    with SandboxServer() as server:
        token = _get_token(server)
        server.revoke_tokens()
        assert _get_report(server, token).json()["code"] == 41
        assert _get_report(server, _get_token(server)).status_code == 200


def test_faults_can_change_while_the_server_runs() -> None:
    """Faults may be set and taken away while it serves; one that isn't known changes nothing."""
    with SandboxServer(SandboxConfig(faults=("has-next-null",))) as server:
        token = _get_token(server)
        seen = [_get_report(server, token).json()["hasNext"]]
        for faults in (("has-next-text:1",), ("has-next-never",), ()):
            server.set_faults(*faults)
            with pytest.raises(ValueError, match="has-next-nul"):
                server.set_faults("has-next-nul")
            seen.append(_get_report(server, token).json()["hasNext"])
    assert seen == [None, "true", False, True]


def test_a_test_can_set_the_clock() -> None:
    """The clock of a server may be a test's own."""
    clock = Clock()
    with SandboxServer(clock=clock) as server:
        token = _get_token(server)
        clock.seconds = server.config.token_ttl
        assert _get_report(server, token).json()["code"] == 42


def test_latency_does_not_change_the_answers() -> None:
    """A server with a latency answers the same."""
    with SandboxServer(SandboxConfig(latency=0.01)) as slow, SandboxServer() as server:
        assert _get_report(slow, _get_token(slow)).text == _get_report(server, _get_token(server)).text


def test_the_server_stops_at_the_end_of_its_block() -> None:
    """After the end of the block nobody listens any more."""
    with SandboxServer() as server:
        address = server.base_url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address[0], int(address[1])))


def test_a_port_in_use_is_an_error() -> None:
    """A port that is taken is an error, not another port."""
    with SandboxServer() as server:
        port = int(server.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), SandboxServer(port=port):
            pass


def test_the_connection_has_each_field_a_client_needs() -> None:
    """The connection has everything that a client needs, leading zeros included."""
    with SandboxServer(SandboxConfig(code_ope="007")) as server:
        assert server.connection() == {
            "conn_type": "evpl",
            "login": "sandbox-client",
            "password": "sandbox-secret",
            "host": server.base_url,
            "extra": {"application_id": "sandbox-application", "code_ope": "007"},
        }


def test_wildcard_host_is_reached_by_loopback() -> None:
    """Whoever listens on all addresses is told the loopback one, which clients accept."""
    with SandboxServer(host="0.0.0.0") as server:  # noqa: S104 what the test is about
        assert server.base_url.startswith("http://127.0.0.1:")


@pytest.mark.contract("sandbox.independent")
def test_the_sandbox_imports_nothing_else_of_the_package() -> None:
    """The sandbox loads nothing else of the package, and nothing of Airflow."""
    code = (
        "import sys, airflow_provider_evpl.sandbox.server, airflow_provider_evpl.sandbox.__main__;"
        "print(*sorted(m for m in sys.modules if m.partition('.')[0] in"
        " ('airflow', 'airflow_provider_evpl')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    own = "airflow_provider_evpl.sandbox"
    others = [name for name in done.stdout.split() if name != own and not name.startswith(f"{own}.")]
    assert others == ["airflow_provider_evpl"]
