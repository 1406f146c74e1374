"""As good as machines: each has a host name and processes of its own, which all die at once."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.machine import DIES_WITH_US
from tests.e2e_celery.until import until

_APART = ("unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--uts")
_NAMED = ("sh", "-c", 'hostname "$0" && exec "$@"')


class Machine:
    """A command in a namespace that ends with its first process; what it says is in `{name}.log`."""

    def __init__(self, name: str, *command: str, env: Mapping[str, str], logs: Path) -> None:
        """Start it."""
        self.name = name
        self._log = logs / f"{name}.log"
        with self._log.open("wb") as file:
            self._process = subprocess.Popen(
                (*DIES_WITH_US, *_APART, *_NAMED, name, *command),
                cwd="/",
                env=env,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it as a power cut does; when this returns, none of its processes is left."""
        if self._process.poll() is None:
            for pid in self._first_processes() or [self._process.pid]:
                os.kill(pid, signal.SIGKILL)  # the first is reported dead when all others are
        self._process.wait()

    def wait(self, *, seconds: float) -> None:
        """Wait until the command has succeeded."""
        assert self._process.wait(seconds) == 0, self._log.read_text()[-5000:]

    def wait_for(self, text: str, *, seconds: float) -> None:
        """Wait until it has said this."""
        until(f"{self.name} says {text!r}", lambda: self._has_said(text), seconds=seconds)

    def _has_said(self, text: str) -> bool:
        said = self._log.read_text()
        assert self._process.poll() is None, f"{self.name} has ended: {said[-5000:]}"
        return text in said

    def _first_processes(self) -> list[int]:
        parent = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@contextmanager
def machine(name: str, *command: str, env: Mapping[str, str], logs: Path) -> Iterator[Machine]:
    """Run a command until the end."""
    it = Machine(name, *command, env=env, logs=logs)
    try:
        yield it
    finally:
        it.kill()
