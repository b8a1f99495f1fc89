"""What a channel is asked to send. It is made from the recorded run when it is sent, not when it is owed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import msgspec

from auditor.judge.outcome import Outcome, ReportedFinding
from auditor.report.formats import Report
from auditor.report.model import FindingView, ReportView


class Kind(StrEnum):
    """What a message is about. The values stand in the ledger and in webhooks."""

    REPORT = "report"
    """A whole run."""
    BATCH = "batch"
    """What changed in a run, in one message."""
    FINDING = "finding"
    """One finding that is new or reopened."""
    RESOLVED = "resolved"
    """One finding that is gone."""
    DIGEST = "digest"
    """More single messages than the channel wants at once, in one."""
    SNAPSHOT = "snapshot"
    """All findings that are open: for receivers that keep a state."""
    TEST = "test"
    """Nothing happened: somebody wants to see whether messages arrive."""


@dataclass(frozen=True)
class Message:
    """One message to one channel.

    Attributes:
        key: the same for every attempt to deliver it, and for no other message: a receiver tells repeats by it.
        kind: what it is about.
        outcome: the run as it was recorded.
        findings: of the run's findings, those that it is about and that count, worst first.
        resolved: of the resolved ones, those that it is about.
        language: ``en`` or ``zh``.
        link: where the run is shown, if the agent's web site has a public address.
    """

    key: str
    kind: Kind
    outcome: Outcome
    findings: tuple[ReportedFinding, ...]
    resolved: tuple[ReportedFinding, ...] = ()
    language: str = "en"
    link: str = ""

    @property
    def all_findings(self) -> tuple[ReportedFinding, ...]:
        """Those that are true, then those that are gone."""
        return self.findings + self.resolved

    @cached_property
    def report(self) -> Report:
        """The whole run, for any format."""
        return Report(self.outcome, self.language)

    @property
    def view(self) -> ReportView:
        """The whole run as clean display data."""
        return self.report.view

    @property
    def translate(self) -> Callable[[str], str]:
        """What maps an English text to the language of the message."""
        return self.report.translate

    @cached_property
    def views(self) -> dict[str, FindingView]:
        """The findings of the run and of the message as clean display data, by fingerprint; the resolved ones too."""
        known = _views(self.view)
        # What could not be looked at in this run may still be open: it is shown as it was last seen.
        earlier = tuple(finding for finding in self.all_findings if finding.fingerprint not in known)
        if not earlier:
            return known
        return (
            _views(Report(msgspec.structs.replace(self.outcome, findings=earlier, resolved=()), self.language).view)
            | known
        )


def _views(view: ReportView) -> dict[str, FindingView]:
    shown = [finding for group in view.groups for finding in group.findings]
    return {finding.fingerprint: finding for finding in [*view.resolved, *view.suppressed, *shown]}
