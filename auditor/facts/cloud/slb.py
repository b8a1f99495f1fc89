"""CLB, which the API calls SLB: load balancers, listeners and server groups."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class LoadBalancer(msgspec.Struct, frozen=True):
    """A CLB instance.

    ``bandwidth`` is in Mbit/s, and bought only where traffic is paid by bandwidth: ``internet_charge_type`` is
    ``paybybandwidth`` or ``paybytraffic``. Without ``tags_are_said`` it may be anybody's.
    """

    id: str
    name: str = ""
    address: str = ""
    address_type: str | None = None
    status: str | None = None
    spec: str = ""
    charge_type: str | None = None
    vpc_id: str = ""
    tags: dict[str, str] = {}
    bandwidth: int | None = None
    internet_charge_type: str | None = None
    vswitch_id: str = ""
    tags_are_said: bool = True

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("LoadBalancer", self.id, self.name)


class Listener(msgspec.Struct, frozen=True):
    """A listener of a CLB. ``protocol`` is lower case; ``persistence_seconds`` 0 means no persistence.

    ``health_check``, ``sticky_session`` and ``acl_status`` are ``on`` or ``off``, None where not said.
    ``backend_port`` is that of the default group, None where the listener uses another group. ``bandwidth`` is in
    Mbit/s, -1 where the listener has no limit of its own.
    """

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
    established_seconds: int | None = None
    backend_port: int | None = None
    master_slave_group_id: str = ""
    health_check: str | None = None
    description: str = ""
    bandwidth: int | None = None

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


class MasterSlaveBackends(msgspec.Struct, frozen=True):
    """The two members of one master-slave group."""

    group_id: str
    backends: list[Backend] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.group_id


class AccessControlList(msgspec.Struct, frozen=True):
    """The address ranges of an access control list of CLB. An empty list is possible, and a defect of its own."""

    id: str
    name: str = ""
    entries: list[str] = []

    @property
    def key(self) -> str:
        """The id of the list."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("AccessControlList", self.id, self.name)


class ServerHealth(msgspec.Struct, frozen=True):
    """The health of a server behind one listener: ``normal``, ``abnormal``, or ``unavailable`` where nobody checks.

    ``protocol`` is lower case, None where the answer did not say: TCP and UDP may share a port number.
    """

    server_id: str
    listener_port: int
    protocol: str | None = None
    ip: str = ""
    port: int | None = None
    status: str | None = None


class LoadBalancerHealth(msgspec.Struct, frozen=True):
    """The health of all servers behind one CLB."""

    load_balancer_id: str
    servers: list[ServerHealth] = []

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.load_balancer_id
