from typing import Any

import pytest

from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make
from tests.checks.network.api import (
    BALANCER,
    NAME,
    WHITE,
    called_by,
    cluster,
    endpoints,
    landscape,
    listener,
    vswitch,
    with_list,
)

CHECK = "network/apiserver-acl-blocks-clients"
OFFICE = "203.0.113.0/24"


def without(*entries: str) -> list[str]:
    return [entry for entry in WHITE if entry not in entries]


def found(tables: dict[str, Any], *clients: str) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, called_by(landscape(**tables), *clients), NAME)
    assert (finding.subject.kind, finding.subject.id) == ("LoadBalancer", BALANCER)
    return finding


class TestRefused:
    @pytest.mark.parametrize(
        ("tables", "key", "refused"),
        [
            pytest.param(with_list("white", without("100.104.0.0/16")), "ack", ["100.104.0.0/16"], id="ACK"),
            pytest.param(
                with_list("white", [*without("100.104.0.0/16"), "100.104.0.0/17"]),
                "ack",
                ["100.104.128.0/17"],
                id="half of ACK",
            ),
            pytest.param(with_list("black", ["100.64.0.0/10"]), "ack", ["100.104.0.0/16"], id="ACK on a black list"),
            pytest.param(
                with_list("white", without("192.168.1.0/24")), "control_plane", ["192.168.1.0/24"], id="control plane"
            ),
            pytest.param(with_list("white", without("192.168.1.0/24")), "nodes", ["192.168.1.11"], id="nodes"),
            pytest.param(with_list("black", ["192.168.1.11/32"]), "nodes", ["192.168.1.11"], id="one node"),
            pytest.param(with_list("black", ["192.168.0.5"]), "control_plane", ["192.168.0.5"], id="one API server"),
        ],
    )
    def test_it(self, tables: dict[str, Any], key: str, refused: list[str]) -> None:
        finding = next(one for one in kit.run(CHECK, landscape(**tables))[1] if f"refused_{key}" in one.evidence)
        assert finding.severity is Severity.CRITICAL
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence[f"refused_{key}"] == refused

    @pytest.mark.parametrize(
        "tables", [with_list("white", WHITE), with_list("black", ["203.0.113.128/25"])], ids=["white", "black"]
    )
    def test_configured_clients(self, tables: dict[str, Any]) -> None:
        finding = found(tables, OFFICE)
        assert (finding.severity, finding.certainty) == (Severity.CRITICAL, Certainty.CONFIRMED)
        assert finding.evidence["refused_clients"]

    def test_all_that_one_list_refuses_is_one_finding(self) -> None:
        finding = found(with_list("white", ["172.20.0.0/16"]), OFFICE)
        assert {"refused_ack", "refused_nodes", "refused_control_plane", "refused_clients"} <= set(finding.evidence)

    def test_a_part_of_ack_on_a_black_list(self) -> None:
        assert found(with_list("black", ["100.104.7.0/24"])).certainty is Certainty.LIKELY

    def test_pods_of_an_old_cluster(self) -> None:
        tables = with_list("white", without("172.20.0.0/16"))
        tables["endpoint_slices"] = [endpoints("192.168.0.167")]
        finding = found(tables)
        assert finding.severity is Severity.CRITICAL
        assert finding.evidence["refused_pods"] == ["172.20.0.7"]

    def test_a_white_list_without_entries(self) -> None:
        finding = found(with_list("white", []))
        assert finding.severity is Severity.MEDIUM
        assert not [key for key in finding.evidence if key.startswith("refused")]

    def test_addresses_that_further_nodes_get(self) -> None:
        tables = with_list("white", [*without("192.168.1.0/24"), "192.168.1.0/25"])
        tables["clusters"] = [cluster(vswitch_ids=["vsw-h"])]
        finding = found(tables)
        assert (finding.severity, finding.certainty) == (Severity.MEDIUM, Certainty.AT_RISK)


class TestQuiet:
    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param({}, id="off"),
            pytest.param(
                {"listeners": [listener(acl_status="off", acl_type="white", acl_ids=["acl-9"])]}, id="list, but off"
            ),
            pytest.param(with_list("white", WHITE), id="all is there"),
            pytest.param(with_list("white", ["0.0.0.0/0"]), id="everybody"),
            pytest.param(with_list("black", []), id="black list without entries"),
            pytest.param(with_list("black", ["198.51.100.7"]), id="a stranger"),
        ],
    )
    def test_it(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, landscape(**tables))

    def test_configured_clients_that_are_admitted(self) -> None:
        kit.stays_quiet(CHECK, called_by(landscape(**with_list("white", [*WHITE, OFFICE])), OFFICE))

    def test_pods_that_call_the_api_servers_themselves_are_information(self) -> None:
        assert found(with_list("white", without("172.20.0.0/16"))).severity is Severity.INFO

    def test_ipv6_does_not_come_to_an_ipv4_address(self) -> None:
        tables = with_list("white", WHITE)
        tables["vswitches"] = [vswitch("h", 0, cidr6="fd00:1::/64"), vswitch("i", 1, cidr6="fd00:2::/64")]
        kit.stays_quiet(CHECK, called_by(landscape(**tables), "2001:db8::/32"))

    @pytest.mark.parametrize(
        "tables", [{"listeners": []}, {"load_balancers": []}, {"clusters": [cluster(type="ExternalKubernetes")]}]
    )
    def test_what_others_tell_of(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, landscape(**tables), Status.NOT_APPLICABLE)

    def test_an_unused_address_on_a_black_list_is_information(self) -> None:
        findings = kit.run(CHECK, landscape(**with_list("black", ["192.168.0.77"])))[1]
        assert {one.severity for one in findings} == {Severity.INFO}


class TestGaps:
    GOOD = with_list("white", WHITE)

    @pytest.mark.parametrize(
        "table",
        ["clusters", "load_balancers", "listeners", "access_control_lists", "vswitches", "nodes", "node_pools"],
    )
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(landscape(**self.GOOD), table))

    @pytest.mark.parametrize("table", ["cluster_resources", "pods", "endpoint_slices", "instances", "config_maps"])
    def test_not_needed_while_they_can_t_decide(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(landscape(**self.GOOD), table))

    def test_the_cloud_alone(self) -> None:
        base = landscape(**with_list("white", without("100.104.0.0/16", "192.168.1.0/24")))
        for table in ("nodes", "pods", "endpoint_slices", "instances", "config_maps", "services"):
            base = kit.without(base, table)
        finding = next(one for one in kit.run(CHECK, base)[1] if one.severity is Severity.CRITICAL)
        assert {"refused_ack", "refused_control_plane"} <= set(finding.evidence)

    def test_terway_without_its_configuration(self) -> None:
        tables = {**self.GOOD, "clusters": [cluster(network="terway-eniip", container_cidr=None)]}
        assert kit.run(CHECK, landscape(**tables))[0].status is Status.NOT_EVALUATED

    def test_without_access_control_nothing_else_is_asked(self) -> None:
        base = landscape()
        for table in ("nodes", "pods", "vswitches", "node_pools", "access_control_lists"):
            base = kit.without(base, table)
        kit.stays_quiet(CHECK, base)

    def test_a_kind_that_nobody_knows(self) -> None:
        assert kit.run(CHECK, landscape(**with_list("grey", WHITE)))[0].status is Status.NOT_EVALUATED

    def test_the_machines_of_nodes_without_a_pool(self) -> None:
        kit.stays_quiet(CHECK, landscape(**self.GOOD, node_pools=[], nodes=[make.node("a", ip="192.168.0.11")]))
