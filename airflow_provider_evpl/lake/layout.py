"""The lake's names: pure functions from what is landed to where, and back."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window

__all__ = ["Dataset", "Group", "group", "parse_name"]

_NAME = re.compile(r"(\d{8}T\d{6})Z-(\d{8}T\d{6})Z\.parquet", re.ASCII)
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one operator code at one granularity, below the lake's root."""

    code_ope: str
    granularity: str

    def folder(self, day: datetime) -> str:
        """Where a UTC day's objects are."""
        return f"samples/{self._partition(day)}"

    def samples_path(self, window: Window) -> str:
        """Where the rows of an interval within one UTC day are."""
        return f"samples/{self._partition(window.start)}/{_stem(window)}.parquet"

    def rejected_path(self, window: Window) -> str:
        """Where the rejected samples of an interval are."""
        return f"rejected/{self._partition(window.start)}/{_stem(window)}.jsonl"

    def _partition(self, day: datetime) -> str:
        code_ope, granularity = (quote(text, safe="") for text in (self.code_ope, self.granularity))
        return f"operator_code=op-{code_ope}/granularity={granularity}/date={day:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Group:
    """An interval to pull at once, and the landed intervals that it replaces: it holds each of them whole."""

    window: Window
    replaces: tuple[Window, ...]


def parse_name(name: str, day: datetime) -> Window | None:
    """Read the interval that an object's name says; None where it isn't one within the UTC day."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        start, end = (datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in match.groups())
        window = Window(start, end)
    except (ValueError, EvplConfigError):
        return None
    return window if Window(day, day + DAY).contains(window) else None


def group(slices: Iterable[Window], landed: Iterable[Window]) -> list[Group]:
    """Join slices and landed intervals that overlap; leave out what holds no slice."""
    marked = sorted([(window, True) for window in slices] + [(window, False) for window in landed])
    groups: list[list[tuple[Window, bool]]] = []
    end: datetime | None = None
    for window, is_slice in marked:
        if end is None or window.start >= end:
            groups.append([])
            end = window.end
        groups[-1].append((window, is_slice))
        end = max(end, window.end)
    return [_merge(members) for members in groups if any(is_slice for _, is_slice in members)]


def _merge(members: list[tuple[Window, bool]]) -> Group:
    windows = [window for window, _ in members]
    union = Window(min(window.start for window in windows), max(window.end for window in windows))
    return Group(union, tuple(window for window, is_slice in members if not is_slice))


def _stem(window: Window) -> str:
    return f"{window.start:{_STAMP}}Z-{window.end:{_STAMP}}Z"
