"""The causes of the notes on failures of ACK: what each says in a line, and what of it is as it should be.

A cause has a letter for its chapter and a number: storage S, network N, kubectl K, autoscaling A, Services V.
"""

from dataclasses import dataclass

from auditor.facts.text import Text, t


@dataclass(frozen=True)
class Cause:
    """One row of the notes.

    Attributes:
        id: such as ``S2``.
        title: the cause in a line.
        by_design: what looks like this fault and is none, or is part of how the thing works; None if there is nothing.
    """

    id: str
    title: Text
    by_design: Text | None = None

    def covers(self, cause: str) -> bool:
        """Tell whether a check that implements ``cause`` belongs to this row: ``V4a`` is a part of ``V4``."""
        return cause == self.id or (cause[:-1] == self.id and cause[-1].islower())


_CAUSES = (
    Cause(
        "S1",
        t("Another Pod or machine has the disk"),
        t(
            "A cloud disk is attached to one instance at a time: a second Pod on another node waits until the first "
            "one is gone. Only a disk with multi-attach, or a NAS volume, is shared by nodes."
        ),
    ),
    Cause(
        "S2",
        t("The disk and the node are in different zones"),
        t(
            "A cloud disk is attached only to instances of its own zone, so a Pod that uses it runs in that zone or "
            "waits. A regional disk is the exception."
        ),
    ),
    Cause("S3", t("The volume, its class or its driver do not fit together")),
    Cause(
        "S4",
        t("The disk was converted to subscription together with its instance"),
        t("A subscription disk that is not portable stays with its instance: the Pod is nailed to that node."),
    ),
    Cause(
        "S5",
        t("The NAS permission group, or the way to the mount target, refuses the node"),
        t("A NAS permission group admits only what one of its rules names: an empty group admits nobody."),
    ),
    Cause("S6", t("The mount target or the file system does not exist, or is not active")),
    Cause("S7", t("What the logs of the storage driver say")),
    Cause("S8", t("The storage driver itself fails")),
    Cause(
        "S9",
        t("Nobody creates the volume that the claim waits for"),
        t(
            "A claim of a class with volumeBindingMode WaitForFirstConsumer stays Pending until a Pod that uses it is "
            "scheduled."
        ),
    ),
    Cause(
        "S10",
        t("fsGroup changes the group of every file before the Pod starts"),
        t(
            "With fsGroup the kubelet sets the group of all files of the volume at each mount, unless "
            "fsGroupChangePolicy is OnRootMismatch: over many files that takes minutes, and no error is behind it."
        ),
    ),
    Cause(
        "N1",
        t("externalTrafficPolicy Local: a node without a Pod of the Service does not reach its load balancer"),
        t(
            "With externalTrafficPolicy Local the load balancer's address is kept within the cluster, and leads "
            "nowhere on a node without a ready Pod of the Service. From outside of the cluster it works."
        ),
    ),
    Cause(
        "N2",
        t("A white or black list of the load balancer refuses the client"),
        t("A white list admits only what is on it: nodes and Pods of the cluster have to be on it as well."),
    ),
    Cause(
        "N3",
        t("Outbound rules of the node refuse the load balancer's address"),
        t("An advanced security group refuses all outbound traffic that no rule of it allows."),
    ),
    Cause(
        "N4",
        t("externalTrafficPolicy Local: a node without an Ingress controller does not reach the Ingress"),
        t(
            "ACK creates the Ingress controller's Service with externalTrafficPolicy Local and few replicas: on nodes "
            "without one of them, the Ingress can't be reached by its load balancer's address."
        ),
    ),
    Cause("N5", t("Inbound rules of the Ingress controller's nodes refuse Pods")),
    Cause(
        "N6",
        t("A white list of the Ingress refuses the client"),
        t(
            "A client that is not on the white list of an Ingress is answered with 403. With externalTrafficPolicy "
            "Cluster the controller sees the nodes' addresses in place of the clients'."
        ),
    ),
    Cause(
        "N7",
        t("The Ingress is wrong, or its controller can't load it"),
        t(
            "The controller answers 404 where no rule names the host and path, 503 where the Service has no ready "
            "endpoint, and 502 where the Pod refuses the connection or speaks another protocol."
        ),
    ),
    Cause("N8", t("The API server is not well")),
    Cause("N9", t("The API server's load balancer is above its specification")),
    Cause(
        "N10",
        t("A white or black list on the API server's load balancer refuses ACK"),
        t(
            "The ACK console reaches the API server from 100.104.0.0/16, and the control plane from its own vSwitches: "
            "a white list has to admit both."
        ),
    ),
    Cause("N11", t("The API server's load balancer, its listener or its EIP is broken")),
    Cause("N12", t("Forwarding is off on the node, or the route of its Pods is missing")),
    Cause(
        "N13",
        t("The process listens on the loopback address only"),
        t(
            "What listens on 127.0.0.1 is reached from within its own Pod only. kubectl port-forward enters there, so "
            "it works where the Pod's address is refused."
        ),
    ),
    Cause(
        "K1",
        t("RBAC does not grant the right"),
        t(
            "RBAC only ever allows: what no binding grants is refused. RAM permissions on the cluster grant nothing "
            "within it; ACK gives those by its own page Authorizations."
        ),
    ),
    Cause(
        "K2",
        t("The API server can't reach the kubelet on port 10250"),
        t(
            "kubectl get is answered by the API server alone; logs, exec and port-forward go on from it to the kubelet "
            "of the node."
        ),
    ),
    Cause("K3", t("The API server, or its load balancer, is not well")),
    Cause("K4", t("A white or black list on the API server's load balancer refuses the client")),
    Cause(
        "K5",
        t("Which stage of a call fails"),
        t(
            "401 says that the credentials are not accepted, 403 that they are and the right is missing, and 429 that "
            "the API server asks its clients to slow down."
        ),
    ),
    Cause("K6", t("The kubeconfig is old, or leads to another place")),
    Cause("A1", t("The autoscaler fails, or its RAM role may not call Auto Scaling")),
    Cause(
        "A2",
        t("No Pod waits for a reason that a new node would cure"),
        t(
            "Nodes are added for Pods that can't be scheduled for lack of resources, and not when utilisation passes a "
            "threshold: the threshold in the settings is that of scale-in."
        ),
    ),
    Cause(
        "A3",
        t("No node pool has a vSwitch in a zone that the Pod can use"),
        t("New nodes come only in the zones of a pool's own vSwitches."),
    ),
    Cause(
        "A4",
        t("The instance types of the node pools are too small for the Pod"),
        t(
            "A node's allocatable resources are less than those of its instance type: a Pod that requests 4 cores does "
            "not fit a type with 4. A pool with several types is reckoned with as its smallest."
        ),
    ),
    Cause("A5", t("The scaling group can't grow, or the pool does not match the Pod")),
    Cause(
        "V1",
        t("The load balancer has no room for more backend servers"),
        t(
            "Each node, or each Pod with ENI backends, counts once per port of the Service; externalTrafficPolicy "
            "Local takes only nodes with a Pod."
        ),
    ),
    Cause("V2", t("A node's instance is attached to load balancers too often")),
    Cause("V3", t("The cloud controller manager fails, or can't do what the Service asks for")),
    Cause(
        "V4",
        t("The weights spread the load unevenly"),
        t(
            "With externalTrafficPolicy Local a node's weight follows the number of its Pods: Pods get even shares, "
            "and nodes do not. Spread the Pods over the nodes for even nodes."
        ),
    ),
    Cause(
        "V5",
        t("Session persistence and long connections keep clients on their backends"),
        t("A connection stays with the backend that it was opened to: only new connections are spread anew."),
    ),
    Cause(
        "V6",
        t("A Service's ClusterIP is called from outside of the cluster"),
        t(
            "Only nodes and Pods of the cluster know a ClusterIP: the VPC has no route for the Service range, as it "
            "should be. From outside use a Service of type LoadBalancer or NodePort, or an Ingress."
        ),
    ),
    Cause(
        "V7",
        t("A Service's ClusterIP is pinged"),
        t(
            "A ClusterIP forwards the ports of its Service, and no ICMP: it can't be pinged. With IPVS the node itself "
            "answers, so that a ping that is answered proves nothing either. Try the port instead."
        ),
    ),
    Cause(
        "V8",
        t("The Service has no ready endpoint"),
        t("A Pod that is not ready is no endpoint, and a Service without one refuses or drops every connection."),
    ),
    Cause("V9", t("The Service leads to a port on which its Pods do not listen")),
    Cause(
        "V10",
        t("The process behind the Service listens on the loopback address only"),
        t("What listens on 127.0.0.1 is reached from within its own Pod only, and by no Service."),
    ),
)

CAUSES = {cause.id: cause for cause in _CAUSES}
"""All rows, in the order of the notes."""
