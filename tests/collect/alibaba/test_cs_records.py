"""What Container Service tells of its cluster beyond the cluster itself, its pools and its add-ons."""

from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.facts.cloud.cs import Grant, PoolPattern, PoolTaint
from auditor.facts.landscape import ClusterIdentity, WantedIdentity
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.alibaba.kit import CLUSTER_ID, RAM_USERS, client_of, cloud_providers, collect, fill, fill_one
from tests.fakes.cloud import ApiError, FakeCloud

FIXED = "np50778a484eeb527c9d12bd5cb140aa70"
GROWING = "np929f96a2ffabb7f9a484e8bc061728f3"
TABLES = {
    "cluster_events": "cs:DescribeClusterEvents",
    "cluster_tasks": "cs:DescribeClusterTasks",
    "cluster_resources": "cs:DescribeClusterResources",
    "control_plane_logs": "cs:CheckControlPlaneLogEnable",
    "container_quotas": "cs:DescribeUserQuota",
}
LISTS = {"cluster_events": "events", "cluster_tasks": "tasks"}


def test_a_healthy_account_costs_one_call_for_each_table(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        filled = fill(client, [*TABLES, "user_permissions"])
    assert {name: filled[name].state for name in TABLES} == dict.fromkeys(TABLES, State.KNOWN)
    assert sorted(cloud.actions()) == sorted([*TABLES.values(), *["cs:DescribeUserPermission"] * len(RAM_USERS)])
    sizes = {name: len(filled[name]) for name in TABLES}
    assert (sizes["cluster_events"], sizes["cluster_tasks"], sizes["container_quotas"]) == (3, 2, 5)
    assert sizes["cluster_resources"] == len(cloud.state.cs.resources[CLUSTER_ID])


def test_every_field_of_an_event(cloud: FakeCloud) -> None:
    cloud.state.cs.add_event("e-1", "nodepool_scaleout", "no stock", level="error", reason="Failed")
    with client_of(cloud) as client:
        event = fill_one(client, "cluster_events").get("e-1")
    assert event is not None
    assert (event.type, event.level, event.reason) == ("nodepool_scaleout", "error", "Failed")
    assert (event.message, event.subject) == ("no stock", CLUSTER_ID)
    assert event.time == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)


def test_every_field_of_a_task(cloud: FakeCloud) -> None:
    cloud.state.cs.add_task("T-1", "nodepool_scaleout", "fail", {"code": "NoStock", "message": "sold out"})
    with client_of(cloud) as client:
        tasks = fill_one(client, "cluster_tasks")
    task = tasks.get("T-1")
    assert task is not None
    assert (task.type, task.state) == ("nodepool_scaleout", "fail")
    assert (task.error_code, task.error_message) == ("NoStock", "sold out")
    assert task.created_at == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    assert task.updated_at == datetime(2026, 11, 22, 23, 1, tzinfo=UTC)
    assert {(other.error_code, other.error_message) for other in tasks.all() if other.id != "T-1"} == {("", "")}


@pytest.mark.parametrize(("table", "newest", "calls"), [("cluster_events", 300, 3), ("cluster_tasks", 100, 2)])
def test_the_newest_are_read_and_the_older_are_left(cloud: FakeCloud, table: str, newest: int, calls: int) -> None:
    for n in range(350):
        cloud.state.cs.add_event(f"e-{n}", "cluster_upgrade", "")
        cloud.state.cs.add_task(f"T-{n}", "cluster_upgrade", "success")
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.KNOWN
    assert len(cloud.calls) == calls
    prefix = "e" if table == "cluster_events" else "T"
    assert {row.key for row in filled.all()} == {f"{prefix}-{n}" for n in range(350 - newest, 350)}


@pytest.mark.parametrize("table", sorted(LISTS))
def test_pages_that_a_token_leads_to(cloud: FakeCloud, table: str) -> None:
    def hand_out_a_token(answer: Any) -> None:
        answer["next_token"] = b"page:1".hex()
        answer["page_info"] = None

    small = FakeCloud.recorded(page_limit=1)
    small.mutate(TABLES[table], hand_out_a_token, times=1)
    with client_of(cloud) as client:
        expected = fill_one(client, table).all()
    with client_of(small) as client:
        filled = fill_one(client, table)
    assert filled.state is State.KNOWN
    assert list(filled.all()) == list(expected)
    assert "next_token" in small.calls[1].params
    assert "page_number" not in small.calls[1].params


