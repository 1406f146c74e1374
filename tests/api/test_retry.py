import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.api.retry import RetryPolicy
from airflow_provider_evpl.errors import (
    EvplAuthError,
    EvplConfigError,
    EvplError,
    EvplPagingError,
    EvplRateLimitError,
    EvplRequestError,
    EvplResponseError,
    EvplRetryableError,
    EvplUnavailableError,
)
from tests.support.api import Clock


class Attempts:
    """Raises what it is given, one after the other, then returns `done`; counts its calls."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = iter(errors)
        self.count = 0

    def __call__(self) -> str:
        """Make an attempt."""
        self.count += 1
        for error in self._errors:
            raise error
        return "done"


def unavailable(count: int, *, after: float | None = None) -> list[EvplUnavailableError]:
    """So many failures that may pass."""
    return [EvplUnavailableError("down", retry_after_seconds=after) for _ in range(count)]


@pytest.mark.parametrize("kind", [EvplUnavailableError, EvplRateLimitError])
def test_what_may_pass_is_tried_again(kind: type[EvplRetryableError]) -> None:
    """A rate limit and an unavailable service are tried again until they have passed."""
    attempts, clock = Attempts(kind("1"), kind("2")), Clock()
    assert RetryPolicy(300, sleep=clock.sleep).call(attempts) == "done"
    assert (attempts.count, len(clock.slept)) == (3, 2)


@pytest.mark.parametrize(
    "error",
    [
        *(kind("no") for kind in (EvplAuthError, EvplRequestError, EvplResponseError, EvplConfigError)),
        EvplPagingError("no"),
        KeyError("no"),
    ],
    ids=repr,
)
def test_everything_else_is_final(error: Exception) -> None:
    """Any other error comes out as it is after a single attempt, without a wait."""
    attempts, clock = Attempts(error), Clock()
    with pytest.raises(type(error)) as raised:
        RetryPolicy(300, sleep=clock.sleep).call(attempts)
    assert raised.value is error
    assert (attempts.count, clock.slept) == (1, [])


@pytest.mark.contract("connection.max_retry_seconds")
@given(
    st.lists(st.none() | st.floats(0, 400), min_size=1, max_size=12),
    st.floats(0, 500),
    st.floats(0, 1, exclude_max=True),
)
def test_waits_are_within_bounds(asked: list[float | None], limit: float, jitter: float) -> None:
    """Attempts and waiting in all are bounded; each wait is as long as asked, or the backoff."""
    attempts, clock = Attempts(*(unavailable(1, after=wait)[0] for wait in asked)), Clock()
    policy = RetryPolicy(limit, sleep=clock.sleep, jitter=lambda: jitter)
    try:
        policy.call(attempts)
    except EvplUnavailableError:
        assert attempts.count == 10 or clock.slept or limit < max(1.0, asked[0] or 0.0)
    assert attempts.count <= 10
    assert len(clock.slept) == attempts.count - 1
    assert sum(clock.slept) <= limit + 1e-6
    for number, (slept, wait) in enumerate(zip(clock.slept, asked, strict=False)):
        highest = min(60.0, 2.0**number)
        assert slept == max(wait or 0.0, highest * (1 + jitter) / 2)
        assert highest / 2 <= slept <= max(highest, wait or 0.0)


def test_attempts_are_bounded() -> None:
    """A service that stays away is asked ten times, however long one may wait."""
    attempts, clock = Attempts(*unavailable(99)), Clock()
    with pytest.raises(EvplUnavailableError, match=r"^down; gave up after 10 attempts and .* s of waiting"):
        RetryPolicy(math.inf, sleep=clock.sleep).call(attempts)
    assert attempts.count == 10


@pytest.mark.parametrize("after", [301.0, 86_400.0, 1e9])
def test_asked_to_wait_too_long_fails_at_once(after: float) -> None:
    """Where the server asks to wait beyond what is left, the call fails without waiting."""
    attempts, clock = Attempts(*unavailable(1, after=after)), Clock()
    with pytest.raises(
        EvplUnavailableError, match=rf"asked to wait {after:.0f} s; gave up after 1"
    ) as raised:
        RetryPolicy(300, sleep=clock.sleep).call(attempts)
    assert raised.value.retry_after_seconds == after
    assert clock.slept == []


@pytest.mark.contract("pull.deferrable")
@pytest.mark.parametrize(
    ("limit", "after", "exceeds"),
    [
        (300, [301], True),
        (300, [200, 200], True),
        (0, [60], True),
        (300, [1] * 10, False),
        (300, [None] * 10, False),
    ],
)
def test_it_says_whether_the_wait_was_too_long(
    limit: float, after: list[float | None], *, exceeds: bool
) -> None:
    """An error tells a wait beyond what was left from attempts that are used up."""
    attempts = Attempts(*(unavailable(1, after=wait)[0] for wait in after))
    with pytest.raises(EvplUnavailableError) as raised:
        RetryPolicy(limit, sleep=Clock().sleep).call(attempts)
    assert raised.value.wait_exceeds_limit is exceeds


def test_what_is_left_shrinks() -> None:
    """Waits add up: a second one that alone would fit is too long after the first."""
    attempts, clock = Attempts(*unavailable(2, after=200)), Clock()
    with pytest.raises(EvplUnavailableError, match="gave up after 2 attempts and 200 s of waiting"):
        RetryPolicy(300, sleep=clock.sleep).call(attempts)
    assert clock.slept == [200]


def test_zero_is_no_retry() -> None:
    """With nothing to wait there is one attempt, and the message doesn't count it."""
    attempts, clock = Attempts(*unavailable(1, after=0)), Clock()
    with pytest.raises(EvplUnavailableError, match=r"^down; asked to wait 0 s; run again later$"):
        RetryPolicy(0, sleep=clock.sleep).call(attempts)
    assert attempts.count == 1


def test_each_call_starts_anew() -> None:
    """What one call waited doesn't count for the next."""
    clock = Clock()
    policy = RetryPolicy(300, sleep=clock.sleep)
    for _ in range(3):
        assert policy.call(Attempts(*unavailable(1, after=250))) == "done"
    assert clock.slept == [250] * 3


def test_the_last_error_comes_out() -> None:
    """The error that ends the call is of the last attempt's class, with the attempt as its cause."""
    last = EvplRateLimitError("slow", retry_after_seconds=999)
    with pytest.raises(EvplError) as raised:
        RetryPolicy(300, sleep=Clock().sleep).call(Attempts(*unavailable(1), last))
    assert type(raised.value) is EvplRateLimitError
    assert raised.value.__cause__ is last


def test_a_cancelled_call_is_not_tried_again() -> None:
    """Where it is cancelled, a wait ends within a second, and what failed is not asked again."""
    clock, attempts = Clock(), list[float]()

    def attempt() -> None:
        attempts.append(clock.now)
        raise EvplUnavailableError("down", retry_after_seconds=100)

    policy = RetryPolicy(300, sleep=clock.sleep)
    with pytest.raises(EvplUnavailableError, match="gave up after 2 attempts"):
        policy.call(attempt, cancelled=lambda: clock.now >= 1005)
    assert attempts == [1000, 1005]


def test_each_retry_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever waits for a task reads in its log why, how often, and for how long."""
    clock = Clock()
    assert RetryPolicy(300, sleep=clock.sleep).call(Attempts(*unavailable(2, after=7))) == "done"
    assert caplog.messages == [f"down; attempt {n} of 10, the next in 7 s" for n in (1, 2)]
