"""NAS volumes and claims as clusters really have them: more forms, more look-alikes, each right denied."""

from collections.abc import Callable
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios import test_storage_nas as nas
from tests.scenarios import test_storage_nas_targets as targets
from tests.scenarios import test_storage_pvc_pending as claims
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Scene
from tests.scenarios.storage_plants import broken_hops, commands, denied, virtual

REFUSED, UNREACHABLE = "storage/nas-access-denied", "storage/nas-unreachable"
MISSING, SLOW, PENDING = (
    "storage/nas-mount-target-missing",
    "storage/nas-fsgroup-slow-mount",
    "storage/pvc-without-provisioner",
)
DEFAULT_GROUP = "DEFAULT_VPC_GROUP_NAME"
ELSEWHERE = targets.server("e5bc4e67df-9h4f0.cn-beijing.nas.aliyuncs.com")
SET_UP = f'MountVolume.SetUp failed for volume "{s.ARCHIVE}" : rpc error: code = Internal desc = '
OTHER_SET_UP = SET_UP.replace(s.ARCHIVE, "another-volume")
NO_DIRECTORY = (
    f"mount.nfs: mounting {claims.SERVER}:/log-archive failed, reason given by server: No such file or directory"
)
TIMED_OUT = "mount.nfs: Connection timed out"


def default_group(*ranges: str) -> Plant:
    """Let the archive's mount target use the group that NAS makes itself, listed with these rules."""

    def plant(scene: Scene) -> None:
        scene.cloud.state.nas.add_access_group(DEFAULT_GROUP)
        for cidr in ranges:
            scene.cloud.state.nas.add_rule(DEFAULT_GROUP, cidr)
        s.use_group(scene, s.ARCHIVE_FS, DEFAULT_GROUP)

    return plant


def starting(scene: Scene) -> None:
    for name in nas.archivers(scene):
        d.starting(scene, "logging", name)


def told(message: str, reason: str = "FailedMount") -> Plant:
    """Let the archivers have an event."""

    def plant(scene: Scene) -> None:
        for name in nas.archivers(scene):
            s.event(scene, message, "Pod", name, "logging", reason)

    return plant


def groups(change: Callable[[Scene, str], object]) -> Plant:
    """Change all security groups."""

    def plant(scene: Scene) -> None:
        for group in list(scene.cloud.state.ecs.security_groups):
            change(scene, group)

    return plant


def out(policy: str, **peer: str) -> Plant:
    return groups(
        lambda scene, group: scene.cloud.state.ecs.add_rule(
            group, "egress", Policy=policy, IpProtocol="TCP", PortRange="2049/2049", **peer
        )
    )


def advanced(scene: Scene, group: str) -> None:
    """Let a group be an advanced one without outbound rules: it lets nothing out."""
    scene.cloud.state.ecs.security_groups[group]["SecurityGroupType"] = "enterprise"
    scene.cloud.state.ecs.remove_rules(group, "egress")


def basic(scene: Scene, group: str) -> None:
    scene.cloud.state.ecs.remove_rules(group, "egress")


NO_WAY = out("Drop", DestCidrIp=targets.NAS_VSWITCH)
PART = out("Drop", DestCidrIp="192.168.1.0/25")


