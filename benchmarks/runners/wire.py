"""Download pages as bytes with plain sockets: the least work that Python can do for a download."""

import json
import re
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from benchmarks.job import CREDENTIALS, Job

__all__ = ["Wire"]

T = TypeVar("T")
_TOTAL = re.compile(rb'"totalPages":(\d+)')
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")
_HEAD_END = b"\r\n\r\n"
_BUFFER_BYTES = 16 << 20  # more than any page of the benchmark


class Wire:
    """A client with one token, and with one open connection and one buffer per thread."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._local = threading.local()
        self._address = urlsplit(job.base_url)
        self._token = self._ask_token()

    def pages(self, day: str, read: Callable[[memoryview], T]) -> Iterator[T]:
        """Read the pages of a day in order, with several in flight; `pagination` counts elements.

        Args:
            day: the day to read.
            read: reads a body, in the thread that requested it. The next page overwrites the body.
        """
        first = self._get(day, 1)
        elements, total = bytes(first).count(b'"metric_name"'), int(_TOTAL.findall(first)[0])
        yield read(first)
        indices = range(1 + elements, 1 + elements * total, elements)
        if self._job.in_flight == 1:
            yield from (read(self._get(day, index)) for index in indices)
            return
        with ThreadPoolExecutor(self._job.in_flight) as pool:
            yield from pool.map(lambda index: read(self._get(day, index)), indices)

    def _get(self, day: str, index: int) -> memoryview:
        query = urlencode(self._job.parameters(day), doseq=True)
        path = f"{urlsplit(self._job.report_url).path}?{query}"
        return self._exchange("GET", path, self._job.headers(self._token, index))

    def _ask_token(self) -> str:
        headers = {
            "Authorization": f"Basic {b64encode(':'.join(CREDENTIALS).encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        path = urlsplit(self._job.token_url).path
        answer = self._exchange("POST", path, headers, b"grant_type=client_credentials")
        return str(json.loads(bytes(answer))["access_token"])

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> memoryview:
        if not hasattr(self._local, "socket"):
            self._local.socket = socket.create_connection((self._address.hostname, self._address.port))
            self._local.buffer = bytearray(_BUFFER_BYTES)
        lines = {"Host": self._address.netloc, "Content-Length": len(body), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._local.socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return self._receive()

    def _receive(self) -> memoryview:
        buffer: bytearray = self._local.buffer
        view, size = memoryview(buffer), 0
        while (head := buffer.find(_HEAD_END, 0, size)) < 0:
            size += self._receive_into(view[size:])
        start = head + len(_HEAD_END)
        if not buffer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(bytes(view[:start]))
        end = start + int(_LENGTH.findall(view[:start])[0])
        while size < end:
            size += self._receive_into(view[size:end])
        return view[start:end]

    def _receive_into(self, view: memoryview) -> int:
        count: int = self._local.socket.recv_into(view)
        if not count:
            raise RuntimeError("the server closed the connection, or the page is larger than the buffer")
        return count
