"""Component ↔ its version: the cloud controller manager (CCM)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from auditor.facts.cloud.cs import Addon, Cluster
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref, cloud_ref
from auditor.facts.rules.ccm_weights import Version, image_version, parse_version
from auditor.facts.table import NotKnown, Reason, Table

CCM = "cloud-controller-manager"
_WORKLOAD = f"kube-system/{CCM}"


@dataclass(frozen=True)
class StatedVersion:
    """A version, and who states it."""

    text: str
    numbers: Version
    source: Ref


class CcmVersion:
    """The CCM ↔ its version: its workload's image (dedicated clusters), the add-on, else the cluster's own data."""

    def __init__(
        self,
        daemonsets: Table[DaemonSet],
        deployments: Table[Deployment],
        addons: Table[Addon],
        clusters: Table[Cluster],
        cluster: ClusterIdentity,
    ) -> None:
        """Take the tables that may state it."""
        self._daemonsets = daemonsets
        self._deployments = deployments
        self._addons = addons
        self._clusters = clusters
        self._cluster_id = cluster.cluster_id

    def stated(self) -> StatedVersion | None:
        """Return the version by the first source that states one; None if all were read and none does.

        Raises:
            NotKnown: no source states it, and some could not be read.
        """
        reasons: list[Reason] = []
        asks: tuple[Callable[[], Iterator[tuple[str, Ref]]], ...] = (
            self._of_workload,
            self._of_addon,
            self._of_cluster,
        )
        for ask in asks:
            try:
                for text, source in ask():
                    numbers = parse_version(text)
                    if numbers:
                        return StatedVersion(text, numbers, source)
            except NotKnown as gap:
                reasons += gap.reasons
        if reasons:
            raise NotKnown(*reasons)
        return None

    def _of_workload(self) -> Iterator[tuple[str, Ref]]:
        workload = self._daemonsets.get(_WORKLOAD) or self._deployments.get(_WORKLOAD)
        if workload:
            for container in workload.spec.template.spec.containers:
                if CCM in container.image:
                    yield image_version(container.image), workload.ref

    def _of_addon(self) -> Iterator[tuple[str, Ref]]:
        addon = self._addons.get(CCM)
        if addon:
            yield addon.version, cloud_ref("Addon", addon.name)

    def _of_cluster(self) -> Iterator[tuple[str, Ref]]:
        cluster = self._clusters.get(self._cluster_id)
        if cluster and CCM in cluster.component_versions:
            yield cluster.component_versions[CCM], cluster.ref
