"""What a sandbox served, byte for byte, as it came over the line."""

import json
import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import requests

from airflow_provider_evpl.api.deadline import DeadlineAdapter
from tests.model import Interval, number

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
        """Tell whether as many pages were served as the first one says."""
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
