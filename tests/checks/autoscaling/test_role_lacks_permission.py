"""autoscaling/role-lacks-permission."""

import json
from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Addon, Cluster, NodePool
from auditor.facts.cloud.ecs import Instance, InstanceRole
from auditor.facts.cloud.ram import AttachedPolicies, Policy, Role
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import Landscape
from auditor.facts.rules.autoscaler_actions import ACTIONS, NEWER_ACTIONS, SERVICE_ROLE, TOKEN_SECRET
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit, make
from tests.checks.autoscaling.autoscalers import (
    FULL,
    MINIMAL,
    NEW_IMAGE,
    OLD_IMAGE,
    OPTIONAL_TOKEN,
    POOL_LABEL,
    TOKEN_VOLUME,
    WORKER_ROLE,
    Json,
    deployment,
    landscape,
    pod,
    policy,
    secret,
    statement,
)

CHECK = "autoscaling/role-lacks-permission"
TOKEN = deployment("cluster-autoscaler", TOKEN_VOLUME)
NO_TOKEN = deployment("cluster-autoscaler")
WITHOUT_EXECUTE = statement(action=[a for a in (*ACTIONS, *NEWER_ACTIONS) if a != "ess:ExecuteScalingRule"])


def one(base: Landscape, role: str) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, role)
    return finding


def states(finding: ReportedFinding) -> dict[str, HopState]:
    return {hop.ref.kind: hop.state for hop in finding.trail}


# The service role, by the token


def test_service_role_with_all_actions_passes() -> None:
    kit.stays_quiet(CHECK, landscape(TOKEN))


def test_service_role_that_lacks_an_action_is_confirmed() -> None:
    finding = one(landscape(TOKEN, service=[policy("service", WITHOUT_EXECUTE)]), SERVICE_ROLE)
    assert finding.severity is Severity.HIGH
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.subject.kind == "RamRole"
    assert finding.evidence["lacking_actions"] == ["ess:ExecuteScalingRule"]
    assert "ess:ExecuteScalingRule" in str(finding.message)
    kinds = [(hop.ref.kind, hop.state) for hop in finding.trail]
    assert kinds == [
        ("Deployment", HopState.OK),
        ("Secret", HopState.OK),
        ("RamRole", HopState.BROKEN),
        ("ScalingGroup", HopState.OK),
    ]
    commands = [step.command for step in finding.remedy if step.command]
    assert any(command.startswith("aliyun ram ListPoliciesForRole") for command in commands)
    assert any("AliyunCSManagedAutoScalerRolePolicy" in command for command in commands)
    assert commands[-1] == "kubectl rollout restart -n kube-system deployment/cluster-autoscaler"


def test_a_role_without_policies_lacks_everything() -> None:
    finding = one(landscape(TOKEN, service=[]), SERVICE_ROLE)
    assert finding.evidence["lacking_actions"] == [*ACTIONS, *NEWER_ACTIONS]


def test_a_deny_beside_the_system_policy_is_found_and_named() -> None:
    deny = policy("guard", statement("Deny", "ess:*Instances"))
    finding = one(landscape(TOKEN, service=[policy("service", FULL), deny]), SERVICE_ROLE)
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["lacking_actions"] == [
        "ess:DescribeScalingInstances",
        "ess:RemoveInstances",
        "ess:DetachInstances",
    ]
    assert finding.evidence["denied_by"] == ["Custom/guard#1"]
    assert "Custom/guard#1" in str(finding.message)
    assert not any("AttachPolicyToRole" in step.command for step in finding.remedy)


def test_several_policies_add_up() -> None:
    parts = [policy("ess", statement(action="ess:*")), policy("rest", statement(action=["ecs:*", "vpc:*", "cs:*"]))]
    kit.stays_quiet(CHECK, landscape(TOKEN, service=parts))


def test_wildcards_and_wide_resources_are_enough() -> None:
    wide = [
        statement(action=f"{product}:*", resource=f"acs:{product}:*:*:*") for product in ("ess", "ecs", "vpc", "cs")
    ]
    kit.stays_quiet(CHECK, landscape(TOKEN, service=[policy("wide", *wide)]))
    kit.stays_quiet(CHECK, landscape(TOKEN, service=[policy("admin", statement(action="*", resource=["*"]))]))


