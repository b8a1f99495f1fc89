from datetime import datetime, timedelta
from typing import Any

import pytest

from auditor.facts.kubernetes.observations import Kubeconfig
from auditor.facts.landscape import Landscape
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make
from tests.checks.network.api import ENI, PUBLIC, cluster, eip, landscape

CHECK = "access/kubeconfig-stale"


def after(days: float) -> datetime:
    return kit.OBSERVED_AT + timedelta(days=days)


def scene(server: str = f"https://{PUBLIC}:6443", **more: Any) -> Landscape:
    tables = {name: more.pop(name) for name in ("clusters", "eips", "nodes", "endpoint_slices") if name in more}
    given = {"origin": "file", "context": "ops", "user": "me", "certificate_ends_at": after(900), **more}
    return landscape(kubeconfigs=[Kubeconfig(server, **given)], **tables)


def found(base: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, "test")
    assert (finding.subject.kind, finding.severity) == ("Cluster", Severity.MEDIUM)
    return finding


class TestServer:
    @pytest.mark.parametrize(
        "server",
        [
            "https://203.0.113.68:6443",
            f"https://{PUBLIC}:8443",
            f"https://{PUBLIC}",
            "https://192.168.0.168:6443",
            "https://10.1.2.3:6443",
            "https://192.168.0.167:443",
        ],
    )
    def test_no_endpoint(self, server: str) -> None:
        finding = found(scene(server))
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["server"] == server

    def test_a_port_of_a_simulator_on_this_machine(self) -> None:
        row = cluster(api_endpoints={"api_server_endpoint": "https://127.0.0.1:7001"})
        found(scene("https://127.0.0.1:7002", clusters=[row]))
        kit.stays_quiet(CHECK, scene("https://127.0.0.1:7001", clusters=[row]))

    @pytest.mark.parametrize(
        "server",
        [
            f"https://{PUBLIC}:6443",
            f"https://{PUBLIC}:6443/",
            "https://192.168.0.167:6443",
            f"https://{ENI[0]}:6443",
            "https://172.21.0.1:443",
            "https://172.21.0.1",
            "https://127.0.0.1:6443",
            "http://localhost:8001",
        ],
    )
    def test_quiet(self, server: str) -> None:
        kit.stays_quiet(CHECK, scene(server))

    @pytest.mark.parametrize("origin", ["pod", "ack"])
    def test_what_the_cluster_or_ack_gave(self, origin: str) -> None:
        kit.stays_quiet(CHECK, scene("https://10.0.0.1:443", origin=origin))

    def test_another_eip_of_the_load_balancer(self) -> None:
        kit.stays_quiet(CHECK, scene("https://198.51.100.4:6443", eips=[eip(address="198.51.100.4")]))

    def test_a_master(self) -> None:
        node = make.node("m", ip="192.168.1.9", labels={"node-role.kubernetes.io/master": ""})
        kit.stays_quiet(CHECK, scene("https://192.168.1.9:6443", nodes=[node]))

    def test_a_name_may_be_one_of_the_certificate(self) -> None:
        result, findings = kit.run(CHECK, scene("https://api.example.com:6443"))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())
        assert [reason.kind for reason in result.reasons] == [ReasonKind.UNDECIDABLE]

    def test_a_known_name_with_another_port(self) -> None:
        row = cluster(api_endpoints={"api_server_endpoint": "https://api.example.com:6443"})
        found(scene("https://api.example.com:8443", clusters=[row]))

    def test_an_address_at_which_nobody_answers(self) -> None:
        base = scene("https://192.168.0.9:6443")
        gone = Reason("kubernetes", ReasonKind.UNREACHABLE, t("nobody answers"))
        base.tables["endpoint_slices"] = Table.unavailable("endpoint_slices", gone)
        assert found(base).certainty is Certainty.LIKELY


class TestCertificates:
    @pytest.mark.parametrize("field", ["certificate_ends_at", "ca_ends_at"])
    @pytest.mark.parametrize(
        ("days", "certainty"),
        [(-400, Certainty.CONFIRMED), (0, Certainty.CONFIRMED), (3, Certainty.AT_RISK), (30, Certainty.AT_RISK)],
    )
    def test_its_end(self, field: str, days: int, certainty: Certainty) -> None:
        ends: dict[str, Any] = {field: after(days)}
        assert found(scene(**ends)).certainty is certainty

    @pytest.mark.parametrize(
        "more",
        [
            {"certificate_ends_at": after(31)},
            {"certificate_ends_at": None},
            {"certificate_ends_at": after(0.1), "renews": True},
            {"ca_ends_at": after(5000)},
        ],
    )
    def test_quiet(self, more: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, scene(**more))


class TestGaps:
    @pytest.mark.parametrize("table", ["kubeconfigs", "clusters"])
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene(), table))

    @pytest.mark.parametrize("table", ["load_balancers", "eips", "endpoint_slices", "nodes", "cluster_resources"])
    def test_not_needed_where_the_server_is_an_endpoint(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(), table))

    @pytest.mark.parametrize("table", ["load_balancers", "endpoint_slices", "nodes"])
    def test_needed_of_another_private_address(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene("https://192.168.0.9:6443"), table))

    def test_needed_of_another_public_address(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(scene("https://198.51.100.4:6443"), "eips"))

    def test_a_certificate_decides_alone(self) -> None:
        base = kit.without(scene(certificate_ends_at=after(-1)), "clusters")
        assert len(kit.run(CHECK, base)[1]) == 1

    def test_a_description_without_endpoints(self) -> None:
        assert kit.run(CHECK, scene(clusters=[cluster(api_endpoints={})]))[0].status is Status.NOT_EVALUATED
