"""autoscaling/pool-in-other-zone."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import StorageClass
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.pools import (
    AFFINITY,
    FULL,
    LARGE,
    SMALL,
    before,
    event,
    group,
    in_zone,
    landscape,
    node,
    pool,
    vswitch,
    waiting,
)

CHECK = "autoscaling/pool-in-other-zone"
ZONE = "topology.kubernetes.io/zone"
IN_K = waiting(message=AFFINITY, spec={"nodeSelector": {ZONE: make.zone("k")}})


def one(base: Landscape, pod: str = "shop/big") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, pod)
    return finding


# Another zone


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"nodeSelector": {ZONE: make.zone("k")}}, id="selector"),
        pytest.param({"nodeSelector": {"failure-domain.beta.kubernetes.io/zone": make.zone("k")}}, id="old label"),
        pytest.param(in_zone("k"), id="affinity"),
        pytest.param(in_zone("j", "k"), id="one of two zones"),
    ],
)
@pytest.mark.parametrize("message", [AFFINITY, FULL])
def test_a_zone_without_a_vswitch_is_confirmed(spec: dict[str, Any], message: str) -> None:
    finding = one(landscape(waiting(message=message, spec=spec)))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.severity is Severity.HIGH
    assert finding.subject.kind == "Pod"
    assert make.zone("k") in str(finding.message)
    assert finding.evidence["zones_of_pools"] == [make.zone("h"), make.zone("i")]
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("NodePool", HopState.BROKEN),
    ]


def test_the_zone_of_a_disk() -> None:
    base = landscape(
        waiting(claims=["data"]),
        persistent_volumes=[make.disk_volume("pv", "d-1", "shop/data", "k")],
        persistent_volume_claims=[make.volume_claim("shop/data", "pv")],
    )
    finding = one(base)
    assert finding.certainty is Certainty.CONFIRMED
    assert [hop.ref.kind for hop in finding.trail] == ["Pod", "PersistentVolume", "NodePool"]
    assert "storage/disk-in-other-zone" in str(finding.why)


def test_the_zone_of_a_class_whose_disk_is_still_to_be_made() -> None:
    topology = {"matchLabelExpressions": [{"key": "topology.diskplugin.csi.alibabacloud.com/zone", "values": ["z"]}]}
    storage_class = {
        "metadata": make.meta("fast"),
        "provisioner": "diskplugin.csi.alibabacloud.com",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowedTopologies": [topology],
    }
    base = landscape(
        waiting(claims=["data"]),
        persistent_volume_claims=[make.volume_claim("shop/data", storageClassName="fast")],
        storage_classes=[msgspec.convert(storage_class, StorageClass)],
    )
    assert one(base).evidence["zones_of_volumes"] == ["z"]


def test_selector_and_disk_in_different_zones() -> None:
    base = landscape(
        waiting(claims=["data"], spec=in_zone("h")),
        persistent_volumes=[make.disk_volume("pv", "d-1", "shop/data", "i")],
        persistent_volume_claims=[make.volume_claim("shop/data", "pv")],
    )
    assert "and its volumes are in" in str(one(base).message)


def test_the_group_decides_on_its_vswitches_and_not_the_pool() -> None:
    burst = pool(letters="k")
    base = landscape(IN_K, pools=[burst], scaling_groups=[group(burst, vswitch_ids=["vsw-h"])])
    assert one(base).evidence["zones_of_pools"] == [make.zone("h")]


def test_a_vswitch_that_was_deleted_is_in_no_zone() -> None:
    base = landscape(IN_K, pools=[pool(letters="hk")], vswitches=[vswitch("h")])
    assert one(base).evidence["zones_of_pools"] == [make.zone("h")]


def test_pools_that_are_scaled_by_hand_do_not_help() -> None:
    by_hand = pool("fixed", "k", auto_scaling=False)
    one(landscape(IN_K, pools=[pool(), by_hand]))


def test_of_pools_ruled_out_for_different_reasons_the_zone_is_named_where_labels_are_not_the_reason() -> None:
    labelled = pool("gpu", "k", taints=[])
    labelled = msgspec.structs.replace(labelled, unschedulable=True)
    finding = one(landscape(IN_K, pools=[pool(), labelled]))
    assert len(finding.evidence["pools"]) == 2  # type: ignore[arg-type]


def test_a_spread_that_no_pool_zone_satisfies_is_likely() -> None:
    spread = {
        "topologySpreadConstraints": [
            {"topologyKey": ZONE, "maxSkew": 1, "labelSelector": {"matchLabels": {"app": "web"}}}
        ]
    }
    base = landscape(
        waiting(spec=spread, labels={"app": "web"}),
        *(make.pod(f"shop/web-{number}", "a", labels={"app": "web"}) for number in range(2)),
        pools=[pool(letters="h")],
        nodes=[node("a", "h", of="burst"), node("b", "k")],
    )
    finding = one(base)
    assert finding.certainty is Certainty.LIKELY


# Look-alikes


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(), id="no zone asked for"),
        pytest.param(waiting(spec=in_zone("h")), id="a zone of the pool"),
        pytest.param(waiting(spec=in_zone("k", "i")), id="one of the zones is the pool's"),
    ],
)
def test_quiet(pod: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(pod))


def test_another_pool_has_the_zone() -> None:
    kit.stays_quiet(CHECK, landscape(IN_K, pools=[pool(), pool("other", "k")]))


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(waiting(spec={**in_zone("k"), "schedulerName": "volcano"}), id="another scheduler"),
        pytest.param(
            waiting(spec=in_zone("k"), ownerReferences=[{"kind": "DaemonSet", "name": "agent", "controller": True}]),
            id="DaemonSet",
        ),
        pytest.param(waiting(spec=in_zone("k"), labels={"alibabacloud.com/eci": "true"}), id="ECI by label"),
        pytest.param(waiting(spec=in_zone("k"), labels={"alibabacloud.com/acs": "true"}), id="ACS by label"),
        pytest.param(waiting(spec={**in_zone("k"), "nodeSelector": {"type": "virtual-kubelet"}}), id="virtual node"),
        pytest.param(waiting(spec=in_zone("k"), status={"nominatedNodeName": "a"}), id="preempts"),
        pytest.param(waiting(spec={**in_zone("k"), "priority": -100}), id="expendable"),
        pytest.param(waiting(spec=in_zone("k"), made=before(seconds=30)), id="recent"),
        pytest.param(waiting(spec=in_zone("k"), reason="SchedulingGated"), id="gated"),
        pytest.param(waiting(spec=in_zone("k"), reason=""), id="not refused yet"),
        pytest.param(
            waiting(
                message="0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.", spec=in_zone("k")
            ),
            id="unbound claim",
        ),
        pytest.param(waiting(spec={**in_zone("k"), "nodeSelector": {"kubernetes.io/hostname": "a"}}), id="named node"),
    ],
)
def test_pods_that_no_pool_is_asked_for(pod: Pod) -> None:
    kit.stays_quiet(CHECK, landscape(pod), Status.NOT_APPLICABLE)


def test_a_node_is_on_its_way() -> None:
    base = landscape(IN_K, events=[event(IN_K, "TriggeredScaleUp")])
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)
    one(landscape(IN_K, events=[event(IN_K, "TriggeredScaleUp", minutes=40)]))
    later = event(IN_K, "NotTriggerScaleUp", minutes=1)
    one(landscape(IN_K, events=[event(IN_K, "TriggeredScaleUp", minutes=5), later]))


def test_nothing_scales_automatically() -> None:
    kit.stays_quiet(CHECK, landscape(IN_K, pools=[pool(auto_scaling=False)]), Status.NOT_APPLICABLE)


def test_no_pod_waits() -> None:
    running = make.pod("shop/web", "a")
    gone = waiting("shop/gone", spec=in_zone("k"), deletionTimestamp=before(minutes=1))
    kit.stays_quiet(CHECK, landscape(running, gone), Status.NOT_APPLICABLE)


def test_labels_and_size_are_found_elsewhere() -> None:
    kit.stays_quiet(CHECK, landscape(waiting(spec={"nodeSelector": {"disk": "ssd"}})))
    kit.stays_quiet(CHECK, landscape(waiting(cpu="64")))


# No addresses


def test_no_free_address_in_any_zone() -> None:
    finding = one(landscape(waiting(), vswitches=[vswitch("h", 0), vswitch("i", 0)]))
    assert finding.certainty is Certainty.CONFIRMED
    assert "vsw-h, vsw-i" in str(finding.message)
    assert [(hop.ref.kind, hop.state) for hop in finding.trail] == [
        ("Pod", HopState.OK),
        ("NodePool", HopState.OK),
        ("VSwitch", HopState.BROKEN),
        ("VSwitch", HopState.BROKEN),
    ]


def test_no_free_address_in_the_one_zone_that_the_pod_can_use() -> None:
    vswitches = [vswitch("h", 0), vswitch("i", 100)]
    one(landscape(waiting(spec=in_zone("h")), vswitches=vswitches))
    kit.stays_quiet(CHECK, landscape(waiting(spec=in_zone("i")), vswitches=vswitches))
    kit.stays_quiet(CHECK, landscape(waiting(), vswitches=vswitches))


def test_the_last_addresses_are_those_of_nodes_that_are_made() -> None:
    burst = pool()
    base = landscape(
        waiting(),
        pools=[burst],
        vswitches=[vswitch("h", 0), vswitch("i", 0)],
        scaling_groups=[group(burst, pending_capacity=1)],
    )
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)


def test_a_pool_that_is_too_small_beside_one_without_addresses() -> None:
    pools = [pool("small", "i", [SMALL]), pool("large", "h", [LARGE])]
    finding = one(landscape(waiting(cpu="4"), pools=pools, vswitches=[vswitch("h", 0), vswitch("i")], nodes=[]))
    assert "vsw-h" in str(finding.message)
    assert "vsw-i" not in str(finding.message)


# Gaps


def test_every_table_taken_away_while_the_zone_is_wrong() -> None:
    # What the Pod asks for and where the pool is decide it; the other tables would only be asked by other Pods.
    needed = {"pods", "node_pools", "scaling_groups", "vswitches"}
    for table in kit.tables_needed(CHECK):
        base = kit.without(landscape(IN_K), table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_every_table_taken_away_while_the_zone_of_a_disk_is_wrong() -> None:
    whole = landscape(
        waiting(claims=["data"]),
        persistent_volumes=[make.disk_volume("pv", "d-1", "shop/data", "k")],
        persistent_volume_claims=[make.volume_claim("shop/data", "pv")],
    )
    needed = {"pods", "node_pools", "scaling_groups", "vswitches", "persistent_volumes", "persistent_volume_claims"}
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_every_table_taken_away_while_there_are_no_addresses() -> None:
    whole = landscape(waiting(), vswitches=[vswitch("h", 0), vswitch("i", 0)])
    needed = {
        *("pods", "node_pools", "scaling_groups", "scaling_configurations", "instance_types", "nodes", "vswitches"),
        *("events", "scaling_activities"),
    }
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table in needed:
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_one_group_that_is_not_known() -> None:
    pools = [pool(), pool("other", "k")]
    kit.is_not_evaluated(CHECK, kit.without_rows(landscape(IN_K, pools=pools), "scaling_groups", "asg-other"))
    # A pool that is known to do makes the other one matter no more.
    result, findings = kit.run(CHECK, kit.without_rows(landscape(IN_K, pools=pools), "scaling_groups", "asg-burst"))
    assert (result.status, findings, result.reasons) == (Status.PASSED, (), ())


def test_a_zone_that_was_not_said() -> None:
    rows = [msgspec.structs.replace(vswitch("h"), zone=None), vswitch("i")]
    result, findings = kit.run(CHECK, landscape(IN_K, vswitches=rows))
    assert not findings
    assert result.status is Status.NOT_EVALUATED


def test_a_pod_list_with_a_gap_says_so() -> None:
    result, findings = kit.run(CHECK, kit.without_rows(landscape(IN_K, waiting("shop/other")), "pods", "shop/other"))
    assert len(findings) == 1
    assert result.reasons
