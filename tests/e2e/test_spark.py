"""The lake of the other readers' tests, read by Spark as its page says."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.support.lake_files import (
    COLUMNS,
    MOMENT,
    NUMBER,
    TEXT,
    block_of_readers,
    count_rows,
    expected_rows,
    land,
)
from tests.support.network import listening

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")

PATIENCE_SECONDS = 60
OPERATOR_CODE = list(COLUMNS).index("operator_code")
DAYS = "SELECT DISTINCT date, CAST(date_trunc('day', timestamp) AS string) FROM {lake} ORDER BY date"


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Run Spark on loopback, without its page."""
    local = str(tmp_path_factory.mktemp("spark"))
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    for name in ("spark.driver.bindAddress", "spark.driver.host"):
        builder = builder.config(name, "127.0.0.1")
    session = builder.config("spark.local.dir", local).getOrCreate()
    yield session
    gateway: Any = session.sparkContext._gateway  # noqa: SLF001 else Java ends after this process, with a complaint
    session.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Land what is to be read."""
    root = tmp_path_factory.mktemp("readers") / "demo-lake"
    land(root)
    return root


@pytest.fixture
def by_spark(spark: SparkSession, root: Path) -> DataFrame:
    """Run the page's block on the lake."""
    names: dict[str, Any] = {}
    exec(block_of_readers("pyspark").replace('"demo-lake/', f'"{root}/'), names)  # noqa: S102 the page's own code
    assert names["spark"] is spark
    found: DataFrame = names["by_spark"]
    return found


@pytest.mark.usefixtures("spark")
def test_it_listens_on_loopback_alone() -> None:
    """Nobody but this machine reaches it."""
    assert listening()["java"] == {"[::ffff:127.0.0.1]"}


def test_types_are_the_same(by_spark: DataFrame) -> None:
    """Text is text, the columns of the folders too; moments are instants, values doubles."""
    kinds = {TEXT: "string", MOMENT: "timestamp", NUMBER: "double"}
    assert dict(by_spark.dtypes) == {name: kinds[kind] for name, kind in COLUMNS.items()}
    assert {field.name: field.type for field in by_spark.toArrow().schema} == COLUMNS


def test_rows_are_the_same(by_spark: DataFrame) -> None:
    """Every row is read, once, to the bit, and no left-over; `operator_code` byte by byte."""
    assert count_rows(by_spark.toArrow()) == Counter(_by_bytes(row) for row in expected_rows())


def _by_bytes(row: tuple[object, ...]) -> tuple[object, ...]:
    garbled = str(row[OPERATOR_CODE]).encode().decode("latin-1")
    return (*row[:OPERATOR_CODE], garbled, *row[OPERATOR_CODE + 1 :])


def test_the_options_have_their_reasons(spark: SparkSession, by_spark: DataFrame, root: Path) -> None:
    """Without them Spark does what the page says of it."""
    [(date, day), _] = spark.sql(DAYS, lake=by_spark).collect()
    assert (date, day) == ("2026-11-22", "2026-11-22 00:00:00")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    spark.conf.set("spark.sql.sources.partitionColumnTypeInference.enabled", "true")
    lake = spark.read.parquet(f"{root}/samples")
    assert dict(lake.dtypes)["date"] == "date"
    assert {day for _, day in spark.sql(DAYS, lake=lake).collect()} == {
        "2026-11-21 00:00:00",
        "2026-11-22 00:00:00",
    }
