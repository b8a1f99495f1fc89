"""Container Service (CS): the cluster, its node pools and its add-ons."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class Cluster(msgspec.Struct, frozen=True):
    """The cluster as ACK describes it. ``component_versions`` are those of its ``meta_data``."""

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


class NodePool(msgspec.Struct, frozen=True):
    """A node pool. ``auto_scaling`` is None where the answer did not say."""

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
    labels: dict[str, str] = {}
    state: str | None = None

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