@pytest.mark.parametrize("table", sorted(LISTS))
@pytest.mark.parametrize("form", ["absent", "null", "text"])
def test_a_list_that_is_not_there_is_never_an_empty_one(cloud: FakeCloud, table: str, form: str) -> None:
    def spoil(answer: Any) -> None:
        del answer[LISTS[table]]
        if form != "absent":
            answer[LISTS[table]] = None if form == "null" else "text"

    cloud.mutate(TABLES[table], spoil)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.UNAVAILABLE
    assert [reason.kind for reason in filled.reasons] == [ReasonKind.MALFORMED]


@pytest.mark.parametrize("table", sorted(LISTS))
def test_a_cluster_without_any_may_say_so_with_null(cloud: FakeCloud, table: str) -> None:
    def empty(answer: Any) -> None:
        answer[LISTS[table]] = None
        answer["page_info"]["total_count"] = 0

    cloud.mutate(TABLES[table], empty)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.KNOWN
    assert list(filled.all()) == []


@pytest.mark.parametrize("table", sorted(LISTS))
def test_a_list_that_is_cut_short_says_how_much_is_missing(cloud: FakeCloud, table: str) -> None:
    def announce_more(answer: Any) -> None:
        answer["page_info"]["total_count"] += 4

    cloud.mutate(TABLES[table], announce_more)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.PARTIAL
    assert [reason.kind for reason in filled.reasons] == [ReasonKind.TRUNCATED]
    read = len(filled.known_rows())
    assert f"{read} of {read + 4}" in str(filled.reasons[0].message)


def test_an_event_that_can_not_be_read_hides_itself_only(cloud: FakeCloud) -> None:
    cloud.state.cs.add_event("e-1", "odd", "")["time"] = "yesterday"
    with client_of(cloud) as client:
        events = fill_one(client, "cluster_events")
    assert len(events.known_rows()) == 3
    with pytest.raises(NotKnown, match="time"):
        events.get("e-1")


def test_resources_are_those_of_add_ons_too(cloud: FakeCloud) -> None:
    cloud.state.cs.resources[CLUSTER_ID].append(
        {
            "instance_id": "lb-1",
            "resource_type": "ALIYUN::SLB::LoadBalancer",
            "state": "CREATE_COMPLETE",
            "auto_create": 1,
            "creator_type": "addon",
            "associated_object": {"kind": "Service", "namespace": "shop", "name": "web"},
        }
    )
    with client_of(cloud) as client:
        resources = fill_one(client, "cluster_resources")
    row = resources.get("ALIYUN::SLB::LoadBalancer/lb-1/Service/shop/web")
    assert row is not None
    assert (row.state, row.auto_create) == ("CREATE_COMPLETE", True)
    vpc = resources.get("ALIYUN::ECS::VPC/vpc-bp1uwjm8ddgvodpj5i2ba///")
    assert vpc is not None
    assert vpc.auto_create is False


@pytest.mark.parametrize("body", ["{}", "null", '{"resources": []}', "not json"])
@pytest.mark.parametrize("table", ["cluster_resources", "user_permissions"])
def test_what_is_no_array_is_not_read_as_one(cloud: FakeCloud, table: str, body: str) -> None:
    cloud.fail(cloud_providers()[table].permissions[0], 200, body)
    with client_of(cloud) as client:
        filled = fill_one(client, table)
    assert filled.state is State.UNAVAILABLE
    assert [reason.kind for reason in filled.reasons] == [ReasonKind.MALFORMED]


def test_an_array_is_no_answer_where_an_object_is_due(cloud: FakeCloud) -> None:
    cloud.fail("cs:DescribeUserQuota", 200, "[]")
    with client_of(cloud) as client:
        assert [reason.kind for reason in fill_one(client, "container_quotas").reasons] == [ReasonKind.MALFORMED]


def test_a_resource_that_can_not_be_read_hides_itself_only(cloud: FakeCloud) -> None:
    resources = cloud.state.cs.resources[CLUSTER_ID]
    resources[0]["auto_create"] = "perhaps"
    with client_of(cloud) as client:
        filled = fill_one(client, "cluster_resources")
    assert len(filled.known_rows()) == len(resources) - 1
    assert filled.get("ALIYUN::ECS::VPC/vpc-none///") is None
    with pytest.raises(NotKnown, match="auto_create"):
        filled.get("ALIYUN::ECS::VPC/vpc-bp1uwjm8ddgvodpj5i2ba///")


