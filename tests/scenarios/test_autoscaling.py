"""autoscaling/role-lacks-permission from end to end: which role the autoscaler uses, and what that role may do."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from auditor.facts.rules.autoscaler_actions import ACTIONS, NEWER_ACTIONS, SERVICE_ROLE, SERVICE_ROLE_POLICY
from auditor.facts.table import ReasonKind
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Severity
from tests.scenarios.kit import Report, Scene

CHECK = "autoscaling/role-lacks-permission"
WORKER_ROLE = "KubernetesWorkerRole-928be9ac-0083-5963-ae34-75d6602d333b"
WORKER_POLICY = "Custom/k8sWorkerRolePolicy-928be9ac-0083-5963-ae34-75d6602d333b"
SYSTEM_POLICY = f"System/{SERVICE_ROLE_POLICY}"
TOKEN = "addon.aliyuncsmanagedautoscalerrole.token"
DEPLOYMENTS = "/apis/apps/v1/deployments"
SECRETS = "/api/v1/secrets"
PODS = "/api/v1/pods"
NEEDED = [*ACTIONS, *NEWER_ACTIONS]
Json = dict[str, Any]


def audit(scene: Scene) -> Report:
    return scene.audit(CHECK)


def allow(action: object, resource: object = "*", **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: object, resource: object = "*", **more: Any) -> Json:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def document(*statements: Json) -> Json:
    return {"Version": "1", "Statement": list(statements)}


def without(*actions: str) -> list[str]:
    return [action for action in NEEDED if action not in actions]


def service_role(*policies: Json | str) -> Scene:
    """Return a cluster whose autoscaler's service role has these policies, and no other."""
    return having(Scene(), SERVICE_ROLE, SYSTEM_POLICY, *policies)


def worker_role(*policies: Json | str) -> Scene:
    """Return a cluster whose autoscaler has no token, and whose worker role has these policies."""
    return having(self_installed(), WORKER_ROLE, WORKER_POLICY, *policies)


def having(scene: Scene, role: str, instead_of: str, *policies: Json | str) -> Scene:
    ram = scene.cloud.state.ram
    ram.detach(role, instead_of)
    for number, content in enumerate(policies):
        key = ram.add_policy(f"{role.lower()}-{number}", "Custom", document())
        ram.set_document(key, content)
        ram.attach(role, key)
    return scene


def template(scene: Scene, change: Callable[[Json], object], name: str = "cluster-autoscaler") -> Scene:
    """Change the Pod template of the autoscaler."""
    scene.kubernetes.patch(DEPLOYMENTS, name, lambda made: change(made["spec"]["template"]["spec"]), "kube-system")
    return scene


def self_installed() -> Scene:
    """Return a cluster whose autoscaler mounts no token: it uses the role of its node."""

    def unmount(spec: Json) -> None:
        spec["volumes"] = []
        spec["containers"][0]["volumeMounts"] = []

    return template(Scene(), unmount)


def under_autoscaler(scene: Scene) -> set[str]:
    """Return the instances that the autoscaler's Pods run on."""
    nodes = {
        pod["spec"]["nodeName"]
        for pod in scene.kubernetes.objects.all(PODS)
        if pod["metadata"]["name"].startswith("cluster-autoscaler-")
    }
    return {
        node["spec"]["providerID"].partition(".")[2]
        for node in scene.kubernetes.objects.all("/api/v1/nodes")
        if node["metadata"]["name"] in nodes
    }


