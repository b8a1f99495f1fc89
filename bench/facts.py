"""The landscape of a generated cluster, collected without any server: the clients answer from memory."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from auditor.collect.alibaba.sdk import Request
from auditor.collect.plan import Side, collect
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Layer
from bench.cluster import Cluster
from tests.fakes.cloud import CloudState
from tests.fakes.cloud.products import PRODUCTS
from tests.fakes.cloud.wire import Parameters

PAGE = 500
REGION = "cn-hangzhou"


def landscape(cluster: Cluster, tables: Iterable[str]) -> Landscape:
    """Collect these tables of a cluster."""
    state = cluster.cloud
    cluster_id = state.cs.cluster_id
    sides: dict[Layer, Side] = {Layer.KUBERNETES: _Lists(cluster), Layer.CLOUD: _Cloud(state, cluster_id)}
    return collect(tables, sides, ClusterIdentity("bench", cluster_id, REGION))


class _Cost:
    calls = 0
    retries = 0
    seconds = 0.0


class _Lists:
    """Stands for the client of the Kubernetes side. Each list is read once, from its first page to its last."""

    probes: frozenset[str] = frozenset()
    secret_metadata = False

    def __init__(self, cluster: Cluster) -> None:
        self._lists = cluster.lists()

    def get(self, path: str, query: Mapping[str, str | int], **_: object) -> bytes:
        kind, version, texts = self._lists[path]
        items = list(islice(texts, PAGE))
        more = f'"continue":"{int(query.get("continue", 0)) + 1}"' if len(items) == PAGE else ""
        meta = f'"kind":"{kind}","apiVersion":"{version}","metadata":{{{more}}}'
        return f'{{{meta},"items":[{",".join(items)}]}}'.encode()

    def cost(self, _source: str) -> _Cost:
        return _Cost()


class _Cloud:
    """Stands for the client of the cloud side."""

    def __init__(self, state: CloudState, cluster_id: str) -> None:
        self.cluster_id = cluster_id
        self.region = REGION
        self._state = state

    def call(self, request: Request) -> Any:
        product = PRODUCTS[request.product]
        sent = dict(request.params)
        if request.product != "cs":
            built = request.build()
            sent = {"RegionId": REGION, **built.get_query_params(), **(built.get_body_params() or {})}
        parameters = Parameters({name: str(value) for name, value in sent.items()})
        return product.operations[request.action](getattr(self._state, request.product), parameters)

    def each(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item) for item in items]

    def cost(self, _source: str) -> _Cost:
        return _Cost()
