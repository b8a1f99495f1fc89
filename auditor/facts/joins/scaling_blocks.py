"""Node pool that scales automatically ↔ what keeps its scaling group from growing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from auditor.facts.cloud.cs import ContainerQuota, NodePool
from auditor.facts.cloud.ecs import POST_PAID, PRE_PAID, TypeStock, ZoneStock, type_stock_key
from auditor.facts.cloud.ess import (
    Diagnosis,
    ScalingActivity,
    ScalingGroup,
    ScalingGroupActivities,
    ScalingGroupDiagnosis,
    ScalingGroupStrength,
)
from auditor.facts.joins.event_clock import EventClock
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pools import PoolScalingGroups, PoolTypes
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.ref import Ref, cloud_ref
from auditor.facts.rules.scaling_activities import ActivityCause, cause_of, is_passing, is_scale_out, said_by
from auditor.facts.table import NotKnown, Reason, Table, said
from auditor.facts.text import Text, t

Evidence = dict[str, str | int | float | bool | list[str] | None]
ACTIVITIES_OF = timedelta(hours=24)
"""Older activities explain nothing of today."""
UNDER_WAY = timedelta(minutes=30)
"""An activity that began longer ago is no sign that nodes are coming."""
NODE_QUOTA = "node_quota"
SCALE_OUT = "scaleout"
STOCKED = ("withstock", "closedwithstock")
UNSTOCKED = ("withoutstock", "closedwithoutstock")
NOT_THERE_YET = ("initial", "creating", "deleting", "deleted", "removing")
"""States of a pool in which it needs no scaling group."""


class Block(StrEnum):
    """What keeps a group from growing. The values are part of fingerprints."""

    MISSING = "missing"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    AT_MAXIMUM = "at-maximum"
    NODE_QUOTA = "node-quota"
    DIAGNOSED = "diagnosed"
    SOLD_OUT = "sold-out"
    FAILED = "scale-out-failed"


OUT_OF_ORDER = frozenset({Block.MISSING, Block.INACTIVE, Block.SUSPENDED})
"""With one of these, nothing else matters."""


@dataclass(frozen=True)
class Blocked:
    """One thing that keeps a group from growing.

    ``is_certain`` is False where it need not hold for every instance that the group could make.
    """

    block: Block
    text: Text
    evidence: Evidence
    is_certain: bool = True
    cause: ActivityCause | None = None
    about: tuple[Ref, ...] = ()


@dataclass(frozen=True)
class GroupState:
    """What is known of a pool's group: what blocks it, and why more may."""

    group: ScalingGroup | None
    blocked: tuple[Blocked, ...]
    reasons: tuple[Reason, ...]
    is_growing: bool = False

    @property
    def can_grow(self) -> bool:
        """Whether nothing is known that keeps it from growing."""
        return not self.blocked


