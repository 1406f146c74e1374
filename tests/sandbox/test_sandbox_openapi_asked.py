"""Whatever the description allows, and what it doesn't, is asked: answers keep to it."""

from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.parameters import ParameterLocation

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.support.sandbox import QUERY, REPORT_PATH, TOKEN_PATH, Client

CLIENT = Client(SandboxConfig(circuits=1))
TOKEN = CLIENT.token()
NOBODY, CREDENTIALS, SCOPE, WINDOW = range(4)
"""What an asker knows: nothing, its credentials, what it may ask for too, and a window, too."""

RIGHT = dict(QUERY)
BASIC = (CLIENT.config.client_id, CLIENT.config.client_secret)

schema = schemathesis.openapi.from_asgi("/openapi.json", CLIENT.app)
schema.config.generation.update(modes=list(GenerationMode))


def _know(case: Any, knows: int) -> None:  # noqa: ANN401 a generic of the framework
    """Put in what the asker of a report knows, where it isn't the point that something is wrong there."""
    right = {part for part, how in case.meta.components.items() if how.mode == GenerationMode.POSITIVE}
    if knows >= CREDENTIALS:
        case.headers["Authorization"] = f"Bearer {TOKEN}"
    if knows < SCOPE:
        return
    if ParameterLocation.HEADER in right:
        case.headers["ApplicationID"] = CLIENT.config.application_id
    if ParameterLocation.PATH in right:
        case.path_parameters = dict(zip(("job", "report"), REPORT_PATH.split("/")[4::2], strict=True))
    if ParameterLocation.QUERY in right:
        window = ("startTime", "endTime") if knows == WINDOW else ()
        case.query |= {name: RIGHT[name] for name in ("codeOpe", "granularity", *window)}


def _ask(case: Any, knows: int) -> Any:  # noqa: ANN401 generics of the framework
    if case.path != TOKEN_PATH:
        _know(case, knows)
        return case.call()
    if knows >= CREDENTIALS and isinstance(case.body, dict) and "grant_type" in case.body:
        case.body = {"grant_type": case.body["grant_type"]}  # else credentials may be in two places
    return case.call(auth=BASIC if knows >= CREDENTIALS else None)


@pytest.mark.parametrize("knows", range(4), ids=["nobody", "credentials", "scope", "window"])
@schema.parametrize()
@settings(derandomize=True, database=None, max_examples=25)
def test_answers_are_as_described(case: Any, knows: int) -> None:  # noqa: ANN401 a generic of the framework
    """No 500, no status, type, header or body that isn't described; what is wrong is refused."""
    answer = _ask(case, knows)
    # Before the window is known a schema can't say what is right: that an end is after its start.
    beyond_words: Any = [] if knows == WINDOW else CHECKS.get_by_names(["positive_data_acceptance"])
    case.validate_response(answer, excluded_checks=beyond_words)
    if knows == WINDOW and case.meta.generation.mode == GenerationMode.POSITIVE:
        assert answer.status_code == 200
