"""Who may do what: roles, their bindings, and what the API server says of an identity."""

from typing import ClassVar

import msgspec

from auditor.facts.kubernetes.meta import KubernetesObject, LabelSelector, Meta


class PolicyRule(msgspec.Struct, rename="camel", frozen=True):
    """A right: verbs on resources of API groups, or on paths that are no resources; ``*`` stands for all."""

    verbs: list[str] = []
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None
    non_resource_urls: list[str] | None = msgspec.field(default=None, name="nonResourceURLs")


class Role(KubernetesObject, frozen=True):
    """Rights in a namespace."""

    KIND: ClassVar[str] = "Role"

    metadata: Meta
    rules: list[PolicyRule] | None = None


class AggregationRule(msgspec.Struct, rename="camel", frozen=True):
    """Which other ClusterRoles are united in this one; the API server writes their rules into it."""

    cluster_role_selectors: list[LabelSelector] | None = None


class ClusterRole(KubernetesObject, frozen=True):
    """Rights in the whole cluster, or in any namespace that binds it."""

    KIND: ClassVar[str] = "ClusterRole"

    metadata: Meta
    rules: list[PolicyRule] | None = None
    aggregation_rule: AggregationRule | None = None


class BoundSubject(msgspec.Struct, rename="camel", frozen=True):
    """Somebody who gets rights: a User, a Group or a ServiceAccount."""

    kind: str
    name: str
    namespace: str = ""


class RoleRef(msgspec.Struct, rename="camel", frozen=True):
    """The role that is given: a Role or a ClusterRole."""

    kind: str
    name: str


class RoleBinding(KubernetesObject, frozen=True):
    """Gives a role in a namespace."""

    KIND: ClassVar[str] = "RoleBinding"

    metadata: Meta
    role_ref: RoleRef
    subjects: list[BoundSubject] | None = None


class ClusterRoleBinding(KubernetesObject, frozen=True):
    """Gives a ClusterRole in the whole cluster."""

    KIND: ClassVar[str] = "ClusterRoleBinding"

    metadata: Meta
    role_ref: RoleRef
    subjects: list[BoundSubject] | None = None


class AccessReview(msgspec.Struct, frozen=True):
    """What the API server said when it was asked whether somebody may do something.

    Attributes:
        user: who; empty if only groups were asked for.
        groups: the groups that they were said to be in.
        verb: what they would do.
        group: the API group of the resource; empty for the core group.
        resource: the resource.
        subresource: such as ``log``; empty for the resource itself.
        namespace: where; empty for all namespaces, or a resource of the cluster.
        allowed: whether they may.
        denied: whether an authorizer said no for good; else none said yes.
        reason: the API server's words.
    """

    user: str
    groups: list[str]
    verb: str
    group: str
    resource: str
    namespace: str
    allowed: bool
    subresource: str = ""
    denied: bool = False
    reason: str = ""

    @property
    def key(self) -> str:
        """All that was asked."""
        return access_review_key(
            self.user, self.groups, self.verb, self.group, self.resource, self.subresource, self.namespace
        )


def access_review_key(
    user: str, groups: list[str], verb: str, group: str, resource: str, subresource: str, namespace: str
) -> str:
    """Return the key of the answer to one question."""
    target = "/".join(part for part in (group, resource, subresource) if part)
    return f"{user} [{','.join(sorted(groups))}] {verb} {target} in {namespace or '*'}"
