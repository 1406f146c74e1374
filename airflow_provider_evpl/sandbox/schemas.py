"""The JSON formats of the API as models, for its OpenAPI description only.

Field names and types are the document's [O]; where it is silent the description says what the
sandbox does [A].
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from airflow_provider_evpl.sandbox.problems import OAuthCode

__all__ = ["AccessToken", "ApiErrorBody", "Entry", "OAuthErrorBody", "ReportPage", "Sample"]


class Sample(BaseModel):
    """One measurement of a series [O]."""

    timeStamp: Annotated[  # noqa: N815 the API's name
        str,
        Field(
            description="Text [O], UTC with milliseconds and `Z` [A]. Start or end of a step: undocumented.",
            examples=["2026-11-22T00:05:00.000Z"],
        ),
    ]
    value: Annotated[
        str,
        Field(
            description="Text, without a unit [O]. The sandbox: percent of the bandwidth, 0 to 100, two "
            "decimals [A].",
            examples=["41.70"],
        ),
    ]


class Entry(BaseModel):
    """One series: a circuit at one end in one direction [A], with its samples [O]."""

    objectType: Annotated[str, Field(examples=["EVPL"])]  # noqa: N815 the API's name
    objectInstanceId: Annotated[  # noqa: N815 the API's name
        str, Field(description="The circuit [A].", examples=["EVPL-000001"])
    ]
    metric_name: Annotated[str, Field(examples=["utilizationIn", "utilizationOut"])]
    pop_country: Annotated[str, Field(examples=["France"])]
    pop_name: Annotated[str, Field(examples=["Paris"])]
    pop_section_name: Annotated[str, Field(examples=["PAR-03"])]
    performanceValues: list[Sample]  # noqa: N815 the API's name


class ReportPage(BaseModel):
    """One page of a report [O]. An element is an entry, so a series [A]."""

    currentPage: Annotated[  # noqa: N815 the API's name
        int, Field(ge=1, description="Number of the page [O], counted from 1 [A].", examples=[1])
    ]
    totalPages: Annotated[  # noqa: N815 the API's name
        int, Field(ge=1, description="Pages of the whole report [O]; 1 if it is empty [A].", examples=[4])
    ]
    hasNext: Annotated[  # noqa: N815 the API's name
        bool, Field(description="Whether there is a next page [O].", examples=[True])
    ]
    entries: Annotated[
        list[Entry],
        Field(description="The series of this page [O]; none if `pagination` is beyond the last one [A]."),
    ]


class ApiErrorBody(BaseModel):
    """An error of the API or its gateway [O]."""

    code: Annotated[
        int,
        Field(
            description="1, 5, 6: gateway or service. 20 to 28: the request is wrong. 40 to 42: credentials. "
            "50 to 52: access. 53: rate limit. 60 to 68: path, method, headers, time-out [O]. A business "
            "error has no documented code; the sandbox sends 422 [A]."
        ),
    ]
    message: str
    description: str
    infoURL: str  # noqa: N815 the API's name


class AccessToken(BaseModel):
    """An access token, by RFC 6749 section 5.1 [S]."""

    token_type: Literal["Bearer"]
    access_token: Annotated[str, Field(description="Opaque. Keep it in memory only [O].")]
    expires_in: Annotated[
        int,
        Field(
            ge=1,
            description="Lifetime in seconds; 3600 by default, at times as text [2].",
            examples=[3600],
        ),
    ]


class OAuthErrorBody(BaseModel):
    """An error of the token endpoint, by RFC 6749 section 5.2 [S]."""

    error: OAuthCode
    error_description: Annotated[str, Field(examples=["Credentials are missing"])]
