"""storage/volume-driver-mismatch."""

from typing import Any

import msgspec
import pytest

from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import Status
from tests.checks import kit, make
from tests.checks.storage import drivers as d

CHECK = "storage/volume-driver-mismatch"
CONFIRMED, LIKELY = Certainty.CONFIRMED, Certainty.LIKELY


def flex(driver: str = "alicloud/disk", **options: str) -> dict[str, Any]:
    return {"csi": None, "flexVolume": {"driver": driver, "options": options}}


def nas(name: str, handle: str, **attributes: str) -> Any:
    csi = {"driver": d.NAS, "volumeHandle": handle, "volumeAttributes": attributes}
    return make.nas_volume(name, "", csi=csi)


SERVER = {"server": "1-a.cn-hangzhou.nas.aliyuncs.com", "path": "/"}


def base(**tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("n1"), make.node("n2")],
        "daemonsets": [d.daemonset("csi-plugin", 2)],
        "deployments": [d.deployment("csi-provisioner")],
        "pods": [
            d.driver_pod("csi-plugin", "n1"),
            d.driver_pod("csi-plugin", "n2"),
            d.driver_pod("csi-provisioner", "n1"),
            make.pod("data/db-0", "n1", claims=["db"]),
        ],
        "addons": d.addons("csi-plugin", "csi-provisioner"),
        "csi_nodes": [d.csi_node("n1"), d.csi_node("n2")],
        "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db")],
        "storage_classes": [d.storage_class("disk")],
        "persistent_volume_claims": [make.volume_claim("data/db", "pv-1", storageClassName="disk")],
    }
    return kit.landscape(**(given | tables))


def pods(*changed: Any) -> list[Any]:
    by_key = {pod.key: pod for pod in (*base().table("pods").all(), *changed)}
    return list(by_key.values())


@pytest.mark.parametrize(
    ("tables", "subject", "certainty"),
    [
        ({"csi_nodes": [d.csi_node("n1", d.NAS)]}, "pv-1", CONFIRMED),
        ({"csi_nodes": []}, "pv-1", CONFIRMED),
        ({"pods": pods(d.driver_pod("csi-plugin", "n1", ready=False))}, "pv-1", CONFIRMED),
        (
            {"persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db", **flex(volumeId="d-1"))]},
            "pv-1",
            CONFIRMED,
        ),
        ({"storage_classes": [d.storage_class("old", "alicloud/disk")]}, "old", CONFIRMED),
        ({"deployments": [], "addons": d.addons("csi-plugin")}, "disk", CONFIRMED),
        (
            {
                "daemonsets": [d.daemonset("csi-plugin"), d.daemonset("flexvolume")],
                "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db", **flex(volumeId="d-1"))],
            },
            "pv-1",
            CONFIRMED,
        ),
        ({"persistent_volumes": [nas("pv-n", "pv-n", path="/")]}, "pv-n", LIKELY),
        ({"persistent_volumes": [nas("pv-a", "x", **SERVER), nas("pv-b", "x", **SERVER)]}, "pv-a", LIKELY),
    ],
    ids=[
        "not registered",
        "no CSINode",
        "plugin not ready",
        "no flexvolume",
        "old class",
        "no provisioner",
        "both stacks",
        "no server",
        "one handle",
    ],
)
def test_each_form(tables: dict[str, Any], subject: str, certainty: Certainty) -> None:
    (finding,) = kit.finds(CHECK, base(**tables), subject)
    assert finding.certainty is certainty


def test_a_class_that_nobody_uses_yet_is_told_with_that() -> None:
    (finding,) = kit.finds(CHECK, base(storage_classes=[d.storage_class("old", "alicloud/nas")]), "old")
    assert (finding.severity, finding.evidence["claims"]) == (Severity.HIGH, 0)


def test_the_plugin_is_named_as_the_cause() -> None:
    (finding,) = kit.finds(CHECK, base(pods=pods(d.driver_pod("csi-plugin", "n1", ready=False))), "pv-1")
    assert "storage/volume-driver-unhealthy" in str(finding.why)
    assert [hop.ref.name for hop in finding.trail if hop.state == "broken"] == ["csi-plugin-n1"]


def released() -> Any:
    volume = make.disk_volume("pv-1", "d-1", "data/db", **flex(volumeId="d-1"))
    return msgspec.structs.replace(volume, status=msgspec.structs.replace(volume.status, phase="Released"))


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"csi_nodes": [d.csi_node("n1")]},
        {"pods": pods(d.driver_pod("csi-plugin", "n2", ready=False))},
        {"deployments": []},
        {"storage_classes": [d.storage_class("local", "kubernetes.io/no-provisioner")]},
        {"persistent_volumes": [released()]},
        {"persistent_volumes": [nas("pv-n", "pv-n", containerNetworkFileSystem="cnfs")]},
        {"persistent_volumes": [nas("pv-a", "a", **SERVER), nas("pv-b", "b", **SERVER)]},
        {"nodes": [make.node("n1", labels={"type": "virtual-kubelet"}), make.node("n2")], "csi_nodes": []},
        {"daemonsets": [d.daemonset("flexvolume")], "persistent_volumes": [make.disk_volume("pv-1", "d-1", **flex())]},
    ],
    ids=[
        "healthy",
        "another node without drivers",
        "plugin of another node",
        "managed provisioner",
        "local volumes",
        "released",
        "CNFS",
        "handles of their own",
        "virtual node",
        "flexvolume of its own cluster",
    ],
)
def test_look_alikes(tables: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, base(**tables))


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    result, findings = kit.run(CHECK, kit.without(base(), table))
    assert not findings
    spared = table in {"addons", "clusters", "persistent_volume_claims"}
    assert result.status is (Status.PASSED if spared else Status.NOT_EVALUATED)
    assert spared or any("test:Action" in reason.missing for reason in result.reasons)


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away_where_a_driver_is_not_registered(table: str) -> None:
    landscape = base(csi_nodes=[d.csi_node("n1", d.NAS)])
    _, findings = kit.run(CHECK, kit.without(landscape, table))
    needed = table in {"pods", "nodes", "csi_nodes", "daemonsets", "persistent_volumes"}
    assert len(findings) == (not needed)


def test_add_ons_decide_where_there_is_no_deployment() -> None:
    kit.is_not_evaluated(CHECK, kit.without(base(deployments=[]), "addons"))


def test_one_node_that_is_not_known() -> None:
    kit.is_not_evaluated(CHECK, kit.without_rows(base(), "csi_nodes", "n1"))
    kit.stays_quiet(CHECK, kit.without_rows(base(), "csi_nodes", "n2"))
