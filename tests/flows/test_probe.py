"""What a probe sends and when it stops, and what its lines say of an API with other readings."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.flows.probe.flow import planned_requests
from airflow_provider_evpl.flows.probe.plan import ProbePlan
from airflow_provider_evpl.flows.probe.questions import QUESTIONS
from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.support.api import SECRET, TOKEN, answer, problem, report, settings
from tests.support.documents import BLOCKS, ROOT
from tests.support.probing import NOW, finding, probe_app, probe_script

SMALL = SandboxConfig(circuits=2, page_size=3)
COARSER = SandboxConfig(circuits=3, page_size=25, granularities=("1h", "1d", "5m"))
PAGES = 7
"""Requests up to the second one for page 1: token, one step, pages 1, 2, 3 and again; one for element 2."""


def sample(time: str, value: object = "1.5") -> dict[str, object]:
    """Make a sample."""
    return {"timeStamp": time, "value": value}


def entry(*samples: object, **changes: object) -> dict[str, object]:
    """Make an entry."""
    names = {"objectType": "EVPL", "objectInstanceId": "a", "metric_name": "in"}
    return {**names, "performanceValues": list(samples), **changes}


def reports(*entries: object, **changes: object) -> list[dict[str, Any]]:
    """Make one response, which answers all report requests."""
    return [answer(json=report(*entries, **changes))]


@pytest.mark.contract("probe.conduct")
def test_probe_sends_documented_requests_at_most_two_a_second() -> None:
    """One token, one job, one offer type, three granularities, the documented form of `ctxtid`."""
    result, api = probe_app(SMALL)
    assert [one.method for one in api.sent] == ["POST", *["GET"] * (result.requests - 1)]
    assert {one.path_url.partition("?")[0] for one in api.sent[1:]} == {
        "/api-monitoring-live/v1/pm_jobs/JOBV/reports/UTILIZATION"
    }
    for query in api.queries:
        assert [value for name, value in query if name == "ctxtid"] == ["wses", "vsn"]
        assert dict(query)["offer_type"] == "EVPL"
        assert dict(query)["granularity"] in ("300s", "1h", "1d")
        assert dict(query)["endTime"] <= "2026-11-29T11:18:41.000Z"
    assert all(later - earlier >= 0.499 for earlier, later in pairwise(api.times))


@pytest.mark.contract("probe.dry-run")
@pytest.mark.parametrize(
    "config", [SMALL, COARSER, SandboxConfig(faults=("basic-refused",), granularity="1h")]
)
def test_dry_run_lists_each_purpose_that_a_probe_may_have(config: SandboxConfig) -> None:
    """The list has no request less than the probe."""
    arguments: dict[str, Any] = {"thorough": True, "code_ope": ["0042", "0043"]}
    result, _ = probe_app(config, arguments)
    plan = ProbePlan.from_arguments(settings(), now=NOW, **arguments)
    assert (
        len(list(planned_requests(replace(plan, thorough=False), settings())))
        == len(list(planned_requests(plan, settings()))) - 3
    )
    planned = {line.partition(". ")[2].partition(":")[0] for line in planned_requests(plan, settings())}
    assert {one["purpose"] for one in result.record["requests"]} <= planned


@pytest.mark.contract("probe.requests")
@pytest.mark.parametrize("most", [1, 2, 5, 10])
def test_probe_stops_at_max_requests(most: int) -> None:
    """The answer is partial, and says so."""
    result, api = probe_app(SMALL, {"max_requests": most})
    assert len(api.sent) == result.requests == most
    assert f"The probe stopped early: max_requests is {most}." in result.text
    assert result.exit_status == (2 if most == 1 else 1)


@pytest.mark.contract("probe.stops")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("rate-limit-429", "limits the rate"),
        ("rate-limit-403-seconds", "limits the rate"),
        ("error-403-50", "refuses access"),
        ("error-401-42", "refuses the token"),
    ],
)
def test_probe_stops_at_the_first_sign_of_a_limit(fault: str, why: str) -> None:
    """Not one request follows, and what was seen before is in the answer."""
    result, api = probe_app(
        SandboxConfig(circuits=2, page_size=3, faults=(f"{fault}@4",)), {"thorough": True}
    )
    assert len(api.sent) == 5
    assert why in result.stopped
    assert result.exit_status == 1
    assert finding(result, "pagination").certainty == "sure"


@pytest.mark.contract("probe.stops")
def test_probe_stops_at_a_wait_that_any_error_asks_for() -> None:
    """A 503 with `Retry-After` is a sign, too."""
    slow = problem(503, 5) | {"headers": {"Retry-After": "5"}}
    result = probe_script([*reports(entry()), slow])
    assert result.stopped == "the API limits the rate of requests"
    assert result.requests == 3


@pytest.mark.contract("probe.stops")
@pytest.mark.parametrize("fault", ["error-503-5", "error-500-1", "json-cut", "error-404-60"])
def test_probe_stops_after_three_error_responses(fault: str) -> None:
    """A request that failed is not repeated."""
    faults = (f"{fault}@{PAGES}",)
    result, api = probe_app(
        SandboxConfig(circuits=2, page_size=3, faults=faults), {"code_ope": ["0042", "1", "2"]}
    )
    assert result.stopped == "3 responses were errors"
    assert [one["error"] is not None for one in result.record["requests"]][-3:] == [True] * 3
    assert len({str(one.url) + str(one.headers["pagination"]) for one in api.sent[1:]}) >= len(api.sent) - 2


@pytest.mark.contract("probe.stops")
@pytest.mark.parametrize("status", [403, 429])
def test_limit_whose_body_is_cut_ends_the_probe(status: int) -> None:
    """The status is enough."""
    cut = HTTPResponse(BytesIO(b"{"), status=status, headers={"Content-Length": "9"}, preload_content=False)
    result = probe_script([*reports(entry()), {"raw": cut}])
    assert result.stopped == "the API limits the rate of requests"
    assert result.record["requests"][2]["response"]["status"] == status


@pytest.mark.contract("probe.thorough")
def test_second_token_that_is_the_first_one_shows_nothing() -> None:
    """It does not say whether another token ends the first one."""
    result = probe_script(reports(entry()), arguments={"thorough": True})
    assert finding(result, "second token").certainty == "not seen"
    assert result.record["requests"][-1]["purpose"] == "second token"


@pytest.mark.contract("probe.stops")
def test_interrupted_probe_gives_a_partial_answer() -> None:
    """What was seen before is not lost."""
    result = probe_script([*reports(entry()), {"exc": KeyboardInterrupt}])
    assert result.stopped == "it was interrupted"
    assert result.exit_status == 1
    assert finding(result, "report").certainty == "sure"


@pytest.mark.contract("probe.forms")
def test_other_forms_are_tried_only_after_a_refusal() -> None:
    """A refused `ctxtid` costs a request for each other form; a 422 tries the next granularity."""
    _, api = probe_app(SandboxConfig(faults=("ctxtid-first",)), {"max_requests": 5})
    sent = [[value for name, value in query if name == "ctxtid"] for query in api.queries]
    assert sent[:3] == [["wses", "vsn"], ["wses,vsn"], ["wses"]]
    result, api = probe_app(SandboxConfig(granularity="1d"))
    assert [dict(query)["granularity"] for query in api.queries][:3] == ["300s", "1h", "1d"]
    assert result.record["readings"]["granularity"] == "1d"
    assert finding(result, "granularities").consequence.startswith("Set granularity to 1d in the DAGs")


def test_own_list_of_ctxtid_comes_first() -> None:
    """The documented form is tried after the connection's, and is then a setting."""
    result, api = probe_app(SMALL, ctxtid=("other",))
    assert [value for name, value in api.queries[0] if name == "ctxtid"] == ["other"]
    assert result.settings == {"ctxtid": ["wses", "vsn"]}
    assert 'Add these extras to the connection:\n{"ctxtid": ["wses", "vsn"]}\n' in result.text
    result = probe_script(reports(entry()), ctxtid=())
    assert "The API answers to no ctxtid" in result.text
    assert result.record["readings"]["ctxtid"] == "custom"


