"""Pulls from a sandbox with faults over HTTP; what comes of each fault of an exchange."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pyarrow.parquet as pq

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplError,
    EvplForbiddenError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplUnavailableError,
)
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network, Row
from airflow_provider_evpl.sandbox.faults.places import is_affected
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Granularity
from tests.support.fake_api import A_DAY
from tests.support.lake_files import objects

LakeRow: TypeAlias = tuple[object, ...]
Left: TypeAlias = Callable[["Place"], LakeRow | None]

HOURLY = replace(A_DAY, granularity=Granularity("3600s"))
AFFECTED_HOURS = (3, 11, 19)


class Place(NamedTuple):
    """One sample of the day, and whether a fault of samples or of entries strikes it."""

    row: Row
    element: int
    hour: int
    in_affected_entry: bool
    is_affected: bool


@dataclass(frozen=True, kw_only=True)
class Lands:
    """What can be read lands, and all is accounted for.

    Attributes:
        left: what becomes of a sample; None where it isn't in the lake.
        rejected: samples by reason.
        unknown: names the footer tells.
    """

    left: Left = lambda place: place.row
    rejected: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: int = 0
    out_of_window: int = 0
    unknown: tuple[str, ...] = ()

    def rows(self) -> Counter[LakeRow]:
        """Count the rows that should be in the lake: each once."""
        return Counter(row for row in map(self.left, PLACES) if row is not None)


@dataclass(frozen=True)
class Fails:
    """Nothing is touched, and the error says what to do and why.

    Attributes:
        answered: whether there is an answer, whose request id the error tells.
        final: whether it is of a kind that is asked again, but not this one.
    """

    error: type[EvplError]
    why: str
    answered: bool = True
    final: bool = False


@dataclass(frozen=True)
class Case:
    """Faults, connection settings, and what comes of it."""

    faults: tuple[str, ...]
    outcome: Lands | Fails
    settings: Mapping[str, str] = field(default_factory=dict)
    plan: PullPlan = HOURLY

    def __str__(self) -> str:
        """Name it, for a test's id."""
        settings = (f"{name}={value}" for name, value in self.settings.items())
        return "+".join([*self.faults, *settings]) or "none"


def _places() -> Iterator[Place]:
    network = Network(circuits=2, granularity_seconds=3600, seed=SandboxConfig().seed)
    start = int(HOURLY.window.start.timestamp())
    truth = network.truth(start=start, end=start + DAY.total_seconds())
    for (element, series), hour in (
        (one, hour) for one in enumerate(network.series, 1) for hour in range(24)
    ):
        row = next(truth)
        affected = is_affected(series, step=row.timestamp, granularity_seconds=3600)
        yield Place(row, element, hour, is_affected(series), affected)


PLACES = list(_places())
TRUTH = Lands().rows()


def make_server() -> SandboxServer:
    """Make a sandbox of two circuits, eight series on three pages; its clock goes on by 1 s a look."""
    ticks = count()
    config = SandboxConfig(circuits=2, granularity="3600s", page_size=3, token_ttl=100)
    return SandboxServer(config, clock=lambda: float(next(ticks)))


