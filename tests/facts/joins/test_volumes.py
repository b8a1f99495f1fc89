"""PersistentVolume ↔ NAS file system and mount target."""

import pytest

from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.joins.volumes import VolumeMountTargets, file_system_ids
from auditor.facts.table import Table

DOMAINS = {
    "31a8e4b5c6-x1.cn-hangzhou.nas.aliyuncs.com": "31a8e4b5c6",
    "00c7a1b2-rivj.cn-hangzhou.extreme.nas.aliyuncs.com": "extreme-00c7a1b2",
    "cpfs-0123abcd-xyz.cn-hangzhou.cpfs.aliyuncs.com": "cpfs-0123abcd",
    "extreme-0015a-rivj.cn-hangzhou.extreme.nas.aliyuncs.com": "extreme-0015a",
}


@pytest.mark.parametrize(("domain", "system_id"), DOMAINS.items())
def test_the_file_system_behind_a_domain_of_each_type(domain: str, system_id: str) -> None:
    assert file_system_ids(domain)[0] == system_id
    system = FileSystem(system_id, mount_targets=[MountTarget(domain)])
    found, target = VolumeMountTargets(Table("file_systems", [system])).at(f" {domain.upper()} ")
    assert found == system
    assert target == MountTarget(domain)


def test_an_id_without_the_prefix_of_its_type() -> None:
    domain = "00c7a1b2-rivj.cn-hangzhou.extreme.nas.aliyuncs.com"
    system = FileSystem("00c7a1b2", mount_targets=[])
    assert VolumeMountTargets(Table("file_systems", [system])).at(domain) == (system, None)


def test_no_server_and_one_that_nobody_has() -> None:
    targets = VolumeMountTargets(Table("file_systems"))
    assert targets.at("") == targets.at("31a8e4-x1.cn-hangzhou.nas.aliyuncs.com") == (None, None)
