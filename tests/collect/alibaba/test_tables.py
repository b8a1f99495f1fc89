"""All providers of the cloud side, against the recorded healthy account and against each of its failures."""

import ast
from pathlib import Path
from typing import Any

import pytest

from auditor.collect.alibaba import balancer_scope
from auditor.facts.catalogue import CLOUD_TABLES
from auditor.facts.cloud.nas import access_group_key
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.collect.alibaba.kit import CLUSTER_ID, client_of, cloud_providers, fill, fill_one
from tests.fakes.cloud import FakeCloud

NLB_SERVICE = make.service(
    "shop/edge",
    type="LoadBalancer",
    loadBalancerClass="alibabacloud.com/nlb",
    labels={"service.k8s.alibaba/loadbalancer-id": "nlb-1"},
)


@pytest.fixture
def cloud() -> FakeCloud:
    """Give the recorded account, with a row in every table."""
    cloud = FakeCloud.recorded()
    state = cloud.state
    state.nlb.add_load_balancer("nlb-1", VpcId="vpc-bp1uwjm8ddgvodpj5i2ba")
    state.nlb.add_server_group("sgp-1", ["nlb-1"], [{"ServerId": "i-bp1vcw8abao0i6uxb1xi"}])
    return cloud


def with_everything(cloud: FakeCloud) -> None:
    """Bind a network ACL to the nodes' vSwitches, and let a rule refer to a port list."""
    cloud.state.vpc.add_network_acl("nacl-1", list(cloud.state.vpc.vswitches), [{"Policy": "accept"}], [])
    group = next(iter(cloud.state.ecs.security_groups))
    cloud.state.ecs.port_range_lists["prl-1"] = {"Entries": [{"PortRange": "80/80"}]}
    cloud.state.ecs.add_rule(group, "ingress", SourceCidrIp="10.0.0.0/8", PortRangeListId="prl-1", PortRange="")


def services(*more: Any) -> Table[Any]:
    from tests.collect.alibaba.kit import kubernetes_tables  # noqa: PLC0415 - keeps the helper's name short

    return Table("services", [*kubernetes_tables()["services"].all(), *more])


def test_every_table_of_the_cloud_side_has_a_provider() -> None:
    assert set(cloud_providers()) == set(CLOUD_TABLES)


def test_a_healthy_account_is_known_in_full() -> None:
    cloud = FakeCloud.recorded()
    with client_of(cloud) as client:
        filled = fill(client, CLOUD_TABLES)
    assert {name: filled[name].state for name in CLOUD_TABLES} == dict.fromkeys(CLOUD_TABLES, State.KNOWN)
    sizes = {name: len(filled[name]) for name in CLOUD_TABLES}
    assert sizes["instances"] == sizes["instance_roles"] == 8
    assert sizes["disks"] == 9
    assert sizes["load_balancers"] == 5
    assert sizes["listeners"] == sizes["group_backends"] == 8
    assert sizes["node_pools"] == sizes["scaling_groups"] == 2
    assert sizes["file_systems"] == 2
    assert sizes["nas_access_rules"] == 1
    assert sizes["security_group_rules"] == 1
    assert cloud.refused == [], "the auditor only ever reads"
    assert len(cloud.calls) == 47, "a list is read once, and nothing is asked that a list gives"


@pytest.mark.parametrize("page_limit", [1, 3])
def test_small_pages_change_nothing(page_limit: int) -> None:
    whole, paged = FakeCloud.recorded(), FakeCloud.recorded(page_limit=page_limit)
    with client_of(whole) as client:
        expected = fill(client, CLOUD_TABLES)
    with client_of(paged) as client:
        filled = fill(client, CLOUD_TABLES)
    for name in CLOUD_TABLES:
        assert filled[name].state is State.KNOWN, name
        assert {row.key: row for row in filled[name].all()} == {row.key: row for row in expected[name].all()}
    assert len(paged.calls) > len(whole.calls)


