from collections.abc import Mapping
from typing import Any

import pytest

from auditor.facts.cloud.cms import Metric
from auditor.facts.landscape import Landscape
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit
from tests.checks.network.api import BALANCER, NAME, balancer, cluster, eip, landscape, metric

CHECK = "network/apiserver-lb-overloaded"
DROPS = ("Connection", "PacketRX", "PacketTX", "TrafficRX", "TrafficTX")
ALL: Mapping[str, float | None] = {
    **{f"InstanceDrop{what}": 0.0 for what in DROPS},
    "InstanceMaxConnection": 100.0,
    "InstanceMaxConnectionUtilization": 2.0,
    "InstanceNewConnection": 10.0,
    "InstanceNewConnectionUtilization": 1.0,
    "InstanceQps": None,
    "InstanceQpsUtilization": None,
    "InstanceTrafficRX": 1e6,
    "InstanceTrafficTX": 2e6,
}
NO_UTILISATION = {"InstanceMaxConnectionUtilization": None, "InstanceNewConnectionUtilization": None}
ELASTIC = balancer(spec="slb.lcu.elastic", charge_type="PayByCLCU")


def metrics(values: Mapping[str, float | None]) -> list[Metric]:
    return [metric(name, value) for name, value in {**ALL, **values}.items()]


def loaded(values: Mapping[str, float | None] | None = None, **tables: Any) -> Landscape:
    return landscape(load_balancer_metrics=metrics(values or {}), **tables)


def found(values: Mapping[str, float | None] | None = None, **tables: Any) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, loaded(values, **tables), NAME)
    assert finding.subject.kind == "LoadBalancer"
    assert finding.subject.id == BALANCER
    return finding


class TestFound:
    @pytest.mark.parametrize("what", DROPS)
    @pytest.mark.parametrize("row", [balancer(), ELASTIC], ids=["by specification", "elastic"])
    def test_drops(self, what: str, row: Any) -> None:
        finding = found({f"InstanceDrop{what}": 3.0}, load_balancers=[row])
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert f"InstanceDrop{what}" in str(finding.message)

    @pytest.mark.parametrize(
        ("values", "severity"),
        [
            ({"InstanceMaxConnectionUtilization": 80.0}, Severity.MEDIUM),
            ({"InstanceMaxConnectionUtilization": 89.9}, Severity.MEDIUM),
            ({"InstanceMaxConnectionUtilization": 90.0}, Severity.HIGH),
            ({"InstanceNewConnectionUtilization": 97.0}, Severity.HIGH),
            ({"InstanceQpsUtilization": 85.0}, Severity.MEDIUM),
            ({**NO_UTILISATION, "InstanceMaxConnection": 4000.0}, Severity.MEDIUM),
            ({**NO_UTILISATION, "InstanceMaxConnection": 4900.0}, Severity.HIGH),
            ({**NO_UTILISATION, "InstanceNewConnection": 2900.0}, Severity.HIGH),
            ({**NO_UTILISATION, "InstanceQps": 950.0}, Severity.HIGH),
        ],
    )
    def test_near_the_specification(self, values: Mapping[str, float | None], severity: Severity) -> None:
        finding = found(values)
        assert finding.severity is severity
        assert finding.certainty is not Certainty.CONFIRMED

    def test_a_ceiling_of_the_table_is_shown_as_assumed(self) -> None:
        finding = found({**NO_UTILISATION, "InstanceMaxConnection": 4900.0})
        assert finding.evidence["InstanceMaxConnection_ceiling_assumed"] == 5000

    @pytest.mark.parametrize("name", ["InstanceTrafficRX", "InstanceTrafficTX"])
    def test_bought_bandwidth(self, name: str) -> None:
        row = balancer(
            address_type="internet", bandwidth=10, internet_charge_type="paybybandwidth", address="203.0.113.67"
        )
        finding = found({name: 9.5e6}, load_balancers=[row], eips=[])
        assert finding.severity is Severity.HIGH

    @pytest.mark.parametrize(("bits", "severity"), [(85e6, Severity.MEDIUM), (96e6, Severity.HIGH)])
    def test_the_bandwidth_of_the_eip(self, bits: float, severity: Severity) -> None:
        finding = found({"InstanceTrafficTX": bits})
        assert (finding.severity, finding.certainty) == (severity, Certainty.LIKELY)
        assert finding.evidence["eip"] == "eip-1"


