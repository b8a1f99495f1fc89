"""service/lb-weights-drifted."""

from collections.abc import Mapping
from typing import Any

import pytest

from auditor.facts.cloud.cs import Addon
from auditor.facts.cloud.nlb import NetworkLoadBalancer, NlbGroupBackends, NlbServerGroup
from auditor.facts.cloud.slb import Backend, GroupBackends, Listener, LoadBalancer
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/lb-weights-drifted"
PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"
BEFORE, BY_PERCENT, BY_PODS, NEWEST = "v1.9.3.59", "v1.9.3.164-g2105d2e", "v1.9.3.276-g372aa98", "v2.14.1"
OWN = f"k8s/30080/web/shop/{kit.CLUSTER_ID}"
LONG_AGO, JUST_NOW = "2026-11-23T07:00:00Z", "2026-11-23T07:59:30Z"


def service(policy: str = "Local", **more: Any) -> Service:
    annotations = {PREFIX + "id": "lb-1", **more.pop("annotations", {})}
    return make.service("shop/web", type="LoadBalancer", externalTrafficPolicy=policy, annotations=annotations, **more)


def pods(counts: Mapping[str, int], since: str = LONG_AGO) -> list[Pod]:
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": since}]
    return [
        make.pod(f"shop/{node}-{i}", node, status={"conditions": ready})
        for node, count in counts.items()
        for i in range(count)
    ]


def base(
    counts: Mapping[str, int],
    weights: Mapping[str, int],
    version: str = NEWEST,
    of: Service | None = None,
    group: str = OWN,
    since: str = LONG_AGO,
    **more: Any,
) -> Landscape:
    endpoints = [
        {
            "addresses": [f"172.20.{n}.{i}"],
            "nodeName": node,
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": f"{node}-{i}"},
        }
        for n, (node, count) in enumerate(counts.items())
        for i in range(count)
    ]
    backends = [Backend(f"i-{node}", 30080, weight, "ecs") for node, weight in weights.items()]
    given: dict[str, Any] = {
        "services": [of or service()],
        "load_balancers": [LoadBalancer("lb-1", "web")],
        "listeners": [Listener("lb-1", 80, "tcp", "running", "wrr", "rsp-1")],
        "group_backends": [GroupBackends("rsp-1", backends, group)],
        "endpoint_slices": [make.endpoint_slice("shop/web", endpoints)],
        "nodes": [make.node(name) for name in sorted({*counts, *weights})],
        "pods": pods(counts, since),
        "addons": [Addon("cloud-controller-manager", version)] if version else [],
    }
    return kit.landscape(**(given | more))


def one(landscape: Landscape) -> ReportedFinding:
    findings = kit.finds(CHECK, landscape, "shop/web")
    assert len(findings) == 1
    return findings[0]


COUNTS = {"a": 1, "b": 2, "c": 3}
PERCENT = {"a": 16, "b": 33, "c": 50}
HUNDRED = {"a": 100, "b": 100, "c": 100}

# --- what it finds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "weights", "expected"),
    [
        (BY_PERCENT, {"a": 16, "b": 33, "c": 51}, {"c": 50}),
        (BY_PERCENT, HUNDRED, PERCENT),
        (BY_PODS, {"a": 1, "b": 2, "c": 2}, {"c": 3}),
        (BY_PODS, PERCENT, COUNTS),
        (NEWEST, HUNDRED, COUNTS),
        (NEWEST, {"a": 0, "b": 2, "c": 3}, {"a": 1}),
        (BEFORE, COUNTS, HUNDRED),
    ],
)
def test_weights_that_this_version_does_not_set(
    version: str, weights: dict[str, int], expected: dict[str, int]
) -> None:
    finding = one(base(COUNTS, weights, version))
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.CONFIRMED)
    assert finding.evidence["expected"] == expected
    assert finding.evidence["ccm_version"] == version
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["ServerGroup"]


def test_the_uneven_pods_of_the_same_fault_are_named() -> None:
    assert "service/lb-weights-unfair" in str(one(base(COUNTS, HUNDRED)).why)
    assert "service/lb-weights-unfair" not in str(one(base({"a": 4, "b": 5}, {"a": 4, "b": 6})).why)


def test_one_node_of_many_that_somebody_edited_in_cluster_mode() -> None:
    finding = one(base(COUNTS, {"a": 100, "b": 10, "c": 100}, of=service("Cluster")))
    assert finding.evidence["expected"] == {"b": 100}


def test_pods_as_backends() -> None:
    entries = [Backend(f"eni-{i}", 8080, w, "eni", f"172.20.0.{i}") for i, w in enumerate((100, 100, 20))]
    of_pods: dict[str, Any] = {"group_backends": [GroupBackends("rsp-1", entries, OWN)]}
    finding = one(base({"a": 3}, {}, of=service("Cluster"), **of_pods))
    assert finding.evidence["weights"] == {"a-2": 20}


