"""Access control of a load balancer ↔ the nodes and Pods of the cluster that it refuses."""

from collections.abc import Callable
from dataclasses import dataclass

from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.access_list import AccessFilter
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Ports, unique
from auditor.facts.rules.security_group import Direction, Peer, SecurityGroupFilter, Traffic
from auditor.facts.table import NotKnown, Reason, Table, said
from auditor.facts.text import t


@dataclass(frozen=True)
class Refused:
    """What is refused of the addresses that nodes and Pods have, and why more of it is not known."""

    nodes: AddressSet
    pods: AddressSet
    reasons: tuple[Reason, ...] = ()


class AccessRefusals:
    """Access control of a CLB's listener, or security groups of an NLB ↔ the nodes and Pods that it refuses.

    A CLB has one address, of IPv4 or of IPv6, and meets callers of that family alone; of an NLB only IPv4 is looked
    at. Each list is judged once, however many listeners have it.
    """

    def __init__(
        self,
        cluster_networks: ClusterNetworks,
        nodes: Table[Node],
        node_instances: NodeInstances,
        security_group_filter: SecurityGroupFilter,
    ) -> None:
        """Join them."""
        self._networks = cluster_networks
        self._nodes = nodes
        self._instances = node_instances
        self._groups = security_group_filter
        self._by_list: dict[object, Refused] = {}
        self._by_groups: dict[object, Refused] = {}
        self._peers: tuple[list[Peer], list[Peer], tuple[Reason, ...]] | None = None

    def by_list(self, access: AccessFilter, *, ipv6: bool = False) -> Refused:
        """Return what an access control list refuses, of callers of one family. Raises NotKnown if nobody can say."""
        key = (access.kind, access.list_ids, ipv6)
        if key not in self._by_list:
            reasons: list[Reason] = []
            nodes = self._known(reasons, lambda: access.refused(_family(self._networks.node_addresses(), ipv6)))
            pods = self._known(reasons, lambda: access.refused(_family(self._networks.pod_addresses(), ipv6)))
            self._by_list[key] = Refused(nodes, pods, unique(reasons))
        return self._by_list[key]

    def by_groups(self, group_ids: list[str], protocol: str, port: int) -> Refused:
        """Return what the security groups of an NLB refuse on one port."""
        key = (frozenset(group_ids), protocol, port)
        if key not in self._by_groups:
            node_peers, pod_peers, gaps = self._all_peers()
            reasons = list(gaps)

            def refused(peers: list[Peer]) -> AddressSet:
                found = AddressSet()
                for peer in peers:
                    answer = self.answer(group_ids, protocol, port, peer)
                    found |= answer.refused_peers
                    reasons.extend(answer.reasons)
                return found

            nodes, pods = refused(node_peers), refused(pod_peers)
            self._by_groups[key] = Refused(nodes, pods, unique(reasons))
        return self._by_groups[key]

    def answer(self, group_ids: list[str], protocol: str, port: int, peer: Peer) -> Answer:
        """Return what the security groups of an NLB do to one caller."""
        return self._groups.judge(group_ids, Traffic(Direction.INGRESS, protocol, peer, Ports.one(port)))

    def _pods(self) -> AddressSet:
        """Return the addresses of Pods. Raises NotKnown if Pods may be missing."""
        return self._networks.pod_addresses().ipv4

    @staticmethod
    def _known(reasons: list[Reason], ask: Callable[[], AddressSet]) -> AddressSet:
        try:
            return ask()
        except NotKnown as gap:
            reasons += gap.reasons
            return AddressSet()

    def _all_peers(self) -> tuple[list[Peer], list[Peer], tuple[Reason, ...]]:
        """Return the nodes, those in the same groups as one, and the Pods; and why some are not known."""
        if self._peers is None:
            reasons: list[Reason] = []
            nodes: list[Peer] = []
            pods: list[Peer] = []
            try:
                nodes = self._node_peers()
            except NotKnown as gap:
                reasons += gap.reasons
            try:
                pods = self._pod_peers()
            except NotKnown as gap:
                reasons += gap.reasons
            self._peers = nodes, pods, unique(reasons)
        return self._peers

    def _node_peers(self) -> list[Peer]:
        addresses: dict[frozenset[str], list[str]] = {}
        for node in self._nodes.all():
            instance = self._instances.of(node)
            what = t("the groups of instance {instance}", instance=node.instance_id or "")
            groups = said(instance.security_group_ids, "ecs", what) if instance else []
            addresses.setdefault(frozenset(groups), []).extend(node.internal_ips)
        return [Peer(AddressSet.of(*ips).ipv4, groups) for groups, ips in addresses.items()]

    def _pod_peers(self) -> list[Peer]:
        addresses = self._pods()
        if not addresses:
            return []
        if not self._networks.is_terway():
            return [Peer(addresses, frozenset())]
        config = self._networks.terway_config()
        groups = {*(config.security_groups or ()), *([config.security_group] if config.security_group else ())}
        return [Peer(addresses, frozenset(groups) if len(groups) == 1 else None, (), frozenset(groups) or None)]


def _family(addresses: AddressSet, ipv6: bool) -> AddressSet:
    return addresses.ipv6 if ipv6 else addresses.ipv4
