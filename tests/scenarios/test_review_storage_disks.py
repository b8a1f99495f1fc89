"""Disks that another node holds, as clusters really have them: more forms and look-alikes, each right denied."""

from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.verdicts import Certainty
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited
from tests.scenarios.kit import Scene
from tests.scenarios.storage_plants import (
    another_user,
    broken_hops,
    commands,
    denied,
    node_ready,
    virtual,
    with_status,
)

HELD = "storage/disk-held-by-another-node"
OTHER, OTHER_NODE = "i-bp1n0rd3fa7nmtaomxdg", s.node("0.12")


def disk(**fields: Any) -> Plant:
    return lambda scene: s.disk(scene, s.MYSQL_0, **fields)


def held_by(*instances: str, **more: Any) -> Plant:
    attachments = {"Attachment": [{"InstanceId": instance} for instance in instances]}
    return disk(InstanceId=instances[0], Attachments=attachments, **more)


def waits(scene: Scene) -> None:
    d.starting(scene, "data", "mysql-0")


def attachment_of_mysql_0(scene: Scene) -> str:
    rows = scene.kubernetes.objects.all(s.ATTACHMENTS)
    return next(
        str(row["metadata"]["name"]) for row in rows if row["spec"]["source"]["persistentVolumeName"] == s.MYSQL_0
    )


def attached(node: str, *, seconds_ago: float | None = None) -> Plant:
    """Let the attachment of mysql-0's volume be for this node; ``seconds_ago`` is when it was made."""

    def plant(scene: Scene) -> None:
        def change(found: s.Json) -> None:
            found["spec"]["nodeName"] = node
            if seconds_ago is not None:
                found["metadata"]["creationTimestamp"] = d.ago(seconds=seconds_ago)

        scene.kubernetes.patch(s.ATTACHMENTS, attachment_of_mysql_0(scene), change)

    return plant


def detached(scene: Scene) -> None:
    scene.kubernetes.remove(s.ATTACHMENTS, attachment_of_mysql_0(scene))


