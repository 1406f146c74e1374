"""The connection form of Airflow 2.11 to 3.1, made from `get_provider_info`, which newer versions read."""

from collections.abc import Mapping
from typing import Any

from airflow_provider_evpl.get_provider_info import get_provider_info

__all__ = ["get_behavior", "get_widgets"]


def get_widgets() -> dict[str, Any]:
    """Make a widget for each extra, in the order of the form.

    Each field may be blank, `application_id` too. In Airflow 2.11, the fields of all connection types are one
    form, so a required field would block the connections of all other types.
    """
    return {name: _widget(field) for name, field in _connection_type()["conn-fields"].items()}


def get_behavior() -> dict[str, Any]:
    """Return which standard fields are hidden, and the labels and placeholders of the others."""
    behaviour = _connection_type()["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}


def _connection_type() -> dict[str, Any]:
    (connection_type,) = get_provider_info()["connection-types"]
    return dict(connection_type)


def _widget(field: Mapping[str, Any]) -> Any:  # noqa: ANN401 wtforms is installed only with Airflow's old forms
    """Make a field for text, a password or a whole number: Airflow 2.11 has no field for other numbers."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import NumberRange, Optional, any_of

    schema = field["schema"]
    # `Optional` skips the other checks if the field is blank.
    kind, widget, checks = StringField, BS3TextFieldWidget(), [Optional()]
    if schema.get("format") == "password":
        kind, widget = PasswordField, BS3PasswordFieldWidget()
        # Saving the form would otherwise delete the value.
        widget.hide_value = False
    elif "integer" in schema["type"]:
        kind = IntegerField
        checks.append(NumberRange(schema["minimum"], schema["maximum"]))
    elif "enum" in schema:
        checks.append(any_of(schema["enum"]))
    return kind(field["label"], validators=checks, description=field["description"], widget=widget)
