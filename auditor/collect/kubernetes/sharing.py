"""Equal parts of rows, kept once.

Most of a Pod is that of its siblings: labels, tolerations, resources, mounts. Decoded anew for each Pod they take
about 9 kB in memory, shared about a third of that. Rows are never changed after they are read, so nobody can tell.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from sys import intern
from typing import Any, TypeVar

import msgspec
from msgspec.structs import force_setattr

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.meta import Condition, Meta
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Container, ContainerStatus, Pod, PodSpec
from auditor.facts.kubernetes.services import EndpointSlice, Service
from auditor.facts.kubernetes.workloads import DaemonSet, Deployment, ReplicaSet, StatefulSet, WorkloadSpec

V = TypeVar("V")
_encode = msgspec.msgpack.Encoder().encode


class Sharing:
    """The parts seen so far in one list. Makes rows use the first of equal parts."""

    def __init__(self, row_type: type[Any]) -> None:
        """Take the type of the rows. Types that are few or have nothing in common are left alone."""
        self._parts: dict[str, dict[bytes, Any]] = {}
        self._times: dict[datetime, datetime] = {}
        self._row_type = row_type

    def rows(self, rows: Iterable[Any]) -> None:
        """Let these rows share parts with each other and with those of earlier pages."""
        share = self._by_type().get(self._row_type)
        if share:
            for row in rows:
                share(row)

    def _by_type(self) -> dict[type[Any], Callable[[Any], None]]:
        # Not kept: a part of itself that leads back to it would outlive the reading of the list.
        return {
            Pod: self._pod,
            Event: self._event,
            Node: self._node,
            EndpointSlice: self._slice,
            Service: self._service,
            **dict.fromkeys((DaemonSet, Deployment, ReplicaSet, StatefulSet), self._workload),
        }

    def _same(self, kind: str, value: V) -> V:
        """Return the first value that was equal to this one. ``kind`` keeps types apart."""
        if not value:
            return value
        first: V = self._parts.setdefault(kind, {}).setdefault(_encode(value), value)
        return first

    def _put(self, struct: Any, *names: str) -> None:
        for name in names:
            value = getattr(struct, name)
            if value:
                force_setattr(struct, name, self._same(name, value))

    def _time(self, struct: Any, name: str) -> None:
        value = getattr(struct, name)
        if value is not None:
            force_setattr(struct, name, self._times.setdefault(value, value))

    def _meta(self, meta: Meta) -> None:
        _intern(meta, "namespace")
        self._put(meta, "labels", "owner_references")
        self._time(meta, "creation_timestamp")

    def _pod(self, pod: Pod) -> None:
        self._meta(pod.metadata)
        self._spec(pod.spec)
        status = pod.status
        _intern(status, "phase", "host_ip")
        for condition in status.conditions or ():
            self._condition(condition)
        for container in (*(status.container_statuses or ()), *(status.init_container_statuses or ())):
            self._container_status(container)

    def _spec(self, spec: PodSpec) -> None:
        _intern(spec, "node_name", "service_account_name", "restart_policy", "runtime_class_name", "dns_policy")
        _intern(spec, "scheduler_name")
        self._put(spec, "tolerations", "node_selector", "affinity", "topology_spread_constraints")
        self._put(spec, "security_context", "host_aliases", "scheduling_gates", "overhead")
        self._whole(spec, "containers", self._container)
        self._whole(spec, "init_containers", self._container)
        self._whole(spec, "volumes", _name)

    def _container(self, container: Container) -> None:
        _intern(container, "name", "image")
        self._put(container, "resources", "ports", "readiness_probe", "liveness_probe", "startup_probe")
        self._put(container, "volume_mounts")

    def _whole(self, struct: Any, name: str, share: Callable[[Any], None]) -> None:
        """Use the first of equal lists; of one that is new, let the members share their parts."""
        value = getattr(struct, name)
        if not value:
            return
        known = self._parts.setdefault(name, {})
        key = _encode(value)
        first = known.get(key)
        if first is None:
            for member in value:
                share(member)
            known[key] = value
        else:
            force_setattr(struct, name, first)

    def _condition(self, condition: Condition) -> None:
        _intern(condition, "type", "status", "reason", "message")
        self._time(condition, "last_transition_time")

    def _container_status(self, status: ContainerStatus) -> None:
        _intern(status, "name")
        # Most containers never ended, and their states are all alike.
        self._put(status, "last_state")
        if status.state.running:
            self._time(status.state.running, "started_at")

    def _workload(self, workload: Any) -> None:
        self._meta(workload.metadata)
        spec: WorkloadSpec = workload.spec
        self._put(spec.template.metadata, "labels")
        self._put(spec, "selector", "strategy")
        self._spec(spec.template.spec)
        for container in spec.template.spec.containers:
            self._put(container, "env", "env_from", "args", "command")
        for condition in getattr(workload.status, "conditions", None) or ():
            self._condition(condition)

    def _node(self, node: Node) -> None:
        self._meta(node.metadata)
        for name in ("labels", "annotations"):
            _intern_all(node.metadata, name)
        self._put(node.spec, "taints")
        self._put(node.status, "node_info", "allocatable", "capacity")
        for condition in node.status.conditions or ():
            self._condition(condition)

    def _event(self, event: Event) -> None:
        self._meta(event.metadata)
        _intern(event, "reason", "type", "reporting_component")
        _intern(event.involved_object, "kind", "namespace")
        self._put(event, "involved_object", "source")
        if event.message:
            force_setattr(event, "message", self._same("message", event.message))
        for name in ("first_timestamp", "last_timestamp", "event_time"):
            self._time(event, name)

    def _slice(self, slice_: EndpointSlice) -> None:
        self._meta(slice_.metadata)
        _intern(slice_, "address_type")
        self._put(slice_, "ports")
        for endpoint in slice_.endpoints or ():
            self._put(endpoint, "conditions")
            _intern(endpoint, "node_name", "zone")
            if endpoint.target_ref:
                _intern(endpoint.target_ref, "kind", "namespace")

    def _service(self, service: Service) -> None:
        self._meta(service.metadata)
        self._put(service.metadata, "annotations")
        spec = service.spec
        self._put(spec, "selector", "ports", "session_affinity_config", "load_balancer_source_ranges")
        _intern(spec, "type", "internal_traffic_policy", "external_traffic_policy", "session_affinity")
        # Nearly all have one address, which is said twice.
        for index, address in enumerate(spec.cluster_ips or ()):
            if address == spec.cluster_ip and spec.cluster_ips:
                spec.cluster_ips[index] = spec.cluster_ip
        self._put(service, "status")


def _intern_all(struct: Any, name: str) -> None:
    """Share the texts of a dictionary that has something of its own in each row, as labels of nodes do."""
    texts: dict[str, str] = getattr(struct, name) or {}
    if texts:
        force_setattr(struct, name, {intern(key): intern(value) for key, value in texts.items()})


def _name(part: Any) -> None:
    _intern(part, "name")


def _intern(struct: Any, *names: str) -> None:
    for name in names:
        value = getattr(struct, name)
        if value:
            force_setattr(struct, name, intern(value))
