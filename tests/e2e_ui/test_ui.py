"""A user's first hour in Airflow's own pages; each step stands on those before it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from airflow_provider_evpl.get_provider_info import get_provider_info
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.e2e_ui.conftest import SECRET, Take
from tests.support.browser import (
    TASK_ID,
    Airflow,
    Form,
    expect_green,
    open_task,
    press_test,
    trigger,
    unpause,
)

CONN_ID = "evpl_default"
EXTRAS: dict[str, dict[str, Any]] = get_provider_info()["connection-types"][0]["conn-fields"]
WRONG_SECRET = "what-nobody-knows"
PROXY = "http://user:pr0xy-hush@proxy.example:3128"
SAMPLES = "46,080"  # of 80 series in two days, one each 300 s


@pytest.fixture(scope="module")
def run_ids() -> list[str]:
    """Remember the runs that were triggered."""
    return []


def test_the_form_has_our_fields(page: Page, sandbox: SandboxServer, take: Take) -> None:
    """Each field is there, with its label, its help and its widget; the client secret is dots."""
    page.set_viewport_size({"width": 1280, "height": 2600})  # pictures of all of it
    form = Form.new(page, CONN_ID)
    for label in ("Base URL", "Client id", "Client secret", "Port"):
        expect(form.field(label)).to_be_visible()
    expect(form.dialog.locator("[name=schema]")).to_have_count(0)
    expect(form.dialog.locator("[name=password]")).to_have_attribute("type", "password")
    form.fill(host=sandbox.base_url, login=sandbox.config.client_id, password=SECRET, port="0")
    take("connection-standard", form.dialog)
    form.unfold()
    for name, field in EXTRAS.items():
        expect(form.field(field["label"])).to_contain_text(field["description"])
        _expect_widget(form, name, field)
    expect(form.dialog.get_by_role("button", name="Save")).to_be_disabled()  # application_id is required
    form.value_of("application_id").fill(sandbox.config.application_id)
    form.value_of("code_ope").fill(sandbox.config.code_ope)
    take("connection-extra", form.dialog.get_by_role("region"))
    page.set_viewport_size({"width": 1280, "height": 800})
    form.save()


def _expect_widget(form: Form, name: str, field: dict[str, Any]) -> None:
    schema = field["schema"]
    if "enum" in schema:
        choice = form.field(field["label"]).get_by_role("combobox")
        choice.press("ArrowDown")
        expect(form.dialog.page.get_by_role("option")).to_have_text(schema["enum"])
        choice.blur()
    elif {"number", "integer"} & set(schema["type"]):
        number = form.field(field["label"]).get_by_role("spinbutton")
        expect(number).to_have_attribute("aria-valuemin", str(schema["minimum"]))
    else:
        kind = {"password": "password"}.get(schema.get("format"))
        assert form.value_of(name).get_attribute("type") == kind


def test_the_form_stores_null_for_what_was_left_alone(page: Page, sandbox: SandboxServer) -> None:
    """What it stored is what was filled in, and no default froze."""
    config = sandbox.config
    given = {"application_id": config.application_id, "code_ope": config.code_ope}
    assert _stored(page, CONN_ID) == dict.fromkeys(EXTRAS) | given


def _stored(page: Page, conn_id: str) -> dict[str, object]:
    """What Airflow tells of the extras: secrets, and whatever has `token` in its name, as stars."""
    connection = page.request.get(f"/api/v2/connections/{conn_id}").json()
    assert connection["password"] == "***"
    extra: dict[str, object] = json.loads(connection["extra"])
    return extra


def test_a_good_connection_tells_what_it_found(page: Page, take: Take) -> None:
    """Test gets a token and a report."""
    title, message = press_test(page, CONN_ID)
    assert title == "Test Connection Successful"
    assert message.startswith("Token: accepted, valid for 3,600 seconds.")
    assert re.search(r"Newest sample: \S+, \d+ minutes old\.", message)
    assert message.endswith("Next: no setting needs a change.")
    take("test-success", None)


def test_a_wrong_secret_tells_what_to_do(page: Page, sandbox: SandboxServer, take: Take) -> None:
    """Test says who refused what and where to look, and shows neither secret."""
    form = Form.edit(page, CONN_ID)
    form.fill(password=WRONG_SECRET)
    form.save()
    title, message = press_test(page, CONN_ID)
    assert title == "Test Connection Failed"
    assert message.startswith(
        f"Token: none from {sandbox.token_url}: The token endpoint refuses the client (401)."
    )
    assert "Check login (client id), password (client secret), token_url and token_auth" in message
    assert "Response: invalid_client - Wrong client id or secret" in message
    take("test-failure", None)
    form = Form.edit(page, CONN_ID)
    form.fill(password=SECRET)
    form.save()


def test_the_grid_gets_green(page: Page, run_ids: list[str], take: Take) -> None:
    """The run that was due and the one that was triggered both succeed."""
    unpause(page)
    run_ids.append(trigger(page))
    expect_green(page, runs=2)
    take("grid", None)


def test_the_log_tells_how_far_it_is(
    page: Page, sandbox: SandboxServer, run_ids: list[str], take: Take
) -> None:
    """The task's log has the window, its progress and where every sample went."""
    log = open_task(page, run_ids[0])
    expect(log).to_contain_text(f"INFO - Pulling operator code {sandbox.config.code_ope}, ")
    expect(log).to_contain_text(f"INFO - 8 pages, {SAMPLES} samples, 100 % of the window")
    expect(log).to_contain_text(f"INFO - Landed {SAMPLES} rows in 2 slices, ")
    expect(log).to_contain_text(f"values {SAMPLES} of {SAMPLES} expected; retries 0")
    take("log", None)


