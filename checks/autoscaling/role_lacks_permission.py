"""The autoscaler's RAM role may not call what it needs.

The autoscaler reads and changes scaling groups with a RAM role. In a managed cluster that is the service role
AliyunCSManagedAutoScalerRole, by the token that ACK leaves in a Secret; without the token it is the role of the
instance that its Pod runs on. An action that this role may not call fails with Forbidden.RAM: the autoscaler
stops at its start, or no node is ever added, and Pods stay pending though the pool could grow. The worker role
that ACK makes today allows next to nothing. That is a fault only if the autoscaler uses it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from auditor.facts.cloud.cs import Addon, Cluster, NodePool
from auditor.facts.cloud.ecs import Instance
from auditor.facts.cloud.ram import AttachedPolicies, Policy, Role
from auditor.facts.joins import AutoscalerRoles
from auditor.facts.joins.autoscalers import Credential, NodeRole
from auditor.facts.kubernetes.workloads import Deployment
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.autoscaler_actions import (
    ACTIONS,
    AUTOSCALERS,
    CLUSTER_AUTOSCALER,
    NAMESPACE,
    NEWER_ACTIONS,
    SERVICE_ROLE,
    asks_without_token,
    image_tag,
    is_autoscaler,
    uses_newer_actions,
)
from auditor.facts.rules.role_permissions import RolePermissions
from auditor.judge.api import (
    Check,
    Hop,
    NotApplicable,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    ReasonKind,
    Ref,
    Severity,
    Table,
    Verdict,
    cloud_ref,
    kubernetes_ref,
    ok,
    said,
    t,
    undecidable,
)
from checks.autoscaling._outside import may_run_outside
from checks.autoscaling._role_findings import (
    RoleUse,
    by_instance,
    by_token,
    image_of,
    lacks,
    no_role,
    role_missing,
    token_wanted,
    unused_role,
)

check = Check(
    severity=Severity.HIGH,
    causes=("A1",),
    since="0.1.0",
    symptoms=("autoscaler-fails",),
    limits=(
        "Policies attached for one resource group only are not listed by the API: what they allow is found lacking.",
        "Statements with a Condition, NotAction, NotResource or less than every resource are not evaluated.",
        "An autoscaler that uses RRSA or an access key is not evaluated: its environment is not read.",
        "The actions for binding an EIP are not asked for.",
        "Where nodes want a token for their metadata (IMDSv2), autoscalers before 1.28 are taken to send none.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/auto-scaling-of-nodes",
        "https://www.alibabacloud.com/help/en/ram/developer-reference/aliyuncsmanagedautoscalerrolepolicy",
    ),
)

TOKEN_REQUIRED = "required"  # noqa: S105 - a setting, not a secret
"""What ``MetadataOptions.HttpTokens`` of an instance says whose metadata service answers nobody without a token."""
NODE_POOL_LABEL = "alibabacloud.com/nodepool-id"
WORKER_ROLE = "KubernetesWorkerRole"
"""How ACK's worker roles are named, for a node whose pool and cluster name none."""


@dataclass(frozen=True)
class Autoscaler:
    """One autoscaler of the cluster; without a Deployment, the one that ACK may run outside."""

    deployment: Deployment | None

    @property
    def ref(self) -> Ref:
        """The Deployment, by the name it has or would have."""
        return self.deployment.ref if self.deployment else kubernetes_ref("Deployment", CLUSTER_AUTOSCALER, NAMESPACE)


def subjects(deployments: Table[Deployment]) -> Iterable[Autoscaler]:
    # ACK's own is in kube-system; one that the operator installed may be in any namespace, and named by Helm.
    present = [row for row in deployments.known_rows() if is_autoscaler(row.name, _images(row))]
    return [Autoscaler(deployment) for deployment in present] or [Autoscaler(None)]


