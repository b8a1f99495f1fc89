"""What the checks of reachability and of roles need from the collectors beyond the plain lists."""

from auditor.facts.table import State, Table
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill_one
from tests.fakes.cloud import FakeCloud

SERVICE_ROLE = "AliyunCSManagedAutoScalerRole"


def test_interfaces_say_whether_a_service_keeps_them(cloud: FakeCloud) -> None:
    some = next(iter(cloud.state.ecs.network_interfaces.values()))
    del some["ServiceManaged"]
    with client_of(cloud) as client:
        rows = fill_one(client, "network_interfaces").all()
    assert sorted(row.primary_ip for row in rows if row.service_managed) == ["192.168.0.5", "192.168.1.5"]
    assert {row.id for row in rows if row.service_managed is None} == {some["NetworkInterfaceId"]}


def test_rules_say_whose_group_they_name(cloud: FakeCloud) -> None:
    ecs = cloud.state.ecs
    group = next(iter(ecs.security_groups))
    ecs.add_rule(group, "ingress", SourceGroupId="sg-theirs", SourceGroupOwnerAccount="2098765432101234")
    ecs.add_rule(group, "egress", DestGroupId="sg-theirs", DestGroupOwnerAccount="3098765432101234")
    with client_of(cloud) as client:
        (row,) = fill_one(client, "security_group_rules").all()
    theirs = {rule.direction: rule.peer_group_account for rule in row.rules if rule.peer_group_id == "sg-theirs"}
    assert theirs == {"ingress": "2098765432101234", "egress": "3098765432101234"}
    assert {rule.peer_group_account for rule in row.rules if rule.peer_group_id == group} == {""}


def test_network_acls_of_vswitches_without_nodes_are_read(cloud: FakeCloud) -> None:
    vpc = cloud.state.vpc
    vpc.vswitches["vsw-empty"] = {**next(iter(vpc.vswitches.values())), "VSwitchId": "vsw-empty"}
    vpc.add_network_acl("nacl-empty", ["vsw-empty"], [{"Policy": "accept"}], [])
    with client_of(cloud) as client:
        assert fill_one(client, "network_acls").get("nacl-empty") is not None


def test_the_service_role_is_read_though_the_nodes_roles_are_not_known(cloud: FakeCloud) -> None:
    unknown: Table[object] = Table.unavailable("instance_roles", denied("ecs:DescribeInstanceRamRole", "ecs"))  # type: ignore[type-var]
    with client_of(cloud) as client:
        for name in ("roles", "attached_policies"):
            table = fill_one(client, name, instance_roles=unknown)
            assert table.state is State.KNOWN
            assert [row.key for row in table.all()] == [SERVICE_ROLE]


def test_the_nodes_groups_are_read_though_no_interface_can_be(cloud: FakeCloud) -> None:
    cloud.deny("ecs:DescribeNetworkInterfaces")
    nodes = cloud.state.ecs.instances.values()
    groups = {group for row in nodes for group in row["SecurityGroupIds"]["SecurityGroupId"]}
    with client_of(cloud) as client:
        for table in ("security_groups", "security_group_rules"):
            assert {row.key for row in fill_one(client, table).all()} == groups
