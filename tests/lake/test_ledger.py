from airflow_provider_evpl.records import Rejection
from tests.lake.build import Answer, collect, hours


def test_all_that_is_set_aside_is_counted() -> None:
    """The five most frequent reasons by name, the rest together: the counts add up."""
    gone = [Rejection(f"reason {n}", 0, 0, n, "{}") for n in range(1, 9)]
    told = collect([Answer([], gone)], hours(0, 1)).refusal(0.0, blot=str)
    assert told is not None
    counts = [f"{n} x reason {n}" for n in (8, 7, 6, 5, 4)] + ["6 x other reasons"]
    assert f": {', '.join(counts)}; for example" in told
