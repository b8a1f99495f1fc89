"""Pod that waits for a node ↔ what it waits for, where no new node would help."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.joins.node_room import NodeRoom
from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_zones import PodZones, anti_affinity, hard_spreads, pod_affinity
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_obstacles import PoolFit, Stage
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.ref import Ref
from auditor.facts.rules.new_nodes import NAME_KEYS, ZONE_KEYS, names_of_nodes
from auditor.facts.rules.scheduler_message import BEYOND_NODES, ON_NEW_NODE, Cause, Refusal
from auditor.facts.rules.scheduling import is_gated
from auditor.facts.table import NotKnown, Table
from auditor.facts.text import Text, t


class Wait(StrEnum):
    """What a Pod waits for that is no node. The values are part of fingerprints."""

    GATE = "scheduling-gate"
    NODE_NAME = "named-node"
    CLAIM = "volume-claim"
    QUOTA = "quota"
    DEVICES = "device-claim"
    REFUSED = "refused-by-all-nodes"


@dataclass(frozen=True)
class OwnReason:
    """What a Pod waits for that no new node brings.

    ``pools`` are those whose nodes refuse it though their configuration would take it; ``volumes`` those that tie it
    to the nodes of ``names``.
    """

    wait: Wait
    text: Text
    refusals: tuple[Refusal, ...] = ()
    names: tuple[str, ...] = ()
    is_certain: bool = True
    pools: tuple[str, ...] = ()
    volumes: tuple[Ref, ...] = ()


_BY_CAUSE = {Cause.CLAIM: Wait.CLAIM, Cause.QUOTA: Wait.QUOTA, Cause.DEVICES: Wait.DEVICES}


class PodReasons:
    """Pod ↔ what it waits for that is no node."""

    def __init__(
        self,
        pods: Table[Pod],
        pending_pods: PendingPods,
        pool_fits: PoolFits,
        pod_zones: PodZones,
        node_room: NodeRoom,
    ) -> None:
        """Join the tables."""
        self._pods = pods
        self._pending = pending_pods
        self._fits = pool_fits
        self._zones = pod_zones
        self._room = node_room
        self._keys_of_others: set[str] | None = None

    def beyond_nodes(self, pod: Pod) -> OwnReason | None:
        """Return what holds a Pod up before any node is looked at, or ties it to one node; None if nothing does."""
        if is_gated(pod):
            gates = [gate.name for gate in pod.spec.scheduling_gates or ()]
            return OwnReason(
                Wait.GATE, t("it is held by its scheduling gates: {gates}", gates=gates), names=tuple(gates)
            )
        refusals = self._pending.refusals(pod)
        first = next((one for one in refusals if one.cause in BEYOND_NODES), None)
        if first is not None:
            return OwnReason(_BY_CAUSE[first.cause], t("the scheduler says: {words}", words=first.text), refusals)
        names = names_of_nodes(pod)
        if names:
            text = t("it may be on node {nodes} only", nodes=names)
            return OwnReason(Wait.NODE_NAME, text, refusals, tuple(names))
        return None

    def tied_by_volume(self, pod: Pod) -> OwnReason | None:
        """Return that a volume of a Pod is on one node, or some, and can be used nowhere else; None if none is.

        Raises NotKnown if a volume can't be read.
        """
        bounds = self._zones.node_bounds(pod)
        if not bounds:
            return None
        common = sorted(set.intersection(*(set(bound.nodes) for bound in bounds)))
        names = common or sorted({name for bound in bounds for name in bound.nodes})
        volumes = tuple(bound.volume.ref for bound in bounds)
        text = t(
            "its volumes {volumes} can be used on node {nodes} only",
            volumes=[volume.path for volume in volumes],
            nodes=names,
        )
        return OwnReason(Wait.NODE_NAME, text, self._pending.refusals(pod), tuple(names), volumes=volumes)

    def refused_by_all(self, pod: Pod) -> OwnReason | None:
        """Return why every node refuses a Pod, if those of the pools that could take it do so too, and not for room.

        The autoscaler makes its idea of a new node from those that a pool has: what they are refused for, it expects
        of the new one too. Where no node of a pool was asked (the pool is empty, or its nodes are cordoned or not
        ready), a new one may help, and None is returned. Raises NotKnown.
        """
        refusals = self._pending.refusals(pod)
        causes = {refusal.cause for refusal in refusals}
        if not causes or causes & (ON_NEW_NODE | BEYOND_NODES | {Cause.GANG}):
            return None
        able = self._able(pod)
        if not able or self._is_cured(pod, causes):
            return None
        if not any(not fit.unknown for fit in able):
            raise NotKnown(*dict.fromkeys(reason for fit in able for reason in fit.reasons))
        if Cause.POD_AFFINITY not in causes and not all(self._was_asked(pod, fit.pool.id) for fit in able):
            return None
        text = t("the scheduler says: {words}", words=[_said(one) for one in refusals])
        is_certain = not causes & {Cause.OTHER, Cause.EXISTING_ANTI_AFFINITY}
        pools = tuple(fit.pool.ref.path for fit in able)
        return OwnReason(Wait.REFUSED, text, refusals, is_certain=is_certain, pools=pools)

    def _able(self, pod: Pod) -> list[PoolFit]:
        """Return the pools that could take a Pod, as far as that is known."""
        return [fit for fit in self._fits.through(pod, Stage.SIZE) if fit.obstacle is None or fit.obstacle.is_assumed]

    def _is_cured(self, pod: Pod, causes: set[Cause]) -> bool:
        """Tell whether a new node is free of what the present ones are refused for: it stands alone, or elsewhere."""
        if Cause.SPREAD in causes and (spreads := hard_spreads(pod)):
            return any(
                all(self._fits.carries(fit.pool, one.topology_key) for one in spreads) for fit in self._able(pod)
            )
        if Cause.POD_ANTI_AFFINITY in causes and (terms := anti_affinity(pod)):
            if any(term.topology_key not in ZONE_KEYS for term in terms):
                return True
            closed, is_whole = self._zones.occupied(pod)
            fits = self._fits.through(pod, Stage.ZONE)
            open_zones = {
                zone for fit in fits if fit.obstacle is None for zone in self._fits.usable_zones(pod, fit.pool)
            }
            return not is_whole or bool(open_zones - closed)
        if Cause.POD_AFFINITY in causes and (terms := pod_affinity(pod)):
            return all(term.topology_key not in NAME_KEYS for term in terms) and self._may_join(pod)
        if Cause.EXISTING_ANTI_AFFINITY in causes:
            keys = self._topology_keys()
            return bool(keys) and keys <= set(NAME_KEYS)
        return False

    def _may_join(self, pod: Pod) -> bool:
        """Tell whether a new node may be in a zone of the Pods that a Pod wants to be near."""
        zones = self._zones.joined(pod)
        if zones is None:
            return True
        fits = self._fits.through(pod, Stage.ZONE)
        return any(zones & set(self._fits.usable_zones(pod, fit.pool)) for fit in fits if fit.obstacle is None)

    def _topology_keys(self) -> set[str]:
        if self._keys_of_others is None:
            self._keys_of_others = {term.topology_key for pod in self._pods.all() for term in anti_affinity(pod)}
        return self._keys_of_others

    def _was_asked(self, pod: Pod, pool_id: str) -> bool:
        """Tell whether a node of a pool, fit for use, is what the Pod asks for: the scheduler refused just it."""
        return any(
            node.is_ready and not node.spec.unschedulable and self._suits(pod, node)
            for node in self._room.of_pool(pool_id)
        )

    def _suits(self, pod: Pod, node: Node) -> bool:
        return self._fits.suits(pod, node.labels, node.zone or "")


def _said(refusal: Refusal) -> str:
    return f"{refusal.nodes} {refusal.text}" if refusal.nodes else refusal.text