@pytest.mark.parametrize("table", sorted(CLOUD_TABLES))
def test_a_provider_calls_what_it_declares_and_nothing_else(cloud: FakeCloud, table: str) -> None:
    provider = cloud_providers()[table]
    with_everything(cloud)
    given = {"services": services(NLB_SERVICE)}
    with client_of(cloud) as client:
        needs = fill(client, provider.needs, **given)
        cloud.calls.clear()
        provider.collect(client, **{need: needs[need] for need in provider.needs})
    assert set(cloud.actions()) == set(provider.permissions)


def test_no_provider_sends_anything_but_its_declared_actions_by_its_source_text() -> None:
    """The requests that stand in a module are those that its providers declare."""
    folder = Path(balancer_scope.__file__).parent
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        built = {
            f"{node.args[0].value}:{node.args[1].value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "Request"
            and len(node.args) > 1
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[1], ast.Constant)
        }
        declared = {
            permission
            for provider in cloud_providers().values()
            if provider.collect.__module__.endswith(f".{path.stem}")
            for permission in provider.permissions
        }
        if declared:
            assert built == declared, path.name


@pytest.mark.parametrize("table", sorted(CLOUD_TABLES))
def test_a_denied_table_is_unavailable_and_names_the_permission(cloud: FakeCloud, table: str) -> None:
    provider = cloud_providers()[table]
    with_everything(cloud)
    with client_of(cloud) as client:
        needs = fill(client, provider.needs, services=services(NLB_SERVICE))
        for permission in provider.permissions:
            cloud.deny(permission)
        denied = provider.collect(client, **{need: needs[need] for need in provider.needs})
    assert denied.state is State.UNAVAILABLE
    assert {reason.kind for reason in denied.reasons} == {ReasonKind.FORBIDDEN}
    assert {reason.missing for reason in denied.reasons} == {provider.permissions}
    assert {reason.source for reason in denied.reasons} == {provider.source}
    assert len(denied.reasons) == 1, "a denial of many calls is one reason"


@pytest.mark.parametrize(
    ("table", "action", "key"),
    [
        ("server_groups", "slb:DescribeVServerGroups", "lb-bp12p67oqr0hch6oyi1oh"),
        ("default_backends", "slb:DescribeLoadBalancerAttribute", "lb-bp12p67oqr0hch6oyi1oh"),
        ("master_slave_groups", "slb:DescribeMasterSlaveServerGroups", "lb-bp12p67oqr0hch6oyi1oh"),
        ("group_backends", "slb:DescribeVServerGroupAttribute", "rsp-bp19pqke71eq1"),
        ("roles", "ram:GetRole", "AliyunCSManagedAutoScalerRole"),
        ("attached_policies", "ram:ListPoliciesForRole", "AliyunCSManagedAutoScalerRole"),
    ],
)
def test_one_failed_key_is_a_gap_for_that_key_alone(cloud: FakeCloud, table: str, action: str, key: str) -> None:
    cloud.deny(action, when=lambda params: key in params.values())
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.PARTIAL
    with pytest.raises(NotKnown) as caught:
        filled.get(key)
    assert caught.value.reasons[0].missing == (action,)
    assert filled.asked is not None
    for other in filled.asked - {key}:
        assert filled.get(other) is not None


def test_one_failed_batch_hides_its_ids_only(cloud: FakeCloud) -> None:
    nodes = [make.node(f"{n:03d}") for n in range(120)]
    for n in range(120):
        cloud.state.add_node(f"i-{n:03d}", like="i-bp1vcw8abao0i6uxb1xi", private_ip=f"10.1.0.{n}")
    cloud.fail("ecs:DescribeInstances", 404, {"Code": "Oops", "Message": "no"}, when=lambda p: "i-119" in str(p))
    with client_of(cloud) as client:
        filled = fill_one(client, "instances", nodes=Table("nodes", nodes))
    assert len(filled) == 100
    assert filled.get("i-000") is not None
    with pytest.raises(NotKnown):
        filled.get("i-119")
    assert cloud.actions().count("ecs:DescribeInstances") == 2


