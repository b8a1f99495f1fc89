"""service/target-port-mismatch."""

from typing import Any

import pytest

from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.probes import TcpProbe
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import Landscape
from auditor.facts.table import Table
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make

CHECK = "service/target-port-mismatch"
WEB = {"app": "web"}


def service(target: int | str | None = 8080, protocol: str = "TCP", port: int = 80, **more: Any) -> Service:
    row = {"port": port, "protocol": protocol, **({} if target is None else {"targetPort": target})}
    return make.service("shop/web", **({"selector": WEB, "ports": [row], "clusterIP": "172.21.0.9"} | more))


def pod(name: str = "web-1", *ports: dict[str, Any], labels: dict[str, str] = WEB, **more: Any) -> Pod:
    container = {"name": "main", "image": "x", "ports": list(ports), **more.pop("container", {})}
    spec = {"containers": [container, *more.pop("containers", [])], **more.pop("spec", {})}
    return make.pod(f"shop/{name}", "n0", labels=labels, spec=spec, **more)


HTTP = {"name": "http", "containerPort": 8080, "protocol": "TCP"}
DNS = {"name": "dns", "containerPort": 53, "protocol": "UDP"}


def base(of: Service, *pods: Pod) -> Landscape:
    return kit.landscape(services=[of], pods=pods or [pod("web-1", HTTP)])


def one(landscape: Landscape) -> ReportedFinding:
    findings = kit.finds(CHECK, landscape, "shop/web")
    assert len(findings) == 1
    return findings[0]


@pytest.mark.parametrize("ready", [True, False])
def test_a_name_that_nobody_declares(ready: bool) -> None:
    finding = one(base(service("web"), pod("web-1", HTTP, ready=ready)))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert "web/TCP" in str(finding.message)
    assert "http/TCP" in str(finding.message)
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Service"]


def test_a_name_of_another_protocol_and_pods_that_declare_nothing() -> None:
    assert one(base(service("dns"), pod("web-1", DNS))).severity is Severity.HIGH
    assert one(base(service("http"), pod("web-1"))).severity is Severity.HIGH


def test_a_number_that_nobody_declares() -> None:
    finding = one(base(service(8081)))
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.LIKELY)
    assert finding.evidence["declared"] == ["8080/TCP"]
    assert finding.evidence["target_ports"] == ["8081/TCP"]


def test_a_number_by_default_or_of_another_protocol() -> None:
    assert one(base(service(None, port=80))).evidence["target_ports"] == ["80/TCP"]
    assert one(base(service(53), pod("web-1", DNS))).severity is Severity.MEDIUM


def test_a_port_that_is_probed_is_there() -> None:
    for probe in ({"httpGet": {"port": 9090}}, {"tcpSocket": {"port": 9090}}, {"grpc": {"port": 9090}}):
        probed = pod("web-1", HTTP, container={"readinessProbe": probe})
        kit.stays_quiet(CHECK, base(service(9090), probed))


@pytest.mark.parametrize(
    ("of", "pods"),
    [
        (service(8080), [pod("web-1", HTTP)]),
        (service("http"), [pod("web-1", HTTP)]),
        (service(None, port=8080), [pod("web-1", HTTP)]),
        (service(53, "UDP"), [pod("web-1", DNS)]),
        (service(8081), [pod("web-1", HTTP), pod("web-2", {"containerPort": 8081})]),
        (service("web"), [pod("web-1", HTTP), pod("web-2", {"name": "web", "containerPort": 1})]),
        (service(15001), [pod("web-1", HTTP, containers=[{"name": "p", "ports": [{"containerPort": 15001}]}])]),
        (service(8081, clusterIP="None"), [pod("web-1", HTTP)]),
    ],
)
def test_what_may_be_right(of: Service, pods: list[Pod]) -> None:
    kit.stays_quiet(CHECK, base(of, *pods))


MESH = {"name": "istio-proxy", "image": "x", "ports": [{"name": "metrics", "containerPort": 15090}]}


@pytest.mark.parametrize(
    "pods",
    [
        [pod("web-1")],
        [pod("web-1", HTTP), pod("web-2")],
        [pod("web-1", containers=[MESH])],
    ],
)
def test_pods_that_say_nothing(pods: list[Pod]) -> None:
    kit.stays_quiet(CHECK, base(service(8081), *pods), Status.NOT_APPLICABLE)
    one(base(service(8081), pod("web-1", HTTP, containers=[MESH])))


def tried(port: int, outcome: str, ip: str = "172.20.0.9", position: str = "vpc") -> TcpProbe:
    return TcpProbe(ip, port, outcome, position)


