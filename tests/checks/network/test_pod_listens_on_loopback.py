"""network/pod-listens-on-loopback."""

from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.events import Event
from auditor.facts.kubernetes.probes import PodSockets, TcpProbe
from auditor.facts.landscape import Landscape
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "network/pod-listens-on-loopback"
IP = "172.20.1.7"
LIKELY = (Severity.HIGH, Certainty.LIKELY)
CONFIRMED = (Severity.HIGH, Certainty.CONFIRMED)
HTTP = {"httpGet": {"path": "/healthz", "port": "http"}}


def refused(
    place: str = f"{IP}:8080",
    *,
    seen: str | None = "2026-11-23T07:50:00Z",
    kind: str = "Readiness",
    uid: str = "u-1",
    words: str = 'Get "http://{place}/healthz": ',
) -> Event:
    data = {
        "metadata": make.meta("e", "shop"),
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0", "uid": uid},
        "reason": "Unhealthy",
        "message": f"{kind} probe failed: {words.format(place=place)}dial tcp {place}: connect: connection refused",
        "lastTimestamp": seen,
        "count": 40,
    }
    return msgspec.convert(data, Event)


def pod(
    probe: Any = HTTP, *, status: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **more: Any
) -> Any:
    ports = [{"name": "http", "containerPort": 8080}]
    container: dict[str, Any] = {"name": "main", "ports": ports, "readinessProbe": probe}
    container |= more.pop("container", {})
    since = {"running": {"startedAt": "2026-11-23T07:00:00Z"}}
    running: dict[str, Any] = {"name": "main", "ready": False, "state": since}
    running |= more.pop("state", {})
    full_status: dict[str, Any] = {"phase": "Running", "podIP": IP, "podIPs": [{"ip": IP}]}
    full_status["containerStatuses"] = [running]
    full_spec = {"containers": [container]} | (spec or {})
    full_status |= status or {}
    return make.pod("shop/web-0", "n1", ready=False, uid="u-1", spec=full_spec, status=full_status, **more)


def base(row: Any = None, *events: Event, **tables: Any) -> Landscape:
    given: dict[str, Any] = {"pods": [pod() if row is None else row], "events": events or [refused()]}
    return kit.landscape(**(given | tables))


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "shop/web-0")
    return finding


def grade(finding: ReportedFinding) -> tuple[Severity, Certainty]:
    return finding.severity, finding.certainty


class TestByTheReadinessProbe:
    def test_http(self) -> None:
        finding = only(base())
        assert grade(finding) == LIKELY
        assert finding.evidence["port"] == 8080
        assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Container"]

    @pytest.mark.parametrize(
        "probe",
        [{"tcpSocket": {"port": 8080}}, {"grpc": {"port": 8080}}, {"httpGet": {"port": "8080"}}],
        ids=["tcp", "grpc", "a number as text"],
    )
    def test_other_kinds(self, probe: Any) -> None:
        assert grade(only(base(pod(probe), refused(words="")))) == LIKELY

    def test_ipv6(self) -> None:
        status = {"podIP": "fd00::7", "podIPs": [{"ip": "fd00::7"}]}
        only(base(pod(status=status), refused("[fd00:0::7]:8080", words="")))

    def test_the_second_address(self) -> None:
        status = {"podIPs": [{"ip": IP}, {"ip": "fd00::7"}]}
        only(base(pod(status=status), refused("[fd00::7]:8080", words="")))

    def test_a_container_that_declares_no_port(self) -> None:
        only(base(pod({"tcpSocket": {"port": 8080}}, container={"ports": None}), refused(words="")))

    def test_an_event_without_a_time(self) -> None:
        only(base(None, refused(seen=None)))


