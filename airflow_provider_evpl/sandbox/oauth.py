"""The token endpoint: OAuth 2.0 client credentials, checked strictly.

The path, HTTP Basic and the form as its alternative are Orange's [O]. The errors are those of RFC 6749 [S],
except 406: another API of Orange answers 406 to a client that does not accept JSON [O].
"""

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security.http import HTTPAuthorizationCredentials, HTTPBase

from airflow_provider_evpl.sandbox.descriptions import api_errors, described, oauth_errors
from airflow_provider_evpl.sandbox.faults.demands import DEMAND_FAULTS, DOCUMENTED, Credentials
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.tokens import TOKEN_FAULTS, Grant
from airflow_provider_evpl.sandbox.problems import OAuthError
from airflow_provider_evpl.sandbox.schemas import AccessToken
from airflow_provider_evpl.sandbox.state import Shared, State

__all__ = ["router"]

router = APIRouter(tags=["token"])

_FORM: Final = "application/x-www-form-urlencoded"
_BASIC: Final = HTTPBase(
    scheme="basic",
    scheme_name="client",
    auto_error=False,
    description="The client id and the client secret, by HTTP Basic [O]. The other way is the form.",
)
_RESPONSES: Final = {
    200: described("A new token [S].", model=AccessToken),
    **oauth_errors(
        {
            400: "`invalid_request`: not a form, a field missing or repeated, or credentials in "
            "both places; `unsupported_grant_type` [S].",
            401: "`invalid_client`: no credentials, or wrong ones [S].",
            406: "`invalid_request`: the header `Accept` is missing or does not admit JSON. A "
            "sibling API answers this status [O]; the shape is ours [A].",
        }
    ),
    **api_errors(
        {
            403: "50: the app has no subscription, or a pending or revoked one; 51, 52: the app is "
            "blocked; 53: rate limit [O].",
            405: "61: another method than POST [O].",
            429: "53: more than 50 token requests in a minute [2].",
            500: "1: the service failed [O].",
            503: "5: the service is unavailable for the moment [O].",
        }
    ),
}
_REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        _FORM: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {
                        "type": "string",
                        "enum": ["client_credentials"],
                        "description": "The only value [O].",
                    },
                    "client_id": {
                        "type": "string",
                        "description": "From *My apps* of the account at Orange. Instead of HTTP Basic [O].",
                    },
                    "client_secret": {
                        "type": "string",
                        "description": "From the same place. Instead of HTTP Basic [O].",
                    },
                },
            }
        }
    },
}


@router.post(
    "/oauth/v3/token",
    summary="Get an access token",
    response_model=AccessToken,
    responses=_RESPONSES,
    openapi_extra={"requestBody": _REQUEST_BODY, "security": [{}]},
)
async def issue_token(
    request: Request,
    state: Shared,
    basic: Annotated[HTTPAuthorizationCredentials | None, Security(_BASIC)],
) -> JSONResponse:
    """Issue a token for the client's credentials.

    Send them by HTTP Basic, or as `client_id` and `client_secret` in the form [O], never in both [A].
    The header `Accept` has to admit `application/json`: a sibling API demands it [O].
    """
    _check_accept(request.headers.get("accept", ""))
    form = await _form(request)
    _check_grant(form)
    _check_place(state, "basic" if basic else "form")
    if _credentials(form, basic) != (state.config.client_id, state.config.client_secret):
        raise OAuthError("invalid_client", description="Wrong client id or secret", status=401)
    token = secrets.token_urlsafe(24)
    right = _grant(token, life_seconds=state.config.token_ttl)
    grant = state.faults.answer(lambda names: change(right, seam=TOKEN_FAULTS, names=names))
    if grant.ends_earlier:
        state.tokens.revoke_all()
    state.tokens.issue(token, life_seconds=grant.life_seconds, uses=grant.uses)
    return JSONResponse(grant.answer, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _grant(token: str, *, life_seconds: int) -> Grant:
    answer = {"token_type": "Bearer", "access_token": token, "expires_in": life_seconds}
    return Grant(answer, life_seconds=life_seconds)


def _check_accept(accept: str) -> None:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    if not ranges & {"application/json", "application/*", "*/*"}:
        description = "Send the header Accept: application/json"
        raise OAuthError("invalid_request", description=description, status=406)


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise OAuthError("invalid_request", description=f"Send the body as {_FORM}")
    fields = parse_qsl((await request.body()).decode("ascii", "replace"), keep_blank_values=True)
    form = dict(fields)
    if len(form) < len(fields):
        raise OAuthError("invalid_request", description="A form field is repeated")
    return form


def _check_grant(form: Mapping[str, str]) -> None:
    if "grant_type" not in form:
        raise OAuthError("invalid_request", description="The form field grant_type is missing")
    if form["grant_type"] != "client_credentials":
        description = "The only grant_type is client_credentials"
        raise OAuthError("unsupported_grant_type", description=description)


def _check_place(state: State, place: Credentials) -> None:
    accepted = state.faults.answer(
        lambda names: place in change(DOCUMENTED, seam=DEMAND_FAULTS, names=names).credentials
    )
    if not accepted:
        raise OAuthError("invalid_client", description="Send credentials the other way", status=401)


def _credentials(form: Mapping[str, str], basic: HTTPAuthorizationCredentials | None) -> tuple[str, str]:
    posted = "client_id" in form or "client_secret" in form
    if basic and posted:
        description = "Send credentials by HTTP Basic or in the form, not both"
        raise OAuthError("invalid_request", description=description)
    if basic:
        return _decoded(basic)
    if not ("client_id" in form and "client_secret" in form):
        raise OAuthError("invalid_client", description="Credentials are missing", status=401)
    return form["client_id"], form["client_secret"]


def _decoded(basic: HTTPAuthorizationCredentials) -> tuple[str, str]:
    try:
        text = base64.b64decode(basic.credentials, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, colon, client_secret = text.partition(":")
    if basic.scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", description="Not HTTP Basic", status=401)
    return client_id, client_secret
