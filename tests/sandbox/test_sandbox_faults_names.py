from collections.abc import Mapping

import pytest

from airflow_provider_evpl.sandbox.faults.names import NAME_FAULTS
from tests.support.sandbox import AFFECTED_ELEMENTS, HEALTHY, Page, element, pages

FIELDS = ("objectType", "objectInstanceId", "metric_name", "pop_country", "pop_name", "pop_section_name")
# What stands around a name.
AROUND = {
    "names-slash": ("/etc/", "/x"),
    "names-dots": ("../../", ""),
    "names-quotes": ("", "'\"`; --"),
    "names-newline": ("", "\r\n\tx"),
    "names-nul": ("", "\0x"),
    "names-emoji": ("", " \U0001f525"),
    "names-blanks": (" ", " "),
    "names-long": ("", "x" * 10_240),
    "names-surrogate": ("", "\ud83d"),
}
HOSTILE_FIELD = {"../'\"\n\U0001f525": 1}


def _strike(name: str, entry: Page) -> Mapping[str, object]:
    if name == "field-name-hostile":
        return {**entry, **HOSTILE_FIELD}
    before, after = AROUND[name]
    return {key: f"{before}{value}{after}" if key in FIELDS else value for key, value in entry.items()}


def test_the_table_above_has_each_fault_of_a_name() -> None:
    """No fault of a name is without its line above."""
    assert {fault.name for fault in NAME_FAULTS} == {*AROUND, "field-name-hostile"}


@pytest.mark.parametrize("name", [*AROUND, "field-name-hostile"])
def test_a_fault_of_a_name_changes_only_its_entries(name: str) -> None:
    """The names of circuit 1's end A are those above; nothing else on any page is another."""
    numbers = [[element(entry) for entry in page["entries"]] for page in HEALTHY]
    for page, right, affected in zip(pages(name), HEALTHY, numbers, strict=True):
        told = zip(affected, right["entries"], strict=True)
        entries = [_strike(name, entry) if one in AFFECTED_ELEMENTS else entry for one, entry in told]
        assert page == {**right, "entries": entries}


def test_a_fault_of_a_name_changes_only_texts() -> None:
    """Together with faults of entries, only texts are changed."""
    for other in ("optional-null", "object-instance-id-number", "entry-null", "entry-text"):
        ours, theirs = pages("names-dots", other), pages(other)
        assert (ours == theirs) is (other in {"entry-null", "entry-text"})
        assert pages("field-name-hostile", "entry-null") == pages("entry-null")
