"""A cluster of any version from 1.18 to 1.36 gives the same rows, but for what its server lacks."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.collect.kubernetes import lists
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.versions import OPTIONAL, VERSIONS
from auditor.facts.kubernetes.extensions import CsiDriver
from auditor.facts.kubernetes.services import Endpoint, EndpointConditions, EndpointSlice, Service
from auditor.facts.table import NotKnown, ReasonKind, State, Table
from tests.collect.kubernetes.conftest import OpenClient
from tests.collect.kubernetes.kit import LISTED, collect, only_reason, provider, row_of
from tests.fakes.kubernetes import FakeKubernetes, Fault
from tests.fakes.kubernetes.versions import BUDGETS, CRON_JOBS, INGRESSES, KINDS, SLICES

OLD = ("1.18", "1.20", "1.22", "1.24", "1.28")
ALB_CONFIGS = "/apis/alibabacloud.com/v1/albconfigs"
POD_NETWORKINGS = "/apis/network.alibabacloud.com/v1beta1/podnetworkings"


@pytest.fixture(scope="module")
def newest() -> Iterator[FakeKubernetes]:
    with FakeKubernetes.recorded() as made:
        yield made


def lacking(row: Any, minor: int) -> Any:
    """Return a row as a server of an older minor version can tell it."""
    if isinstance(row, Service):
        spec = row.spec
        spec = replace(spec, cluster_ips=None) if minor < 20 else spec
        return replace(row, spec=replace(spec, internal_traffic_policy="") if minor < 21 else spec)
    if isinstance(row, CsiDriver) and minor < 19:
        return replace(row, spec=replace(row.spec, fs_group_policy=None))
    if isinstance(row, EndpointSlice) and minor < 20:
        return replace(row, endpoints=[without_serving(endpoint) for endpoint in row.endpoints or ()])
    return row


def without_serving(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, conditions=EndpointConditions(endpoint.conditions.ready))


@pytest.mark.parametrize("version", OLD)
def test_every_list_of_an_older_server_gives_the_same_rows(
    newest: FakeKubernetes, open_to: OpenClient, version: str
) -> None:
    minor = int(version.partition(".")[2])
    new = open_to(newest, secret_metadata=True)
    with FakeKubernetes.recorded(version=version) as cluster:
        old = open_to(cluster, secret_metadata=True)
        for table in (*LISTED, "secret_names", "config_maps"):
            cluster.requests.clear()
            read = collect(old, table)
            assert read.state is State.KNOWN, (table, [str(why.message) for why in read.reasons])
            assert list(read.all()) == [lacking(row, minor) for row in collect(new, table).all()], table
            if table != "config_maps":
                assert cluster.permissions_used == set(provider(table).permissions)


@pytest.mark.parametrize("table", sorted(VERSIONS))
@pytest.mark.parametrize("version", ["1.18", "1.20", "1.22", "1.24", "1.25", "1.36"])
def test_the_newest_version_that_a_server_has_is_read(
    open_to: OpenClient, cluster: FakeKubernetes, table: str, version: str
) -> None:
    cluster.speaks(version)
    minor = int(version.partition(".")[2])
    versions = KINDS[VERSIONS[table][0].path]
    first = next(served.path for served in versions if served.since <= minor < served.until)
    assert collect(open_to(cluster), table).state is State.KNOWN
    paths = [request.path for request in cluster.requests]
    assert paths == [v.path for v in VERSIONS[table]][: len(paths)]
    assert paths[-1] == first


@pytest.mark.parametrize("table", sorted(VERSIONS))
def test_a_failure_is_no_ground_to_ask_for_an_older_version(
    cluster: FakeKubernetes, client: KubernetesClient, table: str
) -> None:
    path = VERSIONS[table][0].path
    for fault, kind in (
        (Fault(503, b"", times=3), ReasonKind.ERROR),
        (Fault(404, b"<html>not here</html>", "text/html", times=1), ReasonKind.MALFORMED),
        (Fault(200, b"<html>", "text/html", times=1), ReasonKind.MALFORMED),
    ):
        cluster.requests.clear()
        cluster.faults.clear()
        cluster.fail(path, fault)
        assert only_reason(collect(client, table)).kind is kind
        assert {request.path for request in cluster.requests} == {path}


@pytest.mark.parametrize("table", sorted(VERSIONS))
def test_a_kind_that_a_server_has_in_no_version_is_a_gap(
    cluster: FakeKubernetes, client: KubernetesClient, table: str
) -> None:
    cluster.objects.withdraw(VERSIONS[table][0].path)
    read = collect(client, table)
    assert read.state is State.UNAVAILABLE
    assert only_reason(read).kind is ReasonKind.UNSUPPORTED
    assert len(cluster.requests) == len(VERSIONS[table])


def test_a_plain_list_that_a_server_lacks_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.objects.withdraw("/apis/storage.k8s.io/v1/csinodes")
    assert only_reason(collect(client, "csi_nodes")).kind is ReasonKind.UNSUPPORTED


def test_an_older_version_is_paged_and_begun_anew_as_any_other(
    cluster: FakeKubernetes, client: KubernetesClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "PAGE_ROWS", 5)
    cluster.speaks("1.20")
    cluster.objects.offers_fresh_tokens = False
    beta = "/apis/discovery.k8s.io/v1beta1/endpointslices"
    cluster.fail(beta, Fault(429, b"{}", headers={"Retry-After": "0"}, times=1))
    seen: list[str] = []

    def expire_once(request: Any) -> None:
        seen.append(request.path)
        if seen.count(beta) == 4:
            cluster.objects.expire_tokens()

    cluster.before_answer = expire_once
    slices = collect(client, "endpoint_slices")
    assert slices.state is State.KNOWN
    assert len(slices) == 23
    assert client.retries == 1


def test_a_gap_in_an_older_version_stays_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.speaks("1.20")
    cluster.patch(SLICES, "kubernetes", lambda one: one.update(addressType=7), namespace="default")
    slices = collect(client, "endpoint_slices")
    assert only_reason(slices).kind is ReasonKind.MALFORMED
    assert len(slices.known_rows()) == 22
    with pytest.raises(NotKnown):
        slices.get("default/kubernetes")


INGRESS = {
    "metadata": {"name": "odd", "namespace": "shop", "annotations": {"kubernetes.io/ingress.class": "nginx"}},
    "spec": {
        "defaultBackend": {"service": {"name": "fallback", "port": {"name": "http"}}},
        "tls": [{"hosts": ["shop.example.com"], "secretName": "shop-tls"}],
        "rules": [
            {"host": "no-paths.example.com"},
            {
                "http": {
                    "paths": [
                        {
                            "backend": {"service": {"name": "a", "port": {"number": 80}}},
                            "pathType": "Exact",
                            "path": "/",
                        },
                        {"backend": {"resource": {"kind": "Bucket", "name": "b", "apiGroup": "x.io"}}},
                    ]
                }
            },
        ],
    },
    "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]}},
}


def test_ingresses_of_all_forms_are_converted(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.add(INGRESSES, INGRESS)
    new = row_of(collect(client, "ingresses"), "shop/odd")
    cluster.speaks("1.18")
    old = row_of(collect(client, "ingresses"), "shop/odd")
    assert old == new
    assert old.spec.default_backend.service.port.name == "http"
    assert old.spec.rules[1].http.paths[0].backend.service.port.number == 80
    assert old.spec.rules[1].http.paths[1].path_type == "ImplementationSpecific"


def test_annotations_of_older_ingresses_are_trimmed_too(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    last = "kubectl.kubernetes.io/last-applied-configuration"
    annotations = {last: "password", "kubernetes.io/ingress.class": "nginx"}
    cluster.add(INGRESSES, {**INGRESS, "metadata": {"name": "odd", "namespace": "shop", "annotations": annotations}})
    cluster.speaks("1.18")
    assert row_of(collect(client, "ingresses"), "shop/odd").annotations == {"kubernetes.io/ingress.class": "nginx"}


@pytest.mark.parametrize(("wire", "row"), [({}, None), (None, None), ({"matchLabels": {"a": "b"}}, {"a": "b"})])
def test_an_empty_selector_of_an_older_budget_selects_nothing(
    cluster: FakeKubernetes, client: KubernetesClient, wire: object, row: object
) -> None:
    cluster.speaks("1.20")

    def set_selector(document: dict[str, Any]) -> None:
        document["items"][0]["spec"]["selector"] = wire

    cluster.fail("/apis/policy/v1beta1/*", Fault(rewrite=set_selector))
    first = collect(client, "pod_disruption_budgets").all()[0]
    assert (first.spec.selector and first.spec.selector.match_labels) == row
    assert first.spec.max_unavailable is not None


def test_an_empty_selector_of_a_budget_selects_everything_in_v1(
    cluster: FakeKubernetes, client: KubernetesClient
) -> None:
    cluster.patch(BUDGETS, "mysql", lambda budget: budget["spec"].update(selector={}), namespace="data")
    selector = row_of(collect(client, "pod_disruption_budgets"), "data/mysql").spec.selector
    assert selector is not None
    assert selector.match_labels is None


def test_an_autoscaler_of_version_1_has_no_conditions(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    new = row_of(collect(client, "horizontal_pod_autoscalers"), "payments/gateway")
    for path in ("/apis/autoscaling/v2/*", "/apis/autoscaling/v2beta2/*"):
        cluster.fail(path, Fault(404, b"404 page not found\n", "text/plain"))
    old = row_of(collect(client, "horizontal_pod_autoscalers"), "payments/gateway")
    assert (old.spec, old.status.conditions) == (new.spec, None)
    assert old.status.current_replicas == new.status.current_replicas == 4


ABSENT: list[tuple[str, Fault, ReasonKind]] = [
    ("503", Fault(503, b'{"kind":"Status","message":"the server is currently unable"}'), ReasonKind.ERROR),
    ("403", Fault(403, b'{"kind":"Status","message":"no"}'), ReasonKind.FORBIDDEN),
    ("login page", Fault(200, b"<html>", "text/html"), ReasonKind.MALFORMED),
    ("no document", Fault(200, b'{"kind":"APIGroup","versions":null}'), ReasonKind.MALFORMED),
]


@pytest.mark.parametrize("table", sorted(OPTIONAL))
def test_a_kind_of_an_add_on_that_is_not_there_has_no_objects(
    cluster: FakeKubernetes, client: KubernetesClient, table: str
) -> None:
    read: Table[Any] = collect(client, table)
    assert read.state is State.KNOWN
    assert (len(read), read.get("any")) == (0, None)
    path = OPTIONAL[table].path
    assert [request.path for request in cluster.requests] == [path, path.rsplit("/", 2)[0]]


@pytest.mark.parametrize("table", sorted(OPTIONAL))
@pytest.mark.parametrize(("fault", "kind"), [case[1:] for case in ABSENT], ids=[case[0] for case in ABSENT])
def test_a_kind_of_an_add_on_is_not_absent_where_the_server_is_broken(
    cluster: FakeKubernetes, client: KubernetesClient, table: str, fault: Fault, kind: ReasonKind
) -> None:
    path = OPTIONAL[table].path
    for where in (path, path.rsplit("/", 2)[0]):
        cluster.faults.clear()
        cluster.fail(where, fault)
        read = collect(client, table)
        assert read.state is State.UNAVAILABLE
        assert only_reason(read).kind is kind
        with pytest.raises(NotKnown):
            read.get("any")


def test_a_group_without_the_kind_has_no_objects_of_it(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    other = "/apis/network.alibabacloud.com/v1beta1/podenis"
    cluster.objects.declare(other, "PodENI", "network.alibabacloud.com/v1beta1")
    newer = "/apis/network.alibabacloud.com/v1/podenis"
    cluster.objects.declare(newer, "PodENI", "network.alibabacloud.com/v1")
    assert collect(client, "pod_networkings").state is State.KNOWN
    cluster.fail("/apis/network.alibabacloud.com/v1", Fault(503, b""))
    assert only_reason(collect(client, "pod_networkings")).kind is ReasonKind.ERROR


def test_a_kind_in_a_version_that_is_not_known_is_a_gap(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.objects.declare("/apis/network.alibabacloud.com/v1/podnetworkings", "PodNetworking", "n/v1")
    why = only_reason(collect(client, "pod_networkings"))
    assert why.kind is ReasonKind.UNSUPPORTED
    assert "podnetworkings.network.alibabacloud.com" in str(why.message)
    assert "v1" in str(why.message)


def test_the_kinds_of_add_ons_are_read_where_they_are(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    cluster.objects.declare(ALB_CONFIGS, "AlbConfig", "alibabacloud.com/v1")
    cluster.objects.declare(POD_NETWORKINGS, "PodNetworking", "network.alibabacloud.com/v1beta1")
    cluster.add(
        ALB_CONFIGS,
        {
            "metadata": {"name": "alb", "annotations": {"a": "b"}},
            "spec": {
                "config": {"name": "web", "addressType": "Internet"},
                "listeners": [{"port": "443"}, {"port": 80}],
            },
            "status": {"loadBalancer": {"id": "alb-1", "dnsname": "alb-1.cn-hangzhou.alb.aliyuncs.com"}},
        },
    )
    selector = {"podSelector": {"matchLabels": {"app": "a"}}}
    spec = {"vSwitchOptions": ["vsw-1"], "securityGroupIDs": ["sg-1"], "selector": selector}
    cluster.add(POD_NETWORKINGS, {"metadata": {"name": "fixed"}, "spec": spec})
    config = row_of(collect(client, "alb_configs"), "alb")
    assert config.status.load_balancer.id == "alb-1"
    assert [listener.port for listener in config.spec.listeners] == ["443", 80]
    network = row_of(collect(client, "pod_networkings"), "fixed")
    assert (network.spec.v_switch_options, network.spec.security_group_ids) == (["vsw-1"], ["sg-1"])
    assert len(cluster.requests) == 2


def test_rows_hold_what_checks_read(client: KubernetesClient) -> None:
    lease = row_of(collect(client, "leases"), "kube-system/ccm")
    assert lease.spec.lease_duration_seconds == 15
    assert lease.spec.renew_time is not None
    job = row_of(collect(client, "cron_jobs"), "shop/price-sync")
    assert (job.spec.schedule, job.pod_labels) == ("*/15 * * * *", {"app": "price-sync"})
    budget = row_of(collect(client, "pod_disruption_budgets"), "data/mysql")
    assert (budget.spec.max_unavailable, budget.status.disruptions_allowed) == (1, 1)
    driver = row_of(collect(client, "csi_drivers"), "diskplugin.csi.alibabacloud.com")
    assert (driver.spec.attach_required, driver.spec.fs_group_policy) == (True, "ReadWriteOnceWithFSType")
    assert row_of(collect(client, "ingress_classes"), "nginx").spec.controller == "k8s.io/ingress-nginx"
    assert row_of(collect(client, "api_services"), "v1beta1.metrics.k8s.io").spec.service.name == "metrics-server"
    node = row_of(collect(client, "csi_nodes"), "cn-hangzhou.192.168.0.11")
    assert "diskplugin.csi.alibabacloud.com" in {one.name for one in node.drivers}


def test_only_the_leases_of_components_are_read(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    assert {row.namespace for row in collect(client, "leases").all()} == {"kube-system"}
    assert [request.path for request in cluster.requests] == [
        "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
    ]


def test_every_list_is_read_consistently(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    for table in LISTED:
        collect(client, table)
    asked = [request for request in cluster.requests if request.verb == "list"]
    assert asked
    assert not [request for request in asked if "resourceVersion" in request.query]
    assert {request.query["limit"] for request in asked} == {"500"}


def test_jobs_are_made_from_the_same_parts_in_all_versions(cluster: FakeKubernetes, client: KubernetesClient) -> None:
    def add_secret(job: dict[str, Any]) -> None:
        (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        container["args"] = ["--password=hunter2", "--leader-elect=true"]

    cluster.patch(CRON_JOBS, "price-sync", add_secret, namespace="shop")
    for version in ("1.36", "1.18"):
        cluster.speaks(version)
        job = row_of(collect(client, "cron_jobs"), "shop/price-sync")
        assert job.spec.job_template.spec.template.spec.containers[0].args == ["--leader-elect=true"]
