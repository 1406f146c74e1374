"""A local server of Orange's EVPL Monitoring API, written from Orange's documentation.

The sandbox imports nothing else of the package, so that client and sandbox cannot share a mistake.

- `python -m airflow_provider_evpl.sandbox` starts the server (extra `sandbox`).
- `config.SandboxConfig` has its settings. The credentials are public by design.
- `faults` has the faults that can be turned on by name. By default none is on.
- `data.utilization` and `data.Network` are the served values, as pure functions.
- `app.create_app` makes the API. `server.SandboxServer` runs it in the background, for tests.
"""

__all__: list[str] = []
