"""storage/disk-shared-by-several-pods."""

from typing import Any

import pytest

from auditor.facts.landscape import Landscape
from auditor.judge.api import Certainty
from auditor.judge.outcome import Status
from tests.checks import kit, make
from tests.checks.storage import drivers as d

CHECK = "storage/disk-shared-by-several-pods"
RECREATE = {"type": "Recreate"}
POD_1, POD_2 = make.pod("data/db-1", "n1", claims=["db"]), make.pod("data/db-2", "n2", claims=["db"])


def base(**tables: Any) -> Landscape:
    given: dict[str, Any] = {
        "persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db")],
        "persistent_volume_claims": [make.volume_claim("data/db", "pv-1")],
        "disks": [make.disk("d-1")],
        "pods": [POD_1],
        "storage_classes": [d.storage_class("disk"), d.storage_class("shared", parameters={"multiAttach": "true"})],
    }
    return kit.landscape(**(given | tables))


def workload(**spec: Any) -> dict[str, Any]:
    return {"deployments": [d.deployment("db", "data", claim="db", **spec)]}


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        ({"pods": [POD_1, POD_2]}, "pods"),
        (workload(replicas=2, strategy=RECREATE), "replicas"),
        (workload(replicas=1), "max_surge"),
        (workload(replicas=1, strategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "1%"}}), "max_surge"),
        ({"statefulsets": [d.statefulset("db", "data", claim="db", replicas=3)]}, "replicas"),
        (
            {
                "persistent_volumes": [
                    make.disk_volume("pv-1", "d-1", "data/db"),
                    make.disk_volume("pv-9", "d-1", letter=None),
                ]
            },
            "volumes",
        ),
        ({"persistent_volumes": [make.disk_volume("pv-1", "d-1", "data/db", accessModes=["ReadWriteMany"])]}, "source"),
    ],
)
def test_what_shares_a_volume(tables: dict[str, Any], fault: str) -> None:
    (finding,) = kit.finds(CHECK, base(**tables), "pv-1")
    assert finding.certainty is Certainty.AT_RISK
    assert fault in finding.evidence


def test_a_claim_while_there_is_no_volume() -> None:
    wide = make.volume_claim("data/wide", storageClassName="disk", accessModes=["ReadWriteMany"])
    kit.finds(CHECK, base(persistent_volume_claims=[wide]), "data/wide")
    block = make.volume_claim("data/wide", storageClassName="shared", accessModes=["ReadWriteMany"])
    kit.stays_quiet(CHECK, base(persistent_volume_claims=[block]))
    waiting = make.volume_claim("data/db", storageClassName="disk", accessModes=["ReadWriteOnce"])
    landscape = base(persistent_volumes=[], pods=[], persistent_volume_claims=[waiting], **workload(replicas=2))
    kit.finds(CHECK, landscape, "data/db")


NAILED = {"spec": {"containers": [], "nodeSelector": {"kubernetes.io/hostname": "n1"}}}


@pytest.mark.parametrize(
    "tables",
    [
        {"pods": [POD_1, make.pod("data/db-2", "n1", claims=["db"])]},
        {"pods": [POD_1, make.pod("data/db-2", "n2", claims=["db"], phase="Succeeded")]},
        {"pods": [POD_1, make.pod("data/db-2", "n2", claims=["db"], deletionTimestamp=d.LONG_AGO)]},
        workload(replicas=1, strategy=RECREATE),
        workload(replicas=0),
        {**workload(replicas=2, strategy=RECREATE), "pods": [POD_1, make.pod("data/db-2", "n1", claims=["db"])]},
        {"statefulsets": [d.statefulset("db", "data", replicas=3)]},
        {"deployments": [d.deployment("db", "elsewhere", claim="db", replicas=3)]},
        {"pods": [POD_1, POD_2], "disks": [make.disk("d-1", multi_attach=True)]},
    ],
    ids=["one node", "finished", "leaving", "recreate", "zero", "two on one", "own claims", "other", "multi-attach"],
)
def test_look_alikes(tables: dict[str, Any]) -> None:
    kit.stays_quiet(CHECK, base(**tables))


def test_no_disks() -> None:
    kit.stays_quiet(CHECK, kit.landscape(), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    healthy = kit.without(base(), table)
    if table in {"disks", "storage_classes"}:
        kit.stays_quiet(CHECK, healthy)
    else:
        assert kit.run(CHECK, healthy)[0].reasons
    result, findings = kit.run(CHECK, kit.without(base(pods=[POD_1, POD_2]), table))
    if table in {"deployments", "statefulsets", "storage_classes"}:
        assert len(findings) == 1
        assert not result.reasons
    elif table == "persistent_volume_claims":
        assert (len(findings), bool(result.reasons)) == (1, True)
    else:
        assert not findings
        assert any("test:Action" in reason.missing for reason in result.reasons)
