"""Nothing gets out where the server itself tells it: what it echoes of a secret is redacted out."""

import json
from base64 import b64encode
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, TypeAlias

import pytest

from tests.support.airflow_leaks import BASIC, CLIENT, SECRET, Traces, listening, pull, use_hook, wait
from tests.support.api import ECHOES, replying, serving

if TYPE_CHECKING:
    from tests.support.airflow_runs import Lab

Reply: TypeAlias = Callable[[BaseHTTPRequestHandler], object]

TOKEN = "told-token/+&'%3D=="
GRANT = {"access_token": TOKEN, "token_type": "Bearer"}
TIME = "2026-11-20T00:00:00Z"


def _json(body: object, status: int = 200, **headers: str) -> Reply:
    return replying(json.dumps(body).encode(), status=status, **headers)


def _raw(text: str) -> Reply:
    """Whatever is on the line, HTTP or not."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(text.encode())
        handler.close_connection = True

    return reply


def _report(*entries: object, **changes: object) -> Reply:
    return _json({"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": entries} | changes)


def _entry(**changes: object) -> dict[str, object]:
    sample = {"timeStamp": TIME, "value": "1"}
    return {"objectInstanceId": "a", "metric_name": "in", "performanceValues": [sample]} | changes


def _sample(**sample: object) -> Reply:
    return _report(_entry(performanceValues=[{"timeStamp": TIME, "value": "1"} | sample]))


def _problem(status: int, text: str) -> Reply:
    names = ("code", "message", "description", "error", "error_description", "infoURL")
    headers = {"X_OAPI_Request_Id": text, "Retry_After": text, "WWW_Authenticate": text, "Set_Cookie": text}
    return _json(dict.fromkeys(names, text), status, **headers, Location=text)


STATUSES = (201, 302, 400, 401, 403, 404, 422, 429, 500, 503)
EITHER: dict[str, Callable[[str], Reply]] = {
    **{f"status {status}": partial(_problem, status) for status in STATUSES},
    "no JSON": lambda text: replying(text.encode()),
    "half JSON": lambda text: replying(json.dumps({"entries": [text], text: text})[:-1].encode()),
    "another JSON": lambda text: _json([text]),
    "no HTTP": _raw,
    "status line": lambda text: _raw(f"HTTP/1.1 {text}\r\n\r\n"),
    "reason": lambda text: _raw(f"HTTP/1.1 400 {text}\r\nContent-Length: 0\r\n\r\n"),
    "header": lambda text: _raw(f"HTTP/1.1 200 OK\r\n{text}\r\n\r\n"),
    "length": lambda text: _raw(f"HTTP/1.1 200 OK\r\nContent-Length: {text}\r\n\r\n"),
    "lengths": lambda text: _raw(f"HTTP/1.1 200 OK\r\nContent-Length: 1, {text}\r\n\r\n"),
    "chunk": lambda text: _raw(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{text}\r\n"),
    "encoding": lambda text: replying(b"x", Content_Encoding=text),
    "packed": lambda text: replying(text.encode(), Content_Encoding="gzip"),
}
OF_TOKENS: dict[str, Callable[[str], Reply]] = {
    "access_token": lambda text: _json(GRANT | {"access_token": text + "\n"}),
    "token_type": lambda text: _json(GRANT | {"token_type": text}),
    "expires_in": lambda text: _json(GRANT | {"expires_in": text}),
    "other field": lambda text: _json({text: text}),
}
OF_REPORTS: dict[str, Callable[[str], Reply]] = {
    "names": lambda text: _report(_entry(objectInstanceId=text, metric_name=text, objectType=text)),
    "places": lambda text: _report(_entry(pop_country=text, pop_name=text, pop_section_name=text)),
    "names in conflict": lambda text: _report(
        _entry(objectInstanceId=text),
        _entry(objectInstanceId=text, performanceValues={"timeStamp": TIME, "value": "2"}),
    ),
    "wrong names": lambda text: _report(_entry(pop_name=[text]), _entry(objectInstanceId={text: text}), text),
    "value": lambda text: _sample(value=text),
    "time": lambda text: _sample(timeStamp=text),
    "unknown fields": lambda text: _report(
        _entry(**{text: text}, performanceValues=[{"timeStamp": TIME, text: text}]), **{text: text}
    ),
    "samples": lambda text: _report(_entry(performanceValues=text)),
    "hasNext": lambda text: _report(hasNext=text),
    "currentPage": lambda text: _report(currentPage=text),
    "entries": lambda text: _report(entries=text),
}
FORMS = ("plain", "percent-encoded", "json", "html")
CASES = [
    *(pytest.param("token", make, id=f"token: {name}") for name, make in (EITHER | OF_TOKENS).items()),
    *(pytest.param("report", make, id=f"report: {name}") for name, make in (EITHER | OF_REPORTS).items()),
]


@pytest.mark.parametrize(("where", "make"), CASES)
def test_a_secret_that_a_server_echoes_stays_hidden(
    lab: "Lab", capfd: pytest.CaptureFixture[str], *, where: str, make: Callable[[str], Reply]
) -> None:
    """Wherever a server echoes the secret, the Basic header or a token, escaped or not, it is not shown."""
    basic = b64encode(BASIC.encode()).decode()
    known = (SECRET, basic, *([TOKEN] if where == "report" else []))  # a token that comes with an error isn't
    text = " ".join(ECHOES[form](one) for form in FORMS for one in known)
    told = make(text)
    replies = {"token": _json(GRANT), "report": _report(_entry()), where: told}
    traces = Traces()
    with serving(
        lambda handler: replies["token" if "token" in handler.path else "report"](handler)
    ) as server:
        lab.connect(
            host=server.url, login=CLIENT, password=SECRET, max_retry_seconds=0, requests_per_second=1000
        )
        with listening(traces):
            for limit in ("0", "1"):
                pull(lab, traces, max_rejected_fraction=limit)
            wait(traces)
            use_hook(traces)
        assert any(("token" in one["path"]) == (where == "token") for one in server.seen)
    traces.add_files(lab.lake)
    traces.add("output", *capfd.readouterr())
    assert not traces.leaks({SECRET, BASIC, TOKEN})


@pytest.mark.parametrize("where", ["token", "report"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("token_auth", ["basic", "post"])
def test_no_redirect_carries_credentials(lab: "Lab", where: str, status: int, token_auth: str) -> None:
    """Wherever the API sends a run, its sensor or a test of the connection, they don't go there."""
    with serving(_json(GRANT)) as other:
        moved = _json(
            {}, status, Location=f"{other.url}/oauth/v3/token", Refresh=f"0; url={other.url}", Link=other.url
        )
        replies = {"token": _json(GRANT), "report": _report(_entry()), where: moved}
        with serving(lambda one: replies["token" if "token" in one.path else "report"](one)) as server:
            lab.connect(host=server.url, login=CLIENT, password=SECRET, token_auth=token_auth)
            traces = Traces()
            pull(lab, traces)
            wait(traces)
            use_hook(traces)
            assert {one["path"].partition("?")[0].rpartition("/")[2] for one in server.seen} == (
                {"token"} if where == "token" else {"token", "UTILIZATION"}
            )
        assert other.seen == []
    assert f"({status})" in str(traces.texts)