def test_an_unknown_id_is_known_to_be_absent(cloud: FakeCloud) -> None:
    nodes = Table("nodes", [make.node("gone")])
    with client_of(cloud) as client:
        instances = fill_one(client, "instances", nodes=nodes)
        roles = fill_one(client, "instance_roles", nodes=nodes)
    assert instances.get("i-gone") is None
    with pytest.raises(NotKnown):
        instances.get("i-never-asked")
    gone = roles.get("i-gone")
    assert gone is not None
    assert gone.role_name == ""


def test_no_role_is_assumed_where_the_answer_is_incomplete(cloud: FakeCloud) -> None:
    def cut(answer: Any) -> None:
        del answer["InstanceRamRoleSets"]["InstanceRamRoleSet"][:1]

    cloud.mutate("ecs:DescribeInstanceRamRole", cut)
    with client_of(cloud) as client:
        roles = fill_one(client, "instance_roles")
    assert roles.state is State.PARTIAL
    assert len(roles) == 7
    assert roles.asked is not None
    missing = next(key for key in roles.asked if key not in {row.key for row in roles.known_rows()})
    with pytest.raises(NotKnown, match="7 of 8"):
        roles.get(missing)


def test_handles_that_are_no_disk_ids_are_absent_without_asking(cloud: FakeCloud) -> None:
    handles = ("d-bp1meuryy17fee8kib4h", "my-disk", "", "d-UPPER", 'd-"injected')
    volumes = [make.disk_volume(f"pv-{n}", handle) for n, handle in enumerate(handles)]
    with client_of(cloud) as client:
        disks = fill_one(client, "disks", persistent_volumes=Table("persistent_volumes", volumes))
    assert disks.get("d-bp1meuryy17fee8kib4h") is not None
    for handle in handles[1:]:
        assert disks.get(handle) is None
    assert cloud.calls[-1].params["DiskIds"] == '["d-bp1meuryy17fee8kib4h"]'


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
    "attached_policies": ("ram:ListPoliciesForRole", "Policies", "Policy"),
    "slb_quotas": ("quotas:ListProductQuotas", "Quotas", ""),
    "prefix_lists": ("ecs:DescribePrefixListAttributes", "Entries", "Entry"),
}


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


SPOILT = [
    ("instances", "ecs:DescribeInstances", ("Instances", "Instance"), "ZoneId", 7, "InstanceId"),
    ("disks", "ecs:DescribeDisks", ("Disks", "Disk"), "Portable", "perhaps", "DiskId"),
    ("disks", "ecs:DescribeDisks", ("Disks", "Disk"), "MultiAttach", "Sometimes", "DiskId"),
    ("load_balancers", "slb:DescribeLoadBalancers", ("LoadBalancers", "LoadBalancer"), "Tags", "x", "LoadBalancerId"),
    ("file_systems", "nas:DescribeFileSystems", ("FileSystems", "FileSystem"), "MountTargets", 1, "FileSystemId"),
    ("scaling_groups", "ess:DescribeScalingGroups", ("ScalingGroups", "ScalingGroup"), "MaxSize", [], "ScalingGroupId"),
    ("vswitches", "vpc:DescribeVSwitches", ("VSwitches", "VSwitch"), "AvailableIpAddressCount", "many", "VSwitchId"),
]


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


def test_an_inactive_scaling_group_is_left_out_and_so_absent(cloud: FakeCloud) -> None:
    def leave_out(answer: Any) -> None:
        del answer["ScalingGroups"]["ScalingGroup"][0]
        answer["TotalCount"] = 1

    cloud.mutate("ess:DescribeScalingGroups", leave_out)
    with client_of(cloud) as client:
        groups = fill_one(client, "scaling_groups")
    assert groups.state is State.KNOWN
    assert groups.asked is not None
    assert len([key for key in groups.asked if groups.get(key) is None]) == 1


def test_products_that_are_not_opened_have_nothing(cloud: FakeCloud) -> None:
    for action in ("nas:DescribeFileSystems", "nlb:ListLoadBalancers", "nlb:ListServerGroups"):
        cloud.fail(action, 403, {"Code": "OperationDenied.ServiceNotOpen", "Message": "The service is not open."})
    with client_of(cloud) as client:
        tables = ("file_systems", "network_load_balancers", "nlb_server_groups")
        filled = fill(client, tables, services=services(NLB_SERVICE))
    for table in tables:
        assert filled[table].state is State.KNOWN
        assert not filled[table].all()