def judge(
    autoscaler: Autoscaler,
    cluster: ClusterIdentity,
    deployments: Table[Deployment],
    node_pools: Table[NodePool],
    addons: Table[Addon],
    clusters: Table[Cluster],
    autoscaler_roles: AutoscalerRoles,
    roles: Table[Role],
    attached_policies: Table[AttachedPolicies],
    policies: Table[Policy],
    instances: Table[Instance],
) -> Iterator[Verdict]:
    permissions = RolePermissions(roles, attached_policies, policies)
    groups = _scaling_groups(node_pools)
    deployment = autoscaler.deployment
    if deployment is None:
        for name in AUTOSCALERS:
            deployments.get(f"{NAMESPACE}/{name}")  # a gap that may hide it
        may_be_outside = partial(may_run_outside, clusters, cluster)
        yield from _judge_outside(node_pools, addons, permissions, groups, may_be_outside)
    elif deployment.replicas == 0:
        yield NotApplicable(t("{autoscaler} is scaled to zero: it uses no role", autoscaler=deployment.key))
    else:
        match autoscaler_roles.credential_of(deployment):
            case Credential.TOKEN:
                yield from _judge_role(by_token(deployment), permissions, groups)
                yield from _note_unused_role(deployment, autoscaler_roles, permissions)
            case Credential.OWN:
                yield undecidable(
                    "kubernetes",
                    t(
                        "{autoscaler} has an identity of its own (RRSA or an access key); which one is not read",
                        autoscaler=deployment.key,
                    ),
                )
            case Credential.INSTANCE:
                expected = _ExpectedRole(cluster, clusters, node_pools)
                yield from _judge_instances(deployment, autoscaler_roles, permissions, groups, expected)
                yield from _judge_metadata(deployment, autoscaler_roles, instances, cluster.region)


def _images(deployment: Deployment) -> list[str]:
    return [container.image for container in deployment.spec.template.spec.containers]


def _judge_outside(
    node_pools: Table[NodePool],
    addons: Table[Addon],
    permissions: RolePermissions,
    groups: tuple[Hop, ...],
    may_be_outside: Callable[[], bool],
) -> Iterator[Verdict]:
    """Judge the autoscaler that ACK runs outside the cluster: its add-on is active, and no Deployment is there."""
    if not any(pool.auto_scaling for pool in node_pools.known_rows()):
        for pool in node_pools.all():
            said(pool.auto_scaling, "cs", t("whether node pool {pool} scales automatically", pool=pool.ref.path))
        yield NotApplicable(t("no autoscaler runs in the cluster, and no node pool scales automatically"))
        return
    active = [addon for name in AUTOSCALERS if (addon := addons.get(name)) and addon.state.lower() == "active"]
    if not active or not may_be_outside():
        active = []
        yield NotApplicable(t("no autoscaler runs for the cluster: no role is used"))
    for addon in active:
        ref = cloud_ref("Addon", addon.name)
        use = RoleUse(
            autoscaler=ref,
            role_name=SERVICE_ROLE,
            way=(ok(ref, t("version {version}, outside the cluster", version=addon.version)),),
            evidence={"addon": addon.name, "version": addon.version},
            newer_actions=NEWER_ACTIONS if uses_newer_actions(addon.name, addon.version) else (),
        )
        yield from _judge_role(use, permissions, groups)


def _judge_instances(
    deployment: Deployment,
    autoscaler_roles: AutoscalerRoles,
    permissions: RolePermissions,
    groups: tuple[Hop, ...],
    expected: "_ExpectedRole",
) -> Iterator[Verdict]:
    """Judge the roles of the instances that the autoscaler's Pods run on, each once."""
    found, reasons = _roles_under(deployment, autoscaler_roles)
    if reasons:
        yield NotEvaluated(tuple(reasons))
    elif not found:
        yield NotApplicable(t("no Pod of {autoscaler} is on a node: it uses no role", autoscaler=deployment.key))
    for role_name, node_role in found.items():
        if role_name:
            yield from _judge_role(by_instance(deployment, node_role), permissions, groups)
        else:
            yield no_role(deployment, node_role, expected.of(node_role), groups)


def _roles_under(deployment: Deployment, autoscaler_roles: AutoscalerRoles) -> tuple[dict[str, NodeRole], list[Reason]]:
    """Return the roles that a Deployment's Pods run on, by name, and why others are not known."""
    found: dict[str, NodeRole] = {}
    reasons: list[Reason] = []
    for pod in autoscaler_roles.pods_of(deployment):
        try:
            node_role = autoscaler_roles.role_under(pod)
        except NotKnown as gap:
            reasons += gap.reasons
        else:
            if node_role is not None:
                found.setdefault(node_role.role_name, node_role)
    return found, reasons


