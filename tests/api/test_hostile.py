"""Whatever a server sends, a pull ends with a known error, in bounded memory, after bounded bytes."""

import re
import zlib
from pathlib import Path
from typing import NamedTuple

import pytest

from airflow_provider_evpl.errors import (
    EvplError,
    EvplNotPublishedError,
    EvplRefusedError,
    EvplRequestError,
    EvplResponseError,
    EvplUnavailableError,
)
from tests.support.fake_api import FOR_EVER, MIB, Attack, pull_under
from tests.support.lake_files import objects

LARGEST = 64 * MIB
MOST_MEMORY = 12 * LARGEST
"""Above a tiny page's memory: the text, its copies in the careful decoder, a million rejected samples."""

ON_THE_WAY = 16 * MIB
"""What the sockets' buffers hold although nobody reads it, and the server's blocks."""

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PAGE = OK + b'\r\n{"hasNext":false,"entries":['
NAMES = b'"objectInstanceId":"a","metric_name":"in"'
SAMPLES = PAGE + b"{" + NAMES + b',"performanceValues":['
QUICKLY = 0.05  # the deadline is half a second


def _packed() -> tuple[bytes, bytes]:
    """Give the head of a gzip text, and a part that may be repeated: a MiB of blanks in a kB."""
    packer = zlib.compressobj(wbits=31)
    head = packer.flush(zlib.Z_FULL_FLUSH)
    return head, packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)


HEAD, MIB_OF_BLANKS = _packed()


class Case(NamedTuple):
    """An attack, its error, and how many bytes may be taken until then."""

    attack: Attack
    error: type[EvplError]
    says: str
    most_bytes: float = LARGEST


def endless(begin: bytes, again: bytes, *, on_token: bool = False, timeout_seconds: float = 60.0) -> Attack:
    """Make an endless attack."""
    return Attack(begin, again, FOR_EVER, on_token=on_token, timeout_seconds=timeout_seconds)


def filled(begin: bytes, again: bytes, end: bytes, size: int = LARGEST) -> Attack:
    """Make a response of a size; one of the largest size is read whole."""
    return Attack(begin, again, (size - len(begin + end)) // len(again), end)


TOO_LARGE = (EvplResponseError, r"larger than 64 MiB.*\n.*Pull shorter slices")
VALUES = (EvplResponseError, "more than 4,194,304 values")
ON_THE_LINE = {
    "body": Case(endless(OK + b"\r\n", b"x"), *TOO_LARGE),
    "chunks": Case(endless(CHUNKED, b"10000\r\n%b\r\n" % (b"x" * (1 << 16))), *TOO_LARGE),
    "gzip bomb": Case(endless(OK + b"Content-Encoding: gzip\r\n\r\n" + HEAD, MIB_OF_BLANKS), *TOO_LARGE, MIB),
    "headers": Case(endless(OK, b"X: y\r\n"), EvplUnavailableError, "No complete response from", MIB),
    "header": Case(endless(OK + b"X: ", b"y"), EvplUnavailableError, "No complete response from", MIB),
    "status line": Case(endless(b"", b"O"), EvplUnavailableError, "No complete response from", MIB),
    "interim answers": Case(
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        EvplUnavailableError,
        "more than 20 interim responses",
        MIB,
    ),
    "chunk size": Case(endless(CHUNKED, b"0"), EvplUnavailableError, "No complete response from", MIB),
    "error": Case(endless(b"HTTP/1.1 500 x\r\n\r\n", b"x"), EvplUnavailableError, "500", MIB),
    "refusal": Case(endless(b"HTTP/1.1 400 x\r\n\r\n", b"x"), EvplRequestError, "400", MIB),
    "token": Case(
        endless(OK + b'\r\n{"access_token":"', b"x", on_token=True),
        EvplResponseError,
        r"larger than 1 MiB.*\n.*Check token_url",
        MIB,
    ),
}
UNTIL_THE_DEADLINE = {
    "trailers": endless(CHUNKED + b"0\r\n", b"X: y\r\n", timeout_seconds=QUICKLY),
    "small chunks": endless(CHUNKED, b"1\r\nx\r\n", timeout_seconds=QUICKLY),
    "packed nothing": endless(
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"")[:2],
        b"\x00\x00\x00\xff\xff",
        timeout_seconds=QUICKLY,
    ),
}
IN_THE_PAGE = {
    "blanks": Case(filled(PAGE, b" ", b"]}"), EvplNotPublishedError, "not published yet"),
    "arrays": Case(filled(PAGE, b"[],", b"[]]}"), *VALUES),
    "arrays without commas": Case(filled(PAGE, b"[]", b"]}"), *VALUES),
    "objects": Case(filled(PAGE, b"{},", b"{}]}"), *VALUES),
    "numbers for samples": Case(filled(SAMPLES, b"1,", b"1]}]}"), *VALUES),
    "unknown fields": Case(filled(PAGE + b"{" + NAMES, b',"x":1', b"}]}"), *VALUES),
    "broken fields": Case(
        filled(PAGE + b"{" + NAMES, b',"x":NaN', b"}]}", size=4 * MIB),
        EvplRefusedError,
        "more than 10,000 fields",
    ),
    "nesting": Case(filled(PAGE, b"[", b""), *VALUES),
    "entries without samples": Case(
        filled(PAGE, b"{%b}," % NAMES, b"{%b}]}" % NAMES),
        EvplResponseError,
        "1,.* elements, more than 500,000",
    ),
    "text": Case(
        filled(PAGE + b"{" + NAMES + b',"a":"', b"x", b'"}]}'), EvplNotPublishedError, "not published yet"
    ),
    "name": Case(
        filled(PAGE + b'{"metric_name":"in","objectInstanceId":"', b"x", b'"}]}', size=4 * MIB),
        EvplNotPublishedError,
        "not published yet",
    ),
    "more rejected than are kept": Case(
        filled(SAMPLES, b"1,", b"1]}]}", size=2 * MIB),
        EvplResponseError,
        "more than 1,000,000 invalid samples",
    ),
}


@pytest.fixture(scope="module")
def usual_bytes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory of a pull of one sample."""
    tiny = Attack(SAMPLES, b'{"timeStamp":"2026-11-20T00:00Z","value":"1"}', 1, b"]}]}")
    process = pull_under(tiny, tmp_path_factory.mktemp("lake")).process
    assert process.error == ""
    return process.peak_bytes


CASES = ON_THE_LINE | IN_THE_PAGE


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_too_large_response_is_refused(case: Case, tmp_path: Path, usual_bytes: int) -> None:
    """A response is read up to its limit, once, and ends with its error; memory is bounded, nothing lands."""
    process, requests, sent_bytes = pull_under(case.attack, tmp_path)
    assert process.error == case.error.__name__
    assert re.search(case.says, process.says)
    assert requests == (1 if case.attack.on_token else 2)
    assert sent_bytes <= case.most_bytes + ON_THE_WAY
    assert process.peak_bytes <= usual_bytes + MOST_MEMORY
    assert objects(tmp_path) == []


@pytest.mark.parametrize("attack", UNTIL_THE_DEADLINE.values(), ids=UNTIL_THE_DEADLINE)
def test_endless_response_reaches_the_deadline(attack: Attack, tmp_path: Path, usual_bytes: int) -> None:
    """A response without an end is a temporary error, however much arrives; memory is bounded."""
    process, _, sent_bytes = pull_under(attack, tmp_path)
    assert process.error == EvplUnavailableError.__name__
    assert "No complete response from" in process.says
    assert sent_bytes
    assert process.peak_bytes <= usual_bytes + MOST_MEMORY
    assert objects(tmp_path) == []