def test_which_logs_of_the_control_plane_are_collected(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        row = fill_one(client, "control_plane_logs").get(CLUSTER_ID)
    assert row is not None
    assert row.project == f"k8s-log-{CLUSTER_ID}"
    assert row.components == ["apiserver", "kcm", "scheduler", "ccm"]


def test_components_may_come_as_one_json_text(cloud: FakeCloud) -> None:
    cloud.state.cs.logs[CLUSTER_ID]["components"] = ['["apiserver", "ccm"]', "alb"]
    with client_of(cloud) as client:
        row = fill_one(client, "control_plane_logs").get(CLUSTER_ID)
    assert row is not None
    assert row.components == ["apiserver", "ccm", "alb"]


@pytest.mark.parametrize("components", ["text", [5], ['["apiserver"'], None])
def test_components_that_can_not_be_read_are_not_known(cloud: FakeCloud, components: Any) -> None:
    cloud.state.cs.logs[CLUSTER_ID]["components"] = components
    with client_of(cloud) as client:
        logs = fill_one(client, "control_plane_logs")
    with pytest.raises(NotKnown, match="components"):
        logs.get(CLUSTER_ID)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ApiError("ControlPlaneLogNotEnabled", "no", 400),
        ApiError("ErrorCheckLog", "control plane log is not enabled for the cluster", 400),
    ],
)
def test_a_cluster_whose_logs_are_off_has_no_components(cloud: FakeCloud, error: ApiError | None) -> None:
    if error:
        cloud.fail_with("cs:CheckControlPlaneLogEnable", error)
    else:
        cloud.state.cs.logs.clear()
    with client_of(cloud) as client:
        row = fill_one(client, "control_plane_logs").get(CLUSTER_ID)
    assert row is not None
    assert (row.project, row.components) == ("", [])


def test_null_for_project_and_components_says_that_logs_are_off(cloud: FakeCloud) -> None:
    cloud.state.cs.logs[CLUSTER_ID] = {"log_project": "", "components": None}
    with client_of(cloud) as client:
        row = fill_one(client, "control_plane_logs").get(CLUSTER_ID)
    assert row is not None
    assert row.components == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("StatusForbidden", ReasonKind.FORBIDDEN),
        ("ErrorClusterNotFound", ReasonKind.ERROR),
        ("InvalidAction.NotFound", ReasonKind.ERROR),
        ("ErrorParameter", ReasonKind.ERROR),
    ],
)
def test_other_errors_do_not_say_that_logs_are_off(cloud: FakeCloud, code: str, kind: ReasonKind) -> None:
    cloud.fail_with("cs:CheckControlPlaneLogEnable", ApiError(code, "not found", 403))
    with client_of(cloud) as client:
        logs = fill_one(client, "control_plane_logs")
    assert logs.state is State.UNAVAILABLE
    assert [reason.kind for reason in logs.reasons] == [kind]


def test_the_map_of_quotas_wins_over_the_numbers(cloud: FakeCloud) -> None:
    cloud.state.cs.set_quota("node_quota", 15)
    cloud.state.cs.user_quota |= {"node_quota": 1000, "edge_improved_nodepool_quota": {"bandwidth": 10}}
    with client_of(cloud) as client:
        quotas = fill_one(client, "container_quotas")
    assert {row.code: row.limit for row in quotas.all()} == {
        "amk_cluster_quota": 100,
        "ask_cluster_quota": 100,
        "cluster_nodepool_quota": 100,
        "cluster_quota": 100,
        "node_quota": 15,
    }
    assert quotas.get("other_quota") is None


def test_a_quota_that_can_not_be_read_is_unknown_alone(cloud: FakeCloud) -> None:
    cloud.state.cs.user_quota["quotas"]["node_quota"]["quota"] = "many"
    with client_of(cloud) as client:
        quotas = fill_one(client, "container_quotas")
    assert quotas.get("cluster_quota") is not None
    with pytest.raises(NotKnown, match="node_quota"):
        quotas.get("node_quota")


def test_an_answer_without_any_quota_says_nothing(cloud: FakeCloud) -> None:
    cloud.state.cs.user_quota = {"requestId": "1"}
    with client_of(cloud) as client:
        quotas = fill_one(client, "container_quotas")
    assert quotas.state is State.UNAVAILABLE


