"""No node pool that scales automatically has room in a zone where the Pod can run.

A new node is made in one of the vSwitches of its pool, and so in the zone of that vSwitch. A Pod may be tied to a
zone: by its node selector or affinity, by a disk, which can't leave its zone, or by how it wants to be spread. Where
no pool has a vSwitch in such a zone, or where these vSwitches have no free address left, the autoscaler can add no
node that would help, and the Pod waits, though the pools could grow elsewhere.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pod_zones import PodZones, zone_spreads
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_obstacles import RuledOut, Stage
from auditor.facts.joins.scaling_blocks import ScalingBlocks
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.new_nodes import ZONE_KEYS, values_asked, values_refused
from auditor.judge.api import (
    Check,
    Finding,
    Hop,
    NotApplicable,
    NotEvaluated,
    Passed,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    ok,
    step,
    t,
)
from checks.autoscaling._pending import (
    certainty_of,
    describe_pod,
    pool_hops,
    set_aside,
    show_pools,
    waiting_pods,
    waits,
    words_on,
)

check = Check(
    severity=Severity.HIGH,
    causes=("A3",),
    since="0.1.0",
    symptoms=("no-scale-up",),
    limits=(
        "The addresses that Terway's Pods need beside those of their node are not counted.",
        "Of topology spread, matchLabelKeys, minDomains and nodeTaintsPolicy are not read: at most it makes likely.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
    ),
)

_SHOWN_VSWITCHES = 6


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return waiting_pods(pods)


def judge(
    pod: Pod,
    pending_pods: PendingPods,
    pod_reasons: PodReasons,
    pool_fits: PoolFits,
    pod_zones: PodZones,
    scaling_blocks: ScalingBlocks,
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    aside = set_aside(pod, pending_pods, pod_reasons)
    if aside is not None:
        yield aside
        return
    ruled_out = pool_fits.ruled_out(pod, Stage.ZONE)
    if ruled_out is not None:
        yield _other_zone(pod, ruled_out, pending_pods, pool_fits, pod_zones, cluster)
        return
    ruled_out = pool_fits.ruled_out(pod, Stage.ADDRESSES)
    if ruled_out is None:
        yield Passed() if pool_fits.enabled() else NotApplicable(t("no node pool scales automatically"))
    elif pod_reasons.refused_by_all(pod) is not None:
        yield NotApplicable(t("all nodes refuse it: see autoscaling/pending-not-for-resources"))
    elif any(scaling_blocks.is_growing(fit.pool) for fit in ruled_out.nearest):
        yield NotApplicable(t("a node is on its way: the last addresses may be its own"))
    elif pending_pods.event_reasons:
        # An event may say that the last addresses went to a node for this very Pod.
        yield NotEvaluated(pending_pods.event_reasons)
    else:
        yield _no_addresses(pod, ruled_out, pending_pods, pool_fits, cluster)


def _other_zone(
    pod: Pod,
    ruled_out: RuledOut,
    pending_pods: PendingPods,
    pool_fits: PoolFits,
    pod_zones: PodZones,
    cluster: ClusterIdentity,
) -> Finding:
    refused = values_refused(pod, ZONE_KEYS)
    asked = sorted(values_asked(pod, ZONE_KEYS) - refused)
    bounds = pod_zones.bounds(pod)
    by_volumes = sorted({zone for bound in bounds for zone in bound.zones})
    offered = sorted({zone for fit in ruled_out.nearest for zone in pool_fits.zones_of(fit.pool)})
    return Finding(
        subject=pod.ref,
        fault="no-pool-in-zone",
        certainty=certainty_of(ruled_out),
        message=t(
            "Pod {pod} {ties}; the node pools that scale automatically and could take it make nodes in {zones} only",
            pod=pod.key,
            ties=_ties(pod, asked, sorted(refused), by_volumes),
            zones=offered or ["-"],
        ),
        why=_why_volumes() if by_volumes else None,
        trail=(
            waits(pod),
            *(ok(bound.ref, t("is in zone {zones}", zones=bound.zones)) for bound in bounds),
            *pool_hops(ruled_out.furthest_first),
        ),
        evidence={
            "zones_asked_for": asked,
            **({"zones_shut_out": sorted(refused)} if refused else {}),
            "zones_of_volumes": by_volumes,
            "zones_of_pools": offered,
            "pools": ruled_out.described,
            **words_on(pod, pending_pods),
        },
        remedy=(
            describe_pod(pod),
            show_pools(cluster),
            Step(
                t(
                    "Add a vSwitch of the zone to a pool: console, Nodes, Node Pools, Edit, vSwitch. Nodes that exist "
                    "are not touched; the types of the pool have to be on sale in that zone"
                )
            ),
            Step(
                t(
                    "Or let the Pod into the zones of the pools, by its selector, affinity or spread. A disk stays "
                    "where it is: its Pod can move only with a copy of the data, made from a snapshot"
                )
            ),
        ),
    )


def _ties(pod: Pod, asked: list[str], refused: list[str], by_volumes: list[str]) -> Text:
    if asked and by_volumes:
        return t("asks for zones {asked}, and its volumes are in {volumes}", asked=asked, volumes=by_volumes)
    if by_volumes:
        return t("can run in zone {volumes} only, where its volumes are", volumes=by_volumes)
    if asked:
        return t("asks for zones {asked}", asked=asked)
    if refused:
        return t("shuts out zones {refused}", refused=refused)
    return t("wants to be spread over zones") if zone_spreads(pod) else t("asks for a zone")


def _why_volumes() -> Text:
    return t(
        "A cloud disk can be attached in its own zone only, so a Pod with a disk can run nowhere else. Whether the "
        "disk and the nodes that there are fit together is found by storage/disk-in-other-zone; here it is that no "
        "pool would make a node there."
    )


def _no_addresses(
    pod: Pod, ruled_out: RuledOut, pending_pods: PendingPods, pool_fits: PoolFits, cluster: ClusterIdentity
) -> Finding:
    here = ruled_out.nearest
    vswitches = {row.id: row for fit in here for row in pool_fits.vswitches_of(fit.pool)}
    empty = sorted((row for row in vswitches.values() if row.free_ips == 0), key=lambda row: row.id)
    hops: list[Hop] = [broken(row.ref, t("has no free address")) for row in empty[:_SHOWN_VSWITCHES]]
    others = [fit for fit in ruled_out.fits if fit not in here]
    return Finding(
        subject=pod.ref,
        fault="no-free-addresses",
        certainty=certainty_of(ruled_out),
        message=t(
            "no new node can be made for Pod {pod}: vSwitches {vswitches} have no free address",
            pod=pod.key,
            vswitches=[row.id for row in empty],
        )
        if empty
        else t("no new node can be made for Pod {pod}: {pools}", pod=pod.key, pools=ruled_out.described),
        trail=(
            waits(pod),
            *((ok(fit.pool.ref, t("could take the Pod")) for fit in here) if empty else pool_hops(here)),
            *hops,
            *pool_hops(others),
        ),
        evidence={
            "free_addresses": {row.id: row.free_ips if row.free_ips is not None else "?" for row in vswitches.values()},
            "pools": ruled_out.described,
            **words_on(pod, pending_pods),
        },
        remedy=(
            describe_pod(pod),
            step(
                t("Confirm how many addresses are free."),
                *("aliyun", "vpc", "DescribeVSwitches", "--RegionId", cluster.region or "<region>"),
                *("--VSwitchId", empty[0].id if empty else "<vswitch>"),
            ),
            Step(
                t(
                    "Add another vSwitch with free addresses, in a zone that the Pod can use, to the pool: console, "
                    "Nodes, Node Pools, Edit, vSwitch; if the VPC is full, give it a secondary range first. Nodes that "
                    "exist are not touched"
                )
            ),
            Step(
                t(
                    "Or free addresses: release instances, network interfaces and load balancers that nobody uses in "
                    "these vSwitches. With Terway, Pods take addresses of the same kind"
                )
            ),
        ),
    )
