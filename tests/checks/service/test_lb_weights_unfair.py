"""service/lb-weights-unfair."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import Backend, GroupBackends, Listener, LoadBalancer
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/lb-weights-unfair"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
BEFORE_PODS, BY_PERCENT, BY_PODS, NEWEST = (
    "v1.9.3.59-ge3bc999-aliyun",
    "v1.9.3.164-g2105d2e-aliyun",
    "v1.9.3.276-g372aa98-aliyun",
    "v2.14.1",
)


def service(policy: str = "Local", **more: Any) -> Service:
    annotations = {PREFIX + "id": "lb-1", **more.pop("annotations", {})}
    return make.service("shop/web", type="LoadBalancer", externalTrafficPolicy=policy, annotations=annotations, **more)


def endpoints(pods: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "addresses": [f"172.20.{n}.{i}"],
            "nodeName": node,
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": f"{node}-{i}"},
        }
        for n, (node, count) in enumerate(pods.items())
        for i in range(count)
    ]


def tables(
    pods: Mapping[str, int],
    weights: Mapping[str, int],
    scheduler: str | None = "wrr",
    version: str = NEWEST,
    of: Service | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Make a Service on one CLB: Pods and weights by node, and what the listener and the CCM are."""
    backends = [Backend(f"i-{node}", 30080, weight, "ecs") for node, weight in weights.items()]
    return {
        "services": [of or service()],
        "load_balancers": [LoadBalancer("lb-1", "web")],
        "listeners": [Listener("lb-1", 80, "tcp", "running", scheduler, "rsp-1")],
        "group_backends": [GroupBackends("rsp-1", backends, "k8s/30080/web/shop/c1")],
        "endpoint_slices": [make.endpoint_slice("shop/web", endpoints(pods))],
        "nodes": [make.node(name) for name in sorted({*pods, *weights})],
        "addons": [Addon("cloud-controller-manager", version)] if version else [],
        **more,
    }


def landscape(*args: Any, **more: Any) -> Landscape:
    return kit.landscape(**tables(*args, **more))


def one(base: Landscape) -> ReportedFinding:
    findings = kit.finds(CHECK, base, "shop/web")
    assert len(findings) == 1
    return findings[0]


def broken_kinds(finding: ReportedFinding) -> list[str]:
    return [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN]


def remedies(finding: ReportedFinding) -> str:
    return "\n".join(f"{step.text} {step.command}" for step in finding.remedy)


UNEVEN = {"a": 1, "b": 1, "c": 2}
HUNDREDS = {"a": 100, "b": 100, "c": 100}


# --- what it finds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["wrr", "wlc", "rr"])
def test_equal_weights_of_an_old_version(scheduler: str) -> None:
    finding = one(landscape(UNEVEN, HUNDREDS, scheduler, BEFORE_PODS))
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.CONFIRMED)
    assert finding.evidence["ratio"] == 2.0
    assert finding.evidence["weights"] == HUNDREDS
    assert finding.evidence["pods"] == UNEVEN
    assert finding.evidence["share_per_pod"] == {"a": "0.3333", "b": "0.3333", "c": "0.1667"}
    assert finding.evidence["ccm_version"] == BEFORE_PODS
    assert broken_kinds(finding) == ["ServerGroup"]
    assert "v1.9.3.276" in remedies(finding)
    assert ("scheduler=wrr" in remedies(finding)) is (scheduler == "rr")


def test_an_old_version_is_unfair_whenever_the_counts_differ() -> None:
    finding = one(landscape({"a": 2, "b": 3}, {"a": 100, "b": 100}, "wrr", BEFORE_PODS))
    assert finding.evidence["ratio"] == 1.5
    assert finding.certainty is Certainty.CONFIRMED


def test_right_weights_that_the_scheduler_ignores() -> None:
    finding = one(landscape(UNEVEN, UNEVEN, "rr"))
    assert finding.evidence["cause"] == "scheduler ignores weights"
    assert broken_kinds(finding) == ["Listener"]
    assert "scheduler=wrr" in remedies(finding)
    assert "Upgrade" not in remedies(finding)


