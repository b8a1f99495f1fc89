"""Who names a load balancer's address inside the cluster: whole addresses only, and nothing else of a value is kept."""

from typing import Any

import pytest

from auditor.collect.kubernetes import address_mentions
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.mentions import Addresses
from auditor.facts.kubernetes.observations import AddressMention
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import NotKnown, Reason, ReasonKind, State, Table
from auditor.facts.text import t
from tests.collect.kubernetes.kit import CLUSTER, PODS, collect, only_reason, provider
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes.store import Object

ADDRESS = "192.168.2.150"
HOST = "echo.example.com"
DEPLOYMENTS = "/apis/apps/v1/deployments"
STATEFUL_SETS = "/apis/apps/v1/statefulsets"
DAEMON_SETS = "/apis/apps/v1/daemonsets"
CRON_JOBS = "/apis/batch/v1/cronjobs"
OLD_CRON_JOBS = "/apis/batch/v1beta1/cronjobs"
CONFIG_MAPS = "/api/v1/configmaps"
SERVICES = "/api/v1/services"
INGRESSES = "/apis/networking.k8s.io/v1/ingresses"
SECRET = "sEcReT-of-the-database"


def template(**container: Any) -> Object:
    return {"spec": {"containers": [{"name": "app", "image": "app:1", **container}]}}


def workload(name: str, **container: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"template": template(**container)}}


