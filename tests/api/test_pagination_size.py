from typing import Any

import pytest
from msgspec.structs import replace

from airflow_provider_evpl.api.pagination import read_pages
from airflow_provider_evpl.decode.limits import MAX_REJECTIONS
from airflow_provider_evpl.errors import EvplResponseError
from airflow_provider_evpl.models import Page, Rejection
from tests.support.api import page

ODD = Rejection("odd", 0, 0, 1, "{}")
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bytes": ({"size": 1 << 29}, {"size": (1 << 29) + 1}),
    "rejected": (
        {"rejections": [ODD] * (MAX_REJECTIONS // 2)},
        {"rejections": [ODD] * (MAX_REJECTIONS // 2 + 1)},
    ),
    "elements": ({"entry_count": 2_500_000}, {"entry_count": 2_500_001}),
}


def _read(*pages: Page) -> list[Page]:
    given = iter(pages)
    return list(read_pages(lambda _: next(given)))


@pytest.mark.parametrize(("half", "more"), SIZES.values(), ids=SIZES)
def test_a_slice_has_a_size(half: dict[str, Any], more: dict[str, Any]) -> None:
    """Pages of just a GiB, a million rejected samples or five million elements; one more is refused."""
    first, last = page(1, 2), page(2, 2, has_next=False)
    assert len(_read(replace(first, **half), replace(last, **half))) == 2
    with pytest.raises(EvplResponseError, match=r"page 2: .* more than can be kept .*; pull shorter slices"):
        _read(replace(first, **half), replace(last, **more))
