"""The opt-in probe ``component-logs``: the lines of components' logs that a known pattern matches.

No other line is kept, and what gives access to something is blotted out of those that are.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import NamedTuple

from auditor.collect.kubernetes.blot import blotted
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.components import Component, component_of
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, CallFailed, reason
from auditor.collect.provider import provides
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.pods import ContainerStatus, Pod
from auditor.facts.ref import Layer
from auditor.facts.rules.log_patterns import LogPattern, patterns_of
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PROBE = "component-logs"
PERMISSION = "get pods/log"
TAIL_LINES = 5000
LIMIT_BYTES = 2 * 2**20
SINCE_SECONDS = 3600
"""The window: what hurts now is said again and again."""
MOST_CONTAINERS = 60
MOST_NODES = 20
"""On so many nodes, at most, the log of the node's own driver is read."""
PROBE_SECONDS = 60.0
"""No further container is read after this."""
READ_SECONDS = 15.0
LINES_OF_A_PATTERN = 5
LINE_CHARACTERS = 500
BEFORE_A_MATCH = 200
"""How much of a long line is shown before what matched."""


class _Source(NamedTuple):
    """A container whose log is read."""

    pod: Pod
    component: Component
    container: str
    is_crashing: bool

    @property
    def key(self) -> str:
        return f"{self.pod.key}/{self.container}"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.pod.namespace}/pods/{self.pod.name}/log"


class _Line(NamedTuple):
    time: datetime | None
    text: str
    is_previous: bool


@provides("container_logs", source=SOURCE, layer=Layer.KUBERNETES, permissions=(PERMISSION,), probe=PROBE)
def container_logs(client: KubernetesClient, pods: Table[Pod]) -> Table[ContainerLog]:
    """Look through the logs of ACK's storage drivers, Ingress controllers and autoscalers, if it is switched on.

    A driver's log on a node is read where a Pod with a volume does not start, or where the driver itself fails.
    """
    if PROBE not in client.probes:
        message = t('no log of a component is read; add "component-logs" to probes to let them be looked through')
        return Table.unavailable("container_logs", reason(ReasonKind.SWITCHED_OFF, message))
    sources, left_out = _chosen(list(pods.known_rows()))
    until = time.monotonic() + PROBE_SECONDS
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="logs") as pool:
        results = list(pool.map(lambda source: _look_through(client, source, until), sources))
    rows = [result for result in results if isinstance(result, ContainerLog)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is ReasonKind.FORBIDDEN for gap in gaps):
        return Table.unavailable("container_logs", gaps[0].reason)
    if left_out:
        total = len(sources) + len(left_out)
        message = t("only {count} of {total} containers' logs were read", count=len(sources), total=total)
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(source.key for source in left_out)))
    return Table("container_logs", rows, gaps=(*gaps, *(Gap(why) for why in pods.reasons)))


def _chosen(pods: list[Pod]) -> tuple[list[_Source], list[_Source]]:
    """Return the containers to read, those that fail first, and those that are too many."""
    troubled = {pod.node_name for pod in pods if _waits_for_a_volume(pod)}
    sources = sorted(
        (source for pod in pods for source in _sources(pod, troubled)),
        key=lambda source: (not source.is_crashing, source.component.of_nodes, source.key),
    )
    chosen: list[_Source] = []
    left_out: list[_Source] = []
    nodes: set[str] = set()
    for source in sources:
        node = source.pod.node_name if source.component.of_nodes else ""
        fits = not node or node in nodes or len(nodes) < MOST_NODES
        if fits and len(chosen) < MOST_CONTAINERS:
            chosen.append(source)
            nodes |= {node} - {""}
        else:
            left_out.append(source)
    return chosen, left_out


def _waits_for_a_volume(pod: Pod) -> bool:
    """Tell whether a Pod with a volume of a driver is starting, or failing, on its node, or can't leave it."""
    has_volume = any(volume.claim or volume.ephemeral or volume.csi or volume.flex for volume in pod.volumes)
    if not has_volume or not pod.node_name or pod.is_finished:
        return False
    return pod.is_starting or pod.is_terminating or not pod.is_ready


