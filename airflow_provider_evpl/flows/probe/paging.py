"""Questions about pages: what the header counts, page numbers, equal lengths, stability."""

from collections.abc import Iterator

from airflow_provider_evpl.flows.probe.answer import NOT_SEEN, SURE, Finding
from airflow_provider_evpl.flows.probe.asking import Exchange, Seen
from airflow_provider_evpl.flows.probe.plan import Purpose
from airflow_provider_evpl.models import Page

__all__ = ["has_several_pages", "judge_pages", "last_index", "next_index", "read_header", "second_page"]

_FAILS = "A pull fails, and lands nothing wrong. Send this to Orange."


def has_several_pages(seen: Seen) -> bool:
    """Whether page 1 says that there are more."""
    page = _page(seen.find(Purpose.PAGE))
    return page is not None and (page.has_next or (page.total_pages or 0) > 1)


def read_header(seen: Seen) -> str | None:
    """Return what the header `pagination` counts: `element`, `page`, or None if that can't be seen.

    Element 2 is on page 1 behind its first element, or it is the first one of a page 2. An API that answers
    page starts only is read by the number of the page behind the last element of page 1.
    """
    first, second = _marks(seen.find(Purpose.PAGE)), _marks(seen.find(Purpose.SECOND))
    if len(first) > 1 and second:
        if second[: len(first) - 1] == first[1:]:
            return "element"
        if not set(first) & set(second):
            return "page"
    numbers = [page.current_page or 0 for page in map(_page, _firsts(seen)) if page]
    return "element" if len(numbers) > 1 and numbers[1] == numbers[0] + 1 else None


def _firsts(seen: Seen) -> tuple[Exchange | None, Exchange | None]:
    return seen.find(Purpose.PAGE), seen.find(Purpose.NEXT)


def next_index(seen: Seen) -> int | None:
    """Return the index behind page 1, unless the request for 2 had the beginning of page 2."""
    first, second = _marks(seen.find(Purpose.PAGE)), _marks(seen.find(Purpose.SECOND))
    is_next = second and not set(first) & set(second)
    return None if is_next or len(first) <= 1 else 1 + len(first)


def second_page(seen: Seen) -> Exchange | None:
    """Return the exchange with the whole page 2, if there is one."""
    return seen.find(Purpose.NEXT if next_index(seen) else Purpose.SECOND)


def last_index(seen: Seen) -> int | None:
    """Return the index of the last page, if it is a third or later one and pages are equally long."""
    first, second = _page(seen.find(Purpose.PAGE)), _page(second_page(seen))
    if not first or not second or not second.has_next or second.entry_count != first.entry_count:
        return None
    before = (first.total_pages or 0) - 1
    if before <= 1:
        return None
    return 1 + before * (1 if read_header(seen) == "page" else first.entry_count)


def judge_pages(seen: Seen) -> Iterator[Finding]:
    """Give the findings about pages; none without page 1."""
    if first := _page(seen.find(Purpose.PAGE)):
        yield _judge_header(seen, first)
        yield _judge_numbers(seen, first)
        yield _judge_sizes(seen, first)
        yield _judge_stability(seen)


def _judge_header(seen: Seen, first: Page) -> Finding:
    reading, name = read_header(seen), "pagination"
    if reading:
        index = next_index(seen) if second_page(seen) else None
        shown = (
            f"the request for {index} gets page 2" if index else f"the request for 2 begins with {reading} 2"
        )
        return Finding(
            question=name,
            certainty=SURE,
            evidence=f"the header counts {reading}s: {shown}.",
            settings={} if reading == seen.settings.pagination else {name: reading},
        )
    why = "page 1 and the request for 2 don't fit together."
    if not has_several_pages(seen):
        why = "the report has one page."
    elif first.entry_count == 1:
        why = "page 1 has one element, so both readings are the same."
    elif not seen.find(Purpose.SECOND):
        why = "the request for 2 got no page."
    return Finding(
        question=name,
        certainty=NOT_SEEN,
        evidence=why,
        consequence="If a pull fails with a paging error, set pagination to page.",
    )


