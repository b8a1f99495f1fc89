"""Pod that waits for a node ↔ the node pools whose new nodes could take it, and why the others could not.

A pool is asked in four stages, each only if the one before lets the Pod through: does a new node suit it (labels,
taints, architecture), can it be in a zone that the Pod can use, is one of its types large enough, and are there
addresses for it in these zones. Whether the pool's scaling group can grow at all is another question.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from auditor.facts.cloud.cs import NodePool
from auditor.facts.cloud.vpc import VSwitch
from auditor.facts.joins.node_room import NodeRoom
from auditor.facts.joins.pod_zones import PodZones, anti_affinity, zone_spreads
from auditor.facts.joins.pool_obstacles import Obstacle, PoolFit, RuledOut, Stage
from auditor.facts.joins.pool_sizes import PoolSizes
from auditor.facts.joins.pools import PoolScalingGroups
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.new_nodes import (
    ARCHITECTURE_KEYS,
    ARCHITECTURES,
    NAME_KEYS,
    TYPE_KEYS,
    ZONE_KEYS,
    base_labels,
    common_labels,
    is_made_on_the_node,
    keys_asked,
    labels_of_new_node,
    suits_new_node,
    unmet,
    unmet_keys,
    untolerated,
    zones_to_try,
)
from auditor.facts.rules.pod_requests import effective_requests
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import Text, t

Kind = tuple[str, str]
"""An instance type and its architecture; empty where that makes no difference."""
GOING = ("deleting", "deleted", "removing")
"""States of a pool that gets no node any more."""


class PoolFits:
    """Pod ↔ node pools that scale automatically."""

    def __init__(
        self,
        node_pools: Table[NodePool],
        pool_scaling_groups: PoolScalingGroups,
        pool_sizes: PoolSizes,
        vswitches: Table[VSwitch],
        node_room: NodeRoom,
        pod_zones: PodZones,
        cluster: ClusterIdentity,
    ) -> None:
        """Join the tables."""
        self._pools = node_pools
        self._groups = pool_scaling_groups
        self._sizes = pool_sizes
        self._vswitches = vswitches
        self._room = node_room
        self._zones = pod_zones
        self._cluster = cluster
        self._made: dict[tuple[bytes, Stage], list[PoolFit]] = {}
        self._bases: dict[str, dict[str, str]] = {}
        self._asked: dict[tuple[bytes, str, Stage], Obstacle | NotKnown | None] = {}
        self._shapes: dict[str, bytes] = {}
        self._verdicts: dict[tuple[bytes, Stage], RuledOut | NotKnown | None] = {}

    def enabled(self) -> list[NodePool]:
        """Return the pools that scale automatically. Raises NotKnown if a pool may be one and it is not known."""
        found = []
        for pool in self._pools.all():
            if (pool.state or "").lower() in GOING:
                continue
            what = t("whether node pool {pool} scales automatically", pool=pool.ref.path)
            if said(pool.auto_scaling, "cs", what):
                found.append(pool)
        return found

    def through(self, pod: Pod, stage: Stage) -> list[PoolFit]:
        """Return how each pool fits a Pod, up to and with a stage. Raises NotKnown if pools may be missing."""
        shape = self.shape(pod)
        if (shape, stage) not in self._made:
            self._made[shape, stage] = [self._fit(pod, shape, pool, stage) for pool in self.enabled()]
        return self._made[shape, stage]

    def ruled_out(self, pod: Pod, stage: Stage) -> RuledOut | None:
        """Return why no pool can take a Pod, if the pool that comes furthest fails at this very stage; else None.

        Raises NotKnown if what is not known could make that difference.
        """
        key = (self.shape(pod), stage)
        if key not in self._verdicts:
            try:
                self._verdicts[key] = self._ruled_out(self.through(pod, stage), stage)
            except NotKnown as gap:
                self._verdicts[key] = gap
        verdict = self._verdicts[key]
        if isinstance(verdict, NotKnown):
            raise verdict
        return verdict

    @staticmethod
    def _ruled_out(fits: list[PoolFit], stage: Stage) -> RuledOut | None:
        if not fits or any(fit.is_open for fit in fits):
            return None
        here = [fit for fit in fits if fit.obstacle and fit.obstacle.stage is stage]
        possible = [fit for fit in fits if fit.obstacle is None and any(at is stage for at, _ in fit.unknown)]
        if not here and not possible:
            return None
        open_ones = [fit for fit in fits if fit.obstacle is None]
        if open_ones or not any(not fit.unknown for fit in here):
            raise NotKnown(*dict.fromkeys(reason for fit in fits for reason in fit.reasons))
        return RuledOut(tuple(fits), stage)

    def usable_zones(self, pod: Pod, pool: NodePool) -> list[str]:
        """Return the zones of a pool in which a Pod may run, sorted. Raises NotKnown."""
        return sorted({vswitch.zone for vswitch in self._usable(pod, pool) if vswitch.zone})

    def zones_of(self, pool: NodePool) -> list[str]:
        """Return the zones in which a pool has a vSwitch, sorted. Raises NotKnown."""
        return sorted({self._zone_of(vswitch) for vswitch in self.vswitches_of(pool)})

    def vswitches_of(self, pool: NodePool) -> list[VSwitch]:
        """Return the vSwitches in which new nodes of a pool are made, those that exist. Raises NotKnown."""
        group = self._groups.of(pool)
        ids = (group.vswitch_ids if group else []) or pool.vswitch_ids
        found = (self._vswitches.get(id_) for id_ in ids)
        return [vswitch for vswitch in found if vswitch is not None]

    def carries(self, pool: NodePool, key: str) -> bool:
        """Tell whether new nodes of a pool have a label of this key. Raises NotKnown if its nodes can't be read."""
        return key in (*NAME_KEYS, *ZONE_KEYS, *ARCHITECTURE_KEYS, *TYPE_KEYS) or key in self._base(pool, {key})

    def suits(self, pod: Pod, labels: dict[str, str], zone: str) -> bool:
        """Tell whether labels, and a zone, are what a Pod asks for. Raises NotKnown if its volumes can't be read."""
        return suits_new_node(pod, labels) and self._volumes_allow(pod, zone)

    def _fit(self, pod: Pod, shape: bytes, pool: NodePool, last: Stage) -> PoolFit:
        unknown: list[tuple[Stage, tuple[Reason, ...]]] = []
        for stage in Stage:
            if stage > last:
                break
            answer = self._ask(pod, shape, pool, stage)
            if isinstance(answer, NotKnown):
                unknown.append((stage, tuple(answer.reasons)))
            elif answer is not None:
                return PoolFit(pool, answer, tuple(unknown))
        return PoolFit(pool, None, tuple(unknown))

    def _ask(self, pod: Pod, shape: bytes, pool: NodePool, stage: Stage) -> Obstacle | NotKnown | None:
        key = (shape, pool.id, stage)
        if key not in self._asked:
            questions: dict[Stage, Callable[[Pod, NodePool], Obstacle | None]] = {
                Stage.LABELS: self._by_labels,
                Stage.ZONE: self._by_zone,
                Stage.SIZE: self._by_size,
                Stage.ADDRESSES: self._by_addresses,
            }
            try:
                self._asked[key] = questions[stage](pod, pool)
            except NotKnown as gap:
                self._asked[key] = gap
        return self._asked[key]

    def shape(self, pod: Pod) -> bytes:
        """Return what the answers depend on: Pods of one workload mostly have it in common."""
        if pod.key not in self._shapes:
            spec = pod.spec
            self._shapes[pod.key] = msgspec.msgpack.encode(
                (
                    (spec.node_selector, spec.affinity, spec.tolerations, zone_spreads(pod), spec.overhead),
                    [(one.resources, one.restart_policy) for one in spec.init_containers or ()],
                    [one.resources for one in spec.containers],
                    pod.claim_keys,
                    pod.namespace if zone_spreads(pod) or anti_affinity(pod) else "",
                )
            )
        return self._shapes[pod.key]

    def _by_labels(self, pod: Pod, pool: NodePool) -> Obstacle | None:
        taint = untolerated(pod, pool)
        keys = keys_asked(pod)
        affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
        if not keys and not (affinity and affinity.required):
            return Obstacle(Stage.LABELS, _tainted(taint.key, taint.value, taint.effect)) if taint else None
        if taint:
            return Obstacle(Stage.LABELS, _tainted(taint.key, taint.value, taint.effect))
        zones = zones_to_try(pod)
        base = self._base(pool, keys)
        kinds = self._kinds(pool, keys)
        labels = [
            labels_of_new_node(base, zone=zone, type_=kind, architecture=arch) for kind, arch in kinds for zone in zones
        ]
        if any(suits_new_node(pod, one) for one in labels):
            return None
        best = min(labels, key=lambda one: len(unmet(pod, one)))
        asked = [one for one in unmet(pod, best) if not one.startswith(ZONE_KEYS)] or unmet(pod, best)
        return Obstacle(Stage.LABELS, t("its nodes do not have {labels}", labels=asked), self._is_told(pod, pool, best))

    def _is_told(self, pod: Pod, pool: NodePool, labels: Mapping[str, str]) -> bool:
        """Tell whether it is certain that new nodes lack what the Pod asks for: a component may label them later."""
        lacking = unmet_keys(pod, labels) - set(ZONE_KEYS)
        told = {*(pool.labels or ()), *ARCHITECTURE_KEYS, *TYPE_KEYS}
        late = [key for key in lacking - told if is_made_on_the_node(key)]
        return len(late) < len(lacking) or not late or bool(self._room.of_pool(pool.id))

    def _base(self, pool: NodePool, keys: set[str]) -> dict[str, str]:
        """Return the labels of the pool's new nodes. Present nodes are asked only about what the pool does not say."""
        base = base_labels(pool, self._cluster.cluster_id, self._cluster.region)
        if keys <= {*base, *ZONE_KEYS, *ARCHITECTURE_KEYS, *TYPE_KEYS} and "kubernetes.io/os" not in keys:
            return base
        if pool.id not in self._bases:
            self._bases[pool.id] = {**base, **common_labels(self._room.of_pool(pool.id)), **(pool.labels or {})}
        return self._bases[pool.id]

    def _kinds(self, pool: NodePool, keys: set[str]) -> list[Kind]:
        """Return the types and architectures among which the pool's new nodes may be, as far as a Pod asks."""
        if keys.isdisjoint((*ARCHITECTURE_KEYS, *TYPE_KEYS)):
            return [("", "")]
        names = self._sizes.names(pool)
        if names and keys.isdisjoint(ARCHITECTURE_KEYS):
            return [(name, "") for name in names]
        if not names:
            stated = {ARCHITECTURES.get(one.upper(), one) for row in pool.patterns for one in row.architectures}
            if keys.isdisjoint(TYPE_KEYS):
                return [("", one) for one in sorted(stated or set(ARCHITECTURES.values()))]
            message = t("node pool {pool} names sizes, and no instance types", pool=pool.ref.path)
            raise NotKnown(Reason("cs", ReasonKind.UNDECIDABLE, message))
        found: list[Kind] = []
        for name in names:
            size = self._sizes.type_of(name)
            if size is not None:
                stated_as = said(size.architecture, "ecs", t("the architecture of {type}", type=name))
                found.append((name, ARCHITECTURES.get(stated_as.upper(), stated_as.lower())))
        return found or [("", "")]

    def _by_zone(self, pod: Pod, pool: NodePool) -> Obstacle | None:
        if not self._asks_for_zones(pod):
            return None
        if self._usable(pod, pool):
            return None
        zones = self.zones_of(pool)
        if not zones:
            return Obstacle(Stage.ZONE, _NO_VSWITCH)
        if self._usable(pod, pool, spread=False):
            text = t(
                "its vSwitches are in zones {zones}, where the Pod's topology spread wants no further Pod", zones=zones
            )
            return Obstacle(Stage.ZONE, text, is_certain=False)
        return Obstacle(Stage.ZONE, t("its vSwitches are in zones {zones}", zones=zones))

    def _asks_for_zones(self, pod: Pod) -> bool:
        return bool(not keys_asked(pod).isdisjoint(ZONE_KEYS) or zone_spreads(pod) or self._zones.bounds(pod))

    def _usable(self, pod: Pod, pool: NodePool, *, spread: bool = True) -> list[VSwitch]:
        """Return the vSwitches of a pool in zones in which a Pod may run, whether or not its spread counts."""
        vswitches = self.vswitches_of(pool)
        if not self._asks_for_zones(pod):
            return vswitches
        keys = keys_asked(pod)
        base, kinds = self._base(pool, keys), self._kinds(pool, keys)
        found = []
        for vswitch in vswitches:
            zone = self._zone_of(vswitch)
            suits = any(
                suits_new_node(pod, labels_of_new_node(base, zone=zone, type_=kind, architecture=arch))
                for kind, arch in kinds
            )
            if not suits or not self._volumes_allow(pod, zone):
                continue
            if not spread or self._zones.spread_allows(pod, zone):
                found.append(vswitch)
        return found

    def _volumes_allow(self, pod: Pod, zone: str) -> bool:
        return all(bound.allows(zone) for bound in self._zones.bounds(pod))

    @staticmethod
    def _zone_of(vswitch: VSwitch) -> str:
        return said(vswitch.zone, "vpc", t("the zone of vSwitch {vswitch}", vswitch=vswitch.id))

    def _by_size(self, pod: Pod, pool: NodePool) -> Obstacle | None:
        requests = self._requests(pod)
        names = self._sizes.names(pool)
        keys = keys_asked(pod)
        if names and not keys.isdisjoint((*ARCHITECTURE_KEYS, *TYPE_KEYS)):
            base = self._base(pool, keys)
            zones = zones_to_try(pod)
            fitting = {
                kind
                for kind, arch in self._kinds(pool, keys)
                for zone in zones
                if suits_new_node(pod, labels_of_new_node(base, zone=zone, type_=kind, architecture=arch))
            }
            names = [name for name in names if name in fitting] or names
        return self._sizes.obstacle(pool, names, requests, self._zones.disks(pod))

    @staticmethod
    def _requests(pod: Pod) -> dict[str, Decimal]:
        try:
            return effective_requests(pod.spec)
        except ValueError as error:
            message = t("what Pod {pod} requests can't be read: {error}", pod=pod.key, error=str(error))
            raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None

    def _by_addresses(self, pod: Pod, pool: NodePool) -> Obstacle | None:
        vswitches = self._usable(pod, pool)
        known = [vswitch.free_ips for vswitch in vswitches]
        if any(count is not None and count > 0 for count in known):
            return None
        for vswitch in vswitches:
            said(vswitch.free_ips, "vpc", t("the free addresses of vSwitch {vswitch}", vswitch=vswitch.id))
        if not vswitches:
            return Obstacle(Stage.ADDRESSES, _NO_VSWITCH)
        ids = sorted(vswitch.id for vswitch in vswitches)
        return Obstacle(Stage.ADDRESSES, t("its vSwitches {vswitches} have no free address", vswitches=ids))


_NO_VSWITCH = t("none of its vSwitches exists")


def _tainted(key: str, value: str, effect: str) -> Text:
    taint = f"{key}={value}:{effect}" if value else f"{key}:{effect}"
    return t("its nodes have the taint {taint}, which the Pod does not tolerate", taint=taint)