class ScalingBlocks:
    """Node pool ↔ what keeps its group from growing."""

    def __init__(
        self,
        pool_scaling_groups: PoolScalingGroups,
        pool_types: PoolTypes,
        pool_fits: PoolFits,
        scaling_activities: Table[ScalingGroupActivities],
        scaling_diagnoses: Table[ScalingGroupDiagnosis],
        scaling_strengths: Table[ScalingGroupStrength],
        type_stocks: Table[TypeStock],
        container_quotas: Table[ContainerQuota],
        nodes: Table[Node],
        event_clock: EventClock,
    ) -> None:
        """Join the tables."""
        self._groups = pool_scaling_groups
        self._types = pool_types
        self._fits = pool_fits
        self._activities = scaling_activities
        self._diagnoses = scaling_diagnoses
        self._strengths = scaling_strengths
        self._stocks = type_stocks
        self._quotas = container_quotas
        self._nodes = nodes
        self._clock = event_clock
        self._states: dict[str, GroupState | NotKnown] = {}
        self._machines: int | None = None

    def of(self, pool: NodePool) -> GroupState:
        """Return the state of a pool's group. Raises NotKnown if the group itself is not known."""
        if pool.id not in self._states:
            try:
                self._states[pool.id] = self._state(pool)
            except NotKnown as gap:
                self._states[pool.id] = gap
        state = self._states[pool.id]
        if isinstance(state, NotKnown):
            raise state
        return state

    def is_growing(self, pool: NodePool) -> bool:
        """Tell whether instances are being added to a pool right now. Raises NotKnown."""
        group = self._groups.of(pool)
        return group is not None and (bool(group.pending_capacity) or self._is_under_way(group))

    def _state(self, pool: NodePool) -> GroupState:
        group = self._groups.of(pool)
        if group is None:
            return GroupState(None, (_missing(pool),), ())
        if (why := _out_of_order(group)) is not None:
            return GroupState(group, (why,), ())
        reasons: list[Reason] = []
        found: list[Blocked] = []
        for question in (self._at_maximum, self._at_quota, self._diagnosed, self._sold_out):
            found += _asked(question, pool, group, reasons)
        growing = False
        failed = _asked(self._failed, pool, group, reasons)
        with suppress(NotKnown):  # the reasons are those of the question before
            growing = self.is_growing(pool)
        is_sold_out = any(one.block is Block.SOLD_OUT for one in found)
        found += [one for one in failed if not (is_sold_out and one.cause is ActivityCause.STOCK)]
        return GroupState(group, tuple(found), tuple(dict.fromkeys(reasons)), growing)

    def _at_maximum(self, pool: NodePool, group: ScalingGroup) -> Iterator[Blocked]:
        # A pool says 0 also where it says nothing; a group that may have 0 instances can't grow.
        bounds = [bound for bound in (group.max_size, pool.max_instances or None) if bound is not None]
        what = t("how many instances scaling group {group} has, and how many it may have", group=group.id)
        total = said(group.total_capacity, "ess", what)
        most = said(min(bounds, default=None), "ess", what)
        if total >= most and not group.pending_capacity:
            text = t("it has {total} of at most {most} instances", total=total, most=most)
            evidence = {"total": total, "group_max": group.max_size, "pool_max": pool.max_instances}
            yield Blocked(Block.AT_MAXIMUM, text, {**evidence})

    def _at_quota(self, _pool: NodePool, _group: ScalingGroup) -> Iterator[Blocked]:
        quota = self._quotas.get(NODE_QUOTA)
        if quota is None:
            return
        limit = said(quota.limit, "cs", t("the quota of nodes in a cluster"))
        if self._machines is None:
            self._machines = sum(not node.is_virtual for node in self._nodes.all())
        if self._machines >= limit:
            text = t("the cluster has {nodes} nodes, and its quota is {limit}", nodes=self._machines, limit=limit)
            yield Blocked(Block.NODE_QUOTA, text, {"nodes": self._machines, "node_quota": limit})

    def _diagnosed(self, _pool: NodePool, group: ScalingGroup) -> Iterator[Blocked]:
        row = self._diagnoses.get(group.id)
        critical = [one for one in (row.details if row else []) if (one.status or "").lower() == "critical"]
        hard = [one for one in critical if not _is_of_stock(one)]
        chosen = hard or critical
        if chosen:
            points = [f"{one.type} {one.error_code}".strip() for one in chosen]
            about = tuple(
                cloud_ref(one.type, one.resource_id) for one in chosen if one.resource_id not in ("", group.id)
            )
            text = t("Auto Scaling's own diagnosis calls it critical: {points}", points=points)
            yield Blocked(Block.DIAGNOSED, text, {"diagnosis": points}, bool(hard), about=about)

    def _sold_out(self, pool: NodePool, group: ScalingGroup) -> Iterator[Blocked]:
        if group.pending_capacity:
            return
        names = self._types.of(pool)
        if not names:
            yield from self._no_chance(group)
            return
        payment, zones = self._types.payment_of(pool), self._fits.zones_of(pool)
        pairs: dict[str, str] = {}
        gaps: list[Reason] = []
        for name in names:
            try:
                row = self._stocks.get(type_stock_key(name, payment))
            except NotKnown as gap:
                gaps += gap.reasons
                continue
            offers = {one.zone: one for one in (row.zones if row else [])}
            for zone in zones:
                offer = offers.get(zone)
                if offer is not None and _has_stock(name, offer):
                    return
                pairs[f"{name} {zone}"] = (offer.category or offer.status or "") if offer else "not offered"
        if gaps:
            raise NotKnown(*gaps)
        if pairs:
            text = t(
                "none of its instance types is in stock in any of its zones ({payment}): {pairs}",
                payment=payment,
                pairs=sorted(pairs),
            )
            stock = [f"{pair}: {offer}" for pair, offer in sorted(pairs.items())]
            is_certain = payment in (POST_PAID, PRE_PAID)  # what is paid as it goes may stand in for spot
            yield Blocked(Block.SOLD_OUT, text, {"payment": payment, "stock": stock}, is_certain)

    def _no_chance(self, group: ScalingGroup) -> Iterator[Blocked]:
        """Judge a group that names sizes by what Auto Scaling expects to get for them."""
        row = self._strengths.get(group.id)
        if row is None or not row.pools:
            return
        none_left = [one for one in row.pools if (one.status or "").lower() == "unavailable" or one.strength == 0]
        if len(none_left) == len(row.pools):
            pairs = sorted(f"{one.type} {one.zone}: {one.code}".rstrip(": ") for one in none_left)
            text = t("Auto Scaling sees no chance to get any of its instance types: {pairs}", pairs=pairs)
            yield Blocked(Block.SOLD_OUT, text, {"strengths": pairs})

    def _failed(self, _pool: NodePool, group: ScalingGroup) -> Iterator[Blocked]:
        row = self._activities.get(group.id)
        last = next((one for one in self._recent(row) if is_scale_out(one) and not is_passing(one)), None)
        if last is None or (last.status or "").lower() not in ("failed", "rejected", "warning"):
            return
        cause = cause_of(last)
        if cause is ActivityCause.SIZE:
            return  # whether it is at its maximum now is asked elsewhere
        words = said_by(last)
        text = t(
            "its last scale-out is {status}: {words} ({cause})",
            status=last.status or "",
            words=words,
            cause=cause.text,
        )
        evidence = {
            "activity": last.id,
            "status": last.status,
            "error_code": last.error_code,
            "message": words,
            "started_at": last.started_at.isoformat() if last.started_at else None,
        }
        is_certain = (last.status or "").lower() != "warning"
        yield Blocked(Block.FAILED, text, {**evidence}, is_certain, cause)

    def _recent(self, row: ScalingGroupActivities | None) -> Sequence[ScalingActivity]:
        """Return the activities of the last day, the newest first. One without a time keeps its place."""
        kept = [
            one
            for one in (row.activities if row else [])
            if one.started_at is None or self._clock.now - one.started_at <= ACTIVITIES_OF
        ]
        oldest = datetime.min.replace(tzinfo=self._clock.now.tzinfo)
        return (
            sorted(kept, key=lambda one: one.started_at or oldest, reverse=True)
            if all(one.started_at for one in kept)
            else kept
        )

    def _is_under_way(self, group: ScalingGroup) -> bool:
        row = self._activities.get(group.id)
        return any(
            (one.status or "").lower() == "inprogress"
            and is_scale_out(one)
            and (one.started_at is None or self._clock.now - one.started_at < UNDER_WAY)
            for one in self._recent(row)
        )