class TestRefused:
    @pytest.mark.parametrize("ranges", [(), ("0.0.0.0/0",)], ids=["not listed", "listed"])
    def test_the_group_that_nas_makes_admits_the_vpc(self, ranges: tuple[str, ...]) -> None:
        audited(REFUSED, default_group(*ranges)).is_quiet()

    def test_a_group_of_ones_own_without_rules_is_another_thing(self) -> None:
        finding = audited(REFUSED, nas.archive_group()).is_confirmed("PersistentVolume", s.ARCHIVE)
        assert finding.severity is Severity.HIGH
        assert broken_hops(finding) == ["AccessGroup"]
        assert all("--RegionId cn-hangzhou" in one for one in commands(finding) if one.startswith("aliyun"))

    def test_a_mount_target_of_another_region_has_groups_that_are_not_read(self) -> None:
        report = audited(REFUSED, ELSEWHERE)
        report.is_open(ReasonKind.UNDECIDABLE)
        assert "cn-beijing" in report.reasons[0]

    @pytest.mark.parametrize(
        ("right", "is_found"),
        [
            ("list pods", False),
            ("list nodes", False),
            ("list persistentvolumes", False),
            ("nas:DescribeFileSystems", False),
            ("nas:DescribeAccessRules", False),
            ("list persistentvolumeclaims", True),
            ("list storageclasses.storage.k8s.io", True),
        ],
    )
    def test_each_right(self, right: str, is_found: bool) -> None:
        """Only who may write depends on the claim; a client that no rule names is refused without."""
        report = audited(REFUSED, nas.archive_group((1, nas.ZONE_K, "RDWR")), denied(right))
        if is_found:
            report.is_confirmed("PersistentVolume", s.ARCHIVE)
            assert not report.reasons
        else:
            report.is_open(ReasonKind.FORBIDDEN, right)
            assert report.missing == {right}

    @pytest.mark.parametrize("right", ["list pods", "list nodes", "list persistentvolumeclaims"])
    def test_an_empty_group_is_seen_without(self, right: str) -> None:
        audited(REFUSED, nas.archive_group(), denied(right)).is_confirmed("PersistentVolume", s.ARCHIVE)

    def test_who_may_write_is_not_known_without_the_claim(self) -> None:
        right = "list persistentvolumeclaims"
        report = audited(REFUSED, nas.archive_group((1, nas.WHOLE, "RDONLY")), denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)


