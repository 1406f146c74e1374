from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.responses import StreamingResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network, Row
from airflow_provider_evpl.sandbox.schemas import ReportPage
from tests.support.sandbox import DAY, QUERY, REPORT_PATH, Client, Clock, Headers, Query, query

REFUSED_QUERIES = [
    *((query(**{name: None}), 400, 27) for name, _ in QUERY),
    (query(ctxtid="wses"), 400, 27),
    ([*query(ctxtid="vsn"), ("ctxtid", "vsn")], 400, 28),
    ([*QUERY, ("ctxtid", "vsn")], 400, 28),
    ([*query(ctxtid="wses"), ("ctxtid", "VSN")], 400, 28),
    (query(ctxtid="wses,vsn"), 400, 28),
    (query(offer_type="EVC"), 400, 28),
    (query(offer_type="evpl"), 400, 28),
    (query(codeope="0042"), 400, 28),
    (query(limit="5"), 400, 28),
    ([*QUERY, ("codeOpe", "0042")], 400, 28),
    *(
        (query(granularity=text), 400, 28)
        for text in ("", "0s", "000s", "s5", "5", "5min", "-5s", "5.0s", " 5s", "\u0665s", "300s\n")
    ),
    *(
        (query(startTime=text), 400, 28)
        for text in (
            "",
            "2026-11-22",
            "2026-11-22T00:00:00Z",
            "2026-11-22T00:00:00.00Z",
            "2026-11-22T00:00:00.000000Z",
            "2026-11-22T00:00:00.000",
            "2026-11-22T00:00:00.000+00:00",
            "2026-11-22 00:00:00.000Z",
            "2026-11-22t00:00:00.000z",
            "2026-02-30T00:00:00.000Z",
            "0000-01-01T00:00:00.000Z",
            "2026-11-22T24:00:00.000Z",
            "1795305600000",
        )
    ),
    (query(endTime="2026-11-22T00:00:00.000Z"), 400, 28),
    (query(endTime="2026-11-21T00:00:00.000Z"), 400, 28),
    (query(codeOpe="42"), 404, 60),
    (query(codeOpe=""), 404, 60),
    *((query(granularity=text), 422, 422) for text in ("s", "5m", "900s", "300ms", "1d", "1w", "y")),
    (query(startTime="0001-01-01T00:00:00.000Z"), 422, 422),
]
REFUSED_HEADERS: list[tuple[Headers, int, int]] = [
    ({"Authorization": None}, 401, 40),
    ({"Authorization": "Bearer"}, 401, 40),
    ({"Authorization": "Bearer nonsense"}, 401, 41),
    ({"Authorization": "Basic c2FuZGJveC1jbGllbnQ6c2FuZGJveC1zZWNyZXQ="}, 401, 41),
    ({"ApplicationID": None}, 400, 25),
    ({"ApplicationID": ""}, 400, 26),
    ({"ApplicationID": "sandbox-client"}, 400, 26),
    *(({"pagination": text}, 400, 26) for text in ("0", "-1", "", "1.0", "one", "1 2", "9" * 5000)),
]


@pytest.fixture(scope="module")
def client() -> Client:
    """Requests to a sandbox with all defaults."""
    return Client()


def _samples(entries: list[Mapping[str, Any]]) -> Iterator[Row]:
    for entry in entries:
        for sample in entry["performanceValues"]:
            yield Row(
                entry["objectType"],
                entry["objectInstanceId"],
                entry["metric_name"],
                entry["pop_country"],
                entry["pop_name"],
                entry["pop_section_name"],
                int(datetime.fromisoformat(sample["timeStamp"]).timestamp()),
                float(sample["value"]),
            )


def _moment(milliseconds: int) -> str:
    text = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds % 1000:03}Z"


@pytest.mark.contract("sandbox.pure-values")
@settings(max_examples=60)
@given(
    page_size=st.integers(1, 30),
    circuits=st.integers(0, 6),
    seed=st.integers(0, 99),
    start=st.integers(DAY * 1000, (DAY + 10**7) * 1000),
    length=st.integers(1, 6 * 3600 * 1000),
)
def test_all_pages_together_are_the_expected_rows(
    page_size: int, circuits: int, seed: int, start: int, length: int
) -> None:
    """All pages one after the other are the truth of the window, whatever the size of a page."""
    client = Client(SandboxConfig(page_size=page_size, circuits=circuits, seed=seed))
    pages = client.walk(query(startTime=_moment(start), endTime=_moment(start + length)))
    network = Network(circuits=circuits, granularity_seconds=300, seed=seed)
    served = [row for page in pages for row in _samples(page["entries"])]
    assert served == list(network.truth(start=start / 1000, end=(start + length) / 1000))
    assert [page["currentPage"] for page in pages] == list(range(1, len(pages) + 1))
    assert {page["totalPages"] for page in pages} == {len(pages)}


