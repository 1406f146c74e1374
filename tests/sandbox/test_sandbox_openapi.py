from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.sandbox.test_sandbox_oauth import REFUSED
from tests.sandbox.test_sandbox_report import REFUSED_HEADERS, REFUSED_QUERIES
from tests.support.sandbox import QUERY, TOKEN_PATH, Client


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """Give what `/openapi.json` says."""
    body: dict[str, Any] = Client().request("GET", "/openapi.json").json()
    return body


@pytest.fixture(scope="module")
def report(description: dict[str, Any]) -> dict[str, Any]:
    """Give what it says of the report."""
    operation: dict[str, Any] = description["paths"][
        "/api-monitoring-live/v1/pm_jobs/{job}/reports/{report}"
    ]["get"]
    return operation


@pytest.fixture(scope="module")
def token(description: dict[str, Any]) -> dict[str, Any]:
    """Give what it says of the token endpoint."""
    operation: dict[str, Any] = description["paths"][TOKEN_PATH]["post"]
    return operation


def _shapes(operation: dict[str, Any]) -> dict[int, str]:
    return {
        int(status): answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, answer in operation["responses"].items()
    }


@pytest.mark.contract("sandbox.openapi")
def test_the_description_has_each_parameter(report: dict[str, Any]) -> None:
    """Every path part, query parameter and header is described, and whether it is required."""
    described = {(part["in"], part["name"]): part["required"] for part in report["parameters"]}
    assert described == {
        ("path", "job"): True,
        ("path", "report"): True,
        **{("query", name): True for name, _ in QUERY},
        ("header", "ApplicationID"): True,
        ("header", "pagination"): False,
    }
    assert all(part["description"] for part in report["parameters"])


@pytest.mark.contract("sandbox.openapi")
def test_the_description_has_each_answer_of_the_report(report: dict[str, Any]) -> None:
    """Every status the report answers is described, with the shape it has."""
    answered = {status for _, status, _ in [*REFUSED_QUERIES, *REFUSED_HEADERS]}
    gateway = {403, 405, 408, 429, 500, 502, 503, 504}
    expected = dict.fromkeys({*answered, *gateway}, "ApiErrorBody")
    assert _shapes(report) == {200: "ReportPage", **expected}


@pytest.mark.contract("sandbox.openapi")
def test_the_description_has_each_answer_of_the_token_endpoint(token: dict[str, Any]) -> None:
    """Every status the token endpoint answers is described, with the shape it has."""
    answered = {status for _, status, _ in REFUSED}
    expected = dict.fromkeys(answered, "OAuthErrorBody")
    gateway = dict.fromkeys({403, 405, 429, 500, 503}, "ApiErrorBody")
    assert _shapes(token) == {200: "AccessToken", **expected, **gateway}


@pytest.mark.contract("sandbox.openapi")
def test_answers_are_as_described(
    description: dict[str, Any], report: dict[str, Any], token: dict[str, Any]
) -> None:
    """What is served, refusals too, is valid by the shape that is described for its status."""
    client = Client()
    reports = [client.report()]
    reports += [client.report(query) for query, _, _ in REFUSED_QUERIES]
    reports += [client.report(headers=headers) for headers, _, _ in REFUSED_HEADERS]
    auth = (client.config.client_id, client.config.client_secret)
    form = {"grant_type": "client_credentials"}
    tokens = [client.request("POST", TOKEN_PATH, data=form, auth=auth)]
    tokens += [client.request("POST", TOKEN_PATH, **options) for options, _, _ in REFUSED]
    for operation, answers in ((report, reports), (token, tokens)):
        assert answers[0].status_code == 200
        for answer in answers:
            _validate(answer, _shapes(operation)[answer.status_code], description)


def _validate(answer: httpx.Response, shape: str, description: dict[str, Any]) -> None:
    schema = {"$ref": f"#/components/schemas/{shape}", "components": description["components"]}
    jsonschema.validate(answer.json(), schema)
    assert answer.json().keys() == description["components"]["schemas"][shape]["properties"].keys()


def test_each_described_answer_has_a_request_id(report: dict[str, Any], token: dict[str, Any]) -> None:
    """Every described answer carries the request id."""
    for operation in (report, token):
        for answer in operation["responses"].values():
            assert answer["headers"]["X-OAPI-Request-Id"]["required"]


def test_the_description_names_the_authentication(
    description: dict[str, Any], report: dict[str, Any], token: dict[str, Any]
) -> None:
    """The report wants a token of the client credentials flow, the token endpoint Basic or form."""
    schemes = description["components"]["securitySchemes"]
    assert report["security"] == [{"token": []}]
    assert list(schemes["token"]["flows"]) == ["clientCredentials"]
    assert schemes["token"]["flows"]["clientCredentials"]["tokenUrl"] == TOKEN_PATH
    assert token["security"] == [{"client": []}, {}]
    assert (schemes["client"]["type"], schemes["client"]["scheme"]) == ("http", "basic")
    form = token["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert sorted(form["properties"]) == ["client_id", "client_secret", "grant_type"]


def test_the_frameworks_error_shape_is_not_described(description: dict[str, Any]) -> None:
    """The framework's own error shape, which is never answered, is not described."""
    assert sorted(description["components"]["schemas"]) == [
        "AccessToken",
        "ApiErrorBody",
        "Entry",
        "OAuthErrorBody",
        "ReportPage",
        "Sample",
    ]


def test_faults_do_not_change_the_description(description: dict[str, Any]) -> None:
    """It says that it holds without faults only, and is the same with them."""
    assert "without faults" in description["info"]["description"]
    faulty = Client(SandboxConfig(faults=("has-next-missing", "expires-in-text")))
    assert faulty.request("GET", "/openapi.json").json() == description


def test_the_description_is_readable_at_docs() -> None:
    """The description can be read at `/docs`."""
    answer = Client().request("GET", "/docs")
    assert (answer.status_code, "openapi.json" in answer.text) == (200, True)
