"""Pod ↔ the network interface that guards it, and Pods as those who call others."""

from collections.abc import Collection
from dataclasses import dataclass

from auditor.facts.cloud.ecs import NetworkInterface
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.joins.api_server import range_of
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.security_group import Peer
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t


@dataclass(frozen=True)
class Guard:
    """The interface by which a Pod is reached: its security groups, and the vSwitch that it lies in."""

    group_ids: tuple[str, ...]
    vswitch_id: str


class PodSources:
    """Pod ↔ the network interface that guards it, and Pods as those who call others.

    Under Flannel a Pod is reached through its node's primary interface, by an address of its own, which is no
    interface's and so in no security group. Under Terway it has an address of a secondary interface of its node, with
    groups and a vSwitch of its own. A Pod in the host's network is reached at its node, under either.
    """

    def __init__(
        self,
        nodes: Table[Node],
        network_interfaces: Table[NetworkInterface],
        vswitches: Table[VSwitch],
        node_instances: NodeInstances,
        cluster_networks: ClusterNetworks,
    ) -> None:
        """Join the tables."""
        self._nodes = nodes
        self._interfaces = network_interfaces
        self._vswitches = vswitches
        self._instances = node_instances
        self._networks = cluster_networks
        self._by_address: dict[str, NetworkInterface] | None = None
        self._peers: tuple[Peer, ...] | None = None
        self._ranges: dict[str, AddressSet] | None = None
        self._outside: dict[str, AddressSet] = {}

    def guard_of(self, pod: Pod, node: Node) -> Guard | None:
        """Return the interface that a Pod is reached through; None if its node is no instance any more.

        Raises NotKnown if it can't be told.
        """
        if not pod.spec.host_network and self._networks.is_terway():
            row = said(self._interface_at(pod.status.pod_ip), "ecs", t("the interface of Pod {pod}", pod=pod.key))
            groups = said(row.security_group_ids, "ecs", t("the groups of interface {eni}", eni=row.id))
            return Guard(
                tuple(sorted(groups)), said(row.vswitch_id, "ecs", t("the vSwitch of interface {eni}", eni=row.id))
            )
        instance = self._instances.of(node)
        if instance is None:
            return None
        groups = said(instance.security_group_ids, "ecs", t("the groups of instance {instance}", instance=instance.id))
        vswitch = said(instance.vswitch_id, "ecs", t("the vSwitch of instance {instance}", instance=instance.id))
        return Guard(tuple(sorted(groups)), vswitch)

    def peers(self) -> tuple[Peer, ...]:
        """Return the Pods as callers: each range with the groups that its interfaces are in. Raises NotKnown."""
        if self._peers is None:
            self._peers = self._terway_peers() if self._networks.is_terway() else self._flannel_peers()
        return self._peers

    def outside(self, vswitch_id: str) -> AddressSet:
        """Return the addresses of Pods elsewhere, who pass the network ACL of a vSwitch. Raises NotKnown."""
        if vswitch_id not in self._outside:
            if self._networks.is_terway():
                outside = self._networks.pod_ranges() - range_of(self._vswitch(vswitch_id))
            else:
                outside = AddressSet()
                for other, addresses in self._flannel_ranges().items():
                    outside |= addresses if other != vswitch_id else AddressSet()
            self._outside[vswitch_id] = outside
        return self._outside[vswitch_id]

    def _flannel_peers(self) -> tuple[Peer, ...]:
        return (Peer(self._networks.pod_ranges(), frozenset()),)

    def _terway_peers(self) -> tuple[Peer, ...]:
        config = self._networks.terway_config()
        told = frozenset(config.security_groups or ([config.security_group] if config.security_group else []))
        seen: dict[str, set[frozenset[str]]] = {}
        for row in () if self._interfaces.is_unavailable else self._interfaces.known_rows():
            if row.instance_id and row.type != "Primary" and row.security_group_ids and row.vswitch_id:
                seen.setdefault(row.vswitch_id, set()).add(frozenset(row.security_group_ids))
        peers: list[Peer] = []
        for vswitch_id in dict.fromkeys(one for zone in (config.vswitches or {}).values() for one in zone):
            addresses = range_of(self._vswitch(vswitch_id))
            sets = seen.get(vswitch_id, set()) | ({told} if told else set())
            if not sets:
                peers.append(Peer(addresses, None, self._interfaces.reasons or (_no_groups(),)))
            peers += [Peer(addresses, groups) for groups in sorted(sets, key=sorted)]
        if not peers:
            raise NotKnown(_no_groups())
        return tuple(peers)

    def _flannel_ranges(self) -> dict[str, AddressSet]:
        """Return the ranges of the nodes' Pods by the vSwitch that the nodes lie in."""
        if self._ranges is None:
            ranges: dict[str, list[str]] = {}
            for node in self._nodes.all():
                own = node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])
                instance = self._instances.of(node) if own and not node.is_virtual else None
                if instance is not None:
                    what = t("the vSwitch of instance {instance}", instance=instance.id)
                    ranges.setdefault(said(instance.vswitch_id, "ecs", what), []).extend(own)
            self._ranges = {vswitch_id: _set_of(own) for vswitch_id, own in ranges.items()}
        return self._ranges

    def _interface_at(self, address: str) -> NetworkInterface | None:
        if self._by_address is None:
            found: dict[str, NetworkInterface] = {}
            for row in () if self._interfaces.is_unavailable else self._interfaces.known_rows():
                found |= dict.fromkeys((row.primary_ip, *row.private_ips), row)
            self._by_address = found
        if address not in self._by_address and self._interfaces.reasons:
            raise NotKnown(*self._interfaces.reasons)
        return self._by_address.get(address) if address else None

    def _vswitch(self, vswitch_id: str) -> VSwitch:
        return said(self._vswitches.get(vswitch_id), "vpc", t("the range of vSwitch {vswitch}", vswitch=vswitch_id))


def _set_of(ranges: Collection[str]) -> AddressSet:
    try:
        return AddressSet.of(*ranges)
    except ValueError:
        message = t("a Pod range can't be read: {ranges}", ranges=list(ranges)[:5])
        raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None


def _no_groups() -> Reason:
    message = t("neither Terway's settings nor its interfaces say in which security groups Pods are")
    return Reason("ecs", ReasonKind.UNDECIDABLE, message)
