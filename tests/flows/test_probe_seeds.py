"""A probe of a sandbox without faults finds nothing to set, whatever the network and the pages are."""

import random

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.support.probing import finding, probe_app

_COARSER: dict[str, list[tuple[str, ...]]] = {
    "300s": [(), ("1h", "1d"), ("1h", "1d", "5m")],
    "1h": [(), ("1d",)],
    "1d": [()],
}


def _config(seed: int) -> SandboxConfig:
    drawn = random.Random(seed)  # noqa: S311 must be repeatable, and is no secret
    granularity = drawn.choice(["300s", "300s", "1h", "1d"])
    return SandboxConfig(
        seed=seed,
        circuits=drawn.choice([1, 2, 3, 5, 8, 20, 126 if seed % 10 == 0 else 4]),
        page_size=drawn.choice([1, 2, 3, 7, 25, 100, 500]),
        granularity=granularity,
        granularities=drawn.choice(_COARSER[granularity]),
        timestamps=drawn.choice(["start", "end"]),
        token_ttl=drawn.choice([60, 300, 3600, 86_400]),
    )


@pytest.mark.contract("probe.reading")
@pytest.mark.parametrize("seed", range(100))
def test_clean_network_has_no_false_finding(seed: int) -> None:
    """At most 30 requests, all questions asked, nothing to set; another granularity than 300s is no fault."""
    config = _config(seed)
    answer, api = probe_app(config, {"thorough": seed % 2 == 0})
    assert answer.requests == len(api.sent) <= 30
    assert not answer.stopped
    assert answer.settings == {}
    is_default = config.granularity == "300s"
    assert answer.exit_status == (0 if is_default else 1)
    assert answer.text.endswith("\nYour connection fits as it is.") == is_default
    opened = [one.question for one in answer.findings if one.is_open]
    assert opened == ([] if is_default else ["granularities"])
    readings = answer.record["readings"]
    series = 4 * config.circuits
    several = series > config.page_size
    assert readings["pagination"] == ("element" if several and config.page_size > 1 else None)
    assert readings["page_size"] == (config.page_size if several else None)
    assert (readings["start_included"], readings["end_included"]) == (True, False)
    assert readings["timestamp"] in (None, config.timestamps)
    assert readings["expires_in"] == config.token_ttl
    assert readings["granularities"] == {
        text: text in (config.granularity, *config.granularities) for text in readings["granularities"]
    }
    assert finding(answer, "grid").evidence.startswith("each series on page 1 has all ")
