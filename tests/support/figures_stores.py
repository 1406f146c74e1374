"""Small lakes by hand for the figures, and a store whose objects change while the flow reads."""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from airflow_provider_evpl.config.figures_plan import FiguresPlan
from airflow_provider_evpl.flows.figures.figures import FiguresResult, compute_figures
from airflow_provider_evpl.flows.figures.inventory import Inventory
from airflow_provider_evpl.lake.lake import Target
from airflow_provider_evpl.lake.layout import Dataset
from airflow_provider_evpl.lake.store import Store
from airflow_provider_evpl.models import Series
from airflow_provider_evpl.window import DAY, Granularity, Window
from tests.support.lake import SOURCE, Answer, collect, lake_of, land, microseconds
from tests.support.stores import MemoryStore

__all__ = [
    "LiveStore",
    "day_of",
    "figure_paths",
    "figures",
    "lake_of_days",
    "land_window",
    "rows_of",
    "utc",
    "writes",
]

HOUR = timedelta(hours=1)
A = Series("a", "in", None, None, None, "EVPL")


def utc(text: str) -> datetime:
    """Read a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day_of(text: str) -> Window:
    """Give a UTC day."""
    return Window(utc(text), utc(text) + DAY)


def land_window(  # noqa: PLR0913 each has a default
    store: Store,
    window: Window,
    values: Callable[[datetime], float | None] = lambda _: 1.0,
    *,
    series: Iterable[Series] = (A,),
    granularity: str = "1h",
    code: str = "0042",
    source: dict[str, str] = SOURCE,
    pulled_at: datetime | None = None,
) -> str:
    """Land a sample a step of each series, whatever else there is; return the path."""
    dataset, step = Dataset(code, granularity), Granularity(granularity).step
    assert step is not None
    moments = [window.start + step * number for number in range(window.length // step)]
    rows = [(one, microseconds(moment), values(moment)) for one in series for moment in moments]
    samples = collect([Answer(rows, [])], window, Granularity(granularity), code, pulled_at or window.end)
    alone, path = MemoryStore(), dataset.samples_path(window)
    land(lake_of(alone, source, dataset=dataset), Target(window, {}), samples)
    store.put(path, alone.objects[path])
    return path


def lake_of_days(*days: str, **options: Any) -> MemoryStore:  # noqa: ANN401 those of `land_window`
    """Land whole days, and forget the calls."""
    store = MemoryStore()
    for day in days:
        land_window(store, day_of(day), **options)
    store.calls.clear()
    return store


def figures(store: Store, inventory: Inventory | None = None, /, **arguments: object) -> FiguresResult:
    """Compute the figures of a lake of one granularity."""
    plan = FiguresPlan.from_arguments({"granularity": "1h", **arguments})
    return compute_figures(store, plan, inventory=inventory)


def rows_of(store: MemoryStore, kind: str = "series") -> list[dict[str, object]]:
    """Read the rows of a kind of all months, in order."""
    tables = (pq.read_table(io.BytesIO(store.objects[path])) for path in figure_paths(store))
    return [row for table in tables for row in table.to_pylist() if row["kind"] == kind]


def figure_paths(store: MemoryStore) -> list[str]:
    """List the months in the store."""
    return sorted(path for path in store.objects if path.startswith("figures/"))


def writes(store: MemoryStore) -> list[str]:
    """List what was put or deleted since the calls were cleared."""
    return [path for method, path in store.calls if method in {"put", "delete"}]


class LiveStore(MemoryStore):
    """A store whose open files read what is there now, as ranged requests to a bucket do.

    Args:
        keeps_open: an open file stays as it was when it was opened, as on a local disk.
        on_read: is called before each read of an open file, and around calls that find or put objects.
    """

    def __init__(
        self,
        objects: Mapping[str, bytes],
        on_read: Callable[["LiveStore"], None],
        *,
        keeps_open: bool = False,
    ) -> None:
        super().__init__()
        self._keeps_open = keeps_open
        self.objects = dict(objects)
        self.on_read = on_read

    def listing(self, folder: str) -> dict[str, int]:
        """List a folder that may change before it is listed and after."""
        found = super().listing(folder)
        if found:
            self.on_read(self)
            found = super().listing(folder)
            self.on_read(self)
        return found

    def open(self, path: str) -> BinaryIO:
        """Open an object that may change."""
        self.on_read(self)
        found = super().open(path)
        return found if self._keeps_open else io.BufferedReader(_LiveFile(self, path), 1)

    def tails(self, sizes: Mapping[str, int], length: int) -> Iterator[bytes | None]:
        """Read the ends of objects that may change from one to the next."""
        for one in super().tails(sizes, length):
            yield one
            self.on_read(self)

    def put(self, path: str, data: bytes | memoryview) -> None:
        """Put after a change."""
        self.on_read(self)
        super().put(path, data)


class _LiveFile(io.RawIOBase):
    def __init__(self, store: LiveStore, path: str) -> None:
        super().__init__()
        self._store, self._path, self._at = store, path, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: len(self._data())}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 a buffer has no type before Python 3.12
        self._store.on_read(self._store)
        part = self._data()[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _data(self) -> bytes:
        if self._path not in self._store.objects:
            raise FileNotFoundError(self._path)
        return self._store.objects[self._path]
