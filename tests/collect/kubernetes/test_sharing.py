"""Rows share equal parts, and say the same as before."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes.sharing import Sharing
from auditor.collect.kubernetes.tables import PATHS
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import ReplicaSet
from tests.fakes.kubernetes import recorded

LISTS = {**PATHS, "endpoint_slices": "/apis/discovery.k8s.io/v1/endpointslices"}


def rows_of(table: str) -> list[Any]:
    return [msgspec.convert(item, KUBERNETES_TABLES[table]) for item in recorded.lists()[LISTS[table]]["items"]]


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
        assert other.spec.node_name is not first.spec.node_name


def test_later_pages_share_with_earlier_ones() -> None:
    first, second = rows_of("pods"), rows_of("pods")
    sharing = Sharing(Pod)
    sharing.rows(first)
    sharing.rows(second)
    assert all(a.metadata.labels is b.metadata.labels for a, b in zip(first, second, strict=True))


def test_parts_of_different_types_are_not_mixed_up() -> None:
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}
    document = {"metadata": {"name": "a", "labels": {"a": "b"}}, "spec": spec}
    rows = [msgspec.convert(document, ReplicaSet) for _ in range(2)]
    Sharing(ReplicaSet).rows(rows)
    assert rows[0] == rows[1] == msgspec.convert(document, ReplicaSet)
    assert rows[0].spec.selector is rows[1].spec.selector
