import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.faults.active import ActiveFaults
from airflow_provider_evpl.sandbox.faults.registry import read_faults
from tests.support.sandbox import HEALTHY, PAGE_STARTS, Client, ask, client_of

FORMS = {
    "error-503-5": [True] * 6,
    "error-503-5:2": [True, True, False, False, False, False],
    "error-503-5@3": [False, False, True, True, True, True],
    "error-503-5@3:2": [False, False, True, True, False, False],
    "error-503-5@1:1": [True, False, False, False, False, False],
    "error-503-5@7": [False] * 6,
}
NONSENSE = [
    "error-503-5@",
    "error-503-5@0",
    "error-503-5@-1",
    "error-503-5@x",
    "error-503-5@1.5",
    "error-503-5@1:",
    "error-503-5@1:0",
    "error-503-5:1@1",
    "error-503-5@1@2",
    "error-503-5@1234567890",
    "error-503-5~",
    "error-503-5~0",
    "error-503-5~0.0",
    "error-503-5~1",
    "error-503-5~1.5",
    "error-503-5~-0.5",
    "error-503-5~.5",
    "error-503-5~50%",
    "error-503-5~nan",
    "error-503-5~0.5:2",
    "error-503-5@2~0.5",
    "error-503-5 @2",
    "error-503-5@\u0662",
    "@2",
    "~0.5",
]


def _strike(faults: ActiveFaults, count: int) -> list[bool]:
    """Let a fault strike, or not, so many answers that it could change."""
    return [faults.answer(bool) for _ in range(count)]


@pytest.mark.parametrize("text", FORMS)
def test_each_form_of_a_schedule_strikes_the_listed_answers(text: str) -> None:
    """Each form strikes the answers that are written above."""
    assert _strike(ActiveFaults([text]), 6) == FORMS[text]


@pytest.mark.parametrize("text", NONSENSE)
def test_an_unknown_form_of_a_schedule_is_an_error(text: str) -> None:
    """What has none of the forms is an error that shows it and says what they are."""
    forms = re.escape("NAME, NAME@FIRST, NAME:COUNT, NAME@FIRST:COUNT")
    with pytest.raises(ValueError, match=rf"^faults: {re.escape(repr(text))} is not {forms}.* NAME~SHARE"):
        SandboxConfig(faults=(text,))


def test_a_fault_with_two_schedules_is_an_error() -> None:
    """One fault with two schedules is an error."""
    with pytest.raises(ValueError, match="error-503-5 is given twice"):
        read_faults(["error-503-5@2:1", "error-503-5~0.5"])


def test_a_schedule_counts_only_answers_that_the_fault_can_change() -> None:
    """Page 2 is the first answer that a repeated page 2 could change: @2 is the second time it is asked."""
    client = client_of("page-repeated@2:1")
    pulls = [[ask(client, index).json() for index in PAGE_STARTS] for _ in range(3)]
    assert [pull != HEALTHY for pull in pulls] == [False, True, False]


def test_each_fault_counts_its_own_answers() -> None:
    """Of several faults each strikes at its own number."""
    client = client_of("error-503-5@3:1", "has-next-text@2:1", "page-field-unknown@4")
    answers = [ask(client, 1) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 503, 200]
    assert ['"hasNext":"true"' in answer.text for answer in answers] == [False, True, False, False]
    assert ["generatedAt" in answer.text for answer in answers] == [False, False, False, True]


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), share=st.sampled_from(["0.05", "0.2", "0.5", "0.95"]))
def test_a_share_strikes_about_that_many_answers(seed: int, share: str) -> None:
    """The same seed strikes the same answers."""
    text = f"error-503-5~{share}"
    affected = _strike(ActiveFaults([text], seed=seed), 400)
    assert abs(sum(affected) / 400 - float(share)) < 0.15
    assert _strike(ActiveFaults([text], seed=seed), 400) == affected


def test_another_seed_strikes_other_answers() -> None:
    """Another seed of the sandbox draws other answers; each fault is drawn by itself."""

    def statuses(seed: int) -> list[int]:
        client = Client(
            SandboxConfig(circuits=1, seed=seed, faults=("error-503-5~0.5", "token-error-429~0.5"))
        )
        return [client.request("GET", "/api-monitoring-live/").status_code for _ in range(20)]

    assert statuses(1) == statuses(1) != statuses(2)
    drawn = {name: _strike(ActiveFaults([f"{name}~0.5"]), 40) for name in ("error-503-5", "html-502")}
    assert drawn["error-503-5"] != drawn["html-502"]