def test_refused_forms_end_the_probe() -> None:
    """After three refusals nothing else is tried."""
    result, api = probe_app(SandboxConfig(faults=("error-422-business",)))
    assert len(api.sent) == 4
    assert result.exit_status == 2
    assert "No answer: the API sent no report." in result.text


def test_wrong_secret_is_tried_once_by_each_form() -> None:
    """No report is requested without a token."""
    result, api = probe_app(SMALL, client_secret="wrong")
    assert [one.method for one in api.sent] == ["POST", "POST"]
    assert result.exit_status == 2
    assert "Check login (client id)" in result.text


def test_token_with_a_short_life_is_not_renewed() -> None:
    """A token that ends during the probe ends the probe."""
    result, api = probe_app(SandboxConfig(token_ttl=3))
    assert sum(one.method == "POST" for one in api.sent) == 1
    assert "The API refused the token after 5 reports" in finding(result, "token").evidence


def _page(number: int, *names: str) -> dict[str, Any]:
    """Make one of two pages, with an entry for each name."""
    entries = (entry(sample("2026-11-28T12:00:00Z"), objectInstanceId=name) for name in names)
    return answer(json=report(*entries, currentPage=number, totalPages=2, hasNext=number < 2))


@pytest.mark.parametrize(
    ("second", "following", "certainty"),
    [
        (_page(1, "a", "b"), _page(2, "c"), "sure"),
        (problem(400, 26), _page(2, "c"), "sure"),
        (_page(1, "a", "b"), _page(1, "a", "b"), "not seen"),
        (problem(400, 26), problem(400, 26), "not seen"),
        (_page(1, "a", "c"), _page(3, "c"), "not seen"),
    ],
)
def test_api_that_answers_page_starts_only_is_read_by_its_page_numbers(
    second: dict[str, Any], following: dict[str, Any], certainty: str
) -> None:
    """If the request for 2 does not decide, the request for the element behind page 1 does."""
    first = _page(1, "a", "b")
    result = probe_script([first, first, second, following, first])
    found = finding(result, "pagination")
    assert found.certainty == certainty
    assert ("index 3 is the start of page 2" in found.evidence) == (certainty == "sure")


