"""service/lb-backend-quota: what may go wrong with it in a real cluster, and what only looks like it."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.scenarios.kit import Scene
from tests.scenarios.services import (
    BACKEND_QUOTA,
    GATEWAY,
    INGRESS,
    SERVICES,
    SHARED,
    SYSLOG,
    Json,
    copy,
    fill,
    limit,
    waiting,
)

CHECK = "service/lb-backend-quota"
CODE = "InstanceBackendServerNumberOverLimit"
TEXT = "The backend server number has reached to the quota limit of this load balancer."
PORTS = [{"name": f"p{n}", "port": 7000 + n, "targetPort": 9090, "nodePort": 32000 + n} for n in range(3)]


def test_the_healthy_cluster_is_quiet() -> None:
    report = Scene().audit(CHECK)
    report.is_quiet()
    assert report.result.subjects == 4


# --- used against the limit --------------------------------------------------------------------------------------


def test_exactly_eighty_per_cent_is_medium() -> None:
    scene = Scene()
    limit(scene, 20)
    report = scene.audit(CHECK)
    assert {(f.subject.id, f.severity) for f in report.findings} == {
        (balancer, Severity.MEDIUM) for balancer in (SHARED, INGRESS, SYSLOG)
    }
    assert {f.subject.kind for f in report.findings} == {"LoadBalancer"}
    assert report.status is Status.FOUND
    assert not report.reasons
    for finding in report.findings:
        assert (finding.evidence["used"], finding.evidence["limit"]) == (16, 20)
        assert [hop.ref.id for hop in finding.trail if hop.state is HopState.BROKEN] == [finding.subject.id]


@pytest.mark.parametrize("entries", [143, 142])
def test_just_below_eighty_per_cent_is_quiet(entries: int) -> None:
    scene = Scene()
    fill(scene, SHARED, entries)
    scene.audit(CHECK).is_quiet()


def test_eighty_per_cent_by_one_group_more() -> None:
    scene = Scene()
    fill(scene, SHARED, 144)
    finding = scene.audit(CHECK).one
    assert (finding.severity, finding.subject.id, finding.subject.name) == (
        Severity.MEDIUM,
        SHARED,
        "shop-internal-shared",
    )


def test_at_the_limit_with_nothing_waiting_is_medium() -> None:
    scene = Scene()
    fill(scene, SHARED, 184)
    finding = scene.audit(CHECK).one
    assert (finding.severity, finding.evidence["used"]) == (Severity.MEDIUM, 200)


def test_above_the_limit_is_high() -> None:
    scene = Scene()
    limit(scene, 15)
    report = scene.audit(CHECK)
    assert {f.subject.id for f in report.findings} == {SHARED, INGRESS, SYSLOG}
    assert {(f.severity, f.certainty) for f in report.findings} == {(Severity.HIGH, Certainty.CONFIRMED)}


def test_a_limit_of_no_whole_number() -> None:
    scene = Scene()
    limit(scene, 20.0)
    fill(scene, GATEWAY, 13)
    assert {f.severity for f in scene.audit(CHECK).findings} == {Severity.MEDIUM}


def test_one_server_on_several_ports_counts_each_time() -> None:
    scene = Scene()
    entries = [{"ServerId": "i-bp1outside00000001", "Port": 7000 + port} for port in range(144)]
    scene.cloud.state.slb.add_vserver_group("rsp-ports", SHARED, "legacy", entries)
    assert scene.audit(CHECK).one.subject.id == SHARED


def test_the_default_group_and_master_slave_groups_count() -> None:
    scene = Scene()
    slb = scene.cloud.state.slb
    fill(scene, SHARED, 137)
    slb.default_servers[SHARED] = [
        {"ServerId": f"i-bp1default{n:09d}", "ServerIp": "", "Type": "ecs", "Weight": 100} for n in range(5)
    ]
    pair = [{"ServerId": "i-bp1pair0000000001"}, {"ServerId": "i-bp1pair0000000002"}]
    slb.add_master_slave_group("rsp-pair", SHARED, "pair", pair)
    assert scene.audit(CHECK).one.evidence["used"] == 160


def test_pods_as_backends_count() -> None:
    scene = Scene()
    pods = [{"ServerId": f"eni-bp1{n:017d}", "ServerIp": f"172.20.5.{n}", "Type": "eni"} for n in range(144)]
    scene.cloud.state.slb.add_vserver_group("rsp-pods", SHARED, "other", pods)
    assert scene.audit(CHECK).one.evidence["used"] == 160


def test_a_full_load_balancer_that_is_not_the_clusters() -> None:
    scene = Scene()
    vpc = scene.cloud.state.slb.load_balancers[SHARED]["VpcId"]
    scene.cloud.state.slb.add_load_balancer("lb-bp1foreign", Address="192.168.3.3", VpcId=vpc)
    fill(scene, "lb-bp1foreign", 200)
    scene.audit(CHECK).is_quiet()


# --- the limit ---------------------------------------------------------------------------------------------------


def test_a_raised_limit() -> None:
    scene = Scene()
    limit(scene, 400)
    fill(scene, SHARED, 250)
    scene.audit(CHECK).is_quiet()


@pytest.mark.parametrize("fields", [{}, {"QuotaName": "backend servers per CLB"}])
def test_the_other_code_of_the_quota(fields: Json) -> None:
    scene = Scene()
    del scene.cloud.state.quotas.quotas[BACKEND_QUOTA]
    scene.cloud.state.quotas.add_quota("slb", "q_fh20b0", 20.0, **fields)
    report = scene.audit(CHECK)
    assert {f.subject.id for f in report.findings} == {SHARED, INGRESS, SYSLOG}
    assert {f.evidence["limit_assumed"] for f in report.findings} == {False}


def test_the_row_of_another_region() -> None:
    scene = Scene()
    other = {"Dimensions": {"regionId": "cn-shanghai"}, "TotalQuota": 10.0}
    row = scene.cloud.state.quotas.quotas[BACKEND_QUOTA]

    def unfiltered(answer: Json) -> None:
        answer["Quotas"] = [{**row, **other}, *answer["Quotas"]]
        answer["TotalCount"] = len(answer["Quotas"])

    scene.cloud.mutate("quotas:ListProductQuotas", unfiltered)
    scene.audit(CHECK).is_quiet()


def test_quota_center_silent_on_this_quota() -> None:
    scene = Scene()
    del scene.cloud.state.quotas.quotas[BACKEND_QUOTA]
    fill(scene, SHARED, 150)
    finding = scene.audit(CHECK).one
    assert (finding.evidence["limit"], finding.evidence["limit_assumed"]) == (200, True)
    assert "assumed" in str(finding.message)


def test_quota_center_denied() -> None:
    scene = Scene()
    fill(scene, SHARED, 184)
    scene.cloud.deny("quotas:ListProductQuotas")
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.FORBIDDEN, "quotas:ListProductQuotas")
    assert not report.findings


@pytest.mark.parametrize("quotas", [None, "absent"])
def test_quota_center_answers_no_list(quotas: Any) -> None:
    scene = Scene()

    def spoil(answer: Json) -> None:
        answer.pop("Quotas") if quotas else answer.update(Quotas=None)

    scene.cloud.mutate("quotas:ListProductQuotas", spoil)
    scene.audit(CHECK).is_open(ReasonKind.MALFORMED)


# --- NLB ---------------------------------------------------------------------------------------------------------


def nlb(scene: Scene, entries: int, limit_: float | None = None, **fields: Any) -> None:
    """Put a Service on an NLB that holds so many entries."""
    state = scene.cloud.state
    state.nlb.add_load_balancer("nlb-1")
    servers = [{"ServerId": f"i-bp1outside{n:08d}", **fields} for n in range(entries)]
    for start in range(0, entries, 400):
        state.nlb.add_server_group(f"sgp-{start}", ["nlb-1"], servers[start : start + 400])
    if limit_ is not None:
        state.quotas.add_quota("nlb", "nlb_quota_loadbalancer_noeci_servers_num", limit_)

    def change(service: Json) -> None:
        service["metadata"].update(uid="n-1", finalizers=["service.k8s.alibaba/nlb"])
        service["metadata"]["labels"]["service.k8s.alibaba/loadbalancer-id"] = "nlb-1"
        service["metadata"]["annotations"] = {}
        service["spec"]["loadBalancerClass"] = "alibabacloud.com/nlb"
        dns = state.nlb.load_balancers["nlb-1"]["DNSName"]
        service["status"] = {"loadBalancer": {"ingress": [{"hostname": dns}]}}

    copy(scene, SERVICES, "catalog-grpc", "shop", "catalog-nlb", change)


@pytest.mark.parametrize(
    ("entries", "severity"), [(320, Severity.MEDIUM), (400, Severity.MEDIUM), (401, Severity.HIGH)]
)
def test_an_nlb_has_a_limit_of_its_own(entries: int, severity: Severity) -> None:
    scene = Scene()
    nlb(scene, entries, 400.0)
    finding = scene.audit(CHECK).one
    assert (finding.subject.kind, finding.subject.id, finding.severity) == ("LoadBalancer", "nlb-1", severity)


def test_an_nlb_with_room() -> None:
    scene = Scene()
    nlb(scene, 319, 400.0)
    scene.audit(CHECK).is_quiet()


def test_an_nlb_whose_limit_is_assumed() -> None:
    scene = Scene()
    nlb(scene, 330)
    assert scene.audit(CHECK).one.evidence["limit_assumed"] is True


def test_the_limit_of_clb_is_none_of_nlb() -> None:
    scene = Scene()
    nlb(scene, 250, 400.0)
    scene.audit(CHECK).is_quiet()


# --- what can not be looked at -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        "slb:DescribeLoadBalancers",
        "slb:DescribeVServerGroups",
        "slb:DescribeVServerGroupAttribute",
        "slb:DescribeMasterSlaveServerGroups",
        "slb:DescribeLoadBalancerAttribute",
    ],
)
def test_a_permission_taken_away(action: str) -> None:
    scene = Scene()
    fill(scene, SHARED, 184)
    scene.cloud.deny(action)
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.FORBIDDEN, action)
    assert not report.findings


def test_nodes_denied_matter_only_to_who_waits() -> None:
    scene = Scene()
    scene.kubernetes.deny("list nodes")
    scene.audit(CHECK).is_quiet()
    scene = Scene()
    scene.kubernetes.deny("list nodes")
    waiting(scene, "admin")
    scene.audit(CHECK).is_open(ReasonKind.FORBIDDEN, "list nodes")


def test_one_group_that_can_not_be_read() -> None:
    scene = Scene()
    fill(scene, SHARED, 184)
    fill(scene, INGRESS, 184)
    scene.cloud.deny(
        "slb:DescribeVServerGroupAttribute", when=lambda params: params["VServerGroupId"] == "rsp-bp1cq6ob1knwv"
    )
    report = scene.audit(CHECK)
    assert report.one.subject.id == INGRESS
    assert report.missing == {"slb:DescribeVServerGroupAttribute"}
