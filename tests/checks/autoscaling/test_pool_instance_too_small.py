"""autoscaling/pool-instance-too-small."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, PoolPattern
from auditor.facts.cloud.ess import InstancePattern, ScalingConfiguration
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.autoscalers import deployment
from tests.checks.autoscaling.pools import LARGE, SMALL, event, group, in_zone, landscape, node, pool, size, waiting

CHECK = "autoscaling/pool-instance-too-small"
MEDIUM = "ecs.g7.xlarge"


def one(base: Landscape, pod: str = "shop/big") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, pod)
    return finding


def daemon_pod(name: str, on: str, cpu: str) -> Pod:
    return make.pod(
        f"kube-system/{name}",
        on,
        spec={"containers": [{"name": "main", "resources": {"requests": {"cpu": cpu}}}]},
        ownerReferences=[{"kind": "DaemonSet", "name": name, "controller": True}],
    )


# Larger than the type


@pytest.mark.parametrize(
    "requests",
    [
        pytest.param({"cpu": "16"}, id="cores"),
        pytest.param({"cpu": "8001m"}, id="a little more than all cores"),
        pytest.param({"memory": "64Gi"}, id="memory"),
        pytest.param({"nvidia.com/gpu": "1"}, id="GPU"),
        pytest.param({"aliyun.com/gpu-mem": "4"}, id="part of a GPU"),
        pytest.param({"aliyun/eni": "5"}, id="network interfaces"),
    ],
)
def test_more_than_the_type_has_is_confirmed(requests: dict[str, str]) -> None:
    finding = one(landscape(waiting(requests=requests)))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.severity is Severity.HIGH
    assert LARGE in str(finding.message)
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("NodePool", HopState.BROKEN),
    ]


def test_four_cores_on_two() -> None:
    finding = one(landscape(waiting(cpu="4"), pools=[pool(types=[SMALL])]))
    assert finding.certainty is Certainty.CONFIRMED
    assert "cpu 4" in str(finding.message)
    assert "2 cores" in str(finding.message)


def test_requests_are_the_effective_ones() -> None:
    containers = [{"name": name, "resources": {"requests": {"cpu": "3"}}} for name in ("app", "helper")]
    overhead = {"overhead": {"cpu": "2500m"}}
    assert one(landscape(waiting(spec={"containers": containers, **overhead}))).certainty is Certainty.CONFIRMED
    init = [{"name": "init", "resources": {"requests": {"memory": "40Gi"}}}]
    assert one(landscape(waiting(spec={"initContainers": init}))).certainty is Certainty.CONFIRMED
    limits = [{"name": "app", "resources": {"limits": {"cpu": "9"}}}]
    assert one(landscape(waiting(spec={"containers": limits}))).certainty is Certainty.CONFIRMED


def test_every_type_of_every_pool_has_to_be_too_small() -> None:
    pools = [pool(types=[SMALL, MEDIUM]), pool("other", types=[SMALL])]
    finding = one(landscape(waiting(cpu="5"), pools=pools))
    assert finding.certainty is Certainty.CONFIRMED
    assert len(finding.evidence["pools"]) == 2  # type: ignore[arg-type]
    kit.stays_quiet(CHECK, landscape(waiting(cpu="5"), pools=[*pools, pool("large")]))


def test_pools_that_other_reasons_rule_out_do_not_hide_it() -> None:
    tainted = msgspec.structs.replace(pool("large"), unschedulable=True)
    elsewhere = pool("far", "k")
    finding = one(landscape(waiting(cpu="4", spec=in_zone("h")), pools=[pool(types=[SMALL]), tainted, elsewhere]))
    assert len(finding.evidence["pools"]) == 3  # type: ignore[arg-type]
    assert "2 cores" in str(finding.evidence["pools"][0])  # type: ignore[index]


def test_more_disks_than_the_type_takes() -> None:
    claims = [f"c{number}" for number in range(4)]
    base = landscape(
        waiting(claims=claims),
        persistent_volumes=[make.disk_volume(f"pv-{name}", f"d-{name}", f"shop/{name}") for name in claims],
        persistent_volume_claims=[make.volume_claim(f"shop/{name}", f"pv-{name}") for name in claims],
        instance_types=[size(LARGE, disk_quantity=4)],
    )
    assert "4 disks" in str(one(base).message)
    roomy = msgspec.structs.replace(base.table("instance_types").all()[0], disk_quantity=5)
    tables = {name: base.table(name).all() for name in ("pods", "persistent_volumes", "persistent_volume_claims")}
    kit.stays_quiet(CHECK, landscape(**{**tables, "instance_types": [roomy]}))


def test_the_active_configuration_decides_on_the_types() -> None:
    burst = pool(types=[SMALL])
    made_from = [ScalingConfiguration("asc-burst", "asg-burst", "Active", [LARGE])]
    types = [size(SMALL), size(LARGE)]
    kit.stays_quiet(
        CHECK,
        landscape(waiting(cpu="4"), pools=[burst], scaling_configurations=made_from, instance_types=types),
    )


def test_a_launch_template() -> None:
    burst = pool(types=[LARGE])
    groups = [group(burst, active_configuration_id="", launch_template_id="lt-1", template_types=[SMALL])]
    base = landscape(waiting(cpu="4"), pools=[burst], scaling_groups=groups, instance_types=[size(SMALL), size(LARGE)])
    assert one(base).certainty is Certainty.CONFIRMED


@pytest.mark.parametrize("of_configuration", [True, False])
def test_sizes_in_the_place_of_types(of_configuration: bool) -> None:
    burst = pool(types=[], patterns=[] if of_configuration else [PoolPattern(min_cpu=2, max_cpu=4)])
    patterns = [InstancePattern(cores=4, memory_gib=16)] if of_configuration else []
    made_from = [ScalingConfiguration("asc-burst", "asg-burst", "Active", [], patterns)]

    def audited(cpu: str) -> Landscape:
        return landscape(waiting(cpu=cpu), pools=[burst], scaling_configurations=made_from)

    assert one(audited("5")).certainty is Certainty.CONFIRMED
    kit.stays_quiet(CHECK, audited("2"))


def test_a_type_chosen_by_the_pod_counts_alone() -> None:
    chosen = {"nodeSelector": {"node.kubernetes.io/instance-type": SMALL}}
    pools = [pool(types=[SMALL, LARGE])]
    assert one(landscape(waiting(cpu="3", spec=chosen), pools=pools)).certainty is Certainty.CONFIRMED


# What is left beside the system and DaemonSets


def test_as_much_as_the_type_has_does_not_fit() -> None:
    finding = one(landscape(waiting(cpu="8")))
    assert finding.certainty is Certainty.LIKELY
    assert "read from a" in str(finding.message)


def test_daemon_sets_take_their_part() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(cpu="7500m")))
    agents = [daemon_pod(f"agent-{number}", "a", "200m") for number in range(3)]
    finding = one(landscape(waiting(cpu="7500m"), *agents))
    assert finding.certainty is Certainty.LIKELY
    assert "cpu 7.3" in str(finding.message)


def test_without_a_node_of_the_type_seventy_per_cent_count() -> None:
    finding = one(landscape(waiting(cpu="6"), nodes=[]))
    assert finding.certainty is Certainty.LIKELY
    assert "assumed" in str(finding.message)
    kit.stays_quiet(CHECK, landscape(waiting(cpu="5500m"), nodes=[]))


def test_a_node_of_the_type_in_another_pool_tells_too() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(cpu="7"), nodes=[node("b", of="fixed")]))


def test_a_rule_of_thumb_gives_way_to_a_group_that_cannot_grow() -> None:
    burst = pool()
    base = landscape(
        waiting(cpu="6"),
        nodes=[],
        pools=[burst],
        scaling_groups=[group(burst, suspended_processes=["ScaleOut"])],
    )
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)


def test_resources_that_no_node_of_the_pool_offers() -> None:
    finding = one(landscape(waiting(requests={"example.com/fpga": "1"})))
    assert finding.certainty is Certainty.LIKELY
    offered = node("a", of="burst", allocatable={"example.com/fpga": "2"})
    kit.stays_quiet(CHECK, landscape(waiting(requests={"example.com/fpga": "1"}), nodes=[offered]))
    kit.stays_quiet(CHECK, landscape(waiting(requests={"example.com/fpga": "1"}), nodes=[]))


# Mixed pools


def test_only_the_larger_type_of_a_mixed_pool_would_do() -> None:
    mixed = [pool(types=[SMALL, LARGE])]
    finding = one(landscape(waiting(cpu="4"), pools=mixed))
    assert finding.certainty is Certainty.LIKELY
    assert "smallest" in str(finding.message)
    kit.stays_quiet(CHECK, landscape(waiting(cpu="1"), pools=mixed))


def test_node_instant_scaling_looks_at_each_type() -> None:
    mixed = [pool(types=[SMALL, LARGE])]
    kit.stays_quiet(CHECK, landscape(waiting(cpu="4"), pools=mixed, deployments=[deployment("ack-goatscaler")]))


# Look-alikes


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(cpu="4"), id="half of a node"),
        pytest.param(waiting(requests={"nvidia.com/gpu": "0"}), id="no GPU, said so"),
        pytest.param(waiting(requests={"memory": "20Gi"}), id="most of the memory"),
    ],
)
def test_quiet(pod: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(pod))


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"spec": {"schedulerName": "volcano"}}, id="another scheduler"),
        pytest.param({"labels": {"alibabacloud.com/eci": "true"}}, id="ECI"),
        pytest.param({"reason": "SchedulingGated"}, id="gated"),
        pytest.param({"spec": {"priority": -11}}, id="expendable"),
        pytest.param({"status": {"nominatedNodeName": "a"}}, id="preempts"),
    ],
)
def test_pods_that_no_pool_is_asked_for(more: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, landscape(waiting(cpu="64", **more)), Status.NOT_APPLICABLE)


def test_zone_and_labels_come_first() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(cpu="64", spec=in_zone("k"))))
    kit.stays_quiet(CHECK, landscape(waiting(cpu="64", spec={"nodeSelector": {"disk": "ssd"}})))


def test_a_node_is_on_its_way() -> None:
    pod = waiting(cpu="6")
    kit.stays_quiet(CHECK, landscape(pod, nodes=[], events=[event(pod, "ProvisionNode")]), Status.NOT_APPLICABLE)


# Gaps


def test_every_table_taken_away_while_it_is_far_too_small() -> None:
    whole = landscape(waiting(cpu="64"))
    needed = {"pods", "node_pools", "scaling_groups", "scaling_configurations", "instance_types"}
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_every_table_taken_away_while_a_little_is_lacking() -> None:
    whole = landscape(waiting(cpu="8"))
    needed = {"pods", "node_pools", "scaling_groups", "scaling_configurations", "instance_types", "nodes"}
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_a_rule_of_thumb_needs_all_that_could_overrule_it() -> None:
    whole = landscape(waiting(cpu="6"), nodes=[])
    for table in ("events", "scaling_activities", "type_stocks", "container_quotas", "scaling_diagnoses"):
        kit.is_not_evaluated(CHECK, kit.without(whole, table))


def test_one_type_that_is_not_known() -> None:
    whole = landscape(waiting(cpu="64"), pools=[pool(types=[SMALL, LARGE])])
    kit.is_not_evaluated(CHECK, kit.without_rows(whole, "instance_types", SMALL))


def test_a_size_that_was_not_said() -> None:
    base = landscape(waiting(cpu="64"), instance_types=[size(LARGE, cpu=None)])
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}


def test_a_request_that_cannot_be_read() -> None:
    result, findings = kit.run(CHECK, landscape(waiting(cpu="many")))
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}


# Mixed pools, as to what is left on their nodes


def test_a_mixed_pool_counts_as_its_smallest_type_in_what_is_left_too() -> None:
    nodes = [node("a", of="burst"), node("b", of="burst", kind=MEDIUM)]
    base = landscape(waiting(cpu="4"), pools=[pool(types=[LARGE, MEDIUM])], nodes=nodes)
    finding = one(base)
    assert finding.certainty is Certainty.LIKELY
    assert MEDIUM in str(finding.message)
    kit.stays_quiet(CHECK, landscape(waiting(cpu="3"), pools=[pool(types=[LARGE, MEDIUM])], nodes=nodes))
    kit.is_not_evaluated(CHECK, kit.without(base, "nodes"))


def test_which_autoscaler_runs_outside() -> None:
    def base(*names: str) -> Landscape:
        addons = [Addon(name, "v1", "active") for name in names]
        return landscape(waiting(cpu="6"), pools=[pool(types=[LARGE, MEDIUM])], deployments=[], addons=addons)

    kit.stays_quiet(CHECK, base("ack-goatscaler"))
    one(base("cluster-autoscaler"))
    one(base("ack-goatscaler", "cluster-autoscaler"))
    kit.is_not_evaluated(CHECK, kit.without(base("ack-goatscaler"), "addons"))
