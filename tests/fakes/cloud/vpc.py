"""VPC (product ``vpc``): networks, vSwitches, routes, network ACLs and public addresses."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import among, in_region, only
from tests.fakes.cloud.paging import by_number, by_token
from tests.fakes.cloud.wire import ApiError, Json, Parameters, missing, not_found


@dataclass
class VpcState:
    """What VPC knows, each family by id, in the form of its list operation.

    Attributes:
        vpcs: DescribeVpcs.
        vswitches: DescribeVSwitches.
        route_tables: DescribeRouteTableList.
        route_entries: DescribeRouteEntryList, by route table id.
        network_acls: DescribeNetworkAclAttributes.
        eips: DescribeEipAddresses.
        nat_gateways: DescribeNatGateways.
        snat_entries: DescribeSnatTableEntries, by table id.
    """

    vpcs: dict[str, Json] = field(default_factory=dict)
    vswitches: dict[str, Json] = field(default_factory=dict)
    route_tables: dict[str, Json] = field(default_factory=dict)
    route_entries: dict[str, list[Json]] = field(default_factory=dict)
    network_acls: dict[str, Json] = field(default_factory=dict)
    eips: dict[str, Json] = field(default_factory=dict)
    nat_gateways: dict[str, Json] = field(default_factory=dict)
    snat_entries: dict[str, list[Json]] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "VpcState":
        """Return the recorded state."""
        state = cls()
        for vpc in recorded.answer("vpc/DescribeVpcs.json")["Vpcs"]["Vpc"]:
            state.vpcs[vpc["VpcId"]] = vpc
        for vswitch in recorded.answer("vpc/DescribeVSwitches.json")["VSwitches"]["VSwitch"]:
            state.vswitches[vswitch["VSwitchId"]] = vswitch
        for table in recorded.answer("vpc/DescribeRouteTableList.json")["RouterTableList"]["RouterTableListType"]:
            entries = recorded.answer(f"vpc/DescribeRouteEntryList.{table['RouteTableId']}.json")
            state.route_tables[table["RouteTableId"]] = table
            state.route_entries[table["RouteTableId"]] = entries["RouteEntrys"]["RouteEntry"]
        for eip in recorded.answer("vpc/DescribeEipAddresses.json")["EipAddresses"]["EipAddress"]:
            state.eips[eip["AllocationId"]] = eip
        for gateway in recorded.answer("vpc/DescribeNatGateways.json")["NatGateways"]["NatGateway"]:
            state.nat_gateways[gateway["NatGatewayId"]] = gateway
            for table_id in gateway["SnatTableIds"]["SnatTableId"]:
                entries = recorded.answer(f"vpc/DescribeSnatTableEntries.{table_id}.json")
                state.snat_entries[table_id] = entries["SnatTableEntries"]["SnatTableEntry"]
        return state

    def add_vpc(self, vpc_id: str, cidr: str, **fields: Any) -> Json:
        """Add a network without vSwitches and routes."""
        self.vpcs[vpc_id] = {
            "CenStatus": "",
            "CidrBlock": cidr,
            "CreationTime": "2026-03-02T01:30:00Z",
            "Description": "",
            "IsDefault": False,
            "NatGatewayIds": {"NatGatewayIds": []},
            "RegionId": "cn-hangzhou",
            "RouterTableIds": {"RouterTableIds": []},
            "SecondaryCidrBlocks": {"SecondaryCidrBlock": []},
            "Status": "Available",
            "Tags": {"Tag": []},
            "UserCidrs": {"UserCidr": []},
            "VSwitchIds": {"VSwitchId": []},
            "VpcId": vpc_id,
            "VpcName": vpc_id,
            **fields,
        }
        return self.vpcs[vpc_id]

    def add_route(self, table_id: str, cidr: str, next_hop_type: str, next_hop_id: str = "", **fields: Any) -> Json:
        """Add a route that somebody made, and that works, unless the fields say otherwise."""
        entries = self.route_entries[table_id]
        hop = {"Enabled": 1, "NextHopId": next_hop_id, "NextHopType": next_hop_type, "Weight": 0}
        route: Json = {
            "Description": "",
            "DestinationCidrBlock": cidr,
            "IpVersion": "ipv4",
            "NextHops": {"NextHop": [hop]},
            "RouteEntryId": f"rte-{table_id.removeprefix('vtb-')}-{len(entries)}",
            "RouteEntryName": "",
            "RouteTableId": table_id,
            "Status": "Available",
            "Type": "Custom",
            **fields,
        }
        entries.append(route)
        return route

    def peer(self, vpc_id: str, cidr: str, *, connection_id: str = "pcc-bp1peer", hop: str = "VpcPeer") -> None:
        """Add another network, and lead to it from all route tables: by peering, or by a next hop of another type."""
        self.add_vpc(vpc_id, cidr)
        for table_id in self.route_tables:
            self.add_route(table_id, cidr, hop, connection_id)

    def add_eip(self, allocation_id: str, address: str, instance_id: str = "", **fields: Any) -> Json:
        """Add a public address of a CLB; free if no instance is given."""
        eip: Json = {
            "AllocationId": allocation_id,
            "AllocationTime": "2026-03-02T01:40:10Z",
            "Bandwidth": "100",
            "BusinessStatus": "Normal",
            "ChargeType": "PostPaid",
            "DeletionProtection": False,
            "EipBandwidth": "100",
            "ExpiredTime": "",
            "InstanceId": instance_id,
            "InstanceRegionId": "cn-hangzhou" if instance_id else "",
            "InstanceType": "SlbInstance" if instance_id else "",
            "InternetChargeType": "PayByTraffic",
            "IpAddress": address,
            "Name": allocation_id,
            "OperationLocks": {"LockReason": []},
            "RegionId": "cn-hangzhou",
            "Status": "InUse" if instance_id else "Available",
            "Tags": {"Tag": []},
            **fields,
        }
        self.eips[allocation_id] = eip
        return eip

    def add_network_acl(
        self, acl_id: str, vswitch_ids: list[str], ingress: list[Json], egress: list[Json], **fields: Any
    ) -> Json:
        """Add a network ACL and bind vSwitches to it.

        An entry needs ``Policy``; its range, ``Protocol`` and ``Port`` are everything unless it says otherwise.
        """
        general = {"Protocol": "all", "Port": "-1/-1", "EntryType": "custom", "Description": ""}
        acl: Json = {
            "NetworkAclId": acl_id,
            "NetworkAclName": acl_id,
            "RegionId": "cn-hangzhou",
            "Status": "Available",
            "VpcId": self.vswitches[vswitch_ids[0]]["VpcId"] if vswitch_ids else "",
            "IngressAclEntries": {
                "IngressAclEntry": [{**general, "SourceCidrIp": "0.0.0.0/0", **entry} for entry in ingress]
            },
            "EgressAclEntries": {
                "EgressAclEntry": [{**general, "DestinationCidrIp": "0.0.0.0/0", **entry} for entry in egress]
            },
            "Resources": {
                "Resource": [
                    {"ResourceId": vswitch_id, "ResourceType": "VSwitch", "Status": "BINDED"}
                    for vswitch_id in vswitch_ids
                ]
            },
            **fields,
        }
        for vswitch_id in vswitch_ids:
            self.vswitches[vswitch_id]["NetworkAclId"] = acl_id
        self.network_acls[acl_id] = acl
        return acl


def describe_vpcs(vpc: VpcState, params: Parameters) -> Json:
    """Return the networks; one asked for by id that is not there is left out."""
    found = among(in_region(vpc.vpcs.values(), params), params.comma_list("VpcId", 20), "VpcId")
    page = by_number(only(found, params, "VpcName"), params, largest=50)
    return {"Vpcs": {"Vpc": page.items}, **page.counted()}


def describe_vswitches(vpc: VpcState, params: Parameters) -> Json:
    """Return the vSwitches; one asked for by id that is not there is left out."""
    found = only(vpc.vswitches.values(), params, "VSwitchId", "VpcId", "ZoneId", "VSwitchName")
    page = by_number(found, params, largest=50)
    return {"VSwitches": {"VSwitch": page.items}, **page.counted()}


def describe_route_table_list(vpc: VpcState, params: Parameters) -> Json:
    """Return the route tables, without their entries."""
    found = only(vpc.route_tables.values(), params, "VpcId", "RouteTableId", "RouterId", "RouteTableName")
    page = by_number(found, params, largest=50)
    return {"RouterTableList": {"RouterTableListType": page.items}, **page.counted()}


def describe_route_entry_list(vpc: VpcState, params: Parameters) -> Json:
    """Return the entries of one route table."""
    table_id = params.required("RouteTableId")
    if table_id not in vpc.route_entries:
        raise not_found("InvalidRouteTableId.NotFound", "Specified route table does not exist.")
    entries = only(vpc.route_entries[table_id], params, "DestinationCidrBlock", "RouteEntryId", "RouteEntryName")
    if "NextHopId" in params:
        entries = among(entries, [params.text("NextHopId")], _next_hops)
    page = by_token(entries, params, largest=100, default=50, size="MaxResult")
    return {"NextToken": page.token, "RouteEntrys": {"RouteEntry": page.items}, "TotalCount": page.total}


def describe_network_acls(vpc: VpcState, params: Parameters) -> Json:
    """Return the network ACLs; the numbers of paging are strings here."""
    found = only(in_region(vpc.network_acls.values(), params), params, "VpcId", "NetworkAclId", "NetworkAclName")
    page = by_number(found, params, largest=50, default=50)
    counted = {key: str(value) for key, value in page.counted().items()}
    return {"NetworkAcls": {"NetworkAcl": page.items}, **counted}


def describe_network_acl_attributes(vpc: VpcState, params: Parameters) -> Json:
    """Return one network ACL with its entries."""
    acl = vpc.network_acls.get(params.required("NetworkAclId"))
    if acl is None:
        raise ApiError("InvalidNetworkAcl.NotFound", "The special Network Acl is not found.")
    return {"NetworkAclAttribute": acl}


def describe_eip_addresses(vpc: VpcState, params: Parameters) -> Json:
    """Return the public addresses."""
    found = among(in_region(vpc.eips.values(), params), params.comma_list("AllocationId", 50), "AllocationId")
    found = among(found, params.comma_list("EipAddress", 50), "IpAddress")
    for parameter, name in (("AssociatedInstanceId", "InstanceId"), ("AssociatedInstanceType", "InstanceType")):
        if parameter in params:
            found = [eip for eip in found if eip[name] == params.text(parameter)]
    page = by_number(only(found, params, "Status"), params, largest=100)
    return {"EipAddresses": {"EipAddress": page.items}, **page.counted()}


def describe_nat_gateways(vpc: VpcState, params: Parameters) -> Json:
    """Return the NAT gateways."""
    found = only(in_region(vpc.nat_gateways.values(), params), params, "VpcId", "NatGatewayId", "Name", "Status")
    page = by_number(found, params, largest=50)
    return {"NatGateways": {"NatGateway": page.items}, **page.counted()}


def describe_snat_table_entries(vpc: VpcState, params: Parameters) -> Json:
    """Return the entries of one SNAT table, or of all tables of a gateway; one of the two has to be named."""
    if "SnatTableId" not in params and "NatGatewayId" not in params:
        raise missing("SnatTableId")
    entries = [entry for entries in vpc.snat_entries.values() for entry in entries]
    page = by_number(only(entries, params, "SnatTableId", "NatGatewayId", "SnatIp"), params, largest=50)
    return {"SnatTableEntries": {"SnatTableEntry": page.items}, **page.counted()}


OPERATIONS = {
    "DescribeVpcs": describe_vpcs,
    "DescribeVSwitches": describe_vswitches,
    "DescribeRouteTableList": describe_route_table_list,
    "DescribeRouteEntryList": describe_route_entry_list,
    "DescribeNetworkAcls": describe_network_acls,
    "DescribeNetworkAclAttributes": describe_network_acl_attributes,
    "DescribeEipAddresses": describe_eip_addresses,
    "DescribeNatGateways": describe_nat_gateways,
    "DescribeSnatTableEntries": describe_snat_table_entries,
}


def _next_hops(entry: Json) -> list[str]:
    return [hop["NextHopId"] for hop in entry["NextHops"]["NextHop"]]
