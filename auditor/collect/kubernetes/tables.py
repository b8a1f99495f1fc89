"""The tables of the Kubernetes side. Most are one list; those that are more have a file of their own."""

from typing import Any

from auditor.collect.kubernetes import (
    access_reviews,
    address_mentions,
    api_health,
    api_stages,
    config_maps,
    container_logs,
    forwarding,
    ingress_metrics,
    kubeconfig_facts,
    kubelet,
    secrets,
    sockets,
    tcp,
    versions,
)
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE
from auditor.collect.kubernetes.lists import Listing, listings, read_table
from auditor.collect.provider import Collect, provides
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.ref import Layer
from auditor.facts.table import Table

MODULES = (
    access_reviews,
    address_mentions,
    api_health,
    api_stages,
    config_maps,
    container_logs,
    forwarding,
    ingress_metrics,
    kubeconfig_facts,
    kubelet,
    secrets,
    sockets,
    tcp,
    versions,
)
"""Imported so that their providers are registered."""

PATHS = {
    "api_services": "/apis/apiregistration.k8s.io/v1/apiservices",
    "cluster_role_bindings": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "cluster_roles": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "csi_nodes": "/apis/storage.k8s.io/v1/csinodes",
    "daemonsets": "/apis/apps/v1/daemonsets",
    "deployments": "/apis/apps/v1/deployments",
    "events": "/api/v1/events",
    "jobs": "/apis/batch/v1/jobs",
    # Components keep their Leases there. Those of the nodes, in another namespace, are as many as the nodes. The
    # right is granted by the ClusterRole all the same: one Role more to bind would guard nothing, as a Lease holds
    # no more than a name and a time.
    "leases": "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
    "nodes": "/api/v1/nodes",
    "persistent_volume_claims": "/api/v1/persistentvolumeclaims",
    "persistent_volumes": "/api/v1/persistentvolumes",
    "pods": "/api/v1/pods",
    "rbac_roles": "/apis/rbac.authorization.k8s.io/v1/roles",
    "replicasets": "/apis/apps/v1/replicasets",
    "role_bindings": "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "services": "/api/v1/services",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "storage_classes": "/apis/storage.k8s.io/v1/storageclasses",
    "volume_attachments": "/apis/storage.k8s.io/v1/volumeattachments",
}
"""The tables that are one list each, in a version that all servers from 1.18 to 1.36 have."""


def _list_of(table: str, listing: Listing) -> Collect:
    row_type = KUBERNETES_TABLES[table]

    def collect(client: KubernetesClient) -> Table[Any]:
        return read_table(client, table, listing, row_type)

    return collect


for _table, _listing in listings(PATHS, KUBERNETES_TABLES).items():
    provides(_table, source=SOURCE, layer=Layer.KUBERNETES, permissions=(_listing.permission,))(
        _list_of(_table, _listing)
    )
