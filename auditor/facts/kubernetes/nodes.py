"""Nodes."""

import re
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject, Condition
from auditor.facts.ref import Ref, kubernetes_ref

ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_PROVIDER_ID = re.compile(r"^(?:alicloud://)?(?P<region>[a-z0-9-]+)\.(?P<instance>i-[a-z0-9-]+)$")


class Taint(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A taint: NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    effect: str
    value: str = ""


class NodeSpec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the node is to be."""

    provider_id: str = msgspec.field(default="", name="providerID")
    pod_cidr: str = msgspec.field(default="", name="podCIDR")
    pod_cidrs: list[str] | None = msgspec.field(default=None, name="podCIDRs")
    taints: list[Taint] | None = None
    unschedulable: bool = False


class NodeAddress(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An address: InternalIP, ExternalIP, Hostname."""

    type: str
    address: str


class NodeInfo(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What runs on the node; ``architecture`` is ``amd64`` or ``arm64``."""

    kubelet_version: str = ""
    kube_proxy_version: str = ""
    architecture: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class NodeStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the node is."""

    addresses: list[NodeAddress] | None = None
    conditions: list[Condition] | None = None
    allocatable: dict[str, str] | None = None
    capacity: dict[str, str] | None = None
    node_info: NodeInfo = NodeInfo()


class Node(AnnotatedObject, frozen=True):
    """A node of the cluster."""

    KIND: ClassVar[str] = "Node"

    metadata: AnnotatedMeta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def instance_id(self) -> str | None:
        """The ECS instance behind the node, by ``spec.providerID``; None for a node of another kind."""
        match = _PROVIDER_ID.match(self.spec.provider_id)
        return match["instance"] if match else None

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports, with the instance id."""
        return kubernetes_ref(self.KIND, self.name, "", self.instance_id or "")

    @property
    def zone(self) -> str | None:
        """The zone by the node's label, new or old; None if it has neither."""
        return next((self.labels[label] for label in ZONE_LABELS if label in self.labels), None)

    @property
    def internal_ips(self) -> list[str]:
        """The addresses of type InternalIP; usually one."""
        return [entry.address for entry in self.status.addresses or () if entry.type == "InternalIP"]

    @property
    def is_ready(self) -> bool:
        """Whether the condition Ready is True."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions or ())

    @property
    def taints(self) -> list[Taint]:
        """The taints; empty if there are none."""
        return self.spec.taints or []

    @property
    def is_control_plane(self) -> bool:
        """Whether it carries a control-plane label (masters of a dedicated cluster)."""
        return any(
            label in self.labels
            for label in ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
        )

    @property
    def is_virtual(self) -> bool:
        """Whether it is a virtual node (ECI/ACS): no instance, no kubelet, no mount of its own."""
        return self.labels.get("type") == "virtual-kubelet"
