"""Cluster ↔ the addresses of its nodes, Pods, Services and control plane."""

from collections.abc import Iterable

import msgspec

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.decoders import decoder_of
from auditor.facts.joins.api_server import range_of
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod, PodIp
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.ccm_backends import EXCLUDING_LABELS
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import t

ACK_CONTROL_PLANE = "100.104.0.0/16"
"""From where ACK's management reaches API servers ("Configure network access policies for the API server")."""
TERWAY_CONFIG = "kube-system/eni-config"


class _EniConfig(msgspec.Struct):
    vswitches: dict[str, list[str]] | None = None
    security_group: str = ""
    security_groups: list[str] | None = None


_ENI_CONFIG: msgspec.json.Decoder[_EniConfig] = decoder_of(_EniConfig)


class ClusterNetworks:
    """Cluster ↔ the addresses of its nodes, Pods, Services and control plane.

    *Addresses* are those in use now: a rule that refuses one of them hurts somebody today. *Ranges* are those from
    which further ones will be taken.
    """

    def __init__(
        self,
        nodes: Table[Node],
        pods: Table[Pod],
        clusters: Table[Cluster],
        vswitches: Table[VSwitch],
        config_maps: Table[ConfigMap],
        cluster: ClusterIdentity,
    ) -> None:
        """Join the tables."""
        self._nodes = nodes
        self._pods = pods
        self._clusters = clusters
        self._vswitches = vswitches
        self._config_maps = config_maps
        self._cluster_id = cluster.cluster_id
        self._node_addresses: AddressSet | None = None
        self._worker_addresses: AddressSet | None = None
        self._pod_addresses: AddressSet | None = None

    def node_addresses(self) -> AddressSet:
        """Return the addresses of the nodes, but of virtual ones: nothing calls from theirs.

        Raises NotKnown if nodes may be missing.
        """
        if self._node_addresses is None:
            real = (node for node in self._nodes.all() if not node.is_virtual)
            self._node_addresses = _addresses(ip for node in real for ip in node.internal_ips)
        return self._node_addresses

    def worker_addresses(self) -> AddressSet:
        """Return the addresses of the nodes that load balancers lead to. Raises NotKnown if nodes may be missing."""
        if self._worker_addresses is None:
            workers = [node for node in self._nodes.all() if not node.is_control_plane and not node.is_virtual]
            listed = [node for node in workers if not any(label in node.labels for label in EXCLUDING_LABELS)]
            self._worker_addresses = _addresses(ip for node in listed for ip in node.internal_ips)
        return self._worker_addresses

    def pod_addresses(self) -> AddressSet:
        """Return the addresses of the Pods that have one of their own. Raises NotKnown if Pods may be missing."""
        if self._pod_addresses is None:
            self._pod_addresses = _addresses(
                entry.ip
                for pod in self._pods.all()
                if not pod.spec.host_network and not pod.is_finished
                for entry in pod.status.pod_ips or (PodIp(pod.status.pod_ip),)
            )
        return self._pod_addresses

    def is_terway(self) -> bool:
        """Tell whether Pods have addresses of vSwitches. Raises NotKnown if the cluster's description is not known."""
        row = self._description()
        return "terway" in (row.network or "").lower() or not row.container_cidr

    def pod_ranges(self) -> AddressSet:
        """Return the ranges that Pods get their addresses from: Flannel's, or those of Terway's vSwitches.

        Raises NotKnown if they can't be told.
        """
        row = self._description()
        if row.container_cidr and not self.is_terway():
            return _addresses(row.container_cidr.split(","))
        ids = [one for zone in (self.terway_config().vswitches or {}).values() for one in zone]
        return _united(range_of(self._vswitch(one)) for one in ids)

    def terway_config(self) -> _EniConfig:
        """Return what Terway is told of vSwitches and security groups. Raises NotKnown if it can't be read."""
        row = self._config_maps.get(TERWAY_CONFIG)
        text = said(
            (row.data or {}).get("eni_conf") if row else None, "kubernetes", t("eni_conf of {name}", name=TERWAY_CONFIG)
        )
        try:
            return _ENI_CONFIG.decode(text)
        except msgspec.DecodeError:
            message = t("eni_conf of ConfigMap {name} can't be read", name=TERWAY_CONFIG)
            raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None

    def service_ranges(self) -> AddressSet:
        """Return the range of the Services' virtual addresses. Raises NotKnown if it was not said."""
        cidr = said(self._description().service_cidr, "cs", t("the Service range of the cluster"))
        return _addresses(cidr.split(","))

    def control_plane_ranges(self) -> AddressSet:
        """Return the ranges of the control plane's vSwitches. Raises NotKnown if one is not known."""
        ids = said(self._description().vswitch_ids or None, "cs", t("the vSwitches of the cluster"))
        return _united(range_of(self._vswitch(one)) for one in ids)

    def _description(self) -> Cluster:
        return said(self._clusters.get(self._cluster_id), "cs", t("the description of the cluster"))

    def _vswitch(self, vswitch_id: str) -> VSwitch:
        row = self._vswitches.get(vswitch_id)
        return said(row, "vpc", t("the address range of vSwitch {vswitch}", vswitch=vswitch_id))


def _addresses(ranges: Iterable[str]) -> AddressSet:
    texts = [text for text in ranges if text.strip()]
    try:
        return AddressSet.of(*texts)
    except ValueError:
        message = t("an address can't be read: {texts}", texts=texts[:5])
        raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None


def _united(sets: Iterable[AddressSet]) -> AddressSet:
    whole = AddressSet()
    for part in sets:
        whole |= part
    return whole
