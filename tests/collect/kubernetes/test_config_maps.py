"""The ConfigMaps that steer components are read by name, and no other."""

import json
from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.config_maps import KEPT_CHARACTERS, KNOWN
from auditor.facts.table import NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.kit import collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault

CONFIG_MAPS = "/api/v1/configmaps"
IN_KUBE_SYSTEM = "/api/v1/namespaces/kube-system/configmaps/"
DEPLOYMENTS = "/apis/apps/v1/deployments"
SECRET = "hunter2-do-not-keep"


def config_map(name: str, namespace: str = "kube-system", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def set_args(cluster: FakeKubernetes, *args: str) -> None:
    def change(deployment: dict[str, Any]) -> None:
        deployment["spec"]["template"]["spec"]["containers"][0]["args"] = list(args)

    cluster.patch(DEPLOYMENTS, "nginx-ingress-controller", change, namespace="kube-system")


def test_the_known_ones_are_got_by_name(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    read = collect(client, "config_maps")
    assert read.state is State.KNOWN
    assert read.asked == frozenset({f"kube-system/{name}" for name in KNOWN})
    got = sorted(request.path for request in cluster.requests if "configmaps" in request.path)
    assert got == [IN_KUBE_SYSTEM + name for name in sorted(KNOWN)]
    assert row_of(read, "kube-system/nginx-configuration").data["keep-alive-requests"] == "10000"
    assert "Corefile" in row_of(read, "kube-system/coredns").data


def test_one_that_is_not_there_is_absent(client: KubernetesClient) -> None:
    read = collect(client, "config_maps")
    assert read.get("kube-system/eni-config") is None
    with pytest.raises(NotKnown):
        read.get("data/mysql-config")


def test_that_of_an_ingress_controller_is_read_too(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    set_args(cluster, "/nginx-ingress-controller", "--configmap=ingress-demo/own")
    cluster.add(CONFIG_MAPS, config_map("own", "ingress-demo", **{"use-proxy-protocol": "true"}))
    read = collect(client, "config_maps")
    assert row_of(read, "ingress-demo/own").data == {"use-proxy-protocol": "true"}
    assert read.get("kube-system/nginx-configuration") is not None


def test_the_namespace_of_the_controller_is_put_in(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    set_args(cluster, "--configmap", "$(POD_NAMESPACE)/own")
    read = collect(client, "config_maps")
    assert read.get("kube-system/own") is None
    assert "kube-system/own" in (read.asked or ())


@pytest.mark.parametrize(
    "value",
    ["a", "a/b/c", "../secrets", "a/../../secrets/b", "$(OTHER)/a", "data/", "/a", "A/B", "a/b?x=y", "a/b%2fc"],
)
def test_a_name_that_is_none_is_not_asked_for(cluster: FakeKubernetes, client: KubernetesClient, value: str) -> None:
    set_args(cluster, f"--configmap={value}")
    assert collect(client, "config_maps").asked == frozenset({f"kube-system/{name}" for name in KNOWN})
    assert not [request for request in cluster.requests if "secrets" in request.path]


def test_other_programs_may_not_name_any(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def change(deployment: dict[str, Any]) -> None:
        deployment["spec"]["template"]["spec"]["containers"][0]["args"] = ["--configmap=data/mysql-config"]

    cluster.patch(DEPLOYMENTS, "coredns", change, namespace="kube-system")
    assert "data/mysql-config" not in (collect(client, "config_maps").asked or ())


def test_without_the_workloads_the_known_ones_are_read(client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.FORBIDDEN, t("no"))
    deployments: Table[Any] = Table.unavailable("deployments", why)
    daemonsets: Table[Any] = Table.unavailable("daemonsets", why)
    read = collect(client, "config_maps", deployments=deployments, daemonsets=daemonsets)
    assert read.state is State.KNOWN
    assert len(read) == 6


def test_the_credentials_of_terway_are_not_kept(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    settings = {
        "access_key": SECRET,
        "access_secret": SECRET,
        "credential_path": SECRET,
        "vswitches": {"cn-hangzhou-h": ["vsw-1"]},
        "security_group": "sg-1",
        "security_groups": ["sg-2"],
        "inner": [{"accessKey": SECRET, "max_pool_size": 5}],
    }
    cluster.add(CONFIG_MAPS, config_map("eni-config", eni_conf=json.dumps(settings), disable_network_policy="true"))
    read = collect(client, "config_maps")
    row = row_of(read, "kube-system/eni-config")
    assert SECRET.encode() not in msgspec.json.encode(list(read.all()))
    assert json.loads(row.data["eni_conf"]) == {
        "vswitches": {"cn-hangzhou-h": ["vsw-1"]},
        "security_group": "sg-1",
        "security_groups": ["sg-2"],
        "inner": [{"max_pool_size": 5}],
    }
    assert row.data["disable_network_policy"] == "true"


@pytest.mark.parametrize("text", [f'{{"access_secret": "{SECRET}"', SECRET, "[" * 100_000])
def test_settings_of_terway_that_are_no_json_are_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, text: str
) -> None:
    cluster.add(CONFIG_MAPS, config_map("eni-config", eni_conf=text))
    read = collect(client, "config_maps")
    why = only_reason(read)
    assert why.kind is ReasonKind.MALFORMED
    assert SECRET not in str(why.message)
    assert read.gaps[0].keys == frozenset({"kube-system/eni-config"})


def test_the_copy_of_the_whole_in_an_annotation_is_dropped(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    last = "kubectl.kubernetes.io/last-applied-configuration"
    cluster.patch(
        CONFIG_MAPS, "coredns", lambda one: one["metadata"].update(annotations={last: SECRET}), namespace="kube-system"
    )
    assert row_of(collect(client, "config_maps"), "kube-system/coredns").annotations == {}


def test_one_that_is_too_large_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.add(CONFIG_MAPS, config_map("coredns", a="x" * KEPT_CHARACTERS))
    assert collect(client, "config_maps").state is State.KNOWN
    cluster.add(CONFIG_MAPS, config_map("coredns", a="x" * KEPT_CHARACTERS, b="y"))
    read = collect(client, "config_maps")
    assert only_reason(read).kind is ReasonKind.TRUNCATED
    assert read.gaps[0].keys == frozenset({"kube-system/coredns"})


def test_binary_data_is_not_read(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.patch(CONFIG_MAPS, "coredns", lambda one: one.update(binaryData={"a": SECRET}), namespace="kube-system")
    assert SECRET.encode() not in msgspec.json.encode(list(collect(client, "config_maps").all()))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(500, b""), ReasonKind.ERROR),
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(200, b"<html>", "text/html"), ReasonKind.MALFORMED),
        (Fault(200, b'{"kind":"Secret","metadata":{"name":"coredns"}}'), ReasonKind.MALFORMED),
        (Fault(200, b'{"metadata":{"name":"coredns","namespace":"kube-system"}}'), ReasonKind.MALFORMED),
        (Fault(200, b'{"kind":"ConfigMap","metadata":{"name":"a","namespace":"b"}}'), ReasonKind.MALFORMED),
        (Fault(rewrite=lambda one: {**one, "data": {"a": 7}}), ReasonKind.MALFORMED),
        (Fault(cut=True), ReasonKind.MALFORMED),
        (Fault(404, b"404 page not found\n", "text/plain"), ReasonKind.UNSUPPORTED),
        (Fault(404, b"<html>", "text/html"), ReasonKind.MALFORMED),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
    ],
)
def test_a_failure_hides_only_the_one(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    cluster.fail(f"{IN_KUBE_SYSTEM}coredns", fault)
    read = collect(client, "config_maps")
    assert read.state is State.PARTIAL
    assert only_reason(read).kind is kind
    assert read.get("kube-system/nginx-configuration") is not None
    assert read.get("kube-system/eni-config") is None
    with pytest.raises(NotKnown):
        read.get("kube-system/coredns")


def test_without_the_right_it_is_named(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.deny("get configmaps")
    read = collect(client, "config_maps")
    assert read.state is State.UNAVAILABLE
    assert only_reason(read).missing == ("get configmaps",)
