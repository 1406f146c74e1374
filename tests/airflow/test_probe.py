"""The command of the probe with Airflow and without, and the hook's method."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_evpl.probe import main
from tests.support.documents import commands

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

_WITHOUT_AIRFLOW = """
import sys
from importlib.util import module_from_spec
from importlib.machinery import ModuleSpec
sys.modules["airflow"] = module_from_spec(ModuleSpec("airflow", None))  # like a folder of this name
from airflow_provider_evpl.probe import main
sys.exit(main())
"""


@pytest.mark.contract("probe.hook")
def test_hook_probes_its_connection(lab: "Lab") -> None:
    """The answer has the text, the extras, the exit status, and both files."""
    from airflow_provider_evpl.hooks.evpl import EvplHook

    before = lab.sandbox.tokens_issued
    result = EvplHook().probe(day="2026-11-20", max_requests=3)
    assert lab.sandbox.tokens_issued == before + 1
    assert result.exit_status == 1
    assert "max_requests is 3" in result.text
    assert result.settings == {}
    assert result.record["day"] == "2026-11-20"
    assert len(result.support["request_ids"]) == 3


@pytest.mark.contract("probe.command", "probe.connection", "probe.files")
def test_command_reads_the_connection_of_airflow_and_writes_two_files(
    lab: "Lab", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The screen has the answer and both paths, and warns of a second token."""
    out = tmp_path / "of-today.json"
    out.write_text("an earlier record, which was longer" * 1000)
    status = main(
        ["--code-ope", lab.sandbox.config.code_ope, "--max-requests", "2", "--thorough", "--out", str(out)]
    )
    screen = capsys.readouterr()
    assert status == 1
    assert "Running tasks may lose their token" in screen.err
    assert "The API answers to ctxtid=wses&ctxtid=vsn" in screen.out
    assert json.loads(out.read_text())["format"] == 1
    assert json.loads((tmp_path / "of-today-support.json").read_text())["request_ids"]
    assert oct((tmp_path / "of-today-support.json").stat().st_mode)[-3:] == "600"
    assert not list(tmp_path.glob("lake*"))


@pytest.mark.contract("probe.dry-run")
def test_dry_run_sends_nothing(lab: "Lab", tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the planned requests and writes no file."""
    before = dict(lab.sandbox.requests)
    assert main(["--dry-run", "--day", "2026-11-27", "--out", str(tmp_path / "probe.json")]) == 0
    assert "GET report, 300s, 2026-11-27T12:00/12:05Z" in capsys.readouterr().out
    assert dict(lab.sandbox.requests) == before
    assert not (tmp_path / "probe.json").exists()


@pytest.mark.parametrize("command", [one for one in commands("python") if "evpl.probe" in one])
@pytest.mark.usefixtures("lab")
def test_each_command_of_the_docs_gets_an_answer(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sandbox fits as it is."""
    monkeypatch.chdir(tmp_path)
    program, *arguments = shlex.split(command)[2:]
    assert program == "airflow_provider_evpl.probe"
    assert main(arguments) == 0
    assert ("Your connection fits as it is." in capsys.readouterr().out) != ("--dry-run" in arguments)


@pytest.mark.contract("probe.files")
@pytest.mark.parametrize("out", ["no/probe.json", ".", "used"])
def test_command_that_cannot_write_sends_nothing(
    lab: "Lab", tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    """A missing folder, a folder, and a folder in place of the second file are found before."""
    (tmp_path / "used-support.json").mkdir()
    before = dict(lab.sandbox.requests)
    assert main(["--out", str(tmp_path / out)]) == 2
    assert "Nothing was sent." in capsys.readouterr().err
    assert dict(lab.sandbox.requests) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--conn-id", "nobody"], "No connection `nobody`"),
        (["--day", "tomorrow"], "day: must be a date"),
        (["--connection", "/no/such/file"], "Can't read '/no/such/file'"),
    ],
)
@pytest.mark.usefixtures("lab")
def test_wrong_argument_of_the_command_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent, and the exit status is 2."""
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.contract("probe.connection")
def test_command_without_airflow_reads_file_or_environment(lab: "Lab", tmp_path: Path) -> None:
    """Both are JSON as Airflow takes it; extra may be text. A URI is an error that shows nothing of it."""
    connection = lab.sandbox.connection()
    file = tmp_path / "connection.json"
    file.write_text(json.dumps(connection | {"extra": json.dumps(connection["extra"])}))

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        command = [sys.executable, "-c", _WITHOUT_AIRFLOW, "--max-requests", "2", *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**variables, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("--connection", str(file))[0] == 1
    for wrong, message in (
        ({"extra": [1]}, "extra: must be"),
        ({"port": 8443}, "port: the connection"),
    ):
        file.write_text(json.dumps(connection | wrong))
        status, screen = run("--connection", str(file))
        assert status == 2
        assert message in screen
    assert run(AIRFLOW_CONN_EVPL_DEFAULT=json.dumps(connection))[0] == 1
    assert run() == (2, "AIRFLOW_CONN_EVPL_DEFAULT is not set.\nSet it, or give --connection FILE.\n")
    status, screen = run(AIRFLOW_CONN_EVPL_DEFAULT="evpl://id:hush@/")
    assert status == 2
    assert "must be a JSON object, not a URI" in screen
    assert "hush" not in screen
