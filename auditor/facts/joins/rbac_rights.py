"""Somebody ↔ the bindings that name them, and what these allow.

The rules are those of "Using RBAC Authorization" in the Kubernetes documentation: rights only add up, a ClusterRole
bound by a RoleBinding holds in the binding's namespace, and a rule with ``resourceNames`` says nothing of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.facts.kubernetes.rbac import (
    BoundSubject,
    ClusterRole,
    ClusterRoleBinding,
    PolicyRule,
    Role,
    RoleBinding,
)
from auditor.facts.ref import Ref, kubernetes_ref
from auditor.facts.rules.wanted_rights import SERVICE_ACCOUNT, Question
from auditor.facts.table import NotKnown, Reason, Table

ANY = "*"
MASTERS = "system:masters"
"""Whoever is in this group may do everything, whatever the roles say."""


@dataclass(frozen=True)
class Binding:
    """A binding that names somebody: in which namespace it holds (empty for all), and the role that it gives."""

    ref: Ref
    namespace: str
    role_kind: str
    role_name: str

    @property
    def shown(self) -> str:
        """The binding as it is shown."""
        return f"{self.ref.kind} {self.ref.path} -> {self.role_kind} {self.role_name}"


class RbacRights:
    """Somebody ↔ the bindings that name them, by user, group or service account."""

    def __init__(
        self,
        cluster_role_bindings: Table[ClusterRoleBinding],
        role_bindings: Table[RoleBinding],
        cluster_roles: Table[ClusterRole],
        rbac_roles: Table[Role],
    ) -> None:
        """Join the four tables."""
        self._cluster_bindings = cluster_role_bindings
        self._bindings = role_bindings
        self._cluster_roles = cluster_roles
        self._roles = rbac_roles
        self._by_subject: dict[tuple[str, str], list[Binding]] | None = None

    def known_bindings(self, user: str, groups: tuple[str, ...]) -> list[Binding]:
        """Return the bindings that name a user or one of the groups, as far as bindings are known."""
        index = self._index()
        keys = [*([("User", user)] if user else []), *(("Group", group) for group in groups)]
        return list(dict.fromkeys(binding for key in keys for binding in index.get(key, ())))

    @property
    def binding_reasons(self) -> tuple[Reason, ...]:
        """Why further bindings may be missing."""
        return (*self._cluster_bindings.reasons, *self._bindings.reasons)

    def allows(self, question: Question) -> bool:
        """Tell whether RBAC allows what is asked. Raises NotKnown if a gap may hide what would."""
        if MASTERS in question.groups:
            return True
        reasons: list[Reason] = list(self.binding_reasons)
        for binding in self.known_bindings(question.user, question.groups):
            if binding.namespace and binding.namespace != question.namespace:
                continue
            try:
                if any(covers(rule, question) for rule in self._rules(binding)):
                    return True
            except NotKnown as gap:
                reasons += gap.reasons
        if reasons:
            raise NotKnown(*reasons)
        return False

    def _rules(self, binding: Binding) -> list[PolicyRule]:
        role: ClusterRole | Role | None
        if binding.role_kind == "ClusterRole":
            role = self._cluster_roles.get(binding.role_name)
        else:
            role = self._roles.get(f"{binding.namespace}/{binding.role_name}")
        return (role.rules or []) if role else []

    def _index(self) -> dict[tuple[str, str], list[Binding]]:
        if self._by_subject is None:
            found: dict[tuple[str, str], list[Binding]] = {}
            for subject, binding in self._all():
                found.setdefault(_key(subject, binding.namespace), []).append(binding)
            self._by_subject = found
        return self._by_subject

    def _all(self) -> Iterator[tuple[BoundSubject, Binding]]:
        rows: list[ClusterRoleBinding | RoleBinding] = []
        if not self._cluster_bindings.is_unavailable:
            rows += self._cluster_bindings.known_rows()
        if not self._bindings.is_unavailable:
            rows += self._bindings.known_rows()
        for row in rows:
            ref = kubernetes_ref(row.KIND, row.name, row.namespace)
            binding = Binding(ref, row.namespace, row.role_ref.kind, row.role_ref.name)
            for subject in row.subjects or ():
                yield subject, binding


def _key(subject: BoundSubject, namespace: str) -> tuple[str, str]:
    if subject.kind == "ServiceAccount":
        return "User", f"{SERVICE_ACCOUNT}{subject.namespace or namespace}:{subject.name}"
    return subject.kind, subject.name


def covers(rule: PolicyRule, question: Question) -> bool:
    """Tell whether a rule allows what is asked, for every object of the kind."""
    resource = f"{question.resource}/{question.subresource}" if question.subresource else question.resource
    names = {resource, ANY, *([f"{ANY}/{question.subresource}"] if question.subresource else [])}
    return (
        not rule.resource_names
        and bool({question.verb, ANY} & set(rule.verbs))
        and bool({question.group, ANY} & set(rule.api_groups or ()))
        and bool(names & set(rule.resources or ()))
    )
