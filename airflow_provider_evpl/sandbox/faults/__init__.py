"""Faults of the sandbox, turned on by name: `--fault NAME`, `SandboxConfig(faults=...)`.

A fault is a pure function that changes one part of a response, always at the same places:

- `demands`: a `Demands`, what a request must have
- `tokens`: a `Grant`, what the token endpoint returns, and how long the token really lives
- `times`, `rows`, `paging`: a `Report`, its elements, and how they are cut into pages
- `samples`: one sample
- `entries`, `names`: one entry
- `pages`: a page as a dict, before it is JSON
- `replies`: a `Reply`, status, headers and body of a response
- `wire`: a `Delivery`, which part of the response is sent, how fast, and how the connection ends

`registry` has all faults, `schedule` decides which responses a fault changes, `active` has the faults of a
running sandbox. To add a kind of fault, add a file with a tuple of faults, and call `change` with it where
the sandbox makes that part of a response.
"""

__all__: list[str] = []
