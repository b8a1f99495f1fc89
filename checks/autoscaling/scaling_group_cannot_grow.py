"""The scaling group of a node pool can't grow.

The autoscaler does not make instances itself: it asks the scaling group behind a node pool to grow. It asks in vain
where the group was deleted or disabled, where its scale-out is suspended (by hand, or by Auto Scaling after some seven
days of failures), where it or the cluster has as many instances as it may have, where no instance type of the pool is
in stock in any of its zones, or where each attempt fails, for a quota, an address, a permission or an unpaid bill.
Pods that only this pool could take then wait, though its settings are all in order.
"""

from collections.abc import Iterable, Iterator, Sequence

from auditor.facts.cloud.cs import NodePool
from auditor.facts.joins.group_waiters import GroupWaiters, Waiting
from auditor.facts.joins.scaling_blocks import NOT_THERE_YET, Block, Blocked, GroupState, ScalingBlocks
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.scaling_activities import ActivityCause
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    NotApplicable,
    NotEvaluated,
    Passed,
    Ref,
    Severity,
    Step,
    Table,
    Text,
    Verdict,
    broken,
    cloud_ref,
    ok,
    said,
    step,
    t,
)

check = Check(
    severity=Severity.HIGH,
    causes=("A5",),
    since="0.1.0",
    symptoms=("no-scale-up",),
    limits=(
        "Stock is that of the moment of the audit.",
        "Of the activities of a group the newest 50 of the last 24 hours are read.",
        "That a spot pool may take pay-as-you-go instances instead is not read: being sold out is then likely only.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
        "https://www.alibabacloud.com/help/en/auto-scaling/support/troubleshoot-scaling-activity-exceptions",
    ),
)

_SHOWN_PODS = 5


def subjects(node_pools: Table[NodePool]) -> Iterable[NodePool]:
    # A pool that is scaled by hand has a group too; that it does not grow by itself is as it should be.
    return (pool for pool in node_pools.known_rows() if pool.auto_scaling is not False)


def judge(
    pool: NodePool, scaling_blocks: ScalingBlocks, group_waiters: GroupWaiters, cluster: ClusterIdentity
) -> Iterator[Verdict]:
    said(pool.auto_scaling, "cs", t("whether node pool {pool} scales automatically", pool=pool.ref.path))
    if (pool.state or "").lower() in NOT_THERE_YET:
        yield NotApplicable(t("the node pool is being made or deleted"))
        return
    said(pool.scaling_group_id or None, "cs", t("the scaling group of node pool {pool}", pool=pool.ref.path))
    state = scaling_blocks.of(pool)
    waiting = group_waiters.of(pool) if state.blocked else Waiting()
    for blocked in state.blocked:
        yield _finding(pool, state, blocked, waiting, cluster)
    # More may be found once everything is read; and while it is not known who waits, worse may be said of this.
    reasons = (*state.reasons, *(waiting.reasons if not waiting.pods else ()))
    if reasons:
        yield NotEvaluated(tuple(dict.fromkeys(reasons)))
    elif not state.blocked:
        yield Passed()


def _finding(
    pool: NodePool, state: GroupState, blocked: Blocked, waiting: Waiting, cluster: ClusterIdentity
) -> Finding:
    group = _group_ref(pool, state)
    severity, certainty = _weight(blocked, is_awaited=bool(waiting.pods))
    message = _message(pool, group, blocked, is_awaited=bool(waiting.pods))
    pods = waiting.pods[:_SHOWN_PODS]
    return Finding(
        subject=group,
        fault=blocked.block.value,
        severity=severity,
        certainty=certainty,
        message=message,
        why=_why(blocked),
        trail=(
            *(ok(pod.ref, t("waits for a node of this pool")) for pod in pods),
            ok(pool.ref, _bounds(pool)),
            broken(group, blocked.text),
            *(broken(ref) for ref in blocked.about),
        ),
        evidence={"node_pool": pool.ref.path, **blocked.evidence},
        remedy=(_confirm(pool, blocked, cluster), *_cure(blocked, group)),
        affected=tuple(pod.ref for pod in waiting.pods),
    )


def _group_ref(pool: NodePool, state: GroupState) -> Ref:
    return state.group.ref if state.group else cloud_ref("ScalingGroup", pool.scaling_group_id)


def _weight(blocked: Blocked, *, is_awaited: bool) -> tuple[Severity, Certainty]:
    """Return how bad it is: high while a Pod waits for the group; without one, a group that is full hurts nobody."""
    certainty = Certainty.CONFIRMED if blocked.is_certain else Certainty.LIKELY
    if is_awaited:
        return Severity.HIGH, certainty
    match blocked.block:
        case Block.AT_MAXIMUM | Block.NODE_QUOTA:
            return Severity.INFO, certainty
        case Block.SOLD_OUT:
            return Severity.LOW, Certainty.AT_RISK
        case Block.DIAGNOSED if not blocked.is_certain:
            return Severity.LOW, Certainty.AT_RISK
        case Block.FAILED if not blocked.is_certain:
            return Severity.LOW, Certainty.AT_RISK
        case _:
            return Severity.MEDIUM, certainty


def _message(pool: NodePool, group: Ref, blocked: Blocked, *, is_awaited: bool) -> Text:
    if is_awaited:
        text = t(
            "scaling group {group} of node pool {pool} can't grow: {why}. Pods that wait for it, {count} in all: "
            "{affected}"
        )
    else:
        text = t("scaling group {group} of node pool {pool} can't grow: {why}")
    return text.with_values({"group": group.path, "pool": pool.ref.path, "why": blocked.text})


