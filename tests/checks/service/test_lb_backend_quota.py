"""service/lb-backend-quota."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.quotas import Quota
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveGroup,
    ServerGroup,
)
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import Landscape
from auditor.facts.table import Gap, Table
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/lb-backend-quota"
OLD, FRESH = "2026-11-23T07:00:00Z", "2026-11-23T07:59:00Z"
ID = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
PUBLISHED = [{"ip": "192.168.0.9"}]
REFUSAL = "The backend server number has reached to the quota limit of this load balancer."
FLANNEL = [Cluster(kit.CLUSTER_ID, network="Flannel")]


def service(key: str = "shop/web", on: str = "lb-1", waits: bool = False, **more: Any) -> Service:
    annotations = {**({ID: on} if on else {}), **more.pop("annotations", {})}
    given = {
        "type": "LoadBalancer",
        "creationTimestamp": OLD,
        "uid": f"0-{key}",
        "ingress": None if waits else PUBLISHED,
        "annotations": annotations,
    }
    return make.service(key, **(given | more))


def entries(count: int, type_: str = "ecs", port: int = 30000) -> list[Backend]:
    return [Backend(f"i-n{i}", port, 100, type_, f"192.168.7.{i}") for i in range(count)]


def clb(groups: Mapping[str, Sequence[Backend]], id_: str = "lb-1", pairs: int = 0, default: int = 0) -> dict[str, Any]:
    """Make the tables of one CLB with VServer groups by name."""
    ids = {name: f"rsp-{i}" for i, name in enumerate(groups)}
    return {
        "load_balancers": [LoadBalancer(id_, "shared")],
        "server_groups": [LoadBalancerServerGroups(id_, [ServerGroup(i, name) for name, i in ids.items()])],
        "group_backends": [GroupBackends(ids[name], list(rows), name) for name, rows in groups.items()],
        "default_backends": [DefaultBackends(id_, entries(default))],
        "master_slave_groups": [
            LoadBalancerMasterSlaveGroups(id_, [MasterSlaveGroup(f"msg-{i}") for i in range(pairs)])
        ],
        "slb_quotas": [Quota("slb", "slb_quota_backendservers_num", "", "cn-hangzhou", 200.0)],
        "clusters": FLANNEL,
    }


def group_name(key: str = "shop/web", port: int = 30080, cluster: str = kit.CLUSTER_ID) -> str:
    namespace, _, name = key.partition("/")
    return f"k8s/{port}/{name}/{namespace}/{cluster}"


def cluster_of(nodes: int, pods: int = 2, key: str = "shop/web") -> dict[str, Any]:
    """Make nodes, and a Service's ready Pods on the first of them."""
    endpoints = [
        {"addresses": [f"172.20.0.{i}"], "nodeName": f"n{i}", "targetRef": {"kind": "Pod", "name": f"p{i}"}}
        for i in range(pods)
    ]
    return {
        "nodes": [make.node(f"n{i}") for i in range(nodes)],
        "endpoint_slices": [make.endpoint_slice(key, endpoints)],
    }


def event(reason: str, message: str = REFUSAL, at: str = "2026-11-23T07:30:00Z", key: str = "shop/web") -> Event:
    namespace, _, name = key.partition("/")
    data = {
        "metadata": make.meta(f"{name}.{reason}.{at}", namespace),
        "involvedObject": {"kind": "Service", "namespace": namespace, "name": name, "uid": f"0-{key}"},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "lastTimestamp": at,
    }
    return msgspec.convert(data, Event)


def one(base: Landscape, subject: str = "shared") -> ReportedFinding:
    findings = kit.finds(CHECK, base, subject)
    assert len(findings) == 1
    return findings[0]


# --- what it finds -----------------------------------------------------------------------------------------------


def test_a_waiting_service_that_does_not_fit() -> None:
    base = kit.landscape(services=[service(waits=True)], **clb({"other": entries(190)}), **cluster_of(11))
    finding = one(base)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["used"] == 190
    assert finding.evidence["needed"] == {"shop/web": 11}
    assert finding.evidence["limit"] == 200
    assert finding.evidence["limit_assumed"] is False
    assert [ref.path for ref in finding.affected] == ["shop/web"]
    assert finding.subject.kind == "LoadBalancer"
    assert finding.subject.id == "lb-1"
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["LoadBalancer"]
    assert "shop/web" in str(finding.message)


