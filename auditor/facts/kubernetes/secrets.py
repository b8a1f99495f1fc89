"""Secrets: that they exist, and nothing else. Their data is never requested."""

from typing import ClassVar

from auditor.facts.kubernetes.meta import KubernetesObject


class SecretName(KubernetesObject, frozen=True):
    """The metadata of a Secret, and its type where the server says it; its data is never asked for."""

    KIND: ClassVar[str] = "Secret"

    type: str | None = None
