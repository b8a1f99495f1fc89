"""What inside the cluster uses the address of a load balancer, or a host behind it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.facts.joins.ingress_controllers import IngressControllers, Kind
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.facts.kubernetes.observations import AddressMention
from auditor.facts.kubernetes.services import Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, StatefulSet
from auditor.facts.table import NotKnown, Reason, Table

HOST_ALIASES = "hostAliases"
COREFILE = "kube-system/coredns"
_NAME_SERVERS = ("coredns", "node-local-dns", "kube-dns")
"""ConfigMaps in ``kube-system`` whose names begin so say where names lead, and use no address."""


@dataclass(frozen=True)
class Behind:
    """The Ingresses whose hosts lead to a Service, and why others may be missing."""

    ingresses: tuple[Ingress, ...]
    reasons: tuple[Reason, ...] = ()

    @property
    def hosts(self) -> set[str]:
        """Their hosts."""
        return {host for ingress in self.ingresses for host in ingress.hosts}


def ingresses_behind(service: Service, ingresses: Table[Ingress], controllers: IngressControllers) -> Behind:
    """Return the Ingresses that are published under the addresses of a Service, or served by a controller behind it."""
    if ingresses.is_unavailable:
        return Behind((), ingresses.reasons)
    found: dict[str, Ingress] = {}
    for published in service.ingress:
        if published.ip:
            rows = ingresses.known_where("first_address", _first_address, published.ip)
            found |= {row.key: row for row in rows}
    reasons: list[Reason] = list(ingresses.reasons)
    own = controllers.controllers_behind(service)
    for ingress in ingresses.known_rows() if own else ():
        try:
            serving = controllers.of(ingress)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if serving.kind is Kind.NGINX and any(one in serving.controllers for one in own):
            found[ingress.key] = ingress
    return Behind(tuple(found.values()), tuple(reasons))


def _first_address(ingress: Ingress) -> str:
    return next((one.ip for one in ingress.status.load_balancer.ingress or () if one.ip), "")


@dataclass(frozen=True)
class Uses:
    """What is seen to use an address, and why more of it may be missing."""

    mentions: tuple[AddressMention, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Users:
    """What uses are looked up in."""

    address_mentions: Table[AddressMention]
    config_maps: Table[ConfigMap]
    deployments: Table[Deployment]
    daemonsets: Table[DaemonSet]
    statefulsets: Table[StatefulSet]

    def of(self, service: Service, addresses: Iterable[str], hosts: Iterable[str]) -> Uses:
        """Return what uses a Service by its address, or by a host of an Ingress behind it.

        Left out are the Pods behind the Service, which have an endpoint on their own node; the settings of the name
        servers; and hosts that lead elsewhere inside the cluster, by the name server's settings or ``hostAliases``.
        """
        if self.address_mentions.is_unavailable:
            return Uses((), self.address_mentions.reasons)
        reasons = list(self.address_mentions.reasons)
        direct = [mention for address in addresses for mention in self._naming(address)]
        aliased = {_object_of(mention) for mention in direct if mention.place == HOST_ALIASES}
        named: list[AddressMention] = []
        by_host = [mention for host in sorted(hosts) for mention in self._naming(host)]
        redirected = {
            (_object_of(mention), mention.address)
            for mention in by_host
            if mention.place == HOST_ALIASES and _object_of(mention) not in aliased
        }
        if by_host:
            try:
                settled = self._settled(mention.address for mention in by_host)
                named = [
                    mention
                    for mention in by_host
                    if mention.address not in settled and (_object_of(mention), mention.address) not in redirected
                ]
            except NotKnown as gap:
                reasons += gap.reasons
        found: list[AddressMention] = []
        for mention in (*direct, *named):
            try:
                if not _is_of_name_server(mention) and not self._is_behind(service, mention):
                    found.append(mention)
            except NotKnown as gap:
                reasons += gap.reasons
        return Uses(tuple(found), tuple(reasons))

    def _naming(self, address: str) -> Sequence[AddressMention]:
        return self.address_mentions.known_where("address", lambda mention: mention.address, address)

    def _settled(self, hosts: Iterable[str]) -> set[str]:
        """Return the hosts of which the cluster's own name server says where they lead. Raises NotKnown."""
        row = self.config_maps.get(COREFILE)
        text = "\n".join((row.data or {}).values()) if row else ""
        return {host for host in set(hosts) if _names(text, host)}

    def _is_behind(self, service: Service, mention: AddressMention) -> bool:
        """Tell whether an object makes the Pods of the Service itself. Raises NotKnown."""
        selector = service.spec.selector
        if not selector or mention.namespace != service.namespace:
            return False
        key = f"{mention.namespace}/{mention.name}"
        row: Deployment | DaemonSet | StatefulSet | None = None
        match mention.kind:
            case "Deployment":
                row = self.deployments.get(key)
            case "DaemonSet":
                row = self.daemonsets.get(key)
            case "StatefulSet":
                row = self.statefulsets.get(key)
        return row is not None and selector.items() <= (row.spec.template.metadata.labels or {}).items()


def _object_of(mention: AddressMention) -> tuple[str, str, str]:
    return mention.kind, mention.namespace, mention.name


def _is_of_name_server(mention: AddressMention) -> bool:
    return mention.kind == "ConfigMap" and mention.namespace == "kube-system" and mention.name.startswith(_NAME_SERVERS)


def _names(text: str, host: str) -> bool:
    parent = host.removeprefix("*.")
    return re.search(rf"(?<![\w-]){re.escape(parent)}(?![\w-]|\.\w)", text, re.IGNORECASE) is not None