def test_the_result_is_an_xcom(page: Page, run_ids: list[str], take: Take) -> None:
    """The summary is the task's return value."""
    tab = open_task(page, run_ids[0], "xcom")
    tab.get_by_role("button", name="Expand all extra JSON").click()
    expect(tab.get_by_role("row").filter(has_text="return_value")).to_contain_text('"received": 46080')
    take("xcom", None)


def test_the_asset_has_its_events(page: Page, airflow: Airflow, run_ids: list[str], take: Take) -> None:
    """Each run left an event of the lake's asset, from its task."""
    page.goto("/assets")
    page.get_by_role("link", name=f"{airflow.lake.as_uri()}/samples", exact=True).click()
    expect(page.get_by_role("heading", name="2 Asset Events")).to_be_visible()
    expect(page.locator(f"a[href*='{run_ids[0]}/tasks/{TASK_ID}']")).to_be_visible()
    take("asset", None)


def test_saving_the_form_again_changes_one_field_alone(page: Page, sandbox: SandboxServer) -> None:
    """One number is touched; the rest stays as it was, and the next pull works."""
    form = Form.edit(page, CONN_ID)
    form.unfold()
    form.value_of("requests_per_second").fill("20")
    before = _stored(page, CONN_ID)
    form.save()
    assert _stored(page, CONN_ID) == before | {"requests_per_second": 20}
    issued = sandbox.tokens_issued
    trigger(page)
    expect_green(page, runs=3)
    assert sandbox.tokens_issued == issued + 1


def test_saving_the_form_again_keeps_what_it_hides(page: Page, airflow: Airflow) -> None:
    """Airflow shows a proxy and whatever has `token` in its name as stars; the stars are never stored."""
    form = Form.new(page, "hidden")
    form.fill(login="id", password=SECRET)
    form.unfold()
    hidden = {"proxy": PROXY, "token_url": "https://login.example/token"}
    for name, value in (hidden | {"application_id": "app"}).items():
        form.value_of(name).fill(value)
    form.save()
    form = Form.edit(page, "hidden")
    form.unfold()
    for name in hidden:
        expect(form.value_of(name)).to_have_value("***")
    expect(form.value_of("proxy")).to_have_attribute("type", "password")
    form.value_of("job").fill("OTHER")
    form.save()
    stored = airflow.connection("hidden")
    assert stored["password"] == SECRET
    others = {"application_id": "app", "job": "OTHER"}
    assert stored["extra_dejson"] == dict.fromkeys(EXTRAS) | hidden | others


def test_no_secret_is_left_in_the_clear(airflow: Airflow) -> None:
    """No file that Airflow wrote has a secret in it: not the logs, not the database, not the lake."""
    written = [airflow.log, *_files(airflow.home), *_files(airflow.lake)]
    assert any(path.name == "airflow.db" for path in written)
    for path in written:
        text = path.read_bytes()
        for secret in (SECRET, WRONG_SECRET, "pr0xy-hush"):
            assert secret.encode() not in text, path


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
