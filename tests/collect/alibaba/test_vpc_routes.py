"""VPC: address ranges, route tables, routes and public addresses."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import Eip, NextHop, RouteEntry, RouteTable, Vpc
from auditor.facts.table import NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.checks import make
from tests.collect.alibaba.kit import client_of, fill, fill_one
from tests.fakes.cloud import FakeCloud

VPC = "vpc-bp1uwjm8ddgvodpj5i2ba"
ROUTES = "vtb-bp1ckdry1c9lmcfd0xfjw"
API_SERVER = "eip-bp1win1lowwnjnyc6eti9"
TABLES = ("vpcs", "route_tables", "route_entries", "eips")
CONTAINERS = {
    "vpcs": ("DescribeVpcs", "Vpcs", "Vpc"),
    "route_tables": ("DescribeRouteTableList", "RouterTableList", "RouterTableListType"),
    "route_entries": ("DescribeRouteEntryList", "RouteEntrys", "RouteEntry"),
    "eips": ("DescribeEipAddresses", "EipAddresses", "EipAddress"),
}


def filled(cloud: FakeCloud, table: str, **given: Table[Any]) -> Table[Any]:
    with client_of(cloud) as client:
        return fill_one(client, table, **given)


def test_the_recorded_vpc(cloud: FakeCloud) -> None:
    assert list(filled(cloud, "vpcs").all()) == [Vpc(VPC, "shop-prod", "192.168.0.0/16", [], [], "Available")]


def test_all_address_ranges_of_a_vpc(cloud: FakeCloud) -> None:
    cloud.state.vpc.vpcs[VPC] |= {
        "SecondaryCidrBlocks": {"SecondaryCidrBlock": ["10.0.0.0/16"]},
        "UserCidrs": {"UserCidr": ["30.0.0.0/8"]},
    }
    row = filled(cloud, "vpcs").get(VPC)
    assert row is not None
    assert (row.secondary_cidrs, row.user_cidrs) == (["10.0.0.0/16"], ["30.0.0.0/8"])


def test_the_recorded_route_table(cloud: FakeCloud) -> None:
    vswitches = list(cloud.state.vpc.vswitches)
    assert list(filled(cloud, "route_tables").all()) == [RouteTable(ROUTES, "", "System", VPC, vswitches)]


def test_the_recorded_routes(cloud: FakeCloud) -> None:
    (row,) = filled(cloud, "route_entries").all()
    assert row.route_table_id == ROUTES
    assert len(row.entries) == 13
    instance = NextHop("Instance", "i-bp1vcw8abao0i6uxb1xi")
    assert row.entries[0] == RouteEntry("172.20.0.0/25", "Custom", "Available", [instance])
    assert row.entries[-1] == RouteEntry("100.64.0.0/10", "System", "Available", [NextHop("service")])


def test_a_route_through_a_peering(cloud: FakeCloud) -> None:
    cloud.state.vpc.peer("vpc-office", "10.20.0.0/16")
    with client_of(cloud) as client:
        tables = fill(client, TABLES)
    (row,) = tables["route_entries"].all()
    assert row.entries[-1] == RouteEntry("10.20.0.0/16", "Custom", "Available", [NextHop("VpcPeer", "pcc-bp1peer")])
    assert [vpc.id for vpc in tables["vpcs"].all()] == [VPC], "other networks are not the cluster's"


def test_public_addresses_of_load_balancers(cloud: FakeCloud) -> None:
    locked = {"LockReason": [{"LockReason": "financial"}]}
    cloud.state.vpc.add_eip(
        "eip-locked",
        "203.0.113.5",
        "lb-bp1gtkt6e00p48o14l325",
        BusinessStatus="FinancialLocked",
        OperationLocks=locked,
        Bandwidth="5",
    )
    cloud.state.vpc.add_eip("eip-free", "203.0.113.6")
    eips = filled(cloud, "eips")
    assert {eip.id for eip in eips.all()} == {API_SERVER, "eip-locked"}
    assert eips.get(API_SERVER) == Eip(
        API_SERVER, "203.0.113.67", "InUse", "lb-bp1y28udk3bwt0a77lw9h", "SlbInstance", 100, "Normal", []
    )
    row = eips.get("eip-locked")
    assert row is not None
    assert (row.business_status, row.lock_reasons, row.bandwidth) == ("FinancialLocked", ["financial"], 5)
    for other in ("eip-free", "eip-bp1ql0dvy5pkt9c9cpvdx"):
        with pytest.raises(NotKnown):
            eips.get(other)


def test_the_calls(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        instances = fill_one(client, "instances")
        clusters = fill_one(client, "clusters")
        cloud.calls.clear()
        fill(client, TABLES, instances=instances, clusters=clusters)
    assert cloud.actions() == [
        "vpc:DescribeVpcs",
        "vpc:DescribeRouteTableList",
        "vpc:DescribeRouteEntryList",
        "vpc:DescribeEipAddresses",
    ]
    asked = {call.action: call.params for call in cloud.calls}
    assert asked["DescribeRouteEntryList"]["MaxResult"] == "100"
    assert asked["DescribeEipAddresses"]["AssociatedInstanceType"] == "SlbInstance"
    assert asked["DescribeEipAddresses"]["PageSize"] == "100"


def test_many_vpcs_are_asked_for_twenty_at_a_time(cloud: FakeCloud) -> None:
    for n in range(25):
        cloud.state.vpc.add_vpc(f"vpc-{n:02d}", f"10.{n}.0.0/16")
    instances = Table("instances", [make.instance(f"{n}", vpc_id=f"vpc-{n:02d}") for n in range(26)])
    vpcs = filled(cloud, "vpcs", instances=instances, clusters=Table("clusters"))
    assert len(vpcs) == 25
    assert vpcs.get("vpc-25") is None
    assert cloud.actions() == ["vpc:DescribeVpcs"] * 2


def test_many_routes_come_in_pages(cloud: FakeCloud) -> None:
    for n in range(250):
        cloud.state.vpc.add_route(ROUTES, f"10.{n}.0.0/16", "Instance", f"i-{n}")
    (row,) = filled(cloud, "route_entries").all()
    assert len(row.entries) == 263
    assert cloud.actions().count("vpc:DescribeRouteEntryList") == 3


def test_without_nodes_there_is_no_vpc_to_ask_for(cloud: FakeCloud) -> None:
    nobody: Table[Any] = Table("instances", asked=())
    with client_of(cloud) as client:
        clusters = fill_one(client, "clusters")
        cloud.calls.clear()
        tables = fill(client, ("vpcs", "route_tables", "route_entries"), instances=nobody, clusters=clusters)
    assert cloud.calls == []
    assert {tables[name].state for name in ("vpcs", "route_tables", "route_entries")} == {State.KNOWN}


@pytest.mark.parametrize("table", ["vpcs", "route_tables"])
@pytest.mark.parametrize("vpc", [VPC, None])
def test_the_clusters_own_vpc_where_no_node_can_be_read(cloud: FakeCloud, table: str, vpc: str | None) -> None:
    why = Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), missing=("list nodes",))
    unread: Table[Any] = Table.unavailable("instances", why)
    found = filled(cloud, table, instances=unread, clusters=Table("clusters", [Cluster("c1", vpc_id=vpc)]))
    assert found.state is (State.KNOWN if vpc else State.UNAVAILABLE)
    assert found.reasons == (() if vpc else (why,))


@pytest.mark.parametrize("table", TABLES)
class TestLists:
    """What an answer does not say is a gap."""

    def test_a_null_list(self, cloud: FakeCloud, table: str) -> None:
        action, outer, inner = CONTAINERS[table]

        def lose(body: Any) -> None:
            body[outer][inner] = None

        cloud.mutate(f"vpc:{action}", lose)
        found = filled(cloud, table)
        assert found.state is State.UNAVAILABLE
        assert {reason.kind for reason in found.reasons} == {ReasonKind.MALFORMED}

    def test_a_shortfall(self, cloud: FakeCloud, table: str) -> None:
        action, outer, inner = CONTAINERS[table]

        def cut(body: Any) -> None:
            if body[outer][inner]:
                body[outer][inner].pop()

        cloud.mutate(f"vpc:{action}", cut)
        found = filled(cloud, table)
        assert found.gaps
        assert {reason.kind for reason in found.reasons} == {ReasonKind.TRUNCATED}


@pytest.mark.parametrize(
    ("table", "key", "field"),
    [
        ("route_tables", ROUTES, "VSwitchIds"),
        ("eips", API_SERVER, "IpAddress"),
    ],
)
def test_a_field_left_out_spoils_its_row_alone(cloud: FakeCloud, table: str, key: str, field: str) -> None:
    action, outer, inner = CONTAINERS[table]

    def lose(body: Any) -> None:
        del body[outer][inner][0][field]
        # Those of the system's own table need not be listed: what is bound to no other follows it.
        body[outer][inner][0]["RouteTableType"] = "Custom"

    cloud.mutate(f"vpc:{action}", lose)
    found = filled(cloud, table)
    assert [(gap.keys, gap.reason.kind) for gap in found.gaps] == [(frozenset({key}), ReasonKind.MALFORMED)]


@pytest.mark.parametrize("field", ["SecondaryCidrBlocks", "UserCidrs"])
def test_a_vpc_whose_ranges_are_left_out_is_not_known(cloud: FakeCloud, field: str) -> None:
    del cloud.state.vpc.add_vpc("vpc-odd", "10.0.0.0/8")[field]
    instances = Table("instances", [make.instance("a", vpc_id=VPC), make.instance("b", vpc_id="vpc-odd")])
    found = filled(cloud, "vpcs", instances=instances)
    assert [(gap.keys, gap.reason.kind) for gap in found.gaps] == [(frozenset({"vpc-odd"}), ReasonKind.MALFORMED)]
    assert found.get(VPC) is not None


def test_the_system_s_table_need_not_list_its_vswitches(cloud: FakeCloud) -> None:
    def lose(body: Any) -> None:
        for table in body["RouterTableList"]["RouterTableListType"]:
            del table["VSwitchIds"]

    cloud.mutate("vpc:DescribeRouteTableList", lose)
    found = filled(cloud, "route_tables")
    assert found.state is State.KNOWN
    assert [row.vswitch_ids for row in found.all()] == [[]]


def test_a_route_without_next_hops_spoils_its_table(cloud: FakeCloud) -> None:
    del cloud.state.vpc.route_entries[ROUTES][0]["NextHops"]
    assert filled(cloud, "route_entries").state is State.UNAVAILABLE
