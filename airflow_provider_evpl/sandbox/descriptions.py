"""The parts of the OpenAPI description that are the same for several answers."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from airflow_provider_evpl.sandbox.schemas import ApiErrorBody, OAuthErrorBody

__all__ = ["Responses", "api_errors", "described", "oauth_errors"]

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_REQUEST_ID: Final = {
    "X-OAPI-Request-Id": {
        "description": "Id of the exchange, on every answer; what support asks for.",
        "required": True,
        "schema": {"type": "string"},
    }
}


def described(description: str, *, model: type[BaseModel]) -> dict[str, Any]:
    """Describe one answer: its meaning, its body, and the header that all answers carry."""
    return {"description": description, "model": model, "headers": _REQUEST_ID}


def api_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe answers in the API's error shape, by HTTP status."""
    return _errors(meanings, model=ApiErrorBody)


def oauth_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe answers in the token endpoint's error shape, by HTTP status."""
    return _errors(meanings, model=OAuthErrorBody)


def _errors(meanings: Mapping[int, str], *, model: type[BaseModel]) -> Responses:
    return {status: described(meaning, model=model) for status, meaning in meanings.items()}
