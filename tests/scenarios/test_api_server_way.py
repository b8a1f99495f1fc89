"""The API server and the way to it, from end to end: health, its load balancer, its access control list, the stages."""

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, Severity
from tests.fakes.cloud.wire import Json
from tests.fakes.kubernetes import Fault
from tests.scenarios.kit import Report, Scene

UNHEALTHY = "network/apiserver-unhealthy"
OVERLOADED = "network/apiserver-lb-overloaded"
BROKEN = "network/apiserver-lb-broken"
REFUSED = "network/apiserver-acl-blocks-clients"
STAGES = "access/api-stage-failing"
STALE = "access/kubeconfig-stale"
BALANCER = "lb-bp1y28udk3bwt0a77lw9h"
GROUP = "rsp-bp1zsk0zicpwp"
ACL = "acl-bp1vdyd1xtgltp0uwysrh"
EIP = "eip-bp1win1lowwnjnyc6eti9"
PODS, NODES = "/api/v1/pods", "/api/v1/nodes"
STATUS = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too many","reason":"TooManyRequests"}'


def described(scene: Scene) -> Json:
    """Return ACK's description of the cluster, to be edited in place."""
    cs = scene.cloud.state.cs
    found: Json = cs.clusters[cs.cluster_id]
    return found


def entries(scene: Scene) -> list[Json]:
    """Return the entries of the API server's list, to be edited in place."""
    found: list[Json] = scene.cloud.state.slb.acls[ACL]["AclEntrys"]["AclEntry"]
    return found


def without_cluster(scene: Scene) -> Scene:
    """Let the Kubernetes API answer nobody."""
    scene.kubernetes.fail("*", Fault(close="before"))
    return scene


@pytest.mark.parametrize("check", [UNHEALTHY, OVERLOADED, BROKEN, REFUSED, STAGES, STALE])
def test_the_healthy_cluster(check: str) -> None:
    Scene().audit(check).is_quiet()