def _sources(pod: Pod, troubled: set[str]) -> Iterator[_Source]:
    component = component_of(pod)
    if component is None or not pod.node_name:
        return
    for status in (*(pod.status.init_container_statuses or ()), *(pod.status.container_statuses or ())):
        if component.container and status.name != component.container:
            continue
        if status.state.waiting and not status.last_state.terminated:
            continue  # it has not run yet, so there is no log
        is_crashing = _is_crashing(status)
        if not component.of_nodes or is_crashing or pod.node_name in troubled:
            yield _Source(pod, component, status.name, is_crashing)


def _is_crashing(status: ContainerStatus) -> bool:
    """Tell whether a container ends again and again."""
    waiting = status.state.waiting
    if waiting and waiting.reason == "CrashLoopBackOff":
        return True
    return not status.ready and status.restart_count > 0 and status.last_state.terminated is not None


def _look_through(client: KubernetesClient, source: _Source, until: float) -> ContainerLog | Gap | None:
    if time.monotonic() >= until:
        message = t(
            "the {seconds} s of the probe were over before the log of {pod}", seconds=PROBE_SECONDS, pod=source.key
        )
        return Gap(reason(ReasonKind.TIMEOUT, message), frozenset({source.key}))
    lines: list[_Line] = []
    is_cut = False
    for previous in (True, False) if source.is_crashing else (False,):
        try:
            body = _read(client, source, previous=previous)
        except CallFailed as failure:
            if failure.code == 404:
                return None  # the Pod has gone since the list was read, and its log with it
            if failure.code == 400 and (previous or source.is_crashing):
                continue  # there is no such log: the container before was cleared away, or none has run again yet
            return Gap(failure.reason, frozenset({source.key}))
        found = list(_lines(body, is_previous=previous))
        is_cut = is_cut or len(found) >= TAIL_LINES or len(body) >= LIMIT_BYTES
        lines += found
    times = [line.time for line in lines if line.time]
    return ContainerLog(
        pod=source.pod.key,
        container=source.container,
        component=source.component.name,
        matches=_matches(lines, patterns_of(source.component.name)),
        lines=len(lines),
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
        is_cut=is_cut,
    )


def _read(client: KubernetesClient, source: _Source, *, previous: bool) -> bytes:
    query: dict[str, str | int] = {
        "container": source.container,
        "tailLines": TAIL_LINES,
        "limitBytes": LIMIT_BYTES,
        "sinceSeconds": SINCE_SECONDS,
        "timestamps": "true",
        **({"previous": "true"} if previous else {}),
    }
    return client.get(source.path, query, permission=PERMISSION, accept="*/*", attempts=2, read_timeout=READ_SECONDS)


def _lines(body: bytes, *, is_previous: bool) -> Iterator[_Line]:
    for line in body.decode("utf-8", "replace").split("\n"):
        stamp, _, text = line.partition(" ")
        time_ = _time(stamp)
        if line:
            yield _Line(time_, text if time_ else line, is_previous)


def _time(stamp: str) -> datetime | None:
    if not stamp[:4].isdecimal():
        return None
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _matches(lines: Iterable[_Line], patterns: list[LogPattern]) -> list[LogMatch]:
    newest: dict[str, deque[tuple[int, LogMatch]]] = {}
    for number, line in enumerate(lines):
        for pattern in patterns:
            if pattern.regex.search(line.text):
                kept = newest.setdefault(pattern.id, deque(maxlen=LINES_OF_A_PATTERN))
                kept.append((number, LogMatch(pattern.id, _shown(line.text, pattern), line.time, line.is_previous)))
    return [match for _, match in sorted((entry for kept in newest.values() for entry in kept), key=lambda e: e[0])]


def _shown(text: str, pattern: LogPattern) -> str:
    """Return a line as it is kept: without secrets, and the part with the match if it is long."""
    clean = "".join(character if character.isprintable() else " " for character in blotted(text)).strip()
    if len(clean) <= LINE_CHARACTERS:
        return clean
    match = pattern.regex.search(clean)
    start = max(match.start() - BEFORE_A_MATCH, 0) if match and match.end() > LINE_CHARACTERS else 0
    return clean[start : start + LINE_CHARACTERS]