class Time:
    """A clock that goes on by the waits alone, and by `tick` seconds at each look."""

    def __init__(self, *, tick: float = 0.0) -> None:
        self.seconds = 0.0
        self.longest_wait = 0.0
        self._tick = tick

    def __call__(self) -> float:
        """Tell the time."""
        self.seconds += self._tick
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let the time go on."""
        self.longest_wait = max(self.longest_wait, seconds)
        self.seconds += seconds


def run(  # noqa: PLR0913 each of them differs somewhere
    server: SandboxServer,
    root: Path,
    plan: PullPlan = HOURLY,
    settings: Mapping[str, object] | None = None,
    *,
    limit: float = 1.0,
    clock: Time | None = None,
) -> dict[str, Any]:
    """Pull once, without waits; all but what is beyond the limit may be rejected."""
    connection = server.connection()
    read = Settings.from_connection(
        login=connection["login"],
        password=connection["password"],
        host=connection["host"],
        extra={**connection["extra"], "requests_per_second": "1000", **(settings or {})},
    )
    clock = clock or Time()
    with Client(read, clock=clock, sleep=clock.sleep) as client:
        limited = replace(plan, max_rejected_fraction=limit)
        return pull(client, LocalStore(str(root)), limited, provenance={}).as_dict()


def bytes_of(root: Path) -> dict[str, bytes]:
    """Read every object whole."""
    return {path: (root / path).read_bytes() for path in objects(root)}


def rows_of(root: Path) -> Counter[LakeRow]:
    """Count the rows of the lake, as the sandbox's `Row`."""
    table = pq.ParquetDataset(root / "samples").read()
    return Counter(
        (*(row[name] for name in Row._fields[:-2]), int(row["timestamp"].timestamp()), row["value"])
        for row in table.to_pylist()
    )


