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
from tests.collect.alibaba.albs import alb_config, alb_configs, with_alb
from tests.collect.alibaba.kit import client_of, cloud_providers, collect, fill, fill_one, with_everything
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
    state.nlb.add_listener("nlb-1", 443, "TCP", "sgp-1")
    return with_alb(cloud)


def services(*more: Any) -> Table[Any]:
    from tests.collect.alibaba.kit import kubernetes_tables  # noqa: PLC0415 - keeps the helper's name short

    return Table("services", [*kubernetes_tables()["services"].all(), *more])


def given_everything() -> dict[str, Table[Any]]:
    """Return the tables of a cluster that has something of each kind."""
    pod = make.pod("logging/grouped", claims=["log-archive"], spec={"securityContext": {"fsGroup": 1000}})
    return {
        "services": services(NLB_SERVICE),
        "alb_configs": alb_configs(alb_config()),
        "pods": Table("pods", [pod]),
    }


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
    assert len(cloud.calls) == 79, "a list is read once, and nothing is asked that a list gives"


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
    with client_of(cloud) as client:
        needs = fill(client, provider.needs, **given_everything())
        cloud.calls.clear()
        collect(client, provider, needs)
    assert cloud.permissions() == set(provider.permissions)


def test_no_provider_sends_anything_but_its_declared_actions_by_its_source_text() -> None:
    """The requests that stand in a module are those that its providers declare."""
    folder = Path(balancer_scope.__file__).parent
    for path in folder.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        built = {
            f"{node.args[0].value!s}:{_granted_by(node) or node.args[1].value!s}"
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


def _granted_by(request: ast.Call) -> str:
    """Return the RAM action of a request whose operation has another name; empty for any other."""
    named = (word.value for word in request.keywords if word.arg == "granted_by")
    return next((str(value.value) for value in named if isinstance(value, ast.Constant)), "")


@pytest.mark.parametrize("table", sorted(CLOUD_TABLES))
def test_a_denied_table_is_unavailable_and_names_the_permission(cloud: FakeCloud, table: str) -> None:
    provider = cloud_providers()[table]
    with_everything(cloud)
    with client_of(cloud) as client:
        needs = fill(client, provider.needs, **given_everything())
        for permission in provider.permissions:
            cloud.deny(permission)
        denied = collect(client, provider, needs)
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
    classes: Table[Any] = Table("storage_classes")
    with client_of(cloud) as client:
        filled = fill(client, ["nas_access_rules"], persistent_volumes=volumes, storage_classes=classes)
    assert cloud.calls == []
    with pytest.raises(NotKnown):
        filled["file_systems"].get("0c2292a859")


def test_permission_groups_of_a_type_have_keys_of_their_own(cloud: FakeCloud) -> None:
    def as_extreme(answer: Any) -> None:
        for file_system in answer["FileSystems"]["FileSystem"]:
            file_system["FileSystemType"] = "extreme"

    cloud.mutate("nas:DescribeFileSystems", as_extreme)
    cloud.state.nas.add_access_group("shop-prod-nodes", "extreme")
    with client_of(cloud) as client:
        rules = fill_one(client, "nas_access_rules")
    assert rules.asked == frozenset({access_group_key("extreme", "shop-prod-nodes")})
    assert cloud.calls[-1].params["FileSystemType"] == "extreme"


@pytest.mark.parametrize(
    ("table", "action"),
    [
        ("security_group_rules", "ecs:DescribeSecurityGroupAttribute"),
        ("prefix_lists", "ecs:DescribePrefixListAttributes"),
        ("policies", "ram:GetPolicy"),
        ("nas_access_rules", "nas:DescribeAccessRules"),
    ],
)
def test_what_others_refer_to_and_can_not_be_seen_is_not_absent(cloud: FakeCloud, table: str, action: str) -> None:
    cloud.fail(action, 404, {"Code": "InvalidThing.NotFound", "Message": "The specified thing does not exist."})
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.UNAVAILABLE
    assert filled.reasons[0].kind is ReasonKind.ERROR


def test_a_balancer_that_is_gone_meanwhile_is_absent(cloud: FakeCloud) -> None:
    gone = "lb-bp12p67oqr0hch6oyi1oh"
    error = {"Code": "InvalidLoadBalancerId.NotFound", "Message": "The specified LoadBalancerId does not exist."}
    cloud.fail("slb:DescribeVServerGroups", 404, error, when=lambda params: params["LoadBalancerId"] == gone)
    with client_of(cloud) as client:
        groups = fill_one(client, "server_groups")
    assert groups.state is State.KNOWN
    assert groups.get(gone) is None


def test_a_role_that_does_not_exist_is_a_fact(cloud: FakeCloud) -> None:
    del cloud.state.ram.roles["AliyunCSManagedAutoScalerRole"]
    with client_of(cloud) as client:
        filled = fill(client, ["roles", "attached_policies"])
    assert filled["roles"].state is State.KNOWN
    role = filled["roles"].get("AliyunCSManagedAutoScalerRole")
    assert role is not None
    assert not role.exists
    assert filled["attached_policies"].get("AliyunCSManagedAutoScalerRole") is None


def test_a_cluster_that_is_not_found_is_an_error_not_an_absence(cloud: FakeCloud) -> None:
    with client_of(cloud, cluster_id="c0000000000000000000000000000000") as client:
        clusters = fill_one(client, "clusters")
    assert clusters.state is State.UNAVAILABLE
    assert "c0000000000000000000000000000000" in str(clusters.reasons[0].message)
