"""The report endpoint: checks the request, and returns a page.

Path, method and headers are the document's [O]. Assumed [A]: an element is an entry, the window is
`[startTime, endTime)`, and errors are reported in this order: token, path, headers, parameters.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2
from fastapi.security.utils import get_authorization_scheme_param

from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.descriptions import api_errors, described
from airflow_provider_evpl.sandbox.faults.demands import DEMAND_FAULTS, DOCUMENTED
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.render import render_faulty_page
from airflow_provider_evpl.sandbox.pages import PageRequest, render_page
from airflow_provider_evpl.sandbox.problems import ApiError, Problem
from airflow_provider_evpl.sandbox.query import ReportQuery
from airflow_provider_evpl.sandbox.schemas import ReportPage
from airflow_provider_evpl.sandbox.state import Shared, State

__all__ = ["router"]

router = APIRouter(tags=["reports"])

_MAX_STEPS: Final = 100_000
_BEARER: Final = OAuth2(
    scheme_name="token",
    flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl="/oauth/v3/token", scopes={})),
    auto_error=False,
    description="The access token of the token endpoint, as a Bearer token [O].",
)
_RESPONSES: Final = {
    200: described("A page of the report [O].", model=ReportPage),
    **api_errors(
        {
            400: "20 to 28: a wrong request. 25, 26: a header is missing or wrong; 27, 28: a query "
            "parameter is missing or wrong [O]. An unknown or repeated parameter is wrong [A].",
            401: "40: no token; 41: an unknown or revoked token; 42: an expired token [O].",
            403: "50: the app has no subscription, or a pending or revoked one; 51, 52: the app is "
            "blocked; 53: rate limit, so wait [O].",
            404: "60: not found [O]. The sandbox knows no such job, report or operator code [A].",
            405: "61: another method than GET [O].",
            408: "63: time-out, so send the request again [O].",
            422: "Business error [O]. The sandbox: a granularity that it does not have, or a window of "
            f"more than {_MAX_STEPS} measured steps, with the code 422 [A].",
            429: "53: too many requests, so wait [O]. `Retry-After` may say how long.",
            500: "1: the service failed [O].",
            502: "The gateway can't reach the service. Code 1 is our reading [A].",
            503: "5: the service is unavailable for the moment [O].",
            504: "The gateway got no response in time. Code 6 is our reading [A].",
        }
    ),
}


def _check_token(state: Shared, authorization: Annotated[str | None, Security(_BEARER)]) -> None:
    scheme, token = get_authorization_scheme_param(authorization)
    if not token:
        description = "Send the header Authorization: Bearer <access token>"
        raise ApiError(Problem.MISSING_CREDENTIALS, description=description)
    if scheme.lower() != "bearer" or not state.tokens.use(token):
        raise ApiError(Problem.INVALID_CREDENTIALS, description="Unknown or revoked token")
    if state.tokens.is_expired(token):
        raise ApiError(Problem.EXPIRED_CREDENTIALS, description="The token has expired")


def _check_path(
    job: Annotated[str, Path(description="The job. JOBV is the only documented one [O].", examples=["JOBV"])],
    report: Annotated[
        str,
        Path(description="The report. UTILIZATION is the only documented one [O].", examples=["UTILIZATION"]),
    ],
) -> None:
    if (job, report) != ("JOBV", "UTILIZATION"):
        description = "The only report is UTILIZATION of the job JOBV"
        raise ApiError(Problem.NOT_FOUND, description=description)


def _check_application(
    state: Shared,
    application_id: Annotated[
        str,
        Header(alias="ApplicationID", description="Given by Orange; not the client id [O]."),
    ],
) -> None:
    if application_id != state.config.application_id:
        raise ApiError(Problem.INVALID_HEADER, description="ApplicationID: unknown")


def _check_repeated(request: Request) -> None:
    names = [name for name, _ in request.query_params.multi_items() if name != "ctxtid"]
    for name in set(names):
        if names.count(name) > 1:
            raise ApiError(Problem.INVALID_PARAMETER, description=f"{name}: given more than once")


def _check_ctxtid(state: State, sent: list[str]) -> None:
    def refusal(names: frozenset[str]) -> Problem | None:
        demanded = change(DOCUMENTED, seam=DEMAND_FAULTS, names=names).ctxtid
        if sorted(sent) == sorted(demanded):
            return None
        missing = len(sent) < len(demanded) and set(sent) <= set(demanded)
        return Problem.MISSING_PARAMETER if missing else Problem.INVALID_PARAMETER

    if problem := state.faults.answer(refusal):
        raise ApiError(problem, description="ctxtid: another form is demanded")


@router.get(
    "/api-monitoring-live/v1/pm_jobs/{job}/reports/{report}",  # noqa: FAST003 `_check_path` takes them
    summary="Get a page of a report",
    response_model=ReportPage,
    responses=_RESPONSES,
    dependencies=[Depends(_check_token), Depends(_check_path), Depends(_check_application)],
)
async def get_report(
    request: Request,
    state: Shared,
    query: Annotated[ReportQuery, Query()],
    pagination: Annotated[
        str,
        Header(
            pattern="^[1-9][0-9]{0,17}$",
            description="Index of the first element to retrieve; one is the first of the "
            "collection [O]. An element is an entry, so for the next page add the number of entries "
            "received; the default is 1 [A].",
        ),
    ] = "1",
) -> Response:
    """Serve the samples of the window `[startTime, endTime)`, one entry per series [A].

    Ask for the next page until `hasNext` is false [O]. In the sandbox a window without a step of the grid
    has entries without samples, and every time has values, the future too [A].
    """
    _check_repeated(request)
    _check_ctxtid(state, query.ctxtid)
    network = _network(state, query)
    steps = network.steps(start=query.start, end=query.end)
    measured = len(steps) * network.averaged
    if measured > _MAX_STEPS:
        description = f"The window has {measured} measured steps; at most {_MAX_STEPS} are served"
        raise ApiError(Problem.BUSINESS_ERROR, description=description)
    page = PageRequest(steps, first=int(pagination), size=state.config.page_size)
    return Response(_render(state, network, page), media_type="application/json")


def _render(state: State, network: Network, page: PageRequest) -> bytes:
    faults = state.faults
    if not faults:
        return render_page(network, page=page)
    pull = faults.count_pull(page.steps, begins=page.first == 1)
    everywhere = state.config.everywhere
    return faults.answer(
        lambda names: render_faulty_page(network, page=page, pull=pull, names=names, everywhere=everywhere)
    )


def _network(state: State, query: ReportQuery) -> Network:
    if query.codeOpe != state.config.code_ope:
        raise ApiError(Problem.NOT_FOUND, description="codeOpe: no such operator")
    network = state.networks.get(query.normalized_granularity)
    if network is None:
        description = f"granularity: this network has samples every {', '.join(state.networks)}"
        raise ApiError(Problem.BUSINESS_ERROR, description=description)
    return network
