"""Lists come in pages; what is missing at the end is a gap, and what comes twice is one row."""

from typing import Any

import pytest

from auditor.collect.kubernetes import lists
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.lists import Listing, list_pages
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.kubernetes.kit import PODS, collect, only_reason
from tests.fakes.kubernetes import FakeKubernetes, Fault, Request

EXPIRED = (
    b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,'
    b'"message":"The resourceVersion for the provided list is too old."}'
)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read 20 at a time, as two of the recorded answers were."""
    monkeypatch.setattr(lists, "PAGE_ROWS", 20)


def on_page(cluster: FakeKubernetes, number: int, action: Any) -> None:
    """Do something just before the page of this number (from 1) is answered."""
    pages = 0

    def before(request: Request) -> None:
        nonlocal pages
        if request.path == PODS:
            pages += 1
            if pages == number:
                action()

    cluster.before_answer = before


def new_pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "aaa"}, "spec": {"containers": []}, "status": {"phase": "Pending"}}


def test_pages_are_followed_to_the_end(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 87
    asked = [request.query for request in cluster.requests]
    assert [query["limit"] for query in asked] == ["20"] * 5
    assert ["continue" in query for query in asked] == [False, True, True, True, True]


def test_pages_come_one_at_a_time(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    pages = list_pages(client, Listing(PODS, "PodList"), Pod, limit=50)
    assert len(next(pages).rows) == 50
    assert len(cluster.requests) == 1
    assert [len(page.rows) for page in pages] == [37]


def test_a_list_that_grows_while_it_is_read_is_that_of_its_beginning(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    on_page(cluster, 2, lambda: cluster.add(PODS, *(new_pod(f"new-{number}") for number in range(30))))
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 87


def test_an_expired_token_is_replaced_by_the_one_offered(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def grow_and_expire() -> None:
        cluster.remove(PODS, "mysql-0", "data")
        cluster.add(PODS, {**new_pod("late"), "metadata": {"name": "late", "namespace": "zzz"}})
        cluster.objects.expire_tokens()

    on_page(cluster, 3, grow_and_expire)
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 88
    assert pods.get("zzz/late") is not None


def test_without_an_offer_the_list_is_begun_anew(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.objects.offers_fresh_tokens = False

    def change_and_expire() -> None:
        cluster.remove(PODS, "mysql-0", "data")
        cluster.objects.expire_tokens()

    on_page(cluster, 3, change_and_expire)
    pods = collect(client, "pods")
    assert pods.state is State.KNOWN
    assert len(pods) == 86
    # It was on the first page of the first attempt, and is gone.
    assert pods.get("data/mysql-0") is None
    assert len(cluster.requests) == 3 + 5


def test_a_token_that_expires_again_ends_the_list_with_what_was_read(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.objects.offers_fresh_tokens = False

    def expire_late(request: Request) -> None:
        if request.query.get("continue") and len(cluster.requests) in (4, 7):
            cluster.objects.expire_tokens()

    cluster.before_answer = expire_late
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert pods.state is State.PARTIAL
    assert len(pods) == 60
    assert why.kind is ReasonKind.TRUNCATED
    assert "40 of 87 were read" in str(why.message)
    with pytest.raises(NotKnown):
        pods.get("nowhere/nothing")


@pytest.mark.parametrize("body", [EXPIRED, b"Gone"])
def test_a_first_page_that_is_gone_is_told_without_blaming_a_token(
    cluster: FakeKubernetes, client: KubernetesClient, body: bytes
) -> None:
    cluster.fail(PODS, Fault(410, body))
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert pods.state is State.UNAVAILABLE
    assert why.kind is ReasonKind.ERROR
    assert "GET /api/v1/pods: the API server answered 410 Gone" in str(why.message)
    assert "lost the state to read from" in str(why.message)
    assert len(cluster.requests) == 1


def test_a_list_that_is_gone_when_it_is_begun_anew_keeps_what_was_read(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.objects.offers_fresh_tokens = False
    on_page(cluster, 3, cluster.objects.expire_tokens)
    cluster.fail(PODS, Fault(410, EXPIRED, skip=3))
    pods = collect(client, "pods")
    assert pods.state is State.PARTIAL
    assert len(pods) == 40
    assert "410 Gone" in str(only_reason(pods).message)


def test_a_failure_on_a_later_page_keeps_the_rows_read(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.fail(PODS, Fault(500, b"boom", "text/plain", skip=2))
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert pods.state is State.PARTIAL
    assert len(pods) == 40
    assert why.kind is ReasonKind.ERROR
    assert "40 of 87 were read" in str(why.message)
    assert pods.gaps[0].keys is None


def test_a_right_that_is_taken_away_while_reading_is_named(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    on_page(cluster, 2, lambda: cluster.deny("list pods"))
    why = only_reason(collect(client, "pods"))
    assert (why.kind, why.missing) == (ReasonKind.FORBIDDEN, ("list pods",))


def test_a_list_that_ends_before_what_was_announced_is_truncated(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    def end(document: dict[str, Any]) -> None:
        del document["metadata"]["continue"]

    cluster.fail(PODS, Fault(rewrite=end, skip=1, times=1))
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert len(pods) == 40
    assert why.kind is ReasonKind.TRUNCATED
    assert "40 of 87 were read" in str(why.message)


def test_items_missing_in_the_middle_are_noticed(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def drop(document: dict[str, Any]) -> None:
        del document["items"][5:8]

    cluster.fail(PODS, Fault(rewrite=drop, skip=2, times=1))
    pods = collect(client, "pods")
    why = only_reason(pods)
    assert len(pods) == 84
    assert why.kind is ReasonKind.TRUNCATED
    assert "84 of 87 were read" in str(why.message)


def test_pages_that_repeat_are_not_followed_for_ever(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def repeat(document: dict[str, Any]) -> None:
        document["metadata"]["continue"] = "the-same"

    cluster.fail(PODS, Fault(rewrite=repeat, times=1))
    cluster.fail(PODS, Fault(200, b'{"kind":"PodList","items":[],"metadata":{"continue":"the-same"}}', skip=1))
    pods = collect(client, "pods")
    assert len(cluster.requests) == 2
    assert only_reason(pods).kind is ReasonKind.TRUNCATED


def test_a_list_without_end_stops_at_the_ceiling(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGES", 7)
    tokens = iter(range(100))

    def go_on(document: dict[str, Any]) -> dict[str, Any]:
        return {"kind": "PodList", "items": [], "metadata": {"continue": f"token-{next(tokens)}"}}

    cluster.fail(PODS, Fault(rewrite=go_on))
    cluster.before_answer = lambda request: request.query.pop("continue", None)
    pods = collect(client, "pods")
    assert len(cluster.requests) == 7
    assert only_reason(pods).kind is ReasonKind.TRUNCATED


def test_an_object_that_comes_twice_is_one_row(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def double(document: dict[str, Any]) -> None:
        document["items"].append(document["items"][0])

    cluster.fail(PODS, Fault(rewrite=double, skip=4))
    pods = collect(client, "pods")
    assert len(pods) == 87


def test_an_object_that_comes_in_place_of_another_is_noticed(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def overlap(document: dict[str, Any]) -> None:
        document["items"][1] = document["items"][0]

    cluster.fail(PODS, Fault(rewrite=overlap, skip=1, times=1))
    pods = collect(client, "pods")
    assert only_reason(pods).kind is ReasonKind.TRUNCATED
    assert len(pods) == 86
