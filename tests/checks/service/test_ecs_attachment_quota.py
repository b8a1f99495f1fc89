"""service/ecs-attachment-quota."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.quotas import Quota
from auditor.facts.cloud.slb import (
    Backend,
    DefaultBackends,
    GroupBackends,
    LoadBalancer,
    LoadBalancerMasterSlaveGroups,
    LoadBalancerServerGroups,
    MasterSlaveBackends,
    MasterSlaveGroup,
    ServerGroup,
)
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/ecs-attachment-quota"
OLD, FRESH = "2026-11-23T07:00:00Z", "2026-11-23T07:59:00Z"
ID = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id"
FLANNEL = [Cluster(kit.CLUSTER_ID, network="Flannel", vpc_id="vpc-1")]
LIMIT = [Quota("slb", "slb_quota_backendserver_attached_num", "", "cn-hangzhou", 50.0)]


def service(key: str = "shop/web", waits: bool = False, on: str = "lb-1", **more: Any) -> Service:
    given = {
        "type": "LoadBalancer",
        "creationTimestamp": OLD,
        "uid": f"0-{key}",
        "ingress": None if waits else [{"ip": "192.168.0.9"}],
        "annotations": {ID: on} if on else {},
    }
    return make.service(key, **(given | more))


def entry(server: str = "i-n0", port: int = 30000, type_: str = "ecs") -> Backend:
    return Backend(server, port, 100, type_, "192.168.7.1")


def groups(number: int, prefix: str, balancer: str = "lb-1", server: str = "i-n0", per_group: int = 1) -> Any:
    """Make server groups of one CLB, each with so many entries of a server."""
    ids = [f"rsp-{prefix}-{i}" for i in range(number)]
    listed = LoadBalancerServerGroups(balancer, [ServerGroup(i, f"group {i}") for i in ids])
    return listed, [GroupBackends(i, [entry(server, 30000 + n) for n in range(per_group)]) for i in ids]


def tables(own: int = 0, foreign: int = 0, **more: Any) -> dict[str, Any]:
    listed, backends = groups(own, "own")
    far, far_backends = groups(foreign, "far", "lb-2")
    return {
        "services": [service()],
        "nodes": [make.node("n0"), make.node("n1")],
        "load_balancers": [LoadBalancer("lb-1", "shared"), LoadBalancer("lb-2", "by-hand")],
        "server_groups": [listed],
        "group_backends": backends,
        "foreign_server_groups": [far],
        "foreign_group_backends": far_backends,
        "slb_quotas": LIMIT,
        "clusters": FLANNEL,
        **more,
    }


def base(own: int = 0, foreign: int = 0, **more: Any) -> Landscape:
    return kit.landscape(**tables(own, foreign, **more))


def one(landscape: Landscape, subject: str = "n0") -> ReportedFinding:
    findings = kit.finds(CHECK, landscape, subject)
    assert len(findings) == 1
    return findings[0]


PODS = make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.1"], "nodeName": "n0"}])


# --- what it finds -----------------------------------------------------------------------------------------------


def test_more_than_the_limit_over_all_load_balancers() -> None:
    finding = one(base(own=20, foreign=31))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert (finding.subject.kind, finding.subject.id) == ("Node", "i-n0")
    assert (finding.evidence["used"], finding.evidence["limit"]) == (51, 50)
    assert finding.evidence["entries_by_load_balancer"] == {"lb-1": 20, "lb-2": 31}
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Instance"]


@pytest.mark.parametrize(("own", "severity"), [(40, Severity.MEDIUM), (50, Severity.MEDIUM), (51, Severity.HIGH)])
def test_from_eighty_per_cent(own: int, severity: Severity) -> None:
    finding = one(base(own=own))
    assert finding.severity is severity
    assert finding.certainty is (Certainty.CONFIRMED if severity is Severity.HIGH else Certainty.AT_RISK)


def test_default_groups_and_pairs_count() -> None:
    pair = [entry("i-n0"), entry("i-other")]
    more: dict[str, Any] = {
        "default_backends": [DefaultBackends("lb-1", [entry()])],
        "foreign_default_backends": [DefaultBackends("lb-2", [entry()])],
        "master_slave_groups": [LoadBalancerMasterSlaveGroups("lb-1", [MasterSlaveGroup("m1")])],
        "master_slave_backends": [MasterSlaveBackends("m1", pair)],
        "foreign_master_slave_groups": [LoadBalancerMasterSlaveGroups("lb-2", [MasterSlaveGroup("m2")])],
        "foreign_master_slave_backends": [MasterSlaveBackends("m2", pair)],
    }
    assert one(base(own=36, **more)).evidence["used"] == 40


def test_a_waiting_service_that_does_not_fit() -> None:
    two = [{"port": n, "targetPort": 8080, "nodePort": 30000 + n, "name": f"p{n}"} for n in (80, 81)]
    ports = [{"name": f"p{n}", "port": 8080, "protocol": "TCP"} for n in (80, 81)]
    slices = [make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.1"], "nodeName": "n0"}], ports=ports)]
    waiting = service(waits=True, ports=two)
    finding = one(base(own=49, services=[waiting], endpoint_slices=slices))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["needed"] == {"shop/web": 2}
    assert [ref.path for ref in finding.affected] == ["shop/web"]
    assert "shop/web" in str(finding.message)


def test_several_waiting_services_that_do_not_fit_together() -> None:
    waiting = [service("shop/web", waits=True), service("shop/api", waits=True)]
    api = make.endpoint_slice("shop/api", [{"addresses": ["172.20.0.2"], "nodeName": "n0"}])
    finding = one(base(own=49, services=waiting, endpoint_slices=[PODS, api]))
    assert finding.certainty is Certainty.LIKELY
    assert len(finding.affected) == 2


def test_an_assumed_limit_is_said_to_be_assumed() -> None:
    finding = one(base(own=51, slb_quotas=[]))
    assert (finding.certainty, finding.evidence["limit_assumed"]) == (Certainty.LIKELY, True)
    assert "assumed" in str(finding.message)


def test_several_entries_in_one_group_count_but_are_less_certain() -> None:
    listed, backends = groups(30, "own", per_group=2)
    finding = one(base(server_groups=[listed], group_backends=backends))
    assert (finding.evidence["used"], finding.evidence["groups"]) == (60, 30)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)


def nlb(entries: int) -> dict[str, Any]:
    ids = [f"sgp-{i}" for i in range(entries)]
    on_nlb: dict[str, Any] = {
        "on": "",
        "loadBalancerClass": "alibabacloud.com/nlb",
        "finalizers": ["service.k8s.alibaba/nlb"],
    }
    return {
        "services": [service(**on_nlb)],
        "nodes": [make.node("n0")],
        "network_load_balancers": [NetworkLoadBalancer("nlb-1")],
        "nlb_server_groups": [NlbServerGroup(i, load_balancer_ids=["nlb-1"]) for i in ids],
        "nlb_group_backends": [NlbGroupBackends(i, [entry()]) for i in ids],
        "nlb_quotas": [Quota("nlb", "nlb_quota_server_added_num", "", "cn-hangzhou", 200.0)],
        "clusters": FLANNEL,
    }


def test_nlb_has_a_limit_of_its_own() -> None:
    assert one(kit.landscape(**nlb(201))).severity is Severity.HIGH
    assert one(kit.landscape(**nlb(160))).severity is Severity.MEDIUM
    kit.stays_quiet(CHECK, kit.landscape(**nlb(159)))


# --- what stays quiet --------------------------------------------------------------------------------------------


def test_below_eighty_per_cent() -> None:
    kit.stays_quiet(CHECK, base(own=20, foreign=19))


def test_interfaces_and_other_servers_do_not_count() -> None:
    listed, backends = groups(60, "own", server="eni-1")
    interfaces = [GroupBackends(row.group_id, [entry("eni-1", type_="eni")]) for row in backends]
    kit.stays_quiet(CHECK, base(server_groups=[listed], group_backends=interfaces))
    listed, backends = groups(60, "own", server="i-outside")
    kit.stays_quiet(CHECK, base(server_groups=[listed], group_backends=backends))


def test_a_raised_limit() -> None:
    raised = [Quota("slb", "slb_quota_backendserver_attached_num", "", "cn-hangzhou", 100.0)]
    kit.stays_quiet(CHECK, base(own=60, slb_quotas=raised))


def test_a_waiting_service_that_needs_other_nodes_only() -> None:
    waiting = service(waits=True, externalTrafficPolicy="Local")
    elsewhere = make.endpoint_slice("shop/web", [{"addresses": ["172.20.0.1"], "nodeName": "n1"}])
    finding = one(base(own=50, services=[waiting], endpoint_slices=[elsewhere]))
    assert finding.severity is Severity.MEDIUM


def test_a_waiting_service_with_pods_as_backends() -> None:
    annotations = {ID: "lb-1", "service.beta.kubernetes.io/backend-type": "eni"}
    waiting = service(waits=True, annotations=annotations)
    assert one(base(own=50, services=[waiting], endpoint_slices=[PODS])).severity is Severity.MEDIUM


def test_a_service_that_was_made_just_now() -> None:
    waiting = service(waits=True, creationTimestamp=FRESH)
    assert one(base(own=50, services=[waiting], endpoint_slices=[PODS])).severity is Severity.MEDIUM


def test_no_service_on_a_load_balancer() -> None:
    kit.stays_quiet(CHECK, base(services=[make.service("shop/web")]), Status.NOT_APPLICABLE)


def test_virtual_nodes_are_no_servers() -> None:
    virtual = make.node("n0", labels={"type": "virtual-kubelet"}, providerID="")
    kit.stays_quiet(CHECK, base(nodes=[virtual]), Status.NOT_APPLICABLE)


# --- what is not known -------------------------------------------------------------------------------------------

OF_CLB = {
    "server_groups",
    "group_backends",
    "default_backends",
    "master_slave_groups",
    "foreign_server_groups",
    "foreign_default_backends",
    "foreign_master_slave_groups",
}
OF_NLB = {"nlb_server_groups", "nlb_group_backends", "nlb_quotas", "network_load_balancers"}
OF_WAITING = {"endpoint_slices", "load_balancers"}
OF_VERSION = {"addons", "clusters", "daemonsets", "deployments"}
SEVERAL = {"foreign_group_backends", "master_slave_backends", "foreign_master_slave_backends"}


def test_the_tables_are_these() -> None:
    needed = OF_CLB | OF_NLB | OF_WAITING | OF_VERSION | SEVERAL | {"services", "nodes", "slb_quotas"}
    assert kit.tables_needed(CHECK) == needed


@pytest.mark.parametrize("table", sorted(OF_CLB | {"services", "nodes", "slb_quotas", "foreign_group_backends"}))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(base(own=3, foreign=3), table))


@pytest.mark.parametrize("table", sorted(OF_NLB | OF_WAITING | OF_VERSION))
def test_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(base(own=3), table))


@pytest.mark.parametrize("table", sorted(OF_CLB - {"server_groups", "group_backends"} | {"services"}))
def test_what_is_over_the_limit_for_certain_stands_without(table: str) -> None:
    _result, findings = kit.run(CHECK, kit.without(base(own=51), table))
    assert [finding.severity for finding in findings] == [Severity.HIGH]


def test_a_warning_is_said_with_the_gap() -> None:
    result, findings = kit.run(CHECK, kit.without(base(own=45), "foreign_server_groups", "slb:DescribeVServerGroups"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert result.reasons[0].missing == ("slb:DescribeVServerGroups",)


def test_one_group_that_is_not_known() -> None:
    kit.is_not_evaluated(CHECK, kit.without_rows(base(own=3), "group_backends", "rsp-own-1"))


def test_a_waiting_service_whose_endpoints_are_not_known() -> None:
    waiting = base(own=49, services=[service(waits=True)])
    result, findings = kit.run(CHECK, kit.without(waiting, "endpoint_slices"))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert result.reasons


def test_terway_without_a_word_on_the_backends() -> None:
    terway = [Cluster(kit.CLUSTER_ID, network="terway-eniip")]
    waiting: dict[str, Any] = {"services": [service(waits=True)], "endpoint_slices": [PODS], "clusters": terway}
    kit.stays_quiet(CHECK, base(own=30, **waiting))
    result, findings = kit.run(CHECK, base(own=50, **waiting))
    assert [finding.severity for finding in findings] == [Severity.MEDIUM]
    assert [reason.kind.value for reason in result.reasons] == ["undecidable"]