def test_one_that_just_fits_is_only_a_warning() -> None:
    base = kit.landscape(services=[service(waits=True)], **clb({"other": entries(190)}), **cluster_of(10))
    finding = one(base)
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.AT_RISK)


def test_ports_and_policy_multiply_the_need() -> None:
    ports = [{"port": 80, "nodePort": 30080, "name": ""}, {"port": 443, "nodePort": 30443, "name": "tls"}]
    slices = make.endpoint_slice(
        "shop/web",
        [{"addresses": [f"172.20.0.{i}"], "nodeName": f"n{i}"} for i in range(3)],
        ports=[{"name": "", "port": 8080, "protocol": "TCP"}, {"name": "tls", "port": 8443, "protocol": "TCP"}],
    )
    nodes = [make.node(f"n{i}") for i in range(6)]
    tables = clb({"other": entries(195)}) | {"nodes": nodes, "endpoint_slices": [slices]}
    cases = {"Cluster": 12, "Local": 6}
    for policy, needed in cases.items():
        waiting = service(waits=True, ports=ports, externalTrafficPolicy=policy)
        assert one(kit.landscape(services=[waiting], **tables)).evidence["needed"] == {"shop/web": needed}


def test_pods_count_where_they_are_the_backends() -> None:
    eni = {"service.beta.kubernetes.io/backend-type": "eni"}
    waiting = service(waits=True, annotations=eni)
    base = kit.landscape(services=[waiting], **clb({"other": entries(195)}), **cluster_of(1, pods=6))
    assert one(base).evidence["needed"] == {"shop/web": 6}


def test_entries_of_all_groups_and_owners_count() -> None:
    groups = {group_name(cluster="c-other"): entries(100), "by-hand": [*entries(50), *entries(30, port=30001)]}
    base = kit.landscape(services=[service()], **clb(groups, pairs=3, default=15))
    finding = one(base)
    assert finding.evidence["used"] == 100 + 80 + 6 + 15
    assert finding.severity is Severity.HIGH
    assert finding.affected == ()


def test_at_the_limit_with_nothing_waiting_is_medium() -> None:
    assert one(kit.landscape(services=[service()], **clb({"a": entries(200)}))).severity is Severity.MEDIUM
    assert one(kit.landscape(services=[service()], **clb({"a": entries(201)}))).severity is Severity.HIGH


def test_eighty_per_cent_without_what_is_needed() -> None:
    assert one(kit.landscape(services=[service()], **clb({"a": entries(160)}))).severity is Severity.MEDIUM
    kit.stays_quiet(CHECK, kit.landscape(services=[service()], **clb({"a": entries(159)})))
    waiting = kit.landscape(services=[service(waits=True)], **clb({"a": entries(159)}), **cluster_of(41))
    kit.stays_quiet(CHECK, waiting)


def test_a_raised_limit_counts() -> None:
    tables = clb({"a": entries(201)}) | {"slb_quotas": [Quota("slb", "q_fh20b0", "", "cn-hangzhou", 400.0)]}
    kit.stays_quiet(CHECK, kit.landscape(services=[service()], **tables))


def test_an_assumed_limit_is_shown_as_assumed() -> None:
    tables = clb({"a": entries(201)}) | {"slb_quotas": []}
    finding = one(kit.landscape(services=[service()], **tables))
    assert finding.evidence["limit_assumed"] is True
    assert "assumed" in str(finding.message)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)


def test_several_waiting_services_make_one_finding() -> None:
    services = [service("shop/web", waits=True), service("shop/api", waits=True), service("shop/ok")]
    slices = [cluster_of(0, key=key)["endpoint_slices"][0] for key in ("shop/web", "shop/api")]
    nodes = [make.node(f"n{i}") for i in range(20)]
    base = kit.landscape(services=services, **clb({"a": entries(190)}), nodes=nodes, endpoint_slices=slices)
    finding = one(base)
    assert [ref.path for ref in finding.affected] == ["shop/web", "shop/api"]
    assert finding.certainty is Certainty.CONFIRMED


def test_services_that_fit_only_one_by_one() -> None:
    services = [service("shop/web", waits=True), service("shop/api", waits=True)]
    slices = [cluster_of(0, key=key)["endpoint_slices"][0] for key in ("shop/web", "shop/api")]
    nodes = [make.node(f"n{i}") for i in range(60)]
    base = kit.landscape(services=services, **clb({"a": entries(100)}), nodes=nodes, endpoint_slices=slices)
    finding = one(base)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)


