"""Keeps Airflow's chatter out of sight: it goes to a file, all but the lines of one logger."""

import os
import re
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["SeparateOutput"]

_END = "\0\n"


class SeparateOutput:
    """Within it, all that the process writes to stdout and stderr goes to a file.

    Args:
        path: of the file.
        shown: part of a logger's name; what it says at level info is shown too, at once.
    """

    def __init__(self, path: Path, *, shown: str) -> None:
        self._path = path
        self._shown = re.compile(rf"\[info *\] (.*?) +\[[\w.]*{shown}\]")
        self._reader = threading.Thread(target=self._read, name="output", daemon=True)

    def __enter__(self) -> Self:
        """Turn both streams into a pipe, and read it in a thread."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = (os.dup(1), os.dup(2))
        self._screen = os.fdopen(os.dup(1), "w", buffering=1)
        self._read_end, write_end = os.pipe()
        os.dup2(write_end, 1)
        os.dup2(write_end, 2)
        os.close(write_end)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give both streams back."""
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, _END.encode())  # its own end: somebody else may hold the pipe open
        for target, saved in enumerate(self._saved, start=1):
            os.dup2(saved, target)
            os.close(saved)
        self._reader.join()
        self._screen.close()

    def say(self, text: str) -> None:
        """Show a text."""
        print(text, file=self._screen)

    def tail(self, lines: int = 40) -> str:
        """Return the end of the file."""
        return "\n".join(self._path.read_text(errors="replace").splitlines()[-lines:])

    def _read(self) -> None:
        with (
            os.fdopen(self._read_end, encoding="utf-8", errors="replace") as pipe,
            self._path.open("w", buffering=1, encoding="utf-8") as log,
        ):
            for line in iter(pipe.readline, _END):
                log.write(line)
                if match := self._shown.search(line):
                    self.say(f"  {match[1]}")
