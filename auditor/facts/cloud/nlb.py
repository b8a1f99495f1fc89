"""NLB: network load balancers and their server groups."""

import msgspec

from auditor.facts.cloud.slb import Backend
from auditor.facts.ref import Ref, cloud_ref


class NetworkLoadBalancer(msgspec.Struct, frozen=True):
    """An NLB instance. ``addresses`` are its IPv4 addresses in all zones, private and public.

    Without a security group it lets everybody in; ``security_group_ids`` is None where the answer did not say.
    """

    id: str
    name: str = ""
    dns_name: str = ""
    status: str | None = None
    vpc_id: str = ""
    security_group_ids: list[str] | None = []
    tags: dict[str, str] = {}
    address_type: str | None = None
    addresses: list[str] = []

    @property
    def key(self) -> str:
        """The load balancer id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports; the kind is the same as a CLB's."""
        return cloud_ref("LoadBalancer", self.id, self.name)


class NlbServerGroup(msgspec.Struct, frozen=True):
    """A server group and the load balancers that use it."""

    id: str
    name: str = ""
    type: str = ""
    scheduler: str | None = None
    server_count: int | None = None
    load_balancer_ids: list[str] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.id


class NlbGroupBackends(msgspec.Struct, frozen=True):
    """The entries of one server group; their ``type`` is ``ecs``, ``eni``, ``eci`` or ``ip``, lower case."""

    group_id: str
    backends: list[Backend] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.group_id


class NlbListener(msgspec.Struct, frozen=True):
    """A listener of an NLB. ``protocol`` is upper case; ``first_port`` and ``last_port`` are set for a range."""

    id: str
    load_balancer_id: str
    port: int | None = None
    protocol: str | None = None
    status: str | None = None
    server_group_id: str = ""
    first_port: int | None = None
    last_port: int | None = None

    @property
    def key(self) -> str:
        """The listener id."""
        return self.id


class UnhealthyServer(msgspec.Struct, frozen=True):
    """A server that a listener of NLB or ALB does not find healthy, and why, in the API's words."""

    group_id: str
    server_id: str = ""
    ip: str = ""
    port: int | None = None
    status: str = ""
    reason: str = ""


class ListenerHealth(msgspec.Struct, frozen=True):
    """The health of the servers of one listener of NLB or ALB: the answer names only those that are not healthy.

    ``unchecked_groups`` are the server groups whose servers nobody checks.
    """

    listener_id: str
    unhealthy: list[UnhealthyServer] = []
    unchecked_groups: list[str] = []

    @property
    def key(self) -> str:
        """The listener id."""
        return self.listener_id
