"""The volume with a Pod's own token, which is left out of the rows.

Kubernetes adds it to nearly every Pod, each time under another name, and the rows would say nothing of it but that
name. Without it the containers of siblings are equal, and can be kept once.
"""

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import force_setattr

from auditor.facts.kubernetes.pods import Pod, Volume, VolumeMount

TOKEN_VOLUME = "kube-api-access-"  # noqa: S105 - the name that Kubernetes gives the volume, followed by five letters

P = TypeVar("P", Volume, VolumeMount)


def leave_out_tokens(pods: Iterable[Pod]) -> None:
    """Take the volume and its mounts out of these rows, which nobody has seen yet."""
    for pod in pods:
        spec = pod.spec
        if not any(volume.name.startswith(TOKEN_VOLUME) for volume in spec.volumes or ()):
            continue
        force_setattr(spec, "volumes", _others(spec.volumes))
        for container in (*spec.containers, *(spec.init_containers or ())):
            force_setattr(container, "volume_mounts", _others(container.volume_mounts))


def _others(parts: list[P] | None) -> list[P] | None:
    return [part for part in parts or () if not part.name.startswith(TOKEN_VOLUME)] or None
