"""service/lb-weights-unfair: Pods that get more than their share, and what only looks like it."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios.kit import Report, Scene
from tests.scenarios.services import (
    CCM,
    GATEWAY,
    GATEWAY_GROUP,
    GATEWAY_NODES,
    NODES,
    SYSLOG,
    Json,
    annotate,
    ccm,
    dedicated_ccm,
    edit_service,
    edit_slices,
    fill,
    gateway_weights,
    place_endpoints,
    weigh,
)

CHECK = "service/lb-weights-unfair"
NODE = "cn-hangzhou.192.168."
NODE_K, NODE_I, NODE_H = f"{NODE}2.43", f"{NODE}1.42", f"{NODE}0.41"
"""The nodes of the gateway, in zones k, i and h: they host 2, 1 and 1 of its Pods."""
BEFORE, PERCENT, PODS = "v1.9.3.110-gf5c3d2a-aliyun", "v1.9.3.239-g40d97e1-aliyun", "v1.9.3.276-g372aa98-aliyun"
TCP, UDP = "rsp-bp1hdd15i1rbn", "rsp-bp1e4qon7g3tc"


def gateway(*weights: int, version: str = "", pods: Sequence[str] = (), scheduler: str = "wrr") -> Scene:
    """Set the gateway's weights, and where its Pods are."""
    scene = Scene()
    if weights:
        gateway_weights(scene, *weights)
    if version:
        ccm(scene, version)
    if pods:
        place_endpoints(scene, "payments", "gateway", pods)
    scene.cloud.state.slb.listeners[f"{GATEWAY}/443/tcp"]["Scheduler"] = scheduler
    return scene


def is_unfair(report: Report, name: str = "payments/gateway") -> Json:
    """Assert one confirmed finding on the Service; return its evidence."""
    finding = report.is_confirmed("Service", name)
    assert finding.severity is Severity.MEDIUM
    assert not report.reasons
    return finding.evidence


def test_the_healthy_cluster_is_quiet() -> None:
    report = Scene().audit(CHECK)
    report.is_quiet()
    assert not report.findings


# --- by the rule of the version ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [BEFORE, "v1.9.3.59", "v1.9.3.163", "1.9.2"])
def test_equal_weights_of_an_old_version(version: str) -> None:
    report = gateway(100, 100, 100, version=version).audit(CHECK)
    evidence = is_unfair(report)
    assert (evidence["ccm_version"], evidence["weight_rule"], evidence["ratio"]) == (version, "same", 2.0)
    assert any("v1.9.3.276" in str(step.text) for step in report.one.remedy)


def test_an_old_version_is_unfair_though_the_difference_is_small() -> None:
    is_unfair(gateway(100, 100, 100, version=BEFORE, pods=[NODE_H] * 4 + [NODE_I] * 4 + [NODE_K] * 5).audit(CHECK))


def test_an_old_version_with_equal_pods() -> None:
    gateway(100, 100, 100, version=BEFORE, pods=[NODE_H, NODE_I, NODE_K]).audit(CHECK).is_quiet()


