"""Storage drivers that are missing, fail, or are not those that volumes name, planted at both APIs."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Report, Scene

UNHEALTHY, MISMATCH = "storage/volume-driver-unhealthy", "storage/volume-driver-mismatch"
NO_PROVISIONER = d.no_workload(d.DEPLOYMENTS, "csi-provisioner")
NO_PLUGIN = d.no_workload(d.DAEMONSETS, "csi-plugin")
NOT_LISTED = d.no_addon("csi-provisioner", "managed-csiprovisioner")


def subjects(report: Report) -> list[str]:
    return sorted(f"{finding.subject.kind} {finding.subject.path}" for finding in report.loud)


def on_nodes(status: str, *addresses: str) -> Plant:
    def change(found: s.Json) -> None:
        for condition in found["status"]["conditions"]:
            if condition["type"] == "Ready":
                condition["status"] = status

    def plant(scene: Scene) -> None:
        for address in addresses:
            scene.kubernetes.patch(s.NODES, s.node(address), change)

    return plant


def unregistered(scene: Scene, address: str = "0.11", *left: str) -> None:
    def change(found: s.Json) -> None:
        found["spec"]["drivers"] = [row for row in found["spec"]["drivers"] if row["name"] in left]

    scene.kubernetes.patch(d.CSI_NODES, s.node(address), change)


@pytest.mark.parametrize("check", [UNHEALTHY, MISMATCH])
def test_the_healthy_cluster_is_quiet(check: str) -> None:
    audited(check).is_quiet()


class TestUnhealthy:
    def test_a_missing_plugin_is_one_finding(self) -> None:
        report = audited(UNHEALTHY, NO_PLUGIN)
        assert report.is_confirmed("DaemonSet", "kube-system/csi-plugin").severity is Severity.HIGH

    def test_a_missing_plugin_whose_add_on_is_not_listed_either(self) -> None:
        def unregister(scene: Scene) -> None:
            for row in scene.kubernetes.objects.all(d.CSI_NODES):
                scene.kubernetes.patch(
                    d.CSI_NODES, row["metadata"]["name"], lambda found: found["spec"].update(drivers=[])
                )

        hidden = (NO_PLUGIN, d.no_addon("csi-plugin"))
        audited(UNHEALTHY, *hidden, unregister).is_confirmed("DaemonSet", "kube-system/csi-plugin")
        # Somebody runs it under another name: it is registered on the nodes.
        audited(UNHEALTHY, *hidden).is_quiet()

    def test_a_missing_provisioner(self) -> None:
        audited(UNHEALTHY, NO_PROVISIONER, NOT_LISTED).is_confirmed("Deployment", "kube-system/csi-provisioner")

    @pytest.mark.parametrize("state", ["failed", "abnormal"])
    def test_an_add_on_that_does_not_work(self, state: str) -> None:
        report = audited(UNHEALTHY, NO_PROVISIONER, d.addon("csi-provisioner", state))
        report.is_confirmed("Deployment", "kube-system/csi-provisioner")

    def test_an_add_on_that_was_deleted(self) -> None:
        report = audited(UNHEALTHY, NO_PROVISIONER, d.addon("csi-provisioner", "deleted"))
        report.is_confirmed("Deployment", "kube-system/csi-provisioner")

    @pytest.mark.parametrize(
        "plants",
        [
            (NO_PROVISIONER,),
            (NO_PROVISIONER, NOT_LISTED, d.addon("managed-csiprovisioner", "active")),
            (NO_PROVISIONER, d.addon("csi-provisioner", "updating")),
        ],
        ids=["active", "by its other name", "being updated"],
    )
    def test_a_provisioner_that_ack_runs_outside(self, plants: tuple[Plant, ...]) -> None:
        audited(UNHEALTHY, *plants).is_quiet()

    @pytest.mark.parametrize("fault", [d.crashing, d.unready])
    @pytest.mark.parametrize("pod", [d.PLUGIN_OF_MYSQL_0, d.PROVISIONER_PODS[0]])
    def test_a_pod_that_fails(self, pod: str, fault: object) -> None:
        report = audited(UNHEALTHY, fault(pod))  # type: ignore[operator]
        assert report.is_confirmed("Pod", f"kube-system/{pod}").severity is Severity.HIGH

    def test_all_pods_that_fail_are_one_finding(self) -> None:
        report = audited(UNHEALTHY, *(d.crashing(pod) for pod in d.PROVISIONER_PODS))
        finding = report.is_confirmed("Deployment", "kube-system/csi-provisioner")
        assert len(finding.affected) == 2

    def test_scaled_to_zero(self) -> None:
        def scale(scene: Scene) -> None:
            no_provisioner_pods(scene)
            scene.kubernetes.patch(
                d.DEPLOYMENTS, "csi-provisioner", lambda found: found["spec"].update(replicas=0), d.SYSTEM
            )

        audited(UNHEALTHY, scale).is_confirmed("Deployment", "kube-system/csi-provisioner")

    def test_pods_that_are_not_made(self) -> None:
        def lose(scene: Scene) -> None:
            scene.kubernetes.remove(s.PODS, d.PLUGIN_OF_MYSQL_0, d.SYSTEM)
            scene.kubernetes.patch(
                d.DAEMONSETS, "csi-plugin", lambda found: found["status"].update(numberReady=7), d.SYSTEM
            )

        audited(UNHEALTHY, lose).is_confirmed("DaemonSet", "kube-system/csi-plugin")

    @pytest.mark.parametrize(
        "plants",
        [
            (d.unready(d.PLUGIN_OF_MYSQL_0), on_nodes("Unknown", "0.11")),
            (d.just_unready(d.PLUGIN_OF_MYSQL_0),),
            (d.addon("flexvolume", "deleted"),),
            (d.flexvolume,),
        ],
        ids=["its node is down", "just starting", "flexvolume was deleted", "flexvolume without nodes"],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(UNHEALTHY, *plants).is_quiet()

    def test_controllers_of_flexvolume(self) -> None:
        missing = audited(UNHEALTHY, d.addon("alicloud-disk-controller", "failed"))
        missing.is_confirmed("Deployment", "kube-system/alicloud-disk-controller")
        used: Plant = lambda scene: d.claim(scene, "data", "old", "legacy")  # noqa: E731
        report = audited(UNHEALTHY, d.flexvolume, d.provisioned_by("alicloud/nas"), used)
        report.is_confirmed("Deployment", "kube-system/alicloud-nas-controller")
        # Without Flexvolume such a class is a driver used wrongly, and not one that is missing.
        audited(UNHEALTHY, d.provisioned_by("alicloud/nas"), used).is_quiet()

    @pytest.mark.parametrize("right", ["list pods", "list deployments.apps", "list daemonsets.apps"])
    def test_rights_that_are_missing(self, right: str) -> None:
        audited(UNHEALTHY, lambda scene: scene.kubernetes.deny(right)).is_open(ReasonKind.FORBIDDEN, right)

    def test_add_ons_that_are_denied(self) -> None:
        deny: Plant = lambda scene: scene.cloud.deny("cs:ListClusterAddonInstances")  # noqa: E731
        report = audited(UNHEALTHY, NO_PROVISIONER, deny)
        report.is_open(ReasonKind.FORBIDDEN, "cs:ListClusterAddonInstances")
        found = audited(UNHEALTHY, d.crashing(d.PROVISIONER_PODS[0]), deny)
        assert subjects(found) == [f"Pod kube-system/{d.PROVISIONER_PODS[0]}"]


def no_provisioner_pods(scene: Scene) -> None:
    for pod in d.PROVISIONER_PODS:
        scene.kubernetes.remove(s.PODS, pod, d.SYSTEM)


class TestMismatch:
    def test_a_driver_that_is_not_registered(self) -> None:
        report = audited(MISMATCH, lambda scene: unregistered(scene, "0.11", "nasplugin.csi.alibabacloud.com"))
        finding = report.is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.severity is Severity.HIGH
        assert finding.evidence["registered_drivers"] == ["nasplugin.csi.alibabacloud.com"]

    def test_a_driver_of_another_maker(self) -> None:
        plant: Plant = lambda scene: s.volume(  # noqa: E731
            scene, s.MYSQL_0, csi={"driver": "csi.example.com", "volumeHandle": "x"}
        )
        audited(MISMATCH, plant).is_confirmed("PersistentVolume", s.MYSQL_0)

    @pytest.mark.parametrize("fault", [d.unready, d.crashing])
    def test_a_plugin_that_is_not_ready(self, fault: object) -> None:
        report = audited(MISMATCH, fault(d.PLUGIN_OF_MYSQL_0))  # type: ignore[operator]
        assert f"PersistentVolume {s.MYSQL_0}" in subjects(report)
        assert all(finding.certainty is Certainty.CONFIRMED for finding in report.loud)
        assert all("storage/volume-driver-unhealthy" in str(finding.why) for finding in report.loud)
        assert all(finding.evidence["node"] == d.NODE_OF_MYSQL_0 for finding in report.loud)

    def test_a_plugin_that_is_missing_everywhere_is_told_of_volumes_that_wait(self) -> None:
        audited(MISMATCH, NO_PLUGIN).is_quiet()
        report = audited(MISMATCH, NO_PLUGIN, lambda scene: d.starting(scene, "data", "mysql-0"))
        report.is_confirmed("PersistentVolume", s.MYSQL_0)

    @pytest.mark.parametrize("driver", ["alicloud/disk", "alicloud/nas", "alicloud/oss"])
    def test_a_flex_volume_without_flexvolume(self, driver: str) -> None:
        plant: Plant = lambda scene: s.volume(  # noqa: E731
            scene, s.MYSQL_0, **s.flex(driver, volumeId=s.MYSQL_0, server="a-b.cn-hangzhou.nas.aliyuncs.com")
        )
        audited(MISMATCH, plant).is_confirmed("PersistentVolume", s.MYSQL_0)

    @pytest.mark.parametrize("provisioner", ["alicloud/disk", "alicloud/nas"])
    def test_a_class_without_a_provisioner(self, provisioner: str) -> None:
        report = audited(MISMATCH, d.provisioned_by(provisioner))
        assert report.is_confirmed("StorageClass", "legacy").severity is Severity.HIGH
        used: Plant = lambda scene: d.claim(scene, "data", "old", "legacy")  # noqa: E731
        report = audited(MISMATCH, d.provisioned_by(provisioner), used)
        assert report.is_confirmed("StorageClass", "legacy").severity is Severity.HIGH

    def test_a_provisioner_that_is_missing_is_told_of_the_classes_in_use(self) -> None:
        report = audited(MISMATCH, NO_PROVISIONER, NOT_LISTED)
        assert subjects(report) == ["StorageClass alicloud-disk-essd", "StorageClass alicloud-nas-subpath"]
        assert all("storage/volume-driver-unhealthy" in str(finding.why) for finding in report.loud)

    def test_both_stacks_for_one_kind(self) -> None:
        def plant(scene: Scene) -> None:
            d.flexvolume(scene)
            s.volume(scene, s.BACKUP, **s.flex("alicloud/disk", volumeId=s.BACKUP_DISK))

        finding = audited(MISMATCH, plant).is_confirmed("PersistentVolume", s.BACKUP)
        assert finding.evidence["kind"] == "disk"
        report = audited(MISMATCH, d.flexvolume)
        assert report.loud_one.severity is Severity.HIGH

    def test_stacks_for_different_kinds(self) -> None:
        def plant(scene: Scene) -> None:
            d.flexvolume(scene)

            def nas_only(found: s.Json) -> None:
                container = found["spec"]["template"]["spec"]["containers"][0]
                container["args"] = ["--driver=nas,oss"]

            scene.kubernetes.patch(d.DAEMONSETS, "csi-plugin", nas_only, d.SYSTEM)

        audited(MISMATCH, plant).is_quiet()

    def test_a_nas_volume_without_a_server(self) -> None:
        plant: Plant = lambda scene: s.volume(  # noqa: E731
            scene,
            s.ARCHIVE,
            csi={
                "driver": "nasplugin.csi.alibabacloud.com",
                "volumeHandle": s.ARCHIVE,
                "volumeAttributes": {"path": "/"},
            },
        )
        finding = audited(MISMATCH, plant).loud_one
        assert (finding.subject.name, finding.certainty) == (s.ARCHIVE, Certainty.LIKELY)

    def test_two_volumes_with_one_handle(self) -> None:
        finding = audited(MISMATCH, lambda scene: d.twin(scene, s.ARCHIVE, "archive-copy")).loud_one
        assert (finding.subject.name, finding.certainty) == ("archive-copy", Certainty.LIKELY)
        assert finding.evidence["volumes"] == ["archive-copy", s.ARCHIVE]

    @pytest.mark.parametrize(
        "plants",
        [
            (d.provisioned_by("kubernetes.io/no-provisioner"),),
            (d.provisioned_by("nfs.example.com/subdir"),),
            (NO_PROVISIONER,),
            (lambda scene: unregistered(scene, "0.11"), on_nodes("Unknown", "0.11")),
            (d.just_unready(d.PLUGIN_OF_MYSQL_0),),
            (
                lambda scene: s.volume(
                    scene,
                    s.ARCHIVE,
                    csi={
                        "driver": "nasplugin.csi.alibabacloud.com",
                        "volumeHandle": s.ARCHIVE,
                        "volumeAttributes": {"containerNetworkFileSystem": "cnfs"},
                    },
                ),
            ),
            (
                lambda scene: d.twin(scene, s.ARCHIVE, "archive-copy"),
                lambda scene: s.volume_phase(scene, "archive-copy", "Released"),
            ),
            (
                lambda scene: s.volume(scene, s.BACKUP, **s.flex("alicloud/disk", volumeId=s.BACKUP_DISK)),
                lambda scene: s.volume_phase(scene, s.BACKUP, "Released"),
            ),
        ],
        ids=[
            "local volumes",
            "another maker",
            "provisioner outside",
            "node down",
            "plugin just starting",
            "CNFS",
            "released twin",
            "released flex volume",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(MISMATCH, *plants).is_quiet()

    @pytest.mark.parametrize(
        "right",
        [
            "list pods",
            "list nodes",
            "list daemonsets.apps",
            "list deployments.apps",
            "list csinodes.storage.k8s.io",
            "list persistentvolumes",
            "list storageclasses.storage.k8s.io",
        ],
    )
    def test_rights_that_are_missing(self, right: str) -> None:
        audited(MISMATCH, lambda scene: scene.kubernetes.deny(right)).is_open(ReasonKind.FORBIDDEN, right)

    def test_what_is_known_decides(self) -> None:
        deny: Plant = lambda scene: scene.kubernetes.deny("list deployments.apps", "list daemonsets.apps")  # noqa: E731
        report = audited(MISMATCH, unregistered, deny)
        assert report.status is Status.NOT_EVALUATED
        report = audited(MISMATCH, lambda scene: d.twin(scene, s.ARCHIVE, "archive-copy"), deny)
        assert subjects(report) == ["PersistentVolume archive-copy"]
