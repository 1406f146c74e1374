"""`python -m airflow_provider_evpl.sandbox`: serve the API and print an Airflow connection for it."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.registry import FAULTS
from airflow_provider_evpl.sandbox.replay import Replay, read_replay

if TYPE_CHECKING:
    from airflow_provider_evpl.sandbox.server import SandboxServer

__all__ = ["main"]

_BANNER: Final = """\
EVPL Monitoring API, local sandbox: {circuits} circuits, a sample every {granularity}.
The credentials are public and work only here. For Airflow:

export AIRFLOW_CONN_EVPL_DEFAULT={connection}

Description: {base_url}/docs
{lines}Ctrl-C stops it.
"""

_LONGEST: Final = 200


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show the default of each option, and keep the line breaks of the list of faults."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: The command line without the program. None: `sys.argv`.

    Returns:
        The exit code: 0 after a stop, 1 if the extra `sandbox` is missing or the port is not free.
    """
    options = _parser(SandboxConfig()).parse_args(arguments)
    replay = _replay(options.replay)
    config = _config(_parser(replay.config).parse_args(arguments), replay.config)
    try:
        from airflow_provider_evpl.sandbox.server import SandboxServer  # noqa: PLC0415 optional
    except ModuleNotFoundError as error:
        return _fail(
            f"{error.name} is missing; in a checkout of airflow-provider-evpl: pip install '.[sandbox]'"
        )
    # A background job of a shell ignores SIGINT by default.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with (
            contextlib.suppress(KeyboardInterrupt),
            SandboxServer(config, host=options.host, port=options.port) as server,
        ):
            print(_banner(server, unserved=replay.unserved), flush=True)
            server.wait()
    except (OSError, OverflowError) as error:
        return _fail(f"{options.host}:{options.port}: {error}")
    return 0


def _parser(defaults: SandboxConfig) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_evpl.sandbox",
        description="A local server of Orange's EVPL Monitoring API, written from its documentation.",
        formatter_class=_Formatter,
        epilog=_list_faults(),
    )
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, default=8075, help="port to listen on; 0 takes a free one")
    option("--replay", metavar="FILE", help="a probe.json: answer as that API; other options win over it")
    option("--latency", type=float, default=defaults.latency, help="seconds to wait before each response")
    option("--token-ttl", type=int, default=defaults.token_ttl, help="lifetime of a token in seconds")
    _add_network(parser, defaults)
    option(
        "--fault",
        action="extend",
        nargs="+",
        default=list(defaults.faults),
        metavar="NAME[@FIRST][:COUNT]",
        help="turn this fault on, from response FIRST on, COUNT times; NAME~0.2: in a fifth of the responses",
    )
    return parser


def _add_network(parser: argparse.ArgumentParser, defaults: SandboxConfig) -> None:
    option = parser.add_argument
    option("--circuits", type=int, default=defaults.circuits, help="circuits of the network")
    option("--page-size", type=int, default=defaults.page_size, help="entries on a page")
    option("--granularity", default=defaults.granularity, help="step of the samples: X?(s|h|d|w)")
    option(
        "--granularities",
        nargs="+",
        default=list(defaults.granularities),
        metavar="STEP",
        help="further steps, whose values are means: X?(s|m|h|d|w), m is minutes",
    )
    option(
        "--timestamps",
        default=defaults.timestamps,
        metavar="EDGE",
        help="which end of its step a timestamp marks: start or end; it decides what is averaged",
    )
    option(
        "--data-since",
        type=datetime.fromisoformat,
        default=defaults.data_since,
        metavar="TIME",
        help="no earlier samples: 2026-11-01T00:00Z",
    )
    option(
        "--data-until",
        type=datetime.fromisoformat,
        default=defaults.data_until,
        metavar="TIME",
        help="no samples from this time on",
    )
    option("--seed", type=int, default=defaults.seed, help="seed of the network's values")


def _list_faults() -> str:
    lines = (f"  {fault.name}: {fault.description}" for fault in FAULTS.values())
    return "\n".join(["faults:", *lines])


def _replay(path: str | None) -> Replay:
    if path is None:
        return Replay(SandboxConfig(), {})
    try:
        return read_replay(Path(path).read_text("utf-8"), now=datetime.now(UTC))
    except (OSError, ValueError, RecursionError) as error:
        _parser(SandboxConfig()).error(f"--replay {path}: {error}")


def _config(options: argparse.Namespace, defaults: SandboxConfig) -> SandboxConfig:
    try:
        return replace(
            defaults,
            circuits=options.circuits,
            page_size=options.page_size,
            granularity=options.granularity,
            granularities=tuple(options.granularities),
            timestamps=options.timestamps,
            data_since=options.data_since,
            data_until=options.data_until,
            latency=options.latency,
            seed=options.seed,
            token_ttl=options.token_ttl,
            faults=tuple(options.fault),
        )
    except ValueError as error:
        _parser(defaults).error(str(error))


def _banner(server: "SandboxServer", *, unserved: Mapping[str, object]) -> str:
    faults = [f"Fault: {fault}\n" for fault in server.config.faults]
    readings = [f"Not served: {json.dumps({name: one})[1:-1][:_LONGEST]}\n" for name, one in unserved.items()]
    return _BANNER.format(
        circuits=server.config.circuits,
        granularity=", ".join(server.config.networks),
        connection=shlex.quote(json.dumps(server.connection())),
        base_url=server.base_url,
        lines="".join([*faults, *readings]),
    )


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
