"""The ways of an autoscaler to its RAM role, and the findings on them."""

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.facts.joins.autoscalers import NodeRole, wants_token
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.rules.autoscaler_actions import (
    ACTIONS,
    NEWER_ACTIONS,
    SERVICE_ROLE,
    SERVICE_ROLE_POLICY,
    TOKEN_SECRET,
    image_tag,
    uses_newer_actions,
)
from auditor.facts.rules.role_permissions import Permissions
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Ref,
    Severity,
    Step,
    broken,
    cloud_ref,
    kubernetes_ref,
    ok,
    step,
    t,
)


@dataclass(frozen=True)
class RoleUse:
    """That an autoscaler uses a role: the way from one to the other, and what the role is asked for."""

    autoscaler: Ref
    role_name: str
    way: tuple[Hop, ...]
    evidence: dict[str, Evidence]
    newer_actions: tuple[str, ...] = ()

    @property
    def is_service_role(self) -> bool:
        """Whether it is the role that ACK made for its autoscaler."""
        return self.role_name == SERVICE_ROLE

    @property
    def role(self) -> Ref:
        """The role."""
        return cloud_ref("RamRole", self.role_name)


def by_token(deployment: Deployment) -> RoleUse:
    return RoleUse(
        autoscaler=deployment.ref,
        role_name=SERVICE_ROLE,
        way=(_deployment_hop(deployment), _token_hop(deployment)),
        evidence={"image": image_of(deployment), "credential": f"Secret {TOKEN_SECRET}"},
        newer_actions=_newer_actions(deployment),
    )


def by_instance(deployment: Deployment, found: NodeRole) -> RoleUse:
    return RoleUse(
        autoscaler=deployment.ref,
        role_name=found.role_name,
        way=_way_without_token(deployment, found),
        evidence={
            "image": image_of(deployment),
            "credential": "instance role",
            "node": found.node.name,
            "instance": found.instance_id,
        },
        newer_actions=_newer_actions(deployment),
    )


def lacks(use: RoleUse, held: Permissions, groups: tuple[Hop, ...]) -> Finding:
    """Say what the role lacks.

    The service role was made for all that its autoscaler calls. Of a worker role the documentation asks for
    less: what only newer versions call is then no more than a risk.
    """
    if use.is_service_role or any(action in ACTIONS for action in held.lacking):
        severity, certainty, fault = Severity.HIGH, Certainty.CONFIRMED, "lacks-actions"
    else:
        severity, certainty, fault = Severity.INFO, Certainty.AT_RISK, "lacks-newer-actions"
    if held.not_allowed:
        message = t(
            "{autoscaler} uses role {role}, which may not call {actions}: no policy listed for the role allows it",
            autoscaler=use.autoscaler.path,
            role=use.role_name,
            actions=list(held.lacking),
        )
    else:
        message = t(
            "{autoscaler} uses role {role}, which may not call {actions}: {statements} deny it",
            autoscaler=use.autoscaler.path,
            role=use.role_name,
            actions=list(held.lacking),
            statements=[str(statement) for statement in held.denied_by],
        )
    detail = t("lacks {actions}", actions=list(held.lacking))
    return Finding(
        subject=use.role,
        message=message,
        severity=severity,
        certainty=certainty,
        fault=fault,
        remedy=_grant(use, held),
        trail=(*use.way, broken(use.role, detail), *groups),
        evidence={
            **use.evidence,
            "role": use.role_name,
            "lacking_actions": list(held.lacking),
            "denied_by": [str(statement) for statement in held.denied_by],
            "attached_policies": list(held.attached),
        },
        affected=(use.autoscaler,),
    )


def _grant(use: RoleUse, held: Permissions) -> tuple[Step, ...]:
    steps = [
        step(
            t("Confirm which policies the role has; those attached for one resource group only are not listed here"),
            *("aliyun", "ram", "ListPoliciesForRole", "--RoleName", use.role_name),
        )
    ]
    if held.denied_by:
        text = t("Take the Deny out of {statements}", statements=[str(statement) for statement in held.denied_by])
        steps.append(Step(text))
    if held.not_allowed and use.is_service_role:
        steps.append(_attach_service_policy())
    elif held.not_allowed:
        steps += [
            Step(
                t(
                    "In a managed cluster, authorise the service role {role} and enable node scaling again in the "
                    "console, so that the autoscaler gets a token and leaves the role of the node alone",
                    role=SERVICE_ROLE,
                )
            ),
            step(
                t(
                    "Else attach a custom policy with the lacking actions. Every Pod that can reach the metadata "
                    "service of such a node may call them from then on"
                ),
                *("aliyun", "ram", "AttachPolicyToRole", "--PolicyType", "Custom", "--PolicyName", "<policy>"),
                *("--RoleName", use.role_name),
            ),
        ]
    return (*steps, *_restart(use.autoscaler))


