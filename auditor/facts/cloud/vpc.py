"""VPC: vSwitches and network ACLs."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class VSwitch(msgspec.Struct, frozen=True):
    """A vSwitch: a subnet in one zone. ``network_acl_id`` is empty where none is bound, None where not said."""

    id: str
    name: str = ""
    zone: str | None = None
    vpc_id: str | None = None
    cidr: str | None = None
    cidr6: str = ""
    free_ips: int | None = None
    network_acl_id: str | None = None

    @property
    def key(self) -> str:
        """The vSwitch id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("VSwitch", self.id, self.name)


class AclEntry(msgspec.Struct, frozen=True):
    """An entry of a network ACL; ``ports`` is ``first/last``, ``-1/-1`` for any; ``protocol`` may be ``all``."""

    policy: str
    protocol: str
    ports: str
    cidr: str


class NetworkAcl(msgspec.Struct, frozen=True):
    """A network ACL: stateless, read in list order; what no entry matches is denied."""

    id: str
    status: str | None = None
    ingress: list[AclEntry] = []
    egress: list[AclEntry] = []

    @property
    def key(self) -> str:
        """The ACL id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("NetworkAcl", self.id)
