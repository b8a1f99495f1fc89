"""Disks in other zones than their nodes, planted at both APIs: storage/disk-in-other-zone."""

from collections.abc import Callable

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

CHECK = "storage/disk-in-other-zone"
VIRTUAL = {"type": "virtual-kubelet"}
ZONE_LABEL, OLD_ZONE_LABEL = "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"

Plant = Callable[[Scene], object]


def audited(*plants: Plant) -> Report:
    scene = Scene()
    for plant in plants:
        plant(scene)
    return scene.audit(CHECK)


def is_high(report: Report, name: str, disk_id: str) -> ReportedFinding:
    finding = report.is_confirmed("PersistentVolume", name)
    assert (finding.severity, finding.subject.id, finding.subject.namespace) == (Severity.HIGH, disk_id, "")
    assert report.status is Status.FOUND
    return finding


def is_low_risk(report: Report, kind: str, name: str) -> None:
    finding = report.one
    assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)
    assert (finding.subject.kind, finding.subject.name) == (kind, name)


def moved_disk(scene: Scene) -> None:
    s.disk(scene, s.MYSQL_0, ZoneId=s.zone("k"))


def of_flex_volume(scene: Scene) -> None:
    s.volume(scene, s.MYSQL_0, **s.flex("alicloud/disk", volumeId=s.MYSQL_0))


def without_affinity(name: str) -> Plant:
    return lambda scene: s.volume(scene, name, nodeAffinity=None)


def labelled(label: str, value: str) -> Plant:
    return lambda scene: scene.kubernetes.patch(
        s.VOLUMES, s.BACKUP, lambda found: found["metadata"]["labels"].update({label: value})
    )


def regional(**fields: object) -> Plant:
    return lambda scene: s.disk(scene, s.MYSQL_0, **fields)


def pinned_pod(scene: Scene) -> None:
    s.pod(scene, "data", s.BACKUP_POD, nodeSelector={ZONE_LABEL: s.zone("h")})


def one_zone(scene: Scene) -> None:
    for letter in "ik":
        s.remove_nodes(scene, letter)


def test_the_healthy_cluster_is_quiet() -> None:
    audited().is_quiet()