@pytest.mark.contract("probe.thorough")
def test_thorough_probe_asks_for_minutes_and_a_second_token_last() -> None:
    """It says whether the first token stays valid."""
    result, api = probe_app(COARSER, {"thorough": True})
    assert [one.method for one in api.sent][-3:] == ["GET", "POST", "GET"]
    assert dict(api.queries[-2])["granularity"] == "5m"
    assert "m stands for minutes" in finding(result, "5m").evidence
    assert finding(result, "second token").evidence == "The first token stays valid."
    result, _ = probe_app(
        SandboxConfig(granularities=("1h", "1d"), faults=("token-ends-earlier",)), {"thorough": True}
    )
    assert finding(result, "5m").evidence == "5m: refused (422/422)."
    assert finding(result, "second token").verdict == "do"
    assert result.record["readings"]["second_token_ends_first"] is True


@pytest.mark.contract("probe.codes")
def test_further_operator_codes_cost_one_request_each() -> None:
    """A code that is refused needs a look."""
    result, api = probe_app(COARSER, {"code_ope": ["0042", "0043", "0042", "0044"]})
    codes = [dict(query)["codeOpe"] for query in api.queries]
    assert codes.count("0043") == codes.count("0044") == 1
    assert "404/60" in finding(result, "code 2").evidence
    few, _ = probe_app(COARSER, {"code_ope": ["0042", "0042", "0043"], "max_requests": 4})
    assert finding(few, "code 2").consequence == "Probe this code alone."
    seen = probe_script(reports(entry(sample("2026-11-28T12:00:00Z"))), arguments={"code_ope": ["a", "b"]})
    assert finding(seen, "code 2").evidence == "b: 1 elements on the first page, with samples."
    none = probe_script(reports(entry()), arguments={"code_ope": ["a", "b"], "thorough": True})
    assert finding(none, "5m").certainty == "not seen"
    assert finding(none, "code 2").consequence == "Check this operator code."


@pytest.mark.contract("probe.answer")
def test_first_day_shows_the_screen_of_a_probe() -> None:
    """The page has a real output with its JSON on a line of its own, and a row for each question."""
    faults = ("basic-refused", "pagination-by-page")
    result, _ = probe_app(SandboxConfig(circuits=20, granularities=("1h", "1d"), faults=faults))
    [block] = [one for one in BLOCKS if (one.page, one.language) == ("first-day.md", "text")]
    assert block.text == f"{result.text}\n"
    assert json.loads(block.text.splitlines()[2]) == result.settings
    _, _, rows = (ROOT / "docs/first-day.md").read_text("utf-8").partition("| what the probe compares |")
    questions = re.findall(r"^\| (.*?) \|", rows.partition("\n## ")[0], re.MULTILINE)
    assert ", ".join(questions).split(", ") == [one.name for one in QUESTIONS]


@pytest.mark.parametrize("position", ["start", "end"])
def test_hourly_means_show_the_position_of_a_timestamp(position: Any) -> None:  # noqa: ANN401 a literal
    """Each hourly value is compared with the values on both sides."""
    result, _ = probe_app(SandboxConfig(circuits=3, granularities=("1h",), timestamps=position))
    found = finding(result, "timestamp")
    assert found.certainty == "likely"
    assert f"It is the {position} of its step" in found.evidence
    assert result.record["readings"]["timestamp"] == position
    assert result.exit_status == 0


