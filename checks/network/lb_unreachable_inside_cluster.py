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
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import TcpProbe
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
from checks.network._inside_trials import Trials, trials_of
from checks.network._inside_use import Behind, Users, Uses, ingresses_behind

check = Check(
    severity=Severity.INFO,
    causes=("N1", "N4"),
    since="0.1.0",
    symptoms=("slb-unreachable", "ingress-unreachable"),
    limits=(
        "Who uses an address is known only as far as environment, arguments and ConfigMaps name it.",
        "Whether it can be reached is tried only with the probe `tcp`, from the node that the auditor runs on.",
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
HOSTNAME = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-hostname"
"""The annotation with which the status of a Service holds a host name and no address."""
_NODES_SHOWN = 50
DEFAULT_MODE = "iptables"
"""What kube-proxy takes on Linux where its settings name no mode."""
_MODE = re.compile(r"^mode:[ \t]*[\"']?(\w*)", re.MULTILINE)
_SETTINGS = re.compile(r"^kind:[ \t]*KubeProxyConfiguration\b", re.MULTILINE)
_POD_RANGE = re.compile(r"^clusterCIDR:\s*\"?[0-9a-fA-F]", re.MULTILINE)


@dataclass(frozen=True)
class Proxy:
    """What kube-proxy does with the address of a load balancer.

    Attributes:
        mode: its mode, or both that are named; empty if none is known.
        is_sure: whether it keeps to Pods of its own node for certain.
        may_redirect: whether it knows the Pods' range, and newer versions send what comes from there to any Pod.
        reasons: why that is not known.
    """

    mode: str
    is_sure: bool
    may_redirect: bool
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
    pods: Table[Pod],
    tcp_probes: Table[TcpProbe],
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
    trials = trials_of(service, addresses, filled, tcp_probes, nodes, pods)
    if trials and trials.connects:
        yield Passed()
        return
    proxy = _proxy(clusters, config_maps, cluster)
    behind = ingresses_behind(service, ingresses, ingress_controllers)
    users = Users(address_mentions, config_maps, deployments, daemonsets, statefulsets)
    uses = users.of(service, addresses, behind.hosts)
    has_failed = trials is not None and trials.fails(may_be_refused=IPVS in proxy.mode)
    case = Case(service, addresses, bare, total, proxy, behind, uses, trials if has_failed else None)
    yield case.finding()
    gaps = [*nodes.reasons]
    if not has_failed:
        gaps += proxy.reasons
    if not uses.mentions and not has_failed:
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

    In the modes iptables and nftables newer versions send what comes from the Pods' range, which they must know, and
    from the node itself to any Pod ("redirect pods trying to reach external loadbalancer VIP to clusterIP" in its
    source).
    """
    reasons: list[Reason] = []
    modes: set[str] = set()
    settings = ""
    try:
        settings = _text(config_maps, KUBE_PROXY)
        named = {mode.lower() for mode in _MODE.findall(settings)} - {""}
        modes |= named or ({DEFAULT_MODE} if _SETTINGS.search(settings) else set())
    except NotKnown as gap:
        reasons += gap.reasons
    try:
        row = clusters.get(cluster.cluster_id)
        modes |= {row.proxy_mode.lower()} if row and row.proxy_mode else set()
    except NotKnown as gap:
        reasons += gap.reasons
    if modes == {IPVS}:
        return Proxy(IPVS, is_sure=True, may_redirect=False)
    may_redirect = IPVS not in modes and bool(_POD_RANGE.search(settings))
    return Proxy(", ".join(sorted(modes)), is_sure=False, may_redirect=may_redirect, reasons=tuple(reasons))


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
    trials: Trials | None = None

    def finding(self) -> Finding:
        """Say it; above info only if something inside the cluster is seen to use it, or a try to connect failed."""
        hurts = bool(self.uses.mentions) or self.trials is not None
        return Finding(
            subject=self.service.ref,
            fault="local-policy",
            severity=Severity.MEDIUM if hurts else Severity.INFO,
            message=self._message(),
            why=self._why(),
            certainty=Certainty.CONFIRMED if self.proxy.is_sure or self.trials else Certainty.LIKELY,
            remedy=self._remedy(),
            trail=self._trail(),
            evidence=self._evidence(),
            affected=tuple(dict.fromkeys(mention.ref for mention in self.uses.mentions)),
        )

    def _message(self) -> Text:
        told = t(
            "on nodes without a ready Pod of Service {service} ({number}: {nodes}) its address {addresses} can't be "
            "reached (externalTrafficPolicy Local)",
            service=self.service.key,
            number=self.total,
            nodes=self.bare,
            addresses=self.addresses,
        )
        if self.trials:
            told = t("{told}; tried on node {node}: {tries}", told=told, node=self.trials.node, tries=self.trials.shown)
        if self.uses.mentions:
            named = list(dict.fromkeys(mention.address for mention in self.uses.mentions))
            told = t("{told}; {named} is used inside the cluster, by {affected}", told=told, named=named)
        return told

    def _why(self) -> Text | None:
        """Say what makes it less than certain; None leaves the check's own words."""
        if not self.proxy.may_redirect or self.trials:
            return None
        return t(
            "With externalTrafficPolicy Local, kube-proxy keeps what nodes and Pods send to the address of the load "
            "balancer on their own node. In mode {mode}, newer versions that know the Pods' range, as this one does, "
            "send it to Pods on other nodes all the same: try it from a Pod, or let the auditor do so (probe tcp).",
            mode=self.proxy.mode,
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
            **({"tried_on": self.trials.node, "tries": self.trials.shown} if self.trials else {}),
        }

    def _target(self) -> str:
        address = self.addresses[0]
        port = next((port.port for port in self.service.ports), 80)
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def _remedy(self) -> tuple[Step, ...]:
        service = self.service
        return (
            step(
                t("Confirm: from a Pod on one of these nodes, call the address; it is refused, or times out."),
                *("kubectl", "-n", "<namespace>", "exec", "<pod>", "--"),
                *("curl", "-sv", "--max-time", "5", f"telnet://{self._target()}"),
            ),
            step(
                t(
                    "Inside the cluster, use the name {name} instead of the address. For a host, let CoreDNS lead it "
                    "there (rewrite name), or give it to the Pods by hostAliases, with the ClusterIP of the Service.",
                    name=f"{service.name}.{service.namespace}.svc",
                )
            ),
            step(
                t(
                    "Or publish a host name in place of the address: kube-proxy then leaves the load balancer to "
                    "itself, also for Pods. The host has to lead to the load balancer, and whoever reads the address "
                    "from the Service finds none."
                ),
                *("kubectl", "-n", service.namespace, "annotate", "service", service.name, f"{HOSTNAME}=<host>"),
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
