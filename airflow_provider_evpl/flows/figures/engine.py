"""SQL over landed objects: DuckDB reads them through their store, and keeps what is too large on disk."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from io import BytesIO
from operator import attrgetter
from tempfile import TemporaryDirectory
from threading import Lock, get_ident
from types import ModuleType
from typing import BinaryIO, NamedTuple, Self

import pyarrow as pa
from fsspec import AbstractFileSystem

from airflow_provider_evpl.errors import EvplConfigError, EvplError, EvplStoreError, one_line
from airflow_provider_evpl.lake.columns import bounds
from airflow_provider_evpl.lake.parquet import Footer
from airflow_provider_evpl.lake.schema import SERIES_COLUMNS
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.lake.store_errors import translate_errors
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import Window

__all__ = ["Engine", "LandedObject", "RowSource", "StoreFiles", "load_extra"]

_MEMORY_LIMIT = "700MB"
"""DuckDB does not count the values of percentiles: 300 MB more for `_MOST_ROWS`."""

_MOST_ROWS = 20_000_000
"""How many rows one query reads, because a percentile keeps all its values in memory."""

_WHOLE_BYTES = 8 << 20
"""An object up to this size is read with one request, larger ones in parts."""

_HELD_BYTES = 64 << 20
"""How much of the objects is held in memory, so that the next query does not request them again."""

_PROTOCOL = "evpl"
# With `=` DuckDB skips row groups without a circuit of `names`. Null names need the slower comparison.
_EQUAL = dict.fromkeys(SERIES_COLUMNS[:2], "=") | dict.fromkeys(SERIES_COLUMNS[2:], "IS NOT DISTINCT FROM")


def load_extra(name: str) -> ModuleType:
    """Import a library of the extra `report`.

    Raises:
        EvplConfigError: the library isn't installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise EvplConfigError(
            f"figures: the library {name} is not installed.",
            "Install the extra, in a checkout of airflow-provider-evpl:\npip install '.[report]'",
            f"Reason: {one_line(error)}",
        ) from error


class LandedObject(NamedTuple):
    """An object to read.

    Attributes:
        size: in bytes.
        rows: the number of its rows.
        footer: tells it from another object that has had the same path; None if no other one matters.
    """

    path: str
    size: int
    rows: int
    footer: Footer | None = None


