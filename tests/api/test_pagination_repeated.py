import pytest
from msgspec.structs import replace

from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.decode.values import pack
from airflow_provider_evpl.errors import EvplPagingError
from airflow_provider_evpl.models import Entry, Page, Rejection
from tests.support.api import entry, listed, page

LAST = page(2, 2, has_next=False, first=2)
LATE = Entry(entry(2).series, [2, 9], pack([1.0, 9.0]))


@pytest.mark.parametrize(
    "again",
    [
        replace(LAST, entries=[LATE, LAST.entries[1]]),
        replace(LAST, rejections=[Rejection("odd", 0, 1, 1, "{}")]),
    ],
    ids=["a sample more", "a sample rejected"],
)
def test_a_page_repeated_with_a_difference(again: Page) -> None:
    """A page whose series begin as on one before is repeated, whatever samples came in between."""
    with pytest.raises(EvplPagingError, match="page 2: its elements were there before"):
        list(read_pages(listed(page(1, 2), again)[0]))


def test_rejected_samples_tell_pages_apart() -> None:
    """Pages of one series, all of whose samples are rejected, are told apart by these."""
    pages = [
        replace(
            page(number, 2, has_next=number == 1),
            entries=[Entry(entry(0).series, [], pack([]))],
            rejections=[Rejection("odd", 0, 0, 1, str(number))],
        )
        for number in (1, 2)
    ]
    assert list(read_pages(listed(*pages)[0])) == pages
