"""Take away each permission in turn: no verdict may become wrong, and what is missing must be named.

Held over the healthy cluster (nothing may be found that was not there) and over the demo cluster (no finding may
vanish without the check saying what it could not look at), configured as a newcomer would: nothing is switched on.
"""

import pytest

from auditor.facts.ref import Layer
from auditor.judge.outcome import CheckResult, Status
from tests.audits import assert_nothing_is_wrong, audited, permissions, undisturbed
from tests.clusters import CLUSTERS
from tests.failing import DENIED


def area_of(result: CheckResult) -> str:
    """Return the subject area of a check: the folder that it lies in."""
    return result.id.partition("/")[0]


@pytest.mark.parametrize("cluster", CLUSTERS)
@pytest.mark.parametrize(("layer", "permission"), permissions())
def test_a_permission_taken_away_makes_no_verdict_wrong(cluster: str, layer: Layer, permission: str) -> None:
    before = undisturbed(cluster, opt_in=False)
    made = CLUSTERS[cluster]()
    DENIED.lay(made, layer, permission)
    after = audited(made, opt_in=False)
    source = permission.partition(":")[0] if layer is Layer.CLOUD else "kubernetes"
    assert_nothing_is_wrong(before.outcome, after.outcome, DENIED.kinds, source, permission)


def test_the_healthy_cluster_is_whole_and_has_nothing_above_info() -> None:
    outcome = undisturbed("healthy", opt_in=False).outcome
    assert outcome.is_complete
    assert {finding.severity.value for finding in outcome.findings} <= {"info"}


def test_the_demo_shows_every_area() -> None:
    outcome = undisturbed("demo", opt_in=False).outcome
    assert outcome.is_complete
    found = {area_of(result) for result in outcome.checks if result.status is Status.FOUND}
    assert found == {area_of(result) for result in outcome.checks}
    assert len(outcome.findings) >= 12
