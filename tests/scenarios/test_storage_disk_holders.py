"""Disks that another node holds, that several Pods share, or that are not there, planted at both APIs."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Scene

HELD, SHARED, MISSING = (
    "storage/disk-held-by-another-node",
    "storage/disk-shared-by-several-pods",
    "storage/disk-missing",
)
OTHER = "i-bp1n0rd3fa7nmtaomxdg"
"""The instance of node 192.168.0.12, in the zone of mysql-0's disk."""
OUTSIDE = "i-bp1billingmachine01"
BACKUP = "mysql-backup"


def held_by(instance: str, **more: Any) -> Plant:
    attachments = {"Attachment": [{"InstanceId": instance}]}
    return lambda scene: s.disk(scene, s.MYSQL_0, InstanceId=instance, Attachments=attachments, **more)


def waits(scene: Scene) -> None:
    d.starting(scene, "data", "mysql-0")


def outsider(scene: Scene) -> None:
    scene.cloud.state.ecs.add_instance(OUTSIDE, like=s.MYSQL_0_INSTANCE, private_ip="192.168.0.200")


def second_user(scene: Scene) -> None:
    """Another Pod uses the claim of mysql-0, on another node."""
    made = s.copy(scene, s.PODS, "mysql-0", "reader", "data")
    made["spec"]["nodeName"] = s.node("0.12")
    scene.kubernetes.add(s.PODS, made)


def attached(node: str, *just_now: str) -> Plant:
    """Let the attachment of mysql-0's volume be for this node; ``just_now`` are times of its metadata."""

    def plant(scene: Scene) -> None:
        row = next(
            row
            for row in scene.kubernetes.objects.all(s.ATTACHMENTS)
            if row["spec"]["source"]["persistentVolumeName"] == s.MYSQL_0
        )

        def change(found: s.Json) -> None:
            found["spec"]["nodeName"] = node
            found["metadata"] |= dict.fromkeys(just_now, d.ago(seconds=30))

        scene.kubernetes.patch(s.ATTACHMENTS, row["metadata"]["name"], change)

    return plant


@pytest.mark.parametrize("check", [HELD, SHARED, MISSING])
def test_the_healthy_cluster_is_quiet(check: str) -> None:
    audited(check).is_quiet()


