"""What a sandbox served, byte for byte, and a second reading of it by the contract alone."""

import json
import math
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qs, urlsplit

import requests

from airflow_provider_evpl.api.deadline import DeadlineAdapter
from tests.support.model import Content, Interval, Key, number

Pages: TypeAlias = dict[int, bytes]
"""Whole bodies by the index they were asked for with."""


class Recorder(DeadlineAdapter):
    """An adapter that keeps the report's pages: of each window those since its first was last asked for.

    Attributes:
        asked: the windows in the order in which they were asked for, and what was served of them.
    """

    def __init__(self) -> None:
        self.asked: dict[Interval, Pages] = {}
        self._lock = threading.Lock()
        super().__init__(pool_maxsize=4)

    def session(self) -> requests.Session:
        """Make a session that goes through it."""
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", self)
        return session

    def pages(self, window: Interval) -> list[bytes]:
        """Give what was served of a window, in order."""
        return [body for _, body in sorted(self.asked[window].items())]

    def is_whole(self, window: Interval) -> bool:
        """Return whether as many pages were served as the first one says."""
        pages = self.pages(window)
        return bool(pages) and len(pages) == json.loads(pages[0]).get("totalPages")

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:  # noqa: ANN401 requests' own
        """Send, and keep the answer once it has been read to its end."""
        if "pagination" not in request.headers:
            return super().send(request, *args, **options)
        query = parse_qs(urlsplit(str(request.url)).query)
        start, end = (number(datetime.fromisoformat(query[name][0])) for name in ("startTime", "endTime"))
        index = int(request.headers["pagination"])
        if index == 1:
            self.asked[start, end] = {}
        response = super().send(request, *args, **options)
        if response.status_code == requests.codes.ok:
            response.raw = _Tee(response.raw, partial(self._keep, (start, end), index))
        return response

    def _keep(self, window: Interval, index: int, body: bytes) -> None:
        with self._lock:
            self.asked[window][index] = body


class _Tee:
    """The body of an answer, which is told whole to somebody else."""

    def __init__(self, raw: Any, keep: Callable[[bytes], None]) -> None:  # noqa: ANN401 urllib3's, as requests has it
        self._raw = raw
        self._keep = keep
        self._read = bytearray()

    def read(self, *args: Any, **options: Any) -> bytes:  # noqa: ANN401 urllib3's
        """Read on."""
        chunk: bytes = self._raw.read(*args, **options)
        self._read += chunk
        if not chunk:
            self._keep(bytes(self._read))
        return chunk

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever else the body has
        return getattr(self._raw, name)


Json: TypeAlias = Any
COLUMNS = ("object_instance_id", "metric_name", "pop_country", "pop_name", "pop_section_name", "object_type")
"""The lake's, in the order of the fields below."""
_REQUIRED = ("objectInstanceId", "metric_name")
_OPTIONAL = ("pop_country", "pop_name", "pop_section_name", "objectType")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d([.,]\d{1,6}0{0,3})?)?(Z|[+-]\d\d(:?\d\d)?)", re.ASCII)


class Rejected(NamedTuple):
    """What can't be read: where it was, how many samples it stands for, and itself."""

    page: int
    entry: int
    sample: int | None
    samples: int
    raw: Json


@dataclass
class Reading:
    """The samples of a window, by series and time, in the order they came; and all that was set aside."""

    window: Interval
    values: dict[Key, list[float | None]] = field(default_factory=lambda: defaultdict(list))
    rejected: list[Rejected] = field(default_factory=list)
    out_of_window: int = 0
    entries: int = 0

    @property
    def rows(self) -> dict[Key, float | None]:
        """A value beats null, else the last one stays."""
        return {key: _stays(values) for key, values in self.values.items()}

    @property
    def content(self) -> Content:
        """As the model has it."""
        return Content(self.rows, len(self.rejected))

    @property
    def ledger(self) -> dict[str, int]:
        """The counts of the contract's result."""
        accepted = sum(map(len, self.values.values()))
        rejected = sum(one.samples for one in self.rejected)
        return {
            "received": accepted + self.out_of_window + rejected,
            "rows": len(self.values),
            "duplicates": accepted - len(self.values),
            "out_of_window": self.out_of_window,
            "rejected": rejected,
            "conflicts": sum(sum(one != _stays(values) for one in values) for values in self.values.values()),
            "null_values": sum(value is None for value in self.rows.values()),
        }

    def is_odd(self, limit: float) -> bool:
        """Return whether more than this share of samples, or of entries, was set aside."""
        ledger = self.ledger
        whole = sum(one.sample is None for one in self.rejected)
        return (
            ledger["rejected"] + ledger["conflicts"] > limit * ledger["received"]
            or whole > limit * self.entries
        )

    def take(self, page: int, position: int, entry: Json) -> None:
        """Read one entry."""
        self.entries += 1
        samples = entry.get("performanceValues") if isinstance(entry, dict) else None
        if not _is_entry(entry):
            count = max(1, len(samples)) if isinstance(samples, list) else 1
            self.rejected.append(Rejected(page, position, None, count, entry))
        elif not isinstance(samples, list | dict | None):
            self.rejected.append(Rejected(page, position, None, 1, entry))
        else:
            for index, sample in enumerate([samples] if isinstance(samples, dict) else samples or []):
                self._take_sample(Rejected(page, position, index, 1, sample), name_of(entry))

    def _take_sample(self, here: Rejected, name: str) -> None:
        try:
            moment, value = _moment(here.raw), _value(here.raw)
        except (ValueError, TypeError, AttributeError, OverflowError):
            self.rejected.append(here)
            return
        time = number(moment)
        if self.window[0] <= time < self.window[1]:
            self.values[name, time].append(value)
        else:
            self.out_of_window += 1


def read_pages(window: Interval, pages: Sequence[bytes]) -> Reading:
    """Read what was served of a window, in the order of its pages."""
    reading = Reading(window)
    for page, body in enumerate(pages, 1):
        for position, entry in enumerate(read_json(body)["entries"]):
            reading.take(page, position, entry)
    return reading


def read_json(text: str | bytes) -> Json:
    """Read JSON; a bare NaN is the text of it, as it equals nothing, not even itself."""
    return json.loads(text, parse_constant=str)


def name_of(entry: Json) -> str:
    """Give what identifies a series."""
    return json.dumps([entry.get(name) for name in (*_REQUIRED, *_OPTIONAL)])


def _is_entry(entry: Json) -> bool:
    return (
        isinstance(entry, dict)
        and all(_is_text(entry.get(name)) for name in _REQUIRED)
        and all(entry.get(name) is None or _is_text(entry[name]) for name in _OPTIONAL)
    )


def _is_text(value: Json) -> bool:
    """Half of a surrogate pair is no character."""
    return isinstance(value, str) and not any("\ud800" <= one <= "\udfff" for one in value)


def _moment(sample: Json) -> datetime:
    text = sample.get("timeStamp")
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def _value(sample: Json) -> float | None:
    value = sample.get("value")
    if value is None or value == "":
        return None
    if isinstance(value, bool) or (isinstance(value, str) and ("_" in value or not value.isascii())):
        raise ValueError(value)
    if not math.isfinite(float(value)):
        raise ValueError(value)
    return float(value)


def _stays(values: Sequence[float | None]) -> float | None:
    return next((one for one in reversed(values) if one is not None), None)
