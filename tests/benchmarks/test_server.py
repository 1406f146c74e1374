"""The benchmark's server serves what its folder says, and counts what it was asked."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.data import make
from benchmarks.job import CREDENTIALS, Job
from benchmarks.server import Gateway, ReportServer
from benchmarks.shape import START, Shape, expected

SHAPE = Shape(circuits=2, page_entries=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of two circuits, on three pages."""
    return make(SHAPE, tmp_path_factory.mktemp("data"))


@pytest.fixture
def job(folder: Path, tmp_path: Path) -> Iterator[Job]:
    """What a runner would be told."""
    with ReportServer(folder, page_entries=SHAPE.page_entries, latency_seconds=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Job(base_url=server.base_url, target=str(tmp_path), start=START)
        server.shutdown()
        thread.join()


def token(session: requests.Session, job: Job) -> str:
    """Ask for a token."""
    answer = session.post(job.token_url, data={"grant_type": "client_credentials"}, auth=CREDENTIALS)
    return str(answer.json()["access_token"])


def ask(session: requests.Session, job: Job, index: int, *, token: str) -> requests.Response:
    """Ask for a page."""
    return session.get(job.report_url, params=job.parameters(START), headers=job.headers(token, index))


def counts(job: Job) -> dict[str, int]:
    """Take what was counted."""
    counted: dict[str, int] = requests.get(f"{job.base_url}/counts", timeout=10).json()
    return counted


def test_the_pages_have_all_that_was_announced(folder: Path, job: Job) -> None:
    """The pages have as many samples, with the same sum, as the function that the day's sums come from."""
    with requests.Session() as session:
        known = token(session, job)
        pages = [ask(session, job, index, token=known).json() for index in (1, 4, 7)]
    values = [
        float(sample["value"])
        for page in pages
        for entry in page["entries"]
        for sample in entry["performanceValues"]
    ]
    sums = expected(folder, days=1)
    assert [page["hasNext"] for page in pages] == [True, True, False]
    assert (len(values), sum(round(100 * value) for value in values)) == (sums.rows, sums.hundredths)


def test_what_is_asked_is_counted(job: Job) -> None:
    """Pages, tokens, refusals and connections are told, once, and those who ask for them don't count."""
    with requests.Session() as session:
        known = token(session, job)
        ask(session, job, 1, token=known)
        ask(session, job, 4, token=known)
    for index, wrong in ((1, "another"), (2, known), (10, known)):
        with requests.Session() as session:
            ask(session, job, index, token=wrong)
    told = {"pages": 2, "tokens": 1, "refused": 3, "connections": 4}
    assert counts(job) == told
    assert counts(job) == dict.fromkeys(told, 0)


def test_old_data_is_made_anew(tmp_path: Path) -> None:
    """What other code has made is removed, what this code has made stays as it is."""
    folder = make(SHAPE, tmp_path)
    other = folder.with_name("2-3-0123456789ab")
    other.mkdir()
    told = folder / f"{START}.json"
    told.write_text(json.dumps({"lengths": [], "sums": [0, 0, 0]}))
    assert make(SHAPE, tmp_path) == folder
    assert not other.exists()
    assert expected(folder, days=1).rows == 0


def test_the_gateway_lets_so_many_in_in_any_second() -> None:
    """What was refused doesn't count."""
    gateway = Gateway(2)
    assert [gateway.lets_in(now) for now in (0.0, 0.5, 0.9, 1.0, 1.4, 1.5)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_a_gateway_without_a_limit_lets_all_in() -> None:
    """As the other suites have it."""
    assert all(Gateway(0).lets_in(0.0) for _ in range(100))


def test_a_gateway_may_want_them_evenly() -> None:
    """As a spike arrest does: four a second is one in 250 ms."""
    gateway = Gateway(4, is_even=True)
    assert [gateway.lets_in(now) for now in (0.0, 0.1, 0.25, 0.3, 0.5)] == [True, False, True, False, True]
