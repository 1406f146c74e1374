"""The answer of a probe: findings, the extras to set, and the page that a person reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any, Final

__all__ = ["LIKELY", "NOT_SEEN", "SURE", "Answer", "Finding"]

SURE: Final = "sure"
LIKELY: Final = "likely"
NOT_SEEN: Final = "not seen"
_WIDTH: Final = 110
_FITS, _ACT, _NO_ANSWER = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the responses say about one question.

    Attributes:
        question: its name on the screen.
        certainty: `sure`, `likely` or `not seen`.
        evidence: what came.
        consequence: what follows from that, or what to do; empty if nothing does.
        settings: extras of the connection to set.
        is_open: whether there is something to set elsewhere, or to ask Orange.
        shown: the texts of the server inside the evidence.
    """

    question: str
    certainty: str
    evidence: str
    consequence: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    is_open: bool = False
    shown: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """`set`, `ask` or `fits`."""
        if self.is_open:
            return "ask"
        return "set" if self.settings else "fits"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All findings of a probe.

    Attributes:
        findings: in the order of the screen.
        requests: how many were sent.
        stopped: why the probe stopped early; empty if it asked all its questions.
        is_reached: whether the report answered with JSON at least once.
        record: the content of `probe.json`, without names and secrets.
        support: the content of `probe-support.json`, for Orange only.
    """

    findings: Sequence[Finding]
    requests: int
    stopped: str
    is_reached: bool
    record: Mapping[str, Any]
    support: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, object]:
        """The extras to set."""
        return {name: value for one in self.findings for name, value in one.settings.items()}

    @property
    def exit_status(self) -> int:
        """0: the connection fits; 1: something to set or to ask; 2: no answer."""
        if not self.is_reached:
            return _NO_ANSWER
        is_open = self.stopped or any(one.verdict != "fits" for one in self.findings)
        return _ACT if is_open else _FITS

    @property
    def text(self) -> str:
        """One page: a line for each question, then what to do."""
        return "\n".join([*map(_line, self.findings), "", *self._ending()])

    def _ending(self) -> list[str]:
        lines = [f"{self.requests} requests were sent."]
        if self.stopped:
            lines.append(f"The probe stopped early: {self.stopped}. Probe again later.")
        if not self.is_reached:
            return [*lines, "No answer: the report was not reached."]
        if self.settings:
            lines.append(f"Set these extras: {json.dumps(self.settings)}")
        if any(one.verdict == "ask" for one in self.findings):
            lines.append("Lines with ! need a decision, or an answer from Orange.")
        if not self.exit_status:
            lines.append("Your connection fits as it is.")
        return lines


def _line(finding: Finding) -> str:
    mark = " " if finding.verdict == "fits" else "!"
    head = f"{mark} {finding.certainty:<8} {finding.question + ':':<14} "
    parts = " ".join(filter(None, (finding.evidence, finding.consequence)))
    return fill(parts, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