Question = Callable[[NodePool, ScalingGroup], Iterator[Blocked]]


def _asked(question: Question, pool: NodePool, group: ScalingGroup, reasons: list[Reason]) -> list[Blocked]:
    try:
        return list(question(pool, group))
    except NotKnown as gap:
        reasons += gap.reasons
        return []


def _missing(pool: NodePool) -> Blocked:
    text = t("Auto Scaling knows no active group of this id: it is inactive or deleted")
    return Blocked(Block.MISSING, text, {"scaling_group": pool.scaling_group_id, "pool_state": pool.state})


def _out_of_order(group: ScalingGroup) -> Blocked | None:
    state = group.lifecycle_state
    if state is not None and state.lower() != "active":
        return Blocked(Block.INACTIVE, t("it is {state}", state=state), {"lifecycle_state": state})
    if group.system_suspended:
        text = t("Auto Scaling has suspended it, as its scaling failed again and again")
        return Blocked(Block.SUSPENDED, text, {"system_suspended": True})
    suspended = said(group.suspended_processes, "ess", t("the suspended processes of {group}", group=group.id))
    processes = [name for name in suspended if name.lower().replace("-", "") == SCALE_OUT]
    if processes:
        text = t("its process {process} is suspended", process=processes[0])
        return Blocked(Block.SUSPENDED, text, {"suspended_processes": suspended})
    return None


def _has_stock(name: str, offer: ZoneStock) -> bool:
    """Tell whether a type is in stock. The category decides: Available without stock does occur."""
    category = (offer.category or "").lower()
    if category in STOCKED or category in UNSTOCKED:
        return category in STOCKED
    what = t("whether {type} is in stock in zone {zone}", type=name, zone=offer.zone)
    return said(offer.status, "ecs", what).lower() == "available"


def _is_of_stock(one: Diagnosis) -> bool:
    return "strength" in one.type.lower() or "stock" in f"{one.type} {one.error_code}".lower()
