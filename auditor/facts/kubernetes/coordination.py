"""Leases, by which components tell that they are alive, and ConfigMaps, by which they are steered."""

from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import AnnotatedMeta, AnnotatedObject, KubernetesObject, Meta


class LeaseSpec(msgspec.Struct, rename="camel", frozen=True):
    """Who holds it, and since when. ``lease_duration_seconds`` is how long a renewal counts."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    renew_time: datetime | None = None
    lease_transitions: int | None = None


class Lease(KubernetesObject, frozen=True):
    """A Lease in ``kube-system``."""

    KIND: ClassVar[str] = "Lease"

    metadata: Meta
    spec: LeaseSpec = LeaseSpec()


class ConfigMap(AnnotatedObject, frozen=True):
    """One of the ConfigMaps that steer ACK's components, asked for by name; no other ConfigMap is kept."""

    KIND: ClassVar[str] = "ConfigMap"

    metadata: AnnotatedMeta
    data: dict[str, str] | None = None
