"""The same lake by readers that nobody here wrote: how many rows each finds."""

import duckdb
import pandas as pd
import pyarrow.dataset as ds
from fsspec import AbstractFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem

from tests.machine.places import LocalPlace, Place, connect_s3


def rows_by_arrow(place: Place) -> int:
    """Read all columns of all rows by pyarrow's dataset."""
    fs = None if isinstance(place, LocalPlace) else PyFileSystem(FSSpecHandler(_fresh(place.url)))
    dataset = ds.dataset(f"{place.root}/samples", format="parquet", partitioning="hive", filesystem=fs)
    return int(dataset.to_table().num_rows)


def rows_by_duckdb(place: Place) -> int:
    """Read all columns of all rows by DuckDB's glob."""
    connection = duckdb.connect()
    protocol = ""
    if not isinstance(place, LocalPlace):
        connection.register_filesystem(_fresh(place.url))
        protocol = "s3://"
    glob = f"{protocol}{place.root}/samples/**/*.parquet"
    return len(connection.execute("SELECT * FROM read_parquet(?)", [glob]).fetchall())


def rows_by_pandas(place: LocalPlace) -> int:
    """Read the folder by pandas."""
    return len(pd.read_parquet(f"{place.root}/samples"))


def _fresh(url: str) -> AbstractFileSystem:
    fs = connect_s3(url)
    fs.invalidate_cache()
    return fs