def _attach_service_policy() -> Step:
    return step(
        t("Attach the system policy that belongs to the role"),
        *("aliyun", "ram", "AttachPolicyToRole", "--PolicyType", "System", "--PolicyName", SERVICE_ROLE_POLICY),
        *("--RoleName", SERVICE_ROLE),
    )


def _restart(autoscaler: Ref) -> Sequence[Step]:
    if autoscaler.kind != "Deployment":
        return ()
    text = t("Restart the autoscaler, which may have given up at its start; no workload is touched by that")
    names = ("-n", autoscaler.namespace, f"deployment/{autoscaler.name}")
    return (step(text, "kubectl", "rollout", "restart", *names),)


def role_missing(use: RoleUse, groups: tuple[Hop, ...]) -> Finding:
    authorise = Step(
        t(
            "Make the role {role} again: for a service role, by the authorisation page that the console offers when "
            "node scaling is enabled",
            role=use.role_name,
        )
    )
    return Finding(
        subject=use.role,
        message=t(
            "{autoscaler} uses role {role}, which does not exist", autoscaler=use.autoscaler.path, role=use.role_name
        ),
        fault="role-missing",
        remedy=(
            step(t("Confirm that the role is missing"), "aliyun", "ram", "GetRole", "--RoleName", use.role_name),
            authorise,
            *_restart(use.autoscaler),
        ),
        trail=(*use.way, broken(use.role, t("does not exist")), *groups),
        evidence={**use.evidence, "role": use.role_name},
        affected=(use.autoscaler,),
    )


def no_role(deployment: Deployment, found: NodeRole, expected_role: str, groups: tuple[Hop, ...]) -> Finding:
    role = cloud_ref("RamRole", expected_role)
    return Finding(
        subject=role,
        message=t(
            "{autoscaler} runs on node {node} and has no token, and instance {instance} carries no RAM role",
            autoscaler=deployment.key,
            node=found.node.name,
            instance=found.instance_id,
        ),
        fault="not-attached",
        remedy=(
            step(
                t("Confirm that the instance has no role"),
                *("aliyun", "ecs", "DescribeInstanceRamRole", "--InstanceIds", f'["{found.instance_id}"]'),
            ),
            step(
                t("Give the role back to the instance; all Pods on it can use the role then, as on the other nodes"),
                *("aliyun", "ecs", "AttachInstanceRamRole", "--InstanceIds", f'["{found.instance_id}"]'),
                *("--RamRoleName", expected_role),
            ),
            *_restart(deployment.ref),
        ),
        trail=(
            *_way_without_token(deployment, found),
            broken(role, t("not attached to {instance}", instance=found.instance_id)),
            *groups,
        ),
        evidence={"image": image_of(deployment), "node": found.node.name, "instance": found.instance_id, "role": None},
        affected=(found.node.ref,),
    )


