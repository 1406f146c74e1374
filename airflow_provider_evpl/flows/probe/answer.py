"""The answer of a probe: what to do, the extras to set, and a line for each question."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from textwrap import fill
from typing import Any, Final

__all__ = ["LIKELY", "NOT_SEEN", "SURE", "Answer", "Finding", "listed"]

SURE: Final = "sure"
LIKELY: Final = "likely"
NOT_SEEN: Final = "not seen"
_WIDTH: Final = 110
_STATUS_FITS, _STATUS_ACT, _STATUS_NO_ANSWER = 0, 1, 2


@dataclass(frozen=True)
class Finding:
    """What the responses say about one question.

    Attributes:
        certainty: `sure`, `likely` or `not seen`.
        evidence: what came.
        effect: what follows from the evidence; empty if nothing does.
        do: what the user has to do.
        ask: what only Orange can answer or mend: the effect until then.
        settings: extras of the connection to set.
        shown: the texts of the server inside the other texts.
        question: its name on the screen.
    """

    certainty: str
    evidence: str
    effect: str = ""
    _: KW_ONLY
    do: str = ""
    ask: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    question: str = ""

    @property
    def consequence(self) -> str:
        """What follows from the evidence, or what to do; empty if nothing does."""
        return " ".join(filter(None, (self.effect, self.do, self.ask)))

    @property
    def verdict(self) -> str:
        """`ask`, `do`, `set` or `fits`: the first of them that holds."""
        holds = {"ask": self.ask, "do": self.do, "set": self.settings, "fits": True}
        return next(name for name, value in holds.items() if value)


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
        """0: the connection fits; 1: something to set, to do or to ask; 2: no answer."""
        if not self.is_reached:
            return _STATUS_NO_ANSWER
        return _STATUS_ACT if self._steps() else _STATUS_FITS

    @property
    def text(self) -> str:
        """One page: the answer, what to do, then a line for each question."""
        sent = f"The probe sent {self.requests} request{'s' if self.requests > 1 else ''}."
        return "\n".join([f"{self._headline()} {sent}", *self._steps(), "", *map(_line, self.findings)])

    def _headline(self) -> str:
        if not self.is_reached:
            return "No answer: the API sent no report."
        if not self._steps():
            return "Your connection fits as it is."
        is_incomplete = self.stopped and all(one.verdict == "fits" for one in self.findings)
        return "Nothing to change so far." if is_incomplete else "Your connection does not fit as it is."

    def _steps(self) -> list[str]:
        """Return what to do. The JSON has a line of its own, so that it can be copied."""
        lines = []
        if self.settings:
            lines += ["- Add these extras to the connection:", json.dumps(self.settings)]
        if names := ", ".join(one.question for one in self.findings if one.do):
            lines.append(f"- Do what these lines say: {names}.")
        if names := ", ".join(one.question for one in self.findings if one.ask):
            lines.append(f"- Ask Orange about these lines: {names}. Send them both files.")
        if self.stopped:
            lines.append(f"- Probe again later. The probe stopped early: {self.stopped}.")
        return lines


def listed(*parts: str) -> str:
    """Join the parts that are not empty to one sentence."""
    return f"{'; '.join(filter(None, parts))}."


def _line(finding: Finding) -> str:
    mark = " " if finding.verdict == "fits" else "!"
    head = f"{mark} {finding.certainty:<8} {finding.question + ':':<14} "
    parts = " ".join(filter(None, (finding.evidence, finding.consequence)))
    return fill(parts, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)
