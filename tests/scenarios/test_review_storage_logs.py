"""What storage drivers log: all the words, what is no fault, logs that were cut, each right denied."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Severity
from tests.scenarios import drivers as d
from tests.scenarios.drivers import Plant, audited, logged
from tests.scenarios.kit import Report, Scene
from tests.scenarios.storage_plants import denied

LOGS = "storage/volume-driver-log-errors"
HEAD = "E1123 08:00:00.000000       1 controllerserver.go:300] "


def heard(*plants: Plant) -> Report:
    return audited(LOGS, *plants, probes=("component-logs",))


class TestLogs:
    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ('Multi-Attach error for volume "pv"', "disk-attached-elsewhere"),
            ("0/8 nodes are available: 8 node(s) had volume node affinity conflict", "disk-in-other-zone"),
            ("driver name diskplugin not found in the list of registered CSI drivers", "driver-not-registered"),
            ("no volume plugin matched", "driver-not-registered"),
            ("disk should be pay-as-you-go, not be subscription", "disk-not-portable"),
            ("mount.nfs: Operation not permitted", "nas-access-denied"),
            ("mount.nfs: mounting x failed, reason given by server: No such file or directory", "nas-not-reachable"),
            ("mount.nfs: Failed to resolve server x", "nas-not-reachable"),
            ("InvalidFileSystem.NotFound", "nas-not-found"),
            ("InstanceDiskLimitExceeded: the amount of the disk exceeds the limit", "disk-count"),
            ("exceed the limit attachments", "disk-count"),
            ("InvalidInstanceType.NotSupportDiskCategory", "disk-type-or-stock"),
            ("OperationDenied.NoStock", "disk-type-or-stock"),
            ("QuotaExceed.Snapshot", "volume-quota"),
        ],
    )
    def test_the_known_words(self, line: str, fault: str) -> None:
        finding = heard(logged(HEAD + line)).is_confirmed("Pod", f"kube-system/{d.PROVISIONER_PODS[0]}")
        assert (finding.severity, finding.evidence["pattern"]) == (Severity.MEDIUM, fault)

    def test_one_fault_in_two_containers_of_a_pod_is_one_finding(self) -> None:
        line = HEAD + "InstanceDiskLimitExceeded"
        heard(logged(line), logged(line, container="external-disk-attacher")).is_confirmed(
            "Pod", f"kube-system/{d.PROVISIONER_PODS[0]}"
        )

    def test_two_faults_are_two_findings(self) -> None:
        report = heard(logged(f"{HEAD}InstanceDiskLimitExceeded\n{HEAD}QuotaExceed.Snapshot\n"))
        assert {finding.evidence["pattern"] for finding in report.loud} == {"disk-count", "volume-quota"}

    @pytest.mark.parametrize(
        "text",
        [
            f"{d.ago(hours=2)} {HEAD}InstanceDiskLimitExceeded\n",
            'I1123 08:00:00.000000 1 x.go:1] "GRPC call" fsGroup=1000 NodePublishVolume\n',
            'time="2026-11-23T08:00:00Z" level=debug msg="setting volume ownership of x"\n',
        ],
        ids=["old", "fsGroup named in passing", "debug"],
    )
    def test_look_alikes(self, text: str) -> None:
        plants = (logged(text), logged(text, d.PLUGIN_OF_MYSQL_0, "csi-plugin"))
        heard(*plants, lambda scene: d.starting(scene, "data", "mysql-0")).is_quiet()

    def test_words_in_the_log_of_somebody_elses_pod(self) -> None:
        def plant(scene: Scene) -> None:
            scene.kubernetes.logs["data/mysql-1/mysql"] = HEAD + "InstanceDiskLimitExceeded\n"

        heard(plant).is_quiet()

    def test_a_log_of_which_a_part_was_not_read_is_no_clean_one(self) -> None:
        """What scrolled by within the hour, beyond what is read, may name a fault."""
        early, many = f"{d.ago(minutes=40)} {HEAD}QuotaExceed.Snapshot\n", f"{d.ago(minutes=20)} a line\n" * 5000
        report = heard(logged(early + many))
        report.is_open(ReasonKind.TRUNCATED)
        # A fault that was read is one, however much was not.
        cut = heard(logged(many + f"{d.ago(minutes=1)} {HEAD}QuotaExceed.Snapshot\n"))
        cut.is_confirmed("Pod", f"kube-system/{d.PROVISIONER_PODS[0]}")

    @pytest.mark.parametrize("right", ["get pods/log", "list pods"])
    def test_each_right(self, right: str) -> None:
        report = heard(logged(HEAD + "QuotaExceed.Snapshot"), denied(right))
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize(
        "right", ["list persistentvolumes", "list persistentvolumeclaims", "list events", "list nodes"]
    )
    def test_a_line_that_names_nothing_needs_no_more(self, right: str) -> None:
        report = heard(logged(HEAD + "QuotaExceed.Snapshot"), denied(right))
        report.is_confirmed("Pod", f"kube-system/{d.PROVISIONER_PODS[0]}")
        assert not report.reasons

    def test_the_probe_is_off(self) -> None:
        report = audited(LOGS)
        report.is_open(ReasonKind.SWITCHED_OFF)
        assert report.status is Status.NOT_EVALUATED
        assert any("component-logs" in reason for reason in report.reasons)
