import pytest
from msgspec.structs import replace

from airflow_provider_evpl.api.pages import read_pages
from airflow_provider_evpl.errors import EvplResponseError
from airflow_provider_evpl.page import Page, Rejection
from airflow_provider_evpl.records import MOST_REJECTIONS
from tests.api.fake_report import listed, page

ODD = Rejection("odd", 0, 0, 1, "{}")
HALF: dict[str, Page] = {
    "bytes": replace(page(1, 2), size=1 << 29),
    "rejected": replace(page(1, 2), rejections=[ODD] * (MOST_REJECTIONS // 2)),
}


@pytest.mark.parametrize("first", HALF.values(), ids=HALF)
def test_a_slice_has_a_size(first: Page) -> None:
    """Pages of just a GiB, or of a million rejected samples, are taken; one more of either is refused."""
    last = replace(first, current_page=2, has_next=False, entries=page(2).entries)
    assert len(list(read_pages(listed(first, last)[0]))) == 2
    more = (
        replace(last, size=last.size + 1) if first.size else replace(last, rejections=[*last.rejections, ODD])
    )
    with pytest.raises(EvplResponseError, match=r"page 2: .* more than can be kept .*; pull shorter slices"):
        list(read_pages(listed(first, more)[0]))
