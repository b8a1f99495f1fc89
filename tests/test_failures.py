"""Let every call that the checks rest on fail in every way: no verdict may become wrong, and each gap must be named.

Each call is tried with some of the ways, so that every call and every way has its turn. With the environment variable
``ALL_FAILURES`` every call is tried with all of them.
"""

import os

import pytest

from auditor.facts.ref import Layer
from tests.audits import CLUSTERS, assert_nothing_is_wrong, audited, permissions, undisturbed
from tests.failing import FAILURES, Failure


def cases() -> list[tuple[Layer, str, Failure]]:
    """Return the calls with the ways in which they are to fail."""
    return [(layer, permission, way) for layer, permission in permissions() for way in FAILURES if way.fits(layer)]


def label(value: object) -> str | None:
    return value.name if isinstance(value, Failure) else None


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("layer", "permission", "way"), cases(), ids=label)
def test_a_call_that_fails_makes_no_verdict_wrong(cluster: str, layer: Layer, permission: str, way: Failure) -> None:
    made = CLUSTERS[cluster]()
    way.lay(made, layer, permission)
    after = audited(made, way.haste)
    source = permission.partition(":")[0] if layer is Layer.CLOUD else "kubernetes"
    assert_nothing_is_wrong(undisturbed(cluster), after, way.kinds, source)
