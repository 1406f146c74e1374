"""A lake on disk, pulled from a faulty sandbox over HTTP and held against the model after each pull."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow.parquet as pq

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplError, EvplNotPublishedError, EvplRefusedError
from airflow_provider_evpl.flows.progress import Progress
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.layout import parse_name
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.faults.places import is_affected
from airflow_provider_evpl.sandbox.faults.samples import SAMPLE_FAULTS
from airflow_provider_evpl.sandbox.pages import entry_head
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import Window
from tests.support.faults_pulls import EXCHANGES, HANGING, SLOW, TRUTH, Lands, bytes_of
from tests.support.faults_served import COLUMNS, Reading, Recorder, name_of, read_json, read_pages
from tests.support.faults_table import CASES, ENTRIES, PAGES, ROWS, SAMPLES, UNSEEN
from tests.support.model import TWO_DAYS, Content, Interval, Key, ModelLake, Request, moment, number

LEFT_OUT: Final[Mapping[str, str]] = {"gzip-bomb": "64 MiB to unpack each time"}
"""Faults that are not drawn, and why."""

HARMLESS: Final = {
    name for name, outcome in (ROWS | ENTRIES | SAMPLES | PAGES).items() if isinstance(outcome, Lands)
}
"""With any of these together nothing fails but what the model refuses."""

# With one of these on what is served may lack something, and nothing in the answers tells.
_NUMBERS: Final = ("page-numbers-zero", "page-numbers-missing", "current-page-missing")
_TIMES: Final = ("samples-late", "retention-empty", "retention-null", "start-exclusive", "window-cut")
_MOVES: Final = ("element-inserted",)  # with a count it is there and gone again: then `element-removed`
_WINDOWS: Final = ("window-unpublished", "window-without-samples")
SILENT: Final = {name for names in UNSEEN for name in names.split()} | {
    *_NUMBERS,
    *_TIMES,
    *_WINDOWS,
    *_MOVES,
    "places-missing",
    "steps-coarser",
}
SAME: Final = {
    *(
        name
        for case in CASES
        for name in case.faults
        if len(case.faults) == 1
        and not case.settings
        and (not isinstance(case.outcome, Lands) or case.outcome.rows() == TRUTH)
    )
} - SILENT
"""Alone, what lands with one of these on, if anything does, is the truth."""
EXCHANGED: Final = {case.faults[0] for case in EXCHANGES}
"""These leave what a page holds as it is, so that they may come and go within a pull."""
_OF_SAMPLES: Final = {fault.name for fault in SAMPLE_FAULTS}


@dataclass(frozen=True)
class Pull:
    """One run: what is asked for, and how.

    Attributes:
        revoked_after: after so many pages every token is unknown.
    """

    request: Request
    pagination: str
    parallelism: int
    revoked_after: int | None = None


class Outcome(NamedTuple):
    """What may have come of a pull: the lake, how the pull ended, and the readings that landed."""

    lake: ModelLake
    end: str
    landed: Mapping[Interval, Reading]

    @property
    def ledger(self) -> dict[str, int]:
        """The counts of all that landed."""
        total = Counter[str]()
        for reading in self.landed.values():
            total.update(reading.ledger)
        return dict(total)


class FaultyLake:
    """One sandbox, one lake, and the model of what should be in it."""

    def __init__(self, server: SandboxServer, root: Path) -> None:
        self.model = ModelLake()
        self._server = server
        self._root = root
        self._faults: set[str] = set()
        network = Network(circuits=2, granularity_seconds=7200, seed=server.config.seed)
        self._series = {name_of(entry_head(one)): one for one in network.series}
        steps = network.steps(start=moment(0).timestamp(), end=moment(TWO_DAYS).timestamp())
        self._truth: dict[Key, float] = {
            (name, time): value
            for name, one in self._series.items()
            for time, value in enumerate(network.values(one, steps=steps))
        }

    @property
    def is_faulty(self) -> bool:
        """Return whether there are any faults, used up or not."""
        return bool(self._faults)

    def set_faults(self, *texts: str) -> None:
        """Have these from now on."""
        self._faults = {re.split("[:@~]", text)[0] for text in texts}
        self._server.set_faults(*texts)

    def pull(self, chosen: Pull) -> str:
        """Pull, hold the lake against the model, and say how it ended."""
        recorder, before = Recorder(), bytes_of(self._root)
        groups = self.model.groups(chosen.request)
        error, ledger, failed = self._run(chosen, recorder)
        asked = list(recorder.asked)
        assert asked == [one for one in reversed(groups) if one in asked]
        if not failed and (error is None or isinstance(error, EvplRefusedError | EvplNotPublishedError)):
            assert asked == groups[::-1]
            outcome = self._outcome(chosen.request, recorder, asked)
            assert _name(error) == outcome.end
            assert ledger is None or ledger.items() >= outcome.ledger.items()
            self._check(outcome, before)
        else:
            assert not (self._faults <= HARMLESS and chosen.pagination == "element"), error
            outcome = self._after_failure(chosen.request, recorder, failed, before)
        self.model = outcome.lake
        return _name(error)

    def _run(
        self, chosen: Pull, recorder: Recorder
    ) -> tuple[EvplError | None, dict[str, Any] | None, set[Interval]]:
        """Pull, and give the error, the result, and which slices the API could not answer."""

        def revoke(progress: Progress) -> None:
            if progress.pages == chosen.revoked_after:
                self._server.revoke_tokens()

        connection = self._server.connection()
        how = {"pagination": chosen.pagination, "page_parallelism": chosen.parallelism}
        slow = SLOW if self._faults & HANGING.keys() else {}
        extra = {**connection["extra"], **how, **slow, "requests_per_second": 1000}
        read = Settings.from_connection(
            **{name: connection[name] for name in ("login", "password", "host")}, extra=extra
        )
        made = Client(read, session=recorder.session(), sleep=lambda _: None)
        with made as client, warnings() as texts:
            try:
                store = LocalStore(str(self._root))
                summary = pull(client, store, chosen.request.plan, provenance={}, on_progress=revoke)
            except EvplError as error:
                has_all = bool(_SLICES.match(error.what))
                stopped = not isinstance(error, EvplRefusedError | EvplNotPublishedError) and not has_all
                failed = _failed([*texts, error.detail * has_all], recorder.asked)
                return error, None, failed | _unread(recorder, str(error), stopped=stopped)
        return None, summary.as_dict(), set()

    def _outcome(self, request: Request, recorder: Recorder, done: Iterable[Interval]) -> Outcome:
        """Say what comes of it where these intervals were read to their end."""
        readings = {one: read_pages(one, recorder.pages(one)) for one in done}
        lake = ModelLake(dict(self.model.objects))
        contents = {one: reading.content for one, reading in readings.items()}
        odd = {one for one, reading in readings.items() if reading.is_odd(request.max_rejected_fraction)}
        end = lake.land(contents, request, odd)
        landed = {one: readings[one] for one in done if lake.objects.get(one) is contents[one]}
        return Outcome(lake, end, landed)

    def _after_failure(
        self, request: Request, recorder: Recorder, failed: set[Interval], before: Mapping[str, bytes]
    ) -> Outcome:
        """What was read whole has landed."""
        done = sorted(one for one in recorder.asked if one not in failed)
        outcome = self._outcome(request, recorder, done)
        self._check(outcome, before)
        return outcome

    def _check(self, outcome: Outcome, before: Mapping[str, bytes]) -> None:
        """The lake is what it may be, to the byte where nothing landed; and any reader can read it."""
        after = bytes_of(self._root)
        found = read_lake(after)
        assert {one: content for one, (content, _) in found.items()} == outcome.lake.objects
        for one, (_, paths) in found.items():
            if one not in outcome.landed:
                assert [after[path] for path in paths] == [before[path] for path in paths]
        assert {path for _, paths in found.values() for path in paths} == after.keys()
        for one, reading in outcome.landed.items():
            self._check_landed(reading, [after[path] for path in found[one][1]])
        if found:
            rows = pq.ParquetDataset(self._root / "samples").read().num_rows
            assert rows == len({key for content, _ in found.values() for key in content.rows})

    def _check_landed(self, reading: Reading, data: list[bytes]) -> None:
        """Beside the rows lies what was rejected, as it came; series that no fault strikes are the truth."""
        lines = [json.loads(line) for rest in data[1:] for line in rest.splitlines()]
        assert [
            (one["page"], one["entry"], one["sample"], one["samples"], read_json(one["raw"])) for one in lines
        ] == reading.rejected
        if not self._faults & SILENT:
            truth = self._truth_within(*reading.window)
            healthy = {key: value for key, value in truth.items() if not is_affected(self._series[key[0]])}
            assert reading.rows.items() >= healthy.items()
            if self._faults <= SAME and len(self._faults & _OF_SAMPLES) <= 1:
                assert reading.rows == truth

    def check_truth(self, start: int, end: int) -> None:
        """All that is there of a window is what the sandbox's function says."""
        found = read_lake(bytes_of(self._root))
        rows = {key: value for content, _ in found.values() for key, value in content.rows.items()}
        assert {key: value for key, value in rows.items() if start <= key[1] < end} == self._truth_within(
            start, end
        )

    def _truth_within(self, start: int, end: int) -> dict[Key, float]:
        return {key: value for key, value in self._truth.items() if start <= key[1] < end}


