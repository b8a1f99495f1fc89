"""storage/disk-in-other-zone."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "storage/disk-in-other-zone"
ZONES = "hik"
TOPOLOGY = "topology.diskplugin.csi.alibabacloud.com/zone"
DYNAMIC = {"pv.kubernetes.io/provisioned-by": "diskplugin.csi.alibabacloud.com"}


def base(**tables: Any) -> Landscape:
    """A cluster over three zones, with one node ``n-<zone>`` in each."""
    given: dict[str, Any] = {
        "nodes": [make.node(f"n{letter}", letter) for letter in ZONES],
        "instances": [make.instance(f"n{letter}", letter) for letter in ZONES],
        "persistent_volumes": [dynamic("pv-1", "d-1", "data/db")],
        "disks": [make.disk("d-1")],
    }
    return kit.landscape(**(given | tables))


def with_meta(volume: PersistentVolume, **more: Any) -> PersistentVolume:
    return msgspec.structs.replace(volume, metadata=msgspec.structs.replace(volume.metadata, **more))


def dynamic(*args: Any, **more: Any) -> PersistentVolume:
    return with_meta(make.disk_volume(*args, **more), annotations=DYNAMIC)


def storage_class(name: str = "fast", mode: str = "Immediate", **more: Any) -> StorageClass:
    data = {"metadata": {"name": name}, "provisioner": "diskplugin.csi.alibabacloud.com", "volumeBindingMode": mode}
    return msgspec.convert(data | more, StorageClass)


def waiting(node_selector: dict[str, str] | None = None, **more: Any) -> Any:
    return make.pod("data/db-0", claims=["db"], spec={"nodeSelector": node_selector or {}, **more})


def only(landscape: Landscape, *subjects: str) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, *(subjects or ("pv-1",)))
    return finding


def broken_hops(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state == "broken"]


class TestScheduledPods:
    def test_a_pod_in_another_zone(self) -> None:
        finding = only(base(pods=[make.pod("data/db-0", "nk", claims=["db"])]))
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert finding.evidence["disk_zone"] == make.zone("h")
        assert finding.evidence["node_zone"] == make.zone("k")
        assert finding.subject.id == "d-1"
        assert broken_hops(finding) == ["Disk"]

    def test_the_zone_is_that_of_the_instance_not_of_the_label(self) -> None:
        instances = [make.instance("nh", "h"), make.instance("ni", "i"), make.instance("nk", "h")]
        kit.stays_quiet(CHECK, base(pods=[make.pod("data/db-0", "nk", claims=["db"])], instances=instances))
        instances = [make.instance("nh", "k"), make.instance("ni", "i"), make.instance("nk", "k")]
        only(base(pods=[make.pod("data/db-0", "nh", claims=["db"])], instances=instances))

    def test_a_node_without_an_instance_has_the_zone_of_its_label_which_is_less_sure(self) -> None:
        nodes = [make.node("nh", "h"), make.node("nk", "k", providerID="")]
        finding = only(base(pods=[make.pod("data/db-0", "nk", claims=["db"])], nodes=nodes))
        assert finding.certainty is Certainty.LIKELY

    def test_a_flexvolume(self) -> None:
        flex = {"csi": None, "flexVolume": {"driver": "alicloud/disk", "options": {"volumeId": "d-1"}}}
        volume = dynamic("pv-1", "", "data/db", **flex)
        only(base(persistent_volumes=[volume], pods=[make.pod("data/db-0", "nk", claims=["db"])]))

    def test_a_volume_that_names_the_wrong_zone_is_the_broken_hop_too(self) -> None:
        volume = dynamic("pv-1", "d-1", "data/db", "k")
        finding = only(base(persistent_volumes=[volume], pods=[make.pod("data/db-0", "nk", claims=["db"])]))
        assert broken_hops(finding) == ["PersistentVolume", "Disk"]

    def test_several_pods_are_one_finding(self) -> None:
        pods = [make.pod(f"data/db-{i}", "nk", claims=["db"]) for i in range(2)]
        assert only(base(pods=pods)).evidence["affected"] == ["data/db-0", "data/db-1"]

    @pytest.mark.parametrize(
        "pod",
        [
            make.pod("data/db-0", "nh", claims=["db"]),
            make.pod("data/db-0", "nk", claims=["db"], phase="Succeeded"),
            make.pod("data/db-0", "nk", claims=["db"], deletionTimestamp="2026-11-23T07:59:00Z"),
            make.pod("data/db-0", "nk", claims=["other"]),
            make.pod("other/db-0", "nk", claims=["db"]),
            make.pod("data/db-0", "gone", claims=["db"]),
        ],
        ids=["same zone", "finished", "being deleted", "other claim", "other namespace", "node gone"],
    )
    def test_quiet(self, pod: Any) -> None:
        kit.stays_quiet(CHECK, base(pods=[pod]))

    @pytest.mark.parametrize(
        "more", [{"zones": [make.zone("h"), make.zone("i")]}, {"category": "cloud_regional_disk_auto"}]
    )
    def test_a_regional_disk_is_quiet(self, more: dict[str, Any]) -> None:
        disks = [make.disk("d-1", **{"zone": "", **more})]
        kit.stays_quiet(CHECK, base(disks=disks, pods=[make.pod("data/db-0", "ni", claims=["db"])]))

    def test_a_virtual_node_is_not_compared(self) -> None:
        virtual = make.node("virtual", "k", labels={"type": "virtual-kubelet"}, providerID="")
        pods = [make.pod("data/db-0", "virtual", claims=["db"])]
        kit.stays_quiet(CHECK, base(nodes=[make.node("nh"), virtual], pods=pods))

    def test_a_released_volume_is_not_judged_by_the_pods_of_its_successor(self) -> None:
        old = with_meta(make.disk_volume("pv-0", "d-0", "data/db", "k"), annotations=DYNAMIC)
        old = msgspec.structs.replace(old, status=msgspec.structs.replace(old.status, phase="Released"))
        pods = [make.pod("data/db-0", "nh", claims=["db"])]
        volumes = [old, dynamic("pv-1", "d-1", "data/db")]
        disks = [make.disk("d-0", "k"), make.disk("d-1")]
        kit.stays_quiet(CHECK, base(persistent_volumes=volumes, disks=disks, pods=pods))

    def test_a_volume_that_is_only_reserved_is_not_judged_by_the_pods_of_another(self) -> None:
        reserved = dynamic("pv-0", "d-0", "data/db", "k")
        reserved = msgspec.structs.replace(reserved, status=msgspec.structs.replace(reserved.status, phase="Available"))
        volumes = [reserved, dynamic("pv-1", "d-1", "data/db")]
        disks = [make.disk("d-0", "k"), make.disk("d-1")]
        pods = [make.pod("data/db-0", "nh", claims=["db"])]
        kit.stays_quiet(CHECK, base(persistent_volumes=volumes, disks=disks, pods=pods))

    def test_a_missing_disk_is_the_matter_of_another_check(self) -> None:
        pods = [make.pod("data/db-0", "nk", claims=["db"])]
        kit.stays_quiet(CHECK, base(disks=[], pods=pods), Status.NOT_APPLICABLE)

    def test_volumes_of_other_kinds_are_no_subjects(self) -> None:
        volumes = [make.nas_volume("nas", "1-a.cn-hangzhou.nas.aliyuncs.com", "data/db")]
        kit.stays_quiet(CHECK, base(persistent_volumes=volumes), Status.NOT_APPLICABLE)


class TestWaitingPods:
    def test_no_node_in_the_zone(self) -> None:
        finding = only(base(nodes=[make.node("nk", "k")], pods=[waiting()]))
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert finding.evidence["zones_with_a_node_for_the_pod"] == [make.zone("k")]
        assert broken_hops(finding) == ["Zone"]

    @pytest.mark.parametrize(
        ("more", "obstacle"),
        [
            ({"unschedulable": True}, "unschedulable"),
            ({"ready": False}, "notReady"),
            ({"taints": [{"key": "for", "value": "x", "effect": "NoSchedule"}]}, "taint for=x:NoSchedule"),
        ],
    )
    def test_the_nodes_of_the_zone_take_nobody(self, more: dict[str, Any], obstacle: str) -> None:
        nodes = [make.node("nh", "h", **more), make.node("nk", "k")]
        finding = only(base(nodes=nodes, pods=[waiting()]))
        assert finding.evidence["nodes_in_disk_zone"] == {"nh": obstacle}

    def test_the_pod_wants_another_zone(self) -> None:
        only(base(pods=[waiting({"topology.kubernetes.io/zone": make.zone("i")})]))

    def test_the_pod_wants_nodes_that_are_in_another_zone_only(self) -> None:
        nodes = [make.node("nh", "h"), make.node("nk", "k", labels={"class": "compute"})]
        only(base(nodes=nodes, pods=[waiting({"class": "compute"})]))

    def test_the_volume_names_another_zone_than_that_of_its_disk(self) -> None:
        finding = only(base(persistent_volumes=[dynamic("pv-1", "d-1", "data/db", "k")], pods=[waiting()]))
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert broken_hops(finding) == ["PersistentVolume"]

    def test_two_disks_in_different_zones_are_one_finding(self) -> None:
        volumes = [dynamic("pv-1", "d-1", "data/db"), dynamic("pv-2", "d-2", "data/log", "k")]
        landscape = base(
            persistent_volumes=volumes,
            disks=[make.disk("d-1"), make.disk("d-2", "k")],
            pods=[make.pod("data/db-0", claims=["db", "log"])],
        )
        finding = only(landscape)
        assert finding.evidence["disk_zones"] == {"pv-1": make.zone("h"), "pv-2": make.zone("k")}

    def test_a_disk_in_a_zone_without_nodes_is_found_just_on_its_own_volume(self) -> None:
        volumes = [dynamic("pv-1", "d-1", "data/db"), dynamic("pv-2", "d-2", "data/log", "j")]
        landscape = base(
            persistent_volumes=volumes,
            disks=[make.disk("d-1"), make.disk("d-2", "j")],
            pods=[make.pod("data/db-0", claims=["db", "log"])],
        )
        assert broken_hops(only(landscape, "pv-2")) == ["Zone"]

    def test_two_disks_of_which_one_is_regional_are_quiet(self) -> None:
        volumes = [dynamic("pv-1", "d-1", "data/db"), dynamic("pv-2", "d-2", "data/log", "k")]
        disks = [make.disk("d-1"), make.disk("d-2", "k", category="cloud_regional_disk_auto")]
        pods = [make.pod("data/db-0", claims=["db", "log"])]
        kit.stays_quiet(CHECK, base(persistent_volumes=volumes, disks=disks, pods=pods))

    @pytest.mark.parametrize(
        "pod",
        [
            waiting(),
            waiting({"no": "such-label"}),
            make.pod(
                "data/db-0",
                claims=["db"],
                spec={"nodeSelector": {"topology.kubernetes.io/zone": make.zone("k")}},
                status={"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]},
            ),
        ],
        ids=["a node in the zone takes it, if it has room", "nothing takes it anywhere", "gated"],
    )
    def test_quiet(self, pod: Any) -> None:
        kit.stays_quiet(CHECK, base(pods=[pod]))

    def test_a_pod_that_tolerates_the_taint_is_quiet(self) -> None:
        nodes = [make.node("nh", taints=[{"key": "for", "effect": "NoSchedule"}]), make.node("nk", "k")]
        pod = waiting(tolerations=[{"key": "for", "operator": "Exists"}])
        kit.stays_quiet(CHECK, base(nodes=nodes, pods=[pod]))

    def test_everything_is_cordoned_everywhere(self) -> None:
        nodes = [make.node(f"n{letter}", letter, unschedulable=True) for letter in ZONES]
        kit.stays_quiet(CHECK, base(nodes=nodes, pods=[waiting()]))


class TestVolumesByThemselves:
    def test_a_bound_volume_that_names_another_zone(self) -> None:
        finding = only(base(persistent_volumes=[dynamic("pv-1", "d-1", "data/db", "k")]))
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)

    def test_a_volume_that_nobody_claims_and_that_names_another_zone(self) -> None:
        finding = only(base(persistent_volumes=[dynamic("pv-1", "d-1", "", "k")]))
        assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)

    @pytest.mark.parametrize("claim", ["data/db", ""])
    def test_a_hand_made_volume_without_a_zone(self, claim: str) -> None:
        finding = only(base(persistent_volumes=[make.disk_volume("pv-1", "d-1", claim, None)]))
        assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)
        assert finding.evidence["other_zones"] == [make.zone("i"), make.zone("k")]

    def test_a_provisioned_volume_that_lost_its_zone(self) -> None:
        finding = only(base(persistent_volumes=[dynamic("pv-1", "d-1", "data/db", letter=None)]))
        assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)
        assert finding.evidence["provisioned_by"] == "diskplugin.csi.alibabacloud.com"

    def test_it_is_a_risk_for_the_pod_that_runs_in_the_right_zone_now(self) -> None:
        volumes = [make.disk_volume("pv-1", "d-1", "data/db", None)]
        only(base(persistent_volumes=volumes, pods=[make.pod("data/db-0", "nh", claims=["db"])]))

    def test_a_real_fault_hides_the_risk(self) -> None:
        volumes = [make.disk_volume("pv-1", "d-1", "data/db", None)]
        finding = only(base(persistent_volumes=volumes, pods=[make.pod("data/db-0", "nk", claims=["db"])]))
        assert finding.certainty is Certainty.CONFIRMED

    def test_an_affinity_that_says_nothing_of_zones_does_not_pin(self) -> None:
        terms = [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}]
        volume = make.disk_volume("pv-1", "d-1", "", None, nodeAffinity={"required": {"nodeSelectorTerms": terms}})
        nodes = [make.node(f"n{letter}", letter, labels={"kubernetes.io/os": "linux"}) for letter in ZONES]
        only(base(persistent_volumes=[volume], nodes=nodes))

    @pytest.mark.parametrize(
        "volume",
        [
            make.disk_volume("pv-1", "d-1", "data/db"),
            with_meta(
                make.disk_volume("pv-1", "d-1", "", None),
                labels={"failure-domain.beta.kubernetes.io/zone": make.zone("h")},
            ),
            with_meta(
                make.disk_volume("pv-1", "d-1", "", None),
                labels={"topology.kubernetes.io/zone": f"{make.zone('g')}__{make.zone('h')}"},
            ),
        ],
        ids=["with affinity", "with the old zone label", "with a label of zones"],
    )
    def test_quiet(self, volume: PersistentVolume) -> None:
        kit.stays_quiet(CHECK, base(persistent_volumes=[volume]))

    def test_a_volume_for_one_node_by_its_name_is_quiet(self) -> None:
        terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["nh"]}]}]
        volume = make.disk_volume("pv-1", "d-1", "", None, nodeAffinity={"required": {"nodeSelectorTerms": terms}})
        nodes = [make.node(f"n{letter}", letter, labels={"kubernetes.io/hostname": f"n{letter}"}) for letter in ZONES]
        kit.stays_quiet(CHECK, base(persistent_volumes=[volume], nodes=nodes))

    def test_pods_that_keep_to_the_zone_by_themselves_are_quiet(self) -> None:
        pod = make.pod(
            "data/db-0", "nh", claims=["db"], spec={"nodeSelector": {"topology.kubernetes.io/zone": make.zone("h")}}
        )
        kit.stays_quiet(CHECK, base(persistent_volumes=[make.disk_volume("pv-1", "d-1", "data/db", None)], pods=[pod]))

    def test_a_cluster_in_one_zone_is_quiet(self) -> None:
        volumes = [make.disk_volume("pv-1", "d-1", "data/db", None)]
        nodes = [make.node("n1"), make.node("n2")]
        instances = [make.instance("n1"), make.instance("n2")]
        kit.stays_quiet(CHECK, base(persistent_volumes=volumes, nodes=nodes, instances=instances))


class TestClasses:
    def landscape(self, *classes: StorageClass, **tables: Any) -> Landscape:
        return base(persistent_volumes=[], storage_classes=classes, **tables)

    def test_a_class_that_binds_immediately_and_is_used(self) -> None:
        claims = [make.volume_claim("data/db", storageClassName="fast")]
        finding = only(self.landscape(storage_class(), persistent_volume_claims=claims), "fast")
        assert (finding.severity, finding.certainty) == (Severity.LOW, Certainty.AT_RISK)
        assert finding.subject.kind == "StorageClass"
        assert finding.evidence["claims"] == 1

    def test_a_claim_of_the_old_annotation_uses_it_too(self) -> None:
        claim = make.volume_claim("data/db")
        metadata = msgspec.structs.replace(
            claim.metadata, annotations={"volume.beta.kubernetes.io/storage-class": "fast"}
        )
        claims = [msgspec.structs.replace(claim, metadata=metadata)]
        assert only(self.landscape(storage_class(), persistent_volume_claims=claims), "fast").severity is Severity.LOW

    def test_one_that_no_claim_uses_is_information(self) -> None:
        claims = [make.volume_claim("data/db", storageClassName="other")]
        finding = only(self.landscape(storage_class(), persistent_volume_claims=claims), "fast")
        assert finding.severity is Severity.INFO

    def test_the_mode_that_is_not_said_is_immediate(self) -> None:
        row = msgspec.convert({"metadata": {"name": "fast"}, "provisioner": "alicloud/disk"}, StorageClass)
        only(self.landscape(row), "fast")

    def test_two_zones_do_not_pin(self) -> None:
        parameters = {"zoneId": f"{make.zone('h')},{make.zone('i')}"}
        only(self.landscape(storage_class(parameters=parameters)), "fast")

    @pytest.mark.parametrize(
        "row",
        [
            storage_class(mode="WaitForFirstConsumer"),
            storage_class(parameters={"zoneId": make.zone("h")}),
            storage_class(parameters={"type": "cloud_regional_disk_auto"}),
            storage_class(
                allowedTopologies=[{"matchLabelExpressions": [{"key": TOPOLOGY, "values": [make.zone("h")]}]}]
            ),
        ],
        ids=["waits", "zone by parameter", "regional", "zone by topology"],
    )
    def test_quiet(self, row: StorageClass) -> None:
        claims = [make.volume_claim("data/db", storageClassName="fast")]
        kit.stays_quiet(CHECK, self.landscape(row, persistent_volume_claims=claims))

    def test_classes_of_other_provisioners_are_no_subjects(self) -> None:
        row = storage_class(provisioner="nasplugin.csi.alibabacloud.com")
        kit.stays_quiet(CHECK, self.landscape(row), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize("virtual", [False, True])
    def test_a_cluster_in_one_zone_is_quiet(self, virtual: bool) -> None:
        nodes = [make.node("nh"), *([make.node("v", "k", labels={"type": "virtual-kubelet"}, providerID="")] * virtual)]
        kit.stays_quiet(CHECK, self.landscape(storage_class(), nodes=nodes))


class TestGaps:
    """One volume used in its zone, one that is pinned by hand, one class that waits and one that binds at once."""

    def landscape(self) -> Landscape:
        return base(
            persistent_volumes=[dynamic("pv-1", "d-1", "data/db"), make.disk_volume("pv-2", "d-2", "", None)],
            disks=[make.disk("d-1"), make.disk("d-2", "k", category="cloud_regional_disk_auto")],
            pods=[make.pod("data/db-0", "nh", claims=["db"])],
            storage_classes=[storage_class("late", "WaitForFirstConsumer")],
        )

    @pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK) - {"persistent_volume_claims"}))
    def test_a_table_that_is_taken_away(self, table: str) -> None:
        kit.stays_quiet(CHECK, self.landscape())
        kit.is_not_evaluated(CHECK, kit.without(self.landscape(), table))

    def test_claims_are_needed_to_say_that_a_class_is_not_used(self) -> None:
        kit.stays_quiet(CHECK, kit.without(self.landscape(), "persistent_volume_claims"))
        landscape = base(persistent_volumes=[], storage_classes=[storage_class()])
        kit.is_not_evaluated(CHECK, kit.without(landscape, "persistent_volume_claims"))

    def test_one_known_claim_is_enough_to_say_that_it_is_used(self) -> None:
        claims = [make.volume_claim("data/db", storageClassName="fast"), make.volume_claim("data/other")]
        landscape = base(persistent_volumes=[], storage_classes=[storage_class()], persistent_volume_claims=claims)
        only(kit.without_rows(landscape, "persistent_volume_claims", "data/other"), "fast")

    def test_classes_are_judged_without_volumes_and_the_other_way_round(self) -> None:
        landscape = base(
            pods=[make.pod("data/db-0", "nk", claims=["db"])],
            storage_classes=[storage_class()],
        )
        for table, subject in (("persistent_volumes", "fast"), ("storage_classes", "pv-1")):
            result, findings = kit.run(CHECK, kit.without(landscape, table))
            assert [finding.subject.name for finding in findings] == [subject]
            assert [reason.missing for reason in result.reasons] == [("test:Action",)]

    def test_one_disk_that_is_not_known_touches_one_volume(self) -> None:
        landscape = base(
            persistent_volumes=[dynamic("pv-1", "d-1", "data/db"), dynamic("pv-2", "d-2", "data/log")],
            disks=[make.disk("d-1"), make.disk("d-2")],
            pods=[make.pod("data/db-0", "nk", claims=["db"]), make.pod("data/log-0", "nk", claims=["log"])],
        )
        result, findings = kit.run(CHECK, kit.without_rows(landscape, "disks", "d-1"))
        assert [finding.subject.name for finding in findings] == ["pv-2"]
        assert [unseen.subject.name for unseen in result.unseen] == ["pv-1"]

    def test_a_disk_without_a_zone_is_not_evaluated(self) -> None:
        result, findings = kit.run(CHECK, base(disks=[make.disk("d-1", zone=None)]))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_an_instance_that_is_not_known_matters_only_where_it_could_be_the_one(self) -> None:
        pods = [waiting()]
        kit.stays_quiet(CHECK, kit.without_rows(base(pods=pods), "instances", "i-nk"))
        kit.is_not_evaluated(CHECK, kit.without_rows(base(pods=pods), "instances", "i-nh"))
        nodes = [make.node("nh"), make.node("ni", "i"), make.node("nk", "k", unschedulable=True)]
        landscape = base(nodes=nodes, pods=[waiting({"topology.kubernetes.io/zone": make.zone("i")})])
        only(kit.without_rows(landscape, "instances", "i-nk"))

    def test_a_node_with_no_zone_at_all_decides_nothing(self) -> None:
        nowhere = make.node("n", providerID="")
        nowhere = msgspec.structs.replace(nowhere, metadata=msgspec.structs.replace(nowhere.metadata, labels={}))
        result, findings = kit.run(CHECK, base(nodes=[nowhere], pods=[make.pod("data/db-0", "n", claims=["db"])]))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_a_hand_made_volume_in_a_cluster_whose_zones_are_not_known(self) -> None:
        landscape = base(
            persistent_volumes=[make.disk_volume("pv-1", "d-1", "", None)], nodes=[make.node("nh"), make.node("nk")]
        )
        kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "instances", "i-nk"))

    def test_a_finding_is_kept_beside_a_pod_that_could_not_be_judged(self) -> None:
        pods = [make.pod(f"data/db-{letter}", f"n{letter}", claims=["db"]) for letter in "ik"]
        result, findings = kit.run(CHECK, kit.without_rows(base(pods=pods), "instances", "i-ni"))
        assert [finding.evidence["node"] for finding in findings] == ["nk"]
        assert len(result.reasons) == 1

    def test_a_node_that_may_be_in_the_zone_but_takes_nobody_leaves_open_what_the_pod_waits_for(self) -> None:
        landscape = base(pods=[waiting({"class": "compute"})])
        kit.stays_quiet(CHECK, landscape)
        kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "instances", "i-nh"))

    def test_without_pods_a_contradiction_is_still_one_and_a_risk_is_not_guessed(self) -> None:
        landscape = kit.without(base(persistent_volumes=[dynamic("pv-1", "d-1", "data/db", "k")]), "pods")
        assert [f.certainty for f in kit.run(CHECK, landscape)[1]] == [Certainty.CONFIRMED]
        landscape = base(persistent_volumes=[make.disk_volume("pv-1", "d-1", "data/db", None)])
        kit.is_not_evaluated(CHECK, kit.without(landscape, "pods"))
