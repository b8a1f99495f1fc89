"""Answers of every shape: null and absent lists, spoilt fields, flat and wrapped, texts that hold JSON."""

from typing import Any

import pytest

from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.alibaba.kit import CLUSTER_ID, client_of, fill, fill_one, with_everything
from tests.fakes.cloud import FakeCloud

LISTS = {
    "load_balancers": ("slb:DescribeLoadBalancers", "LoadBalancers", "LoadBalancer"),
    "listeners": ("slb:DescribeLoadBalancerListeners", "Listeners", ""),
    "network_interfaces": ("ecs:DescribeNetworkInterfaces", "NetworkInterfaceSets", "NetworkInterfaceSet"),
    "disks": ("ecs:DescribeDisks", "Disks", "Disk"),
    "instances": ("ecs:DescribeInstances", "Instances", "Instance"),
    "security_groups": ("ecs:DescribeSecurityGroups", "SecurityGroups", "SecurityGroup"),
    "security_group_rules": ("ecs:DescribeSecurityGroupAttribute", "Permissions", "Permission"),
    "file_systems": ("nas:DescribeFileSystems", "FileSystems", "FileSystem"),
    "nas_access_rules": ("nas:DescribeAccessRules", "AccessRules", "AccessRule"),
    "scaling_groups": ("ess:DescribeScalingGroups", "ScalingGroups", "ScalingGroup"),
    "vswitches": ("vpc:DescribeVSwitches", "VSwitches", "VSwitch"),
    "node_pools": ("cs:DescribeClusterNodePools", "nodepools", ""),
    "addons": ("cs:ListClusterAddonInstances", "addons", ""),
    "server_groups": ("slb:DescribeVServerGroups", "VServerGroups", "VServerGroup"),
    "group_backends": ("slb:DescribeVServerGroupAttribute", "BackendServers", "BackendServer"),
    "default_backends": ("slb:DescribeLoadBalancerAttribute", "BackendServers", "BackendServer"),
    "access_control_lists": ("slb:DescribeAccessControlListAttribute", "AclEntrys", "AclEntry"),
    "load_balancer_health": ("slb:DescribeHealthStatus", "BackendServers", "BackendServer"),
    "load_balancer_metrics": ("cms:DescribeMetricList", "Datapoints", ""),
    "attached_policies": ("ram:ListPoliciesForRole", "Policies", "Policy"),
    "slb_quotas": ("quotas:ListProductQuotas", "Quotas", ""),
    "prefix_lists": ("ecs:DescribePrefixListAttributes", "Entries", "Entry"),
}

SPOILT = [
    ("instances", "ecs:DescribeInstances", ("Instances", "Instance"), "ZoneId", 7, "InstanceId"),
    ("disks", "ecs:DescribeDisks", ("Disks", "Disk"), "Portable", "perhaps", "DiskId"),
    ("disks", "ecs:DescribeDisks", ("Disks", "Disk"), "MultiAttach", "Sometimes", "DiskId"),
    ("load_balancers", "slb:DescribeLoadBalancers", ("LoadBalancers", "LoadBalancer"), "Tags", "x", "LoadBalancerId"),
    ("file_systems", "nas:DescribeFileSystems", ("FileSystems", "FileSystem"), "MountTargets", 1, "FileSystemId"),
    ("scaling_groups", "ess:DescribeScalingGroups", ("ScalingGroups", "ScalingGroup"), "MaxSize", [], "ScalingGroupId"),
    ("vswitches", "vpc:DescribeVSwitches", ("VSwitches", "VSwitch"), "AvailableIpAddressCount", "many", "VSwitchId"),
]


