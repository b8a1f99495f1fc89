"""What the opt-in probes saw."""

from datetime import datetime

import msgspec

from auditor.facts.ref import Ref, kubernetes_ref


class KubeletLogRead(msgspec.Struct, rename="camel", frozen=True):
    """One line of log, read through the API server from a Pod on a node: does the way to the kubelet work?

    ``error`` is empty when the line came; otherwise it is what the API server said.
    """

    node: str
    pod: str
    error: str = ""
    status: int = 200

    @property
    def key(self) -> str:
        """The name of the node."""
        return self.node


class NodeForwarding(msgspec.Struct, rename="camel", frozen=True):
    """Whether a node passes IPv4 packets on from one of its devices to another.

    Attributes:
        node: its name.
        ip_forward: ``net.ipv4.ip_forward``; None if it could not be read.
        devices: ``net.ipv4.conf.<device>.forwarding`` by device; ``all`` and ``default`` among them.
        forward_policy: the policy of the chain FORWARD of iptables, such as ``ACCEPT``; None if it was not read.
        accepts: whether that chain has a rule that accepts the Pods' packets; None if it was not read.
    """

    node: str
    ip_forward: bool | None = None
    devices: dict[str, bool] = {}
    forward_policy: str | None = None
    accepts: bool | None = None

    @property
    def key(self) -> str:
        """The name of the node."""
        return self.node


class IngressReload(msgspec.Struct, rename="camel", frozen=True):
    """What an Ingress controller says of its last try to load its configuration into nginx.

    Attributes:
        pod: ``namespace/name`` of the controller's Pod.
        successful: whether nginx took it; if not, it goes on with the one before.
        loaded_at: when nginx last took a configuration; None if it never did, or was not said.
    """

    pod: str
    successful: bool
    loaded_at: datetime | None = None

    @property
    def key(self) -> str:
        """``namespace/name`` of the Pod."""
        return self.pod

    @property
    def ref(self) -> Ref:
        """The Pod."""
        namespace, _, name = self.pod.partition("/")
        return kubernetes_ref("Pod", name, namespace)


class TcpProbe(msgspec.Struct, rename="camel", frozen=True):
    """One try to connect to an address and port, from where the auditor runs. Nothing is sent.

    Attributes:
        address: the IP address.
        port: the port.
        outcome: ``ok``, ``refused``, ``timeout`` or ``unreachable``.
        position: where the auditor stands: ``cluster`` (in a Pod of it), ``vpc`` (it calls from an address of one of
            the cluster's vSwitches), ``elsewhere``, or empty if the vSwitches are not known. From elsewhere the
            addresses of Pods and ClusterIPs lead nowhere, or to others, and tell nothing.
        source: the address that it called from; empty if no way led there.
        seconds: how long it took.
        detail: what the system said where it did not connect.
    """

    address: str
    port: int
    outcome: str
    position: str
    source: str = ""
    seconds: float = 0.0
    detail: str = ""

    @property
    def key(self) -> str:
        """``address:port``."""
        return tcp_probe_key(self.address, self.port)

    @property
    def is_inside(self) -> bool:
        """Whether it was tried from inside of the cluster or of its VPC."""
        return self.position in ("cluster", "vpc")


def tcp_probe_key(address: str, port: int) -> str:
    """Return the key of a try in ``tcp_probes``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class PodSockets(msgspec.Struct, rename="camel", frozen=True):
    """On which addresses and ports the processes of a Pod listen for TCP.

    Attributes:
        pod: ``namespace/name``.
        container: in which it was read; all containers of a Pod share one network.
        listening: as ``127.0.0.1:8080`` or ``[::]:80``.
    """

    pod: str
    container: str
    listening: list[str] = []

    @property
    def key(self) -> str:
        """``namespace/name`` of the Pod."""
        return self.pod
