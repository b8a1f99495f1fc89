"""ECS: instances, disks, security groups and network interfaces."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref

PRE_PAID = "PrePaid"
POST_PAID = "PostPaid"
NO_SPOT = "NoSpot"


class Instance(msgspec.Struct, frozen=True):
    """An ECS instance. ``security_group_ids`` are those of its primary network interface; None where not said."""

    id: str
    name: str = ""
    status: str | None = None
    zone: str | None = None
    type: str | None = None
    charge_type: str | None = None
    vpc_id: str | None = None
    vswitch_id: str | None = None
    private_ips: list[str] = []
    security_group_ids: list[str] | None = None
    network_interface_ids: list[str] | None = []
    lock_reasons: list[str] | None = None
    http_tokens: str | None = None

    @property
    def key(self) -> str:
        """The instance id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("Instance", self.id, self.name)


class Disk(msgspec.Struct, frozen=True):
    """A cloud disk. ``zones`` is filled for regional disks, which have no single zone."""

    id: str
    name: str = ""
    zone: str | None = None
    zones: list[str] = []
    region: str | None = None
    status: str | None = None
    type: str | None = None
    category: str | None = None
    instance_id: str = ""
    attached_to: list[str] = []
    charge_type: str | None = None
    portable: bool | None = None
    multi_attach: bool | None = None
    lock_reasons: list[str] = []
    size_gib: int | None = None

    @property
    def key(self) -> str:
        """The disk id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("Disk", self.id, self.name)

    @property
    def is_regional(self) -> bool:
        """Whether it can be attached in several zones."""
        return bool(self.zones) or (self.category or "").startswith("cloud_regional_disk")

    @property
    def holders(self) -> list[str]:
        """The instances that it is attached to."""
        return self.attached_to or ([self.instance_id] if self.instance_id else [])


class SecurityGroup(msgspec.Struct, frozen=True):
    """A security group. ``type`` is ``normal`` (basic) or ``enterprise`` (advanced)."""

    id: str
    name: str = ""
    type: str | None = None
    vpc_id: str | None = None

    @property
    def key(self) -> str:
        """The group id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("SecurityGroup", self.id, self.name)


class SecurityGroupRule(msgspec.Struct, frozen=True):
    """One rule. Exactly one of the four kinds of peer is filled; what does not apply is empty.

    ``ports`` is ``first/last``, ``-1/-1`` for any; with ``port_list_id`` the ports are in that list instead.
    ``peer_group_account`` is filled where ``peer_group_id`` may belong to another account.
    """

    id: str
    direction: str
    policy: str
    priority: int
    protocol: str
    ports: str = "-1/-1"
    port_list_id: str = ""
    peer_cidr: str = ""
    peer_cidr6: str = ""
    peer_group_id: str = ""
    peer_group_account: str = ""
    peer_prefix_list_id: str = ""
    source_ports: str = ""
    nic_type: str = "intranet"
    description: str = ""


class SecurityGroupRules(msgspec.Struct, frozen=True):
    """All rules of one group, both directions. ``inner_access`` is ``Accept`` or ``Drop``."""

    group_id: str
    inner_access: str | None = None
    rules: list[SecurityGroupRule] = []

    @property
    def key(self) -> str:
        """The group id."""
        return self.group_id


class PrefixList(msgspec.Struct, frozen=True):
    """The address ranges of a prefix list."""

    id: str
    cidrs: list[str] = []

    @property
    def key(self) -> str:
        """The list id."""
        return self.id


class PortRangeList(msgspec.Struct, frozen=True):
    """The port ranges ``first/last`` of a port list."""

    id: str
    ranges: list[str] = []

    @property
    def key(self) -> str:
        """The list id."""
        return self.id


class NetworkInterface(msgspec.Struct, frozen=True):
    """An elastic network interface (ENI). ``service_managed``: a cloud service made it and keeps it."""

    id: str
    type: str | None = None
    instance_id: str = ""
    primary_ip: str = ""
    private_ips: list[str] = []
    security_group_ids: list[str] | None = None
    vswitch_id: str | None = None
    vpc_id: str | None = None
    zone: str | None = None
    service_managed: bool | None = None

    @property
    def key(self) -> str:
        """The interface id."""
        return self.id


class InstanceRole(msgspec.Struct, frozen=True):
    """The RAM role that an instance carries; empty if it carries none."""

    instance_id: str
    role_name: str = ""

    @property
    def key(self) -> str:
        """The instance id."""
        return self.instance_id


class InstanceType(msgspec.Struct, frozen=True):
    """The size of an instance type; None where the answer did not say.

    ``memory_gib`` is in GiB. ``disk_quantity`` counts the cloud disks that can be attached, the system disk
    included. ``architecture`` is ``X86`` or ``ARM``.
    """

    name: str
    family: str = ""
    cpu: int | None = None
    memory_gib: float | None = None
    gpu: int | None = None
    gpu_spec: str = ""
    architecture: str | None = None
    disk_quantity: int | None = None
    eni_quantity: int | None = None
    eni_private_ips: int | None = None

    @property
    def key(self) -> str:
        """The name of the type, such as ``ecs.g7.xlarge``."""
        return self.name


class ZoneStock(msgspec.Struct, frozen=True):
    """Whether an instance type is on sale in a zone.

    ``status`` is Available or SoldOut; ``category`` WithStock, ClosedWithStock, WithoutStock or ClosedWithoutStock.
    The category decides: Available without stock does occur.
    """

    zone: str
    status: str | None = None
    category: str | None = None


class TypeStock(msgspec.Struct, frozen=True):
    """Where an instance type is on sale, for one way of paying: ``PostPaid``, ``PrePaid`` or a spot strategy."""

    type: str
    payment: str
    zones: list[ZoneStock] = []

    @property
    def key(self) -> str:
        """``type/payment``."""
        return type_stock_key(self.type, self.payment)


def payment_for(charge_type: str, spot_strategy: str) -> str:
    """Return the way of paying by which stock is asked for.

    A spot strategy other than ``NoSpot`` is one of its own, as the cloud keeps spot stock apart; what is paid by
    subscription is ``PrePaid``, and all else ``PostPaid``, which is the cloud's default.
    """
    if spot_strategy not in ("", NO_SPOT):
        return spot_strategy
    return PRE_PAID if charge_type == PRE_PAID else POST_PAID


def type_stock_key(instance_type: str, payment: str) -> str:
    """Return the key of the stock of an instance type for one way of paying."""
    return f"{instance_type}/{payment}"