def _judge_numbers(seen: Seen, first: Page) -> Finding:
    if wrong := list(_contradictions(seen, first)):
        return Finding(
            question="page numbers",
            certainty=SURE,
            evidence=f"{'; '.join(wrong)}.",
            consequence=_FAILS,
            is_open=True,
        )
    total = first.total_pages
    numbers = f"currentPage of page 1 is {_or_absent(first.current_page)}, totalPages {_or_absent(total)}"
    return Finding(
        question="page numbers",
        certainty=SURE,
        evidence=f"{numbers}.",
        consequence="" if total else "A pull can't check the number of pages.",
    )


def _contradictions(seen: Seen, first: Page) -> Iterator[str]:
    """Give what the page numbers say against each other, or against the pull's rules."""
    total, base = first.total_pages, first.current_page
    second, last = _page(second_page(seen)), _page(seen.find(Purpose.LAST))
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
            yield f"currentPage is {_or_absent(page.current_page)} on page {number}, expected {expected}"
        if not page.entry_count and (number > 1 or page.has_next):
            yield f"page {number} has no element"
        if total and page.has_next != (number < total):
            yield f"hasNext is {str(page.has_next).lower()} on page {number} of {total}"


def _judge_sizes(seen: Seen, first: Page) -> Finding:
    second = _page(second_page(seen))
    if second and second.has_next and second.entry_count != first.entry_count:
        return Finding(
            question="page size",
            certainty=SURE,
            evidence=f"elements on page 1: {first.entry_count:,}, on page 2: {second.entry_count:,}.",
            consequence="A pull requests pages one by one, which is slower.",
        )
    certainty = SURE if has_several_pages(seen) else NOT_SEEN
    evidence = f"elements on page 1: {first.entry_count:,}"
    return Finding(
        question="page size",
        certainty=certainty,
        evidence=f"{evidence}." if certainty == SURE else f"{evidence}, which is the only one.",
    )


def _judge_stability(seen: Seen) -> Finding:
    first, again = seen.find(Purpose.PAGE), seen.find(Purpose.AGAIN)
    changes = [*_follow_changes(seen)]
    if first and again and first.facts.elements != again.facts.elements:
        before, after = _size_of(first), _size_of(again)
        changes.append(f"page 1 changed when it was requested again: {before} before, {after} after")
    if changes:
        return Finding(
            question="stability",
            certainty=SURE,
            evidence=f"{'; '.join(changes)}.",
            consequence="Pull with lookback. If this stays, send it to Orange.",
            is_open=True,
        )
    if not again:
        return Finding(
            question="stability",
            certainty=NOT_SEEN,
            evidence="page 1 was not received twice.",
            consequence="A pull checks its pages.",
        )
    return Finding(
        question="stability", certainty=SURE, evidence="page 1 is the same when it is requested again."
    )


def _follow_changes(seen: Seen) -> Iterator[str]:
    """Give how page 2 does not follow page 1. The request for element 2 ends with the first one of page 2."""
    first, second = _marks(seen.find(Purpose.PAGE)), _marks(second_page(seen))
    if repeated := len(set(first) & set(second)):
        yield f"elements of page 1 that are on page 2 again: {repeated:,}"
    shifted = _marks(seen.find(Purpose.SECOND))
    is_next_known = shifted[:-1] == first[1:] and len(shifted) == len(first)
    if is_next_known and second and not repeated and shifted[-1] != second[0]:
        yield "an element between page 1 and page 2 is missing"


def _size_of(exchange: Exchange) -> str:
    samples = exchange.facts.values
    return (
        f"{len(exchange.facts.elements):,} elements, {samples.total():,} samples, "
        f"{samples['null'] + samples['empty'] + samples['missing']:,} without a value"
    )


def _or_absent(number: int | None) -> str:
    return "absent" if number is None else str(number)


def _page(exchange: Exchange | None) -> Page | None:
    return exchange.page if exchange else None


def _marks(exchange: Exchange | None) -> tuple[int, ...]:
    return exchange.facts.marks if exchange else ()