@pytest.mark.contract("sandbox.pure-values")
@pytest.mark.parametrize("faults", [(), ("end-inclusive", "start-early", "current-page-from-zero")])
@pytest.mark.parametrize("granularity", ["300s", "1h", "1d", "1440m"])
def test_each_granularity_serves_its_expected_rows(granularity: str, faults: tuple[str, ...]) -> None:
    """All granularities serve the truth of their networks, and nothing before or after the limits."""
    config = SandboxConfig(
        circuits=1,
        granularities=("1h", "1d", "1440m"),
        timestamps="end",
        data_since=datetime(2026, 11, 22, tzinfo=UTC),
        data_until=datetime(2026, 11, 23, 0, 1, tzinfo=UTC),
        faults=faults,
    )
    window = query(
        granularity=granularity, startTime="2026-11-20T00:00:00.000Z", endTime="2026-11-24T00:00:00.000Z"
    )
    served = [row for page in Client(config).walk(window) for row in _samples(page["entries"])]
    network = config.networks[granularity]
    extra = network.granularity_seconds if faults else 0
    assert served == list(network.truth(start=DAY - 2 * 86_400 - extra, end=DAY + 2 * 86_400 + extra))


def test_faults_everywhere_change_all_samples() -> None:
    """With `everywhere` a fault of a sample changes each sample of each entry."""
    client = Client(SandboxConfig(circuits=2, faults=("value-null", "optional-missing"), everywhere=True))
    entries = client.report().json()["entries"]
    assert {sample["value"] for entry in entries for sample in entry["performanceValues"]} == {None}
    assert len(entries) == 8
    assert not any("pop_name" in entry for entry in entries)


def test_days_count_their_measured_steps() -> None:
    """A window of days is limited by the steps that its means need."""
    client = Client(SandboxConfig(circuits=1, granularities=("1d",)))
    window = query(granularity="1d", endTime="2027-11-22T00:00:00.000Z")
    assert _refusal(client.report(window)) == (422, 422)


def test_a_page_has_the_documented_fields(client: Client) -> None:
    """A page has the fields and types of the document's example, and no others."""
    page = client.report().json()
    assert ReportPage.model_validate(page, strict=True).model_dump() == page
    assert list(page) == ["currentPage", "totalPages", "hasNext", "entries"]
    assert page["entries"][0]["performanceValues"][1]["timeStamp"] == "2026-11-22T00:05:00.000Z"


def test_first_page_is_the_default(client: Client) -> None:
    """Without the header `pagination` the first page is served."""
    assert client.report().json() == client.report(headers={"pagination": "1"}).json()


def test_index_within_a_page(client: Client) -> None:
    """An index in the middle of a page is served from there on, a page's length."""
    everything = [entry for page in client.walk() for entry in page["entries"]]
    page = client.report(headers={"pagination": "30"}).json()
    assert page["entries"] == everything[29:54]
    assert (page["currentPage"], page["totalPages"], page["hasNext"]) == (2, 4, True)


@pytest.mark.parametrize("index", [81, 82, 10**17])
def test_index_beyond_the_end(client: Client, index: int) -> None:
    """Beyond the last element there are no entries and no next page."""
    page = client.report(headers={"pagination": str(index)}).json()
    assert page["entries"] == []
    assert not page["hasNext"]
    assert page["currentPage"] >= page["totalPages"] == 4


def test_window_without_a_step(client: Client) -> None:
    """A window between two steps has its series, without samples."""
    window = query(startTime="2026-11-22T00:00:00.001Z", endTime="2026-11-22T00:05:00.000Z")
    assert {len(entry["performanceValues"]) for entry in client.report(window).json()["entries"]} == {0}


@pytest.mark.parametrize("year", ["0001", "1969", "2999", "9999"])
def test_each_time_has_values(client: Client, year: str) -> None:
    """The network has values for every time, long ago and far in the future."""
    window = query(startTime=f"{year}-12-31T23:50:00.000Z", endTime=f"{year}-12-31T23:59:59.999Z")
    stamps = [
        sample["timeStamp"] for sample in client.report(window).json()["entries"][0]["performanceValues"]
    ]
    assert stamps == [f"{year}-12-31T23:50:00.000Z", f"{year}-12-31T23:55:00.000Z"]


