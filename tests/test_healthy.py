"""Healthy clusters of each kind, over the wire of both fakes: nothing above info is found, and nothing is left open.

Each is looked at as a newcomer configures it, and with everything switched on that can be.
"""

from functools import cache

import pytest

from auditor.collect.permissions import all_probes
from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Outcome, Status
from tests.fakes.network import no_network
from tests.healthy_clusters import HEALTHY

NEVER_THERE = {
    "autoscaling/pending-not-for-resources",
    "autoscaling/pool-does-not-match-pod",
    "autoscaling/pool-in-other-zone",
    "autoscaling/pool-instance-too-small",
    "storage/nas-fsgroup-slow-mount",
    "storage/pvc-without-provisioner",
}
"""Checks of what a healthy cluster has none of: Pods and claims that wait."""

NOT_OF = {"terway": {"network/node-route-missing"}}
"""What the checks have nothing to look at in, by the kind of cluster."""


@cache
def audited(name: str, *, opt_in: bool) -> Outcome:
    """Collect a cluster over HTTP and judge it with all checks."""
    scene = HEALTHY[name]()
    if opt_in:
        scene.probes = tuple(all_probes())
        scene.secret_metadata = True
    with no_network():
        return scene.outcome()


@pytest.mark.parametrize("opt_in", [False, True], ids=["as it comes", "all switched on"])
@pytest.mark.parametrize("name", HEALTHY)
class TestHealthy:
    def test_nothing_above_info_is_found(self, name: str, opt_in: bool) -> None:
        outcome = audited(name, opt_in=opt_in)
        loud = [f"{f.check}: {f.subject}: {f.message}" for f in outcome.findings if f.severity != "info"]
        assert not loud

    def test_nothing_is_left_open(self, name: str, opt_in: bool) -> None:
        outcome = audited(name, opt_in=opt_in)
        gaps = {
            f"{result.id}: {reason.kind}: {reason.message}"
            for result in outcome.checks
            for reason in result.reasons
            if opt_in or reason.kind is not ReasonKind.SWITCHED_OFF
        }
        assert not gaps

    def test_every_check_looked_at_something(self, name: str, opt_in: bool) -> None:
        outcome = audited(name, opt_in=opt_in)
        idle = {result.id for result in outcome.checks if result.status is Status.NOT_APPLICABLE}
        assert idle <= NEVER_THERE | NOT_OF.get(name, set())
        assert idle >= NOT_OF.get(name, set()), "it is not the cluster that it should be"
