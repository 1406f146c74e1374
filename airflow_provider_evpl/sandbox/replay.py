"""`--replay probe.json`: the settings of a sandbox that answers as a probe found the API.

The sandbox reads the JSON by itself, because it imports nothing else of the package.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

from airflow_provider_evpl.sandbox.config import SandboxConfig

__all__ = ["Replay", "read_replay"]

_Readings: TypeAlias = dict[str, Any]

_FORMAT: Final = 1
_SERIES: Final = 4  # elements of a circuit
_MOST: Final = 1_000_000_000
_MOST_CIRCUITS: Final = 100_000
_CHOICES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "token_auth": {"basic": (), "post": ("basic-refused",)},
    "expires_in_type": {
        "number": (),
        "text": ("expires-in-text",),
        "null": ("expires-in-null",),
        "missing": ("expires-in-missing",),
    },
    "second_token_ends_first": {"false": (), "true": ("token-ends-earlier",)},
    "ctxtid": {"repeated": (), "joined": ("ctxtid-joined",), "first": ("ctxtid-first",)},
    "pagination": {"element": (), "page": ("pagination-by-page",)},
    "start_included": {"true": (), "false": ("start-exclusive",)},
    "end_included": {"false": (), "true": ("end-inclusive",)},
    "zone": {"Z": (), "offset": ("timestamp-offset",), "none": ("timestamp-naive",)},
    "decimals": {"3": (), "0": ("timestamp-whole-second",), "9": ("timestamp-nine-zeros",)},
    "order": {"ascending": (), "descending": ("samples-descending",)},
    "values": {"text": (), "number": ("value-number",)},
}
# By `current_page`, and by whether `total_pages` is there.
_PAGE_NUMBERS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("filled", "filled"): (),
    ("filled", "zero"): ("total-pages-zero",),
    ("filled", "missing"): ("total-pages-missing",),
    ("stuck", "filled"): ("current-page-stuck",),
    ("stuck", "zero"): ("current-page-stuck", "total-pages-zero"),
    ("stuck", "missing"): ("current-page-stuck", "total-pages-missing"),
    ("zero", "zero"): ("page-numbers-zero",),
    ("missing", "filled"): ("current-page-missing",),
    ("missing", "zero"): ("current-page-missing", "total-pages-zero"),
    ("missing", "missing"): ("page-numbers-missing",),
}


class Replay(NamedTuple):
    """What a sandbox serves of a probe.

    Attributes:
        config: The settings. What the probe has not seen has the documented default.
        unserved: The readings that the sandbox cannot serve, by name.
    """

    config: SandboxConfig
    unserved: Mapping[str, object]


def read_replay(text: str, *, now: datetime) -> Replay:
    """Read the readings of a `probe.json`.

    Null and an empty object mean "not seen". Each step below takes the readings that it serves out of `left`,
    so that none is ignored.

    Args:
        text: The content of the file.
        now: The time to which ages in the readings are relative.

    Raises:
        ValueError: The text is not a `probe.json` of format 1.
    """
    readings = _readings(text)
    left = {name: value for name, value in readings.items() if value not in (None, {})}
    faults = (*_choose(left), *_number_pages(left, has_total="total_pages" in readings))
    settings = {**_size(left), **_steps(left), **_range(left, now=now), **_others(left)}
    return Replay(SandboxConfig(**settings, faults=faults, everywhere=True), left)


def _readings(text: str) -> _Readings:
    body = json.loads(text)
    if not isinstance(body, dict) or not isinstance(body.get("readings"), dict):
        raise ValueError("no readings")  # noqa: TRY004 the text is wrong
    if body.get("format", _FORMAT) != _FORMAT:
        raise ValueError(f"format is not {_FORMAT}")
    return dict(body["readings"])


def _word(value: object) -> str:
    return json.dumps(value).strip('"')


def _whole(value: object, *, least: int = 1) -> int | None:
    """Return a whole number. None: the value is none, or is out of range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= _MOST:
        return None
    return int(value) if value == int(value) else None


def _choose(left: _Readings) -> list[str]:
    faults: list[str] = []
    for name, choices in _CHOICES.items():
        if name in left and (chosen := choices.get(_word(left[name]))) is not None:
            faults += chosen
            del left[name]
    return faults