class TestUnhealthy:
    def test_not_ready(self) -> None:
        scene = Scene()
        scene.kubernetes.unwell["/readyz"] = {"informer-sync"}
        finding = scene.audit(UNHEALTHY).is_confirmed("Cluster", scene.cloud.state.cs.cluster_id)
        assert finding.severity is Severity.CRITICAL
        assert "informer-sync" in str(finding.message)

    def test_etcd_is_named(self) -> None:
        scene = Scene()
        scene.kubernetes.unwell["/livez"] = {"etcd"}
        assert scene.audit(UNHEALTHY).loud_one.evidence["first_failing_layer"] == "etcd"

    @pytest.mark.parametrize("state", ["failed", "inactive", "stopped"])
    def test_the_state_of_the_cluster(self, state: str) -> None:
        scene = Scene()
        described(scene)["state"] = state
        scene.audit(UNHEALTHY).is_confirmed("Cluster", scene.cloud.state.cs.cluster_id)

    def test_without_the_cluster_the_cloud_tells(self) -> None:
        scene = without_cluster(Scene())
        for server in scene.cloud.state.slb.backends(GROUP):
            scene.cloud.state.slb.health[(GROUP, server["ServerId"])] = "abnormal"
        finding = scene.audit(UNHEALTHY).loud_one
        assert finding.evidence["first_failing_layer"] == "load balancer"

    def test_without_the_cloud_the_cluster_tells(self) -> None:
        scene = Scene()
        scene.kubernetes.unwell["/readyz"] = {"log"}
        for action in ("cs:DescribeClusterDetail", "slb:DescribeHealthStatus", "slb:DescribeLoadBalancers"):
            scene.cloud.deny(action)
        assert scene.audit(UNHEALTHY).loud_one.certainty is Certainty.CONFIRMED

    @pytest.mark.parametrize("right", ["get /livez", "get /readyz", "list apiservices.apiregistration.k8s.io"])
    def test_a_right_of_the_cluster(self, right: str) -> None:
        scene = Scene()
        scene.kubernetes.deny(right)
        scene.audit(UNHEALTHY).is_open(ReasonKind.FORBIDDEN, right)

    @pytest.mark.parametrize("action", ["cs:DescribeClusterDetail", "slb:DescribeHealthStatus"])
    def test_an_action_of_the_cloud(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        scene.audit(UNHEALTHY).is_open(ReasonKind.FORBIDDEN, action)


class TestLoadBalancer:
    def test_drops(self) -> None:
        scene = Scene()
        scene.cloud.state.cms.set_metric(BALANCER, "InstanceDropConnection", [0, 0, 12, 0])
        scene.audit(OVERLOADED).is_confirmed("LoadBalancer", BALANCER)

    def test_nothing_measured(self) -> None:
        scene = Scene()
        scene.cloud.state.cms.set_metric(BALANCER, "InstanceDropTrafficTX", [])
        scene.audit(OVERLOADED).is_open(ReasonKind.UNDECIDABLE)

    def test_a_ceiling_of_the_table(self) -> None:
        scene = Scene()
        row = scene.cloud.state.slb.load_balancers[BALANCER]
        row.update(LoadBalancerSpec="slb.s1.small", InstanceChargeType="PayBySpec")
        scene.cloud.state.cms.set_metric(BALANCER, "InstanceMaxConnection", [100, 4200, 100])
        assert scene.audit(OVERLOADED).loud_one.severity is Severity.MEDIUM

    @pytest.mark.parametrize("status", ["inactive", "locked"])
    def test_not_active(self, status: str) -> None:
        scene = Scene()
        scene.cloud.state.slb.load_balancers[BALANCER]["LoadBalancerStatus"] = status
        scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)

    def test_the_listener_is_gone(self) -> None:
        scene = Scene()
        del scene.cloud.state.slb.listeners[f"{BALANCER}/6443/tcp"]
        scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)

    def test_the_listener_is_stopped(self) -> None:
        scene = without_cluster(Scene())
        scene.cloud.state.slb.listeners[f"{BALANCER}/6443/tcp"]["Status"] = "stopped"
        scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)

    def test_it_was_deleted(self) -> None:
        scene = without_cluster(Scene())
        del scene.cloud.state.slb.load_balancers[BALANCER]
        assert BALANCER in str([str(one.message) for one in scene.audit(BROKEN).loud])

    def test_the_eip_was_taken_away(self) -> None:
        scene = Scene()
        scene.cloud.state.vpc.eips[EIP].update(InstanceId="", InstanceType="", Status="Available")
        scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)

    def test_the_eip_is_locked(self) -> None:
        scene = Scene()
        locks = {"LockReason": [{"LockReason": "financial"}]}
        scene.cloud.state.vpc.eips[EIP].update(BusinessStatus="FinancialLocked", OperationLocks=locks)
        scene.audit(BROKEN).is_confirmed("LoadBalancer", BALANCER)

    @pytest.mark.parametrize(
        ("check", "action"),
        [
            (OVERLOADED, "cms:DescribeMetricList"),
            (OVERLOADED, "vpc:DescribeEipAddresses"),
            (BROKEN, "slb:DescribeLoadBalancers"),
            (BROKEN, "slb:DescribeLoadBalancerListeners"),
            (BROKEN, "vpc:DescribeEipAddresses"),
            (REFUSED, "slb:DescribeAccessControlListAttribute"),
            (REFUSED, "vpc:DescribeVSwitches"),
            (REFUSED, "cs:DescribeClusterNodePools"),
        ],
    )
    def test_an_action(self, check: str, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        scene.audit(check).is_open(ReasonKind.FORBIDDEN)


class TestAccessControl:
    @pytest.mark.parametrize("entry", ["100.104.0.0/16", "192.168.1.0/24"])
    @pytest.mark.parametrize("reachable", [True, False], ids=["cluster answers", "cluster does not"])
    def test_an_entry_is_missing(self, entry: str, reachable: bool) -> None:
        scene = Scene() if reachable else without_cluster(Scene())
        entries(scene)[:] = [one for one in entries(scene) if one["AclEntryIP"] != entry]
        finding = scene.audit(REFUSED).is_confirmed("LoadBalancer", BALANCER)
        assert finding.severity is Severity.CRITICAL
        assert entry in str(finding.evidence)

    def test_a_black_list(self) -> None:
        scene = Scene()
        scene.cloud.state.slb.listeners[f"{BALANCER}/6443/tcp"]["AclType"] = "black"
        scene.audit(REFUSED).is_confirmed("LoadBalancer", BALANCER)

    def test_configured_clients(self) -> None:
        scene = Scene(client_cidrs=("203.0.113.0/24",))
        assert scene.audit(REFUSED).is_confirmed("LoadBalancer", BALANCER).evidence["refused_clients"]
        Scene(client_cidrs=("198.51.100.16/28",)).audit(REFUSED).is_quiet()

    def test_no_entry(self) -> None:
        scene = Scene()
        entries(scene).clear()
        assert scene.audit(REFUSED).loud_one.severity is Severity.MEDIUM

    def test_off(self) -> None:
        scene = Scene()
        scene.cloud.state.slb.listeners[f"{BALANCER}/6443/tcp"]["AclStatus"] = "off"
        entries(scene).clear()
        scene.audit(REFUSED).is_quiet()


class TestStages:
    def stage(self, report: Report) -> object:
        return report.loud_one.evidence["stage"]

    def test_throttled(self) -> None:
        scene = Scene()
        scene.kubernetes.fail("*", Fault(429, STATUS))
        assert self.stage(scene.audit(STAGES)) == "throttling"

    def test_the_server_is_in_trouble(self) -> None:
        scene = Scene()
        scene.kubernetes.fail("*", Fault(500, STATUS))
        assert self.stage(scene.audit(STAGES)) == "server"

    def test_revoked(self) -> None:
        scene = Scene()
        scene.kubernetes.before_answer = lambda _request: setattr(scene.kubernetes, "token", "another")
        assert self.stage(scene.audit(STAGES)) == "authentication"

    def test_nothing_may_be_read(self) -> None:
        scene = Scene()
        scene.kubernetes.deny(
            "list nodes",
            "list storageclasses.storage.k8s.io",
            "list ingressclasses.networking.k8s.io",
            "list apiservices.apiregistration.k8s.io",
        )
        assert self.stage(scene.audit(STAGES)) == "authorization"

    def test_one_right_is_missing(self) -> None:
        scene = Scene()
        scene.kubernetes.deny("list nodes")
        scene.audit(STAGES).is_open(ReasonKind.FORBIDDEN, "list nodes")

    def test_one_call_fails(self) -> None:
        scene = Scene()
        scene.kubernetes.fail(NODES, Fault(500, STATUS))
        scene.audit(STAGES).is_open(ReasonKind.ERROR)


class TestKubeconfig:
    def test_another_port(self) -> None:
        scene = Scene()
        described(scene)["master_url"] = '{"api_server_endpoint": "https://127.0.0.1:6443"}'
        scene.audit(STALE).is_confirmed("Cluster", scene.cloud.state.cs.cluster_id)

    def test_no_description(self) -> None:
        scene = Scene()
        scene.cloud.deny("cs:DescribeClusterDetail")
        scene.audit(STALE).is_open(ReasonKind.FORBIDDEN, "cs:DescribeClusterDetail")


IDENTITY = """{user = "system:serviceaccount:ci:deployer", must = [
    {verbs = ["create"], group = "apps", resource = "deployments", namespace = "shop"},
]}"""


class TestRights:
    CHECK = "access/rbac-denied"

    def test_lacking(self) -> None:
        finding = Scene(identities=IDENTITY).audit(self.CHECK).is_confirmed("ServiceAccount", "ci/deployer")
        assert "deployments" in str(finding.evidence["missing_rules"])

    def test_given(self) -> None:
        scene = Scene(identities=IDENTITY)
        scene.kubernetes.grant("system:serviceaccount:ci:deployer", "create", "deployments", "apps", "shop")
        scene.audit(self.CHECK).is_quiet()

    @pytest.mark.parametrize("is_given", [True, False])
    def test_the_server_may_not_be_asked(self, is_given: bool) -> None:
        scene = Scene(identities=IDENTITY)
        scene.kubernetes.deny("create subjectaccessreviews.authorization.k8s.io")
        if is_given:
            scene.kubernetes.grant("system:serviceaccount:ci:deployer", "create", "deployments", "apps", "shop")
            scene.audit(self.CHECK).is_quiet()
        else:
            assert scene.audit(self.CHECK).loud_one.certainty is Certainty.LIKELY

    def test_nobody_is_configured(self) -> None:
        Scene().audit(self.CHECK).is_quiet(Status.NOT_APPLICABLE)
