"""How much of a response is kept: memory and time stay bounded, whatever a server sends."""

__all__ = [
    "MAX_ENTRIES",
    "MAX_FIELDS",
    "MAX_NAME_LENGTH",
    "MAX_REJECTIONS",
    "MAX_TIMESTAMPS",
    "MAX_UNKNOWN_NAMES",
    "MAX_VALUES",
]

MAX_REJECTIONS = 1_000_000
"""Of a page, and of a slice. Each takes about 500 bytes, and its raw text."""

MAX_ENTRIES = 500_000
"""Of a page. Each takes about 500 bytes, even without a sample."""

MAX_VALUES = 4 << 20
"""Of a page that is read carefully. A value takes about 60 bytes, a name 150; a bracket takes time."""

MAX_UNKNOWN_NAMES = 1000
"""Of a page."""

MAX_FIELDS = 10_000
"""Of an object that is cut by hand, which takes 25 times the memory of its text."""

MAX_NAME_LENGTH = 100
"""Of an unknown field, in characters, if it is shown in a reason."""

MAX_TIMESTAMPS = 110_000
"""That are remembered: a year of 5 minutes."""