def _number_pages(left: _Readings, *, has_total: bool) -> tuple[str, ...]:
    """Take out `current_page` and `first_page`, and a `total_pages` without a number of pages."""
    current, first, total = (_word(left.get(one)) for one in ("current_page", "first_page", "total_pages"))
    is_absent = has_total and total == "null" and current != "null"
    totals = "missing" if is_absent else "zero" if total == "0" else "filled"
    faults = _PAGE_NUMBERS.get(("filled" if current == "null" else current, totals))
    if faults is None:
        return ()
    left.pop("current_page", None)
    if total == "0":
        del left["total_pages"]
    if first == ("0" if current == "zero" else "1"):
        del left["first_page"]
    elif first == "0" and current == "filled":
        del left["first_page"]
        faults += ("current-page-from-zero",)
    return faults


def _size(left: _Readings) -> dict[str, int]:
    """Take out `page_size`, `entries` and `total_pages`. Without a number of pages there are two."""
    size, entries = _whole(left.get("page_size")), _whole(left.get("entries"), least=0)
    if size is not None:
        circuits = max(1, size * (_whole(left.get("total_pages")) or 2) // _SERIES)
    elif entries is not None:
        circuits = -(-entries // _SERIES)
        size = max(SandboxConfig.page_size, circuits * _SERIES)
    else:
        return {}
    if circuits > _MOST_CIRCUITS:
        return {}
    elements = circuits * _SERIES
    served = {"page_size": size, "entries": min(size, elements), "total_pages": max(1, -(-elements // size))}
    for name, value in served.items():
        if left.get(name) == value:
            del left[name]
    return {"circuits": circuits, "page_size": size}


def _steps(left: _Readings) -> dict[str, Any]:
    """Take out `granularity`, and those of `granularities` that are served or refused as found."""
    found = left.pop("granularities", {})
    if not isinstance(found, dict):
        left["granularities"], found = found, {}
    answered = [left.get("granularity"), *(name for name, answer in found.items() if answer is True)]
    settings = _finest_first([one for one in answered if isinstance(one, str) and _is_readable(one)])
    served = list(SandboxConfig(**settings).networks)
    if left.get("granularity") in served:
        del left["granularity"]
    if wrong := {name: answer for name, answer in found.items() if answer is not (name in served)}:
        left["granularities"] = wrong
    return settings


def _finest_first(names: list[str]) -> dict[str, Any]:
    for finest in names:
        further = tuple(name for name in dict.fromkeys(names) if name != finest)
        with suppress(ValueError):
            SandboxConfig(granularity=finest, granularities=further)
            return {"granularity": finest, "granularities": further}
    return {}


def _is_readable(name: str) -> bool:
    with suppress(ValueError):
        return bool(SandboxConfig(granularity="1s", granularities=(name,)))
    return False


def _range(left: _Readings, *, now: datetime) -> dict[str, datetime]:
    """Take out `newest_age_seconds`, and a `history` with data up to an age and none beyond."""
    limits: dict[str, datetime] = {}
    seconds = _whole(left.get("newest_age_seconds"), least=0)
    if seconds is not None:
        del left["newest_age_seconds"]
        # The newest sample may be at that very moment.
        limits["data_until"] = now - timedelta(seconds=seconds, milliseconds=-1)
    days = _days(left.get("history"))
    present = [age for age, has_data in days.items() if has_data]
    absent = [age for age, has_data in days.items() if not has_data]
    if absent and max(present, default=0) < min(absent):
        first = now - timedelta(days=max(present, default=min(absent) - 1))
        limits["data_since"] = first.replace(hour=0, minute=0, second=0, microsecond=0)
    if "data_since" in limits or (present and not absent):
        del left["history"]
    return limits


def _days(history: object) -> dict[int, bool]:
    if not isinstance(history, dict) or not all(isinstance(one, bool) for one in history.values()):
        return {}
    if not all(re.fullmatch("[1-9][0-9]{0,3}", age) for age in history):
        return {}
    return {int(age): has_data for age, has_data in history.items()}


def _others(left: _Readings) -> dict[str, Any]:
    """Take out `expires_in` and `timestamp`."""
    settings: dict[str, Any] = {}
    if (seconds := _whole(left.get("expires_in"))) is not None:
        del left["expires_in"]
        settings["token_ttl"] = seconds
    if left.get("timestamp") in ("start", "end"):
        settings["timestamps"] = left.pop("timestamp")
    return settings
