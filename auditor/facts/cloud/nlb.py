"""NLB: network load balancers and their server groups."""

import msgspec

from auditor.facts.cloud.slb import Backend
from auditor.facts.ref import Ref, cloud_ref


class NetworkLoadBalancer(msgspec.Struct, frozen=True):
    """An NLB instance."""

    id: str
    name: str = ""
    dns_name: str = ""
    status: str | None = None
    vpc_id: str = ""
    security_group_ids: list[str] = []
    tags: dict[str, str] = {}

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
