"""Questions about pages: what the header counts, page numbers, equal lengths, stability."""

from collections.abc import Iterator

from airflow_provider_evpl.flows.probe.answer import NOT_SEEN, SURE, Finding, listed
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.plan import Purpose
from airflow_provider_evpl.models import Page

__all__ = [
    "has_several_pages",
    "is_reordered",
    "judge_header",
    "judge_numbers",
    "judge_sizes",
    "judge_stability",
    "last_index",
    "next_index",
    "read_header",
    "second_page",
]


def has_several_pages(seen: Seen) -> bool:
    """Whether page 1 says that there are more."""
    page = seen.page(Purpose.PAGE)
    return page is not None and (page.has_next or (page.total_pages or 0) > 1)


def read_header(seen: Seen) -> str | None:
    """Return what the header `pagination` counts: `element`, `page`, or None if that can't be seen.

    Element 2 is on page 1 behind its first element, or it is the first one of a page 2. An API that answers
    page starts only is read by the number of the page behind the last element of page 1.
    """
    if is_reordered(seen):
        return None
    first, second = seen.marks(Purpose.PAGE), seen.marks(Purpose.SECOND)
    if len(set(first)) == len(first) > 1 and second:
        if second[: len(first) - 1] == first[1:]:
            return "element"
        if not set(first) & set(second):
            return "page"
    page, following = seen.page(Purpose.PAGE), seen.page(Purpose.NEXT)
    if page and following and (following.current_page or 0) == (page.current_page or 0) + 1:
        return "element"
    return None


def is_reordered(seen: Seen) -> bool:
    """Whether page 1 has other elements, or another order, when it is requested again."""
    is_seen = seen.find(Purpose.PAGE) and seen.find(Purpose.AGAIN)
    return bool(is_seen) and seen.marks(Purpose.PAGE) != seen.marks(Purpose.AGAIN)


def next_index(seen: Seen) -> int | None:
    """Return the index behind page 1 of several, unless the request for 2 had the beginning of page 2."""
    first, second = seen.marks(Purpose.PAGE), seen.marks(Purpose.SECOND)
    is_next = second and not set(first) & set(second)
    return None if is_next or len(first) <= 1 or not has_several_pages(seen) else 1 + len(first)


def second_page(seen: Seen) -> str:
    """Return the purpose of the request that gets the whole page 2."""
    return Purpose.NEXT if next_index(seen) else Purpose.SECOND


def last_index(seen: Seen) -> int | None:
    """Return the index of the last page, if it is a third or later one and pages are equally long."""
    first, second = seen.page(Purpose.PAGE), seen.page(second_page(seen))
    if not first or not second or not second.has_next or second.entry_count != first.entry_count:
        return None
    before = (first.total_pages or 0) - 1
    if before <= 1:
        return None
    return 1 + before * (1 if read_header(seen) == "page" else first.entry_count)


def judge_header(seen: Seen) -> Finding | None:
    """Judge what the header `pagination` counts."""
    first, reading = seen.page(Purpose.PAGE), read_header(seen)
    if first is None:
        return None
    if reading:
        index = next_index(seen) if seen.find(second_page(seen)) else None
        place = f"index {index} is the start of page 2" if index else f"index 2 is {reading} 2"
        settings = {} if reading == seen.settings.pagination else {"pagination": reading}
        evidence = f"The header counts {reading}s: {place}."
        return Finding(SURE, evidence, settings=settings)
    why = "Page 1 and the response to index 2 do not fit together."
    if not has_several_pages(seen):
        why = "The report has one page."
    elif first.entry_count == 1:
        why = "Page 1 has one element, so both readings look the same."
    elif is_reordered(seen):
        why = "Page 1 had other elements when it was requested again."
    elif not seen.find(Purpose.SECOND):
        why = "The request for index 2 got no page."
    return Finding(NOT_SEEN, why)