def pod(name: str, owner: tuple[str, str] | None = None, phase: str = "Running", **container: Any) -> Object:
    owners = [{"apiVersion": "v1", "kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    return {
        "metadata": {"name": name, "namespace": "ns", "ownerReferences": owners},
        "spec": {**template(**container)["spec"], "nodeName": "node-1"},
        "status": {"phase": phase},
    }


def env(value: str) -> dict[str, Any]:
    return {"env": [{"name": "TARGET", "value": value}]}


def found(client: KubernetesClient, **needs: Table[Any]) -> set[tuple[str, str, str, str]]:
    mentions = collect(client, "address_mentions", CLUSTER, **needs)
    assert mentions.state is State.KNOWN
    return {(row.kind, row.name, row.place, row.address) for row in mentions.all()}


@pytest.fixture
def bare(cluster: FakeKubernetes) -> FakeKubernetes:
    """The recorded Services and Ingresses, and nothing that could name them."""
    for path in (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS, CRON_JOBS, CONFIG_MAPS, PODS):
        cluster.objects.clear(path)
    return cluster


def test_the_healthy_cluster_is_read_whole_with_the_declared_rights(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    needs = {name: collect(client, name) for name in ("services", "ingresses", "pods")}
    before = len(cluster.requests)
    mentions = collect(client, "address_mentions", CLUSTER, **needs)
    assert mentions.state is State.KNOWN
    assert {request.permission for request in cluster.requests[before:]} <= set(
        provider("address_mentions").permissions
    )
    assert len(cluster.requests[before:]) == 5 + sum(request.verb == "get" for request in cluster.requests)


def test_every_place_of_every_kind(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(
        DEPLOYMENTS,
        workload("env", **env(f"http://{ADDRESS}:8080/")),
        workload("args", args=["--target", f"--url=https://{HOST}/x"], command=["/app", ADDRESS]),
    )
    aliased = workload("aliased")
    aliased["spec"]["template"]["spec"]["hostAliases"] = [{"ip": "10.0.0.1", "hostnames": [HOST]}, {"ip": ADDRESS}]
    initial = workload("initial")
    initial["spec"]["template"]["spec"]["initContainers"] = [{"name": "init", **env(ADDRESS)}]
    bare.add(STATEFUL_SETS, aliased)
    bare.add(DAEMON_SETS, initial)
    job = {"metadata": {"name": "nightly", "namespace": "ns"}}
    bare.add(CRON_JOBS, {**job, "spec": {"jobTemplate": {"spec": {"template": template(**env(ADDRESS))}}}})
    bare.add(CONFIG_MAPS, {"metadata": {"name": "settings", "namespace": "ns"}, "data": {"app.yaml": f"url: {HOST}\n"}})
    external = {"type": "ExternalName", "externalName": "pay.example.com"}
    bare.add(SERVICES, {"metadata": {"name": "pay", "namespace": "ns"}, "spec": external, "status": {}})
    assert found(client) == {
        ("Deployment", "env", "env TARGET of container app", ADDRESS),
        ("Deployment", "args", "args of container app", HOST),
        ("Deployment", "args", "command of container app", ADDRESS),
        ("StatefulSet", "aliased", "hostAliases", HOST),
        ("StatefulSet", "aliased", "hostAliases", ADDRESS),
        ("DaemonSet", "initial", "env TARGET of container init", ADDRESS),
        ("CronJob", "nightly", "env TARGET of container app", ADDRESS),
        ("ConfigMap", "settings", "data app.yaml", HOST),
        ("Service", "pay", "externalName", "pay.example.com"),
    }


def test_nothing_of_a_value_is_kept_but_the_address(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(DEPLOYMENTS, workload("app", **env(f"postgres://user:{SECRET}@{ADDRESS}/db")))
    mentions = collect(client, "address_mentions")
    assert mentions.all() == [AddressMention("Deployment", "ns", "app", "env TARGET of container app", ADDRESS)]
    assert SECRET not in repr(mentions.all())


def test_what_can_not_be_read_of_an_object_is_a_gap_that_quotes_nothing(
    bare: FakeKubernetes, client: KubernetesClient
) -> None:
    bare.add(DEPLOYMENTS, workload("app", **env(ADDRESS)), workload("odd", env=[{"name": "A", "value": [SECRET]}]))
    mentions = collect(client, "address_mentions")
    assert len(mentions) == 1
    assert only_reason(mentions).kind is ReasonKind.MALFORMED
    assert SECRET not in str(only_reason(mentions).message)
    with pytest.raises(NotKnown):
        mentions.all()


def test_the_status_of_the_objects_themselves_is_no_mention(bare: FakeKubernetes, client: KubernetesClient) -> None:
    assert found(client) == set()


def test_without_anything_to_look_for_nobody_is_called(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    needs: dict[str, Table[Any]] = {name: Table(name) for name in ("services", "ingresses", "pods")}
    assert found(client, **needs) == set()
    assert cluster.requests == []


def test_without_knowing_what_to_look_for_nothing_is_known(client: KubernetesClient) -> None:
    why = Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), ("list services",))
    services: Table[Any] = Table.unavailable("services", why)
    mentions = collect(client, "address_mentions", services=services, ingresses=Table("ingresses"))
    assert mentions.state is State.UNAVAILABLE
    assert only_reason(mentions) == why


def test_without_the_services_the_hosts_are_looked_for(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(DEPLOYMENTS, workload("app", **env(f"{ADDRESS} {HOST}")))
    why = Reason("kubernetes", ReasonKind.FORBIDDEN, t("denied"), ("list services",))
    mentions = collect(client, "address_mentions", services=Table[Any].unavailable("services", why))
    assert [row.address for row in mentions.known_rows()] == [HOST]
    assert only_reason(mentions) == why


@pytest.mark.parametrize(
    "permission",
    [
        "list deployments.apps",
        "list statefulsets.apps",
        "list daemonsets.apps",
        "list cronjobs.batch",
        "list configmaps",
    ],
)
def test_one_denied_list_leaves_the_others(bare: FakeKubernetes, client: KubernetesClient, permission: str) -> None:
    bare.add(DEPLOYMENTS, workload("app", **env(ADDRESS)))
    bare.add(CONFIG_MAPS, {"metadata": {"name": "app", "namespace": "ns"}, "data": {"a": ADDRESS}})
    bare.deny(permission)
    mentions = collect(client, "address_mentions")
    why = only_reason(mentions)
    assert (why.kind, why.missing) == (ReasonKind.FORBIDDEN, (permission,))
    assert mentions.gaps[0].keys is None
    assert len(mentions) == (1 if permission in ("list deployments.apps", "list configmaps") else 2)


def test_all_denied_is_unavailable(bare: FakeKubernetes, client: KubernetesClient) -> None:
    permissions = provider("address_mentions").permissions
    bare.deny(*permissions)
    mentions = collect(client, "address_mentions")
    assert mentions.state is State.UNAVAILABLE
    assert {right for why in mentions.reasons for right in why.missing} == set(permissions) - {"get pods"}


def test_an_older_server_has_cron_jobs_in_another_version(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.speaks("1.20")
    job = {"metadata": {"name": "nightly", "namespace": "ns"}}
    bare.add(CRON_JOBS, {**job, "spec": {"jobTemplate": {"spec": {"template": template(**env(ADDRESS))}}}})
    assert found(client) == {("CronJob", "nightly", "env TARGET of container app", ADDRESS)}
    assert OLD_CRON_JOBS in [request.path for request in bare.requests]


def test_one_pod_of_each_unknown_maker_is_asked_for(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(DEPLOYMENTS, workload("web"))
    bare.add(CRON_JOBS, {"metadata": {"name": "nightly", "namespace": "ns"}, "spec": {}})
    bare.add(
        PODS,
        pod("web-5d9-a", ("ReplicaSet", "web-5d9"), **env(ADDRESS)),
        pod("nightly-28-a", ("Job", "nightly-28"), **env(ADDRESS)),
        pod("rollout-77-a", ("ReplicaSet", "rollout-77"), **env(ADDRESS)),
        pod("rollout-77-b", ("ReplicaSet", "rollout-77"), **env(ADDRESS)),
        pod("clone-a", ("CloneSet", "clone"), **env(HOST)),
        pod("once-a", ("Job", "once"), args=[HOST]),
        pod("alone", **env(ADDRESS)),
        pod("static-node-1", ("Node", "node-1"), **env(ADDRESS)),
        pod("ended", phase="Succeeded", **env(ADDRESS)),
    )
    assert found(client) == {
        ("ReplicaSet", "rollout-77", "env TARGET of container app", ADDRESS),
        ("CloneSet", "clone", "env TARGET of container app", HOST),
        ("Job", "once", "args of container app", HOST),
        ("Pod", "alone", "env TARGET of container app", ADDRESS),
        ("Pod", "static-node-1", "env TARGET of container app", ADDRESS),
    }
    asked = sorted(request.name for request in bare.requests if request.verb == "get")
    assert asked == ["alone", "clone-a", "once-a", "rollout-77-a", "static-node-1"]


def test_a_pod_whose_maker_may_be_hidden_is_not_asked_for(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(PODS, pod("web-5d9-a", ("ReplicaSet", "web-5d9"), **env(ADDRESS)))
    bare.deny("list deployments.apps")
    mentions = collect(client, "address_mentions")
    assert only_reason(mentions).missing == ("list deployments.apps",)
    assert [request.name for request in bare.requests if request.verb == "get"] == []


def test_pods_that_may_not_be_read_are_a_gap(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(PODS, pod("a", **env(ADDRESS)), pod("b", **env(ADDRESS)))
    bare.deny("get pods")
    mentions = collect(client, "address_mentions")
    assert {why.missing for why in mentions.reasons} == {("get pods",)}


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (Fault(404, b'{"kind":"Status","message":"pods \\"a\\" not found"}'), set()),
        (Fault(404, b"<html></html>", "text/html"), {ReasonKind.MALFORMED}),
        (Fault(cut=True), {ReasonKind.MALFORMED}),
        (Fault(500, b""), {ReasonKind.ERROR}),
    ],
    ids=["gone", "web server", "cut", "500"],
)
def test_a_pod_that_does_not_come(
    bare: FakeKubernetes, client: KubernetesClient, fault: Fault, kinds: set[ReasonKind]
) -> None:
    bare.add(PODS, pod("a", **env(ADDRESS)))
    bare.fail("/api/v1/namespaces/ns/pods/a", fault)
    assert {why.kind for why in collect(client, "address_mentions").reasons} == kinds


def test_more_pods_than_are_asked_for_are_a_gap(
    bare: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address_mentions, "MOST_PODS", 2)
    bare.add(PODS, *(pod(name, **env(ADDRESS)) for name in "abc"))
    mentions = collect(client, "address_mentions")
    assert len(mentions) == 2
    assert only_reason(mentions).kind is ReasonKind.TRUNCATED


def test_pods_that_are_not_known_are_a_gap(bare: FakeKubernetes, client: KubernetesClient) -> None:
    bare.add(DEPLOYMENTS, workload("app", **env(ADDRESS)))
    why = Reason("kubernetes", ReasonKind.TIMEOUT, t("late"))
    mentions = collect(client, "address_mentions", pods=Table[Pod].unavailable("pods", why))
    assert len(mentions) == 1
    assert only_reason(mentions) == why


def test_a_list_that_is_begun_anew_counts_as_it_is_then(
    bare: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.collect.kubernetes.lists.PAGE_ROWS", 1)
    bare.objects.offers_fresh_tokens = False
    bare.add(DEPLOYMENTS, workload("a", **env(ADDRESS)), workload("b", **env(ADDRESS)))
    seen: list[Any] = []

    def change(request: Any) -> None:
        if request.path == DEPLOYMENTS and "continue" in request.query and not seen:
            seen.append(request)
            bare.remove(DEPLOYMENTS, "a", "ns")
            bare.objects.expire_tokens()

    bare.before_answer = change
    assert {name for _, name, _, _ in found(client)} == {"b"}


LOOKED_FOR = Addresses(["10.0.0.1", "shop.example.com", "*.dev.example.com", "fd00::1", "Upper.Example.com"])


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("10.0.0.1", {"10.0.0.1"}),
        ("http://10.0.0.1:80/x", {"10.0.0.1"}),
        ("user:pass@10.0.0.1", {"10.0.0.1"}),
        ("a,10.0.0.1;b", {"10.0.0.1"}),
        ("10.0.0.1.", {"10.0.0.1"}),
        ("10.0.0.1/32", {"10.0.0.1"}),
        ("10.0.0.12", set()),
        ("110.0.0.1", set()),
        ("10.0.0.1.5", set()),
        ("10.0.0.1-10.0.0.9", set()),
        ("https://shop.example.com/", {"shop.example.com"}),
        ("SHOP.Example.com", {"shop.example.com"}),
        ("shop.example.com.", {"shop.example.com"}),
        ("redirect=https%3A%2F%2Fshop.example.com%2Fx", {"shop.example.com"}),
        ("upper.example.com", {"Upper.Example.com"}),
        ("myshop.example.com", set()),
        ("my.shop.example.com", set()),
        ("my-shop.example.com", set()),
        ("shop.example.com.evil", set()),
        ("myshop.example.com.evil", set()),
        ("shop.example.community", set()),
        ("shop.example.com-old", set()),
        ("shop_example_com", set()),
        ("api.dev.example.com", {"*.dev.example.com"}),
        ("v1.api.dev.example.com", set()),
        ("dev.example.com", set()),
        ("*.dev.example.com", set()),
        ("http://[fd00::1]:80/", {"fd00::1"}),
        ("fd00:0:0:0:0:0:0:1", {"fd00::1"}),
        ("fd00::12", set()),
        ("12:30:45", set()),
        ("", set()),
    ],
)
def test_a_match_is_a_whole_address_or_host(text: str, addresses: set[str]) -> None:
    assert LOOKED_FOR.in_text(text) == addresses


def test_the_addresses_of_all_load_balancers_and_the_hosts_of_ingresses_are_looked_for(
    bare: FakeKubernetes, client: KubernetesClient
) -> None:
    everything = " ".join(["203.0.113.10", "192.168.2.150", "192.168.1.200", "pay.example.com", HOST, "172.21.0.1"])
    bare.add(CONFIG_MAPS, {"metadata": {"name": "all", "namespace": "ns"}, "data": {"a": everything}})
    assert {address for *_, address in found(client)} >= set(everything.split()) - {"172.21.0.1"}
    assert "172.21.0.1" not in {address for *_, address in found(client)}
    assert bare.objects.knows(INGRESSES)