@pytest.mark.parametrize(("code", "state"), [("InvalidRegionId", State.KNOWN), ("Oops", State.UNAVAILABLE)])
def test_a_region_without_nas_has_no_file_systems(cloud: FakeCloud, code: str, state: State) -> None:
    cloud.fail("nas:DescribeFileSystems", 404, {"Code": code, "Message": "no"})
    cloud.fail("slb:DescribeLoadBalancers", 404, {"Code": code, "Message": "no"})
    with client_of(cloud) as client:
        assert fill_one(client, "file_systems").state is state
        assert fill_one(client, "load_balancers").state is State.UNAVAILABLE, "there is no cluster without CLB"


def test_without_nas_volumes_nas_is_not_asked(cloud: FakeCloud) -> None:
    volumes = Table("persistent_volumes", [make.disk_volume("pv", "d-1")])
    with client_of(cloud) as client:
        filled = fill(client, ["nas_access_rules"], persistent_volumes=volumes)
    assert cloud.calls == []
    with pytest.raises(NotKnown):
        filled["file_systems"].get("0c2292a859")


def test_permission_groups_of_a_type_have_keys_of_their_own(cloud: FakeCloud) -> None:
    def as_extreme(answer: Any) -> None:
        for file_system in answer["FileSystems"]["FileSystem"]:
            file_system["FileSystemType"] = "extreme"

    cloud.mutate("nas:DescribeFileSystems", as_extreme)
    with client_of(cloud) as client:
        rules = fill_one(client, "nas_access_rules")
    assert rules.asked == {access_group_key("extreme", "shop-prod-nodes")}
    assert cloud.calls[-1].params["FileSystemType"] == "extreme"


def test_a_role_that_does_not_exist_is_a_fact(cloud: FakeCloud) -> None:
    del cloud.state.ram.roles["AliyunCSManagedAutoScalerRole"]
    with client_of(cloud) as client:
        filled = fill(client, ["roles", "attached_policies"])
    assert filled["roles"].state is State.KNOWN
    role = filled["roles"].get("AliyunCSManagedAutoScalerRole")
    assert role is not None
    assert not role.exists
    assert filled["attached_policies"].get("AliyunCSManagedAutoScalerRole") is None


def test_a_policy_without_a_document_says_so(cloud: FakeCloud) -> None:
    cloud.mutate("ram:GetPolicy", lambda answer: answer["DefaultPolicyVersion"].update(PolicyDocument=""))
    with client_of(cloud) as client:
        policies = fill_one(client, "policies")
    assert {row.document for row in policies.all()} == {None}


def test_texts_that_hold_json_are_read_with_care(cloud: FakeCloud) -> None:
    cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.update(meta_data="{not json", master_url="plain"))
    with client_of(cloud) as client:
        cluster = fill_one(client, "clusters").all()[0]
        assert (cluster.component_versions, cluster.api_endpoints, cluster.network) == ({}, {}, None)
        cloud.heal()
        versions = fill_one(client, "clusters").all()[0].component_versions
    assert versions["cloud-controller-manager"] == "v2.14.1"
    assert not {"Kubernetes", "Next", "Runtime"}.intersection(versions)


@pytest.mark.parametrize("value", [5, ["x"], {"a": 1}])
def test_meta_data_of_another_type_spoils_the_cluster(cloud: FakeCloud, value: Any) -> None:
    cloud.mutate("cs:DescribeClusterDetail", lambda answer: answer.update(meta_data=value))
    with client_of(cloud) as client:
        clusters = fill_one(client, "clusters")
    with pytest.raises(NotKnown, match="meta_data"):
        clusters.get(CLUSTER_ID)


def test_a_cluster_that_is_not_found_is_an_error_not_an_absence(cloud: FakeCloud) -> None:
    with client_of(cloud, cluster_id="c0000000000000000000000000000000") as client:
        clusters = fill_one(client, "clusters")
    assert clusters.state is State.UNAVAILABLE
    assert "c0000000000000000000000000000000" in str(clusters.reasons[0].message)


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
