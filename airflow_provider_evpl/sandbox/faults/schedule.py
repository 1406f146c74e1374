"""When a fault strikes: `NAME`, `NAME@FIRST`, `NAME:COUNT`, `NAME@FIRST:COUNT` or `NAME~SHARE`."""

import random
import re
from math import inf
from typing import Final, NamedTuple, Self

__all__ = ["FORMS", "Schedule"]

FORMS: Final = (
    "NAME, NAME@FIRST, NAME:COUNT, NAME@FIRST:COUNT (whole numbers above 0) or NAME~SHARE (0.2, say)"
)
_NUMBER: Final = "[1-9][0-9]{0,8}"
_ASKED: Final = re.compile(
    rf"(?P<name>[^@:~]*)(?:@(?P<first>{_NUMBER}))?(?::(?P<count>{_NUMBER}))?"
    r"|(?P<drawn>[^@:~]*)~(?P<share>0\.[0-9]{0,8}[1-9])",
    re.ASCII,
)


class Schedule(NamedTuple):
    """Which of the answers that a fault could change it does change; they are numbered from 1.

    Attributes:
        first: Number of the first.
        times: How many in a row, from there on.
        share: How likely each of them is.
    """

    first: int = 1
    times: float = inf
    share: float = 1.0

    @classmethod
    def read(cls, text: str) -> tuple[str, Self] | None:
        """Read a name and its schedule; none where the text has none of the forms."""
        match = _ASKED.fullmatch(text)
        if match is None:
            return None
        if match["share"]:
            return match["drawn"], cls(share=float(match["share"]))
        return match["name"], cls(int(match["first"] or 1), float(match["count"] or inf))

    @property
    def is_always(self) -> bool:
        """Tell whether it strikes whenever it can."""
        return self == Schedule()

    def is_over(self, number: int) -> bool:
        """Tell whether it strikes neither this answer nor any after it."""
        return number >= self.first + self.times

    def strikes(self, number: int, *, seed: str) -> bool:
        """Tell whether it strikes an answer.

        Args:
            number: Of the answer.
            seed: The same one draws the same answers.
        """
        if not self.first <= number < self.first + self.times:
            return False
        drawn = random.Random(f"{seed} {number}").random()  # noqa: S311 no secret: it has to be repeatable
        return drawn < self.share