class TestUnreachable:
    def test_an_advanced_group_without_rules_lets_nothing_out(self) -> None:
        report = audited(UNREACHABLE, groups(advanced))
        assert {finding.subject.name for finding in report.loud} == {s.ARCHIVE, s.MEDIA}
        assert all(finding.certainty is Certainty.CONFIRMED for finding in report.loud)

    def test_an_advanced_group_that_lets_out_just_this(self) -> None:
        audited(UNREACHABLE, groups(advanced), out("Accept", DestCidrIp="192.168.0.0/16")).is_quiet()

    def test_a_basic_group_without_rules_lets_all_out(self) -> None:
        audited(UNREACHABLE, groups(basic)).is_quiet()

    @pytest.mark.parametrize(
        "fields",
        [
            {"IpProtocol": "UDP"},
            {"PortRange": "2048/2048"},
            {"Priority": "100"},
            {"DestCidrIp": "10.0.0.0/8"},
            {"Direction": "ingress", "DestCidrIp": "", "SourceCidrIp": "0.0.0.0/0"},
        ],
        ids=["UDP", "another port", "a stronger rule accepts", "other addresses", "inbound"],
    )
    def test_rules_that_are_about_something_else(self, fields: dict[str, str]) -> None:
        given = {"Policy": "Drop", "IpProtocol": "TCP", "PortRange": "2049/2049", "DestCidrIp": targets.NAS_VSWITCH}
        direction = fields.get("Direction", "egress")
        rule = {**given, **{key: value for key, value in fields.items() if key != "Direction"}}
        plants = [out("Accept", DestCidrIp=targets.NAS_VSWITCH)] if "Priority" in fields else []
        drop = groups(lambda scene, group: scene.cloud.state.ecs.add_rule(group, direction, **rule))
        audited(UNREACHABLE, *plants, drop).is_quiet()

    def test_a_mount_target_of_another_region(self) -> None:
        """No VPC spans two regions, and no route leads out of this one."""
        finding = audited(UNREACHABLE, ELSEWHERE).is_confirmed("PersistentVolume", s.ARCHIVE)
        assert (finding.severity, broken_hops(finding)) == (Severity.HIGH, ["MountTarget"])
        assert finding.evidence["mount_target_region"] == "cn-beijing"

    @pytest.mark.parametrize("hop", ["VpcPeer", "RouterInterface", "Attachment"])
    def test_another_region_that_routes_lead_to(self, hop: str) -> None:
        def connected(scene: Scene) -> None:
            scene.cloud.state.vpc.peer(targets.VPC, "10.0.0.0/8", hop=hop)

        audited(UNREACHABLE, ELSEWHERE, connected).is_open(ReasonKind.UNDECIDABLE)
        audited(UNREACHABLE, targets.target(VpcId=targets.VPC), connected).is_open(ReasonKind.UNDECIDABLE)

    def test_a_nat_gateway_leads_to_no_other_vpc(self) -> None:
        def to_the_internet(scene: Scene) -> None:
            scene.cloud.state.vpc.peer(targets.VPC, "0.0.0.0/1", hop="NatGateway", connection_id="ngw-1")

        report = audited(UNREACHABLE, targets.target(VpcId=targets.VPC), to_the_internet)
        report.is_confirmed("PersistentVolume", s.ARCHIVE)

    @pytest.mark.parametrize("right", ["vpc:DescribeRouteTableList", "vpc:DescribeRouteEntryList"])
    def test_another_region_and_routes_that_are_denied(self, right: str) -> None:
        report = audited(UNREACHABLE, ELSEWHERE, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize("message", [TIMED_OUT, SET_UP + TIMED_OUT, SET_UP + "cannot connect to nas host: x"])
    def test_a_part_of_the_range_and_a_mount_that_times_out(self, message: str) -> None:
        finding = audited(UNREACHABLE, PART, starting, told(message)).loud_one
        assert (finding.subject.name, finding.certainty) == (s.ARCHIVE, Certainty.LIKELY)
        assert "192.168.1.0/25, a part of the range" in str(finding.message)

    @pytest.mark.parametrize(
        "plants",
        [(told(SET_UP + TIMED_OUT),), (starting, told(OTHER_SET_UP + TIMED_OUT))],
        ids=["the Pod runs: it was mounted in the end", "another volume of the Pod"],
    )
    def test_a_part_of_the_range_and_no_mount_of_it_that_fails(self, plants: tuple[Plant, ...]) -> None:
        audited(UNREACHABLE, PART, *plants).is_open(ReasonKind.UNDECIDABLE)

    def test_a_part_of_the_range_and_events_that_are_denied(self) -> None:
        report = audited(UNREACHABLE, PART, starting, denied("list events"))
        report.is_open(ReasonKind.FORBIDDEN, "list events")
        assert ReasonKind.UNDECIDABLE in report.kinds

    def test_virtual_nodes_mount_by_interfaces_of_their_own(self) -> None:
        def without_media(scene: Scene) -> None:
            scene.kubernetes.remove(s.VOLUMES, s.MEDIA)

        plants = (virtual("0.11"), virtual("1.22"), without_media)
        audited(UNREACHABLE, NO_WAY, *plants).is_quiet(Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "right",
        [
            "list pods",
            "list nodes",
            "list persistentvolumes",
            "ecs:DescribeInstances",
            "ecs:DescribeSecurityGroupAttribute",
            "nas:DescribeFileSystems",
            "vpc:DescribeVSwitches",
        ],
    )
    def test_each_right(self, right: str) -> None:
        report = audited(UNREACHABLE, NO_WAY, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right", ["list events", "list services", "vpc:DescribeRouteEntryList", "cs:DescribeClusterDetail"]
    )
    def test_what_is_seen_without(self, right: str) -> None:
        audited(UNREACHABLE, NO_WAY, denied(right)).is_confirmed("PersistentVolume", s.ARCHIVE)


class TestMissing:
    @pytest.mark.parametrize("message", [SET_UP + "exit status 32 " + NO_DIRECTORY, NO_DIRECTORY])
    def test_a_directory_that_the_server_does_not_have(self, message: str) -> None:
        finding = audited(MISSING, starting, told(message)).is_confirmed("PersistentVolume", s.ARCHIVE)
        assert (finding.severity, broken_hops(finding)) == (Severity.HIGH, ["Path"])
        assert "/log-archive" in str(finding.message)
        assert any(command.startswith("mount -t nfs") for command in commands(finding))

    @pytest.mark.parametrize(
        "plants",
        [
            (told(SET_UP + NO_DIRECTORY),),
            (starting, told(OTHER_SET_UP + "mount.nfs: No such file or directory")),
            (starting, told(SET_UP + "open /var/lib/kubelet/x: no such file or directory")),
        ],
        ids=["it was made since: the Pod runs", "another volume of the Pod", "a file on the node"],
    )
    def test_directories_that_are_there(self, plants: tuple[Plant, ...]) -> None:
        audited(MISSING, *plants).is_quiet()

    def test_a_pod_that_waits_and_events_that_are_denied(self) -> None:
        report = audited(MISSING, starting, denied("list events"))
        report.is_open(ReasonKind.FORBIDDEN, "list events")
        audited(MISSING, denied("list events")).is_quiet()

    def test_a_mount_target_that_is_off_is_the_cause_whatever_events_say(self) -> None:
        report = audited(MISSING, targets.target(Status="Inactive"), starting, told(SET_UP + NO_DIRECTORY))
        assert broken_hops(report.is_confirmed("PersistentVolume", s.ARCHIVE)) == ["MountTarget"]

    @pytest.mark.parametrize("status", ["Hibernated", "Pending", "Deleting", "inactive"])
    def test_states_of_a_mount_target_in_which_nothing_mounts(self, status: str) -> None:
        audited(MISSING, targets.target(Status=status)).is_confirmed("PersistentVolume", s.ARCHIVE)

    @pytest.mark.parametrize(
        "plant", [targets.target(Status="active"), targets.system(Status="running"), targets.system(Status="Extending")]
    )
    def test_states_in_which_it_does(self, plant: Plant) -> None:
        audited(MISSING, plant).is_quiet()

    @pytest.mark.parametrize(
        ("path", "is_found"),
        [("/share", False), ("/share/logs", False), ("/shared", True), ("share/logs", True), ("/", True)],
    )
    def test_paths_on_extreme_nas(self, path: str, is_found: bool) -> None:
        def at(scene: Scene) -> None:
            csi = {"driver": claims.NAS, "volumeHandle": s.ARCHIVE}
            s.volume(scene, s.ARCHIVE, csi=csi | {"volumeAttributes": {"server": claims.SERVER, "path": path}})

        report = audited(MISSING, targets.system(FileSystemType="extreme"), at)
        if is_found:
            assert broken_hops(report.is_confirmed("PersistentVolume", s.ARCHIVE)) == ["Path"]
        else:
            report.is_quiet()

    @pytest.mark.parametrize(
        ("plant", "right", "missing"),
        [
            (targets.gone, "nas:DescribeFileSystems", True),
            (targets.gone, "list persistentvolumes", True),
            (targets.gone, "vpc:DescribeRouteEntryList", True),
            (targets.gone, "list pods", False),
            (targets.gone, "list events", False),
            (targets.target(Status="Inactive"), "vpc:DescribeRouteEntryList", False),
            (targets.target(Status="Inactive"), "list pods", False),
        ],
    )
    def test_each_right(self, plant: Plant, right: str, missing: bool) -> None:
        report = audited(MISSING, plant, denied(right))
        if missing:
            report.is_open(ReasonKind.FORBIDDEN, right)
            assert report.missing == {right}
        else:
            report.is_confirmed("PersistentVolume", s.ARCHIVE)
            assert not report.reasons


def by_csi(*modes: str, **source: Any) -> Plant:
    attributes = {"server": claims.SERVER, "path": "/log-archive"}
    csi = {"driver": claims.NAS, "volumeHandle": s.ARCHIVE, "volumeAttributes": attributes, **source}
    return lambda scene: s.volume(scene, s.ARCHIVE, csi=csi, accessModes=list(modes))


class TestSlow:
    def test_an_access_mode_and_a_type_let_the_kubelet_do_it(self) -> None:
        report = audited(SLOW, by_csi("ReadWriteOnce", fsType="nfs"), claims.waiting_archivers())
        assert {finding.certainty for finding in report.loud} == {Certainty.LIKELY}
        assert {finding.subject.kind for finding in report.loud} == {"Pod"}

    @pytest.mark.parametrize(
        "plants",
        [
            (by_csi("ReadWriteMany", fsType="nfs"),),
            (by_csi("ReadWriteOnce"),),
            (by_csi("ReadWriteOnce", fsType="nfs", readOnly=True),),
            (by_csi("ReadWriteOnce", fsType="nfs"), claims.policy("None")),
            (lambda scene: s.volume(scene, s.ARCHIVE, csi=None, nfs={"server": claims.SERVER, "path": "/"}),),
        ],
        ids=["shared", "no type", "only read", "policy None", "NFS of Kubernetes itself"],
    )
    def test_volumes_whose_owners_stay(self, plants: tuple[Plant, ...]) -> None:
        audited(SLOW, *plants, claims.waiting_archivers()).is_quiet(Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        ("message", "reason"),
        [
            (f"Setting volume ownership for /x/volumes/alicloud~nas/{s.ARCHIVE}, processed 9000 files.", "FailedMount"),
            (
                f"Setting volume ownership for /x/volumes/alicloud~nas/{s.ARCHIVE}, processed 9000 files.",
                "VolumePermissionChangeInProgress",
            ),
            ("processed 9000 files", "VolumePermissionChangeInProgress"),
        ],
    )
    def test_the_kubelet_says_that_it_is_at_it(self, message: str, reason: str) -> None:
        report = audited(SLOW, claims.as_flex, claims.waiting_archivers(), told(message, reason))
        assert [finding.certainty for finding in report.loud] == [Certainty.CONFIRMED] * 2
        assert {finding.severity for finding in report.loud} == {Severity.MEDIUM}

    def test_that_it_is_at_another_volume_confirms_nothing(self) -> None:
        message = "Setting volume ownership for /x/volumes/kubernetes.io~csi/d-bp1/mount, processed 9000 files."
        report = audited(
            SLOW, claims.as_flex, claims.waiting_archivers(), told(message, "VolumePermissionChangeInProgress")
        )
        assert {finding.certainty for finding in report.loud} == {Certainty.LIKELY}

    @pytest.mark.parametrize(
        "message", [SET_UP + "mount.nfs: access denied by server", 'secret "logs" not found'], ids=["NAS", "a Secret"]
    )
    def test_an_event_that_names_another_fault(self, message: str) -> None:
        audited(SLOW, claims.as_flex, claims.waiting_archivers(), told(message)).is_quiet()

    @pytest.mark.parametrize(
        "right", ["list events", "list pods", "list persistentvolumes", "list persistentvolumeclaims"]
    )
    def test_each_right(self, right: str) -> None:
        report = audited(SLOW, claims.as_flex, claims.waiting_archivers(), denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right", ["nas:DescribeFileSystems", "list csidrivers.storage.k8s.io", "list storageclasses.storage.k8s.io"]
    )
    def test_what_is_seen_without(self, right: str) -> None:
        report = audited(SLOW, claims.as_flex, claims.waiting_archivers(), denied(right))
        assert len(report.loud) == 2
        assert not report.reasons


def made_by(version: str) -> Plant:
    def plant(scene: Scene) -> None:
        cs = scene.cloud.state.cs
        cs.clusters[cs.cluster_id] |= {"init_version": version, "current_version": version}

    return plant


def claim_changed(change: Callable[[s.Json], object]) -> Plant:
    return lambda scene: scene.kubernetes.patch(s.CLAIMS, "waiting", change, "shop")


NAS_CLAIM = claims.claim("alicloud-nas-subpath")


class TestPending:
    @pytest.mark.parametrize(("version", "is_old"), [("1.14.8-aliyun.1", True), ("1.16.9-aliyun.1", False)])
    @pytest.mark.parametrize("provisioner", [claims.NAS, "alicloud/nas"])
    def test_a_flexvolume_cluster_of_any_age(self, provisioner: str, version: str, is_old: bool) -> None:
        plants = (claims.flexvolume, made_by(version), claims.nas_class(provisioner), claims.claim("planted"))
        finding = audited(PENDING, *plants).is_confirmed("PersistentVolumeClaim", "shop/waiting")
        assert ("before Kubernetes 1.16" in str(finding.message)) is is_old
        assert broken_hops(finding) == ["Deployment"]

    @pytest.mark.parametrize("right", ["cs:DescribeClusterDetail", "cs:ListClusterAddonInstances"])
    def test_a_flexvolume_cluster_needs_no_word_of_the_cloud(self, right: str) -> None:
        """Whatever runs outside, nothing in the cluster could mount what it makes."""
        plants = (claims.flexvolume, claims.nas_class(claims.NAS), claims.claim("planted"), denied(right))
        report = audited(PENDING, *plants)
        report.is_confirmed("PersistentVolumeClaim", "shop/waiting")
        assert not report.reasons

    def test_a_controller_that_is_run_outside_and_daemonsets_that_are_denied(self) -> None:
        report = audited(
            PENDING, d.no_workload(d.DEPLOYMENTS, "csi-provisioner"), NAS_CLAIM, denied("list daemonsets.apps")
        )
        report.is_open(ReasonKind.FORBIDDEN, "list daemonsets.apps")

    @pytest.mark.parametrize(
        "plants",
        [
            (claim_changed(lambda found: found["metadata"].update(deletionTimestamp=s.LONG_AGO)),),
            (claim_changed(lambda found: found["metadata"].update(creationTimestamp=d.ago(seconds=30))),),
            (claim_changed(lambda found: found["spec"].update(volumeName="made-by-hand")),),
            (claim_changed(lambda found: found["spec"].update(storageClassName="")),),
        ],
        ids=["being deleted", "just made", "asks for a volume by name", "asks for no class"],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(PENDING, claims.without_provisioner, NAS_CLAIM, *plants).is_quiet(Status.NOT_APPLICABLE)

    def test_ack_s_managed_provisioner(self) -> None:
        managed = (d.no_workload(d.DEPLOYMENTS, "csi-provisioner"), d.no_addon("csi-provisioner"))
        audited(PENDING, *managed, d.addon("managed-csiprovisioner", "active"), NAS_CLAIM).is_quiet()

    def test_a_provisioner_that_crashes_is_there_and_does_nothing(self) -> None:
        crashing = [d.crashing(pod) for pod in d.PROVISIONER_PODS]
        finding = audited(PENDING, *crashing, NAS_CLAIM).is_confirmed("PersistentVolumeClaim", "shop/waiting")
        assert "storage/volume-driver-unhealthy" in str(finding.why)

    def test_one_of_two_provisioners_is_enough(self) -> None:
        audited(PENDING, d.crashing(d.PROVISIONER_PODS[0]), NAS_CLAIM).is_quiet()

    @pytest.mark.parametrize(
        "right",
        ["list deployments.apps", "list persistentvolumeclaims", "list storageclasses.storage.k8s.io"],
    )
    def test_each_right(self, right: str) -> None:
        report = audited(PENDING, claims.without_provisioner, NAS_CLAIM, denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right", ["list events", "list pods", "list nodes", "list persistentvolumes", "list statefulsets.apps"]
    )
    def test_what_is_seen_without(self, right: str) -> None:
        report = audited(PENDING, claims.without_provisioner, NAS_CLAIM, denied(right))
        report.is_confirmed("PersistentVolumeClaim", "shop/waiting")
        assert not report.reasons
