"""storage/disk-not-detachable."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.volumes import VolumeAttachment
from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind, Table
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/disk-not-detachable"
NOT_PORTABLE = {"charge_type": "PrePaid", "portable": False, "status": "In_use", "attached_to": ["i-n1"]}
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)
AT_RISK = (Severity.MEDIUM, Certainty.AT_RISK)


def base(disk: dict[str, Any] | None = None, **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("n1"), make.node("n2")],
        "instances": [make.instance("n1", charge_type="PrePaid"), make.instance("n2")],
        "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db")],
        "disks": [make.disk("d-1", **(NOT_PORTABLE if disk is None else disk))],
        "pods": [make.pod("data/db-0", "n1", claims=["db"])],
        "volume_attachments": [attachment()],
    }
    return kit.landscape(**(given | tables))


def locked(*reasons: str, **tables: Any) -> Landscape:
    instances = [make.instance("n1", lock_reasons=list(reasons)), make.instance("n2")]
    return base({"status": "In_use", "attached_to": ["i-n1"]}, instances=instances, **tables)


def attachment(
    volume: str = "pv-1", *, deleted: bool = False, error: str = "", attach_error: str = ""
) -> VolumeAttachment:
    metadata = {"name": f"csi-{volume}", **({"deletionTimestamp": "2026-11-23T07:50:00Z"} if deleted else {})}
    data = {
        "metadata": metadata,
        "spec": {
            "attacher": "diskplugin.csi.alibabacloud.com",
            "nodeName": "n1",
            "source": {"persistentVolumeName": volume},
        },
        "status": {
            "attached": not attach_error,
            **({"detachError": {"message": error}} if error else {}),
            **({"attachError": {"message": attach_error}} if attach_error else {}),
        },
    }
    return msgspec.convert(data, VolumeAttachment)


def event(message: str, kind: str = "Pod", name: str = "db-0", namespace: str = "data") -> Event:
    data = {
        "metadata": {"name": "e1", "namespace": namespace or "default"},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace},
        "reason": "FailedAttachVolume",
        "type": "Warning",
        "message": message,
    }
    return msgspec.convert(data, Event)


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "pv-1")
    return finding


def grade(landscape: Landscape) -> tuple[Severity, Certainty]:
    finding = only(landscape)
    return finding.severity, finding.certainty


def test_an_attached_disk_that_is_not_portable_is_a_risk() -> None:
    finding = only(base())
    assert (finding.severity, finding.certainty) == AT_RISK
    assert finding.evidence["charge_type"] == "PrePaid"
    assert finding.evidence["portable"] is False
    assert finding.evidence["instance_charge_types"] == ["PrePaid"]
    assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Disk"]


def test_the_attachment_tells_that_it_is_attached_where_the_disk_does_not() -> None:
    disk = NOT_PORTABLE | {"attached_to": [], "status": "Available"}
    assert grade(base(disk)) == AT_RISK
    kit.stays_quiet(CHECK, base(disk, volume_attachments=[]))


def test_a_disk_that_does_not_say_whether_it_is_attached_is_not_taken_for_attached() -> None:
    disk = NOT_PORTABLE | {"attached_to": [], "status": None}
    result, findings = kit.run(CHECK, base(disk, volume_attachments=[], pods=[]))
    assert not findings
    assert [reason.kind for reason in result.reasons] == [ReasonKind.MALFORMED]
    assert grade(base(disk)) == AT_RISK


@pytest.mark.parametrize(
    "tables",
    [
        {"volume_attachments": [attachment(deleted=True)]},
        {"volume_attachments": [attachment(error="The specified disk is not a portable disk.")]},
        {"pods": [make.pod("data/db-0", "n2", claims=["db"], phase="Pending")]},
        {
            "pods": [make.pod("data/db-0", claims=["db"])],
            "nodes": [make.node("n1", unschedulable=True), make.node("n2")],
        },
        {"pods": [make.pod("data/db-0", claims=["db"])], "nodes": [make.node("n2")]},
        {"pods": [make.pod("data/db-0", "n1", claims=["db"], deletionTimestamp="2026-11-23T07:50:00Z")]},
        {"volume_attachments": [attachment(attach_error="disk d-1: DiskNotPortable")]},
        {"events": [event("AttachVolume.Attach failed: ErrorCode: DiskNotPortable")]},
        {"events": [event("disk should be pay-as-you-go, not be subscription")]},
        {"events": [event("Detach of d-1: The specified disk is not a portable disk.", "Node", "n1", "")]},
        {"events": [event("DiskNotPortable", "PersistentVolume", "pv-1", "")]},
        {"events": [event("DiskNotPortable", "PersistentVolumeClaim", "db")]},
    ],
    ids=[
        "attachment being deleted",
        "detach error",
        "pod on another node",
        "pod that its node refuses",
        "pod whose node has left the cluster",
        "pod that should have been gone long ago",
        "attach elsewhere that failed to take it away",
        "event by code",
        "event of the driver",
        "event that names the disk",
        "event on the volume",
        "event on the claim",
    ],
)
def test_a_detach_that_waits_or_failed_confirms_it(tables: dict[str, Any]) -> None:
    assert grade(base(**tables)) == CONFIRMED


def test_a_disk_that_is_being_detached_confirms_it() -> None:
    assert grade(base(NOT_PORTABLE | {"status": "Detaching"})) == CONFIRMED


def test_an_event_confirms_it_for_a_disk_that_could_not_be_attached() -> None:
    disk = NOT_PORTABLE | {"attached_to": [], "status": "Available"}
    events = [event("disk should be pay-as-you-go, not be subscription")]
    assert grade(base(disk, volume_attachments=[], events=events)) == CONFIRMED


@pytest.mark.parametrize(
    "tables",
    [
        {"volume_attachments": [attachment(), attachment("pv-2", deleted=True)]},
        {"pods": [make.pod("data/db-0", claims=["db"])]},
        {"pods": [make.pod("data/db-0", "n2", claims=["db"], phase="Succeeded")]},
        {"pods": [make.pod("data/db-0", "n2", claims=["db"], deletionTimestamp="2026-11-23T07:59:00Z")]},
        {"pods": [make.pod("data/db-0", "n1", claims=["db"], deletionTimestamp="2026-11-23T07:59:00Z")]},
        {"volume_attachments": [attachment(attach_error="timed out")]},
        {"pods": []},
        {"events": [event("Back-off restarting failed container")]},
        {"events": [event("DiskNotPortable", name="other")]},
        {"events": [event("volume pv-11, disk d-12: DiskNotPortable", name="other")]},
        {
            "pods": [make.pod("data/db-0", "n1", claims=["db", "log"])],
            "events": [event("volume pv-2: DiskNotPortable")],
        },
    ],
    ids=[
        "another attachment",
        "pod that its node may take back",
        "finished pod",
        "pod being deleted elsewhere",
        "pod being deleted",
        "attach that failed otherwise",
        "no pod",
        "other event",
        "event of another pod",
        "event of disks of like names",
        "event of another disk of the pod",
    ],
)
def test_without_such_a_sign_it_stays_a_risk(tables: dict[str, Any]) -> None:
    assert grade(base(**tables)) == AT_RISK


@pytest.mark.parametrize(
    "disk",
    [
        {"charge_type": "PrePaid", "portable": True, "status": "In_use", "attached_to": ["i-n1"]},
        {"charge_type": "PostPaid", "portable": False, "status": "In_use", "attached_to": ["i-n1"]},
        {"charge_type": "PostPaid", "portable": True, "status": "In_use", "attached_to": ["i-n1"]},
    ],
    ids=["portable subscription", "pay-as-you-go", "plain"],
)
def test_a_disk_that_can_be_detached_is_quiet_on_a_subscription_instance(disk: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, base(disk, volume_attachments=[attachment(deleted=True)]))


@pytest.mark.parametrize("lock", ["security", "financial"])
def test_a_locked_instance(lock: str) -> None:
    assert grade(locked(lock)) == AT_RISK
    assert grade(locked(lock, volume_attachments=[attachment(deleted=True)])) == CONFIRMED
    finding = only(locked(lock, pods=[make.pod("data/db-0", "n2", claims=["db"], phase="Pending")]))
    assert (finding.severity, finding.certainty) == CONFIRMED
    assert finding.evidence["waiting_pods"] == ["data/db-0"]
    assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Instance"]


@pytest.mark.parametrize("locks", [(), ("Recycling",), ("dedicatedhostfinancial",)])
def test_other_locks_and_none_are_quiet(locks: tuple[str, ...]) -> None:
    kit.stays_quiet(CHECK, locked(*locks))


def test_the_lock_of_an_instance_that_does_not_hold_the_disk_is_quiet() -> None:
    instances = [make.instance("n1"), make.instance("n2", lock_reasons=["security"])]
    kit.stays_quiet(CHECK, base({"attached_to": ["i-n1"]}, instances=instances))


def test_a_lock_and_a_disk_that_is_not_portable_are_two_findings() -> None:
    landscape = base(instances=[make.instance("n1", lock_reasons=["financial"]), make.instance("n2")])
    assert len(kit.finds(CHECK, landscape, "pv-1")) == 2


def test_a_released_volume_whose_disk_is_stuck_counts() -> None:
    volume = make.disk_volume("pv-1", "d-1", "data/db")
    volume = msgspec.structs.replace(volume, status=msgspec.structs.replace(volume.status, phase="Released"))
    landscape = base(persistent_volumes=[volume], volume_attachments=[attachment(deleted=True)], pods=[])
    assert grade(landscape) == CONFIRMED


def test_a_missing_disk_is_the_matter_of_another_check() -> None:
    kit.stays_quiet(CHECK, base(disks=[]), Status.NOT_APPLICABLE)


def test_other_volumes_are_no_subjects() -> None:
    volumes = [make.nas_volume("nas", "1-a.cn-hangzhou.nas.aliyuncs.com")]
    kit.stays_quiet(CHECK, base(persistent_volumes=volumes), Status.NOT_APPLICABLE)


PLAIN = {"status": "In_use", "attached_to": ["i-n1"]}


class TestGaps:
    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
    def test_a_table_that_is_taken_away_from_a_healthy_cluster(self, table: str) -> None:
        landscape = kit.without(base(PLAIN), table)
        if table in {"persistent_volumes", "disks", "instances"}:
            kit.is_not_evaluated(CHECK, landscape)
        else:
            # A disk that can be detached needs no further question.
            kit.stays_quiet(CHECK, landscape)

    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
    def test_a_table_that_is_taken_away_from_a_nailed_disk(self, table: str) -> None:
        result, findings = kit.run(CHECK, kit.without(base(), table))
        if table not in {"nodes", "holder_instances"}:
            assert [reason.missing for reason in result.reasons] == [("test:Action",)]
        expected = [] if table in {"persistent_volumes", "disks"} else [Certainty.AT_RISK]
        assert [finding.certainty for finding in findings] == expected

    def test_without_events_a_sign_elsewhere_still_confirms(self) -> None:
        landscape = kit.without(base(volume_attachments=[attachment(deleted=True)]), "events")
        result, (finding,) = kit.run(CHECK, landscape)
        assert (finding.severity, finding.certainty) == CONFIRMED
        assert [reason.missing for reason in result.reasons] == [("test:Action",)]

    def test_a_machine_outside_the_cluster_holds_the_disk(self) -> None:
        landscape = base(
            {**PLAIN, "status": "In_use", "instance_id": "i-vm", "attached_to": ["i-vm"]},
            instances=Table("instances", [make.instance("n1")], asked=["i-n1"]),
            holder_instances=[make.instance("vm", lock_reasons=["security"])],
        )
        assert only(landscape).evidence["instance"] == "i-vm"
        kit.is_not_evaluated(CHECK, kit.without(landscape, "holder_instances"))

    def test_a_holder_that_is_not_known_is_not_taken_to_be_unlocked(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without_rows(base(PLAIN), "instances", "i-n1"))
        kit.stays_quiet(CHECK, kit.without_rows(base(PLAIN), "instances", "i-n2"))

    @pytest.mark.parametrize(
        "disk", [{"charge_type": "PrePaid", "portable": None}, {"charge_type": None}], ids=["portable", "charge type"]
    )
    def test_what_ecs_left_out_is_not_evaluated(self, disk: dict[str, Any]) -> None:
        result, findings = kit.run(CHECK, base(PLAIN | disk))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_locks_that_ecs_left_out_are_not_evaluated(self) -> None:
        result, findings = kit.run(CHECK, base(PLAIN, instances=[make.instance("n1", lock_reasons=None)]))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())
