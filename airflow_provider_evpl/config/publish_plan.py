"""Which days an Iceberg publication takes: the arguments of its operator, read and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from airflow_provider_evpl.config.plans import PullPlan
from airflow_provider_evpl.config.readers import read_choice, read_codes, read_text
from airflow_provider_evpl.config.run_window import RunTimes
from airflow_provider_evpl.errors import EvplConfigError, wrong
from airflow_provider_evpl.window import DAY, Granularity, Window, floor

__all__ = ["PublishPlan", "read_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPlan:
    """Which units of a lake to publish, and into which table.

    Attributes:
        table: namespace and name, with dots.
        codes: operator codes.
        window: each UTC day that it overlaps is published.
        deletes_missing: whether a day that is gone from the lake is emptied in the table.
    """

    table: str
    codes: tuple[str, ...]
    granularity: Granularity
    window: Window
    deletes_missing: bool = False

    @classmethod
    def from_arguments(
        cls,
        arguments: Mapping[str, object],
        *,
        run: RunTimes,
        default_code_ope: str | None,
        now: datetime,
    ) -> "PublishPlan":
        """Read the given arguments of the operator by name; its window is resolved as that of a pull.

        Raises:
            EvplConfigError: an argument is missing or wrong. The message starts with its name.
            EvplNotPublishedError: the window ends in the future.
        """
        given = dict(arguments)
        if "table" not in given:
            raise EvplConfigError("table: must be set.", "Write it like evpl.utilization.")
        codes = read_codes(given.pop("code_ope"), "code_ope") if "code_ope" in given else ()
        first = codes[0] if codes else default_code_ope
        pull = PullPlan.from_arguments(given, run=run, default_code_ope=first, now=now)
        missing = read_choice(given.get("on_missing", "fail"), "on_missing", ("fail", "delete"))
        return cls(
            table=read_table(given["table"]),
            codes=codes or (pull.code_ope,),
            granularity=pull.granularity,
            window=pull.window,
            deletes_missing=missing == "delete",
        )

    @property
    def days(self) -> Iterator[datetime]:
        """The beginning of each UTC day that the window overlaps."""
        return (floor(part.start, DAY) for part in self.window.slices(DAY))


def read_table(value: object) -> str:
    """Read namespace and name of a table.

    Raises:
        EvplConfigError: the text has no dot, or an empty part.
    """
    table = read_text(value, "table")
    if len(table.split(".")) < 2 or not all(table.split(".")):  # noqa: PLR2004 a namespace and a name
        raise wrong("table: must be a namespace and a name", table, "Write it like evpl.utilization.")
    return table
