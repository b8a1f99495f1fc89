"""The landscape that the time of checks is measured on: it has to give them something to do."""

from functools import cache

import pytest

from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind
from auditor.judge.engine import judge, needed_tables
from auditor.judge.outcome import CheckResult, Status
from auditor.judge.registry import load_checks
from bench.cluster import Cluster, Size
from bench.facts import landscape
from bench.faults import spoilt

SMALL, LARGER = Size(16, 320, 8, 60), Size(64, 1280, 32, 240)
SWITCHED_OFF = {"network/ingress-config-invalid"}
"""Checks that may say that something was switched off, as the Secrets are."""


@cache
def facts(size: Size) -> Landscape:
    return spoilt(landscape(Cluster(size, brief=True), needed_tables(load_checks())))


@cache
def results(size: Size) -> tuple[CheckResult, ...]:
    return judge(facts(size), load_checks())[0]


@pytest.mark.parametrize("size", [SMALL, LARGER])
def test_everything_is_read(size: Size) -> None:
    gaps = {
        f"{result.id}: {reason.message}"
        for result in results(size)
        for reason in result.reasons
        if reason.kind not in (ReasonKind.SWITCHED_OFF, ReasonKind.UNDECIDABLE)
    }
    assert not gaps


def test_most_checks_find_something() -> None:
    found = {result.id for result in results(LARGER) if result.status is Status.FOUND}
    assert len(found) >= 30, sorted({result.id for result in results(LARGER)} - found)


def test_the_faults_grow_with_the_cluster() -> None:
    few, many = (sum(result.findings for result in results(size)) for size in (SMALL, LARGER))
    assert many > 2 * few


@pytest.mark.parametrize("table", ["nodes", "pods", "services", "route_entries", "network_interfaces", "disks"])
def test_the_cluster_has_the_size_that_was_asked_for(table: str) -> None:
    wanted = {"nodes": LARGER.nodes, "pods": LARGER.pods, "disks": LARGER.volumes * 0.6}.get(table, 1)
    assert len(facts(LARGER).table(table)) >= wanted * 0.9
