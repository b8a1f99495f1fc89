"""ECS: security groups, their rules, and the lists that rules refer to."""

from auditor.collect.alibaba.balancer_scope import nlb_ids
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.ecs import ids_text
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import complete, from_batches, one_by_one
from auditor.collect.alibaba.paging import Tokened, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.ecs import (
    Instance,
    NetworkInterface,
    PortRangeList,
    PrefixList,
    SecurityGroup,
    SecurityGroupRule,
    SecurityGroupRules,
)
from auditor.facts.cloud.nlb import NetworkLoadBalancer
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_WITHOUT_PORTS = ("all", "icmp", "icmpv6", "gre")
_NOT_NEEDED = ("network_interfaces", "network_load_balancers", "services")
"""Without these some groups stay unread, and whoever asks for one of those learns that it was not asked for."""


def group_ids(
    client: CloudClient,
    instances: Table[Instance],
    network_interfaces: Table[NetworkInterface],
    network_load_balancers: Table[NetworkLoadBalancer],
    services: Table[Service],
) -> set[str]:
    """Return the security groups of the nodes' instances, of the network interfaces in their VPC, and of the NLBs.

    The interfaces of other ECS instances are left out: those machines are not audited, and may be many. Where no
    interface is known, the nodes' groups are asked for all the same: many a rule decides without them.
    """
    nodes = {row.id for row in instances.known_rows()}
    groups = {group for row in instances.known_rows() for group in row.security_group_ids or ()}
    for row in () if network_interfaces.is_unavailable else network_interfaces.known_rows():
        if row.instance_id in nodes or not row.instance_id.startswith("i-"):
            groups.update(row.security_group_ids or ())
    if not network_load_balancers.is_unavailable:
        own = set(nlb_ids(network_load_balancers, services, client.cluster_id))
        for balancer in network_load_balancers.known_rows():
            if balancer.id in own:
                groups.update(balancer.security_group_ids or ())
    return groups


@provides(
    "security_groups",
    source="ecs",
    layer=Layer.CLOUD,
    permissions=("ecs:DescribeSecurityGroups",),
    tolerates=_NOT_NEEDED,
)
def collect_security_groups(
    client: CloudClient,
    instances: Table[Instance],
    network_interfaces: Table[NetworkInterface],
    network_load_balancers: Table[NetworkLoadBalancer],
    services: Table[Service],
) -> Table[SecurityGroup]:
    """Fill ``security_groups`` with those of nodes, Pods and NLBs."""
    return from_batches(
        client,
        "security_groups",
        group_ids(client, instances, network_interfaces, network_load_balancers, services),
        100,
        lambda ids: Request("ecs", "DescribeSecurityGroups", {"SecurityGroupIds": ids_text(ids)}),
        ("SecurityGroups", "SecurityGroup"),
        Tokened(100),
        lambda fields: SecurityGroup(
            id=fields.required("SecurityGroupId"),
            name=fields.word("SecurityGroupName"),
            type=fields.known("SecurityGroupType"),
            vpc_id=fields.known("VpcId"),
        ),
        lambda fields: fields.required("SecurityGroupId"),
    )


@provides(
    "security_group_rules",
    source="ecs",
    layer=Layer.CLOUD,
    permissions=("ecs:DescribeSecurityGroupAttribute",),
    tolerates=_NOT_NEEDED,
)
def collect_security_group_rules(
    client: CloudClient,
    instances: Table[Instance],
    network_interfaces: Table[NetworkInterface],
    network_load_balancers: Table[NetworkLoadBalancer],
    services: Table[Service],
) -> Table[SecurityGroupRules]:
    """Fill ``security_group_rules``, group by group. Rules that can't all be read are not known at all."""

    def read(group_id: str) -> SecurityGroupRules:
        params = {"SecurityGroupId": group_id, "Direction": "all", "NicType": "intranet"}
        request = Request("ecs", "DescribeSecurityGroupAttribute", params)
        listing = gather(client, request, "Permissions", "Permission", Tokened(1000))
        rules = [_rule(fields, index) for index, fields in enumerate(complete(listing, request))]
        inner_access = listing.last.known("InnerAccessPolicy") if listing.last else None
        return SecurityGroupRules(group_id, inner_access, rules)

    groups = group_ids(client, instances, network_interfaces, network_load_balancers, services)
    return one_by_one(client, "security_group_rules", "ecs", groups, read, may_be_absent=False)


@provides("prefix_lists", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribePrefixListAttributes",))
def collect_prefix_lists(client: CloudClient, security_group_rules: Table[SecurityGroupRules]) -> Table[PrefixList]:
    """Fill ``prefix_lists`` with those that rules refer to."""
    ids = {
        rule.peer_prefix_list_id
        for group in security_group_rules.known_rows()
        for rule in group.rules
        if rule.peer_prefix_list_id
    }

    def read(list_id: str) -> PrefixList:
        fields = Fields(client.call(Request("ecs", "DescribePrefixListAttributes", {"PrefixListId": list_id})))
        return PrefixList(list_id, [entry.required("Cidr") for entry in fields.required_records("Entries", "Entry")])

    return one_by_one(client, "prefix_lists", "ecs", ids, read, may_be_absent=False)


@provides("port_range_lists", source="ecs", layer=Layer.CLOUD, permissions=("ecs:DescribePortRangeListEntries",))
def collect_port_range_lists(
    client: CloudClient, security_group_rules: Table[SecurityGroupRules]
) -> Table[PortRangeList]:
    """Fill ``port_range_lists`` with those that rules refer to."""
    ids = {
        rule.port_list_id for group in security_group_rules.known_rows() for rule in group.rules if rule.port_list_id
    }

    def read(list_id: str) -> PortRangeList:
        fields = Fields(client.call(Request("ecs", "DescribePortRangeListEntries", {"PortRangeListId": list_id})))
        entries = fields.required_records("Entries", "Entry")
        return PortRangeList(list_id, [entry.required("PortRange") for entry in entries])

    return one_by_one(client, "port_range_lists", "ecs", ids, read, may_be_absent=False)


def _rule(fields: Fields, index: int) -> SecurityGroupRule:
    direction = fields.required("Direction").lower()
    if direction not in ("ingress", "egress"):
        raise BadField("Direction")
    side = "Source" if direction == "ingress" else "Dest"
    peers = {
        "peer_cidr": fields.word(f"{side}CidrIp"),
        "peer_cidr6": fields.word(f"Ipv6{side}CidrIp"),
        "peer_group_id": fields.word(f"{side}GroupId"),
        "peer_prefix_list_id": fields.word(f"{side}PrefixListId"),
    }
    if not any(peers.values()):
        raise BadField(f"{side}CidrIp")
    priority = fields.integer("Priority")
    if priority is None:
        raise BadField("Priority")
    protocol = fields.required("IpProtocol")
    port_list = fields.word("PortRangeListId")
    ports = fields.word("PortRange")
    if not ports and not port_list and protocol.lower() not in _WITHOUT_PORTS:
        raise BadField("PortRange")
    return SecurityGroupRule(
        id=fields.word("SecurityGroupRuleId") or f"rule {index + 1}",
        direction=direction,
        policy=fields.required("Policy"),
        priority=priority,
        protocol=protocol,
        ports=ports or "-1/-1",
        port_list_id=port_list,
        peer_group_account=fields.word(f"{side}GroupOwnerAccount"),
        source_ports=fields.word("SourcePortRange"),
        nic_type=fields.known("NicType") or "intranet",
        description=fields.word("Description"),
        **peers,
    )
