from typing import Any, TypeAlias

import pytest

from airflow_provider_evpl.sandbox.faults.pages import PAGE_FAULTS
from airflow_provider_evpl.sandbox.faults.paging import PAGING_FAULTS
from tests.support.sandbox import HEALTHY, PAGE_STARTS, Page, ask, client_of, element, hours, pages

Head: TypeAlias = tuple[Any, Any, Any]
Served: TypeAlias = dict[int, tuple[Head, list[int]]]

GONE = "gone"
PLACE = ("pop_country", "pop_name", "pop_section_name")
HEADS: dict[str, list[Head]] = {
    "total-pages-drifting": [(1, 3, True), (2, 4, True), (3, 5, False)],
    "total-pages-too-few": [(1, 2, True), (2, 2, True), (3, 2, False)],
    "total-pages-too-many": [(1, 4, True), (2, 4, True), (3, 4, False)],
    "total-pages-zero": [(1, 0, True), (2, 0, True), (3, 0, False)],
    "total-pages-text": [(1, "3", True), (2, "3", True), (3, "3", False)],
    "total-pages-missing": [(1, GONE, True), (2, GONE, True), (3, GONE, False)],
    "current-page-from-zero": [(0, 3, True), (1, 3, True), (2, 3, False)],
    "current-page-stuck": [(1, 3, True), (1, 3, True), (1, 3, False)],
    "current-page-missing": [(GONE, 3, True), (GONE, 3, True), (GONE, 3, False)],
    "page-numbers-zero": [(0, 0, True), (0, 0, True), (0, 0, False)],
    "page-numbers-missing": [(GONE, GONE, True), (GONE, GONE, True), (GONE, GONE, False)],
    "has-next-for-ever": [(1, 3, True), (2, 3, True), (3, 3, True)],
    "has-next-never": [(1, 3, False), (2, 3, False), (3, 3, False)],
    "has-next-null": [(1, 3, None), (2, 3, None), (3, 3, None)],
    "has-next-text": [(1, 3, "true"), (2, 3, "true"), (3, 3, "false")],
    "has-next-missing": [(1, 3, GONE), (2, 3, GONE), (3, 3, GONE)],
}
FIELDS: dict[str, dict[str, object]] = {
    "page-field-unknown": {"generatedAt": "2026-11-22"},
    "entries-null": {"entries": None},
    "entries-missing": {"entries": GONE},
}
# What is answered to an index of the header `pagination`: the page's head, and its elements from 1 to 8.
SERVED: dict[str, Served] = {
    "page-repeated": {
        1: ((1, 3, True), [1, 2, 3]),
        4: ((2, 3, True), [1, 2, 3]),
        7: ((3, 3, False), [7, 8]),
    },
    "page-skipped": {
        1: ((1, 3, True), [1, 2, 3]),
        4: ((3, 3, False), [7, 8]),
        6: ((3, 3, False), [7, 8]),
        7: ((3, 3, False), [7, 8]),
    },
    "page-short": {
        1: ((1, 3, True), [1, 2, 3]),
        4: ((2, 3, True), [4, 5]),
        6: ((3, 3, False), [6, 7, 8]),
        7: ((3, 3, False), [7, 8]),
    },
    "page-empty": {
        1: ((1, 4, True), [1, 2, 3]),
        4: ((2, 4, True), []),
        5: ((3, 4, True), [5, 6, 7]),
        7: ((4, 4, False), [7, 8]),
    },
    "page-sizes-growing": {
        1: ((1, 4, True), [1]),
        2: ((2, 4, True), [2, 3]),
        4: ((3, 4, True), [4, 5, 6]),
        5: ((3, 4, True), [5, 6, 7]),
        7: ((4, 4, False), [7, 8]),
        8: ((4, 4, False), [8]),
    },
    "pagination-by-page": {
        1: ((1, 3, True), [1, 2, 3]),
        2: ((2, 3, True), [4, 5, 6]),
        3: ((3, 3, False), [7, 8]),
        4: ((4, 3, False), []),
    },
    "element-inserted": {
        1: ((1, 3, True), [1, 2, 3]),
        4: ((2, 3, True), [3, 4, 5]),
        7: ((3, 3, False), [6, 7, 8]),
    },
    "element-removed": {
        1: ((1, 3, True), [1, 2, 3]),
        4: ((2, 3, True), [5, 6, 7]),
        7: ((3, 3, False), [8]),
    },
}


