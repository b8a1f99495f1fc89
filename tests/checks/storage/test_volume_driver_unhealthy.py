"""storage/volume-driver-unhealthy."""

from typing import Any

import pytest

from auditor.facts.cloud.cs import Addon
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import Status
from tests.checks import kit, make
from tests.checks.storage import drivers as d

CHECK = "storage/volume-driver-unhealthy"
CRASHING = {"containerStatuses": [{"name": "x", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}


def base(**tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("n1"), make.node("n2")],
        "daemonsets": [d.daemonset("csi-plugin", 2)],
        "deployments": [d.deployment("csi-provisioner", replicas=2)],
        "pods": [
            d.driver_pod("csi-plugin", "n1"),
            d.driver_pod("csi-plugin", "n2"),
            d.driver_pod("csi-provisioner", "n1"),
            d.driver_pod("csi-provisioner", "n2"),
        ],
        "addons": d.addons("csi-plugin", "csi-provisioner"),
        "csi_nodes": [d.csi_node("n1"), d.csi_node("n2")],
        "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db")],
        "storage_classes": [d.storage_class("disk"), d.storage_class("old", "alicloud/disk")],
        "persistent_volume_claims": [make.volume_claim("data/db", "pv-1", storageClassName="disk")],
    }
    return kit.landscape(**(given | tables))


def pods(*changed: Any) -> list[Any]:
    by_key = {pod.key: pod for pod in (*base().table("pods").all(), *changed)}
    return list(by_key.values())


def test_the_healthy_drivers_are_quiet() -> None:
    kit.stays_quiet(CHECK, base())
    kit.stays_quiet(CHECK, kit.landscape(), Status.NOT_APPLICABLE)


@pytest.mark.parametrize(
    ("tables", "subject"),
    [
        ({"daemonsets": []}, "kube-system/csi-plugin"),
        ({"deployments": [], "addons": d.addons("csi-plugin")}, "kube-system/csi-provisioner"),
        (
            {"deployments": [], "addons": [Addon("csi-plugin", "", "active"), Addon("csi-provisioner", "", "failed")]},
            "kube-system/csi-provisioner",
        ),
        ({"addons": d.addons("flexvolume")}, "kube-system/flexvolume"),
        ({"pods": pods(d.driver_pod("csi-plugin", "n2", ready=False))}, "kube-system/csi-plugin-n2"),
        ({"pods": pods(d.driver_pod("csi-plugin", "n2", ready=False, **CRASHING))}, "kube-system/csi-plugin-n2"),
        (
            {"pods": pods(*(d.driver_pod("csi-provisioner", node, ready=False) for node in ("n1", "n2")))},
            "kube-system/csi-provisioner",
        ),
        ({"deployments": [d.deployment("csi-provisioner", replicas=3)]}, "kube-system/csi-provisioner"),
        ({"daemonsets": [d.daemonset("csi-plugin", 3, 2)]}, "kube-system/csi-plugin"),
    ],
    ids=[
        "no plugin",
        "no provisioner",
        "add-on that failed",
        "no flexvolume",
        "unready",
        "crashing",
        "all unready",
        "pod not made",
        "node without one",
    ],
)
def test_a_driver_that_fails(tables: dict[str, Any], subject: str) -> None:
    (finding,) = kit.finds(CHECK, base(**tables), subject)
    assert finding.severity.value == "high"
    assert any(hop.state == "broken" for hop in finding.trail)


@pytest.mark.parametrize(
    "tables",
    [
        {"deployments": []},
        {"deployments": [], "addons": d.addons("csi-plugin", "managed-csiprovisioner")},
        {
            "pods": pods(d.driver_pod("csi-plugin", "n2", ready=False)),
            "nodes": [make.node("n1"), make.node("n2", ready=False)],
            "daemonsets": [d.daemonset("csi-plugin", 2, 1)],
        },
        {"daemonsets": [], "nodes": [make.node("v", labels={"type": "virtual-kubelet"})]},
        {"pods": pods(make.pod("shop/csi-plugin-fake", "n1", labels={"app": "csi-plugin"}, ready=False))},
    ],
    ids=["managed", "managed, other name", "node down", "only virtual nodes", "a pod of the same label elsewhere"],
)
def test_look_alikes(tables: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, base(**tables))


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    result, findings = kit.run(CHECK, kit.without(base(), table))
    assert not findings
    needed = table in {"pods", "daemonsets", "deployments", "addons"}
    assert result.status is (Status.NOT_EVALUATED if needed else Status.PASSED)
    crashing = base(pods=pods(d.driver_pod("csi-plugin", "n2", ready=False, **CRASHING)))
    result, findings = kit.run(CHECK, kit.without(crashing, table))
    assert len(findings) == (table not in {"pods", "daemonsets"})


def test_an_unready_pod_on_a_node_that_is_not_known() -> None:
    landscape = base(pods=pods(d.driver_pod("csi-plugin", "n2", ready=False)))
    kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "nodes", "n2"))
    kit.finds(CHECK, landscape, "kube-system/csi-plugin-n2")


def test_a_pod_of_somebody_else_that_is_not_known_touches_nothing() -> None:
    landscape = base(pods=pods(make.pod("shop/web", "n1")))
    kit.stays_quiet(CHECK, kit.without_rows(landscape, "pods", "shop/web"))
    kit.is_not_evaluated(CHECK, kit.without_rows(landscape, "pods", "kube-system/csi-plugin-n2"))
