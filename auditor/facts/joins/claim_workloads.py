"""PersistentVolumeClaim ↔ the workloads whose every Pod uses it."""

from collections.abc import Sequence

from auditor.facts.kubernetes.workloads import Deployment, StatefulSet
from auditor.facts.table import Reason, Table


class ClaimWorkloads:
    """Claim ↔ the Deployments and StatefulSets whose template names it, so that all their Pods share it.

    A StatefulSet's claim templates, and generic ephemeral volumes, give each Pod a claim of its own: they are none.
    Nor are workloads that are being deleted: they make no further Pods.
    """

    def __init__(self, deployments: Table[Deployment], statefulsets: Table[StatefulSet]) -> None:
        """Take the workloads."""
        self._deployments = deployments
        self._statefulsets = statefulsets
        self._by_claim: dict[str, list[Deployment | StatefulSet]] | None = None

    def reasons_for(self, claim_key: str) -> tuple[Reason, ...]:
        """Return why workloads of a claim may be missing: only those of its namespace can."""
        prefix = f"{claim_key.partition('/')[0]}/"
        gaps = (*self._deployments.gaps, *self._statefulsets.gaps)
        return tuple(gap.reason for gap in gaps if gap.keys is None or any(key.startswith(prefix) for key in gap.keys))

    def known_of_claim(self, claim_key: str) -> Sequence[Deployment | StatefulSet]:
        """Return the workloads that are known to use a claim (``namespace/name``), though others may be missing."""
        if self._by_claim is None:
            found: dict[str, list[Deployment | StatefulSet]] = {}
            workloads: list[Deployment | StatefulSet] = [
                *(() if self._deployments.is_unavailable else self._deployments.known_rows()),
                *(() if self._statefulsets.is_unavailable else self._statefulsets.known_rows()),
            ]
            for workload in workloads:
                if workload.metadata.deletion_timestamp is not None:
                    continue
                for volume in workload.spec.template.spec.volumes or ():
                    if volume.claim:
                        key = f"{workload.namespace}/{volume.claim.claim_name}"
                        found.setdefault(key, []).append(workload)
            self._by_claim = found
        return self._by_claim.get(claim_key, ())
