"""The report's file: its size, its bytes, and what it can't do."""

import json
import re
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from airflow_provider_evpl.flows.report import page
from airflow_provider_evpl.flows.report.page import pack, render
from tests.support.report_models import HOSTILE, bare, hostile, network, odd

ASSETS = Path(page.__file__).parent / "assets"


class Parts(HTMLParser):
    """The contents of a page's blocks by their id or tag, and all attributes."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.blocks: list[tuple[str, str]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes, and name a block."""
        self.attributes += attrs
        self.blocks.append((dict(attrs).get("id") or tag, ""))

    def handle_endtag(self, tag: str) -> None:
        """End a block."""
        self.blocks.append((f"after {tag}", ""))

    def handle_data(self, data: str) -> None:
        """Keep the text of the block that has begun last."""
        if self.blocks:
            self.blocks[-1] = (self.blocks[-1][0], self.blocks[-1][1] + data)

    def data(self, name: str) -> bytes:
        """Read a block of data."""
        return zlib.decompress(b64decode(dict(self.blocks)[f"data-{name}"]))


def read(content: bytes) -> dict[str, object]:
    """Read what a page shows."""
    found: dict[str, object] = json.loads(Parts(content).data("model"))
    return found


def test_page_of_2000_series_is_below_its_limit() -> None:
    """30 days of 2,000 noisy series fit into 2.5 MB."""
    content = render(network(500))
    assert len(content) < 2_500_000
    assert read(content)["hours"]["maxima_step"] == 0.2  # type: ignore[index]


def test_same_model_gives_the_same_bytes() -> None:
    """Nothing of the page depends on time or chance."""
    assert render(network(4)) == render(network(4))


@pytest.mark.parametrize("name", odd())
def test_odd_model_has_a_page(name: str) -> None:
    """A model without series, without values, or with wild ones is rendered."""
    model = odd()[name]
    assert len(read(render(model))["series"]) == len(model.series)  # type: ignore[arg-type]


@pytest.mark.contract("report.self-contained")
def test_page_has_no_name_as_markup() -> None:
    """Names are only in the compressed data, so that none can end a block or begin one."""
    content = render(hostile())
    assert HOSTILE.encode() not in content
    assert b"onerror" not in content
    assert [name for name, _ in Parts(content).blocks].count("script") == 2
    assert f"{HOSTILE}0" in read(content)["notes"]  # type: ignore[operator]


@pytest.mark.contract("report.self-contained")
def test_page_loads_nothing() -> None:
    """No attribute and no rule of the style names another file, and the policy forbids every request."""
    parts = Parts(render(network(4)))
    assert {name for name, _ in parts.attributes} & {"src", "href", "action", "data", "srcset"} == set()
    style = dict(parts.blocks)["style"]
    assert not re.search(r"url\(|@import|@font-face", style)
    assert "default-src 'none'; style-src 'sha256-" in str(parts.attributes)
    assert "unsafe" not in str(parts.attributes)


def test_policy_allows_the_style_and_both_scripts_only() -> None:
    """The digests of the policy are those of the page's own blocks."""
    parts = Parts(render(network(4)))
    (policy,) = [
        value for name, value in parts.attributes if name == "content" and "script-src" in str(value)
    ]
    code = [text for name, text in parts.blocks if name in ("style", "script")]
    digests = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in code]
    assert re.findall(r"'sha256-[^']+'", str(policy)) == digests


def test_uplot_is_the_released_file() -> None:
    """The inlined library is unchanged."""
    digests = {
        "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    }
    for name, digest in digests.items():
        assert sha256((ASSETS / "uplot" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.*")), ids=lambda path: path.name)
def test_asset_is_small_and_can_be_inlined(path: Path) -> None:
    """Files stay under 400 lines, and none can end its own block."""
    text = path.read_text()
    assert len(text.splitlines()) < 400
    assert path.name == "page.html" or "</" not in text


def unpack(content: bytes, step: float) -> list[float | None]:
    """Read packed values as `assets/data.js` does."""
    planes = np.frombuffer(content, np.uint8).reshape(4, -1).astype(np.int64)
    last, values = 0, list[float | None]()
    for code in planes[0] + (planes[1] << 8) + (planes[2] << 16) + (planes[3] << 24):
        if code:
            last += (code - 1) // 2 if code % 2 else -code // 2
        values.append(float(last * step) if code else None)
    return values


def test_packed_values_are_read_back() -> None:
    """Values come back in whole steps, gaps as gaps, and values far outside as the limit."""
    values = np.array([[np.nan, 1.0, 1.26, np.nan], [-3.0, 1e300, -1e300, 99.9]])
    found = unpack(pack(values, 0.1), 0.1)
    assert found == pytest.approx([None, 1.0, 1.3, None, -3.0, 5e7, -5e7, 99.9])


def test_times_are_those_of_the_time_zone() -> None:
    """Times are local texts, and the offsets follow the clock change."""
    model = network(4)
    offsets = []
    for month in (3, 10):
        start = datetime(2026, month, 1, tzinfo=ZoneInfo("Europe/Paris"))
        content = read(render(replace(model, hours=replace(model.hours, start=start))))
        assert content["created_at"] == "2026-12-01T06:30:00"
        offsets.append(content["hours"]["offsets"])  # type: ignore[index]
    assert offsets == [[[0, 3600], [674, 7200]], [[0, 7200], [579, 3600]]]


def test_granularity_above_an_hour_has_no_heat_map() -> None:
    """Without means the page has an empty block and no step of them."""
    model = bare(np.ones((1, 720)))
    hours = replace(model.hours, step_seconds=86_400, maxima=np.array([[1.0, np.nan, 3.0]]), means=None)
    content = render(replace(model, hours=hours))
    assert read(content)["hours"]["means_step"] is None  # type: ignore[index]
    assert Parts(content).data("means") == b""