def test_a_missing_service_role_is_confirmed() -> None:
    base = landscape(
        TOKEN,
        roles=[Role(SERVICE_ROLE, exists=False), Role(WORKER_ROLE)],
        attached_policies=[AttachedPolicies(WORKER_ROLE, ["Custom/worker"])],
    )
    finding = one(base, SERVICE_ROLE)
    assert finding.severity is Severity.HIGH
    assert "does not exist" in str(finding.message)
    assert states(finding)["RamRole"] is HopState.BROKEN


def test_a_role_whose_policies_say_that_it_is_missing_is_confirmed() -> None:
    worker = AttachedPolicies(WORKER_ROLE, ["Custom/worker"])
    base = kit.without(landscape(NO_TOKEN, attached_policies=[]), "roles")
    assert "does not exist" in str(one(base, WORKER_ROLE).message)
    contradiction = landscape(TOKEN, attached_policies=[worker])
    assert {reason.kind for reason in kit.run(CHECK, contradiction)[0].reasons} == {ReasonKind.MALFORMED}


def test_newer_actions_are_asked_of_versions_that_call_them() -> None:
    core = policy("core", statement(action=list(ACTIONS)))
    finding = one(landscape(TOKEN, service=[core]), SERVICE_ROLE)
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["lacking_actions"] == list(NEWER_ACTIONS)
    old = deployment("cluster-autoscaler", TOKEN_VOLUME, image=OLD_IMAGE)
    kit.stays_quiet(CHECK, landscape(old, service=[core]))
    upstream = deployment("cluster-autoscaler", TOKEN_VOLUME, image="registry.example.com/cluster-autoscaler:v1.33.0")
    kit.stays_quiet(CHECK, landscape(upstream, service=[core]))


def test_the_instant_autoscaler_is_judged_alike() -> None:
    instant = deployment("ack-goatscaler", TOKEN_VOLUME, image="registry.example.com/acs/goatscaler:v0.5.0")
    core = policy("core", statement(action=list(ACTIONS)))
    assert one(landscape(instant, service=[core]), SERVICE_ROLE).evidence["lacking_actions"] == list(NEWER_ACTIONS)
    kit.stays_quiet(CHECK, landscape(instant))


def test_both_autoscalers_with_one_role_are_one_finding() -> None:
    instant = deployment("ack-goatscaler", TOKEN_VOLUME)
    finding = one(landscape(TOKEN, instant, service=[policy("service", WITHOUT_EXECUTE)]), SERVICE_ROLE)
    assert {ref.name for ref in finding.affected} == {"cluster-autoscaler", "ack-goatscaler"}


def test_a_projected_token_counts() -> None:
    projected = {"name": "ram-token", "projected": {"sources": [{"secret": {"name": TOKEN_SECRET}}]}}
    base = landscape(deployment("cluster-autoscaler", projected), service=[policy("s", WITHOUT_EXECUTE)])
    one(base, SERVICE_ROLE)


# The worker role while the token is used


def test_worker_role_without_actions_is_only_info_while_the_token_is_used() -> None:
    finding = one(landscape(TOKEN, worker=[policy("worker", MINIMAL)]), WORKER_ROLE)
    assert finding.severity is Severity.INFO
    assert all(action.startswith("ess:") for action in finding.evidence["lacking_actions"])  # type: ignore[union-attr]


def test_conditions_on_an_unused_worker_role_are_no_gap() -> None:
    conditional = policy("worker", statement(action="*", Condition={"Bool": {"acs:SecureTransport": "true"}}))
    kit.stays_quiet(CHECK, landscape(TOKEN, worker=[conditional]))


def test_an_instance_without_role_does_not_matter_while_the_token_is_used() -> None:
    kit.stays_quiet(CHECK, landscape(TOKEN, instance_roles=[InstanceRole("i-a")]))


# The role of the instance, without the token


def test_worker_role_with_the_documented_policy_passes() -> None:
    old = deployment(image=OLD_IMAGE)
    kit.stays_quiet(CHECK, landscape(old, worker=[policy("worker", statement(action=list(ACTIONS)))]))


