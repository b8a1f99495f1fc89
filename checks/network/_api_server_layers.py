"""The layers of an API server from the ground up, and what is wrong with each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from auditor.facts.cloud.cs import Cluster
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.slb import ServerHealth
from auditor.facts.joins.component_health import Trouble, restarting
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.observations import ApiHealth
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import kubernetes_ref
from auditor.facts.rules.pod_readiness import why_not_ready
from auditor.judge.api import Evidence, Finding, Hop, Ref, Step, Text, broken, ok, said, step, t
from checks.network._api_balancer import API_PORT, shown

DEDICATED = "Kubernetes"
PAGES = ("/livez", "/readyz")
LIST = "/api/v1/nodes"
CHANGING = ("initial", "updating", "upgrading", "scaling", "removing")
"""States of a cluster that is being changed, in which its API server works, or is not there yet."""
CONTROL_PLANE = ("kube-apiserver", "etcd")
"""The static Pods without which there is no API. Their names end in that of their node."""


@dataclass(frozen=True)
class Layer:
    """One layer: its name, whether it fails as a whole, and what was read of it."""

    name: str
    is_down: bool
    what: Text
    hop: Hop
    evidence: dict[str, Evidence]


def state_layer(row: Cluster) -> Layer:
    """Judge what ACK says of the cluster. Raises NotKnown if it said no state."""
    state = said(row.state, "cs", t("the state of the cluster"))
    is_down = state.lower() not in ("running", *CHANGING)
    detail = t("its state is {state}", state=state)
    hop = (broken if is_down else ok)(row.ref, detail)
    what = t("ACK says that the cluster is in state {state}", state=state)
    return Layer("cluster", is_down, what, hop, {"cluster_state": state})


def machine_layer(masters: Sequence[tuple[Node, Instance | None]]) -> Iterable[Layer]:
    """Judge the machines of a dedicated control plane: they are down if none of them runs."""
    if not masters:
        return
    states = {
        node.instance_id or node.name: "gone"
        if instance is None
        else said(instance.status, "ecs", t("the status of instance {instance}", instance=instance.id))
        for node, instance in masters
    }
    is_down = all(state != "Running" for state in states.values())
    shown_states = [f"{name}: {state}" for name, state in states.items()]
    node = masters[0][0]
    detail = t("the machines of the control plane: {states}", states=shown_states)
    what = t("none of the control plane's machines runs ({states})", states=shown_states)
    yield Layer("machines", is_down, what, (broken if is_down else ok)(node.ref, detail), {"masters": shown_states})


def control_plane_pods(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Return the Pods of the control plane in ``kube-system``, by what they run."""
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        for component in CONTROL_PLANE:
            if pod.name.startswith(f"{component}-") and pod.node_name and pod.name.endswith(pod.node_name):
                found.setdefault(component, []).append(pod)
    return found


def pod_layer(pods: Iterable[Pod]) -> Iterable[Layer]:
    """Judge the Pods of a dedicated control plane: a component is down if none of its Pods is ready."""
    for component, own in control_plane_pods(pods).items():
        unready = [pod for pod in own if not pod.is_ready]
        is_down = len(unready) == len(own)
        hop = broken(unready[0].ref, why_not_ready(unready[0])) if is_down else ok(own[0].ref)
        what = t("no Pod of {component} is ready", component=component)
        yield Layer(component, is_down, what, hop, {f"{component}_pods_down": [pod.key for pod in unready]})


def lagging_pods(pods: Iterable[Pod], observed_at: datetime) -> list[Trouble]:
    """Return the Pods of the control plane that are not ready or crash, while others of their component are ready."""
    found: list[Trouble] = []
    for own in control_plane_pods(pods).values():
        if any(pod.is_ready for pod in own):
            for pod in own:
                why = restarting(pod, observed_at) or (None if pod.is_ready else why_not_ready(pod))
                if why is not None and not pod.is_terminating:
                    found.append(Trouble(pod, why))
    return found