class TestServiceRole:
    def test_the_healthy_cluster_says_no_more_than_that_the_worker_role_is_not_used(self) -> None:
        report = audit(Scene())
        report.is_quiet()
        assert [(finding.severity, finding.subject.name) for finding in report.findings] == [
            (Severity.INFO, WORKER_ROLE)
        ]

    @pytest.mark.parametrize("action", NEEDED)
    def test_one_action_is_lacking(self, action: str) -> None:
        finding = audit(service_role(document(allow(without(action))))).is_confirmed("RamRole", SERVICE_ROLE)
        assert finding.severity is Severity.HIGH
        assert finding.evidence["lacking_actions"] == [action]

    @pytest.mark.parametrize(
        "policies",
        [
            pytest.param([], id="policy detached"),
            pytest.param([document()], id="no statement"),
            pytest.param([document(allow(["ess:Describe*", "ecs:Describe*", "vpc:Describe*"]))], id="may only look"),
            pytest.param([document(allow("ess:describe*"))], id="an action as a string"),
            pytest.param([document(allow(NEEDED)), document(deny("ess:ExecuteScalingRule"))], id="deny in another"),
            pytest.param([document(allow("*"), deny("ESS:EXECUTE*"))], id="deny in capitals"),
            pytest.param([document(deny("ess:*"), allow("*"))], id="deny before allow"),
            pytest.param([document(allow("*", "*")), document(deny(["ecs:*", "ess:?xecuteScalingRule"]))], id="?"),
            pytest.param([document(allow("*")), document(deny("*:*", ["*"]))], id="deny of everything"),
            pytest.param([document(allow("*")), document(deny("ess:*", "acs:ess:*:*:*"))], id="all of a product"),
        ],
    )
    def test_refused(self, policies: list[Json]) -> None:
        finding = audit(service_role(*policies)).is_confirmed("RamRole", SERVICE_ROLE)
        assert finding.severity is Severity.HIGH
        assert "ess:ExecuteScalingRule" in finding.evidence["lacking_actions"]  # type: ignore[operator]

    @pytest.mark.parametrize(
        "policies",
        [
            pytest.param([document(allow(NEEDED))], id="a list"),
            pytest.param([document(allow("*"))], id="everything"),
            pytest.param([document(allow("*:*", ["*"]))], id="everything of every product"),
            pytest.param([document(allow([action.lower() for action in NEEDED]))], id="lower case"),
            pytest.param([document(allow([action.upper() for action in NEEDED]))], id="upper case"),
            pytest.param([document(allow(["ess:*", "ecs:Describe*", "vpc:*", "cs:*"]))], id="products"),
            pytest.param([document(allow(["ess:Describe?caling*", *without("ess:DescribeScalingRules")]))], id="?"),
            pytest.param([document(allow(["ess:*", "ecs:*"])), document(allow(["vpc:*", "cs:*"]))], id="two policies"),
            pytest.param([document(allow(NEEDED, "acs:*:*:*:*"))], id="every resource, written out"),
            pytest.param([{"Version": "1", "Statement": allow("*")}], id="one statement that is no list"),
            pytest.param([document(allow("*")), document(deny("slb:*"))], id="deny of something else"),
            pytest.param(
                [document(allow("*"), deny(["ess:DeleteScalingGroup", "ess:Create*Group"]))], id="deny near by"
            ),
            pytest.param([document(allow("*"), allow("ess:*", Condition={"Bool": {"x": "true"}}))], id="allowed twice"),
            pytest.param([document(allow("*", Condition={}))], id="an empty condition"),
            pytest.param(
                [document(allow("*"), deny("slb:*", Condition={"Bool": {"x": "true"}}))], id="conditions on another"
            ),
        ],
    )
    def test_admitted(self, policies: list[Json]) -> None:
        audit(service_role(*policies)).is_quiet()

    @pytest.mark.parametrize(
        "policies",
        [
            pytest.param([document(allow(NEEDED, Condition={"Bool": {"x": "true"}}))], id="Condition"),
            pytest.param([document({"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"})], id="NotAction"),
            pytest.param([document(allow("*"), {"Effect": "Deny", "NotAction": "ess:*", "Resource": "*"})], id="Deny"),
            pytest.param([document(allow("*"), deny("ess:*", Condition={"Bool": {"x": "true"}}))], id="Deny, if"),
            pytest.param(
                [document(allow(NEEDED, "acs:ess:cn-hangzhou:1098765432101234:scalinggroup/asg-1"))], id="one resource"
            ),
            pytest.param([document(allow(NEEDED, ["acs:ess:cn-hangzhou:*:*", "acs:vpc:*:*:*"]))], id="one region"),
            pytest.param(
                [document({"Effect": "Allow", "Action": NEEDED, "NotResource": "acs:ess:*:*:scalinggroup/asg-2"})],
                id="NotResource",
            ),
            pytest.param([document(allow("*"), deny("ess:RemoveInstances", "acs:ess:*:*:scalinggroup/a"))], id="some"),
        ],
    )
    def test_what_can_not_be_decided(self, policies: list[Json]) -> None:
        audit(service_role(*policies)).is_open(ReasonKind.UNDECIDABLE)

    def test_what_can_be_decided_is_found_beside_it(self) -> None:
        open_part = allow("ess:ExecuteScalingRule", Condition={"Bool": {"x": "true"}})
        report = audit(
            service_role(document(allow(without("ess:ExecuteScalingRule", "ess:RemoveInstances")), open_part))
        )
        finding = report.is_confirmed("RamRole", SERVICE_ROLE)
        assert finding.evidence["lacking_actions"] == ["ess:RemoveInstances"]
        assert report.kinds == {ReasonKind.UNDECIDABLE}

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            "{}",
            '{"Version": "1"}',
            '{"Statement": [{"Effect": "Allow"}]}',
            '{"Statement": [{"Action": "*", "Resource": "*"}]}',
            '{"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}',
            '{"Statement": [{"Effect": "Allow", "Action": [1], "Resource": "*"}]}',
            '{"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "ess:*", "Resource": "*"}]}',
        ],
    )
    def test_a_policy_that_can_not_be_understood(self, text: str) -> None:
        audit(service_role(text)).is_open(ReasonKind.MALFORMED)
        audit(service_role(document(allow("*")), text)).is_open(ReasonKind.MALFORMED)

    def test_the_default_version_counts_and_not_the_deprecated_field(self) -> None:
        scene = Scene()
        full = json.dumps(document(allow("*")))
        scene.cloud.state.ram.set_document(SYSTEM_POLICY, document())
        scene.cloud.mutate(
            "ram:GetPolicy",
            lambda answer: answer["Policy"].update(PolicyDocument=full),
        )
        audit(scene).is_confirmed("RamRole", SERVICE_ROLE)
        scene = Scene()
        scene.cloud.mutate("ram:GetPolicy", lambda answer: answer["Policy"].pop("PolicyDocument") and None)
        audit(scene).is_quiet()

    def test_the_role_is_gone(self) -> None:
        scene = Scene()
        del scene.cloud.state.ram.roles[SERVICE_ROLE]
        finding = audit(scene).is_confirmed("RamRole", SERVICE_ROLE)
        assert "does not exist" in str(finding.message)

    def test_the_instant_autoscaler(self) -> None:
        scene = service_role(document(allow(without("ess:ScaleWithAdjustment"))))
        made = scene.kubernetes.objects.get(DEPLOYMENTS, "cluster-autoscaler", "kube-system")
        assert made
        scene.kubernetes.remove(DEPLOYMENTS, "cluster-autoscaler", "kube-system")
        instant = json.loads(json.dumps(made))
        instant["metadata"]["name"] = "ack-goatscaler"
        instant["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/acs/goatscaler:v0.5.0"
        scene.kubernetes.add(DEPLOYMENTS, instant)
        finding = audit(scene).is_confirmed("RamRole", SERVICE_ROLE)
        assert [ref.name for ref in finding.affected] == ["ack-goatscaler"]


class TestWorkerRole:
    def test_what_ack_gives_it_today_is_too_little_once_it_is_used(self) -> None:
        finding = audit(self_installed()).is_confirmed("RamRole", WORKER_ROLE)
        assert finding.severity is Severity.HIGH
        assert set(ACTIONS) <= set(finding.evidence["lacking_actions"])  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        "policies", [[document(allow(NEEDED))], [document(allow(["ess:*", "ecs:*", "vpc:*", "cs:*"]))]]
    )
    def test_enough(self, policies: list[Json]) -> None:
        audit(worker_role(*policies)).is_quiet()

    def test_the_documented_policy_is_no_fault(self) -> None:
        audit(worker_role(document(allow(list(ACTIONS))))).is_quiet()

    @pytest.mark.parametrize("action", ["ess:ExecuteScalingRule", "ecs:DescribeInstanceTypes", "vpc:DescribeVSwitches"])
    def test_one_action_is_lacking(self, action: str) -> None:
        finding = audit(worker_role(document(allow(without(action))))).is_confirmed("RamRole", WORKER_ROLE)
        assert finding.evidence["lacking_actions"] == [action]

    def test_a_volume_that_no_container_mounts_is_no_token(self) -> None:
        scene = template(Scene(), lambda spec: spec["containers"][0].update(volumeMounts=[]))
        audit(scene).is_confirmed("RamRole", WORKER_ROLE)

    def test_another_components_token_is_not_the_autoscalers(self) -> None:
        name = "addon.csi.token"
        scene = template(Scene(), lambda spec: spec["volumes"][0]["secret"].update(secretName=name))
        audit(scene).is_confirmed("RamRole", WORKER_ROLE)

    def test_a_token_in_the_environment(self) -> None:
        def by_environment(spec: Json) -> None:
            source = {"secretKeyRef": {"name": TOKEN, "key": "addon.token.config"}}
            spec["volumes"] = []
            spec["containers"][0].update(volumeMounts=[], env=[{"name": "TOKEN", "valueFrom": source}])

        audit(template(Scene(), by_environment)).is_quiet()

    def test_a_token_that_is_not_there(self) -> None:
        scene = Scene(secret_metadata=True)
        audit(scene).is_quiet()
        scene = Scene(secret_metadata=True)
        scene.kubernetes.remove(SECRETS, TOKEN, "kube-system")
        audit(scene).is_confirmed("RamRole", WORKER_ROLE)

    def test_the_instance_carries_no_role(self) -> None:
        scene = worker_role(document(allow("*")))
        for instance_id in under_autoscaler(scene):
            del scene.cloud.state.ecs.instance_roles[instance_id]
        finding = audit(scene).is_confirmed("RamRole", WORKER_ROLE)
        assert "carries no RAM role" in str(finding.message)

    def test_the_role_of_another_instance_does_not_matter(self) -> None:
        scene = worker_role(document(allow("*")))
        for instance_id in set(scene.cloud.state.ecs.instance_roles) - under_autoscaler(scene):
            del scene.cloud.state.ecs.instance_roles[instance_id]
        audit(scene).is_quiet()

    def test_the_role_that_the_instance_really_carries_counts(self) -> None:
        scene = worker_role(document(allow("*")))
        scene.cloud.state.ram.add_role("HardenedRole")
        for instance_id in under_autoscaler(scene):
            scene.cloud.state.ecs.instance_roles[instance_id] = "HardenedRole"
        audit(scene).is_confirmed("RamRole", "HardenedRole")

    def test_the_role_is_gone(self) -> None:
        scene = self_installed()
        del scene.cloud.state.ram.roles[WORKER_ROLE]
        finding = audit(scene).is_confirmed("RamRole", WORKER_ROLE)
        assert "does not exist" in str(finding.message)

    def test_an_access_key_of_its_own(self) -> None:
        scene = self_installed()
        key = {"name": "ACCESS_KEY_ID", "valueFrom": {"secretKeyRef": {"name": "cloud-config", "key": "id"}}}
        audit(template(scene, lambda spec: spec["containers"][0].update(env=[key]))).is_open(ReasonKind.UNDECIDABLE)

    def test_while_the_token_is_used_its_deny_is_no_more_than_info(self) -> None:
        scene = having(Scene(), WORKER_ROLE, WORKER_POLICY, document(deny("*")))
        report = audit(scene)
        report.is_quiet()
        assert [finding.subject.name for finding in report.findings] == [WORKER_ROLE]

    def test_while_the_token_is_used_a_wide_worker_role_is_not_worth_a_word(self) -> None:
        report = audit(having(Scene(), WORKER_ROLE, WORKER_POLICY, document(allow("*"))))
        report.is_quiet()
        assert not report.findings


