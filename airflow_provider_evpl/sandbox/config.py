"""Settings of a sandbox: the size of its network, its latency, its public credentials, its faults."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, get_args

from airflow_provider_evpl.sandbox.data import Network, Timestamps
from airflow_provider_evpl.sandbox.faults.registry import read_faults

__all__ = ["SandboxConfig"]

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """Settings of one sandbox. The credentials are public by design, and work only here.

    Attributes:
        circuits: Number of circuits; each has four series (two ends, two directions).
        page_size: Entries on a page; an entry is one series.
        granularity: The step of the measured samples: `X?(s|h|d|w)`, X > 0. `m` (months in the document [O])
            and `y` have no fixed number of seconds, and `ms` is below a second.
        granularities: Further granularities, multiples of `granularity`. A value is the mean of the measured
            values of its step. Here `m` is minutes.
        timestamps: Which end of its step a timestamp marks, `start` or `end`. A step's measured samples are
            those from its timestamp on, or those up to it; the measured samples are the same.
        data_since: No sample has an earlier timestamp. None: no limit.
        data_until: No sample has this timestamp or a later one. None: no limit, the future has samples too.
        latency: Seconds to wait before each response.
        seed: Seed of the values and places. Another seed makes another network.
        token_ttl: Lifetime of a token in whole seconds; 3600 is the API's default [2].
        client_id: OAuth 2.0 client id.
        client_secret: OAuth 2.0 client secret.
        application_id: The header `ApplicationID`. It is not the client id [O].
        code_ope: The operator code. The default has leading zeros, because clients easily lose them.
        faults: Names of `faults.registry.FAULTS`: `NAME` for all responses, `NAME:COUNT` for the first
            COUNT, `NAME@FIRST` from that one on, `NAME@FIRST:COUNT`, or `NAME~SHARE` for about that share
            of the responses, chosen by the seed.
        everywhere: Whether faults of entries and samples change all of them, not only those of end A of
            circuit 1.

    Raises:
        ValueError: A setting is out of range; the message names it.
    """

    circuits: int = 20
    page_size: int = 25
    granularity: str = "300s"
    granularities: tuple[str, ...] = ()
    timestamps: Timestamps = "start"
    data_since: datetime | None = None
    data_until: datetime | None = None
    latency: float = 0.0
    seed: int = 7
    token_ttl: int = 3600
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 public by design
    application_id: str = "sandbox-application"
    code_ope: str = "0042"
    faults: tuple[str, ...] = ()
    everywhere: bool = False

    def __post_init__(self) -> None:
        """Check the settings."""
        _at_least("circuits", self.circuits, minimum=0)
        _at_least("page_size", self.page_size, minimum=1)
        _at_least("token_ttl", self.token_ttl, minimum=1)
        _at_least("latency", self.latency, minimum=0)
        for name in ("client_id", "client_secret", "application_id", "code_ope"):
            _check_text(name, getattr(self, name))
        if ":" in self.client_id:
            raise ValueError("client_id: a colon cannot be sent by HTTP Basic")
        self._check_steps()
        if self.timestamps not in get_args(Timestamps):
            raise ValueError(f"timestamps: {self.timestamps!r} is not start or end")
        for name in ("data_since", "data_until"):
            _check_zone(name, getattr(self, name))
        read_faults(self.faults)

    @property
    def normalized_granularity(self) -> str:
        """The granularity as a number without leading zeros and its unit: `1h` for `h`."""
        return self._steps[0].name

    @property
    def granularity_seconds(self) -> int:
        """The granularity in seconds."""
        return self._steps[0].seconds

    @property
    def networks(self) -> dict[str, Network]:
        """The network at each normalized granularity. `truth` gives the rows that the sandbox serves."""
        since, until = self.data_since, self.data_until
        return {
            step.name: Network(
                circuits=self.circuits,
                granularity_seconds=step.seconds,
                seed=self.seed,
                averaged=step.seconds // self.granularity_seconds,
                timestamps=self.timestamps,
                since=-math.inf if since is None else since.timestamp(),
                until=math.inf if until is None else until.timestamp(),
            )
            for step in self._steps
        }

    @property
    def _steps(self) -> list["_Step"]:
        further = (_read_step("granularities", one, units="smhdw") for one in self.granularities)
        return [_read_step("granularity", self.granularity, units="shdw"), *further]

    def _check_steps(self) -> None:
        for step in self._steps:
            if step.seconds % self.granularity_seconds:
                raise ValueError(f"granularities: {step.name} is not a multiple of {self.granularity}")


class _Step(NamedTuple):
    name: str
    seconds: int


def _read_step(name: str, text: str, *, units: str) -> _Step:
    match = re.fullmatch(f"0*([1-9][0-9]{{0,8}})?([{units}])", text)
    if match is None or (match[1] is None and text[0] == "0"):
        raise ValueError(f"{name}: {text!r} is not X?({'|'.join(units)}) with X > 0")
    number, unit = int(match[1] or 1), match[2]
    return _Step(f"{number}{unit}", number * _UNIT_SECONDS[unit])


def _at_least(name: str, value: float, *, minimum: int) -> None:
    if not (math.isfinite(value) and value >= minimum):
        raise ValueError(f"{name}: {value!r} is below {minimum} or not finite")


def _check_zone(name: str, moment: datetime | None) -> None:
    if moment and moment.tzinfo is None:
        raise ValueError(f"{name}: {moment.isoformat()} has no time zone")


def _check_text(name: str, value: str) -> None:
    if not (value and value.isascii() and value.isprintable() and value.strip() == value):
        raise ValueError(f"{name}: expected printable ASCII text without blanks around it")
