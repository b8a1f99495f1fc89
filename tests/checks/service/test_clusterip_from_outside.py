"""service/clusterip-from-outside."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import NextHop, RouteEntries, RouteEntry, RouteTable, Vpc
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/clusterip-from-outside"


def route(cidr: str, kind: str = "VpcPeer", to: str = "pcc-1", type_: str = "Custom") -> RouteEntry:
    return RouteEntry(cidr, type_, "Available", [NextHop(kind, to)] if kind else [])


def base(*routes: RouteEntry, services: str | None = "172.21.0.0/20", **more: Any) -> Landscape:
    vpc = {"cidr": "192.168.0.0/16", **more.pop("vpc", {})}
    given: dict[str, Any] = {
        "clusters": [Cluster(kit.CLUSTER_ID, "shop", vpc_id="vpc-1", service_cidr=services, proxy_mode="ipvs")],
        "vpcs": [Vpc("vpc-1", "shop", **vpc)],
        "route_tables": [RouteTable("vtb-1", "", "System", "vpc-1")],
        "route_entries": [RouteEntries("vtb-1", list(routes))],
        "nodes": [make.node("n0")],
    }
    return kit.landscape(**(given | more))


def one(landscape: Landscape) -> ReportedFinding:
    findings = kit.finds(CHECK, landscape, "shop")
    assert len(findings) == 1
    return findings[0]


def broken(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


@pytest.mark.parametrize(
    "vpc",
    [
        {"cidr": "172.16.0.0/12"},
        {"secondary_cidrs": ["10.0.0.0/16", "172.21.8.0/24"]},
        {"user_cidrs": ["172.21.0.0/16"]},
    ],
)
def test_the_ranges_of_the_vpc(vpc: dict[str, Any]) -> None:
    finding = one(base(vpc=vpc))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert (finding.subject.kind, broken(finding)) == ("Cluster", ["Vpc"])
    assert "172.21" in str(finding.message)


@pytest.mark.parametrize("kind", ["VpcPeer", "Attachment", "VpnGateway", "RouterInterface", "Instance"])
@pytest.mark.parametrize("cidr", ["172.21.0.0/16", "172.21.3.0/24", "172.16.0.0/12"])
def test_a_route_to_elsewhere(kind: str, cidr: str) -> None:
    finding = one(base(route(cidr, kind, "x-1")))
    assert (finding.severity, broken(finding)) == (Severity.HIGH, ["RouteTable"])
    assert cidr in str(finding.evidence["ranges"])


def test_all_overlaps_are_one_finding() -> None:
    finding = one(base(route("172.21.0.0/24"), vpc={"user_cidrs": ["172.21.0.0/16"]}))
    assert broken(finding) == ["Vpc", "RouteTable"]


def test_a_route_to_a_node_is_meant() -> None:
    finding = one(base(route("172.21.0.0/20", "Instance", "i-n0")))
    assert finding.severity is Severity.INFO


def test_the_second_family() -> None:
    assert "fc00" in str(one(base(route("fc00::/112"), services="172.21.0.0/20,fc00::/112")).message)


@pytest.mark.parametrize(
    "entry",
    [
        route("0.0.0.0/0", "NatGateway", "ngw-1"),
        route("128.0.0.0/1"),
        route("172.20.0.0/25", "Instance", "i-n0"),
        route("172.21.16.0/20"),
        route("10.0.0.0/8"),
        route("192.168.0.0/24", "local", "", "System"),
    ],
)
def test_routes_that_do_not_overlap(entry: RouteEntry) -> None:
    kit.stays_quiet(CHECK, base(entry))


def test_a_route_table_that_nobody_uses() -> None:
    tables = [RouteTable("vtb-1", "", "Custom", "vpc-1", [])]
    kit.stays_quiet(CHECK, base(route("172.21.0.0/20"), route_tables=tables))
    bound = [RouteTable("vtb-1", "", "Custom", "vpc-1", ["vsw-1"])]
    one(base(route("172.21.0.0/20"), route_tables=bound))


# --- what is not known -------------------------------------------------------------------------------------------


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == {"clusters", "vpcs", "route_tables", "route_entries", "nodes"}


@pytest.mark.parametrize("table", ["clusters", "vpcs", "route_tables", "route_entries"])
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(base(), table))


def test_nodes_matter_to_a_route_to_an_instance() -> None:
    kit.stays_quiet(CHECK, kit.without(base(), "nodes"))
    kit.is_not_evaluated(CHECK, kit.without(base(route("172.21.0.0/20", "Instance", "i-n0")), "nodes"))


@pytest.mark.parametrize("table", ["route_tables", "route_entries", "nodes"])
def test_an_overlap_with_the_vpc_stands_without(table: str) -> None:
    one(kit.without(base(vpc={"cidr": "172.16.0.0/12"}), table))


def test_an_overlap_with_a_route_stands_without_the_vpc() -> None:
    one(kit.without(base(route("172.21.0.0/20")), "vpcs"))


def test_what_the_answers_did_not_say() -> None:
    for landscape in (base(services=None), base(vpc={"cidr": None}), base(route("nonsense"))):
        result, findings = kit.run(CHECK, landscape)
        assert not findings
        assert [reason.kind.value for reason in result.reasons] == ["malformed"]
