"""The tables of the Kubernetes side. Most are one list; those that are more have a file of their own."""

from typing import Any

from auditor.collect.kubernetes import endpoint_slices as _endpoint_slices  # noqa: F401 - imported for registration
from auditor.collect.kubernetes import kubelet as _kubelet  # noqa: F401
from auditor.collect.kubernetes import secrets as _secrets  # noqa: F401
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE
from auditor.collect.kubernetes.lists import Listing, listings, read_table
from auditor.collect.provider import Collect, provides
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.ref import Layer
from auditor.facts.table import Table

PATHS = {
    "daemonsets": "/apis/apps/v1/daemonsets",
    "deployments": "/apis/apps/v1/deployments",
    "events": "/api/v1/events",
    "nodes": "/api/v1/nodes",
    "persistent_volume_claims": "/api/v1/persistentvolumeclaims",
    "persistent_volumes": "/api/v1/persistentvolumes",
    "pods": "/api/v1/pods",
    "replicasets": "/apis/apps/v1/replicasets",
    "services": "/api/v1/services",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "storage_classes": "/apis/storage.k8s.io/v1/storageclasses",
    "volume_attachments": "/apis/storage.k8s.io/v1/volumeattachments",
}
"""The tables that are one list each."""


def _list_of(table: str, listing: Listing) -> Collect:
    row_type = KUBERNETES_TABLES[table]

    def collect(client: KubernetesClient) -> Table[Any]:
        return read_table(client, table, listing, row_type)

    return collect


for _table, _listing in listings(PATHS, KUBERNETES_TABLES).items():
    provides(_table, source=SOURCE, layer=Layer.KUBERNETES, permissions=(_listing.permission,))(
        _list_of(_table, _listing)
    )
