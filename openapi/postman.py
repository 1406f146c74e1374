"""The Postman collection, format v2.1, as a function of the OpenAPI description.

The scripts that Postman runs are the files in `scripts`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["collection"]

_Json: TypeAlias = dict[str, Any]
_Changes: TypeAlias = Mapping[str, str | None]

_ABOUT: Final = """\
Requests to Orange's EVPL Monitoring API, by the project airflow-provider-evpl. This file is ours. \
It is not Orange's collection of the same name, and contains nothing of it. The project generates it from \
`openapi.json`, which names the source of each fact. License: Apache-2.0.

Fill in the variables `client_id`, `client_secret`, `ApplicationID` and `codeOpe`. Send TOKEN_Monitoring, \
then GET_Metric_OD. The page `docs/postman.md` of the project explains each step.
"""
_TOKEN_PATH: Final = "/oauth/v3/token"  # noqa: S105 a path
_REPORT_PATH: Final = "/api-monitoring-live/v1/pm_jobs/{job}/reports/{report}"
_NONE: Final[_Changes] = MappingProxyType({})
_NO_WINDOW: Final = "Empty: the last whole UTC day."
_SCRIPTS: Final = Path(__file__).parent / "scripts"


class _Field(NamedTuple):
    """A part of a request, and the variable that fills it in.

    Attributes:
        place: `path`, `query`, `header` or `form`.
        name: The API's name.
        variable: The name again, with a number if the API takes the name more than once.
        value: What the variable is at first; empty where only the user knows it.
        description: The OpenAPI description's.
    """

    place: str
    name: str
    variable: str
    value: str
    description: str

    def part(self, changes: _Changes) -> list[_Json]:
        """Return this part as Postman stores it: a list of one, or none if the changes leave it out."""
        value = changes.get(self.variable, f"{{{{{self.variable}}}}}")
        part = {"key": self.name, "value": value, "description": self.description}
        return [] if value is None else [part]


class _Variant(NamedTuple):
    """What differs from the usual request, and the error to expect.

    Attributes:
        name: The status to expect, and what is wrong.
        code: The body's `code` to expect, or its `error` if it is a word.
        changes: Other values by variable; None leaves a part out.
        method: The HTTP method.
        token: The access token; None sends none.
    """

    name: str = ""
    code: int | str = 0
    changes: _Changes = _NONE
    method: str = "GET"
    token: str | None = "{{access_token}}"  # noqa: S105 a variable


_USUAL: Final = _Variant()
_FIRST_PAGE: Final = _Variant(changes={"pagination": "1"})
_REFUSED_TOKENS: Final = (
    _Variant("400, unknown grant_type", "unsupported_grant_type", {"grant_type": "password"}),
    _Variant("401, wrong client_secret", "invalid_client", {"client_secret": "wrong"}),
    _Variant("401, no credentials", "invalid_client", {"client_id": None, "client_secret": None}),
)
_REFUSED_REPORTS: Final = (
    _Variant("400, header missing", 25, {"ApplicationID": None}),
    _Variant("400, header wrong", 26, {"pagination": "0"}),
    _Variant("400, parameter missing", 27, {"granularity": None}),
    _Variant("400, parameter wrong", 28, {"startTime": "yesterday"}),
    _Variant("401, no token", 40, token=None),
    _Variant("401, unknown token", 41, token="unknown"),  # noqa: S106 no token
    _Variant("404, unknown report", 60, {"report": "UNKNOWN"}),
    _Variant("405, wrong method", 61, method="POST"),
    _Variant("422, another granularity", 422, {"granularity": "7s"}),
)


def collection(description: Mapping[str, Any]) -> _Json:
    """Build the collection of an OpenAPI description."""
    token = _TokenRequest(description["paths"][_TOKEN_PATH]["post"])
    report = _ReportRequest(description["paths"][_REPORT_PATH]["get"])
    provoked = {
        "name": "Sandbox only",
        "description": "Each request provokes an error. A script skips it unless it goes to this machine.",
        "item": [
            *(_item(one.name, token.build(one.changes), _expect(one)) for one in _REFUSED_TOKENS),
            *(_item(one.name, report.build(one), _expect(one)) for one in _REFUSED_REPORTS),
        ],
        "event": [_event("prerequest", "loopback")],
    }
    return {
        "info": {
            "name": "Monitoring_Collection",
            "description": _ABOUT,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [
            _item("TOKEN_Monitoring", token.build(), _event("test", "token")),
            _item("TOKEN_Monitoring by Basic", token.build_basic(), _event("test", "token")),
            _item("GET_Metric_OD", report.build(), _event("test", "page")),
            _item("GET_Metric_OD all pages", report.build(_FIRST_PAGE), _event("test", "pages")),
            provoked,
        ],
        "event": [_event("prerequest", "window"), _event("test", "hint")],
        "variable": [*_addresses(description), *map(_variable, (*token.yours, *report.fields))],
    }


class _TokenRequest:
    def __init__(self, operation: _Json) -> None:
        body = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]
        self._description = operation["description"]
        self._fields = [
            _Field("form", name, name, "", field["description"])
            for name, field in body["schema"]["properties"].items()
        ]
        self.yours = [field for field in self._fields if field.name != "grant_type"]

    def build(self, changes: _Changes = _NONE, *, auth: _Json | None = None) -> _Json:
        changes = {"grant_type": "client_credentials", **changes}
        form = [part for field in self._fields for part in field.part(changes)]
        return {
            "method": "POST",
            "description": self._description,
            "auth": auth or {"type": "noauth"},
            "header": [_ACCEPT],
            "url": {"raw": "{{token_url}}", "host": ["{{token_url}}"]},
            "body": {"mode": "urlencoded", "urlencoded": form},
        }

    def build_basic(self) -> _Json:
        auth = _auth("basic", username="{{client_id}}", password="{{client_secret}}")  # noqa: S106 a variable
        return self.build({field.name: None for field in self.yours}, auth=auth)


class _ReportRequest:
    def __init__(self, operation: _Json) -> None:
        self._description = operation["description"]
        self.fields = [field for one in operation["parameters"] for field in _fields(one)]

    def build(self, how: _Variant = _USUAL) -> _Json:
        query = self._parts("query", how.changes)
        path = _REPORT_PATH[1:]
        for part in self._parts("path", how.changes):
            path = path.replace(f"{{{part['key']}}}", part["value"])
        return {
            "method": how.method,
            "description": self._description,
            "auth": _auth("bearer", token=how.token) if how.token else {"type": "noauth"},
            "header": [_ACCEPT, *self._parts("header", how.changes)],
            "url": {
                "raw": f"{{{{base_url}}}}/{path}?"
                + "&".join(f"{one['key']}={one['value']}" for one in query),
                "host": ["{{base_url}}"],
                "path": path.split("/"),
                "query": query,
            },
        }

    def _parts(self, place: str, changes: _Changes) -> list[_Json]:
        return [part for field in self.fields if field.place == place for part in field.part(changes)]


_ACCEPT: Final = {"key": "Accept", "value": "application/json"}


def _fields(parameter: _Json) -> Iterator[_Field]:
    """Split a parameter by the number of values that it takes at once."""
    place, name, schema = parameter["in"], parameter["name"], parameter["schema"]
    value = schema.get("const") or schema.get("default") or next(iter(schema.get("examples", [])), "")
    if schema["type"] == "array":
        for number, one in enumerate(value, 1):
            yield _Field(place, name, f"{name}_{number}", one, parameter["description"])
    elif name in {"startTime", "endTime"}:
        yield _Field(place, name, name, "", f"{parameter['description']} {_NO_WINDOW}")
    else:
        yield _Field(place, name, name, "" if name == "codeOpe" else value, parameter["description"])


def _addresses(description: Mapping[str, Any]) -> list[_Json]:
    servers = description["servers"]
    choice = " ".join(f"{one['url']}: {one['description']}" for one in servers)
    fields = (
        _Field("", "", "base_url", servers[0]["url"], choice),
        _Field("", "", "token_url", f"{{{{base_url}}}}{_TOKEN_PATH}", "The token endpoint."),
        _Field("", "", "access_token", "", "TOKEN_Monitoring fills it in."),
    )
    return [_variable(field) for field in fields]


def _variable(field: _Field) -> _Json:
    return {"key": field.variable, "value": field.value, "type": "string", "description": field.description}


def _auth(kind: str, **values: str) -> _Json:
    return {"type": kind, kind: [{"key": key, "value": one, "type": "string"} for key, one in values.items()]}


def _expect(refused: _Variant) -> _Json:
    status = refused.name.partition(",")[0]
    field = "code" if isinstance(refused.code, int) else "error"
    return _script(
        "test",
        f'pm.test("{status}, {field} {refused.code}", () => {{',
        f"    pm.response.to.have.status({status});",
        f'    pm.expect(String(pm.response.json().{field})).to.equal("{refused.code}");',
        "});",
    )


def _item(name: str, request: _Json, test: _Json) -> _Json:
    # A redirect could carry the credentials to another host.
    behavior = {"followRedirects": False}
    return {
        "name": name,
        "event": [test],
        "request": request,
        "response": [],
        "protocolProfileBehavior": behavior,
    }


def _event(listen: str, name: str) -> _Json:
    return _script(listen, *(_SCRIPTS / f"{name}.js").read_text().splitlines())


def _script(listen: str, *lines: str) -> _Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": list(lines)}}