@pytest.mark.parametrize(
    ("measured", "asked"), [("300s", "0300s"), ("h", "1h"), ("01h", "h"), ("1d", "d"), ("2w", "2w")]
)
def test_granularity_is_normalized(measured: str, asked: str) -> None:
    """Leading zeros and a number one that is left out make no difference."""
    client = Client(SandboxConfig(granularity=measured))
    assert client.report(query(granularity=asked)).status_code == 200


@pytest.mark.parametrize(("params", "status", "code"), REFUSED_QUERIES, ids=str)
def test_a_wrong_query_is_refused(client: Client, params: Query, status: int, code: int) -> None:
    """Each wrong query is refused with its status, its code and the API's error shape."""
    assert _refusal(client.report(params)) == (status, code)


@pytest.mark.parametrize(("headers", "status", "code"), REFUSED_HEADERS, ids=lambda value: str(value)[:40])
def test_a_wrong_header_is_refused(client: Client, headers: Headers, status: int, code: int) -> None:
    """Each wrong header is refused with its status, its code and the API's error shape."""
    assert _refusal(client.report(headers=headers)) == (status, code)


@pytest.mark.parametrize(
    "path",
    [
        REPORT_PATH.replace("JOBV", "JOBX"),
        REPORT_PATH.replace("UTILIZATION", "utilization"),
        f"{REPORT_PATH}/",
        REPORT_PATH.removesuffix("/UTILIZATION"),
        "/",
    ],
)
def test_an_unknown_path_is_not_found(client: Client, path: str) -> None:
    """A path that is not the report's is not found, and nothing is redirected."""
    assert _refusal(client.report(path=path)) == (404, 60)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_only_get_is_allowed(client: Client, method: str) -> None:
    """Only GET is allowed, and the answer says so."""
    answer = client.request(method, REPORT_PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    if method != "HEAD":
        assert _refusal(answer) == (405, 61)


def test_the_first_of_several_mistakes_is_reported(client: Client) -> None:
    """Of several mistakes the token's is told first, then the path, the headers, the parameters."""
    wrong: dict[str, str | None] = {"ApplicationID": None, "pagination": "x"}
    path = REPORT_PATH.replace("JOBV", "JOBX")
    assert _refusal(client.report((), path=path, headers={**wrong, "Authorization": None})) == (
        401,
        40,
    )
    assert _refusal(client.report((), path=path, headers=wrong)) == (404, 60)
    assert _refusal(client.report((), headers=wrong)) == (400, 25)
    assert _refusal(client.report((), headers={"pagination": "x"})) == (400, 26)
    assert _refusal(client.report([("offer_type", "x")])) == (400, 27)


def test_tokens_expire() -> None:
    """A token is good until its lifetime is over, then expired; a new one is good again."""
    clock = Clock()
    client = Client(SandboxConfig(token_ttl=60), clock=clock)
    token = client.token()
    clock.seconds = 59.9
    assert client.report(token=token).status_code == 200
    clock.seconds = 60
    assert _refusal(client.report(token=token)) == (401, 42)
    assert client.report().status_code == 200


def test_an_unexpected_failure_is_a_500_with_a_request_id(caplog: pytest.LogCaptureFixture) -> None:
    """What no route expected is a 500 in the API's shape; the log has the traceback with its id."""
    client = Client()

    @client.app.get("/failing")
    def _fail() -> None:
        raise ZeroDivisionError

    answer = client.request("GET", "/failing")
    assert _refusal(answer) == (500, 1)
    assert answer.headers["X-OAPI-Request-Id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_failure_during_an_answer_cuts_it_off() -> None:
    """A failure in the middle of an answer breaks it off; no second answer is put behind it."""
    client = Client()

    async def half() -> AsyncIterator[str]:
        yield "half"
        raise ZeroDivisionError

    @client.app.get("/failing")
    def _fail() -> StreamingResponse:
        return StreamingResponse(half())

    with pytest.raises(ZeroDivisionError):
        client.request("GET", "/failing")


def test_each_answer_has_its_own_request_id(client: Client) -> None:
    """Every answer has a request id of its own, whatever its status."""
    answers = [
        client.report(),
        client.report(()),
        client.report(headers={"Authorization": None}),
        client.request("GET", "/nowhere"),
        client.request("PUT", "/docs"),
        client.request("GET", "/docs"),
        client.request("GET", "/openapi.json"),
        client.request("POST", "/oauth/v3/token"),
    ]
    assert len({answer.headers["X-OAPI-Request-Id"] for answer in answers}) == len(answers)


def _refusal(answer: Any) -> tuple[int, int]:  # noqa: ANN401 an httpx response
    body = answer.json()
    assert {name: type(value) for name, value in body.items()} == {
        "code": int,
        "message": str,
        "description": str,
        "infoURL": str,
    }
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["X-OAPI-Request-Id"]
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    return answer.status_code, body["code"]
