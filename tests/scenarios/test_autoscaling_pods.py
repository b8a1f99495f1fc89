"""The checks of Pods that wait for a node, from end to end: which one thing keeps them waiting."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.autoscaling import (
    BY_HAND,
    FULL,
    GROUP,
    NODES,
    PODS,
    POOL,
    REFUSED,
    SMALLER,
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

OTHER = "autoscaling/pending-not-for-resources"
IN_ZONE = "autoscaling/pool-in-other-zone"
SIZE = "autoscaling/pool-instance-too-small"
MATCH = "autoscaling/pool-does-not-match-pod"
GROWS = "autoscaling/scaling-group-cannot-grow"
ALL = (OTHER, IN_ZONE, SIZE, MATCH, GROWS)


def audits(scene: Callable[[], Scene], *checks: str) -> dict[str, Report]:
    return {check: scene().audit(check) for check in checks or ALL}


def only(reports: dict[str, Report], check: str) -> Report:
    """Assert that one check alone finds something above info; return its report."""
    loud = {name for name, report in reports.items() if report.loud}
    assert loud == {check}, {name: [str(f.message) for f in report.loud] for name, report in reports.items()}
    return reports[check]


class TestOneReason:
    """Each Pod is told by one check what it waits for, whatever else may be said of it."""

    def test_nothing_is_wrong(self) -> None:
        reports = audits(lambda: wait(Scene()))
        assert not any(report.loud or report.reasons for report in reports.values())

    @pytest.mark.parametrize("message", [FULL, REFUSED])
    def test_a_zone_without_a_vswitch(self, message: str) -> None:
        def scene() -> Scene:
            return wait(only_in(Scene(), H), message, nodeSelector={ZONE: K})

        finding = only(audits(scene), IN_ZONE).is_confirmed("Pod", WAITING)
        assert finding.severity is Severity.HIGH

    def test_vswitches_without_addresses(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene())
            for id_ in VSWITCHES.values():
                scene.cloud.state.vpc.vswitches[id_]["AvailableIpAddressCount"] = 0
            return scene

        only(audits(scene), IN_ZONE).is_confirmed("Pod", WAITING)

    @pytest.mark.parametrize("requests", [{"cpu": "16"}, {"memory": "40Gi"}, {"nvidia.com/gpu": "1"}])
    def test_too_large(self, requests: Json) -> None:
        finding = only(audits(lambda: wait(Scene(), requests=requests)), SIZE).is_confirmed("Pod", WAITING)
        assert finding.severity is Severity.HIGH

    def test_four_cores_on_four(self) -> None:
        report = only(audits(lambda: wait(made_of(Scene(), SMALLER), requests={"cpu": "4"})), SIZE)
        assert report.loud_one.certainty is Certainty.LIKELY

    @pytest.mark.parametrize(
        "spec", [{"nodeSelector": {"disk": "ssd"}}, {"nodeSelector": {"kubernetes.io/arch": "arm64"}}]
    )
    @pytest.mark.parametrize("message", [FULL, REFUSED])
    def test_labels(self, message: str, spec: Json) -> None:
        finding = only(audits(lambda: wait(Scene(), message, **spec)), MATCH).is_confirmed("Pod", WAITING)
        assert finding.severity is Severity.MEDIUM

    def test_a_taint_of_the_pool(self) -> None:
        def scene() -> Scene:
            scene = wait(
                Scene(), "0/8 nodes are available: 5 Insufficient cpu, 3 node(s) had untolerated taint {a: b}."
            )
            pool(scene)["kubernetes_config"]["taints"] = [{"key": "a", "value": "b", "effect": "NoSchedule"}]
            return scene

        only(audits(scene), MATCH).is_confirmed("Pod", WAITING)

    @pytest.mark.parametrize(
        "message",
        [
            "0/8 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/8 nodes are…",
            'persistentvolumeclaim "data" not found',
            "0/8 nodes are available: 8 node(s) had untolerated taint {dedicated: gpu}.",
            "0/8 nodes are available: 8 node(s) didn't match pod anti-affinity rules.",
            "0/8 nodes are available: 8 node(s) had volume node affinity conflict.",
            "0/8 nodes are available: 8 node(s) didn't match Pod's node affinity/selector.",
            "0/8 nodes are available: 8 Insufficient quotas, quotaName: team.",
        ],
    )
    def test_not_for_resources(self, message: str) -> None:
        finding = only(audits(lambda: wait(Scene(), message)), OTHER).is_confirmed("Pod", WAITING)
        assert finding.severity is Severity.MEDIUM

    def test_a_gate(self) -> None:
        def scene() -> Scene:
            gates = [{"name": "example.com/review"}]
            return wait(
                Scene(),
                "Scheduling is blocked due to non-empty scheduling gates",
                reason="SchedulingGated",
                schedulingGates=gates,
            )

        only(audits(scene), OTHER).is_confirmed("Pod", WAITING)

    def test_the_group_is_full(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene())
            group(scene)["TotalCapacity"] = 10
            return scene

        finding = only(audits(scene), GROWS).is_confirmed("ScalingGroup", GROUP)
        assert finding.severity is Severity.HIGH
        assert [ref.path for ref in finding.affected] == [WAITING]

    def test_too_large_for_a_group_that_is_full(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), requests={"cpu": "16"})
            group(scene)["TotalCapacity"] = 10
            return scene

        only(audits(scene), SIZE)


class TestLookAlikes:
    @pytest.mark.parametrize(
        ("more", "spec"),
        [
            pytest.param(dict, {"schedulerName": "volcano"}, id="another scheduler"),
            pytest.param(dict, {"priority": -1000}, id="expendable"),
            # Told when the test runs: it may be collected minutes before.
            pytest.param(lambda: {"made": ago(seconds=20)}, {}, id="recent"),
            pytest.param(lambda: {"reason": "SchedulingGated"}, {}, id="gated"),
        ],
    )
    def test_no_question_of_pools(self, more: Callable[[], Json], spec: Json) -> None:
        def scene() -> Scene:
            selector = {"disk": "ssd", ZONE: "cn-hangzhou-x"}
            return wait(Scene(), requests={"cpu": "64"}, nodeSelector=selector, **more(), **spec)

        for report in audits(scene, IN_ZONE, SIZE, MATCH, GROWS).values():
            assert not report.loud
            assert not report.reasons

    def test_it_waits_only_just_now(self) -> None:
        def scene() -> Scene:
            return wait(Scene(), requests={"cpu": "64"}, nodeSelector={"disk": "ssd"}, made=ago(seconds=20))

        for report in audits(scene, IN_ZONE, SIZE, MATCH, GROWS).values():
            assert not report.loud
            assert not report.reasons

    def test_a_daemon_set(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), requests={"cpu": "64"})
            owner = [{"kind": "DaemonSet", "name": "agent", "controller": True}]
            scene.kubernetes.patch(PODS, "batch-0", lambda made: made["metadata"].update(ownerReferences=owner), "shop")
            return scene

        for report in audits(scene).values():
            assert not report.loud

    def test_an_eci_pod(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), requests={"cpu": "64"})
            labels = {"alibabacloud.com/eci": "true"}
            scene.kubernetes.patch(PODS, "batch-0", lambda made: made["metadata"].update(labels=labels), "shop")
            return scene

        for report in audits(scene).values():
            assert not report.loud

    def test_it_is_going_to_take_the_place_of_another(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), nodeSelector={"disk": "ssd"})
            change = {"nominatedNodeName": "cn-hangzhou.192.168.0.11"}
            scene.kubernetes.patch(PODS, "batch-0", lambda made: made["status"].update(change), "shop")
            return scene

        for report in audits(scene).values():
            assert not report.loud

    def test_a_node_is_on_its_way(self) -> None:
        def scene() -> Scene:
            scene = say(wait(Scene()), "TriggeredScaleUp", "pod triggered scale-up: [{asg 3->4 (max: 10)}]")
            for id_ in VSWITCHES.values():
                scene.cloud.state.vpc.vswitches[id_]["AvailableIpAddressCount"] = 0
            group(scene)["MaxSize"] = group(scene)["TotalCapacity"] = 3
            return scene

        for report in audits(scene).values():
            assert not report.loud

    def test_another_pool_would_do(self) -> None:
        def scene() -> Scene:
            scene = wait(only_in(Scene(), H), nodeSelector={ZONE: I})
            pool(scene, BY_HAND)["auto_scaling"]["enable"] = True
            return scene

        for report in audits(scene, IN_ZONE, SIZE, MATCH).values():
            assert not report.loud

    def test_a_pool_without_nodes_would_do(self) -> None:
        def scene() -> Scene:
            scene = wait(Scene(), REFUSED, nodeSelector={"tier": "batch"})
            pool(scene)["kubernetes_config"]["labels"] = [{"key": "tier", "value": "batch"}]
            for node in list(scene.kubernetes.objects.all(NODES)):
                if node["metadata"]["labels"].get("alibabacloud.com/nodepool-id") == POOL:
                    scene.kubernetes.remove(NODES, node["metadata"]["name"])
            return scene

        for report in audits(scene).values():
            assert not report.loud


class TestGaps:
    @pytest.mark.parametrize(
        ("check", "spec", "more", "action"),
        [
            (IN_ZONE, {"nodeSelector": {ZONE: K}}, {}, "cs:DescribeClusterNodePools"),
            (IN_ZONE, {"nodeSelector": {ZONE: K}}, {}, "ess:DescribeScalingGroups"),
            (IN_ZONE, {"nodeSelector": {ZONE: K}}, {}, "vpc:DescribeVSwitches"),
            (SIZE, {}, {"cpu": "64"}, "ecs:DescribeInstanceTypes"),
            (SIZE, {}, {"cpu": "64"}, "ess:DescribeScalingConfigurations"),
            (MATCH, {"nodeSelector": {"disk": "ssd"}}, {}, "cs:DescribeClusterNodePools"),
        ],
    )
    def test_denied(self, check: str, spec: Json, more: Json, action: str) -> None:
        scene = wait(only_in(Scene(), H), requests=more, **spec)
        scene.cloud.deny(action)
        scene.audit(check).is_open(ReasonKind.FORBIDDEN, action)

    @pytest.mark.parametrize("check", [OTHER, IN_ZONE, SIZE, MATCH])
    def test_pods_denied(self, check: str) -> None:
        scene = wait(Scene())
        scene.kubernetes.deny("list pods")
        scene.audit(check).is_open(ReasonKind.FORBIDDEN, "list pods")

    @pytest.mark.parametrize(
        "action", ["ess:DescribeScalingActivities", "ecs:DescribeAvailableResource", "ess:DescribeElasticStrength"]
    )
    @pytest.mark.parametrize(("check", "spec"), [(IN_ZONE, {ZONE: K}), (MATCH, {"disk": "ssd"})])
    def test_what_does_not_matter_may_be_denied(self, check: str, spec: Json, action: str) -> None:
        scene = wait(only_in(Scene(), H), nodeSelector=spec)
        scene.cloud.deny(action)
        scene.audit(check).is_confirmed("Pod", WAITING)

    def test_events_denied_leave_what_is_certain(self) -> None:
        scene = wait(Scene(), requests={"cpu": "64"})
        scene.kubernetes.deny("list events")
        scene.audit(SIZE).is_confirmed("Pod", WAITING)

    @pytest.mark.parametrize("value", [None, "cn"])
    def test_an_odd_zone(self, value: Any) -> None:
        scene = wait(only_in(Scene(), H), nodeSelector={ZONE: K})
        scene.cloud.state.vpc.vswitches[VSWITCHES[H]]["ZoneId"] = value
        report = scene.audit(IN_ZONE)
        assert report.status is (Status.NOT_EVALUATED if value is None else Status.FOUND)
