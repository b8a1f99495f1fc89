"""The API server's load balancer and its health once more: forms, look-alikes and rights that are missing."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.fakes.cloud.wire import Json
from tests.fakes.kubernetes import Fault
from tests.scenarios import storage as s
from tests.scenarios.api_servers import (
    API_SERVICES,
    BALANCER,
    BROKEN,
    EIP,
    GROUP,
    LISTENER,
    OVERLOADED,
    PUBLIC,
    REFUSED,
    SERVICES_BALANCER,
    UNHEALTHY,
    balancer,
    broken_hops,
    commands,
    dedicated,
    described,
    endpoints,
    listener,
    named_by_nothing,
)
from tests.scenarios.kit import Scene


class TestBroken:
    def found(self, scene: Scene) -> ReportedFinding:
        finding = scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)
        assert finding.severity is Severity.CRITICAL
        return finding

    def test_one_master_of_three_is_abnormal(self) -> None:
        scene = Scene()
        masters = dedicated(scene)
        ids = [str(scene.kubernetes.objects.get(s.NODES, one)["spec"]["providerID"]).split(".")[1] for one in masters]  # type: ignore[index]
        slb = scene.cloud.state.slb
        slb.set_backends(GROUP, [{"ServerId": one, "Port": 6443} for one in ids])
        slb.health[(GROUP, ids[1])] = "abnormal"
        finding = self.found(scene)
        assert ids[1] in str(finding.message)
        assert ids[0] not in str(finding.message)

    def test_nobody_checks_their_health(self) -> None:
        scene = Scene()
        for server in scene.cloud.state.slb.backends(GROUP):
            scene.cloud.state.slb.health[(GROUP, server["ServerId"])] = "unavailable"
        scene.audit(BROKEN).is_quiet()

    def test_abnormal_servers_of_another_listener(self) -> None:
        scene = Scene()
        slb = scene.cloud.state.slb
        slb.add_vserver_group("rsp-other", BALANCER, "konnectivity", [{"ServerId": "eni-bp1x", "Type": "eni"}])
        slb.add_listener(BALANCER, 9443, "tcp", "rsp-other")
        slb.health[("rsp-other", "eni-bp1x")] = "abnormal"
        scene.audit(BROKEN).is_quiet()

    def test_no_server_at_all(self) -> None:
        scene = Scene()
        scene.cloud.state.slb.set_backends(GROUP, [])
        assert broken_hops(self.found(scene)) == [("Listener", f"{BALANCER}:6443/tcp")]

    def test_of_a_stopped_one_nothing_else_is_told(self) -> None:
        scene = Scene()
        balancer(scene)["LoadBalancerStatus"] = "inactive"
        listener(scene)["Status"] = "stopped"
        scene.cloud.state.slb.set_backends(GROUP, [])
        assert broken_hops(self.found(scene)) == [("LoadBalancer", BALANCER)]

    def test_a_listener_of_udp_does_not_stand_for_it(self) -> None:
        scene = Scene()
        del scene.cloud.state.slb.listeners[LISTENER]
        scene.cloud.state.slb.add_listener(BALANCER, 6443, "udp", GROUP)
        self.found(scene)

    def test_the_load_balancer_of_another_cluster_in_the_vpc(self) -> None:
        scene = Scene()
        scene.cloud.state.slb.add_load_balancer(
            "lb-foreign",
            LoadBalancerName="ManagedK8SSlbIntranet-c0foreign",
            LoadBalancerStatus="inactive",
            VpcId=balancer(scene)["VpcId"],
        )
        scene.audit(BROKEN).is_quiet()

    @pytest.mark.parametrize("status", ["inactive", "locked"])
    def test_an_older_cluster_that_names_none(self, status: str) -> None:
        scene = Scene()
        named_by_nothing(scene)
        balancer(scene)["LoadBalancerStatus"] = status
        self.found(scene)

    def test_an_older_cluster_that_is_well(self) -> None:
        scene = Scene()
        named_by_nothing(scene)
        scene.audit(BROKEN).is_quiet()

    def test_a_cluster_without_a_public_address(self) -> None:
        scene = Scene()
        endpoints(scene, intranet_api_server_endpoint="https://192.168.0.167:6443")
        described(scene)["control_plane_endpoints_config"]["load_balancers_config"].pop()
        del scene.cloud.state.vpc.eips[EIP]
        scene.audit(BROKEN).is_quiet()

    @pytest.mark.parametrize("host", ["10.20.30.40", "192.168.0.167", "apiserver.example.com"])
    def test_a_public_endpoint_that_is_no_eip(self, host: str) -> None:
        scene = Scene()
        urls = {"api_server_endpoint": f"https://{host}:6443"}
        endpoints(scene, **urls, intranet_api_server_endpoint="https://192.168.0.167:6443")
        del scene.cloud.state.vpc.eips[EIP]
        scene.audit(BROKEN).is_quiet()

    def test_a_public_endpoint_that_is_another_load_balancers_own_address(self) -> None:
        """Older dedicated clusters have a load balancer of the Internet beside that of the VPC."""
        scene = Scene()
        dedicated(scene)
        named_by_nothing(scene)
        del scene.cloud.state.vpc.eips[EIP]
        scene.cloud.state.slb.add_load_balancer("lb-public", Address=PUBLIC, AddressType="internet")
        scene.audit(BROKEN).is_quiet()

    def test_the_eip_is_bound_to_another(self) -> None:
        scene = Scene()
        scene.cloud.state.vpc.eips[EIP]["InstanceId"] = SERVICES_BALANCER
        finding = self.found(scene)
        assert broken_hops(finding) == [("Eip", EIP)]
        assert SERVICES_BALANCER in str(finding.message)
        assert any(
            f"AssociateEipAddress --RegionId cn-hangzhou --AllocationId {EIP}" in one for one in commands(finding)
        )

    def test_the_eip_of_a_service_is_locked(self) -> None:
        scene = Scene()
        locks = {"LockReason": [{"LockReason": "financial"}]}
        scene.cloud.state.vpc.add_eip("eip-2", "203.0.113.80", SERVICES_BALANCER, OperationLocks=locks)
        scene.audit(BROKEN).is_quiet()

    def test_it_was_deleted_with_its_eip(self) -> None:
        scene = Scene()
        del scene.cloud.state.slb.load_balancers[BALANCER]
        del scene.cloud.state.vpc.eips[EIP]
        finding = self.found(scene)
        assert ("LoadBalancer", BALANCER) in broken_hops(finding)

    @pytest.mark.parametrize(
        "action",
        [
            "slb:DescribeLoadBalancers",
            "slb:DescribeLoadBalancerListeners",
            "slb:DescribeHealthStatus",
            "vpc:DescribeEipAddresses",
            "cs:DescribeClusterDetail",
        ],
    )
    def test_an_action_is_missing(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        report = scene.audit(BROKEN)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.missing == {action}

    @pytest.mark.parametrize("action", ["slb:DescribeHealthStatus", "vpc:DescribeEipAddresses"])
    def test_what_is_known_is_found_all_the_same(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        listener(scene)["Status"] = "stopped"
        report = scene.audit(BROKEN)
        assert report.loud_one.certainty is Certainty.CONFIRMED
        assert report.missing <= {action}

    def test_the_cluster_is_not_asked(self) -> None:
        scene = Scene()
        scene.kubernetes.fail("*", Fault(close="before"))
        scene.audit(BROKEN).is_quiet()


class TestOverloaded:
    def measured(self, name: str, *values: float, **row: object) -> Scene:
        scene = Scene()
        balancer(scene).update(row)
        scene.cloud.state.cms.set_metric(BALANCER, name, values)
        return scene

    @pytest.mark.parametrize(
        "name",
        [f"InstanceDrop{what}" for what in ("Connection", "PacketRX", "PacketTX", "TrafficRX", "TrafficTX")],
    )
    def test_each_drop(self, name: str) -> None:
        finding = self.measured(name, 0, 3, 0).audit(OVERLOADED).is_confirmed("LoadBalancer", BALANCER)
        assert finding.severity is Severity.HIGH

    @pytest.mark.parametrize("name", ["MaxConnection", "NewConnection", "Qps"])
    @pytest.mark.parametrize(("value", "severity"), [(79.9, None), (80, "medium"), (89.9, "medium"), (90, "high")])
    def test_each_bound(self, name: str, value: float, severity: str | None) -> None:
        report = self.measured(f"Instance{name}Utilization", 5, value, 5).audit(OVERLOADED)
        if severity is None:
            report.is_quiet()
        else:
            assert report.loud_one.severity == severity

    @pytest.mark.parametrize(("kind", "words"), [("PayByCLCU", "paid by use"), ("PayBySpec", "larger specification")])
    def test_the_cure_is_one_for_its_kind(self, kind: str, words: str) -> None:
        scene = self.measured("InstanceDropConnection", 4, InstanceChargeType=kind, LoadBalancerSpec="slb.s1.small")
        assert words in str(scene.audit(OVERLOADED).loud_one.remedy[-1].text)

    def test_the_load_of_another(self) -> None:
        scene = Scene()
        scene.cloud.state.cms.set_metric(SERVICES_BALANCER, "InstanceDropConnection", [50])
        scene.audit(OVERLOADED).is_quiet()

    def test_several_signs_are_one_finding(self) -> None:
        scene = self.measured("InstanceDropConnection", 4)
        scene.cloud.state.cms.set_metric(BALANCER, "InstanceMaxConnectionUtilization", [99])
        scene.audit(OVERLOADED).is_confirmed("LoadBalancer", BALANCER)

    @pytest.mark.parametrize(("bits", "severity"), [(79e6, None), (81e6, "medium"), (95e6, "high")])
    def test_the_bandwidth_of_the_eip(self, bits: float, severity: str | None) -> None:
        report = self.measured("InstanceTrafficTX", bits).audit(OVERLOADED)
        if severity is None:
            report.is_quiet()
        else:
            finding = report.loud_one
            assert (finding.severity, finding.subject.id) == (severity, BALANCER)
            assert broken_hops(finding) == [("Eip", EIP)]

    @pytest.mark.parametrize(
        "action", ["cms:DescribeMetricList", "vpc:DescribeEipAddresses", "slb:DescribeLoadBalancers"]
    )
    def test_an_action_is_missing(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        report = scene.audit(OVERLOADED)
        report.is_open(ReasonKind.FORBIDDEN)
        assert len(report.missing) == 1, report.missing

    def test_no_points_at_all(self) -> None:
        scene = Scene()
        for name in scene.cloud.state.cms.points:
            scene.cloud.state.cms.set_metric(BALANCER, name, [])
        scene.audit(OVERLOADED).is_open(ReasonKind.UNDECIDABLE)


class TestUnhealthy:
    @pytest.mark.parametrize("state", ["updating", "upgrading", "scaling", "removing"])
    def test_a_cluster_that_is_being_changed(self, state: str) -> None:
        scene = Scene()
        described(scene)["state"] = state
        scene.audit(UNHEALTHY).is_quiet()

    @pytest.mark.parametrize("page", ["/livez", "/readyz"])
    def test_a_page_that_hangs(self, page: str) -> None:
        scene = Scene()
        scene.kubernetes.fail(page, Fault(close="before"))
        finding = scene.audit(UNHEALTHY).is_confirmed("Cluster", scene.cloud.state.cs.cluster_id)
        assert finding.severity is Severity.CRITICAL

    def test_one_of_two_servers_is_abnormal(self) -> None:
        scene = Scene()
        first = scene.cloud.state.slb.backends(GROUP)[0]
        scene.cloud.state.slb.health[(GROUP, first["ServerId"])] = "abnormal"
        scene.audit(UNHEALTHY).is_quiet()

    def test_the_lowest_layer_is_named(self) -> None:
        scene = Scene()
        masters = dedicated(scene)
        for name in masters:

            def unready(found: Json) -> None:
                for condition in found["status"]["conditions"]:
                    if condition["type"] in ("Ready", "ContainersReady"):
                        condition["status"] = "False"

            scene.kubernetes.patch(s.PODS, f"etcd-{name}", unready, "kube-system")
        scene.kubernetes.unwell["/readyz"] = {"etcd"}
        for server in scene.cloud.state.slb.backends(GROUP):
            scene.cloud.state.slb.health[(GROUP, server["ServerId"])] = "abnormal"
        finding = scene.audit(UNHEALTHY).loud_one
        assert finding.evidence["first_failing_layer"] == "etcd"
        assert "load balancer" in str(finding.evidence["failing_above"])

    def test_a_dedicated_cluster_that_is_well(self) -> None:
        scene = Scene()
        dedicated(scene)
        scene.audit(UNHEALTHY).is_quiet()

    def test_all_masters_are_stopped(self) -> None:
        scene = Scene()
        masters = dedicated(scene)
        for name in masters:
            row = scene.kubernetes.objects.get(s.NODES, name)
            assert row
            scene.cloud.state.ecs.instances[row["spec"]["providerID"].split(".")[1]]["Status"] = "Stopped"
        assert scene.audit(UNHEALTHY).loud_one.evidence["first_failing_layer"] == "machines"

    def test_an_api_that_nobody_answers_for(self) -> None:
        scene = Scene()

        def unavailable(found: Json) -> None:
            found["status"]["conditions"] = [
                {
                    "type": "Available",
                    "status": "False",
                    "reason": "MissingEndpoints",
                    "message": "endpoints for service/metrics-server have no addresses",
                    "lastTransitionTime": "2026-11-22T22:30:00Z",
                }
            ]

        scene.kubernetes.patch(API_SERVICES, "v1beta1.metrics.k8s.io", unavailable)
        finding = scene.audit(UNHEALTHY).loud_one
        assert broken_hops(finding) == [("APIService", "v1beta1.metrics.k8s.io")]

    @pytest.mark.parametrize(
        "right", ["get /livez", "get /readyz", "list apiservices.apiregistration.k8s.io", "list nodes"]
    )
    def test_a_right_is_missing(self, right: str) -> None:
        scene = Scene()
        scene.kubernetes.deny(right)
        report = scene.audit(UNHEALTHY)
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    @pytest.mark.parametrize("right", ["list nodes", "list pods"])
    def test_a_right_is_missing_in_a_dedicated_cluster(self, right: str) -> None:
        scene = Scene()
        dedicated(scene)
        scene.kubernetes.deny(right)
        scene.audit(UNHEALTHY).is_open(ReasonKind.FORBIDDEN, right)

    @pytest.mark.parametrize(
        "action", ["cs:DescribeClusterDetail", "slb:DescribeHealthStatus", "slb:DescribeLoadBalancers"]
    )
    def test_an_action_is_missing(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        report = scene.audit(UNHEALTHY)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.missing == {action}

    @pytest.mark.parametrize("check", [BROKEN, OVERLOADED, REFUSED])
    def test_a_registered_cluster_has_no_such_load_balancer(self, check: str) -> None:
        scene = Scene()
        described(scene).update(cluster_type="ExternalKubernetes", master_url="")
        named_by_nothing(scene)
        scene.audit(check).is_quiet(Status.NOT_APPLICABLE)
