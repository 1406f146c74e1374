"""Where a lake of these tests may be, known by name to several processes."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import s3fs

from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store

Files: TypeAlias = dict[str, bytes]
"""All that is below a lake's root, hidden files too, by path."""


@dataclass(frozen=True)
class LocalPlace:
    """A folder."""

    root: str

    def store(self) -> Store:
        """Open it as a run does."""
        return LocalStore(self.root)

    def fill(self, files: Files) -> None:
        """Put what has landed before."""
        for path, data in files.items():
            target = Path(self.root, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def files(self) -> Files:
        """Read all that is there."""
        return {name: path.read_bytes() for name, path in self._paths().items()}

    def marks(self) -> dict[str, object]:
        """Tell by what it would show that a file was written again."""
        return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in self._paths().items()}

    def _paths(self) -> dict[str, Path]:
        root = Path(self.root)
        return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class S3Place:
    """A prefix of a bucket.

    Attributes:
        root: bucket and prefix.
        url: of the server.
        seen_at: of the proxy that runs go through.
    """

    root: str
    url: str
    seen_at: str

    def store(self) -> Store:
        """Open it as a run does."""
        return ObjectStore("s3", self.root, connect_s3(self.seen_at))

    def fill(self, files: Files) -> None:
        """Put what has landed before."""
        if files:
            connect_s3(self.url).pipe({f"{self.root}/{path}": data for path, data in files.items()})

    def files(self) -> Files:
        """Read all that is there."""
        fs = connect_s3(self.url)
        fs.invalidate_cache()
        paths = fs.find(self.root)
        found = fs.cat(paths) if paths else {}
        return {path.removeprefix(f"{self.root}/"): data for path, data in found.items()}

    def marks(self) -> dict[str, object]:
        """Tell by what it would show that an object was put again."""
        fs = connect_s3(self.url)
        fs.invalidate_cache()
        found = fs.find(self.root, detail=True).items()
        return {path.removeprefix(f"{self.root}/"): (one["ETag"], one["LastModified"]) for path, one in found}

    def unfinished_uploads(self) -> list[str]:
        """List the uploads in parts, of the whole bucket, that were begun and not ended."""
        fs = connect_s3(self.url)
        answer = fs.call_s3("list_multipart_uploads", Bucket=self.root.partition("/")[0])
        return [one["Key"] for one in answer.get("Uploads", [])]


Place: TypeAlias = LocalPlace | S3Place


@cache
def connect_s3(url: str) -> s3fs.S3FileSystem:
    """Give an authorised file system, one a process, for it takes 0.3 s.

    It tries once: what a library tries again is not the law's matter.
    """
    fs = s3fs.S3FileSystem(
        key="key",
        secret="secret",
        endpoint_url=url,
        skip_instance_cache=True,
        config_kwargs={"retries": {"max_attempts": 0}},
    )
    fs.retries = 1
    return fs