def test_what_is_there_already_is_not_needed_again() -> None:
    own = [Backend(f"i-n{i}", 30080, 100, "ecs") for i in range(6)]
    tables = clb({group_name(): own, "other": entries(190)})
    fits = kit.landscape(services=[service(waits=True)], **tables, **cluster_of(10))
    assert one(fits).severity is Severity.MEDIUM
    too_many = kit.landscape(services=[service(waits=True)], **tables, **cluster_of(11))
    assert one(too_many).evidence["needed"] == {"shop/web": 5}


def test_stale_entries_of_its_own_make_room() -> None:
    own = [Backend(f"i-gone{i}", 30080, 100, "ecs") for i in range(5)]
    tables = clb({group_name(): own, "other": entries(190)})
    base = kit.landscape(services=[service(waits=True)], **tables, **cluster_of(10))
    assert one(base).severity is Severity.MEDIUM


@pytest.mark.parametrize("message", [REFUSAL, "Code: InstanceBackendServerNumberOverLimit", REFUSAL.upper()])
@pytest.mark.parametrize("waits", [True, False])
def test_an_event_confirms_whatever_the_numbers(message: str, waits: bool) -> None:
    base = kit.landscape(
        services=[service(waits=waits)], **clb({"a": entries(3)}), events=[event("SyncLoadBalancerFailed", message)]
    )
    finding = one(base)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["events"] == {"shop/web": message}
    assert [ref.path for ref in finding.affected] == ["shop/web"]


def test_a_load_balancer_of_its_own_is_found_by_its_tag() -> None:
    mine = service(on="", waits=True)
    tables = clb({"other": entries(190)})
    name = "a" + mine.metadata.uid.replace("-", "")
    tables["load_balancers"] = [LoadBalancer("lb-1", name, tags={"kubernetes.do.not.delete": name})]
    finding = one(kit.landscape(services=[mine], **tables, **cluster_of(11)), name)
    assert finding.subject.id == "lb-1"


def test_a_load_balancer_that_can_not_be_made_large_enough() -> None:
    brand_new = service(on="", waits=True, uid="0a1b-2c3d")
    base = kit.landscape(services=[brand_new], clusters=FLANNEL, **cluster_of(201))
    finding = one(base, "a0a1b2c3d")
    assert finding.subject.id == ""
    assert finding.evidence["needed"] == {"shop/web": 201}
    kit.stays_quiet(CHECK, kit.landscape(services=[brand_new], clusters=FLANNEL, **cluster_of(200)))


