"""What has landed, and what a run makes of it: by the same run without a process, on a lake in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.server import SandboxServer
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.lake.memory import MemoryStore
from tests.machine.places import Files
from tests.machine.victim import pull_to
from tests.runs import HOUR, MIDNIGHT

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
