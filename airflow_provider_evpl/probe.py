"""`python -m airflow_provider_evpl.probe`: ask the API a few questions, and say which settings fit."""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import LONGEST_NAME, EvplConfigError, EvplError, one_line, quoted
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.flows.probe.flow import planned_requests, probe
from airflow_provider_evpl.flows.probe.plan import MOST_REQUESTS, ProbePlan

__all__ = ["main"]

_NO_ANSWER: Final = 2
_WARNING: Final = "--thorough requests a second token at the end. Running tasks may lose their token."
_FIELDS: Final = ("login", "password", "host", "extra", "conn_id", "conn_type", "description")


def main(arguments: list[str] | None = None) -> int:
    """Probe the API once.

    Args:
        arguments: the command line without the program. None: `sys.argv`.

    Returns:
        The exit code. 0: the connection fits; 1: something to set or to ask; 2: no answer.
    """
    options = _parser().parse_args(arguments)
    try:
        settings = _read_settings(options)
        plan = ProbePlan.from_arguments(
            settings,
            now=datetime.now(UTC),
            code_ope=options.code_ope,
            day=options.day,
            max_requests=options.max_requests,
            thorough=options.thorough,
        )
        if options.dry_run:
            print("\n".join(planned_requests(plan, settings)))
            return 0
        files = _make_files(options.out)
    except EvplError as error:
        print(error, file=sys.stderr)
        return _NO_ANSWER
    if plan.thorough:
        print(_WARNING, file=sys.stderr)
    answer = probe(settings, plan)
    is_written = _write(answer, *files)
    print(answer.text)
    if is_written:
        print("\nTwo files: {} (no names, no secrets), {} (request ids, for Orange only).".format(*files))
    return answer.exit_status if is_written else max(1, answer.exit_status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_evpl.probe",
        description="Ask Orange's API a few careful questions, and say which settings fit. Read-only.",
        epilog="Exit status: 0 the connection fits, 1 something to set or to ask, 2 no answer.",
    )
    option = parser.add_argument
    option("--conn-id", default="evpl_default", help="id of the Airflow connection (default: %(default)s)")
    option("--connection", type=Path, metavar="FILE", help="read the connection from this file, as JSON")
    option(
        "--code-ope",
        nargs="+",
        default=[],
        help="operator codes (default: the connection's); each further one costs one request",
    )
    option("--day", help="UTC day to examine, like 2026-11-27 (default: yesterday)")
    option(
        "--max-requests",
        default=MOST_REQUESTS,
        help="stop after so many requests, 1 to 30 (default: %(default)s)",
    )
    option(
        "--thorough",
        action="store_true",
        help="also request the granularity 5m and a second token; running tasks may lose their token",
    )
    option("--dry-run", action="store_true", help="print the planned requests and send none")
    option(
        "--out",
        type=Path,
        default=Path("probe.json"),
        help="write the record to this file (default: %(default)s)",
    )
    return parser


def _read_settings(options: argparse.Namespace) -> Settings:
    """Read the connection of a file, of Airflow, or without Airflow of the environment."""
    if options.connection:
        try:
            text = options.connection.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise EvplConfigError(
                f"Can't read {quoted(str(options.connection))}.", detail=f"Reason: {one_line(error)}"
            ) from None
        return _from_json(text, options.conn_id)
    airflow = importlib.util.find_spec("airflow")
    if airflow and airflow.origin:  # a folder of this name has none
        from airflow_provider_evpl.hooks.evpl import EvplHook  # noqa: PLC0415 takes seconds

        return EvplHook(options.conn_id).get_settings()
    name = f"AIRFLOW_CONN_{options.conn_id.upper()}"
    if name not in os.environ:
        raise EvplConfigError(f"{name} is not set.", "Set it, or give --connection FILE.")
    return _from_json(os.environ[name], options.conn_id)


def _from_json(text: str, conn_id: str) -> Settings:
    """Read a connection as JSON, as Airflow takes it; `extra` may be text."""
    connection = _object(text, "connection")
    for name in sorted(connection.keys() - {*_FIELDS}):
        if connection[name] not in (None, "", 0):
            raise EvplConfigError(f"{one_line(name, LONGEST_NAME)}: the connection has no such field.")
    return Settings.from_connection(
        login=connection.get("login"),
        password=connection.get("password"),
        host=connection.get("host"),
        extra=_object(connection.get("extra") or {}, "extra"),
        conn_id=conn_id,
    )


def _object(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if not isinstance(value, dict):
        raise EvplConfigError(
            f"{name}: must be a JSON object, not a URI.", "It is not shown: it holds a secret."
        )
    return value


def _make_files(record: Path) -> tuple[Path, Path]:
    """Make both files before the first request, readable by their owner only."""
    files = record, record.with_name(f"{record.stem}-support.json")
    try:
        for file in files:
            file.touch(mode=0o600)
            file.open("a").close()
    except (OSError, ValueError) as error:
        raise EvplConfigError(
            f"Can't write {quoted(str(record))}.", "Nothing was sent.", f"Reason: {one_line(error)}"
        ) from None
    return files


def _write(answer: Answer, record: Path, support: Path) -> bool:
    try:
        for file, content in ((record, answer.record), (support, answer.support)):
            file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"Can't write {quoted(str(record))}: {one_line(error)}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
