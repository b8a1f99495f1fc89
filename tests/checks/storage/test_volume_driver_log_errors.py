"""storage/volume-driver-log-errors."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.landscape import Landscape
from auditor.facts.rules.log_patterns import DRIVERS, LOG_PATTERNS
from auditor.facts.table import ReasonKind
from auditor.judge.api import Severity
from auditor.judge.outcome import Status
from checks.storage._driver_log_findings import CHECKS_OF, meaning_of
from tests.checks import kit, make
from tests.checks.storage import drivers as d

CHECK = "storage/volume-driver-log-errors"
TAKEN = ("disk-attached-elsewhere", "E1123 08:00:00.1 1 cloud.go:3] Disk d-bp1aaaaaaaaa is already attached to i-2")


def base(*logs: ContainerLog, **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "pods": [d.driver_pod("csi-provisioner"), d.driver_pod("csi-plugin"), make.pod("shop/web", "n1")],
        "persistent_volumes": [make.disk_volume("pv-1", "d-bp1aaaaaaaaa", "data/db")],
        "container_logs": list(logs),
    }
    return kit.landscape(**(given | tables))


def test_a_line_that_is_known() -> None:
    (finding,) = kit.finds(CHECK, base(d.log("csi-provisioner", TAKEN)), "kube-system/csi-provisioner-n1")
    assert finding.severity is Severity.MEDIUM
    assert finding.evidence["checks"] == list(CHECKS_OF["disk-attached-elsewhere"])
    assert [ref.name for ref in finding.affected] == ["pv-1"]


def test_each_pattern_of_a_pod_is_one_finding() -> None:
    log = d.log("csi-provisioner", TAKEN, TAKEN, ("driver-denied", "E1 Forbidden.RAM"))
    assert len(kit.finds(CHECK, base(log), "kube-system/csi-provisioner-n1")) == 2


def test_every_pattern_of_a_driver_is_described() -> None:
    ids = {pattern.id for pattern in LOG_PATTERNS if set(pattern.components) & set(DRIVERS)}
    assert {str(meaning_of(pattern)) for pattern in LOG_PATTERNS if pattern.id in ids}.isdisjoint(ids)
    assert {pattern.id for pattern in LOG_PATTERNS if pattern.id in ids and pattern.causes} == set(CHECKS_OF)


@pytest.mark.parametrize(
    "line",
    [
        "E1123 08:00:00.1 1 x] Disk d-bp1zzzzzzzzz is already attached",
        "E1123 08:00:00.1 1 x] pvc-11111111-2222-4333-8444-555555555555 already attached",
        "I1123 08:00:00.1 1 x] Disk d-bp1aaaaaaaaa is already attached to this node, skipping",
        'level=info msg="Disk d-bp1aaaaaaaaa is already attached"',
    ],
)
def test_lines_that_say_nothing_of_now(line: str) -> None:
    kit.stays_quiet(CHECK, base(d.log("csi-provisioner", (TAKEN[0], line))))


def test_lines_that_are_older_than_the_window() -> None:
    log = d.log("csi-provisioner", TAKEN)
    old = LogMatch(*TAKEN, kit.OBSERVED_AT - timedelta(hours=2))
    kit.stays_quiet(CHECK, base(msgspec.structs.replace(log, matches=[old])))
    fresh = LogMatch(*TAKEN, kit.OBSERVED_AT - timedelta(minutes=50))
    kit.finds(CHECK, base(msgspec.structs.replace(log, matches=[fresh])), "kube-system/csi-provisioner-n1")


def test_ownership_that_is_changed_is_a_fault_while_a_pod_waits() -> None:
    line = ("ownership-changed", "I1123 08:00:00.1 1 x] FsGroup of pv-1")
    driver = d.driver_pod("flexvolume")
    waits = make.pod("data/db-0", "n1", claims=["db"], phase="Pending")
    runs = make.pod("data/db-0", "n1", claims=["db"])
    kit.finds(CHECK, base(d.log("flexvolume", line), pods=[driver, waits]), "kube-system/flexvolume-n1")
    kit.stays_quiet(CHECK, base(d.log("flexvolume", line), pods=[driver, runs]))


def test_other_components_are_no_subjects() -> None:
    log = ContainerLog("kube-system/nginx-1", "nginx", "nginx-ingress-controller", [LogMatch(*TAKEN)])
    pods = [make.pod("kube-system/nginx-1", "n1", spec={"containers": [{"name": "nginx"}]})]
    kit.stays_quiet(CHECK, base(log, pods=pods), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    landscape = base(d.log("csi-provisioner", TAKEN))
    result, findings = kit.run(CHECK, kit.without(landscape, table))
    # The line names a volume that is known: what else there is does not matter.
    decided = table == "persistent_volume_claims"
    assert len(findings) == decided
    assert [reason.kind for reason in result.reasons] == ([] if decided else [ReasonKind.FORBIDDEN])
    if table not in {"pods", "container_logs"}:
        kit.stays_quiet(CHECK, kit.without(base(d.log("csi-provisioner")), table))


def test_the_log_of_another_component_that_is_not_known_touches_nothing() -> None:
    landscape = base(d.log("csi-provisioner"), d.log("csi-plugin"))
    kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "container_logs", "kube-system/csi-plugin-n1/csi-plugin"))
    other = ContainerLog("kube-system/nginx-1", "nginx", "nginx-ingress-controller")
    landscape = base(d.log("csi-provisioner"), other)
    kit.stays_quiet(CHECK, kit.without_rows(landscape, "container_logs", other.key))
