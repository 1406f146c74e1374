"""Passwords that are drawn for a run and found nowhere else."""

from dataclasses import astuple, dataclass, field
from secrets import token_urlsafe

from cryptography.fernet import Fernet


def _password() -> str:
    return token_urlsafe(64)


@dataclass(frozen=True, repr=False)
class Passwords:
    """One for each who asks for one: PostgreSQL, Redis, S3, Airflow's user, API and keys, Orange's client."""

    database: str = field(default_factory=_password)
    broker: str = field(default_factory=_password)
    store: str = field(default_factory=_password)
    user: str = field(default_factory=_password)
    client: str = field(default_factory=_password)
    jwt: str = field(default_factory=_password)
    session: str = field(default_factory=_password)
    fernet: str = field(default_factory=lambda: Fernet.generate_key().decode())

    def all(self) -> set[str]:
        """Give all of them."""
        return set(astuple(self))
