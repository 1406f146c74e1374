"""The query parameters of a report. One type is both the check and the OpenAPI description.

Names, formats and values are the document's [O]. The sandbox is strict where the document is silent: all
parameters are required, others are errors, and `ctxtid` is one repeated key [A], which the route checks.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["ReportQuery"]


def _real_moment(text: str) -> str:
    _seconds(text)
    return text


def _seconds(text: str) -> float:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return moment.timestamp()


_Moment = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
    AfterValidator(_real_moment),
]

_CTXTID: Final[dict[str, Any]] = {
    "items": {"type": "string", "enum": ["wses", "vsn"]},
    "minItems": 2,
    "maxItems": 2,
    "uniqueItems": True,
}


class ReportQuery(BaseModel):
    """All query parameters. Each is required, and no other is allowed.

    Fields have the API's names, because FastAPI before 0.123.5 loses an alias with pydantic 2.14.
    """

    model_config = ConfigDict(extra="forbid")

    codeOpe: Annotated[  # noqa: N815 the API's name
        str,
        Field(
            description="Operator code, from the invoice [O]. Text: leading zeros count [A].",
            examples=["0042"],
        ),
    ]
    startTime: Annotated[  # noqa: N815 the API's name
        _Moment,
        Field(
            description="Start of the window as `YYYY-MM-DDThh:mm:ss.mssZ` [O]. The window includes it [A].",
            examples=["2026-11-22T00:00:00.000Z"],
        ),
    ]
    endTime: Annotated[  # noqa: N815 the API's name
        _Moment,
        Field(
            description="End of the window as `YYYY-MM-DDThh:mm:ss.mssZ` [O]. The window excludes it [A].",
            examples=["2026-11-23T00:00:00.000Z"],
        ),
    ]
    offer_type: Annotated[Literal["EVPL"], Field(description="The only accepted value is EVPL [O].")]
    granularity: Annotated[
        str,
        Field(
            pattern="^(0*[1-9][0-9]*)?(ms|s|m|h|d|w|y)$",
            description="Step of the samples: a number above 0, or nothing for 1, and "
            "milliseconds, seconds, `m` (the document says months), hours, days, weeks or years [O]. "
            "The sandbox has one granularity unless its settings name more; it answers 422 to others [A].",
            examples=["300s"],
        ),
    ]
    ctxtid: Annotated[
        list[str],
        Field(
            description="The document lists the parameter twice, with wses and with vsn [O]. "
            "Send the key twice: `ctxtid=wses&ctxtid=vsn` [A].",
            examples=[["wses", "vsn"]],
            json_schema_extra=_CTXTID,
        ),
    ]

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        """Check that the window has a length."""
        if self.end <= self.start:
            raise ValueError("endTime must be after startTime")
        return self

    @property
    def start(self) -> float:
        """Start of the window in seconds since the epoch."""
        return _seconds(self.startTime)

    @property
    def end(self) -> float:
        """End of the window in seconds since the epoch."""
        return _seconds(self.endTime)

    @property
    def normalized_granularity(self) -> str:
        """The granularity as a number without leading zeros and its unit: `1h` for `h`."""
        text = self.granularity.lstrip("0")
        return text if text[0].isdigit() else f"1{text}"