@pytest.mark.parametrize("table", sorted(LISTS))
@pytest.mark.parametrize("form", ["absent", "null", "inner null", "text"])
def test_a_list_that_is_not_there_is_never_an_empty_one(cloud: FakeCloud, table: str, form: str) -> None:
    action, outer, inner = LISTS[table]

    def spoil(answer: Any) -> None:
        if form == "absent":
            del answer[outer]
        elif form == "inner null" and inner:
            answer[outer] = {inner: None}
        else:
            answer[outer] = "text" if form == "text" else None

    cloud.mutate(action, spoil)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.UNAVAILABLE
    assert {reason.kind for reason in filled.reasons} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize(
    "table", ["load_balancers", "listeners", "network_interfaces", "file_systems", "vswitches", "slb_quotas"]
)
def test_a_list_that_is_cut_short_is_partial(cloud: FakeCloud, table: str) -> None:
    action, outer, inner = LISTS[table]

    def cut(answer: Any) -> None:
        items = answer[outer][inner] if inner else answer[outer]
        if items:
            items.pop()

    cloud.mutate(action, cut)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.PARTIAL
    assert {reason.kind for reason in filled.reasons} == {ReasonKind.TRUNCATED}
    assert filled.known_rows()
    with pytest.raises(NotKnown):
        filled.get("whatever may be missing")


def test_rows_that_come_twice_push_others_off(cloud: FakeCloud) -> None:
    def double(answer: Any) -> None:
        balancers = answer["LoadBalancers"]["LoadBalancer"]
        balancers[0] = balancers[1]

    cloud.mutate("slb:DescribeLoadBalancers", double)
    with client_of(cloud) as client:
        balancers = fill_one(client, "load_balancers")
    assert len(balancers.known_rows()) == 4
    assert [reason.kind for reason in balancers.reasons] == [ReasonKind.TRUNCATED]


@pytest.mark.parametrize(("table", "action", "path", "field", "value", "id_field"), SPOILT)
def test_a_field_of_another_type_hides_its_row_only(
    cloud: FakeCloud, table: str, action: str, path: tuple[str, str], field: str, value: Any, id_field: str
) -> None:
    spoilt: list[str] = []

    def spoil(answer: Any) -> None:
        item = answer[path[0]][path[1]][0]
        item[field] = value
        spoilt.append(item[id_field])

    cloud.mutate(action, spoil)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.PARTIAL
    with pytest.raises(NotKnown, match=field):
        filled.get(spoilt[0])
    assert filled.known_rows()


@pytest.mark.parametrize("value", [None, 5, ""])
def test_a_row_without_its_key_may_be_any_row(cloud: FakeCloud, value: Any) -> None:
    def spoil(answer: Any) -> None:
        answer["LoadBalancers"]["LoadBalancer"][0]["LoadBalancerId"] = value

    cloud.mutate("slb:DescribeLoadBalancers", spoil)
    with client_of(cloud) as client:
        balancers = fill_one(client, "load_balancers")
    with pytest.raises(NotKnown):
        balancers.get("lb-whatever")
    assert len(balancers.known_rows()) == 4


@pytest.mark.parametrize("priority", ["1", 1, "100"])
def test_priorities_are_numbers_however_they_are_written(cloud: FakeCloud, priority: Any) -> None:
    def write(answer: Any) -> None:
        answer["Permissions"]["Permission"][0]["Priority"] = priority

    cloud.mutate("ecs:DescribeSecurityGroupAttribute", write)
    with client_of(cloud) as client:
        rules = fill_one(client, "security_group_rules").all()[0].rules
    assert rules[0].priority == int(priority)
    assert all(isinstance(rule.priority, int) for rule in rules)


@pytest.mark.parametrize(
    "change",
    [
        {"Priority": "first"},
        {"Priority": None},
        {"Policy": ""},
        {"IpProtocol": None},
        {"Direction": "sideways"},
        {"SourceCidrIp": "", "SourceGroupId": "", "SourcePrefixListId": ""},
        {"IpProtocol": "TCP", "PortRange": ""},
    ],
)
def test_rules_are_known_all_or_none(cloud: FakeCloud, change: dict[str, Any]) -> None:
    cloud.mutate(
        "ecs:DescribeSecurityGroupAttribute", lambda answer: answer["Permissions"]["Permission"][0].update(change)
    )
    with client_of(cloud) as client:
        rules = fill_one(client, "security_group_rules")
    assert rules.state is State.UNAVAILABLE
    assert rules.reasons[0].kind is ReasonKind.MALFORMED


