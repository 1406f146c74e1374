"""Access tokens that really expire."""

import threading
from collections.abc import Callable
from math import inf

__all__ = ["Tokens"]


class Tokens:
    """The tokens issued so far. Safe to use from another thread than the server's.

    Attributes:
        issued: Number of tokens issued; revoking does not lower it.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        """Start without a token; `clock` gives seconds and never goes back."""
        self.issued = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        self._uses: dict[str, float] = {}

    def issue(self, token: str, *, life_seconds: float, uses: float = inf) -> None:
        """Let a new token be valid; those issued before stay valid until their end.

        Args:
            token: Opaque.
            life_seconds: After which it is expired.
            uses: How often it may be used; after that it is unknown.
        """
        with self._lock:
            self._ends[token] = self._clock() + life_seconds
            self._uses[token] = uses
            self.issued += 1

    def use(self, token: str) -> bool:
        """Use a token; tell whether it was issued and not revoked. It may have expired."""
        with self._lock:
            if self._uses.get(token, 0) <= 0:
                return False
            self._uses[token] -= 1
            return True

    def is_expired(self, token: str) -> bool:
        """Tell whether the lifetime is over; an unknown token has none left."""
        return self._clock() >= self._ends.get(token, float("-inf"))

    def revoke_all(self) -> None:
        """Forget every token: each is unknown from now on."""
        with self._lock:
            self._ends.clear()
            self._uses.clear()
