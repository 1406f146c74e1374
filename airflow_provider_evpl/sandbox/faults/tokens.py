"""Faults in the response of the token endpoint, and in how long a token really lives."""

from collections.abc import Callable
from math import inf
from typing import Any, Final, NamedTuple

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.fields import set_fields, unset_fields

__all__ = ["TOKEN_FAULTS", "Grant"]


class Grant(NamedTuple):
    """A token as the response describes it, and as it really is.

    Attributes:
        answer: The body of the response.
        life_seconds: Seconds until the token expires.
        uses: Number of report requests after which the token is unknown.
        ends_earlier: Whether all earlier tokens are unknown from now on.
    """

    answer: dict[str, Any]
    life_seconds: float
    uses: float = inf
    ends_earlier: bool = False


def _set(**fields: object) -> Callable[[Grant], Grant]:
    return lambda grant: grant._replace(answer=set_fields(**fields)(grant.answer))


def _unset(name: str) -> Callable[[Grant], Grant]:
    return lambda grant: grant._replace(answer=unset_fields(name)(grant.answer))


TOKEN_FAULTS: Final[tuple[Fault[Grant], ...]] = (
    Fault(
        "token-expires-early",
        "a token expires after a tenth of its expires_in",
        lambda grant: grant._replace(life_seconds=grant.life_seconds / 10),
    ),
    Fault(
        "token-revoked", "a token is unknown after 10 report requests", lambda grant: grant._replace(uses=10)
    ),
    Fault(
        "token-ends-earlier",
        "a new token ends all earlier ones",
        lambda grant: grant._replace(ends_earlier=True),
    ),
    Fault("token-refused", "a token is unknown from the beginning", lambda grant: grant._replace(uses=0)),
    Fault(
        "expires-in-text",
        "expires_in is a text",
        lambda grant: _set(expires_in=str(grant.answer["expires_in"]))(grant),
    ),
    Fault("expires-in-word", "expires_in is the text soon", _set(expires_in="soon")),
    Fault("expires-in-zero", "expires_in is 0", _set(expires_in=0)),
    Fault("expires-in-tiny", "expires_in is 1, but the token stays valid", _set(expires_in=1)),
    Fault("expires-in-null", "expires_in is null", _set(expires_in=None)),
    Fault("expires-in-missing", "expires_in is missing", _unset("expires_in")),
    Fault("token-type-lower-case", "token_type is bearer", _set(token_type="bearer")),  # noqa: S106 no secret
    Fault("token-type-mac", "token_type is mac", _set(token_type="mac")),  # noqa: S106 no secret
    Fault("token-type-missing", "token_type is missing", _unset("token_type")),
    Fault("access-token-null", "access_token is null", _set(access_token=None)),
    Fault("access-token-missing", "access_token is missing", _unset("access_token")),
)
