"""Sizes and stock of the instance types by which a cluster may grow."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import NodePool, PoolPattern
from auditor.facts.cloud.ecs import TypeStock, ZoneStock, payment_for, type_stock_key
from auditor.facts.cloud.ess import ScalingConfiguration, ScalingGroup
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud

SMALL, LARGE = "ecs.g7.xlarge", "ecs.g7.2xlarge"
ZONES = ["cn-hangzhou-h", "cn-hangzhou-i", "cn-hangzhou-k"]


def given(
    *,
    pool: dict[str, Any] | None = None,
    group: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
) -> dict[str, Table[Any]]:
    """Make the tables of one pool that scales by itself; without a group's fields, the group is not there."""
    settings: dict[str, Any] = {"auto_scaling": True, "scaling_group_id": "asg-1", **(pool or {})}
    groups = [] if group is None else [ScalingGroup("asg-1", **group)]
    configurations = [] if configuration is None else [ScalingConfiguration("asc-1", **configuration)]
    return {
        "node_pools": Table("node_pools", [NodePool("np-1", **settings)]),
        "scaling_groups": Table("scaling_groups", groups, asked=["asg-1"]),
        "scaling_configurations": Table("scaling_configurations", configurations, asked=["asc-1"]),
    }


def stocks_asked(cloud: FakeCloud) -> list[tuple[str, str, str]]:
    return sorted(
        (call.params["InstanceType"], call.params["InstanceChargeType"], call.params.get("SpotStrategy", ""))
        for call in cloud.calls
        if call.action == "DescribeAvailableResource"
    )