def rejections_of(root: Path) -> list[dict[str, Any]]:
    """Read what lies beside the rows."""
    paths = sorted((root / "rejected").rglob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def unknown_fields_of(root: Path) -> tuple[str, ...]:
    """Read the unknown names that the footers tell."""
    names = {
        name
        for path in (root / "samples").rglob("*.parquet")
        for name in json.loads(pq.read_metadata(path).metadata[b"evpl.unknown_fields"])
    }
    return tuple(sorted(names))


SAME = Lands()
SLOW = {
    "timeout_seconds": "0.2",
    "max_retry_seconds": "0",
}  # a time-out of 0.2 s, of 2 s for all, and no retry


def _down(why: str, *, answered: bool = True) -> Fails:
    return Fails(EvplUnavailableError, rf"{why}(.|\n)*Gave up after 10 attempts", answered)


def _silent(why: str) -> Fails:
    return _down(why, answered=False)


def _late(why: str, *, answered: bool) -> Fails:
    return Fails(EvplUnavailableError, why, answered)


def _limit(told: str, *, final: bool = False) -> Fails:
    return Fails(EvplRateLimitError, told, final=final)


def _response(why: str) -> Fails:
    return Fails(EvplResponseError, why)


def _final(error: type[EvplError], why: str) -> Fails:
    return Fails(error, why, final=True)


ENDLESSLY = r"/53(.|\n)*Too many requests(.|\n)*Gave up after 10 attempts"
WAITED_FOR = r"asks to wait 30 s\.\nGave up after (8|9|10) attempts"
CUT = _down("the response is not complete JSON")

REPLIES: dict[str, Lands | Fails] = {
    "error-400-28": Fails(EvplRequestError, r"400/28(.|\n)*Invalid query-string"),
    "error-401-40": _final(EvplAuthError, r"401/40(.|\n)*Missing credentials"),
    "error-401-41": Fails(EvplAuthError, r"401/41(.|\n)*Invalid credentials"),
    "error-401-42": Fails(EvplAuthError, r"401/42(.|\n)*Expired credentials"),
    "error-403-50": Fails(EvplForbiddenError, r"403/50(.|\n)*subscription(.|\n)*Access denied"),
    "error-403-51": Fails(EvplForbiddenError, r"403/51(.|\n)*Forbidden requester"),
    "error-404-60": Fails(EvplRequestError, r"404/60(.|\n)*Resource not found"),
    "error-408-63": _down(r"408/63(.|\n)*Request time-out"),
    "error-422-business": Fails(EvplRequestError, r"422/422(.|\n)*Business error"),
    "error-500-1": _down(r"500/1(.|\n)*Internal error"),
    "error-502-1": _down(r"502/1(.|\n)*Bad gateway"),
    "error-503-5": _down(r"503/5(.|\n)*The service is temporarily unavailable"),
    "error-504-6": _down(r"504/6(.|\n)*Gateway time-out"),
    "rate-limit-403": _limit("403" + ENDLESSLY),
    "rate-limit-403-seconds": _limit(WAITED_FOR),
    "rate-limit-403-date": _limit(r"asks to wait [23][0-9.]* s\.\nGave up"),
    "rate-limit-403-huge": _limit(r"asks to wait 1000000000 s\.\nGave up after 1 attempts", final=True),
    "rate-limit-403-negative": _limit("403" + ENDLESSLY),
    "rate-limit-403-word": _limit("403" + ENDLESSLY),
    "rate-limit-403-code-text": _limit("403" + ENDLESSLY),
    "rate-limit-429": _limit("429" + ENDLESSLY),
    "rate-limit-429-seconds": _limit(WAITED_FOR),
    "rate-limit-429-date": _limit(r"asks to wait [23][0-9.]* s\.\nGave up"),
    "rate-limit-429-huge": _limit(r"asks to wait 1000000000 s\.\nGave up after 1 attempts", final=True),
    "rate-limit-429-negative": _limit("429" + ENDLESSLY),
    "rate-limit-429-word": _limit("429" + ENDLESSLY),
    "html-502": _down(r"502(.|\n)*87 bytes that are not in the API's form"),
    "html-200": CUT,
    "status-204": _response(r"204(.|\n)* 0 bytes"),
    "redirect-elsewhere": _response(r"302(.|\n)*Redirects are never followed"),
    "body-empty": CUT,
    "body-list": _response("the response is not a report: not an object"),
    "body-bom": SAME,
    "json-cut": CUT,
    "content-type-html": SAME,
    "gzip-right": SAME,
    "gzip-missing": _down("decompressing"),
    "gzip-cut": CUT,
    "gzip-broken": _down("decompressing"),
    "gzip-bomb": _response(r"larger than 64 MiB(.|\n)*Pull shorter slices"),
}
WIRE: dict[str, Lands | Fails] = {
    "length-too-long": _down("the body is cut off"),
    "length-too-short": CUT,
    "length-missing": CUT,
    "chunks-right": SAME,
    "chunks-cut": _down("the body is cut off"),
    "body-dropped": _down("the body is cut off"),
    "body-reset": _silent("connection reset by peer"),
    "answer-dropped": _silent("closed connection without response"),
    "answer-reset": _silent("connection reset by peer"),
}
HANGING: dict[str, Lands | Fails] = {
    "body-hangs": _late("timed out", answered=True),
    "body-trickles": _late("took longer than 2 s|timed out", answered=True),  # on a busy one
    "answer-hangs": _late("timed out", answered=False),
    "token-hangs": _late("timed out", answered=False),
}
TOKEN_REPLIES: dict[str, Lands | Fails] = {
    "token-error-401": _final(EvplAuthError, r"The token endpoint .*401(.|\n)*invalid_client"),
    "token-error-403-50": Fails(EvplForbiddenError, "The token endpoint .*403/50"),
    "token-error-429": _limit("The token endpoint .*429" + ENDLESSLY),
    "token-error-503": _down(r"The token endpoint .*503/5(.|\n)*Unavailable"),
    "token-html-503": _down(r"The token endpoint .*503(.|\n)*87 bytes"),
    "token-html-200": _down("The token endpoint's response is no complete JSON text"),
    "token-body-empty": _down("The token endpoint's response is no complete JSON text"),
    "token-json-cut": _down("The token endpoint's response is no complete JSON text"),
    "token-gzip-right": SAME,
    "token-redirect-elsewhere": _response("The token endpoint .*307"),
    "token-dropped": _silent("closed connection without response"),
}
EXCHANGES = [
    *(Case((name,), outcome) for name, outcome in {**REPLIES, **WIRE, **TOKEN_REPLIES}.items()),
    *(Case((name,), outcome, SLOW) for name, outcome in HANGING.items()),
]
