"""Send all output of Airflow to a file, and show only the lines of one logger."""

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
    """A context manager that writes the stdout and stderr of this process to a file.

    Args:
        path: of the file.
        shown: part of a logger's name. Its lines at level info also go to the screen.
    """

    def __init__(self, path: Path, *, shown: str) -> None:
        self._path = path
        self._shown = re.compile(rf"\[info *\] (.*?) +\[[\w.]*{shown}\]")
        self._reader = threading.Thread(target=self._read, name="output", daemon=True)

    def __enter__(self) -> Self:
        """Redirect both streams into a pipe, which a thread reads."""
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
        """Restore both streams."""
        sys.stdout.flush()
        sys.stderr.flush()
        # A marker ends the thread, because a child process may still hold the pipe open.
        os.write(1, _END.encode())
        for target, saved in enumerate(self._saved, start=1):
            os.dup2(saved, target)
            os.close(saved)
        self._reader.join()
        self._screen.close()

    def say(self, text: str) -> None:
        """Show a text on the screen."""
        print(text, file=self._screen)

    def tail(self, lines: int = 40) -> str:
        """Return the last lines of the file."""
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
