"""Node pool ↔ the sizes that its new nodes may have, and whether they are large enough for a Pod."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from auditor.facts.cloud.cs import Addon, NodePool
from auditor.facts.cloud.ecs import InstanceType
from auditor.facts.cloud.ess import InstancePattern
from auditor.facts.joins.node_room import CAPACITIES, GIB, NodeRoom, Room, capacity
from auditor.facts.joins.pool_obstacles import Obstacle, Stage
from auditor.facts.joins.pools import PoolTypes
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.rules.autoscaler_actions import CLUSTER_AUTOSCALER, INSTANT_AUTOSCALER, NAMESPACE
from auditor.facts.table import NotKnown, Reason, Table
from auditor.facts.text import Text, t

Requests = Mapping[str, Decimal]
_NOT_PODS = ("pods",)


class PoolSizes:
    """Node pool ↔ instance types ↔ the room on a new node."""

    def __init__(
        self,
        pool_types: PoolTypes,
        instance_types: Table[InstanceType],
        node_room: NodeRoom,
        deployments: Table[Deployment],
        addons: Table[Addon],
    ) -> None:
        """Join the tables."""
        self._pool_types = pool_types
        self._instance_types = instance_types
        self._room = node_room
        self._deployments = deployments
        self._addons = addons

    def names(self, pool: NodePool) -> list[str]:
        """Return the types that a pool names; empty where sizes stand in their place."""
        return self._pool_types.of(pool)

    def type_of(self, name: str) -> InstanceType | None:
        """Return the size of a type; None if the cloud does not know it."""
        return self._instance_types.get(name)

    def obstacle(self, pool: NodePool, names: Sequence[str], requests: Requests, disks: int) -> Obstacle | None:
        """Return why no type of a pool is large enough; None if one is.

        Args:
            pool: the pool.
            names: those of its types that the Pod may be on.
            requests: what the Pod requests.
            disks: how many disks it wants attached.
        """
        if not names:
            return self._by_patterns(pool, requests) or self._not_offered(pool, requests)
        sizes, unknown = self._sizes(names)
        able = [size for size in sizes if not _shortage(size, requests, disks)]
        if not able and unknown:
            raise NotKnown(*unknown)
        if not sizes:
            return None  # what the cloud does not know is no question of size
        if not able:
            return Obstacle(Stage.SIZE, _too_large(sizes, requests, disks))
        offered = self._not_offered(pool, requests)
        return offered or self._by_room(pool, able, requests, unknown) or self._mixed(pool, sizes, requests, unknown)

    def _sizes(self, names: Sequence[str]) -> tuple[list[InstanceType], list[Reason]]:
        sizes: list[InstanceType] = []
        unknown: list[Reason] = []
        for name in names:
            try:
                size = self._instance_types.get(name)
            except NotKnown as gap:
                unknown += gap.reasons
            else:
                sizes += [size] if size else []
        return sizes, unknown

    def _by_room(
        self, pool: NodePool, able: Sequence[InstanceType], requests: Requests, unknown: Sequence[Reason]
    ) -> Obstacle | None:
        """Judge by what is left for Pods on a node of a type that has enough in all."""
        tightest: tuple[InstanceType, Room, list[str]] | None = None
        gaps = list(unknown)
        for size in able:
            try:
                rooms = self._room.rooms(size, pool.id)
            except NotKnown as gap:
                gaps += gap.reasons
                continue
            short = [(room, lacking) for room in rooms if (lacking := room.lacks(requests))]
            if len(short) < len(rooms):
                return None
            tightest = tightest or (size, *short[0])
        if gaps:
            raise NotKnown(*gaps)
        if tightest is None:
            return None
        size, room, lacking = tightest
        return Obstacle(Stage.SIZE, _no_room(size, room, requests, lacking), False, not room.seen_on)

    def _mixed(
        self, pool: NodePool, sizes: Sequence[InstanceType], requests: Requests, unknown: Sequence[Reason]
    ) -> Obstacle | None:
        """Judge as the cluster autoscaler does, to which a mixed pool is as its smallest type in each respect."""
        gaps = list(unknown)
        small: tuple[InstanceType, list[str]] | None = None
        for size in sizes if len(sizes) > 1 else ():
            try:
                lacking = _shortage(size, requests, 0) or self._lacks_room(pool, size, requests)
            except NotKnown as gap:
                gaps += gap.reasons
                continue
            if lacking:
                small = size, lacking
                break
        if small is None:
            if gaps:
                raise NotKnown(*gaps)
            return None
        if self._is_instant_only():
            return None
        size, lacking = small
        text = t(
            "only its larger types are large enough: a node of type {type} has no room for {resources}, and the "
            "cluster autoscaler takes a mixed pool for its smallest type",
            type=size.name,
            resources=_amounts(requests, lacking),
        )
        return Obstacle(Stage.SIZE, text, False, True)

    def _lacks_room(self, pool: NodePool, size: InstanceType, requests: Requests) -> list[str]:
        """Return what no node of a type has enough of beside its DaemonSets; empty if one has."""
        lacks = [room.lacks(requests) for room in self._room.rooms(size, pool.id)]
        return lacks[0] if lacks and all(lacks) else []

    def _is_instant_only(self) -> bool:
        """Tell whether node instant scaling, which looks at each type, is all that scales the cluster."""
        instant, usual = (self._deployments.get(f"{NAMESPACE}/{n}") for n in (INSTANT_AUTOSCALER, CLUSTER_AUTOSCALER))
        if instant is not None or usual is not None:
            return usual is None
        # Neither is in the cluster: one may run outside of it.
        addons = (self._addons.get(name) for name in (INSTANT_AUTOSCALER, CLUSTER_AUTOSCALER))
        instant_is_on, usual_is_on = (addon is not None and addon.state.lower() == "active" for addon in addons)
        return instant_is_on and not usual_is_on

    def _not_offered(self, pool: NodePool, requests: Requests) -> Obstacle | None:
        """Judge resources that no instance type says it has, by the nodes that the pool has; without any, none is."""
        others = [name for name, amount in requests.items() if amount > 0 and name not in (*CAPACITIES, *_NOT_PODS)]
        if not others:
            return None
        ready = [node for node in self._room.of_pool(pool.id) if node.is_ready]
        for name in others:
            if ready and all(name not in (node.status.allocatable or {}) for node in ready):
                text = t("its nodes, such as {node}, offer no {resource}", node=ready[0].name, resource=name)
                return Obstacle(Stage.SIZE, text, False)
        return None

    def _by_patterns(self, pool: NodePool, requests: Requests) -> Obstacle | None:
        """Judge by the bounds that stand in the place of types."""
        configuration = self._pool_types.configuration_of(pool)
        patterns = configuration.patterns if configuration else []
        patterns = patterns or [
            InstancePattern(
                min_cores=one.min_cpu,
                max_cores=one.max_cpu,
                min_memory_gib=one.min_memory_gib,
                max_memory_gib=one.max_memory_gib,
            )
            for one in pool.patterns
        ]
        tops = [_largest(pattern) for pattern in patterns]
        if not tops or any(not _beyond(top, requests) for top in tops):
            return None
        text = t(
            "the Pod requests {requests}, more than the sizes that it may have: {sizes}",
            requests=_amounts(requests, _beyond(tops[0], requests)),
            sizes=["; ".join(_amounts(top, top)) for top in tops],
        )
        return Obstacle(Stage.SIZE, text)


def _largest(pattern: InstancePattern) -> dict[str, Decimal]:
    cores, gib = pattern.cores or pattern.max_cores, pattern.memory_gib or pattern.max_memory_gib
    top = {"cpu": Decimal(cores)} if cores else {}
    return top | ({"memory": Decimal(str(gib)) * GIB} if gib else {})


def _beyond(top: Mapping[str, Decimal], requests: Requests) -> list[str]:
    return [name for name, amount in requests.items() if name in top and amount > top[name]]


def _shortage(size: InstanceType, requests: Requests, disks: int) -> list[str]:
    """Return what a type has less of than is requested, in all. The system disk takes the place of one disk."""
    short = _beyond(capacity(size, {name: amount for name, amount in requests.items() if amount > 0}), requests)
    return [*short, "disks"] if disks and size.disk_quantity is not None and disks > size.disk_quantity - 1 else short


def _too_large(sizes: Sequence[InstanceType], requests: Requests, disks: int) -> Text:
    largest = max(sizes, key=lambda size: (size.cpu or 0, size.memory_gib or 0))
    lacking = _shortage(largest, requests, disks)
    wanted = _amounts(requests, [name for name in lacking if name != "disks"])
    if "disks" in lacking:
        wanted.append(f"{disks} disks")
    return t(
        "the Pod requests {requests}; its largest type {type} has {cpu} cores and {memory} GiB",
        requests=wanted,
        type=largest.name,
        cpu=largest.cpu if largest.cpu is not None else "?",
        memory=largest.memory_gib if largest.memory_gib is not None else "?",
    )


def _no_room(size: InstanceType, room: Room, requests: Requests, lacking: Sequence[str]) -> Text:
    if room.seen_on:
        return t(
            "the Pod requests {requests}; a node of type {type} has {room} beside its DaemonSets (read from {node})",
            requests=_amounts(requests, lacking),
            type=size.name,
            room=_amounts(room.amounts, lacking),
            node=room.seen_on,
        )
    return t(
        "the Pod requests {requests}; a node of type {type} is taken to have {room} for it, 70 per cent of what the "
        "type has (assumed: there is no node of this type to look at)",
        requests=_amounts(requests, lacking),
        type=size.name,
        room=_amounts(room.amounts, lacking),
    )


def _amounts(amounts: Mapping[str, Decimal], names: Sequence[str] | Mapping[str, Decimal]) -> list[str]:
    return [said_amount(name, amounts[name]) for name in names]


def said_amount(name: str, amount: Decimal) -> str:
    """Return an amount as people write it: ``cpu 7.9``, ``memory 16Gi``."""
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages-"):
        return f"{name} {float(amount / GIB):.4g}Gi"
    return f"{name} {float(amount):.4g}"
