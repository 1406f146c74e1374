"""Turns each error, the framework's own too, into a response in one of the API's two formats."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from airflow_provider_evpl.sandbox.problems import ApiError, OAuthError, Problem

__all__ = ["HANDLERS", "answer_api_error"]

_ROUTING: Final = {404: Problem.NOT_FOUND, 405: Problem.METHOD_NOT_ALLOWED}
_PARAMETER_PROBLEMS: Final = {
    ("header", True): Problem.MISSING_HEADER,
    ("header", False): Problem.INVALID_HEADER,
    ("query", True): Problem.MISSING_PARAMETER,
    ("query", False): Problem.INVALID_PARAMETER,
}


def answer_api_error(request: Request, error: ApiError) -> JSONResponse:
    """Return an error in the API's format: code, message, description, infoURL [O]."""
    body = {
        "code": error.problem.code,
        "message": error.problem.message,
        "description": error.description,
        "infoURL": f"{request.base_url}docs",
    }
    return JSONResponse(body, status_code=error.problem.status)


async def _on_api_error(request: Request, error: ApiError) -> JSONResponse:
    return _challenge(answer_api_error(request, error), scheme="Bearer")


async def _on_oauth_error(_: Request, error: OAuthError) -> JSONResponse:
    body = {"error": error.error, "error_description": error.description}
    response = JSONResponse(body, status_code=error.status)
    return _challenge(response, scheme="Basic")


async def _on_invalid_parameters(request: Request, error: RequestValidationError) -> JSONResponse:
    """Return the first of several errors: headers before parameters, missing before wrong."""
    first = min((_to_api_error(detail) for detail in error.errors()), key=_code)
    return answer_api_error(request, first)


async def _on_routing_error(request: Request, error: HTTPException) -> JSONResponse:
    description = f"{request.method} {request.url.path}: {error.detail}"
    refusal = ApiError(_ROUTING[error.status_code], description=description)
    response = answer_api_error(request, refusal)
    response.headers.update(error.headers or {})
    return response


def _challenge(response: JSONResponse, *, scheme: str) -> JSONResponse:
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = scheme
    return response


def _code(error: ApiError) -> int:
    return error.problem.code


def _to_api_error(detail: dict[str, Any]) -> ApiError:
    """Turn a validation error of the framework into the API's error."""
    place, *name = detail["loc"]
    missing = detail["type"] in {"missing", "too_short"}
    description = ": ".join([*map(str, name[:1]), detail["msg"].removeprefix("Value error, ")])
    return ApiError(_PARAMETER_PROBLEMS[place, missing], description=description)


HANDLERS: Final[dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Any]]]] = {
    ApiError: _on_api_error,
    OAuthError: _on_oauth_error,
    RequestValidationError: _on_invalid_parameters,
    HTTPException: _on_routing_error,
}
