"""storage/disk-missing."""

import pytest

from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.api import Certainty
from auditor.judge.outcome import Status
from tests.checks import kit, make

CHECK = "storage/disk-missing"


def base(handle: str = "d-gone", claim: str = "data/db") -> Landscape:
    return kit.landscape(
        persistent_volumes=[make.disk_volume("pv-1", handle, claim), make.disk_volume("pv-2", "d-2", "data/ok")],
        disks=Table("disks", [make.disk("d-2")], asked=[handle, "d-2"]),
        pods=[make.pod("data/db-0", "n1", claims=["db"])],
    )


@pytest.mark.parametrize("handle", ["d-gone", "", "my-disk", "D-2", "d-2 ", "x-d-2"])
def test_a_disk_that_is_not_there(handle: str) -> None:
    (finding,) = kit.finds(CHECK, base(handle), "pv-1")
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["pods"] == ["data/db-0"]


def test_a_disk_in_another_region() -> None:
    landscape = kit.landscape(
        persistent_volumes=[make.disk_volume("pv-1", "d-1")], disks=[make.disk("d-1", region="cn-beijing")]
    )
    kit.finds(CHECK, landscape, "pv-1")


def test_a_disk_that_is_there() -> None:
    kit.stays_quiet(CHECK, base("d-2"))


def test_volumes_of_other_kinds_are_no_subjects() -> None:
    nas = make.nas_volume("nas", "1-a.cn-hangzhou.nas.aliyuncs.com")
    kit.stays_quiet(CHECK, kit.landscape(persistent_volumes=[nas]), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_a_table_that_is_taken_away(table: str) -> None:
    if table == "pods":
        kit.finds(CHECK, kit.without(base(), table), "pv-1")
    else:
        kit.is_not_evaluated(CHECK, kit.without(base(), table))


def test_one_disk_that_is_not_known() -> None:
    landscape = kit.without_rows(base("d-2"), "disks", "d-2")
    kit.is_not_evaluated(CHECK, landscape)
    result, findings = kit.run(CHECK, kit.without(base("my-disk"), "disks"))
    assert [finding.subject.name for finding in findings] == ["pv-1"]
    assert [reason.missing for reason in result.reasons] == [("test:Action",)]
