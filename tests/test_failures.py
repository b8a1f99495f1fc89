"""Let every call that the checks rest on fail in every way: no verdict may become wrong, and each gap must be named.

A call is tried with some of the ways, so that every call and every way has its turn. With the environment variable
``ALL_FAILURES`` every call is tried with all of them, which takes some minutes.
"""

import os
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from auditor.facts.ref import Layer
from auditor.judge.outcome import Outcome
from tests.audits import (
    assert_nothing_is_taken_for_absent,
    assert_nothing_is_wrong,
    audited,
    permissions,
    undisturbed,
)
from tests.clusters import CLUSTERS
from tests.failing import DENIED, FAILURES, Failure, actions_of

SHARES = {"healthy": 9, "demo": 4}
"""One of so many combinations of a call and a way is tried with the cluster."""
HEALTH_PAGES = ("get /livez", "get /readyz")
"""That these fail, or do not answer, is just what one check tells: to it the failure is a fact."""
Case = tuple[str, Layer, str, Failure]


def all_cases() -> Iterator[Case]:
    """Yield every call with every way in which it can fail."""
    for cluster in CLUSTERS:
        for layer, permission in permissions():
            for way in FAILURES:
                if way.fits(layer):
                    yield cluster, layer, permission, way


def chosen() -> list[Case]:
    """Return the cases to try: those on a diagonal through calls and ways, or all of them."""
    if os.environ.get("ALL_FAILURES"):
        return list(all_cases())
    calls = {call: number for number, call in enumerate(permissions())}
    ways = {layer: [way.name for way in FAILURES if way.fits(layer)] for layer in Layer}
    return [
        (cluster, layer, permission, way)
        for cluster, layer, permission, way in all_cases()
        if (calls[layer, permission] + ways[layer].index(way.name)) % SHARES[cluster] == 0
    ]


def label(value: object) -> str | None:
    """Return the name of a way for the id of a test."""
    return value.name if isinstance(value, Failure) else None


@pytest.mark.parametrize(("cluster", "layer", "permission", "way"), chosen(), ids=label)
def test_a_call_that_fails_makes_no_verdict_wrong(cluster: str, layer: Layer, permission: str, way: Failure) -> None:
    before = undisturbed(cluster)
    made = CLUSTERS[cluster]()
    way.lay(made, layer, permission)
    # The deadline is meant for what fails: any other product would only be late, on a machine that has much to do.
    after = audited(made, replace(way.haste, product=permission.partition(":")[0] if layer is Layer.CLOUD else "none"))
    assert_nothing_is_taken_for_absent(before.landscape, after.landscape)
    source = permission.partition(":")[0] if layer is Layer.CLOUD else "kubernetes"
    missing = permission if way is DENIED else ""
    told_by = {"network/apiserver-unhealthy"} if permission in HEALTH_PAGES else set()
    assert_nothing_is_wrong(
        _without(before.outcome, told_by), _without(after.outcome, told_by), way.kinds, source, missing
    )


def _without(outcome: Outcome, checks: set[str]) -> Outcome:
    """Return an outcome without some checks."""
    results = tuple(result for result in outcome.checks if result.id not in checks)
    findings = tuple(finding for finding in outcome.findings if finding.check not in checks)
    return msgspec.structs.replace(outcome, checks=results, findings=findings)


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_every_call_and_every_way_has_its_turn(cluster: str) -> None:
    tried = [(permission, way.name) for name, _, permission, way in chosen() if name == cluster]
    assert {permission for permission, _ in tried} == {permission for _, permission in permissions()}
    assert {name for _, name in tried} == {way.name for way in FAILURES}


def test_the_demo_makes_every_call_and_is_whole() -> None:
    cluster = CLUSTERS["demo"]()
    assert audited(cluster).outcome.is_complete
    made = {*cluster.cloud.actions(), *cluster.kubernetes.permissions_used}
    for layer, permission in permissions():
        assert made.intersection(actions_of(permission) if layer is Layer.CLOUD else {permission}), permission
