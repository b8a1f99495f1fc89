"""The ways to the API server and to kubelets once more: forms, look-alikes and rights that are missing."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from auditor.facts.table import ReasonKind
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.fakes.cloud.wire import Json
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import rbac as fake_rbac
from tests.scenarios import storage as s
from tests.scenarios.access import (
    CHECK as KUBELET_PORT,
)
from tests.scenarios.access import (
    INSTANCE_K,
    NODE_K,
    NODES,
    OWN,
    accept,
    drop,
    in_own_group,
    put,
    served_at,
)
from tests.scenarios.kit import Scene

STAGES = "access/api-stage-failing"
STALE = "access/kubeconfig-stale"
DENIED = "access/rbac-denied"
DEPLOYER = "system:serviceaccount:ci:deployer"
OTHER_READS = ("list storageclasses.storage.k8s.io", "list ingressclasses.networking.k8s.io")
REVIEWS = "create subjectaccessreviews.authorization.k8s.io"
ROLES = (
    "list clusterrolebindings.rbac.authorization.k8s.io",
    "list rolebindings.rbac.authorization.k8s.io",
    "list clusterroles.rbac.authorization.k8s.io",
    "list roles.rbac.authorization.k8s.io",
)


def described(scene: Scene) -> Json:
    cs = scene.cloud.state.cs
    found: Json = cs.clusters[cs.cluster_id]
    return found


def leads_to(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """Let the kubeconfig name another server than the fake."""
    write = FakeKubernetes.write_kubeconfig

    def elsewhere(fake: FakeKubernetes, path: Path, **more: Any) -> Path:
        write(fake, path, **more)
        document = json.loads(path.read_text())
        document["clusters"][0]["cluster"]["server"] = server
        path.write_text(json.dumps(document))
        return path

    monkeypatch.setattr(FakeKubernetes, "write_kubeconfig", elsewhere)


def status(code: int, message: str, reason: str = "") -> Fault:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason}
    return Fault(code, json.dumps(body).encode())


def broken_hops(finding: ReportedFinding) -> list[str]:
    return [hop.ref.id or hop.ref.path for hop in finding.trail if hop.state is HopState.BROKEN]


def commands(finding: ReportedFinding) -> list[str]:
    return [" ".join(shlex.split(step.command)) for step in finding.remedy if step.command]


class TestStages:
    def failing(self, scene: Scene, stage: str) -> ReportedFinding:
        finding = scene.audit(STAGES).is_confirmed("Cluster", scene.cloud.state.cs.cluster_id)
        assert finding.severity is Severity.HIGH
        assert finding.evidence["stage"] == stage
        assert len(broken_hops(finding)) == 1
        return finding

    def test_nobody_listens_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        leads_to(monkeypatch, "http://127.0.0.1:9")
        finding = self.failing(Scene(), "tcp")
        assert finding.evidence["outcome"] == "refused"

    def test_a_name_that_nobody_knows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        leads_to(monkeypatch, "http://apiserver.invalid:6443")
        self.failing(Scene(), "name")

    def test_the_server_is_in_trouble(self) -> None:
        scene = Scene()
        scene.kubernetes.fail("*", status(503, "etcdserver: request timed out"))
        self.failing(scene, "server")

    def test_the_token_was_revoked(self) -> None:
        scene = Scene()
        scene.kubernetes.fail("*", status(401, "Unauthorized", "Unauthorized"))
        self.failing(scene, "authentication")

    def test_the_token_is_not_even_looked_at(self) -> None:
        words = 'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" at the cluster scope'
        scene = Scene()
        scene.kubernetes.fail("*", status(403, words, "Forbidden"))
        self.failing(scene, "authentication")

    def test_one_right_is_missing_and_others_are_not(self) -> None:
        scene = Scene()
        scene.kubernetes.deny("list nodes")
        report = scene.audit(STAGES)
        report.is_open(ReasonKind.FORBIDDEN, "list nodes")
        assert report.missing == {"list nodes"}

    @pytest.mark.parametrize("right", [*OTHER_READS, "list apiservices.apiregistration.k8s.io"])
    def test_a_right_that_is_not_needed(self, right: str) -> None:
        scene = Scene()
        scene.kubernetes.deny(right)
        scene.audit(STAGES).is_quiet()

    def test_without_the_cloud(self) -> None:
        scene = Scene()
        scene.cloud.deny("cs:DescribeClusterDetail")
        scene.audit(STAGES).is_quiet()


class TestKubeconfig:
    def test_a_tunnel_on_this_machine(self) -> None:
        Scene().audit(STALE).is_quiet()

    def test_an_address_of_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        leads_to(monkeypatch, "http://127.0.0.1:9")
        scene = Scene()
        described(scene)["master_url"] = '{"intranet_api_server_endpoint": "http://127.0.0.1:6443"}'
        finding = scene.audit(STALE).loud_one
        assert (finding.subject.kind, finding.severity) == ("Cluster", Severity.MEDIUM)
        assert "127.0.0.1:9" in str(finding.message)

    def test_the_dashboard_is_no_endpoint(self) -> None:
        scene = Scene()
        described(scene)["master_url"] = '{"dashboard_endpoint": "http://127.0.0.1:6443"}'
        scene.audit(STALE).is_quiet()

    def test_an_action_is_missing(self) -> None:
        scene = Scene()
        scene.cloud.deny("cs:DescribeClusterDetail")
        report = scene.audit(STALE)
        report.is_open(ReasonKind.FORBIDDEN, "cs:DescribeClusterDetail")
        assert report.missing == {"cs:DescribeClusterDetail"}

    @pytest.mark.parametrize("action", ["slb:DescribeLoadBalancers", "vpc:DescribeEipAddresses"])
    def test_an_action_that_is_not_needed(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        scene.audit(STALE).is_quiet()


def wants(*rights: str, who: str = f'user = "{DEPLOYER}"') -> Scene:
    """Return a cluster in which somebody must have these rights: inline tables of the configuration."""
    return Scene(identities=f"{{{who}, must = [{', '.join(f'{{{one}}}' for one in rights)}]}}")


DEPLOY = 'verbs = ["create", "patch"], group = "apps", resource = "deployments", namespace = "shop"'
LOGS = 'verbs = ["get"], resource = "pods/log", namespace = "shop"'
LIST_NODES = 'verbs = ["list"], resource = "nodes"'


class TestRights:
    def lacking(self, scene: Scene, kind: str = "ServiceAccount", name: str = "ci/deployer") -> ReportedFinding:
        finding = scene.audit(DENIED).is_confirmed(kind, name)
        assert finding.severity is Severity.MEDIUM
        return finding

    def test_all_that_is_missing_is_one_finding(self) -> None:
        finding = self.lacking(wants(DEPLOY, LOGS, LIST_NODES))
        rules = finding.evidence["missing_rules"]
        assert isinstance(rules, list)
        assert len(rules) == 3
        told = commands(finding)
        assert sum(" create role " in one for one in told) == 2
        assert sum(" create clusterrole " in one for one in told) == 1

    def test_only_what_is_missing_is_told(self) -> None:
        scene = wants(DEPLOY)
        scene.kubernetes.grant(DEPLOYER, "create", "deployments", "apps", "shop")
        assert self.lacking(scene).evidence["missing"] == ["patch deployments.apps (namespace shop)"]

    def test_a_sub_resource_is_asked_for_as_kubectl_takes_it(self) -> None:
        """``can-i get pods/log`` asks for a Pod of the name log."""
        told = commands(self.lacking(wants(LOGS)))
        assert any(one.startswith("kubectl auth can-i get pods --subresource log -n shop") for one in told)
        assert any("--resource=pods/log" in one for one in told)

    def test_a_name_that_no_role_may_have(self) -> None:
        right = 'verbs = ["*"], group = "*", resource = "*"'
        finding = self.lacking(wants(right, who='user = "CORP/Anna Smith@example.com"'), "User", _ANNA)
        for one in commands(finding):
            words = shlex.split(one)
            if words[1] == "create":
                assert words[3] == words[3].strip("-.").lower()
                assert not set(words[3]) & set("*/ @:")

    @pytest.mark.parametrize(
        ("who", "kind", "name"),
        [
            ('user = "anna"', "User", "anna"),
            ('groups = ["ops"]', "Group", "ops"),
            ('user = "204821839384857610-1795380901"', "User", "204821839384857610-1795380901"),
            (f'user = "{DEPLOYER}", groups = ["system:serviceaccounts"]', "ServiceAccount", "ci/deployer"),
        ],
    )
    def test_who(self, who: str, kind: str, name: str) -> None:
        self.lacking(wants(DEPLOY, who=who), kind, name)

    @pytest.mark.parametrize("subject", ["group:system:serviceaccounts:ci", "group:system:authenticated", DEPLOYER])
    @pytest.mark.parametrize("denied", [(), (REVIEWS,)], ids=["asked", "read"])
    def test_given_by_a_group(self, subject: str, denied: Sequence[str]) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.grant(subject, "list", "nodes")
        scene.kubernetes.deny(*denied)
        scene.audit(DENIED).is_quiet()

    @pytest.mark.parametrize("denied", [(), (REVIEWS,)], ids=["asked", "read"])
    def test_given_in_another_namespace_only(self, denied: Sequence[str]) -> None:
        scene = wants(LOGS)
        scene.kubernetes.grant(DEPLOYER, "get", "pods/log", "", "payments")
        scene.kubernetes.deny(*denied)
        finding = scene.audit(DENIED).loud_one
        assert finding.certainty is (Certainty.LIKELY if denied else Certainty.CONFIRMED)

    def test_given_to_an_account_of_the_same_name_elsewhere(self) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.grant("system:serviceaccount:shop:deployer", "list", "nodes")
        self.lacking(scene)

    def test_a_binding_to_a_role_that_is_gone(self) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.grant(DEPLOYER, "list", "nodes")
        scene.kubernetes.remove(fake_rbac.CLUSTER_ROLES, "may-list-nodes")
        self.lacking(scene)

    def test_the_server_may_not_be_asked(self) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.deny(REVIEWS)
        report = scene.audit(DENIED)
        assert report.loud_one.certainty is Certainty.LIKELY
        assert report.missing == {REVIEWS}

    @pytest.mark.parametrize("right", ROLES[:3])
    def test_neither_way(self, right: str) -> None:
        scene = wants(LIST_NODES, LOGS)
        scene.kubernetes.deny(REVIEWS, right)
        if right == ROLES[2]:
            scene.kubernetes.grant(DEPLOYER, "list", "nodes")
            scene.kubernetes.grant(DEPLOYER, "get", "pods/log", "", "shop")
        report = scene.audit(DENIED)
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {REVIEWS, right}

    @pytest.mark.parametrize("right", ROLES)
    def test_roles_are_not_needed_where_the_server_is_asked(self, right: str) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.deny(right)
        report = scene.audit(DENIED)
        assert report.loud_one.certainty is Certainty.CONFIRMED
        assert not report.reasons

    def test_the_cloud_is_not_needed(self) -> None:
        scene = wants(LIST_NODES, who='user = "204821839384857610-1795380901"')
        scene.cloud.deny("cs:DescribeUserPermission")
        report = scene.audit(DENIED)
        assert report.loud_one.certainty is Certainty.CONFIRMED
        assert not report.reasons

    def test_somebody_else_lacks_nothing(self) -> None:
        scene = wants(LIST_NODES)
        scene.kubernetes.grant("anna", "list", "nodes")
        scene.identities += ', {user = "anna", must = [{verbs = ["list"], resource = "nodes"}]}'
        self.lacking(scene)

    def test_without_a_wish(self) -> None:
        Scene().audit(DENIED).is_quiet(Status.NOT_APPLICABLE)


_ANNA = "CORP/Anna Smith@example.com"


class TestKubeletPort:
    def test_a_node_that_is_down_behind_a_group_that_admits(self) -> None:
        scene = in_own_group(accept())
        scene.cloud.state.ecs.instances[INSTANCE_K]["Status"] = "Stopped"
        scene.audit(KUBELET_PORT).is_quiet()

    def test_a_node_that_is_being_deleted_is_still_a_node(self) -> None:
        scene = in_own_group(accept())
        scene.kubernetes.patch(NODES, NODE_K, lambda found: found["spec"].update(unschedulable=True))
        scene.audit(KUBELET_PORT).is_quiet()

    def test_an_instance_that_is_gone(self) -> None:
        scene = in_own_group(accept())
        del scene.cloud.state.ecs.instances[INSTANCE_K]
        report = scene.audit(KUBELET_PORT)
        report.is_quiet()
        assert report.result.subjects == 7

    def test_two_node_pools_in_two_groups_are_two_faults(self) -> None:
        scene = in_own_group()
        scene.cloud.state.ecs.add_security_group("sg-bp1pool2")
        put(scene, "sg-bp1pool2", instances=(INSTANCE_K,))
        report = scene.audit(KUBELET_PORT)
        assert {(one.subject.kind, one.subject.id) for one in report.loud} == {
            ("SecurityGroup", OWN),
            ("SecurityGroup", "sg-bp1pool2"),
        }
        assert all(broken_hops(one) == [one.subject.id] for one in report.loud)

    def test_a_terway_interface_in_a_stricter_group_is_none_of_the_kubelets(self) -> None:
        scene = in_own_group(accept())
        ecs = scene.cloud.state.ecs
        ecs.add_security_group("sg-bp1pods")
        primary = next(row for row in ecs.network_interfaces.values() if row["InstanceId"] == INSTANCE_K)
        secondary = {**primary, "NetworkInterfaceId": "eni-bp1pods", "Type": "Secondary"}
        secondary |= {"PrivateIpAddress": "192.168.2.200", "SecurityGroupIds": {"SecurityGroupId": ["sg-bp1pods"]}}
        ecs.network_interfaces["eni-bp1pods"] = secondary
        scene.audit(KUBELET_PORT).is_quiet()

    def test_the_remedy_of_a_rule_and_of_none(self) -> None:
        none = in_own_group().audit(KUBELET_PORT).loud_one
        assert any("AuthorizeSecurityGroup" in one and "10250/10250" in one for one in commands(none))
        rule = in_own_group(drop("1", SecurityGroupRuleId="sgr-1"), accept("2")).audit(KUBELET_PORT).loud_one
        assert any("RevokeSecurityGroup" in one and "sgr-1" in one for one in commands(rule))

    def test_the_address_of_the_load_balancer_is_no_caller(self) -> None:
        scene = in_own_group(accept(SourceCidrIp="192.168.0.167/32"))
        served_at(scene, "192.168.0.167")
        scene.audit(KUBELET_PORT).is_confirmed("SecurityGroup", OWN)

    @pytest.mark.parametrize(
        "action",
        [
            "ecs:DescribeInstances",
            "ecs:DescribeSecurityGroupAttribute",
            "ecs:DescribeNetworkInterfaces",
            "vpc:DescribeVSwitches",
        ],
    )
    def test_an_action_is_missing(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        report = scene.audit(KUBELET_PORT)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.missing == {action}

    @pytest.mark.parametrize("right", ["list nodes", "list endpointslices.discovery.k8s.io"])
    def test_a_right_is_missing(self, right: str) -> None:
        scene = Scene()
        scene.kubernetes.deny(right)
        report = scene.audit(KUBELET_PORT)
        report.is_open(ReasonKind.FORBIDDEN, right)
        assert report.missing == {right}

    def test_virtual_nodes_beside_real_ones(self) -> None:
        scene = in_own_group(accept())
        made = s.copy(scene, NODES, NODE_K, "virtual-kubelet-cn-hangzhou-k")
        made["metadata"]["labels"]["type"] = "virtual-kubelet"
        made["spec"] = {}
        scene.kubernetes.add(NODES, made)
        scene.audit(KUBELET_PORT).is_quiet()
