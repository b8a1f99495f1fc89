"""Claims that nobody serves, and Pods whose NAS volume changes hands, planted at both APIs."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

PENDING = "storage/pvc-without-provisioner"
SLOW = "storage/nas-fsgroup-slow-mount"
DEPLOYMENTS = "/apis/apps/v1/deployments"
DAEMONSETS = "/apis/apps/v1/daemonsets"
DRIVERS = "/apis/storage.k8s.io/v1/csidrivers"
NAS = "nasplugin.csi.alibabacloud.com"
SERVER = "e5bc4e67df-9h4f0.cn-hangzhou.nas.aliyuncs.com"
SINCE = "2026-11-22T22:30:00Z"

Plant = Callable[[Scene], object]


def audited(check: str, *plants: Plant) -> Report:
    scene = Scene()
    for plant in plants:
        plant(scene)
    return scene.audit(check)


def claim(class_name: str, **annotations: str) -> Plant:
    def plant(scene: Scene) -> None:
        made = s.copy(scene, s.CLAIMS, "media", "waiting", "shop")
        made["metadata"] |= {"creationTimestamp": SINCE, "annotations": annotations}
        made["spec"] |= {"storageClassName": class_name}
        made["spec"].pop("volumeName")
        made["status"] = {"phase": "Pending"}
        scene.kubernetes.add(s.CLAIMS, made)

    return plant


def nas_class(provisioner: str, mode: str = "Immediate") -> Plant:
    return lambda scene: s.storage_class(scene, "planted", provisioner=provisioner, volumeBindingMode=mode)


def without_provisioner(scene: Scene) -> None:
    scene.kubernetes.remove(DEPLOYMENTS, "csi-provisioner", "kube-system")
    del scene.cloud.state.cs.addons[scene.cloud.state.cs.cluster_id]["csi-provisioner"]


def flexvolume(scene: Scene) -> None:
    scene.kubernetes.remove(DEPLOYMENTS, "csi-provisioner", "kube-system")
    made = s.copy(scene, DAEMONSETS, "csi-plugin", "flexvolume", "kube-system")
    scene.kubernetes.remove(DAEMONSETS, "csi-plugin", "kube-system")
    scene.kubernetes.add(DAEMONSETS, made)


def waiting_archivers(**spec: Any) -> Plant:
    """Let the archivers have an fsGroup, and wait for their volume."""

    def change(found: s.Json) -> None:
        found["spec"] |= {"securityContext": {"fsGroup": 2000}} | spec
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": SINCE}
        creating = {"name": "main", "ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
        creating |= {"restartCount": 0, "image": "", "imageID": ""}
        found["status"] = {"phase": "Pending", "conditions": [scheduled], "containerStatuses": [creating]}

    def plant(scene: Scene) -> None:
        for row in scene.kubernetes.objects.all(s.PODS):
            if row["metadata"]["name"].startswith("log-archiver"):
                scene.kubernetes.patch(s.PODS, row["metadata"]["name"], change, "logging")

    return plant


def as_flex(scene: Scene) -> None:
    s.volume(scene, s.ARCHIVE, **s.flex("alicloud/nas", server=SERVER, path="/log-archive"))


def policy(name: str) -> Plant:
    return lambda scene: scene.kubernetes.patch(DRIVERS, NAS, lambda found: found["spec"].update(fsGroupPolicy=name))


@pytest.mark.parametrize("check", [PENDING, SLOW])
def test_the_healthy_cluster_is_quiet(check: str) -> None:
    audited(check).is_quiet(Status.NOT_APPLICABLE)


class TestPending:
    @pytest.mark.parametrize("provisioner", [NAS, "alicloud/nas"])
    def test_a_flexvolume_cluster(self, provisioner: str) -> None:
        report = audited(PENDING, flexvolume, nas_class(provisioner), claim("planted"))
        finding = report.is_confirmed("PersistentVolumeClaim", "shop/waiting")
        assert finding.severity is Severity.HIGH
        assert "alicloud-nas-controller" in str(finding.message)

    def test_no_csi_provisioner(self) -> None:
        report = audited(PENDING, without_provisioner, claim("alicloud-nas-subpath"))
        report.is_confirmed("PersistentVolumeClaim", "shop/waiting")

    def test_no_such_class(self) -> None:
        audited(PENDING, claim("nothing")).is_confirmed("PersistentVolumeClaim", "shop/waiting")

    def test_the_provisioner_runs(self) -> None:
        audited(PENDING, claim("alicloud-nas-subpath")).is_quiet()

    def test_ack_runs_it_outside(self) -> None:
        def managed(scene: Scene) -> None:
            scene.kubernetes.remove(DEPLOYMENTS, "csi-provisioner", "kube-system")

        audited(PENDING, managed, claim("alicloud-nas-subpath")).is_quiet()

    def test_the_first_consumer_is_waited_for(self) -> None:
        plants = (without_provisioner, claim("alicloud-disk-essd"))
        audited(PENDING, *plants).is_quiet(Status.NOT_APPLICABLE)

    def test_and_has_come(self) -> None:
        chosen = claim("alicloud-disk-essd", **{"volume.kubernetes.io/selected-node": s.node("0.11")})
        audited(PENDING, without_provisioner, chosen).is_confirmed("PersistentVolumeClaim", "shop/waiting")

    def test_addons_that_are_denied(self) -> None:
        right = "cs:ListClusterAddonInstances"
        report = audited(
            PENDING, without_provisioner, claim("alicloud-nas-subpath"), lambda scene: scene.cloud.deny(right)
        )
        report.is_open(ReasonKind.FORBIDDEN)


class TestSlow:
    def test_flexvolume(self) -> None:
        report = audited(SLOW, as_flex, waiting_archivers())
        assert {finding.certainty for finding in report.loud} == {Certainty.LIKELY}
        assert {finding.severity for finding in report.loud} == {Severity.MEDIUM}
        assert len(report.loud) == 2

    def test_the_policy_file(self) -> None:
        assert len(audited(SLOW, policy("File"), waiting_archivers()).loud) == 2

    def test_how_many_files_there_are(self) -> None:
        def count(scene: Scene) -> None:
            scene.cloud.state.nas.add_directory_quota(s.ARCHIVE_FS, "/log-archive", files=2_000_000, gib=900)

        report = audited(SLOW, as_flex, waiting_archivers(), count)
        assert {finding.evidence["files"] for finding in report.loud} == {2_000_000}

    def test_ack_s_driver_as_it_is_installed(self) -> None:
        audited(SLOW, waiting_archivers()).is_quiet(Status.NOT_APPLICABLE)

    def test_on_root_mismatch(self) -> None:
        context = {"fsGroup": 2000, "fsGroupChangePolicy": "OnRootMismatch"}
        audited(SLOW, as_flex, waiting_archivers(securityContext=context)).is_quiet(Status.NOT_APPLICABLE)

    def test_events_that_are_denied(self) -> None:
        report = audited(SLOW, as_flex, waiting_archivers(), lambda scene: scene.kubernetes.deny("list events"))
        report.is_open(ReasonKind.FORBIDDEN, "list events")

    def test_quotas_that_are_denied_change_nothing(self) -> None:
        report = audited(SLOW, as_flex, waiting_archivers(), lambda scene: scene.cloud.deny("nas:DescribeDirQuotas"))
        assert len(report.loud) == 2
