"""The report as a network planner uses it, in a browser without network."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from airflow_provider_evpl.flows.report.model import ReportModel
from tests.e2e_report.conftest import LAPTOP, Open, Theme
from tests.support.pictures import with_few_colors
from tests.support.report_models import HOSTILE, hostile, network, odd

AXE = Path(sys.prefix, "axe", "node_modules", "axe-core", "axe.min.js")
WALL = (2560, 1440)
PAPER = (794, 1123)
DASH = "\N{EN DASH}"
COLORS = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
VIEWS = ("circuits", "groups", "changes", "coverage", "notes")


def texts(page: Page, column: str) -> list[str]:
    """Read a column of the rows that are in the document."""
    found: list[str] = page.locator(f"#table td.{column}").all_inner_texts()
    return found


def numbers(cells: Sequence[str]) -> list[float]:
    """Read the numbers of cells; a cell without a figure is left out."""
    found = [re.search(r"[\d.]+", cell) for cell in cells]
    return [float(one[0]) for one in found if one]


def state(page: Page) -> str:
    """Return what the address says after `#`."""
    url: str = page.url
    return url.partition("#")[2]


def rates(page: Page, name: str) -> list[float]:
    """Read a figure in Mbit/s from each card of the open circuit."""
    cells = page.locator("#circuit dl.figures div", has=page.locator("dt", has_text=name)).locator("dd")
    return sorted(float(cell.removesuffix(" Mbit/s").replace(",", "")) for cell in cells.all_inner_texts())


@pytest.mark.contract("report.says")
def test_headline_answers_which_lines_are_full(open_report: Open, model: ReportModel) -> None:
    """The first sentence has the answer; what qualifies it is beside it."""
    page = open_report(model)
    expect(page.locator(".answer")).to_have_text("1 of 20 circuits is above 90 %")
    expect(page.locator(".fullest")).to_contain_text(
        "EVPL-000002 · Frankfurt · FRA-02 · In 92.6 %, above 90 % since 7 Sep"
    )
    for text in (
        "Indicative, not an invoice",
        "times in Europe/Paris",
        "samples up to 30 Nov 23:55, pulled 1 Dec 04:12",
    ):
        expect(page.locator("#facts")).to_contain_text(text)
    expect(page.locator("#headline .facts")).to_contain_text("1 above 90 %")
    expect(page.locator("#headline .facts")).to_contain_text("8 above 70 %")
    expect(page.locator("#headline .facts")).to_contain_text("1 not judged")
    expect(page.locator(".since")).to_contain_text("1 now above 90 %")
    expect(page.locator("#headline .note")).to_contain_text("All 3 notes")


@pytest.mark.parametrize("name", odd())
def test_odd_report_opens_in_each_view(open_report: Open, pictures: Path, name: str) -> None:
    """A month without data, one sample, wild values and long names give a page, without an error."""
    page = open_report(odd()[name])
    for view in VIEWS:
        page.goto(f"{page.url.partition('#')[0]}#view={view}")
        expect(page.locator(f"#{view}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not re.search("null|undefined|NaN", page.locator("body").inner_text())
        page.screenshot(path=pictures / f"{name}-{view}.png", animations="disabled")


def test_sorting_orders_the_rows_and_puts_unknown_last(open_report: Open, model: ReportModel) -> None:
    """The first click on a figure sorts the highest first, the second the lowest first."""
    page = open_report(model)
    out = page.get_by_role("columnheader", name="p95 out")
    for order in ("descending", "ascending"):
        out.get_by_role("button").click()
        expect(out).to_have_attribute("aria-sort", order)
        page.locator("#scroller").evaluate("node => { node.scrollTop = 0 }")
        found = numbers(texts(page, "out"))
        assert found == sorted(found, reverse=order == "descending")
        page.locator("#scroller").evaluate("node => { node.scrollTop = node.scrollHeight }")
        expect(page.locator("#table tr[data-index]").last.locator("td.out")).to_have_text(DASH)
    page.get_by_role("columnheader", name="Circuit").get_by_role("button").click()
    page.locator("#scroller").evaluate("node => { node.scrollTop = 0 }")
    expect(page.locator("#table tr[data-index]").first).to_contain_text("EVPL-000001")
    expect(page).to_have_url(re.compile("sort=circuit"))


def test_search_and_filters_leave_the_ends_that_fit(open_report: Open, model: ReportModel) -> None:
    """All words of a search must fit; filters of country, point of presence and group narrow the rows."""
    page = open_report(model)
    page.get_by_role("searchbox").fill("frankfurt fra-02")
    expect(page.locator("#count")).to_have_text("1 of 40 ends")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Country").select_option("France")
    assert set(page.locator("#filter-pop option").all_inner_texts()) == {"PoP: all", "Paris", "Marseille"}
    page.get_by_label("PoP").select_option("Marseille")
    assert all(cell.startswith("Marseille") for cell in texts(page, "place"))
    page.get_by_label("Group", exact=True).select_option("Retail")
    expect(page.locator("#count")).to_have_text(re.compile(r"^\d of 40 ends$"))
    page.get_by_role("searchbox").fill("nothing has this name")
    expect(page.locator("#table-note")).to_have_text("No end fits the filters.")
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="above 90 %").click()
    expect(page.locator("#table tr[data-index]")).to_have_count(1)


def test_chip_counts_the_rows_that_it_shows(open_report: Open, model: ReportModel) -> None:
    """The number of a chip is that of the ends in the table after a click."""
    page = open_report(model)
    for chip in page.locator(".chip").all():
        chip.click()
        count = chip.locator("b").inner_text()
        expect(page.locator("#count")).to_have_text(f"{count} of 40 ends")


def test_figures_fit_into_their_columns(open_report: Open, model: ReportModel) -> None:
    """No figure is cut off, with or without an open circuit; `≥` stands before an end judged in part."""
    for circuit in ("", "EVPL-000003"):
        page = open_report(model, f"#q=EVPL-000003&circuit={circuit}")
        assert any(cell.startswith("≥") for cell in texts(page, "max"))
        cut = "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.innerText)"
        assert page.locator("#table :is(td.place, td.in, td.out, td.max, td.trend)").evaluate_all(cut) == []


def test_group_leads_to_its_circuits(open_report: Open, model: ReportModel) -> None:
    """The name of a group is a link to the table, filtered by the group."""
    page = open_report(model, "#view=groups&q=nothing")
    page.get_by_role("link", name="Plants").first.click()
    expect(page.get_by_label("Group", exact=True)).to_have_value("Plants")
    expect(page.locator("#count")).to_have_text("14 of 40 ends")


def test_circuit_shows_both_ends_and_directions(open_report: Open, model: ReportModel) -> None:
    """A click opens four series, each with a drawn chart and 168 cells; Escape closes the circuit."""
    page = open_report(model, "#circuit=")
    expect(page.locator("#circuit")).to_be_hidden()
    page.locator("#table tr[data-index]", has_text="EVPL-000018").first.click()
    expect(page.locator("#circuit h2")).to_have_text("EVPL-000018")
    assert page.locator("#circuit h4 > span:nth-child(2)").all_inner_texts() == ["In", "Out", "In", "Out"]
    expect(page.locator("#circuit canvas")).to_have_count(4)
    expect(page.locator("#circuit .heat rect")).to_have_count(4 * 168)
    assert page.locator("#circuit canvas").first.evaluate(COLORS) > 20
    lines = [
        model.series[one].figures for end in model.ends if end.circuit == "EVPL-000018" for one in end.series
    ]
    needed = sorted(line.percentile_mbits / 0.7 for line in lines if line.percentile_mbits)
    shown = rates(page, "rate for 70 %")
    assert shown == pytest.approx(needed, abs=1)
    assert all(one >= other for one, other in zip(shown, needed, strict=True))
    assert needed
    page.keyboard.press("Escape")
    expect(page.locator("#circuit")).to_be_hidden()


def test_keyboard_alone_reads_the_report(open_report: Open) -> None:
    """Arrows move through 1,000 ends, Enter goes to the circuit, arrows read chart and heat map."""
    page = open_report(network(500), "#circuit=")
    page.locator("#table").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#table tr[aria-selected=true]")).to_have_attribute("aria-rowindex", "2")
    page.keyboard.press("End")
    chosen = page.locator("#table tr[aria-selected=true]")
    expect(chosen).to_have_attribute("aria-rowindex", "1001")
    expect(chosen).to_be_in_viewport()
    assert page.locator("#table").get_attribute("aria-activedescendant") == chosen.get_attribute("id")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    chart = page.locator("#circuit .chart").first
    chart.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#circuit .readout").first).to_have_text(re.compile(r"^Sun 1 Nov 01:00: [\d.]+ %$"))
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#circuit .readout").first).to_contain_text("Mon 2 Nov 01:00")
    page.keyboard.press("+")
    page.get_by_role("button", name="Whole month").click()
    expect(page.get_by_role("button", name="Whole month")).to_be_hidden()
    page.locator("#circuit .heat").first.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#circuit .readout").first).to_have_text(re.compile(r"^Tue 0.1 h: mean [\d.]+ %$"))
    page.keyboard.press("Escape")
    expect(page.locator("#table")).to_be_focused()


def test_each_view_has_a_link(open_report: Open, model: ReportModel) -> None:
    """The address keeps view, filters, sort, circuit and theme; another browser shows the same."""
    page = open_report(model)
    page.get_by_label("Country").select_option("Côte d'Ivoire")
    page.get_by_role("columnheader", name="End").get_by_role("button").click()
    page.locator("#table tr[data-index]").first.click()
    page.get_by_role("button", name="Dark theme").click()
    expect(page).to_have_url(re.compile("theme=dark"))
    other = open_report(model, f"#{state(page)}")
    for one in (page, other):
        expect(one.get_by_role("columnheader", name="End")).to_have_attribute("aria-sort", "ascending")
        expect(one.get_by_role("button", name="Light theme")).to_be_visible()
    assert page.locator("#circuit h2").inner_text() == other.locator("#circuit h2").inner_text()
    assert texts(page, "place") == texts(other, "place") != []
    other.get_by_role("navigation").get_by_text("Coverage").click()
    expect(other.locator("#coverage")).to_be_visible()
    assert "view=coverage" in state(other)
    other.go_back()
    expect(other.locator("#circuits")).to_be_visible()


def test_change_leads_to_its_circuit(open_report: Open, model: ReportModel) -> None:
    """A line of the changes opens the circuit, without the filters that could hide it."""
    page = open_report(model, "#view=changes&q=nothing")
    page.locator("#changes li a", has_text="EVPL-000006").click()
    expect(page.locator("#circuit h2")).to_have_text("EVPL-000006")
    expect(page.locator("#table tr[aria-selected=true]")).to_have_count(1)


def test_clock_change_moves_the_hours_of_a_chart(open_report: Open, model: ReportModel) -> None:
    """Buckets have the wall clock of the report's zone; the 25 hours of a day have two at 02:00."""
    start = datetime(2026, 10, 1, tzinfo=ZoneInfo("Europe/Paris"))
    page = open_report(replace(model, month="2026-10", hours=replace(model.hours, start=start)))
    page.locator("#circuit .chart").first.focus()
    for _ in range(24):
        page.keyboard.press("Shift+ArrowRight")
    found = []
    for _ in range(5):
        found.append(page.locator("#circuit .readout").first.inner_text()[:16])
        page.keyboard.press("ArrowRight")
    assert found == [f"Sun 25 Oct {hour}" for hour in ("00:00", "01:00", "02:00", "02:00", "03:00")]


