"""autoscaling/autoscaler-log-errors."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.landscape import Landscape
from auditor.facts.rules.log_patterns import AUTOSCALERS, LOG_PATTERNS, patterns_of
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from checks.autoscaling._log_findings import CHECKS_OF, meaning_of
from tests.checks import kit, make
from tests.checks.autoscaling.pools import before, event, waiting

CHECK = "autoscaling/autoscaler-log-errors"
NAME = "kube-system/cluster-autoscaler-x"
POD = make.pod(NAME, "a", labels={"app": "cluster-autoscaler"})
OFF: Table[ContainerLog] = Table.unavailable(
    "container_logs", Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe is off"))
)
WAITING = waiting()
STATUS_YAML = """time: 2026-11-23 07:59:36 +0000 UTC
autoscalerStatus: Running
clusterWide:
  health:
    status: Healthy
  scaleUp:
    status: NoActivity
nodeGroups:
- name: asg-1
  health:
    status: Healthy
  scaleUp:
    status: {state}
    lastProbeTime: "2026-11-23T07:59:36Z"
  scaleDown:
    status: NoCandidates
"""
STATUS_TEXT = """Cluster-autoscaler status at 2026-11-23 07:59:36 +0000 UTC:
Cluster-wide:
  Health:      Healthy (ready=3 unready=0)
  ScaleUp:     NoActivity (ready=3 registered=3)
NodeGroups:
  Name:        asg-1
  Health:      Healthy (ready=3)
  ScaleUp:     {state} (ready=3 cloudProviderTarget=3)
