"""A local server of Orange's EVPL Monitoring API as documented: an independent reading of it.

It imports nothing else of the package, so that client and sandbox cannot share a mistake.

- `python -m airflow_provider_evpl.sandbox` serves it (extra `sandbox`)
- `config.SandboxConfig` size, pace and the credentials, which are public by design
- `faults` what it can be told to do wrong, by name; none of it without being asked
- `data.utilization`, `data.Network` the values it serves, as pure functions
- `app.create_app` the API; `server.SandboxServer` runs it in the background, for tests
"""

__all__: list[str] = []
