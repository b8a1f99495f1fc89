"""The autoscaler itself, its role and its log: faults and look-alikes that the usual scenarios leave out."""

from copy import deepcopy

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.fakes.kubernetes.logs import NOW
from tests.scenarios.autoscaling import CONFIG_MAPS, DEPLOYMENTS, EVENTS, GROUP, Json, ago, say, wait
from tests.scenarios.kit import Scene
from tests.scenarios.test_autoscaling import WORKER_ROLE, allow, document, under_autoscaler, worker_role
from tests.scenarios.test_autoscaling_component import gone, own_pods

HEALTH = "autoscaling/autoscaler-unhealthy"
ROLE = "autoscaling/role-lacks-permission"
LOGS = "autoscaling/autoscaler-log-errors"
NAME = "cluster-autoscaler"
UPSTREAM = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.32.1"
OLD = "registry-cn-hangzhou-vpc.ack.aliyuncs.com/acs/autoscaler:v1.3.1-bcf13de9-aliyun"
SMALL = "I1122 22:40:06.1 1 orchestrator.go:500] Pod shop/batch-0 can't be scheduled on asg-small: Insufficient cpu"
NO_STOCK = "E1122 22:40:06.1 1 scale_up.go:420] Failed to increase node group size: OperationDenied.NoStock"


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


def dedicated(scene: Scene) -> Scene:
    cs = scene.cloud.state.cs
    cs.clusters[cs.cluster_id]["cluster_type"] = "Kubernetes"
    return scene


def by_helm(*, ready: bool = True) -> Scene:
    """Return a cluster in which Helm installed the open-source autoscaler, under a name and in a place of its own."""
    scene = Scene()
    made = deepcopy(scene.kubernetes.objects.get(DEPLOYMENTS, NAME, "kube-system"))
    assert made
    pods = [scene.kubernetes.objects.get("/api/v1/pods", name, "kube-system") for name in own_pods(scene)]
    gone(scene)
    cs = scene.cloud.state.cs
    cs.addons[cs.cluster_id].pop(NAME)
    made["metadata"] |= {"name": "ca-alicloud-cluster-autoscaler", "namespace": "scaling"}
    made["spec"]["template"]["spec"]["containers"][0]["image"] = UPSTREAM
    if not ready:
        made["status"]["readyReplicas"] = 0
    scene.kubernetes.add(DEPLOYMENTS, made)
    for pod in pods if ready else []:
        assert pod
        pod["metadata"]["namespace"] = "scaling"
        scene.kubernetes.add("/api/v1/pods", pod)
    return scene


class TestHealth:
    def test_a_dedicated_cluster_has_it_inside_whatever_the_add_on_says(self) -> None:
        finding = dedicated(gone(Scene())).audit(HEALTH).is_confirmed("Deployment", f"kube-system/{NAME}")
        assert broken(finding) == ["Deployment"]

    def test_a_dedicated_cluster_in_which_it_runs(self) -> None:
        dedicated(Scene()).audit(HEALTH).is_quiet()

    def test_named_by_helm(self) -> None:
        by_helm().audit(HEALTH).is_quiet()

    def test_named_by_helm_and_not_ready(self) -> None:
        finding = by_helm(ready=False).audit(HEALTH).loud_one
        assert finding.subject.path == "scaling/ca-alicloud-cluster-autoscaler"

    def test_being_rolled_out_just_now(self) -> None:
        scene = Scene()
        for name in own_pods(scene):
            scene.kubernetes.patch("/api/v1/pods", name, start, "kube-system")
        status = {"readyReplicas": 0}
        scene.kubernetes.patch(DEPLOYMENTS, NAME, lambda made: made["status"].update(status), "kube-system")
        scene.audit(HEALTH).is_quiet()

    def test_one_fault_is_one_finding(self) -> None:
        scene = Scene()
        scene.kubernetes.patch(DEPLOYMENTS, NAME, lambda made: made["spec"].update(replicas=0), "kube-system")
        finding = scene.audit(HEALTH).is_confirmed("Deployment", f"kube-system/{NAME}")
        assert broken(finding) == ["Deployment"]
        assert f"kubectl -n kube-system scale deployment/{NAME} --replicas=1" in [s.command for s in finding.remedy]


