"""Workloads: what makes Pods."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import Condition, KubernetesObject, LabelSelector, Meta
from auditor.facts.kubernetes.pods import Container, PodSpec, Volume


class TemplateMeta(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Labels that the Pods get."""

    labels: dict[str, str] | None = None


class SecretReference(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A Secret that environment variables are taken from: only its name."""

    name: str = ""
    optional: bool | None = None


class EnvironmentSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Where the value of an environment variable comes from; only Secrets are looked at."""

    secret: SecretReference | None = msgspec.field(default=None, name="secretKeyRef")


class EnvironmentName(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """That an environment variable is set. Its value is left out: it may be a secret."""

    name: str
    value_from: EnvironmentSource | None = None


class EnvironmentFrom(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """That a whole object is taken as environment variables; only Secrets are looked at."""

    secret: SecretReference | None = msgspec.field(default=None, name="secretRef")


class TemplateContainer(Container, frozen=True):
    """A container of a template, with the names of its environment variables and where they come from.

    Of ``args`` only the flags are kept that steer a component, as ``--name=value``, or ``--name`` for a switch; of
    ``command`` the program and such flags. A component may have its flags in either. See the collector.
    """

    env: list[EnvironmentName] | None = None
    env_from: list[EnvironmentFrom] | None = None
    args: list[str] | None = None
    command: list[str] | None = None


class ProjectedSecret(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A Secret in a projected volume: only its name."""

    name: str = ""
    optional: bool | None = None


class Projection(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One source of a projected volume; only Secrets are looked at."""

    secret: ProjectedSecret | None = None


class ProjectedSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A volume that is made of several sources."""

    sources: list[Projection] | None = None


class TemplateVolume(Volume, frozen=True):
    """A volume of a template, with the sources of a projected one."""

    projected: ProjectedSource | None = None


class TemplateSpec(PodSpec, frozen=True):
    """What the Pods of a template are to be. Its members are narrower, which is safe as it is frozen."""

    volumes: list[TemplateVolume] | None = None  # type: ignore[assignment]
    containers: list[TemplateContainer] = msgspec.field(default_factory=list)  # type: ignore[assignment]


class PodTemplate(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What Pods are made from."""

    metadata: TemplateMeta = TemplateMeta()
    spec: TemplateSpec = TemplateSpec()


class RollingUpdate(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How many Pods there may be beyond those wanted while they are replaced; a number, or a percentage."""

    max_surge: int | str | None = None
    max_unavailable: int | str | None = None


class UpdateStrategy(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How Pods are replaced: RollingUpdate, Recreate or OnDelete. Kubernetes fills in its defaults."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class WorkloadSpec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the workload is to be; a DaemonSet has no replicas, Kubernetes' default for the others is 1.

    ``strategy`` is that of a Deployment.
    """

    replicas: int | None = None
    strategy: UpdateStrategy | None = None
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()


class WorkloadStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How many Pods there are."""

    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    updated_replicas: int = 0
    conditions: list[Condition] | None = None


class Workload(KubernetesObject, frozen=True):
    """Base of Deployments, StatefulSets and ReplicaSets."""

    metadata: Meta
    spec: WorkloadSpec
    status: WorkloadStatus = WorkloadStatus()

    @property
    def replicas(self) -> int:
        """The wanted number of Pods."""
        return 1 if self.spec.replicas is None else self.spec.replicas

    @property
    def pod_labels(self) -> dict[str, str]:
        """The labels that its Pods get."""
        return self.spec.template.metadata.labels or {}


class Deployment(Workload, frozen=True):
    """A Deployment."""

    KIND: ClassVar[str] = "Deployment"


class StatefulSet(Workload, frozen=True):
    """A StatefulSet."""

    KIND: ClassVar[str] = "StatefulSet"


class ReplicaSet(Workload, frozen=True):
    """A ReplicaSet."""

    KIND: ClassVar[str] = "ReplicaSet"


class DaemonSetStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """On how many nodes it runs."""

    desired_number_scheduled: int = 0
    number_ready: int = 0
    number_unavailable: int = 0
    number_misscheduled: int = 0


class DaemonSet(KubernetesObject, frozen=True):
    """A DaemonSet."""

    KIND: ClassVar[str] = "DaemonSet"

    metadata: Meta
    spec: WorkloadSpec
    status: DaemonSetStatus = DaemonSetStatus()
