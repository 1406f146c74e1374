"""Parts of the OpenAPI description that several responses share."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from airflow_provider_evpl.sandbox.schemas import ApiErrorBody, OAuthErrorBody

__all__ = ["Responses", "api_errors", "described", "oauth_errors"]

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_REQUEST_ID: Final = {
    "X-OAPI-Request-Id": {
        "description": "Id of the request, on every response. Orange's support asks for it.",
        "required": True,
        "schema": {"type": "string"},
    }
}


def described(description: str, *, model: type[BaseModel]) -> dict[str, Any]:
    """Describe one response: its meaning, its body, and the header of all responses."""
    return {"description": description, "model": model, "headers": _REQUEST_ID}


def api_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe responses in the API's error format, by HTTP status."""
    return _errors(meanings, model=ApiErrorBody)


def oauth_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe responses in the token endpoint's error format, by HTTP status."""
    return _errors(meanings, model=OAuthErrorBody)


def _errors(meanings: Mapping[int, str], *, model: type[BaseModel]) -> Responses:
    return {status: described(meaning, model=model) for status, meaning in meanings.items()}
