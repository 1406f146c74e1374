"""Which responses a fault changes: `NAME`, `NAME@FIRST`, `NAME:COUNT`, `NAME@FIRST:COUNT`, `NAME~SHARE`."""

import random
import re
from math import inf
from typing import Final, NamedTuple, Self

__all__ = ["FORMS", "Schedule"]

FORMS: Final = (
    "NAME, NAME@FIRST, NAME:COUNT, NAME@FIRST:COUNT (whole numbers above 0) or NAME~SHARE (such as 0.2)"
)
_NUMBER: Final = "[1-9][0-9]{0,8}"
_ASKED: Final = re.compile(
    rf"(?P<name>[^@:~]*)(?:@(?P<first>{_NUMBER}))?(?::(?P<count>{_NUMBER}))?"
    r"|(?P<drawn>[^@:~]*)~(?P<share>0\.[0-9]{0,8}[1-9])",
    re.ASCII,
)


class Schedule(NamedTuple):
    """Which responses a fault changes. The responses that it could change are numbered from 1.

    Attributes:
        first: Number of the first changed response.
        times: How many responses from there on.
        share: Probability for each of them.
    """

    first: int = 1
    times: float = inf
    share: float = 1.0

    @classmethod
    def read(cls, text: str) -> tuple[str, Self] | None:
        """Read a name and its schedule. None: the text has none of the forms."""
        match = _ASKED.fullmatch(text)
        if match is None:
            return None
        if match["share"]:
            return match["drawn"], cls(share=float(match["share"]))
        return match["name"], cls(int(match["first"] or 1), float(match["count"] or inf))

    @property
    def is_always(self) -> bool:
        """Return whether the fault changes all responses that it can."""
        return self == Schedule()

    def is_over(self, number: int) -> bool:
        """Return whether the fault changes neither this response nor a later one."""
        return number >= self.first + self.times

    def applies_to(self, number: int, *, seed: str) -> bool:
        """Return whether the fault changes a response.

        Args:
            number: Number of the response.
            seed: The same seed chooses the same responses.
        """
        if not self.first <= number < self.first + self.times:
            return False
        drawn = random.Random(f"{seed} {number}").random()  # noqa: S311 must be repeatable, and is no secret
        return drawn < self.share
