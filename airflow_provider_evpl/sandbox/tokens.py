"""Access tokens that really expire."""

import secrets
from collections.abc import Callable

__all__ = ["Tokens"]


class Tokens:
    """The tokens issued so far. Safe to use from another thread than the server's.

    Attributes:
        issued: Number of tokens issued; revoking does not lower it.
    """

    def __init__(self, *, ttl_seconds: int, clock: Callable[[], float]) -> None:
        """Start without a token; `clock` gives seconds and never goes back."""
        self.issued = 0
        self._ttl_seconds = ttl_seconds
        self._clock = clock
        self._ends: dict[str, float] = {}

    def issue(self) -> str:
        """Make a new opaque token; those issued before stay valid until their end."""
        token = secrets.token_urlsafe(24)
        self._ends[token] = self._clock() + self._ttl_seconds
        self.issued += 1
        return token

    def is_known(self, token: str) -> bool:
        """Tell whether the token was issued and not revoked; it may have expired."""
        return token in self._ends

    def is_expired(self, token: str) -> bool:
        """Tell whether the lifetime is over; an unknown token has none left."""
        return self._clock() >= self._ends.get(token, float("-inf"))

    def revoke_all(self) -> None:
        """Forget every token: each is unknown from now on."""
        self._ends.clear()
