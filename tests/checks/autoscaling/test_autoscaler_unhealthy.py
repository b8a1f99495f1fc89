"""autoscaling/autoscaler-unhealthy."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.pools import before, pool

CHECK = "autoscaling/autoscaler-unhealthy"
SUBJECT = "kube-system/cluster-autoscaler"
Json = dict[str, Any]


def deployment(
    name: str = "cluster-autoscaler", ready: int = 1, replicas: int = 1, namespace: str = "kube-system", **more: Any
) -> Deployment:
    data = {
        "metadata": make.meta(name, namespace, creationTimestamp=more.pop("made", before(days=3))),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}},
        "status": {"readyReplicas": ready, "replicas": replicas, **more},
    }
    return msgspec.convert(data, Deployment)


def pod(name: str = "x", *, ready: bool = True, state: Json | None = None, made: str = "", **status: Any) -> Pod:
    container = {"name": "main", "ready": ready, "state": state or {"running": {}}, **status}
    return make.pod(
        f"kube-system/cluster-autoscaler-{name}",
        "a",
        ready=ready,
        labels={"app": "cluster-autoscaler"},
        creationTimestamp=made or before(days=3),
        status={
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [container],
        },
    )


CRASHING = pod(
    ready=False,
    state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
    restartCount=12,
    lastState={"terminated": {"exitCode": 255, "reason": "Error", "finishedAt": before(minutes=3)}},
)
NOT_READY = pod(ready=False)
INSTANT = make.pod("kube-system/ack-goatscaler-x", "a", labels={"app": "ack-goatscaler"})
ELSEWHERE = make.pod("scaling/cluster-autoscaler-x", "a", labels={"app": "cluster-autoscaler"})
UNPLACED = make.pod("kube-system/cluster-autoscaler-y", labels={"app": "cluster-autoscaler"})


def landscape(*deployments: Deployment, pods: Any = None, enabled: bool = True, **tables: Any) -> Landscape:
    given: Json = {
        "deployments": deployments,
        "pods": [pod()] if pods is None else pods,
        "node_pools": [pool(auto_scaling=enabled)],
        "clusters": [Cluster(kit.CLUSTER_ID, type="ManagedKubernetes")],
        **tables,
    }
    return kit.landscape(**given)


def one(base: Landscape, subject: str = SUBJECT) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.subject.kind == "Deployment"
    return finding


# Missing


def test_missing_while_a_pool_scales() -> None:
    finding = one(landscape(pods=[]))
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("NodePool", HopState.OK),
        ("Deployment", HopState.BROKEN),
    ]
    assert [ref.path for ref in finding.affected] == ["burst"]


@pytest.mark.parametrize("name", ["cluster-autoscaler", "ack-goatscaler"])
@pytest.mark.parametrize("state", ["deleting", "deleted", "failed"])
def test_an_addon_that_is_not_active_does_not_count(name: str, state: str) -> None:
    finding = one(landscape(addons=[Addon(name, "v1", state)]), f"kube-system/{name}")
    assert ("Addon", HopState.BROKEN) in [(hop.ref.kind, hop.state) for hop in finding.trail]


@pytest.mark.parametrize("name", ["cluster-autoscaler", "ack-goatscaler"])
@pytest.mark.parametrize("state", ["active", "Active", "upgrading", "updating"])
def test_an_addon_outside_of_the_cluster_counts(name: str, state: str) -> None:
    kit.stays_quiet(CHECK, landscape(addons=[Addon(name, "v1", state)]))


def test_missing_where_nothing_scales() -> None:
    kit.stays_quiet(CHECK, landscape(enabled=False), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, landscape(node_pools=[]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("present", "own"),
    [
        pytest.param(deployment("ack-goatscaler"), INSTANT, id="node instant scaling"),
        pytest.param(deployment(namespace="scaling"), ELSEWHERE, id="in a namespace of the operator's own"),
    ],
)
def test_another_one_is_there(present: Deployment, own: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(present, pods=[own]))


# Scaled to zero


def test_scaled_to_zero_while_a_pool_scales() -> None:
    finding = one(landscape(deployment(ready=0, replicas=0), pods=[]))
    assert "scaled to zero" in str(finding.message)


def test_scaled_to_zero_on_purpose() -> None:
    zero = deployment(ready=0, replicas=0)
    kit.stays_quiet(CHECK, landscape(zero, pods=[], enabled=False), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, landscape(zero, deployment("ack-goatscaler"), pods=[INSTANT]))
    outside = landscape(zero, pods=[], addons=[Addon("ack-goatscaler", "v0.6", "active")])
    kit.stays_quiet(CHECK, outside, Status.NOT_APPLICABLE)


DEDICATED = [Cluster(kit.CLUSTER_ID, type="Kubernetes")]


def test_of_a_dedicated_cluster_nothing_runs_outside() -> None:
    finding = one(landscape(addons=[Addon("cluster-autoscaler", "v1", "active")], clusters=DEDICATED, pods=[]))
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Deployment"]
    zero = deployment(ready=0, replicas=0)
    one(landscape(zero, pods=[], addons=[Addon("ack-goatscaler", "v0.6", "active")], clusters=DEDICATED))


@pytest.mark.parametrize("clusters", [[], [Cluster(kit.CLUSTER_ID)]])
def test_the_type_of_the_cluster_was_not_said(clusters: list[Cluster]) -> None:
    base = landscape(addons=[Addon("cluster-autoscaler", "v1", "active")], clusters=clusters, pods=[])
    result, findings = kit.run(CHECK, base)
    assert (findings, result.status) == ((), Status.NOT_EVALUATED)
    one(landscape(clusters=clusters, pods=[]))


@pytest.mark.parametrize(
    "image", ["registry.k8s.io/autoscaling/cluster-autoscaler:v1.30.0", "r.example.com:5000/acs/autoscaler@sha256:0"]
)
def test_helm_names_it_in_its_own_way(image: str) -> None:
    installed = named_by_helm(image)
    kit.stays_quiet(CHECK, landscape(installed, pods=[ELSEWHERE]))
    one(landscape(named_by_helm(image, ready=0), pods=[]), "scaling/ca-alicloud-cluster-autoscaler")


@pytest.mark.parametrize(
    "image",
    ["r.example.com/cpa/cluster-proportional-autoscaler:v1", "r.example.com/acs/vpa-recommender:v1", "autoscaler"],
)
def test_what_scales_something_else_is_no_autoscaler(image: str) -> None:
    one(landscape(named_by_helm(image), pods=[ELSEWHERE]))


def named_by_helm(image: str, ready: int = 1) -> Deployment:
    data = {
        "metadata": make.meta("ca-alicloud-cluster-autoscaler", "scaling", creationTimestamp=before(days=3)),
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "cluster-autoscaler"}},
            "template": {"spec": {"containers": [{"name": "main", "image": image}]}},
        },
        "status": {"readyReplicas": ready, "replicas": 1},
    }
    return msgspec.convert(data, Deployment)


# Not ready, crashing


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param([NOT_READY], "readiness", id="not ready"),
        pytest.param([UNPLACED], "waits for a node", id="without a node"),
        pytest.param([], "no Pod", id="without a Pod"),
    ],
)
def test_not_ready(found: list[Pod], words: str) -> None:
    finding = one(landscape(deployment(ready=0), pods=found))
    assert words in str(finding.message)


@pytest.mark.parametrize("found", [[NOT_READY], [UNPLACED], []])
def test_the_deployment_has_not_noticed_yet(found: list[Pod]) -> None:
    one(landscape(deployment(ready=1), pods=found))


def test_no_pod_can_be_made() -> None:
    conditions = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]
    assert "exceeded quota" in str(one(landscape(deployment(ready=0, conditions=conditions), pods=[])).message)


def test_crashing() -> None:
    finding = one(landscape(deployment(ready=0), pods=[CRASHING]))
    assert "crashes again and again" in str(finding.message)
    assert "autoscaling/role-lacks-permission" in str(finding.why)
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("NodePool", HopState.OK),
        ("Deployment", HopState.BROKEN),
        ("Pod", HopState.BROKEN),
    ]


def test_crashing_between_two_crashes() -> None:
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": before(minutes=10)}}
    one(landscape(deployment(), pods=[pod(restartCount=7, lastState=ended)]))


def test_crashing_where_nothing_scales_is_a_failure_too() -> None:
    one(landscape(deployment(ready=0), pods=[CRASHING], enabled=False))


def test_one_of_two_does_not_hide_the_other() -> None:
    one(landscape(deployment(ready=0), deployment("ack-goatscaler"), pods=[NOT_READY, INSTANT]))


@pytest.mark.parametrize(
    ("of", "found"),
    [
        pytest.param(deployment(), [pod()], id="healthy"),
        pytest.param(deployment(replicas=2), [pod(), pod("y", ready=False)], id="one of two replicas is enough"),
        pytest.param(deployment(ready=0), [pod(ready=False, made=before(seconds=30))], id="it has just been started"),
        pytest.param(deployment(ready=0, made=before(seconds=10)), [], id="it has just been made"),
        pytest.param(
            deployment(),
            [pod(restartCount=2, lastState={"terminated": {"exitCode": 1, "finishedAt": before(days=1)}})],
            id="restarted some day",
        ),
    ],
)
def test_quiet(of: Deployment, found: list[Pod]) -> None:
    kit.stays_quiet(CHECK, landscape(of, pods=found))


# Gaps


def test_every_table_taken_away_while_it_is_missing() -> None:
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(pods=[]), table)
        if table in ("deployments", "node_pools", "addons"):
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_every_table_taken_away_while_it_is_not_ready() -> None:
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(deployment(ready=0), pods=[NOT_READY]), table)
        if table == "deployments":
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_whether_its_pods_crash_is_not_known_without_them() -> None:
    kit.is_not_evaluated(CHECK, kit.without(landscape(deployment()), "pods"))


def test_whether_a_pool_scales_was_not_said() -> None:
    result, findings = kit.run(CHECK, landscape(node_pools=[pool(auto_scaling=None)]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
    one(landscape(pods=[], node_pools=[pool(auto_scaling=None), pool()]))


def test_the_state_of_the_addon_was_not_said() -> None:
    result, findings = kit.run(CHECK, landscape(addons=[Addon("cluster-autoscaler", "v1", "")]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
