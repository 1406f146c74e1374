"""What is measured: each module is one whole process, `python -m benchmarks.runners.NAME JOB`."""
