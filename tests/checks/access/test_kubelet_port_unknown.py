import msgspec
import pytest

from auditor.facts.cloud.ecs import (
    PrefixList,
)
from auditor.facts.table import ReasonKind
from tests.checks import kit
from tests.checks.access.kubelet import (
    ALL,
    CHECK,
    EMPTY,
    OPEN,
    SHUT,
    group,
    landscape,
    machine,
    quiet,
    rule,
    the_finding,
    vswitch,
    with_acl,
)


class TestKnockOuts:
    """Each table taken away from a cluster in order and from one with a fault."""

    NEEDED = ("nodes", "instances", "endpoint_slices", "vswitches", "security_group_rules")
    """Without these nothing can be passed."""

    def test_the_list_is_whole(self) -> None:
        harmless = {
            "clusters", "network_interfaces", "security_groups", "prefix_lists", "port_range_lists", "network_acls",
        }  # fmt: skip
        assert kit.tables_needed(CHECK) == {*self.NEEDED, *harmless, "kubelet_log_reads"}

    @pytest.mark.parametrize("table", NEEDED)
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(landscape(OPEN), table))

    @pytest.mark.parametrize(
        "table", ["clusters", "security_groups", "prefix_lists", "port_range_lists", "network_acls"]
    )
    def test_not_needed_while_they_can_t_decide(self, table: str) -> None:
        quiet(kit.without(landscape(OPEN), table))
        the_finding(kit.without(landscape(SHUT), table))

    def test_network_interfaces(self) -> None:
        quiet(kit.without(landscape(OPEN), "network_interfaces"))
        kit.is_not_evaluated(CHECK, kit.without(landscape(SHUT), "network_interfaces"))
        kit.is_not_evaluated(CHECK, kit.without(landscape(SHUT, api_groups=["sg-1"]), "network_interfaces"))
        apart = group("sg-1", *SHUT.rules, inner="Drop")
        the_finding(kit.without(landscape(apart), "network_interfaces"))

    def test_one_of_the_interfaces_that_the_api_server_calls_from(self) -> None:
        narrow = group("sg-1", rule("Accept", peer_cidr="192.168.0.5/32"), rule("Accept", peer_cidr="192.168.1.5/32"))
        for rules in (narrow, group("sg-1", *narrow.rules[:1])):
            base = landscape(rules, endpoints=["10.9.0.1"])
            for interface in ("eni-0", "eni-1"):
                kit.is_not_evaluated(CHECK, kit.without_rows(base, "network_interfaces", interface))

    def test_a_group_that_refuses_does_so_though_the_acl_is_unknown(self) -> None:
        for table in ("vswitches", "network_acls"):
            base = landscape(SHUT, vswitches=[vswitch("h", 0), vswitch("i", 1), vswitch("k", 2, "nacl-1")])
            result, findings = kit.run(CHECK, kit.without(base, table))
            assert [finding.subject.name for finding in findings] == ["sg-1"]
            assert any("test:Action" in reason.missing for reason in result.reasons)

    def test_clusters_only_for_the_fallback(self) -> None:
        base = landscape(OPEN, endpoints=["10.9.0.1"])
        quiet(base)
        kit.is_not_evaluated(CHECK, kit.without(base, "clusters"))

    def test_network_acls_only_where_one_is_bound(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(with_acl("k", [ALL], [ALL]), "network_acls"))
        kit.is_not_evaluated(CHECK, kit.without_rows(with_acl("k", [ALL], [ALL]), "network_acls", "nacl-1"))
        kit.is_not_evaluated(CHECK, kit.without(with_acl("h", [ALL], [ALL]), "network_acls"))

    def test_prefix_lists_only_where_they_decide(self) -> None:
        lists = [PrefixList(id="pl-1", cidrs=["192.168.0.0/16"])]
        base = landscape(group("sg-1", rule("Accept", peer_prefix_list_id="pl-1")), prefix_lists=lists)
        quiet(base)
        kit.is_not_evaluated(CHECK, kit.without(base, "prefix_lists"))
        kit.is_not_evaluated(CHECK, kit.without_rows(base, "prefix_lists", "pl-1"))

    def test_the_type_only_for_members(self) -> None:
        base = landscape(EMPTY, api_groups=["sg-1"])
        kit.is_not_evaluated(CHECK, kit.without(base, "security_groups"))

    def test_a_single_group_touches_its_own_nodes_only(self) -> None:
        machines = [machine("a"), machine("b", ["sg-3"], ip="192.168.2.12")]
        base = landscape(SHUT, group("sg-3", rule("Accept")), machines=machines)
        result, (finding,) = kit.run(CHECK, kit.without_rows(base, "security_group_rules", "sg-3"))
        assert [ref.name for ref in finding.affected] == ["a"]
        assert [unseen.subject.name for unseen in result.unseen] == ["b"]

    def test_a_single_instance(self) -> None:
        machines = [machine("a"), machine("b", ip="192.168.2.12")]
        result, (finding,) = kit.run(CHECK, kit.without_rows(landscape(SHUT, machines=machines), "instances", "i-b"))
        assert [ref.name for ref in finding.affected] == ["a"]
        assert [unseen.subject.name for unseen in result.unseen] == ["b"]

    @pytest.mark.parametrize("field", ["security_group_ids", "vpc_id", "vswitch_id"])
    def test_what_the_instance_did_not_say(self, field: str) -> None:
        silent = msgspec.structs.replace(machine("a"), **{field: None})
        result, findings = kit.run(CHECK, landscape(OPEN, machines=[silent]))
        assert not findings
        assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}

    def test_what_the_vswitch_did_not_say(self) -> None:
        silent = [vswitch("h", 0), vswitch("i", 1), vswitch("k", 2, None)]
        result, findings = kit.run(CHECK, landscape(OPEN, vswitches=silent))
        assert not findings
        assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}
