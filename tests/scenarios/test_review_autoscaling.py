"""Pods that wait for a node, and groups that can't grow: faults and look-alikes that the usual scenarios leave out."""

from collections.abc import Callable

import pytest

from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.scenarios.autoscaling import (
    BY_HAND,
    CLAIMS,
    EVENTS,
    FULL,
    GROUP,
    NODES,
    PODS,
    POOL,
    REFUSED,
    SMALLER,
    TYPE,
    VSWITCHES,
    WAITING,
    ZONE,
    H,
    I,
    Json,
    K,
    ago,
    group,
    made_of,
    only_in,
    pool,
    say,
    wait,
)
from tests.scenarios.kit import Report, Scene

PENDING = "autoscaling/pending-not-for-resources"
IN_ZONE = "autoscaling/pool-in-other-zone"
SIZE = "autoscaling/pool-instance-too-small"
MATCH = "autoscaling/pool-does-not-match-pod"
GROWS = "autoscaling/scaling-group-cannot-grow"
ALL = (PENDING, IN_ZONE, SIZE, MATCH, GROWS)
VOLUMES = "/api/v1/persistentvolumes"
HOST, RACK = "kubernetes.io/hostname", "example.com/rack"
NODE = "cn-hangzhou.192.168.0.41"
NOT_NEAR = "0/8 nodes are available: 2 node(s) had untolerated taint {a: b}, 6 node(s) didn't match pod affinity rules."


def only(scene: Callable[[], Scene], check: str) -> Report:
    """Assert that of all the checks one alone finds something above info; return its report."""
    reports = {name: scene().audit(name) for name in ALL}
    loud = {name: [str(one.message) for one in report.loud] for name, report in reports.items() if report.loud}
    assert set(loud) == {check}, loud
    return reports[check]


def nothing(scene: Callable[[], Scene], *checks: str) -> None:
    for check in checks or ALL:
        report = scene().audit(check)
        assert not report.loud, (check, [str(one.message) for one in report.loud])
        assert not report.reasons, (check, report.reasons)


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


