"""Pods that nobody reaches: a port on the loopback address, and nodes that pass nothing on."""

from collections.abc import Callable

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.scenarios import storage as s
from tests.scenarios.kit import Report, Scene

LOOPBACK = "network/pod-listens-on-loopback"
FORWARDING = "network/node-forwarding-disabled"
CART, CART_IP = "cart-5cdffc7cb4-2hr7r", "172.20.3.132"
CATALOG = "shop/catalog-d46dc465-dx8qv"
NODE = s.node("0.11")
IP_FORWARD = "/proc/sys/net/ipv4/ip_forward"
CNI0 = "/proc/sys/net/ipv4/conf/cni0/forwarding"

Plant = Callable[[Scene], object]


def audited(check: str, *plants: Plant, probes: tuple[str, ...] = ()) -> Report:
    scene = Scene(probes=probes)
    for plant in plants:
        plant(scene)
    return scene.audit(check)


def unready(scene: Scene) -> None:
    def change(found: s.Json) -> None:
        for status in found["status"]["containerStatuses"]:
            status["ready"] = False
        for condition in found["status"]["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition["status"] = "False"

    scene.kubernetes.patch(s.PODS, CART, change, "shop")


def refused(place: str = f"{CART_IP}:8080") -> Plant:
    words = f'Readiness probe failed: Get "http://{place}/healthz": dial tcp {place}: connect: connection refused'
    return lambda scene: s.event(scene, words, "Pod", CART, "shop", reason="Unhealthy")


class TestLoopback:
    def test_the_healthy_cluster(self) -> None:
        report = audited(LOOPBACK)
        assert report.kinds == {ReasonKind.SWITCHED_OFF}
        assert not report.findings
        audited(LOOPBACK, probes=("loopback",)).is_quiet()

    def test_the_readiness_probe_is_refused(self) -> None:
        finding = audited(LOOPBACK, unready, refused()).one
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
        assert finding.subject.path == f"shop/{CART}"

    @pytest.mark.parametrize("place", [f"{CART_IP}:9999", "172.20.9.9:8080", "127.0.0.1:8080"])
    def test_somewhere_else(self, place: str) -> None:
        assert not audited(LOOPBACK, unready, refused(place)).findings

    def test_a_pod_that_is_ready_again(self) -> None:
        assert not audited(LOOPBACK, refused()).findings

    def test_the_probe_sees_the_socket(self) -> None:
        def bound(scene: Scene) -> None:
            scene.kubernetes.execs.listening[CATALOG] = ["127.0.0.1:9090", "0.0.0.0:8080"]

        audited(LOOPBACK, bound, probes=("loopback",)).is_confirmed("Pod", CATALOG)

    def test_the_probe_sees_that_it_is_not(self) -> None:
        audited(LOOPBACK, unready, refused(), probes=("loopback",)).is_quiet()

    def test_denied(self) -> None:
        denied: Plant = lambda scene: scene.kubernetes.deny("create pods/exec")  # noqa: E731
        audited(LOOPBACK, denied, probes=("loopback",)).is_open(ReasonKind.FORBIDDEN, "create pods/exec")


class TestForwarding:
    def test_the_probe_is_off(self) -> None:
        report = audited(FORWARDING)
        assert report.status is Status.NOT_EVALUATED
        assert report.kinds == {ReasonKind.SWITCHED_OFF}
        assert "forwarding" in report.reasons[0]

    def test_the_healthy_cluster(self) -> None:
        audited(FORWARDING, probes=("forwarding",)).is_quiet()

    @pytest.mark.parametrize("file", [IP_FORWARD, CNI0])
    def test_off(self, file: str) -> None:
        def plant(scene: Scene) -> None:
            scene.kubernetes.execs.files[NODE] = {file: "0\n"}

        audited(FORWARDING, plant, probes=("forwarding",)).is_confirmed("Node", NODE)
