"""What storage drivers write into their logs, planted at the API server: storage/volume-driver-log-errors."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Severity
from tests.scenarios import drivers as d
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant, audited, logged
from tests.scenarios.kit import Report, Scene

CHECK = "storage/volume-driver-log-errors"
PROBES = ("component-logs",)
POD = f"kube-system/{d.PROVISIONER_PODS[0]}"
HEAD = "E1123 08:00:00.000000       1 controllerserver.go:300] "
TAKEN = f"AttachDisk: Disk {s.MYSQL_0} is already attached to instance i-x, reject force detach\n"


def heard(*plants: Plant) -> Report:
    return audited(CHECK, *plants, probes=PROBES)


def test_the_healthy_cluster_is_quiet() -> None:
    heard().is_quiet()


@pytest.mark.parametrize(
    ("line", "fault", "check"),
    [
        (TAKEN, "disk-attached-elsewhere", "storage/disk-held-by-another-node"),
        ("InvalidDiskId.NotInSameZone: not in the same zone", "disk-in-other-zone", "storage/disk-in-other-zone"),
        ("attach: can't find disk", "disk-not-found", "storage/disk-missing"),
        ("DiskNotPortable: not a portable disk", "disk-not-portable", "storage/disk-not-detachable"),
        ("mount.nfs: access denied by server while mounting", "nas-access-denied", "storage/nas-access-denied"),
        ("InvalidMountTarget.NotFound", "nas-not-found", "storage/nas-mount-target-missing"),
        ("mount.nfs: Connection timed out", "nas-not-reachable", "storage/nas-unreachable"),
        ("Forbidden.RAM: not authorized to operate", "driver-denied", "storage/volume-driver-unhealthy"),
    ],
)
def test_known_words(line: str, fault: str, check: str) -> None:
    finding = heard(logged(HEAD + line)).is_confirmed("Pod", POD)
    assert (finding.severity, finding.evidence["pattern"]) == (Severity.MEDIUM, fault)
    assert check in finding.evidence["checks"]  # type: ignore[operator]


def test_a_line_that_names_a_volume_concerns_it() -> None:
    finding = heard(logged(HEAD + TAKEN)).is_confirmed("Pod", POD)
    assert [ref.name for ref in finding.affected] == [s.MYSQL_0]


def test_a_line_that_names_a_claim_by_its_uid() -> None:
    def plant(scene: Scene) -> None:
        d.claim(scene, "data", "new", "alicloud-disk-essd")
        found = scene.kubernetes.objects.get(s.CLAIMS, "new", "data")
        assert found is not None
        found["metadata"]["uid"] = "0f0e0000-0000-4000-8000-0000000000aa"
        line = "failed to provision pvc-0f0e0000-0000-4000-8000-0000000000aa: OperationDenied.NoStock"
        logged(HEAD + line)(scene)

    finding = heard(plant).is_confirmed("Pod", POD)
    assert [ref.path for ref in finding.affected] == ["data/new"]


def test_an_id_of_a_call_is_no_volume() -> None:
    line = "QuotaExceed.Snapshot RequestId: 473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"
    heard(logged(HEAD + line)).is_confirmed("Pod", POD)
    heard(logged(HEAD + line.lower().replace("quotaexceed", "QuotaExceed"))).is_confirmed("Pod", POD)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + TAKEN.replace(s.MYSQL_0, "d-bp1goneforever00001"),
        HEAD + "can't find disk of volume pvc-11111111-2222-4333-8444-555555555555",
        HEAD + "cleanup of /var/lib/kubelet/pods/11111111-2222-4333-8444-555555555555: already attached",
        f"I1123 08:00:00.000000       1 cloud.go:300] AttachDisk: Disk {s.MYSQL_0} is already attached, skipping",
        f'time="2026-11-23T08:00:00Z" level=info msg="Disk {s.MYSQL_0} is already attached to this node"',
        f"{d.ago(hours=3)} {HEAD}{TAKEN}{d.ago(minutes=1)} a line\n",
        HEAD + "NodePublishVolume: mounted",
    ],
    ids=["disk that is gone", "volume that is gone", "pod that is gone", "klog info", "logrus info", "old", "other"],
)
def test_look_alikes(text: str) -> None:
    heard(logged(text)).is_quiet()


def test_a_driver_on_a_node_is_read_where_a_pod_waits() -> None:
    line = logged(HEAD + TAKEN, d.PLUGIN_OF_MYSQL_0, "csi-plugin")
    heard(line).is_quiet()
    report = heard(line, lambda scene: d.starting(scene, "data", "mysql-0"))
    report.is_confirmed("Pod", f"kube-system/{d.PLUGIN_OF_MYSQL_0}")


def test_what_went_before_a_crash() -> None:
    def plant(scene: Scene) -> None:
        d.crashing(d.PLUGIN_OF_MYSQL_0)(scene)
        logged("a line\n")(scene)
        scene.kubernetes.previous_logs[f"{d.SYSTEM}/{d.PLUGIN_OF_MYSQL_0}/csi-plugin"] = HEAD + "Forbidden.RAM\n"

    finding = heard(plant).is_confirmed("Pod", f"kube-system/{d.PLUGIN_OF_MYSQL_0}")
    assert finding.evidence["before_a_restart"] is True


def test_a_kubelet_whose_clock_is_another() -> None:
    """It was asked for the last hour, so what it gave out is of that, by its clock."""

    def plant(scene: Scene) -> None:
        now = scene.kubernetes.container_logs.now
        logged(HEAD + TAKEN)(scene)
        scene.kubernetes.container_logs.now = now

    heard(plant).is_confirmed("Pod", POD)


class TestGaps:
    def test_the_probe_is_off(self) -> None:
        report = audited(CHECK, logged(HEAD + TAKEN))
        report.is_open(ReasonKind.SWITCHED_OFF)

    @pytest.mark.parametrize("right", ["get pods/log", "list pods"])
    def test_rights_that_are_missing(self, right: str) -> None:
        heard(logged(HEAD + TAKEN), lambda scene: scene.kubernetes.deny(right)).is_open(ReasonKind.FORBIDDEN, right)

    def test_volumes_that_are_denied(self) -> None:
        deny: Plant = lambda scene: scene.kubernetes.deny("list persistentvolumes")  # noqa: E731
        report = heard(logged(HEAD + TAKEN.replace(s.MYSQL_0, "d-bp1goneforever00001")), deny)
        report.is_open(ReasonKind.FORBIDDEN, "list persistentvolumes")
        heard(logged(HEAD + "Forbidden.RAM"), deny).is_confirmed("Pod", POD)
        assert heard(deny).status is Status.PASSED
