"""Compares a slice with what has landed, before it lands: expected series, revisions, losses.

Each function raises EvplError if the store fails or refuses.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from airflow_provider_evpl.errors import name_of, name_some
from airflow_provider_evpl.lake.completeness import Completeness
from airflow_provider_evpl.lake.contents import Counts, Part, SeriesCounter, UnreadableError
from airflow_provider_evpl.lake.layout import largest
from airflow_provider_evpl.lake.objects import Objects
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.lake.revisions import Revisions, revise
from airflow_provider_evpl.lake.samples import Samples, sum_by_circuit
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Window

__all__ = ["Change", "compare", "count_landed", "find_losses"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What landing a slice would change.

    Attributes:
        samples: the slice. The series of the objects that it replaces are expected too, and those of the
            newest object that ended in the 24 hours before it.
        revisions: None if the rows of a replaced object can't be read.
        losses: for each landed object that would lose rows or values, a text that says which.
    """

    samples: Samples
    revisions: Revisions | None
    losses: list[str]


def compare(objects: Objects, landed: Mapping[Window, Footer], samples: Samples) -> Change:
    """Compare a slice with the objects that it would replace. Each object is read once."""
    reader = _Reader(objects)
    try:
        revisions = revise(samples.rows, samples.window, landed, reader.parts) if landed else Revisions()
    except UnreadableError as error:
        _log.warning("slice %s: no revisions, a landed object can't be read: %s", samples.window.label, error)
        revisions = None
    known: set[Series] = set().union(*(reader.count(one) or () for one in largest(landed)))
    if samples.completeness:
        known |= objects.newest_series(samples.window.start, DAY)
    losses = _losses(reader, landed, samples)
    return Change(samples=samples.expecting(known), revisions=revisions, losses=losses)


def find_losses(objects: Objects, landed: Mapping[Window, Footer], samples: Samples) -> list[str]:
    """Return a text for each landed object that would lose rows or values of a circuit and metric.

    Objects inside others are left out, because a killed run left them.
    """
    return _losses(_Reader(objects), landed, samples)


def count_landed(objects: Objects, landed: Iterable[Window], samples: Samples) -> Completeness | None:
    """Return how complete the landed objects in a slice are.

    Return None if the slice isn't made of whole steps, or if a landed object can't be read.
    """
    reader = _Reader(objects)
    counts = [reader.count(one) for one in largest(landed)]
    if samples.completeness is None or None in counts:
        return None
    steps = Counter[Series]()
    for one in filter(None, counts):
        steps.update({series: found.value_steps for series, found in one.items()})
    kept = replace(
        samples.completeness,
        series=[*steps],
        value_steps=np.array([*steps.values()], np.int64),
        absent=frozenset(),
    )
    return kept.expecting(samples.completeness.absent | samples.series)


class _Reader:
    """Reads objects, and counts their rows by series. The counts of each object are kept."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._counts: dict[Window, dict[Series, Counts]] = {}

    def parts(self, window: Window) -> Iterator[Part]:
        counter = SeriesCounter(None)
        for part in self._objects.parts(window):
            counter.add(part)
            yield part
        self._counts[window] = counter.counts

    def count(self, window: Window) -> dict[Series, Counts] | None:
        """Return the counts of each series of an object; None if its rows can't be read."""
        try:
            if window not in self._counts:
                self._counts[window] = self._objects.count(window)
        except UnreadableError:
            return None
        return self._counts[window]


def _losses(reader: _Reader, landed: Mapping[Window, Footer], samples: Samples) -> list[str]:
    lost = {one: _lost(reader.count(one), landed[one], samples, one) for one in largest(landed)}
    return [f"{window.label} has " + name_some(texts, ",\n") for window, texts in lost.items() if texts]


def _lost(
    counts: Mapping[Series, Counts] | None, footer: Footer, samples: Samples, window: Window
) -> list[str]:
    """Return a text for each circuit and metric of an object that would lose rows or values.

    If the rows of the object can't be read, its totals are compared.
    """
    if counts is None:
        before = {("", ""): (footer.ledger.rows, footer.ledger.rows - footer.ledger.null_values)}
        now = {("", ""): samples.count_within(window)}
    else:
        before = sum_by_circuit((series, one.rows, one.values) for series, one in counts.items())
        now = samples.count_circuits(window)
    lost = []
    for circuit, (rows, values) in before.items():
        now_rows, now_values = now.get(circuit, (0, 0))
        if now_rows < rows or now_values < values:
            name = name_of(*circuit)
            have = f"{rows} rows, {values} with a value, now {now_rows} and {now_values}"
            lost.append(f"{have} ({name})" if name else have)
    return lost