def _judge_metadata(
    deployment: Deployment, autoscaler_roles: AutoscalerRoles, instances: Table[Instance], region: str
) -> Iterator[Verdict]:
    """Judge whether the autoscaler gets an answer from the metadata service of its instance, by which it has the role.

    An instance may want a token with each request (IMDSv2), which old autoscalers do not send.
    """
    asks_without = asks_without_token(deployment.name, image_tag(image_of(deployment)))
    if asks_without is False:
        return
    for found in _roles_under(deployment, autoscaler_roles)[0].values():
        instance = instances.get(found.instance_id) if found.role_name else None
        if instance is None:
            continue  # it carries no role, or is gone: what can be said of that is said elsewhere
        what = t("whether the metadata service of instance {instance} wants a token", instance=found.instance_id)
        if said(instance.http_tokens, "ecs", what).lower() != TOKEN_REQUIRED:
            continue
        if asks_without:
            yield token_wanted(deployment, found, region)
        else:
            yield undecidable(
                "kubernetes",
                t(
                    "the metadata service of instance {instance} wants a token; whether {autoscaler} sends one can't "
                    "be told from its image {image}",
                    instance=found.instance_id,
                    autoscaler=deployment.key,
                    image=image_of(deployment),
                ),
            )


def _judge_role(use: RoleUse, permissions: RolePermissions, groups: tuple[Hop, ...]) -> Iterator[Verdict]:
    asked = (*ACTIONS, *use.newer_actions)
    held = permissions.of(use.role_name, asked)
    if not held.exists:
        yield role_missing(use, groups)
        return
    if held.lacking:
        yield lacks(use, held, groups)
    if held.reasons:
        yield NotEvaluated(held.reasons)
    elif not held.lacking:
        yield Passed()


def _note_unused_role(
    deployment: Deployment, autoscaler_roles: AutoscalerRoles, permissions: RolePermissions
) -> Iterator[Verdict]:
    """Say that the worker role lacks the actions, for those who look there first, and that it need not have them."""
    found, reasons = _roles_under(deployment, autoscaler_roles)
    for role_name, node_role in found.items():
        if role_name not in ("", SERVICE_ROLE):
            held = permissions.of(role_name, ACTIONS)
            reasons += held.reasons
            lacking = [action for action in held.lacking if action.startswith("ess:")]
            if lacking:
                yield unused_role(deployment, node_role, lacking)
    # What was read of a role that nobody uses, and does not decide, is no gap in the audit.
    gaps = tuple(reason for reason in reasons if reason.kind is not ReasonKind.UNDECIDABLE)
    if gaps:
        yield NotEvaluated(gaps)


class _ExpectedRole:
    """The role that an instance should carry: that of its node pool, else the cluster's worker role."""

    def __init__(self, cluster: ClusterIdentity, clusters: Table[Cluster], node_pools: Table[NodePool]) -> None:
        self._cluster = cluster
        self._clusters = clusters
        self._node_pools = node_pools

    def of(self, found: NodeRole) -> str:
        """Return the name of the role that should be there."""
        pool_id = found.node.labels.get(NODE_POOL_LABEL)
        pool = self._node_pools.get(pool_id) if pool_id else None
        if pool is not None and pool.role_name:
            return pool.role_name
        cluster = self._clusters.get(self._cluster.cluster_id)
        return (cluster.worker_role_name if cluster else None) or WORKER_ROLE


def _scaling_groups(node_pools: Table[NodePool]) -> tuple[Hop, ...]:
    """Return the groups that the autoscaler scales, for the end of a trail; those that are known."""
    pools = () if node_pools.is_unavailable else node_pools.known_rows()
    return tuple(
        ok(cloud_ref("ScalingGroup", pool.scaling_group_id), t("of node pool {pool}", pool=pool.ref.path))
        for pool in pools
        if pool.auto_scaling and pool.scaling_group_id
    )
