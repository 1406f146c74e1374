"""Runs in processes of their own, killed by SIGKILL at a step that the test chooses."""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import s3fs

from airflow_provider_evpl.api.client import Client
from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplError
from airflow_provider_evpl.flows.pull import pull
from airflow_provider_evpl.flows.summary import Summary
from airflow_provider_evpl.lake.store import LocalStore, ObjectStore, Store
from tests.support.lake import PULLED_AT
from tests.support.stores import MemoryStore

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
    """Give an authorized file system, one a process, for it takes 0.3 s.

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


_NOBODY = 65534

BEGIN, END = "begin", "end"

_STEPS = {
    "open": "open",
    "os.mkdir": "make",
    "os.scandir": "list",
    "os.rename": "move",
    "os.remove": "delete",
}
"""What Python tells an audit hook of before it does it."""


@dataclass(frozen=True)
class Job:
    """One run: whom to ask, for what, where it shall land.

    Attributes:
        reports: whether it reports its steps.
        straits: is called in the process, to make its life hard.
    """

    connection: Mapping[str, Any]
    plan: PullPlan
    place: Place
    reports: bool = True
    straits: Callable[[], object] = bool


def pull_to(store: Store, connection: Mapping[str, Any], plan: PullPlan) -> None:
    """Pull once, without waits, always at the same time: so the same samples are the same bytes."""
    settings = Settings.from_connection(
        login=connection["login"],
        password=connection["password"],
        host=connection["host"],
        extra={**connection["extra"], "requests_per_second": "1000"},
    )
    with Client(settings, sleep=lambda _: None) as client:
        pull(client, store, plan, provenance={}, summary=Summary(plan=plan, now=lambda: PULLED_AT))


def become_nobody(connection: Mapping[str, Any], plan: PullPlan) -> None:
    """Give up root's rights, to which no folder is closed; load before what is in folders of root's."""
    pull_to(MemoryStore(), connection, plan)
    os.seteuid(_NOBODY)


def run(job: Job, line: Connection) -> None:
    """Be the process: say `begin`, run, say how it ended; wait for an answer to each word said.

    Each step at the files of a local lake is said before it is taken.
    """
    say = Speaker(line)
    store = job.place.store()
    if job.reports and isinstance(job.place, LocalPlace):
        say_steps(job.place.root, say)
    job.straits()
    say(BEGIN)
    try:
        pull_to(store, job.connection, job.plan)
    except EvplError as error:
        say(f"{END} {type(error).__name__}: {error}")
    else:
        say(END)


class Speaker:
    """Says a word, and waits until it was heard."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._turn = threading.Lock()

    def __call__(self, word: str) -> None:
        """Say it."""
        with self._turn:
            self._line.send_bytes(word.encode())
            self._line.recv_bytes()


def say_steps(root: str, say: Speaker) -> None:
    """Say each step at the files below a folder before it is taken."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STEPS and str(arguments[0]).startswith(root):
            name = Path(arguments[0]).name
            is_hidden = " hidden" if event == "open" and name.startswith(".") else ""
            say(f"{_STEPS[event]}{is_hidden}")

    sys.addaudithook(hook)


_PATIENCE_SECONDS = 60

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.killing"])


class Kill(NamedTuple):
    """When: at the nth step of a kind, before it is taken, or so many seconds after it was let go."""

    kind: str
    number: int
    after_seconds: float = 0.0


@dataclass
class Witness:
    """Sees the steps of one run, whoever tells of them, and kills it where it was told to."""

    process: ForkServerProcess | None = None
    kill: Kill | None = None
    steps: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, kind: str) -> bool:
        """Note a step, and tell whether it may be taken; who asks may be dead by now."""
        with self._lock:
            self.steps.append(kind)
            if self.kill and self.kill.kind == kind and self.steps.count(kind) == self.kill.number:
                return self._kill(self.kill.after_seconds)
        return True

    def _kill(self, after_seconds: float) -> bool:
        assert self.process is not None
        if after_seconds:
            threading.Timer(after_seconds, self.process.kill).start()
            return True
        self.process.kill()
        return not wait([self.process.sentinel], _PATIENCE_SECONDS)


def watch(
    job: Any,  # noqa: ANN401 whatever the run takes
    witness: Witness,
    kill: Kill | None = None,
    *,
    run: Callable[[Any, Connection], None] = run,
) -> int | None:
    """Run in a process, to its end or to its death; gives its exit code."""
    process, line = _start(job, run)
    witness.process, witness.kill = process, kill
    witness.steps.clear()
    with line, suppress(EOFError, ConnectionError):
        while True:
            witness.see(line.recv_bytes().decode())
            line.send_bytes(b"")
    process.join(_PATIENCE_SECONDS)
    witness.kill = None
    return process.exitcode


def at_once(jobs: Sequence[Job]) -> list[str]:
    """Let runs go at the same moment, each in its process; how each ended, nothing where it ended well."""
    started = [_start(job, run) for job in jobs]
    lines = [line for _, line in started]
    assert [line.recv_bytes().decode() for line in lines] == [BEGIN] * len(jobs)
    for line in lines:
        line.send_bytes(b"")
    ends = [line.recv_bytes().decode() for line in lines]
    for process, line in started:
        line.send_bytes(b"")
        process.join(_PATIENCE_SECONDS)
        assert process.exitcode == 0
        line.close()
    assert all(end.startswith(END) for end in ends)
    return [end.removeprefix(END).strip() for end in ends]


def _start(job: object, run: Callable[[Any, Connection], None]) -> tuple[ForkServerProcess, Connection]:
    ours, theirs = _processes.Pipe()
    process = _processes.Process(target=run, args=(job, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours
