"""storage/nas-access-denied."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.nas import AccessGroupRules, AccessRule, FileSystem, MountTarget
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/nas-access-denied"
SERVER = "0c22-abc.cn-hangzhou.nas.aliyuncs.com"
IPS = {"n1": "192.168.0.11", "n2": "192.168.1.21", "n3": "192.168.2.31"}
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)


def rules(*given: tuple[int, str, str]) -> list[AccessRule]:
    return [AccessRule(str(i), priority, access, cidr) for i, (priority, cidr, access) in enumerate(given)]


ALL = rules((1, "192.168.0.0/16", "RDWR"))
FIRST_ONLY = rules((1, "192.168.0.0/24", "RDWR"))
NOT_THE_FIRST = rules((1, "192.168.1.0/24", "RDWR"), (2, "192.168.2.0/24", "RDWR"))


def node(name: str, **more: Any) -> Any:
    return make.node(name, ip=IPS[name], **more)


def virtual() -> Any:
    return make.node("v", ip="192.168.9.9", labels={"type": "virtual-kubelet"}, providerID="")


def file_system(kind: str = "standard", **more: Any) -> FileSystem:
    target: dict[str, Any] = {"status": "Active", "access_group": "nodes", "network_type": "Vpc", "vpc_id": make.VPC}
    return FileSystem("0c22", type=kind, mount_targets=[MountTarget(SERVER, **(target | more))])


def base(group: list[AccessRule], **tables: Any) -> Landscape:
    """Three nodes, a volume in read-write use on the first."""
    given: dict[str, Any] = {
        "nodes": [node(name) for name in IPS],
        "persistent_volumes": [make.nas_volume("pv-1", SERVER, "shop/media")],
        "file_systems": [file_system()],
        "nas_access_rules": [AccessGroupRules("standard", "nodes", group)],
        "pods": [user("n1")],
    }
    return kit.landscape(**(given | tables))


def user(node_name: str = "", *, read_only: bool = False, name: str = "web-0", **more: Any) -> Any:
    spec = more.pop("spec", {})
    if read_only:
        spec["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "media", "readOnly": True}}]
    return make.pod(f"shop/{name}", node_name, claims=["media"], spec=spec, **more)


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "pv-1")
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


class TestNodesWithPods:
    def test_no_rule_contains_the_node(self) -> None:
        finding = only(base(NOT_THE_FIRST))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["affected"] == ["n1"]
        assert finding.evidence["addresses"] == {"n1": "192.168.0.11"}
        assert finding.evidence["access_group"] == "nodes"
        assert finding.evidence["pods"] == ["shop/web-0"]
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["AccessGroup"]
        assert finding.trail[0].ref.kind == "Pod"

    def test_a_pod_that_waits_to_start_is_refused_too(self) -> None:
        assert grade(only(base(NOT_THE_FIRST, pods=[user("n1", phase="Pending")]))) == CONFIRMED

    def test_many_nodes_are_one_finding(self) -> None:
        pods = [user("n1"), user("n2", name="web-1"), user("n2", name="web-2")]
        finding = only(base(rules((1, "192.168.2.0/24", "RDWR")), pods=pods))
        assert finding.evidence["affected"] == ["n1", "n2"]

    def test_only_a_read_only_rule_contains_it(self) -> None:
        finding = only(base(rules((1, "192.168.0.0/24", "RDONLY"), (2, "192.168.0.0/16", "RDWR"))))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["deciding_rules"] == ["1 192.168.0.0/24 RDONLY"]
        assert "read only" in str(finding.message)

    def test_refused_and_read_only_nodes_are_two_findings(self) -> None:
        group = rules((1, "192.168.0.0/24", "RDONLY"), (2, "192.168.2.0/24", "RDWR"))
        found = kit.finds(CHECK, base(group, pods=[user("n1"), user("n2", name="web-1")]), "pv-1")
        assert sorted(str(finding.evidence["affected"]) for finding in found) == ["['n1']", "['n2']"]

    def test_a_volume_of_the_nfs_kind(self) -> None:
        volume = make.nas_volume("pv-1", "", "shop/media", csi=None, nfs={"server": SERVER, "path": "/"})
        only(base(NOT_THE_FIRST, persistent_volumes=[volume]))

    def test_each_type_of_file_system_has_groups_of_its_own(self) -> None:
        groups = [AccessGroupRules("standard", "nodes", ALL), AccessGroupRules("extreme", "nodes", NOT_THE_FIRST)]
        only(base(ALL, file_systems=[file_system("extreme")], nas_access_rules=groups))
        kit.stays_quiet(CHECK, base(ALL, nas_access_rules=groups))

    def test_a_virtual_node_mounts_with_the_address_of_the_pod(self) -> None:
        nodes = [node("n1"), virtual()]
        outside = user("v", status={"phase": "Running", "podIP": "10.1.1.1"})
        finding = only(base(ALL, nodes=nodes, pods=[outside]))
        assert finding.evidence["affected"] == ["shop/web-0"]
        inside = user("v", status={"phase": "Running", "podIP": "192.168.3.3"})
        kit.stays_quiet(CHECK, base(ALL, nodes=nodes, pods=[inside]))

    def test_the_address_of_the_pod_does_not_matter_elsewhere(self) -> None:
        kit.stays_quiet(CHECK, base(ALL, pods=[user("n1", status={"phase": "Running", "podIP": "10.1.1.1"})]))

    @pytest.mark.parametrize(
        "group",
        [
            ALL,
            rules((1, "0.0.0.0/0", "RDWR")),
            rules((9, "192.168.0.11", "RDONLY"), (1, "192.168.0.0/16", "RDWR")),
            rules((1, "10.0.0.0/8", "RDONLY"), (2, "192.168.0.0/16", "RDWR")),
            rules((5, "192.168.0.0/16", "RDWR"), (5, "192.168.0.0/24", "RDWR")),
        ],
        ids=["one rule", "default group", "a wider rule of better priority", "another range", "equals that agree"],
    )
    def test_quiet(self, group: list[AccessRule]) -> None:
        kit.stays_quiet(CHECK, base(group))

    @pytest.mark.parametrize(
        "volume",
        [
            make.nas_volume("pv-1", SERVER, "shop/media", accessModes=["ReadOnlyMany"]),
            make.nas_volume("pv-1", SERVER, "shop/media", mountOptions=["nolock,ro", "vers=3"]),
            make.nas_volume("pv-1", "", "shop/media", csi=None, nfs={"server": SERVER, "path": "/", "readOnly": True}),
            make.nas_volume(
                "pv-1",
                "",
                "shop/media",
                csi=None,
                flexVolume={"driver": "alicloud/nas", "options": {"server": SERVER, "options": "nolock,ro"}},
            ),
        ],
        ids=["access mode", "mount option", "source", "driver option"],
    )
    def test_a_read_only_volume_needs_no_more_than_to_read(self, volume: Any) -> None:
        reading = rules((1, "192.168.0.0/16", "RDONLY"))
        kit.stays_quiet(CHECK, base(reading, persistent_volumes=[volume]))
        only(base(NOT_THE_FIRST, persistent_volumes=[volume]))

    def test_pods_that_only_read_need_no_more_than_to_read(self) -> None:
        reading = rules((1, "192.168.0.0/16", "RDONLY"))
        pods = [user("n1", read_only=True)]
        kit.stays_quiet(CHECK, base(reading, pods=pods))
        finding = only(base(reading, pods=[*pods, user("n2", name="web-1")], nodes=[node("n1"), node("n2")]))
        assert finding.evidence["pods"] == ["shop/web-1"]

    def test_a_claim_that_only_reads_needs_no_more_either(self) -> None:
        claim = make.volume_claim("shop/media", "pv-1", accessModes=["ReadOnlyMany"])
        group = rules((1, "192.168.0.0/16", "RDONLY"))
        kit.stays_quiet(CHECK, base(group, persistent_volume_claims=[claim]))
        only(base(NOT_THE_FIRST, persistent_volume_claims=[claim]))
        writing = make.volume_claim("shop/media", "pv-1", accessModes=["ReadOnlyMany", "ReadWriteMany"])
        only(base(group, persistent_volume_claims=[writing]))

    def test_the_case_of_the_server_does_not_matter(self) -> None:
        only(base(NOT_THE_FIRST, persistent_volumes=[make.nas_volume("pv-1", f"{SERVER.upper()} ", "shop/media")]))

    @pytest.mark.parametrize(
        "pod",
        [
            user("n2", phase="Succeeded"),
            user("n2", deletionTimestamp="2026-11-23T07:59:00Z"),
            make.pod("other/web-0", "n2", claims=["media"]),
            user("gone"),
        ],
        ids=["finished", "being deleted", "another namespace", "node gone"],
    )
    def test_pods_that_do_not_count(self, pod: Any) -> None:
        nodes = [node("n1"), node("n2", unschedulable=True)]
        kit.stays_quiet(CHECK, base(FIRST_ONLY, nodes=nodes, pods=[user("n1"), pod]))


class TestNodesWithoutPods:
    @pytest.mark.parametrize("pods", [[], [user()], [user("n1")]], ids=["no pod", "a pod without a node", "a pod"])
    def test_a_group_for_a_part_of_the_nodes_is_quiet(self, pods: list[Any]) -> None:
        kit.stays_quiet(CHECK, base(FIRST_ONLY, pods=pods))

    def test_so_is_one_that_lets_the_others_only_read(self) -> None:
        kit.stays_quiet(CHECK, base(rules((1, "192.168.0.0/24", "RDWR"), (2, "192.168.0.0/16", "RDONLY"))))

    @pytest.mark.parametrize("pods", [[], [user()]], ids=["no pod", "a pod without a node"])
    @pytest.mark.parametrize("claim", ["shop/media", ""])
    def test_a_group_that_lets_in_no_node_at_all_is_certain_to_fail(self, pods: list[Any], claim: str) -> None:
        volumes = [make.nas_volume("pv-1", SERVER, claim)]
        finding = only(base(rules((1, "10.0.0.0/8", "RDWR")), pods=pods, persistent_volumes=volumes))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["affected"] == sorted(IPS)

    def test_so_is_one_that_lets_in_none_of_those_that_take_the_pods(self) -> None:
        nodes = [node("n1"), node("n2", labels={"class": "web"}), node("n3", unschedulable=True)]
        pods = [user(spec={"nodeSelector": {"class": "web"}})]
        assert only(base(FIRST_ONLY, nodes=nodes, pods=pods)).evidence["affected"] == ["n2"]

    def test_an_affinity_of_the_volume_narrows_them_too(self) -> None:
        terms = [{"matchExpressions": [{"key": "class", "operator": "In", "values": ["web"]}]}]
        affinity = {"required": {"nodeSelectorTerms": terms}}
        volume = make.nas_volume("pv-1", SERVER, "shop/media", nodeAffinity=affinity)
        nodes = [node("n1"), node("n2", labels={"class": "web"})]
        finding = only(base(FIRST_ONLY, nodes=nodes, persistent_volumes=[volume], pods=[]))
        assert finding.evidence["affected"] == ["n2"]

    @pytest.mark.parametrize(
        "more",
        [{"unschedulable": True}, {"taints": [{"key": "for", "value": "db", "effect": "NoSchedule"}]}],
        ids=["cordoned", "tainted"],
    )
    def test_while_no_node_takes_a_pod_there_is_nothing_to_refuse(self, more: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, base(FIRST_ONLY, nodes=[node("n2", **more)], pods=[]))

    def test_a_virtual_node_is_no_client(self) -> None:
        kit.stays_quiet(CHECK, base(FIRST_ONLY, nodes=[virtual()], pods=[]))

    def test_a_node_that_is_let_in_decides_beside_one_that_is_not_known(self) -> None:
        nodes = [make.node("n9", ip="not an address"), node("n1")]
        kit.stays_quiet(CHECK, base(FIRST_ONLY, nodes=nodes, pods=[]))
        result, findings = kit.run(CHECK, base(NOT_THE_FIRST, nodes=nodes, pods=[]))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())


class TestGroups:
    def test_an_empty_group(self) -> None:
        finding = only(base([]))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["affected"] == ["shop/web-0"]

    def test_an_empty_group_of_a_volume_without_pods(self) -> None:
        assert grade(only(base([], pods=[]))) == CONFIRMED

    @pytest.mark.parametrize(
        "tables",
        [
            {"file_systems": []},
            {"file_systems": [FileSystem("0c22", type="standard", mount_targets=[])]},
            {"file_systems": [file_system(network_type="Classic")]},
            {"persistent_volumes": [make.nas_volume("pv-1", "", "shop/media")]},
            {"persistent_volumes": [make.disk_volume("pv-1", "d-1", "shop/media")]},
        ],
        ids=["no file system", "no mount target", "classic network", "no server", "a disk"],
    )
    def test_what_other_checks_look_at(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, base([], **tables), Status.NOT_APPLICABLE)

    def test_a_released_volume_is_used_by_nobody(self) -> None:
        volume = make.nas_volume("pv-1", SERVER, "shop/media")
        volume = msgspec.structs.replace(volume, status=msgspec.structs.replace(volume.status, phase="Released"))
        kit.stays_quiet(CHECK, base([], persistent_volumes=[volume]), Status.NOT_APPLICABLE)


class TestGaps:
    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK) - {"persistent_volume_claims"}))
    def test_a_table_that_is_taken_away(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(base(ALL), table))
        kit.is_not_evaluated(CHECK, kit.without(base(NOT_THE_FIRST), table))

    def test_claims_matter_only_where_the_group_lets_the_node_just_read(self) -> None:
        kit.stays_quiet(CHECK, kit.without(base(ALL), "persistent_volume_claims"))
        assert grade(only(kit.without(base(NOT_THE_FIRST), "persistent_volume_claims"))) == CONFIRMED
        reading = rules((1, "192.168.0.0/16", "RDONLY"))
        kit.is_not_evaluated(CHECK, kit.without(base(reading), "persistent_volume_claims"))
        kit.stays_quiet(
            CHECK, kit.without(base(reading, pods=[user("n1", read_only=True)]), "persistent_volume_claims")
        )

    @pytest.mark.parametrize("table", ["pods", "nodes"])
    def test_an_empty_group_is_one_whoever_uses_it(self, table: str) -> None:
        _, findings = kit.run(CHECK, kit.without(base([]), table))
        assert [(finding.severity, finding.certainty) for finding in findings] == [CONFIRMED]

    def test_rules_that_are_not_known_touch_just_their_volumes(self) -> None:
        volumes = [
            make.nas_volume("pv-1", SERVER, "shop/media"),
            make.nas_volume("pv-2", "1d33-x.cn-hangzhou.nas.aliyuncs.com", "shop/logs"),
        ]
        other = MountTarget("1d33-x.cn-hangzhou.nas.aliyuncs.com", access_group="other", network_type="Vpc")
        landscape = base(
            NOT_THE_FIRST,
            persistent_volumes=volumes,
            file_systems=[file_system(), FileSystem("1d33", type="standard", mount_targets=[other])],
            nas_access_rules=[
                AccessGroupRules("standard", "nodes", NOT_THE_FIRST),
                AccessGroupRules("standard", "other", ALL),
            ],
        )
        result, findings = kit.run(CHECK, kit.without_rows(landscape, "nas_access_rules", "standard/other"))
        assert [finding.subject.name for finding in findings] == ["pv-1"]
        assert [unseen.subject.name for unseen in result.unseen] == ["pv-2"]

    @pytest.mark.parametrize(
        "landscape",
        [
            base(rules((5, "192.168.0.0/16", "RDWR"), (5, "192.168.0.0/24", "RDONLY"))),
            base(rules((1, "not a range", "RDWR"))),
            base(ALL, nas_access_rules=[]),
            base(ALL, file_systems=[file_system(access_group=None)]),
            base(ALL, file_systems=[FileSystem("0c22", type="standard")]),
            base(ALL, nodes=[make.node("n1", ip="not an address")]),
            base(ALL, nodes=[virtual()], pods=[user("v")]),
        ],
        ids=[
            "equals that contradict",
            "a range that can't be read",
            "no such group",
            "group not said",
            "targets not said",
            "address that can't be read",
            "pod of a virtual node without address",
        ],
    )
    def test_what_does_not_decide(self, landscape: Landscape) -> None:
        result, findings = kit.run(CHECK, landscape)
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_equals_that_contradict_decide_for_who_only_reads(self) -> None:
        group = rules((5, "192.168.0.0/16", "RDWR"), (5, "192.168.0.0/24", "RDONLY"))
        kit.stays_quiet(CHECK, base(group, pods=[user("n1", read_only=True)]))

    def test_what_is_certain_is_found_beside_what_is_not(self) -> None:
        group = rules((5, "192.168.0.0/16", "RDWR"), (5, "192.168.0.0/24", "RDONLY"), (1, "192.168.1.0/24", "RDONLY"))
        result, findings = kit.run(CHECK, base(group, pods=[user("n1"), user("n2", name="web-1")]))
        assert [finding.evidence["affected"] for finding in findings] == [["n2"]]
        assert [reason.kind for reason in result.reasons] == ["undecidable"]
