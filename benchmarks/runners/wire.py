"""Pages as bytes, with as little work as Python's own library can do it: for the limit and the ceiling."""

import json
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from benchmarks.job import CREDENTIALS, Job

__all__ = ["Wire"]

T = TypeVar("T")
_TOTAL = re.compile(rb'"totalPages":(\d+)')


class Wire:
    """One connection a thread, kept; a token asked for once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._local = threading.local()
        self._token = self._ask_token()

    def pages(self, day: str, read: Callable[[bytes], T]) -> Iterator[T]:
        """Read a day's pages, in order, several in flight; the number of the first page's elements counts.

        Args:
            day: which.
            read: what to do with each body, in the thread that fetched it.
        """
        first = self._get(day, 1)
        elements, total = first.count(b'"metric_name"'), int(_TOTAL.findall(first)[0])
        yield read(first)
        indices = range(1 + elements, 1 + elements * total, elements)
        if self._job.in_flight == 1:
            yield from (read(self._get(day, index)) for index in indices)
            return
        with ThreadPoolExecutor(self._job.in_flight) as pool:
            yield from pool.map(lambda index: read(self._get(day, index)), indices)

    def _get(self, day: str, index: int) -> bytes:
        query = urlencode(self._job.parameters(day), doseq=True)
        path = f"{urlsplit(self._job.report_url).path}?{query}"
        return self._exchange("GET", path, dict(self._job.headers(self._token, index)), None)

    def _ask_token(self) -> str:
        headers = {
            "Authorization": f"Basic {b64encode(':'.join(CREDENTIALS).encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        answer = self._exchange(
            "POST", urlsplit(self._job.token_url).path, headers, b"grant_type=client_credentials"
        )
        return str(json.loads(answer)["access_token"])

    def _exchange(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> bytes:
        if not hasattr(self._local, "connection"):
            self._local.connection = HTTPConnection(urlsplit(self._job.base_url).netloc)
        connection: HTTPConnection = self._local.connection
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        if answer.status != 200:  # noqa: PLR2004 the one number of HTTP that everyone knows
            raise RuntimeError(f"{method} {path}: {answer.status}")
        return answer.read()
