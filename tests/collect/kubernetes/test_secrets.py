"""Secrets' data is never asked for, and never read if it comes."""

from typing import Any

import msgspec
import pytest

from auditor.collect.kubernetes import lists
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.table import NotKnown, ReasonKind, State
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import LISTED, collect, only_reason
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes import recorded as bodies
from tests.fakes.kubernetes.cluster import SECRET_DATA

SECRETS = "/api/v1/secrets"


def test_without_leave_they_are_not_listed(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    names = collect(client, "secret_names")
    why = only_reason(names)
    assert names.state is State.UNAVAILABLE
    assert why.kind is ReasonKind.SWITCHED_OFF
    assert "secret_metadata = true" in str(why.message)
    assert cluster.requests == []


def test_with_leave_only_metadata_is_asked_for(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert names.state is State.KNOWN
    assert names.get("data/acr-pull") is not None
    (request,) = cluster.requests
    assert request.headers["accept"] == "application/json;as=Table;g=meta.k8s.io;v=v1"
    assert request.query == {"limit": "500", "includeObject": "Metadata"}
    assert SECRET_DATA.encode() not in msgspec.json.encode(list(names.all()))


def test_whole_secrets_that_come_all_the_same_are_discarded(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    cluster.before_answer = lambda request: request.headers.update(accept="application/json")
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    why = only_reason(names)
    assert names.state is State.UNAVAILABLE
    assert why.kind is ReasonKind.MALFORMED
    assert "SecretList" in str(why.message)
    assert SECRET_DATA not in str(why.message)


def test_an_answer_that_does_not_say_what_it_is_is_discarded(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    cluster.fail(SECRETS, Fault(200, b'{"items":[{"metadata":{"name":"a"},"data":{}}]}'))
    assert only_reason(collect(open_to(cluster, secret_metadata=True), "secret_names")).kind is ReasonKind.MALFORMED


def test_the_type_is_read_of_each(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    recorded = {
        f"{row['object']['metadata']['namespace']}/{row['cells'][0]}": row["cells"][1]
        for row in bodies.document("api_v1_secrets.table")["rows"]
    }
    assert {row.key: row.type for row in names.all()} == recorded
    assert "kubernetes.io/dockerconfigjson" in recorded.values()


def test_they_are_read_page_by_page(
    cluster: FakeKubernetes, open_to: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE_ROWS", 4)
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert names.state is State.KNOWN
    assert len(names) == 11
    assert [request.query["includeObject"] for request in cluster.requests] == ["Metadata"] * 3


def test_a_table_that_ends_early_is_truncated(
    cluster: FakeKubernetes, open_to: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE_ROWS", 4)
    cluster.fail(SECRETS, Fault(rewrite=lambda document: document["metadata"].pop("continue") and None, times=1))
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert only_reason(names).kind is ReasonKind.TRUNCATED
    assert "4 of 11 were read" in str(only_reason(names).message)


def test_whole_objects_in_the_rows_are_refused_and_not_read(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    cluster.before_answer = lambda request: request.query.update(includeObject="Object")
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert len(names.known_rows()) == 0
    assert {why.kind for why in names.reasons} == {ReasonKind.MALFORMED}
    assert not any(SECRET_DATA in str(why.message) for why in names.reasons)
    with pytest.raises(NotKnown):
        names.get("data/acr-pull")


def test_a_row_that_can_not_be_read_hides_only_itself(cluster: FakeKubernetes, open_to: OpenClient) -> None:
    def break_one(document: dict[str, Any]) -> None:
        document["rows"][0]["cells"][1] = {"data": SECRET_DATA}

    cluster.fail(SECRETS, Fault(rewrite=break_one))
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert len(names.known_rows()) == 10
    assert names.gaps[0].keys == frozenset({"data/acr-pull"})
    assert SECRET_DATA not in str(only_reason(names).message)


@pytest.mark.parametrize("columns", [None, [], [{"name": "Name"}, {"name": "Age"}]])
def test_without_a_column_for_it_the_type_is_not_said(
    cluster: FakeKubernetes, open_to: OpenClient, columns: object
) -> None:
    cluster.fail(SECRETS, Fault(rewrite=lambda document: {**document, "columnDefinitions": columns}))
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert names.state is State.KNOWN
    assert {row.type for row in names.all()} == {None}


@pytest.mark.parametrize("rows", [None, {}, "none"])
def test_a_table_without_rows_is_a_gap(cluster: FakeKubernetes, open_to: OpenClient, rows: object) -> None:
    cluster.fail(SECRETS, Fault(rewrite=lambda document: {**document, "rows": rows}))
    names = collect(open_to(cluster, secret_metadata=True), "secret_names")
    assert names.state is State.UNAVAILABLE
    assert only_reason(names).kind is ReasonKind.MALFORMED


def test_no_other_table_asks_for_secrets(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    for table in LISTED:
        collect(client, table)
    assert not [request for request in cluster.requests if "secret" in request.path]
