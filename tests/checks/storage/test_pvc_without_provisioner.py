"""storage/pvc-without-provisioner."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.extensions import CsiDriver
from auditor.facts.kubernetes.volumes import (
    DISK_CSI_DRIVER,
    NAS_CSI_DRIVER,
    NAS_FLEX_DRIVER,
    PersistentVolumeClaim,
    StorageClass,
)
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/pvc-without-provisioner"
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)
LIKELY = (Severity.HIGH, Certainty.LIKELY)


def claim(class_name: str | None = "nas", phase: str = "Pending", **more: Any) -> PersistentVolumeClaim:
    metadata = make.meta("media", "shop", creationTimestamp="2026-11-23T07:00:00Z") | more.pop("metadata", {})
    spec = {"storageClassName": class_name, **more}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": {"phase": phase}}, PersistentVolumeClaim)


def storage_class(provisioner: str, mode: str = "Immediate", name: str = "nas") -> StorageClass:
    data = {"metadata": make.meta(name), "provisioner": provisioner, "volumeBindingMode": mode}
    return msgspec.convert(data, StorageClass)


def workload(
    name: str, kind: type[Any] = Deployment, image: str = "x:1", ready: int = 0, ns: str = "kube-system"
) -> Any:
    data = {
        "metadata": make.meta(name, ns),
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": "main", "image": image}]}},
        },
        "status": {"readyReplicas": ready, "numberReady": ready},
    }
    return msgspec.convert(data, kind)


def pod_of(name: str, *, ready: bool = True, **more: Any) -> Any:
    return make.pod(f"kube-system/{name}-1", "n1", labels={"app": name}, ready=ready, **more)


CSI: dict[str, Any] = {"deployments": [workload("csi-provisioner")], "pods": [pod_of("csi-provisioner")]}
FLEXVOLUME: dict[str, Any] = {"daemonsets": [workload("flexvolume", DaemonSet)]}


def base(provisioner: str = NAS_CSI_DRIVER, mode: str = "Immediate", **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "persistent_volume_claims": [claim()],
        "storage_classes": [storage_class(provisioner, mode)],
        "nodes": [make.node("n1")],
    }
    return kit.landscape(**(given | tables))


def event(reason: str = "ExternalProvisioning", message: str = "waiting for a volume to be created") -> Event:
    data = {
        "metadata": make.meta("e", "shop"),
        "involvedObject": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "media"},
        "reason": reason,
        "message": message,
    }
    return msgspec.convert(data, Event)


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "shop/media")
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


class TestFinds:
    @pytest.mark.parametrize(
        ("provisioner", "component"),
        [
            (NAS_CSI_DRIVER, "csi-provisioner"),
            (DISK_CSI_DRIVER, "csi-provisioner"),
            (NAS_FLEX_DRIVER, "alicloud-nas-controller"),
            ("alicloud/disk", "alicloud-disk-controller"),
        ],
    )
    def test_a_component_of_ack_that_is_not_there(self, provisioner: str, component: str) -> None:
        finding = only(base(provisioner))
        assert grade(finding) == CONFIRMED
        assert component in str(finding.message)
        assert [hop.ref.name for hop in finding.trail if hop.state == "broken"] == [component]

    def test_with_csi_a_class_of_flexvolume_is_served_by_nobody(self) -> None:
        assert grade(only(base(NAS_FLEX_DRIVER, **CSI))) == CONFIRMED

    @pytest.mark.parametrize("provisioner", [NAS_CSI_DRIVER, NAS_FLEX_DRIVER])
    def test_a_flexvolume_cluster_before_1_16(self, provisioner: str) -> None:
        old = [Cluster(kit.CLUSTER_ID, version="1.20.4-aliyun.1", initial_version="1.14.8-aliyun.1")]
        finding = only(base(provisioner, clusters=old, **FLEXVOLUME))
        assert grade(finding) == CONFIRMED
        assert "1.16" in str(finding.message)
        assert "alicloud-nas-controller" in str(finding.message)

    def test_a_leftover_addon_in_a_flexvolume_cluster(self) -> None:
        assert grade(only(base(addons=[Addon("csi-provisioner", state="active")], **FLEXVOLUME))) == CONFIRMED

    def test_a_flexvolume_cluster_of_later(self) -> None:
        finding = only(base(clusters=[Cluster(kit.CLUSTER_ID, initial_version="1.18.8-aliyun.1")], **FLEXVOLUME))
        assert "1.16" not in str(finding.message)
        assert "Flexvolume" in str(finding.message)

    def test_a_component_without_a_ready_pod(self) -> None:
        ended = {"terminated": {"exitCode": 1, "finishedAt": "2026-11-23T07:55:00Z"}}
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}}
        state = {"name": "main", "restartCount": 9, "state": waiting, "lastState": ended}
        status = {"phase": "Running", "containerStatuses": [state]}
        pods = [pod_of("csi-provisioner", ready=False, status=status)]
        finding = only(base(deployments=CSI["deployments"], pods=pods))
        assert grade(finding) == CONFIRMED
        assert "volume-driver-unhealthy" in str(finding.why)

    def test_a_component_that_is_scaled_to_nothing(self) -> None:
        assert grade(only(base(deployments=CSI["deployments"]))) == CONFIRMED

    def test_an_addon_that_failed(self) -> None:
        assert grade(only(base(addons=[Addon("csi-provisioner", state="Failed")]))) == CONFIRMED

    def test_a_class_that_is_missing(self) -> None:
        finding = only(base(storage_classes=[]))
        assert grade(finding) == CONFIRMED
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["StorageClass"]

    def test_a_class_that_is_missing_and_whose_volumes_are_all_in_use(self) -> None:
        volume = make.nas_volume("pv-1", "s", "shop/other", storageClassName="nas")
        assert grade(only(base(storage_classes=[], persistent_volumes=[volume]))) == LIKELY

    def test_by_the_old_annotation(self) -> None:
        old: dict[str, Any] = {"metadata": {"annotations": {"volume.beta.kubernetes.io/storage-class": "nas"}}}
        only(base(persistent_volume_claims=[claim(None, **old)]))

    def test_a_provisioner_that_nothing_is_named_after(self) -> None:
        assert grade(only(base("rancher.io/local-path", **CSI))) == LIKELY

    def test_a_provisioner_of_somebody_else_without_a_ready_pod(self) -> None:
        own = workload("local-path-provisioner", ns="local")
        assert grade(only(base("rancher.io/local-path", deployments=[own]))) == CONFIRMED

    @pytest.mark.parametrize("how", ["annotation", "event"])
    def test_wait_for_first_consumer_once_it_has_a_node(self, how: str) -> None:
        on_node = {"annotations": {"volume.kubernetes.io/selected-node": "n1"}}
        chosen: dict[str, Any] = {"metadata": on_node} if how == "annotation" else {}
        events = [event()] if how == "event" else []
        tables: dict[str, Any] = {"persistent_volume_claims": [claim(**chosen)], "events": events}
        assert grade(only(base(mode="WaitForFirstConsumer", **tables))) == CONFIRMED

    def test_wait_for_first_consumer_with_a_consumer(self) -> None:
        pods = [make.pod("shop/web-0", claims=["media"])]
        assert grade(only(base(mode="WaitForFirstConsumer", pods=pods))) == LIKELY


class TestQuiet:
    def test_the_component_runs(self) -> None:
        kit.stays_quiet(CHECK, base(**CSI))
        kit.stays_quiet(CHECK, base(events=[event()], **CSI))

    @pytest.mark.parametrize("name", ["csi-provisioner", "managed-csiprovisioner"])
    def test_ack_runs_it_outside(self, name: str) -> None:
        kit.stays_quiet(CHECK, base(addons=[Addon(name, state="active")]))

    def test_the_component_is_starting(self) -> None:
        fresh = pod_of("csi-provisioner", ready=False, creationTimestamp="2026-11-23T07:59:00Z")
        kit.stays_quiet(CHECK, base(deployments=CSI["deployments"], pods=[fresh]))

    def test_another_driver_s_provisioner_runs(self) -> None:
        own = workload("local-path-provisioner", image="rancher/local-path-provisioner:v0.0.28", ready=1, ns="local")
        kit.stays_quiet(CHECK, base("rancher.io/local-path", deployments=[own]))

    def test_a_provisioner_that_has_taken_it_on(self) -> None:
        kit.stays_quiet(CHECK, base("example.com/nfs", events=[event("Provisioning", "is provisioning volume")]))

    def test_wait_for_first_consumer_without_one(self) -> None:
        landscape = base(NAS_FLEX_DRIVER, "WaitForFirstConsumer")
        kit.stays_quiet(CHECK, landscape, Status.NOT_APPLICABLE)

    def test_volumes_that_are_made_by_hand(self) -> None:
        kit.stays_quiet(CHECK, base("kubernetes.io/no-provisioner"), Status.NOT_APPLICABLE)

    def test_a_free_volume_of_a_class_that_is_only_a_name(self) -> None:
        volume = make.nas_volume("pv-1", "s", storageClassName="nas")
        kit.stays_quiet(CHECK, base(storage_classes=[], persistent_volumes=[volume]), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "row",
        [
            claim(phase="Bound"),
            claim(phase="Lost"),
            claim(None),
            claim(""),
            claim(volumeName="pv-1"),
            claim(metadata={"creationTimestamp": "2026-11-23T07:59:30Z"}),
            claim(metadata={"deletionTimestamp": "2026-11-23T07:59:30Z"}),
        ],
        ids=["bound", "lost", "no class", "empty class", "a volume by name", "just made", "being deleted"],
    )
    def test_claims_that_wait_for_nobody(self, row: PersistentVolumeClaim) -> None:
        kit.stays_quiet(CHECK, base(persistent_volume_claims=[row]), Status.NOT_APPLICABLE)


class TestNotEvaluated:
    @pytest.mark.parametrize("provisioner", ["nfs.csi.k8s.io", "fuseim.pri/ifs"])
    def test_what_may_run_it_under_another_name(self, provisioner: str) -> None:
        driver = msgspec.convert({"metadata": make.meta("nfs.csi.k8s.io")}, CsiDriver)
        other = workload("nfs-client-provisioner", ready=1, ns="nfs")
        result, findings = kit.run(CHECK, base(provisioner, csi_drivers=[driver], deployments=[other]))
        assert not findings
        assert result.status is Status.NOT_EVALUATED

    def test_each_table(self) -> None:
        needed = {"persistent_volume_claims", "storage_classes", "deployments", "addons"}
        for table in kit.tables_needed(CHECK):
            landscape = kit.without(base(), table)
            if table in needed:
                kit.is_not_evaluated(CHECK, landscape)
            else:
                only(landscape)

    def test_the_pods_of_the_component(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(**CSI), "pods"))

    def test_the_consumers(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(mode="WaitForFirstConsumer"), "pods"))

    def test_the_volumes_for_a_missing_class(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(storage_classes=[]), "persistent_volumes"))

    @pytest.mark.parametrize("table", ["events", "statefulsets", "daemonsets", "csi_drivers"])
    def test_what_tells_of_other_provisioners(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base("rancher.io/local-path"), table))