class TestNoAutoscaler:
    def gone(self) -> Scene:
        scene = Scene()
        scene.kubernetes.remove(DEPLOYMENTS, "cluster-autoscaler", "kube-system")
        cs = scene.cloud.state.cs
        addons = cs.addons[cs.cluster_id]
        addons.pop("cluster-autoscaler")
        return scene

    def set_pools(self, scene: Scene, *, enabled: bool) -> Scene:
        def change(answer: Json) -> None:
            for pool in answer["nodepools"]:
                pool["auto_scaling"]["enable"] = enabled

        scene.cloud.mutate("cs:DescribeClusterNodePools", change)
        return scene

    def test_no_pool_scales(self) -> None:
        audit(self.set_pools(self.gone(), enabled=False)).is_quiet(Status.NOT_APPLICABLE)

    def test_a_pool_scales_but_nothing_runs_that_uses_a_role(self) -> None:
        audit(self.gone()).is_quiet(Status.NOT_APPLICABLE)

    def test_acks_own_runs_outside_of_the_cluster(self) -> None:
        scene = service_role()
        scene.kubernetes.remove(DEPLOYMENTS, "cluster-autoscaler", "kube-system")
        audit(scene).is_confirmed("RamRole", SERVICE_ROLE)

    def test_scaled_to_zero(self) -> None:
        scene = service_role()
        scene.kubernetes.patch(
            DEPLOYMENTS, "cluster-autoscaler", lambda made: made["spec"].update(replicas=0), "kube-system"
        )
        audit(scene).is_quiet(Status.NOT_APPLICABLE)


