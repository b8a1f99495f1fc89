"""Whole audits over planted faults: both APIs are faked over HTTP, collected from, and judged.

A scenario edits the recorded healthy cluster and runs one check:

    scene = Scene()
    scene.cloud.state.ecs.disks["d-…"]["ZoneId"] = "cn-…"
    report = scene.audit("storage/disk-in-other-zone")
    assert report.one.subject.kind == "PersistentVolume"
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from unittest.mock import patch

from auditor.agent.audit import Watcher, audit, collect_live
from auditor.collect.alibaba.pacing import Limits
from auditor.config.load import parse
from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind
from auditor.judge.check import LoadedCheck
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, Status
from auditor.judge.registry import load_checks
from auditor.judge.verdicts import Certainty, Severity
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.kubernetes import FakeKubernetes

UNHURRIED = Limits(per_second=10_000, burst=10_000)
"""The fakes need not be spared: without a limit of calls, a scenario waits for nothing."""


@cache
def _check(check_id: str) -> LoadedCheck:
    return next(loaded for loaded in load_checks() if loaded.id == check_id)


@dataclass
class Report:
    """What one check came to."""

    result: CheckResult
    findings: tuple[ReportedFinding, ...]

    @property
    def one(self) -> ReportedFinding:
        """The only finding."""
        assert len(self.findings) == 1, ([str(f.message) for f in self.findings], self.reasons)
        return self.findings[0]

    @property
    def loud(self) -> list[ReportedFinding]:
        """The findings above info."""
        return [finding for finding in self.findings if finding.severity is not Severity.INFO]

    @property
    def loud_one(self) -> ReportedFinding:
        """The only finding above info."""
        assert len(self.loud) == 1, ([str(f.message) for f in self.loud], self.reasons)
        return self.loud[0]

    @property
    def status(self) -> Status:
        """The status of the check."""
        return self.result.status

    @property
    def reasons(self) -> list[str]:
        """The gaps, as ``kind: message``."""
        return [f"{reason.kind}: {reason.message}" for reason in self.result.reasons]

    @property
    def missing(self) -> set[str]:
        """The permissions that the gaps name."""
        return {name for reason in self.result.reasons for name in reason.missing}

    @property
    def kinds(self) -> set[ReasonKind]:
        """The kinds of the gaps."""
        return {reason.kind for reason in self.result.reasons}

    def is_quiet(self, status: Status = Status.PASSED) -> None:
        """Assert that nothing is found above info, and nothing is left open."""
        assert not self.loud, [str(finding.message) for finding in self.loud]
        assert not self.reasons, self.reasons
        assert self.status is (Status.FOUND if self.findings else status), self.status

    def is_confirmed(self, kind: str, name: str) -> ReportedFinding:
        """Assert that the only finding above info is confirmed, on this subject (by id or name); return it."""
        finding = self.loud_one
        assert finding.certainty is Certainty.CONFIRMED, str(finding.message)
        assert finding.subject.kind == kind
        assert name in (finding.subject.id, finding.subject.name, finding.subject.path), finding.subject
        return finding

    def is_open(self, kind: ReasonKind, missing: str = "") -> None:
        """Assert that nothing is found above info, and that the check says why it could not tell."""
        assert not self.loud, [str(finding.message) for finding in self.loud]
        assert self.status is (Status.FOUND if self.findings else Status.NOT_EVALUATED), self.status
        assert kind in self.kinds, self.reasons
        assert not missing or missing in self.missing, self.reasons


@dataclass
class Scene:
    """The healthy cluster, to be edited, and how the auditor is configured for it.

    ``identities`` are inline tables of the configuration:
    ``{user = "ci", must = [{verbs = ["get"], resource = "pods"}]}``.
    """

    cloud: FakeCloud = field(default_factory=FakeCloud.recorded)
    kubernetes: FakeKubernetes = field(default_factory=FakeKubernetes.recorded)
    probes: tuple[str, ...] = ()
    secret_metadata: bool = False
    client_cidrs: tuple[str, ...] = ()
    identities: str = ""
    suppress_by_annotation: bool = False

    def audit(self, check_id: str) -> Report:
        """Collect what one check needs over HTTP, and run it."""
        outcome = self.outcome([_check(check_id)])
        return Report(outcome.checks[0], outcome.findings)

    def outcome(self, checks: Sequence[LoadedCheck] = ()) -> Outcome:
        """Collect what these checks need over HTTP, or all checks, and run them."""
        checks = checks or load_checks()
        allowed = self.suppress_by_annotation
        return audit(self.collect(checks), checks, [], "now", Watcher(), by_annotation=allowed, known=load_checks())

    def collect(self, checks: Sequence[LoadedCheck]) -> Landscape:
        """Collect what these checks need over HTTP."""
        with (
            tempfile.TemporaryDirectory() as folder,
            self.cloud.serve() as endpoint,
            self.kubernetes,
            patch("auditor.collect.alibaba.client.Limits", lambda: UNHURRIED),
        ):
            self.kubernetes.write_kubeconfig(Path(folder) / "kubeconfig")
            config = f"""
                [[clusters]]
                name = "shop"
                region = "cn-hangzhou"
                cluster_id = "{self.cloud.state.cs.cluster_id}"
                probes = {list(self.probes)}
                client_cidrs = {list(self.client_cidrs)}
                identities = [{self.identities}]
                suppress_by_annotation = {str(self.suppress_by_annotation).lower()}
                [clusters.kubernetes]
                kubeconfig = "kubeconfig"
                secret_metadata = {str(self.secret_metadata).lower()}
                [clusters.alibaba]
                endpoint = "{endpoint}"
                [clusters.alibaba.credentials]
                kind = "access_key"
                access_key_id = "{ACCESS_KEY_ID}"
                access_key_secret = "{ACCESS_KEY_SECRET}"
            """
            settings = parse(config.encode(), Path(folder) / "auditor.toml").clusters[0]
            return collect_live(settings, checks, Watcher())