def test_print_has_all_parts_in_light_colors(open_report: Open, model: ReportModel, pictures: Path) -> None:
    """A print has headline, all rows, circuit, groups, calendar and notes, whatever is on screen."""
    page = open_report(model, "#view=coverage&circuit=EVPL-000018", theme="dark")
    page.emulate_media(media="print")
    for part in ("#headline", "#table", "#circuit", "#groups", "#coverage", "#notes"):
        expect(page.locator(part)).to_be_visible()
    expect(page.locator("#table tr[data-index]")).to_have_count(40)
    expect(page.locator("#filters")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.getElementById('title')).color") == "rgb(21, 25, 31)"
    page.emulate_media(media="screen")
    expect(page.locator("#table")).to_be_hidden()
    page.emulate_media(media="null")
    page.pdf(path=pictures / "report.pdf", prefer_css_page_size=True, print_background=True)
    pages = re.findall(rb"/Type /Pages\s.*?/Count (\d+)", (pictures / "report.pdf").read_bytes(), re.DOTALL)
    assert 3 <= int(pages[0]) <= 5


def test_pictures_of_the_docs(open_report: Open, model: ReportModel, pictures: Path) -> None:
    """`make report-images` puts them into `docs/images`."""
    shown: dict[str, tuple[str, Theme]] = {
        "report": ("#circuit=EVPL-000002", "light"),
        "report-dark": ("#circuit=EVPL-000018", "dark"),
        "report-coverage": ("#view=coverage", "light"),
    }
    for name, (link, theme) in shown.items():
        page = open_report(model, link, theme=theme)
        path = pictures / f"{name}.png"
        path.write_bytes(with_few_colors(page, page.screenshot(animations="disabled")))
        assert path.stat().st_size < 150_000


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [LAPTOP, WALL, PAPER], ids=["laptop", "wall", "print"])
def test_report_has_no_barriers(
    open_report: Open, model: ReportModel, pictures: Path, size: tuple[int, int], theme: Theme
) -> None:
    """axe-core finds no violation in any view."""
    page = open_report(model, size=size, theme=theme)
    if size == PAPER:
        page.emulate_media(media="print", color_scheme=theme)
    page.evaluate(AXE.read_text())
    for view in VIEWS:
        page.goto(f"{page.url.partition('#')[0]}#view={view}&circuit=EVPL-000002")
        page.screenshot(path=pictures / f"{view}-{size[0]}-{theme}.png", animations="disabled")
        result = page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
        found = {one["id"]: [node["html"] for node in one["nodes"]][:3] for one in result["violations"]}
        assert found == {}, view
        assert len(result["passes"]) > 20


@pytest.mark.contract("report.self-contained")
def test_names_from_the_api_stay_text(open_report: Open) -> None:
    """Markup in a code, a name of the data, a group, a label or a note is shown as it is."""
    page = open_report(hostile())
    for view in VIEWS:
        page.goto(f"{page.url.partition('#')[0]}#view={view}")
    page.emulate_media(media="print")
    assert page.locator("img, iframe, object, embed, body b:has-text('🚀')").count() == 0
    assert page.evaluate("document.scripts.length") == 5
    text = page.locator("body").inner_text()
    assert {number for number in range(9) if f"{HOSTILE}{number}" in text} == set(range(9))


def test_time_until_ready_is_measured(open_report: Open) -> None:
    """The page of 2,000 series and 30 days opens; its time is printed, because machines differ."""
    page = open_report(network(500))
    milliseconds = page.evaluate("document.documentElement.dataset.ready")
    print(f"ready after {milliseconds} ms with 2,000 series")  # noqa: T201
    expect(page.locator(".answer")).to_contain_text("of 500 circuits")
