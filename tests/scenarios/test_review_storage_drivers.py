"""Storage drivers as clusters of every age have them: more forms, more look-alikes, each right denied."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Report, Scene
from tests.scenarios.storage_plants import broken_hops, denied, node_ready, virtual

UNHEALTHY, MISMATCH = "storage/volume-driver-unhealthy", "storage/volume-driver-mismatch"
NO_PROVISIONER = d.no_workload(d.DEPLOYMENTS, "csi-provisioner")
NO_PLUGIN = d.no_workload(d.DAEMONSETS, "csi-plugin")
NAS_DRIVER = "nasplugin.csi.alibabacloud.com"
ADDONS = "cs:ListClusterAddonInstances"
PROVISIONER = "kube-system/csi-provisioner"


def subjects(report: Report) -> list[str]:
    return sorted(f"{finding.subject.kind} {finding.subject.path}" for finding in report.loud)


def dedicated(scene: Scene) -> None:
    cs = scene.cloud.state.cs
    cs.clusters[cs.cluster_id]["cluster_type"] = "Kubernetes"


def deleted(pod: str, **ago: float) -> Plant:
    """Let a Pod of a driver be one that is to be gone by then; without a time, since long ago."""

    def change(found: s.Json) -> None:
        found["metadata"]["deletionTimestamp"] = d.ago(**ago) if ago else s.LONG_AGO

    return lambda scene: scene.kubernetes.patch(s.PODS, pod, change, d.SYSTEM)


def just_made(pod: str) -> Plant:
    def change(found: s.Json) -> None:
        found["metadata"]["creationTimestamp"] = d.ago(seconds=40)

    return lambda scene: scene.kubernetes.patch(s.PODS, pod, change, d.SYSTEM)


def plugin_status(**status: int) -> Plant:
    return lambda scene: scene.kubernetes.patch(
        d.DAEMONSETS, "csi-plugin", lambda found: found["status"].update(status), d.SYSTEM
    )


def provisioner_status(**status: int) -> Plant:
    return lambda scene: scene.kubernetes.patch(
        d.DEPLOYMENTS, "csi-provisioner", lambda found: found["status"].update(status), d.SYSTEM
    )


def no_pod(name: str) -> Plant:
    return lambda scene: scene.kubernetes.remove(s.PODS, name, d.SYSTEM)


def restarted(pod: str, count: int, **ago: float) -> Plant:
    """Let the first container of a Pod run, after so many restarts, the last of them some time ago."""

    def change(found: s.Json) -> None:
        status = found["status"]["containerStatuses"][0]
        status["restartCount"] = count
        status["lastState"] = {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": d.ago(**ago)}}

    return lambda scene: scene.kubernetes.patch(s.PODS, pod, change, d.SYSTEM)


def waiting(pod: str, reason: str, container: int = 0) -> Plant:
    def change(found: s.Json) -> None:
        status = found["status"]["containerStatuses"][container]
        status |= {"ready": False, "state": {"waiting": {"reason": reason}}}
        status.pop("lastState", None)

    def plant(scene: Scene) -> None:
        d.unready(pod)(scene)
        scene.kubernetes.patch(s.PODS, pod, change, d.SYSTEM)

    return plant


def evicted_leftover(scene: Scene) -> None:
    """Deployments leave the Pods behind that the kubelet evicted."""
    made = s.copy(scene, s.PODS, d.PROVISIONER_PODS[0], "csi-provisioner-5d986f6df4-evict", d.SYSTEM)
    made["status"] = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    scene.kubernetes.add(s.PODS, made)


def without_csi(scene: Scene) -> None:
    """Make it a cluster of Flexvolume alone: an old one."""
    d.flexvolume(scene)
    made = s.copy(scene, s.PODS, d.PLUGIN_OF_MYSQL_0, "flexvolume-abcde", d.SYSTEM)
    made["metadata"]["labels"] = {"app": "flexvolume"}
    scene.kubernetes.add(s.PODS, made)
    running = {"desiredNumberScheduled": 1, "numberReady": 1}
    scene.kubernetes.patch(d.DAEMONSETS, "flexvolume", lambda found: found["status"].update(running), d.SYSTEM)
    NO_PLUGIN(scene)
    NO_PROVISIONER(scene)
    d.no_addon("csi-plugin", "csi-provisioner")(scene)
    for row in scene.kubernetes.objects.all(d.CSI_NODES):
        scene.kubernetes.patch(d.CSI_NODES, row["metadata"]["name"], lambda found: found["spec"].update(drivers=[]))
    for row in scene.kubernetes.objects.all(s.VOLUMES):
        scene.kubernetes.remove(s.VOLUMES, row["metadata"]["name"])
    for row in scene.kubernetes.objects.all(s.CLASSES):
        scene.kubernetes.remove(s.CLASSES, row["metadata"]["name"])


class TestUnhealthy:
    @pytest.mark.parametrize(
        "fault",
        [
            waiting(d.PLUGIN_OF_MYSQL_0, "ImagePullBackOff"),
            waiting(d.PLUGIN_OF_MYSQL_0, "CrashLoopBackOff", container=2),
            restarted(d.PLUGIN_OF_MYSQL_0, 5, minutes=10),
        ],
        ids=["image", "a registrar crashes", "killed for memory again and again"],
    )
    def test_a_pod_of_a_node(self, fault: Plant) -> None:
        finding = audited(UNHEALTHY, fault).is_confirmed("Pod", f"kube-system/{d.PLUGIN_OF_MYSQL_0}")
        assert finding.severity is Severity.HIGH
        assert broken_hops(finding) == ["Pod"]
        assert finding.evidence["node"] == d.NODE_OF_MYSQL_0

    def test_most_of_a_daemonset_is_one_finding(self) -> None:
        pods = ("9xb52", "bf4mr", "bwdgn", "c8nkc", "fz29j")
        plants = [waiting(f"csi-plugin-{pod}", "ImagePullBackOff") for pod in pods]
        finding = audited(UNHEALTHY, *plants).is_confirmed("DaemonSet", "kube-system/csi-plugin")
        assert len(finding.affected) == len(pods)

    def test_two_drivers_that_fail_are_two_findings(self) -> None:
        report = audited(UNHEALTHY, d.crashing(d.PLUGIN_OF_MYSQL_0), d.crashing(d.PROVISIONER_PODS[0]))
        assert subjects(report) == [
            f"Pod kube-system/{d.PLUGIN_OF_MYSQL_0}",
            f"Pod kube-system/{d.PROVISIONER_PODS[0]}",
        ]

    def test_a_dedicated_cluster_has_nothing_outside(self) -> None:
        """There, an add-on that is listed as active does not stand in for the Deployment that somebody deleted."""
        report = audited(UNHEALTHY, dedicated, NO_PROVISIONER)
        report.is_confirmed("Deployment", PROVISIONER)
        audited(UNHEALTHY, dedicated).is_quiet()
        finding = audited(MISMATCH, dedicated, NO_PROVISIONER).loud[0]
        assert (finding.subject.kind, finding.certainty) == ("StorageClass", Certainty.CONFIRMED)

    def test_where_ack_does_not_say_what_cluster_it_is(self) -> None:
        report = audited(UNHEALTHY, NO_PROVISIONER, denied("cs:DescribeClusterDetail"))
        report.is_open(ReasonKind.FORBIDDEN, "cs:DescribeClusterDetail")
        # By the name of the add-on it is managed, whatever the cluster is.
        managed = (d.no_addon("csi-provisioner"), d.addon("managed-csiprovisioner", "active"))
        audited(UNHEALTHY, NO_PROVISIONER, *managed, denied("cs:DescribeClusterDetail")).is_quiet()
        audited(UNHEALTHY, denied("cs:DescribeClusterDetail")).is_quiet()

    def test_an_old_cluster_of_flexvolume(self) -> None:
        audited(UNHEALTHY, without_csi).is_quiet()
        report = audited(UNHEALTHY, without_csi, d.crashing("flexvolume-abcde"))
        report.is_confirmed("Pod", "kube-system/flexvolume-abcde")

    def test_a_cluster_of_virtual_nodes_with_volumes_made_by_hand(self) -> None:
        """Nothing makes volumes there, and nothing need: the virtual nodes mount them."""

        def plant(scene: Scene) -> None:
            for one in scene.kubernetes.objects.all(s.NODES):
                scene.kubernetes.patch(
                    s.NODES,
                    one["metadata"]["name"],
                    lambda found: found["metadata"]["labels"].update(type="virtual-kubelet"),
                )
            for one in scene.kubernetes.objects.all(s.CLAIMS):
                if one["metadata"]["name"] not in ("log-archive", "new"):
                    scene.kubernetes.remove(s.CLAIMS, one["metadata"]["name"], one["metadata"]["namespace"])

        absent = (NO_PLUGIN, NO_PROVISIONER, d.no_addon("csi-plugin", "csi-provisioner"))
        audited(UNHEALTHY, *absent, plant).is_quiet(Status.NOT_APPLICABLE)
        claimed: Plant = lambda scene: d.claim(scene, "data", "new", "alicloud-disk-essd")  # noqa: E731
        audited(UNHEALTHY, *absent, claimed, plant).is_confirmed("Deployment", PROVISIONER)

    @pytest.mark.parametrize(
        "plants",
        [
            (deleted(d.PLUGIN_OF_MYSQL_0, seconds=20), plugin_status(numberReady=7)),
            (deleted(d.PLUGIN_OF_MYSQL_0, seconds=-25), plugin_status(numberReady=7)),
            (
                deleted(d.PLUGIN_OF_MYSQL_0),
                node_ready("Unknown", "0.11"),
                plugin_status(numberReady=7),
            ),
            (
                deleted(d.PROVISIONER_PODS[0], seconds=20),
                provisioner_status(replicas=1, readyReplicas=1),
            ),
            (restarted(d.PLUGIN_OF_MYSQL_0, 5, hours=3),),
            (restarted(d.PLUGIN_OF_MYSQL_0, 1, minutes=3),),
            (evicted_leftover,),
            (just_made(d.PLUGIN_OF_MYSQL_0), plugin_status(numberReady=7)),
        ],
        ids=[
            "rollout: the old Pod goes",
            "rollout: the old Pod is about to go",
            "deleted on a node that is down",
            "provisioner is moved",
            "restarts of long ago",
            "one restart",
            "evicted Pod that was left behind",
            "rollout: the new Pod is there",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(UNHEALTHY, *plants).is_quiet()

    def test_a_pod_that_has_been_going_for_long_is_none_that_is_replaced(self) -> None:
        stuck = deleted(d.PLUGIN_OF_MYSQL_0)
        report = audited(UNHEALTHY, stuck, plugin_status(numberReady=7))
        report.is_confirmed("DaemonSet", "kube-system/csi-plugin")

    @pytest.mark.parametrize(
        ("plant", "right"),
        [
            (NO_PROVISIONER, ADDONS),
            (NO_PLUGIN, ADDONS),
            (d.unready(d.PLUGIN_OF_MYSQL_0), "list nodes"),
        ],
    )
    def test_each_right_where_it_matters(self, plant: Plant, right: str) -> None:
        report = audited(UNHEALTHY, plant, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right",
        [
            "list nodes",
            "list persistentvolumes",
            "list persistentvolumeclaims",
            "list storageclasses.storage.k8s.io",
            "list csinodes.storage.k8s.io",
            "list events",
            "ecs:DescribeDisks",
        ],
    )
    def test_a_fault_that_is_seen_without(self, right: str) -> None:
        report = audited(UNHEALTHY, d.crashing(d.PLUGIN_OF_MYSQL_0), denied(right))
        report.is_confirmed("Pod", f"kube-system/{d.PLUGIN_OF_MYSQL_0}")


def nas_attributes(**attributes: str) -> Plant:
    csi = {"driver": NAS_DRIVER, "volumeHandle": s.ARCHIVE, "volumeAttributes": attributes}
    return lambda scene: s.volume(scene, s.ARCHIVE, csi=csi)


def unregistered(*addresses: str) -> Plant:
    def plant(scene: Scene) -> None:
        for address in addresses:
            scene.kubernetes.patch(d.CSI_NODES, s.node(address), lambda found: found["spec"].update(drivers=[]))

    return plant


def archive_twin(driver: str = NAS_DRIVER, **meta: Any) -> Plant:
    def plant(scene: Scene) -> None:
        attributes = {"server": "x-y1.cn-hangzhou.nas.aliyuncs.com", "path": "/", "bucket": "logs"}
        csi = {"driver": driver, "volumeHandle": s.ARCHIVE, "volumeAttributes": attributes}
        d.twin(scene, s.ARCHIVE, "archive-copy", csi=csi)
        scene.kubernetes.patch(s.VOLUMES, "archive-copy", lambda found: found["metadata"].update(meta))

    return plant


class TestMismatch:
    def test_one_volume_on_two_nodes_is_one_finding(self) -> None:
        report = audited(MISMATCH, unregistered("0.11", "1.22"))
        by_name = {finding.subject.name: finding for finding in report.loud}
        assert len(by_name) == len(report.loud)
        assert len(by_name[s.ARCHIVE].affected) == 2
        assert all(finding.certainty is Certainty.CONFIRMED for finding in report.loud)

    def test_a_node_that_lost_its_plugin(self) -> None:
        plants = (no_pod(d.PLUGIN_OF_MYSQL_0), plugin_status(numberReady=7), unregistered("0.11"))
        report = audited(MISMATCH, *plants)
        assert f"PersistentVolume {s.MYSQL_0}" in subjects(report)
        finding = next(one for one in report.loud if one.subject.name == s.MYSQL_0)
        assert broken_hops(finding) == ["CSINode", "DaemonSet"]

    def test_a_plugin_that_does_not_end(self) -> None:
        report = audited(MISMATCH, deleted(d.PLUGIN_OF_MYSQL_0), unregistered("0.11"))
        assert f"PersistentVolume {s.MYSQL_0}" in subjects(report)

    def test_volumes_of_oss_with_one_handle(self) -> None:
        def plant(scene: Scene) -> None:
            for name in ("logs-a", "logs-b"):
                csi = {"driver": "ossplugin.csi.alibabacloud.com", "volumeHandle": "logs"}
                d.twin(scene, s.ARCHIVE, name, csi=csi | {"volumeAttributes": {"bucket": name}})

        finding = audited(MISMATCH, plant).loud_one
        assert (finding.subject.name, finding.certainty) == ("logs-a", Certainty.LIKELY)
        assert (finding.severity, [ref.name for ref in finding.affected]) == (Severity.HIGH, ["logs-b"])

    def test_a_flex_volume_that_lacks_two_things(self) -> None:
        plant: Plant = lambda scene: s.volume(scene, s.ARCHIVE, **s.flex("alicloud/nas", path="/"))  # noqa: E731
        report = audited(MISMATCH, plant)
        assert {finding.certainty for finding in report.loud} == {Certainty.LIKELY, Certainty.CONFIRMED}
        assert subjects(report) == [f"PersistentVolume {s.ARCHIVE}"] * 2

    def test_an_empty_server(self) -> None:
        finding = audited(MISMATCH, nas_attributes(server="", path="/")).loud_one
        assert (finding.subject.name, finding.certainty) == (s.ARCHIVE, Certainty.LIKELY)

    @pytest.mark.parametrize(
        "plants",
        [
            (nas_attributes(Server=f"{s.ARCHIVE_FS}-abc.cn-hangzhou.nas.aliyuncs.com", path="/"),),
            (nas_attributes(containernetworkfilesystem="cnfs-nas", path="/"),),
            (archive_twin("ossplugin.csi.alibabacloud.com"),),
            (archive_twin(deletionTimestamp=s.LONG_AGO, finalizers=["kubernetes.io/pv-protection"]),),
            (unregistered("0.11"), virtual("0.11")),
            (
                no_pod(d.PLUGIN_OF_MYSQL_0),
                plugin_status(numberReady=7),
                unregistered("0.11"),
                node_ready("Unknown", "0.11"),
            ),
            (deleted(d.PLUGIN_OF_MYSQL_0, seconds=20), unregistered("0.11")),
            (lambda scene: s.volume(scene, s.BACKUP, csi=None, local={"path": "/mnt/disk"}),),
            (d.provisioned_by("rancher.io/local-path"),),
        ],
        ids=[
            "server in capitals: the driver takes any case",
            "CNFS in small letters",
            "one handle, two drivers",
            "twin being deleted",
            "virtual node",
            "node that is down",
            "plugin being replaced",
            "local volume",
            "class of another maker",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(MISMATCH, *plants).is_quiet()

    @pytest.mark.parametrize(
        "right",
        [
            "list pods",
            "list nodes",
            "list csinodes.storage.k8s.io",
            "list daemonsets.apps",
            "list deployments.apps",
            "list persistentvolumes",
            "list storageclasses.storage.k8s.io",
        ],
    )
    def test_each_right(self, right: str) -> None:
        report = audited(MISMATCH, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right", ["list persistentvolumeclaims", "list events", ADDONS, "cs:DescribeClusterDetail"]
    )
    def test_rights_that_a_healthy_cluster_needs_not(self, right: str) -> None:
        audited(MISMATCH, denied(right)).is_quiet()

    @pytest.mark.parametrize("right", ["list csinodes.storage.k8s.io", "list nodes", "list pods", ADDONS])
    def test_a_flex_volume_is_seen_without(self, right: str) -> None:
        plant: Plant = lambda scene: s.volume(  # noqa: E731
            scene, s.BACKUP, **s.flex("alicloud/disk", volumeId=s.BACKUP_DISK)
        )
        report = audited(MISMATCH, plant, denied(right))
        report.is_confirmed("PersistentVolume", s.BACKUP)
