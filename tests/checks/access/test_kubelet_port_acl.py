import pytest

from auditor.facts.cloud.vpc import AclEntry, NetworkAcl
from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind, Table
from auditor.judge.verdicts import Certainty, HopState
from tests.checks import kit
from tests.checks.access.kubelet import (
    ALL,
    API,
    CHECK,
    DROP,
    OPEN,
    SHUT,
    landscape,
    machine,
    quiet,
    the_finding,
    with_acl,
)


class TestNetworkAcls:
    def test_the_acl_of_the_nodes_vswitch_drops_the_calls(self) -> None:
        finding = the_finding(with_acl("k", [DROP, ALL], [ALL]), "nacl-1")
        assert finding.subject.kind == "NetworkAcl"
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["deciding_entry"] == "ingress 1"
        assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["NetworkAcl"]

    def test_it_drops_the_answers(self) -> None:
        finding = the_finding(with_acl("k", [ALL], []), "nacl-1")
        assert "answers" in str(finding.message)
        assert finding.certainty is Certainty.CONFIRMED
        some = AclEntry("accept", "tcp", "32768/50000", "0.0.0.0/0")
        finding = the_finding(with_acl("k", [ALL], [some]), "nacl-1")
        assert finding.certainty is Certainty.LIKELY
        assert finding.evidence["ports"] == "50001/60999"

    def test_the_acl_of_the_api_servers_vswitch(self) -> None:
        finding = the_finding(with_acl("h", [ALL], [DROP, ALL]), "nacl-1")
        assert finding.evidence["refused_addresses"] == ["192.168.0.5"]
        the_finding(with_acl("h", [AclEntry("drop", "tcp", "1024/65535", "192.168.2.0/24"), ALL], [ALL]), "nacl-1")

    @pytest.mark.parametrize(
        ("ingress", "egress"),
        [
            ([ALL], [ALL]),
            ([ALL, DROP], [ALL]),
            ([AclEntry("drop", "udp", "10250/10250", "0.0.0.0/0"), ALL], [ALL]),
            ([AclEntry("drop", "tcp", "10255/10255", "0.0.0.0/0"), ALL], [ALL]),
            ([AclEntry("drop", "tcp", "10250/10250", "192.168.3.0/24"), ALL], [ALL]),
            ([ALL], [DROP, ALL]),
            (
                [AclEntry("accept", "tcp", "10250/10250", "192.168.0.0/23")],
                [AclEntry("accept", "tcp", "1024/65535", "192.168.0.0/23")],
            ),
        ],
    )
    def test_look_alikes(self, ingress: list[AclEntry], egress: list[AclEntry]) -> None:
        quiet(with_acl("k", ingress, egress))

    def test_traffic_within_one_vswitch_does_not_pass_its_acl(self) -> None:
        beside = [machine("a", letter="h", ip="192.168.0.11")]
        quiet(with_acl("h", [DROP], [DROP], machines=beside, endpoints=[API[0]]))

    def test_an_acl_that_is_bound_elsewhere(self) -> None:
        acls = [NetworkAcl(id="nacl-1", status="Available")]
        quiet(landscape(OPEN, network_acls=acls))

    def test_a_group_and_an_acl_are_two_faults(self) -> None:
        base = with_acl("k", [DROP], [])
        shut = Table("security_group_rules", [SHUT])
        kit.finds(CHECK, Landscape(base.cluster, base.observed_at, {**base.tables, shut.name: shut}), "sg-1", "nacl-1")

    def test_an_acl_that_is_being_changed(self) -> None:
        base = with_acl("k", [ALL], [ALL])
        acls = Table("network_acls", [NetworkAcl(id="nacl-1", status="Modifying", ingress=[ALL], egress=[ALL])])
        result, findings = kit.run(CHECK, Landscape(base.cluster, base.observed_at, {**base.tables, acls.name: acls}))
        assert not findings
        assert [reason.kind for reason in result.reasons] == [ReasonKind.UNDECIDABLE]
