"""storage/disk-held-by-another-node."""

from typing import Any

import pytest

from auditor.facts.landscape import Landscape
from auditor.facts.table import ReasonKind
from auditor.judge.api import Certainty
from auditor.judge.outcome import Status
from tests.checks import kit, make
from tests.checks.storage import drivers as d

CHECK = "storage/disk-held-by-another-node"
HELD = {"status": "In_use", "attached_to": ["i-n2"]}


def waiting(key: str = "data/db-0", node: str = "n1", since: str = d.LONG_AGO, **state: Any) -> Any:
    conditions = [{"type": "PodScheduled", "status": "True", "lastTransitionTime": since}]
    containers = [{"name": "main", "state": {"waiting": {"reason": "ContainerCreating"}}, **state}]
    status = {"conditions": conditions, "containerStatuses": containers}
    return make.pod(key, node, claims=["db"], phase="Pending", status=status)


def base(disk: dict[str, Any] | None = None, **tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "nodes": [make.node("n1"), make.node("n2")],
        "instances": [make.instance("n1"), make.instance("n2")],
        "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db")],
        "disks": [make.disk("d-1", **(HELD if disk is None else disk))],
        "pods": [waiting(), make.pod("data/db-1", "n2", claims=["db"])],
        "volume_attachments": [d.attachment("pv-1", "n2")],
    }
    return kit.landscape(**(given | tables))


def test_the_trail_runs_from_the_pod_to_the_holder() -> None:
    (finding,) = kit.finds(CHECK, base(), "pv-1")
    assert finding.certainty is Certainty.CONFIRMED
    assert [(hop.ref.kind, hop.state.value) for hop in finding.trail] == [
        ("Pod", "ok"),
        ("Node", "ok"),
        ("PersistentVolumeClaim", "ok"),
        ("PersistentVolume", "ok"),
        ("Disk", "broken"),
        ("Instance", "broken"),
        ("Node", "ok"),
        ("Pod", "ok"),
    ]


@pytest.mark.parametrize(
    ("tables", "holder"),
    [
        ({}, "pod"),
        ({"pods": [waiting()]}, "stale attachment"),
        ({"pods": [waiting()], "volume_attachments": []}, "node without a Pod that uses it"),
        ({"nodes": [make.node("n1")]}, "machine outside the cluster"),
    ],
)
def test_who_holds_it(tables: dict[str, Any], holder: str) -> None:
    (finding,) = kit.finds(CHECK, base(**tables), "pv-1")
    assert finding.evidence["holder"] == holder


@pytest.mark.parametrize(
    "landscape",
    [
        base({**HELD, "multi_attach": True}),
        base({"status": "In_use", "attached_to": ["i-n1"]}),
        base({"status": "Available", "attached_to": []}, volume_attachments=[]),
        base(pods=[waiting(since="2026-11-23T07:59:00Z")]),
        base(pods=[waiting(state={"waiting": {"reason": "ErrImagePull"}})]),
        base(pods=[waiting(state={"running": {"startedAt": d.LONG_AGO}})]),
        base(pods=[make.pod("data/db-0", "n1", claims=["db"])]),
        base(volume_attachments=[d.attachment("pv-1", "n1", created="2026-11-23T07:59:00Z")]),
        base(volume_attachments=[d.attachment("pv-1", "n2", deleted="2026-11-23T07:59:00Z")]),
        base(nodes=[make.node("n1", labels={"type": "virtual-kubelet"}), make.node("n2")]),
        base(disks=[]),
    ],
    ids=[
        "multi-attach",
        "at home",
        "free",
        "just bound",
        "pulling",
        "started",
        "running",
        "attaching",
        "detaching",
        "virtual node",
        "no disk",
    ],
)
def test_look_alikes(landscape: Landscape) -> None:
    kit.stays_quiet(CHECK, landscape)


def test_a_disk_that_is_being_detached_for_long_is_likely_held() -> None:
    (finding,) = kit.finds(CHECK, base({**HELD, "status": "Detaching"}), "pv-1")
    assert finding.certainty is Certainty.LIKELY


def test_a_volume_without_a_claim_is_not_looked_at() -> None:
    kit.stays_quiet(CHECK, base(persistent_volumes=[make.disk_volume("pv-1", "d-1")]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    landscape = kit.without(base(), table)
    if table in {"events", "instances"}:
        kit.finds(CHECK, landscape, "pv-1")
    else:
        kit.is_not_evaluated(CHECK, landscape)


def test_a_holder_that_is_not_known_is_not_taken_to_be_stale() -> None:
    result, (finding,) = kit.run(CHECK, kit.without_rows(base(), "pods", "data/db-1"))
    assert finding.evidence["holder"] == "not known"
    assert result.reasons


def test_what_ecs_left_out() -> None:
    result, findings = kit.run(CHECK, base({**HELD, "multi_attach": None}))
    assert (findings, [reason.kind for reason in result.reasons]) == ((), [ReasonKind.MALFORMED])
    result, findings = kit.run(CHECK, base({"status": "In_use", "attached_to": []}))
    assert (findings, [reason.kind for reason in result.reasons]) == ((), [ReasonKind.MALFORMED])
