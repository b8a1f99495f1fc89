"""The questions behind the rights that an operator says somebody must have: one for each verb of each right."""

from collections.abc import Iterator
from typing import NamedTuple

from auditor.facts.kubernetes.rbac import access_review_key
from auditor.facts.landscape import ClusterIdentity

SERVICE_ACCOUNT = "system:serviceaccount:"
ANONYMOUS = "system:anonymous"


class Question(NamedTuple):
    """May somebody do something? The groups are all that the API server would take them to be in."""

    user: str
    groups: tuple[str, ...]
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str

    @property
    def key(self) -> str:
        """The key of the answer in ``access_reviews``."""
        return access_review_key(
            self.user, list(self.groups), self.verb, self.group, self.resource, self.subresource, self.namespace
        )


def questions(cluster: ClusterIdentity) -> Iterator[Question]:
    """Yield what has to be asked to know whether everybody has the rights that they must have."""
    for identity in cluster.identities:
        groups = groups_of(identity.user, identity.groups)
        for right in identity.must:
            resource, _, subresource = right.resource.partition("/")
            for verb in right.verbs:
                yield Question(identity.user, groups, verb, right.group, resource, subresource, right.namespace)


def groups_of(user: str, groups: list[str]) -> tuple[str, ...]:
    """Return the groups that the API server takes somebody to be in: those given, and those that it adds itself.

    Everybody who logged in is in ``system:authenticated``, and a service account in two groups more
    (https://kubernetes.io/docs/reference/access-authn-authz/authentication/). Who is named by groups alone logged in
    as well, since it is the login that tells the groups.
    """
    added = {"system:unauthenticated" if user == ANONYMOUS else "system:authenticated"}
    if user.startswith(SERVICE_ACCOUNT):
        namespace = user.removeprefix(SERVICE_ACCOUNT).partition(":")[0]
        added |= {"system:serviceaccounts", f"system:serviceaccounts:{namespace}"}
    return tuple(sorted({*groups, *added}))