def permissions(cloud: FakeCloud, *users: str) -> Any:
    cluster = ClusterIdentity("shop", identities=[WantedIdentity([], user=user) for user in users])
    with client_of(cloud) as client:
        return collect(client, cloud_providers()["user_permissions"], {}, cluster)


def test_rights_are_asked_for_the_ram_users_that_are_named(cloud: FakeCloud) -> None:
    first, second = RAM_USERS
    cloud.state.cs.grant(first, "all-clusters", "restricted")
    table = permissions(cloud, f"{first}-1795380901", f"{first}-2", f"{second}-3")
    assert cloud.actions() == ["cs:DescribeUserPermission"] * 2
    assert table.get(first).grants == [
        Grant(CLUSTER_ID, "cluster", "ops", "cs:ops"),
        Grant("all-clusters", "console", "restricted", "cs:restricted"),
    ]
    assert table.get(second).grants == [Grant(f"{CLUSTER_ID}/shop", "namespace", "dev", "cs:ns:dev")]


def test_a_user_that_was_given_nothing_has_no_grants(cloud: FakeCloud) -> None:
    assert permissions(cloud, "299999999999999999-1").get("299999999999999999").grants == []


def test_nothing_is_asked_without_ram_users(cloud: FakeCloud) -> None:
    table = permissions(cloud, "", "kubernetes-admin", "system:serviceaccount:shop:web", "204821839384857610", "12-ab")
    assert cloud.calls == []
    assert table.state is State.KNOWN
    with pytest.raises(NotKnown):
        table.get("204821839384857610")


def test_new_fields_of_node_pools(cloud: FakeCloud) -> None:
    pool = cloud.state.cs.node_pools[CLUSTER_ID][GROWING]
    pool["kubernetes_config"] |= {
        "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "bare"}],
        "unschedulable": True,
    }
    pool["scaling_group"] |= {
        "instance_patterns": [
            {"min_cpu_cores": 4, "max_cpu_cores": 16, "min_memory_size": 8.0, "cpu_architectures": ["X86"]},
            {"cores": 2, "memory": 4.0, "architectures": ["ARM"]},
        ],
        "spot_strategy": "SpotAsPriceGo",
        "security_group_ids": [],
    }
    with client_of(cloud) as client:
        pools = fill_one(client, "node_pools")
    growing, fixed = pools.get(GROWING), pools.get(FIXED)
    assert growing is not None
    assert fixed is not None
    assert growing.taints == [PoolTaint("gpu", "NoSchedule", "yes"), PoolTaint("bare")]
    assert growing.patterns == [
        PoolPattern(4, 16, 8.0, None, ["X86"]),
        PoolPattern(2, 2, 4.0, 4.0, ["ARM"]),
    ]
    assert (growing.unschedulable, growing.charge_type, growing.spot_strategy) == (True, "PostPaid", "SpotAsPriceGo")
    assert growing.security_group_ids == ["sg-bp1ce61t4k3fi55hnta7"], "older answers name one in a field of its own"
    assert (growing.desired_size, growing.total_nodes, growing.multi_zone_policy) == (None, 3, "BALANCE")
    assert (fixed.desired_size, fixed.total_nodes, fixed.charge_type) == (5, 5, "PrePaid")
    assert (fixed.taints, fixed.patterns, fixed.unschedulable) == ([], [], False)


def test_new_fields_of_the_cluster(cloud: FakeCloud) -> None:
    detail = cloud.state.cs.clusters[CLUSTER_ID]
    balancers = [{"load_balancer_id": "lb-api"}, {"load_balancer_id": "lb-api"}, {"endpoint": "https://x"}]
    detail["control_plane_endpoints_config"] = {"load_balancers_config": balancers}
    detail["node_cidr_mask"] = ""
    with client_of(cloud) as client:
        cluster = fill_one(client, "clusters").get(CLUSTER_ID)
        detail["control_plane_endpoints_config"] = None
        older = fill_one(client, "clusters").get(CLUSTER_ID)
    assert cluster is not None
    assert older is not None
    assert cluster.api_load_balancer_ids == ["lb-api"]
    assert older.api_load_balancer_ids == [], "the load balancer of the Ingress controller is not the API server's"
    assert (cluster.node_cidr_mask, cluster.initial_version) == ("25", "1.36.2-aliyun.1")