class Engine:
    """A DuckDB in memory, which loads no extension and uses no network of its own.

    It is a context manager. At the end its temporary folder is removed.
    """

    def __init__(self, store: Store) -> None:
        self._duckdb = load_extra("duckdb")
        self._store = store
        self._files = StoreFiles(store)
        self._folder = TemporaryDirectory(prefix="evpl-figures-")
        self._connection = self._duckdb.connect(
            config={
                "memory_limit": _MEMORY_LIMIT,
                "temp_directory": self._folder.name,
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        self._connection.execute("SET enable_progress_bar = false")
        self._connection.register_filesystem(self._files)

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection, and remove the temporary folder."""
        with self._folder, closing(self._connection):
            self._connection.unregister_filesystem(_PROTOCOL)

    def add(self, one: LandedObject) -> str:
        """Return a URL for an object. In SQL it stands for the object, whose path is no part of SQL."""
        return self._files.add(one)

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table available in SQL, in place of an earlier one of the same name."""
        self._connection.register(name, table)

    def query(self, sql: str) -> pa.Table:
        """Run a query.

        Raises:
            EvplError: as the store does; EvplStoreError if an object can't be read.
        """
        self._files.make_room()
        try:
            return self._connection.sql(sql).to_arrow_table()
        except self._duckdb.Error as error:
            raise self._translate(error) from error

    def run(self, sql: str) -> None:
        """Run a statement without a result. Raises as `query` does."""
        self._files.make_room()
        try:
            self._connection.execute(sql)
        except self._duckdb.Error as error:
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> EvplError:
        if found := self._files.error:
            self._files.error = None
            return found
        text = str(error)
        url = re.search(rf"{_PROTOCOL}://\d+\.parquet", text)
        what = self._store.url(self._files[url[0]].path) if url else "An object"
        return EvplStoreError(
            f"{what} can't be read by DuckDB.",
            "Pull its window again.",
            f"{type(error).__name__}: {one_line(text)}",
        )


class RowSource:
    """The rows of one operator code at one granularity.

    Attributes:
        series: in the lake's order. The position is the column `series` in SQL.
        names: the same, and after them the other series.
        step: the step of the granularity in microseconds; None if it has no fixed length.
    """

    def __init__(
        self,
        engine: Engine,
        objects: Mapping[Window, LandedObject],
        series: Sequence[Series],
        step: int | None,
        others: Sequence[Series] = (),
    ) -> None:
        """Make the SQL table `names` of these series.

        Args:
            engine: reads the objects.
            objects: no two intervals overlap.
            series: that are expected in the month.
            step: in microseconds.
            others: series that only other parts of the range have. The objects have no further series.
        """
        self.engine = engine
        self.series = series
        self.names = [*series, *others]
        self.step = step
        self._same = " AND ".join(f"found.{one} {_EQUAL[one]} names.{one}" for one in _find_key(self.names))
        self._objects = {one: (engine.add(found), found) for one, found in objects.items()}
        columns = {name: [one[at] for one in self.names] for at, name in enumerate(SERIES_COLUMNS)}
        schema = pa.schema([("series", pa.int32()), *((name, pa.string()) for name in SERIES_COLUMNS)])
        engine.register("names", pa.table({"series": range(len(self.names)), **columns}, schema))

    def objects(self, window: Window) -> list[LandedObject]:
        """Return the objects that overlap a window."""
        return [found for one, (_, found) in self._objects.items() if one.overlaps(window)]

    def rows(self, window: Window, series: Iterable[int] | None = None) -> str:
        """Return SQL, in brackets, of the rows in a window.

        The columns are `series`, `moment` (microseconds since the epoch) and `value`. Each pair of series and
        time is there once, in no order.

        Args:
            window: may have no object.
            series: positions of the series to read; None for all.
        """
        urls = [f"'{url}'" for one, (url, _) in self._objects.items() if one.overlaps(window)]
        if not urls:
            return "(SELECT 0::INTEGER AS series, 0::BIGINT AS moment, 0::DOUBLE AS value WHERE false)"
        start, end = bounds(window)
        chosen = "" if series is None else f"AND names.series IN ({', '.join(map(str, series)) or 'NULL'})"
        # -0.0 becomes 0.0, because `min` takes the two for equal and may return either.
        # All parts of the text are our own: numbers, and names of columns.
        return f"""(
            SELECT names.series, epoch_us(found.timestamp) AS moment,
                CASE WHEN found.value = 0 THEN 0.0::DOUBLE ELSE found.value END AS value
            FROM read_parquet([{", ".join(urls)}], hive_partitioning = false) AS found
            JOIN names ON {self._same} {chosen}
            WHERE epoch_us(found.timestamp) >= {start} AND epoch_us(found.timestamp) < {end}
        )"""  # noqa: S608 as the comment says

    def chunks(self, window: Window) -> list[str]:
        """Return the SQL of all rows in a window, in parts that each have all rows of some series."""
        count = sum(one.rows for one in self.objects(window))
        parts = -(-count // _MOST_ROWS)
        if parts < 2:  # noqa: PLR2004 one part
            return [self.rows(window)]
        length = -(-len(self.names) // parts)
        positions = range(len(self.names))
        return [self.rows(window, positions[start : start + length]) for start in positions[::length]]


def _find_key(names: Collection[Series]) -> list[str]:
    """Return columns that tell series apart, always with the circuit. A join of few columns is faster."""
    key = [*SERIES_COLUMNS]
    for column in SERIES_COLUMNS[:0:-1]:
        fewer = [one for one in key if one != column]
        if len(set(map(attrgetter(*fewer), names))) == len(names):
            key = fewer
    return key


class StoreFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """Objects of a store for DuckDB, by number: `evpl://0.parquet`.

    Attributes:
        error: the first error of the store; None if there was none.
    """

    protocol = _PROTOCOL
    cachable = False

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._objects: list[LandedObject] = []
        self._held: dict[str, bytes] = {}
        self.error: EvplError | None = None

    def add(self, one: LandedObject) -> str:
        """Return a new URL for an object. An object may change, and DuckDB caches by URL."""
        self._objects.append(one)
        return f"{_PROTOCOL}://{len(self._objects) - 1}.parquet"

    def __getitem__(self, url: str) -> LandedObject:
        """Return the object of a URL."""
        return self._objects[int(url.removeprefix(f"{_PROTOCOL}://").removesuffix(".parquet"))]

    def info(self, path: str, **_: object) -> dict[str, object]:
        """Return the size."""
        return {"name": path, "type": "file", "size": self[path].size}

    def glob(self, path: str, **_: object) -> list[str]:
        """Return the path: no path is a pattern."""
        return [path]

    def modified(self, path: str) -> datetime:  # noqa: ARG002 as fsspec has it
        """Return one and the same time, because nothing is cached."""
        return datetime(1970, 1, 1, tzinfo=UTC)

    def open(self, path: str, *_: object, **__: object) -> "_SharedFile":
        """Open an object to read."""
        one = self[path]
        with self._watched(one.path):
            return _SharedFile(self._open(path, one), partial(self._watched, one.path))

    def _open(self, url: str, one: LandedObject) -> BinaryIO:
        """Open an object in memory if there is room for it, otherwise in the store."""
        if url not in self._held:
            if one.size > min(_WHOLE_BYTES, _HELD_BYTES - self._held_bytes()):
                return self._store.open(one.path)
            with self._store.open(one.path) as file:
                self._held[url] = file.read()
        return BytesIO(self._held[url])

    def _held_bytes(self) -> int:
        return sum(map(len, self._held.values()))

    def make_room(self) -> None:
        """Forget the objects in memory if they fill more than three quarters of the room.

        Call it between two queries: DuckDB holds all files of a query open.
        """
        if self._held_bytes() > _HELD_BYTES * 3 // 4:
            self._held.clear()

    @contextmanager
    def _watched(self, path: str) -> Iterator[None]:
        """Keep the first error, because DuckDB raises an error of its own class."""
        try:
            with translate_errors(self._store.url(path)):
                yield
        except EvplError as error:
            self.error = self.error or error
            raise


class _SharedFile:
    """A file that several threads read at once, because DuckDB seeks and reads without a lock.

    Each thread has a position of its own.
    """

    def __init__(self, file: BinaryIO, watched: Callable[[], AbstractContextManager[None]]) -> None:
        self._file = file
        self._watched = watched
        self._lock = Lock()
        self._positions: dict[int, int] = {}

    def seek(self, position: int) -> int:
        """Set the position of this thread, from the beginning."""
        self._positions[get_ident()] = position
        return position

    def read(self, length: int) -> bytes:
        """Read at the position of this thread."""
        with self._lock, self._watched():
            self._file.seek(self._positions[get_ident()])
            data = self._file.read(length)
        self._positions[get_ident()] += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        """Close the file, because DuckDB only forgets it."""
        self._file.close()
