"""Container Service (CS): the cluster, its node pools and its add-ons."""

from datetime import datetime

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class Cluster(msgspec.Struct, frozen=True):
    """The cluster as ACK describes it. ``component_versions`` are those of its ``meta_data``.

    ``api_load_balancer_ids`` are the API server's load balancers as far as the description names them.
    ``vswitch_ids`` are empty where it did not say them: there are some.
    """

    id: str
    name: str = ""
    type: str | None = None
    spec: str | None = None
    profile: str | None = None
    state: str | None = None
    version: str | None = None
    vpc_id: str | None = None
    vswitch_ids: list[str] = []
    security_group_id: str | None = None
    container_cidr: str | None = None
    service_cidr: str | None = None
    proxy_mode: str | None = None
    network: str | None = None
    worker_role_name: str | None = None
    api_endpoints: dict[str, str] = {}
    component_versions: dict[str, str] = {}
    api_load_balancer_ids: list[str] = []
    node_cidr_mask: str | None = None
    initial_version: str | None = None

    @property
    def key(self) -> str:
        """The cluster id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("Cluster", self.id, self.name)

    @property
    def is_managed(self) -> bool:
        """Whether ACK runs the control plane."""
        return self.type in ("ManagedKubernetes", "Ask")


class PoolTaint(msgspec.Struct, frozen=True):
    """A taint that the pool's nodes get: NoSchedule, PreferNoSchedule or NoExecute."""

    key: str
    effect: str = ""
    value: str = ""


class PoolPattern(msgspec.Struct, frozen=True):
    """Sizes instead of types: the pool takes any type between these bounds; memory is in GiB."""

    min_cpu: int | None = None
    max_cpu: int | None = None
    min_memory_gib: float | None = None
    max_memory_gib: float | None = None
    architectures: list[str] = []


class NodePool(msgspec.Struct, frozen=True):
    """A node pool. ``auto_scaling``, ``labels`` and ``taints`` are None where the answer did not say."""

    id: str
    name: str = ""
    type: str | None = None
    auto_scaling: bool | None = None
    min_instances: int | None = None
    max_instances: int | None = None
    scaling_group_id: str = ""
    vswitch_ids: list[str] = []
    instance_types: list[str] = []
    role_name: str = ""
    labels: dict[str, str] | None = {}
    state: str | None = None
    taints: list[PoolTaint] | None = []
    patterns: list[PoolPattern] = []
    unschedulable: bool | None = None
    charge_type: str = ""
    spot_strategy: str = ""
    desired_size: int | None = None
    security_group_ids: list[str] = []
    multi_zone_policy: str | None = None
    total_nodes: int | None = None

    @property
    def key(self) -> str:
        """The node pool id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("NodePool", self.id, self.name)


class Addon(msgspec.Struct, frozen=True):
    """An add-on that is installed in the cluster, or runs for it outside."""

    name: str
    version: str = ""
    state: str = ""

    @property
    def key(self) -> str:
        """The name of the add-on."""
        return self.name


class ClusterEvent(msgspec.Struct, frozen=True):
    """An operation event of the cluster (scale-out, node attach); no Kubernetes event."""

    id: str
    type: str = ""
    level: str = ""
    reason: str = ""
    message: str = ""
    subject: str = ""
    time: datetime | None = None

    @property
    def key(self) -> str:
        """The event id."""
        return self.id


class ClusterTask(msgspec.Struct, frozen=True):
    """A task that ACK ran or runs on the cluster."""

    id: str
    type: str = ""
    state: str | None = None
    error_code: str = ""
    error_message: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def key(self) -> str:
        """The task id."""
        return self.id


class ClusterResource(msgspec.Struct, frozen=True):
    """A resource that ACK knows as the cluster's. Older clusters leave the list incomplete: a hint, and no proof."""

    instance_id: str
    type: str = ""
    state: str | None = None
    auto_create: bool | None = None
    kind: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """``type/instance id/kind/namespace/name``: one resource may serve several objects."""
        return f"{self.type}/{self.instance_id}/{self.kind}/{self.namespace}/{self.name}"


class ControlPlaneLog(msgspec.Struct, frozen=True):
    """Which components of the control plane have their logs collected, and in which log project."""

    cluster_id: str
    project: str = ""
    components: list[str] = []

    @property
    def key(self) -> str:
        """The cluster id."""
        return self.cluster_id


class ContainerQuota(msgspec.Struct, frozen=True):
    """A quota of Container Service, such as nodes in a cluster."""

    code: str
    limit: int | None = None

    @property
    def key(self) -> str:
        """The code of the quota, such as ``node_quota``."""
        return self.code


class Grant(msgspec.Struct, frozen=True):
    """A right given through ACK: the resource is a cluster id, ``cluster/namespace`` or ``all-clusters``."""

    resource_id: str
    resource_type: str = ""
    role_type: str = ""
    role_name: str = ""


class UserPermissions(msgspec.Struct, frozen=True):
    """The rights that ACK gave to one RAM user or role."""

    uid: str
    grants: list[Grant] = []

    @property
    def key(self) -> str:
        """The id of the user or role."""
        return self.uid