def test_an_unstated_version_whose_rules_all_do_not_fit() -> None:
    finding = one(base(COUNTS, {"a": 7, "b": 8, "c": 9}, ""))
    assert (finding.certainty, finding.evidence["expected"]) == (Certainty.LIKELY, {})


def test_an_nlb() -> None:
    name = f"k8s.30080.TCP.web.shop.{kit.CLUSTER_ID}"
    on_nlb = make.service(
        "shop/web",
        type="LoadBalancer",
        externalTrafficPolicy="Local",
        loadBalancerClass="alibabacloud.com/nlb",
        labels={"service.k8s.alibaba/loadbalancer-id": "nlb-1"},
    )
    entries = [Backend(f"i-{node}", 30080, 100, "ecs") for node in COUNTS]
    more: dict[str, Any] = {
        "network_load_balancers": [NetworkLoadBalancer("nlb-1")],
        "nlb_server_groups": [NlbServerGroup("sgp-1", name, "Instance", "Wrr", 3, ["nlb-1"])],
        "nlb_group_backends": [NlbGroupBackends("sgp-1", entries)],
    }
    assert one(base(COUNTS, {}, of=on_nlb, **more)).evidence["expected"] == COUNTS


# --- what stays quiet --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "weights"), [(BEFORE, HUNDRED), (BY_PERCENT, PERCENT), (BY_PODS, COUNTS), (NEWEST, COUNTS)]
)
def test_what_the_version_sets(version: str, weights: dict[str, int]) -> None:
    kit.stays_quiet(CHECK, base(COUNTS, weights, version))


@pytest.mark.parametrize("note", ["weight", "default-weight", "ignore-weight-update"])
def test_weights_that_the_operator_sets(note: str) -> None:
    of = service(annotations={PREFIX + note: "on" if note.startswith("ignore") else "60"})
    kit.stays_quiet(CHECK, base(COUNTS, HUNDRED, of=of), Status.NOT_APPLICABLE)


def test_one_value_for_all_whatever_it_is() -> None:
    for value in (1, 100):
        kit.stays_quiet(CHECK, base(COUNTS, dict.fromkeys(COUNTS, value), of=service("Cluster")))


def test_a_group_that_the_operator_made() -> None:
    kit.stays_quiet(CHECK, base(COUNTS, HUNDRED, group="mine"), Status.NOT_APPLICABLE)


def test_a_pod_that_became_ready_just_now() -> None:
    kit.stays_quiet(CHECK, base(COUNTS, HUNDRED, since=JUST_NOW))


def test_a_cordoned_node_that_is_drained() -> None:
    nodes = [make.node("a"), make.node("b", unschedulable=True), make.node("c")]
    kit.stays_quiet(CHECK, base(COUNTS, {"a": 1, "b": 0, "c": 3}, nodes=nodes))
    drained = {"a": 100, "b": 0, "c": 100}
    kit.stays_quiet(CHECK, base(COUNTS, drained, of=service("Cluster"), nodes=nodes))


def test_an_unstated_version_of_which_a_rule_fits() -> None:
    for weights in (HUNDRED, PERCENT, COUNTS):
        kit.stays_quiet(CHECK, base(COUNTS, weights, ""))


# --- what is not known -------------------------------------------------------------------------------------------

DRIFTED = base(COUNTS, HUNDRED)
NEEDED = {"services", "load_balancers", "listeners", "group_backends", "endpoint_slices", "nodes", "pods"}
OF_VERSION = {"addons", "clusters", "daemonsets", "deployments"}
OF_NLB = {"network_load_balancers", "nlb_server_groups", "nlb_group_backends"}


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == NEEDED | OF_VERSION | OF_NLB


@pytest.mark.parametrize("table", sorted(NEEDED | {"addons"}))
def test_not_evaluated_without(table: str) -> None:
    kit.is_not_evaluated(CHECK, kit.without(DRIFTED, table))


@pytest.mark.parametrize("table", sorted(OF_NLB | OF_VERSION - {"addons"}))
def test_found_without(table: str) -> None:
    one(kit.without(DRIFTED, table))


def test_weights_that_fit_no_rule_are_found_without_the_version() -> None:
    odd = base(COUNTS, {"a": 7, "b": 8, "c": 9})
    assert one(kit.without(odd, "addons")).certainty is Certainty.LIKELY


def test_pods_matter_only_to_a_drift() -> None:
    kit.stays_quiet(CHECK, kit.without(base(COUNTS, COUNTS), "pods"))