def test_worker_role_that_lacks_only_newer_actions_is_info() -> None:
    finding = one(landscape(NO_TOKEN, worker=[policy("worker", statement(action=list(ACTIONS)))]), WORKER_ROLE)
    assert finding.severity is Severity.INFO
    assert finding.certainty is Certainty.AT_RISK


def test_worker_role_that_is_used_and_lacks_actions_is_confirmed() -> None:
    finding = one(landscape(NO_TOKEN, worker=[policy("worker", MINIMAL)]), WORKER_ROLE)
    assert finding.severity is Severity.HIGH
    assert finding.certainty is Certainty.CONFIRMED
    assert set(ACTIONS) <= set(finding.evidence["lacking_actions"])  # type: ignore[arg-type]
    assert finding.evidence["instance"] == "i-a"
    assert [hop.ref.kind for hop in finding.trail] == [
        "Deployment",
        "Pod",
        "Node",
        "Instance",
        "RamRole",
        "ScalingGroup",
    ]
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["RamRole"]


def test_a_token_volume_that_no_container_mounts_is_not_used() -> None:
    unmounted = deployment("cluster-autoscaler", TOKEN_VOLUME, mounted=False)
    one(landscape(unmounted, worker=[policy("worker", MINIMAL)]), WORKER_ROLE)


def test_the_secret_of_another_component_is_not_the_token() -> None:
    other = {"name": "ram-token", "secret": {"secretName": "addon.aliyuncsmanagedcsipluginrole.token"}}
    one(landscape(deployment("cluster-autoscaler", other), worker=[policy("worker", MINIMAL)]), WORKER_ROLE)


def test_the_role_that_counts_is_that_of_the_node_it_runs_on() -> None:
    base = landscape(
        NO_TOKEN,
        nodes=[make.node("a"), make.node("b")],
        pods=[pod("b")],
        instance_roles=[InstanceRole("i-a", WORKER_ROLE), InstanceRole("i-b", "Other")],
        roles=[Role(SERVICE_ROLE), Role(WORKER_ROLE), Role("Other")],
        attached_policies=[AttachedPolicies(WORKER_ROLE, ["Custom/worker"]), AttachedPolicies("Other", [])],
    )
    one(base, "Other")


def test_pods_on_several_nodes_are_each_looked_at() -> None:
    base = landscape(
        deployment(replicas=2),
        nodes=[make.node("a"), make.node("b"), make.node("c")],
        pods=[pod("a"), pod("b"), pod("c", phase="Failed")],
        instance_roles=[InstanceRole("i-a", WORKER_ROLE), InstanceRole("i-b", "Other"), InstanceRole("i-c", "Third")],
        roles=[Role(WORKER_ROLE), Role("Other"), Role("Third")],
        attached_policies=[
            AttachedPolicies(WORKER_ROLE, ["Custom/worker"]),
            AttachedPolicies("Other", []),
            AttachedPolicies("Third", []),
        ],
    )
    one(base, "Other")
    assert kit.run(CHECK, kit.without_rows(base, "instance_roles", "i-b"))[0].status is Status.NOT_EVALUATED


def test_a_crash_looping_pod_still_uses_its_role() -> None:
    base = landscape(NO_TOKEN, pods=[pod(ready=False)], worker=[policy("worker", MINIMAL)])
    one(base, WORKER_ROLE)


def test_the_pods_of_other_workloads_do_not_matter() -> None:
    stranger = pod("b", name="cluster-autoscaler-exporter")
    base = landscape(
        NO_TOKEN,
        pods=[pod(), stranger],
        nodes=[make.node("a"), make.node("b")],
        instance_roles=[InstanceRole("i-a", WORKER_ROLE), InstanceRole("i-b")],
        worker=[policy("worker", FULL)],
    )
    kit.stays_quiet(CHECK, base)


def test_an_instance_without_role_is_confirmed() -> None:
    finding = one(landscape(NO_TOKEN, instance_roles=[InstanceRole("i-a")]), WORKER_ROLE)
    assert finding.severity is Severity.HIGH
    assert finding.certainty is Certainty.CONFIRMED
    assert finding.evidence["instance"] == "i-a"
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["RamRole"]
    assert json.dumps(["i-a"]) in finding.remedy[0].command


