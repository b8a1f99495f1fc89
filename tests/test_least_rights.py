"""What is printed to be granted is what is really asked: for every table that there is, and both ways."""

from typing import Any

from auditor.collect.permissions import all_probes, cluster_role, ram_policy
from auditor.collect.plan import collect
from auditor.collect.registry import providers
from auditor.facts.ref import Layer
from tests.audits import Sides, identity_of, opened
from tests.calls import calls, declared
from tests.clusters import FakeCluster, everything

ASKED_FIRST = {"sts:GetCallerIdentity"}
"""Asked before each audit; it needs no grant."""


def test_the_ram_policy_allows_what_the_cloud_was_asked_and_no_more() -> None:
    policy = ram_policy(providers(), probes=all_probes())
    permission_of = {call.operation: call.permission for call in calls().cloud}
    cluster = everything()
    with opened(cluster) as sides:
        _collect_all(cluster, sides)
    used = {permission_of[action] for action in cluster.cloud.actions()} - ASKED_FIRST
    assert cluster.cloud.refused == []
    assert set(policy["Statement"][0]["Action"]) == used


def test_the_cluster_role_allows_what_the_cluster_was_asked_and_no_more() -> None:
    role = cluster_role(providers(), probes=all_probes(), secret_metadata=True)
    used = {call.permission for call in calls().kubernetes if call.permission and call.table}
    assert _rights(role) == used


def test_without_what_is_to_be_switched_on_neither_grants_it() -> None:
    without = _rights(cluster_role(providers()))
    assert "list secrets" not in without
    assert "get pods/log" not in without
    assert _rights(cluster_role(providers(), secret_metadata=True)) == without | {"list secrets"}
    for probe in all_probes():
        of_probe = {right for one in providers().values() if one.probe == probe for right in one.permissions}
        assert _rights(cluster_role(providers(), probes=[probe])) == without | of_probe


def test_the_clients_note_each_permission_as_answered() -> None:
    cluster = everything()
    with opened(cluster) as sides:
        _collect_all(cluster, sides)
        for client, layer in ((sides.cloud, Layer.CLOUD), (sides.kubernetes, Layer.KUBERNETES)):
            rights = {right for _, right in declared(layer)}
            assert {right for right in rights if not client.use(right).answered} == set()
            assert {right for right in rights if client.use(right).denied} == set()


def _collect_all(cluster: FakeCluster, sides: Sides) -> None:
    collect(providers(), sides.by_layer, identity_of(cluster))


def _rights(role: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for rule in role["rules"]:
        targets = rule.get("nonResourceURLs") or [
            resource + (f".{group}" if group else "") for group in rule["apiGroups"] for resource in rule["resources"]
        ]
        found |= {f"{verb} {target}" for verb in rule["verbs"] for target in targets}
    return found
