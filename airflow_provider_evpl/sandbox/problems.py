"""The errors of the sandbox.

```
Exception
├── ApiError     the API and its gateway: {"code", "message", "description", "infoURL"} [O]
└── OAuthError   the token endpoint, RFC 6749 section 5.2: {"error", "error_description"} [S]
```
"""

from enum import Enum
from typing import Literal, TypeAlias

__all__ = ["ApiError", "OAuthCode", "OAuthError", "Problem"]

OAuthCode: TypeAlias = Literal["invalid_client", "invalid_request", "unsupported_grant_type"]


class Problem(Enum):
    """HTTP status, code and message of each documented error of the API.

    The codes are those common to Orange's APIs [O]; this API's own document has only their shape.
    Its 422 "business error" has no code anywhere: here it is 422 [A].
    A sandbox without faults never sends the errors of the gateway.
    """

    MISSING_HEADER = (400, 25, "Missing header")
    INVALID_HEADER = (400, 26, "Invalid header value")
    MISSING_PARAMETER = (400, 27, "Missing query-string parameter")
    INVALID_PARAMETER = (400, 28, "Invalid query-string parameter value")
    MISSING_CREDENTIALS = (401, 40, "Missing credentials")
    INVALID_CREDENTIALS = (401, 41, "Invalid credentials")
    EXPIRED_CREDENTIALS = (401, 42, "Expired credentials")
    NOT_FOUND = (404, 60, "Resource not found")
    METHOD_NOT_ALLOWED = (405, 61, "Method not allowed")
    BUSINESS_ERROR = (422, 422, "Business error")
    INTERNAL_ERROR = (500, 1, "Internal error")
    # the gateway's
    ACCESS_DENIED = (403, 50, "Access denied")
    FORBIDDEN_REQUESTER = (403, 51, "Forbidden requester")
    FORBIDDEN_RATE = (403, 53, "Too many requests")
    REQUEST_TIME_OUT = (408, 63, "Request time-out")
    TOO_MANY_REQUESTS = (429, 53, "Too many requests")
    BAD_GATEWAY = (502, 1, "Bad gateway")
    UNAVAILABLE = (503, 5, "The service is temporarily unavailable")
    GATEWAY_TIME_OUT = (504, 6, "Gateway time-out")

    def __init__(self, status: int, code: int, message: str) -> None:
        """Set the HTTP status, Orange's code, and the message of the body."""
        self.status = status
        self.code = code
        self.message = message


class ApiError(Exception):
    """The API rejects a request; the text says what to change."""

    def __init__(self, problem: Problem, *, description: str) -> None:
        """Set the problem, and a description of this case."""
        super().__init__(description)
        self.problem = problem
        self.description = description


class OAuthError(Exception):
    """The token endpoint rejects a request; the text says what to change."""

    def __init__(self, error: OAuthCode, *, description: str, status: int = 400) -> None:
        """Set the code, the description and the HTTP status."""
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status