def start(made: Json) -> None:
    made["metadata"]["creationTimestamp"] = ago(seconds=20)
    for condition in made["status"]["conditions"]:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition["status"] = "False"
    made["status"]["containerStatuses"][0] |= {"ready": False, "started": False}


def hardened(image: str, tokens: str | None = "required", *, token_secret: bool = False) -> Scene:
    """Return a cluster whose autoscaler is of this image, on nodes that want a token for their metadata."""
    scene = Scene() if token_secret else worker_role(document(allow("*")))
    for instance in scene.cloud.state.ecs.instances.values():
        instance["MetadataOptions"]["HttpTokens"] = tokens
    scene.kubernetes.patch(
        DEPLOYMENTS,
        NAME,
        lambda made: made["spec"]["template"]["spec"]["containers"][0].update(image=image),
        "kube-system",
    )
    return scene


class TestMetadata:
    """Row A1, its last point: nodes that answer only who sends a token, and an autoscaler that sends none."""

    @pytest.mark.parametrize("image", [OLD, UPSTREAM])
    def test_an_old_autoscaler_on_nodes_that_want_a_token(self, image: str) -> None:
        finding = hardened(image).audit(ROLE).loud_one
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
        assert (finding.subject.kind, finding.subject.name) == ("RamRole", WORKER_ROLE)
        assert broken(finding) == ["Instance"]

    def test_quiet(self) -> None:
        hardened(OLD, "optional").audit(ROLE).is_quiet()
        hardened(OLD, token_secret=True).audit(ROLE).is_quiet()
        hardened("registry-vpc.example.com/acs/autoscaler:v1.36.0.1-2c4f7d1a-aliyun").audit(ROLE).is_quiet()

    def test_only_the_nodes_that_it_runs_on_count(self) -> None:
        scene = hardened(OLD)
        for instance_id in under_autoscaler(scene):
            scene.cloud.state.ecs.instances[instance_id]["MetadataOptions"]["HttpTokens"] = "optional"
        scene.audit(ROLE).is_quiet()

    def test_what_the_image_does_is_not_known(self) -> None:
        hardened("registry.example.com/tools/autoscaler:edge").audit(ROLE).is_open(ReasonKind.UNDECIDABLE)

    def test_instances_denied(self) -> None:
        scene = hardened(OLD)
        scene.cloud.deny("ecs:DescribeInstances")
        scene.audit(ROLE).is_open(ReasonKind.FORBIDDEN, "ecs:DescribeInstances")
        scene = Scene()
        scene.cloud.deny("ecs:DescribeInstances")
        scene.audit(ROLE).is_quiet()


class TestRole:
    def test_in_a_dedicated_cluster_no_add_on_uses_the_service_role(self) -> None:
        dedicated(gone(Scene())).audit(ROLE).is_quiet(Status.NOT_APPLICABLE)

    def test_named_by_helm_with_the_token(self) -> None:
        by_helm().audit(ROLE).is_quiet()

    def test_named_by_helm_without_the_token(self) -> None:
        scene = by_helm()
        scene.kubernetes.patch(
            DEPLOYMENTS,
            "ca-alicloud-cluster-autoscaler",
            lambda made: made["spec"]["template"]["spec"].update(volumes=[]),
            "scaling",
        )
        for pod in list(scene.kubernetes.objects.all("/api/v1/pods")):
            if pod["metadata"]["namespace"] == "scaling":
                owner = f"ca-alicloud-cluster-autoscaler-{pod['metadata']['labels']['pod-template-hash']}"
                pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": owner, "controller": True}]
                scene.kubernetes.remove("/api/v1/pods", pod["metadata"]["name"], "scaling")
                scene.kubernetes.add("/api/v1/pods", pod)
        finding = scene.audit(ROLE).is_confirmed("RamRole", WORKER_ROLE)
        assert [ref.path for ref in finding.affected] == ["scaling/ca-alicloud-cluster-autoscaler"]

    def test_an_optional_token_whose_secret_may_not_be_listed(self) -> None:
        scene = Scene()
        scene.kubernetes.patch(
            DEPLOYMENTS,
            NAME,
            lambda made: made["spec"]["template"]["spec"]["volumes"][0]["secret"].update(optional=True),
            "kube-system",
        )
        report = scene.audit(ROLE)
        assert not report.loud
        assert report.kinds == {ReasonKind.SWITCHED_OFF}


