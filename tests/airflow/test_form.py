"""The connection form, as old and new Airflows show it, and what they store of it."""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
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
from tests.support.connections import OTHERS

CONNECTION_TYPE = get_provider_info()["connection-types"][0]
FIELDS = CONNECTION_TYPE["conn-fields"]
LEAST = Settings(client_id="id", client_secret="secret", application_id="app")
FILLED = replace(LEAST, **{name: value for name, value in OTHERS.items() if name != "verify"})
FILLED_IN = {name: str(getattr(FILLED, name)).removesuffix(".0") for name in FIELDS} | {"ctxtid": "a, b&c"}


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
def test_old_form_equals_the_new_form(airflow_home: Path, old_widgets: Mapping[str, Any]) -> None:
    """Order, labels, help and choices are the same, as Airflow itself reads both.

    The old form has no field for numbers that are not whole, and must accept a blank in each field.
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
def test_old_behavior_equals_the_new_behavior(airflow_home: Path) -> None:
    """Hidden fields, labels and placeholders are valid, and are those of the new form."""
    from airflow.providers_manager import ProvidersManager

    from airflow_provider_evpl.hooks.evpl import EvplHook

    assert airflow_home.exists()
    behaviour = EvplHook.get_ui_field_behaviour()
    manager = ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's
    assert behaviour == manager.field_behaviours["evpl"]
    schema = files("airflow").joinpath("customized_form_field_behaviours.schema.json").read_text()
    jsonschema.validate(behaviour, json.loads(schema))


def test_each_field_has_help() -> None:
    """Each extra, and each standard field that is shown, has a text that says what to enter."""
    behaviour = CONNECTION_TYPE["ui-field-behaviour"]
    for name in ("login", "password", "host"):
        assert behaviour["relabeling"][name]
        assert behaviour["placeholders"][name]
    for name, field in FIELDS.items():
        is_required = name == "application_id"
        has_default = getattr(LEAST, name) is not None
        assert ("Required" in field["description"]) == is_required
        assert not has_default or is_required or "Default: " in field["description"]


def test_blank_fields_of_the_old_form_have_defaults(old_widgets: Mapping[str, Any]) -> None:
    """A form with the required fields only gives the defaults of the contract."""
    assert _stored(_fill_in(old_widgets, application_id="app")) == LEAST


def test_old_form_stores_each_field(old_widgets: Mapping[str, Any]) -> None:
    """Text, numbers and choices of the old form are read as they were entered."""
    assert _stored(_fill_in(old_widgets, **FILLED_IN | {"verify": ""})) == FILLED


def test_old_form_accepts_other_connection_types(old_widgets: Mapping[str, Any]) -> None:
    """All connection types are one form in Airflow 2.11. Our fields are valid if they are blank."""
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
def test_old_form_rejects_wrong_values(old_widgets: Mapping[str, Any], name: str, value: str) -> None:
    """A wrong choice or number is shown beside its field, before it is stored."""
    form = _fill_in(old_widgets, **{name: value})
    assert not form.validate()
    assert form.errors.keys() == {name}


def test_old_form_keeps_the_proxy(old_widgets: Mapping[str, Any]) -> None:
    """Airflow 2.11 would delete a hidden field that came back blank. So the form has the value, as dots."""
    form = _fill_in(old_widgets, proxy="http://proxy.example")
    assert 'type="password"' in form["proxy"]()
    assert 'value="http://proxy.example"' in form["proxy"]()


@pytest.mark.contract("connection.text")
def test_new_form_stores_each_field() -> None:
    """Airflow 3.3 stores each field once one is changed: null for an empty field."""
    fields: dict[str, Any] = dict.fromkeys(FIELDS)
    stored = fields | {"application_id": "app"}
    assert Settings.from_connection(login="id", password="secret", host="", extra=stored) == LEAST
    numbers = {
        name: getattr(FILLED, name)
        for name, field in FIELDS.items()
        if {"integer", "number"} & {*field["schema"]["type"]}
    }
    stored = fields | FILLED_IN | numbers | {"verify": None}
    for name, value in stored.items():
        jsonschema.validate(value, {"type": FIELDS[name]["schema"]["type"]})
    assert Settings.from_connection(login="id", password="secret", host="", extra=stored) == FILLED
