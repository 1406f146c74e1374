"""Decides what happens to a slice that was pulled: land it, keep what has landed, or refuse it.

The functions read and write nothing; `pull` carries the decisions out.
"""

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.errors import EvplRefusedError
from airflow_provider_evpl.lake.changes import Change
from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.lake.samples import Samples
from airflow_provider_evpl.window import iso

__all__ = ["Keep", "Land", "Refuse", "decide", "refuse_rejected", "refuse_unreadable"]


@dataclass(frozen=True, slots=True)
class Land:
    """Put the slice in place of the objects that it replaces."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Leave the landed objects as they are, log the reason, and go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Leave the landed objects as they are, and fail the run at its end."""

    error: EvplRefusedError


def decide(
    target: Target, change: Change, plan: PullPlan, *, redact: Callable[[str], str]
) -> Land | Keep | Refuse:
    """Decide about a slice by what landing it would change.

    A slice that would erase landed samples is landed only if the plan says `replace`. If such a slice
    is wider than the plan's window, it is always refused, because nobody asked to replace samples outside
    the window.

    """
    if not change.losses:
        return Land()
    what = f"slice {target.window.label}: landing it would erase landed samples."
    losses = redact("\n".join(change.losses))
    if not plan.window.contains(target.window):
        start, end = iso(target.window.start), iso(target.window.end)
        return Refuse(
            EvplRefusedError(
                what,
                "The slice is wider than the window. To decide by on_shrink, set\n"
                f"window_start={start}, window_end={end}",
                losses,
            )
        )
    if plan.on_shrink == "replace":
        return Land()
    if plan.on_shrink == "keep":
        return Keep(f"{what} It is kept as it was.\n{losses}")
    return Refuse(EvplRefusedError(what, "Set on_shrink to keep what has landed, or to replace it.", losses))


def refuse_rejected(
    samples: Samples, limit: float, *, redact: Callable[[str], str]
) -> EvplRefusedError | None:
    """Return the error of a slice whose share of rejected samples is above the limit; else None."""
    share = samples.ledger.rejected_fraction
    if share <= limit:
        return None
    return EvplRefusedError(
        f"slice {samples.window.label}: {share:.1%} of samples or entries are rejected or in conflict.",
        f"Show Orange the examples. To land the rest, raise max_rejected_fraction ({limit:g}).",
        samples.set_aside(redact),
    )


def refuse_unreadable(
    samples: Samples, plan: PullPlan, *, redact: Callable[[str], str]
) -> EvplRefusedError | None:
    """Return the error of a slice of which every sample is rejected; None for any other slice.

    Without this error, a window that has only such slices would fail with "not published yet".
    """
    is_unreadable = samples.rejections and not samples.ledger.rows
    if not is_unreadable or not plan.window.contains(samples.window):
        return None
    return EvplRefusedError(
        f"slice {samples.window.label}: no sample can be read.",
        "Show Orange the examples.",
        samples.set_aside(redact),
    )
