"""storage/nas-mount-target-missing."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.cloud.vpc import NextHop, RouteEntries, RouteEntry, RouteTable
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, StorageClass
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/nas-mount-target-missing"
SERVER = "0c22-abc.cn-hangzhou.nas.aliyuncs.com"
EXTREME = "0c22-abc.cn-hangzhou.extreme.nas.aliyuncs.com"
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)


def system(server: str = SERVER, target: dict[str, Any] | None = None, **more: Any) -> FileSystem:
    given: dict[str, Any] = {"type": "standard", "status": "Running"} | more
    targets = [MountTarget(server, **({"status": "Active", "vpc_id": make.VPC} | (target or {})))]
    return FileSystem(given.pop("id", "0c22"), mount_targets=given.pop("targets", targets), **given)


def storage_class(**parameters: str) -> StorageClass:
    data = {"metadata": make.meta("nas"), "provisioner": NAS_CSI_DRIVER, "parameters": parameters}
    return msgspec.convert(data, StorageClass)


def base(*systems: FileSystem, server: str = SERVER, path: str | None = "/", **tables: Any) -> Landscape:
    attributes = {"server": server} | ({} if path is None else {"path": path})
    csi = {"driver": NAS_CSI_DRIVER, "volumeHandle": "pv-1", "volumeAttributes": attributes}
    given: dict[str, Any] = {
        "persistent_volumes": [make.nas_volume("pv-1", server, "shop/media", csi=csi)],
        "file_systems": systems,
        "pods": [make.pod("shop/web-0", "n1", claims=["media"])],
        "route_tables": [RouteTable("vtb-1", vpc_id=make.VPC)],
        "route_entries": [RouteEntries("vtb-1", [RouteEntry("0.0.0.0/0", next_hops=[NextHop("NatGateway", "ngw-1")])])],
    }
    return kit.landscape(**(given | tables))


def only(landscape: Landscape, subject: str = "pv-1") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, subject)
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state == "broken"]


def leads_out(hop: str = "VpcPeer") -> list[RouteEntries]:
    return [RouteEntries("vtb-1", [RouteEntry("10.0.0.0/8", status="Available", next_hops=[NextHop(hop, "pcc-1")])])]


class TestFinds:
    def test_no_file_system(self) -> None:
        finding = only(base())
        assert grade(finding) == CONFIRMED
        assert broken(finding) == ["FileSystem"]
        assert finding.evidence["server"] == SERVER
        assert finding.evidence["pods"] == ["shop/web-0"]

    @pytest.mark.parametrize("server", [EXTREME, "cpfs-0c22-x.cn-hangzhou.cpfs.nas.aliyuncs.com", SERVER.upper()])
    def test_no_file_system_of_another_kind(self, server: str) -> None:
        assert (
            grade(only(base(system(id="ffff", server="ffff-a.cn-hangzhou.nas.aliyuncs.com"), server=server)))
            == CONFIRMED
        )

    @pytest.mark.parametrize("status", ["Stopped", "Pending", "Deleting", "stopped"])
    def test_a_file_system_that_does_not_run(self, status: str) -> None:
        finding = only(base(system(status=status)))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["file_system_status"] == status

    def test_no_such_mount_target(self) -> None:
        finding = only(base(system("0c22-new.cn-hangzhou.nas.aliyuncs.com")))
        assert grade(finding) == CONFIRMED
        assert broken(finding) == ["MountTarget"]
        assert "0c22-new" in str(finding.message)

    def test_no_mount_target_at_all(self) -> None:
        assert grade(only(base(system(targets=[])))) == CONFIRMED

    @pytest.mark.parametrize("status", ["Inactive", "Pending", "Deleting", "Hibernating"])
    def test_a_mount_target_that_is_not_active(self, status: str) -> None:
        finding = only(base(system(target={"status": status})))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["mount_target_status"] == status

    @pytest.mark.parametrize("path", ["/", "/data", "/shared", "share"])
    def test_a_path_outside_of_share_on_extreme_nas(self, path: str) -> None:
        finding = only(base(system(EXTREME, type="extreme", id="extreme-0c22"), server=EXTREME, path=path))
        assert grade(finding) == CONFIRMED
        assert broken(finding) == ["Path"]

    def test_without_a_path_on_extreme_nas_it_is_likely(self) -> None:
        landscape = base(system(EXTREME, type="extreme", id="extreme-0c22"), server=EXTREME, path=None)
        assert grade(only(landscape)) == (Severity.HIGH, Certainty.LIKELY)

    @pytest.mark.parametrize(
        "spec",
        [
            {"csi": None, "nfs": {"server": SERVER, "path": "/"}},
            {"csi": None, "flexVolume": {"driver": "alicloud/nas", "options": {"server": SERVER, "path": "/"}}},
        ],
        ids=["nfs", "flexVolume"],
    )
    def test_volumes_of_other_kinds(self, spec: dict[str, Any]) -> None:
        only(base(persistent_volumes=[make.nas_volume("pv-1", "", "shop/media", **spec)]))

    def test_a_volume_that_nobody_uses_yet(self) -> None:
        only(base(persistent_volumes=[make.nas_volume("pv-1", SERVER)]))

    @pytest.mark.parametrize(
        "row",
        [
            storage_class(server=f"{SERVER}:/k8s", volumeAs="subpath"),
            storage_class(server=f"{SERVER}"),
            storage_class(fileSystemId="0c22", volumeAs="accesspoint"),
        ],
        ids=["server and path", "server", "id"],
    )
    def test_a_class(self, row: StorageClass) -> None:
        finding = only(base(persistent_volumes=[], storage_classes=[row]), "nas")
        assert grade(finding) == CONFIRMED
        assert finding.subject.kind == "StorageClass"

    def test_one_of_the_servers_of_a_class(self) -> None:
        row = storage_class(server=f"{SERVER}:/a,ffff-x.cn-hangzhou.nas.aliyuncs.com:/b")
        finding = only(base(system(), persistent_volumes=[], storage_classes=[row]), "nas")
        assert "ffff-x" in str(finding.message)

    def test_a_class_on_extreme_nas(self) -> None:
        row = storage_class(server=f"{EXTREME}:/data")
        extreme = system(EXTREME, type="extreme", id="extreme-0c22")
        only(base(extreme, persistent_volumes=[], storage_classes=[row]), "nas")

    def test_a_class_whose_file_system_has_no_active_mount_target(self) -> None:
        row = storage_class(fileSystemId="0c22")
        only(base(system(target={"status": "Inactive"}), persistent_volumes=[], storage_classes=[row]), "nas")

    def test_what_is_decided_is_said_though_a_status_is_not(self) -> None:
        landscape = base(system("0c22-new.cn-hangzhou.nas.aliyuncs.com", status=None))
        result, findings = kit.run(CHECK, landscape)
        assert len(findings) == 1
        assert len(result.reasons) == 1


class TestQuiet:
    @pytest.mark.parametrize("status", ["Running", "running", "Extending"])
    def test_all_is_well(self, status: str) -> None:
        kit.stays_quiet(CHECK, base(system(status=status)))

    @pytest.mark.parametrize("path", ["/share", "/share/", "/share/media"])
    def test_extreme_nas_below_share(self, path: str) -> None:
        kit.stays_quiet(CHECK, base(system(EXTREME, type="extreme", id="extreme-0c22"), server=EXTREME, path=path))

    def test_a_path_of_general_purpose_nas_need_not_begin_so(self) -> None:
        kit.stays_quiet(CHECK, base(system(), path="/data"))

    @pytest.mark.parametrize(
        "server",
        [
            "nfs.example.com",
            "10.0.0.5",
            "nas.aliyuncs.com.example.com",
            "files.oss-cn-hangzhou.aliyuncs.com",
            "bmcpfs-1-2.cn-hangzhou.cpfs.nas.aliyuncs.com",
        ],
    )
    def test_a_server_of_somebody_s_own(self, server: str) -> None:
        kit.stays_quiet(CHECK, base(server=server), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize("phase", ["Released", "Failed"])
    def test_a_released_volume(self, phase: str) -> None:
        volume = make.nas_volume("pv-1", SERVER, "shop/media")
        volume = msgspec.structs.replace(volume, status=msgspec.structs.replace(volume.status, phase=phase))
        kit.stays_quiet(CHECK, base(persistent_volumes=[volume]), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "row",
        [
            storage_class(volumeAs="filesystem", fileSystemId="gone"),
            storage_class(containerNetworkFileSystem="cnfs", volumeAs="subpath"),
        ],
        ids=["file systems of their own", "CNFS"],
    )
    def test_a_class_that_names_none(self, row: StorageClass) -> None:
        kit.stays_quiet(CHECK, base(persistent_volumes=[], storage_classes=[row]), Status.NOT_APPLICABLE)

    def test_a_class_of_another_driver(self) -> None:
        row = storage_class(server=f"{SERVER}:/")
        row = msgspec.structs.replace(row, provisioner="nfs.example.com")
        kit.stays_quiet(CHECK, base(persistent_volumes=[], storage_classes=[row]), Status.NOT_APPLICABLE)

    def test_a_volume_without_server_is_another_check_s(self) -> None:
        kit.stays_quiet(CHECK, base(server=""), Status.NOT_APPLICABLE)


class TestNotEvaluated:
    def open(self, landscape: Landscape) -> list[str]:
        result, findings = kit.run(CHECK, landscape)
        assert not findings, str(findings[0].message)
        assert result.status is Status.NOT_EVALUATED
        return [str(reason.message) for reason in result.reasons]

    def test_another_region(self) -> None:
        (why,) = self.open(base(server="0c22-abc.cn-shanghai.nas.aliyuncs.com"))
        assert "cn-shanghai" in why

    @pytest.mark.parametrize("hop", ["VpcPeer", "RouterInterface", "Attachment", "TransitRouter"])
    def test_it_may_be_another_account_s(self, hop: str) -> None:
        (why,) = self.open(base(route_entries=leads_out(hop)))
        assert "another account" in why

    def test_that_is_unlikely_if_a_pod_waits_for_it(self) -> None:
        waiting = make.pod("shop/web-0", "n1", claims=["media"], phase="Pending")
        finding = only(base(route_entries=leads_out(), pods=[waiting]))
        assert grade(finding) == (Severity.HIGH, Certainty.LIKELY)

    def test_a_protocol_service_of_cpfs(self) -> None:
        server = "cpfs-0c22-ptc.cn-hangzhou.cpfs.nas.aliyuncs.com"
        self.open(base(system(type="cpfs", id="cpfs-0c22", targets=[]), server=server))

    @pytest.mark.parametrize(
        "row",
        [system(status=None), system(targets=None), system(target={"status": None})],
        ids=["status", "mount targets", "status of the mount target"],
    )
    def test_what_was_not_said(self, row: FileSystem) -> None:
        self.open(base(row))

    def test_each_table(self) -> None:
        for fault in (base(), base(system())):
            for table in kit.tables_needed(CHECK):
                landscape = kit.without(fault, table)
                if table in ("pods", "events") or (
                    table in ("route_tables", "route_entries") and len(fault.table("file_systems"))
                ):
                    assert kit.run(CHECK, landscape)[0].status is kit.run(CHECK, fault)[0].status
                elif table == "storage_classes" and not len(fault.table("file_systems")):
                    result, findings = kit.run(CHECK, landscape)
                    assert len(findings) == 1
                    assert result.reasons
                else:
                    kit.is_not_evaluated(CHECK, landscape)

    def test_one_file_system(self) -> None:
        landscape = base(system(), system(id="ffff", server="ffff-a.cn-hangzhou.nas.aliyuncs.com"))
        kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "file_systems", "0c22"))
        kit.stays_quiet(CHECK, kit.without_rows(landscape, "file_systems", "ffff"))