class TestAnswersThatAreNotWhole:
    @pytest.mark.parametrize("action", ["ram:GetRole", "ram:ListPoliciesForRole", "ram:GetPolicy"])
    def test_denied(self, action: str) -> None:
        scene = Scene()
        scene.cloud.deny(action)
        audit(scene).is_open(ReasonKind.FORBIDDEN, action)

    def test_one_of_two_policies_denied(self) -> None:
        scene = service_role(document(allow("*")))
        scene.cloud.state.ram.attach(SERVICE_ROLE, SYSTEM_POLICY)
        scene.cloud.deny("ram:GetPolicy", when=lambda params: params["PolicyName"] == SERVICE_ROLE_POLICY)
        audit(scene).is_open(ReasonKind.FORBIDDEN, "ram:GetPolicy")

    def test_a_deny_stands_whatever_the_other_policy_says(self) -> None:
        scene = service_role(document(deny("ess:*")))
        scene.cloud.state.ram.attach(SERVICE_ROLE, SYSTEM_POLICY)
        scene.cloud.deny("ram:GetPolicy", when=lambda params: params["PolicyName"] == SERVICE_ROLE_POLICY)
        report = audit(scene)
        report.is_confirmed("RamRole", SERVICE_ROLE)
        assert "ram:GetPolicy" in report.missing

    @pytest.mark.parametrize("value", [None, {}, {"Policy": None}])
    def test_a_list_that_is_null(self, value: object) -> None:
        scene = Scene()
        scene.cloud.mutate("ram:ListPoliciesForRole", lambda answer: answer.update(Policies=value))
        audit(scene).is_open(ReasonKind.MALFORMED)

    def test_the_roles_of_instances_denied_leave_the_service_role_to_be_judged(self) -> None:
        action = "ecs:DescribeInstanceRamRole"
        scene = service_role()
        scene.cloud.deny(action)
        report = audit(scene)
        report.is_confirmed("RamRole", SERVICE_ROLE)
        assert action in report.missing
        scene = Scene()
        scene.cloud.deny(action)
        report = audit(scene)
        report.is_open(ReasonKind.FORBIDDEN, action)
        assert report.result.subjects == 1

    def test_the_roles_of_instances_denied_where_they_count(self) -> None:
        scene = self_installed()
        scene.cloud.deny("ecs:DescribeInstanceRamRole")
        audit(scene).is_open(ReasonKind.FORBIDDEN, "ecs:DescribeInstanceRamRole")

    def test_nodes_denied_leave_the_service_role_to_be_judged(self) -> None:
        scene = service_role()
        scene.kubernetes.deny("list nodes")
        audit(scene).is_confirmed("RamRole", SERVICE_ROLE)

    @pytest.mark.parametrize("permission", ["list deployments.apps", "list pods"])
    def test_the_cluster_denied(self, permission: str) -> None:
        scene = self_installed()
        scene.kubernetes.deny(permission)
        audit(scene).is_open(ReasonKind.FORBIDDEN, permission)

    def test_throttled(self) -> None:
        scene = Scene()
        scene.cloud.throttle("ram:GetPolicy", times=1)
        audit(scene).is_quiet()
