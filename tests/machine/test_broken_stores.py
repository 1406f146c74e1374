"""The store breaks in the middle of a run: each slice is exact or as it was, and the next run is exact."""

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from uuid import uuid4

import pytest

from airflow_provider_evpl.errors import EvplError, EvplStoreDeniedError, EvplStoreError
from tests.machine.conftest import Stage
from tests.support.killed_lakes import Lakes, Scene, check, hours, lakes
from tests.support.killing import Job, LocalPlace, S3Place, at_once, become_nobody, pull_to
from tests.support.network import HANG_UP, Request, proxied

EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"

SMALL = Scene((hours(0, 4, 2),), ("samples-late", "value-comma"), hours(0, 6, 6), ("value-comma",))
"""Two objects, then one that supersedes both: every kind of call, few of each."""

CALLS = 33
"""That it makes."""

LARGER = Scene((), (), hours(12, 26, 12), ("value-comma",))
"""A small object, which is the newer one, then a larger one, each with rejected samples."""


class Break(NamedTuple):
    """What becomes of requests, before the server has done them or after, and as what a run tells it.

    Attributes:
        first, every: which calls are tried: from the first one on, every so many.
        at_head: the error where the answer has no body to say more.
    """

    before: int | bytes | None
    after: int | None
    error: type[EvplError]
    first: int
    every: int
    at_head: type[EvplError]


BREAKS = {
    "500": Break(500, None, EvplStoreError, 1, 5, EvplStoreError),
    "503": Break(503, None, EvplStoreError, 2, 5, EvplStoreError),
    "403": Break(403, None, EvplStoreDeniedError, 3, 5, EvplStoreDeniedError),
    "cut off before it is done": Break(HANG_UP, None, EvplStoreError, 5, 5, EvplStoreError),
    "cut off when it is done": Break(None, HANG_UP, EvplStoreError, 1, 2, EvplStoreError),
    "credentials expired": Break(EXPIRED, None, EvplStoreDeniedError, 4, 5, EvplStoreError),
}


@dataclass
class Breaker:
    """Breaks a store from the nth request on, where it is told to."""

    broken: Break
    number: int
    asked: list[Request] = field(default_factory=list)

    def change(self, request: Request) -> Request | int | bytes:
        """Be the proxy's."""
        self.asked.append(request)
        if len(self.asked) < self.number or self.broken.before is None:
            return request
        is_bare = request.method == "HEAD" and isinstance(self.broken.before, bytes)
        return 400 if is_bare else self.broken.before

    def done(self, _: Request) -> int | None:
        """Be the proxy's."""
        return self.broken.after if len(self.asked) >= self.number else None


class Broken(NamedTuple):
    """An S3 server behind a proxy that breaks."""

    breaker: Breaker
    url: str
    seen_at: str


@pytest.fixture(scope="module")
def s3(s3_apart: str) -> Iterator[Broken]:
    """Serve it, whole until it is told."""
    breaker = Breaker(BREAKS["500"], CALLS + 1)
    with proxied(s3_apart, breaker.change, breaker.done) as proxy:
        yield Broken(breaker, s3_apart, proxy.url)


@pytest.mark.parametrize("name", BREAKS)
def test_a_store_call_that_fails_ends_the_run_without_data_loss(name: str, stage: Stage, s3: Broken) -> None:
    """Whichever request fails, the run ends with its error, and deletes only after all objects were put."""
    both = lakes(SMALL, stage.sandbox, stage.connection)
    s3.breaker.broken = BREAKS[name]
    for number in range(BREAKS[name].first, 1 + CALLS, BREAKS[name].every):
        _fail_at(number, s3, both, stage)
    s3.breaker.number, s3.breaker.asked = CALLS + 1, []
    pull_to(_fill(s3, both).store(), stage.connection, SMALL.plan)
    methods = [request.method for request in s3.breaker.asked]
    assert len(methods) == CALLS
    assert set(methods) == {"GET", "HEAD", "PUT", "DELETE"}


def _fail_at(number: int, s3: Broken, both: Lakes, stage: Stage) -> None:
    """Run on a store that breaks, hold the lake against the law, run again on it whole."""
    breaker, place = s3.breaker, _fill(s3, both)
    breaker.number, breaker.asked = number, []
    with pytest.raises((EvplStoreError, EvplStoreDeniedError), match=rf"(?m)^s3://{place.root}/") as caught:
        pull_to(place.store(), stage.connection, SMALL.plan)
    methods = [request.method for request in breaker.asked]
    asked = {(one.method, one.target) for one in breaker.asked[number - 1 :]}  # aiohttp asks again
    assert len(asked - {("HEAD", "/lake")}) == 1  # so does s3fs, whether the bucket is there
    assert caught.type is (breaker.broken.at_head if methods[-1] == "HEAD" else breaker.broken.error)
    found = place.files()
    check(found, both)
    assert "DELETE" in methods or both.old.items() <= found.items()
    pull_to(replace(place, seen_at=place.url).store(), stage.connection, SMALL.plan)
    assert place.files() == both.new


def _fill(s3: Broken, both: Lakes) -> S3Place:
    place = S3Place(f"lake/{uuid4().hex}", s3.url, s3.seen_at)
    place.fill(both.old)
    return place


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that other users can get to."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _run(place: LocalPlace, stage: Stage, scene: Scene, straits: Callable[[], object]) -> str:
    [end] = at_once([Job(stage.connection, scene.plan, place, reports=False, straits=straits)])
    return end


def test_a_full_disk_keeps_the_first_object(stage: Stage, tmp_path: Path) -> None:
    """The first object stays, the error is temporary, and no temporary file is left."""
    both = lakes(LARGER, stage.sandbox, stage.connection)
    place = LocalPlace(str(tmp_path / "lake"))
    small, large = sorted(len(data) for path, data in both.new.items() if path.endswith(".parquet"))
    size = (small + large) // 2
    end = _run(place, stage, LARGER, partial(resource.setrlimit, resource.RLIMIT_FSIZE, (size, size)))
    assert end.startswith("EvplStoreError: ")
    assert "File too large" in end
    assert check(place.files(), both) == "bn"
    assert _run(place, stage, LARGER, bool) == ""
    assert place.files() == both.new


def test_a_folder_without_write_permission_is_a_permanent_error(stage: Stage, open_folder: Path) -> None:
    """The lake stays as it was."""
    both = lakes(SMALL, stage.sandbox, stage.connection)
    place = LocalPlace(str(open_folder))
    place.fill(both.old)
    _set_mode(open_folder, 0o555)
    straits = partial(become_nobody, stage.connection, SMALL.plan) if os.geteuid() == 0 else bool
    end = _run(place, stage, SMALL, straits)
    assert end.startswith("EvplStoreDeniedError: ")
    assert "Check the root" in end
    assert place.files() == both.old
    _set_mode(open_folder, 0o755)
    assert _run(place, stage, SMALL, bool) == ""
    assert place.files() == both.new


def _set_mode(root: Path, mode: int) -> None:
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        folder.chmod(mode)
