"""The columns of the lake: names, types, order."""

import pyarrow as pa

from airflow_provider_evpl.models import Series

__all__ = ["SCHEMA_VERSION", "SERIES_COLUMNS", "SORT_COLUMNS", "TABLE_SCHEMA"]

SCHEMA_VERSION = "1"

SERIES_COLUMNS = Series._fields
"""The columns that identify a series, in sort order."""

SORT_COLUMNS = (*SERIES_COLUMNS, "timestamp")

_TEXT = pa.dictionary(pa.int32(), pa.string())

TABLE_SCHEMA = pa.schema(
    [
        pa.field("code_ope", _TEXT, nullable=False),
        pa.field("object_type", _TEXT),
        pa.field("object_instance_id", _TEXT, nullable=False),
        pa.field("metric_name", _TEXT, nullable=False),
        pa.field("pop_country", _TEXT),
        pa.field("pop_name", _TEXT),
        pa.field("pop_section_name", _TEXT),
        pa.field("timestamp", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("value", pa.float64()),
    ]
)
"""The columns in memory. Text is dictionary-encoded in memory, and plain `string` in the file."""
