"""Writes the report as one HTML file that sends no request."""

import html
import json
import zlib
from base64 import b64encode
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from airflow_provider_evpl.flows.report.model import Hours, ReportModel

__all__ = ["pack", "render"]

_SCRIPTS = ("data", "text", "state", "headline", "filters", "table", "circuit", "charts", "views", "main")
_MANY_VALUES = 750_000
_MOST_STEPS = 500_000_000


def render(model: ReportModel) -> bytes:
    """Return the page as UTF-8. The same model gives the same bytes.

    Names from the API and the inventory are in compressed base64, and the script shows them as text only.
    The page's content security policy allows its own style and scripts, by their digests, and nothing else.
    """
    hours, zone = model.hours, ZoneInfo(model.time_zone)
    style = "".join(map(_asset, ("uplot/uPlot.min.css", "page.css", "print.css")))
    uplot = _asset("uplot/uPlot.iife.min.js")
    script = "(() => {\n" + "".join(_asset(f"{name}.js") for name in _SCRIPTS) + "})();\n"
    maxima_step = 0.1 if hours.maxima.size < _MANY_VALUES else 0.2
    means_step = 0.5
    unit = model.thresholds.full_scale / 100
    means = np.empty((0,)) if hours.means is None else hours.means
    steps = {"maxima_step": maxima_step, "means_step": None if hours.means is None else means_step}
    content = _attributes(model) | {"hours": _axis(hours, zone) | steps}
    page = Template(_asset("page.html")).substitute(
        policy=_policy(style, [uplot, script]),
        title=f"EVPL report {html.escape(model.month)}",
        style=style,
        uplot=uplot,
        script=script,
        model=_block(json.dumps(content, allow_nan=False, default=partial(_plain, zone)).encode()),
        maxima=_block(pack(hours.maxima, maxima_step * unit)),
        means=_block(pack(means, means_step * unit)),
    )
    return page.encode()


def pack(values: npt.NDArray[np.float64], step: float) -> bytes:
    """Return values as whole steps, in a form that compresses well; `assets/data.js` reads it.

    Each value has a code of four bytes: 0 for NaN, else one more than the zigzag form of the difference from
    the value before. All lowest bytes come first, then all second ones, and so on. Values outside of
    500 million steps become the limit.
    """
    present = ~np.isnan(values)
    largest = _MOST_STEPS * step
    steps = np.rint(np.clip(values[present], -largest, largest) / step).astype(np.int64)
    differences = np.diff(steps, prepend=0)
    codes = np.zeros(values.shape, "<u4")
    codes[present] = ((differences << 1) ^ (differences >> 63)) + 1
    return codes.reshape(-1, 1).view(np.uint8).T.tobytes()


def _block(content: bytes) -> str:
    """Return a block of data as base64, which has no character that HTML reads."""
    return b64encode(zlib.compress(content, 9)).decode()


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    """Return a content security policy that allows no request and no other code."""
    allowed = {"style-src": [style], "script-src": scripts}
    digests = {name: " ".join(map(_digest, texts)) for name, texts in allowed.items()}
    rules = [f"{name} {digest}" for name, digest in digests.items()]
    return "; ".join(["default-src 'none'", *rules, "base-uri 'none'", "require-trusted-types-for 'script'"])


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _axis(hours: Hours, zone: ZoneInfo) -> dict[str, object]:
    """Return the buckets of time: their offsets from UTC as pairs of first bucket and seconds."""
    count, start = hours.maxima.shape[1], hours.start.astimezone(UTC)
    offsets: list[tuple[int, float]] = []
    for bucket in range(max(count, 1)):
        at = start + timedelta(seconds=bucket * hours.step_seconds)
        offset = (at.astimezone(zone).utcoffset() or timedelta()).total_seconds()
        if not offsets or offsets[-1][1] != offset:
            offsets.append((bucket, offset))
    return {
        "start": start.timestamp(),
        "step_seconds": hours.step_seconds,
        "count": count,
        "offsets": offsets,
    }


def _plain(zone: ZoneInfo, value: Any) -> object:  # noqa: ANN401 - a callback of json.dumps
    """Return what JSON can hold: times as local texts without offset, dataclasses as dicts."""
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else _attributes(value)


def _attributes(value: Any) -> dict[str, object]:  # noqa: ANN401 - any dataclass
    return {field.name: getattr(value, field.name) for field in fields(value)}
