"""A load balancer can't be reached from nodes without a Pod behind it.

With externalTrafficPolicy Local, kube-proxy sends what nodes and Pods of the cluster send to the address of the load
balancer only to Pods of their own node; the packets never leave the node. Where the node has no ready Pod of the
Service, the connection fails, while clients from outside come in. ACK sets up the Service of the Ingress controller so,
with few replicas, which hurts nobody as long as nothing inside the cluster uses its address or a host behind it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.facts.cloud.cs import Cluster
from auditor.facts.joins.ingress_controllers import IngressControllers
from auditor.facts.joins.networks import TERWAY_CONFIG, ClusterNetworks
from auditor.facts.joins.services import ServiceEndpoints
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.observations import AddressMention
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, StatefulSet
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.judge.api import (
    Certainty,
    Check,
    Evidence,
    Finding,
    Hop,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    ok,
    step,
    t,
)
from checks.network._inside_use import Behind, Users, Uses, ingresses_behind

check = Check(
    severity=Severity.INFO,
    causes=("N1", "N4"),
    since="0.1.0",
    symptoms=("slb-unreachable", "ingress-unreachable"),
    limits=(
        "It is not tried: who uses an address is known only as far as environment, arguments and ConfigMaps name it.",
        (
            "Under which address a host is found inside the cluster is known only as far as CoreDNS and hostAliases "
            "say it."
        ),
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/considerations-for-configuring-a-loadbalancer-type-service-1",
    ),
)

KUBE_PROXY = "kube-system/kube-proxy-worker"
IPVS = "ipvs"
_NODES_SHOWN = 50
_MODE = re.compile(r"^mode:\s*\"?(\w+)", re.MULTILINE)
_POD_RANGE = re.compile(r"^clusterCIDR:\s*\"?[0-9a-fA-F]", re.MULTILINE)


@dataclass(frozen=True)
class Proxy:
    """What kube-proxy does with the address of a load balancer.

    Attributes:
        mode: its mode; empty if it is not known.
        is_sure: whether it keeps to Pods of its own node for certain.
        redirects: whether it sends what comes from inside the cluster to any Pod, as far as is known.
        reasons: why that is not known.
    """

    mode: str
    is_sure: bool
    redirects: bool
    reasons: tuple[Reason, ...] = ()


def subjects(services: Table[Service]) -> Iterable[Service]:
    return [
        service
        for service in services.known_rows()
        if service.is_load_balancer and service.is_local and service.metadata.deletion_timestamp is None
    ]


def judge(
    service: Service,
    nodes: Table[Node],
    service_endpoints: ServiceEndpoints,
    ingresses: Table[Ingress],
    ingress_controllers: IngressControllers,
    address_mentions: Table[AddressMention],
    config_maps: Table[ConfigMap],
    clusters: Table[Cluster],
    cluster_networks: ClusterNetworks,
    deployments: Table[Deployment],
    daemonsets: Table[DaemonSet],
    statefulsets: Table[StatefulSet],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    addresses = [entry.ip for entry in service.ingress if entry.ip and entry.ip_mode.lower() != "proxy"]
    if not addresses:
        yield NotApplicable(t("kube-proxy does not take over an address of Service {service}", service=service.key))
        return
    filled = set(service_endpoints.ready_by_node(service.key))
    if not filled:
        yield NotApplicable(t("Service {service} has no endpoint: see service/endpoints-empty", service=service.key))
        return
    bare, total = _nodes_without(filled, nodes)
    if not bare:
        yield Passed()
        return
    if _is_data_path_v2(config_maps, cluster_networks):
        yield NotApplicable(t("Terway's DataPath V2 takes the place of kube-proxy"))
        return
    proxy = _proxy(clusters, config_maps, cluster)
    behind = ingresses_behind(service, ingresses, ingress_controllers)
    users = Users(address_mentions, config_maps, deployments, daemonsets, statefulsets)
    uses = users.of(service, addresses, behind.hosts)
    case = Case(service, addresses, bare, total, proxy, behind, uses)
    yield case.finding()
    gaps = [*proxy.reasons, *nodes.reasons]
    if not uses.mentions and not proxy.redirects:
        gaps += [*uses.reasons, *behind.reasons]
    if gaps:
        yield NotEvaluated(unique(gaps))


def _nodes_without(filled: set[str], nodes: Table[Node]) -> tuple[list[str], int]:
    """Return the first nodes without an endpoint, and how many there are. Raises NotKnown if none is known."""
    machines = nodes.known_where("is_virtual", lambda node: node.is_virtual, False)
    bare: list[str] = []
    for node in machines:
        if node.name not in filled:
            bare.append(node.name)
            if len(bare) == _NODES_SHOWN:
                break
    if not bare:
        nodes.all()
        return [], 0
    names = {node.name for node in _named(nodes, filled)}
    return bare, len(machines) - len(names)


def _named(nodes: Table[Node], names: Iterable[str]) -> Iterator[Node]:
    """Yield the machines of these names, of those that were read."""
    for name in names:
        for node in nodes.known_where("name", lambda row: row.name, name):
            if not node.is_virtual:
                yield node


def _text(config_maps: Table[ConfigMap], key: str) -> str:
    """Return all that a ConfigMap says; empty if there is none. Raises NotKnown."""
    row = config_maps.get(key)
    return "\n".join((row.data or {}).values()) if row else ""


def _is_data_path_v2(config_maps: Table[ConfigMap], networks: ClusterNetworks) -> bool:
    """Tell whether Terway does the work of kube-proxy. Raises NotKnown."""
    try:
        return "datapathv2" in _text(config_maps, TERWAY_CONFIG).lower()
    except NotKnown:
        if networks.is_terway():
            raise
        return False


def _proxy(clusters: Table[Cluster], config_maps: Table[ConfigMap], cluster: ClusterIdentity) -> Proxy:
    """Find out the mode of kube-proxy by its own settings and by the cluster's description.

    In the modes iptables and nftables it sends what comes from the Pods' range, which it must know, and from the node
    itself to any Pod ("redirect pods trying to reach external loadbalancer VIP to clusterIP" in its source).
    """
    reasons: list[Reason] = []
    modes: set[str] = set()
    settings = ""
    try:
        settings = _text(config_maps, KUBE_PROXY)
        modes |= {mode.lower() for mode in _MODE.findall(settings)}
    except NotKnown as gap:
        reasons += gap.reasons
    try:
        row = clusters.get(cluster.cluster_id)
        modes |= {row.proxy_mode.lower()} if row and row.proxy_mode else set()
    except NotKnown as gap:
        reasons += gap.reasons
    if modes == {IPVS}:
        return Proxy(IPVS, is_sure=True, redirects=False)
    # What is not known may only make it look less bad than it is, and is told.
    redirects = bool(reasons) or (IPVS not in modes and bool(_POD_RANGE.search(settings)))
    return Proxy(", ".join(sorted(modes)), is_sure=False, redirects=redirects, reasons=tuple(reasons))


@dataclass(frozen=True)
class Case:
    """One Service that nodes can't reach."""

    service: Service
    addresses: list[str]
    bare: list[str]
    total: int
    proxy: Proxy
    behind: Behind
    uses: Uses

    def finding(self) -> Finding:
        """Say it; above info only if something inside the cluster is seen to use it, and would fail."""
        hurts = bool(self.uses.mentions) and not self.proxy.redirects
        return Finding(
            subject=self.service.ref,
            fault="local-policy",
            severity=Severity.MEDIUM if hurts else Severity.INFO,
            message=self._message(),
            certainty=Certainty.CONFIRMED if self.proxy.is_sure else Certainty.LIKELY,
            remedy=self._remedy(),
            trail=self._trail(),
            evidence=self._evidence(),
            affected=tuple(dict.fromkeys(mention.ref for mention in self.uses.mentions)),
        )

    def _message(self) -> Text:
        service, addresses = self.service.key, self.addresses
        if self.uses.mentions and not self.proxy.redirects:
            return t(
                "{affected} name {named}, which Pods and processes on {number} nodes without a ready Pod of Service "
                "{service} can't reach (externalTrafficPolicy Local, address {addresses}): {nodes}",
                named=list(dict.fromkeys(mention.address for mention in self.uses.mentions)),
                number=self.total,
                service=service,
                addresses=addresses,
                nodes=self.bare,
            )
        if self.proxy.redirects:
            return t(
                "{number} nodes have no ready Pod of Service {service} (externalTrafficPolicy Local, address "
                "{addresses}): {nodes}. kube-proxy in mode {mode} sends what comes from the Pods' range to other "
                "nodes; what comes from elsewhere fails there",
                number=self.total,
                service=service,
                addresses=addresses,
                nodes=self.bare,
                mode=self.proxy.mode or "-",
            )
        return t(
            "from {number} nodes without a ready Pod of Service {service} its address {addresses} can't be reached "
            "(externalTrafficPolicy Local): {nodes}",
            number=self.total,
            service=service,
            addresses=addresses,
            nodes=self.bare,
        )

    def _trail(self) -> tuple[Hop, ...]:
        users = dict.fromkeys(mention.ref for mention in self.uses.mentions)
        return (
            *(ok(ref, t("names the address, or a host behind it")) for ref in list(users)[:5]),
            *(ok(ingress.ref, t("hosts {hosts}", hosts=ingress.hosts)) for ingress in self.behind.ingresses[:5]),
            broken(self.service.ref, t("policy Local, {number} nodes without endpoint", number=self.total)),
        )

    def _evidence(self) -> dict[str, Evidence]:
        return {
            "addresses": self.addresses,
            "external_traffic_policy": "Local",
            "proxy_mode": self.proxy.mode,
            "nodes_without_endpoint": self.total,
            "nodes": self.bare,
            "ingresses": [ingress.key for ingress in self.behind.ingresses[:50]],
            "mentions": [f"{one.kind} {one.ref.path}: {one.place}: {one.address}" for one in self.uses.mentions[:50]],
        }

    def _remedy(self) -> tuple[Step, ...]:
        service = self.service
        return (
            step(
                t("Confirm: from a Pod on one of these nodes, call the address; it is refused, or times out."),
                *(
                    "kubectl",
                    "-n",
                    "<namespace>",
                    "exec",
                    "<pod>",
                    "--",
                    "curl",
                    "-m",
                    "5",
                    f"http://{self.addresses[0]}",
                ),
            ),
            step(
                t(
                    "Inside the cluster, use the name {name} instead of the address. For a host, let CoreDNS lead it "
                    "there (rewrite name), or give it to the Pods by hostAliases.",
                    name=f"{service.name}.{service.namespace}.svc",
                )
            ),
            step(
                t(
                    "Or set externalTrafficPolicy to Cluster. Then Pods no longer see the clients' addresses: white "
                    "lists of clients refuse everybody (network/ingress-allowlist-blocks-clients), and all nodes "
                    "become backends of the load balancer (service/lb-backend-quota)."
                ),
                *("kubectl", "-n", service.namespace, "patch", "service", service.name),
                *("-p", '{"spec":{"externalTrafficPolicy":"Cluster"}}'),
            ),
        )