def test_weights_that_somebody_changed() -> None:
    finding = one(landscape(UNEVEN, {"a": 2, "b": 1, "c": 2}))
    assert finding.evidence["cause"] == "weights that the version does not set"
    assert "Upgrade" not in remedies(finding)


@pytest.mark.parametrize(
    ("scheduler", "per_pod", "half_of_c"), [("wrr", "0.3333", "0.3333"), ("rr", "0.5000", "0.2500")]
)
def test_weight_zero_starves_ready_pods(scheduler: str, per_pod: str, half_of_c: str) -> None:
    finding = one(landscape(UNEVEN, {"a": 0, "b": 1, "c": 2}, scheduler))
    assert (finding.certainty, finding.evidence["ratio"]) == (Certainty.CONFIRMED, None)
    assert "behind a are Ready" in str(finding.message)
    assert finding.evidence["share_per_pod"] == {"a": "0.0000", "b": per_pod, "c": half_of_c}
    assert broken_kinds(finding) == ["ServerGroup"]


def test_rounding_of_per_cents_that_really_hurts() -> None:
    pods = {f"n{i}": 1 for i in range(198)} | {"big": 3}
    weights = dict.fromkeys(pods, 1)
    finding = one(landscape(pods, weights, "wrr", BY_PERCENT))
    assert finding.evidence["cause"] == "rule of the version"
    assert finding.evidence["ratio"] == 3.0


def test_pods_as_backends_with_different_weights() -> None:
    backends = [Backend(f"eni-{i}", 8080, weight, "eni", f"172.20.0.{i}") for i, weight in enumerate((100, 100, 20))]
    base = landscape({"a": 3}, {}, of=service("Cluster"), group_backends=[GroupBackends("rsp-1", backends)])
    finding = one(base)
    assert finding.evidence["weights"] == {"a-0": 100, "a-1": 100, "a-2": 20}
    assert finding.evidence["cause"] == "weights that the version does not set"


def test_a_scheduler_that_hashes_is_only_likely() -> None:
    finding = one(landscape(UNEVEN, HUNDREDS, "sch", BEFORE_PODS))
    assert finding.certainty is Certainty.LIKELY
    kit.stays_quiet(CHECK, landscape(UNEVEN, UNEVEN, "sch"))


def test_an_unstated_version_is_inferred_and_said_to_be() -> None:
    finding = one(landscape(UNEVEN, HUNDREDS, "wrr", ""))
    assert finding.evidence["ccm_version_inferred"] is True
    assert "inferred" in str(finding.message)
    assert finding.evidence["weight_rule"] == "same"
    assert finding.certainty is Certainty.CONFIRMED
    near = one(landscape({"a": 2, "b": 3}, {"a": 100, "b": 100}, "wrr", ""))
    assert near.certainty is Certainty.LIKELY


def test_the_image_of_a_dedicated_cluster_comes_first() -> None:
    data = {
        "metadata": make.meta("cloud-controller-manager", "kube-system"),
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "ccm",
                            "image": f"registry.example.com/acs/cloud-controller-manager-amd64:{BEFORE_PODS}",
                        }
                    ]
                }
            }
        },
    }
    base = landscape({"a": 2, "b": 3}, {"a": 100, "b": 100}, daemonsets=[msgspec.convert(data, DaemonSet)])
    assert one(base).evidence["ccm_version"] == BEFORE_PODS


def test_the_cluster_states_the_version_where_nobody_else_does() -> None:
    row = Cluster(kit.CLUSTER_ID, component_versions={"cloud-controller-manager": BEFORE_PODS})
    base = landscape({"a": 2, "b": 3}, {"a": 100, "b": 100}, version="", clusters=[row])
    assert one(base).evidence["ccm_version"] == BEFORE_PODS


