"""Copy a lake with other row groups: `python -m benchmarks.regroup FOLDER TARGET ROWS`."""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq

from airflow_provider_evpl.lake.schema import SORT_COLUMNS
from benchmarks.verify import files

__all__ = ["regroup"]


def regroup(folder: Path, target: Path, rows: int) -> int:
    """Copy each file of a lake, with the settings of this provider but other row groups; return the bytes."""
    for path in files(folder):
        table = pq.read_table(path, partitioning=None)
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            table,
            place,
            row_group_size=rows,
            compression="zstd",
            store_schema=False,
            sorting_columns=pq.SortingColumn.from_ordering(
                table.schema, [(name, "ascending") for name in SORT_COLUMNS], "at_start"
            ),
            write_page_index=True,
            write_statistics=["object_instance_id", "metric_name", "timestamp", "value"],
        )
    return sum(path.stat().st_size for path in files(target))


if __name__ == "__main__":
    print(json.dumps(regroup(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
