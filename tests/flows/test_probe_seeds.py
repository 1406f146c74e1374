"""A probe of a sandbox without faults finds nothing to set, whatever the network and the pages are."""

import random
from datetime import datetime
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from tests.support.probing import finding, probe_app, probe_script, serve

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
    assert answer.text.startswith("Your connection fits as it is.") == is_default
    opened = [one.question for one in answer.findings if one.verdict != "fits"]
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
    assert finding(answer, "grid").evidence.startswith("Each series on page 1 has all ")


@pytest.mark.contract("probe.reading")
@pytest.mark.parametrize("seed", range(30))
def test_sparse_values_are_no_finding(seed: int) -> None:
    """Samples that are missing by chance are not a bound, a coarser grid, or a gap of all series."""
    drawn = random.Random(seed)  # noqa: S311 must be repeatable, and is no secret
    missing, scale = drawn.choice([0.02, 0.1, 0.5, 0.9]), drawn.choice([0, 1, 100])

    def sample(*place: object) -> object:
        chance = random.Random(f"{seed}{place}")  # noqa: S311 as above
        return () if chance.random() < missing else round(chance.random() * scale, 2)

    series, page_size = drawn.choice([1, 2, 4, 40]), drawn.choice([1, 3, 25])
    answer = probe_script(serve(sample, series=series, page_size=page_size))
    opened = {one.question for one in answer.findings if one.verdict != "fits"}
    assert opened <= {"report", "grid"} if finding(answer, "grid").certainty == "not seen" else not opened
    assert answer.record["readings"]["timestamp"] is None
    assert answer.record["readings"]["start_included"] in (True, None)


@pytest.mark.parametrize(
    ("value", "certainty", "words"),
    [
        (0, "not seen", "shares of 1, or per cent of circuits that are nearly idle"),
        (-0.5, "not seen", "shares of 1, or"),
        (1.4, "not seen", "shares of 1, or"),
        (104.5, "likely", "per cent, some below 0 or above 100"),
        (5e6, "not seen", "neither shares of 1 nor per cent"),
        (None, "not seen", "no number came"),
    ],
)
def test_constant_values_say_no_more_than_their_range(value: object, certainty: str, words: str) -> None:
    """A small range may be shares of 1, and a huge value is no per cent."""
    answer = probe_script(serve(lambda *_: value))
    found = finding(answer, "values")
    assert found.certainty == certainty
    assert words in found.evidence
    assert finding(answer, "timestamp").certainty == "not seen"
    assert answer.exit_status == 0


def test_order_that_changes_says_nothing_of_the_header() -> None:
    """Page 1 must come again, or `pagination` is not a setting."""
    drawn = random.Random(1)  # noqa: S311 as above
    answer = probe_script(serve(lambda *_: 5, series=40, page_size=3, orders=drawn.shuffle))
    assert finding(answer, "pagination").certainty == "not seen"
    assert "other elements" in finding(answer, "pagination").evidence
    assert finding(answer, "stability").verdict == "ask"
    assert answer.settings == {}


def test_granularity_with_finer_steps_is_named() -> None:
    """An API may ignore the granularity, and answer all the same."""
    answer = probe_script(serve(lambda *_: 5, steps={"300s": 300, "1h": 300, "1d": 86_400}))
    assert "1h yes, but with 12 samples in one step, 1d yes" in finding(answer, "granularities").evidence


def test_hourly_values_that_are_no_means_show_no_position() -> None:
    """The value of a moment may be the mean of an hour by chance, in a few of many series."""

    def sample(number: int, time: datetime, step: int) -> Any:  # noqa: ANN401 any value
        value = 10 * number + 5 * (time.hour % 2)
        return value + (step == 3600 and number > 3)

    found = finding(probe_script(serve(sample, series=20)), "timestamp")
    assert found.certainty == "not seen"
    found = finding(probe_script(serve(sample, series=4)), "timestamp")
    assert "it is the start" in found.evidence.lower()
