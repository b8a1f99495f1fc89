"""Take away each permission in turn: no verdict may become wrong, and what is missing must be named.

Held over the healthy cluster (nothing may be found that was not there) and over the demo cluster (no finding may
vanish without the check saying what it could not look at).
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from auditor.agent.audit import Watcher, audit, collect_live
from auditor.collect.registry import providers, with_needs
from auditor.config.load import parse
from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind
from auditor.judge.engine import needed_tables
from auditor.judge.outcome import CheckResult, Outcome, Status
from auditor.judge.registry import load_checks
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud
from tests.fakes.demo import plant
from tests.fakes.kubernetes import FakeKubernetes

Cluster = tuple[FakeCloud, FakeKubernetes]


def healthy() -> Cluster:
    return FakeCloud.recorded(), FakeKubernetes.recorded()


def demo() -> Cluster:
    cloud, kubernetes = healthy()
    plant(cloud, kubernetes)
    cloud.heal()
    return cloud, kubernetes


CLUSTERS: dict[str, Callable[[], Cluster]] = {"healthy": healthy, "demo": demo}


def run(cluster: Cluster, folder: Path) -> Outcome:
    cloud, kubernetes = cluster
    with cloud.serve() as endpoint, kubernetes:
        kubernetes.write_kubeconfig(folder / "kubeconfig")
        config = f"""
            [[clusters]]
            name = "shop"
            region = "cn-hangzhou"
            cluster_id = "{cloud.state.cs.cluster_id}"
            kubernetes = {{ kubeconfig = "kubeconfig" }}
            [clusters.alibaba]
            endpoint = "{endpoint}"
            [clusters.alibaba.credentials]
            kind = "access_key"
            access_key_id = "{ACCESS_KEY_ID}"
            access_key_secret = "{ACCESS_KEY_SECRET}"
        """
        settings = parse(config.encode(), folder / "auditor.toml").clusters[0]
        landscape = collect_live(settings, load_checks(), Watcher())
    return audit(landscape, load_checks(), [], "now", Watcher())


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    @cache
    def of(name: str) -> Outcome:
        return run(CLUSTERS[name](), tmp_path_factory.mktemp(name))

    return of


def permissions() -> list[tuple[Layer, str]]:
    tables = with_needs(needed_tables(load_checks()))
    known = providers()
    found = {(known[name].layer, permission) for name in tables for permission in known[name].permissions}
    return sorted(found)


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("layer", "permission"), permissions())
def test_a_permission_taken_away_makes_no_verdict_wrong(
    cluster: str, layer: Layer, permission: str, baseline: Callable[[str], Outcome], tmp_path: Path
) -> None:
    before = baseline(cluster)
    cloud, kubernetes = CLUSTERS[cluster]()
    if layer is Layer.CLOUD:
        cloud.deny(permission)
    else:
        kubernetes.deny(permission)
    after = run((cloud, kubernetes), tmp_path)

    known = {finding.fingerprint: finding for finding in before.findings}
    still = {finding.fingerprint for finding in after.findings}
    assert not [str(finding.message) for finding in after.findings if finding.fingerprint not in known]
    for finding in after.findings:
        assert finding.severity.rank >= known[finding.fingerprint].severity.rank
    old = {result.id: result for result in before.checks}
    for result in after.checks:
        lost = [f for f in before.findings if f.check == result.id and f.fingerprint not in still]
        if lost or result.subjects < old[result.id].subjects or result.status is not old[result.id].status:
            assert names(result, permission), (result.id, result.status, lost, result.reasons)
        if result.status is Status.PASSED:
            assert result.subjects == old[result.id].subjects


def names(result: CheckResult, permission: str) -> bool:
    """Tell whether a check says that this permission is missing, and of what kind the gap is."""
    return any(permission in reason.missing and reason.kind is ReasonKind.FORBIDDEN for reason in result.reasons)


def test_the_healthy_cluster_is_whole_and_has_nothing_above_info(baseline: Callable[[str], Outcome]) -> None:
    outcome = baseline("healthy")
    assert outcome.is_complete
    assert {finding.severity.value for finding in outcome.findings} <= {"info"}


def test_the_demo_shows_every_area(baseline: Callable[[str], Outcome]) -> None:
    outcome = baseline("demo")
    assert outcome.is_complete
    assert {result.status for result in outcome.checks} == {Status.FOUND}
    assert len(outcome.findings) >= 12
