"""Autoscaler ↔ the RAM role that it really uses: that of its token Secret, or that of the instance it runs on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.cloud.ecs import InstanceRole
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.rules.autoscaler_actions import TOKEN_SECRET
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

_RRSA_VOLUME = "rrsa-oidc-token"
"""The volume that ACK's RRSA webhook adds to a Pod; it stands in no template."""

_OWN_IDENTITY = (
    "ALIBABA_CLOUD_ROLE_ARN",
    "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ACCESS_KEY_ID",
)
"""Environment variables that hand the autoscaler an identity of its own: RRSA, or an access key."""


class Credential(StrEnum):
    """What an autoscaler shows the cloud."""

    TOKEN = "token"  # noqa: S105 - not a password
    INSTANCE = "instance"
    OWN = "own"


@dataclass(frozen=True)
class NodeRole:
    """The role of the instance that a Pod runs on; empty if the instance carries none."""

    pod: Pod
    node: Node
    instance_id: str
    role_name: str


class AutoscalerRoles:
    """Autoscaler ↔ RAM role."""

    def __init__(
        self,
        pods: Table[Pod],
        nodes: Table[Node],
        instance_roles: Table[InstanceRole],
        secret_names: Table[SecretName],
    ) -> None:
        """Join the four tables."""
        self._pods = pods
        self._nodes = nodes
        self._instance_roles = instance_roles
        self._secret_names = secret_names

    def credential_of(self, deployment: Deployment) -> Credential:
        """Tell what the Pods of an autoscaler show the cloud.

        The token Secret may be mounted, or given to the environment. One that does not exist leaves the role of
        the instance. Whether it exists matters less where it is not optional: without it no Pod would start.
        Raises NotKnown if that depends on the Secret and its existence is not known.
        """
        token = _token_use(deployment)
        if token is not None and self._exists(token):
            return Credential.TOKEN
        if _has_own_identity(deployment):
            return Credential.OWN
        if any(volume.name == _RRSA_VOLUME for pod in self.pods_of(deployment) for volume in pod.volumes):
            return Credential.OWN
        return Credential.INSTANCE

    def _exists(self, token: "_TokenUse") -> bool:
        try:
            return self._secret_names.get(token.secret_key) is not None
        except NotKnown:
            if token.optional:
                raise
            return True

    def pods_of(self, deployment: Deployment) -> Sequence[Pod]:
        """Return the Pods of a Deployment that are bound to a node, neither finished nor being deleted."""
        pods = self._pods.where("deployment_by_template_hash", _deployment_of, deployment.key)
        return [pod for pod in pods if pod.node_name and not pod.is_finished and not pod.is_terminating]

    def role_under(self, pod: Pod) -> NodeRole | None:
        """Return the role of the instance that a Pod runs on; None if its node no longer exists.

        Raises NotKnown if it is not known, and if the node is no ECS instance.
        """
        node = self._nodes.get(pod.node_name)
        if node is None:
            return None
        if node.instance_id is None:
            message = t("{pod} runs on {node}, which is no ECS instance", pod=pod.key, node=node.name)
            raise NotKnown(Reason("kubernetes", ReasonKind.UNDECIDABLE, message))
        row = self._instance_roles.get(node.instance_id)
        return NodeRole(pod, node, node.instance_id, row.role_name if row else "")


def wants_token(deployment: Deployment) -> bool:
    """Tell whether the template asks for the token Secret, be there one or not."""
    return _token_use(deployment) is not None


@dataclass(frozen=True)
class _TokenUse:
    secret_key: str
    optional: bool


def _token_use(deployment: Deployment) -> _TokenUse | None:
    """Return how the template asks for the token Secret; None if no container does."""
    for name, optional in (*_mounted_secrets(deployment), *_secrets_in_environment(deployment)):
        if name == TOKEN_SECRET:
            return _TokenUse(f"{deployment.namespace}/{TOKEN_SECRET}", bool(optional))
    return None


def _mounted_secrets(deployment: Deployment) -> Iterator[tuple[str, bool | None]]:
    """Yield the Secrets that a container mounts, and whether the mount is optional."""
    template = deployment.spec.template.spec
    mounted = {mount.name for container in template.containers for mount in container.volume_mounts or ()}
    for volume in template.volumes or ():
        if volume.name not in mounted:
            continue
        if volume.secret:
            yield volume.secret.secret_name, volume.secret.optional
        for source in volume.projected.sources or () if volume.projected else ():
            if source.secret:
                yield source.secret.name, source.secret.optional


def _secrets_in_environment(deployment: Deployment) -> Iterator[tuple[str, bool | None]]:
    """Yield the Secrets that the environment of a container is taken from, and whether they are optional."""
    for container in deployment.spec.template.spec.containers:
        for variable in container.env or ():
            if variable.value_from and variable.value_from.secret:
                yield variable.value_from.secret.name, variable.value_from.secret.optional
        for source in container.env_from or ():
            if source.secret:
                yield source.secret.name, source.secret.optional


def _has_own_identity(deployment: Deployment) -> bool:
    template = deployment.spec.template.spec
    names = {variable.name for container in template.containers for variable in container.env or ()}
    return any(name in names for name in _OWN_IDENTITY) or any(
        volume.name == _RRSA_VOLUME for volume in template.volumes or ()
    )


def _deployment_of(pod: Pod) -> str:
    """Return the Deployment whose ReplicaSet, named after it and the template's hash, controls a Pod."""
    owner = pod.metadata.controller
    template_hash = pod.labels.get("pod-template-hash")
    if owner is None or owner.kind != "ReplicaSet" or not template_hash:
        return ""
    return f"{pod.namespace}/{owner.name.removesuffix(f'-{template_hash}')}"
