"""What inside the cluster names the address of a load balancer, or a host behind it.

The values that are looked through may be secret. So they are read here only, and are gone when the page is.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import msgspec

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, UNREADABLE, CallFailed, reason
from auditor.collect.kubernetes.lists import Listing, list_pages
from auditor.collect.kubernetes.mentions import (
    Addresses,
    Place,
    WholeConfigMap,
    WholeCronJob,
    WholeDaemonSet,
    WholeDeployment,
    WholePod,
    WholeStatefulSet,
)
from auditor.collect.provider import provides
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.observations import AddressMention
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Gap, Reason, ReasonKind, Row, Table
from auditor.facts.text import t

R = TypeVar("R", bound=Row)

MOST_PODS = 50
"""So many Pods are asked for of which no listed workload is known to be the controller."""


class _Source(NamedTuple):
    """A list that is looked through: its versions, the newest first."""

    row_type: type[Any]
    paths: tuple[str, ...]

    @property
    def listings(self) -> list[Listing]:
        return [Listing(path, f"{self.row_type.KIND}List") for path in self.paths]


SOURCES = (
    _Source(WholeDeployment, ("/apis/apps/v1/deployments",)),
    _Source(WholeStatefulSet, ("/apis/apps/v1/statefulsets",)),
    _Source(WholeDaemonSet, ("/apis/apps/v1/daemonsets",)),
    # v1 from 1.21; v1beta1 until 1.24: https://kubernetes.io/docs/reference/using-api/deprecation-guide/
    _Source(WholeCronJob, ("/apis/batch/v1/cronjobs", "/apis/batch/v1beta1/cronjobs")),
    _Source(WholeConfigMap, ("/api/v1/configmaps",)),
)
GET_PODS = "get pods"


@dataclass
class _Looked:
    """What was found in one source."""

    mentions: dict[str, AddressMention] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """``namespace/name`` of all objects that were looked at."""
    is_answered: bool = False

    def look(self, kind: str, namespace: str, name: str, places: Iterable[Place], wanted: Addresses) -> None:
        for place, text in places:
            for address in wanted.in_text(text):
                mention = AddressMention(kind, namespace, name, place, address)
                self.mentions[mention.key] = mention


@provides(
    "address_mentions",
    source=SOURCE,
    layer=Layer.KUBERNETES,
    permissions=(*sorted({listing.permission for source in SOURCES for listing in source.listings}), GET_PODS),
    tolerates=("ingresses", "pods", "services"),
)
def address_mentions(
    client: KubernetesClient, services: Table[Service], ingresses: Table[Ingress], pods: Table[Pod]
) -> Table[AddressMention]:
    """Look for the addresses of LoadBalancer Services and the hosts of Ingresses in whatever makes Pods."""
    wanted = Addresses(_wanted(services, ingresses))
    unknown = [*services.reasons, *ingresses.reasons]
    if not wanted:
        return Table.unavailable("address_mentions", *unknown) if unknown else Table("address_mentions")
    with ThreadPoolExecutor(len(SOURCES), thread_name_prefix="mentions") as pool:
        looked = list(pool.map(lambda source: _list(client, source, wanted), SOURCES))
    by_kind = {source.row_type.KIND: one for source, one in zip(SOURCES, looked, strict=True)}
    looked += [_services(services, wanted), _pods(client, pods, by_kind, wanted)]
    reasons = [*unknown, *pods.reasons, *(why for one in looked for why in one.reasons)]
    if not any(one.is_answered for one in looked):
        return Table.unavailable("address_mentions", *_unique(reasons))
    rows = {key: mention for one in looked for key, mention in one.mentions.items()}
    return Table("address_mentions", rows.values(), gaps=[Gap(why) for why in _unique(reasons)])


def _wanted(services: Table[Service], ingresses: Table[Ingress]) -> Iterator[str]:
    for service in _read_rows(services):
        if service.is_load_balancer:
            for published in service.ingress:
                yield from filter(None, (published.ip, published.hostname))
    for ingress in _read_rows(ingresses):
        yield from ingress.hosts


def _read_rows(table: Table[R]) -> Sequence[R]:
    """Return what was read of a table, which may be nothing."""
    return () if table.is_unavailable else table.known_rows()


def _unique(reasons: Iterable[Reason]) -> list[Reason]:
    return list({(why.kind, str(why.message), why.missing): why for why in reasons}.values())


def _list(client: KubernetesClient, source: _Source, wanted: Addresses) -> _Looked:
    looked = _Looked()
    for listing in source.listings:
        looked = _look_through(client, listing, source.row_type, wanted)
        if looked.is_answered or any(why.kind is not ReasonKind.UNSUPPORTED for why in looked.reasons):
            break
    return looked


def _look_through(client: KubernetesClient, listing: Listing, row_type: type[Any], wanted: Addresses) -> _Looked:
    looked = _Looked()
    for page in list_pages(client, listing, row_type):
        if page.starts_again:
            looked = _Looked()
        looked.is_answered = looked.is_answered or page.is_answered
        looked.reasons += [gap.reason for gap in page.gaps]
        for row in page.rows:
            looked.names.add(row.key)
            looked.look(row.KIND, row.namespace, row.name, row.places(), wanted)
    return looked


def _services(services: Table[Service], wanted: Addresses) -> _Looked:
    looked = _Looked()
    for service in _read_rows(services):
        if service.spec.type == "ExternalName":
            place = ("externalName", service.spec.external_name)
            looked.look("Service", service.namespace, service.name, [place], wanted)
    return looked


def _pods(client: KubernetesClient, pods: Table[Pod], by_kind: dict[str, _Looked], wanted: Addresses) -> _Looked:
    """Look at one Pod of each controller that was not listed: a Job, a workload of another kind, or none at all."""
    looked = _Looked()
    strangers: dict[tuple[str, str, str], Pod] = {}
    for pod in sorted(_read_rows(pods), key=lambda pod: pod.key):
        if not pod.is_finished and not _is_listed(pod, by_kind):
            strangers.setdefault(_maker(pod), pod)
    chosen = list(strangers.items())[:MOST_PODS]
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="mentions") as pool:
        answers = list(pool.map(lambda entry: _get(client, entry[1]), chosen))
    for ((kind, namespace, name), pod), answer in zip(chosen, answers, strict=True):
        if isinstance(answer, WholePod):
            looked.is_answered = True
            looked.look(kind, namespace, pod.name if kind == "Pod" else name, answer.places(), wanted)
        elif answer is not None:
            looked.reasons.append(answer)
    if len(strangers) > len(chosen):
        message = t(
            "only {count} of {total} Pods without a known workload were looked at",
            count=len(chosen),
            total=len(strangers),
        )
        looked.reasons.append(reason(ReasonKind.TRUNCATED, message))
    return looked


def _is_listed(pod: Pod, by_kind: dict[str, _Looked]) -> bool:
    """Tell whether the workload that made a Pod was looked at, or is hidden by a gap that is told already."""
    owner = pod.metadata.controller
    if owner is None:
        return False
    if owner.kind in ("StatefulSet", "DaemonSet"):
        return _knows(by_kind[owner.kind], pod.namespace, owner.name)
    # A ReplicaSet is called as its Deployment and a hash, a Job as its CronJob and a time.
    maker = {"ReplicaSet": "Deployment", "Job": "CronJob"}.get(owner.kind)
    return maker is not None and _knows(by_kind[maker], pod.namespace, owner.name.rpartition("-")[0])


def _knows(looked: _Looked, namespace: str, name: str) -> bool:
    return f"{namespace}/{name}" in looked.names or bool(looked.reasons)


def _maker(pod: Pod) -> tuple[str, str, str]:
    """Return the kind, namespace and name of who made a Pod; of the Pod itself if nobody did, or its node."""
    owner = pod.metadata.controller
    if owner is None:
        return "Pod", pod.namespace, pod.name
    if owner.kind == "Node":
        # A static Pod: the same one runs on several nodes, called as itself and its node.
        return "Pod", pod.namespace, pod.name.removesuffix(f"-{pod.node_name}")
    return owner.kind, pod.namespace, owner.name


_POD = msgspec.json.Decoder(WholePod)


def _get(client: KubernetesClient, pod: Pod) -> WholePod | Reason | None:
    """Return a Pod; None if it has gone since the list was read."""
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
    try:
        return _POD.decode(client.get(path, permission=GET_PODS))
    except CallFailed as failure:
        return None if failure.code == 404 and failure.status else failure.reason
    except UNREADABLE:
        return reason(ReasonKind.MALFORMED, t("GET {path}: the answer is no Pod", path=path))
