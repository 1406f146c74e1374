"""The quick ways read what the rules for single values say, whichever of them a page goes."""

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.decode.values import InvalidValueError, read_value
from airflow_provider_evpl.models import Page

decimals = st.from_regex(r"-?(0|[1-9]\d{0,25})(\.\d{1,30})?([eE][+-]?\d{1,3})?", fullmatch=True)
floats = st.floats(allow_nan=False, allow_infinity=False).map(repr)
words = st.sampled_from(
    ["null", "NULL", "nan", "-NaN", "inf", "Infinity", "-inf", "true", "", " 1 ", "+1", "1_0", "٣"]
)


def _page(values: list[object]) -> bytes:
    return _page_of(
        [{"timeStamp": f"2026-11-22T00:{at:02}:00Z", "value": value} for at, value in enumerate(values)]
    )


def _page_of(samples: object) -> bytes:
    entry = {"objectInstanceId": "a", "metric_name": "in", "performanceValues": samples}
    return json.dumps({"currentPage": 1, "totalPages": 1, "hasNext": False, "entries": [entry]}).encode()


def _by_the_rules(value: object) -> Any:  # noqa: ANN401 bits of a number, or what else it is
    try:
        return _bits(read_value(value))
    except InvalidValueError:
        return "invalid"


def _bits(number: float | None) -> bytes | None:
    if number is None or math.isnan(number):
        return None
    return struct.pack("<d", number)


def _read(page: Page) -> list[Any]:
    (entry,) = page.entries
    invalid = {one.sample for one in page.rejections}
    values = iter(entry.values)
    return [
        "invalid" if at in invalid else _bits(next(values)) for at in range(len(entry.values) + len(invalid))
    ]


@given(st.lists(st.one_of(decimals, floats), min_size=1, max_size=5))
@example(["1", "-0"])
@example(["0", "-0.0"])
def test_numbers_in_text_equal_float(values: list[str]) -> None:
    """They are equal to the last bit, however many digits they have, and infinite where `float` says so."""
    assert _read(PageDecoder().decode(_page([*values]))) == [_by_the_rules(one) for one in values]


def test_escaped_minus_zero_is_minus_zero() -> None:
    """JSON may escape any character of a text."""
    body = _page(["-0"]).replace(b"-0", rb"\u002d0")
    assert b"u002d0" in body
    assert _read(PageDecoder().decode(body)) == [_by_the_rules("-0")]


@given(st.lists(st.lists(st.one_of(decimals, words, st.none(), st.integers(-9, 9)), max_size=3), max_size=4))
def test_earlier_pages_change_no_later_page(pages: list[list[Any]]) -> None:
    """Each value is read by the rules, whatever the earlier pages had."""
    decoder = PageDecoder()
    for values in pages:
        assert _read(decoder.decode(_page(values))) == [_by_the_rules(one) for one in values]


@pytest.mark.parametrize("word", ["null", "NULL", "None", "", "1", "[]"])
def test_text_is_no_list_of_samples(word: str) -> None:
    """Not even the text `null`, which the parser takes for null."""
    page = PageDecoder().decode(_page_of(word))
    assert [one.reason for one in page.rejections] == ["performanceValues is neither list, object nor null"]
    assert PageDecoder().decode(_page_of(None)).rejections == []
