"""All faults by name, and how they are asked for."""

import re
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Final

from airflow_provider_evpl.sandbox.faults.entries import ENTRY_FAULTS
from airflow_provider_evpl.sandbox.faults.fault import Fault
from airflow_provider_evpl.sandbox.faults.pages import PAGE_FAULTS
from airflow_provider_evpl.sandbox.faults.paging import PAGING_FAULTS
from airflow_provider_evpl.sandbox.faults.rows import ROW_FAULTS
from airflow_provider_evpl.sandbox.faults.samples import SAMPLE_FAULTS
from airflow_provider_evpl.sandbox.faults.times import TIME_FAULTS
from airflow_provider_evpl.sandbox.faults.tokens import TOKEN_FAULTS

__all__ = ["FAULTS", "read_faults"]

_ASKED: Final = re.compile(r"([^:]*)(?::([1-9][0-9]{0,8}))?", re.ASCII)
_SEAMS: Final[tuple[tuple[Fault[Any], ...], ...]] = (
    TOKEN_FAULTS,
    PAGING_FAULTS,
    PAGE_FAULTS,
    TIME_FAULTS,
    ROW_FAULTS,
    ENTRY_FAULTS,
    SAMPLE_FAULTS,
)
FAULTS: Final[Mapping[str, Fault[Any]]] = {fault.name: fault for seam in _SEAMS for fault in seam}


def read_faults(texts: Iterable[str]) -> dict[str, float]:
    """Read `NAME` or `NAME:COUNT` each.

    Returns:
        By name, how many answers the fault may change; infinity without a count.

    Raises:
        ValueError: A name is unknown or asked for twice, or a count is not a whole number above 0.
    """
    asked: dict[str, float] = {}
    for text in texts:
        match = _ASKED.fullmatch(text)
        if match is None or match[1] not in FAULTS:
            raise ValueError(f"faults: {text!r} is not NAME or NAME:COUNT with one of {', '.join(FAULTS)}")
        if match[1] in asked:
            raise ValueError(f"faults: {match[1]} is asked for twice")
        asked[match[1]] = float(match[2] or inf)
    return asked
