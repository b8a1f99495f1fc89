"""What extends the cluster: storage drivers, aggregated APIs, and Terway's Pod networks."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import Condition, KubernetesObject, LabelSelector, Meta


class CsiDriverSpec(msgspec.Struct, rename="camel", frozen=True):
    """How Kubernetes treats the volumes of a driver. ``fs_group_policy`` None means ReadWriteOnceWithFSType."""

    attach_required: bool | None = None
    fs_group_policy: str | None = None
    pod_info_on_mount: bool | None = None


class CsiDriver(KubernetesObject, frozen=True):
    """A storage driver that is installed in the cluster."""

    KIND: ClassVar[str] = "CSIDriver"

    metadata: Meta
    spec: CsiDriverSpec = CsiDriverSpec()


class NodeDriverAllocatable(msgspec.Struct, rename="camel", frozen=True):
    """How many volumes of the driver a node takes."""

    count: int | None = None


class NodeDriver(msgspec.Struct, rename="camel", frozen=True):
    """A driver that is registered on a node, and by which keys it tells places apart."""

    name: str
    node_id: str = msgspec.field(default="", name="nodeID")
    topology_keys: list[str] | None = None
    allocatable: NodeDriverAllocatable | None = None


class CsiNodeSpec(msgspec.Struct, rename="camel", frozen=True):
    """The drivers of a node."""

    drivers: list[NodeDriver] | None = None


class CsiNode(KubernetesObject, frozen=True):
    """The drivers that are registered on the node of the same name."""

    KIND: ClassVar[str] = "CSINode"

    metadata: Meta
    spec: CsiNodeSpec

    @property
    def drivers(self) -> list[NodeDriver]:
        """The registered drivers; empty if there are none."""
        return self.spec.drivers or []


class ApiServiceTarget(msgspec.Struct, rename="camel", frozen=True):
    """The Service that answers for an API."""

    name: str = ""
    namespace: str = ""


class ApiServiceSpec(msgspec.Struct, rename="camel", frozen=True):
    """Which API; without ``service`` the API server answers itself."""

    group: str = ""
    version: str = ""
    service: ApiServiceTarget | None = None


class ApiServiceStatus(msgspec.Struct, rename="camel", frozen=True):
    """Whether it is available."""

    conditions: list[Condition] | None = None


class ApiService(KubernetesObject, frozen=True):
    """An API that the API server serves, itself or through another server."""

    KIND: ClassVar[str] = "APIService"

    metadata: Meta
    spec: ApiServiceSpec = ApiServiceSpec()
    status: ApiServiceStatus = ApiServiceStatus()

    @property
    def condition(self) -> Condition | None:
        """The condition Available, if it has one."""
        return next((c for c in self.status.conditions or () if c.type == "Available"), None)


class PodNetworkingSelector(msgspec.Struct, rename="camel", frozen=True):
    """Which Pods get this network."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None


class PodNetworkingSpec(msgspec.Struct, rename="camel", frozen=True):
    """The vSwitches and security groups of the Pods' interfaces."""

    v_switch_options: list[str] | None = None
    security_group_ids: list[str] | None = msgspec.field(default=None, name="securityGroupIDs")
    selector: PodNetworkingSelector | None = None


class PodNetworking(KubernetesObject, frozen=True):
    """A Pod network of Terway (``podnetworkings.network.alibabacloud.com``), where it is installed."""

    KIND: ClassVar[str] = "PodNetworking"

    metadata: Meta
    spec: PodNetworkingSpec = PodNetworkingSpec()
