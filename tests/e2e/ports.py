"""Where this process and those that it started listen."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


def listening() -> dict[str, set[str]]:
    """Give the hosts by the name of the program, of TCP's listening ports."""
    hosts = defaultdict(set)
    ours = [f"pid={pid}," for pid in (os.getpid(), *_children())]
    for line in subprocess.check_output(["ss", "-Hltnp"], text=True).splitlines():  # noqa: S607 of PATH
        if any(pid in line for pid in ours):
            _, _, _, address, _, users, *_ = line.split()
            hosts[users.split('"')[1]].add(address.rpartition(":")[0])
    return hosts


def _children() -> Iterator[int]:
    for task in Path("/proc/self/task").iterdir():
        yield from map(int, (task / "children").read_text().split())
