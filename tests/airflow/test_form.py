"""The connection form, as old and new Airflows show it, and what they store of it."""

import json
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest
import wtforms
from wtforms import widgets

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.get_provider_info import get_provider_info
from tests.support.airflow_versions import AIRFLOW_3, is_since, needs

CONNECTION_TYPE = get_provider_info()["connection-types"][0]
FIELDS = CONNECTION_TYPE["conn-fields"]
LEAST = Settings(client_id="id", client_secret="secret", application_id="app")
FILLED = Settings(
    client_id="id",
    client_secret="secret",
    application_id="app",
    code_ope="0042",
    proxy="http://user:pass@proxy.example:3128",
    token_url="https://login.example/token",
    token_auth="post",
    requests_per_second=2.5,
    page_parallelism=8,
    timeout_seconds=30.0,
    max_retry_seconds=0.0,
    pagination="page",
    naive_timestamps="utc",
    ctxtid=("a", "b"),
    job="OTHER",
    offer_type="LD",
)
FILLED_IN = {name: str(getattr(FILLED, name)).removesuffix(".0") for name in FIELDS} | {"ctxtid": "a, b"}


@pytest.fixture
def old_widgets(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Give the widgets that Airflow 2.11 to 3.1 ask the hook for.

    Where Flask-AppBuilder isn't installed, as with Airflow 3, the two wtforms classes stand in that
    its own derive from.
    """
    from airflow_provider_evpl.hooks.evpl import EvplHook

    if not find_spec("flask_appbuilder"):
        stand_in = ModuleType("flask_appbuilder.fieldwidgets")
        vars(stand_in).update(
            BS3TextFieldWidget=widgets.TextInput, BS3PasswordFieldWidget=widgets.PasswordInput
        )
        monkeypatch.setitem(sys.modules, "flask_appbuilder", ModuleType("flask_appbuilder"))
        monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    return EvplHook.get_connection_form_widgets()


class _Posted(dict[str, str]):
    def getlist(self, name: str) -> list[str]:
        return [self[name]]


def _fill_in(old_widgets: Mapping[str, Any], **values: str) -> wtforms.Form:
    """Fill in the form as a browser does, which posts blank text for a field left alone."""
    form = type("Form", (wtforms.Form,), dict(old_widgets))
    made = form(_Posted(dict.fromkeys(old_widgets, "") | values))
    assert isinstance(made, wtforms.Form)
    return made


def _stored(form: wtforms.Form) -> Settings:
    """Store it as Airflow 2.11.2 does, which leaves blank text out, but keeps null; then read it."""
    assert form.validate(), form.errors
    extra = json.loads(json.dumps({name: value for name, value in form.data.items() if value != ""}))
    return Settings.from_connection(login="id", password="secret", host="", extra=extra)


@needs("3.2", "the new form")
def test_the_form_of_airflow_2_has_the_fields_of_airflow_3(
    airflow_home: Path, old_widgets: Mapping[str, Any]
) -> None:
    """Order, labels, help and choices are the same, as Airflow itself reads both.

    But the old form has no field for numbers that aren't whole, and must let every field be blank.
    """
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.providers_manager import ConnectionFormWidgetInfo, ProvidersManager

    assert airflow_home.exists()
    manager = ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's
    infos = {
        f"extra__evpl__{name}": ConnectionFormWidgetInfo("EvplHook", "evpl", field, name, is_sensitive=False)
        for name, field in old_widgets.items()
    }
    old = HookMetaService._convert_extra_fields(infos)["evpl"]  # noqa: SLF001 no public way reads both forms
    new = HookMetaService._convert_extra_fields(  # noqa: SLF001 the same
        {
            name: info
            for name, info in manager.connection_form_widgets.items()
            if name.startswith("extra__evpl__")
        }
    )["evpl"]
    assert list(old) == list(new)
    for name, field in new.items():
        kind = field["schema"]["type"] if name != "application_id" else ["string", "null"]
        expected = {
            "title": field["schema"]["title"],
            "type": ["string", "null"] if "number" in kind else kind,
        }
        expected |= {key: field["schema"][key] for key in ("enum",) if key in field["schema"]}
        expected |= {"format": "password"} if name == "proxy" else {}
        assert old[name]["schema"] == expected
        assert old[name]["description"] == field["description"]


@pytest.mark.skipif(
    AIRFLOW_3 and not is_since("3.2"), reason="Airflow 3.0 and 3.1 read it beside Flask-AppBuilder alone"
)
def test_the_behavior_of_the_airflow_2_form_matches_airflow_3(airflow_home: Path) -> None:
    """Hidden fields, labels and placeholders are valid, and as Airflow reads them from the new form."""
    from airflow.providers_manager import ProvidersManager

    from airflow_provider_evpl.hooks.evpl import EvplHook

    assert airflow_home.exists()
    behaviour = EvplHook.get_ui_field_behaviour()
    manager = ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's
    assert behaviour == manager.field_behaviours["evpl"]
    schema = files("airflow").joinpath("customized_form_field_behaviours.schema.json").read_text()
    jsonschema.validate(behaviour, json.loads(schema))


def test_every_field_has_its_help() -> None:
    """Each extra, and each standard field that is shown, says what belongs there."""
    behaviour = CONNECTION_TYPE["ui-field-behaviour"]
    for name in ("login", "password", "host"):
        assert behaviour["relabeling"][name]
        assert behaviour["placeholders"][name]
    for name, field in FIELDS.items():
        is_required = name == "application_id"
        has_default = getattr(LEAST, name) is not None
        assert ("Required" in field["description"]) == is_required
        assert not has_default or is_required or "mpty: " in field["description"]


def test_blank_fields_of_the_old_form_are_not_given(old_widgets: Mapping[str, Any]) -> None:
    """Whoever fills in only what is required gets the contract's defaults."""
    assert _stored(_fill_in(old_widgets, application_id="app")) == LEAST


def test_the_old_form_takes_every_field(old_widgets: Mapping[str, Any]) -> None:
    """Text, numbers and choices of the old form are what was filled in."""
    assert _stored(_fill_in(old_widgets, **FILLED_IN | {"verify": ""})) == FILLED


def test_the_airflow_2_form_does_not_block_other_connection_types(old_widgets: Mapping[str, Any]) -> None:
    """All connection types share one form in Airflow 2.11, so ours must be valid while blank."""
    assert _fill_in(old_widgets).validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_parallelism", "33"),
        ("page_parallelism", "many"),
        ("token_auth", "digest"),
        ("pagination", "offset"),
        ("naive_timestamps", "local"),
    ],
)
def test_the_airflow_2_form_rejects_wrong_choices_and_numbers(
    old_widgets: Mapping[str, Any], name: str, value: str
) -> None:
    """A wrong choice or number is shown beside its field, before it is stored."""
    form = _fill_in(old_widgets, **{name: value})
    assert not form.validate()
    assert form.errors.keys() == {name}


def test_saving_the_old_form_again_keeps_the_proxy(old_widgets: Mapping[str, Any]) -> None:
    """A hidden field that came back blank would be deleted by Airflow 2.11: the value is in it, as dots."""
    form = _fill_in(old_widgets, proxy="http://proxy.example")
    assert 'type="password"' in form["proxy"]()
    assert 'value="http://proxy.example"' in form["proxy"]()


@pytest.mark.contract("connection.text")
def test_the_airflow_3_form_stores_null_for_untouched_fields() -> None:
    """Airflow 3.3 stores every field once one is touched: null where it was left or emptied."""
    fields: dict[str, Any] = dict.fromkeys(FIELDS)
    stored = fields | {"application_id": "app"}
    assert Settings.from_connection(login="id", password="secret", host="", extra=stored) == LEAST
    numbers = {
        name: getattr(FILLED, name) for name, field in FIELDS.items() if "number" in field["schema"]["type"]
    }
    stored = fields | FILLED_IN | numbers | {"page_parallelism": 8, "verify": None}
    for name, value in stored.items():
        jsonschema.validate(value, {"type": FIELDS[name]["schema"]["type"]})
    assert Settings.from_connection(login="id", password="secret", host="", extra=stored) == FILLED
