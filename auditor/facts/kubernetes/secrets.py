"""Secrets: that they exist, and nothing else. Their data is never requested."""

from typing import ClassVar

from auditor.facts.kubernetes.meta import KubernetesObject


class SecretName(KubernetesObject, frozen=True):
    """The metadata of a Secret, asked for as metadata only."""

    KIND: ClassVar[str] = "Secret"
