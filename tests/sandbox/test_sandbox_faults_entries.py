from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_provider_evpl.sandbox.faults.entries import ENTRY_FAULTS
from tests.support.sandbox import AFFECTED_ELEMENTS, HEALTHY, Page, element, pages

SAMPLES = "performanceValues"
TYPE_AND_PLACE = ("objectType", "pop_country", "pop_name", "pop_section_name")
FIRST_SAMPLES = [entry[SAMPLES][0] for entry in HEALTHY[0]["entries"][:2]]


@dataclass
class Change:
    """Fields of an entry that are set, and those that are gone."""

    fields: Mapping[str, object] = field(default_factory=dict)
    gone: tuple[str, ...] = ()

    def __call__(self, entry: Page) -> Page:
        """Change a right entry."""
        return {name: value for name, value in {**entry, **self.fields}.items() if name not in self.gone}


STANDS_IN: dict[str, Any] = {
    "performance-values-empty": Change({SAMPLES: []}),
    "performance-values-null": Change({SAMPLES: None}),
    "performance-values-text": Change({SAMPLES: "none"}),
    "performance-values-missing": Change(gone=(SAMPLES,)),
    "performance-values-one-object": lambda entry: {**entry, SAMPLES: FIRST_SAMPLES[element(entry) - 1]},
    "entry-field-unknown": Change({"bandwidth": "100M"}),
    "entry-sub-object": Change({"subObjectInstanceId": "unit-1"}),
    "optional-null": Change(dict.fromkeys(TYPE_AND_PLACE)),
    "optional-missing": Change(gone=TYPE_AND_PLACE),
    "optional-number": Change({"pop_name": 7}),
    "object-instance-id-null": Change({"objectInstanceId": None}),
    "object-instance-id-number": Change({"objectInstanceId": 1}),
    "object-instance-id-missing": Change(gone=("objectInstanceId",)),
    "metric-name-null": Change({"metric_name": None}),
    "metric-name-number": Change({"metric_name": 1}),
    "metric-name-missing": Change(gone=("metric_name",)),
    "entry-null": lambda _: None,
    "entry-text": lambda _: "EVPL-000001",
}


def test_the_table_above_has_each_fault_of_an_entry() -> None:
    """No fault of an entry is without its line above."""
    assert {fault.name for fault in ENTRY_FAULTS} == set(STANDS_IN)


@pytest.mark.parametrize("name", STANDS_IN)
def test_a_fault_of_an_entry_changes_only_its_entries(name: str) -> None:
    """In the place of circuit 1's end A stands what is written above; nothing else on any page is another."""
    change = STANDS_IN[name]
    assert pages(name) == [
        {
            **page,
            "entries": [
                change(entry) if element(entry) in AFFECTED_ELEMENTS else entry for entry in page["entries"]
            ],
        }
        for page in HEALTHY
    ]
    assert pages(name) != HEALTHY
