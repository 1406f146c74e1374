"""Faults in what a request must have: readings of the document that a setting of the client answers."""

from typing import Final, Literal, NamedTuple, TypeAlias

from airflow_provider_evpl.sandbox.faults.fault import Fault

__all__ = ["DEMAND_FAULTS", "DOCUMENTED", "Credentials", "Demands"]

Credentials: TypeAlias = Literal["basic", "form"]


class Demands(NamedTuple):
    """What a request must have.

    Attributes:
        ctxtid: The values of the parameter `ctxtid`, one parameter each, in any order.
        credentials: Where the token endpoint accepts credentials.
    """

    ctxtid: tuple[str, ...]
    credentials: frozenset[Credentials]


DOCUMENTED: Final = Demands(("wses", "vsn"), frozenset(("basic", "form")))

DEMAND_FAULTS: Final[tuple[Fault[Demands], ...]] = (
    Fault(
        "basic-refused",
        "the token endpoint answers 401 to credentials by HTTP Basic",
        lambda demands: demands._replace(credentials=demands.credentials - {"basic"}),
    ),
    Fault(
        "form-refused",
        "the token endpoint answers 401 to credentials in the form",
        lambda demands: demands._replace(credentials=demands.credentials - {"form"}),
    ),
    Fault(
        "ctxtid-joined",
        "the report demands ctxtid as one parameter: wses,vsn",
        lambda demands: demands._replace(ctxtid=(",".join(demands.ctxtid),)),
    ),
    Fault(
        "ctxtid-first",
        "the report demands ctxtid once: wses",
        lambda demands: demands._replace(ctxtid=demands.ctxtid[:1]),
    ),
)