def judge_numbers(seen: Seen) -> Finding | None:
    """Judge whether `currentPage`, `totalPages` and `hasNext` are filled and fit together."""
    first = seen.page(Purpose.PAGE)
    if first is None:
        return None
    if wrong := list(_contradictions(seen, first)):
        return Finding(SURE, listed(*wrong), ask="A pull fails, and lands nothing wrong.")
    total = first.total_pages
    numbers = f"currentPage of page 1 is {_or_absent(first.current_page)}, totalPages is {_or_absent(total)}."
    return Finding(SURE, numbers, "" if total else "A pull can't check the number of pages.")


def _contradictions(seen: Seen, first: Page) -> Iterator[str]:
    """Give what the page numbers say against each other, or against the pull's rules."""
    total, base = first.total_pages, first.current_page
    second, last = seen.page(second_page(seen)), seen.page(Purpose.LAST)
    is_numbered = total or (base is not None and not (base == 0 and second and second.current_page == 0))
    for number, page in ((1, first), (2, second), (total or 0, last)):
        if page is None:
            continue
        if page.total_pages != total:
            other = _or_absent(page.total_pages)
            yield f"totalPages is {_or_absent(total)} on page 1, {other} on page {number}"
        expected = (base or 0) + number - 1
        if total and page.current_page is None:
            yield f"currentPage is absent on page {number}"
        elif is_numbered and page.current_page != expected:
            yield f"currentPage is {_or_absent(page.current_page)} on page {number}, not {expected}"
        if not page.entry_count and (number > 1 or page.has_next):
            yield f"page {number} has no element"
        if total and page.has_next != (number < total):
            yield f"hasNext is {str(page.has_next).lower()} on page {number} of {total}"


def judge_sizes(seen: Seen) -> Finding | None:
    """Judge the page size, and whether pages are equally long."""
    first, second = seen.page(Purpose.PAGE), seen.page(second_page(seen))
    if first is None:
        return None
    size = f"Page 1 has {first.entry_count:,} elements"
    if second and second.has_next and second.entry_count != first.entry_count:
        evidence = f"{size}, page 2 has {second.entry_count:,}."
        return Finding(SURE, evidence, "A pull requests pages one by one, which is slower.")
    if has_several_pages(seen):
        return Finding(SURE, f"{size}.")
    return Finding(NOT_SEEN, f"{size}, and is the only page.")


def judge_stability(seen: Seen) -> Finding | None:
    """Judge whether pages stay the same while they are read."""
    first, again = seen.find(Purpose.PAGE), seen.find(Purpose.AGAIN)
    changes = list(_follow_changes(seen))
    if first and again and first.facts.elements != again.facts.elements:
        changes.append(f"page 1 had {_size_of(first)}; when requested again, it had {_size_of(again)}")
    if changes:
        return Finding(
            SURE, f"Pages changed: {listed(*changes)}", ask="Pull with lookback. If this stays, ask Orange."
        )
    if again:
        return Finding(SURE, "Page 1 is the same when it is requested again.")
    return Finding(NOT_SEEN, "Page 1 did not come twice.") if first else None


def _follow_changes(seen: Seen) -> Iterator[str]:
    """Give how page 2 does not follow page 1. The request for element 2 ends with the first one of page 2."""
    first, second = seen.marks(Purpose.PAGE), seen.marks(second_page(seen))
    if repeated := len(set(first) & set(second)):
        yield f"page 2 has {repeated:,} elements of page 1 again"
    shifted = seen.marks(Purpose.SECOND)
    is_next_known = shifted[:-1] == first[1:] and len(shifted) == len(first)
    if is_next_known and second and not repeated and shifted[-1] != second[0]:
        yield "an element between page 1 and page 2 is missing"


def _size_of(exchange: Exchange) -> str:
    samples = exchange.facts.values
    empty = samples["null"] + samples["empty"] + samples["missing"]
    elements = len(exchange.facts.elements)
    return f"{elements:,} elements with {samples.total():,} samples, {empty:,} of them without a value"


def _or_absent(number: int | None) -> str:
    return "absent" if number is None else str(number)
