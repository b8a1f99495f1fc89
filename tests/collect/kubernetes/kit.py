"""Running single providers of the Kubernetes side."""

from typing import Any

from auditor.collect.kubernetes import tables as _tables  # noqa: F401 - imported for registration
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.provider import Provider, registered
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.table import Reason, Table

PODS = "/api/v1/pods"


def provider(table: str) -> Provider:
    return registered()[table]


CLUSTER = ClusterIdentity("shop", "c1cef2604bddf0081a2bc425e1415ce18", "cn-hangzhou")


def collect(
    client: KubernetesClient, table: str, cluster: ClusterIdentity = CLUSTER, **needs: Table[Any]
) -> Table[Any]:
    """Fill one table, with what it needs given or collected before."""
    known = provider(table)
    given = {name: needs[name] if name in needs else collect(client, name) for name in known.needs}
    identity = {"cluster": cluster} if known.takes_cluster else {}
    return known.collect(client, **given, **identity)


def row_of(table: Table[Any], key: str) -> Any:
    """Return a row that has to be there."""
    row = table.get(key)
    assert row is not None
    return row


def only_reason(table: Table[Any]) -> Reason:
    """Return the one reason of a table that is not fully known."""
    assert len(table.reasons) == 1, [str(reason.message) for reason in table.reasons]
    return table.reasons[0]


OBSERVED = {
    "access_reviews",
    "address_mentions",
    "api_health",
    "api_stages",
    "config_maps",
    "container_logs",
    "ingress_reloads",
    "kubeconfigs",
    "kubelet_log_reads",
    "node_forwarding",
    "pod_sockets",
    "tcp_probes",
}
"""The tables that are no list."""
LISTED = sorted(set(KUBERNETES_TABLES) - OBSERVED - {"secret_names"})
"""The lists that need no opt-in."""