def test_one_finding_for_all_ports() -> None:
    ports = [
        {"port": 514, "protocol": "TCP", "name": "tcp", "nodePort": 30514},
        {"port": 514, "protocol": "UDP", "name": "udp", "nodePort": 30515},
        {"port": 80, "protocol": "TCP", "name": "web", "nodePort": 30080},
    ]
    slices = make.endpoint_slice(
        "shop/web",
        endpoints(UNEVEN),
        ports=[{"name": port["name"], "port": 1, "protocol": port["protocol"]} for port in ports],
    )
    groups = {"rsp-1": HUNDREDS, "rsp-2": HUNDREDS, "rsp-3": UNEVEN}
    base = landscape(
        UNEVEN,
        {},
        of=service(ports=ports),
        endpoint_slices=[slices],
        listeners=[
            Listener("lb-1", 514, "tcp", "running", "wrr", "rsp-1"),
            Listener("lb-1", 514, "udp", "running", "wrr", "rsp-2"),
            Listener("lb-1", 80, "http", "running", "wrr", "rsp-3"),
        ],
        group_backends=[
            GroupBackends(group, [Backend(f"i-{node}", 1, weight, "ecs") for node, weight in weights.items()])
            for group, weights in groups.items()
        ],
    )
    assert one(base).evidence["ports"] == ["514/TCP", "514/UDP"]


def nlb(weights: Mapping[str, int], scheduler: str = "Wrr", **more: Any) -> Landscape:
    backends = [Backend(f"i-{node}", 30080, weight, "ecs") for node, weight in weights.items()]
    of = make.service(
        "shop/web",
        type="LoadBalancer",
        externalTrafficPolicy="Local",
        loadBalancerClass="alibabacloud.com/nlb",
        ingress=[{"hostname": "nlb-1.example"}],
    )
    group = NlbServerGroup("sgp-1", f"k8s.30080.TCP.web.shop.{kit.CLUSTER_ID}", "Instance", scheduler, 3, ["nlb-1"])
    return landscape(
        UNEVEN,
        {},
        of=of,
        load_balancers=[],
        listeners=[],
        group_backends=[],
        network_load_balancers=[NetworkLoadBalancer("nlb-1", "net", "nlb-1.example")],
        nlb_server_groups=[group],
        nlb_group_backends=[NlbGroupBackends("sgp-1", backends)],
        **more,
    )


def test_nlb() -> None:
    kit.stays_quiet(CHECK, nlb(UNEVEN))
    assert one(nlb(HUNDREDS)).evidence["scheduler"] == "wrr"
    assert one(nlb(UNEVEN, "Rr")).evidence["cause"] == "scheduler ignores weights"


# --- what must stay quiet ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pods", "weights", "scheduler", "version"),
    [
        (UNEVEN, UNEVEN, "wrr", NEWEST),
        (UNEVEN, UNEVEN, "wlc", BY_PODS),
        ({"a": 1, "b": 2, "c": 3}, {"a": 16, "b": 33, "c": 50}, "wrr", BY_PERCENT),
        ({"a": 1, "b": 1}, {"a": 100, "b": 100}, "wrr", BEFORE_PODS),
        ({"a": 1, "b": 1}, {"a": 1, "b": 1}, "rr", NEWEST),
        ({"a": 3}, {"a": 100}, "rr", BEFORE_PODS),
        ({"a": 2, "b": 3}, {"a": 2, "b": 3}, "rr", NEWEST),
    ],
)
def test_fair_shares(pods: dict[str, int], weights: dict[str, int], scheduler: str, version: str) -> None:
    kit.stays_quiet(CHECK, landscape(pods, weights, scheduler, version))


def test_the_policy_cluster_spreads_again() -> None:
    kit.stays_quiet(CHECK, landscape(UNEVEN, HUNDREDS | {"d": 1}, "wrr", BEFORE_PODS, service("Cluster")))


def test_nodes_without_a_ready_pod_get_nothing_anyway() -> None:
    kit.stays_quiet(CHECK, landscape(UNEVEN, UNEVEN | {"stale": 100}))


def test_a_cordoned_node_of_weight_zero_is_drained_on_purpose() -> None:
    nodes = [make.node("a", unschedulable=True), make.node("b"), make.node("c")]
    kit.stays_quiet(CHECK, landscape(UNEVEN, {"a": 0, "b": 1, "c": 2}, nodes=nodes))


