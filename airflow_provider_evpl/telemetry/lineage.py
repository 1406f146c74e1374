"""Lineage of a task for OpenLineage: where samples came from, where they landed, and the ledger.

Import this module only where an event is made: OpenLineage's provider is an extra.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast
from urllib.parse import quote, urlsplit

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
from openlineage.client.generated.symlinks_dataset import Identifier, SymlinksDatasetFacet

from airflow_provider_evpl import __version__
from airflow_provider_evpl.lake.schema import TABLE_SCHEMA
from airflow_provider_evpl.window import iso

if TYPE_CHECKING:
    from airflow_provider_evpl.flows.summary import Summary

__all__ = ["Lineage", "Names", "lineage_of_publication", "lineage_of_pull", "lineage_of_read"]

Lineage: TypeAlias = OperatorLineage[Dataset, RunFacet]
Names: TypeAlias = Mapping[str, tuple[str, str]]
"""Names of the lake's folders, from `dataset_names`."""

_PRODUCER: Final = f"https://pypi.org/project/airflow-provider-evpl/{__version__}/"


def lineage_of_pull(source: Mapping[str, str], names: Names, summary: "Summary") -> Lineage:
    """Return the lineage of a pull, also of one that failed: from the API, by operator code, to the lake."""
    ledger = summary.ledger
    api = InputDataset(
        namespace=source["base_url"],
        name="/".join(
            quote(text, safe="") for text in (source["job"], source["offer_type"], summary.plan.code_ope)
        ),
        inputFacets={
            "inputStatistics": InputStatisticsInputDatasetFacet(rowCount=ledger.received, producer=_PRODUCER)
        },
    )
    facet = RunFacet(producer=_PRODUCER).with_additional_properties(**_ledger_facet(summary))
    return Lineage(
        inputs=[api],
        outputs=_outputs(names, summary),
        run_facets={"evpl_ledger": cast("RunFacet", facet)},  # the same class, typed as its base
    )


def _ledger_facet(summary: "Summary") -> dict[str, Any]:
    """Return the window and the counts, by their names in the task's result."""
    counts = summary.ledger.as_result()
    del counts["pages"]
    plan = summary.plan
    return {
        "granularity": plan.granularity.text,
        "window_start": iso(plan.window.start),
        "window_end": iso(plan.window.end),
        **counts,
    }


def lineage_of_read(names: Names) -> Lineage:
    """Return the lineage of a task that only reads the lake."""
    return Lineage(inputs=[Dataset(*names["samples"], facets={"schema": _schema()})])


def lineage_of_publication(names: Names, table: str, location: str, rows: int) -> Lineage:
    """Return the lineage of a publication: from the lake to an Iceberg table.

    The output is named after the location of the table, as Spark names it. A symlink has the table's name.
    """
    parts = urlsplit(location)
    is_local = parts.scheme in ("", "file")
    namespace = "file" if is_local else f"{parts.scheme}://{parts.netloc}"
    link = Identifier(namespace=namespace, name=table, type="TABLE")
    output = OutputDataset(
        namespace=namespace,
        name=parts.path if is_local else parts.path.strip("/"),
        facets={"symlinks": SymlinksDatasetFacet(identifiers=[link], producer=_PRODUCER)},
        outputFacets=_statistics(rowCount=rows),
    )
    return Lineage(inputs=lineage_of_read(names).inputs, outputs=[output])


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