def token_wanted(deployment: Deployment, found: NodeRole, region: str) -> Finding:
    """Say that the metadata service of the instance answers none but requests with a token, and it sends none."""
    instance = cloud_ref("Instance", found.instance_id)
    role = cloud_ref("RamRole", found.role_name)
    return Finding(
        subject=role,
        certainty=Certainty.LIKELY,
        message=t(
            "{autoscaler} ({image}) asks the metadata service of instance {instance} for role {role} without a token, "
            "and the instance answers only requests with one (HttpTokens is required)",
            autoscaler=deployment.key,
            image=image_of(deployment),
            instance=found.instance_id,
            role=found.role_name,
        ),
        fault="metadata-wants-token",
        why=t(
            "An autoscaler without credentials ends at its start, or fails when those it has run out. ACK supports "
            "nodes that want a token (IMDSv2) from clusters and components of 1.28 on."
        ),
        remedy=(
            step(
                t("Confirm that MetadataOptions.HttpTokens of the instance is required"),
                *("aliyun", "ecs", "DescribeInstances", "--RegionId", region or "<region>"),
                *("--InstanceIds", f'["{found.instance_id}"]'),
            ),
            Step(
                t(
                    "Upgrade the autoscaler: console, Operations, Add-ons. In a managed cluster, authorise the service "
                    "role {role}, so that it gets a token from ACK and leaves the metadata service alone",
                    role=SERVICE_ROLE,
                )
            ),
            step(
                t(
                    "Until then, let the instance answer without a token as well; every Pod on it can then ask for the "
                    "role with a plain request, as on nodes that were not hardened"
                ),
                *("aliyun", "ecs", "ModifyInstanceMetadataOptions", "--RegionId", region or "<region>"),
                *("--InstanceId", found.instance_id, "--HttpEndpoint", "enabled", "--HttpTokens", "optional"),
            ),
            *_restart(deployment.ref),
        ),
        trail=(
            *_way_without_token(deployment, found)[:-1],
            broken(instance, t("its metadata service wants a token")),
            ok(role, t("carried by {instance}", instance=found.instance_id)),
        ),
        evidence={
            "image": image_of(deployment),
            "node": found.node.name,
            "instance": found.instance_id,
            "http_tokens": "required",
            "role": found.role_name,
        },
        affected=(found.node.ref,),
    )


def unused_role(deployment: Deployment, found: NodeRole, lacking: list[str]) -> Finding:
    role = cloud_ref("RamRole", found.role_name)
    return Finding(
        subject=role,
        severity=Severity.INFO,
        message=t(
            "worker role {role} may not call {actions}, and need not: {autoscaler} uses role {used}",
            role=found.role_name,
            actions=lacking,
            autoscaler=deployment.key,
            used=SERVICE_ROLE,
        ),
        why=t(
            "The worker roles that ACK makes allow next to nothing. It would be a fault only if the autoscaler "
            "lost its token and fell back to the role of the node."
        ),
        fault="unused-role-lacks-actions",
        remedy=(Step(t("Nothing to do. Do not widen the worker role: every Pod on the nodes can use it")),),
        trail=(
            _deployment_hop(deployment),
            _token_hop(deployment),
            *_way_to_instance(found),
            broken(role, t("lacks {actions}; not used", actions=lacking)),
        ),
        evidence={"role": found.role_name, "lacking_actions": lacking, "used_role": SERVICE_ROLE},
    )


def _token_hop(deployment: Deployment) -> Hop:
    secret = kubernetes_ref("Secret", TOKEN_SECRET, deployment.namespace)
    return ok(secret, t("its token is for role {role}", role=SERVICE_ROLE))


def _way_without_token(deployment: Deployment, found: NodeRole) -> tuple[Hop, ...]:
    """Return the way to the instance; a token Secret that is asked for and is not there breaks it first."""
    hops = [_deployment_hop(deployment)]
    if wants_token(deployment):
        secret = kubernetes_ref("Secret", TOKEN_SECRET, deployment.namespace)
        hops.append(broken(secret, t("does not exist: what is left is the role of the instance")))
    return (*hops, *_way_to_instance(found))


def _way_to_instance(found: NodeRole) -> tuple[Hop, ...]:
    return (
        ok(found.pod.ref, t("on node {node}", node=found.node.name)),
        ok(found.node.ref, t("on instance {instance}", instance=found.instance_id)),
        ok(
            cloud_ref("Instance", found.instance_id),
            t("carries role {role}", role=found.role_name) if found.role_name else t("carries no role"),
        ),
    )


def _deployment_hop(deployment: Deployment) -> Hop:
    return ok(deployment.ref, t("image {image}", image=image_of(deployment)))


def image_of(deployment: Deployment) -> str:
    """Return the image of a Deployment's first container; empty if it has none."""
    containers = deployment.spec.template.spec.containers
    return containers[0].image if containers else ""


def _newer_actions(deployment: Deployment) -> tuple[str, ...]:
    return NEWER_ACTIONS if uses_newer_actions(deployment.name, image_tag(image_of(deployment))) else ()