@pytest.mark.parametrize(
    ("version", "pods", "weights"),
    [
        (PERCENT, [NODE_H, NODE_I, NODE_K, NODE_K], (25, 25, 50)),
        (PERCENT, [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (16, 33, 50)),
        ("v1.9.3.164-g2105d2e-aliyun", [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (16, 33, 50)),
        (PODS, [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (1, 2, 3)),
        ("v1.9.3.339-g9830b58-aliyun", [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (1, 2, 3)),
        ("v2.1.0", [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (1, 2, 3)),
        ("v2.14.1", [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (1, 2, 3)),
        ("v2.14.1", [NODE_H, NODE_I, NODE_I, NODE_K, NODE_K, NODE_K], (10, 20, 30)),
    ],
)
def test_weights_that_follow_the_pods(version: str, pods: list[str], weights: tuple[int, ...]) -> None:
    report = gateway(*weights, version=version, pods=pods).audit(CHECK)
    report.is_quiet()
    assert not report.findings


def test_weights_that_a_new_version_would_not_set() -> None:
    evidence = is_unfair(gateway(100, 100, 100).audit(CHECK))
    assert evidence["cause"] == "weights that the version does not set"


@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 1), (3, 1, 2), (16, 33, 50)])
def test_pods_that_moved_on_and_weights_that_did_not(weights: tuple[int, int, int]) -> None:
    is_unfair(gateway(*weights).audit(CHECK))


@pytest.mark.parametrize(
    ("pods", "weights"),
    [
        ([NODE_H, NODE_H, NODE_H, NODE_I, NODE_I, NODE_K], (3, 3, 1)),
        ([NODE_H, NODE_I, NODE_K], (3, 2, 2)),
        ([NODE_H, NODE_I, NODE_I, NODE_K, NODE_K], (100, 300, 300)),
    ],
)
def test_one_and_a_half_times_is_still_fair(pods: list[str], weights: tuple[int, int, int]) -> None:
    gateway(*weights, pods=pods).audit(CHECK).is_quiet()


def test_just_above_one_and_a_half_times() -> None:
    is_unfair(gateway(31, 20, 20, pods=[NODE_H, NODE_I, NODE_K]).audit(CHECK))


def test_nodes_unevenly_loaded_by_even_pods_are_by_design() -> None:
    report = gateway(1, 1, 10, pods=[NODE_H, NODE_I, *[NODE_K] * 10]).audit(CHECK)
    report.is_quiet()


# --- where the version is said -----------------------------------------------------------------------------------


def test_the_version_of_a_dedicated_cluster() -> None:
    scene = gateway(100, 100, 100)
    image = f"registry-vpc.cn-hangzhou.aliyuncs.com/acs/cloud-controller-manager-amd64:{BEFORE}"
    dedicated_ccm(scene, image)
    assert is_unfair(scene.audit(CHECK))["ccm_version"] == BEFORE


def test_the_version_from_the_clusters_meta_data() -> None:
    scene = gateway(100, 100, 100, version=BEFORE)
    del scene.cloud.state.cs.addons[scene.cloud.state.cs.cluster_id][CCM]
    assert is_unfair(scene.audit(CHECK))["ccm_version"] == BEFORE


def test_a_version_that_nobody_says_is_inferred() -> None:
    scene = gateway(100, 100, 100)
    cs = scene.cloud.state.cs
    del cs.addons[cs.cluster_id][CCM]
    meta = json.loads(cs.clusters[cs.cluster_id]["meta_data"])
    meta["Addons"] = [addon for addon in meta["Addons"] if addon["name"] != CCM]
    del meta[f"{CCM}Version"]
    cs.clusters[cs.cluster_id]["meta_data"] = json.dumps(meta)
    report = scene.audit(CHECK)
    evidence = is_unfair(report)
    assert (evidence["ccm_version_inferred"], evidence["weight_rule"]) == (True, "same")
    assert "inferred" in str(report.one.message)


# --- schedulers --------------------------------------------------------------------------------------------------


def test_a_scheduler_that_ignores_the_right_weights() -> None:
    assert is_unfair(gateway(scheduler="rr").audit(CHECK))["cause"] == "scheduler ignores weights"


def test_a_scheduler_that_ignores_the_wrong_weights() -> None:
    gateway(1, 1, 100, scheduler="rr", pods=[NODE_H, NODE_I, NODE_K]).audit(CHECK).is_quiet()


@pytest.mark.parametrize("scheduler", ["wrr", "wlc", "WRR"])
def test_schedulers_that_heed_weights(scheduler: str) -> None:
    is_unfair(gateway(100, 100, 100, scheduler=scheduler).audit(CHECK))


@pytest.mark.parametrize("scheduler", ["sch", "tch", "qch"])
def test_schedulers_that_hash(scheduler: str) -> None:
    gateway(scheduler=scheduler).audit(CHECK).is_quiet()
    finding = gateway(100, 100, 100, scheduler=scheduler).audit(CHECK).one
    assert finding.certainty is Certainty.LIKELY


# --- what is behind the listener ---------------------------------------------------------------------------------


def test_tcp_and_udp_on_one_port_number() -> None:
    scene = Scene()
    place_endpoints(scene, "logging", "syslog-gateway", [NODE_H, NODE_I, NODE_K, NODE_K, NODE_K])
    for listener in scene.cloud.state.slb.listeners.values():
        if listener["LoadBalancerId"] == SYSLOG:
            listener["Scheduler"] = "wrr"
    evidence = is_unfair(scene.audit(CHECK), "logging/syslog-gateway")
    assert evidence["ports"] == ["514/TCP", "514/UDP"]


def test_only_the_listener_of_the_other_protocol() -> None:
    scene = Scene()
    scene.cloud.state.slb.listeners[f"{SYSLOG}/514/udp"]["Scheduler"] = "wrr"
    scene.cloud.state.slb.listeners[f"{SYSLOG}/514/tcp"]["Scheduler"] = "wrr"
    weigh(scene, UDP, {GATEWAY_NODES[0]: 10})
    assert is_unfair(scene.audit(CHECK), "logging/syslog-gateway")["ports"] == ["514/UDP"]


@pytest.mark.parametrize("weights", [(100, 100, 100), (1, 100, 50)])
def test_the_policy_cluster_spreads_again(weights: tuple[int, int, int]) -> None:
    scene = gateway(*weights)
    edit_service(scene, "payments", "gateway", lambda s: s["spec"].update(externalTrafficPolicy="Cluster"))
    scene.audit(CHECK).is_quiet()


def test_an_absent_policy_is_cluster() -> None:
    scene = gateway(100, 100, 100)
    edit_service(scene, "payments", "gateway", lambda s: s["spec"].pop("externalTrafficPolicy"))
    scene.audit(CHECK).is_quiet()


def test_nodes_without_pods_among_the_backends() -> None:
    scene = gateway()
    others = [{"ServerId": "i-bp1vcw8abao0i6uxb1xi", "Weight": 100}, {"ServerId": "i-bp1gone", "Weight": 100}]
    servers = scene.cloud.state.slb.backends(GATEWAY_GROUP)
    scene.cloud.state.slb.set_backends(GATEWAY_GROUP, [*servers, *others])
    scene.audit(CHECK).is_quiet()


def test_pods_that_are_not_ready_do_not_count() -> None:
    scene = gateway(1, 1, 1)
    seen: set[str] = set()

    def change(piece: Json) -> None:
        for endpoint in piece["endpoints"]:
            if endpoint["nodeName"] in seen:
                endpoint["conditions"] = {"ready": False, "serving": True, "terminating": True}
            seen.add(endpoint["nodeName"])

    edit_slices(scene, "payments", "gateway", change)
    scene.audit(CHECK).is_quiet()


def test_conditions_that_are_absent_mean_ready() -> None:
    scene = gateway(1, 1, 1)

    def change(piece: Json) -> None:
        for endpoint in piece["endpoints"]:
            endpoint["conditions"] = {}

    edit_slices(scene, "payments", "gateway", change)
    is_unfair(scene.audit(CHECK))


def test_endpoints_in_several_slices() -> None:
    scene = gateway(1, 1, 1)
    (piece,) = [
        item
        for item in scene.kubernetes.objects.all("/apis/discovery.k8s.io/v1/endpointslices")
        if item["metadata"]["labels"].get("kubernetes.io/service-name") == "gateway"
    ]
    second = {**piece, "metadata": {**piece["metadata"], "name": "gateway-second"}, "endpoints": piece["endpoints"][:1]}
    scene.kubernetes.add("/apis/discovery.k8s.io/v1/endpointslices", second)
    assert sum(is_unfair(scene.audit(CHECK))["pods"].values()) == 4


def test_an_endpoint_outside_the_cluster_is_no_pod() -> None:
    scene = gateway()

    def change(piece: Json) -> None:
        piece["endpoints"].append({"addresses": ["192.168.9.9"], "conditions": {"ready": True}})

    edit_slices(scene, "payments", "gateway", change)
    scene.audit(CHECK).is_quiet()


def test_a_node_with_weight_zero_starves_its_pods() -> None:
    report = gateway(0, 1, 2).audit(CHECK)
    evidence = is_unfair(report)
    assert evidence["weights"][NODE_H] == 0
    assert NODE_H in str(report.one.message)


def test_a_cordoned_node_with_weight_zero_is_drained_on_purpose() -> None:
    scene = gateway(0, 1, 2)
    scene.kubernetes.patch(NODES, NODE_H, lambda node: node["spec"].update(unschedulable=True))
    scene.audit(CHECK).is_quiet()


def test_weight_zero_on_a_node_without_ready_pods() -> None:
    gateway(0, 1, 2, pods=[NODE_I, NODE_K, NODE_K]).audit(CHECK).is_quiet()


def test_all_weights_zero_are_even() -> None:
    gateway(0, 0, 0).audit(CHECK).is_quiet()


@pytest.mark.parametrize("setting", [{"weight": "60"}, {"default_weight": "50"}, {"ignore_weight_update": "on"}])
def test_weights_that_the_operator_sets(setting: dict[str, str]) -> None:
    scene = gateway(100, 100, 100)
    annotate(scene, "payments", "gateway", **setting)
    scene.audit(CHECK).is_quiet()


def eni(*weights: int) -> Scene:
    """Make the gateway's four Pods the backends themselves."""
    scene = Scene()
    endpoints: list[Json] = []
    edit_slices(scene, "payments", "gateway", lambda piece: endpoints.extend(piece["endpoints"]))
    servers = [
        {"ServerId": f"eni-bp1{n:017d}", "ServerIp": e["addresses"][0], "Type": "eni", "Weight": weight, "Port": 8443}
        for n, (e, weight) in enumerate(zip(endpoints, weights, strict=True))
    ]
    scene.cloud.state.slb.set_backends(GATEWAY_GROUP, servers)
    return scene


@pytest.mark.parametrize("weight", [1, 100])
def test_pods_as_backends_are_even(weight: int) -> None:
    eni(weight, weight, weight, weight).audit(CHECK).is_quiet()


def test_pods_as_backends_with_uneven_weights() -> None:
    is_unfair(eni(100, 100, 1, 100).audit(CHECK))


def test_a_reused_load_balancer() -> None:
    scene = Scene()
    balancer = "lb-bp1bhizbam3l7pwunzwwr"
    edit_service(scene, "shop", "catalog-grpc", lambda s: s["spec"].update(externalTrafficPolicy="Local"))
    scene.cloud.state.slb.listeners[f"{balancer}/9090/tcp"]["Scheduler"] = "wrr"
    place_endpoints(scene, "shop", "catalog-grpc", [NODE_H, NODE_I, NODE_K, NODE_K])
    is_unfair(scene.audit(CHECK), "shop/catalog-grpc")


def test_another_class_is_none_of_the_ccm() -> None:
    scene = gateway(100, 100, 100)
    edit_service(scene, "payments", "gateway", lambda s: s["spec"].update(loadBalancerClass="example.com/metal"))
    scene.audit(CHECK).is_quiet()


def nlb(scheduler: str, *weights: int) -> Scene:
    """Move the gateway to an NLB."""
    scene = Scene()
    state = scene.cloud.state.nlb
    state.add_load_balancer("nlb-1")
    servers = [
        {"ServerId": node, "Port": 32443, "Weight": weight} for node, weight in zip(GATEWAY_NODES, weights, strict=True)
    ]
    name = f"k8s.32443.TCP.gateway.payments.{scene.cloud.state.cs.cluster_id}"
    state.add_server_group("sgp-1", ["nlb-1"], servers, ServerGroupName=name, Scheduler=scheduler)
    state.add_listener("nlb-1", 443, "TCP", "sgp-1")

    def change(service: Json) -> None:
        service["metadata"]["labels"]["service.k8s.alibaba/loadbalancer-id"] = "nlb-1"
        service["metadata"]["finalizers"] = ["service.k8s.alibaba/nlb"]
        service["spec"]["loadBalancerClass"] = "alibabacloud.com/nlb"

    edit_service(scene, "payments", "gateway", change)
    return scene


@pytest.mark.parametrize(("scheduler", "weights"), [("Wrr", (100, 100, 100)), ("Rr", (1, 1, 2))])
def test_an_unfair_nlb(scheduler: str, weights: tuple[int, int, int]) -> None:
    is_unfair(nlb(scheduler, *weights).audit(CHECK))


def test_a_fair_nlb() -> None:
    nlb("Wrr", 1, 1, 2).audit(CHECK).is_quiet()


# --- what can not be looked at -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    ["slb:DescribeLoadBalancers", "slb:DescribeLoadBalancerListeners", "slb:DescribeVServerGroupAttribute"],
)
def test_a_cloud_permission_taken_away(action: str) -> None:
    scene = gateway(100, 100, 100)
    scene.cloud.deny(action)
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.FORBIDDEN, action)
    assert not report.findings


@pytest.mark.parametrize("permission", ["list services", "list endpointslices.discovery.k8s.io", "list nodes"])
def test_a_cluster_permission_taken_away(permission: str) -> None:
    scene = gateway(100, 100, 100)
    scene.kubernetes.deny(permission)
    scene.audit(CHECK).is_open(ReasonKind.FORBIDDEN, permission)


def test_an_unknown_version_does_not_hide_what_is_plain() -> None:
    scene = gateway(100, 100, 100, version=BEFORE)
    for action in ("cs:ListClusterAddonInstances", "cs:DescribeClusterDetail"):
        scene.cloud.deny(action)
    is_unfair(scene.audit(CHECK))


def test_a_weight_that_is_not_said() -> None:
    scene = gateway()

    def change(answer: Json) -> Any:
        for server in answer["BackendServers"]["BackendServer"]:
            server.pop("Weight")

    of_gateway = {"VServerGroupId": GATEWAY_GROUP}
    scene.cloud.mutate(
        "slb:DescribeVServerGroupAttribute", change, when=lambda params: of_gateway.items() <= params.items()
    )
    report = scene.audit(CHECK)
    report.is_open(ReasonKind.MALFORMED)
    assert report.status is Status.NOT_EVALUATED


def test_a_full_load_balancer_is_another_matter() -> None:
    scene = gateway()
    fill(scene, GATEWAY, 190)
    scene.audit(CHECK).is_quiet()
