"""The collectors call what their providers declare and nothing else, and every call is one that the fakes answer."""

import pytest

from auditor.collect.registry import providers
from auditor.facts.ref import Layer
from tests.audits import collected
from tests.calls import calls, declared, path_of
from tests.clusters import demo, everything, healthy
from tests.fakes.cloud.products import PRODUCTS, is_read
from tools import docs, operations

CLUSTERS = {"healthy": healthy, "demo": demo, "everything": everything}
READS = ("GET", "POST /apis/authorization.k8s.io/v1/")
"""How the calls to the Kubernetes API begin that change nothing: reviews are questions, though they are posted."""


def test_each_table_uses_the_permissions_that_are_declared_for_it() -> None:
    made = calls()
    of_cloud = {(call.table, call.permission) for call in made.cloud if call.table}
    of_kubernetes = {(call.table, call.permission) for call in made.kubernetes if call.table and call.permission}
    assert of_cloud == declared(Layer.CLOUD)
    assert of_kubernetes == declared(Layer.KUBERNETES)


def test_what_is_asked_before_each_audit_needs_no_grant() -> None:
    made = calls()
    assert {call.permission for call in made.cloud if not call.table} == {"sts:GetCallerIdentity"}
    assert {call.permission for call in made.kubernetes if not call.table} == {""}


@pytest.mark.parametrize("name", CLUSTERS)
def test_nothing_is_called_outside_the_list(name: str) -> None:
    cluster = CLUSTERS[name]()
    collected(cluster, providers())
    made = calls()
    assert set(cluster.cloud.actions()) <= {call.operation for call in made.cloud if call.table}
    known = {(call.method, call.path) for call in made.kubernetes}
    assert {(request.method, path_of(request)) for request in cluster.kubernetes.requests} <= known
    assert cluster.cloud.refused == []


def test_every_operation_reads_and_is_served_by_the_fake() -> None:
    for call in calls().cloud:
        assert is_read(call.action), call
        assert call.action in PRODUCTS[call.product].served(call.version), call
    for request in calls().kubernetes:
        assert f"{request.method} {request.path}".startswith(READS), request


def test_the_page_is_up_to_date() -> None:
    assert docs.OPERATIONS.read_text(encoding="utf-8") == operations.page(), "run `python -m tools.docs update`"