def health_layer(pages: Sequence[ApiHealth]) -> Layer:
    """Judge the API server's health pages: one that fails, or does not answer, says that it is not healthy."""
    bad = [page for page in pages if page.status != 200]
    server = kubernetes_ref("Service", "kubernetes", "default")
    evidence: dict[str, Evidence] = {page.path: page.status or "no answer" for page in pages}
    if not bad:
        return Layer(
            "API server", False, t("it is well"), ok(server, t("its health pages say that it is well")), evidence
        )
    worst = bad[0]
    failing = list(dict.fromkeys(point.name for page in bad for point in page.points if not point.ok))
    evidence |= {"failing_parts": failing, "error": worst.error}
    if not worst.status:
        what = t("{page} does not answer: {error}", page=worst.path, error=worst.error)
    elif failing:
        what = t("{page} answers {status}; not well: {parts}", page=worst.path, status=worst.status, parts=failing)
    elif not worst.error:
        what = t("{page} answers {status}, and does not say why", page=worst.path, status=worst.status)
    else:
        what = t("{page} answers {status}: {error}", page=worst.path, status=worst.status, error=worst.error)
    name = "etcd" if any(part.startswith("etcd") for part in failing) else "API server"
    return Layer(name, True, what, broken(server, what), evidence)


def servers_layer(balancer: Ref, servers: Sequence[ServerHealth], abnormal: Sequence[ServerHealth]) -> Layer:
    """Judge the load balancer's health checks of the API servers: they are down if none passes."""
    is_down = bool(servers) and len(abnormal) == len(servers)
    told = [shown(server) for server in servers]
    detail = t("health checks on port {port}: {servers}", port=API_PORT, servers=told)
    what = t("all servers behind port {port} of load balancer {id} are abnormal", port=API_PORT, id=balancer.id)
    hop = (broken if is_down else ok)(balancer, detail)
    return Layer("load balancer", is_down, what, hop, {"servers": told})


def unhealthy_finding(identity: ClusterIdentity, failing: Sequence[Layer], layers: Sequence[Layer]) -> Finding:
    """Make the finding that the API server is not healthy, which names the lowest layer that fails."""
    first = failing[0]
    others = [layer.name for layer in failing[1:]]
    evidence: dict[str, Evidence] = {"first_failing_layer": first.name, "failing_above": others}
    for layer in layers:
        evidence |= layer.evidence
    message = (
        t(
            "the API server is not healthy; the first layer that fails is {layer}: {what}; above it: {others}",
            layer=first.name,
            what=first.what,
            others=others,
        )
        if others
        else t(
            "the API server is not healthy; the layer that fails is {layer}: {what}", layer=first.name, what=first.what
        )
    )
    return Finding(
        subject=identity.ref,
        fault="unhealthy",
        message=message,
        trail=tuple(layer.hop for layer in layers),
        evidence=evidence,
        remedy=_remedy(identity, first),
    )


def _remedy(identity: ClusterIdentity, first: Layer) -> tuple[Step, ...]:
    see_state = step(
        t("Confirm what ACK says of the cluster."),
        *("aliyun", "cs", "GET", f"/clusters/{identity.cluster_id}"),
    )
    see_health = step(t("Confirm: ask the API server for its health."), "kubectl", "get", "--raw", "/readyz?verbose")
    ticket = step(
        t(
            "ACK runs a managed control plane: submit a ticket with the cluster id, the time and what is shown here. "
            "Meanwhile change and restart nothing: what runs goes on without the API server."
        )
    )
    on_masters = step(
        t(
            "In a dedicated cluster log on to the masters one by one: is the disk full, has a certificate in "
            "/etc/kubernetes/pki expired, do etcd and kube-apiserver run? Never restart more than one master at a "
            "time: etcd needs its majority."
        ),
        *("crictl", "ps", "-a", "--name", "kube-apiserver"),
    )
    match first.name:
        case "cluster":
            events = step(
                t("In the ACK console, Cluster Information > Cluster Logs or Tasks shows what ACK last did to it."),
                *("aliyun", "cs", "GET", f"/clusters/{identity.cluster_id}/tasks"),
            )
            return (see_state, events, ticket)
        case "machines":
            start = step(
                t("Start the masters in the ECS console; an instance that is locked needs its bill or notice settled.")
            )
            return (see_state, start, on_masters)
        case "load balancer":
            probe = step(
                t(
                    "The health checks come from 100.64.0.0/10 and need no rule in a security group. See "
                    "network/apiserver-lb-broken for the load balancer itself, then the API servers behind it."
                )
            )
            return (see_health, probe, on_masters, ticket)
        case _:
            return (see_health, on_masters, ticket)
