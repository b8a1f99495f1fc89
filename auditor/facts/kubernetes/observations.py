"""What the auditor saw by itself when it talked to the cluster: health, stages of a call, logs, mentions."""

from datetime import datetime

import msgspec

from auditor.facts.ref import Ref, kubernetes_ref


class HealthPoint(msgspec.Struct, frozen=True):
    """One line of a health page: a part of the API server, and whether it is well."""

    name: str
    ok: bool
    detail: str = ""


class ApiHealth(msgspec.Struct, frozen=True):
    """The answer of one health page of the API server, or of a list of one object, with the time it took.

    Attributes:
        path: ``/livez``, ``/readyz`` or the path of the list.
        status: of the answer; 0 if none came though the server answered other calls.
        seconds: how long it took, without the time in which other calls of the auditor were under way.
        points: the parts that a health page names; empty for a list, and for an error of another form.
        error: why no answer came, or what the API server said in place of a health page; else empty.
    """

    path: str
    status: int = 0
    seconds: float = 0.0
    points: list[HealthPoint] = []
    error: str = ""

    @property
    def key(self) -> str:
        """The path."""
        return self.path


class ApiStage(msgspec.Struct, frozen=True):
    """One stage of reaching one address of the API server, from where the auditor runs.

    Attributes:
        server: ``host:port``.
        stage: ``name`` (DNS), ``tcp``, ``tls``, ``authentication``, ``authorization`` or ``server``.
        outcome: ``ok``, ``timeout``, ``refused``, ``unreachable``, ``unresolved``, ``untrusted``, ``expired``,
            ``unauthorized``, ``forbidden``, ``throttled`` or ``error``; empty where it was not reached or can't be
            told, since another stage failed.
        seconds: how long it took.
        detail: what was said, without secrets.
        is_own: whether it is the address that the auditor itself uses.
    """

    server: str
    stage: str
    outcome: str = ""
    seconds: float = 0.0
    detail: str = ""
    is_own: bool = False

    @property
    def key(self) -> str:
        """``server/stage``."""
        return f"{self.server}/{self.stage}"


class Kubeconfig(msgspec.Struct, frozen=True):
    """Where the auditor's own kubeconfig leads, and how long its certificate is good. It holds no secret.

    Attributes:
        server: the server's URL.
        origin: where it was read: ``file``, ``pod`` (the account of the Pod) or ``ack`` (handed out by ACK).
        context: of the kubeconfig; empty in a Pod.
        user: what the kubeconfig calls its user; empty in a Pod.
        certificate_ends_at: None without a client certificate.
        ca_ends_at: when the last of the authorities ends by which the server is trusted; None where those of the
            system are trusted, or the server is not called by https.
        renews: whether another client certificate is given at each start, by a login command or by ACK: that it
            ends soon is then as it should be.
    """

    server: str
    origin: str
    context: str = ""
    user: str = ""
    certificate_ends_at: datetime | None = None
    ca_ends_at: datetime | None = None
    renews: bool = False

    @property
    def key(self) -> str:
        """The server's URL."""
        return self.server


class LogMatch(msgspec.Struct, frozen=True):
    """A line of a log that a known pattern matches, tokens and keys blotted out."""

    pattern: str
    line: str
    time: datetime | None = None
    previous: bool = False


class ContainerLog(msgspec.Struct, frozen=True):
    """What was looked at of the log of one container, and the lines that say something.

    Attributes:
        pod: ``namespace/name``.
        container: its name.
        component: what the Pod is part of, such as ``csi-plugin``.
        matches: the lines that a pattern matches, oldest first, the newest of each pattern.
        lines: how many lines were read.
        first_at: the time of the first one, if lines have times.
        last_at: the time of the last one.
        is_cut: whether lines of the window were left out by a bound.
    """

    pod: str
    container: str
    component: str
    matches: list[LogMatch] = []
    lines: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    is_cut: bool = False

    @property
    def key(self) -> str:
        """``namespace/pod/container``."""
        return f"{self.pod}/{self.container}"

    @property
    def ref(self) -> Ref:
        """The Pod that wrote it."""
        namespace, _, name = self.pod.partition("/")
        return kubernetes_ref("Pod", name, namespace)


class AddressMention(msgspec.Struct, frozen=True):
    """An object inside the cluster that names the address of a load balancer, or a host behind it.

    Only the address or host itself is kept, and where it stood; no other part of the value.
    ``place`` is ``env FOO of container app``, ``args of container app``, ``hostAliases``, ``externalName`` or
    ``data key.yaml``.
    """

    kind: str
    namespace: str
    name: str
    place: str
    address: str

    @property
    def key(self) -> str:
        """All of it."""
        return f"{self.kind}/{self.namespace}/{self.name}/{self.place}/{self.address}"

    @property
    def ref(self) -> Ref:
        """The object."""
        return kubernetes_ref(self.kind, self.name, self.namespace)
