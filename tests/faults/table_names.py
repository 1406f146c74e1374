"""What comes of each hostile name: it lands as it came, letter by letter."""

from collections.abc import Callable

from airflow_provider_evpl.sandbox.data import Row
from tests.faults.pulls import LakeRow, Lands, Left

_NAMES = 6


def _renamed(change: Callable[[str], str]) -> Lands:
    def rename(row: Row) -> LakeRow:
        return (*(change(str(name)) for name in row[:_NAMES]), *row[_NAMES:])

    left: Left = lambda place: rename(place.row) if place.in_struck_entry else place.row  # noqa: E731 its type
    return Lands(left=left)


NAMES: dict[str, Lands] = {
    "names-slash": _renamed(lambda name: f"/etc/{name}/x"),
    "names-dots": _renamed(lambda name: f"../../{name}"),
    "names-quotes": _renamed(lambda name: f"{name}'\"`; --"),
    "names-newline": _renamed(lambda name: f"{name}\r\n\tx"),
    "names-nul": _renamed(lambda name: f"{name}\0x"),
    "names-emoji": _renamed(lambda name: f"{name} \U0001f525"),
    "names-blanks": _renamed(lambda name: f" {name} "),
    "names-long": _renamed(lambda name: name + "x" * 10_240),
    "names-surrogate": Lands(
        left=lambda place: None if place.in_struck_entry else place.row,
        rejected={"no readable JSON: Input data was truncated": 48},
    ),
    "field-name-hostile": Lands(unknown=("entries[].../'\" \U0001f525",)),
}