@pytest.mark.parametrize(
    ("labels", "pool_role", "cluster_role", "expected"),
    [
        (POOL_LABEL, "PoolRole", WORKER_ROLE, "PoolRole"),
        (POOL_LABEL, "", WORKER_ROLE, WORKER_ROLE),
        ({}, "PoolRole", WORKER_ROLE, WORKER_ROLE),
        ({}, "", None, "KubernetesWorkerRole"),
    ],
)
def test_a_missing_role_goes_by_the_name_it_should_have(
    labels: dict[str, str], pool_role: str, cluster_role: str | None, expected: str
) -> None:
    base = landscape(
        NO_TOKEN,
        nodes=[make.node("a", labels=labels)],
        instance_roles=[InstanceRole("i-a")],
        node_pools=[NodePool("np-1", auto_scaling=True, role_name=pool_role)],
        clusters=[Cluster(kit.CLUSTER_ID, worker_role_name=cluster_role)],
    )
    one(base, expected)


def test_a_deleted_worker_role_is_confirmed() -> None:
    finding = one(landscape(NO_TOKEN, roles=[Role(WORKER_ROLE, exists=False)]), WORKER_ROLE)
    assert finding.message.values["role"] == WORKER_ROLE


@pytest.mark.parametrize(
    "container",
    [
        {
            "env": [
                {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": TOKEN_SECRET, "key": "addon.token.config"}}}
            ]
        },
        {"envFrom": [{"configMapRef": {"name": "flags"}}, {"secretRef": {"name": TOKEN_SECRET}}]},
    ],
)
def test_a_token_in_the_environment_counts(container: dict[str, object]) -> None:
    given = {"metadata": make.meta("cluster-autoscaler", "kube-system")}
    template = {"spec": {"containers": [{"name": "autoscaler", "image": NEW_IMAGE, **container}]}}
    by_environment = msgspec.convert({**given, "spec": {"template": template}}, Deployment)
    kit.stays_quiet(CHECK, landscape(by_environment, instance_roles=[InstanceRole("i-a")]))
    one(landscape(by_environment, service=[policy("s", WITHOUT_EXECUTE)]), SERVICE_ROLE)


def test_an_autoscaler_in_another_namespace() -> None:
    theirs = deployment("cluster-autoscaler", namespace="scaling")
    base = landscape(theirs, worker=[policy("worker", MINIMAL)])
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)
    moved = make.pod(
        "scaling/cluster-autoscaler-56b5cd65b5-a",
        "a",
        labels={"pod-template-hash": "56b5cd65b5"},
        ownerReferences=[{"kind": "ReplicaSet", "name": "cluster-autoscaler-56b5cd65b5", "controller": True}],
    )
    one(landscape(theirs, pods=[moved], worker=[policy("worker", MINIMAL)]), WORKER_ROLE)


# Whether the token exists


@pytest.mark.parametrize("volume", [TOKEN_VOLUME, OPTIONAL_TOKEN])
def test_a_token_that_exists_is_used(volume: dict[str, object]) -> None:
    base = landscape(deployment("cluster-autoscaler", volume), instance_roles=[InstanceRole("i-a")])
    kit.stays_quiet(CHECK, base)


@pytest.mark.parametrize("volume", [TOKEN_VOLUME, OPTIONAL_TOKEN])
def test_a_token_that_does_not_exist_leaves_the_instance_role(volume: dict[str, object]) -> None:
    others = [secret("addon.aliyuncsmanagedcsipluginrole.token")]
    base = landscape(deployment("cluster-autoscaler", volume), secret_names=others, worker=[policy("worker", MINIMAL)])
    finding = one(base, WORKER_ROLE)
    assert finding.severity is Severity.HIGH
    assert states(finding)["Secret"] is HopState.BROKEN
    kit.stays_quiet(CHECK, landscape(deployment("cluster-autoscaler", volume), secret_names=others))


def test_an_optional_token_of_which_nothing_is_known_is_not_evaluated() -> None:
    switched_off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("Secrets are not listed"))
    base = landscape(
        deployment("cluster-autoscaler", OPTIONAL_TOKEN),
        secret_names=Table.unavailable("secret_names", switched_off),
        service=[],
        worker=[],
    )
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert result.status is Status.NOT_EVALUATED
    assert {reason.kind for reason in result.reasons} == {ReasonKind.SWITCHED_OFF}