def _unread(recorder: Recorder, told: str, *, stopped: bool) -> set[Interval]:
    """Give the slice in which a run stopped; a token may be missed between two slices, too."""
    asked = list(recorder.asked)
    is_between = (
        told.startswith(("The token endpoint", "No complete response"))
        and asked
        and recorder.is_whole(asked[-1])
    )
    return set(asked[-1:]) if stopped and not is_between else set()


_SLICES = re.compile(r"window \S+: \d+ slices? ")
_REFUSED = ("would erase", "samples or entries are rejected", "no sample can be read")


@contextmanager
def warnings() -> Iterator[list[str]]:
    """Collect the errors of slices that are logged, because the raised error doesn't show them."""
    texts: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(record.getMessage())

    handler = Handler()
    log = logging.getLogger("airflow_provider_evpl.flows.failures")
    log.addHandler(handler)
    try:
        yield texts
    finally:
        log.removeHandler(handler)


def _failed(texts: Iterable[str], asked: Iterable[Interval]) -> set[Interval]:
    """Return the slices that failed and were not refused: the first line of each error names its slice."""
    lines = [line for text in texts for line in text.splitlines() if not line.startswith("  ")]
    failed = [line for line in lines if not any(why in line for why in _REFUSED)]
    labels = {one: Window(moment(one[0]), moment(one[1])).label for one in asked}
    return {one for one, label in labels.items() if any(label in line for line in failed)}


