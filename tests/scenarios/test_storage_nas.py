"""NAS permission groups that refuse nodes, planted at both APIs: storage/nas-access-denied."""

from collections.abc import Callable

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

CHECK = "storage/nas-access-denied"
WHOLE, ZONE_H, ZONE_I, ZONE_K = "192.168.0.0/16", "192.168.0.0/24", "192.168.1.0/24", "192.168.2.0/24"
SERVER = "e5bc4e67df-9h4f0.cn-hangzhou.nas.aliyuncs.com"
BOTH = {s.MEDIA, s.ARCHIVE}

Plant = Callable[[Scene], object]


def audited(*plants: Plant) -> Report:
    scene = Scene()
    for plant in plants:
        plant(scene)
    return scene.audit(CHECK)


def found_on(report: Report, *names: str) -> list[ReportedFinding]:
    """Assert that there is one high, confirmed finding on each of these volumes, and no other."""
    assert sorted(finding.subject.name for finding in report.findings) == sorted(names), report.reasons
    for finding in report.findings:
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert (finding.subject.kind, finding.subject.namespace) == ("PersistentVolume", "")
    assert report.status is Status.FOUND
    assert not report.reasons
    return list(report.findings)


def rules(*given: tuple[int, str, str]) -> Plant:
    return lambda scene: s.rules(scene, *given)


def archive_group(*given: tuple[int, str, str], kind: str = "standard") -> Plant:
    """Give the archive's mount target a group of its own."""

    def plant(scene: Scene) -> None:
        scene.cloud.state.nas.file_systems[s.ARCHIVE_FS]["FileSystemType"] = kind
        scene.cloud.state.nas.add_access_group("archive", kind)
        for priority, cidr, right in given:
            scene.cloud.state.nas.add_rule("archive", cidr, kind, Priority=priority, RWAccess=right)
        s.use_group(scene, s.ARCHIVE_FS, "archive")

    return plant


def as_nfs(scene: Scene) -> None:
    s.volume(scene, s.ARCHIVE, csi=None, nfs={"server": SERVER, "path": "/log-archive"})


def as_flex(scene: Scene) -> None:
    s.volume(scene, s.ARCHIVE, **s.flex("alicloud/nas", server=SERVER, path="/log-archive", vers="3"))


def archivers(scene: Scene) -> list[str]:
    names = [row["metadata"]["name"] for row in scene.kubernetes.objects.all(s.PODS)]
    return [name for name in names if name.startswith("log-archiver")]


def each_archiver(change: Callable[[s.Json], object]) -> Plant:
    def plant(scene: Scene) -> None:
        for name in archivers(scene):
            scene.kubernetes.patch(s.PODS, name, change, "logging")

    return plant


def without_archivers(scene: Scene) -> None:
    for name in archivers(scene):
        scene.kubernetes.remove(s.PODS, name, "logging")


def reads_by_claim(pod: s.Json) -> None:
    for volume in pod["spec"]["volumes"]:
        if "persistentVolumeClaim" in volume:
            volume["persistentVolumeClaim"]["readOnly"] = True


def reads_by_mount(pod: s.Json) -> None:
    for container in pod["spec"]["containers"]:
        for mount in container["volumeMounts"]:
            mount["readOnly"] = True


def addresses(*given: str) -> Plant:
    """Let the node of an archiver say these addresses."""
    entries = [{"type": "InternalIP", "address": address} for address in given]
    return lambda scene: scene.kubernetes.patch(
        s.NODES, s.node("0.11"), lambda found: found["status"].update(addresses=entries)
    )


def test_the_healthy_cluster_is_quiet() -> None:
    audited().is_quiet()


