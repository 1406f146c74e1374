"""The paths of the lake: makes them from an operator code, a granularity and an interval, and reads them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Window

__all__ = ["Dataset", "Group", "group", "largest", "parse_folder", "parse_name"]

_NAME = re.compile(r"(\d{8}T\d{6})Z-(\d{8}T\d{6})Z\.(parquet|jsonl)", re.ASCII)
_STAMP = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Dataset:
    """The samples of one operator code at one granularity, below the lake's root."""

    code_ope: str
    granularity: str

    @property
    def root(self) -> str:
        """The folder that has a folder for each UTC day."""
        return f"samples/{self._root}"

    def folder(self, day: datetime) -> str:
        """Return the folder of the objects of a UTC day."""
        return f"samples/{self._partition(day)}"

    def samples_path(self, window: Window) -> str:
        """Return the path of the rows of an interval within one UTC day."""
        return f"{self.folder(window.start)}/{_stem(window)}.parquet"

    def rejected_folder(self, day: datetime) -> str:
        """Return the folder of the rejected samples of a UTC day."""
        return f"rejected/{self._partition(day)}"

    def rejected_path(self, window: Window) -> str:
        """Return the path of the rejected samples of an interval."""
        return f"{self.rejected_folder(window.start)}/{_stem(window)}.jsonl"

    def _partition(self, day: datetime) -> str:
        return f"{self._root}/date={day:%Y-%m-%d}"

    @property
    def _root(self) -> str:
        code_ope, granularity = (quote(text, safe="") for text in (self.code_ope, self.granularity))
        return f"operator_code=op-{code_ope}/granularity={granularity}"


@dataclass(frozen=True, slots=True)
class Group:
    """An interval to pull at once, and the landed intervals that it replaces. It contains each of them."""

    window: Window
    replaces: tuple[Window, ...]


def parse_folder(name: str) -> datetime | None:
    """Read the UTC day from the name of a folder; None if the name has another form."""
    try:
        return datetime.strptime(name, "date=%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def parse_name(name: str, day: datetime, kind: str = "parquet") -> Window | None:
    """Read the interval from the name of an object; None if the name is no interval within the UTC day."""
    match = _NAME.fullmatch(name)
    if match is None or match[3] != kind:
        return None
    try:
        start, end = (datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) for stamp in match.group(1, 2))
        window = Window(start, end)
    except (ValueError, EvplConfigError):
        return None
    return window if Window(day, day + DAY).contains(window) else None


def group(slices: Iterable[Window], landed: Iterable[Window]) -> list[Group]:
    """Join slices and landed intervals that overlap. Groups without a slice are left out."""
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


def largest(windows: Iterable[Window]) -> list[Window]:
    """Return the intervals that lie in no other interval, in order of time.

    An object whose interval lies in another one was left by a killed run. The larger object is right.
    """
    found: list[Window] = []
    for one in sorted(windows, key=lambda one: (one.start, -one.length)):
        if not found or one.end > found[-1].end:
            found.append(one)
    return found


def _merge(members: list[tuple[Window, bool]]) -> Group:
    windows = [window for window, _ in members]
    union = Window(min(window.start for window in windows), max(window.end for window in windows))
    return Group(union, tuple(window for window, is_slice in members if not is_slice))


def _stem(window: Window) -> str:
    return f"{window.start:{_STAMP}}Z-{window.end:{_STAMP}}Z"
