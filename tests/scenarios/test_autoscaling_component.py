"""autoscaling/autoscaler-unhealthy and autoscaling/autoscaler-log-errors from end to end."""

from collections.abc import Callable

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.autoscaling import CONFIG_MAPS, DEPLOYMENTS, PODS, POOL, Json, ago, pool, say, wait
from tests.scenarios.kit import Scene

HEALTH = "autoscaling/autoscaler-unhealthy"
LOGS = "autoscaling/autoscaler-log-errors"
NAME = "cluster-autoscaler"
DEPLOYMENT = f"kube-system/{NAME}"


def own_pods(scene: Scene) -> list[str]:
    return [
        made["metadata"]["name"]
        for made in scene.kubernetes.objects.all(PODS)
        if made["metadata"]["name"].startswith(f"{NAME}-")
    ]


def gone(scene: Scene) -> Scene:
    scene.kubernetes.remove(DEPLOYMENTS, NAME, "kube-system")
    for name in own_pods(scene):
        scene.kubernetes.remove(PODS, name, "kube-system")
    return scene


def change_pod(scene: Scene, change: Callable[[Json], object]) -> Scene:
    for name in own_pods(scene):
        scene.kubernetes.patch(PODS, name, change, "kube-system")
    status = {"readyReplicas": 0, "availableReplicas": 0, "unavailableReplicas": 1}
    scene.kubernetes.patch(DEPLOYMENTS, NAME, lambda made: made["status"].update(status), "kube-system")
    return scene


def crash(made: Json) -> None:
    for condition in made["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"
    made["status"]["containerStatuses"][0] |= {
        "ready": False,
        "restartCount": 9,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        "lastState": {"terminated": {"exitCode": 255, "reason": "Error", "finishedAt": ago(minutes=2)}},
    }


def unready(made: Json) -> None:
    for condition in made["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"
    made["status"]["containerStatuses"][0]["ready"] = False


class TestHealth:
    def test_healthy(self) -> None:
        Scene().audit(HEALTH).is_quiet()

    @pytest.mark.parametrize("change", [crash, unready])
    def test_its_pod_does_not_run(self, change: Callable[[Json], object]) -> None:
        finding = change_pod(Scene(), change).audit(HEALTH).is_confirmed("Deployment", DEPLOYMENT)
        assert finding.severity is Severity.HIGH

    def test_missing(self) -> None:
        scene = gone(Scene())
        cs = scene.cloud.state.cs
        cs.addons[cs.cluster_id].pop(NAME)
        finding = scene.audit(HEALTH).is_confirmed("Deployment", DEPLOYMENT)
        assert finding.severity is Severity.HIGH

    def test_outside_of_the_cluster(self) -> None:
        gone(Scene()).audit(HEALTH).is_quiet()

    def test_missing_where_nothing_scales(self) -> None:
        scene = gone(Scene())
        cs = scene.cloud.state.cs
        cs.addons[cs.cluster_id].pop(NAME)
        pool(scene, POOL)["auto_scaling"]["enable"] = False
        scene.audit(HEALTH).is_quiet(Status.NOT_APPLICABLE)

    def test_scaled_to_zero(self) -> None:
        scene = Scene()
        scene.kubernetes.patch(DEPLOYMENTS, NAME, lambda made: made["spec"].update(replicas=0), "kube-system")
        scene.audit(HEALTH).is_confirmed("Deployment", DEPLOYMENT)

    @pytest.mark.parametrize("action", ["cs:ListClusterAddonInstances", "cs:DescribeClusterNodePools"])
    def test_missing_or_outside_is_not_known(self, action: str) -> None:
        scene = gone(Scene())
        scene.cloud.deny(action)
        scene.audit(HEALTH).is_open(ReasonKind.FORBIDDEN, action)

    @pytest.mark.parametrize("permission", ["list deployments.apps", "list pods"])
    def test_the_cluster_denied(self, permission: str) -> None:
        scene = Scene()
        scene.kubernetes.deny(permission)
        scene.audit(HEALTH).is_open(ReasonKind.FORBIDDEN, permission)

    def test_not_ready_without_the_right_to_list_pods(self) -> None:
        scene = change_pod(Scene(), crash)
        scene.kubernetes.deny("list pods")
        scene.audit(HEALTH).is_confirmed("Deployment", DEPLOYMENT)


class TestLogs:
    def say(self, line: str) -> Scene:
        scene = Scene(probes=("component-logs",))
        for name in own_pods(scene):
            scene.kubernetes.logs[f"kube-system/{name}"] = f"I1122 22:40:05 Starting main loop\n{line}\n"
        return scene

    def test_healthy(self) -> None:
        Scene(probes=("component-logs",)).audit(LOGS).is_quiet()

    @pytest.mark.parametrize(
        "line",
        [
            "E1122 22:40:06.1 1 alicloud_auto_scaling_group.go:300] Failed: Forbidden.RAM User not authorized",
            "E1122 22:40:06.1 1 scale_up.go:420] Failed to increase node group size: OperationDenied.NoStock",
            "W1122 22:40:06.1 1 scale_up.go:310] Node group asg-1 is not ready for scaleup - in backoff",
            "E1122 22:40:06.1 1 clusterstate.go:1] InvalidVSwitchId.IpNotEnough",
            "I1122 22:40:06.1 1 orchestrator.go:1] Skipping node group asg-1 - max node group size reached",
        ],
    )
    def test_an_error(self, line: str) -> None:
        finding = self.say(line).audit(LOGS).loud_one
        assert finding.subject.kind == "Pod"
        assert finding.severity is Severity.MEDIUM

    def test_the_probe_is_off(self) -> None:
        Scene().audit(LOGS).is_open(ReasonKind.SWITCHED_OFF)

    def test_logs_denied(self) -> None:
        scene = Scene(probes=("component-logs",))
        scene.kubernetes.deny("get pods/log")
        scene.audit(LOGS).is_open(ReasonKind.FORBIDDEN, "get pods/log")

    def test_a_status_in_backoff_is_likely(self) -> None:
        scene = Scene()

        def back_off(made: Json) -> None:
            head, _, tail = made["data"]["status"].partition("nodeGroups:")
            made["data"]["status"] = f"{head}nodeGroups:{tail.replace('status: NoActivity', 'status: Backoff')}"

        scene.kubernetes.patch(CONFIG_MAPS, "cluster-autoscaler-status", back_off, "kube-system")
        assert scene.audit(LOGS).loud_one.certainty is Certainty.LIKELY

    def test_an_event_of_a_waiting_pod_is_likely(self) -> None:
        scene = say(wait(Scene()), "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached")
        assert scene.audit(LOGS).loud_one.certainty is Certainty.LIKELY
