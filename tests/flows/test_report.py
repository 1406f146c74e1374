"""The pages of a report: how many, where they are put, and what the result says."""

import json

import pytest

from airflow_provider_evpl.errors import EvplNotPublishedError, EvplStoreError
from airflow_provider_evpl.flows.report.report import ReportResult, build_report
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import Window
from tests.support.lake import HOUR
from tests.support.report import LINES, NOW, days, land_slices, plan_of
from tests.support.stores import MemoryStore

NOVEMBER = days("2026-11-01", "2026-11-03")
FOLDER = "reports/granularity=1h/month=2026-11"


def build(store: MemoryStore, month: str | None = "2026-11", **arguments: object) -> ReportResult:
    """Put a report."""
    return build_report(store, plan_of(month, **arguments), inventory=None, now=NOW)


def pages(store: MemoryStore) -> list[str]:
    """List the pages in the store."""
    return sorted(path for path in store.objects if path.startswith("reports/"))


def test_page_of_all_codes_is_put_below_reports() -> None:
    """A later report of the month replaces it."""
    store = MemoryStore()
    land_slices(store, NOVEMBER)
    land_slices(store, NOVEMBER, code="a/b", series=LINES[:2])
    result = build(store)
    assert pages(store) == [f"{FOLDER}/report.html"]
    assert store.objects[f"{FOLDER}/report.html"].startswith(b"<!doctype html>")
    assert result.as_dict() == {
        "month": "2026-11",
        "granularity": "1h",
        "time_zone": "UTC",
        "pages": [
            {
                "path": f"memory://{FOLDER}/report.html",
                "code_ope": None,
                "bytes": len(store.objects[f"{FOLDER}/report.html"]),
                "circuits": 3,
                "series": 10,
                "samples": 720,
                "coverage": 1.0,
                "above_warning": 0,
                "above_critical": 0,
                "not_judged": 0,
                "notes": list(result.pages[0].notes),
            }
        ],
        "page_count": 1,
    }
    json.dumps(result.as_dict())
    build(store)
    assert pages(store) == [f"{FOLDER}/report.html"]


def test_page_of_one_code_does_not_replace_the_page_of_all() -> None:
    """Its name has the code."""
    store = MemoryStore()
    land_slices(store, NOVEMBER)
    land_slices(store, NOVEMBER, code="a/b", series=LINES[:2])
    build(store)
    assert build(store, code_ope="a/b").pages[0].code_ope == "a/b"
    assert pages(store) == [f"{FOLDER}/report-op-a%2Fb.html", f"{FOLDER}/report.html"]


@pytest.mark.contract("report.path")
def test_large_lake_has_a_page_for_each_code() -> None:
    """Above 5,000 series together."""
    store = MemoryStore()
    many = [Series(f"{number:05}", "in", None, None, None, None) for number in range(4_999)]
    land_slices(store, NOVEMBER[:1], granularity="1d", code="1", series=many)
    land_slices(store, NOVEMBER[:1], granularity="1d", code="2", series=LINES[:1])
    assert len(build(store, granularity="1d").pages) == 1
    land_slices(store, NOVEMBER[:1], granularity="1d", code="3", series=LINES[:1])
    land_slices(store, NOVEMBER[:1], granularity="1d", code="4", series=LINES[:1])
    result = build(store, granularity="1d")
    folder = "memory://reports/granularity=1d/month=2026-11"
    assert [one["path"] for one in result.as_dict()["pages"]] == [
        f"{folder}/report-op-{code}.html" for code in "1234"
    ]
    assert [one.headline.series for one in result.pages] == [4_999, 1, 1, 1]


def test_month_is_the_newest_of_the_lake() -> None:
    """In the time zone; a slice that ends with a month is in that month."""
    store = MemoryStore()
    land_slices(store, days("2026-10-30", "2026-10-31"))
    land_slices(store, days("2026-10-30", "2026-10-30"), code="7")
    assert build(store, None).as_dict()["month"] == "2026-10"
    assert build(store, None, time_zone="Asia/Tokyo").as_dict()["month"] == "2026-11"


@pytest.mark.parametrize("arguments", [{}, {"code_ope": "0042"}, {"granularity": "300s"}])
def test_month_without_samples_is_an_error(arguments: dict[str, object]) -> None:
    """No page is put."""
    store = MemoryStore()
    land_slices(store, NOVEMBER)
    with pytest.raises(EvplNotPublishedError):
        build(store, "2026-09", **arguments)
    assert pages(store) == []


@pytest.mark.contract("report.error")
def test_no_page_is_put_if_one_cannot_be_made() -> None:
    """An object of the second code is damaged."""
    store = MemoryStore()
    land_slices(store, NOVEMBER, code="1")
    land_slices(store, NOVEMBER, code="2")
    path = [path for path in store.objects if "op-2" in path][1]
    store.objects[path] = store.objects[path][:4] + bytes(600) + store.objects[path][604:]
    with pytest.raises(EvplStoreError):
        build(store)
    assert pages(store) == []


def test_month_with_empty_slices_only_has_a_page() -> None:
    """A day with an empty slice is not missing; there is no series."""
    store = MemoryStore()
    land_slices(store, NOVEMBER, series=())
    [page] = build(store).pages
    assert (page.headline.series, page.headline.expected, page.headline.coverage) == (0, None, None)
    assert page.notes[0].startswith("Slices are missing on 27 of 30 days: 2026-11-04")


def test_series_with_nulls_only_has_a_page() -> None:
    """It is not judged."""
    store = MemoryStore()
    land_slices(store, NOVEMBER, lambda *_: None, series=LINES[:1])
    [page] = build(store).pages
    assert (page.headline.series, page.headline.not_judged, page.headline.coverage) == (1, 1, 0.0)


def test_one_sample_has_a_page() -> None:
    """Its end has one direction only."""
    store = MemoryStore()
    land_slices(store, [Window(NOVEMBER[0].start, NOVEMBER[0].start + HOUR)], series=LINES[:1])
    [page] = build(store).pages
    assert (page.headline.samples, page.headline.coverage, page.headline.not_judged) == (1, 1.0, 0)
