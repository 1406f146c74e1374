"""Import what another runner imports, and do nothing: `python -m benchmarks.runners.imports RUNNER JOB`."""

import sys
from importlib import import_module

if __name__ == "__main__":
    import_module(f"benchmarks.runners.{sys.argv[1]}")
