"""What a sandbox can be told to do wrong, by name: `--fault NAME`, `SandboxConfig(faults=...)`.

A fault is a pure function from value to value at one seam of an answer, always at the same places:

- `tokens` a `Grant`: what the token endpoint says, and how long the token really lives
- `times`, `rows`, `paging` a `Report`: which elements there are, and how they are cut into pages
- `samples` what stands in the place of one sample
- `entries`, `names` what stands in the place of one entry
- `pages` a page as a dict, before it is written
- `replies` a `Reply`: status, headers and body of an answer
- `wire` a `Delivery`: what of it is sent, how fast, and what becomes of the connection

`registry` knows all of them, `schedule` when one strikes, `active` those that a running sandbox has.
One more seam is one more file with a tuple of faults, and the place in the sandbox that calls `change`
with it.
"""

__all__: list[str] = []