class TestScheduled:
    def test_a_disk_in_another_zone(self) -> None:
        finding = is_high(audited(moved_disk), s.MYSQL_0, s.MYSQL_0)
        assert finding.evidence["disk_zone"] == s.zone("k")
        assert finding.evidence["node_zone"] == s.zone("h")

    def test_a_disk_of_a_flex_volume(self) -> None:
        is_high(audited(moved_disk, of_flex_volume), s.MYSQL_0, s.MYSQL_0)

    def test_a_volume_named_otherwise_than_its_disk(self) -> None:
        is_high(audited(lambda scene: s.disk(scene, s.BACKUP_DISK, ZoneId=s.zone("i"))), s.BACKUP, s.BACKUP_DISK)

    def test_a_pod_that_still_starts(self) -> None:
        def starting(scene: Scene) -> None:
            scene.kubernetes.patch(
                s.PODS, "mysql-0", lambda found: found.update(status={"phase": "Pending"}), namespace="data"
            )

        is_high(audited(moved_disk, starting), s.MYSQL_0, s.MYSQL_0)

    def test_a_node_that_says_just_the_old_label_or_none(self) -> None:
        def old(scene: Scene) -> None:
            labels = {OLD_ZONE_LABEL: s.zone("h")}
            scene.kubernetes.patch(s.NODES, s.node("0.11"), lambda found: found["metadata"].update(labels=labels))

        def none(scene: Scene) -> None:
            scene.kubernetes.patch(s.NODES, s.node("0.11"), lambda found: found["metadata"].pop("labels"))

        for plant in (old, none):
            is_high(audited(moved_disk, plant), s.MYSQL_0, s.MYSQL_0)
            audited(plant).is_quiet()

    def test_a_provider_id_with_a_scheme(self) -> None:
        def schemed(scene: Scene) -> None:
            spec = {"providerID": f"alicloud://cn-hangzhou.{s.MYSQL_0_INSTANCE}"}
            scene.kubernetes.patch(s.NODES, s.node("0.11"), lambda found: found["spec"].update(spec))

        is_high(audited(moved_disk, schemed), s.MYSQL_0, s.MYSQL_0)

    def test_an_instance_in_another_zone_than_its_label(self) -> None:
        def elsewhere(scene: Scene) -> None:
            scene.cloud.state.ecs.instances[s.MYSQL_0_INSTANCE]["ZoneId"] = s.zone("k")

        is_high(audited(elsewhere), s.MYSQL_0, s.MYSQL_0)
        audited(
            elsewhere, moved_disk, lambda scene: s.volume(scene, s.MYSQL_0, nodeAffinity=s.in_zones("k"))
        ).is_quiet()

    @pytest.mark.parametrize(
        "look_alike",
        [
            regional(Category="cloud_regional_disk_auto", ZoneId=""),
            regional(Category="cloud_regional_disk_auto", ZoneId=None, Placement={"ZoneIds": "cn-hangzhou-i"}),
            regional(Placement={"ZoneIds": "cn-hangzhou-h,cn-hangzhou-k"}),
            lambda scene: s.terminating(scene, "data", "mysql-0"),
            lambda scene: scene.kubernetes.patch(
                s.PODS, "mysql-0", lambda found: found["status"].update(phase="Failed"), "data"
            ),
            lambda scene: s.pod(scene, "data", "mysql-0", nodeName="cn-hangzhou.gone"),
            lambda scene: scene.kubernetes.patch(
                s.NODES, s.node("0.11"), lambda found: found["metadata"]["labels"].update(VIRTUAL)
            ),
        ],
        ids=["regional", "zones apart", "zones beside a zone", "terminating", "finished", "no node", "virtual node"],
    )
    def test_quiet(self, look_alike: Plant) -> None:
        affinity = s.in_zones("k")
        audited(moved_disk, look_alike, lambda scene: s.volume(scene, s.MYSQL_0, nodeAffinity=affinity)).is_quiet()

    @pytest.mark.parametrize("phase", ["Released", "Failed", "Available"])
    def test_a_volume_that_is_not_the_one_of_the_claim(self, phase: str) -> None:
        """It names the claim, but another volume is bound to it."""

        def old(scene: Scene) -> None:
            scene.cloud.state.ecs.add_disk("d-old", like=s.MYSQL_0, ZoneId=s.zone("k"))
            made = s.copy(scene, s.VOLUMES, s.MYSQL_0, "old")
            made["spec"]["csi"]["volumeHandle"] = "d-old"
            made["spec"]["nodeAffinity"] = s.in_zones("k")
            made["status"]["phase"] = phase
            scene.kubernetes.add(s.VOLUMES, made)

        audited(old).is_quiet()

    def test_a_disk_that_is_gone_or_whose_handle_is_none_is_the_matter_of_another_check(self) -> None:
        audited(lambda scene: scene.cloud.state.ecs.disks.pop(s.MYSQL_0)).is_quiet()
        csi = {"driver": "diskplugin.csi.alibabacloud.com", "volumeHandle": "no-disk"}
        audited(lambda scene: s.volume(scene, s.MYSQL_0, csi=csi)).is_quiet()


