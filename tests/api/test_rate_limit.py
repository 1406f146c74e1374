import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.api.cancellation import Cancellation
from airflow_provider_evpl.api.rate_limit import RateLimiter
from tests.support.api import QUERY, Clock, all_at_once, answer, report, scripted


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 10), max_size=30))
def test_requests_are_never_closer_than_the_limit(per_second: float, idle: list[float]) -> None:
    """However long requests are apart, two never start closer than allowed: no burst after a pause."""
    clock = Clock()
    limiter = RateLimiter(per_second, clock=clock, sleep=clock.wait)
    begun = []
    for seconds in idle:
        limiter.wait(Cancellation())
        begun.append(clock.now)
        clock.now += seconds
    assert all(later - earlier >= 1 / per_second - 1e-9 for earlier, later in pairwise(begun))


@given(st.floats(0.1, 1000), st.integers(1, 30))
def test_requests_are_never_slower_than_the_limit(per_second: float, count: int) -> None:
    """Requests in a row wait no longer than needed, and the first not at all."""
    clock = Clock()
    began = clock.now
    limiter = RateLimiter(per_second, clock=clock, sleep=clock.wait)
    for _ in range(count):
        limiter.wait(Cancellation())
    assert abs(clock.now - began - (count - 1) / per_second) < 1e-6


@pytest.mark.contract("connection.requests_per_second")
def test_client_keeps_to_its_setting() -> None:
    """All requests of a client, also for tokens and repeated ones, start as far apart as the setting says."""
    with scripted([answer(503), answer(json=report())], requests_per_second=0.01) as api:
        for _ in range(3):
            api.client.page(QUERY, 1)
    assert api.tokens.call_count + api.reports.call_count == 5
    assert api.clock.now - 1000 == 4 * 100


def test_threads_share_the_rate_limit() -> None:
    """Threads that ask at the same moment get turns that are one interval apart."""
    waits: list[float] = []
    lock = threading.Lock()

    def sleep(seconds: float, _: Cancellation) -> None:
        with lock:
            waits.append(seconds)

    limiter = RateLimiter(4, clock=lambda: 0.0, sleep=sleep)
    all_at_once(16, lambda _: limiter.wait(Cancellation()))
    assert sorted(waits) == [turn / 4 for turn in range(1, 16)]
