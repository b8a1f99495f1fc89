"""Access reviews: may somebody do what the operator says they must be able to do?

A SubjectAccessReview is a question: the API server answers it and stores nothing
(https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access).
"""

from concurrent.futures import ThreadPoolExecutor

import msgspec

from auditor.collect.kubernetes.calls import Review
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.connect import CONNECTIONS
from auditor.collect.kubernetes.failures import SOURCE, UNREADABLE, CallFailed, reason, single_line
from auditor.collect.provider import provides
from auditor.facts.kubernetes.rbac import AccessReview
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.ref import Layer
from auditor.facts.rules.wanted_rights import Question, questions
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.facts.text import t

PERMISSION = "create subjectaccessreviews.authorization.k8s.io"
MOST_REVIEWS = 500


class _Status(msgspec.Struct, rename="camel", frozen=True):
    allowed: bool
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class _Answer(msgspec.Struct, frozen=True):
    kind: str
    status: _Status


_ANSWER = msgspec.json.Decoder(_Answer)


@provides("access_reviews", source=SOURCE, layer=Layer.KUBERNETES, permissions=(PERMISSION,))
def access_reviews(client: KubernetesClient, cluster: ClusterIdentity) -> Table[AccessReview]:
    """Ask one question for each verb of each right that the configured identities must have."""
    wanted = list({question.key: question for question in questions(cluster)}.values())
    asked, beyond = wanted[:MOST_REVIEWS], wanted[MOST_REVIEWS:]
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="review") as pool:
        results = list(pool.map(lambda question: _ask(client, question), asked))
    rows = [result for result in results if isinstance(result, AccessReview)]
    gaps = [result for result in results if isinstance(result, Gap)]
    if gaps and not rows and all(gap.reason.kind is gaps[0].reason.kind for gap in gaps):
        return Table.unavailable("access_reviews", gaps[0].reason)
    if beyond:
        message = t("only the first {count} of {total} rights were asked for", count=len(asked), total=len(wanted))
        gaps.append(Gap(reason(ReasonKind.TRUNCATED, message), frozenset(question.key for question in beyond)))
    return Table("access_reviews", rows, gaps=gaps, asked=[question.key for question in wanted])


def _ask(client: KubernetesClient, question: Question) -> AccessReview | Gap:
    only_this = frozenset({question.key})
    attributes = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "subresource": question.subresource,
        "namespace": question.namespace,
    }
    spec = {
        "resourceAttributes": {name: value for name, value in attributes.items() if value},
        "groups": list(question.groups),
        **({"user": question.user} if question.user else {}),
    }
    try:
        answer = _ANSWER.decode(client.review(Review.SUBJECT, spec, permission=PERMISSION))
    except CallFailed as failure:
        return Gap(failure.reason, only_this)
    except UNREADABLE:
        return Gap(reason(ReasonKind.MALFORMED, t("the answer is no access review")), only_this)
    if answer.kind != "SubjectAccessReview":
        return Gap(reason(ReasonKind.MALFORMED, t("the answer is no access review")), only_this)
    status = answer.status
    if status.evaluation_error and not status.allowed:
        # Part of the rules could not be evaluated (a role that a binding names is gone): a yes stands, a no does not.
        message = t("the API server could not decide: {words}", words=single_line(status.evaluation_error))
        return Gap(reason(ReasonKind.UNDECIDABLE, message), only_this)
    return AccessReview(
        question.user,
        list(question.groups),
        question.verb,
        question.group,
        question.resource,
        question.namespace,
        status.allowed,
        question.subresource,
        status.denied,
        single_line(status.reason),
    )
