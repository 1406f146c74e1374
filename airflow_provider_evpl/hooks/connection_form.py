"""The connection form of Airflow 2.11 to 3.1, made from what newer ones read: `get_provider_info`."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_evpl.get_provider_info import get_provider_info

__all__ = ["get_behaviour", "get_widgets"]


def get_widgets() -> dict[str, Any]:
    """Make a widget for each extra, in the form's order.

    All may be blank, `application_id` too: in Airflow 2.11 the fields of every connection type are
    one form, and a field that must be filled in would stand in the way of all other types.
    """
    return {name: _widget(field) for name, field in _connection_type()["conn-fields"].items()}


def get_behaviour() -> dict[str, Any]:
    """Name the standard fields that are hidden, and the labels and placeholders of the others."""
    behaviour = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def _connection_type() -> dict[str, Any]:
    (connection_type,) = get_provider_info()["connection-types"]
    return dict(connection_type)


def _widget(field: Mapping[str, Any]) -> Any:  # noqa: ANN401 wtforms is there only with Airflow's old forms
    """Only text, password and whole numbers: Airflow 2.11 knows no field for other numbers."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import NumberRange, Optional, any_of

    schema = field["schema"]
    kind, widget, checks = StringField, BS3TextFieldWidget(), [Optional()]  # blank ends all checks
    if schema.get("format") == "password":
        kind, widget = PasswordField, BS3PasswordFieldWidget()
        widget.hide_value = False  # else saving the form for any other reason would lose it
    elif "integer" in schema["type"]:
        kind = IntegerField
        checks.append(NumberRange(schema["minimum"], schema["maximum"]))
    elif "enum" in schema:
        checks.append(any_of(schema["enum"]))
    return kind(field["label"], validators=checks, description=field["description"], widget=widget)
