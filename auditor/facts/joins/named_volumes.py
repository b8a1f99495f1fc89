"""Line of a log ↔ the volumes, claims and Pods that it names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.joins.volumes import VolumeUsers
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import PersistentVolume, PersistentVolumeClaim
from auditor.facts.ref import Ref
from auditor.facts.rules.log_lines import ids_in, words_of
from auditor.facts.rules.storage_drivers import NAMESPACE
from auditor.facts.table import Reason, Table

_TELLING = re.compile(r"[-./\d]")
"""A name without any of these may be a word of the language."""


@dataclass(frozen=True)
class Named:
    """What a line names: ``refs`` that are there, and ``gone``, ids of volumes, claims or Pods that are not."""

    refs: Sequence[Ref]
    gone: Sequence[str]


class NamedVolumes:
    """Line of a log ↔ what it names: volumes by name, handle or server, claims by key or UID, Pods by UID or key."""

    def __init__(
        self,
        persistent_volumes: Table[PersistentVolume],
        persistent_volume_claims: Table[PersistentVolumeClaim],
        pods: Table[Pod],
    ) -> None:
        """Take what can be named."""
        self._volumes = persistent_volumes
        self._claims = persistent_volume_claims
        self._pods = pods
        self._index: dict[str, Ref] | None = None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why something that a line names may be there though it was not read."""
        return (*self._volumes.reasons, *self._claims.reasons, *self._pods.reasons)

    def in_line(self, line: str) -> Named:
        """Return what a line names."""
        if self._index is None:
            self._index = self._build()
        ids = ids_in(line)
        found = {self._index[word]: None for word in (*sorted(ids), *words_of(line)) if word in self._index}
        return Named(list(found), sorted(one for one in ids if one not in self._index))

    def pods_of(self, ref: Ref, users: VolumeUsers) -> Sequence[Pod]:
        """Return the Pods that are known to use what a line names, or the Pod that it names."""
        if ref.kind == Pod.KIND:
            known = () if self._pods.is_unavailable else self._pods.known_where("key", lambda pod: pod.key, ref.path)
            return list(known)
        if ref.kind == PersistentVolumeClaim.KIND:
            return users.known_of_claim(ref.path)
        volumes = (
            () if self._volumes.is_unavailable else self._volumes.known_where("name", lambda row: row.name, ref.name)
        )
        return [pod for row in volumes if row.claim_key for pod in users.known_of_claim(row.claim_key)]

    def _build(self) -> dict[str, Ref]:
        index: dict[str, Ref] = {}
        if not self._pods.is_unavailable:
            for pod in self._pods.known_rows():
                index[pod.metadata.uid] = pod.ref
                if pod.namespace != NAMESPACE:
                    index[pod.key] = pod.ref
        if not self._claims.is_unavailable:
            for claim in self._claims.known_rows():
                for name in (claim.metadata.uid, claim.key):
                    index[name] = claim.ref
        if not self._volumes.is_unavailable:
            for volume in self._volumes.known_rows():
                handle = volume.spec.csi.volume_handle if volume.spec.csi else (volume.disk_id or "")
                for name in (volume.metadata.uid, volume.name, handle, volume.nas_server or ""):
                    index[name] = volume.ref
        return {name: ref for name, ref in index.items() if _TELLING.search(name)}
