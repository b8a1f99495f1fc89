"""The API server is not healthy.

When the API server is down, nothing in the cluster can be changed: the ACK console shows errors, kubectl waits until
it gives up, Pods that fail are not replaced and nodes that fail are not noticed. What already runs mostly goes on.
The layers are looked at from the ground up (what ACK says of the cluster, the machines and Pods of a dedicated control
plane, the API server's own health pages, its load balancer's health checks), and the first that fails is named: what
is above it may fail only because of it. A server that answers, but slowly, and an API that another server was to
answer for, are findings of their own.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.slb import LoadBalancerHealth
from auditor.facts.joins.api_load_balancer import ApiServerLoadBalancer
from auditor.facts.joins.nodes import NodeInstances
from auditor.facts.kubernetes.extensions import ApiService
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.observations import ApiHealth
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.judge.api import (
    Certainty,
    Check,
    Finding,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Severity,
    Table,
    Verdict,
    broken,
    ok,
    said,
    step,
    t,
)
from checks.network._api_balancer import ABNORMAL, api_balancers, api_servers
from checks.network._api_server_layers import (
    DEDICATED,
    LIST,
    PAGES,
    Layer,
    health_layer,
    lagging_pods,
    machine_layer,
    pod_layer,
    servers_layer,
    state_layer,
    unhealthy_finding,
)

check = Check(
    severity=Severity.CRITICAL,
    causes=("N8", "K3"),
    since="0.1.0",
    symptoms=("console-fails", "kubectl-timeout"),
    limits=(
        "The health pages are read at the moment of the audit: an outage before it leaves no trace there.",
        (
            "Of a managed control plane neither machines nor Pods can be seen; its health pages and health checks "
            "stand for them."
        ),
    ),
    links=("https://kubernetes.io/docs/reference/using-api/health-checks/",),
)

SLOW_SECONDS = 5.0
"""From here an answer about one object is slow: Kubernetes' own objective for such calls is one second."""
SETTLED = timedelta(minutes=2)
"""How long an API may be unavailable while the server behind it is replaced."""


def subjects(cluster: ClusterIdentity) -> Iterable[ClusterIdentity]:
    return [cluster]


def judge(
    identity: ClusterIdentity,
    clusters: Table[Cluster],
    nodes: Table[Node],
    node_instances: NodeInstances,
    pods: Table[Pod],
    api_health: Table[ApiHealth],
    api_services: Table[ApiService],
    api_server_load_balancer: ApiServerLoadBalancer,
    load_balancer_health: Table[LoadBalancerHealth],
    observed_at: datetime,
) -> Iterator[Verdict]:
    layers: list[Layer] = []
    reasons: list[Reason] = []
    looks: tuple[Callable[[], Iterable[Layer]], ...] = (
        lambda: _state(identity, clusters),
        lambda: _machines(identity, clusters, nodes, node_instances),
        lambda: _pods(identity, clusters, pods),
        lambda: _health(api_health),
        lambda: _servers(identity, clusters, api_server_load_balancer, load_balancer_health),
    )
    for look in looks:
        try:
            layers += look()
        except NotKnown as gap:
            reasons += gap.reasons
    failing = [layer for layer in layers if layer.is_down]
    found = False
    if failing:
        found = True
        yield unhealthy_finding(identity, failing, layers)
        reasons = []  # what could not be looked at can't make it any better
    for verdict in (
        *_degraded(identity, clusters, pods, observed_at, is_down=bool(failing)),
        *_slow(identity, api_health, nodes),
        *_aggregated(identity, api_services, observed_at),
    ):
        if isinstance(verdict, NotEvaluated):
            reasons += verdict.reasons
        else:
            found = True
            yield verdict
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not found:
        yield Passed()


def _state(identity: ClusterIdentity, clusters: Table[Cluster]) -> Iterable[Layer]:
    row = said(clusters.get(identity.cluster_id), "cs", t("the description of the cluster"))
    return [state_layer(row)]