class TestWaiting:
    def test_the_zone_of_the_disk_has_no_nodes(self) -> None:
        def plant(scene: Scene) -> None:
            s.remove_nodes(scene, "k")
            s.pending(scene, "data", "mysql-2")

        is_high(audited(plant), s.MYSQL_2, s.MYSQL_2)

    @pytest.mark.parametrize(
        "spec",
        [
            {"unschedulable": True},
            {"taints": [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]},
            {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "value": "1", "effect": "NoSchedule"}]},
        ],
        ids=["cordoned", "tainted", "being removed"],
    )
    def test_the_nodes_of_the_zone_take_no_pods(self, spec: s.Json) -> None:
        def plant(scene: Scene) -> None:
            s.on_nodes(scene, "k", **spec)
            s.pending(scene, "data", "mysql-2")

        is_high(audited(plant), s.MYSQL_2, s.MYSQL_2)

    def test_a_pod_that_tolerates_the_taint_waits_for_something_else(self) -> None:
        def plant(scene: Scene) -> None:
            s.on_nodes(scene, "k", taints=[{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}])
            s.pending(scene, "data", "mysql-2", tolerations=[{"key": "dedicated", "operator": "Exists"}])

        audited(plant).is_quiet()

    def test_the_pod_may_only_run_in_another_zone(self) -> None:
        selector = {ZONE_LABEL: s.zone("i")}
        is_high(audited(lambda scene: s.pending(scene, "data", "mysql-0", nodeSelector=selector)), s.MYSQL_0, s.MYSQL_0)

    def test_the_pod_needs_nodes_that_are_only_elsewhere(self) -> None:
        def plant(scene: Scene) -> None:
            s.on_nodes(scene, "h", unschedulable=False)
            for name in s.nodes_of(scene, "h"):
                scene.kubernetes.patch(
                    s.NODES, name, lambda found: found["metadata"]["labels"].pop("workload-class", None)
                )
            s.pending(scene, "data", "mysql-0", nodeSelector={"workload-class": "compute"})

        is_high(audited(plant), s.MYSQL_0, s.MYSQL_0)

    def test_the_volume_names_another_zone_than_that_of_its_disk(self) -> None:
        def plant(scene: Scene) -> None:
            s.volume(scene, s.BACKUP, nodeAffinity=s.in_zones("i", key=ZONE_LABEL))
            s.pending(scene, "data", s.BACKUP_POD)

        is_high(audited(plant), s.BACKUP, s.BACKUP_DISK)

    @pytest.mark.parametrize(
        "plant",
        [
            lambda scene: s.pending(scene, "data", "mysql-0"),
            lambda scene: s.pending(scene, "data", "mysql-0", nodeSelector={"no-such": "label"}),
            lambda scene: s.pending(
                scene, "data", "mysql-0", "SchedulingGated", nodeSelector={ZONE_LABEL: s.zone("k")}
            ),
        ],
        ids=["its zone has nodes for it", "no node anywhere", "gated"],
    )
    def test_quiet(self, plant: Plant) -> None:
        audited(plant).is_quiet()