def logged(scene: Scene, *lines: str) -> Scene:
    scene.probes = ("component-logs",)
    for name in own_pods(scene):
        scene.kubernetes.logs[f"kube-system/{name}"] = "".join(f"{line}\n" for line in lines)
    return scene


def told(scene: Scene, minutes: int, reason: str, message: str) -> Scene:
    """Add an event of the Pod that waits, beside those that it has."""
    say(scene, reason, message, minutes=minutes)
    for made in list(scene.kubernetes.objects.all(EVENTS)):
        if made["metadata"]["name"] == "batch-0.17":
            scene.kubernetes.remove(EVENTS, "batch-0.17", "shop")
            made["metadata"]["name"] = f"batch-0.{minutes}"
            scene.kubernetes.add(EVENTS, made)
    return scene


class TestLogs:
    def test_a_pool_that_is_too_small_for_a_pod_that_waits(self) -> None:
        finding = logged(wait(Scene()), SMALL).audit(LOGS).loud_one
        assert finding.certainty is Certainty.CONFIRMED
        assert [ref.path for ref in finding.affected] == ["shop/batch-0"]

    def test_a_pool_that_is_too_small_while_another_grows(self) -> None:
        words = "pod triggered scale-up: [{asg-large 3->4 (max: 10)}]"
        logged(say(wait(Scene()), "TriggeredScaleUp", words), SMALL).audit(LOGS).is_quiet()

    def test_a_pool_that_is_too_small_for_a_pod_that_was_just_made(self) -> None:
        logged(wait(Scene(), made=ago(seconds=30)), SMALL).audit(LOGS).is_quiet()

    def test_whether_another_pool_grows_is_not_known(self) -> None:
        scene = logged(wait(Scene()), SMALL)
        scene.kubernetes.deny("list events")
        scene.audit(LOGS).is_open(ReasonKind.FORBIDDEN, "list events")
        scene = logged(Scene(), NO_STOCK)
        scene.kubernetes.deny("list events")
        assert not scene.audit(LOGS).one.evidence["log_was_cut"]

    def test_nothing_is_said_of_what_was_cut_away(self) -> None:
        stamp = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
        many = [f"{stamp} I1122 22:40:05.1 1 static_autoscaler.go:230] loop {number}" for number in range(6000)]
        report = logged(Scene(), *many, NO_STOCK).audit(LOGS)
        assert report.loud_one.evidence["log_was_cut"]
        assert report.kinds == {ReasonKind.TRUNCATED}
        report = logged(Scene(), NO_STOCK, *many).audit(LOGS)
        assert not report.findings
        assert report.status is Status.NOT_EVALUATED

    def test_by_its_events_the_last_word_counts(self) -> None:
        scene = told(wait(Scene()), 9, "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 Insufficient cpu")
        assert scene.audit(LOGS).loud_one.certainty is Certainty.LIKELY
        scene = told(wait(Scene()), 9, "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 Insufficient cpu")
        scene = told(scene, 1, "TriggeredScaleUp", "pod triggered scale-up")
        assert not scene.audit(LOGS).findings

    def test_an_autoscaler_that_was_taken_away_leaves_its_last_status(self) -> None:
        def backed_off(scene: Scene, time: str) -> Scene:
            text = f"time: {time}\nnodeGroups:\n- name: {GROUP}\n  scaleUp:\n    status: Backoff\n"
            scene.kubernetes.patch(
                CONFIG_MAPS, "cluster-autoscaler-status", lambda made: made.update(data={"status": text}), "kube-system"
            )
            return scene

        old, new = "2025-01-02 03:04:05.6 +0000 UTC", NOW.strftime("%Y-%m-%d %H:%M:%S.6 +0000 UTC")
        assert not backed_off(gone(Scene()), old).audit(LOGS).findings
        assert backed_off(gone(Scene()), new).audit(LOGS).loud_one.certainty is Certainty.LIKELY
        assert backed_off(Scene(), old).audit(LOGS).loud_one.certainty is Certainty.LIKELY
