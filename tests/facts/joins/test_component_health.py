from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon
from auditor.facts.joins.component_health import ComponentHealth, restarting
from auditor.facts.joins.object_events import ObjectEvents
from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.ref import kubernetes_ref
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DENIED = Reason("cs", ReasonKind.FORBIDDEN, t("denied"), ("cs:ListClusterAddonInstances",))


def deployment(name: str = "csi-provisioner") -> Deployment:
    data = {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": {"app": name}}},
    }
    return msgspec.convert(data, Deployment)


def pod(name: str, *, ready: bool = True, **status: Any) -> Pod:
    container = {"name": "main", "ready": ready, "state": {"running": {}}, **status}
    data = {
        "metadata": {"name": name, "namespace": "kube-system", "labels": {"app": "csi-provisioner"}},
        "spec": {"nodeName": "a", "containers": [{"name": "main"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [container],
        },
    }
    return msgspec.convert(data, Pod)


def health(*pods: Pod, deployments: tuple[Deployment, ...] = (), addons: Table[Addon] | None = None) -> ComponentHealth:
    return ComponentHealth(
        Table("deployments", deployments),
        Table("daemonsets"),
        Table("pods", pods),
        Table("addons") if addons is None else addons,
    )


def ended(ago: timedelta) -> dict[str, Any]:
    return {"terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": (NOW - ago).isoformat()}}


def test_troubles_are_pods_that_are_not_ready_or_restart() -> None:
    crashing = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    pods = (
        pod("well"),
        pod("unready", ready=False),
        pod("crashing", ready=False, **crashing),
        pod("again", restartCount=7, lastState=ended(timedelta(minutes=5))),
        pod("long-ago", restartCount=7, lastState=ended(timedelta(days=5))),
        pod("once", restartCount=1, lastState=ended(timedelta(minutes=5))),
    )
    found = health(*pods, deployments=(deployment(),)).troubles(deployment(), NOW)
    assert [trouble.pod.name for trouble in found] == ["unready", "crashing", "again"]
    assert "7 times" in str(restarting(pods[3], NOW))


@pytest.mark.parametrize(("state", "outside"), [("active", True), ("Active", True), ("deleted", False)])
def test_an_active_add_on_without_a_workload_runs_outside(state: str, outside: bool) -> None:
    addons = Table("addons", [Addon("managed-csiprovisioner", state=state)])
    assert health(addons=addons).runs_outside("csi-provisioner") is outside
    assert not health(deployments=(deployment(),), addons=addons).runs_outside("csi-provisioner")


def test_without_the_add_ons_nobody_can_say_whether_it_runs_outside() -> None:
    with pytest.raises(NotKnown):
        health(addons=Table.unavailable("addons", DENIED)).runs_outside("csi-provisioner")


def event(name: str, message: str, minute: int, reason: str = "FailedMount") -> Event:
    data = {
        "metadata": {"name": name, "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"},
        "reason": reason,
        "message": message,
        "lastTimestamp": (NOW + timedelta(minutes=minute)).isoformat(),
    }
    return msgspec.convert(data, Event)


def test_events_about_an_object_come_newest_first_and_are_searched_without_regard_to_case() -> None:
    found = ObjectEvents(Table("events", [event("a", "Multi-Attach error", 1), event("b", "another", 2)]))
    web = kubernetes_ref("Pod", "web", "shop")
    assert [one.name for one in found.about(web)] == ["b", "a"]
    hit = found.saying(web, "multi-attach")
    assert hit is not None
    assert hit.name == "a"
    assert found.saying(web, "timeout") is None
    by_reason = found.saying(web, reasons=("FailedMount",))
    assert by_reason is not None
    assert by_reason.name == "b"


def test_events_that_can_not_be_read_are_none_and_say_why() -> None:
    found = ObjectEvents(Table.unavailable("events", DENIED))
    assert not found.about(kubernetes_ref("Pod", "web", "shop"))
    assert found.reasons == (DENIED,)
