import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_evpl.sandbox.__main__ import main
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from tests.support.sandbox import DAY, REPORT_PATH, TOKEN_PATH, Query, query

HALF_PAST = "2026-11-22T00:30Z"
MODULE = "airflow_provider_evpl.sandbox"


OPTIONS = {  # the contract's line, and the defaults that it shows
    "--host": "127.0.0.1",
    "--port": "8075",
    "--replay": None,
    "--circuits": None,
    "--page-size": None,
    "--granularity": "300s",
    "--granularities": None,
    "--timestamps": "start",
    "--data-since": None,
    "--data-until": None,
    "--latency": None,
    "--seed": None,
    "--token-ttl": None,
    "--fault": None,
}


@contextmanager
def _started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", MODULE, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        banner = "".join(iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        try:
            yield process, banner
        finally:
            process.kill()


def _served(host: str, asked: Query) -> tuple[dict[str, Any], dict[str, Any]]:
    config = SandboxConfig()
    token = requests.post(
        host + TOKEN_PATH,
        data={"grant_type": "client_credentials"},
        auth=(config.client_id, config.client_secret),
        timeout=60,
    ).json()
    headers = {"Authorization": f"Bearer {token['access_token']}", "ApplicationID": config.application_id}
    return token, requests.get(host + REPORT_PATH, params=list(asked), headers=headers, timeout=60).json()


def _refused(*arguments: str, code: int, before: str = "pass") -> str:
    run = f"import runpy, sys; {before}; runpy.run_module({MODULE!r}, run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", run, *arguments], capture_output=True, check=False, text=True
    )
    assert (done.returncode, done.stdout) == (code, "")
    return done.stderr


@pytest.mark.contract("names.sandbox", "sandbox.command")
def test_the_printed_connection_works_in_a_shell() -> None:
    """The printed line, pasted in a shell, is the connection of the server that runs."""
    with _started("--port", "0", "--circuits", "3", "--seed", "5") as (_, banner):
        (line,) = (line for line in banner.splitlines() if line.startswith("export "))
        shell = subprocess.run(
            ["/bin/sh", "-c", f'{line}; printf %s "$AIRFLOW_CONN_EVPL_DEFAULT"'],
            capture_output=True,
            check=True,
            text=True,
        )
        connection = json.loads(shell.stdout)
        assert connection == json.loads(shlex.split(line)[1].partition("=")[2])
        answer = requests.post(
            f"{connection['host']}/oauth/v3/token",
            data={"grant_type": "client_credentials"},
            auth=(connection["login"], connection["password"]),
            timeout=60,
        )
        assert answer.status_code == 200
        assert f"{connection['host']}/docs" in banner


@pytest.mark.contract("sandbox.command")
def test_each_option_changes_the_server() -> None:
    """Size, pages, step, seed, life of tokens and faults are those of the command line."""
    network = ("--circuits", "2", "--page-size", "3", "--granularity", "1h", "--seed", "5")
    more = ("--latency", "0.001", "--token-ttl", "77", "--fault", "has-next-null")
    with _started("--port", "0", *network, *more) as (_, banner):
        (host,) = re.findall(r'"host": "(http://127\.0\.0\.1:\d+)"', banner)
        token, page = _served(host, query(granularity="1h"))
    truth = Network(circuits=2, granularity_seconds=3600, seed=5).truth(start=DAY, end=DAY + 3600)
    assert token["expires_in"] == 77
    assert (page["totalPages"], page["hasNext"]) == (3, None)
    assert [float(one["performanceValues"][0]["value"]) for one in page["entries"]] == [
        row.value for row in islice(truth, 3)
    ]


@pytest.mark.contract("sandbox.replay")
def test_replay_serves_readings_and_prints_the_others(tmp_path: Path) -> None:
    """The readings are the defaults of the other options; those that can't be served are printed."""
    file = tmp_path / "probe.json"
    file.write_text(
        '{"readings": {"expires_in": 77, "page_size": 3, "ctxtid": "custom", "values": "number"}}'
    )
    arguments = ("--port", "0", "--replay", str(file), "--page-size", "2", "--data-since", HALF_PAST)
    with _started(*arguments) as (_, banner):
        (host,) = re.findall(r'"host": "(http://127\.0\.0\.1:\d+)"', banner)
        token, page = _served(host, query())
    assert banner.splitlines()[-2:] == ["Fault: value-number", 'Not served: "ctxtid": "custom"']
    assert token["expires_in"] == 77
    values = [[sample["value"] for sample in entry["performanceValues"]] for entry in page["entries"]]
    assert [[type(value) for value in series] for series in values] == [[float] * 6] * 2


@pytest.mark.contract("sandbox.command")
def test_the_options_and_defaults_match_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    """Every option of the contract is there with its default, and no other."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.partition("faults:")[0].split())
    described = dict(re.findall(r" (--[a-z-]+) [A-Z].*?\(default: (.*?)\)", told.partition("--help ")[2]))
    assert described.keys() == OPTIONS.keys()
    assert {name: described[name] for name, default in OPTIONS.items() if default} == {
        name: default for name, default in OPTIONS.items() if default
    }


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_the_server(stop: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it without a complaint."""
    with _started("--port", "0") as (process, _):
        os.kill(process.pid, stop)
        assert process.wait(timeout=60) == 0


@pytest.mark.contract("sandbox.command")
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--granularity", "5m"), "granularity"),
        (("--page-size", "0"), "page_size"),
        (("--circuits", "x"), "--circuits"),
        (("--latency", "-1"), "latency"),
        (("--fault-of-mine",), "--fault-of-mine"),
        (("--granularities", "1h", "7s"), "granularities: 7s"),
        (("--timestamps", "middle"), "timestamps"),
        (("--data-since", "yesterday"), "--data-since"),
        (("--data-until", "2026-11-01"), "data_until: 2026-11-01T00:00:00 has no time zone"),
        (("--replay", "no.json"), "--replay no.json"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(arguments: tuple[str, ...], named: str) -> None:
    """A wrong option is an error that names it."""
    assert named in _refused(*arguments, code=2).splitlines()[-1]


@pytest.mark.parametrize("options", [("--port", "99999"), ("--host", "256.0.0.1")])
def test_an_address_that_cannot_be_bound_is_a_one_line_error(options: tuple[str, str]) -> None:
    """An address that cannot be bound is told in one line."""
    (line,) = _refused(*options, code=1).splitlines()
    assert options[1] in line


@pytest.mark.contract("names.sandbox")
@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    """Without the extra, one line says what to install."""
    (line,) = _refused(code=1, before=f"sys.modules[{missing!r}] = None").splitlines()
    assert missing in line
    assert line.endswith("in a checkout of airflow-provider-evpl: pip install '.[sandbox]'")
