"""What the checks on the API server's load balancer share."""

from collections.abc import Sequence

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import Listener, LoadBalancerHealth, ServerHealth
from auditor.facts.joins.api_load_balancer import ApiBalancer, ApiServerLoadBalancer
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Ref
from auditor.judge.api import Step, Table, cloud_ref, said, step, t

API_PORT = 6443
"""The port on which the API server of an ACK cluster listens, and its load balancer too."""
REGISTERED = "ExternalKubernetes"
"""The type of a cluster that runs elsewhere: ACK has no load balancer in front of its API server."""
NORMAL, ABNORMAL = "normal", "abnormal"


def api_balancers(
    cluster: ClusterIdentity, clusters: Table[Cluster], api_server_load_balancer: ApiServerLoadBalancer
) -> Sequence[ApiBalancer]:
    """Return the API server's load balancers; none for a registered cluster. Raises NotKnown if they can't be told."""
    row = clusters.get(cluster.cluster_id)
    if row is not None and row.type == REGISTERED:
        return ()
    return api_server_load_balancer.of(cluster.cluster_id)


def api_listener(balancer_id: str, listeners: Table[Listener]) -> Listener | None:
    """Return the listener TCP 6443; None if there is none. Raises NotKnown."""
    return listeners.get(f"{balancer_id}/{API_PORT}/tcp")


def api_servers(balancer_id: str, load_balancer_health: Table[LoadBalancerHealth]) -> list[ServerHealth]:
    """Return the servers behind the listener TCP 6443, with their health. Raises NotKnown."""
    what = t("the health of the servers of load balancer {balancer}", balancer=balancer_id)
    row = said(load_balancer_health.get(balancer_id), "slb", what)
    return [one for one in row.servers if one.listener_port == API_PORT and one.protocol in ("tcp", None)]


def listener_ref(balancer_id: str, port: int = API_PORT, protocol: str = "tcp") -> Ref:
    """Return the reference to a listener, which has no id of its own."""
    return cloud_ref("Listener", f"{balancer_id}:{port}/{protocol}")


def shown(server: ServerHealth) -> str:
    """Return a server as it is shown: its id, address and health."""
    place = f"{server.ip}:{server.port}" if server.ip else ""
    return " ".join(word for word in (server.server_id, place, server.status or "") if word)


def look_at(region: str, balancer_id: str) -> Step:
    """Return the step that shows the load balancer as it is now."""
    return step(
        t("Confirm: look at the load balancer as it is now."),
        *("aliyun", "slb", "DescribeLoadBalancerAttribute", "--RegionId", region, "--LoadBalancerId", balancer_id),
    )