def test_cordoned_nodes_count_by_version() -> None:
    tables = clb({"other": entries(195)}) | cluster_of(5)
    tables["nodes"] = [*tables["nodes"], make.node("cordoned", unschedulable=True)]
    waiting = [service(waits=True)]
    one(kit.landscape(services=waiting, **tables, addons=[Addon("cloud-controller-manager", "v2.14.1")]))
    old = kit.landscape(services=waiting, **tables, addons=[Addon("cloud-controller-manager", "v1.9.3.59-aliyun")])
    assert one(old).severity is Severity.MEDIUM
    unread = kit.landscape(services=waiting, **tables)
    result, findings = kit.run(CHECK, kit.without(unread, "addons"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert result.reasons[0].missing == ("test:Action",)


# --- NLB ---------------------------------------------------------------------------------------------------------


def nlb(count: int, **more: Any) -> dict[str, Any]:
    name = f"k8s.30080.TCP.web.shop.{kit.CLUSTER_ID}"
    return {
        "services": [service(on="", loadBalancerClass="alibabacloud.com/nlb", ingress=[{"hostname": "nlb-1.example"}])],
        "network_load_balancers": [NetworkLoadBalancer("nlb-1", "net", "nlb-1.example")],
        "nlb_server_groups": [
            NlbServerGroup("sgp-1", name, load_balancer_ids=["nlb-1"]),
            NlbServerGroup("sgp-2", "by-hand", load_balancer_ids=["nlb-1", "nlb-9"]),
            NlbServerGroup("sgp-9", "elsewhere", load_balancer_ids=["nlb-9"]),
        ],
        "nlb_group_backends": [
            NlbGroupBackends("sgp-1", entries(count)),
            NlbGroupBackends("sgp-2", [*entries(10), *entries(50, "eci")]),
            NlbGroupBackends("sgp-9", entries(400)),
        ],
        "nlb_quotas": [Quota("nlb", "nlb_quota_loadbalancer_noeci_servers_num", "", "cn-hangzhou", 400.0)],
    } | more


def test_nlb_has_a_limit_of_its_own() -> None:
    kit.stays_quiet(CHECK, kit.landscape(**nlb(309)))
    assert one(kit.landscape(**nlb(310)), "net").severity is Severity.MEDIUM
    finding = one(kit.landscape(**nlb(391)), "net")
    assert finding.severity is Severity.HIGH
    assert finding.evidence["used"] == 401
    assumed = one(kit.landscape(**nlb(391, nlb_quotas=[])), "net")
    assert assumed.evidence["limit"] == 400
    assert assumed.evidence["limit_assumed"] is True


# --- what must stay quiet ----------------------------------------------------------------------------------------


def test_a_service_that_waits_for_less_than_two_minutes() -> None:
    fresh = service(waits=True, creationTimestamp=FRESH)
    kit.stays_quiet(CHECK, kit.landscape(services=[fresh], **clb({"a": entries(150)}), **cluster_of(100)))


def test_a_fresh_service_without_load_balancer() -> None:
    fresh = service(on="", waits=True, creationTimestamp=FRESH)
    kit.stays_quiet(CHECK, kit.landscape(services=[fresh], **cluster_of(300)), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    "more",
    [
        {"type": "ClusterIP"},
        {"type": "NodePort"},
        {"loadBalancerClass": "example.com/other"},
        {"annotations": {"service.beta.kubernetes.io/class": "other"}},
    ],
)
def test_services_that_the_ccm_does_not_serve(more: dict[str, Any]) -> None:
    base = kit.landscape(services=[service(waits=True, **more)], **clb({"a": entries(300)}), **cluster_of(10))
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)


def test_a_full_load_balancer_that_serves_nobody_here() -> None:
    tables = clb({"a": entries(300)})
    kit.stays_quiet(CHECK, kit.landscape(**tables), Status.NOT_APPLICABLE)


def test_nodes_that_are_not_eligible_are_not_needed() -> None:
    tables = clb({"a": entries(159)}) | cluster_of(41)
    tables["nodes"] += [
        make.node("master", labels={"node-role.kubernetes.io/control-plane": ""}),
        make.node("down", ready=False),
        make.node("out", labels={"service.alibabacloud.com/exclude-node": "true"}),
    ]
    kit.stays_quiet(CHECK, kit.landscape(services=[service(waits=True)], **tables))


def test_a_cluster_service_without_endpoints_needs_nothing() -> None:
    base = kit.landscape(services=[service(waits=True)], **clb({"a": entries(159)}), **cluster_of(60, pods=0))
    kit.stays_quiet(CHECK, base)


def test_a_cluster_service_whose_slices_were_never_made_needs_every_node() -> None:
    tables = clb({"a": entries(159)}) | cluster_of(60) | {"endpoint_slices": []}
    assert one(kit.landscape(services=[service(waits=True)], **tables)).evidence["needed"] == {"shop/web": 60}


def test_in_cluster_mode_endpoints_on_any_port_bring_the_nodes_to_all() -> None:
    ports = [{"port": 80, "nodePort": 30080, "name": "a"}, {"port": 443, "nodePort": 30443, "name": "b"}]
    waits = service(waits=True, ports=ports)
    base = kit.landscape(services=[waits], **clb({"a": entries(159)}), **cluster_of(30))
    assert one(base).evidence["needed"] == {"shop/web": 60}


@pytest.mark.parametrize(
    "events",
    [
        [event("SyncLoadBalancerFailed", "Throttling.User: Request was denied")],
        [event("EnsuredLoadBalancer")],
        [event("SyncLoadBalancerFailed", key="shop/other")],
        [event("SyncLoadBalancerFailed"), event("EnsuredLoadBalancer", "done", "2026-11-23T07:40:00Z")],
    ],
)
def test_events_of_other_things_and_cured_ones(events: list[Event]) -> None:
    kit.stays_quiet(CHECK, kit.landscape(services=[service()], **clb({"a": entries(3)}), events=events))


def test_the_event_of_a_former_service_of_this_name() -> None:
    base = kit.landscape(
        services=[service(uid="another")], **clb({"a": entries(3)}), events=[event("SyncLoadBalancerFailed")]
    )
    kit.stays_quiet(CHECK, base)


def test_terway_without_a_word_on_the_backends() -> None:
    waiting = [service(waits=True)]
    terway = [Cluster(kit.CLUSTER_ID, network="terway-eniip")]
    tables = clb({"a": entries(159)}) | {"clusters": terway}
    kit.stays_quiet(CHECK, kit.landscape(services=waiting, **tables, **cluster_of(41, pods=2)))
    result, findings = kit.run(CHECK, kit.landscape(services=waiting, **tables, **cluster_of(42, pods=2)))
    assert not findings
    assert [reason.kind.value for reason in result.reasons] == ["undecidable"]
    one(kit.landscape(services=waiting, **tables, **cluster_of(50, pods=50)))


# --- what is not known -------------------------------------------------------------------------------------------

WITH_CLB = kit.landscape(services=[service()], **clb({"a": entries(3)}))
WAITING = kit.landscape(services=[service(waits=True)], **clb({"a": entries(3)}), **cluster_of(3))
FULL = kit.landscape(services=[service()], **clb({"a": entries(201)}))
REFUSED = kit.landscape(services=[service()], **clb({"a": entries(3)}), events=[event("SyncLoadBalancerFailed")])
OF_CLB = {"load_balancers", "server_groups", "group_backends", "default_backends", "master_slave_groups", "slb_quotas"}
OF_NLB = {"network_load_balancers", "nlb_server_groups", "nlb_group_backends", "nlb_quotas"}
OF_WAITING = {"nodes", "endpoint_slices"}
OF_VERSION = {"addons", "clusters", "daemonsets", "deployments"}


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == OF_CLB | OF_NLB | OF_WAITING | OF_VERSION | {"services", "events"}


@pytest.mark.parametrize("table", sorted(OF_CLB | {"services", "events"}))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(WITH_CLB, table))