def _bounds(pool: NodePool) -> Text:
    low, high = ("?" if bound is None else bound for bound in (pool.min_instances, pool.max_instances))
    return t("scales automatically, from {low} to {high}", low=low, high=high)


def _why(blocked: Blocked) -> Text | None:
    if blocked.cause is ActivityCause.PERMISSION:
        return t(
            "What the autoscaler's own role may do is judged by autoscaling/role-lacks-permission. The instances are "
            "made by Auto Scaling, with its role AliyunESSDefaultRole, which may lack a right of its own."
        )
    if blocked.cause is ActivityCause.ADDRESSES:
        return t(
            "A new instance takes an address of its vSwitch. Pods for which no vSwitch has one left are named by "
            "autoscaling/pool-in-other-zone."
        )
    return None


def _confirm(pool: NodePool, blocked: Blocked, cluster: ClusterIdentity) -> Step:
    region = cluster.region or "<region>"
    group = pool.scaling_group_id
    match blocked.block:
        case Block.NODE_QUOTA:
            return step(t("Confirm the quota of nodes in a cluster."), "aliyun", "cs", "GET", "/quota")
        case Block.FAILED:
            return step(
                t("Confirm what the last activities of the group say."),
                *("aliyun", "ess", "DescribeScalingActivities", "--RegionId", region, "--ScalingGroupId", group),
            )
        case Block.SOLD_OUT:
            return step(
                t("Confirm the chance that a scale-out of the group finds stock."),
                *("aliyun", "ess", "DescribeElasticStrength", "--RegionId", region, "--ScalingGroupId", group),
            )
        case _:
            return step(
                t("Confirm the state of the group: one that is inactive or deleted is left out of the answer."),
                *("aliyun", "ess", "DescribeScalingGroups", "--RegionId", region, "--ScalingGroupId.1", group),
            )


def _cure(blocked: Blocked, group: Ref) -> Sequence[Step]:
    match blocked.block:
        case Block.MISSING | Block.INACTIVE:
            return (
                step(
                    t("If the group is only disabled, enable it: it keeps to its bounds then, and may add instances."),
                    *("aliyun", "ess", "EnableScalingGroup", "--ScalingGroupId", group.id or "<group>"),
                ),
                Step(
                    t(
                        "If it was deleted, it can't be brought back: make a new node pool with auto scaling, move the "
                        "Pods over, and delete the old pool in the console, never the group by itself"
                    )
                ),
            )
        case Block.SUSPENDED:
            return (
                step(
                    t(
                        "Put right why it failed, as its activities say, then resume it. It may add or remove "
                        "instances at once, to keep to its bounds."
                    ),
                    *("aliyun", "ess", "ResumeProcesses", "--ScalingGroupId", group.id or "<group>"),
                    *("--Process.1", "ScaleOut"),
                ),
            )
        case Block.AT_MAXIMUM:
            return (
                Step(
                    t(
                        "Raise the pool's maximum, in ACK and not in Auto Scaling: console, Nodes, Node Pools, Edit, "
                        "Max. Instances. Each further instance is billed, and takes addresses and quota"
                    )
                ),
            )
        case Block.NODE_QUOTA:
            return (
                Step(t("Ask for more nodes per cluster in Quota Center; nothing is touched by that")),
                Step(t("Or remove nodes that nobody needs: drain them first")),
            )
        case Block.SOLD_OUT:
            return (
                Step(
                    t(
                        "Give the pool more instance types of the same size, or vSwitches in more zones: console, "
                        "Nodes, Node Pools, Edit. Nodes that exist are not touched"
                    )
                ),
            )
        case Block.DIAGNOSED:
            return (
                Step(
                    t(
                        "Put right what the diagnosis names: a vSwitch, security group or key pair that is gone is to "
                        "be replaced in the node pool; a bill is to be paid; a load balancer that is full needs room"
                    )
                ),
            )
        case _:
            return _cure_failure(blocked.cause)


def _cure_failure(cause: ActivityCause | None) -> Sequence[Step]:
    match cause:
        case ActivityCause.STOCK:
            return _cure(Blocked(Block.SOLD_OUT, t("out of stock"), {}), cloud_ref("ScalingGroup", ""))
        case ActivityCause.QUOTA:
            return (Step(t("Raise the quota that the message names, in Quota Center; nothing is touched by that")),)
        case ActivityCause.ADDRESSES:
            return (
                Step(
                    t(
                        "Add a vSwitch with free addresses to the pool: console, Nodes, Node Pools, Edit, vSwitch. "
                        "Nodes that exist are not touched"
                    )
                ),
            )
        case ActivityCause.PERMISSION:
            return (
                step(
                    t("See whether the role of Auto Scaling is there, and what the message says is not allowed."),
                    *("aliyun", "ram", "GetRole", "--RoleName", "AliyunESSDefaultRole"),
                ),
                Step(t("Authorise it again in the Auto Scaling console, which makes the role anew if it is missing")),
            )
        case ActivityCause.ARREARS:
            return (Step(t("Pay what is due, or top the account up; the group tries again by itself")),)
        case _:
            return (
                Step(
                    t(
                        "Put right what the message names: in the node pool where ACK can set it, else in the scaling "
                        "configuration of the group, which ACK overwrites when the pool is edited"
                    )
                ),
            )
