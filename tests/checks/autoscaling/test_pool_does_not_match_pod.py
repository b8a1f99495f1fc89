"""autoscaling/pool-does-not-match-pod."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import NodePool, PoolPattern, PoolTaint
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.pools import (
    AFFINITY,
    LARGE,
    SMALL,
    affinity,
    event,
    in_zone,
    landscape,
    node,
    pool,
    size,
    waiting,
)

CHECK = "autoscaling/pool-does-not-match-pod"
GPU = PoolTaint("dedicated", "NoSchedule", "gpu")
SSD = waiting(message=AFFINITY, spec={"nodeSelector": {"disk": "ssd"}})


def one(base: Landscape, pod: str = "shop/big") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, pod)
    return finding


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


@pytest.mark.parametrize(
    ("spec", "of"),
    [
        pytest.param({"nodeSelector": {"disk": "ssd"}}, pool(), id="no such label"),
        pytest.param({"nodeSelector": {"disk": "ssd"}}, pool(labels={"disk": "hdd"}), id="another value"),
        pytest.param(affinity(expression("disk", "In", "ssd", "nvme")), pool(labels={"disk": "hdd"}), id="affinity"),
        pytest.param(affinity(expression("disk", "Exists")), pool(), id="exists"),
        pytest.param(affinity(expression("disk", "NotIn", "hdd")), pool(labels={"disk": "hdd"}), id="not in"),
        pytest.param(affinity(expression("disk", "DoesNotExist")), pool(labels={"disk": "hdd"}), id="does not exist"),
        pytest.param({}, pool(taints=[GPU]), id="taint"),
        pytest.param({}, pool(taints=[PoolTaint("dedicated", "NoExecute")]), id="NoExecute"),
        pytest.param(
            {"tolerations": [{"key": "dedicated", "operator": "Equal", "value": "cpu"}]},
            pool(taints=[GPU]),
            id="another value is tolerated",
        ),
        pytest.param({}, pool(unschedulable=True), id="made unschedulable"),
        pytest.param({"nodeSelector": {"kubernetes.io/arch": "arm64"}}, pool(), id="architecture"),
        pytest.param({"nodeSelector": {"beta.kubernetes.io/arch": "arm64"}}, pool(), id="architecture, old label"),
        pytest.param(
            affinity(expression("kubernetes.io/arch", "In", "arm64")),
            pool(types=[], patterns=[PoolPattern(min_cpu=2, max_cpu=8, architectures=["X86"])]),
            id="architecture of sizes",
        ),
        pytest.param({"nodeSelector": {"node.kubernetes.io/instance-type": SMALL}}, pool(), id="type"),
        pytest.param({"nodeSelector": {"alibabacloud.com/nodepool-id": "np-other"}}, pool(), id="pool"),
        pytest.param({"nodeSelector": {"kubernetes.io/os": "windows"}}, pool(), id="system"),
    ],
)
def test_the_only_pool_does_not_match(spec: dict[str, Any], of: NodePool) -> None:
    finding = one(landscape(waiting(spec=spec), pools=[of]))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.severity is Severity.MEDIUM
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("NodePool", HopState.BROKEN),
    ]
    assert "kubectl -n shop describe pod big" in [step.command for step in finding.remedy]


def test_the_message_names_label_and_taint() -> None:
    assert "disk=ssd" in str(one(landscape(SSD)).message)
    assert "dedicated=gpu:NoSchedule" in str(one(landscape(waiting(), pools=[pool(taints=[GPU])])).message)


def test_a_label_that_somebody_put_on_one_node_by_hand() -> None:
    nodes = [node("a", of="burst", labels={"disk": "ssd"}), node("b", of="burst")]
    assert one(landscape(SSD, nodes=nodes)).certainty is Certainty.CONFIRMED


def test_labels_of_pools_that_are_scaled_by_hand_do_not_help() -> None:
    one(landscape(SSD, pools=[pool(), pool("fixed", labels={"disk": "ssd"}, auto_scaling=False)]))


def test_a_label_that_a_component_may_set_later_is_likely_while_the_pool_has_no_node() -> None:
    pod = waiting(spec={"nodeSelector": {"aliyun.accelerator/nvidia_name": "T4"}})
    assert one(landscape(pod, nodes=[])).certainty is Certainty.LIKELY
    assert one(landscape(pod)).certainty is Certainty.CONFIRMED


@pytest.mark.parametrize(
    ("pod", "of"),
    [
        pytest.param(SSD, pool(labels={"disk": "ssd"}), id="label of the pool"),
        pytest.param(waiting(), pool(taints=[PoolTaint("soft", "PreferNoSchedule")]), id="soft taint"),
        pytest.param(waiting(spec={"tolerations": [{"operator": "Exists"}]}), pool(taints=[GPU]), id="tolerates all"),
        pytest.param(
            waiting(spec={"tolerations": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]}),
            pool(taints=[GPU]),
            id="tolerates it",
        ),
        pytest.param(waiting(spec={"nodeSelector": {"kubernetes.io/arch": "amd64"}}), pool(), id="architecture"),
        pytest.param(waiting(spec={"nodeSelector": {"kubernetes.io/os": "linux"}}), pool(), id="system"),
        pytest.param(waiting(spec=affinity(expression("type", "NotIn", "virtual-kubelet"))), pool(), id="not virtual"),
        pytest.param(
            waiting(spec={"nodeSelector": {"node.kubernetes.io/instance-type": LARGE}}),
            pool(types=[SMALL, LARGE]),
            id="one of the types",
        ),
        pytest.param(waiting(spec={"nodeSelector": {"alibabacloud.com/nodepool-id": "np-burst"}}), pool(), id="pool"),
        pytest.param(waiting(spec=in_zone("k")), pool(), id="a zone is another matter"),
        pytest.param(waiting(cpu="64"), pool(), id="size is another matter"),
    ],
)
def test_quiet(pod: Pod, of: NodePool) -> None:
    kit.stays_quiet(CHECK, landscape(pod, pools=[of], instance_types=[size(SMALL), size(LARGE)]))


def test_a_label_that_all_nodes_of_the_pool_carry() -> None:
    labels = {"aliyun.accelerator/nvidia_name": "T4"}
    nodes = [node(name, of="burst", labels=labels) for name in "ab"]
    kit.stays_quiet(CHECK, landscape(waiting(spec={"nodeSelector": labels}), nodes=nodes))


def test_an_empty_pool_with_the_label_will_grow() -> None:
    kit.stays_quiet(CHECK, landscape(SSD, pools=[pool(), pool("ssd", labels={"disk": "ssd"})]))


def test_an_arm_pool() -> None:
    arm = size("ecs.g8y.xlarge", architecture="ARM")
    pod = waiting(spec={"nodeSelector": {"kubernetes.io/arch": "arm64"}})
    kit.stays_quiet(CHECK, landscape(pod, pools=[pool(types=[arm.name])], instance_types=[arm]))


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(spec={"nodeSelector": {"kubernetes.io/hostname": "a"}}), id="named node"),
        pytest.param(waiting(spec={"nodeSelector": {"type": "virtual-kubelet"}}), id="virtual node"),
        pytest.param(waiting(spec=affinity(expression("type", "In", "virtual-kubelet"))), id="virtual, by affinity"),
        pytest.param(waiting(spec={"nodeSelector": {"a": "b"}, "schedulerName": "volcano"}), id="another scheduler"),
        pytest.param(waiting(spec={"nodeSelector": {"a": "b"}}, reason="SchedulingGated"), id="gated"),
        pytest.param(
            waiting(spec={"nodeSelector": {"a": "b"}}, message='persistentvolumeclaim "data" not found'), id="claim"
        ),
    ],
)
def test_pods_that_no_pool_is_asked_for(pod: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(pod), Status.NOT_APPLICABLE)


def test_nothing_scales_automatically() -> None:
    kit.stays_quiet(CHECK, landscape(SSD, pools=[pool(auto_scaling=False)]), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, landscape(make.pod("shop/web", "a")), Status.NOT_APPLICABLE)


def test_the_autoscaler_is_quoted() -> None:
    said = event(SSD, "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 node(s) didn't match node affinity")
    assert "didn't trigger" in str(one(landscape(SSD, events=[said])).evidence["autoscaler"])


def test_every_table_taken_away() -> None:
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(SSD), table)
        if table in {"pods", "node_pools", "nodes"}:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)
        taint = kit.without(landscape(waiting(), pools=[pool(taints=[GPU])]), table)
        if table in {"pods", "node_pools"}:
            kit.is_not_evaluated(CHECK, taint)
        else:
            one(taint)


def test_architecture_needs_the_types() -> None:
    whole = landscape(waiting(spec={"nodeSelector": {"kubernetes.io/arch": "arm64"}}))
    for table in ("scaling_groups", "scaling_configurations", "instance_types"):
        kit.is_not_evaluated(CHECK, kit.without(whole, table))


def test_whether_a_pool_scales_was_not_said() -> None:
    result, findings = kit.run(CHECK, landscape(SSD, pools=[pool(), pool("odd", auto_scaling=None)]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED


@pytest.mark.parametrize("operator", [("Exists",), ("NotIn", "cn-hangzhou-x")])
def test_any_zone_will_do(operator: tuple[str, ...]) -> None:
    kit.stays_quiet(CHECK, landscape(waiting(spec=affinity(expression("topology.kubernetes.io/zone", *operator)))))
