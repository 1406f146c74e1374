"""Access tokens that expire."""

import threading
from collections.abc import Callable
from math import inf

__all__ = ["Tokens"]


class Tokens:
    """The tokens issued so far. Thread-safe.

    Attributes:
        issued: Number of tokens issued, with the revoked ones.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """Start without a token; `clock` gives monotonic seconds."""
        self.issued = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        self._uses: dict[str, float] = {}

    def issue(self, token: str, *, life_seconds: float, uses: float = inf) -> None:
        """Make a new token valid. Earlier tokens stay valid until they expire.

        Args:
            token: Opaque text.
            life_seconds: Seconds until the token expires.
            uses: How often the token may be used. After that it is unknown.
        """
        with self._lock:
            self._ends[token] = self._clock() + life_seconds
            self._uses[token] = uses
            self.issued += 1

    def use(self, token: str) -> bool:
        """Count a use of a token. Return whether it was issued and not revoked; it may have expired."""
        with self._lock:
            if self._uses.get(token, 0) <= 0:
                return False
            self._uses[token] -= 1
            return True

    def is_expired(self, token: str) -> bool:
        """Return whether a token has expired. An unknown token has."""
        return self._clock() >= self._ends.get(token, float("-inf"))

    def revoke_all(self) -> None:
        """Revoke every token: each is unknown from now on."""
        with self._lock:
            self._ends.clear()
            self._uses.clear()
