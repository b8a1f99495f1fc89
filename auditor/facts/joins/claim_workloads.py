"""PersistentVolumeClaim ↔ the workloads whose every Pod uses it."""

from collections.abc import Sequence

from auditor.facts.kubernetes.workloads import Deployment, StatefulSet
from auditor.facts.table import Table


class ClaimWorkloads:
    """Claim ↔ the Deployments and StatefulSets whose template names it, so that all their Pods share it.

    A StatefulSet's claim templates, and generic ephemeral volumes, give each Pod a claim of its own: they are none.
    """

    def __init__(self, deployments: Table[Deployment], statefulsets: Table[StatefulSet]) -> None:
        """Take the workloads."""
        self._deployments = deployments
        self._statefulsets = statefulsets
        self._by_claim: dict[str, list[Deployment | StatefulSet]] | None = None

    def of_claim(self, claim_key: str) -> Sequence[Deployment | StatefulSet]:
        """Return the workloads of a claim (``namespace/name``). Raises NotKnown if any workload may be missing."""
        if self._by_claim is None:
            found: dict[str, list[Deployment | StatefulSet]] = {}
            workloads: list[Deployment | StatefulSet] = [*self._deployments.all(), *self._statefulsets.all()]
            for workload in workloads:
                for volume in workload.spec.template.spec.volumes or ():
                    if volume.claim:
                        key = f"{workload.namespace}/{volume.claim.claim_name}"
                        found.setdefault(key, []).append(workload)
            self._by_claim = found
        return self._by_claim.get(claim_key, ())
