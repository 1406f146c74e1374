"""Measure the cost of a slice without the network: `python -m benchmarks.one_slice SERIES SAMPLES`.

It decodes pages of 200 series with that many samples each, and writes them as one object in memory.
"""

import json
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from airflow_provider_evpl.decode.decoder import PageDecoder
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.parquet import encode
from airflow_provider_evpl.lake.samples import SampleCollector
from airflow_provider_evpl.window import Granularity, Window

__all__ = ["Cost", "measure"]

_START = datetime(2026, 10, 1, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_PAGE_ENTRIES = 200


class Cost(NamedTuple):
    """The cost of one slice: bytes of JSON, CPU seconds, peak bytes of memory, bytes of the object."""

    json_bytes: int
    cpu_seconds: float
    peak_bytes: int
    object_bytes: int


def measure(series: int, samples: int) -> Cost:
    """Measure a slice in this process. The CPU time does not include making the pages."""
    window = Window(_START, _START + timedelta(days=1))
    decoder, size, seconds, before = PageDecoder(), 0, 0.0, _peak_bytes()
    collector = SampleCollector(window, code_ope="0042", granularity=Granularity("300s"), pulled_at=_START)
    for body in _bodies(series, samples):
        size += len(body)
        started = time.process_time()
        collector.add(decoder.decode(body))
        seconds += time.process_time() - started
    started = time.process_time()
    written = encode(collector.finish(), Dataset("0042", "300s"), source={}, provenance={})
    seconds += time.process_time() - started
    return Cost(size, seconds, _peak_bytes() - before, len(written))


def _bodies(series: int, samples: int) -> Iterator[bytes]:
    values = random.Random(1)  # noqa: S311 not used for secrets
    times = [f"{_START + _STEP * number:%Y-%m-%dT%H:%M:%S}.000Z" for number in range(samples)]
    for first in range(0, series, _PAGE_ENTRIES):
        numbers = range(first, min(first + _PAGE_ENTRIES, series))
        entries = ",".join(_entry(number, times, values) for number in numbers)
        yield f'{{"currentPage":1,"totalPages":1,"hasNext":false,"entries":[{entries}]}}'.encode()


def _entry(number: int, times: Sequence[str], values: random.Random) -> str:
    names = {
        "objectType": "EVPL",
        "objectInstanceId": f"EVPL-{number // 4:07}",
        "metric_name": ("utilizationIn", "utilizationOut")[number % 2],
        "pop_section_name": ("MAD-10", "PAR-20")[number // 2 % 2],
    }
    samples = ",".join(f'{{"timeStamp":"{one}","value":"{values.random() * 100:.2f}"}}' for one in times)
    return f'{json.dumps(names, separators=(",", ":"))[:-1]},"performanceValues":[{samples}]}}'


def _peak_bytes() -> int:
    """Return the peak resident memory of this process; `getrusage` would include that of its parent."""
    (kilobytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) * 1024


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