def test_a_required_token_is_taken_to_exist() -> None:
    kit.stays_quiet(CHECK, kit.without(landscape(TOKEN), "secret_names"))
    kit.stays_quiet(CHECK, kit.without(landscape(NO_TOKEN), "secret_names"))


# What can't be decided


@pytest.mark.parametrize(
    "open_statement",
    [
        {"Effect": "Allow", "NotAction": "ram:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "NotResource": "acs:ess:*:*:scalinggroup/asg-2"},
        statement(action="*", Condition={"Bool": {"acs:SecureTransport": "true"}}),
        statement(action="*", resource="acs:ess:cn-hangzhou:*:*"),
    ],
)
def test_open_statements_are_undecidable(open_statement: dict[str, object]) -> None:
    result, findings = kit.run(CHECK, landscape(TOKEN, service=[policy("open", open_statement)]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
    assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}
    assert "Custom/open#1" in str(result.reasons[0].message)


def test_other_actions_are_found_lacking_beside_undecidable_ones() -> None:
    conditional = statement(action="ess:*", Condition={"Bool": {"acs:SecureTransport": "true"}})
    rest = statement(action=["ecs:*", "cs:*"])
    result, findings = kit.run(CHECK, landscape(TOKEN, service=[policy("mixed", conditional, rest)]))
    assert [finding.evidence["lacking_actions"] for finding in findings] == [["vpc:DescribeVSwitches"]]
    assert result.status is Status.FOUND
    assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}


def test_an_open_statement_that_changes_nothing_is_quiet() -> None:
    conditional = statement(action="ess:*", Condition={"Bool": {"acs:SecureTransport": "true"}})
    kit.stays_quiet(CHECK, landscape(TOKEN, service=[policy("service", FULL, conditional)]))


@pytest.mark.parametrize("variable", ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", "ACCESS_KEY_ID"])
def test_an_identity_of_its_own_is_undecidable(variable: str) -> None:
    base = landscape(deployment(env=["REGION_ID", variable]), worker=[])
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}


def test_a_pod_with_an_injected_token_uses_another_role() -> None:
    injected = pod(spec={"volumes": [{"name": "rrsa-oidc-token", "projected": {"sources": []}}]})
    result, findings = kit.run(CHECK, landscape(NO_TOKEN, pods=[injected], worker=[]))
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}


def test_a_node_that_is_no_instance_is_undecidable() -> None:
    base = landscape(NO_TOKEN, nodes=[make.node("a", providerID="")])
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.UNDECIDABLE}


# Nothing to judge


def test_no_autoscaler_and_no_automatic_pool_is_not_applicable() -> None:
    kit.stays_quiet(CHECK, landscape(node_pools=[NodePool("np-1", auto_scaling=False)]), Status.NOT_APPLICABLE)
    kit.stays_quiet(CHECK, landscape(node_pools=[]), Status.NOT_APPLICABLE)


def test_a_pool_that_does_not_say_is_not_taken_for_manual() -> None:
    result, findings = kit.run(CHECK, landscape(node_pools=[NodePool("np-1", auto_scaling=None)]))
    assert not findings
    assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}


@pytest.mark.parametrize(
    "tables",
    [
        {"deployments": [deployment(replicas=0)]},
        {"deployments": [NO_TOKEN], "pods": []},
        {"deployments": [NO_TOKEN], "pods": [pod("")]},
        {"deployments": [NO_TOKEN], "nodes": []},
        {"deployments": [deployment(namespace="tools")]},
        {"addons": [Addon("cluster-autoscaler", NEW_IMAGE, "failed")]},
        {},
    ],
)
def test_an_autoscaler_that_uses_no_role_is_not_applicable(tables: dict[str, object]) -> None:
    kit.stays_quiet(CHECK, landscape(service=[], worker=[], **tables), Status.NOT_APPLICABLE)


# The autoscaler outside the cluster


@pytest.mark.parametrize("addon", ["cluster-autoscaler", "ack-goatscaler"])
def test_an_autoscaler_outside_the_cluster_uses_the_service_role(addon: str) -> None:
    addons = [Addon(addon, "v1.36.0.1-2c4f7d1a-aliyun", "active"), Addon("coredns", "v1", "active")]
    finding = one(landscape(addons=addons, service=[policy("service", WITHOUT_EXECUTE)], worker=[]), SERVICE_ROLE)
    assert finding.trail[0].ref.kind == "Addon"
    kit.stays_quiet(CHECK, landscape(addons=addons, worker=[]))


