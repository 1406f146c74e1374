"""`probe.json` and `probe-support.json` have no secret and no name, however a server escapes them."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable

import pytest

from airflow_provider_evpl.escapes import Reading
from airflow_provider_evpl.flows.probe.anonymous import Names
from airflow_provider_evpl.flows.probe.answer import Answer
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.replay import read_replay
from tests.support.api import ECHOES, SECRET, TOKEN, answer, report
from tests.support.probing import NOW, probe_app, probe_script

ACCESS_TOKEN = "Zm9vYmFyLXRva2VuLTkx"
NAMES = {
    "operator code": "KÖ/0815-7",
    "further code": "4711",
    "circuit": "LD & Söhne / Nord",
    "circuit with digits": "EVPL-884422",
    "country": "Côte d'Ivoire",
    "PoP": "Neuilly <Sud>",
    "section": "NEU\\Ost",
    "ApplicationID": "Application-of-Acme",
    "client id": "acme-client-id",
    "connection id": "evpl_acme_prod",
    "host": "gateway.acme.example",
    "token host": "login.acme.example",
    "proxy": "http://squid:Ho%3Dla@proxy.acme.example:3128",
    "proxy host": "proxy.acme.example",
    "path": "/etc/acme/ca bundle.pem",
}
SECRETS = {"client secret": SECRET, "token": ACCESS_TOKEN, "password of the proxy": "Ho=la"}
KINDS = NAMES | SECRETS
REQUEST_ID = "request-of-orange"


def _entry(name: str) -> dict[str, object]:
    return {
        "objectType": "EVPL",
        "objectInstanceId": name,
        "metric_name": "in",
        "pop_country": NAMES["country"],
        "pop_name": NAMES["PoP"],
        "pop_section_name": NAMES["section"],
        "performanceValues": [{"timeStamp": "2026-11-28T12:00:00Z", "value": "1.5"}],
        f"of {name}": {"kept": "an unknown value"},
    }


def _probe(*told: str) -> Answer:
    """Probe an API that says such texts in its errors, headers, request ids, and names in unknown fields."""
    pages = report(_entry(NAMES["circuit"]), _entry(NAMES["circuit with digits"]))
    headers = {
        "X-OAPI-Request-Id": f"{REQUEST_ID} {NAMES['circuit']} {ACCESS_TOKEN}",
        "Content-Type": f"{NAMES['host']}/{ACCESS_TOKEN}",
        f"X-{NAMES['client id']}": "1",
    }
    bad = [
        answer(status, json={"code": 1, "message": text}, headers=headers)
        for status, text in zip((500, 404, 400), told, strict=False)
    ]
    return probe_script(
        [answer(json=pages, headers=headers)] * 4 + bad,
        [answer(json=TOKEN | {"access_token": ACCESS_TOKEN})],
        {"code_ope": [NAMES["operator code"], NAMES["further code"]], "thorough": True},
        base_url=f"http://{NAMES['host']}",
        token_url=f"http://{NAMES['token host']}/token",
        application_id=NAMES["ApplicationID"],
        client_id=NAMES["client id"],
        connection=f"connection {NAMES['connection id']}",
        verify=NAMES["path"],
        proxy=NAMES["proxy"],
    )


def _leaked(text: str, kinds: Iterable[str]) -> list[str]:
    reading = Reading(text)
    return [kind for kind in kinds if any(reading.find(KINDS[kind]))]


@pytest.mark.contract("probe.record", "probe.support", "probe.screen")
@pytest.mark.parametrize("echo", ECHOES)
def test_files_have_neither_names_nor_secrets(echo: str) -> None:
    """Each kind is searched in both files and, if it is a secret, on the screen."""
    texts = [f"before {ECHOES[echo](text)} after" for text in KINDS.values()]
    for at in range(0, len(texts), 3):
        result = _probe(*texts[at : at + 3])
        record, support = (json.dumps(one, ensure_ascii=False) for one in (result.record, result.support))
        assert _leaked(record, KINDS) == _leaked(support, KINDS) == _leaked(result.text, SECRETS) == []
        assert record.count("before ") >= 3
        assert "an unknown value" not in record
        assert REQUEST_ID not in record
        assert result.support["request_ids"][1]["id"].startswith(REQUEST_ID)


@pytest.mark.contract("probe.record")
def test_text_that_was_cut_has_no_part_of_a_name() -> None:
    """A long name, and a name across the end of a cut text, leave no part."""
    long = "Name-of-a-long-circuit " * 20
    result = _probe(
        f"{'x ' * 235}{NAMES['PoP']} {'y' * 400}", f"see {NAMES['host']}/x, {long}", "/home/acme/x"
    )
    record = json.dumps(result.record, ensure_ascii=False)
    assert not any(part in record for part in ("Neu", "acme"))


@pytest.mark.contract("probe.record")
def test_names_that_no_page_had_are_replaced_if_they_have_a_digit() -> None:
    """A server may name other circuits, URLs and paths. Granularities and statuses stay readable."""
    result = _probe(
        "circuit EVPL-000777 or 417 at https://other.example:99999999/x, use 1h or 300s",
        "C:\\acme\\x",
        "http://[acme/x",
    )
    texts = [one["error"]["text"] for one in result.record["requests"] if one["error"]]
    assert re.sub(r"name-\d+", "name-1", texts[0]) == (
        "The API is unavailable (500/1). Response: circuit name-1 or name-1 at host-3 use 1h or 300s"
    )
    assert "acme" not in str(texts)


@pytest.mark.contract("probe.record", "probe.support")
@pytest.mark.parametrize(
    "text",
    [
        "circuit-884422 and client-4711",
        "squid.acme.example refuses john.doe@acme.example",
        ACCESS_TOKEN.upper(),
        ACCESS_TOKEN.lower(),
        b64encode(NAMES["client id"].encode()).decode(),
    ],
)
def test_each_other_form_of_a_name_is_replaced(text: str) -> None:
    """A name like ours, a host, an address, other cases and base64 leave no part."""
    result = _probe(f"before {text} after")
    (said,) = {one["error"]["text"] for one in result.record["requests"] if one["error"]}
    hidden = said.partition("before ")[2]
    assert re.fullmatch(r"((name|client|host)-\d+|\*\*\*| and | refuses )+=* after", hidden)
    assert not any(word in hidden for word in text.split() if word not in ("and", "refuses", "***"))


@pytest.mark.contract("probe.record")
def test_short_name_is_replaced_as_a_word_only() -> None:
    """It neither destroys our words and other numbers, nor is revealed by their absence."""
    said = answer(404, json={"code": 1, "message": "1 in 10 of of-orange"}) | {
        "headers": {"X-OAPI-Request-Id": "of-orange"}
    }
    names = {"pop_country": "the", "pop_name": "in", "pop_section_name": "API", "metric_name": "e.util"}
    result = probe_script(
        [*[answer(json=report(_entry("1") | names))] * 9, said],
        arguments={"code_ope": ["0", "00"]},
        connection="connection in",
    )
    what, _, said_of_it = result.record["requests"][10]["error"]["text"].partition(" Response: ")
    assert what == "The API refuses the request (404/1)."
    assert said_of_it == "circuit-1 connection-1 10 of request-2"
    assert "Metrics e.util; " in str(result.record["findings"])
    hidden = {one["question"]: one["evidence"] + one["consequence"] for one in result.record["findings"]}
    plain = {one.question: one.evidence + one.consequence for one in result.findings}
    assert [name for name in plain if plain[name] != hidden[name]] == ["fields", "code 2"]
    assert "Check host and job in connection connection-1" in str(result.record["findings"])


def test_text_is_left_out_if_there_are_too_many_names() -> None:
    """So that no name is missed, and no server keeps the probe busy."""
    names = Names(str)
    for number in range(20_001):
        names.add("circuit", f"Circuit {number}")
    assert names.hide("any text") == "(left out: too many names)"


@pytest.mark.contract("probe.numbers")
def test_same_name_has_the_same_number_in_a_file() -> None:
    """Numbers are not hashes: they count the names of one file."""
    result = _probe(f"{NAMES['circuit']}, {NAMES['circuit with digits']}, {NAMES['circuit']}")
    (text,) = {one["error"]["text"] for one in result.record["requests"] if one["error"]}
    assert text.endswith("circuit-2, circuit-1, circuit-2")


@pytest.mark.parametrize(
    "config",
    [
        SandboxConfig(circuits=2, page_size=3),
        SandboxConfig(
            granularities=("1h", "1d"),
            timestamps="end",
            everywhere=True,
            faults=(
                "pagination-by-page",
                "end-inclusive",
                "ctxtid-joined",
                "value-number",
                "timestamp-naive",
            ),
        ),
        SandboxConfig(faults=("page-numbers-zero", "basic-refused", "samples-descending", "expires-in-text")),
        SandboxConfig(faults=("page-numbers-missing", "token-ends-earlier", "start-exclusive")),
        SandboxConfig(faults=("current-page-stuck",)),
    ],
)
def test_sandbox_that_replays_a_record_gives_the_same_readings(config: SandboxConfig) -> None:
    """The record has all that a sandbox needs to answer like the API."""
    result, _ = probe_app(config, {"thorough": True})
    replay = read_replay(json.dumps(result.record), now=NOW)
    again, _ = probe_app(replay.config, {"thorough": True})
    assert not replay.unserved
    assert again.record["readings"] == result.record["readings"]