class TestRisks:
    @pytest.mark.parametrize("name", [s.BACKUP, s.MYSQL_2], ids=["by hand", "provisioned"])
    def test_a_volume_without_zone(self, name: str) -> None:
        is_low_risk(audited(without_affinity(name)), "PersistentVolume", name)

    def test_a_label_that_the_scheduler_does_not_read_is_none(self) -> None:
        report = audited(without_affinity(s.BACKUP), labelled(s.ZONE_KEY, s.zone("h")))
        is_low_risk(report, "PersistentVolume", s.BACKUP)

    def test_an_affinity_for_something_else(self) -> None:
        affinity = s.in_zones("h", key="node.csi.alibabacloud.com/disktype.cloud_essd")
        affinity["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] = ["available"]
        report = audited(lambda scene: s.volume(scene, s.BACKUP, nodeAffinity=affinity))
        is_low_risk(report, "PersistentVolume", s.BACKUP)

    def test_a_flex_volume_without_zone(self) -> None:
        source = s.flex("alicloud/disk", volumeId=s.BACKUP_DISK)
        report = audited(without_affinity(s.BACKUP), lambda scene: s.volume(scene, s.BACKUP, **source))
        is_low_risk(report, "PersistentVolume", s.BACKUP)

    @pytest.mark.parametrize(
        "look_alike",
        [
            labelled(OLD_ZONE_LABEL, s.zone("h")),
            labelled(ZONE_LABEL, s.zone("h")),
            lambda scene: s.volume(scene, s.BACKUP, nodeAffinity=s.in_zones("h", key=OLD_ZONE_LABEL)),
            lambda scene: s.volume(scene, s.BACKUP, nodeAffinity=s.in_zones("i", "k", operator="NotIn")),
            lambda scene: s.disk(scene, s.BACKUP_DISK, Category="cloud_regional_disk_auto"),
            lambda scene: s.volume_phase(scene, s.BACKUP, "Released"),
            pinned_pod,
        ],
        ids=["old label", "label", "old key", "not in", "regional", "released", "pod that keeps to the zone"],
    )
    def test_quiet(self, look_alike: Plant) -> None:
        audited(without_affinity(s.BACKUP), look_alike).is_quiet()

    def test_a_cluster_in_one_zone_is_quiet(self) -> None:
        report = audited(one_zone, without_affinity(s.BACKUP), lambda scene: s.storage_class(scene, "fast"))
        assert not report.findings

    @pytest.mark.parametrize(
        "more",
        [{}, {"volumeBindingMode": None}, {"provisioner": "alicloud/disk"}, {"parameters": None}],
        ids=["said", "by default", "flex", "without parameters"],
    )
    def test_a_class_that_binds_immediately(self, more: s.Json) -> None:
        def plant(scene: Scene) -> None:
            s.storage_class(scene, "fast")
            scene.kubernetes.patch(
                s.CLASSES,
                "fast",
                lambda found: [found.pop(k) if v is None else found.update({k: v}) for k, v in more.items()],
            )

        finding = audited(plant).one
        assert (finding.severity, finding.certainty) == (Severity.INFO, Certainty.AT_RISK)
        assert (finding.subject.kind, finding.subject.name) == ("StorageClass", "fast")

        def used(scene: Scene) -> None:
            made = s.copy(scene, s.CLAIMS, "mysql-backup", "more", "data")
            made["spec"] = {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]}
            made["status"] = {"phase": "Pending"}
            scene.kubernetes.add(s.CLAIMS, made)

        is_low_risk(audited(plant, used), "StorageClass", "fast")

    @pytest.mark.parametrize(
        "fields",
        [
            {"volumeBindingMode": "WaitForFirstConsumer"},
            {"parameters": {"type": "cloud_essd", "zoneId": "cn-hangzhou-h"}},
            {"parameters": {"type": "cloud_regional_disk_auto"}},
            {"provisioner": "nasplugin.csi.alibabacloud.com"},
            {"allowedTopologies": [{"matchLabelExpressions": [{"key": s.ZONE_KEY, "values": ["cn-hangzhou-k"]}]}]},
        ],
        ids=["waits", "one zone", "regional", "nas", "one topology"],
    )
    def test_classes_that_are_quiet(self, fields: s.Json) -> None:
        audited(lambda scene: s.storage_class(scene, "fast", **fields)).is_quiet()


class TestShapes:
    @pytest.mark.parametrize(
        "fields",
        [
            {"Placement": {}, "Attachments": {}, "Tags": {}},
            {"Placement": {"ZoneIds": ""}, "MultiAttach": "", "Portable": "true"},
            {"Category": None, "Portable": None, "InstanceId": None, "Status": None},
        ],
        ids=["empty", "blank", "left out"],
    )
    def test_fields_that_do_not_matter(self, fields: s.Json) -> None:
        is_high(audited(moved_disk, lambda scene: s.disk(scene, s.MYSQL_0, **fields)), s.MYSQL_0, s.MYSQL_0)

    def test_nulls_of_the_cloud(self) -> None:
        def nulls(scene: Scene) -> None:
            scene.cloud.state.ecs.disks[s.MYSQL_0].update(Placement=None, Attachments=None, OperationLocks=None)

        is_high(audited(moved_disk, nulls), s.MYSQL_0, s.MYSQL_0)

    @pytest.mark.parametrize("value", [None, "", 7])
    def test_a_zone_that_is_not_said(self, value: object) -> None:
        def plant(scene: Scene) -> None:
            s.disk(scene, s.MYSQL_0, ZoneId=value)

        report = audited(plant)
        report.is_open(ReasonKind.MALFORMED)
        assert report.result.subjects == audited().result.subjects - 1

    def test_denied(self) -> None:
        scene = Scene()
        scene.cloud.deny("ecs:DescribeDisks")
        moved_disk(scene)
        scene.audit(CHECK).is_open(ReasonKind.FORBIDDEN, "ecs:DescribeDisks")

    def test_a_list_of_disks_that_is_null(self) -> None:
        scene = Scene()
        scene.cloud.mutate("ecs:DescribeDisks", lambda answer: {**answer, "Disks": {"Disk": None}})
        scene.audit(CHECK).is_open(ReasonKind.MALFORMED)
