"""The landscape of a generated cluster, collected without any server: the clients answer from memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from types import MappingProxyType
from typing import Any

from auditor.collect.alibaba.sdk import Request
from auditor.collect.kubernetes.failures import CallFailed, Status, reason
from auditor.collect.plan import Side, collect
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind
from auditor.facts.text import t
from bench.cluster import Cluster
from bench.objects import is_single, single
from tests.fakes.cloud import CloudState
from tests.fakes.cloud.products import PRODUCTS
from tests.fakes.cloud.wire import Parameters

PAGE = 500
REGION = "cn-hangzhou"
EMPTY: Mapping[str, str | int] = MappingProxyType({})


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
    """Stands for the client of the Kubernetes side: lists of the cluster, and single objects as they were recorded.

    A list that is begun again is made again; its pages are told apart by what stands in ``continue``.
    """

    probes: frozenset[str] = frozenset()
    secret_metadata = False

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers = count(1)
        self._begun: dict[str, Iterator[str]] = {}

    def get(self, path: str, query: Mapping[str, str | int] = EMPTY, **_options: object) -> bytes:
        if is_single(path):
            found = single(self._cluster, path)
            if found is None:
                why = reason(ReasonKind.ERROR, t("there is no {path}", path=path))
                raise CallFailed(why, code=404, status=Status("Status", reason="NotFound"))
            return found
        token = str(query.get("continue", ""))
        number, _, last = token.partition(".")
        if not number:
            number = str(next(self._numbers))
            self._begun[number] = self._cluster.list_of(path)[2]
        items = list(islice(self._begun[number], PAGE))
        token = f"{number}.{int(last or 0) + 1}" if len(items) == PAGE else ""
        return _answer(*self._cluster.kind_of(path), items, token)

    def cost(self, _source: str) -> _Cost:
        return _Cost()


def _answer(kind: str, version: str, items: Iterable[str], token: str = "") -> bytes:
    more = f'"continue":"{token}"' if token else ""
    return f'{{"kind":"{kind}","apiVersion":"{version}","metadata":{{{more}}},"items":[{",".join(items)}]}}'.encode()


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
