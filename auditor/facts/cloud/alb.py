"""ALB: application load balancers, their listeners, rules, access lists and server groups."""

import msgspec

from auditor.facts.cloud.slb import Backend
from auditor.facts.ref import Ref, cloud_ref


class ApplicationLoadBalancer(msgspec.Struct, frozen=True):
    """An ALB instance. ``lock_reasons`` is None where the answer did not say."""

    id: str
    name: str = ""
    dns_name: str = ""
    address_type: str | None = None
    status: str | None = None
    business_status: str | None = None
    vpc_id: str = ""
    security_group_ids: list[str] = []
    lock_reasons: list[str] | None = None
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports; the kind is the same as a CLB's."""
        return cloud_ref("LoadBalancer", self.id, self.name)


class AlbListener(msgspec.Struct, frozen=True):
    """A listener of an ALB, and the server groups that it forwards to by default. ``protocol`` is upper case."""

    id: str
    load_balancer_id: str
    port: int | None = None
    protocol: str | None = None
    status: str | None = None
    group_ids: list[str] = []

    @property
    def key(self) -> str:
        """The listener id."""
        return self.id


class AlbListenerAccess(msgspec.Struct, frozen=True):
    """Which access lists a listener has. ``acl_type`` is ``White`` or ``Black``, None where it has none."""

    listener_id: str
    acl_type: str | None = None
    acl_ids: list[str] = []

    @property
    def key(self) -> str:
        """The listener id."""
        return self.listener_id


class AlbAcl(msgspec.Struct, frozen=True):
    """The address ranges of one access list of ALB."""

    id: str
    entries: list[str] = []

    @property
    def key(self) -> str:
        """The id of the list."""
        return self.id


class AlbRule(msgspec.Struct, frozen=True):
    """A forwarding rule. ``source_ips`` are those that it is limited to; ``sticky`` None where not said."""

    id: str
    listener_id: str
    name: str = ""
    status: str | None = None
    priority: int | None = None
    source_ips: list[str] = []
    group_ids: list[str] = []
    sticky: bool | None = None

    @property
    def key(self) -> str:
        """The rule id."""
        return self.id


class AlbServerGroup(msgspec.Struct, frozen=True):
    """A server group. ``sticky``: whether sessions stay with one server."""

    id: str
    name: str = ""
    type: str = ""
    status: str | None = None
    scheduler: str | None = None
    server_count: int | None = None
    sticky: bool | None = None
    health_check: bool | None = None
    vpc_id: str = ""
    load_balancer_ids: list[str] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.id


class AlbGroupBackends(msgspec.Struct, frozen=True):
    """The entries of one server group; their ``type`` is ``ecs``, ``eni``, ``eci``, ``ip`` or ``fc``, lower case."""

    group_id: str
    backends: list[Backend] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.group_id