"""


def log(*lines: str, minutes: float = 5, component: str = "cluster-autoscaler", pod: str = NAME) -> ContainerLog:
    """Make the log of a container as the probe keeps it."""
    moment = kit.OBSERVED_AT - timedelta(minutes=minutes)
    matches = [
        LogMatch(pattern.id, line, moment)
        for line in lines
        for pattern in patterns_of(component)
        if pattern.regex.search(line)
    ]
    return ContainerLog(pod, "main", component, matches, lines=100, first_at=moment, last_at=kit.OBSERVED_AT)


def landscape(*logs: ContainerLog, pods: Any = (POD,), **tables: Any) -> Landscape:
    return kit.landscape(**{"pods": pods, "container_logs": logs, **tables})


def one(base: Landscape, subject: str = NAME) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    return finding


def status_map(text: str) -> ConfigMap:
    data = {"metadata": make.meta("cluster-autoscaler-status", "kube-system"), "data": {"status": text}}
    return msgspec.convert(data, ConfigMap)


def warning(message: str, reason: str = "FailedToScaleUpGroup", **ago: float) -> Event:
    data = {
        "metadata": make.meta("e1", "kube-system"),
        "involvedObject": {"kind": "ConfigMap", "namespace": "kube-system", "name": "cluster-autoscaler-status"},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": before(**(ago or {"minutes": 2})),
    }
    return msgspec.convert(data, Event)


# The log


@pytest.mark.parametrize(
    ("line", "pattern", "check"),
    [
        ("E1123 Failed to scale up: Forbidden.RAM", "autoscaler-denied", "role-lacks-permission"),
        ("F1123 Failed to create Alicloud cloud provider", "autoscaler-denied", "role-lacks-permission"),
        ("E1123 You are not authorized to do this action", "autoscaler-denied", "role-lacks-permission"),
        ("E1123 ErrorCode: OperationDenied.NoStock", "no-stock", "scaling-group-cannot-grow"),
        ("E1123 InvalidVSwitchId.IpNotEnough", "vswitch-without-addresses", "pool-in-other-zone"),
        ("E1123 scaling gorup asg-bp1 is not exists", "scaling-group-gone", "scaling-group-cannot-grow"),
        (
            "W1123 Node group asg-1 is not ready for scaleup - in backoff",
            "pool-in-backoff",
            "scaling-group-cannot-grow",
        ),
    ],
)
def test_an_error_is_confirmed_and_points_at_its_check(line: str, pattern: str, check: str) -> None:
    finding = one(landscape(log(line)))
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.CONFIRMED)
    assert finding.subject.kind == "Pod"
    assert finding.evidence["pattern"] == pattern
    assert line in str(finding.message)
    assert f"autoscaling/{check}" in finding.evidence["checks"]  # type: ignore[operator]


@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("I1123 Skipping node group asg-1 - max node group size reached", "pool-full"),
        ("I1123 Pod shop/big can't be scheduled on asg-1: Insufficient cpu", "pool-too-small"),
        ("I1123 Pod shop/big can't be scheduled: didn't match Pod's node affinity/selector", "zone-or-affinity"),
        ('I1123 event: NotTriggerScaleUp pod="shop/big"', "no-scale-up"),
    ],
)
def test_what_is_said_of_a_pod_counts_while_it_waits(line: str, pattern: str) -> None:
    finding = one(landscape(log(line), pods=[POD, WAITING]))
    assert finding.evidence["pattern"] == pattern
    if "shop/big" in line:
        assert [ref.path for ref in finding.affected] == ["shop/big"]
        assert finding.certainty is Certainty.CONFIRMED
        placed = make.pod("shop/big", "a")
        kit.stays_quiet(CHECK, landscape(log(line), pods=[POD, placed]))
        kit.stays_quiet(CHECK, landscape(log(line)))
    else:
        assert finding.certainty is Certainty.LIKELY


def test_each_pattern_is_a_finding_of_its_own() -> None:
    logs = log("E1123 Forbidden.RAM", "E1123 OperationDenied.NoStock", "E1123 Forbidden.RAM again")
    _, findings = kit.run(CHECK, landscape(logs))
    assert {finding.evidence["pattern"] for finding in findings} == {"autoscaler-denied", "no-stock"}


def test_node_instant_scaling_is_read_too() -> None:
    instant = make.pod("kube-system/ack-goatscaler-x", "a", labels={"app": "ack-goatscaler"})
    logs = log("E1123 NoStock", component="ack-goatscaler", pod=instant.key)
    one(landscape(logs, pods=[instant]), instant.key)


def test_every_pattern_of_an_autoscaler_is_described() -> None:
    ids = {pattern.id for pattern in LOG_PATTERNS if set(pattern.components) & set(AUTOSCALERS)}
    assert ids == set(CHECKS_OF)
    assert all(meaning_of(pattern).key != "{pattern}" for pattern in LOG_PATTERNS if pattern.id in ids)


@pytest.mark.parametrize(
    "logs",
    [
        pytest.param(log(), id="no line"),
        pytest.param(log("E1123 NoStock", minutes=90), id="older than the window"),
        pytest.param(log("I1123 node a may not be removed: shop/web: Insufficient cpu"), id="scale-down"),
        pytest.param(log("I1123 Scale-down: node group asg-1 is in backoff"), id="scale-down, in other words"),
    ],
)
def test_quiet(logs: ContainerLog) -> None:
    kit.stays_quiet(CHECK, landscape(logs))


def test_of_a_log_that_was_cut_nothing_is_said_of_the_rest() -> None:
    result, findings = kit.run(CHECK, landscape(msgspec.structs.replace(log(), is_cut=True)))
    assert (findings, result.status) == ((), Status.NOT_EVALUATED)
    assert {reason.kind for reason in result.reasons} == {ReasonKind.TRUNCATED}
    cut = msgspec.structs.replace(log("E1123 NoStock"), is_cut=True)
    result, findings = kit.run(CHECK, landscape(cut))
    assert [finding.evidence["pattern"] for finding in findings] == ["no-stock"]
    assert {reason.kind for reason in result.reasons} == {ReasonKind.TRUNCATED}


TOO_SMALL = "I1123 Pod shop/big can't be scheduled on asg-1: Insufficient cpu"


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param({"events": [event(WAITING, "TriggeredScaleUp")]}, id="a node is on its way"),
        pytest.param({"pods": [POD, waiting(made=before(seconds=40))]}, id="it was just made"),
        pytest.param({"pods": [POD, waiting(spec={"priority": -20})]}, id="expendable"),
    ],
)
def test_a_pod_that_does_not_wait_in_vain(tables: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, landscape(log(TOO_SMALL), **{"pods": [POD, WAITING], **tables}))


def test_whether_a_node_is_on_its_way_is_not_known() -> None:
    base = landscape(log(TOO_SMALL), pods=[POD, WAITING])
    one(base)
    kit.is_not_evaluated(CHECK, kit.without(base, "events"))


def test_without_an_autoscaler_in_the_cluster() -> None:
    kit.stays_quiet(CHECK, landscape(pods=[]), Status.NOT_APPLICABLE)


# Without the log


def test_the_probe_is_off() -> None:
    result, findings = kit.run(CHECK, landscape(container_logs=OFF))
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.SWITCHED_OFF}


@pytest.mark.parametrize("text", [STATUS_YAML, STATUS_TEXT])
def test_backoff_by_the_status_is_likely(text: str) -> None:
    base = landscape(container_logs=OFF, config_maps=[status_map(text.format(state="Backoff"))])
    result, (finding,) = kit.run(CHECK, base)
    assert finding.certainty is Certainty.LIKELY
    assert finding.subject.path == NAME
    assert "asg-1" in str(finding.message)
    assert {reason.kind for reason in result.reasons} == {ReasonKind.SWITCHED_OFF}
    quiet = landscape(container_logs=OFF, config_maps=[status_map(text.format(state="NoActivity"))])
    assert not kit.run(CHECK, quiet)[1]


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("pod didn't trigger scale-up: 1 max node group size reached", "pool-full"),
        ("pod didn't trigger scale-up: 1 in backoff after failed scale-up", "pool-in-backoff"),
        ("pod didn't trigger scale-up: 1 Insufficient cpu", "pool-too-small"),
        ("pod didn't trigger scale-up: 2 node(s) didn't match Pod's node affinity/selector", "zone-or-affinity"),
        ("pod didn't trigger scale-up (it wouldn't fit if a new node is added)", "no-scale-up"),
    ],
)
def test_what_an_event_says_of_a_waiting_pod_is_likely(message: str, pattern: str) -> None:
    events = [event(WAITING, "NotTriggerScaleUp", message)]
    _, (finding,) = kit.run(CHECK, landscape(container_logs=OFF, pods=[POD, WAITING], events=events))
    assert finding.certainty is Certainty.LIKELY
    assert finding.evidence["pattern"] == pattern
    assert [ref.path for ref in finding.affected] == ["shop/big"]


def test_a_failed_scale_up_by_an_event_of_the_status() -> None:
    events = [warning("Scale-up failed for group asg-1: OperationDenied.NoStock")]
    _, (finding,) = kit.run(CHECK, landscape(container_logs=OFF, events=events))
    assert finding.evidence["pattern"] == "no-stock"
    old = [warning("Scale-up failed for group asg-1: OperationDenied.NoStock", hours=2), event(WAITING, "Other")]
    assert not kit.run(CHECK, landscape(container_logs=OFF, events=old))[1]


def test_signs_stand_in_for_an_autoscaler_outside_of_the_cluster() -> None:
    base = landscape(pods=[], config_maps=[status_map(STATUS_YAML.format(state="Backoff"))])
    assert one(base, "kube-system/cluster-autoscaler-status").certainty is Certainty.LIKELY


def test_a_status_that_was_left_behind() -> None:
    old = STATUS_YAML.format(state="Backoff").replace("2026-11-23 07:59", "2026-11-21 07:59")
    kit.stays_quiet(CHECK, landscape(pods=[], config_maps=[status_map(old)]), Status.NOT_APPLICABLE)
    instant = make.pod("kube-system/ack-goatscaler-x", "a", labels={"app": "ack-goatscaler"})
    assert not kit.run(CHECK, landscape(container_logs=OFF, pods=[instant], config_maps=[status_map(old)]))[1]
    assert kit.run(CHECK, landscape(container_logs=OFF, config_maps=[status_map(old)]))[1]


def test_an_event_that_another_overtook() -> None:
    events = [event(WAITING, "NotTriggerScaleUp", "1 Insufficient cpu", minutes=9), event(WAITING, "TriggeredScaleUp")]
    assert not kit.run(CHECK, landscape(container_logs=OFF, pods=[POD, WAITING], events=events))[1]


def test_signs_are_not_asked_where_the_log_is_read() -> None:
    base = landscape(log(), config_maps=[status_map(STATUS_YAML.format(state="Backoff"))])
    kit.stays_quiet(CHECK, base)


def test_one_of_two_pods_tells_the_signs() -> None:
    other = make.pod("kube-system/cluster-autoscaler-y", "b", labels={"app": "cluster-autoscaler"})
    base = landscape(
        container_logs=OFF, pods=[other, POD], config_maps=[status_map(STATUS_YAML.format(state="Backoff"))]
    )
    assert [finding.subject.path for finding in kit.run(CHECK, base)[1]] == [NAME]


# Gaps


def test_every_table_taken_away() -> None:
    whole = landscape(log("E1123 Forbidden.RAM"))
    for table in kit.tables_needed(CHECK):
        base = kit.without(whole, table)
        if table in ("pods", "container_logs"):
            kit.is_not_evaluated(CHECK, base)
        else:
            one(base)


def test_signs_that_cannot_be_read_are_gaps() -> None:
    for table in ("events", "config_maps"):
        kit.is_not_evaluated(CHECK, kit.without(landscape(container_logs=OFF), table))


def test_one_log_that_could_not_be_read() -> None:
    other = make.pod("kube-system/cluster-autoscaler-y", "b", labels={"app": "cluster-autoscaler"})
    logs = [log("E1123 Forbidden.RAM"), log(pod=other.key)]
    base = kit.without_rows(landscape(*logs, pods=[POD, other]), "container_logs", f"{other.key}/main")
    result, findings = kit.run(CHECK, base)
    assert len(findings) == 1
    assert result.reasons
