"""The JSON formats of the API as models, for its OpenAPI description only.

Field names and types are the document's [O]. Where the document is silent, the description says what the
sandbox does.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from airflow_provider_evpl.sandbox.problems import OAuthCode

__all__ = ["AccessToken", "ApiErrorBody", "Entry", "OAuthErrorBody", "ReportPage", "Sample"]


class Sample(BaseModel):
    """One measurement of a series."""

    timeStamp: Annotated[  # noqa: N815 the API's name
        str,
        Field(
            description="UTC. The document does not say whether this is the start or the end of the step.",
            examples=["2026-11-22T00:05:00.000Z"],
        ),
    ]
    value: Annotated[
        str,
        Field(
            description="Decimal text; the document names no unit. Here: percent of the "
            "bandwidth, 0 to 100, two decimals.",
            examples=["41.70"],
        ),
    ]


class Entry(BaseModel):
    """One series: a circuit at one end in one direction, with its samples in order of time."""

    objectType: Annotated[str, Field(examples=["EVPL"])]  # noqa: N815 the API's name
    objectInstanceId: Annotated[  # noqa: N815 the API's name
        str, Field(description="The circuit.", examples=["EVPL-000001"])
    ]
    metric_name: Annotated[str, Field(examples=["utilizationIn", "utilizationOut"])]
    pop_country: Annotated[str, Field(examples=["France"])]
    pop_name: Annotated[str, Field(examples=["Paris"])]
    pop_section_name: Annotated[str, Field(examples=["PAR-03"])]
    performanceValues: list[Sample]  # noqa: N815 the API's name


class ReportPage(BaseModel):
    """One page of a report. An element is an entry, and an entry is a series."""

    currentPage: Annotated[  # noqa: N815 the API's name
        int, Field(ge=1, description="Number of the page, from 1.")
    ]
    totalPages: Annotated[  # noqa: N815 the API's name
        int, Field(ge=1, description="Number of pages; 1 if the collection is empty.")
    ]
    hasNext: Annotated[  # noqa: N815 the API's name
        bool, Field(description="Whether there are elements beyond this page.")
    ]
    entries: Annotated[list[Entry], Field(description="Empty if `pagination` is beyond the last element.")]


class ApiErrorBody(BaseModel):
    """An error of the API or its gateway."""

    code: Annotated[int, Field(description="Orange's code of the error.")]
    message: str
    description: str
    infoURL: str  # noqa: N815 the API's name


class AccessToken(BaseModel):
    """An access token: RFC 6749, section 5.1."""

    token_type: Literal["Bearer"]
    access_token: Annotated[str, Field(description="Opaque.")]
    expires_in: Annotated[int, Field(ge=1, description="Lifetime in seconds.")]


class OAuthErrorBody(BaseModel):
    """An error of the token endpoint: RFC 6749, section 5.2."""

    error: OAuthCode
    error_description: str
