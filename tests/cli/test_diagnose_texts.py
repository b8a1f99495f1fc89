"""`auditor diagnose` with the text of an event or a log, over planted faults: it leads to what is broken."""

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Place

MYSQL_0 = "d-bp1meuryy17fee8kib4h"
ARCHIVE_FILE_SYSTEM = "e5bc4e67df"
SCALING_GROUP = "asg-bp1nwqhisb6qfhy9i7gm"
FAILED_MOUNT = (
    'Warning  FailedMount  2m  kubelet  MountVolume.SetUp failed for volume "log-archive-nas" : mount.nfs: access '
    "denied by server while mounting e5bc4e67df-9h4f0.cn-hangzhou.nas.aliyuncs.com:/"
)


def no_nas_rule(place: Place) -> None:
    """Let the archive's mount target use a permission group of its own, which names none of the nodes."""
    nas = place.cloud.state.nas
    nas.add_access_group("archive")
    nas.add_rule("archive", "10.0.0.0/8")
    for target in nas.mount_targets(ARCHIVE_FILE_SYSTEM):
        target["AccessGroupName"] = "archive"


def no_disk(place: Place) -> None:
    place.cloud.state.ecs.disks.pop(MYSQL_0)


def no_group(place: Place) -> None:
    place.cloud.state.ess.scaling_groups.pop(SCALING_GROUP)


@pytest.mark.parametrize(
    ("plant", "text", "symptom", "found"),
    [
        (
            no_nas_rule,
            FAILED_MOUNT,
            "nas-mount-fails",
            [("storage/nas-access-denied", "log-archive-nas")],
        ),
        (
            no_disk,
            "data   2m   Warning   FailedAttachVolume   pod/mysql-0   AttachVolume.Attach failed: can't find disk",
            "disk-mount-fails",
            [("storage/disk-missing", MYSQL_0)],
        ),
        (
            no_disk,
            f'Warning FailedAttachVolume AttachVolume.Attach failed for volume "{MYSQL_0}" : rpc error',
            "disk-mount-fails",
            [("storage/disk-missing", MYSQL_0)],
        ),
        (
            no_disk,
            "data   2m   Warning   FailedAttachVolume   pod/mysql-1   AttachVolume.Attach failed: can't find disk",
            "disk-mount-fails",
            [("storage/disk-missing", MYSQL_0)],
        ),
        (
            no_group,
            f"E1123 08:00:00 static_autoscaler.go:300] scaling gorup {SCALING_GROUP} is not exists",
            "no-scale-up",
            [("autoscaling/scaling-group-cannot-grow", SCALING_GROUP)],
        ),
    ],
    ids=["FailedMount", "FailedAttachVolume of a Pod", "of a volume", "of another Pod: all are shown", "autoscaler"],
)
def test_the_text_of_an_event_or_a_log_leads_to_what_is_broken(
    place: Place, plant: Callable[[Place], None], text: str, symptom: str, found: list[tuple[str, str]]
) -> None:
    plant(place)
    ran = place.run("diagnose", text, "--format", "json")
    said = json.loads(ran.out)
    assert said["symptoms"][0]["id"] == symptom
    findings = {
        (check["id"], finding["subject"]["id"] or finding["subject"]["name"])
        for row in said["symptoms"][0]["rows"]
        for check in row["checks"]
        for finding in check["findings"]
    }
    assert findings == set(found)


def test_an_event_of_the_cloud_controller_manager_leads_to_its_service(place: Place) -> None:
    text = (
        "3m  Warning  SyncLoadBalancerFailed  service/cart  Error syncing load balancer: Message: The backend server "
        "number has reached to the quota limit of this load balancer"
    )
    said = json.loads(place.run("diagnose", text, "--format", "json").out)
    assert [one["id"] for one in said["symptoms"]] == ["lb-service-pending"]
    assert [found["name"] for found in said["objects"][0]["found"]] == ["shop/cart"]
