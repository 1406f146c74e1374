"""Parts of the OpenAPI description that several responses share."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from airflow_provider_evpl.sandbox.problems import Problem
from airflow_provider_evpl.sandbox.schemas import ApiErrorBody, OAuthErrorBody

__all__ = ["Responses", "api_errors", "described", "oauth_errors"]

Responses: TypeAlias = dict[int | str, dict[str, Any]]

_REQUEST_ID: Final = {
    "X-OAPI-Request-Id": {
        "description": "Id of the exchange, on every response [2]. Orange's support asks for it.",
        "required": True,
        "schema": {"type": "string"},
    }
}


def described(description: str, *, model: type[BaseModel]) -> dict[str, Any]:
    """Describe one response: its meaning, its body, and the header of all responses."""
    return {"description": description, "model": model, "headers": _REQUEST_ID}


def api_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe answers in the API's error shape, by HTTP status, with an example of each code."""
    return {
        status: described(meaning, model=ApiErrorBody)
        | {"content": {"application/json": {"examples": _examples(status)}}}
        for status, meaning in meanings.items()
    }


def oauth_errors(meanings: Mapping[int, str]) -> Responses:
    """Describe answers in the token endpoint's error shape, by HTTP status."""
    return {status: described(meaning, model=OAuthErrorBody) for status, meaning in meanings.items()}


def _examples(status: int) -> dict[str, Any]:
    return {
        f"code-{problem.code}": {"value": _body(problem)} for problem in Problem if problem.status == status
    }


def _body(problem: Problem) -> dict[str, object]:
    texts = {"message": problem.message, "description": "What to change", "infoURL": "https://example.com"}
    return {"code": problem.code, **texts}
