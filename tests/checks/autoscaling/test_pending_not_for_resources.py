"""autoscaling/pending-not-for-resources."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import PoolTaint
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.pools import (
    AFFINITY,
    FULL,
    affinity,
    before,
    event,
    in_zone,
    landscape,
    node,
    pool,
    waiting,
)

CHECK = "autoscaling/pending-not-for-resources"
HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
APART = "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules."
TAINTED = "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: gpu}."


def one(base: Landscape, pod: str = "shop/big") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, pod)
    return finding


def refused(*reasons: str) -> Pod:
    return waiting(message=f"0/3 nodes are available: {', '.join(reasons)}.")


def apart(key: str, **more: Any) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}, **more}
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


# What no node brings


@pytest.mark.parametrize(
    ("message", "waits_for"),
    [
        ("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "volume-claim"),
        ("0/3 nodes are available: 3 pod has unbound immediate PersistentVolumeClaims.", "volume-claim"),
        ("pod has unbound immediate PersistentVolumeClaims (repeated 2 times)", "volume-claim"),
        ('0/3 nodes are available: persistentvolumeclaim "data" not found.', "volume-claim"),
        ('0/3 nodes are available: persistentvolumeclaim "data" is being deleted.', "volume-claim"),
        ('persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"', "volume-claim"),
        (
            'waiting for ephemeral volume controller to create the persistentvolumeclaim "big-data"',
            "volume-claim",
        ),
        ("0/3 nodes are available: 3 Insufficient quotas, quotaName: team, exceedDimensions: [cpu].", "quota"),
        ("pod is rejected in PreFilter: ElasticQuota team is more than Max", "quota"),
        ("0/3 nodes are available: 3 cannot allocate all claims.", "device-claim"),
        ("waiting for resource claim to be created", "device-claim"),
    ],
)
def test_refused_before_any_node_is_looked_at(message: str, waits_for: str) -> None:
    finding = one(landscape(waiting(message=message, cpu="64", spec=in_zone("k"))))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence["waits_for"] == waits_for
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [("Pod", HopState.BROKEN)]


def test_the_claim_is_shown() -> None:
    message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    claims = [make.volume_claim("shop/data"), make.volume_claim("shop/logs", "pv")]
    base = landscape(waiting(message=message, claims=["data", "logs"]), persistent_volume_claims=claims)
    assert [(hop.ref.kind, hop.ref.name, hop.state) for hop in one(base).trail] == [
        ("Pod", "big", HopState.OK),
        ("PersistentVolumeClaim", "data", HopState.BROKEN),
        ("PersistentVolumeClaim", "logs", HopState.OK),
    ]


def test_scheduling_gates_are_named() -> None:
    gated = waiting(reason="SchedulingGated", spec={"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]})
    finding = one(landscape(gated))
    assert finding.certainty is Certainty.CONFIRMED
    assert "kueue.x-k8s.io/admission" in str(finding.message)


@pytest.mark.parametrize("message", [FULL, AFFINITY, "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't…"])
@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"nodeSelector": {HOST: "a"}}, id="selector"),
        pytest.param(affinity({"key": HOST, "operator": "In", "values": ["a"]}), id="affinity"),
        pytest.param(
            affinity(fields=[{"key": "metadata.name", "operator": "In", "values": ["a"]}]),
            id="field",
        ),
    ],
)
def test_a_pod_for_one_named_node(spec: dict[str, Any], message: str) -> None:
    finding = one(landscape(waiting(message=message, spec=spec)))
    assert finding.evidence["named"] == ["a"]
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [("Pod", HopState.OK), ("Node", HopState.BROKEN)]


# What the pool's nodes are refused for


@pytest.mark.parametrize(
    "reason",
    [
        "3 node(s) had untolerated taint {dedicated: gpu}",
        "3 node(s) had taint {dedicated: gpu}, that the pod didn't tolerate",
        "3 node(s) had taints that the pod didn't tolerate",
        "3 node(s) didn't match Pod's node affinity/selector",
        "3 node(s) didn't match Pod's node affinity",
        "3 node(s) didn't match node selector",
        "3 node(s) didn't match pod affinity rules",
        "3 node(s) didn't match pod anti-affinity rules",
        "3 node(s) had volume node affinity conflict",
        "3 node(s) didn't find available persistent volumes to bind",
    ],
)
def test_all_nodes_refuse_it_those_of_the_pool_too(reason: str) -> None:
    finding = one(landscape(refused(reason)))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["pools"] == ["burst"]
    assert reason.partition(" ")[2].split(",")[0] in str(finding.message)


def test_reasons_of_several_kinds_are_all_named() -> None:
    pod = refused("1 node(s) had untolerated taint {a: b}", "2 node(s) didn't match Pod's node affinity/selector")
    finding = one(landscape(pod))
    assert finding.evidence["causes"] == ["taint", "node affinity"]


def test_words_that_are_not_known_are_quoted_and_likely() -> None:
    finding = one(landscape(refused("3 node(s) are not to the liking of the plugin")))
    assert finding.certainty is Certainty.LIKELY
    assert "liking" in str(finding.message)


def test_anti_affinity_over_zones_that_are_all_taken() -> None:
    pod = waiting(message=APART, spec=apart(ZONE))
    siblings = [make.pod(f"shop/web-{name}", name, labels={"app": "web"}) for name in "ab"]
    nodes = [node("a", "h", of="burst"), node("b", "i", of="burst")]
    one(landscape(pod, *siblings, nodes=nodes))
    kit.stays_quiet(CHECK, landscape(pod, siblings[0], nodes=nodes))


# Look-alikes


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(), id="no cores"),
        pytest.param(refused("3 Insufficient memory"), id="no memory"),
        pytest.param(refused("3 Insufficient aliyun.com/gpu-mem"), id="no GPU memory"),
        pytest.param(refused("3 Too many pods"), id="too many Pods"),
        pytest.param(refused("1 Insufficient cpu", "2 node(s) had untolerated taint {a: b}"), id="one node is full"),
        pytest.param(
            refused("2 node(s) had taint {a: }, that the pod didn't tolerate", "1 Insufficient cpu"), id="old"
        ),
        pytest.param(refused("3 node(s) were unschedulable"), id="cordoned"),
        pytest.param(refused("3 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"), id="not ready"),
        pytest.param(refused("3 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }"), id="pressure"),
        pytest.param(refused("3 node(s) had untolerated taint {ToBeDeletedByClusterAutoscaler: 17}"), id="to go"),
        pytest.param(refused("3 node(s) didn't have free ports for the requested pod ports"), id="host ports"),
        pytest.param(refused("3 node(s) exceed max volume count"), id="disks"),
        pytest.param(waiting(message="no nodes available to schedule pods"), id="no nodes"),
        pytest.param(waiting(message=""), id="nothing said"),
        pytest.param(waiting(message=APART, spec=apart(HOST)), id="one for each node"),
        pytest.param(
            waiting(
                message="0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
                spec={"topologySpreadConstraints": [{"topologyKey": HOST, "maxSkew": 1}]},
            ),
            id="spread over nodes",
        ),
        pytest.param(refused("3 gang scheduling: the pod group is not complete"), id="gang"),
    ],
)
def test_quiet(pod: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(pod))


def test_other_pods_want_to_be_alone_on_their_nodes() -> None:
    pod = refused("3 node(s) didn't satisfy existing pods anti-affinity rules")
    loner = make.pod("shop/loner", "a", spec=apart(HOST))
    kit.stays_quiet(CHECK, landscape(pod, loner))
    assert one(landscape(pod, make.pod("shop/loner", "a", spec=apart(ZONE)))).certainty is Certainty.LIKELY


def test_an_empty_pool_could_help() -> None:
    labelled = pool("ssd", labels={"disk": "ssd"})
    pod = waiting(message=AFFINITY, spec={"nodeSelector": {"disk": "ssd"}})
    kit.stays_quiet(CHECK, landscape(pod, pools=[pool(), labelled]))
    kit.stays_quiet(CHECK, landscape(waiting(message=TAINTED), nodes=[node("b")]))


def test_nodes_of_the_pool_that_are_out_of_use_say_nothing_of_a_new_one() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(message=TAINTED), nodes=[node("a", of="burst", unschedulable=True)]))
    kit.stays_quiet(CHECK, landscape(waiting(message=TAINTED), nodes=[node("a", of="burst", ready="Unknown")]))


def test_no_node_of_the_pool_in_the_zone_of_the_disk() -> None:
    base = landscape(
        waiting(message="0/3 nodes are available: 3 node(s) had volume node affinity conflict.", claims=["data"]),
        persistent_volumes=[make.disk_volume("pv", "d-1", "shop/data", "i")],
        persistent_volume_claims=[make.volume_claim("shop/data", "pv")],
    )
    kit.stays_quiet(CHECK, base)


@pytest.mark.parametrize(
    ("pod", "of"),
    [
        pytest.param(waiting(message=AFFINITY, spec={"nodeSelector": {"disk": "ssd"}}), pool(), id="labels"),
        pytest.param(waiting(message=AFFINITY, spec=in_zone("k")), pool(), id="zone"),
        pytest.param(waiting(message=TAINTED), pool(taints=[PoolTaint("dedicated", "NoSchedule", "gpu")]), id="taint"),
        pytest.param(waiting(message=TAINTED, cpu="64"), pool(), id="size"),
    ],
)
def test_what_rules_the_pools_out_is_found_elsewhere(pod: Pod, of: Any) -> None:
    kit.stays_quiet(CHECK, landscape(pod, pools=[of]))


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"spec": {"schedulerName": "volcano"}}, id="another scheduler"),
        pytest.param({"labels": {"alibabacloud.com/compute-class": "general-purpose"}}, id="ACS"),
        pytest.param({"status": {"nominatedNodeName": "a"}}, id="preempts"),
        pytest.param({"made": before(seconds=20)}, id="recent"),
        pytest.param({"reason": ""}, id="not refused yet"),
        pytest.param({"ownerReferences": [{"kind": "DaemonSet", "name": "x", "controller": True}]}, id="DaemonSet"),
    ],
)
def test_pods_that_are_not_looked_at(more: dict[str, Any]) -> None:
    message = 'persistentvolumeclaim "data" not found'
    kit.stays_quiet(CHECK, landscape(waiting(message=message, **more)), Status.NOT_APPLICABLE)


def test_a_node_is_on_its_way() -> None:
    pod = waiting(message=TAINTED)
    kit.stays_quiet(CHECK, landscape(pod, events=[event(pod, "TriggeredScaleUp")]), Status.NOT_APPLICABLE)


def test_without_pools_a_taint_is_no_matter_of_scaling() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(message=TAINTED), pools=[]))


def test_no_pod_waits() -> None:
    kit.stays_quiet(CHECK, landscape(make.pod("shop/web", "a")), Status.NOT_APPLICABLE)


# Gaps


def test_every_table_taken_away_while_a_claim_is_missing() -> None:
    whole = landscape(waiting(message='persistentvolumeclaim "data" not found'))
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table == "pods":
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_every_table_taken_away_while_all_nodes_refuse_it() -> None:
    needed = {
        *("pods", "nodes", "node_pools", "scaling_groups", "scaling_configurations", "instance_types"),
    }
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(waiting(message=TAINTED)), table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_a_pool_that_is_not_known_may_help() -> None:
    whole = landscape(waiting(message=TAINTED), pools=[pool(), pool("other")])
    kit.is_not_evaluated(CHECK, kit.without_rows(whole, "node_pools", "np-other"))


def test_resources_are_lacking_whatever_else_is_not_known() -> None:
    for table in kit.tables_needed(CHECK) - {"pods"}:
        kit.stays_quiet(CHECK, kit.without(landscape(waiting()), table))


def test_a_landscape_of_an_older_version_has_no_scheduler_name() -> None:
    pod = waiting(message='persistentvolumeclaim "data" not found')
    old = msgspec.structs.replace(pod, spec=msgspec.structs.replace(pod.spec, scheduler_name=""))
    one(landscape(old))


# Volumes of one node, Pods to be near to, labels to spread over

NOT_NEAR = ("2 node(s) had untolerated taint {a: b}", "1 node(s) didn't match pod affinity rules")


def near(key: str) -> dict[str, Any]:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": "web"}}}
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def spread(key: str) -> dict[str, Any]:
    rule = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
    return {"topologySpreadConstraints": [rule]}


def local_volume(*names: str) -> PersistentVolume:
    term = {"matchExpressions": [{"key": HOST, "operator": "In", "values": list(names)}]}
    spec = {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}
    return msgspec.convert({"metadata": make.meta("pv"), "spec": spec}, PersistentVolume)


def test_a_volume_that_is_on_one_node() -> None:
    base = landscape(
        waiting(message=FULL, claims=["data"]),
        persistent_volume_claims=[make.volume_claim("shop/data", "pv")],
        persistent_volumes=[local_volume("b")],
    )
    finding = one(base)
    assert finding.evidence["named"] == ["b"]
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("PersistentVolume", HopState.OK),
        ("Node", HopState.BROKEN),
    ]
    for table in ("persistent_volumes", "persistent_volume_claims"):
        kit.is_not_evaluated(CHECK, kit.without(base, table))


def test_a_new_node_stands_alone_and_near_to_nobody() -> None:
    message = f"0/3 nodes are available: {', '.join(NOT_NEAR)}."
    web = make.pod("shop/web", "k", labels={"app": "web"})
    nodes = [node("a", "h", of="burst"), node("k", "i")]
    one(landscape(waiting(message=message, spec=near(HOST)), web, nodes=nodes))
    kit.stays_quiet(CHECK, landscape(waiting(message=message, spec=near(ZONE)), web, nodes=nodes))
    elsewhere = [node("a", "h", of="burst"), node("k", "k")]
    one(landscape(waiting(message=message, spec=near(ZONE)), web, nodes=elsewhere))


def test_a_label_to_spread_over() -> None:
    words = "3 node(s) didn't match pod topology spread constraints (missing required label)"
    lacking = waiting(message=f"0/3 nodes are available: {words}.", spec=spread("rack"))
    one(landscape(lacking))
    kit.stays_quiet(CHECK, landscape(lacking, pools=[pool(labels={"rack": "r1"})]))
    kit.stays_quiet(CHECK, landscape(waiting(message=f"0/3 nodes are available: {words}.", spec=spread(HOST))))
