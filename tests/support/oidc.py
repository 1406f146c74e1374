"""An authorization server that nobody here wrote, npm's oidc-provider, and an API that trusts its tokens."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import jwt
import requests

from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.network import Proxy, Request, proxied
from tests.support.servers import DIES_WITH_US, node, running

_PATIENCE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class App:
    """Who may ask for tokens, and what they are like: `opaque` or `jwt`, the latter with padding."""

    client_id: str = "evpl"
    client_secret: str = "a-secret"
    token_endpoint_auth_method: str = "client_secret_basic"
    ttl: int = 600
    format: str = "opaque"
    padding: int = 0


@dataclass(frozen=True)
class World:
    """An app, the authorization server and the API, both behind a proxy that sees what is asked."""

    app: App
    issuer: str
    tokens: Proxy
    api: Proxy

    def settings(self, **changes: str) -> Settings:
        """Read the connection that fits; with another password, or other extras."""
        extra = {"application_id": "sandbox-application", "token_url": f"{self.tokens.url}/token"}
        password = changes.pop("password", self.app.client_secret)
        fast = {"requests_per_second": "1000", "page_parallelism": "1"}
        return Settings.from_connection(
            login=self.app.client_id, password=password, host=self.api.url, extra=extra | fast | changes
        )

    def bearers(self) -> list[str]:
        """List the tokens that the API was shown, in the order of their first use."""
        return list(dict.fromkeys(_bearer(request) for request in self.api.seen))

    def revoke(self, token: str) -> None:
        """Have the server forget an opaque token."""
        self._ask("token/revocation", token)

    def is_active(self, token: str) -> bool:
        """Ask the server about an opaque token; a JWT says it by itself, where its signature is right."""
        if "." not in token:
            return bool(self._ask("token/introspection", token).json()["active"])
        key = jwt.PyJWKClient(f"{self.issuer}/jwks").get_signing_key_from_jwt(token)
        jwt.decode(token, key, algorithms=["RS256"], audience="urn:evpl", issuer=self.issuer)
        return True

    def _ask(self, path: str, token: str) -> requests.Response:
        credentials = {"client_id": self.app.client_id, "client_secret": self.app.client_secret}
        form = credentials | {"token": token}
        answer = requests.post(f"{self.issuer}/{path}", data=form, timeout=_PATIENCE_SECONDS)
        answer.raise_for_status()
        return answer


@contextmanager
def world(
    app: App, sandbox: SandboxServer, before: Callable[[World], None] = lambda _: None
) -> Iterator[World]:
    """Serve; the API answers as the sandbox to whom the authorization server knows, else by 401.

    Args:
        app: is known to the authorization server, alone.
        sandbox: serves the API.
        before: happens when a request to the API has come, before its token is looked at.
    """
    own = _own_token(sandbox)

    def guard(request: Request) -> Request | int:
        before(it)
        if not it.is_active(_bearer(request)):
            return 401
        return request._replace(headers={**request.headers, "Authorization": f"Bearer {own}"})

    clients = {"CLIENTS": json.dumps([asdict(app)])}
    command = (*DIES_WITH_US, node(), str(Path(sys.prefix, "oidc", "server.mjs")))
    with (
        running(*command, ready=r"listens on (?=http)", env=clients) as issuer,
        proxied(issuer) as tokens,
        proxied(sandbox.base_url, guard) as api,
    ):
        it = World(app, issuer, tokens, api)
        yield it


def _bearer(request: Request) -> str:
    return request.headers["Authorization"].removeprefix("Bearer ")


def _own_token(sandbox: SandboxServer) -> str:
    answer = requests.post(
        sandbox.token_url,
        auth=(sandbox.config.client_id, sandbox.config.client_secret),
        data={"grant_type": "client_credentials"},
        timeout=_PATIENCE_SECONDS,
    )
    return str(answer.json()["access_token"])
