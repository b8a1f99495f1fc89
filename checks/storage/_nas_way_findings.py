"""The findings on nodes that can't reach a NAS mount target."""

from collections.abc import Iterator, Sequence

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume
from auditor.facts.rules.nas_servers import NasServer
from auditor.judge.api import (
    Evidence,
    Finding,
    Hop,
    Step,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)
from checks.storage._nas_way import Mount, Refusal

SHOWN_NODES = 5
"""How many nodes the trail lists."""


def findings(mount: Mount, refusals: Sequence[Refusal]) -> Iterator[Finding]:
    """Make the findings: one for each kind of fault, with the nodes that it hurts."""
    for fault in dict.fromkeys(refusal.fault for refusal in refusals):
        same = [refusal for refusal in refusals if refusal.fault == fault]
        yield _finding(mount, sorted(same, key=lambda refusal: refusal.certainty.rank))


def _finding(mount: Mount, refusals: Sequence[Refusal]) -> Finding:
    first = refusals[0]
    nodes = list({refusal.node.name: refusal.node.ref for refusal in refusals}.values())
    evidence: dict[str, Evidence] = {
        "mount_target": mount.target.domain,
        "mount_target_vpc": mount.target.vpc_id,
        "mount_target_vswitch": mount.target.vswitch_id,
        "node_vpc": first.instance.vpc_id,
        "pods": sorted({refusal.pod.key for refusal in refusals if refusal.pod}),
    }
    if first.vswitch:
        evidence["mount_target_range"] = first.vswitch.cidr
        evidence["groups_of_interface"] = sorted(first.instance.security_group_ids or ())
    if first.part:
        evidence |= {"refused_by": first.part.owner, "deciding_rule": first.part.rule or "default"}
    return Finding(
        subject=mount.volume.ref,
        fault=first.fault,
        message=first.message,
        certainty=first.certainty,
        trail=_trail(mount, refusals),
        evidence=evidence,
        remedy=_remedy(mount, first),
        affected=tuple(nodes),
    )


def other_region(volume: PersistentVolume, server: NasServer, region: str, pods: Sequence[Pod]) -> Finding:
    """Make the finding that a volume names a mount target of a region that no route of the nodes' VPC leads to."""
    namespace, _, claim = (volume.claim_key or "").partition("/")
    return Finding(
        subject=volume.ref,
        fault="other-region",
        message=t(
            "mount target {domain} is in region {theirs}, the cluster in {ours}, and no route leads out of its VPC: "
            "every mount times out",
            domain=server.domain,
            theirs=server.region,
            ours=region,
        ),
        trail=(
            *(ok(pod.ref) for pod in pods[:SHOWN_NODES]),
            *((ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()),
            ok(volume.ref),
            broken(cloud_ref("MountTarget", server.domain), t("is in region {region}", region=server.region)),
        ),
        evidence={
            "mount_target": server.domain,
            "mount_target_region": server.region,
            "region": region,
            "pods": sorted(pod.key for pod in pods),
        },
        remedy=(
            step(
                t("Confirm where the file system is."),
                *("aliyun", "nas", "DescribeFileSystems", "--RegionId", server.region, "--FileSystemType", "all"),
            ),
            step(
                t(
                    "The source of a volume can't be changed: make a new volume and claim, with a mount target of a "
                    "file system in the cluster's own region and VPC. Or connect the two VPCs by CEN, routes both "
                    "ways; over such a distance NAS is slow."
                ),
                *("kubectl", "get", "pv", volume.name, "-o", "yaml"),
            ),
        ),
    )


def _trail(mount: Mount, refusals: Sequence[Refusal]) -> tuple[Hop, ...]:
    first = refusals[0]
    namespace, _, claim = (mount.volume.claim_key or "").partition("/")
    domain = cloud_ref("MountTarget", mount.target.domain)
    nodes = list({refusal.node.name: refusal for refusal in refusals}.values())
    blocked = broken(first.blocker, first.detail)
    return (
        *((ok(first.pod.ref),) if first.pod else ()),
        *((ok(kubernetes_ref("PersistentVolumeClaim", claim, namespace)),) if claim else ()),
        ok(mount.volume.ref),
        *(ok(one.node.ref) for one in nodes[:SHOWN_NODES]),
        ok(first.instance.ref, t("in {vpc}", vpc=first.instance.vpc_id or "")),
        *(() if first.blocker == domain else (blocked, ok(domain, t("in {vpc}", vpc=mount.target.vpc_id or "")))),
        *((blocked,) if first.blocker == domain else ()),
        ok(mount.file_system.ref),
    )


def _remedy(mount: Mount, first: Refusal) -> tuple[Step, ...]:
    confirm = step(
        t("Confirm on node {node}: the connection times out.", node=first.node.name),
        *("timeout", "5", "bash", "-c", f"</dev/tcp/{mount.target.domain}/2049 && echo open"),
    )
    region = ("--RegionId", mount.region)
    match first.fault:
        case "other-vpc":
            create = ("--FileSystemId", mount.file_system.id, "--NetworkType", "Vpc", "--VpcId")
            return (
                confirm,
                step(
                    t(
                        "Make a mount target of the same file system in the nodes' VPC, with a permission group that "
                        "lets the nodes in. The data and the other mount target stay as they are."
                    ),
                    *("aliyun", "nas", "CreateMountTarget", *region, *create, first.instance.vpc_id or "<vpc>"),
                    *("--VSwitchId", "<vswitch>", "--AccessGroupName", "<permission-group>"),
                ),
                step(
                    t(
                        "The source of a volume can't be changed: make a new volume and claim with the new address. Or "
                        "connect the two VPCs by CEN or a peering connection, routes both ways, if their ranges do not "
                        "overlap."
                    ),
                    *("kubectl", "get", "pv", mount.volume.name, "-o", "yaml"),
                ),
            )
        case "security-group":
            group = first.part.owner if first.part else ""
            permission = ("--IpProtocol", "TCP", "--PortRange", "2049/2049", "--Policy", "Accept", "--Priority", "1")
            cidr = first.vswitch.cidr if first.vswitch else None
            return (
                confirm,
                step(
                    t("See the outbound rules of the group: the first that matches decides, Drop before Accept."),
                    *("aliyun", "ecs", "DescribeSecurityGroupAttribute", *region, "--SecurityGroupId", group),
                    *("--Direction", "egress"),
                ),
                step(
                    t(
                        "Let the nodes out to TCP port 2049 of the range. It takes effect at once on every interface "
                        "in the group. A Drop rule of priority 1 goes before it: narrow or remove that one."
                    ),
                    *("aliyun", "ecs", "AuthorizeSecurityGroupEgress", *region, "--SecurityGroupId", group),
                    *(*permission, "--DestCidrIp", cidr or "<range>"),
                ),
            )
        case _:
            return (
                confirm,
                step(
                    t("See the entries: they are read from the top, and the first that matches decides."),
                    *("aliyun", "vpc", "DescribeNetworkAclAttributes", *region, "--NetworkAclId", first.blocker.id),
                ),
                step(
                    t(
                        "In the VPC console, above the entry that drops it, accept TCP port 2049 to the mount target's "
                        "vSwitch, and TCP ports {ports} back to the nodes: the list remembers no connections. An "
                        "update replaces the whole list, for every vSwitch that the ACL is bound to.",
                        ports=str(mount.answer_ports),
                    )
                ),
            )