class TestHeld:
    def test_by_another_pod(self) -> None:
        finding = audited(HELD, waits, second_user, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.severity is Severity.HIGH
        assert (finding.evidence["holder"], finding.evidence["holding_pods"]) == ("pod", ["data/reader"])
        assert finding.evidence["waiting_pod"] == "data/mysql-0"

    def test_by_a_pod_of_another_volume_with_the_same_disk(self) -> None:
        def clone(scene: Scene) -> None:
            d.twin(scene, s.MYSQL_0, "clone", claimRef={"namespace": "data", "name": "clone"})
            s.volume_phase(scene, "clone", "Bound")
            made = s.copy(scene, s.PODS, "mysql-0", "cloned", "data")
            made["spec"]["nodeName"] = s.node("0.12")
            for volume in made["spec"]["volumes"]:
                if "persistentVolumeClaim" in volume:
                    volume["persistentVolumeClaim"]["claimName"] = "clone"
            scene.kubernetes.add(s.PODS, made)

        finding = audited(HELD, clone, waits, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holding_pods"] == ["data/cloned"]

    def test_by_a_machine_outside_the_cluster(self) -> None:
        finding = audited(HELD, waits, outsider, held_by(OUTSIDE)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holder"] == "machine outside the cluster"
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Disk", "Instance"]

    def test_by_a_stale_attachment(self) -> None:
        report = audited(HELD, waits, held_by(OTHER), attached(s.node("0.12")))
        finding = report.is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holder"] == "stale attachment"

    def test_a_free_disk_that_an_attachment_claims_for_another_node(self) -> None:
        free: Plant = lambda scene: s.disk(  # noqa: E731
            scene, s.MYSQL_0, Status="Available", InstanceId="", Attachments={"Attachment": []}
        )
        event: Plant = lambda scene: s.event(  # noqa: E731
            scene, f'Multi-Attach error for volume "{s.MYSQL_0}"', "Pod", "mysql-0", "data", "FailedAttachVolume"
        )
        finding = audited(HELD, waits, free, attached(s.node("0.12")), event).loud_one
        assert finding.certainty is Certainty.LIKELY
        audited(HELD, waits, free, attached(s.node("0.12"))).is_quiet()
        audited(HELD, waits, free, event).is_quiet()

    def test_a_flex_volume(self) -> None:
        flex: Plant = lambda scene: s.volume(  # noqa: E731
            scene, s.MYSQL_0, **s.flex("alicloud/disk", volumeId=s.MYSQL_0)
        )
        audited(HELD, waits, flex, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)

    @pytest.mark.parametrize(
        "plants",
        [
            (waits, held_by(OTHER, MultiAttach="Enabled")),
            (held_by(OTHER),),
            (waits,),
            (lambda scene: d.starting(scene, "data", "mysql-0", since=d.ago(seconds=60)), held_by(OTHER)),
            (waits, held_by(OTHER), attached(s.node("0.11"), "creationTimestamp")),
            (waits, held_by(OTHER), attached(s.node("0.12"), "deletionTimestamp")),
            (lambda scene: s.pending(scene, "data", "mysql-0"), held_by(OTHER)),
            (waits, held_by(OTHER), lambda scene: s.terminating(scene, "data", "mysql-0")),
        ],
        ids=[
            "multi-attach",
            "no pod waits",
            "its own node",
            "just started",
            "attach just begun",
            "detach just begun",
            "not scheduled",
            "pod being deleted",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(HELD, *plants).is_quiet()

    def test_a_pod_whose_volumes_are_mounted_waits_for_its_image(self) -> None:
        def pulling(found: s.Json) -> None:
            found["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ImagePullBackOff"}}

        plant: Plant = lambda scene: scene.kubernetes.patch(s.PODS, "mysql-0", pulling, "data")  # noqa: E731
        audited(HELD, waits, plant, held_by(OTHER)).is_quiet()

    @pytest.mark.parametrize("right", ["list pods", "list nodes", "list volumeattachments.storage.k8s.io"])
    def test_rights_that_are_missing(self, right: str) -> None:
        report = audited(HELD, waits, second_user, held_by(OTHER), lambda scene: scene.kubernetes.deny(right))
        report.is_open(ReasonKind.FORBIDDEN, right)

    def test_disks_that_are_denied(self) -> None:
        report = audited(HELD, waits, held_by(OTHER), lambda scene: scene.cloud.deny("ecs:DescribeDisks"))
        report.is_open(ReasonKind.FORBIDDEN, "ecs:DescribeDisks")
        # Where nobody waits, nobody asks for a disk.
        audited(HELD, lambda scene: scene.cloud.deny("ecs:DescribeDisks")).is_quiet()

    def test_events_and_instances_are_not_needed(self) -> None:
        def deny(scene: Scene) -> None:
            scene.kubernetes.deny("list events")
            scene.cloud.deny("ecs:DescribeInstances")

        audited(HELD, waits, second_user, held_by(OTHER), deny).is_confirmed("PersistentVolume", s.MYSQL_0)


def deployment(name: str = BACKUP, **spec: Any) -> Plant:
    return lambda scene: scene.kubernetes.patch(d.DEPLOYMENTS, name, lambda found: found["spec"].update(spec), "data")


def rolling(**update: Any) -> Plant:
    return deployment(strategy={"type": "RollingUpdate", "rollingUpdate": update})


def nailed(scene: Scene) -> None:
    def change(found: s.Json) -> None:
        found["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": s.node("0.12")}

    scene.kubernetes.patch(d.DEPLOYMENTS, BACKUP, change, "data")


def another_backup(node: str = "0.12", **meta: str) -> Plant:
    def plant(scene: Scene) -> None:
        made = s.copy(scene, s.PODS, s.BACKUP_POD, f"{BACKUP}-6d699c858-twin0", "data")
        made["spec"]["nodeName"] = s.node(node)
        made["metadata"] |= meta
        scene.kubernetes.add(s.PODS, made)

    return plant


class TestShared:
    @pytest.mark.parametrize(
        ("plants", "subject"),
        [
            ((second_user,), s.MYSQL_0),
            ((deployment(replicas=2),), s.BACKUP),
            ((rolling(maxSurge="25%", maxUnavailable="25%"),), s.BACKUP),
            ((rolling(maxSurge=1, maxUnavailable=0),), s.BACKUP),
            ((deployment(strategy={}),), s.BACKUP),
            ((another_backup("0.11"),), s.BACKUP),
            ((lambda scene: d.twin(scene, s.MYSQL_0, "a-twin"),), "a-twin"),
            ((lambda scene: s.volume(scene, s.MYSQL_0, accessModes=["ReadWriteMany"]),), s.MYSQL_0),
        ],
        ids=["several nodes", "replicas", "surge", "surge by number", "default", "two of it", "one handle", "many"],
    )
    def test_a_volume(self, plants: tuple[Plant, ...], subject: str) -> None:
        finding = audited(SHARED, *plants).loud_one
        assert (finding.subject.kind, finding.subject.name) == ("PersistentVolume", subject)
        assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.AT_RISK)

    def test_a_claim_without_a_volume(self) -> None:
        report = audited(SHARED, lambda scene: d.claim(scene, "data", "wide", "alicloud-disk-essd", "ReadWriteMany"))
        assert (report.loud_one.subject.kind, report.loud_one.subject.path) == ("PersistentVolumeClaim", "data/wide")

    @pytest.mark.parametrize(
        "plants",
        [
            (rolling(maxSurge=0, maxUnavailable=1),),
            (rolling(maxSurge="0%", maxUnavailable=1),),
            (deployment(replicas=0, strategy={"type": "RollingUpdate"}),),
            (deployment(replicas=2), another_backup()),
            (nailed, deployment(replicas=1, strategy={"type": "RollingUpdate"})),
            (another_backup("0.11", deletionTimestamp=s.LONG_AGO),),
            (
                lambda scene: d.twin(scene, s.MYSQL_0, "a-twin"),
                lambda scene: s.volume_phase(scene, "a-twin", "Released"),
            ),
            (second_user, lambda scene: s.disk(scene, s.MYSQL_0, MultiAttach="Enabled")),
            (lambda scene: d.claim(scene, "data", "wide", "alicloud-nas-subpath", "ReadWriteMany"),),
            (lambda scene: d.claim(scene, "data", "one", "alicloud-disk-essd"),),
        ],
        ids=[
            "no surge",
            "no surge in percent",
            "scaled to zero",
            "two on one node",
            "nailed to a node",
            "one leaves",
            "released twin",
            "multi-attach",
            "NAS",
            "plain claim",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(SHARED, *plants).is_quiet()

    @pytest.mark.parametrize("right", ["list pods", "list deployments.apps", "list statefulsets.apps"])
    def test_rights_that_are_missing(self, right: str) -> None:
        audited(SHARED, lambda scene: scene.kubernetes.deny(right)).is_open(ReasonKind.FORBIDDEN, right)

    def test_disks_that_are_denied(self) -> None:
        deny: Plant = lambda scene: scene.cloud.deny("ecs:DescribeDisks")  # noqa: E731
        audited(SHARED, second_user, deny).is_open(ReasonKind.FORBIDDEN, "ecs:DescribeDisks")
        audited(SHARED, deny).is_quiet()


class TestMissing:
    @pytest.mark.parametrize("handle", ["mysql-data", "D-BP1MEURYY17FEE8KIB4H", "", "d_bp1", "31a8e4-abc"])
    def test_a_handle_that_is_no_disk_id(self, handle: str) -> None:
        plant: Plant = lambda scene: s.volume(  # noqa: E731
            scene, s.MYSQL_0, csi={"driver": "diskplugin.csi.alibabacloud.com", "volumeHandle": handle}
        )
        finding = audited(MISSING, plant).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.severity is Severity.HIGH
        # That is seen without asking for the disk.
        report = audited(MISSING, plant, lambda scene: scene.cloud.deny("ecs:DescribeDisks"))
        assert [f.subject.name for f in report.findings] == [s.MYSQL_0]
        assert report.missing == {"ecs:DescribeDisks"}

    def test_a_flex_volume_without_one(self) -> None:
        plant: Plant = lambda scene: s.volume(scene, s.MYSQL_0, **s.flex("alicloud/disk"))  # noqa: E731
        audited(MISSING, plant).is_confirmed("PersistentVolume", s.MYSQL_0)

    def test_a_disk_that_does_not_exist(self) -> None:
        report = audited(MISSING, lambda scene: scene.cloud.state.ecs.disks.pop(s.MYSQL_0))
        finding = report.is_confirmed("PersistentVolume", s.MYSQL_0)
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Disk"]
        assert finding.evidence["pods"] == ["data/mysql-0"]

    def test_a_disk_in_another_region(self) -> None:
        report = audited(MISSING, lambda scene: s.disk(scene, s.MYSQL_0, RegionId="cn-shanghai"))
        report.is_confirmed("PersistentVolume", s.MYSQL_0)

    def test_a_released_volume_is_quiet(self) -> None:
        report = audited(
            MISSING,
            lambda scene: scene.cloud.state.ecs.disks.pop(s.MYSQL_0),
            lambda scene: s.volume_phase(scene, s.MYSQL_0, "Released"),
        )
        report.is_quiet()

    def test_denied_is_not_missing(self) -> None:
        report = audited(MISSING, lambda scene: scene.cloud.deny("ecs:DescribeDisks"))
        report.is_open(ReasonKind.FORBIDDEN, "ecs:DescribeDisks")
        assert report.status is Status.NOT_EVALUATED

    def test_without_pods_it_is_found_all_the_same(self) -> None:
        report = audited(
            MISSING,
            lambda scene: scene.cloud.state.ecs.disks.pop(s.MYSQL_0),
            lambda scene: scene.kubernetes.deny("list pods"),
        )
        report.is_confirmed("PersistentVolume", s.MYSQL_0)
