"""The opt-in probe ``ingress-metrics``: does nginx take the configuration that the Ingress controller makes?

The controller tells it by a metric, on the port of its own health page
(https://kubernetes.github.io/ingress-nginx/user-guide/monitoring/). It is read through the API server, and no other
metric is kept.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.components import component_of
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.provider import provides
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import IngressReload
from auditor.facts.ref import Layer
from auditor.facts.rules.log_patterns import NGINX_INGRESS
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PROBE = "ingress-metrics"
PERMISSION = "get pods/proxy"
PORT = 10254
MOST_PODS = 50
PROBE_SECONDS = 60.0
"""No further Pod is asked after this."""
READ_SECONDS = 15.0
SUCCESSFUL = "nginx_ingress_controller_config_last_reload_successful"
LOADED_AT = "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds"


@provides("ingress_reloads", source=SOURCE, layer=Layer.KUBERNETES, permissions=(PERMISSION,), probe=PROBE)
def ingress_reloads(client: KubernetesClient, pods: Table[Pod]) -> Table[IngressReload]:
    """Read the metrics of each running Pod of an Ingress controller, if the operator switched the probe on."""
    if PROBE not in client.probes:
        message = t(
            'the metrics of no Ingress controller are read; add "ingress-metrics" to probes to let it tell whether '
            "nginx takes its configuration"
        )
        return Table.unavailable("ingress_reloads", reason(ReasonKind.SWITCHED_OFF, message))
    running = sorted((pod for pod in pods.known_rows() if _is_controller(pod)), key=lambda pod: pod.key)
    asked, beyond = running[:MOST_PODS], running[MOST_PODS:]
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ingress") as pool:
        results = list(pool.map(lambda pod: _read(client, pod, until), asked))
    rows = [result for result in results if isinstance(result, IngressReload)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is ReasonKind.FORBIDDEN for gap in gaps):
        return Table.unavailable("ingress_reloads", gaps[0].reason)
    if beyond:
        message = t("only {count} of {total} Ingress controllers were asked", count=len(asked), total=len(running))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(pod.key for pod in beyond)))
    return Table("ingress_reloads", rows, gaps=(*gaps, *(Gap(why) for why in pods.reasons)))


def _is_controller(pod: Pod) -> bool:
    component = component_of(pod)
    if component is None or component.name != NGINX_INGRESS or pod.is_terminating:
        return False
    # Jobs and a default backend bear the same labels.
    names = {container.name for container in pod.spec.containers if "controller" in container.name}
    return any(status.name in names and status.state.running for status in pod.status.container_statuses or ())


def _read(client: KubernetesClient, pod: Pod, until: float) -> IngressReload | Gap | None:
    only_this = frozenset({pod.key})
    if time.monotonic() >= until:
        message = t("the {seconds} s of the probe were over before {pod}", seconds=PROBE_SECONDS, pod=pod.key)
        return Gap(reason(ReasonKind.TIMEOUT, message), only_this)
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}:{PORT}/proxy/metrics"
    try:
        body = client.get(path, permission=PERMISSION, accept="*/*", attempts=2, read_timeout=READ_SECONDS)
    except CallFailed as failure:
        if failure.code == 404 and failure.status:
            return None  # the API server says so: the Pod has gone since the list was read
        return Gap(failure.reason, only_this)
    successful, loaded_at = _value(body, SUCCESSFUL), _value(body, LOADED_AT)
    if successful is None:
        message = t("the metrics of {pod} do not tell whether nginx took its configuration", pod=pod.key)
        return Gap(reason(ReasonKind.MALFORMED, message), only_this)
    return IngressReload(pod.key, successful == 1, _time(loaded_at))


def _value(body: bytes, metric: str) -> float | None:
    """Return the value of the only sample of a metric; None if there is none, or it is no number."""
    for line in body.decode("utf-8", "replace").splitlines():
        name, _, rest = line.partition("{")
        if not rest:
            name, _, rest = line.partition(" ")
        else:
            rest = rest.rpartition("}")[2]
        if name == metric:
            try:
                return float(rest.split()[0])
            except (IndexError, ValueError):
                return None
    return None


def _time(seconds: float | None) -> datetime | None:
    if not seconds or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)