def test_weight_zero_everywhere_starves_nobody_more_than_others() -> None:
    kit.stays_quiet(CHECK, landscape(UNEVEN, {"a": 0, "b": 0, "c": 0}))


def test_an_address_outside_the_cluster_is_no_pod_of_a_node() -> None:
    rows = [*endpoints(UNEVEN), {"addresses": ["192.168.9.9"]}]
    kit.stays_quiet(CHECK, landscape(UNEVEN, UNEVEN, endpoint_slices=[make.endpoint_slice("shop/web", rows)]))


def test_pods_as_backends_are_fair_by_themselves() -> None:
    backends = [Backend(f"eni-{i}", 8080, 100, "eni", f"172.20.0.{i}") for i in range(3)]
    stale = Backend("eni-9", 8080, 1, "eni", "172.20.9.9")
    groups = [GroupBackends("rsp-1", [*backends, stale])]
    kit.stays_quiet(CHECK, landscape({"a": 3}, {}, "rr", group_backends=groups))


def test_pods_on_virtual_nodes_stand_for_themselves() -> None:
    pods = {"a": 2, "v": 2}
    backends = [
        Backend("i-a", 30080, 2, "ecs"),
        Backend("eni-0", 8080, 1, "eni", "172.20.1.0"),
        Backend("eni-1", 8080, 1, "eni", "172.20.1.1"),
    ]
    virtual = make.node("v", labels={"type": "virtual-kubelet"}, providerID="")
    fair = landscape(pods, {}, group_backends=[GroupBackends("rsp-1", backends)], nodes=[make.node("a"), virtual])
    kit.stays_quiet(CHECK, fair)


def test_pods_that_are_not_ready_do_not_count() -> None:
    rows = [*endpoints({"a": 1, "b": 1}), {**endpoints({"a": 1, "b": 2})[2], "conditions": {"ready": False}}]
    slices = [make.endpoint_slice("shop/web", rows)]
    kit.stays_quiet(CHECK, landscape({"a": 1, "b": 1}, {"a": 1, "b": 1}, endpoint_slices=slices))


@pytest.mark.parametrize("setting", [{"weight": "60"}, {"default-weight": "50"}, {"ignore-weight-update": "on"}])
def test_weights_that_the_operator_sets(setting: dict[str, str]) -> None:
    of = service(annotations={PREFIX + name: value for name, value in setting.items()})
    kit.stays_quiet(CHECK, landscape(UNEVEN, HUNDREDS, "wrr", NEWEST, of), Status.NOT_APPLICABLE)


def test_a_setting_that_is_switched_off_sets_nothing() -> None:
    of = service(annotations={PREFIX + "ignore-weight-update": "off"})
    one(landscape(UNEVEN, HUNDREDS, "wrr", NEWEST, of))


def test_entries_of_other_services_in_a_shared_group() -> None:
    of = service(annotations={PREFIX + "vgroup-port": "rsp-1:80"})
    rows = [Backend(f"i-{node}", 30080, weight, "ecs") for node, weight in UNEVEN.items()]
    others = [Backend("i-a", 31000, 100, "ecs"), Backend("i-elsewhere", 31000, 100, "ecs")]
    kit.stays_quiet(CHECK, landscape(UNEVEN, {}, of=of, group_backends=[GroupBackends("rsp-1", rows + others)]))


@pytest.mark.parametrize(
    "more",
    [
        {"type": "NodePort"},
        {"loadBalancerClass": "example.com/lb"},
        {"metadata": {"deletionTimestamp": "2026-11-23T07:00:00Z"}},
    ],
)
def test_services_without_a_load_balancer_of_the_ccm(more: dict[str, Any]) -> None:
    data = msgspec.to_builtins(service())
    if "metadata" in more:
        data["metadata"] |= more["metadata"]
    else:
        data["spec"] |= more
    base = landscape(UNEVEN, HUNDREDS, of=msgspec.convert(data, Service))
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)


def test_a_service_that_has_no_load_balancer_yet() -> None:
    kit.stays_quiet(CHECK, landscape(UNEVEN, HUNDREDS, load_balancers=[]), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, landscape(UNEVEN, HUNDREDS, listeners=[]), Status.NOT_APPLICABLE)