def test_an_autoscaler_outside_is_not_looked_for_beside_a_deployment() -> None:
    base = kit.without(kit.without(landscape(TOKEN), "addons"), "node_pools")
    kit.stays_quiet(CHECK, base)


def test_of_a_dedicated_cluster_nothing_runs_outside() -> None:
    base = landscape(
        addons=[Addon("cluster-autoscaler", "v1.36.0.1-x-aliyun", "active")],
        service=[],
        clusters=[Cluster(kit.CLUSTER_ID, type="Kubernetes")],
    )
    kit.stays_quiet(CHECK, base, Status.NOT_APPLICABLE)


# The metadata service of the instance

UPSTREAM_IMAGE = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.32.1"
LATER_IMAGE = "registry.example.com/acs/autoscaler:v1.28.0-1-aliyun"


def hardened(image: str, tokens: str | None = "required", *volumes: Json, **tables: Any) -> Landscape:
    given = {"instances": [Instance("i-a", http_tokens=tokens)], **tables}
    return landscape(deployment("cluster-autoscaler", *volumes, image=image), **given)


@pytest.mark.parametrize("image", [OLD_IMAGE, UPSTREAM_IMAGE, "registry.example.com/acs/autoscaler:v1.26.1-1-aliyun"])
def test_an_old_autoscaler_sends_no_token_where_one_is_wanted(image: str) -> None:
    finding = one(hardened(image), WORKER_ROLE)
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.LIKELY)
    assert [hop.ref.kind for hop in finding.trail if hop.state is HopState.BROKEN] == ["Instance"]
    assert finding.evidence["http_tokens"] == "required"
    assert any("ModifyInstanceMetadataOptions" in step.command for step in finding.remedy)


@pytest.mark.parametrize(
    "base",
    [
        pytest.param(hardened(OLD_IMAGE, "optional"), id="none is wanted"),
        pytest.param(hardened(LATER_IMAGE), id="a later one"),
        pytest.param(hardened(NEW_IMAGE), id="a new one"),
        pytest.param(hardened(OLD_IMAGE, instances=[]), id="the instance is gone"),
    ],
)
def test_the_metadata_service_answers(base: Landscape) -> None:
    kit.stays_quiet(CHECK, base)


def test_the_metadata_service_is_not_asked_where_a_token_of_ack_is_used() -> None:
    kit.stays_quiet(CHECK, hardened(OLD_IMAGE, "required", TOKEN_VOLUME, worker=[policy("w", FULL)]))


@pytest.mark.parametrize("base", [hardened("registry.example.com/tools/scaler:latest"), hardened(OLD_IMAGE, None)])
def test_whether_a_token_is_sent_or_wanted_is_not_known(base: Landscape) -> None:
    result, findings = kit.run(CHECK, base)
    assert not findings
    assert result.status is Status.NOT_EVALUATED


def test_instances_that_are_not_known() -> None:
    kit.is_not_evaluated(CHECK, kit.without(hardened(OLD_IMAGE), "instances"))
    kit.stays_quiet(CHECK, kit.without(hardened(NEW_IMAGE), "instances"))


# Gaps

LACKING = landscape(TOKEN, service=[policy("service", WITHOUT_EXECUTE)], worker=[policy("worker", FULL)])
USED_WORKER = landscape(NO_TOKEN, worker=[policy("worker", MINIMAL)])
OUTSIDE = landscape(addons=[Addon("cluster-autoscaler", "v1.36.0.1-x-aliyun", "active")], service=[])

# For each landscape: without which tables nothing can be said, and without which a reason stands beside the finding.
GAPS = {
    "token": (
        LACKING,
        {"deployments", "attached_policies", "policies"},
        {"roles", "pods", "nodes", "instance_roles"},
    ),
    "instance": (
        USED_WORKER,
        {"deployments", "pods", "nodes", "instance_roles", "attached_policies", "policies"},
        {"roles"},
    ),
    "outside": (
        OUTSIDE,
        {"deployments", "node_pools", "addons", "clusters", "attached_policies"},
        {"roles"},
    ),
}


