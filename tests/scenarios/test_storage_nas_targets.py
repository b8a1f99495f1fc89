"""NAS file systems and mount targets that are gone or out of reach, planted at both APIs."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.drivers import starting
from tests.scenarios.kit import Report, Scene

MISSING = "storage/nas-mount-target-missing"
UNREACHABLE = "storage/nas-unreachable"
VPC = "vpc-bp1other"
NAS_VSWITCH = "192.168.1.0/24"

Plant = Callable[[Scene], object]


def audited(check: str, *plants: Plant) -> Report:
    scene = Scene()
    for plant in plants:
        plant(scene)
    return scene.audit(check)


def gone(scene: Scene) -> None:
    scene.cloud.state.nas.file_systems.pop(s.ARCHIVE_FS)


def system(**fields: Any) -> Plant:
    return lambda scene: scene.cloud.state.nas.file_systems[s.ARCHIVE_FS].update(fields)


def target(**fields: Any) -> Plant:
    return lambda scene: scene.cloud.state.nas.mount_targets(s.ARCHIVE_FS)[0].update(fields)


def server(name: str) -> Plant:
    def plant(scene: Scene) -> None:
        attributes = {"path": "/log-archive", "server": name}
        csi = {"driver": "nasplugin.csi.alibabacloud.com", "volumeHandle": s.ARCHIVE, "volumeAttributes": attributes}
        s.volume(scene, s.ARCHIVE, csi=csi)

    return plant


def peered(scene: Scene) -> None:
    scene.cloud.state.vpc.peer(VPC, "10.0.0.0/8")


def nas_class(server: str) -> Plant:
    driver = {"provisioner": "nasplugin.csi.alibabacloud.com", "parameters": {"server": server, "volumeAs": "subpath"}}
    return lambda scene: s.storage_class(scene, "planted", **driver)


@pytest.mark.parametrize("check", [MISSING, UNREACHABLE])
def test_the_healthy_cluster_is_quiet(check: str) -> None:
    audited(check).is_quiet()


class TestMissing:
    @pytest.mark.parametrize(
        "plant",
        [
            gone,
            system(Status="Stopped"),
            system(MountTargets={"MountTarget": []}),
            target(Status="Inactive"),
            target(MountTargetDomain="e5bc4e67df-other.cn-hangzhou.nas.aliyuncs.com"),
            server("e5bc4e67df-typo.cn-hangzhou.nas.aliyuncs.com"),
        ],
        ids=["file system", "stopped", "no mount target", "inactive", "renamed", "mistyped"],
    )
    def test_found(self, plant: Plant) -> None:
        finding = audited(MISSING, plant).is_confirmed("PersistentVolume", s.ARCHIVE)
        assert finding.severity is Severity.HIGH
        assert "log-archiver" in str(finding.evidence["pods"])

    def test_a_path_outside_of_share(self) -> None:
        audited(MISSING, system(FileSystemType="extreme")).is_confirmed("PersistentVolume", s.ARCHIVE)

    def test_a_class(self) -> None:
        report = audited(MISSING, nas_class("ffff-x.cn-hangzhou.nas.aliyuncs.com:/k8s"))
        report.is_confirmed("StorageClass", "planted")

    def test_another_region(self) -> None:
        audited(MISSING, server("e5bc4e67df-9h4f0.cn-beijing.nas.aliyuncs.com")).is_open(ReasonKind.UNDECIDABLE)

    def test_maybe_another_account(self) -> None:
        audited(MISSING, gone, peered).is_open(ReasonKind.UNDECIDABLE)

    def test_a_server_of_somebody_s_own(self) -> None:
        audited(MISSING, server("nfs.example.com")).is_quiet()

    def test_denied(self) -> None:
        report = audited(MISSING, gone, lambda scene: scene.cloud.deny("nas:DescribeFileSystems"))
        report.is_open(ReasonKind.FORBIDDEN, "nas:DescribeFileSystems")


class TestUnreachable:
    def drop(self, scene: Scene, cidr: str) -> None:
        """Add an outbound rule to the groups of all nodes."""
        for group in scene.cloud.state.ecs.security_groups:
            scene.cloud.state.ecs.add_rule(
                group, "egress", Policy="Drop", IpProtocol="TCP", PortRange="2049/2049", DestCidrIp=cidr
            )

    def test_another_vpc(self) -> None:
        finding = audited(UNREACHABLE, target(VpcId=VPC)).is_confirmed("PersistentVolume", s.ARCHIVE)
        assert finding.evidence["affected"] == [s.node("0.11"), s.node("1.22")]

    def test_another_vpc_that_is_peered(self) -> None:
        audited(UNREACHABLE, target(VpcId=VPC), peered).is_open(ReasonKind.UNDECIDABLE)

    @pytest.mark.parametrize("right", ["vpc:DescribeRouteTableList", "vpc:DescribeRouteEntryList"])
    def test_another_vpc_and_routes_that_are_denied(self, right: str) -> None:
        report = audited(UNREACHABLE, target(VpcId=VPC), lambda scene: scene.cloud.deny(right))
        report.is_open(ReasonKind.FORBIDDEN, right)

    def test_a_security_group(self) -> None:
        report = audited(UNREACHABLE, lambda scene: self.drop(scene, NAS_VSWITCH))
        finding = report.is_confirmed("PersistentVolume", s.ARCHIVE)
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["SecurityGroup"]

    def test_a_security_group_for_a_part_of_the_range(self) -> None:
        report = audited(UNREACHABLE, lambda scene: self.drop(scene, "192.168.1.0/25"))
        report.is_open(ReasonKind.UNDECIDABLE)
        assert report.status is Status.NOT_EVALUATED

    def test_and_mounts_that_time_out(self) -> None:
        def waits(scene: Scene) -> None:
            for row in scene.kubernetes.objects.all(s.PODS):
                name = row["metadata"]["name"]
                if name.startswith("log-archiver"):
                    starting(scene, "logging", name)
                    s.event(scene, "mount.nfs: Connection timed out", "Pod", name, "logging")

        report = audited(UNREACHABLE, lambda scene: self.drop(scene, "192.168.1.0/25"), waits)
        assert report.loud_one.certainty is Certainty.LIKELY