def answering(of: Service, *tries: TcpProbe, pods: tuple[Pod, ...] = ()) -> Landscape:
    """Make a landscape in which the probe tcp is on: what was not tried is not known."""
    at = {"status": {"podIP": "172.20.0.9"}}
    table = Table("tcp_probes", tries, asked=[row.key for row in tries])
    return kit.landscape(services=[of], pods=pods or [pod("web-1", HTTP, **at)], tcp_probes=table)


def test_a_port_that_refuses_while_another_accepts() -> None:
    finding = one(answering(service(8081), tried(8081, "refused"), tried(8080, "ok")))
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert finding.evidence["accepting"] == ["web-1: 8080/TCP"]
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Service"]
    declared = answering(service(8080), tried(8080, "refused"), tried(9090, "ok"))
    kit.stays_quiet(CHECK, declared)


def test_what_the_kubelet_reaches_accepts_too() -> None:
    probe = {"readinessProbe": {"httpGet": {"port": 9000}}}
    running = {"containerStatuses": [{"name": "main", "ready": True, "state": {"running": {}}}]}
    silent = pod("web-1", container=probe, status={"podIP": "172.20.0.9", **running})
    finding = one(answering(service(8081), tried(8081, "refused"), pods=(silent,)))
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["accepting"] == ["web-1: 9000/TCP"]


@pytest.mark.parametrize(
    "tries",
    [
        [tried(8081, "refused")],
        [tried(8081, "refused"), tried(8080, "timeout")],
        [tried(8081, "timeout"), tried(8080, "ok")],
        [tried(8081, "refused", position="elsewhere"), tried(8080, "ok", position="elsewhere")],
        [tried(8081, "ok", position="elsewhere")],
        [],
    ],
)
def test_tries_that_decide_nothing(tries: list[TcpProbe]) -> None:
    finding = one(answering(service(8081), *tries))
    assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.LIKELY)


def test_a_port_that_accepts_is_right_though_nobody_declares_it() -> None:
    kit.stays_quiet(CHECK, answering(service(8081), tried(8081, "ok")))
    meshed = pod("web-1", HTTP, containers=[MESH], status={"podIP": "172.20.0.9"})
    one(answering(service(8081), tried(8081, "ok"), pods=(meshed,)))


def test_a_port_that_one_of_two_pods_has() -> None:
    two = tuple(pod(f"web-{n}", HTTP, status={"podIP": f"172.20.0.{n}"}) for n in (1, 2))
    tries = [tried(8081, "refused", "172.20.0.1"), tried(8080, "ok", "172.20.0.1"), tried(8081, "ok", "172.20.0.2")]
    kit.stays_quiet(CHECK, answering(service(8081), *tries, pods=two))


def test_a_pod_that_is_not_ready_may_still_start() -> None:
    starting = pod("web-1", HTTP, ready=False, status={"podIP": "172.20.0.9"})
    finding = one(answering(service(8081), tried(8081, "refused"), tried(8080, "ok"), pods=(starting,)))
    assert finding.certainty is Certainty.LIKELY


def test_a_sidecar_declares_ports_too() -> None:
    sidecar = {"name": "p", "restartPolicy": "Always", "ports": [{"name": "admin", "containerPort": 9901}]}
    with_sidecar = pod("web-1", HTTP, spec={"initContainers": [sidecar]})
    kit.stays_quiet(CHECK, base(service("admin"), with_sidecar))
    kit.stays_quiet(CHECK, base(service(9901), with_sidecar))


def test_a_service_without_pods_or_selector() -> None:
    other = pod("api-1", HTTP, labels={"app": "api"})
    done = pod("web-0", HTTP, phase="Succeeded")
    kit.stays_quiet(CHECK, base(service("web"), other, done), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, base(service("web", selector=None)), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, base(service("web", type="ExternalName", externalName="x")), Status.NOT_APPLICABLE)


def test_two_faults_of_one_service() -> None:
    ports = [{"name": "a", "port": 1, "targetPort": "web"}, {"name": "b", "port": 2, "targetPort": 7}]
    findings = kit.finds(CHECK, base(service(ports=ports)), "shop/web")
    assert [finding.severity for finding in findings] == [Severity.HIGH, Severity.MEDIUM]


def test_the_tables_are_these() -> None:
    assert kit.tables_needed(CHECK) == {"services", "pods", "tcp_probes"}


@pytest.mark.parametrize("table", ["services", "pods"])
def test_not_evaluated_without(table: str) -> None:
    for landscape in (base(service(8080)), base(service("web"))):
        kit.is_not_evaluated(CHECK, kit.without(landscape, table))


def test_one_pod_that_is_not_known_may_declare_it() -> None:
    two = base(service("web"), pod("web-1", HTTP), pod("web-2", {"name": "web", "containerPort": 1}))
    kit.is_not_evaluated(CHECK, kit.without_rows(two, "pods", "shop/web-2"))
