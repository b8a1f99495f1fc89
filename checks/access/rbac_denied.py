"""Somebody lacks a right in the cluster that they must have.

Whoever may use ACK in the console, by RAM, may not for that do anything inside of the cluster: rights there are given
by Kubernetes RBAC, through roles and bindings, or by ACK's Authorizations page, which writes them. Who lacks one is
told "... is forbidden: User ... cannot ... resource ...". The configuration says who must be able to do what; the API
server is asked, and where it may not be asked, roles and bindings are read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from auditor.facts.cloud.cs import UserPermissions
from auditor.facts.joins.rbac_rights import RbacRights
from auditor.facts.kubernetes.rbac import AccessReview
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.first_match import unique
from auditor.facts.rules.wanted_rights import SERVICE_ACCOUNT, Question, questions
from auditor.judge.api import (
    Check,
    NotEvaluated,
    NotKnown,
    Passed,
    Reason,
    Ref,
    Severity,
    Table,
    Verdict,
    kubernetes_ref,
    said,
    t,
)
from checks.access._rbac_findings import Lack, denied_finding, ram_user

check = Check(
    severity=Severity.MEDIUM,
    causes=("K1",),
    since="0.1.0",
    symptoms=("kubectl-forbidden",),
    limits=(
        "Only the identities and rights that the configuration names under `identities` are looked at.",
        "Rights on single objects by name (`resourceNames`) don't count: what is asked for is the whole kind.",
        "Where the API server may not be asked, a right that something other than RBAC gives stays unseen.",
    ),
    links=("https://kubernetes.io/docs/reference/access-authn-authz/rbac/",),
)


@dataclass(frozen=True)
class Identity:
    """Somebody, and everything that they must be able to do."""

    user: str
    groups: tuple[str, ...]
    asked: tuple[Question, ...]

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports: a service account, a user, or groups."""
        if self.user.startswith(SERVICE_ACCOUNT):
            namespace, _, name = self.user.removeprefix(SERVICE_ACCOUNT).partition(":")
            return kubernetes_ref("ServiceAccount", name, namespace)
        if self.user:
            return kubernetes_ref("User", self.user)
        return kubernetes_ref("Group", ",".join(group for group in self.groups if not group.startswith("system:auth")))


def subjects(cluster: ClusterIdentity) -> Iterable[Identity]:
    by_identity: dict[tuple[str, tuple[str, ...]], dict[str, Question]] = {}
    for question in questions(cluster):
        by_identity.setdefault((question.user, question.groups), {})[question.key] = question
    return [Identity(user, groups, tuple(asked.values())) for (user, groups), asked in by_identity.items()]


def judge(
    identity: Identity,
    access_reviews: Table[AccessReview],
    rbac_rights: RbacRights,
    user_permissions: Table[UserPermissions],
    cluster: ClusterIdentity,
) -> Iterator[Verdict]:
    lacking: list[Lack] = []
    reasons: list[Reason] = []
    for question in identity.asked:
        try:
            lack = _answer(question, access_reviews, rbac_rights)
        except NotKnown as gap:
            reasons += gap.reasons
            continue
        if lack is not None:
            lacking.append(lack)
            reasons += lack.reasons
    if lacking:
        bindings = rbac_rights.known_bindings(identity.user, identity.groups)
        grants = _grants(identity.user, user_permissions, cluster)
        yield denied_finding(identity.ref, identity.user, identity.groups, lacking, bindings, grants)
    if reasons:
        yield NotEvaluated(unique(reasons))
    elif not lacking:
        yield Passed()


def _answer(question: Question, access_reviews: Table[AccessReview], rbac_rights: RbacRights) -> Lack | None:
    """Return the right that is lacking; None if it is there. Raises NotKnown if neither way tells."""
    try:
        row = said(access_reviews.get(question.key), "kubernetes", t("whether {question}", question=question.key))
    except NotKnown as gap:
        try:
            allowed = rbac_rights.allows(question)
        except NotKnown as static:
            raise NotKnown(*gap.reasons, *static.reasons) from None
        # Roles and bindings that allow it do so for certain; that none of them does leaves other authorizers.
        return None if allowed else Lack(question, is_asked=False, reasons=gap.reasons)
    return None if row.allowed else Lack(question, is_asked=True, words=row.reason)


def _grants(user: str, user_permissions: Table[UserPermissions], cluster: ClusterIdentity) -> list[str] | None:
    """Return what ACK gave to a RAM user that concerns this cluster; None if that is not known, or not theirs."""
    uid = ram_user(user)
    if not uid:
        return None
    try:
        row = user_permissions.get(uid)
    except NotKnown:
        return None
    if row is None:
        return []
    own = [one for one in row.grants if one.resource_id.split("/")[0] in (cluster.cluster_id, "all-clusters", "")]
    return [f"{one.role_type or one.role_name} on {one.resource_id}" for one in own]
