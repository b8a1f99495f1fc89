"""The opt-in probe ``loopback``: on which addresses do the processes of a Pod listen?

The kernel lists the sockets of a Pod in two files, and ``cat`` in one of its containers prints them. Looked at are Pods
with a declared port that no readiness probe has reached, one for each workload: its other Pods run the same.
"""

import ipaddress
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.kubernetes.forwarding import PERMISSIONS
from auditor.collect.kubernetes.printed_files import NotRun
from auditor.collect.provider import provides
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import PodSockets
from auditor.facts.ref import Layer
from auditor.facts.rules.probed_ports import addresses, unproven_ports
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PROBE = "loopback"
FILES = ("/proc/net/tcp", "/proc/net/tcp6")
MOST_PODS = 100
PROBE_SECONDS = 60.0
"""No further Pod is looked at after this; those under way may end."""

_HEADING = "sl"
_LISTENING = "0A"
_GONE = 404


@provides("pod_sockets", source=SOURCE, layer=Layer.KUBERNETES, permissions=PERMISSIONS, probe=PROBE)
def pod_sockets(client: KubernetesClient, pods: Table[Pod]) -> Table[PodSockets]:
    """Read the listening sockets of Pods, if the operator switched the probe on."""
    if PROBE not in client.probes:
        message = t('on which addresses Pods listen is not looked at; add "loopback" to probes to let it be read')
        return Table.unavailable("pod_sockets", reason(ReasonKind.SWITCHED_OFF, message))
    wanted = list(_wanted(pods.known_rows()))
    chosen, left_out = wanted[:MOST_PODS], wanted[MOST_PODS:]
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="sockets") as pool:
        results = list(pool.map(lambda pod: _read(client, pod, until), chosen))
    rows = [result for result in results if isinstance(result, PodSockets)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is ReasonKind.FORBIDDEN for gap in gaps):
        return Table.unavailable("pod_sockets", gaps[0].reason)
    if left_out:
        message = t("only {count} of {total} Pods were looked at", count=len(chosen), total=len(wanted))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(pod.key for pod in left_out)))
    asked = [pod.key for pod in wanted]
    return Table("pod_sockets", rows, gaps=(*gaps, *(Gap(why) for why in pods.reasons)), asked=asked)


def _wanted(pods: Iterable[Pod]) -> Iterator[Pod]:
    """Yield the Pods to look at: those that are not ready first, and one of each workload."""
    seen: set[tuple[str, str, str]] = set()
    for pod in sorted(pods, key=lambda pod: (pod.is_ready, pod.key)):
        if pod.status.phase != "Running" or pod.is_terminating or not addresses(pod) or not unproven_ports(pod):
            continue
        owner = pod.metadata.controller
        workload = (pod.namespace, owner.kind, owner.name) if owner else (pod.namespace, "Pod", pod.name)
        if workload not in seen:
            seen.add(workload)
            yield pod


def _read(client: KubernetesClient, pod: Pod, until: float) -> PodSockets | Gap | None:
    only_this = frozenset({pod.key})
    why = reason(
        ReasonKind.UNDECIDABLE, t("no container of {pod} runs in which its sockets could be read", pod=pod.key)
    )
    path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
    for container in (one.name for one in pod.status.container_statuses or () if one.state.running):
        if time.monotonic() >= until:
            message = t("the {seconds} s of the probe were over before {pod}", seconds=PROBE_SECONDS, pod=pod.key)
            return Gap(reason(ReasonKind.TIMEOUT, message), only_this)
        try:
            printed = client.printed(path, container, FILES, permissions=PERMISSIONS)
        except NotRun:
            # Many an image has no cat; then nobody can look, which is no failure of the audit.
            why = reason(ReasonKind.UNDECIDABLE, t("no container of {pod} has cat in it", pod=pod.key))
            continue
        except CallFailed as failure:
            return None if failure.code == _GONE else Gap(failure.reason, only_this)
        sockets = _listening(printed.text)
        if sockets is not None:
            return PodSockets(pod.key, container, sockets)
        why = reason(ReasonKind.MALFORMED, t("the sockets of {pod} can't be read", pod=pod.key))
    return Gap(why, only_this)


def _listening(text: str) -> list[str] | None:
    """Return the listening sockets; None if the text is none of the kernel's."""
    found: dict[str, None] = {}
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not any(words[0] == _HEADING for words in lines):
        return None
    for words in lines:
        if words[0] == _HEADING:
            continue
        try:
            address, port = words[1].split(":")
            if words[3] == _LISTENING:
                found[_place(address, int(port, 16))] = None
        except (ValueError, IndexError):
            return None
    return list(found)


def _place(text: str, port: int) -> str:
    """Return an address and port, as the kernel writes them: words of four bytes, the least byte first."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