class TestQuiet:
    @pytest.mark.parametrize(
        "row",
        [
            pod(state={"ready": True}),
            pod(spec={"hostNetwork": True}),
            pod({"exec": {}}),
            pod(None),
            pod({"httpGet": {"port": "http", "host": "127.0.0.1"}}),
            pod(status={"phase": "Pending"}),
            pod(status={"podIP": "", "podIPs": None}),
            pod(state={"state": {"waiting": {"reason": "CrashLoopBackOff"}}}),
            pod(deletionTimestamp="2026-11-23T07:59:00Z"),
        ],
        ids=["ready", "host network", "exec", "no probe", "own host", "pending", "no address", "crashes", "deleted"],
    )
    def test_pods_that_are_not_asked_so(self, row: Any) -> None:
        kit.stays_quiet(CHECK, base(row), Status.NOT_APPLICABLE)

    def test_it_has_just_started(self) -> None:
        row = pod(state={"state": {"running": {"startedAt": "2026-11-23T07:57:00Z"}}})
        kit.stays_quiet(CHECK, base(row, refused(seen="2026-11-23T07:58:00Z")), Status.NOT_APPLICABLE)

    def test_it_ends_again_and_again(self) -> None:
        last = {"terminated": {"exitCode": 1, "finishedAt": "2026-11-23T07:40:00Z"}}
        row = pod(state={"restartCount": 7, "lastState": last})
        kit.stays_quiet(CHECK, base(row), Status.NOT_APPLICABLE)

    @pytest.mark.parametrize(
        "event",
        [
            refused(seen="2026-11-23T07:00:30Z"),
            refused(f"{IP}:9090"),
            refused("172.20.9.9:8080"),
            refused("127.0.0.1:8080"),
            refused(kind="Liveness"),
            refused(uid="u-0"),
        ],
        ids=["while it started", "another port", "another address", "a host of its own", "liveness", "the Pod before"],
    )
    def test_events_of_something_else(self, event: Event) -> None:
        kit.stays_quiet(CHECK, base(None, event))

    def test_a_timeout(self) -> None:
        event = msgspec.structs.replace(refused(), message=f"Readiness probe failed: dial tcp {IP}:8080: i/o timeout")
        kit.stays_quiet(CHECK, base(None, event))

    def test_the_probe_asks_at_the_wrong_port(self) -> None:
        kit.stays_quiet(CHECK, base(pod({"tcpSocket": {"port": 9090}}), refused(f"{IP}:9090", words="")))


class TestBySockets:
    def test_loopback_only(self) -> None:
        row = PodSockets("shop/web-0", "main", ["127.0.0.1:8080", "[::1]:8080", "0.0.0.0:9090"])
        finding = only(base(pod(None, state={"ready": True}), pod_sockets=[row]))
        assert grade(finding) == CONFIRMED
        assert finding.evidence["sockets_on_the_port"] == ["127.0.0.1:8080", "[::1]:8080"]

    def test_an_address_of_ipv4_in_ipv6(self) -> None:
        row = PodSockets("shop/web-0", "main", ["[::ffff:127.0.0.1]:8080"])
        assert grade(only(base(pod_sockets=[row]))) == CONFIRMED

    @pytest.mark.parametrize(
        "listening",
        [["0.0.0.0:8080"], ["[::]:8080"], ["127.0.0.1:8080", f"{IP}:8080"], ["127.0.0.1:18080"], []],
        ids=["every address", "every address of both", "its own too", "another port", "nowhere"],
    )
    def test_quiet(self, listening: list[str]) -> None:
        kit.stays_quiet(CHECK, base(pod_sockets=[PodSockets("shop/web-0", "main", listening)]))

    def test_it_ends_again_and_again_since_its_liveness_probe_is_refused_too(self) -> None:
        last = {"terminated": {"exitCode": 137, "finishedAt": "2026-11-23T07:40:00Z"}}
        row = pod(state={"restartCount": 7, "lastState": last})
        sockets = PodSockets("shop/web-0", "main", ["127.0.0.1:8080"])
        assert grade(only(base(row, pod_sockets=[sockets]))) == CONFIRMED

    def test_a_port_that_its_readiness_probe_reaches_is_not_asked_for(self) -> None:
        row = PodSockets("shop/web-0", "main", ["127.0.0.1:8080"])
        kit.stays_quiet(CHECK, base(pod(state={"ready": True}), pod_sockets=[row]))


