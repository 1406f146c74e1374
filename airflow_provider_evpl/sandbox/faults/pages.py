"""Faults in the fields of a page beside its entries."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.fields import set_fields, unset_fields

__all__ = ["PAGE_FAULTS"]

_Page: TypeAlias = dict[str, Any]


def _add(name: str, number: Callable[[_Page], int]) -> Callable[[_Page], _Page]:
    return lambda page: {**page, name: page[name] + number(page)}


def _leave_places_out(page: _Page) -> _Page:
    return {**page, "entries": [_without_place(entry) for entry in page["entries"]]}


def _without_place(entry: object) -> object:
    if not isinstance(entry, dict):
        return entry
    return {name: value for name, value in entry.items() if not name.startswith("pop_")}


PAGE_FAULTS: Final[tuple[Fault[_Page], ...]] = (
    Fault(
        "total-pages-drifting",
        "totalPages is 1 higher on page 2, 2 higher on page 3",
        _add("totalPages", lambda page: page["currentPage"] - 1),
    ),
    Fault("total-pages-too-few", "totalPages is 1 too low", _add("totalPages", lambda _: -1)),
    Fault("total-pages-too-many", "totalPages is 1 too high", _add("totalPages", lambda _: 1)),
    Fault("total-pages-zero", "totalPages is 0", set_fields(totalPages=0)),
    Fault(
        "total-pages-text",
        "totalPages is a text",
        lambda page: {**page, "totalPages": str(page["totalPages"])},
    ),
    Fault("total-pages-missing", "totalPages is missing", unset_fields("totalPages")),
    Fault("current-page-from-zero", "currentPage starts at 0", _add("currentPage", lambda _: -1)),
    Fault("current-page-stuck", "currentPage is 1 on every page", set_fields(currentPage=1)),
    Fault("current-page-missing", "currentPage is missing", unset_fields("currentPage")),
    Fault(
        "page-numbers-zero",
        "currentPage and totalPages are 0 on every page, as in the document's example",
        set_fields(currentPage=0, totalPages=0),
    ),
    Fault(
        "page-numbers-missing",
        "currentPage and totalPages are missing",
        unset_fields("currentPage", "totalPages"),
    ),
    Fault("has-next-for-ever", "hasNext is true on every page", set_fields(hasNext=True)),
    Fault("has-next-never", "hasNext is false on every page", set_fields(hasNext=False)),
    Fault("has-next-null", "hasNext is null", set_fields(hasNext=None)),
    Fault(
        "has-next-text", "hasNext is a text", lambda page: {**page, "hasNext": str(page["hasNext"]).lower()}
    ),
    Fault("has-next-missing", "hasNext is missing", unset_fields("hasNext")),
    Fault("page-field-unknown", "a page has the field generatedAt", set_fields(generatedAt="2026-11-22")),
    Fault(
        "places-missing",
        "no entry has its place, so that both ends of a circuit look the same",
        _leave_places_out,
    ),
    Fault("entries-null", "entries is null", set_fields(entries=None)),
    Fault("entries-missing", "entries is missing", unset_fields("entries")),
)
