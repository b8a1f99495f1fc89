"""Which nodes and Pods become backends."""

from typing import Any

import pytest

from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.services import Endpoint, Service
from auditor.facts.rules.ccm_backends import (
    EXCLUDING_LABELS,
    BackendMode,
    Eligible,
    Wanted,
    depends_on_version,
    eligible_nodes,
    node_mode,
    stated_mode,
    wanted_nodes,
    wanted_pods,
)
from tests.checks import make

PREFIX = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-"


def service(local: bool = False, **settings: str) -> Service:
    annotations = {PREFIX + name.replace("_", "-"): value for name, value in settings.items()}
    policy = "Local" if local else "Cluster"
    return make.service("shop/web", type="LoadBalancer", externalTrafficPolicy=policy, annotations=annotations)


def names(nodes: list[Node], of: Service, version: tuple[int, ...] | None = None) -> list[str]:
    return [node.name for node in eligible_nodes(nodes, of, version)]


@pytest.mark.parametrize(
    "label", [*EXCLUDING_LABELS, "node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"]
)
def test_labels_keep_a_node_out_whatever_their_value(label: str) -> None:
    assert names([make.node("a"), make.node("b", labels={label: ""})], service()) == ["a"]


@pytest.mark.parametrize(
    "spec",
    [
        {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule", "value": "1"}]},
        {"labels": {"type": "virtual-kubelet"}},
        {"providerID": "aws:///i-1"},
        {"ready": False},
    ],
)
def test_other_reasons_to_keep_a_node_out(spec: dict[str, Any]) -> None:
    assert names([make.node("a"), make.node("b", **spec)], service()) == ["a"]


def test_other_taints_do_not_matter() -> None:
    taints = [
        {"key": "dedicated", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    ]
    assert names([make.node("a", taints=taints)], service()) == ["a"]


def test_cordoned_nodes_stay_unless_asked_for_or_before_v1_9_3_164() -> None:
    nodes = [make.node("a"), make.node("b", unschedulable=True)]
    assert names(nodes, service()) == ["a", "b"]
    assert names(nodes, service(), (2, 14, 1)) == ["a", "b"]
    assert names(nodes, service(), (1, 9, 3, 163)) == ["a"]
    assert names(nodes, service(remove_unscheduled_backend="on"), (2, 14, 1)) == ["a"]
    assert names(nodes, service(remove_unscheduled_backend="off"), (2, 14, 1)) == ["a", "b"]


def test_only_unspoken_cordons_depend_on_the_version() -> None:
    cordoned = [make.node("a", unschedulable=True)]
    assert depends_on_version(cordoned, service())
    assert not depends_on_version(cordoned, service(remove_unscheduled_backend="on"))
    assert not depends_on_version([make.node("a")], service())


def test_a_label_of_the_service_narrows_the_nodes() -> None:
    nodes = [make.node("a", labels={"lb": "yes", "tier": "web"}), make.node("b", labels={"lb": "yes"}), make.node("c")]
    assert names(nodes, service(backend_label="lb=yes")) == ["a", "b"]
    assert names(nodes, service(backend_label="lb=yes,tier=web")) == ["a"]
    assert names(nodes, service(backend_label="lb")) == []


def test_modes() -> None:
    eni = make.service("shop/web", annotations={"service.beta.kubernetes.io/backend-type": "eni"})
    ecs = make.service("shop/web", annotations={"service.beta.kubernetes.io/backend-type": "ecs"})
    assert stated_mode(eni) is BackendMode.ENI
    assert stated_mode(ecs) is BackendMode.CLUSTER
    assert stated_mode(service(local=True)) is None
    assert node_mode(service(local=True)) is BackendMode.LOCAL


def test_wanted_backends_by_mode() -> None:
    nodes = [make.node("a"), make.node("b"), make.node("v", labels={"type": "virtual-kubelet"}, providerID="")]
    endpoints = [
        Endpoint(addresses=["172.20.0.1"], node_name="a"),
        Endpoint(addresses=["172.20.0.2"], node_name="a"),
        Endpoint(addresses=["192.168.9.9"], node_name="v"),
    ]
    eligible = Eligible.of(eligible_nodes(nodes, service()))
    cluster = wanted_nodes(BackendMode.CLUSTER, eligible, {"v"}, endpoints)
    assert cluster == Wanted(frozenset({"i-a", "i-b"}), frozenset({"192.168.9.9"}))
    assert len(cluster) == 3
    assert "i-b" in cluster
    assert "192.168.9.9" in cluster
    assert "172.20.0.1" not in cluster
    local = wanted_nodes(BackendMode.LOCAL, eligible, {"v"}, endpoints)
    assert local == Wanted(own=frozenset({"i-a", "192.168.9.9"}))
    assert wanted_pods(endpoints) == Wanted(own=frozenset({"172.20.0.1", "172.20.0.2", "192.168.9.9"}))
    assert wanted_nodes(BackendMode.CLUSTER, eligible, {"v"}, []) == Wanted()
