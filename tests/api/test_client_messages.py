import gzip
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.errors import EvplError, EvplPermanentError
from tests.api.support import QUERY, TOKEN, replying, serving, settings

Reply = Callable[[BaseHTTPRequestHandler], object]
FAILURES: dict[str, Reply] = {
    "silence": lambda _: None,
    "cut": replying(b"{", Content_Length="9"),
    "half": replying(b"{"),
    "other": replying(b"[]"),
    "moved": replying(b"", status=302),
    "refused": replying(b"", status=404),
    "away": replying(b"", status=503),
    "huge": replying(gzip.compress(bytes(65 << 20), 1), Content_Encoding="gzip"),
}


def _failure(token: Reply, report: Reply) -> EvplError:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        (token if handler.path == "/token" else report)(handler)

    with serving(reply) as server:
        urls = {"base_url": server.url, "token_url": f"{server.url}/token"}
        with Client(settings(**urls, max_retry_seconds=0)) as client, pytest.raises(EvplError) as raised:
            client.page(QUERY, 26)
    return raised.value


@pytest.mark.parametrize("failing", FAILURES.values(), ids=FAILURES)
def test_it_says_which_request_failed_and_what_to_do(failing: Reply) -> None:
    """Slice and index of a report, or that it was the token's; then why, the request id, the next step."""
    reported = _failure(replying(json.dumps(TOKEN).encode()), failing)
    assert str(reported).startswith(f"report of {QUERY.window} from index 26: ")
    for error in (reported, _failure(failing, failing)):
        told, found, step = str(error).partition("(request id none); ")
        assert found
        assert told.startswith(("report of", "token request: "))
        assert ("check" in step or step == "pull shorter slices") == isinstance(error, EvplPermanentError)
        assert ("run again later" in step) != isinstance(error, EvplPermanentError)
