import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.api.cancellation import Cancellation
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
    """That many temporary errors."""
    return [EvplUnavailableError("down", retry_after_seconds=after) for _ in range(count)]


@pytest.mark.parametrize("kind", [EvplUnavailableError, EvplRateLimitError])
def test_temporary_error_is_retried(kind: type[EvplRetryableError]) -> None:
    """After a rate limit or an unavailable service, the call is repeated until it succeeds."""
    attempts, clock = Attempts(kind("1"), kind("2")), Clock()
    assert RetryPolicy(300, sleep=clock.wait).call(attempts, Cancellation()) == "done"
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
def test_other_error_is_final(error: Exception) -> None:
    """Any other error is raised unchanged after a single attempt, without a wait."""
    attempts, clock = Attempts(error), Clock()
    with pytest.raises(type(error)) as raised:
        RetryPolicy(300, sleep=clock.wait).call(attempts, Cancellation())
    assert raised.value is error
    assert (attempts.count, clock.slept) == (1, [])


@pytest.mark.contract("connection.max_retry_seconds")
@given(
    st.lists(st.none() | st.floats(0, 400), min_size=1, max_size=12),
    st.floats(0, 500),
    st.floats(0, 1, exclude_max=True),
)
def test_attempts_and_waits_are_bounded(asked: list[float | None], limit: float, jitter: float) -> None:
    """The attempts and the sum of the waits are bounded; each wait is the server's, or the backoff."""
    attempts, clock = Attempts(*(unavailable(1, after=wait)[0] for wait in asked)), Clock()
    policy = RetryPolicy(limit, sleep=clock.wait, jitter=lambda: jitter)
    try:
        policy.call(attempts, Cancellation())
    except EvplUnavailableError:
        assert attempts.count == 10 or clock.slept or limit < max(1.0, asked[0] or 0.0)
    assert attempts.count <= 10
    assert len(clock.slept) == attempts.count - 1
    assert sum(clock.slept) <= limit + 1e-6
    for number, (slept, wait) in enumerate(zip(clock.slept, asked, strict=False)):
        highest = min(60.0, 2.0**number)
        assert slept == max(wait or 0.0, highest * (1 + jitter) / 2)
        assert highest / 2 <= slept <= max(highest, wait or 0.0)


def test_tenth_attempt_is_the_last() -> None:
    """An unavailable service is asked ten times, however long the call may wait."""
    attempts, clock = Attempts(*unavailable(99)), Clock()
    with pytest.raises(EvplUnavailableError, match=r"Gave up after 10 attempts and .* s of waiting"):
        RetryPolicy(math.inf, sleep=clock.wait).call(attempts, Cancellation())
    assert attempts.count == 10


@pytest.mark.parametrize("after", [301.0, 86_400.0, 1e9])
def test_wait_beyond_the_limit_fails_at_once(after: float) -> None:
    """If the server asks to wait longer than what is left, the call fails without waiting."""
    attempts, clock = Attempts(*unavailable(1, after=after)), Clock()
    with pytest.raises(
        EvplUnavailableError, match=rf"asks to wait {after:.0f} s\.\nGave up after 1"
    ) as raised:
        RetryPolicy(300, sleep=clock.wait).call(attempts, Cancellation())
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
def test_error_says_whether_the_wait_was_too_long(
    limit: float, after: list[float | None], *, exceeds: bool
) -> None:
    """`wait_exceeds_limit` is true for a wait that is too long, not for attempts that are used up."""
    attempts = Attempts(*(unavailable(1, after=wait)[0] for wait in after))
    with pytest.raises(EvplUnavailableError) as raised:
        RetryPolicy(limit, sleep=Clock().wait).call(attempts, Cancellation())
    assert raised.value.wait_exceeds_limit is exceeds


def test_waits_add_up() -> None:
    """A second wait that would fit alone is too long after the first."""
    attempts, clock = Attempts(*unavailable(2, after=200)), Clock()
    with pytest.raises(EvplUnavailableError, match="Gave up after 2 attempts and 200 s of waiting"):
        RetryPolicy(300, sleep=clock.wait).call(attempts, Cancellation())
    assert clock.slept == [200]


def test_limit_of_zero_means_no_retry() -> None:
    """There is one attempt, and the message doesn't count it."""
    attempts, clock = Attempts(*unavailable(1, after=0)), Clock()
    with pytest.raises(EvplUnavailableError, match=r"^down\nThe server asks to wait 0 s\.$"):
        RetryPolicy(0, sleep=clock.wait).call(attempts, Cancellation())
    assert attempts.count == 1


def test_each_call_has_its_own_limit() -> None:
    """The waits of one call don't count for the next."""
    clock = Clock()
    policy = RetryPolicy(300, sleep=clock.wait)
    for _ in range(3):
        assert policy.call(Attempts(*unavailable(1, after=250)), Cancellation()) == "done"
    assert clock.slept == [250] * 3


def test_last_error_is_raised() -> None:
    """The error of a call has the class and texts of the last attempt's error, which is its cause."""
    last = EvplRateLimitError("slow", "wait", "id 7", retry_after_seconds=999)
    with pytest.raises(EvplError) as raised:
        RetryPolicy(300, sleep=Clock().wait).call(Attempts(*unavailable(1), last), Cancellation())
    assert type(raised.value) is EvplRateLimitError
    assert raised.value.__cause__ is last
    assert (raised.value.what, raised.value.next_step) == ("slow", "wait")
    assert raised.value.detail.startswith("id 7\n")


def test_canceled_call_is_not_retried() -> None:
    """After the cancellation, the next error is final, however much may still be waited."""
    clock, attempts, cancellation = Clock(), list[float](), Cancellation()

    def attempt() -> None:
        attempts.append(clock.now)
        if len(attempts) == 2:
            cancellation.set()
        raise EvplUnavailableError("down", retry_after_seconds=100)

    policy = RetryPolicy(300, sleep=clock.wait)
    with pytest.raises(EvplUnavailableError, match="Gave up after 2 attempts"):
        policy.call(attempt, cancellation)
    assert attempts == [1000, 1100]


def test_each_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log of a waiting task says why, how often, and for how long it waits."""
    clock = Clock()
    assert (
        RetryPolicy(300, sleep=clock.wait).call(Attempts(*unavailable(2, after=7)), Cancellation()) == "done"
    )
    assert caplog.messages == [f"down Attempt {n} of 10, the next in 7 s." for n in (1, 2)]
