import json
import subprocess
import sys
from importlib.resources import files
from inspect import signature
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.get_provider_info import get_provider_info
from tests.support.airflow_versions import AIRFLOW_3, find_hook, is_since, needs

FORM = """
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
[form] = [one for one in HookMetaService.hook_meta_data() if one.connection_type == "evpl"]
print(form.model_dump_json())
"""
_NOT_EXTRAS = {"client_id", "client_secret", "base_url", "connection"}


def _connection_type() -> dict[str, Any]:
    (connection_type,) = get_provider_info()["connection-types"]
    assert isinstance(connection_type, dict)
    return connection_type


@pytest.mark.parametrize("name", ["provider_info.schema.json", "provider.yaml.schema.json"])
def test_provider_info_is_valid(airflow_home: Path, name: str) -> None:
    """The description, and its connection type, are valid by the schemas of the installed Airflow."""
    assert airflow_home.exists()
    schema = json.loads(files("airflow").joinpath(name).read_text())
    if name == "provider_info.schema.json":
        jsonschema.validate(get_provider_info(), schema)
    jsonschema.validate([_connection_type()], schema["properties"]["connection-types"])


def test_form_has_each_extra() -> None:
    """The fields of the form are the extras of the connection. Optional fields may be null."""
    fields = _connection_type()["conn-fields"]
    assert fields.keys() == signature(Settings).parameters.keys() - _NOT_EXTRAS
    for name, field in fields.items():
        kind = field["schema"]["type"]
        assert kind == "string" if name == "application_id" else "null" in kind
        assert "default" not in field["schema"]
        assert field["description"].endswith(".")


def test_airflow_finds_the_hook(airflow_home: Path) -> None:
    """Airflow finds the hook by its connection type."""
    assert airflow_home.exists()
    hook = find_hook("evpl")
    assert hook is not None
    assert hook.hook_name == "Orange EVPL"
    assert hook.connection_id_attribute_name == "evpl_conn_id"


def _read_form() -> dict[str, Any]:
    """Ask for the form as Airflow's API server does, in a process where nobody has asked for hooks before."""
    done = subprocess.run([sys.executable, "-c", FORM], capture_output=True, text=True, check=True)
    [written] = [line for line in done.stdout.splitlines() if line.startswith("{")]
    form: dict[str, Any] = json.loads(written)
    assert form["hook_name"] == "Orange EVPL"
    return form


@needs("3.1", "a form that needs no Flask-AppBuilder")
def test_airflow_finds_the_form(airflow_home: Path) -> None:
    """Airflow's connection form has our fields under their own names."""
    assert airflow_home.exists()
    form = _read_form()
    assert form["extra_fields"].keys() == _connection_type()["conn-fields"].keys()
    standard_fields = form["standard_fields"]
    assert standard_fields["login"]["title"] == "Client id"
    assert standard_fields["url_schema"]["hidden"]
    assert not standard_fields["port"]["hidden"]  # the test button of Airflow 3.3.2 needs a port of 0


@pytest.mark.skipif(not AIRFLOW_3 or is_since("3.1"), reason="Airflow 3.0 alone has a form like this")
def test_airflow_3_0_has_no_form_without_flask_appbuilder(airflow_home: Path) -> None:
    """Airflow 3.0 offers the connection type, but no field or label of ours. Extras are JSON."""
    assert airflow_home.exists()
    form = _read_form()
    assert (form["extra_fields"], form["standard_fields"]) == (None, None)


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has another form")
def test_airflow_finds_the_old_form(airflow_home: Path) -> None:
    """Airflow 2.11 asks the class of the hook, and has the same fields, in their order, and labels."""
    from airflow.providers_manager import ProvidersManager

    assert airflow_home.exists()
    manager = ProvidersManager()  # type: ignore[no-untyped-call] # Airflow's
    found = {
        info.field_name: info.field.args[0]
        for name, info in manager.connection_form_widgets.items()
        if name.startswith("extra__evpl__")
    }
    fields = _connection_type()["conn-fields"]
    assert list(found.items()) == [(name, field["label"]) for name, field in fields.items()]
    assert manager.field_behaviours["evpl"]["relabeling"]["login"] == "Client id"
    assert manager.field_behaviours["evpl"]["hidden_fields"] == ["schema"]


def test_modules_of_provider_info_exist(airflow_home: Path) -> None:
    """Each module that the description names can be imported."""
    from importlib import import_module

    assert airflow_home.exists()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for module in get_provider_info()[kind][0]["python-modules"]:
            import_module(module)
