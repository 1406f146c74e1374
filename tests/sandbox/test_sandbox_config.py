from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig

FIRST, LAST = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("granularity", "normalized", "seconds"),
    [
        ("300s", "300s", 300),
        ("0300s", "300s", 300),
        ("h", "1h", 3600),
        ("15d", "15d", 1_296_000),
        ("w", "1w", 604_800),
    ],
)
def test_a_granularity_is_a_number_and_a_unit(granularity: str, normalized: str, seconds: int) -> None:
    """A granularity is a number, 1 if left out, and a unit with a fixed number of seconds."""
    config = SandboxConfig(granularity=granularity)
    assert (config.normalized_granularity, config.granularity_seconds) == (normalized, seconds)


@pytest.mark.parametrize(
    "setting",
    [
        {"circuits": -1},
        {"page_size": 0},
        {"token_ttl": 0},
        {"latency": -0.1},
        {"latency": float("nan")},
        {"latency": float("inf")},
        *({"granularity": text} for text in ("", "0s", "00h", "5m", "5ms", "y", "300", "300 s")),
        *({"granularities": (text,)} for text in ("7s", "100s", "5ms", "")),
        {"timestamps": "middle"},
        {"data_since": FIRST.replace(tzinfo=None)},
        {"data_until": LAST.replace(tzinfo=None)},
        {"client_id": ""},
        {"client_id": "a:b"},
        {"client_secret": "a\nb"},
        {"application_id": " x"},
        {"code_ope": "é"},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_an_error_that_names_it(setting: dict[str, Any]) -> None:
    """A setting out of range is an error that names it."""
    (name,) = setting
    with pytest.raises(ValueError, match=f"^{name}: "):
        SandboxConfig(**setting)


def test_further_granularities_have_their_networks() -> None:
    """Each granularity has its network by its normalized name; `m` is minutes."""
    config = SandboxConfig(granularity="0300s", granularities=("05m", "h"), data_since=FIRST, data_until=LAST)
    networks = config.networks
    assert {name: (one.granularity_seconds, one.averaged) for name, one in networks.items()} == {
        "300s": (300, 1),
        "5m": (300, 1),
        "1h": (3600, 12),
    }
    limits = {(one.since, one.until) for one in networks.values()}
    assert limits == {(FIRST.timestamp(), LAST.timestamp())}


def test_the_default_operator_code_has_leading_zeros() -> None:
    """The default operator code has leading zeros, so that losing them shows."""
    assert SandboxConfig().code_ope.startswith("0")