def node_affinity(*expressions: Json) -> Json:
    term = {"matchExpressions": list(expressions)}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def expression(key: str, operator: str, *values: str) -> Json:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def near(key: str, app: str = "cart") -> Json:
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def spread(key: str) -> list[Json]:
    selector = {"matchLabels": {"app": "batch"}}
    return [{"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}]


class TestZones:
    @pytest.mark.parametrize(
        "one",
        [
            pytest.param(expression(ZONE, "Exists"), id="any zone"),
            pytest.param(expression(ZONE, "NotIn", "cn-hangzhou-x"), id="not a zone of the pool"),
            pytest.param(expression(ZONE, "NotIn", K), id="not one of its zones"),
            pytest.param(
                expression("failure-domain.beta.kubernetes.io/zone", "In", H, "cn-hangzhou-x"), id="old label"
            ),
            pytest.param(expression("topology.kubernetes.io/region", "In", "cn-hangzhou"), id="region"),
        ],
    )
    def test_a_zone_that_the_pool_has(self, one: Json) -> None:
        nothing(lambda: wait(Scene(), affinity=node_affinity(one)))

    def test_the_only_zone_of_the_pool_is_shut_out(self) -> None:
        one = expression(ZONE, "NotIn", K)
        finding = only(lambda: wait(only_in(Scene(), K), affinity=node_affinity(one)), IN_ZONE).is_confirmed(
            "Pod", WAITING
        )
        assert "shuts out" in str(finding.message)
        assert finding.evidence["zones_asked_for"] == []
        assert broken(finding) == ["NodePool"]

    def test_the_pool_by_hand_in_the_zone_does_not_count(self) -> None:
        finding = only(lambda: wait(only_in(Scene(), H), nodeSelector={ZONE: I}), IN_ZONE).is_confirmed("Pod", WAITING)
        assert "compute-autoscale" in str(finding.evidence["pools"])
        assert "default-nodepool" not in str(finding.evidence["pools"])

    def test_only_the_vswitch_of_the_zone_is_full(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), nodeSelector={ZONE: K})
            scene.cloud.state.vpc.vswitches[VSWITCHES[K]]["AvailableIpAddressCount"] = 0
            return scene

        finding = only(scene, IN_ZONE).is_confirmed("Pod", WAITING)
        assert broken(finding) == ["VSwitch"]
        assert VSWITCHES[K] in str(finding.message)

    def test_a_full_vswitch_in_another_zone(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene())
            scene.cloud.state.vpc.vswitches[VSWITCHES[K]]["AvailableIpAddressCount"] = 0
            return scene

        nothing(scene)

    def test_the_vswitches_are_gone(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene())
            for id_ in VSWITCHES.values():
                scene.cloud.state.vpc.vswitches.pop(id_)
            return scene

        finding = only(scene, IN_ZONE).is_confirmed("Pod", WAITING)
        assert broken(finding) == ["NodePool"]
        assert "none of its vSwitches exists" in str(finding.message)


class TestSizes:
    @pytest.mark.parametrize("cores", ["4", "6"])
    def test_only_the_larger_type_of_a_mixed_pool(self, cores: str) -> None:
        """The smaller type has 4 cores, of which its nodes keep a part for themselves."""
        report = only(lambda: wait(made_of(Scene(), TYPE, SMALLER), requests={"cpu": cores}), SIZE)
        assert report.loud_one.certainty is Certainty.LIKELY
        assert SMALLER in str(report.loud_one.message)

    @pytest.mark.parametrize("types", [(TYPE, SMALLER), (SMALLER,)])
    def test_every_type_has_room(self, types: tuple[str, ...]) -> None:
        nothing(lambda: wait(made_of(Scene(), *types), requests={"cpu": "2"}))

    def test_a_pod_that_asks_for_the_larger_type(self) -> None:
        asks = {"node.kubernetes.io/instance-type": TYPE}
        nothing(lambda: wait(made_of(Scene(), TYPE, SMALLER), requests={"cpu": "6"}, nodeSelector=asks), SIZE, MATCH)

    def test_a_mixed_pool_of_node_instant_scaling_outside_of_the_cluster(self) -> None:
        """It looks at each type; the cluster autoscaler does not."""
        scene = wait(made_of(Scene(), TYPE, SMALLER), requests={"cpu": "6"})
        scene.kubernetes.remove("/apis/apps/v1/deployments", "cluster-autoscaler", "kube-system")
        cs = scene.cloud.state.cs
        addons = cs.addons[cs.cluster_id]
        addons["ack-goatscaler"] = {**addons.pop("cluster-autoscaler"), "name": "ack-goatscaler"}
        scene.audit(SIZE).is_quiet()

    def test_a_pool_that_is_being_deleted_takes_no_pod(self) -> None:
        scene = wait(Scene(), requests={"cpu": "64"})
        pool(scene)["status"]["state"] = "deleting"
        scene.audit(SIZE).is_quiet(Status.NOT_APPLICABLE)
        scene = wait(only_in(Scene(), H), nodeSelector={ZONE: K})
        other = pool(scene, BY_HAND)
        other["auto_scaling"]["enable"] = True
        other["status"]["state"] = "deleting"
        scene.audit(IN_ZONE).is_confirmed("Pod", WAITING)


class TestLabels:
    @pytest.mark.parametrize(
        "selector",
        [
            {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"},
            {"node.kubernetes.io/instance-type": TYPE},
            {"alibabacloud.com/nodepool-id": POOL},
            {"workload-class": "compute"},
        ],
    )
    def test_what_new_nodes_have(self, selector: Json) -> None:
        nothing(lambda: wait(Scene(), nodeSelector=selector))

    @pytest.mark.parametrize(
        "selector",
        [
            {"alibabacloud.com/nodepool-id": BY_HAND},
            {"node.kubernetes.io/instance-type": "ecs.c7.large"},
            {"workload-class": "batch"},
        ],
    )
    def test_what_they_have_not(self, selector: Json) -> None:
        finding = only(lambda: wait(Scene(), REFUSED, nodeSelector=selector), MATCH).is_confirmed("Pod", WAITING)
        assert broken(finding) == ["NodePool"]

    def test_a_taint_that_only_prefers(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene())
            pool(scene)["kubernetes_config"]["taints"] = [{"key": "a", "value": "b", "effect": "PreferNoSchedule"}]
            return scene

        nothing(scene)


def with_local_volume(message: str, node: str = NODE) -> Scene:
    """Add a Pod that waits, with a bound volume that is a part of a disk of one node."""
    scene = wait(Scene(), message, volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "local"}}])
    term = {"matchExpressions": [expression(HOST, "In", node)]}
    size = {"storage": "1Gi"}
    claim: Json = {
        "metadata": {"name": "local", "namespace": "shop"},
        "spec": {"volumeName": "pv-local", "accessModes": ["ReadWriteOnce"], "resources": {"requests": size}},
        "status": {"phase": "Bound"},
    }
    volume: Json = {
        "metadata": {"name": "pv-local"},
        "spec": {
            "capacity": size,
            "csi": {"driver": "local.csi.aliyun.com", "volumeHandle": "pv-local"},
            "claimRef": {"namespace": "shop", "name": "local"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
        "status": {"phase": "Bound"},
    }
    scene.kubernetes.add(CLAIMS, claim)
    scene.kubernetes.add(VOLUMES, volume)
    return scene


class TestWhatNoNodeBrings:
    @pytest.mark.parametrize("node", [NODE, "cn-hangzhou.192.168.9.99"])
    def test_a_volume_of_one_node(self, node: str) -> None:
        """The group is full besides: nobody waits for it."""

        def scene() -> Scene:
            words = "0/8 nodes are available: 1 Insufficient cpu, 7 node(s) had volume node affinity conflict."
            scene = with_local_volume(words, node)
            group(scene)["TotalCapacity"] = 10
            return scene

        finding = only(scene, PENDING).is_confirmed("Pod", WAITING)
        assert finding.evidence["named"] == [node]
        assert [hop.ref.kind for hop in finding.trail] == ["Pod", "PersistentVolume", "Node"]
        assert broken(finding) == ["Node"]

    @pytest.mark.parametrize("right", ["list persistentvolumes", "list persistentvolumeclaims"])
    def test_whether_a_volume_is_of_one_node_is_not_known(self, right: str) -> None:
        scene = with_local_volume(FULL)
        scene.kubernetes.deny(right)
        report = scene.audit(PENDING)
        assert (report.status, report.missing) == (Status.NOT_EVALUATED, {right})

    def test_near_a_pod_on_its_own_node(self) -> None:
        finding = only(lambda: wait(Scene(), NOT_NEAR, affinity=near(HOST)), PENDING).is_confirmed("Pod", WAITING)
        assert finding.evidence["waits_for"] == "refused-by-all-nodes"

    def test_near_a_pod_in_its_zone(self) -> None:
        """The nodes of that zone are refused for a taint; a new node of the pool there has none."""
        nothing(lambda: wait(Scene(), NOT_NEAR, affinity=near(ZONE)))

    def test_near_a_pod_in_a_zone_without_a_pool(self) -> None:
        only(lambda: wait(only_in(Scene(), H), NOT_NEAR, affinity=near(ZONE)), PENDING).is_confirmed("Pod", WAITING)

    def test_spread_over_a_label_that_no_node_has(self) -> None:
        words = (
            "0/8 nodes are available: 8 node(s) didn't match pod topology spread constraints (missing required label)."
        )
        finding = only(lambda: wait(Scene(), words, topologySpreadConstraints=spread(RACK)), PENDING).loud_one
        assert finding.certainty is Certainty.CONFIRMED
        assert any("topologySpreadConstraints" in step.command for step in finding.remedy)

    @pytest.mark.parametrize("key", [ZONE, HOST, "workload-class"])
    def test_spread_over_a_label_that_new_nodes_have(self, key: str) -> None:
        words = "0/8 nodes are available: 8 node(s) didn't match pod topology spread constraints."
        nothing(lambda: wait(Scene(), words, topologySpreadConstraints=spread(key)), PENDING, MATCH, SIZE, GROWS)

    @pytest.mark.parametrize("change", ["deleting", "ended", "another scheduler", "virtual"])
    def test_nobody_waits(self, change: str) -> None:
        def scene() -> Scene:
            spec: Json = {}
            if change == "another scheduler":
                spec["schedulerName"] = "volcano"
            if change == "virtual":
                spec["nodeSelector"] = {"type": "virtual-kubelet"}
            scene = wait(Scene(), requests={"cpu": "64"}, **spec)
            if change == "deleting":
                gone = {"deletionTimestamp": ago(minutes=5)}
                scene.kubernetes.patch(PODS, "batch-0", lambda made: made["metadata"].update(gone), "shop")
            if change == "ended":
                scene.kubernetes.patch(PODS, "batch-0", lambda made: made["status"].update(phase="Failed"), "shop")
            return scene

        nothing(scene)

    def test_each_pod_is_told_by_itself(self) -> None:
        scene = wait(wait(Scene(), nodeSelector={"disk": "ssd"}), nodeSelector={"disk": "ssd"}, name="batch-10")
        assert {one.subject.name for one in scene.audit(MATCH).loud} == {"batch-0", "batch-10"}


class TestGroups:
    def test_a_group_that_may_have_no_instance(self) -> None:
        scene = wait(Scene())
        group(scene).update(MaxSize=0, TotalCapacity=0)
        finding = scene.audit(GROWS).is_confirmed("ScalingGroup", GROUP)
        assert "0 of at most 0" in str(finding.message)

    def test_a_full_group_that_several_pods_wait_for_is_one_finding(self) -> None:
        scene = wait(wait(Scene()), name="batch-10")
        group(scene)["TotalCapacity"] = 10
        finding = scene.audit(GROWS).is_confirmed("ScalingGroup", GROUP)
        assert finding.severity is Severity.HIGH
        assert {ref.path for ref in finding.affected} == {WAITING, "shop/batch-10"}
        assert "2 in all" in str(finding.message)

    def test_the_cure_of_a_suspended_group_names_the_process_as_the_api_does(self) -> None:
        scene = wait(Scene())
        group(scene)["SuspendedProcesses"] = {"SuspendedProcess": ["ScaleOut"]}
        finding = scene.audit(GROWS).is_confirmed("ScalingGroup", GROUP)
        commands = [step.command for step in finding.remedy]
        assert f"aliyun ess ResumeProcesses --ScalingGroupId {GROUP} --Process.1 ScaleOut" in commands

    def test_a_full_group_while_another_pool_can_take_the_pod(self) -> None:
        scene = wait(Scene())
        group(scene)["TotalCapacity"] = 10
        other = pool(scene, BY_HAND)
        other["auto_scaling"] |= {"enable": True, "max_instances": 10}
        report = scene.audit(GROWS)
        assert not report.loud

    def test_a_node_is_on_its_way_after_it_was_not(self) -> None:
        def scene() -> Scene:
            scene = say(wait(Scene()), "NotTriggerScaleUp", "pod didn't trigger scale-up", minutes=9)
            for made in scene.kubernetes.objects.all(EVENTS):
                if made["reason"] == "NotTriggerScaleUp":
                    made["metadata"]["name"] = "batch-0.16"
            scene = say(scene, "TriggeredScaleUp", "pod triggered scale-up: [{asg 3->4 (max: 10)}]", minutes=1)
            group(scene)["TotalCapacity"] = 10
            return scene

        nothing(scene)

    def test_virtual_nodes_do_not_count_towards_the_quota(self) -> None:
        scene = wait(Scene())
        nodes = list(scene.kubernetes.objects.all(NODES))
        virtual = {"metadata": {"name": "virtual-kubelet-h", "labels": {"type": "virtual-kubelet"}}, "spec": {}}
        scene.kubernetes.add(NODES, {**virtual, "status": {"allocatable": {"cpu": "5k"}}})
        scene.cloud.state.cs.set_quota("node_quota", len(nodes) + 1)
        scene.audit(GROWS).is_quiet()