def _is_dedicated(identity: ClusterIdentity, clusters: Table[Cluster]) -> bool:
    """Tell whether the control plane runs on machines of the cluster; without its description that is not said."""
    try:
        row = clusters.get(identity.cluster_id)
    except NotKnown:
        return False  # the state of the cluster, which is looked at first, says why
    return row is not None and row.type == DEDICATED


def _machines(
    identity: ClusterIdentity, clusters: Table[Cluster], nodes: Table[Node], node_instances: NodeInstances
) -> Iterable[Layer]:
    if not _is_dedicated(identity, clusters):
        return []
    masters = [node for node in nodes.all() if node.is_control_plane]
    return machine_layer([(node, node_instances.of(node)) for node in masters])


def _pods(identity: ClusterIdentity, clusters: Table[Cluster], pods: Table[Pod]) -> Iterable[Layer]:
    if not _is_dedicated(identity, clusters):
        return []
    return pod_layer(pods.where("namespace", lambda pod: pod.namespace, "kube-system"))


def _health(api_health: Table[ApiHealth]) -> list[Layer]:
    """Judge the health pages; one that fails decides, though the other may not be known."""
    reasons: list[Reason] = []
    pages: list[ApiHealth] = []
    for path in PAGES:
        try:
            row = api_health.get(path)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if row is not None:
            pages.append(row)
    layer = health_layer(pages) if pages else None
    if layer is not None and layer.is_down:
        return [layer]
    if reasons:
        raise NotKnown(*reasons)
    return [layer] if layer else []


def _servers(
    identity: ClusterIdentity,
    clusters: Table[Cluster],
    api_server_load_balancer: ApiServerLoadBalancer,
    load_balancer_health: Table[LoadBalancerHealth],
) -> Iterable[Layer]:
    found = []
    for balancer in api_balancers(identity, clusters, api_server_load_balancer):
        if balancer.balancer is not None:
            servers = api_servers(balancer.id, load_balancer_health)
            for server in servers:
                said(server.status, "slb", t("the health of server {server}", server=server.server_id))
            found.append(servers_layer(balancer.ref, servers, [one for one in servers if one.status == ABNORMAL]))
    return found


def _degraded(
    identity: ClusterIdentity, clusters: Table[Cluster], pods: Table[Pod], observed_at: datetime, *, is_down: bool
) -> Iterator[Verdict]:
    """Yield a finding for the control plane's Pods that don't work while others of their kind do."""
    if not _is_dedicated(identity, clusters):
        return
    try:
        own = pods.where("namespace", lambda pod: pod.namespace, "kube-system")
    except NotKnown:
        return  # looked at before, and reported there
    for trouble in lagging_pods(own, observed_at):
        yield Finding(
            subject=identity.ref,
            fault="control-plane-degraded",
            severity=Severity.HIGH,
            message=t(
                "Pods of the control plane do not work, while others of their kind do: {count} ({affected})",
            ),
            why=t(
                "The others carry the whole load, and calls that are sent to the machine of one that is down may fail "
                "until its load balancer notices. The next failure may take the API server away."
            ),
            trail=(ok(identity.ref), broken(trouble.pod.ref, trouble.why)),
            evidence={"api_server_down": is_down},
            remedy=(
                step(
                    t("Confirm, and see on which master it runs."),
                    *("kubectl", "-n", "kube-system", "describe", "pod", trouble.pod.name),
                ),
                step(
                    t("Read why it ended. A full disk, an expired certificate and a lost etcd member are the usual."),
                    *("kubectl", "-n", "kube-system", "logs", trouble.pod.name, "--previous"),
                ),
                step(
                    t(
                        "It is a static Pod: the kubelet of its master starts it from /etc/kubernetes/manifests. Cure "
                        "what the log names there, one master at a time, so that etcd keeps its majority."
                    )
                ),
            ),
            affected=(trouble.pod.ref,),
        )


