from datetime import timedelta
from typing import Any

import msgspec
import pytest

from auditor.facts.kubernetes.extensions import ApiService
from auditor.facts.kubernetes.observations import ApiHealth
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.network.api import balancer, cluster, health, landscape, page

CHECK = "network/apiserver-unhealthy"


def api_service(name: str, status: str, *, served: bool = True, minutes: int = 60) -> ApiService:
    since = (kit.OBSERVED_AT - timedelta(minutes=minutes)).isoformat()
    spec: dict[str, Any] = {"group": name, "version": "v1"}
    if served:
        spec["service"] = {"name": "metrics-server", "namespace": "kube-system"}
    condition = {"type": "Available", "status": status, "reason": "MissingEndpoints", "lastTransitionTime": since}
    data = {"metadata": {"name": name}, "spec": spec, "status": {"conditions": [condition]}}
    return msgspec.convert(data, ApiService)


def master(number: int, component: str = "kube-apiserver", *, ready: bool = True) -> Any:
    return make.pod(f"kube-system/{component}-m{number}", f"m{number}", ready=ready)


def masters(**status: str) -> dict[str, Any]:
    """Return the tables of a dedicated cluster with these machines."""
    label = {"node-role.kubernetes.io/control-plane": ""}
    return {
        "clusters": [cluster(type="Kubernetes")],
        "nodes": [make.node(name, labels=label) for name in status],
        "instances": [make.instance(name, status=state) for name, state in status.items()],
        "pods": [master(number) for number in (1, 2, 3)],
    }


def found(**tables: Any) -> ReportedFinding:
    (finding,) = kit.run(CHECK, landscape(**tables))[1]
    assert finding.subject.kind == "Cluster"
    assert finding.subject.id == kit.CLUSTER_ID
    return finding


class TestDown:
    @pytest.mark.parametrize(
        ("tables", "layer"),
        [
            pytest.param({"clusters": [cluster(state="failed")]}, "cluster", id="state failed"),
            pytest.param({"clusters": [cluster(state="inactive")]}, "cluster", id="state inactive"),
            pytest.param({"clusters": [cluster(state="deleting")]}, "cluster", id="state deleting"),
            pytest.param({"api_health": [page("/livez"), page("/readyz", 500, "log")]}, "API server", id="not ready"),
            pytest.param({"api_health": [page("/livez", 500, "ping"), page("/readyz")]}, "API server", id="not alive"),
            pytest.param({"api_health": [page("/livez"), page("/readyz", 500, "etcd")]}, "etcd", id="etcd"),
            pytest.param(
                {"api_health": [page("/livez"), ApiHealth("/readyz", 0, 10.0, error="timed out")]},
                "API server",
                id="no answer",
            ),
            pytest.param(
                {"api_health": [page("/livez"), ApiHealth("/readyz", 503, error="shutting down")]},
                "API server",
                id="another error",
            ),
            pytest.param({"load_balancer_health": [health("abnormal", "abnormal")]}, "load balancer", id="backends"),
        ],
    )
    def test_a_layer_fails(self, tables: dict[str, Any], layer: str) -> None:
        tables.setdefault("api_health", landscape().table("api_health").all())
        if all(row.path != "/api/v1/nodes" for row in tables["api_health"]):
            tables["api_health"] = [*tables["api_health"], ApiHealth("/api/v1/nodes", 200, 0.1)]
        finding = found(**tables)
        assert finding.severity is Severity.CRITICAL
        assert finding.certainty is Certainty.CONFIRMED
        assert finding.evidence["first_failing_layer"] == layer
        assert [hop.state for hop in finding.trail].count(HopState.BROKEN) == 1

    def test_of_several_the_lowest_is_named(self) -> None:
        bad = [page("/livez"), page("/readyz", 500, "etcd"), ApiHealth("/api/v1/nodes", 200, 0.1)]
        finding = found(api_health=bad, load_balancer_health=[health("abnormal", "abnormal")])
        assert finding.evidence["first_failing_layer"] == "etcd"
        assert finding.evidence["failing_above"] == ["load balancer"]

    def test_all_masters_stopped(self) -> None:
        finding = found(**masters(m1="Stopped", m2="Stopped"))
        assert finding.evidence["first_failing_layer"] == "machines"

    def test_no_etcd_is_ready(self) -> None:
        tables = masters(m1="Running")
        tables["pods"] = [master(1), master(1, "etcd", ready=False)]
        assert found(**tables).evidence["first_failing_layer"] == "etcd"


