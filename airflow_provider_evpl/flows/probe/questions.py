"""The questions in the order of the screen: how each is answered, and what to do without an answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

from airflow_provider_evpl.flows.probe import access, paging, samples
from airflow_provider_evpl.flows.probe.answer import NOT_SEEN, Finding
from airflow_provider_evpl.flows.probe.asking import Seen

__all__ = ["QUESTIONS", "Question", "find_answers"]

_NOTHING, _TOKEN, _REPORT = range(3)


class Question(NamedTuple):
    """A question that the responses may answer.

    Attributes:
        name: on the screen.
        needs: what must have come, or the question is not on the screen.
        judge: gives the finding; None if nothing came that could answer the question.
        if_not_seen: what to do without an answer.
    """

    name: str
    needs: int
    judge: Callable[[Seen], Finding | None]
    if_not_seen: str = ""


QUESTIONS: Final = (
    Question("credentials", _NOTHING, access.judge_credentials),
    Question("token", _TOKEN, access.judge_token),
    Question("report", _TOKEN, access.judge_report, "Probe again."),
    Question("responses", _REPORT, access.judge_responses),
    Question("granularities", _REPORT, access.judge_granularities),
    Question(
        "pagination",
        _REPORT,
        paging.judge_header,
        "If a pull fails with a paging error, set pagination to page.",
    ),
    Question("page numbers", _REPORT, paging.judge_numbers, "A pull checks the numbers."),
    Question("page size", _REPORT, paging.judge_sizes),
    Question("stability", _REPORT, paging.judge_stability, "A pull checks its pages."),
    Question("bounds", _REPORT, samples.judge_bounds, "A pull keeps start <= time < end."),
    Question("grid", _REPORT, samples.judge_grid, "Probe a day with data, and check code_ope."),
    Question(
        "timestamp",
        _REPORT,
        samples.judge_position,
        "Timestamps are stored as sent. If an hour matters, ask Orange.",
    ),
    Question("times", _REPORT, samples.judge_times, "Probe a day with data."),
    Question("values", _REPORT, samples.judge_values, "Probe a day with data."),
    Question("fields", _REPORT, samples.judge_fields, "Probe a day with data."),
    Question("newest sample", _REPORT, access.judge_newest, "Look at the first days of the lake."),
    Question("history", _REPORT, access.judge_history, "Backfill a short range first."),
)
_THOROUGH: Final = (
    Question("5m", _REPORT, access.judge_minutes, "Write 300s: its length is certain."),
    Question(
        "second token",
        _REPORT,
        access.judge_second_token,
        "If tasks fail with 401, run one task at a time.",
    ),
)


def find_answers(seen: Seen, *, redact: Callable[[str], str]) -> Sequence[Finding]:
    """Return the findings without secrets, in the order of the screen."""
    reached = _REPORT if seen.reports else _TOKEN if seen.token else _NOTHING
    found = (_answer(question, seen) for question in _questions(seen) if question.needs <= reached)
    return [_hide_secrets(one, redact) for one in found]


def _hide_secrets(finding: Finding, redact: Callable[[str], str]) -> Finding:
    return replace(
        finding,
        evidence=redact(finding.evidence),
        do=redact(finding.do),
        shown=tuple(map(redact, finding.shown)),
    )


def _questions(seen: Seen) -> Iterator[Question]:
    yield from QUESTIONS
    for number, code in enumerate(seen.plan.further, start=2):
        judge = partial(access.judge_code, number=number, code=code)
        yield Question(f"code {number}", _REPORT, judge, "Probe this code alone.")
    if seen.plan.thorough:
        yield from _THOROUGH


def _answer(question: Question, seen: Seen) -> Finding:
    found = question.judge(seen) or Finding(NOT_SEEN, "No response shows it.")
    if found.certainty == NOT_SEEN and not found.consequence:
        found = replace(found, effect=question.if_not_seen)
    return replace(found, question=question.name)