@pytest.mark.parametrize("case", GAPS)
@pytest.mark.parametrize("table", sorted(kit.tables_needed(CHECK)))
def test_each_table_taken_away(case: str, table: str) -> None:
    base, gaps, both = GAPS[case]
    _, before = kit.run(CHECK, base)
    if table in gaps:
        kit.is_not_evaluated(CHECK, kit.without(base, table))
        return
    result, findings = kit.run(CHECK, kit.without(base, table))
    assert [finding.fingerprint for finding in findings] == [finding.fingerprint for finding in before]
    assert bool(result.reasons) == (table in both)


@pytest.mark.parametrize("table", ["clusters", "node_pools"])
def test_a_role_that_is_not_attached_needs_a_name(table: str) -> None:
    base = landscape(
        NO_TOKEN,
        instance_roles=[InstanceRole("i-a")],
        node_pools=[NodePool("np-1", auto_scaling=True, role_name="")],
    )
    one(base, WORKER_ROLE)
    kit.is_not_evaluated(CHECK, kit.without(base, table))


def test_deployments_that_may_hide_the_autoscaler() -> None:
    base = landscape(TOKEN, service=[])
    kit.is_not_evaluated(CHECK, kit.without_rows(base, "deployments", "kube-system/cluster-autoscaler"))


ALLOW_ALL, UNREAD = policy("all", statement()), policy("unread", MINIMAL)


def test_an_unread_policy_may_deny_what_another_allows() -> None:
    base = landscape(TOKEN, service=[ALLOW_ALL, UNREAD])
    kit.stays_quiet(CHECK, base)
    kit.is_not_evaluated(CHECK, kit.without_rows(base, "policies", UNREAD.key, action="ram:GetPolicy"), "ram:GetPolicy")


def test_an_unread_policy_may_allow_what_no_other_does() -> None:
    base = landscape(TOKEN, service=[policy("service", WITHOUT_EXECUTE), UNREAD])
    one(base, SERVICE_ROLE)
    kit.is_not_evaluated(CHECK, kit.without_rows(base, "policies", UNREAD.key))


def test_an_unread_policy_does_not_undo_a_deny() -> None:
    deny = policy("deny", statement("Deny", "ess:ExecuteScalingRule"))
    base = kit.without_rows(landscape(TOKEN, service=[ALLOW_ALL, deny, UNREAD]), "policies", UNREAD.key)
    result, findings = kit.run(CHECK, base)
    assert [finding.evidence["lacking_actions"] for finding in findings] == [["ess:ExecuteScalingRule"]]
    assert {reason.kind for reason in result.reasons} == {ReasonKind.FORBIDDEN}


def test_an_unread_policy_does_not_matter_where_everything_is_denied() -> None:
    deny = policy("deny", statement("Deny"))
    base = kit.without_rows(landscape(TOKEN, service=[deny, UNREAD]), "policies", UNREAD.key)
    assert one(base, SERVICE_ROLE).evidence["lacking_actions"] == [*ACTIONS, *NEWER_ACTIONS]


@pytest.mark.parametrize("document", [None, "", "{}", '{"Statement": [{"Effect": "Allow"}]}'])
def test_a_malformed_policy_is_not_evaluated(document: str | None) -> None:
    broken = Policy("broken", "Custom", document)
    result, findings = kit.run(CHECK, landscape(TOKEN, service=[ALLOW_ALL, broken]))
    assert not findings
    assert result.status is Status.NOT_EVALUATED
    assert {reason.kind for reason in result.reasons} == {ReasonKind.MALFORMED}


def test_a_role_that_nobody_asked_for_is_not_evaluated() -> None:
    base = landscape(TOKEN, attached_policies=Table("attached_policies", asked=[]), worker=[])
    assert kit.run(CHECK, base)[0].status is Status.NOT_EVALUATED


def test_names_from_the_cluster_are_quoted_in_commands() -> None:
    hostile = "r; rm -rf /"
    base = landscape(
        NO_TOKEN,
        instance_roles=[InstanceRole("i-a", hostile)],
        roles=[Role(hostile)],
        attached_policies=[AttachedPolicies(hostile, [])],
    )
    assert all(f"'{hostile}'" in step.command for step in one(base, hostile).remedy if hostile in step.command)
