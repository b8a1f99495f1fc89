from typing import Any

import pytest

from auditor.facts.cloud.slb import LoadBalancerHealth
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit
from tests.checks.network.api import BALANCER, NAME, PUBLIC, balancer, cluster, eip, health, landscape, listener

CHECK = "network/apiserver-lb-broken"


def found(subject: str = NAME, **tables: Any) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape(**tables), subject)
    assert (finding.subject.kind, finding.subject.id) == ("LoadBalancer", BALANCER)
    assert finding.certainty is Certainty.CONFIRMED
    assert [hop.state for hop in finding.trail].count(HopState.BROKEN) == 1
    return finding


class TestFound:
    @pytest.mark.parametrize(
        ("tables", "words"),
        [
            pytest.param({"load_balancers": [balancer(status="inactive")]}, "inactive", id="stopped"),
            pytest.param({"load_balancers": [balancer(status="locked")]}, "locked", id="locked"),
            pytest.param({"listeners": []}, "no listener", id="no listener"),
            pytest.param({"listeners": [listener(port=443)]}, "no listener", id="another port"),
            pytest.param({"listeners": [listener(protocol="udp")]}, "no listener", id="another protocol"),
            pytest.param({"listeners": [listener(status="stopped")]}, "stopped", id="listener stopped"),
            pytest.param({"load_balancer_health": [health("abnormal", "abnormal")]}, "none of", id="servers"),
            pytest.param({"load_balancer_health": [health()]}, "no server", id="no servers"),
            pytest.param({"eips": []}, PUBLIC, id="EIP gone"),
            pytest.param({"eips": [eip(instance_id="lb-2")]}, "lb-2", id="EIP of another"),
            pytest.param({"eips": [eip(instance_id="", status="Available")]}, PUBLIC, id="EIP free"),
            pytest.param({"eips": [eip(status="Unassociating")]}, PUBLIC, id="EIP being taken away"),
            pytest.param({"eips": [eip(business_status="FinancialLocked")]}, "FinancialLocked", id="EIP unpaid"),
            pytest.param({"eips": [eip(lock_reasons=["security"])]}, "security", id="EIP locked"),
        ],
    )
    def test_it(self, tables: dict[str, Any], words: str) -> None:
        finding = found(**tables)
        assert finding.severity is Severity.CRITICAL
        assert words in str(finding.message)

    def test_a_balancer_that_was_deleted(self) -> None:
        finding = found(BALANCER, load_balancers=[], listeners=[], load_balancer_health=[], eips=[])
        assert finding.severity is Severity.CRITICAL

    def test_one_server_of_two(self) -> None:
        finding = found(load_balancer_health=[health("normal", "abnormal")])
        assert finding.severity is Severity.CRITICAL
        assert "1 of 2" in str(finding.message)

    def test_two_faults_are_two_findings(self) -> None:
        base = landscape(listeners=[listener(status="stopped")], eips=[])
        assert len(kit.finds(CHECK, base, NAME)) == 2


class TestQuiet:
    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param({}, id="well"),
            pytest.param({"listeners": [listener(status="starting")]}, id="starting"),
            pytest.param({"load_balancer_health": [health("unavailable", "unavailable")]}, id="nobody checks"),
            pytest.param(
                {
                    "clusters": [cluster(api_endpoints={"intranet_api_server_endpoint": "https://192.168.0.167:6443"})],
                    "eips": [],
                },
                id="no public endpoint",
            ),
            pytest.param(
                {
                    "clusters": [cluster(api_endpoints={"api_server_endpoint": "https://api.example.com:6443"})],
                    "eips": [],
                },
                id="a name",
            ),
            pytest.param(
                {"load_balancers": [balancer(address=PUBLIC, address_type="internet")], "eips": []},
                id="an address of its own",
            ),
            pytest.param({"eips": [eip(status="Associating")]}, id="being bound"),
            pytest.param(
                {"eips": [eip(), eip(address="198.51.100.9", instance_id="lb-2", lock_reasons=["financial"])]},
                id="the EIP of another is locked",
            ),
        ],
    )
    def test_it(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, landscape(**tables))

    def test_a_registered_cluster(self) -> None:
        kit.stays_quiet(CHECK, landscape(clusters=[cluster(type="ExternalKubernetes")]), Status.NOT_APPLICABLE)


class TestGaps:
    def test_the_tables(self) -> None:
        assert kit.tables_needed(CHECK) == {
            "clusters", "load_balancers", "listeners", "load_balancer_health", "eips", "cluster_resources",
        }  # fmt: skip
        kit.stays_quiet(CHECK, kit.without(landscape(), "cluster_resources"))

    @pytest.mark.parametrize("table", ["clusters", "load_balancers", "listeners", "load_balancer_health", "eips"])
    def test_needed_to_pass(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(landscape(), table))

    @pytest.mark.parametrize("table", ["listeners", "load_balancer_health", "eips"])
    def test_a_stopped_one_is_found_without(self, table: str) -> None:
        base = kit.without(landscape(load_balancers=[balancer(status="inactive")]), table)
        assert kit.run(CHECK, base)[1]

    @pytest.mark.parametrize("row", [listener(status=None)])
    def test_a_status_that_was_not_said(self, row: Any) -> None:
        assert kit.run(CHECK, landscape(listeners=[row]))[0].status is Status.NOT_EVALUATED
        assert kit.run(CHECK, landscape(load_balancers=[balancer(status=None)]))[0].status is Status.NOT_EVALUATED

    def test_health_of_another_listener(self) -> None:
        other = LoadBalancerHealth(BALANCER, [])
        assert kit.run(CHECK, landscape(load_balancer_health=[other]))[1]
