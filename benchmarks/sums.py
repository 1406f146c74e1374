"""Compute sums of rows with DuckDB. They do not depend on the order of the rows."""

from collections.abc import Iterable
from contextlib import closing

import duckdb
import pyarrow as pa

from benchmarks.shape import Sums

__all__ = ["Row", "of_relation", "of_rows"]

Row = tuple[str, str, str, int, float]
"""Circuit, metric, section, microseconds since the epoch, value."""

_SUMS = """
SELECT count(*), coalesce(sum(round(value * 100)::BIGINT), 0)::BIGINT,
    coalesce(sum(hash(
        instance::VARCHAR, metric::VARCHAR, section::VARCHAR, moment::BIGINT, value::DOUBLE
    )), 0)::VARCHAR
FROM ({rows})
"""


def of_relation(rows: str, connection: duckdb.DuckDBPyConnection) -> Sums:
    """Return the sums of the rows of a query.

    Args:
        rows: a query with the columns `instance`, `metric`, `section`, `moment` (microseconds) and `value`.
        connection: the connection for the query.
    """
    [(count, hundredths, checksum)] = connection.sql(_SUMS.format(rows=rows)).fetchall()
    return Sums(count, hundredths, int(checksum))


def of_rows(rows: Iterable[Row]) -> Sums:
    """Return the sums of rows in memory."""
    names = ("instance", "metric", "section", "moment", "value")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    with closing(duckdb.connect()) as connection:
        connection.register("given", table)
        return of_relation("SELECT * FROM given", connection)
