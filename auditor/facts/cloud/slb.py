"""CLB, which the API calls SLB: load balancers, listeners and server groups."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class LoadBalancer(msgspec.Struct, frozen=True):
    """A CLB instance."""

    id: str
    name: str = ""
    address: str = ""
    address_type: str | None = None
    status: str | None = None
    spec: str = ""
    charge_type: str | None = None
    vpc_id: str = ""
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("LoadBalancer", self.id, self.name)


class Listener(msgspec.Struct, frozen=True):
    """A listener of a CLB. ``protocol`` is lower case; ``persistence_seconds`` 0 means no persistence."""

    load_balancer_id: str
    port: int
    protocol: str
    status: str | None = None
    scheduler: str | None = None
    server_group_id: str = ""
    acl_status: str | None = None
    acl_type: str | None = None
    acl_ids: list[str] = []
    persistence_seconds: int | None = None
    sticky_session: str | None = None

    @property
    def key(self) -> str:
        """``load balancer/port/protocol``: TCP and UDP may share a port number."""
        return f"{self.load_balancer_id}/{self.port}/{self.protocol}"


class ServerGroup(msgspec.Struct, frozen=True):
    """A VServer group as its load balancer lists it."""

    id: str
    name: str = ""
    server_count: int | None = None
    listeners: list[str] = []


class LoadBalancerServerGroups(msgspec.Struct, frozen=True):
    """The VServer groups of one CLB."""

    load_balancer_id: str
    groups: list[ServerGroup] = []

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.load_balancer_id


class Backend(msgspec.Struct, frozen=True):
    """One entry of a server group. ``type`` is ``ecs``, ``eni`` or ``eci``, lower case."""

    server_id: str
    port: int | None = None
    weight: int | None = None
    type: str = ""
    ip: str = ""


class GroupBackends(msgspec.Struct, frozen=True):
    """The entries of one VServer group."""

    group_id: str
    backends: list[Backend] = []
    name: str = ""

    @property
    def key(self) -> str:
        """The group id."""
        return self.group_id


class DefaultBackends(msgspec.Struct, frozen=True):
    """The entries of a CLB's default group. The VServer groups are not in it."""

    load_balancer_id: str
    backends: list[Backend] = []

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.load_balancer_id


class MasterSlaveGroup(msgspec.Struct, frozen=True):
    """A master-slave group. Its members are exactly two: a master and a slave."""

    id: str
    name: str = ""


class LoadBalancerMasterSlaveGroups(msgspec.Struct, frozen=True):
    """The master-slave groups of one CLB."""

    load_balancer_id: str
    groups: list[MasterSlaveGroup] = []

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.load_balancer_id
