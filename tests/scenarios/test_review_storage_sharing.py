"""Disks shared and missing, as clusters really have them: more forms and look-alikes, each right denied."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Scene
from tests.scenarios.storage_plants import another_user, broken_hops, commands, denied, with_status

SHARED, MISSING = "storage/disk-shared-by-several-pods", "storage/disk-missing"
OTHER_NODE = s.node("0.12")
BACKUP = "mysql-backup"


def disk(**fields: Any) -> Plant:
    return lambda scene: s.disk(scene, s.MYSQL_0, **fields)


def deployment(**spec: Any) -> Plant:
    return lambda scene: scene.kubernetes.patch(d.DEPLOYMENTS, BACKUP, lambda found: found["spec"].update(spec), "data")


def deployment_meta(**meta: Any) -> Plant:
    return lambda scene: scene.kubernetes.patch(
        d.DEPLOYMENTS, BACKUP, lambda found: found["metadata"].update(meta), "data"
    )


ROLLING = deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}})


def backup_volume(**spec: Any) -> Plant:
    return lambda scene: s.volume(scene, s.BACKUP, **spec)


def twin_of_mysql_0(phase: str = "Available", **meta: Any) -> Plant:
    def plant(scene: Scene) -> None:
        d.twin(scene, s.MYSQL_0, "a-twin")
        s.volume_phase(scene, "a-twin", phase)
        scene.kubernetes.patch(s.VOLUMES, "a-twin", lambda found: found["metadata"].update(meta))

    return plant


def wide_claim(**meta: Any) -> Plant:
    def plant(scene: Scene) -> None:
        d.claim(scene, "data", "wide", "alicloud-disk-essd", "ReadWriteMany")
        scene.kubernetes.patch(s.CLAIMS, "wide", lambda found: found["metadata"].update(meta), "data")

    return plant


def second_deployment(name: str = "reader") -> Plant:
    def plant(scene: Scene) -> None:
        scene.kubernetes.add(d.DEPLOYMENTS, s.copy(scene, d.DEPLOYMENTS, BACKUP, name, "data"))
        another_user(f"{name}-6d699c858-abcde", OTHER_NODE, s.BACKUP_POD)(scene)

    return plant


class TestShared:
    @pytest.mark.parametrize(
        ("plants", "subject"),
        [
            ((another_user("from-a-job", s.node("0.41"), s.BACKUP_POD),), s.BACKUP),
            ((deployment(replicas=None), ROLLING), s.BACKUP),
            ((deployment(paused=True), ROLLING), s.BACKUP),
            (
                (deployment(strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "1%"}}),),
                s.BACKUP,
            ),
            ((deployment(replicas=3), backup_volume(accessModes=["ReadWriteOnce", "ReadOnlyMany"])), s.BACKUP),
            ((backup_volume(**s.flex("alicloud/disk", volumeId=s.MYSQL_0)),), s.MYSQL_0),
            ((backup_volume(accessModes=["ReadWriteMany"]), deployment(replicas=2)), s.BACKUP),
        ],
        ids=["two nodes", "replicas by default", "paused", "1 %", "read also by many", "two stacks", "many"],
    )
    def test_a_volume(self, plants: tuple[Plant, ...], subject: str) -> None:
        finding = audited(SHARED, *plants).loud_one
        assert (finding.subject.kind, finding.subject.name) == ("PersistentVolume", subject)
        assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.AT_RISK)

    def test_replicas_of_a_volume_that_is_still_to_be_made(self) -> None:
        def plant(scene: Scene) -> None:
            d.claim(scene, "data", "later", "alicloud-disk-essd")

            def change(found: s.Json) -> None:
                found["spec"]["replicas"] = 2
                for volume in found["spec"]["template"]["spec"]["volumes"]:
                    if "persistentVolumeClaim" in volume:
                        volume["persistentVolumeClaim"]["claimName"] = "later"

            scene.kubernetes.patch(d.DEPLOYMENTS, BACKUP, change, "data")

        finding = audited(SHARED, plant).loud_one
        assert (finding.subject.kind, finding.subject.path) == ("PersistentVolumeClaim", "data/later")

    def test_a_claim_whose_class_stands_in_the_old_annotation(self) -> None:
        def plant(scene: Scene) -> None:
            wide_claim(annotations={"volume.beta.kubernetes.io/storage-class": "alicloud-disk-essd"})(scene)
            scene.kubernetes.patch(s.CLAIMS, "wide", lambda found: found["spec"].pop("storageClassName"), "data")

        assert audited(SHARED, plant).loud_one.subject.path == "data/wide"

    @pytest.mark.parametrize(
        "plants",
        [
            (ROLLING, deployment_meta(deletionTimestamp=s.LONG_AGO, finalizers=["foregroundDeletion"])),
            (deployment(replicas=2), deployment_meta(deletionTimestamp=s.LONG_AGO, finalizers=["foregroundDeletion"])),
            (wide_claim(deletionTimestamp=s.LONG_AGO, finalizers=["kubernetes.io/pvc-protection"]),),
            (twin_of_mysql_0(deletionTimestamp=s.LONG_AGO, finalizers=["kubernetes.io/pv-protection"]),),
            (twin_of_mysql_0("Failed"),),
            (second_deployment(),),
            (
                another_user("job", s.node("0.41"), s.BACKUP_POD),
                with_status("job", phase="Succeeded"),
            ),
            (
                wide_claim(),
                lambda scene: scene.kubernetes.patch(
                    s.CLASSES, "alicloud-disk-essd", lambda found: found["parameters"].update(multiAttach="true")
                ),
            ),
            (lambda scene: s.volume(scene, s.MYSQL_0, accessModes=["ReadWriteOncePod"]),),
        ],
        ids=[
            "rollout of what is being deleted",
            "replicas of what is being deleted",
            "claim being deleted",
            "twin being deleted",
            "failed twin",
            "two workloads on one node",
            "finished job elsewhere",
            "class of shared disks",
            "one Pod by its mode",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(SHARED, *plants).is_quiet()

    @pytest.mark.parametrize("right", ["list statefulsets.apps", "list deployments.apps"])
    def test_a_workload_that_is_known_decides(self, right: str) -> None:
        """What may be hidden beside it changes nothing."""

        def stateful(scene: Scene) -> None:
            made = s.copy(scene, d.DEPLOYMENTS, BACKUP, "shared", "data")
            made["spec"] |= {"replicas": 2}
            scene.kubernetes.add("/apis/apps/v1/statefulsets", made)

        plant = deployment(replicas=2) if "statefulsets" in right else stateful
        report = audited(SHARED, plant, denied(right))
        assert report.loud_one.subject.name == s.BACKUP
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right",
        [
            "list pods",
            "list persistentvolumes",
            "list persistentvolumeclaims",
            "list deployments.apps",
            "list statefulsets.apps",
        ],
    )
    def test_each_right(self, right: str) -> None:
        report = audited(SHARED, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    def test_classes_matter_only_to_claims_without_a_volume(self) -> None:
        audited(SHARED, denied("list storageclasses.storage.k8s.io")).is_quiet()
        report = audited(SHARED, wide_claim(), denied("list storageclasses.storage.k8s.io"))
        report.is_open(ReasonKind.FORBIDDEN, "list storageclasses.storage.k8s.io")

    @pytest.mark.parametrize("right", ["list events", "list nodes", "ecs:DescribeInstances"])
    def test_rights_that_it_does_without(self, right: str) -> None:
        report = audited(SHARED, ROLLING, denied(right))
        assert report.loud_one.subject.name == s.BACKUP
        assert not report.reasons


def handle(value: str) -> Plant:
    return lambda scene: scene.kubernetes.patch(
        s.VOLUMES, s.MYSQL_0, lambda found: found["spec"]["csi"].update(volumeHandle=value)
    )


def gone(scene: Scene) -> None:
    scene.cloud.state.ecs.disks.pop(s.MYSQL_0)


class TestMissing:
    def test_the_name_of_a_disk_is_looked_for_as_a_name(self) -> None:
        finding = audited(MISSING, handle("mysql-data")).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert any("--DiskName mysql-data" in command for command in commands(finding)), commands(finding)
        assert not any("--DiskIds" in command or "--DiskId " in command for command in commands(finding))
        assert broken_hops(finding) == ["PersistentVolume"]

    def test_an_empty_handle_is_looked_for_nowhere(self) -> None:
        finding = audited(MISSING, handle("")).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert not any("aliyun" in command for command in commands(finding)), commands(finding)

    def test_one_of_many(self) -> None:
        report = audited(MISSING, gone)
        report.is_confirmed("PersistentVolume", s.MYSQL_0)
        assert report.result.subjects > 1
        assert not report.reasons

    def test_a_volume_that_nobody_has_claimed(self) -> None:
        def plant(scene: Scene) -> None:
            d.twin(scene, s.MYSQL_0, "spare")
            scene.kubernetes.patch(
                s.VOLUMES, "spare", lambda found: found["spec"]["csi"].update(volumeHandle="d-bp1neverwasadisk00")
            )

        audited(MISSING, plant).is_confirmed("PersistentVolume", "spare")

    def test_a_region_that_the_label_tells(self) -> None:
        def plant(scene: Scene) -> None:
            gone(scene)
            labels = {"topology.diskplugin.csi.alibabacloud.com/region": "cn-shanghai"}
            scene.kubernetes.patch(s.VOLUMES, s.MYSQL_0, lambda found: found["metadata"].update(labels=labels))

        finding = audited(MISSING, plant).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert "cn-shanghai" in str(finding.message)

    @pytest.mark.parametrize(
        "plants",
        [
            (gone, lambda scene: s.volume_phase(scene, s.MYSQL_0, "Failed")),
            (lambda scene: s.volume(scene, s.ARCHIVE, csi={"driver": "csi.example.com", "volumeHandle": "vol-1"}),),
            (disk(Status="Available", InstanceId=""),),
            (disk(ZoneId="", Placement={"ZoneIds": "cn-hangzhou-h,cn-hangzhou-k"}),),
        ],
        ids=["failed volume", "volume of another maker", "free disk", "regional disk"],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(MISSING, *plants).is_quiet()

    @pytest.mark.parametrize(
        ("plant", "kind"),
        [
            (lambda scene: scene.cloud.throttle("ecs:DescribeDisks"), ReasonKind.THROTTLED),
            (lambda scene: scene.cloud.cut("ecs:DescribeDisks", halfway=True), ReasonKind.MALFORMED),
        ],
        ids=["throttled", "cut"],
    )
    def test_an_answer_that_fails_is_no_missing_disk(self, plant: Plant, kind: ReasonKind) -> None:
        report = audited(MISSING, gone, plant)
        assert not report.loud
        assert report.status is Status.NOT_EVALUATED
        assert kind in report.kinds or ReasonKind.UNREACHABLE in report.kinds, report.reasons

    @pytest.mark.parametrize("right", ["list persistentvolumes", "ecs:DescribeDisks"])
    def test_each_right(self, right: str) -> None:
        report = audited(MISSING, gone, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}