class TestHeld:
    def test_two_pods_that_wait_are_one_finding(self) -> None:
        def second(scene: Scene) -> None:
            another_user("another", s.node("0.41"))(scene)
            d.starting(scene, "data", "another")

        finding = audited(HELD, waits, second, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert sorted(ref.path for ref in finding.affected) == ["data/another", "data/mysql-0"]
        # Each of them is only waiting: neither is who holds the disk.
        assert finding.evidence["holding_pods"] == []

    def test_a_holder_that_is_being_deleted_on_a_node_that_hangs(self) -> None:
        """The usual story: the node dies, its Pod stays in Terminating, the new one waits elsewhere."""
        plants = (
            another_user("mysql-0-old", OTHER_NODE, deletionTimestamp=s.LONG_AGO, deletionGracePeriodSeconds=30),
            node_ready("Unknown", "0.12"),
            attached(OTHER_NODE),
        )
        finding = audited(HELD, waits, held_by(OTHER), *plants).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holder"] == "pod"
        assert broken_hops(finding) == ["Disk", "Instance", "Node"]
        assert any(OTHER_NODE in command for command in commands(finding)), commands(finding)

    def test_the_pod_that_held_it_has_finished(self) -> None:
        plants = (another_user("job", OTHER_NODE), with_status("job", phase="Succeeded"), attached(OTHER_NODE))
        finding = audited(HELD, waits, held_by(OTHER), *plants).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holder"] == "stale attachment"
        assert broken_hops(finding) == ["Disk", "Instance", "VolumeAttachment"]

    def test_a_node_that_nobody_wants_it_on(self) -> None:
        """Attached by hand in the console."""
        finding = audited(HELD, waits, held_by(OTHER), detached).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holding_nodes"] == [OTHER_NODE]
        assert f"aliyun ecs DetachDisk --InstanceId {OTHER} --DiskId {s.MYSQL_0}" in commands(finding)

    def test_an_instance_whose_node_was_deleted(self) -> None:
        """``kubectl delete node`` leaves the instance, the disk on it, and the attachment."""
        plants = (
            lambda scene: scene.kubernetes.remove(s.NODES, OTHER_NODE),
            attached(OTHER_NODE),
        )
        finding = audited(HELD, waits, held_by(OTHER), *plants).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["held_by_instances"] == [OTHER]
        assert "VolumeAttachment" in broken_hops(finding)
        assert OTHER_NODE in str(finding.evidence), finding.evidence

    def test_the_commands_name_the_namespace_of_each_pod(self) -> None:
        """Two volumes with one handle, in two namespaces."""

        def plant(scene: Scene) -> None:
            d.twin(scene, s.MYSQL_0, "clone", claimRef={"namespace": "shop", "name": "clone"})
            s.volume_phase(scene, "clone", "Bound")
            made = s.copy(scene, s.PODS, "mysql-0", "cloned", "data")
            made["metadata"]["namespace"] = "shop"
            made["spec"]["nodeName"] = OTHER_NODE
            for volume in made["spec"]["volumes"]:
                if "persistentVolumeClaim" in volume:
                    volume["persistentVolumeClaim"]["claimName"] = "clone"
            scene.kubernetes.add(s.PODS, made)

        finding = audited(HELD, plant, waits, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holding_pods"] == ["shop/cloned"]
        assert not any("-n shop" in command and " mysql-0" in command for command in commands(finding))

    def test_a_flex_volume_that_the_holder_names_itself(self) -> None:
        def plant(scene: Scene) -> None:
            made = s.copy(scene, s.PODS, s.BACKUP_POD, "by-hand", "data")
            made["spec"]["nodeName"] = OTHER_NODE
            made["spec"]["volumes"] = [
                {"name": "disk", "flexVolume": {"driver": "alicloud/disk", "options": {"volumeId": s.MYSQL_0}}}
            ]
            scene.kubernetes.add(s.PODS, made)

        finding = audited(HELD, plant, waits, held_by(OTHER)).is_confirmed("PersistentVolume", s.MYSQL_0)
        assert finding.evidence["holding_pods"] == ["data/by-hand"]

    @pytest.mark.parametrize("status", ["Detaching", "Attaching"])
    def test_a_disk_that_moves_for_long_is_only_likely(self, status: str) -> None:
        finding = audited(HELD, waits, held_by(OTHER, Status=status)).loud_one
        assert finding.certainty is Certainty.LIKELY

    def test_the_instance_id_stands_only_in_the_attachments(self) -> None:
        attachments = {"Attachment": [{"InstanceId": OTHER}]}
        report = audited(HELD, waits, disk(InstanceId="", Attachments=attachments))
        report.is_confirmed("PersistentVolume", s.MYSQL_0)

    @pytest.mark.parametrize(
        "plants",
        [
            (waits, held_by(s.MYSQL_0_INSTANCE, OTHER)),
            (waits, virtual("0.11"), held_by(OTHER)),
            (waits, held_by(OTHER), attached(s.node("0.11"), seconds_ago=80)),
            (waits, disk(InstanceId="", Attachments={"Attachment": []}, Status="Available")),
            (waits, disk(InstanceId="", Attachments={"Attachment": []}, Status="Detaching")),
            (waits, lambda scene: scene.cloud.state.ecs.disks.pop(s.MYSQL_0)),
            (waits, held_by(OTHER), lambda scene: s.volume_phase(scene, s.MYSQL_0, "Released")),
            (
                waits,
                held_by(OTHER),
                with_status("mysql-0", initContainerStatuses=[{"name": "init", "state": {"running": {}}}]),
            ),
            (held_by(OTHER), with_status("mysql-0", phase="Failed")),
        ],
        ids=[
            "held there too",
            "virtual node",
            "attach begun within two minutes",
            "free",
            "being detached from nothing",
            "disk is gone: another check tells",
            "released",
            "an init container runs",
            "evicted",
        ],
    )
    def test_look_alikes(self, plants: tuple[Plant, ...]) -> None:
        audited(HELD, *plants).is_quiet()

    def test_multi_attach_that_is_not_said(self) -> None:
        audited(HELD, waits, held_by(OTHER, MultiAttach=None)).is_open(ReasonKind.MALFORMED)

    @pytest.mark.parametrize(
        "right",
        [
            "list pods",
            "list nodes",
            "list persistentvolumes",
            "list volumeattachments.storage.k8s.io",
            "ecs:DescribeDisks",
        ],
    )
    def test_each_right(self, right: str) -> None:
        report = audited(HELD, waits, held_by(OTHER), denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize("right", ["list events", "ecs:DescribeInstances", "list persistentvolumeclaims"])
    def test_rights_that_it_does_without(self, right: str) -> None:
        report = audited(HELD, waits, held_by(OTHER), denied(right))
        report.is_confirmed("PersistentVolume", s.MYSQL_0)
        assert not report.reasons
