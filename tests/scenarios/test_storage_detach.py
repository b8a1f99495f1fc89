"""Disks that can't be detached, planted at both APIs: storage/disk-not-detachable."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

CHECK = "storage/disk-not-detachable"
HIGH = (Severity.HIGH, Certainty.CONFIRMED)
RISK = (Severity.MEDIUM, Certainty.AT_RISK)
REFUSAL = "DiskNotPortable: The specified disk is not a portable disk."
OUTSIDE = "i-bp1billingmachine01"

Plant = Callable[[Scene], object]


def audited(*plants: Plant) -> Report:
    scene = Scene()
    for plant in plants:
        plant(scene)
    return scene.audit(CHECK)


def finding_on(report: Report, name: str = s.MYSQL_0, disk_id: str = s.MYSQL_0) -> ReportedFinding:
    finding = report.one
    subject = finding.subject
    assert (subject.kind, subject.namespace, subject.name, subject.id) == ("PersistentVolume", "", name, disk_id)
    assert report.status is Status.FOUND
    return finding


def grade(report: Report) -> tuple[Severity, Certainty]:
    finding = finding_on(report)
    return finding.severity, finding.certainty


def nailed(scene: Scene) -> None:
    s.disk(scene, s.MYSQL_0, DiskChargeType="PrePaid", Portable=False)


def lock(reason: str, instance: str = s.MYSQL_0_INSTANCE) -> Plant:
    locks = {"LockReason": [{"LockReason": reason, "LockMsg": ""}]}
    return lambda scene: scene.cloud.state.ecs.instances[instance].update(OperationLocks=locks)


def held_outside(scene: Scene) -> None:
    """A machine that is no node holds the disk of mysql-0."""
    scene.cloud.state.ecs.add_instance(OUTSIDE, like=s.MYSQL_0_INSTANCE, private_ip="192.168.0.200")
    s.disk(scene, s.MYSQL_0, InstanceId=OUTSIDE, Attachments={"Attachment": [{"InstanceId": OUTSIDE}]})


def drained(scene: Scene) -> None:
    s.pending(scene, "data", "mysql-0")
    s.on_nodes(scene, "h", unschedulable=True)


def unattached(scene: Scene) -> None:
    s.disk(scene, s.MYSQL_0, Status="Available", InstanceId="", Attachments={"Attachment": []})
    s.attachment(scene, s.MYSQL_0, attached=False)


def test_the_healthy_cluster_is_quiet() -> None:
    """Its subscription nodes have subscription system disks: those are no volumes."""
    audited().is_quiet()


class TestNotPortable:
    def test_as_long_as_nothing_waits_it_is_a_risk(self) -> None:
        assert grade(audited(nailed)) == RISK

    @pytest.mark.parametrize("portable", ["false", "False"])
    def test_a_truth_value_in_a_text(self, portable: str) -> None:
        assert (
            grade(audited(lambda scene: s.disk(scene, s.MYSQL_0, DiskChargeType="PrePaid", Portable=portable))) == RISK
        )
        audited(lambda scene: s.disk(scene, s.MYSQL_0, DiskChargeType="PrePaid", Portable="true")).is_quiet()

    def test_a_flex_volume(self) -> None:
        def plant(scene: Scene) -> None:
            s.volume(scene, s.MYSQL_0, **s.flex("alicloud/disk", volumeId=s.MYSQL_0))

        assert grade(audited(nailed, plant)) == RISK

    def test_a_volume_named_otherwise_than_its_disk(self) -> None:
        report = audited(lambda scene: s.disk(scene, s.BACKUP_DISK, DiskChargeType="PrePaid", Portable=False))
        finding_on(report, s.BACKUP, s.BACKUP_DISK)

    @pytest.mark.parametrize(
        "sign",
        [
            lambda scene: s.attachment(scene, s.MYSQL_0, deleted=True),
            lambda scene: s.attachment(scene, s.MYSQL_0, detachError={"message": "timed out"}),
            lambda scene: s.attachment(scene, s.MYSQL_0, attached=False, attachError={"message": REFUSAL}),
            lambda scene: s.disk(scene, s.MYSQL_0, Status="Detaching"),
            lambda scene: s.event(scene, REFUSAL, "Pod", "mysql-0", "data"),
            lambda scene: s.event(scene, REFUSAL, "PersistentVolume", s.MYSQL_0),
            lambda scene: s.event(scene, f"{s.MYSQL_0} should be pay-as-you-go, not subscription", "Pod", "x", "data"),
            lambda scene: s.event(scene, f"detach {s.MYSQL_0}", "Node", s.node("0.11"), reason="DiskNotPortable"),
            lambda scene: s.pod(scene, "data", "mysql-0", nodeName=s.node("0.12")),
            drained,
            lambda scene: s.terminating(scene, "data", "mysql-0"),
        ],
        ids=[
            "attachment being deleted",
            "detach error",
            "attach error elsewhere",
            "detaching",
            "event on the pod",
            "event on the volume",
            "event that names it",
            "event by reason",
            "pod moved",
            "pod drained",
            "pod that does not go",
        ],
    )
    def test_a_detach_that_waits_or_failed(self, sign: Plant) -> None:
        assert grade(audited(nailed, sign)) == HIGH
        audited(sign).is_quiet()

    @pytest.mark.parametrize(
        "other",
        [
            lambda scene: s.attachment(scene, s.MYSQL_2, deleted=True),
            lambda scene: s.attachment(scene, s.MYSQL_0, detachError=None, attachError=None),
            lambda scene: s.event(scene, REFUSAL, "Pod", "mysql-2", "data"),
            lambda scene: s.event(scene, f"{s.MYSQL_0}x: {REFUSAL}", "Pod", "mysql-2", "data"),
            lambda scene: s.event(scene, "Back-off restarting failed container", "Pod", "mysql-0", "data"),
            lambda scene: s.pending(scene, "data", "mysql-0"),
            lambda scene: s.terminating(scene, "data", "mysql-0", datetime.now(UTC).isoformat()),
            lambda scene: scene.kubernetes.remove(s.PODS, "mysql-0", "data"),
            unattached,
        ],
        ids=[
            "another attachment",
            "null errors",
            "event of another pod",
            "event of another disk",
            "another event",
            "pod that its node takes back",
            "pod that is just leaving",
            "no pod",
            "attached to nothing",
        ],
    )
    def test_without_such_a_sign(self, other: Plant) -> None:
        report = audited(nailed, other)
        if other is unattached:
            report.is_quiet()
        else:
            assert grade(report) == RISK

    @pytest.mark.parametrize(
        "fields",
        [
            {"DiskChargeType": "PrePaid", "Portable": True},
            {"DiskChargeType": "PostPaid", "Portable": False},
            {"DiskChargeType": "PostPaid", "Portable": None},
            {"Attachments": None, "InstanceId": ""},
            {"OperationLocks": {"OperationLock": []}},
        ],
        ids=["portable", "pay as you go", "portable not said", "nowhere", "no locks"],
    )
    def test_disks_that_can_be_detached(self, fields: s.Json) -> None:
        detaching: Plant = lambda scene: s.attachment(scene, s.MYSQL_0, deleted=True)  # noqa: E731
        audited(lambda scene: s.disk(scene, s.MYSQL_0, **fields), detaching).is_quiet()

    def test_two_volumes_with_one_disk_are_two_subjects(self) -> None:
        def twin(scene: Scene) -> None:
            made = s.copy(scene, s.VOLUMES, s.MYSQL_0, "twin")
            made["spec"].pop("claimRef")
            made["status"]["phase"] = "Available"
            scene.kubernetes.add(s.VOLUMES, made)

        found = audited(nailed, twin).findings
        assert sorted(finding.subject.name for finding in found) == [s.MYSQL_0, "twin"]


class TestLocks:
    @pytest.mark.parametrize("reason", ["security", "financial", "Security"])
    def test_a_locked_instance(self, reason: str) -> None:
        assert grade(audited(lock(reason))) == RISK
        assert grade(audited(lock(reason), lambda scene: s.attachment(scene, s.MYSQL_0, deleted=True))) == HIGH

    def test_all_volumes_that_it_holds(self) -> None:
        found = audited(lock("security", "i-bp1n0rd3fa7nmtaomxdg")).findings
        assert sorted(finding.subject.name for finding in found) == [
            "d-bp15gd27ig7gvbu2zp5h",
            "d-bp1ix22pbt0rbsv1ewn6",
            s.BACKUP,
        ]

    def test_one_that_is_no_node(self) -> None:
        assert finding_on(audited(held_outside, lock("security", OUTSIDE))).evidence["instance"] == OUTSIDE
        audited(held_outside).is_quiet()

    def test_one_that_is_gone(self) -> None:
        audited(lambda scene: s.disk(scene, s.MYSQL_0, InstanceId="i-gone", Attachments=None)).is_quiet()

    @pytest.mark.parametrize("reason", ["Recycling", "dedicatedhostfinancial", "refunded", ""])
    def test_locks_that_hold_nothing(self, reason: str) -> None:
        audited(lock(reason)).is_quiet()

    def test_a_locked_node_without_volumes(self) -> None:
        audited(lock("security", "i-bp1xq0k2m2de6wal479z")).is_quiet()


class TestGaps:
    @pytest.mark.parametrize("name", ["DiskChargeType", "Portable"])
    def test_what_is_not_said_of_the_disk(self, name: str) -> None:
        report = audited(nailed, lambda scene: s.disk(scene, s.MYSQL_0, **{name: None}))
        report.is_open(ReasonKind.MALFORMED)

    def test_locks_that_are_not_said(self) -> None:
        report = audited(lambda scene: scene.cloud.state.ecs.instances[s.MYSQL_0_INSTANCE].pop("OperationLocks"))
        report.is_open(ReasonKind.MALFORMED)

    @pytest.mark.parametrize("action", ["DescribeDisks", "DescribeInstances"])
    def test_denied_by_the_cloud(self, action: str) -> None:
        audited(lambda scene: scene.cloud.deny(f"ecs:{action}")).is_open(ReasonKind.FORBIDDEN, f"ecs:{action}")

    def test_a_nailed_disk_is_found_though_the_instances_are_denied(self) -> None:
        report = audited(nailed, lambda scene: scene.cloud.deny("ecs:DescribeInstances"))
        assert {finding.subject.name for finding in report.findings} == {s.MYSQL_0}
        assert "ecs:DescribeInstances" in report.missing

    @pytest.mark.parametrize("right", ["list events", "list volumeattachments.storage.k8s.io", "list pods"])
    def test_signs_that_are_denied(self, right: str) -> None:
        report = audited(nailed, lambda scene: scene.kubernetes.deny(right))
        assert (report.one.severity, report.one.certainty) == RISK
        assert report.missing == {right}
        audited(lambda scene: scene.kubernetes.deny(right)).is_quiet()
