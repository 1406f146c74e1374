"""What a probe asks for: operator codes, a day, and windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from airflow_provider_evpl.config.readers import guarded, read_moment, read_text, read_whole_number
from airflow_provider_evpl.config.settings import Settings
from airflow_provider_evpl.errors import EvplConfigError
from airflow_provider_evpl.window import DAY, Granularity, Window, floor

__all__ = ["DAYS_BACK", "DOCUMENTED", "GRANULARITIES", "MOST_REQUESTS", "ProbePlan", "Purpose", "length_of"]

MOST_REQUESTS: Final = 30
GRANULARITIES: Final = (Granularity("300s"), Granularity("1h"), Granularity("1d"))
"""In the order of the search for one that the API has."""

DAYS_BACK: Final = (7, 30, 90, 180, 365)
DOCUMENTED: Final = ("wses", "vsn")
_HOUR: Final = timedelta(hours=1)
_NOON: Final = timedelta(hours=12)
_MINUTES: Final = timedelta(minutes=5)


class Purpose:
    """Names of requests."""

    TOKEN = "token"  # noqa: S105 a name
    OTHER_FORM = "token, other form"
    STEP = "first report"
    PAGE = "page 1"
    SECOND = "element 2"
    NEXT = "page 2"
    LAST = "last page"
    AGAIN = "page 1 again"
    NEWEST = "newest samples"
    BACK = "{} days back"
    GRANULARITY = "granularity {}"
    CODE = "further operator code {}"
    MINUTES = "granularity 5m"
    SECOND_TOKEN = "second token"  # noqa: S105 a name
    FIRST_TOKEN = "first token again"  # noqa: S105 a name


@dataclass(frozen=True, kw_only=True)
class ProbePlan:
    """Checked arguments of a probe.

    Attributes:
        code_ope: the operator code of nearly all requests.
        further: operator codes that get one request each.
        day: midnight UTC of the day that is examined.
        now: the present, UTC.
        max_requests: in all, token requests included.
        thorough: whether `5m` and a second token are requested at the end.
    """

    code_ope: str
    day: datetime
    now: datetime
    further: tuple[str, ...] = ()
    max_requests: int = MOST_REQUESTS
    thorough: bool = False

    @classmethod
    def from_arguments(  # noqa: PLR0913 the arguments of the command
        cls,
        settings: Settings,
        *,
        now: datetime,
        code_ope: Sequence[str] | str = (),
        day: object = None,
        max_requests: object = MOST_REQUESTS,
        thorough: bool = False,
    ) -> "ProbePlan":
        """Read the arguments of the command, and of the hook's method.

        Args:
            settings: of the connection.
            now: the present, UTC.
            code_ope: an operator code or several; none means the connection's.
            day: a UTC day, like `2026-11-27`; None means yesterday.
            max_requests: 1 to 30.
            thorough: as the attribute.

        Raises:
            EvplConfigError: an argument is wrong, or there is no operator code.
        """
        given = [code_ope] if isinstance(code_ope, str) else [*code_ope]
        first, *further = dict.fromkeys(given or [settings.code_ope or ""])

        def read() -> ProbePlan:
            return cls(
                code_ope=_read_code(first, settings),
                further=tuple(_read_code(code, settings) for code in further),
                day=floor(now, DAY) - DAY if day is None else _read_day(day, now),
                now=now,
                max_requests=read_whole_number(max_requests, "max_requests", (1, MOST_REQUESTS)),
                thorough=thorough,
            )

        return guarded(read, settings.client_secret)

    def step(self, granularity: Granularity) -> Window:
        """Return the smallest window: one step at noon of the day, or the whole day."""
        return self._step_at(self.day + _NOON, granularity)

    def back(self, days: int, granularity: Granularity) -> Window:
        """Return one step that lies so many days back from now."""
        return self._step_at(floor(self.now, DAY) - days * DAY + _NOON, granularity)

    def wide(self, granularity: Granularity) -> Window:
        """Return the window of most questions: 36 steps of 300s around the hour of noon, or 12 steps."""
        if granularity == GRANULARITIES[0]:
            return Window(self.day + _NOON - _HOUR, self.day + _NOON + 2 * _HOUR)
        length = 12 * length_of(granularity)
        end = min(floor(self.day + _NOON, length_of(granularity)) + length // 2, self.day + DAY)
        return Window(end - length, end)

    def newest(self, granularity: Granularity) -> Window:
        """Return the last full steps before now, as many as in the wide window."""
        end = floor(self.now, length_of(granularity))
        return Window(end - self.wide(granularity).length, end)

    def _step_at(self, moment: datetime, granularity: Granularity) -> Window:
        start = floor(moment, length_of(granularity))
        return Window(start, start + length_of(granularity))


def length_of(granularity: Granularity) -> timedelta:
    """Return the step of one of the documented granularities; five minutes for `5m`."""
    return granularity.step or _MINUTES


def _read_code(code: object, settings: Settings) -> str:
    text = read_text(code, "code_ope")
    if not text:
        raise EvplConfigError(
            "code_ope: the probe needs an operator code.",
            f"Set code_ope in {settings.connection}, or give it to the probe.",
        )
    return text


def _read_day(day: object, now: datetime) -> datetime:
    chosen = floor(read_moment(day, "day"), DAY)
    if chosen >= floor(now, DAY):
        raise EvplConfigError("day: must be over in UTC.", "Give an earlier day, or none.")
    return chosen
