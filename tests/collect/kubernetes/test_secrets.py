"""Secrets' data is never asked for, and never read if it comes."""

import msgspec

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.facts.table import ReasonKind, State
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import LISTED, collect, only_reason
from tests.fakes.kubernetes import FakeKubernetes, Fault
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
    assert {request.headers["accept"] for request in cluster.requests} == {
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    }
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


def test_no_other_table_asks_for_secrets(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    for table in LISTED:
        collect(client, table)
    assert not [request for request in cluster.requests if "secret" in request.path]
