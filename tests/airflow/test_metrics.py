import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.airflow_versions import make_stats, use_stats

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

DAY = {"window_start": "2026-11-20", "window_end": "2026-11-21"}


@pytest.fixture
def statsd(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen where Airflow's metrics go; tags are in the names, as InfluxDB's Telegraf reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)  # noqa: FBT003 socket's own
        settings = {
            "STATSD_ON": "True",
            "STATSD_HOST": "127.0.0.1",
            "STATSD_PORT": str(listener.getsockname()[1]),
            "STATSD_INFLUXDB_ENABLED": "True",
        }
        with monkeypatch.context() as patch:
            for name, text in settings.items():
                patch.setenv(f"AIRFLOW__METRICS__{name}", text)
            logger = make_stats()
        use_stats(logger)
        yield listener
        use_stats(None)
        logger.statsd.close()


def _received(listener: socket.socket) -> dict[str, list[str]]:
    """Give what has arrived of ours: by name, value and kind; a packet on loopback is there once sent."""
    found: dict[str, list[str]] = {}
    while True:
        try:
            packet = listener.recv(65536).decode()
        except BlockingIOError:
            return found
        for line in packet.splitlines():
            name, _, value = line.partition(":")
            if name.startswith("airflow.evpl."):
                found.setdefault(name.removeprefix("airflow.evpl."), []).append(value)


@pytest.mark.contract("metrics")
def test_metrics_equal_the_result(lab: "Lab", statsd: socket.socket) -> None:
    """Through Airflow: each metric arrives once per pull, with the task's tags."""
    from tests.support.airflow_runs import run_dag

    outcome = run_dag(lab, "evpl_any", conf={"object_storage_path": lab.root, **DAY})
    result = outcome.result
    assert result is not None
    received = _received(statsd)
    tags = ",dag_id=evpl_any,task_id=pull"
    duration = received.pop(f"duration{tags}")
    assert duration == [f"{1000 * result['seconds']:.6f}|ms"]
    assert received == {
        f"samples{tags}": [f"{result['rows']}|c"],
        f"expected{tags}": [f"{result['rows']}|c"],
        f"values{tags}": [f"{result['rows']}|c"],
        f"rejected{tags}": ["0|c"],
        f"requests{tags}": [f"{result['requests']}|c"],
        f"retries{tags}": ["0|c"],
    }
    assert result["rows"] == 3 * 4 * 288


@pytest.mark.contract("metrics")
def test_failed_pull_sends_no_metrics(lab: "Lab", statsd: socket.socket) -> None:
    """Airflow's own metrics count failed tasks."""
    from tests.support.airflow_runs import run_dag

    lab.connect(password="wrong-secret")
    assert run_dag(lab, "evpl_any", conf={"object_storage_path": lab.root, **DAY}).state == "failed"
    assert _received(statsd) == {}
