"""Lineage of a task for OpenLineage: where samples came from, where they landed, and the ledger.

Import this module only where an event is made: OpenLineage's provider is an extra.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import quote

import pyarrow as pa
from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.generated.base import (
    Dataset,
    InputDataset,
    OutputDataset,
    OutputDatasetFacet,
    RunFacet,
)
from openlineage.client.generated.input_statistics_input_dataset import InputStatisticsInputDatasetFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
from openlineage.client.generated.schema_dataset import SchemaDatasetFacet, SchemaDatasetFacetFields

from airflow_provider_evpl import __version__
from airflow_provider_evpl.flows.summary import SUMMED
from airflow_provider_evpl.lake.schema import TABLE_SCHEMA

if TYPE_CHECKING:
    from airflow_provider_evpl.flows.summary import Summary

__all__ = ["Lineage", "Names", "lineage_of_pull", "lineage_of_read"]

Lineage: TypeAlias = OperatorLineage[Dataset, RunFacet]
Names: TypeAlias = Mapping[str, tuple[str, str]]

_PRODUCER: Final = f"https://pypi.org/project/airflow-provider-evpl/{__version__}/"
_LEDGER: Final = (
    *("granularity", "window_start", "window_end", "series"),
    *(name for name in SUMMED if name != "pages"),
)
"""Of the task's result, by the same names."""


def lineage_of_pull(source: Mapping[str, str], names: Names, summary: "Summary") -> Lineage:
    """Return the lineage of a pull: from the API, by operator code, to the lake.

    Args:
        source: where the samples come from: `Settings.source`.
        names: names of the lake's folders, from `dataset_names`.
        summary: what has landed, also of a pull that failed.
    """
    result: dict[str, Any] = summary.as_dict()
    api = InputDataset(
        namespace=source["base_url"],
        name="/".join(
            quote(text, safe="") for text in (source["job"], source["offer_type"], summary.plan.code_ope)
        ),
        inputFacets={
            "inputStatistics": InputStatisticsInputDatasetFacet(
                rowCount=result["received"], producer=_PRODUCER
            )
        },
    )
    ledger = RunFacet(producer=_PRODUCER).with_additional_properties(
        **{name: result[name] for name in _LEDGER}
    )
    return Lineage(
        inputs=[api],
        outputs=_outputs(names, summary),
        run_facets={"evpl_ledger": cast("RunFacet", ledger)},  # it gives a facet of the kind that it was
    )


def lineage_of_read(names: Names) -> Lineage:
    """Return the lineage of a task that only reads the lake.

    Args:
        names: names of the lake's folders, from `dataset_names`.
    """
    return Lineage(inputs=[Dataset(*names["samples"], facets={"schema": _schema()})])


def _outputs(names: Names, summary: "Summary") -> list[Dataset]:
    samples = OutputDataset(
        *names["samples"],
        facets={"schema": _schema()},
        outputFacets=_statistics(
            rowCount=sum(landing.rows for landing in summary.landings),
            size=sum(landing.bytes for landing in summary.landings),
            fileCount=len(summary.landings),
        ),
    )
    files = sum(landing.rejected_path is not None for landing in summary.landings)
    if not files:
        return [samples]
    return [samples, OutputDataset(*names["rejected"], outputFacets=_statistics(fileCount=files))]


def _statistics(**counts: int) -> dict[str, OutputDatasetFacet]:
    return {"outputStatistics": OutputStatisticsOutputDatasetFacet(**counts, producer=_PRODUCER)}


def _schema() -> SchemaDatasetFacet:
    """Return the columns as they are in the file, where text is not dictionary-encoded."""
    return SchemaDatasetFacet(
        fields=[
            SchemaDatasetFacetFields(
                name=field.name,
                type=str(field.type.value_type if pa.types.is_dictionary(field.type) else field.type),
            )
            for field in TABLE_SCHEMA
        ],
        producer=_PRODUCER,
    )