def test_flat_scaling_groups_are_read_like_wrapped_ones(cloud: FakeCloud) -> None:
    def flatten(answer: Any) -> None:
        groups = answer["ScalingGroups"]["ScalingGroup"]
        for group in groups:
            group["VSwitchIds"] = group["VSwitchIds"]["VSwitchId"]
            group["SuspendedProcesses"] = ["ScaleOut"]
        answer["ScalingGroups"] = groups

    with client_of(cloud) as client:
        wrapped = fill_one(client, "scaling_groups").all()
        cloud.mutate("ess:DescribeScalingGroups", flatten)
        flat = fill_one(client, "scaling_groups").all()
    assert [row.vswitch_ids for row in flat] == [row.vswitch_ids for row in wrapped]
    assert flat[0].suspended_processes == ["ScaleOut"]


def test_a_scaling_group_with_a_single_vswitch(cloud: FakeCloud) -> None:
    cloud.mutate(
        "ess:DescribeScalingGroups",
        lambda answer: answer["ScalingGroups"]["ScalingGroup"][0].update(VSwitchIds=None, VSwitchId="vsw-1"),
    )
    with client_of(cloud) as client:
        assert fill_one(client, "scaling_groups").all()[0].vswitch_ids == ["vsw-1"]


def test_a_policy_without_a_document_says_so(cloud: FakeCloud) -> None:
    cloud.mutate("ram:GetPolicy", lambda answer: answer["DefaultPolicyVersion"].update(PolicyDocument=""))
    with client_of(cloud) as client:
        policies = fill_one(client, "policies")
    assert {row.document for row in policies.all()} == {None}


def test_texts_that_hold_json_are_read_with_care(cloud: FakeCloud) -> None:
    cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.update(meta_data="", master_url=None))
    with client_of(cloud) as client:
        cluster = fill_one(client, "clusters").all()[0]
        assert (cluster.component_versions, cluster.api_endpoints, cluster.network) == ({}, {}, None)
        cloud.heal()
        versions = fill_one(client, "clusters").all()[0].component_versions
    assert versions["cloud-controller-manager"] == "v2.14.1"
    assert not {"Kubernetes", "Next", "Runtime"}.intersection(versions)


@pytest.mark.parametrize("name", ["meta_data", "master_url"])
@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}, "{not json", "plain", '["x"]', '{"cut": '])
def test_a_text_that_holds_no_json_object_spoils_the_cluster(cloud: FakeCloud, name: str, value: Any) -> None:
    cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.update({name: value}))
    with client_of(cloud) as client:
        clusters = fill_one(client, "clusters")
    with pytest.raises(NotKnown, match=name):
        clusters.get(CLUSTER_ID)


@pytest.mark.parametrize(
    ("action", "table", "path", "name"),
    [
        ("slb:DescribeLoadBalancers", "load_balancers", ("LoadBalancers", "LoadBalancer"), "Address"),
        ("slb:DescribeLoadBalancerListeners", "listeners", ("Listeners",), "ListenerPort"),
        ("ecs:DescribeInstanceRamRole", "instance_roles", ("InstanceRamRoleSets", "InstanceRamRoleSet"), "RamRoleName"),
    ],
)
def test_what_tells_rows_apart_is_not_taken_for_empty_when_it_is_left_out(
    cloud: FakeCloud, action: str, table: str, path: tuple[str, ...], name: str
) -> None:
    def strip(answer: Any) -> None:
        for key in path:
            answer = answer[key]
        del answer[0][name]

    with client_of(cloud) as client:
        whole = fill_one(client, table).all()
        cloud.mutate(action, strip)
        part = fill_one(client, table)
    assert len(part.known_rows()) == len(whole) - 1
    lost = next(row for row in whole if row.key not in {known.key for known in part.known_rows()})
    with pytest.raises(NotKnown, match=name):
        part.get(lost.key)


