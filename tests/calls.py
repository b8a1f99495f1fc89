"""The calls that fill each table, as they are made to both fakes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.sdk import VERSIONS, Request
from auditor.collect.alibaba.sts import preflight as cloud_preflight
from auditor.collect.kubernetes.client import preflight as kubernetes_preflight
from auditor.collect.plan import collect
from auditor.collect.provider import CLUSTER
from auditor.collect.registry import providers
from auditor.facts.ref import Layer
from tests.audits import identity_of, opened
from tests.clusters import FakeCluster, everything, healthy
from tests.fakes.kubernetes.requests import Request as KubernetesRequest

_PAGING = {
    "PageNumber": "PageNumber",
    "Page": "Page",
    "page_number": "page_number",
    "pageNumber": "pageNumber",
    "Marker": "Marker",
    "MaxItems": "Marker",
    "NextToken": "NextToken",
    "MaxResults": "NextToken",
    "MaxResult": "NextToken",
    "Length": "NextToken",
    "Cursor": "Cursor",
}
"""The style of paging that a parameter gives away."""


@dataclass(frozen=True, order=True)
class CloudCall:
    """One operation of the cloud, as a table uses it.

    Attributes:
        product: such as ``ecs``.
        action: the operation.
        version: the date of its API.
        permission: the RAM action.
        table: what it fills; empty for what is asked before each audit.
        path: of CS, with places for parameters.
        paging: the parameter that leads to further pages; empty for a list in one piece, and for single objects.
    """

    product: str
    action: str
    version: str
    permission: str
    table: str
    path: str
    paging: str

    @property
    def operation(self) -> str:
        """``ecs:DescribeDisks``."""
        return f"{self.product}:{self.action}"


@dataclass(frozen=True, order=True)
class KubernetesCall:
    """One path of the Kubernetes API, as a table uses it.

    ``permission`` is empty where every account has it; ``table`` for what is asked before each audit.
    """

    path: str
    method: str
    permission: str
    table: str


@dataclass(frozen=True)
class Calls:
    """All calls that filling every table makes."""

    cloud: tuple[CloudCall, ...]
    kubernetes: tuple[KubernetesCall, ...]


_VERSION = re.compile(r"v(\d{4})(\d\d)(\d\d)")


@cache
def calls() -> Calls:
    """Fill every table by itself, of a plain cluster and of one that uses everything; return what was called."""
    cloud: set[CloudCall] = set()
    kubernetes: set[KubernetesCall] = set()
    for cluster in (healthy(), everything()):
        for table, asked, paths in _each_table(cluster):
            cloud.update(_of_cloud(table, asked))
            kubernetes.update(_of_kubernetes(table, request) for request in paths)
    return Calls(tuple(sorted(cloud)), tuple(sorted(kubernetes)))


def _each_table(cluster: FakeCluster) -> Iterator[tuple[str, list[Request], list[KubernetesRequest]]]:
    """Yield each table with the requests that filling it made; without a name, those before each audit."""
    asked: list[Request] = []
    paths = cluster.kubernetes.requests
    call = CloudClient.call

    def noting(client: CloudClient, request: Request) -> Any:
        asked.append(request)
        return call(client, request)

    with opened(cluster) as sides, mock.patch.object(CloudClient, "call", noting):
        identity = identity_of(cluster)
        cloud_preflight(sides.cloud)
        kubernetes_preflight(sides.kubernetes)
        yield "", asked, paths
        tables = collect(providers(), sides.by_layer, identity).tables
        for name, provider in providers().items():
            asked.clear()
            paths.clear()
            needs: dict[str, Any] = {need: tables[need] for need in provider.needs}
            if provider.takes_cluster:
                needs[CLUSTER] = identity
            provider.collect(sides.by_layer[provider.layer], **needs)
            yield name, asked, paths


def operations_of(permission: str) -> set[str]:
    """Return the operations that a RAM action allows, as far as tables use them."""
    return {one.operation for one in calls().cloud if one.permission == permission}


def declared(layer: Layer) -> set[tuple[str, str]]:
    """Return each table with each permission that its provider declares."""
    return {(one.table, right) for one in providers().values() if one.layer is layer for right in one.permissions}


def _of_cloud(table: str, requests: list[Request]) -> Iterator[CloudCall]:
    for request in requests:
        version = request.version or _VERSION.sub(r"\1-\2-\3", VERSIONS[request.product])
        style = next((style for name, style in _PAGING.items() if name in request.params), "")
        yield CloudCall(request.product, request.action, version, request.permission, table, request.path, style)


def _of_kubernetes(table: str, request: KubernetesRequest) -> KubernetesCall:
    return KubernetesCall(path_of(request), request.method, request.permission, table)


def path_of(request: KubernetesRequest) -> str:
    """Return the path of a request, with places for the namespace and the name."""
    path = request.path
    if request.namespace:
        path = path.replace(f"/namespaces/{request.namespace}/", "/namespaces/{namespace}/")
    if request.name:
        path = re.sub(rf"/{re.escape(request.name)}(?=/|$)", "/{name}", path)
    return path
