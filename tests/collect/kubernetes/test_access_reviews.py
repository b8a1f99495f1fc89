"""Access reviews: one question for each verb of each right, answered by the API server, and nothing else posted."""

import json

import pytest

from auditor.collect.kubernetes import access_reviews
from auditor.collect.kubernetes.calls import Review
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.landscape import ClusterIdentity, WantedIdentity, WantedRight
from auditor.facts.rules.wanted_rights import questions
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.kubernetes.kit import collect, only_reason, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import recorded as bodies
from tests.fakes.kubernetes.cluster import SUBJECT_REVIEWS

DEVELOPER = "207719364451120883-1795380901"


def wanting(*rights: WantedRight, user: str = DEVELOPER, groups: list[str] | None = None) -> ClusterIdentity:
    return ClusterIdentity("shop", identities=[WantedIdentity(list(rights), user, groups or [])])


def test_without_identities_nothing_is_asked(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    reviews = collect(client, "access_reviews", ClusterIdentity("shop"))
    assert reviews.state is State.KNOWN
    assert len(reviews) == 0
    assert cluster.requests == []


def test_one_question_for_each_verb_in_the_form_of_the_api(
    client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []

    def keep(question: Review, spec: object, *, permission: str) -> bytes:
        sent.append((question, spec, permission))
        return bodies.body("reviews/subjectaccessreview_denied.json")

    monkeypatch.setattr(client, "review", keep)
    collect(
        client,
        "access_reviews",
        wanting(
            WantedRight(["get", "list"], "pods/log", namespace="shop"),
            WantedRight(["patch"], "deployments", "apps"),
        ),
    )
    groups = ["system:authenticated"]
    log = {"resource": "pods", "subresource": "log", "namespace": "shop"}
    permission = "create subjectaccessreviews.authorization.k8s.io"
    assert sorted(sent, key=str) == sorted(
        [
            (
                Review.SUBJECT,
                {"resourceAttributes": {"verb": verb, **log}, "groups": groups, "user": DEVELOPER},
                permission,
            )
            for verb in ("get", "list")
        ]
        + [
            (
                Review.SUBJECT,
                {
                    "resourceAttributes": {"verb": "patch", "group": "apps", "resource": "deployments"},
                    "groups": groups,
                    "user": DEVELOPER,
                },
                permission,
            )
        ],
        key=str,
    )


def test_the_recorded_rights_of_a_developer(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    identity = wanting(WantedRight(["list"], "pods", namespace="shop"), WantedRight(["list"], "nodes"))
    reviews = collect(client, "access_reviews", identity)
    assert reviews.state is State.KNOWN
    of_pods, of_nodes = (row_of(reviews, question.key) for question in questions(identity))
    assert of_pods.allowed
    assert of_pods.reason == (
        f'RBAC: allowed by RoleBinding "207719364451120883-shop-rolebinding/shop" of ClusterRole "cs:ns:dev" '
        f'to User "{DEVELOPER}"'
    )
    assert (of_pods.verb, of_pods.resource, of_pods.namespace) == ("list", "pods", "shop")
    assert (of_nodes.allowed, of_nodes.denied, of_nodes.reason) == (False, False, "")
    assert cluster.permissions_used == {"create subjectaccessreviews.authorization.k8s.io"}
    assert {(request.method, request.path) for request in cluster.requests} == {("POST", SUBJECT_REVIEWS)}


def test_a_service_account_is_in_the_groups_that_the_server_adds(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.grant("group:system:serviceaccounts:ci", "create", "deployments", "apps", "shop")
    right = WantedRight(["create"], "deployments", "apps", "shop")
    for user, allowed in (("system:serviceaccount:ci:deployer", True), ("system:serviceaccount:cd:deployer", False)):
        [row] = collect(client, "access_reviews", wanting(right, user=user)).all()
        assert row.allowed is allowed
        assert row.groups == [
            "system:authenticated",
            "system:serviceaccounts",
            f"system:serviceaccounts:{user.split(':')[2]}",
        ]


def test_groups_without_a_user(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.grant("group:ops", "delete", "pods")
    [row] = collect(client, "access_reviews", wanting(WantedRight(["delete"], "pods"), user="", groups=["ops"])).all()
    assert row.allowed
    assert (row.user, row.groups) == ("", ["ops", "system:authenticated"])


def test_the_same_question_is_asked_once(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    right = WantedRight(["list", "list"], "pods")
    assert len(collect(client, "access_reviews", wanting(right, right)).all()) == 1
    assert len(cluster.requests) == 1


def test_what_may_not_be_asked_is_unavailable(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.deny("create subjectaccessreviews.authorization.k8s.io")
    reviews = collect(client, "access_reviews", wanting(WantedRight(["get", "list"], "pods")))
    assert reviews.state is State.UNAVAILABLE
    why = only_reason(reviews)
    assert (why.kind, why.missing) == (ReasonKind.FORBIDDEN, ("create subjectaccessreviews.authorization.k8s.io",))
    assert str(why.message).startswith(f"POST {SUBJECT_REVIEWS} was denied (403)")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(429, b"{}", headers={"Retry-After": "0"}), ReasonKind.THROTTLED),
        (Fault(500, b'{"kind":"Status","message":"no"}'), ReasonKind.ERROR),
        (Fault(cut=True), ReasonKind.MALFORMED),
        (Fault(200, b"<html></html>", "text/html"), ReasonKind.MALFORMED),
        (Fault(rewrite=lambda review: review.pop("status") and None), ReasonKind.MALFORMED),
        (Fault(rewrite=lambda review: review["status"].update(allowed="yes")), ReasonKind.MALFORMED),
        (Fault(rewrite=lambda review: review.update(kind="Status")), ReasonKind.MALFORMED),
        (Fault(rewrite=lambda review: review["status"].update(evaluationError="webhook")), ReasonKind.UNDECIDABLE),
        (Fault(close="before"), ReasonKind.UNREACHABLE),
    ],
    ids=["429", "500", "cut", "html", "no status", "odd status", "kind", "undecided", "closed"],
)
def test_what_does_not_answer_the_question_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, fault: Fault, kind: ReasonKind
) -> None:
    cluster.fail(SUBJECT_REVIEWS, fault)
    identity = wanting(WantedRight(["list"], "nodes"))
    reviews = collect(client, "access_reviews", identity)
    assert only_reason(reviews).kind is kind
    with pytest.raises(NotKnown):
        reviews.get(next(questions(identity)).key)


def test_a_yes_stands_though_part_of_the_rules_could_not_be_evaluated(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.fail(SUBJECT_REVIEWS, Fault(rewrite=lambda review: review["status"].update(evaluationError="webhook")))
    [row] = collect(client, "access_reviews", wanting(WantedRight(["list"], "pods", namespace="shop"))).all()
    assert row.allowed


def test_one_failed_question_leaves_the_others(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail(SUBJECT_REVIEWS, Fault(400, b'{"kind":"Status","message":"no"}', times=1))
    identity = wanting(WantedRight(["get", "list", "watch"], "nodes"))
    reviews = collect(client, "access_reviews", identity)
    assert reviews.state is State.PARTIAL
    assert len(reviews) == 2


def test_more_questions_than_are_asked_are_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_reviews, "MOST_REVIEWS", 3)
    identity = wanting(WantedRight(["get", "list", "watch", "create"], "pods"))
    reviews = collect(client, "access_reviews", identity)
    keys = [question.key for question in questions(identity)]
    assert [request.method for request in cluster.requests] == ["POST"] * 3
    assert reviews.gaps[0].keys == frozenset({keys[3]})
    assert str(only_reason(reviews).message) == "only the first 3 of 4 rights were asked for"
    assert row_of(reviews, keys[0]) is not None


def test_nothing_but_a_review_can_be_posted() -> None:
    assert all(review.value.endswith("accessreviews") for review in Review)
    assert [name for name in dir(KubernetesClient) if name in ("post", "put", "patch", "delete", "request")] == []


def test_a_review_of_oneself(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    spec = {"resourceAttributes": {"verb": "list", "resource": "pods"}}
    assert json.loads(client.review(Review.SELF, spec))["status"]["allowed"] is True
