"""The network side of ECS: security groups, prefix lists, port lists and network interfaces."""

from tests.fakes.cloud.ecs import EcsState, paged
from tests.fakes.cloud.filters import among, only, tagged
from tests.fakes.cloud.paging import by_token
from tests.fakes.cloud.wire import Json, Parameters, invalid, not_found

COUNTED = ("EcsCount", "AvailableInstanceAmount")


def describe_security_groups(ecs: EcsState, params: Parameters) -> Json:
    """Return the security groups; one asked for by id that is not there is left out."""
    found = among(ecs.security_groups.values(), params.json_list("SecurityGroupIds", 100), "SecurityGroupId")
    found = only(found, params, "VpcId", "SecurityGroupName", "SecurityGroupType")
    found = tagged(found, params.pairs("Tag"))
    page = by_token(found, params, largest=100, default=10)
    groups = [_listed(group, counted=params.flag("IsQueryEcsCount")) for group in page.items]
    return {"RegionId": params.text("RegionId"), "SecurityGroups": {"SecurityGroup": groups}, **paged(page)}


def describe_security_group_attribute(ecs: EcsState, params: Parameters) -> Json:
    """Return one security group with a page of its rules."""
    group = ecs.security_groups.get(params.required("SecurityGroupId"))
    if group is None:
        raise not_found("InvalidSecurityGroupId.NotFound", "The specified SecurityGroupId does not exist.")
    direction = params.text("Direction", "all")
    if direction not in ("all", "ingress", "egress"):
        raise invalid("Direction")
    rules = [
        rule
        for rule in only(group["Permissions"]["Permission"], params, "NicType")
        if direction in ("all", rule["Direction"])
    ]
    page = by_token(rules, params, largest=1000, default=500, smallest=10)
    keys = ("Description", "InnerAccessPolicy", "RegionId", "SecurityGroupId", "SecurityGroupName", "VpcId")
    return {
        **{key: group[key] for key in keys if key in group},
        "NextToken": page.token,
        "Permissions": {"Permission": page.items},
    }


def describe_security_group_references(ecs: EcsState, params: Parameters) -> Json:
    """Return which security groups have rules that name the groups asked for."""
    references = []
    for group_id in params.repeated("SecurityGroupId", 10) or []:
        naming = [
            {"SecurityGroupId": other, "AliUid": ""}
            for other, group in ecs.security_groups.items()
            if other != group_id
            and any(
                group_id in (rule.get("SourceGroupId"), rule.get("DestGroupId"))
                for rule in group["Permissions"]["Permission"]
            )
        ]
        if group_id in ecs.security_groups:
            references.append(
                {"ReferencingSecurityGroups": {"ReferencingSecurityGroup": naming}, "SecurityGroupId": group_id}
            )
    return {"SecurityGroupReferences": {"SecurityGroupReference": references}}


def describe_prefix_list_attributes(ecs: EcsState, params: Parameters) -> Json:
    """Return one prefix list with its entries."""
    found = ecs.prefix_lists.get(params.required("PrefixListId"))
    if found is None:
        raise not_found("InvalidPrefixListId.NotFound", "The specified prefix list was not found.")
    return found


def describe_port_range_list_entries(ecs: EcsState, params: Parameters) -> Json:
    """Return the entries of one port list; its list is flat."""
    found = ecs.port_range_lists.get(params.required("PortRangeListId"))
    if found is None:
        raise not_found("InvalidPortRangeListId.NotFound", "The specified port range list was not found.")
    return {"Entries": found["Entries"]}


def describe_network_interfaces(ecs: EcsState, params: Parameters) -> Json:
    """Return the network interfaces; one asked for by id that is not there is left out."""
    found = among(ecs.network_interfaces.values(), params.repeated("NetworkInterfaceId", 100), "NetworkInterfaceId")
    found = only(found, params, "InstanceId", "VpcId", "VSwitchId", "Type", "Status")
    if "SecurityGroupId" in params:
        found = among(found, [params.text("SecurityGroupId")], _security_groups)
    found = among(found, params.repeated("PrivateIpAddress", 100), _addresses)
    found = tagged(found, params.pairs("Tag"))
    page = by_token(found, params, largest=500, default=10, smallest=10)
    return {"NetworkInterfaceSets": {"NetworkInterfaceSet": page.items}, **paged(page)}


OPERATIONS = {
    "DescribeSecurityGroups": describe_security_groups,
    "DescribeSecurityGroupAttribute": describe_security_group_attribute,
    "DescribeSecurityGroupReferences": describe_security_group_references,
    "DescribePrefixListAttributes": describe_prefix_list_attributes,
    "DescribePortRangeListEntries": describe_port_range_list_entries,
    "DescribeNetworkInterfaces": describe_network_interfaces,
}


def _listed(group: Json, *, counted: bool) -> Json:
    hidden = ("InnerAccessPolicy", "Permissions", "RegionId", *(() if counted else COUNTED))
    listed = {key: value for key, value in group.items() if key not in hidden}
    return {**listed, "RuleCount": len(group["Permissions"]["Permission"])}


def _security_groups(interface: Json) -> list[str]:
    groups: list[str] = interface["SecurityGroupIds"]["SecurityGroupId"]
    return groups


def _addresses(interface: Json) -> list[str]:
    return [entry["PrivateIpAddress"] for entry in interface["PrivateIpSets"]["PrivateIpSet"]]