@pytest.mark.parametrize("table", sorted(OF_NLB | OF_WAITING | OF_VERSION))
def test_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(WITH_CLB, table))


@pytest.mark.parametrize("table", sorted(OF_WAITING))
def test_a_waiting_service_is_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(WAITING, table))


@pytest.mark.parametrize("table", sorted(OF_NLB | {"services", "events"}))
def test_nlb_is_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(kit.landscape(**nlb(3)), table))


@pytest.mark.parametrize("table", sorted(OF_CLB))
def test_nlb_is_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(kit.landscape(**nlb(3)), table))


@pytest.mark.parametrize("table", sorted(OF_CLB - {"load_balancers"}))
def test_a_refusal_stands_without(table: str) -> None:
    finding = one(kit.without(REFUSED, table))
    assert finding.certainty is Certainty.CONFIRMED


def test_the_numbers_stand_without_events() -> None:
    assert one(kit.without(FULL, "events")).severity is Severity.HIGH


def test_a_warning_without_events_is_said_with_the_gap() -> None:
    nearly = kit.landscape(services=[service()], **clb({"a": entries(180)}))
    result, findings = kit.run(CHECK, kit.without(nearly, "events", "list events"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert result.reasons[0].missing == ("list events",)


def test_a_single_group_that_is_not_known() -> None:
    two = clb({"a": entries(3)})
    other = clb({"b": entries(3)}, id_="lb-2")
    for table in ("load_balancers", "server_groups", "default_backends", "master_slave_groups"):
        two[table] += other[table]
    two["server_groups"][1] = LoadBalancerServerGroups("lb-2", [ServerGroup("rsp-b")])
    two["group_backends"].append(GroupBackends("rsp-b", entries(3)))
    base = kit.landscape(services=[service(), service("shop/api", "lb-2")], **two)
    result, findings = kit.run(CHECK, kit.without_rows(base, "group_backends", "rsp-b"))
    assert not findings
    assert result.subjects == 1
    assert [unseen.subject.id for unseen in result.unseen] == ["lb-2"]


def test_missing_services_are_reported_beside_the_findings() -> None:
    tables = clb({"a": entries(201)})
    partial = Table("services", [service()], gaps=[Gap(kit.denied("list services"))])
    result, findings = kit.run(CHECK, kit.landscape(services=partial, **tables))
    assert len(findings) == 1
    assert result.reasons[0].missing == ("list services",)


def test_the_age_of_a_waiting_service_must_be_known() -> None:
    ageless = service(waits=True, creationTimestamp=None)
    base = kit.landscape(services=[ageless], **clb({"a": entries(3)}), **cluster_of(3))
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert [reason.kind.value for reason in result.reasons] == ["malformed"]
