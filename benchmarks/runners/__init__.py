"""The measured programs. Each module runs as one process: `python -m benchmarks.runners.NAME JOB`."""
