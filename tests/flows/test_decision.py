"""The decision about a slice follows from what landing it changes, and from the plan."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.flows.decision import (
    Keep,
    Land,
    Refuse,
    decide,
    refuse_rejected,
    refuse_unreadable,
)
from airflow_provider_evpl.lake.changes import Change
from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.window import Window
from tests.support.lake import Answer, circuit, collect, hourly, hours, microseconds, rejection

PLAN = PullPlan(code_ope="0042", window=hours(0, 24), slice_length=hours(0, 1).length)

windows = st.tuples(st.integers(-3, 23), st.integers(1, 6)).map(lambda pair: hours(pair[0], sum(pair)))
rules = st.sampled_from(["fail", "keep", "replace"])
losses = st.lists(st.text("abc ", min_size=1, max_size=9), max_size=3)


@given(windows, rules, losses)
def test_landed_samples_are_erased_only_by_replace(window: Window, rule: str, lost: list[str]) -> None:
    """A slice that erases samples lands only if `replace` covers it; `keep` covers no wider slice either."""
    change = Change(samples=hourly(hours(0, 1)), revisions=None, losses=lost)
    made = decide(Target(window, {}), change, replace(PLAN, on_shrink=rule), redact=str)
    is_wider = not PLAN.window.contains(window)
    if not lost or (rule == "replace" and not is_wider):
        assert made == Land()
    elif rule == "keep" and not is_wider:
        assert isinstance(made, Keep)
        assert made.reason.startswith(f"slice {window.label}: ")
        assert made.reason.endswith("\n".join(lost))
    else:
        assert isinstance(made, Refuse)
        assert made.error.what.startswith(f"slice {window.label}: ")
        assert made.error.detail == "\n".join(lost)
        assert ("window_start=" in made.error.next_step) == is_wider


@given(st.integers(0, 5), st.integers(0, 5), st.floats(0, 1))
def test_slice_above_the_limit_is_refused(good: int, bad: int, limit: float) -> None:
    """It is refused if the share of its rejected samples is above the limit, not if it equals the limit."""
    moment = microseconds(hours(0, 1).start)
    answer = Answer([(circuit(f"c{n}"), moment, 1.0) for n in range(good)], [rejection()] * bad)
    error = refuse_rejected(collect([answer], hours(0, 1)), limit, redact=str)
    assert (error is not None) == (bad > 0 and bad / (good + bad) > limit)
    if error:
        assert error.what.startswith("slice 2026-11-22T00:00/01:00Z: ")
        assert error.detail.startswith(f"{bad} x value is neither")


@given(windows, st.integers(0, 2), st.integers(0, 2))
def test_slice_of_unreadable_samples_is_refused(window: Window, good: int, bad: int) -> None:
    """It is refused if all its samples are rejected, and all of it belongs to the window."""
    moment = microseconds(window.start)
    answer = Answer([(circuit(f"c{n}"), moment, 1.0) for n in range(good)], [rejection()] * bad)
    error = refuse_unreadable(collect([answer], window), PLAN, redact=str)
    assert (error is not None) == (good == 0 < bad and PLAN.window.contains(window))


def test_secret_in_a_loss_is_redacted() -> None:
    """A series that landed earlier may be named after a secret."""
    change = Change(samples=hourly(hours(0, 1)), revisions=None, losses=["has 1 row (token)"])
    for rule in ("fail", "keep"):
        made = decide(
            Target(hours(0, 1), {}),
            change,
            replace(PLAN, on_shrink=rule),
            redact=lambda text: text.replace("token", "***"),
        )
        text = made.reason if isinstance(made, Keep) else str(made.error) if isinstance(made, Refuse) else ""
        assert "has 1 row (***)" in text
