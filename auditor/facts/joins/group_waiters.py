"""Node pool ↔ the Pods that wait for its scaling group to grow."""

from dataclasses import dataclass, field

from auditor.facts.cloud.cs import NodePool
from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_obstacles import PoolFit, Stage
from auditor.facts.joins.scaling_blocks import OUT_OF_ORDER, ScalingBlocks
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import NotKnown, Reason, Table


@dataclass
class Waiting:
    """The Pods that wait for a pool, and why there may be more."""

    pods: list[Pod] = field(default_factory=list)
    reasons: dict[Reason, None] = field(default_factory=dict)


class GroupWaiters:
    """Node pool ↔ Pods that it could take, while neither it nor any other that could is able to grow."""

    def __init__(
        self,
        pods: Table[Pod],
        pending_pods: PendingPods,
        pod_reasons: PodReasons,
        pool_fits: PoolFits,
        scaling_blocks: ScalingBlocks,
    ) -> None:
        """Join the tables."""
        self._pods = pods
        self._pending = pending_pods
        self._reasons = pod_reasons
        self._fits = pool_fits
        self._blocks = scaling_blocks
        self._by_pool: dict[str, Waiting] | None = None

    def of(self, pool: NodePool) -> Waiting:
        """Return the Pods that wait for a pool."""
        if self._by_pool is None:
            self._by_pool = {}
            for pod in () if self._pods.is_unavailable else self._pods.known_rows():
                if pod.is_unscheduled:
                    self._place(pod, self._by_pool)
        waiting = self._by_pool.setdefault(pool.id, Waiting())
        waiting.reasons.update(dict.fromkeys(self._pods.reasons))
        return waiting

    def _place(self, pod: Pod, by_pool: dict[str, Waiting]) -> None:
        if self._pending.beside_the_point(pod) or self._pending.is_served(pod) or self._reasons.beyond_nodes(pod):
            return
        fits: list[PoolFit] = []
        try:
            fits = [
                fit
                for fit in self._fits.through(pod, Stage.ADDRESSES)
                if fit.obstacle is None or fit.obstacle.is_assumed
            ]
            if self._reasons.tied_by_volume(pod) or self._reasons.refused_by_all(pod):
                return
            gaps = self._gaps(fits)
        except NotKnown as gap:
            gaps = list(gap.reasons)
        if gaps is None:
            return
        for fit in fits:
            waiting = by_pool.setdefault(fit.pool.id, Waiting())
            unsure = gaps or ([] if self._is_out_of_order(fit.pool) else list(self._pending.event_reasons))
            if unsure:
                waiting.reasons.update(dict.fromkeys(unsure))
            else:
                waiting.pods.append(pod)

    def _gaps(self, fits: list[PoolFit]) -> list[Reason] | None:
        """Return why one of these pools may grow for all that is known; None if one does, or can."""
        gaps: list[Reason] = []
        for fit in fits:
            gaps += fit.reasons
            try:
                state = self._blocks.of(fit.pool)
            except NotKnown as gap:
                gaps += gap.reasons
                continue
            if state.is_growing or (state.can_grow and not state.reasons and not fit.unknown):
                return None
            if state.can_grow:
                gaps += state.reasons
        return gaps

    def _is_out_of_order(self, pool: NodePool) -> bool:
        try:
            return any(one.block in OUT_OF_ORDER for one in self._blocks.of(pool).blocked)
        except NotKnown:
            return False
