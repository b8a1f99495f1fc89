"""storage/nas-fsgroup-slow-mount."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.nas import DirectoryQuota, DirectoryQuotas, FileSystem, MountTarget
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.extensions import CsiDriver
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/nas-fsgroup-slow-mount"
SERVER = "0c22-abc.cn-hangzhou.nas.aliyuncs.com"
LIKELY = (Severity.MEDIUM, Certainty.LIKELY)
CONFIRMED = (Severity.MEDIUM, Certainty.CONFIRMED)
FLEX: dict[str, Any] = {
    "csi": None,
    "flexVolume": {"driver": "alicloud/nas", "options": {"server": SERVER, "path": "/data"}},
}
ONCE: dict[str, Any] = {"accessModes": ["ReadWriteOnce"]}


def csi(fs_type: str = "", **more: Any) -> dict[str, Any]:
    attributes = {"server": SERVER, "path": "/data"}
    source = {"driver": NAS_CSI_DRIVER, "volumeHandle": "pv-1", "volumeAttributes": attributes, "fsType": fs_type}
    return {"csi": source | more}


def pod(
    policy: str | None = None, *, group: int | None = 2000, since: str = "2026-11-23T07:30:00Z", **more: Any
) -> Any:
    context = {"fsGroup": group, **({"fsGroupChangePolicy": policy} if policy else {})}
    waiting = {"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}}
    status = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": since}],
        "containerStatuses": [waiting],
    } | more.pop("status", {})
    spec = {"securityContext": context} | more.pop("spec", {})
    return make.pod("shop/web-0", "n1", phase="Pending", claims=["media"], uid="u-1", spec=spec, status=status, **more)


def driver(policy: str | None) -> list[CsiDriver]:
    spec = {} if policy is None else {"fsGroupPolicy": policy}
    return [msgspec.convert({"metadata": make.meta(NAS_CSI_DRIVER), "spec": spec}, CsiDriver)]


def base(volume: dict[str, Any], **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "pods": [pod()],
        "persistent_volume_claims": [make.volume_claim("shop/media", "pv-1")],
        "persistent_volumes": [make.nas_volume("pv-1", SERVER, "shop/media", **volume)],
        "csi_drivers": driver("ReadWriteOnceWithFSType"),
        "file_systems": [FileSystem("0c22", mount_targets=[MountTarget(SERVER)], metered_bytes=5 * 2**40)],
        "nas_directory_quotas": [DirectoryQuotas("0c22", [DirectoryQuota("/data", files=1_000_000)])],
    }
    return kit.landscape(**(given | tables))


def event(reason: str, message: str, uid: str = "u-1") -> Event:
    data = {
        "metadata": make.meta("e", "shop"),
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0", "uid": uid},
        "reason": reason,
        "message": message,
    }
    return msgspec.convert(data, Event)


IN_PROGRESS = event("VolumePermissionChangeInProgress", "Setting volume ownership is taking longer than expected")
TIMED_OUT = event("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition")


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "shop/web-0")
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


class TestFinds:
    @pytest.mark.parametrize("events", [[], [TIMED_OUT]], ids=["without an event", "a timeout"])
    def test_flexvolume(self, events: list[Event]) -> None:
        finding = only(base(FLEX, events=events))
        assert grade(finding) == LIKELY
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Pod"]
        assert finding.evidence["fs_group"] == 2000
        assert finding.evidence["files"] == 1_000_000
        assert finding.evidence["metered_bytes"] == 5 * 2**40

    def test_the_policy_file(self) -> None:
        assert grade(only(base(csi(), csi_drivers=driver("File")))) == LIKELY

    @pytest.mark.parametrize("policy", ["ReadWriteOnceWithFSType", None])
    @pytest.mark.parametrize("modes", [["ReadWriteOnce"], ["ReadWriteOncePod"]])
    def test_by_type_and_access_mode(self, policy: str | None, modes: list[str]) -> None:
        assert grade(only(base(csi("nfs") | {"accessModes": modes}, csi_drivers=driver(policy)))) == LIKELY

    def test_a_driver_that_is_not_declared(self) -> None:
        only(base(csi("nfs") | ONCE, csi_drivers=[]))

    def test_an_inline_flexvolume(self) -> None:
        inline = {"name": "v", "flexVolume": {"driver": "alicloud/nas", "options": {"server": SERVER}}}
        only(base(csi(), pods=[pod(spec={"volumes": [inline]})]))

    @pytest.mark.parametrize("since", ["2026-11-23T07:30:00Z", "2026-11-23T07:59:30Z"])
    def test_the_kubelet_says_so(self, since: str) -> None:
        assert grade(only(base(FLEX, pods=[pod(since=since)], events=[IN_PROGRESS]))) == CONFIRMED

    @pytest.mark.parametrize(("uid", "expected"), [("u-1", CONFIRMED), ("u-9", LIKELY)])
    def test_the_driver_s_log_says_so(self, uid: str, expected: tuple[Severity, Certainty]) -> None:
        match = LogMatch("ownership-changed", f"FsGroup 2000 on /var/lib/kubelet/pods/{uid}/volumes/media")
        logs = [ContainerLog("kube-system/f", "f", "flexvolume", [match])]
        assert grade(only(base(FLEX, container_logs=logs))) == expected


class TestQuiet:
    @pytest.mark.parametrize(
        ("volume", "policy"),
        [
            (csi("nfs"), "ReadWriteOnceWithFSType"),
            (csi() | ONCE, "ReadWriteOnceWithFSType"),
            (csi("nfs") | ONCE, "None"),
            (csi("nfs", readOnly=True) | ONCE, "File"),
            ({"csi": None, "nfs": {"server": SERVER, "path": "/data"}} | ONCE, "File"),
        ],
        ids=["shared", "no type", "policy None", "read only", "in-tree NFS"],
    )
    def test_owners_are_left_alone(self, volume: dict[str, Any], policy: str) -> None:
        kit.stays_quiet(CHECK, base(volume, csi_drivers=driver(policy)), Status.NOT_APPLICABLE)

    def test_on_root_mismatch(self) -> None:
        landscape = base(FLEX, pods=[pod("OnRootMismatch")], events=[IN_PROGRESS])
        kit.stays_quiet(CHECK, landscape, Status.NOT_APPLICABLE)

    def test_a_claim_that_is_only_read(self) -> None:
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "media", "readOnly": True}}]
        kit.stays_quiet(CHECK, base(FLEX, pods=[pod(spec={"volumes": volumes})]), Status.NOT_APPLICABLE)

    def test_a_disk(self) -> None:
        disk = make.disk_volume("pv-1", "d-1", "shop/media")
        kit.stays_quiet(CHECK, base(FLEX, persistent_volumes=[disk], events=[IN_PROGRESS]), Status.NOT_APPLICABLE)

    def test_a_claim_that_is_not_bound(self) -> None:
        claims = [make.volume_claim("shop/media")]
        kit.stays_quiet(CHECK, base(FLEX, persistent_volume_claims=claims), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "row",
        [
            pod(group=None),
            pod(status={"phase": "Running"}),
            pod(status={"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}),
        ],
        ids=["no fsGroup", "runs", "waits for its image"],
    )
    def test_pods_that_do_not_wait_for_it(self, row: Any) -> None:
        kit.stays_quiet(CHECK, base(FLEX, pods=[row]), Status.NOT_APPLICABLE)

    def test_it_has_just_begun(self) -> None:
        kit.stays_quiet(CHECK, base(FLEX, pods=[pod(since="2026-11-23T07:59:00Z")]))

    @pytest.mark.parametrize(
        ("reason", "message"),
        [
            ("FailedMount", "mount.nfs: access denied by server while mounting"),
            ("FailedMount", 'MountVolume.SetUp failed for volume "token": secret "x" not found'),
            ("FailedAttachVolume", "Multi-Attach error for volume"),
        ],
    )
    def test_an_event_names_another_fault(self, reason: str, message: str) -> None:
        kit.stays_quiet(CHECK, base(FLEX, events=[event(reason, message), TIMED_OUT]))

    def test_an_event_of_the_pod_before_does_not_count(self) -> None:
        only(base(FLEX, events=[event("FailedMount", "access denied by server", uid="u-0")]))


class TestNotEvaluated:
    def test_each_table(self) -> None:
        harmless = {"file_systems", "nas_directory_quotas", "container_logs", "csi_drivers"}
        for table in kit.tables_needed(CHECK):
            landscape = kit.without(base(FLEX), table)
            if table in harmless:
                assert grade(only(landscape)) == LIKELY
            else:
                kit.is_not_evaluated(CHECK, landscape)

    def test_the_driver_of_a_csi_volume(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(csi("nfs") | ONCE), "csi_drivers"))

    def test_one_claim(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without_rows(base(FLEX), "persistent_volume_claims", "shop/media"))