class TestRefused:
    def test_a_zone_whose_rule_is_gone(self) -> None:
        """The volume without a Pod there is not hurt."""
        (finding,) = found_on(audited(rules((1, ZONE_H, "RDWR"), (2, ZONE_I, "RDWR"))), s.MEDIA)
        assert finding.evidence["affected"] == [s.node("2.43")]
        assert finding.evidence["access_group"] == "shop-prod-nodes"

    def test_a_zone_that_both_volumes_use(self) -> None:
        found_on(audited(rules((1, ZONE_H, "RDWR"), (2, ZONE_K, "RDWR"))), *BOTH)

    def test_no_rule_names_any_node(self) -> None:
        found_on(audited(rules((1, "10.0.0.0/8", "RDWR"))), *BOTH)

    def test_an_empty_group(self) -> None:
        found_on(audited(rules()), *BOTH)

    def test_an_empty_group_whose_list_is_null(self) -> None:
        def nothing(answer: s.Json) -> s.Json:
            return {**answer, "AccessRules": None, "TotalCount": 0}

        found_on(audited(lambda scene: scene.cloud.mutate("nas:DescribeAccessRules", nothing)), *BOTH)

    def test_an_empty_group_of_a_volume_that_nobody_uses(self) -> None:
        found_on(audited(archive_group(), without_archivers), s.ARCHIVE)

    def test_a_group_that_refuses_every_node_of_a_volume_that_nobody_uses_yet(self) -> None:
        found_on(audited(archive_group((1, "10.0.0.0/8", "RDWR")), without_archivers), s.ARCHIVE)

    def test_a_pod_that_hangs_in_starting(self) -> None:
        starting = each_archiver(lambda pod: pod.update(status={"phase": "Pending"}))
        found_on(audited(archive_group((1, ZONE_K, "RDWR")), starting), s.ARCHIVE)

    @pytest.mark.parametrize("form", [as_nfs, as_flex], ids=["nfs", "flex"])
    def test_other_forms_of_the_volume(self, form: Plant) -> None:
        found_on(audited(archive_group((1, ZONE_K, "RDWR")), form), s.ARCHIVE)
        audited(form).is_quiet()

    def test_two_volumes_of_one_mount_target_are_two_subjects(self) -> None:
        def second(scene: Scene) -> None:
            made = s.copy(scene, s.VOLUMES, s.ARCHIVE, "second")
            made["spec"]["claimRef"] |= {"name": "second"}
            scene.kubernetes.add(s.VOLUMES, made)
            scene.kubernetes.patch(s.PODS, archivers(scene)[0], uses_second, "logging")

        def uses_second(pod: s.Json) -> None:
            pod["spec"]["volumes"].append({"name": "two", "persistentVolumeClaim": {"claimName": "second"}})

        found_on(audited(archive_group((1, ZONE_K, "RDWR")), second), s.ARCHIVE, "second")
        audited(second).is_quiet()

    @pytest.mark.parametrize("cidr", ["192.168.0.12", "192.168.0.0/30", "192.168.0.12/32"])
    def test_ranges_that_just_miss_the_node(self, cidr: str) -> None:
        found_on(audited(archive_group((1, cidr, "RDWR"), (2, ZONE_I, "RDWR"))), s.ARCHIVE)

    def test_a_group_of_extreme_file_systems_is_another_one_of_the_same_name(self) -> None:
        def namesake(scene: Scene) -> None:
            scene.cloud.state.nas.add_access_group("shop-prod-nodes", "extreme")
            scene.cloud.state.nas.add_rule("shop-prod-nodes", "10.0.0.0/8", "extreme")

        def extreme(scene: Scene) -> None:
            scene.cloud.state.nas.file_systems[s.ARCHIVE_FS]["FileSystemType"] = "extreme"

        audited(namesake).is_quiet()
        found_on(audited(namesake, extreme), s.ARCHIVE)
        audited(archive_group((1, WHOLE, "RDWR"), kind="extreme")).is_quiet()

    def test_a_pod_on_a_virtual_node_comes_with_its_own_address(self) -> None:
        def virtual(scene: Scene) -> None:
            made = s.copy(scene, s.NODES, s.node("0.11"), "virtual-kubelet-cn-hangzhou-h")
            made["metadata"]["labels"] = {"type": "virtual-kubelet"}
            made["spec"] = {"taints": [{"key": "virtual-kubelet.io/provider", "effect": "NoSchedule"}]}
            scene.kubernetes.add(s.NODES, made)
            s.pod(scene, "logging", archivers(scene)[0], nodeName="virtual-kubelet-cn-hangzhou-h")

        def at(ip: str) -> Plant:
            return each_archiver(lambda pod: pod["status"].update(podIP=ip, podIPs=[{"ip": ip}]))

        (finding,) = found_on(audited(virtual, at("10.9.9.9")), s.ARCHIVE)
        assert str(finding.evidence["affected"]).startswith("['logging/log-archiver")
        audited(virtual, at("192.168.0.77")).is_quiet()


