from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from airflow_provider_evpl.sandbox.server import SandboxServer
from tests.support.killed_lakes import CONFIG
from tests.support.killing import LocalPlace, Place, S3Place, Witness, connect_s3
from tests.support.network import HANG_UP, Request, proxied
from tests.support.servers import serving_s3_apart


class Stage(NamedTuple):
    """A sandbox behind a proxy, and the witness who sees what passes."""

    sandbox: SandboxServer
    connection: dict[str, Any]
    witness: Witness


class Bucket(NamedTuple):
    """An S3 server, and a proxy in front of it, that the witness looks at."""

    url: str
    seen_at: str


_KINDS = {"PUT": "put", "DELETE": "delete", "HEAD": "read"}


def _kind_of_page(request: Request) -> str:
    return "token" if "token" in request.target else "page"


def _kind_at_s3(request: Request) -> str:
    return _KINDS.get(request.method, "list" if "list-type" in request.target else "read")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Serve the API."""
    witness = Witness()

    def see(request: Request) -> Request | int:
        return request if witness.see(_kind_of_page(request)) else HANG_UP

    with SandboxServer(CONFIG) as sandbox, proxied(sandbox.base_url, see) as proxy:
        yield Stage(sandbox, {**sandbox.connection(), "host": proxy.url}, witness)


@pytest.fixture(scope="module")
def s3_apart() -> Iterator[str]:
    """Serve S3 in a process of its own, with a bucket."""
    with serving_s3_apart() as url:
        connect_s3(url).mkdir("lake")
        yield url


@pytest.fixture(scope="module")
def bucket(stage: Stage, s3_apart: str) -> Iterator[Bucket]:
    """Put a proxy in front of it."""
    witness = stage.witness

    def see(request: Request) -> Request | int:
        return request if witness.see(_kind_at_s3(request)) else HANG_UP

    def done(request: Request) -> int | None:
        kind = _kind_at_s3(request)
        is_seen = kind not in ("put", "delete") or witness.see(f"{kind} done")
        return None if is_seen else HANG_UP

    with proxied(s3_apart, see, done) as proxy:
        yield Bucket(s3_apart, proxy.url)


@pytest.fixture(params=["local", "s3"])
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> "PlaceMaker":
    """Give places without an object in them, as many as are asked for."""
    bucket = None if request.param == "local" else request.getfixturevalue("bucket")
    return PlaceMaker(tmp_path, bucket)


class PlaceMaker(NamedTuple):
    """Makes places, one after the other."""

    folder: Path
    bucket: Bucket | None

    def __call__(self) -> Place:
        """Make one."""
        name = uuid4().hex
        if self.bucket is None:
            return LocalPlace(str(self.folder / name))
        return S3Place(f"lake/{name}", *self.bucket)