def _head(page: Page) -> Head:
    return page.get("currentPage", GONE), page.get("totalPages", GONE), page.get("hasNext", GONE)


def test_the_table_above_has_each_fault_of_a_page() -> None:
    """No fault of a page or of paging is without its line above."""
    assert {fault.name for fault in PAGE_FAULTS} == {*HEADS, *FIELDS, "places-missing"}
    assert {fault.name for fault in PAGING_FAULTS} == set(SERVED)


@pytest.mark.parametrize("name", HEADS)
def test_a_fault_of_the_page_numbers_keeps_the_entries(name: str) -> None:
    """Each page says what is written above; its entries are the right ones."""
    faulty = pages(name)
    assert [_head(page) for page in faulty] == HEADS[name]
    assert [page["entries"] for page in faulty] == [page["entries"] for page in HEALTHY]


@pytest.mark.parametrize("name", FIELDS)
def test_a_fault_of_a_page_field_changes_one_field(name: str) -> None:
    """One field of each page is another; the others are the right ones."""
    ((field, value),) = FIELDS[name].items()
    for right, faulty in zip(HEALTHY, pages(name), strict=True):
        assert faulty.get(field, GONE) == value
        assert {**faulty, field: right.get(field)} == {**right, field: right.get(field)}


def test_places_missing_removes_only_the_places() -> None:
    """No entry of any page tells its place; all else is the right one."""
    for right, faulty in zip(HEALTHY, pages("places-missing"), strict=True):
        places = [{name: entry[name] for name in PLACE} for entry in right["entries"]]
        told = zip(faulty["entries"], places, strict=True)
        assert not any(set(PLACE) & set(entry) for entry in faulty["entries"])
        assert {**faulty, "entries": [{**entry, **place} for entry, place in told]} == right


@pytest.mark.parametrize("name", SERVED)
def test_a_fault_of_paging_serves_the_listed_elements(name: str) -> None:
    """Each index gives the page that is written above; its entries are whole."""
    client = client_of(name)
    whole = {element(entry): entry for page in HEALTHY for entry in page["entries"]}
    for index, expected in SERVED[name].items():
        page = ask(client, index).json()
        elements = [element(entry) for entry in page["entries"]]
        assert (_head(page), elements) == expected
        assert page["entries"] == [whole[one] for one in elements]


@pytest.mark.parametrize("name", ["page-short", "page-sizes-growing", "pagination-by-page"])
def test_a_report_in_unusual_pages_is_complete(name: str) -> None:
    """Asked for as it wants to be asked, it gives every element once."""
    client, index, seen, page = client_of(name), 1, [], {"hasNext": True}
    while page["hasNext"]:
        page = ask(client, index).json()
        seen += [element(entry) for entry in page["entries"]]
        index += 1 if name == "pagination-by-page" else len(page["entries"])
    assert seen == list(range(1, 9))


def test_page_skipped_serves_page_3_for_page_2_if_pages_are_counted() -> None:
    """Where the header counts pages, too, page 3 stands in the place of page 2."""
    page = ask(client_of("page-skipped", "pagination-by-page"), 2).json()
    assert (_head(page), [element(entry) for entry in page["entries"]]) == ((3, 3, False), [7, 8])


def test_the_expected_pages_cover_the_healthy_report() -> None:
    """The pages above are those of the right report, and the day has all of its hours."""
    assert [_head(page) for page in HEALTHY] == [(1, 3, True), (2, 3, True), (3, 3, False)]
    assert len(PAGE_STARTS) == len(HEALTHY)
    assert {tuple(hours(entry)) for page in HEALTHY for entry in page["entries"]} == {tuple(range(24))}
