"""`python -m airflow_provider_evpl.sandbox`: serve the API and print an Airflow connection for it."""

import argparse
import contextlib
import json
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Final

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.registry import FAULTS

if TYPE_CHECKING:
    from airflow_provider_evpl.sandbox.server import SandboxServer

__all__ = ["main"]

_BANNER: Final = """\
EVPL Monitoring API, local sandbox: {circuits} circuits, a sample every {granularity}.
The credentials are public and work only here. For Airflow:

export AIRFLOW_CONN_EVPL_DEFAULT={connection}

Description: {base_url}/docs
{faults}Ctrl-C stops it.
"""


class _Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Show the default of each option, and keep the line breaks of the list of faults."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: The command line without the program. None: `sys.argv`.

    Returns:
        The exit code: 0 after a stop, 1 if the extra `sandbox` is missing or the port is not free.
    """
    options = _parser().parse_args(arguments)
    config = _config(options)
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
            print(_banner(server), flush=True)
            server.wait()
    except (OSError, OverflowError) as error:
        return _fail(f"{options.host}:{options.port}: {error}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_evpl.sandbox",
        description="A local server of Orange's EVPL Monitoring API, written from its documentation.",
        formatter_class=_Formatter,
        epilog=_list_faults(),
    )
    defaults = SandboxConfig()
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, default=8075, help="port to listen on; 0 takes a free one")
    option("--circuits", type=int, default=defaults.circuits, help="circuits of the network")
    option("--page-size", type=int, default=defaults.page_size, help="entries on a page")
    option("--granularity", default=defaults.granularity, help="step of the samples: X?(s|h|d|w)")
    option("--latency", type=float, default=defaults.latency, help="seconds to wait before each response")
    option("--seed", type=int, default=defaults.seed, help="seed of the network's values")
    option("--token-ttl", type=int, default=defaults.token_ttl, help="lifetime of a token in seconds")
    option(
        "--fault",
        action="extend",
        nargs="+",
        default=[],
        metavar="NAME[@FIRST][:COUNT]",
        help="turn this fault on, from response FIRST on, COUNT times; NAME~0.2: in a fifth of the responses",
    )
    return parser


def _list_faults() -> str:
    lines = (f"  {fault.name}: {fault.description}" for fault in FAULTS.values())
    return "\n".join(["faults:", *lines])


def _config(options: argparse.Namespace) -> SandboxConfig:
    try:
        return SandboxConfig(
            circuits=options.circuits,
            page_size=options.page_size,
            granularity=options.granularity,
            latency=options.latency,
            seed=options.seed,
            token_ttl=options.token_ttl,
            faults=tuple(options.fault),
        )
    except ValueError as error:
        _parser().error(str(error))


def _banner(server: "SandboxServer") -> str:
    return _BANNER.format(
        circuits=server.config.circuits,
        granularity=server.config.normalized_granularity,
        connection=shlex.quote(json.dumps(server.connection())),
        base_url=server.base_url,
        faults="".join(f"Fault: {fault}\n" for fault in server.config.faults),
    )


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
