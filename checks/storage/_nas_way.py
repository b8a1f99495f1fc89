"""The way from a node to a NAS mount target: VPC, security groups, network ACLs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.cloud.vpc import NetworkAcl, VSwitch
from auditor.facts.joins.api_server import range_of
from auditor.facts.joins.vpc_exits import VpcExits
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, NAS_FLEX_DRIVER, PersistentVolume
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.first_match import Answer, Outcome, Part, Ports
from auditor.facts.rules.network_acl import EPHEMERAL_PORTS, judge_acl
from auditor.facts.rules.security_group import Direction, Peer, SecurityGroupFilter, Traffic
from auditor.judge.api import (
    Certainty,
    NotKnown,
    Reason,
    ReasonKind,
    Ref,
    Table,
    Text,
    cloud_ref,
    said,
    t,
)

NFS = Ports.one(2049)
"""The port of NFS on every mount target ("Mount target" of the NAS documents)."""
RESERVED_PORTS = Ports(665, 1023)
"""The ports that Linux NFS clients call from without ``noresvport`` (sunrpc.min_resvport, sunrpc.max_resvport)."""


@dataclass(frozen=True)
class Mount:
    """A NAS volume and where it is mounted from."""

    volume: PersistentVolume
    file_system: FileSystem
    target: MountTarget
    region: str

    @property
    def vpc_id(self) -> str:
        """The VPC of the mount target. Raises NotKnown if it was not said."""
        return said(self.target.vpc_id or None, "nas", t("the VPC of mount target {domain}", domain=self.target.domain))

    @property
    def answer_ports(self) -> Ports:
        """The ports that clients call from, to which the answers go: by the mount options, or the driver's own."""
        spec = self.volume.spec
        given = (spec.csi and spec.csi.volume_attributes) or (spec.flex and spec.flex.options) or {}
        options = ",".join((*(spec.mount_options or ()), given.get("options", "")))
        driver = (spec.csi.driver if spec.csi else "") or (spec.flex.driver if spec.flex else "")
        by_default = driver in (NAS_CSI_DRIVER, NAS_FLEX_DRIVER) and not options.strip(",")
        return EPHEMERAL_PORTS if by_default or "noresvport" in options else RESERVED_PORTS


@dataclass(frozen=True)
class Refusal:
    """That a node can't reach the mount target, and what refuses it.

    ``blocker`` is the object with the fault; ``part`` what of a security group or network ACL decides, and
    ``direction`` which way the refused packets go; ``certainty`` as far as the range in question is refused.
    """

    node: Node
    instance: Instance
    fault: str
    blocker: Ref
    detail: Text
    message: Text
    vswitch: VSwitch | None = None
    part: Part | None = None
    certainty: Certainty = Certainty.CONFIRMED
    pod: Pod | None = None


class Partly(NotKnown):
    """Only a part of the range that the mount target's address is in is refused.

    Carries what would refuse it, and the ranges that it refuses.
    """

    def __init__(self, refusal: Refusal, refused: Sequence[str], *reasons: Reason) -> None:
        super().__init__(*reasons)
        self.refusal = refusal
        self.refused = refused