class TestReadOnly:
    reading = staticmethod(archive_group((1, WHOLE, "RDONLY")))

    def test_a_volume_that_is_written(self) -> None:
        (finding,) = found_on(audited(self.reading), s.ARCHIVE)
        assert finding.evidence["deciding_rules"] == [f"1 {WHOLE} RDONLY"]

    def test_the_stronger_rule_decides(self) -> None:
        found_on(audited(archive_group((1, ZONE_H, "RDONLY"), (2, WHOLE, "RDWR"))), s.ARCHIVE)
        audited(archive_group((1, WHOLE, "RDWR"), (2, ZONE_H, "RDONLY"))).is_quiet()

    @pytest.mark.parametrize("form", [as_nfs, as_flex], ids=["nfs", "flex"])
    def test_other_forms_of_the_volume(self, form: Plant) -> None:
        found_on(audited(self.reading, form), s.ARCHIVE)

    @pytest.mark.parametrize(
        "look_alike",
        [
            lambda scene: s.volume(scene, s.ARCHIVE, accessModes=["ReadOnlyMany"]),
            lambda scene: s.volume(scene, s.ARCHIVE, mountOptions=["nolock,tcp", "vers=3,ro"]),
            lambda scene: s.volume(scene, s.ARCHIVE, csi=None, nfs={"server": SERVER, "readOnly": True}),
            lambda scene: s.volume(scene, s.ARCHIVE, **s.flex("alicloud/nas", server=SERVER, options="nolock,tcp,ro")),
            each_archiver(reads_by_claim),
            each_archiver(reads_by_mount),
            lambda scene: scene.kubernetes.patch(
                s.CLAIMS, "log-archive", lambda found: found["spec"].update(accessModes=["ReadOnlyMany"]), "logging"
            ),
        ],
        ids=["access mode", "mount option", "source", "driver option", "pods' claims", "pods' mounts", "claim"],
    )
    def test_a_volume_that_is_only_read(self, look_alike: Plant) -> None:
        audited(self.reading, look_alike).is_quiet()
        found_on(audited(archive_group((1, ZONE_K, "RDWR")), look_alike), s.ARCHIVE)

    @pytest.mark.parametrize("modes", [["ReadOnlyMany", "ReadWriteMany"], None])
    def test_access_modes_that_also_let_write(self, modes: list[str] | None) -> None:
        found_on(audited(self.reading, lambda scene: s.volume(scene, s.ARCHIVE, accessModes=modes)), s.ARCHIVE)