def _slow(identity: ClusterIdentity, api_health: Table[ApiHealth], nodes: Table[Node]) -> Iterator[Verdict]:
    """Yield a finding if answers take long; a list that failed says nothing of it."""
    try:
        row = api_health.get(LIST)
    except NotKnown as gap:
        yield NotEvaluated(gap.reasons)
        return
    if row is None:
        return
    if row.status >= 500 or not row.status:
        message = t("{path} was not answered well ({status}): {error}", path=LIST, status=row.status, error=row.error)
        yield NotEvaluated(nodes.reasons or (Reason("kubernetes", ReasonKind.ERROR, message),))
    elif row.seconds >= SLOW_SECONDS:
        seconds = round(row.seconds, 1)
        yield Finding(
            subject=identity.ref,
            fault="slow",
            severity=Severity.MEDIUM,
            certainty=Certainty.LIKELY,
            message=t("the API server took {seconds} s to list one node; under one second is usual", seconds=seconds),
            why=t(
                "The time was measured from where the auditor runs. A server that is short of processor time or "
                "memory, an etcd with slow disks, an admission webhook that hangs and a full load balancer all look "
                "like this; so does a slow way to the server."
            ),
            trail=(broken(identity.ref, t("GET {path}?limit=1 took {seconds} s", path=LIST, seconds=seconds)),),
            evidence={"path": LIST, "seconds": seconds, "slow_from_seconds": SLOW_SECONDS, "status": row.status},
            remedy=(
                step(t("Confirm, from another place too."), "kubectl", "get", "--raw", f"{LIST}?limit=1", "-v=6"),
                step(t("See which calls are many or slow."), "kubectl", "get", "--raw", "/metrics"),
                step(
                    t(
                        "In the ACK console, Operations > Prometheus Monitoring > Control Plane shows the API "
                        "server's load. See network/apiserver-lb-overloaded for its load balancer."
                    )
                ),
            ),
        )


def _aggregated(identity: ClusterIdentity, api_services: Table[ApiService], observed_at: datetime) -> Iterator[Verdict]:
    """Yield a finding for each API that is not available."""
    try:
        rows = api_services.known_rows()
    except NotKnown as gap:
        yield NotEvaluated(gap.reasons)
        return
    for row in rows:
        condition = row.condition
        if condition is None or condition.status != "False":
            continue
        since = condition.last_transition_time
        if since is not None and observed_at - since < SETTLED:
            continue
        target = row.spec.service
        served_by = f"{target.namespace}/{target.name}" if target else t("the API server itself")
        yield Finding(
            subject=identity.ref,
            fault=f"api-unavailable:{row.name}",
            severity=Severity.MEDIUM if target else Severity.HIGH,
            message=t(
                "API {api}, for which {server} is to answer, is not available: {reason}",
                api=row.name,
                server=served_by,
                reason=f"{condition.reason}: {condition.message}",
            ),
            why=t(
                "Calls to this API fail, and all that lists every API gets slow or fails with it: kubectl's "
                "discovery, garbage collection, the deletion of namespaces; for metrics.k8s.io kubectl top and "
                "autoscaling too. The API server itself may be well."
            ),
            trail=(
                ok(identity.ref),
                broken(row.ref, t("Available is False: {reason}", reason=condition.reason)),
            ),
            evidence={"api": row.name, "reason": condition.reason, "message": condition.message},
            remedy=(
                step(t("Confirm."), "kubectl", "get", "apiservice", row.name, "-o", "yaml"),
                *(
                    (
                        step(
                            t("See whether the Service that answers for it has a ready endpoint."),
                            *("kubectl", "-n", target.namespace, "get", "endpointslices"),
                            *("-l", f"kubernetes.io/service-name={target.name}"),
                        ),
                    )
                    if target
                    else ()
                ),
                step(
                    t(
                        "Cure the Pods behind it; if nobody needs the API any more, delete the APIService. What uses "
                        "the API then fails at once and for good: ask its owner first."
                    )
                ),
            ),
            affected=(row.ref,),
        )
    if api_services.gaps:
        yield NotEvaluated(api_services.reasons)
