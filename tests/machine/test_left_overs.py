"""What a killed run may leave is no matter to who reads the lake meanwhile."""

from pathlib import Path

import pytest

from tests.machine.conftest import Bucket, Stage
from tests.support.killed_lakes import SCENES, lakes
from tests.support.killing import Job, Kill, LocalPlace, S3Place, connect_s3, pull_to, watch
from tests.support.lake_files import rows_by_arrow, rows_by_duckdb, rows_by_pandas

SCENE = SCENES["the same slices again"]


@pytest.mark.parametrize("written", ["a part", "all"])
def test_a_temporary_file_is_not_read(written: str, stage: Stage, tmp_path: Path) -> None:
    """What lies beside an object, a part of it or all, is seen by none of pyarrow, DuckDB and pandas."""
    both = lakes(SCENE, stage.sandbox, stage.connection)
    place = LocalPlace(str(tmp_path / "lake"))
    place.fill(both.old)
    before = rows_by_arrow(place)
    watch(Job(stage.connection, SCENE.plan, place), stage.witness, Kill("move", 2))
    [left_over] = (tmp_path / "lake" / "samples").rglob(".*")
    if written == "a part":
        left_over.write_bytes(left_over.read_bytes()[:-1000])
    assert rows_by_arrow(place) == rows_by_duckdb(place) == rows_by_pandas(place) == before > 0


def test_an_unfinished_upload_is_not_read(stage: Stage, bucket: Bucket) -> None:
    """S3 shows nothing of an upload in parts that never ended; a run leaves it to the bucket's own rules."""
    both = lakes(SCENE, stage.sandbox, stage.connection)
    place = S3Place("lake/upload", *bucket)
    place.fill(both.old)
    before = rows_by_arrow(place)
    key = f"upload/{next(path for path in both.old if path.endswith('.parquet'))}"
    fs = connect_s3(place.url)
    upload = fs.call_s3("create_multipart_upload", Bucket="lake", Key=key)
    part = {"UploadId": upload["UploadId"], "PartNumber": 1, "Body": b"PAR1"}
    fs.call_s3("upload_part", Bucket="lake", Key=key, **part)
    assert place.files() == both.old
    assert rows_by_arrow(place) == rows_by_duckdb(place) == before > 0
    pull_to(place.store(), stage.connection, SCENE.plan)
    assert place.files() == both.new
    assert place.unfinished_uploads() == [key]
