"""VPC: vSwitches, and the network ACLs that are bound to them."""

from typing import Any

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.ecs import vpc_ids, vpc_not_said
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_lists, one_by_one
from auditor.collect.alibaba.paging import Numbered
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.vpc import AclEntry, NetworkAcl, VSwitch
from auditor.facts.ref import Layer
from auditor.facts.table import Table


@provides(
    "vswitches",
    source="vpc",
    layer=Layer.CLOUD,
    permissions=("vpc:DescribeVSwitches",),
    tolerates=("instances", "clusters"),
)
def collect_vswitches(client: CloudClient, instances: Table[Instance], clusters: Table[Cluster]) -> Table[Any]:
    """Fill ``vswitches`` with all of the VPC: the nodes', or the cluster's where no node can be read."""
    if instances.is_unavailable:
        vpcs = [] if clusters.is_unavailable else sorted({row.vpc_id for row in clusters.known_rows() if row.vpc_id})
        if not vpcs:
            return Table.unavailable("vswitches", *instances.reasons)
    else:
        vpcs = vpc_ids(instances)
    if not vpcs:
        return vpc_not_said("vswitches", instances, "vpc")
    return from_lists(
        client,
        "vswitches",
        [Request("vpc", "DescribeVSwitches", {"VpcId": vpc}) for vpc in vpcs],
        ("VSwitches", "VSwitch"),
        Numbered(50),
        lambda fields: VSwitch(
            id=fields.required("VSwitchId"),
            name=fields.word("VSwitchName"),
            zone=fields.known("ZoneId"),
            vpc_id=fields.known("VpcId"),
            cidr=fields.known("CidrBlock"),
            cidr6=fields.word("Ipv6CidrBlock"),
            free_ips=fields.integer("AvailableIpAddressCount"),
            network_acl_id=fields.text("NetworkAclId"),
        ),
        lambda fields: fields.required("VSwitchId"),
    )


@provides("network_acls", source="vpc", layer=Layer.CLOUD, permissions=("vpc:DescribeNetworkAclAttributes",))
def collect_network_acls(client: CloudClient, vswitches: Table[VSwitch]) -> Table[NetworkAcl]:
    """Fill ``network_acls`` with those that are bound to a vSwitch of the VPC.

    Not those of the nodes' vSwitches alone: what a node talks to may be in another.
    """

    def read(acl_id: str) -> NetworkAcl:
        answer = Fields(client.call(Request("vpc", "DescribeNetworkAclAttributes", {"NetworkAclId": acl_id})))
        if "NetworkAclAttribute" not in answer:
            raise BadField("NetworkAclAttribute")
        fields = answer.child("NetworkAclAttribute")
        return NetworkAcl(
            id=acl_id,
            status=fields.known("Status"),
            ingress=_entries(fields, "IngressAclEntries", "IngressAclEntry", "SourceCidrIp"),
            egress=_entries(fields, "EgressAclEntries", "EgressAclEntry", "DestinationCidrIp"),
        )

    acl_ids = {vswitch.network_acl_id for vswitch in vswitches.known_rows() if vswitch.network_acl_id}
    return one_by_one(client, "network_acls", "vpc", acl_ids, read, may_be_absent=False)


def _entries(fields: Fields, outer: str, inner: str, cidr: str) -> list[AclEntry]:
    return [
        AclEntry(
            policy=entry.required("Policy"),
            protocol=entry.required("Protocol"),
            ports=entry.known("Port") or "-1/-1",
            cidr=entry.required(cidr),
        )
        for entry in fields.required_records(outer, inner)
    ]