class TestDegraded:
    def test_one_api_server_of_three(self) -> None:
        tables = masters(m1="Running", m2="Running", m3="Running")
        tables["pods"] = [master(1), master(2), master(3, ready=False)]
        finding = found(**tables)
        assert finding.severity is Severity.HIGH
        assert [ref.path for ref in finding.affected] == ["kube-system/kube-apiserver-m3"]

    def test_slow(self) -> None:
        rows = [page("/livez"), page("/readyz"), ApiHealth("/api/v1/nodes", 200, 6.5)]
        finding = found(api_health=rows)
        assert finding.severity is Severity.MEDIUM
        assert finding.certainty is Certainty.LIKELY

    def test_an_aggregated_api(self) -> None:
        finding = found(api_services=[api_service("v1beta1.metrics.k8s.io", "False")])
        assert finding.severity is Severity.MEDIUM
        assert finding.evidence["api"] == "v1beta1.metrics.k8s.io"

    def test_an_api_of_its_own(self) -> None:
        assert found(api_services=[api_service("v1.apps", "False", served=False)]).severity is Severity.HIGH


class TestQuiet:
    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param({}, id="well"),
            pytest.param({"clusters": [cluster(state="updating")]}, id="being upgraded"),
            pytest.param({"clusters": [cluster(state="scaling")]}, id="scaling"),
            pytest.param({"load_balancer_health": [health("normal", "abnormal")]}, id="one server of two"),
            pytest.param({"load_balancer_health": [health("unavailable", "unavailable")]}, id="nobody checks"),
            pytest.param({"load_balancer_health": [health()]}, id="no server is listed"),
            pytest.param({"api_services": [api_service("v1.x", "False", minutes=1)]}, id="a moment ago"),
            pytest.param({"api_services": [api_service("v1.x", "True")]}, id="available"),
            pytest.param({"pods": [make.pod("shop/kube-apiserver-x", "x", ready=False)]}, id="a like name"),
            pytest.param(masters(m1="Running", m2="Stopped"), id="one master stopped"),
            pytest.param(
                {"load_balancers": [balancer()], "api_services": []},
                id="no aggregated API",
            ),
        ],
    )
    def test_it(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, landscape(**tables))

    def test_pods_of_a_managed_control_plane_are_not_looked_for(self) -> None:
        kit.stays_quiet(CHECK, landscape(pods=[master(1, ready=False)]))


class TestGaps:
    @pytest.mark.parametrize(
        "table", ["clusters", "api_health", "api_services", "load_balancers", "load_balancer_health"]
    )
    def test_needed_to_pass(self, table: str) -> None:
        if table == "load_balancers":
            assert kit.run(CHECK, kit.without(landscape(), table))[0].status is Status.NOT_EVALUATED
        kit.is_not_evaluated(CHECK, kit.without(landscape(), table))

    @pytest.mark.parametrize("table", ["nodes", "instances", "pods", "cluster_resources"])
    def test_not_needed_in_a_managed_cluster(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(landscape(), table))

    @pytest.mark.parametrize("table", ["nodes", "instances", "pods"])
    def test_needed_in_a_dedicated_one(self, table: str) -> None:
        kit.is_not_evaluated(CHECK, kit.without(landscape(**masters(m1="Running")), table))

    @pytest.mark.parametrize("table", ["api_health", "api_services", "load_balancer_health", "load_balancers"])
    def test_the_cloud_decides_alone(self, table: str) -> None:
        base = kit.without(landscape(clusters=[cluster(state="failed")]), table)
        assert [one.severity for one in kit.run(CHECK, base)[1]] == [Severity.CRITICAL]

    def test_the_cluster_decides_alone(self) -> None:
        rows = [page("/livez"), page("/readyz", 500, "etcd"), ApiHealth("/api/v1/nodes", 200, 0.1)]
        base = landscape(api_health=rows)
        for table in ("clusters", "load_balancers", "load_balancer_health"):
            base = kit.without(base, table)
        (finding,) = kit.run(CHECK, base)[1]
        assert finding.evidence["first_failing_layer"] == "etcd"

    def test_one_page_decides_alone(self) -> None:
        rows = [page("/livez"), page("/readyz", 500, "etcd"), ApiHealth("/api/v1/nodes", 200, 0.1)]
        assert kit.run(CHECK, kit.without_rows(landscape(api_health=rows), "api_health", "/livez"))[1]
        kit.is_not_evaluated(CHECK, kit.without_rows(landscape(), "api_health", "/readyz"))

    def test_a_list_that_failed_says_nothing(self) -> None:
        rows = [page("/livez"), page("/readyz"), ApiHealth("/api/v1/nodes", 500, 0.1, error="no")]
        result, findings = kit.run(CHECK, landscape(api_health=rows))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())

    def test_a_state_that_was_not_said(self) -> None:
        result, findings = kit.run(CHECK, landscape(clusters=[cluster(state=None)]))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())
