"""Texts from outside can't begin a line of a log or an error, nor steer a terminal, and are cut."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.flows.publication import count_published
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.lake.store import LocalStore
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.window import Granularity
from tests.support.api import answer, problem, scripted
from tests.support.fake_api import A_DAY, MIDNIGHT, FakeApi, grid, run

ODD = "x\r\nERROR forged \x1b[2J\x85\u2028\u202e\u200b\ufeff\x00"
ODD_AND_LONG = ODD + "y" * 200_000
TIME = "2026-11-20T00:00:00Z"
MOST_CHARACTERS = 2500  # three examples, each with a name or raw JSON, and the counts by reason


def _sample(more: str = "", value: str = '"1"', time: str = f'"{TIME}"') -> str:
    return f'{{"timeStamp":{time},"value":{value}{more}}}'


def _entry(name: str = '"a"', *, sample: str = _sample(), more: str = "", pop: str = "null") -> str:
    names = f'"objectInstanceId":{name},"metric_name":{name},"pop_name":{pop}'
    return f'{{{names},"performanceValues":[{sample}]{more}}}'


def _page(*entries: str, more: str = "", page: str = "1", total: str = "1") -> dict[str, Any]:
    head = f'"currentPage":{page},"totalPages":{total},"hasNext":false'
    return answer(content=f'{{{head},"entries":[{",".join(entries)}]{more}}}'.encode())


ANSWERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "a field twice in a sample": lambda text: _page(_entry(sample=_sample(f",{text}:1,{text}:2", "NaN"))),
    "a field twice in an entry": lambda text: _page(_entry(more=f',"n":NaN,{text}:1,{text}:2')),
    "a field twice on the page": lambda text: _page(_entry(), more=f',"n":NaN,{text}:1,{text}:2'),
    "unknown fields": lambda text: _page(
        _entry(sample=_sample(f",{text}:1"), more=f",{text}:1"), more=f",{text}:1"
    ),
    "a new name of the value": lambda text: _page(
        _entry(sample=f'{{"timeStamp":"{TIME}",{text}:5}}'), _entry('"b"')
    ),
    "a new name of the samples": lambda text: _page(
        f'{{"objectInstanceId":"a","metric_name":"m",{text}:[{_sample()}]}}', _entry('"b"')
    ),
    "names": lambda text: _page(_entry(text, pop=text)),
    "names of what is in conflict": lambda text: _page(_entry(text), _entry(text, sample=_sample(value="9"))),
    "names of another type": lambda text: _page(_entry(pop=f"[{text}]"), _entry('"b"')),
    "a value": lambda text: _page(_entry(sample=_sample(value=text)), _entry('"b"')),
    "a time": lambda text: _page(_entry(sample=_sample(time=text)), _entry('"b"')),
    "samples of another type": lambda text: _page(_entry(sample=text), _entry('"b"')),
    "a number of a page": lambda text: _page(_entry(), page=text),
    "a number of pages": lambda text: _page(_entry(), total=text),
    "a large number of a page": lambda _: _page(_entry(), page="1" + "0" * 4000),
    "no JSON": lambda text: answer(content=json.loads(text).encode()),
    "half of JSON": lambda text: answer(content=f'{{"entries":[{text},{text}:'.encode()),
    "a refusal": lambda text: problem(400, 27, json.loads(text)),
    "a large code": lambda text: problem(400, 10**4000, json.loads(text)),
    "no service": lambda text: problem(503, 5, json.loads(text)),
    "no token": lambda text: problem(401, 41, json.loads(text)),
    "a request id": lambda text: answer(400, headers={"X-OAPI-Request-Id": json.loads(text)}),
}


@pytest.mark.contract("messages.one-line")
@pytest.mark.parametrize("text", [ODD, ODD_AND_LONG], ids=["odd", "odd and long"])
@pytest.mark.parametrize("make", ANSWERS.values(), ids=ANSWERS)
def test_texts_of_the_api_begin_no_line(
    make: Callable[[str], dict[str, Any]], text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pull, a pull that accepts all rejections, and a poll log and raise short printable lines."""
    caplog.set_level("DEBUG", "airflow_provider_evpl")
    reports = [make(json.dumps(text))]
    with scripted(reports, max_retry_seconds=0) as api:
        for share in (0.0, 1.0):
            plan = replace(A_DAY, max_rejected_fraction=share)
            _check(partial(pull, api.client, LocalStore(str(tmp_path)), plan, provenance={}))
        query: dict[str, Any] = {"code_ope": "0042", "granularity": Granularity("1d")}
        _check(partial(count_published, api.client, **query, window=A_DAY.window, enough=1))
    _check_lines(caplog)


def _check(call: Callable[[], object]) -> None:
    """Call a function that may fail, and check its message."""
    message = ""
    try:
        call()
    except EvplError as error:
        message = str(error)
    _check_text(message)


def _check_lines(caplog: pytest.LogCaptureFixture) -> None:
    for record in caplog.records:
        _check_text(record.getMessage())


def _check_text(message: str) -> None:
    """Each line is printable, and none begins with the text from outside."""
    assert len(message) < MOST_CHARACTERS
    for line in message.split("\n"):
        assert line.isprintable()
        assert not line.lstrip().startswith("ERROR")


@pytest.mark.contract("messages.one-line")
@pytest.mark.parametrize("name", [ODD, ODD * 100], ids=["odd", "odd and long"])
@pytest.mark.parametrize("what", ["fewer", "others", "none"])
def test_names_in_a_lake_begin_no_line(
    name: str, what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Series that would lose samples, lack values, or are gone are named within a line."""
    run(FakeApi(grid(name, MIDNIGHT, 288)), tmp_path)
    later = {
        "fewer": grid(name, MIDNIGHT, 280),
        "others": grid("b", MIDNIGHT, 288) + grid(f"{name}!", MIDNIGHT, 3),
        "none": [],
    }
    for plan in (A_DAY, replace(A_DAY, on_shrink="keep", min_coverage=1.0, allow_empty=True)):
        _check(partial(run, FakeApi(later[what]), tmp_path, plan))
    _check_lines(caplog)


@pytest.mark.contract("messages.one-line")
@pytest.mark.parametrize("text", [ODD, ODD_AND_LONG], ids=["odd", "odd and long"])
def test_texts_of_a_store_are_one_line(text: str) -> None:
    """The text of a storage library's error is cut to one line."""
    for kind in (RuntimeError, PermissionError):
        _check(partial(_fail_in_a_store, kind(text)))


def _fail_in_a_store(error: Exception) -> None:
    with translate_errors("s3://lake/samples"):
        raise error


def test_error_without_its_detail_still_says_what_to_do() -> None:
    """The reason stands in place of the detail."""
    error = EvplError("The catalog failed.", "Airflow retries.", "token=abc").without_detail("Hidden.")
    assert str(error) == "The catalog failed.\nAirflow retries.\nHidden."
