"""The process of a run is killed by SIGKILL, anywhere."""

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import pytest

from tests.machine.conftest import PlaceMaker, Stage
from tests.support.killed_lakes import SCENES, Lakes, check, lakes
from tests.support.killing import Job, Kill, LocalPlace, Place, pull_to, watch
from tests.support.lake_files import rows_by_arrow, rows_by_duckdb

KILLS: Final = int(os.environ.get("EVPL_KILLS", "63"))
"""How many are tried in all; `make laws` sets more."""

BEFORE_THE_SECOND_PUT = ("b", (Kill("move", 2), Kill("put", 2)))
BETWEEN: Final[dict[str, tuple[str, tuple[Kill, ...]]]] = {
    "empty lake": BEFORE_THE_SECOND_PUT,
    "the same slices again": BEFORE_THE_SECOND_PUT,
    "slices of other widths": ("a", (Kill("delete", 1),)),
}
"""A state of a slice between old and new, and the kills that leave it, on a folder and on S3."""


def _kills(scene: str, steps: Sequence[str], count: int, rng: random.Random) -> Iterator[Kill]:
    """Choose one between old and new, each kind of step once, then moments all over the run.

    Every third of these is soon after a step.
    """
    kinds = Counter(steps)
    between = [kill for kill in BETWEEN[scene][1] if kill.kind in kinds]
    yield from between
    for kind in sorted(kinds):
        yield Kill(kind, rng.randint(1, kinds[kind]))
    others = count - len(kinds) - len(between)
    for place in range(others):
        at = int((place + rng.random()) / others * len(steps))
        after = rng.uniform(0.0001, 0.003) if place % 3 == 0 else 0.0
        yield Kill(steps[at], steps[: at + 1].count(steps[at]), after)


def _read_whole(place: Place) -> None:
    """Two readers read all that they find, and find as many rows as each other."""
    if any(path.startswith("samples/") and path.endswith(".parquet") for path in place.files()):
        assert rows_by_arrow(place) == rows_by_duckdb(place)


@pytest.mark.contract("lake.longest-interval")
@pytest.mark.parametrize("scene", SCENES)
def test_a_killed_run_leaves_each_object_old_or_new(scene: str, stage: Stage, make_place: PlaceMaker) -> None:
    """Wherever the run is killed, the lake obeys the contract, and the next run makes it exact."""
    both = lakes(SCENES[scene], stage.sandbox, stage.connection)
    whole = make_place()
    whole.fill(both.old)
    job = Job(stage.connection, SCENES[scene].plan, whole)
    assert watch(job, stage.witness) == 0
    assert whole.files() == both.new
    steps = list(stage.witness.steps)
    in_scene, is_local = KILLS // len(SCENES), isinstance(whole, LocalPlace)
    on_s3 = in_scene * 3 // 8  # a run there takes three times as long
    rng = random.Random(scene)  # noqa: S311 which moments, no secret
    found: dict[str, str] = {}
    for kill in _kills(scene, steps, in_scene - on_s3 if is_local else on_s3, rng):
        if (state := _state_after(kill, job, make_place(), both, stage)) is not None:
            found[kill.kind] = found.get(kill.kind, "") + state
    assert found.keys() == set(steps)
    assert {"n", "o", BETWEEN[scene][0], *("." if is_local else "")} <= set("".join(found.values()))


def _state_after(kill: Kill, job: Job, place: Place, both: Lakes, stage: Stage) -> str | None:
    """Kill a run, hold the lake against the law, run again; None where it had ended before."""
    place.fill(both.old)
    code = watch(replace(job, place=place), stage.witness, kill)
    assert code == -signal.SIGKILL or (kill.after_seconds and code == 0)
    state = check(place.files(), both)
    _read_whole(place)
    pull_to(place.store(), job.connection, job.plan)
    assert place.files() == both.new
    assert isinstance(place, LocalPlace) or not place.unfinished_uploads()
    return state if code else None