class TestQuiet:
    @pytest.mark.parametrize(
        "given",
        [
            [(1, "0.0.0.0/0", "RDWR")],
            [(1, WHOLE, "RDWR"), (2, ZONE_H, "RDONLY"), (50, "10.0.0.0/8", "RDONLY")],
            [(1, "10.0.0.0/8", "RDONLY"), (100, WHOLE, "RDWR")],
            [(1, "192.168.0.11", "RDWR"), (1, "192.168.1.22/32", "RDWR")],
            [(1, "192.168.0.11/24", "RDWR"), (1, ZONE_I, "RDWR")],
            [(5, WHOLE, "RDWR"), (5, ZONE_H, "RDWR")],
            [(1, ZONE_H, "RDWR"), (2, ZONE_I, "RDWR")],
        ],
        ids=[
            "everybody",
            "a wider rule of better priority",
            "a stronger rule for others",
            "single addresses",
            "host bits",
            "equals that agree",
            "just the nodes that mount",
        ],
    )
    def test_groups_that_let_in_who_mounts(self, given: list[tuple[int, str, str]]) -> None:
        audited(archive_group(*given)).is_quiet()

    @pytest.mark.parametrize(
        "look_alike",
        [
            lambda scene: s.volume_phase(scene, s.ARCHIVE, "Released"),
            lambda scene: scene.cloud.state.nas.file_systems.pop(s.ARCHIVE_FS),
            lambda scene: scene.cloud.state.nas.mount_targets(s.ARCHIVE_FS).clear(),
            lambda scene: s.volume(scene, s.ARCHIVE, csi=None, nfs={"server": "10.1.2.3", "path": "/"}),
            lambda scene: s.volume(
                scene, s.ARCHIVE, csi={"driver": "nasplugin.csi.alibabacloud.com", "volumeAttributes": None}
            ),
            lambda scene: s.volume(scene, s.ARCHIVE, csi={"driver": "ossplugin.csi.alibabacloud.com"}),
        ],
        ids=["released", "no file system", "no mount target", "another server", "no server", "another kind"],
    )
    def test_what_is_no_mount_that_can_be_refused(self, look_alike: Plant) -> None:
        audited(archive_group(), look_alike).is_quiet()

    @pytest.mark.parametrize(
        "change",
        [
            lambda pod: pod["status"].update(phase="Succeeded"),
            lambda pod: pod["metadata"].update(deletionTimestamp=s.LONG_AGO),
            lambda pod: pod["spec"].update(nodeName="cn-hangzhou.gone"),
        ],
        ids=["finished", "terminating", "node gone"],
    )
    def test_pods_that_mount_nothing(self, change: Callable[[s.Json], object]) -> None:
        audited(archive_group((1, ZONE_K, "RDWR")), each_archiver(change)).is_quiet()

    def test_a_pod_that_waits_for_a_node(self) -> None:
        def waiting(scene: Scene) -> None:
            for name in archivers(scene):
                s.pending(scene, "logging", name)

        audited(archive_group((1, ZONE_K, "RDWR")), waiting).is_quiet()

    @pytest.mark.parametrize("ips", [("192.168.0.11", "fd00::11"), ("fd00::11", "192.168.0.11")])
    def test_a_node_of_both_families_comes_by_the_old_one(self, ips: tuple[str, ...]) -> None:
        audited(addresses(*ips)).is_quiet()

    def test_a_node_of_the_new_family_needs_a_rule_of_it(self) -> None:
        found_on(audited(addresses("fd00::11")), s.ARCHIVE)

        def let_in(scene: Scene) -> None:
            scene.cloud.state.nas.add_rule("shop-prod-nodes", "", Ipv6SourceCidrIp="fd00::/64")

        audited(addresses("fd00::11"), let_in).is_quiet()

    @pytest.mark.parametrize("cidr", ["192.168.0.0/24", ""])
    def test_null_ranges_of_the_other_family(self, cidr: str) -> None:
        def nulls(scene: Scene) -> None:
            for rule in scene.cloud.state.nas.access_rules[s.GROUP]:
                rule["Ipv6SourceCidrIp"] = None
            scene.cloud.state.nas.add_rule("shop-prod-nodes", cidr, Ipv6SourceCidrIp="fd00::/64", Priority=99)

        audited(nulls).is_quiet()

    def test_priorities_in_texts(self) -> None:
        def texts(scene: Scene) -> None:
            for rule in scene.cloud.state.nas.access_rules[s.GROUP]:
                rule["Priority"] = str(rule["Priority"])

        audited(texts).is_quiet()

    def test_many_rules_on_several_pages(self) -> None:
        def plant(scene: Scene) -> None:
            s.rules(scene, *[(50, f"10.0.{number}.0/24", "RDONLY") for number in range(250)], (60, WHOLE, "RDWR"))

        audited(plant).is_quiet()


class TestGaps:
    @pytest.mark.parametrize(
        "plant",
        [
            archive_group((5, WHOLE, "RDWR"), (5, ZONE_H, "RDONLY"), (5, ZONE_I, "RDONLY")),
            archive_group((1, "nonsense", "RDWR")),
            archive_group((1, WHOLE, "SOMETHING")),
        ],
        ids=["equals that contradict", "a range that is none", "a right that is none"],
    )
    def test_rules_that_do_not_decide(self, plant: Plant) -> None:
        audited(plant).is_open(ReasonKind.UNDECIDABLE)

    @pytest.mark.parametrize("field", ["Priority", "RWAccess"])
    def test_a_rule_that_lacks_a_field(self, field: str) -> None:
        report = audited(lambda scene: scene.cloud.state.nas.access_rules[s.GROUP][0].pop(field))
        report.is_open(ReasonKind.MALFORMED)

    def test_a_group_that_is_not_found(self) -> None:
        report = audited(lambda scene: s.use_group(scene, s.ARCHIVE_FS, "no-such-group"))
        report.is_open(ReasonKind.ERROR)
        assert report.result.subjects == 1

    @pytest.mark.parametrize("action", ["DescribeFileSystems", "DescribeAccessRules"])
    def test_denied(self, action: str) -> None:
        audited(lambda scene: scene.cloud.deny(f"nas:{action}")).is_open(ReasonKind.FORBIDDEN, f"nas:{action}")

    def test_a_list_of_rules_that_is_null_though_some_are_announced(self) -> None:
        def null(answer: s.Json) -> s.Json:
            return {**answer, "AccessRules": None}

        audited(lambda scene: scene.cloud.mutate("nas:DescribeAccessRules", null)).is_open(ReasonKind.MALFORMED)

    def test_a_node_without_address(self) -> None:
        audited(addresses()).is_open(ReasonKind.MALFORMED)
