"""Load balancers that parts of the cluster can't reach, planted on both sides."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from tests.scenarios.ingresses import (
    ADDRESS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENTRANCE,
    HOST,
    SERVICES,
    SYSTEM,
    Plant,
    audited,
    local,
    looked_at,
    patch,
    scene,
)
from tests.scenarios.kit import Scene

CHECK = "network/lb-unreachable-inside-cluster"
SYSLOG = "192.168.1.200"


def env(value: str) -> Plant:
    """Let ``shop/cart`` have an address in its environment."""

    def change(row: dict[str, Any]) -> None:
        container = row["spec"]["template"]["spec"]["containers"][0]
        container.setdefault("env", []).append({"name": "TARGET", "value": value})

    return patch(DEPLOYMENTS, "cart", change, "shop")


def aliases(ip: str, *hosts: str) -> Plant:
    def change(row: dict[str, Any]) -> None:
        row["spec"]["template"]["spec"]["hostAliases"] = [{"ip": ip, "hostnames": list(hosts)}]

    return patch(DEPLOYMENTS, "cart", change, "shop")


def corefile(line: str) -> Plant:
    return patch(CONFIG_MAPS, "coredns", lambda row: row["data"].update(Corefile=f".:53 {{\n  {line}\n}}"), SYSTEM)


def published(**entry: str) -> Plant:
    return patch(SERVICES, ENTRANCE, lambda row: row["status"].update(loadBalancer={"ingress": [entry]}), SYSTEM)


def mode(made: Scene) -> None:
    """Let kube-proxy be in mode iptables, of which both sides tell."""
    cs = made.cloud.state.cs
    cs.clusters[cs.cluster_id]["proxy_mode"] = "iptables"
    text = "kind: KubeProxyConfiguration\nmode: iptables\n"
    patch(CONFIG_MAPS, "kube-proxy-worker", lambda row: row["data"].update({"config.conf": text}), SYSTEM)(made)


def test_the_recorded_cluster_is_fine() -> None:
    report = audited(CHECK)
    report.is_quiet()
    assert not report.findings


def test_acks_default_of_the_ingress_controller_is_noted() -> None:
    report = audited(CHECK, local)
    report.is_quiet()
    finding = report.one
    assert (finding.severity, finding.certainty) == ("info", "confirmed")
    assert finding.evidence["nodes_without_endpoint"] == 6
    assert len(finding.evidence["ingresses"]) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(env(f"http://{ADDRESS}/api"), id="address"),
        pytest.param(env(f"https://{HOST}"), id="host"),
        pytest.param(aliases(ADDRESS, HOST), id="hostAliases"),
        pytest.param(
            patch(CONFIG_MAPS, "storefront-config", lambda row: row["data"].update(url=f"//{HOST}"), "shop"),
            id="ConfigMap",
        ),
        pytest.param(
            patch(SERVICES, "cart", lambda row: row["spec"].update(type="ExternalName", externalName=HOST), "shop"),
            id="ExternalName",
        ),
    ],
)
def test_something_uses_it(plant: Plant) -> None:
    finding = audited(CHECK, local, plant).is_confirmed("Service", ENTRANCE)
    assert finding.severity == "medium"
    assert finding.affected


@pytest.mark.parametrize(
    "plants",
    [
        pytest.param([env(f"https://{HOST}")], id="policy Cluster"),
        pytest.param([local, env(HOST), published(hostname="nlb-1.nlb.aliyuncs.com")], id="host name only"),
        pytest.param([local, env(HOST), published(ip=ADDRESS, ipMode="Proxy")], id="ipMode Proxy"),
        pytest.param([env(SYSLOG)], id="every node has one"),
        pytest.param([local, env(f"https://www.{HOST}")], id="another host"),
        pytest.param([local, env(HOST), corefile(f"rewrite name {HOST} a.b.svc.cluster.local")], id="CoreDNS"),
        pytest.param([local, env(HOST), aliases("172.21.2.81", HOST)], id="hostAliases to the Service"),
    ],
)
def test_nothing_above_info(plants: list[Plant]) -> None:
    audited(CHECK, *plants).is_quiet()


def test_one_node_without_a_pod_behind_another_service() -> None:
    made = scene(env(SYSLOG))
    path = "/apis/discovery.k8s.io/v1/endpointslices"
    for piece in made.kubernetes.objects.all(path):
        if piece["metadata"]["labels"].get("kubernetes.io/service-name") == "syslog-gateway":
            piece["endpoints"][0]["conditions"]["ready"] = False
    finding = looked_at(made, CHECK).is_confirmed("Service", "syslog-gateway")
    assert finding.evidence["nodes"] == ["cn-hangzhou.192.168.0.41"]


def test_another_mode_is_likely() -> None:
    finding = audited(CHECK, local, mode, env(HOST)).loud_one
    assert (finding.severity, finding.certainty) == ("medium", "likely")


@pytest.mark.parametrize("denied", ["list nodes", "list endpointslices.discovery.k8s.io", "list services"])
def test_without_a_permission(denied: str) -> None:
    made = scene(local)
    made.kubernetes.deny(denied)
    looked_at(made, CHECK).is_open(ReasonKind.FORBIDDEN, denied)


def test_without_the_right_to_look_for_uses() -> None:
    made = scene(local, env(HOST))
    made.kubernetes.deny("list deployments.apps")
    report = looked_at(made, CHECK)
    report.is_open(ReasonKind.FORBIDDEN, "list deployments.apps")
    assert report.one.severity == "info"