class TestByConnection:
    """What the probe ``tcp`` adds to the passive sign."""

    def tries(self, outcome: str, position: str = "vpc", port: int = 8080) -> Table[TcpProbe]:
        row = TcpProbe(IP, port, outcome, position, "192.168.0.99")
        return Table("tcp_probes", [row], asked=[row.key])

    @pytest.mark.parametrize("position", ["cluster", "vpc"])
    def test_refused_without_an_event(self, position: str) -> None:
        landscape = base(None, refused(f"{IP}:9090"), tcp_probes=self.tries("refused", position))
        finding = only(landscape)
        assert grade(finding) == LIKELY
        assert position in str(finding.evidence["tcp"])

    def test_refused_with_an_event_is_one_finding(self) -> None:
        finding = only(base(tcp_probes=self.tries("refused")))
        assert grade(finding) == LIKELY
        assert finding.evidence["event_count"] == 40
        assert "refused" in str(finding.evidence["tcp"])

    def test_it_is_open_by_now(self) -> None:
        kit.stays_quiet(CHECK, base(tcp_probes=self.tries("ok")))

    @pytest.mark.parametrize("outcome", ["timeout", "unreachable"])
    def test_other_outcomes_tell_nothing(self, outcome: str) -> None:
        assert grade(only(base(tcp_probes=self.tries(outcome)))) == LIKELY
        kit.stays_quiet(CHECK, base(None, refused(f"{IP}:9090"), tcp_probes=self.tries(outcome)))

    @pytest.mark.parametrize("position", ["elsewhere", ""])
    @pytest.mark.parametrize("outcome", ["ok", "refused"])
    def test_from_elsewhere_it_tells_nothing(self, outcome: str, position: str) -> None:
        assert grade(only(base(tcp_probes=self.tries(outcome, position)))) == LIKELY
        kit.stays_quiet(CHECK, base(None, refused(f"{IP}:9090"), tcp_probes=self.tries(outcome, position)))

    def test_a_port_that_the_container_does_not_declare(self) -> None:
        row = pod({"tcpSocket": {"port": 9090}})
        kit.stays_quiet(CHECK, base(row, refused("172.20.9.9:1"), tcp_probes=self.tries("refused", port=9090)))

    def test_sockets_that_something_passes_connections_on_to(self) -> None:
        row = PodSockets("shop/web-0", "main", ["127.0.0.1:8080"])
        kit.stays_quiet(CHECK, base(pod_sockets=[row], tcp_probes=self.tries("ok")))

    def test_a_mesh_accepts_for_every_port(self) -> None:
        main = {"name": "main", "ports": [{"name": "http", "containerPort": 8080}], "readinessProbe": HTTP}
        row = pod(spec={"containers": [main, {"name": "istio-proxy"}]})
        assert grade(only(base(row, tcp_probes=self.tries("ok")))) == LIKELY

    def test_switched_off_it_is_not_missed(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe is off"))
        tries: Table[TcpProbe] = Table.unavailable("tcp_probes", off)
        kit.stays_quiet(CHECK, base(None, refused(f"{IP}:9090"), tcp_probes=tries))


class TestNotEvaluated:
    def test_each_table(self) -> None:
        for table in kit.tables_needed(CHECK):
            landscape = kit.without(base(), table)
            if table == "pod_sockets":
                result, findings = kit.run(CHECK, landscape)
                assert grade(findings[0]) == LIKELY
                assert result.reasons
            elif table == "tcp_probes":
                assert grade(only(landscape)) == LIKELY
                kit.is_not_evaluated(CHECK, kit.without(base(None, refused(f"{IP}:9090")), table))
            else:
                kit.is_not_evaluated(CHECK, landscape)

    def test_the_probe_is_off(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe is off"))
        sockets: Table[PodSockets] = Table.unavailable("pod_sockets", off)
        result, findings = kit.run(CHECK, base(pod(state={"ready": True}), pod_sockets=sockets))
        assert not findings
        assert result.status is Status.NOT_EVALUATED
        assert result.reasons == (off,)

    def test_an_event_that_was_read_suffices(self) -> None:
        only(kit.without_rows(base(), "events", "shop/other"))