# --- what is not known -------------------------------------------------------------------------------------------

OF_CLB = {"load_balancers", "listeners", "group_backends"}
OF_NLB = {"network_load_balancers", "nlb_server_groups", "nlb_group_backends"}
OF_BOTH = {"services", "endpoint_slices", "nodes"}
OF_VERSION = {"addons", "clusters", "daemonsets", "deployments"}
FAIR = landscape(UNEVEN, UNEVEN)
UNFAIR = landscape(UNEVEN, HUNDREDS)
SPREAD_AGAIN = landscape(UNEVEN, HUNDREDS, of=service("Cluster"))


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == OF_CLB | OF_NLB | OF_BOTH | OF_VERSION


@pytest.mark.parametrize("table", sorted(OF_CLB | OF_BOTH))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(FAIR, table))
    kit.is_not_evaluated(CHECK, kit.without(UNFAIR, table))


@pytest.mark.parametrize("table", sorted(OF_NLB | OF_VERSION))
def test_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(FAIR, table))
    one(kit.without(UNFAIR, table))


@pytest.mark.parametrize("table", ["endpoint_slices", "nodes"])
def test_the_policy_cluster_needs_no(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(SPREAD_AGAIN, table))


@pytest.mark.parametrize("table", sorted(OF_NLB | OF_BOTH))
def test_nlb_is_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(nlb(UNEVEN), table))


@pytest.mark.parametrize("table", sorted(OF_CLB))
def test_nlb_is_untouched_without(table: str) -> None:
    kit.stays_quiet(CHECK, kit.without(nlb(UNEVEN), table))


def test_the_version_decides_only_small_differences() -> None:
    base = landscape({"a": 2, "b": 3}, {"a": 100, "b": 100}, "wrr", BEFORE_PODS)
    kit.is_not_evaluated(CHECK, kit.without(base, "addons"))


@pytest.mark.parametrize(
    ("table", "key"),
    [("nodes", "c"), ("group_backends", "rsp-1"), ("listeners", "lb-1/80/tcp"), ("load_balancers", "lb-1")],
)
def test_a_single_row_that_is_not_known(table: str, key: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without_rows(FAIR, table, key))


@pytest.mark.parametrize(
    "more",
    [
        {"listeners": [Listener("lb-1", 80, "tcp", "running", None, "rsp-1")]},
        {"group_backends": [GroupBackends("rsp-1", [Backend("i-a", 30080, None, "ecs")])]},
        {
            "endpoint_slices": [
                make.endpoint_slice(
                    "shop/web", [{"addresses": ["172.20.0.1"], "targetRef": {"kind": "Pod", "name": "p"}}]
                )
            ]
        },
    ],
)
def test_values_that_an_answer_left_out(more: dict[str, Sequence[Any]]) -> None:
    result, findings = kit.run(CHECK, landscape(UNEVEN, UNEVEN, **more))
    assert not findings
    assert result.status is Status.NOT_EVALUATED


def test_an_unstated_scheduler_does_not_matter_where_both_ways_agree() -> None:
    kit.stays_quiet(CHECK, landscape({"a": 1, "b": 1}, {"a": 1, "b": 1}, None))


def test_one_port_is_judged_though_the_other_is_not_known() -> None:
    ports = [
        {"port": 80, "protocol": "TCP", "name": "", "nodePort": 30080},
        {"port": 81, "protocol": "TCP", "name": "", "nodePort": 30081},
    ]
    base = landscape(
        UNEVEN,
        HUNDREDS,
        of=service(ports=ports),
        listeners=[
            Listener("lb-1", 80, "tcp", "running", "wrr", "rsp-1"),
            Listener("lb-1", 81, "tcp", "running", "wrr", "rsp-2"),
        ],
    )
    result, findings = kit.run(CHECK, kit.without_rows(base, "group_backends", "rsp-2"))
    assert [finding.evidence["ports"] for finding in findings] == [["80/TCP"]]
    assert result.reasons[0].missing == ("test:Action",)