def test_history_names_the_days_without_data() -> None:
    """Days without a sample are named, not a retention."""
    since = datetime(2026, 8, 1, tzinfo=UTC)
    result, _ = probe_app(SandboxConfig(data_since=since))
    assert (
        finding(result, "history").evidence == "One step each: data at 7, 30, 90, none at 180, 365 days back."
    )
    until = datetime(2026, 11, 29, tzinfo=UTC)
    result, _ = probe_app(SandboxConfig(data_until=until))
    assert finding(result, "newest sample").evidence == "None on the first page of 2026-11-29T08:15/11:15Z."


@pytest.mark.parametrize(
    ("time", "evidence", "verdict"),
    [
        ("2026-11-28T13:00:00", "outside of the windows if they are UTC", "ask"),
        ("2026-11-28T12:00:00", "are inside the windows if they are UTC", "set"),
    ],
)
def test_time_without_a_zone_is_compared_with_the_window(time: str, evidence: str, verdict: str) -> None:
    """A time of another zone is not in the requested window."""
    step, wide = (reports(entry(sample(time)))[0] for _ in range(2))
    result = probe_script([step, wide], arguments={"max_requests": 3})
    found = finding(result, "times")
    assert evidence in found.evidence
    assert found.verdict == verdict
    result = probe_script([step, wide], naive_timestamps="utc", arguments={"max_requests": 3})
    assert finding(result, "times").settings == {}


def test_probe_of_an_odd_report_is_partial() -> None:
    """Nothing that a page lacks or has too much breaks the answer."""
    deep = json.loads("[" * 900 + "]" * 900)
    many = {f"field {number}": number for number in range(200)}
    odd = reports(None, entry(sample("9999-12-31T23:59:59-12:00", 0.5), odd=deep, **many), [], hasNext=True)
    result = probe_script(odd)
    assert finding(result, "values").certainty == "not seen"
    assert finding(result, "newest sample").evidence.startswith("None on the first page")
    assert finding(result, "page numbers").verdict == "ask"
    assert "- Ask Orange about these lines: page numbers, " in result.text
    assert result.exit_status == 1


def test_report_that_no_plain_parser_reads_is_judged_by_its_samples() -> None:
    """The careful decoder reads a page with a broken value, or with very many values."""
    broken = '{"hasNext": false, "entries": [{"performanceValues": [{"timeStamp": "x", "value": 1,}]}]}'
    result = probe_script([answer(text=broken)])
    assert finding(result, "fields").verdict == "ask"
    assert result.record["requests"][1]["response"]["shape"] == {}
    assert result.exit_status == 1
    large = f'{{"hasNext": false, "entries": [], "x": [{"0," * (4 << 20)}0]}}'
    assert probe_script([answer(text=large)]).exit_status == 2


def test_certificate_that_is_not_trusted_ends_the_probe() -> None:
    """No other form of the credentials is tried."""
    result = probe_script([], [{"exc": requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")}])
    assert result.stopped == "the connection can't be used"
    assert result.exit_status == 2
    assert result.support["request_ids"] == []


@pytest.mark.parametrize("expires_in", ["soon", 10**400, None])
def test_lifetime_is_a_number_or_its_type(expires_in: object) -> None:
    """A lifetime that can't be read is named by its type."""
    result = probe_script(reports(), tokens=[answer(json=TOKEN | {"expires_in": expires_in})])
    assert result.record["readings"]["expires_in"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"day": "2026-11-29"}, "day: must be over"),
        ({"day": "yesterday"}, "day: must be a date"),
        ({"code_ope": ["0042", " "]}, "code_ope: the probe needs"),
        ({"max_requests": 31}, "max_requests: must be a number from 1 up to 30"),
        ({}, "code_ope: the probe needs"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    """Nothing is sent."""
    code = {"code_ope": "0042"} if arguments else {}
    with pytest.raises(EvplConfigError, match=message):
        ProbePlan.from_arguments(settings(**code), now=NOW, **arguments)


def test_error_of_an_argument_does_not_show_the_secret() -> None:
    """A secret may be in the wrong place. One operator code may be text."""
    with pytest.raises(EvplConfigError) as error:
        ProbePlan.from_arguments(settings(code_ope="1"), now=NOW, day=f"day {SECRET}")
    assert SECRET not in str(error.value)
    plan = ProbePlan.from_arguments(settings(), now=NOW, code_ope="0042", day="2026-11-28")
    assert (plan.code_ope, plan.day) == ("0042", datetime(2026, 11, 28, tzinfo=UTC))