@dataclass(frozen=True)
class Network:
    """What is known of the VPC."""

    vswitches: Table[VSwitch]
    network_acls: Table[NetworkAcl]
    groups: SecurityGroupFilter
    exits: VpcExits

    def refusals(self, mount: Mount, node: Node, instance: Instance) -> Refusal | None:
        """Return what keeps a node from the mount target, or None if nothing that was read does.

        Raises NotKnown where that can't be told, and :class:`Partly` where it depends on the address.
        """
        node_vpc = said(instance.vpc_id or None, "ecs", t("the VPC of instance {id}", id=instance.id))
        if node_vpc != mount.vpc_id:
            return self._between_vpcs(mount, node, instance, node_vpc)
        vswitch = self._vswitch_of(mount)
        said(vswitch.cidr or None, "vpc", t("the address range of vSwitch {vswitch}", vswitch=vswitch.id))
        servers = range_of(vswitch).ipv4
        unknown: list[Reason] = []
        partly: Partly | None = None
        for ask in (self._by_groups, self._by_acls):
            try:
                for refusal in ask(mount, node, instance, vswitch, servers):
                    return refusal
            except Partly as gap:
                partly = partly or gap
            except NotKnown as gap:
                unknown += gap.reasons
        if partly is not None:
            raise Partly(partly.refusal, partly.refused, *partly.reasons, *unknown)
        if unknown:
            raise NotKnown(*unknown)
        return None

    def _between_vpcs(self, mount: Mount, node: Node, instance: Instance, node_vpc: str) -> Refusal:
        exits = self.exits.of(node_vpc)
        if exits:
            message = t(
                "mount target {domain} is in {theirs}, the nodes are in {ours}; route {route} leads out of it by "
                "{hop}, so it may be reachable",
                domain=mount.target.domain,
                theirs=mount.vpc_id,
                ours=node_vpc,
                route=exits[0].destination,
                hop=f"{exits[0].hop.type} {exits[0].hop.id}".strip(),
            )
            raise NotKnown(Reason("vpc", ReasonKind.UNDECIDABLE, message))
        return Refusal(
            node,
            instance,
            "other-vpc",
            cloud_ref("MountTarget", mount.target.domain),
            t("is in {theirs}, the nodes are in {ours}", theirs=mount.vpc_id, ours=node_vpc),
            t(
                "mount target {domain} is in {theirs}, but {affected} are in {ours}, and no route leads from there to "
                "another VPC: every mount times out",
                domain=mount.target.domain,
                theirs=mount.vpc_id,
                ours=node_vpc,
            ),
        )

    def _vswitch_of(self, mount: Mount) -> VSwitch:
        what = t("the vSwitch of mount target {domain}", domain=mount.target.domain)
        vswitch_id = said(mount.target.vswitch_id or None, "nas", what)
        found = self.vswitches.get(vswitch_id)
        return said(found, "vpc", t("the address range of vSwitch {vswitch}", vswitch=vswitch_id))

    def _by_groups(
        self, mount: Mount, node: Node, instance: Instance, vswitch: VSwitch, servers: AddressSet
    ) -> Iterator[Refusal]:
        what = t("the security groups of instance {id}", id=instance.id)
        groups = said(instance.security_group_ids, "ecs", what)
        # The address is of NAS itself, and in no security group.
        answer = self.groups.judge(groups, Traffic(Direction.EGRESS, "tcp", Peer(servers, frozenset()), NFS))
        yield from _decided(answer, partial(_by_group, mount, node, instance, vswitch))

    def _by_acls(
        self, mount: Mount, node: Node, instance: Instance, vswitch: VSwitch, servers: AddressSet
    ) -> Iterator[Refusal]:
        what = t("the vSwitch of instance {id}", id=instance.id)
        own_id = said(instance.vswitch_id or None, "ecs", what)
        if own_id == vswitch.id:
            return  # an ACL stands between vSwitches, not within one
        own = said(self.vswitches.get(own_id), "vpc", t("vSwitch {vswitch}", vswitch=own_id))
        addresses = said(
            instance.private_ips or node.internal_ips or None, "ecs", t("the address of {id}", id=node.name)
        )
        clients = AddressSet.of(*addresses).ipv4
        for place, peers, calls, answers in (
            (own, servers, Direction.EGRESS, Direction.INGRESS),
            (vswitch, clients, Direction.INGRESS, Direction.EGRESS),
        ):
            acl = self._acl_of(place)
            if acl is None:
                continue
            for direction, ports in ((calls, NFS), (answers, mount.answer_ports)):
                answer = judge_acl(acl, direction, "tcp", ports, peers)
                yield from _decided(answer, partial(_by_acl, mount, node, instance, vswitch, acl, direction))

    def _acl_of(self, vswitch: VSwitch) -> NetworkAcl | None:
        acl_id = said(vswitch.network_acl_id, "vpc", t("the network ACL of vSwitch {vswitch}", vswitch=vswitch.id))
        if not acl_id:
            return None
        return said(self.network_acls.get(acl_id), "vpc", t("the entries of network ACL {acl}", acl=acl_id))


def _decided(answer: Answer, make: Callable[[Part], Refusal]) -> Iterator[Refusal]:
    """Yield the refusal if the whole of the traffic is refused. Raises NotKnown if that can't be told.

    No API gives the address of a mount target: of a range that is refused in part, it may be in either part.
    """
    match answer.outcome:
        case Outcome.DENIED:
            yield make(answer.parts[0])
        case Outcome.PARTLY:
            refusal = make(answer.refused[0])
            refused = answer.refused_peers.cidrs
            message = t(
                "{blocker} refuses {refused} of the range that the mount target is in, and its address is not known",
                blocker=refusal.blocker.path,
                refused=refused,
            )
            raise Partly(refusal, refused, Reason("nas", ReasonKind.UNDECIDABLE, message), *answer.reasons)
        case Outcome.UNKNOWN:
            raise NotKnown(*answer.reasons)
        case _:
            return


def _by_group(mount: Mount, node: Node, instance: Instance, vswitch: VSwitch, part: Part) -> Refusal:
    rule: str | Text = part.rule or t("the default")
    return Refusal(
        node,
        instance,
        "security-group",
        cloud_ref("SecurityGroup", part.owner),
        t("outbound: {rule} refuses TCP port 2049 to {cidr}", rule=rule, cidr=vswitch.cidr or ""),
        t(
            "security group {group} ({rule}) lets {affected} send nothing to TCP port 2049 in {cidr}, the range of "
            "mount target {domain}: every mount times out",
            group=part.owner,
            rule=rule,
            cidr=vswitch.cidr or "",
            domain=mount.target.domain,
        ),
        vswitch,
        part,
    )


def _by_acl(
    mount: Mount,
    node: Node,
    instance: Instance,
    vswitch: VSwitch,
    acl: NetworkAcl,
    direction: Direction,
    part: Part,
) -> Refusal:
    entry: str | Text = part.rule or t("the default")
    return Refusal(
        node,
        instance,
        "network-acl",
        acl.ref,
        t("{direction}: {entry} drops TCP ports {ports}", direction=direction, entry=entry, ports=str(part.ports)),
        t(
            "network ACL {acl} ({direction}, {entry}) drops what {affected} and mount target {domain} send each other "
            "on TCP ports {ports}: every mount times out",
            acl=acl.id,
            direction=direction,
            entry=entry,
            domain=mount.target.domain,
            ports=str(part.ports),
        ),
        vswitch,
        part,
    )