def read_lake(objects: Mapping[str, bytes]) -> dict[Interval, tuple[Content, list[str]]]:
    """Read what is there: by interval, and where it lies; the rejected samples last."""
    found = {}
    for path, data in objects.items():
        folder, _, name = path.rpartition("/")
        if folder.startswith("samples/"):
            window = parse_name(name, datetime.fromisoformat(f"{folder[-10:]}T00:00Z"))
            assert window is not None
            beside = f"rejected{folder[7:]}/{name[:-8]}.jsonl"
            paths = [path, *([beside] if beside in objects else [])]
            rejected = objects.get(beside, b"").count(b"\n")
            found[number(window.start), number(window.end)] = Content(_rows(data), rejected), paths
    return found


@lru_cache(maxsize=1000)
def _rows(data: bytes) -> dict[Key, float | None]:
    rows = pq.read_table(BytesIO(data)).to_pylist()
    keyed = {
        (json.dumps([row[name] for name in COLUMNS]), number(row["timestamp"])): row["value"] for row in rows
    }
    assert len(keyed) == len(rows)
    return keyed


def _name(error: EvplError | None) -> str:
    """How a pull ended, in the model's words; a failure by its class."""
    names = {EvplRefusedError: "refused", EvplNotPublishedError: "unpublished"}
    return "landed" if error is None else names.get(type(error), type(error).__name__)
