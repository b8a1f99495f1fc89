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


class Vpc(msgspec.Struct, frozen=True):
    """A VPC and all its address ranges."""

    id: str
    name: str = ""
    cidr: str | None = None
    secondary_cidrs: list[str] = []
    user_cidrs: list[str] = []
    status: str | None = None

    @property
    def key(self) -> str:
        """The VPC id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("Vpc", self.id, self.name)


class RouteTable(msgspec.Struct, frozen=True):
    """A route table of the VPC; ``type`` is System or Custom."""

    id: str
    name: str = ""
    type: str | None = None
    vpc_id: str = ""
    vswitch_ids: list[str] = []

    @property
    def key(self) -> str:
        """The route table id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("RouteTable", self.id, self.name)


class NextHop(msgspec.Struct, frozen=True):
    """Where a route leads: ``Instance``, ``local``, ``VpcPeer``, ``RouterInterface``, ``Attachment`` (CEN)."""

    type: str
    id: str = ""


class RouteEntry(msgspec.Struct, frozen=True):
    """A route. ``type`` is System, Custom or BGP; it works while ``status`` is Available."""

    destination: str
    type: str | None = None
    status: str | None = None
    next_hops: list[NextHop] = []


class RouteEntries(msgspec.Struct, frozen=True):
    """All routes of one route table."""

    route_table_id: str
    entries: list[RouteEntry] = []

    @property
    def key(self) -> str:
        """The route table id."""
        return self.route_table_id


class Eip(msgspec.Struct, frozen=True):
    """An elastic IP address. ``bandwidth`` is in Mbit/s; ``business_status`` is Normal or FinancialLocked."""

    id: str
    address: str
    status: str | None = None
    instance_id: str = ""
    instance_type: str = ""
    bandwidth: int | None = None
    business_status: str | None = None
    lock_reasons: list[str] | None = None

    @property
    def key(self) -> str:
        """The allocation id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("Eip", self.id, self.address)
