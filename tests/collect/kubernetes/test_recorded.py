"""The recorded healthy cluster is read whole, with the declared rights and no more."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.client import KubernetesClient, preflight
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.table import State
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import LISTED, PODS, collect, provider, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault

ROWS = {
    "alb_configs": 0,
    "api_services": 23,
    "cluster_role_bindings": 64,
    "cluster_roles": 82,
    "config_maps": 6,
    "cron_jobs": 1,
    "csi_drivers": 3,
    "csi_nodes": 8,
    "daemonsets": 5,
    "deployments": 19,
    "endpoint_slices": 23,
    "events": 788,
    "horizontal_pod_autoscalers": 2,
    "ingress_classes": 1,
    "ingresses": 3,
    "jobs": 1,
    "kubelet_log_reads": 8,
    "leases": 9,
    "nodes": 8,
    "persistent_volume_claims": 11,
    "persistent_volumes": 11,
    "pod_disruption_budgets": 10,
    "pod_networkings": 0,
    "pods": 87,
    "rbac_roles": 9,
    "replicasets": 19,
    "role_bindings": 10,
    "secret_names": 11,
    "services": 23,
    "statefulsets": 3,
    "storage_classes": 4,
    "volume_attachments": 9,
}


def test_every_kubernetes_table_has_a_provider() -> None:
    assert set(ROWS) == {*LISTED, "config_maps", "kubelet_log_reads", "secret_names"}
    for table in KUBERNETES_TABLES:
        assert provider(table).source == "kubernetes"


@pytest.mark.parametrize("table", sorted(ROWS))
def test_a_table_is_read_whole_with_the_declared_rights(
    cluster: FakeKubernetes, open_to: OpenClient, table: str
) -> None:
    client = open_to(cluster, probes=frozenset({"kubelet"}), secret_metadata=True)
    needs: dict[str, Any] = {name: collect(client, name) for name in provider(table).needs}
    cluster.requests.clear()
    read = collect(client, table, **needs)
    assert read.state is State.KNOWN, [str(reason.message) for reason in read.reasons]
    assert len(read) == ROWS[table]
    assert len({row.key for row in read.known_rows()}) == ROWS[table]
    assert cluster.permissions_used == set(provider(table).permissions)
    assert {request.method for request in cluster.requests} == {"GET"}


def test_rows_hold_what_checks_read(client: KubernetesClient) -> None:
    node = row_of(collect(client, "nodes"), "cn-hangzhou.192.168.0.11")
    assert (node.instance_id, node.zone, node.is_ready) == ("i-bp1vcw8abao0i6uxb1xi", "cn-hangzhou-h", True)
    volume = row_of(collect(client, "persistent_volumes"), "mysql-backup-disk")
    assert (volume.disk_id, volume.claim_key) == ("d-bp1v99fhvok0vgeiceda", "data/mysql-backup")
    service = row_of(collect(client, "services"), "payments/gateway")
    assert service.is_local
    assert service.ingress[0].hostname == "pay.example.com"


def test_the_cost_counts_calls_and_seconds(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    for table in LISTED:
        collect(client, table)
    cost = client.cost("kubernetes")
    assert cost.calls == len(cluster.requests)
    assert cost.retries == 0
    assert cost.seconds > 0


def test_preflight_finds_nothing_wrong_with_one_call(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    assert preflight(client) is None
    assert [request.path for request in cluster.requests] == ["/version"]


def test_preflight_is_content_with_an_account_that_may_only_list(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.fail("/version", Fault(403, b"{}"))
    assert preflight(client) is None
    cluster.fail("/api", Fault(403, b"{}"))
    assert preflight(client) is None


def test_annotations_that_are_ballast_are_dropped(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def annotate(node: dict[str, Any]) -> None:
        node["metadata"]["annotations"] = {
            "kubectl.kubernetes.io/last-applied-configuration": '{"password":"once"}',
            "node.alibabacloud.com/long": "x" * 4097,
            "node.alibabacloud.com/steers": "y" * 4096,
            "example.com/steers-nothing": "z",
        }

    cluster.patch("/api/v1/nodes", "cn-hangzhou.192.168.0.11", annotate)
    node = row_of(collect(client, "nodes"), "cn-hangzhou.192.168.0.11")
    assert set(node.annotations) == {"node.alibabacloud.com/steers"}


def test_environment_and_arguments_of_containers_are_not_kept(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    def set_password(pod: dict[str, Any]) -> None:
        pod["spec"]["containers"][0]["env"] = [{"name": "PASSWORD", "value": "in-the-environment"}]

    cluster.patch(PODS, "mysql-0", set_password, namespace="data")
    pods = collect(client, "pods")
    assert pods.get("data/mysql-0") is not None
    assert b"in-the-environment" not in msgspec.json.encode(list(pods.all()))


def test_a_list_without_items_is_known_and_empty(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.objects.clear(PODS)
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 0
    assert pods.get("data/mysql-0") is None
