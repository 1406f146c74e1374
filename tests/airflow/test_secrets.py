"""Nothing gets out: with every fault, whatever the operator and the sensor say or leave behind."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.airflow_leaks import BASIC, SECRET, Traces, listening, make_sandbox, pull, tokens_of, wait
from tests.support.faults_pulls import HANGING

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the API to a client whose secret is found nowhere else."""
    with make_sandbox() as server:
        yield server


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_fault_reveals_a_secret(lab: "Lab", capfd: pytest.CaptureFixture[str], fault: str) -> None:
    """No log, error, result, trigger, object or rejected file has the secret or a token in any form."""
    patience = 0.2 if fault in HANGING else 2
    auth = "post" if fault == "basic-refused" else "basic"
    lab.connect(max_retry_seconds=0, requests_per_second=1000, timeout_seconds=patience, token_auth=auth)
    lab.sandbox.set_faults(fault)
    before = tokens_of(lab.sandbox)
    traces = Traces()
    with listening(traces):
        for limit in ("0", "1"):
            pull(lab, traces, max_rejected_fraction=limit)
        wait(traces)
    traces.add_files(lab.lake)
    traces.add("output", *capfd.readouterr())
    tokens = tokens_of(lab.sandbox) - before
    assert tokens
    assert "log of urllib3.connectionpool" in {where for where, _ in traces.texts}
    assert "Pulling operator code 0042" in str(traces.texts)
    assert not traces.leaks({SECRET, BASIC, *tokens})
