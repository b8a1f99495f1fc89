"""Pods."""

from datetime import datetime
from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import (
    Condition,
    KubernetesObject,
    LabelSelector,
    LabelSelectorRequirement,
    Meta,
)


class Toleration(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A toleration of taints."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class NodeSelectorTerm(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Expressions that all have to hold; terms are alternatives."""

    match_expressions: list[LabelSelectorRequirement] | None = None
    match_fields: list[LabelSelectorRequirement] | None = None


class NodeSelector(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Alternatives of which one has to hold."""

    node_selector_terms: list[NodeSelectorTerm] | None = None


class NodeAffinity(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Affinity of a Pod to nodes."""

    required: NodeSelector | None = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Other Pods, in the Pod's own namespace unless others are named, and the label that says what is near them."""

    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: list[str] | None = None
    namespace_selector: LabelSelector | None = None


class PodAntiAffinity(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Other Pods that a Pod must not be near."""

    required: list[PodAffinityTerm] | None = msgspec.field(
        default=None, name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class PodAffinity(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Other Pods that a Pod must be near."""

    required: list[PodAffinityTerm] | None = msgspec.field(
        default=None, name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Affinity of a Pod; the parts about nodes, and about Pods that it must, or must not, be near."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class ContainerPort(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A port that a container declares. Declaring is advisory: other ports may listen too."""

    container_port: int
    name: str = ""
    protocol: str = "TCP"
    host_port: int | None = None


class Resources(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Requests and limits of a container, as Kubernetes quantities."""

    requests: dict[str, str] | None = None
    limits: dict[str, str] | None = None


class VolumeMount(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Where a container mounts a volume of its Pod."""

    name: str
    mount_path: str = ""
    read_only: bool = False


class ProbePort(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The port of a probe, by number or by name."""

    port: int | str
    host: str = ""


class GrpcPort(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The port of a gRPC probe."""

    port: int


class ExecProbe(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """That a probe runs a command; the command itself is left out."""


class ContainerProbe(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How the kubelet finds out whether a container is well: one of the four."""

    http_get: ProbePort | None = None
    tcp_socket: ProbePort | None = None
    grpc: GrpcPort | None = None
    exec: ExecProbe | None = None


class Container(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A container. Environment and arguments are left out: they may hold secrets."""

    name: str
    image: str = ""
    ports: list[ContainerPort] | None = None
    resources: Resources = Resources()
    volume_mounts: list[VolumeMount] | None = None
    restart_policy: str | None = None
    readiness_probe: ContainerProbe | None = None
    liveness_probe: ContainerProbe | None = None
    startup_probe: ContainerProbe | None = None


class ClaimSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A volume that is a claim."""

    claim_name: str
    read_only: bool = False


class SecretSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A volume that is a Secret: only its name."""

    secret_name: str = ""
    optional: bool | None = None


class CsiSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An inline CSI volume."""

    driver: str
    volume_attributes: dict[str, str] | None = None
    read_only: bool | None = None


class FlexSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An inline flexVolume."""

    driver: str
    options: dict[str, str] | None = None
    read_only: bool | None = None


class NfsSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An inline NFS volume."""

    server: str
    path: str = "/"
    read_only: bool | None = None


class EphemeralSource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A generic ephemeral volume: its claim is named ``<pod>-<volume>``."""


class Volume(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A volume of a Pod."""

    name: str
    claim: ClaimSource | None = msgspec.field(default=None, name="persistentVolumeClaim")
    secret: SecretSource | None = None
    csi: CsiSource | None = None
    flex: FlexSource | None = msgspec.field(default=None, name="flexVolume")
    nfs: NfsSource | None = None
    ephemeral: EphemeralSource | None = None


class TopologySpreadConstraint(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How a Pod wants to be spread."""

    topology_key: str
    when_unsatisfiable: str = "DoNotSchedule"
    max_skew: int = 1
    label_selector: LabelSelector | None = None


class PodSecurityContext(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The group that volumes are given to. ``fs_group_change_policy`` None means Always."""

    fs_group: int | None = None
    fs_group_change_policy: str | None = None


class HostAlias(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Names that the Pod's hosts file gives to an address."""

    ip: str = ""
    hostnames: list[str] | None = None


class SchedulingGate(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What keeps a Pod from being scheduled until somebody takes it away."""

    name: str


class PodSpec(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the Pod is to be. The volume with its own token, which Kubernetes adds to each, is left out."""

    node_name: str = ""
    service_account_name: str = ""
    host_network: bool = False
    containers: list[Container] = []
    init_containers: list[Container] | None = None
    volumes: list[Volume] | None = None
    node_selector: dict[str, str] | None = None
    affinity: Affinity | None = None
    tolerations: list[Toleration] | None = None
    topology_spread_constraints: list[TopologySpreadConstraint] | None = None
    restart_policy: str = "Always"
    security_context: PodSecurityContext | None = None
    overhead: dict[str, str] | None = None
    host_aliases: list[HostAlias] | None = None
    scheduling_gates: list[SchedulingGate] | None = None
    runtime_class_name: str | None = None
    dns_policy: str = ""
    scheduler_name: str = ""
    priority: int | None = None


class WaitingState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class TerminatedState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    finished_at: datetime | None = None


class RunningState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """Since when a container runs."""

    started_at: datetime | None = None


class ContainerState(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One of waiting, running, terminated."""

    waiting: WaitingState | None = None
    running: RunningState | None = None
    terminated: TerminatedState | None = None


class ContainerStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """The state of one container."""

    name: str
    ready: bool = False
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodIp(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """One address of a Pod."""

    ip: str = ""


class PodStatus(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """What the Pod is.

    ``pod_ips`` is kept where it says more than ``pod_ip``. Of ``conditions`` those are left out that are True and only
    steps on the way to Ready: PodReadyToStartContainers, Initialized and ContainersReady.
    """

    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: list[PodIp] | None = msgspec.field(default=None, name="podIPs")
    host_ip: str = msgspec.field(default="", name="hostIP")
    nominated_node_name: str = ""
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(KubernetesObject, frozen=True):
    """A Pod."""

    KIND: ClassVar[str] = "Pod"

    metadata: Meta
    spec: PodSpec
    status: PodStatus = PodStatus()

    @property
    def node_name(self) -> str:
        """The node that the Pod is bound to; empty while it is not scheduled."""
        return self.spec.node_name

    @property
    def is_finished(self) -> bool:
        """Whether it has ended for good. Its address may belong to another Pod since."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def is_terminating(self) -> bool:
        """Whether it is being deleted."""
        return self.metadata.deletion_timestamp is not None

    @property
    def is_ready(self) -> bool:
        """Whether the condition Ready is True."""
        ready = self.condition("Ready")
        return ready is not None and ready.status == "True"

    @property
    def is_unscheduled(self) -> bool:
        """Whether it waits for a node: pending, not bound, not being deleted."""
        return self.status.phase == "Pending" and not self.node_name and not self.is_terminating

    @property
    def is_starting(self) -> bool:
        """Whether it is bound to a node but none of its containers runs yet."""
        return self.status.phase == "Pending" and bool(self.node_name) and not self.is_terminating

    def condition(self, type_: str) -> Condition | None:
        """Return the condition of this type, if the Pod has it."""
        return next((c for c in self.status.conditions or () if c.type == type_), None)

    @property
    def volumes(self) -> list[Volume]:
        """The volumes; empty if there are none."""
        return self.spec.volumes or []

    @property
    def claim_keys(self) -> list[str]:
        """The keys ``namespace/name`` of the claims that it uses, generic ephemeral ones included."""
        names = [
            volume.claim.claim_name if volume.claim else f"{self.name}-{volume.name}"
            for volume in self.volumes
            if volume.claim or volume.ephemeral
        ]
        return [f"{self.namespace}/{name}" for name in names]

    def mounts_read_only(self, claim_key: str) -> bool:
        """Tell whether every use that the Pod makes of a claim is read-only."""
        for volume in self.volumes:
            name = volume.claim.claim_name if volume.claim else f"{self.name}-{volume.name}"
            if not (volume.claim or volume.ephemeral) or f"{self.namespace}/{name}" != claim_key:
                continue
            if volume.claim and volume.claim.read_only:
                continue
            mounts = [
                mount
                for container in (*self.spec.containers, *(self.spec.init_containers or ()))
                for mount in container.volume_mounts or ()
                if mount.name == volume.name
            ]
            if not mounts or any(not mount.read_only for mount in mounts):
                return False
        return True