@pytest.mark.parametrize(
    ("action", "table", "strip"),
    [
        (
            "nas:DescribeFileSystems",
            "file_systems",
            lambda answer: [
                target.pop("MountTargetDomain")
                for system in answer["FileSystems"]["FileSystem"]
                for target in system["MountTargets"]["MountTarget"]
            ],
        ),
        (
            "ecs:DescribeInstances",
            "instances",
            lambda answer: [
                instance.update(OperationLocks={"LockReason": [{"LockMsg": "unpaid"}]})
                for instance in answer["Instances"]["Instance"]
            ],
        ),
    ],
)
def test_a_part_that_does_not_say_which_it_is_spoils_its_row(
    cloud: FakeCloud, action: str, table: str, strip: Any
) -> None:
    with client_of(cloud) as client:
        keys = [row.key for row in fill_one(client, table).all()]
        cloud.mutate(action, lambda answer: strip(answer) and None)
        part = fill_one(client, table)
    for key in keys:
        with pytest.raises(NotKnown):
            part.get(key)


def test_instances_that_can_not_be_read_leave_the_lists_of_their_vpc_unknown(cloud: FakeCloud) -> None:
    def spoil_the_first_and_lose_the_others(answer: Any) -> None:
        instances = answer["Instances"]["Instance"]
        del instances[1:]
        instances[0]["Status"] = 7
        answer["TotalCount"] = 1

    cloud.mutate("ecs:DescribeInstances", spoil_the_first_and_lose_the_others)
    with client_of(cloud) as client:
        vswitches = fill_one(client, "vswitches")
    assert vswitches.state is State.UNAVAILABLE
    assert vswitches.reasons[0].source == "ecs"


def test_quotas_of_other_regions_and_of_single_objects_are_left_out(cloud: FakeCloud) -> None:
    def add(answer: Any) -> None:
        first = answer["Quotas"][0]
        answer["Quotas"] += [
            {**first, "Dimensions": {"regionId": "cn-beijing"}, "TotalQuota": 1.0},
            {**first, "Dimensions": {"regionId": "cn-hangzhou", "instanceId": "lb-1"}, "TotalQuota": 2.0},
        ]
        first |= {"TotalQuota": -1, "Consumable": True, "TotalUsage": -1}
        answer["TotalCount"] += 2

    cloud.mutate("quotas:ListProductQuotas", add)
    with client_of(cloud) as client:
        quotas = fill_one(client, "slb_quotas")
    assert quotas.state is State.KNOWN
    assert len(quotas) == 7
    assert {row.region for row in quotas.all()} <= {"cn-hangzhou", ""}
    assert (quotas.all()[0].limit, quotas.all()[0].usage) == (None, None)


@pytest.mark.parametrize("dimensions", [{"regionId": 7}, {"unexpected": {"x": 1}}, "cn-hangzhou", []])
def test_a_quota_whose_dimensions_can_not_be_read_is_unknown(cloud: FakeCloud, dimensions: Any) -> None:
    with client_of(cloud) as client:
        key = fill_one(client, "slb_quotas").all()[0].key
        cloud.mutate("quotas:ListProductQuotas", lambda answer: answer["Quotas"][0].update(Dimensions=dimensions))
        quotas = fill_one(client, "slb_quotas")
    assert len(quotas.known_rows()) == 6
    with pytest.raises(NotKnown, match="Dimensions"):
        quotas.get(key)


def test_instances_that_name_no_vpc_leave_its_lists_unknown(cloud: FakeCloud) -> None:
    def strip(answer: Any) -> None:
        for instance in answer["Instances"]["Instance"]:
            del instance["VpcAttributes"]

    cloud.mutate("ecs:DescribeInstances", strip)
    with client_of(cloud) as client:
        filled = fill(client, ["vswitches", "network_interfaces"])
    for table in ("vswitches", "network_interfaces"):
        assert filled[table].state is State.UNAVAILABLE
        assert filled[table].reasons[0].kind is ReasonKind.MALFORMED


@pytest.mark.parametrize("part", ["IngressAclEntries", "EgressAclEntries"])
def test_network_acls_are_read_with_both_their_halves(cloud: FakeCloud, part: str) -> None:
    with_everything(cloud)
    with client_of(cloud) as client:
        assert fill_one(client, "network_acls").get("nacl-1") is not None
        cloud.mutate(
            "vpc:DescribeNetworkAclAttributes", lambda answer: answer["NetworkAclAttribute"].pop(part) and None
        )
        with pytest.raises(NotKnown, match=part):
            fill_one(client, "network_acls").get("nacl-1")
