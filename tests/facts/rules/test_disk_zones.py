"""The zones of volumes and classes."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.volumes import PersistentVolume, StorageClass
from auditor.facts.rules.disk_zones import admits_node, allows_zone, class_zones, makes_regional_disks, named_zones
from tests.checks import make

H, I, K = make.zone("h"), make.zone("i"), make.zone("k")  # noqa: E741 - the zones' own letters


def volume(*terms: dict[str, Any], **labels: str) -> PersistentVolume:
    row = make.disk_volume("pv", "d-1", "", None, nodeAffinity={"required": {"nodeSelectorTerms": list(terms)}})
    return msgspec.structs.replace(row, metadata=msgspec.structs.replace(row.metadata, labels=labels))


def term(operator: str, *values: str, key: str = "topology.kubernetes.io/zone") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        ([term("In", H)], {H}),
        ([term("In", H, I)], {H, I}),
        ([term("In", H), term("In", K)], {H, K}),
        ([term("NotIn", H)], {I, K}),
        ([term("Exists")], {H, I, K}),
        ([term("DoesNotExist")], set()),
        ([term("In", "linux", key="kubernetes.io/os")], {H, I, K}),
        ([term("In", H), term("In", "linux", key="kubernetes.io/os")], {H, I, K}),
    ],
)
def test_affinity(terms: list[dict[str, Any]], allowed: set[str]) -> None:
    assert {zone for zone in (H, I, K) if allows_zone(volume(*terms), zone)} == allowed


def test_a_volume_without_affinity_allows_every_zone() -> None:
    assert allows_zone(make.disk_volume("pv", "d-1", "", None), H)


@pytest.mark.parametrize("key", ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"])
def test_a_zone_label_counts_like_an_affinity(key: str) -> None:
    labelled = volume(term("Exists"), **{key: f"{H}__{I}"})
    assert [allows_zone(labelled, zone) for zone in (H, I, K)] == [True, True, False]
    assert named_zones(labelled) == [H, I]


def test_the_label_of_the_driver_binds_nothing() -> None:
    assert allows_zone(volume(term("Exists"), **{"topology.diskplugin.csi.alibabacloud.com/zone": K}), H)


def test_the_zones_named_are_those_of_all_terms() -> None:
    assert named_zones(volume(term("In", K, H), term("In", H), term("In", "linux", key="os"))) == [H, K]


def test_a_node_is_admitted_by_its_zone_whichever_label_it_carries() -> None:
    node = make.node("n1", "h", labels={"os": "linux"})
    driver = "topology.diskplugin.csi.alibabacloud.com/zone"
    assert admits_node(volume(term("In", H, key=driver)), node, H)
    assert not admits_node(volume(term("In", H, key=driver)), node, K)
    assert admits_node(volume(term("In", "linux", key="os")), node, K)
    assert not admits_node(volume(term("In", "windows", key="os")), node, H)
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}
    assert admits_node(volume(by_name), node, H)
    assert not admits_node(volume(by_name), make.node("n2"), H)


def storage_class(**more: Any) -> StorageClass:
    return msgspec.convert({"metadata": {"name": "c"}, "provisioner": "p", **more}, StorageClass)


def topologies(*zones: str) -> dict[str, Any]:
    keys = {"key": "topology.diskplugin.csi.alibabacloud.com/zone", "values": list(zones)}
    return {"allowedTopologies": [{"matchLabelExpressions": [keys]}]}


@pytest.mark.parametrize(
    ("more", "zones"),
    [
        ({}, set()),
        ({"parameters": {"zoneId": H}}, {H}),
        ({"parameters": {"zoneid": f"{H}, {I}"}}, {H, I}),
        (topologies(H, I), {H, I}),
        (topologies(H, I) | {"parameters": {"zoneId": H}}, {H}),
        ({"allowedTopologies": [{"matchLabelExpressions": [{"key": "region", "values": ["r"]}]}]}, set()),
    ],
)
def test_zones_of_a_class(more: dict[str, Any], zones: set[str]) -> None:
    assert class_zones(storage_class(**more)) == zones


@pytest.mark.parametrize(
    ("kind", "regional"),
    [
        ("cloud_regional_disk_auto", True),
        ("cloud_regional_disk_auto,cloud_essd", False),
        ("cloud_essd", False),
        ("", False),
    ],
)
def test_classes_of_regional_disks(kind: str, regional: bool) -> None:
    assert makes_regional_disks(storage_class(parameters={"type": kind})) is regional