class TestQuiet:
    @pytest.mark.parametrize(
        ("values", "tables"),
        [
            pytest.param({}, {}, id="little load"),
            pytest.param({"InstanceMaxConnectionUtilization": 79.9}, {}, id="just below"),
            pytest.param({**NO_UTILISATION, "InstanceMaxConnection": 3999.0}, {}, id="just below the ceiling"),
            pytest.param(
                {**NO_UTILISATION, "InstanceMaxConnection": 4e6},
                {"load_balancers": [ELASTIC]},
                id="elastic: no ceiling",
            ),
            pytest.param(
                {**NO_UTILISATION, "InstanceMaxConnection": 4e6}, {"load_balancers": [balancer(spec="")]}, id="shared"
            ),
            pytest.param({"InstanceTrafficTX": 4e9}, {"eips": []}, id="paid by traffic, without EIP"),
            pytest.param({"InstanceTrafficTX": 4e9}, {"eips": [eip(instance_id="lb-2")]}, id="the EIP of another"),
            pytest.param({"InstanceTrafficTX": 79e6}, {}, id="below the EIP's bandwidth"),
        ],
    )
    def test_it(self, values: Mapping[str, float | None], tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, loaded(values, **tables))

    def test_a_balancer_that_is_gone(self) -> None:
        kit.stays_quiet(CHECK, loaded(load_balancers=[]), Status.NOT_APPLICABLE)

    def test_a_registered_cluster(self) -> None:
        kit.stays_quiet(CHECK, loaded(clusters=[cluster(type="ExternalKubernetes")]), Status.NOT_APPLICABLE)


class TestGaps:
    @pytest.mark.parametrize("table", ["clusters", "load_balancers", "load_balancer_metrics", "eips"])
    def test_needed_to_pass(self, table: str) -> None:
        assert kit.tables_needed(CHECK) == {
            "clusters", "load_balancers", "load_balancer_metrics", "eips", "cluster_resources",
        }  # fmt: skip
        kit.is_not_evaluated(CHECK, kit.without(loaded(), table))
        kit.stays_quiet(CHECK, kit.without(loaded(), "cluster_resources"))

    @pytest.mark.parametrize(
        "name",
        [
            *(f"InstanceDrop{what}" for what in DROPS),
            "InstanceMaxConnectionUtilization",
            "InstanceNewConnectionUtilization",
            "InstanceTrafficTX",
        ],
    )
    def test_one_metric(self, name: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without_rows(loaded(), "load_balancer_metrics", f"{BALANCER}/{name}"))

    @pytest.mark.parametrize(
        "values",
        [
            {"InstanceDropConnection": None},
            {**NO_UTILISATION, "InstanceMaxConnection": None},
            {**NO_UTILISATION, "InstanceNewConnection": None},
            {"InstanceTrafficTX": None},
        ],
    )
    def test_nothing_measured_is_not_well(self, values: Mapping[str, float | None]) -> None:
        result, findings = kit.run(CHECK, loaded(values))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_a_specification_that_is_not_in_the_table(self) -> None:
        result, _ = kit.run(CHECK, loaded(NO_UTILISATION, load_balancers=[balancer(spec="slb.s9.huge")]))
        assert result.status is Status.NOT_EVALUATED

    def test_drops_decide_alone(self) -> None:
        base = kit.without_rows(
            loaded({"InstanceDropConnection": 3.0}), "load_balancer_metrics", f"{BALANCER}/InstanceMaxConnection"
        )
        kit.finds(CHECK, base, NAME)
