"""What a lake may hold while a run is under way, or after it was killed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.fake_api import HOUR, MIDNIGHT
from tests.support.killing import Files, pull_to
from tests.support.lake_files import rejected_of, window_of
from tests.support.stores import MemoryStore

CONFIG = SandboxConfig(circuits=1, granularity="3600s", page_size=2)

_BASE = PullPlan(
    code_ope=CONFIG.code_ope,
    granularity=Granularity(CONFIG.granularity),
    window=Window(MIDNIGHT, MIDNIGHT + DAY),
    slice_length=DAY,
    max_rejected_fraction=1.0,
)


def hours(start: int, end: int, slice_hours: int) -> PullPlan:
    """Give a run's plan, in hours since MIDNIGHT."""
    window = Window(MIDNIGHT + start * HOUR, MIDNIGHT + end * HOUR)
    return replace(_BASE, window=window, slice_length=timedelta(hours=slice_hours))


class Scene(NamedTuple):
    """Runs that landed before, what the API did wrong then; the run, and what it does wrong now."""

    before: Sequence[PullPlan]
    faults_before: Sequence[str]
    plan: PullPlan
    faults: Sequence[str]


SCENES = {
    "empty lake": Scene((), (), hours(0, 36, 12), ("value-comma",)),
    "the same slices again": Scene(
        (hours(0, 36, 12),), ("samples-late", "value-comma"), hours(0, 36, 12), ("value-comma",)
    ),
    "slices of other widths": Scene(
        (hours(0, 8, 2), hours(24, 36, 6)), ("samples-late", "value-comma"), hours(0, 36, 12), ()
    ),
}


class Lakes(NamedTuple):
    """A lake before the run and after it, whole."""

    old: Files
    new: Files


def lakes(scene: Scene, sandbox: SandboxServer, connection: Mapping[str, Any]) -> Lakes:
    """Make both, and leave the sandbox as it is for the run."""
    store = MemoryStore()
    sandbox.set_faults(*scene.faults_before)
    for plan in scene.before:
        pull_to(store, connection, plan)
    old = dict(store.objects)
    sandbox.set_faults(*scene.faults)
    pull_to(store, connection, scene.plan)
    return Lakes(old, dict(store.objects))


_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp")


class _Slice(NamedTuple):
    """An object of the new lake, what it supersedes, and the rejected samples of all of them."""

    path: str
    superseded: frozenset[str]
    rejected: frozenset[str]


def check(found: Files, lakes: Lakes) -> str:
    """Hold a lake against the one before the run and the one after it.

    Gives the state of each slice: `o`ld, `b`efore its put, `a`fter its put, `n`ew; and a `.` for a temporary
    file.

    Every object is an old one or a new one, whole. Slices land one after the other, the newest first. Of one
    slice at most the new object is there with some of what it supersedes, or new rejected samples before
    their object. No other slice is anything but old as it was, or new as it will be.
    """
    left_overs = {path for path in found if path.rpartition("/")[2].startswith(".")}
    assert len(left_overs) <= 1
    for path in left_overs:
        named = _TEMPORARY.fullmatch(path.rpartition("/")[2])
        assert named is not None
        assert path.replace(path.rpartition("/")[2], named[1]) in lakes.new
    visible = {path: data for path, data in found.items() if path not in left_overs}
    states = [_state(one, visible, lakes) for one in slices(lakes)]
    assert re.fullmatch("o*[^no]?n*", "".join(states)), states
    known = {path for one in slices(lakes) for path in (one.path, *one.superseded, *one.rejected)}
    assert visible.keys() <= known
    return "".join(states) + "." * len(left_overs)


def slices(lakes: Lakes) -> list[_Slice]:
    """Take the new lake apart."""
    news = sorted(path for path in lakes.new if path.startswith("samples/"))
    return [_slice(path, lakes) for path in news]


def _slice(path: str, lakes: Lakes) -> _Slice:
    inside = {
        old for old in lakes.old if old.startswith("samples/") and window_of(path).contains(window_of(old))
    }
    rejected = {rejected_of(one) for one in (path, *inside)}
    return _Slice(path, frozenset(inside - {path}), frozenset(rejected))


def _state(one: _Slice, visible: Files, lakes: Lakes) -> str:
    """Tell it: `b` is where rejected samples are put, their object is not; `a` where deletes are left."""

    def are(lake: Files, *paths: str) -> bool:
        return all(visible.get(path) == lake.get(path) for path in paths)

    own = rejected_of(one.path)
    if are(lakes.new, one.path, *one.superseded, *one.rejected):
        return "n"
    if are(lakes.old, one.path, *one.superseded, *one.rejected):
        return "o"
    if are(lakes.old, one.path, *one.superseded, *(one.rejected - {own})):
        assert own in lakes.new
        assert are(lakes.new, own)
        return "b"
    assert are(lakes.new, one.path), one.path
    for path in (*one.superseded, *(one.rejected - {own})):
        assert path not in visible or are(lakes.old, path)
    assert are(lakes.new, own) or (own not in lakes.new and are(lakes.old, own))
    assert all(rejected_of(path) not in visible or path in visible for path in one.superseded)
    return "a"