def test_types_of_the_healthy_account(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        types = fill_one(client, "instance_types")
    assert types.state is State.KNOWN
    large = types.get(LARGE)
    assert large is not None
    assert (large.family, large.cpu, large.memory_gib, large.architecture) == ("ecs.g7", 8, 32.0, "X86")
    assert (large.disk_quantity, large.eni_quantity, large.eni_private_ips) == (17, 4, 15)
    assert (large.gpu, large.gpu_spec) == (0, "")
    assert types.get(SMALL) is not None, "pools of fixed size name types too"
    assert cloud.actions().count("ecs:DescribeInstanceTypes") == 1


def test_types_are_asked_for_ten_at_a_time_wherever_they_are_named(cloud: FakeCloud) -> None:
    names = [f"ecs.t{n}.large" for n in range(12)]
    for name in names[:11]:
        cloud.state.ecs.add_instance_type(name, like=SMALL)
    tables = given(
        pool={"instance_types": names[:4]},
        group={"active_configuration_id": "asc-1", "template_types": names[4:8]},
        configuration={"instance_types": names[7:]},
    )
    with client_of(cloud) as client:
        types = fill_one(client, "instance_types", **tables)
    assert cloud.actions() == ["ecs:DescribeInstanceTypes"] * 2
    assert types.asked == frozenset(names)
    assert len(types) == 11
    assert types.get(names[11]) is None


def test_what_was_left_out_of_a_type_is_not_said(cloud: FakeCloud) -> None:
    for field in ("DiskQuantity", "CpuArchitecture"):
        del cloud.state.ecs.instance_types[LARGE][field]
    with client_of(cloud) as client:
        large = fill_one(client, "instance_types").get(LARGE)
    assert large is not None
    assert (large.disk_quantity, large.architecture) == (None, None)


def test_patterns_cost_nothing(cloud: FakeCloud) -> None:
    tables = given(pool={"patterns": [PoolPattern(2, 8)]}, group={})
    with client_of(cloud) as client:
        for name in ("instance_types", "type_stocks"):
            assert fill_one(client, name, **tables).asked == frozenset()
    assert cloud.calls == []


@pytest.mark.parametrize("form", ["absent", "null", "text"])
def test_a_list_of_types_that_is_not_there_is_never_an_empty_one(cloud: FakeCloud, form: str) -> None:
    def spoil(answer: Any) -> None:
        del answer["InstanceTypes"]
        if form != "absent":
            answer["InstanceTypes"] = None if form == "null" else "text"

    cloud.mutate("ecs:DescribeInstanceTypes", spoil)
    with client_of(cloud) as client:
        types = fill_one(client, "instance_types")
    assert types.state is State.UNAVAILABLE
    assert [reason.kind for reason in types.reasons] == [ReasonKind.MALFORMED]


def test_stock_is_asked_once_for_all_zones_and_for_growing_pools_only(cloud: FakeCloud) -> None:
    cloud.state.ecs.sell_out(LARGE, ZONES[0])
    with client_of(cloud) as client:
        stocks = fill_one(client, "type_stocks")
    assert stocks_asked(cloud) == [(LARGE, "PostPaid", "")]
    assert "ZoneId" not in cloud.calls[-1].params
    assert stocks.all() == [
        TypeStock(
            LARGE,
            "PostPaid",
            [
                ZoneStock(ZONES[0], "SoldOut", "WithoutStock"),
                ZoneStock(ZONES[1], "Available", "WithStock"),
                ZoneStock(ZONES[2], "Available", "WithStock"),
            ],
        )
    ]


@pytest.mark.parametrize(
    ("charge", "pool_strategy", "strategy", "asked"),
    [
        ("PostPaid", "", "", ("PostPaid", "")),
        ("", "", "", ("PostPaid", "")),
        ("PrePaid", "NoSpot", "NoSpot", ("PrePaid", "")),
        ("PostPaid", "NoSpot", "SpotAsPriceGo", ("PostPaid", "SpotAsPriceGo")),
        ("PostPaid", "SpotWithPriceLimit", "", ("PostPaid", "SpotWithPriceLimit")),
    ],
)
def test_stock_is_asked_for_as_instances_are_paid(
    cloud: FakeCloud, charge: str, pool_strategy: str, strategy: str, asked: tuple[str, str]
) -> None:
    tables = given(
        pool={"charge_type": charge, "spot_strategy": pool_strategy, "instance_types": [SMALL]},
        group={"active_configuration_id": "asc-1"},
        configuration={"instance_types": [LARGE], "spot_strategy": strategy},
    )
    with client_of(cloud) as client:
        stocks = fill_one(client, "type_stocks", **tables)
    assert stocks_asked(cloud) == [(LARGE, *asked)], "the configuration decides, and not the pool"
    assert stocks.get(type_stock_key(LARGE, payment_for(charge, strategy or pool_strategy))) is not None


@pytest.mark.parametrize("group", [None, {"template_types": [LARGE], "launch_template_id": "lt-1"}])
def test_without_a_configuration_the_template_or_the_pool_says_the_types(
    cloud: FakeCloud, group: dict[str, Any] | None
) -> None:
    with client_of(cloud) as client:
        fill_one(client, "type_stocks", **given(pool={"instance_types": [SMALL]}, group=group))
    assert stocks_asked(cloud) == [(LARGE if group else SMALL, "PostPaid", "")]


def test_what_the_pool_says_stands_in_for_a_configuration_that_is_not_known(cloud: FakeCloud) -> None:
    tables = given(pool={"instance_types": [SMALL], "spot_strategy": "SpotAsPriceGo"})
    for name in ("scaling_groups", "scaling_configurations"):
        tables[name] = Table.unavailable(name, denied("ess:DescribeScalingGroups", "ess"))
    with client_of(cloud) as client:
        assert fill_one(client, "type_stocks", **tables).state is State.KNOWN
        assert fill_one(client, "instance_types", **tables).get(SMALL) is not None
    assert stocks_asked(cloud) == [(SMALL, "PostPaid", "SpotAsPriceGo")]


def test_one_way_of_paying_may_be_sold_out_alone(cloud: FakeCloud) -> None:
    cloud.state.ecs.sell_out(SMALL, ZONES[1], "SpotAsPriceGo")
    tables = given(pool={"instance_types": [SMALL]}, group={})
    rows = tables["node_pools"].all()
    spot = NodePool(
        "np-2", auto_scaling=True, scaling_group_id="asg-1", instance_types=[SMALL], spot_strategy="SpotAsPriceGo"
    )
    tables["node_pools"] = Table("node_pools", [*rows, spot])
    with client_of(cloud) as client:
        stocks = fill_one(client, "type_stocks", **tables)
    status = {row.payment: {zone.zone: zone.category for zone in row.zones} for row in stocks.all()}
    assert status["SpotAsPriceGo"][ZONES[1]] == "WithoutStock"
    assert status["PostPaid"][ZONES[1]] == "WithStock"


def test_a_zone_that_lists_no_types_speaks_for_itself(cloud: FakeCloud) -> None:
    def change(answer: Any) -> None:
        first, second, third = answer["AvailableZones"]["AvailableZone"]
        first |= {"AvailableResources": None, "Status": "SoldOut", "StatusCategory": "WithoutStock"}
        second["AvailableResources"]["AvailableResource"][0]["SupportedResources"] = {"SupportedResource": []}
        offers = third["AvailableResources"]["AvailableResource"][0]["SupportedResources"]["SupportedResource"]
        offers.insert(0, {"Value": "ecs.other", "Status": "SoldOut", "StatusCategory": "WithoutStock"})

    cloud.mutate("ecs:DescribeAvailableResource", change)
    with client_of(cloud) as client:
        (stock,) = fill_one(client, "type_stocks").all()
    assert [(zone.zone, zone.status) for zone in stock.zones] == [(ZONES[0], "SoldOut"), (ZONES[2], "Available")]


@pytest.mark.parametrize("form", ["absent", "null", "no zone"])
def test_stock_that_can_not_be_read_is_unknown_and_no_lack(cloud: FakeCloud, form: str) -> None:
    def spoil(answer: Any) -> None:
        if form == "no zone":
            del answer["AvailableZones"]["AvailableZone"][0]["ZoneId"]
        else:
            answer["AvailableZones"] = None
            if form == "absent":
                del answer["AvailableZones"]

    cloud.mutate("ecs:DescribeAvailableResource", spoil)
    with client_of(cloud) as client:
        stocks = fill_one(client, "type_stocks")
    with pytest.raises(NotKnown):
        stocks.get(type_stock_key(LARGE, "PostPaid"))
    assert [reason.kind for reason in stocks.reasons] == [ReasonKind.MALFORMED]


def test_a_type_that_is_offered_nowhere_has_no_zones(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        stocks = fill_one(client, "type_stocks", **given(pool={"instance_types": ["ecs.old.large"]}, group={}))
    row = stocks.get("ecs.old.large/PostPaid")
    assert row is not None
    assert row.zones == []
