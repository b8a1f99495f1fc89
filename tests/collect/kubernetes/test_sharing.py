"""Rows share equal parts, and say the same as before."""

import weakref
from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.sharing import Sharing
from auditor.collect.kubernetes.tables import PATHS
from auditor.collect.kubernetes.tokens import TOKEN_VOLUME, leave_out_tokens
from auditor.collect.kubernetes.versions import VERSIONS
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.cycles import search_held_off
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import ReplicaSet
from tests.fakes.kubernetes import recorded

LISTS = {**PATHS, **{table: versions[0].path for table, versions in VERSIONS.items()}}


def rows_of(table: str) -> list[Any]:
    path = LISTS[table].replace("/namespaces/kube-system", "")
    return [msgspec.convert(item, KUBERNETES_TABLES[table]) for item in recorded.lists()[path]["items"]]


@pytest.mark.parametrize("table", sorted(LISTS))
def test_shared_rows_are_equal_to_those_before(table: str) -> None:
    rows = rows_of(table)
    Sharing(KUBERNETES_TABLES[table]).rows(rows)
    assert rows == rows_of(table)


def test_siblings_share_what_is_equal() -> None:
    pods: list[Pod] = [pod for pod in rows_of("pods") if pod.name.startswith("csi-plugin")]
    Sharing(Pod).rows(pods)
    first = pods[0]
    others = [pod for pod in pods[1:] if pod.labels == first.labels]
    assert others
    for other in others:
        assert other.spec.tolerations is first.spec.tolerations
        assert other.metadata.labels is first.metadata.labels
        assert other.spec.containers[0].resources is first.spec.containers[0].resources
        assert other.spec.security_context is first.spec.security_context
        assert other.status.container_statuses is not None
        assert first.status.container_statuses is not None
        assert other.status.container_statuses[0].last_state is first.status.container_statuses[0].last_state
        assert other.spec.node_name is not first.spec.node_name


def test_later_pages_share_with_earlier_ones() -> None:
    first, second = rows_of("pods"), rows_of("pods")
    sharing = Sharing(Pod)
    sharing.rows(first)
    sharing.rows(second)
    assert all(a.metadata.labels is b.metadata.labels for a, b in zip(first, second, strict=True))


def test_nothing_of_it_outlives_the_reading_of_a_list() -> None:
    with search_held_off():
        sharing = Sharing(Pod)
        sharing.rows(rows_of("pods"))
        seen = weakref.ref(sharing)
        del sharing
        assert seen() is None


def test_events_share_what_most_of_them_say() -> None:
    events: list[Event] = rows_of("events")
    Sharing(Event).rows(events)
    for field in ("kind", "namespace"):
        texts = [getattr(event.involved_object, field) for event in events]
        assert len({id(text) for text in texts}) == len(set(texts))
    assert len({id(event.reporting_component) for event in events}) == len({e.reporting_component for e in events})
    assert len({id(event.source) for event in events if event.source.component}) <= len({e.source for e in events})


def test_parts_of_different_types_are_not_mixed_up() -> None:
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}
    document = {"metadata": {"name": "a", "labels": {"a": "b"}}, "spec": spec}
    rows = [msgspec.convert(document, ReplicaSet) for _ in range(2)]
    Sharing(ReplicaSet).rows(rows)
    assert rows[0] == rows[1] == msgspec.convert(document, ReplicaSet)
    assert rows[0].spec.selector is rows[1].spec.selector


def test_the_newer_parts_are_shared_too() -> None:
    pods: list[Pod] = [pod for pod in rows_of("pods") if pod.name.startswith("coredns")]
    Sharing(Pod).rows(pods)
    first, other = (pod.spec.containers[0] for pod in pods[:2])
    assert first.readiness_probe is not None
    assert first.readiness_probe is other.readiness_probe
    assert first.liveness_probe is other.liveness_probe
    nodes: list[Node] = rows_of("nodes")
    Sharing(Node).rows(nodes)
    assert len({id(node.status.node_info) for node in nodes}) == len({node.status.node_info for node in nodes}) < 8


def test_without_their_own_tokens_siblings_share_whole_containers() -> None:
    pods: list[Pod] = [pod for pod in rows_of("pods") if pod.name.startswith("csi-plugin")]
    names = [volume.name for pod in pods for volume in pod.volumes]
    assert any(name.startswith(TOKEN_VOLUME) for name in names)
    leave_out_tokens(pods)
    kept = [volume.name for pod in pods for volume in pod.volumes]
    assert kept == [name for name in names if not name.startswith(TOKEN_VOLUME)]
    mounts = [mount for pod in pods for each in pod.spec.containers for mount in each.volume_mounts or ()]
    assert not [mount for mount in mounts if mount.name.startswith(TOKEN_VOLUME)]
    Sharing(Pod).rows(pods)
    assert len({id(pod.spec.containers) for pod in pods}) == 1 < len(pods)
