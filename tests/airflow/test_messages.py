"""No argument of a task adds a line to a log or an error, or shows the client secret."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_evpl.errors import EvplError
from tests.support.airflow_leaks import Traces, listening

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

    from tests.support.airflow_runs import Lab

ODD = "x\r\nERROR forged \x1b[2J\x85\u2028\u202e\u200b\ufeff"
SECRET = "f0rty'tw0\"w1nters\\2026"
MOST_CHARACTERS = 2500
MOST_LINES = 6
ARGUMENTS = (
    *("object_storage_path", "object_storage_conn_id", "evpl_conn_id", "code_ope", "granularity"),
    *("window_start", "window_length", "lookback", "slice_length", "allow_empty", "on_shrink"),
    *("max_rejected_fraction", "min_coverage", "deferrable"),
)
# A wrong evpl_conn_id is shown: without a connection nobody knows the secret. Any text is a code_ope.
WITH_THE_SECRET = [name for name in ARGUMENTS if name not in ("evpl_conn_id", "code_ope")]


def _errors(task: "BaseOperator") -> Iterator[str]:
    """Give the message of a task that fails, and those of our errors before it."""
    from airflow.providers.common.compat.sdk import AirflowException

    error: BaseException | None = None
    try:
        task.execute({})
    except (AirflowException, EvplError) as raised:
        error = raised
    while isinstance(error, AirflowException | EvplError):
        yield str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.contract("messages.one-line")
@pytest.mark.parametrize("text", [ODD, ODD + "y" * 100_000], ids=["odd", "odd and long"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_argument_adds_no_line_to_a_message(lab: "Lab", name: str, text: str) -> None:
    """Whatever a template renders: an error has only its own lines, a log message is one line."""
    traces = Traces()
    with listening(traces):
        messages = [*_errors(lab.operator(**{name: text}))]
    assert messages
    ours = [text for where, text in traces.texts if where.startswith("log of airflow_provider_evpl")]
    assert all(text.isprintable() for text in ours)
    for message in (*messages, *ours):
        assert all(line.isprintable() and not line.startswith("ERROR") for line in message.splitlines())
        assert message.count("\n") < MOST_LINES
        assert len(message) < MOST_CHARACTERS


@pytest.mark.contract("messages.no-part-of-a-secret")
@pytest.mark.parametrize("value", [SECRET, f" {SECRET}\n", SECRET[:6], f"https://{SECRET}@host/"])
@pytest.mark.parametrize("name", WITH_THE_SECRET)
def test_secret_pasted_into_an_argument_is_not_shown(lab: "Lab", name: str, value: str) -> None:
    """Neither the secret nor six characters of it appear in the error."""
    lab.connect(password=SECRET)
    _check_for_the_secret(lab.operator(**{name: value}))


@pytest.mark.parametrize("root", ["{secret}://x", "file:///{secret}/evpl", "s3://{secret}/evpl"])
def test_secret_in_the_lakes_root_is_an_error_and_not_shown(lab: "Lab", root: str) -> None:
    """Logs and errors name the root, so the root is checked before it is opened, in any case of letters."""
    secret = "S3cr3tABCdefGHI"
    lab.connect(password=secret)
    messages = [*_errors(lab.operator(object_storage_path=root.format(secret=secret)))]
    assert messages
    assert not [text for text in messages if "s3cr3t" in text.lower()]


@pytest.mark.parametrize("name", ["window_length", "slice_length"])
def test_secret_that_looks_like_a_duration_is_not_shown(lab: "Lab", name: str) -> None:
    """A secret of digits may be read as a length of time."""
    lab.connect(password="12:34:56")
    messages = [*_errors(lab.operator(**{name: "12:34:56"}))]
    assert messages
    assert not [text for text in messages if "12:34" in text]


@pytest.mark.parametrize("value", [SECRET, f" {SECRET}\n", SECRET[:6]])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("sensor", name) for name in ("granularity", "window_start", "settle", "min_series", "deferrable")),
        *(("coverage", name) for name in ("object_storage_path", "granularity", "window_length", "lookback")),
        *(("coverage", name) for name in ("min_coverage", "give_up_after", "fail_on_gaps")),
    ],
)
def test_sensor_and_coverage_operator_show_no_part_of_the_secret(
    lab: "Lab", kind: str, name: str, value: str
) -> None:
    """Their errors show neither the secret nor six characters of it."""
    from airflow_provider_evpl.operators.evpl import EvplCoverageOperator
    from airflow_provider_evpl.sensors.evpl import EvplUtilizationSensor

    lab.connect(password=SECRET)
    arguments: dict[str, Any] = {"window_start": "2026-11-20", "window_end": "2026-11-21"}
    if kind == "sensor":
        _check_for_the_secret(
            EvplUtilizationSensor(**{"task_id": "t", "min_series": 1, **arguments, name: value})
        )
    else:
        arguments |= {"object_storage_path": lab.root, name: value}
        _check_for_the_secret(EvplCoverageOperator(task_id="t", **arguments))


def _check_for_the_secret(task: "BaseOperator") -> None:
    messages = [*_errors(task)]
    assert messages
    for message in messages:
        assert SECRET[:6] not in message.replace("\\", "")
        assert "w1nter" not in message
