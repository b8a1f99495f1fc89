"""Answers of the fake cloud: to every call that was recorded, to every call that the collectors make, and to a few
that neither makes.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import urlencode

from auditor.collect.registry import providers
from tests.audits import collected
from tests.clusters import NLB, FakeCluster, everything, healthy
from tests.fakes.cloud import FakeCloud, recorded
from tests.fakes.cloud.gateway import Request
from tests.fakes.cloud.products import PRODUCTS, Product

ROLE = "acs:ram::1098765432101234:role/auditor"


@dataclass(frozen=True)
class Answered:
    """One answer, and what it answers."""

    product: str
    version: str
    action: str
    params: Mapping[str, str]
    body: Any

    @property
    def operation(self) -> str:
        """``slb:DescribeLoadBalancers``, with the version where it is not the product's first."""
        return name_of(PRODUCTS[self.product], self.version, self.action)


def name_of(product: Product, version: str, action: str) -> str:
    """Return the name of an operation."""
    return f"{product.name}:{action}" + ("" if version == product.version else f"@{version}")


def operations() -> list[str]:
    """Return the operations that the fake serves."""
    return sorted(
        name_of(product, version, action)
        for product in PRODUCTS.values()
        for version in (product.version, *product.further)
        for action in product.served(version)
    )


@cache
def answered() -> Mapping[str, list[Answered]]:
    """Return the answers by operation; an operation that nothing calls has none."""
    found: dict[str, list[Answered]] = {operation: [] for operation in operations()}
    for answer in _all():
        found.setdefault(answer.operation, []).append(answer)
    return found


def _all() -> Iterator[Answered]:
    whole = healthy()
    yield from _answers(whole.cloud, _requests_of_collectors(whole))
    entries = [_recorded_request(entry) for entry in recorded.index()]
    yield from _answers(whole.cloud, [request for request in entries if request])
    yield from _answers(whole.cloud, _in_other_versions(whole.cloud))
    planted = everything()
    yield from _answers(planted.cloud, _requests_of_collectors(planted))
    yield from _answers(planted.cloud, [_request(*call) for call in _further_calls(planted.cloud)])


def _further_calls(cloud: FakeCloud) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield calls of operations that the fake serves, though no recording and no collector calls them."""
    secure = next(one for one in cloud.state.slb.listeners.values() if one["ListenerProtocol"] == "https")
    listener = {key: secure[key] for key in ("LoadBalancerId", "ListenerPort")}
    yield "slb", "DescribeLoadBalancerHTTPSListenerAttribute", listener
    pair = next(iter(cloud.state.slb.master_slave_groups))
    yield "slb", "DescribeMasterSlaveServerGroupAttribute", {"MasterSlaveServerGroupId": pair}
    yield "nlb", "GetLoadBalancerAttribute", {"LoadBalancerId": NLB}
    yield "nlb", "ListListeners", {}
    metric = {"Namespace": "acs_slb_dashboard", "MetricName": "InstanceMaxConnection"}
    yield "cms", "DescribeMetricLast", metric
    yield "sts", "AssumeRole", {"RoleArn": ROLE, "RoleSessionName": "auditor"}
    oidc = {"OIDCProviderArn": "acs:ram::1:oidc-provider/ack-rrsa", "OIDCToken": "token"}
    yield "sts", "AssumeRoleWithOIDC", {"RoleArn": ROLE, "RoleSessionName": "auditor", **oidc}
    yield "cs", f"/k8s/{cloud.state.cs.cluster_id}/user_config", {}


def _request(product: str, action: str, params: Mapping[str, Any]) -> Request:
    version = PRODUCTS[product].version
    return _path(action, params) if product == "cs" else _rpc(version, action, params)


def _recorded_request(entry: Mapping[str, Any]) -> Request | None:
    """Return the request of a recorded answer; None for errors, second pages, and what the fake does not serve."""
    product = PRODUCTS.get(entry.get("product", ""))
    if product is None or "of2" in entry["file"] or entry["action"] not in product.served(entry["version"]):
        return None
    params = entry.get("params") or {}
    return _path(entry["path"], params) if "path" in entry else _rpc(entry["version"], entry["action"], params)


def _in_other_versions(cloud: FakeCloud) -> list[Request]:
    """Return the calls so far of operations that the fake serves in another version too, as calls of that one."""
    return [
        _rpc(version, call.action, call.params)
        for product in PRODUCTS.values()
        for version, served in product.further.items()
        for call in list(cloud.calls)
        if call.product == product.name and call.action in served and call.params["Version"] != version
    ]


def _rpc(version: str, action: str, params: Mapping[str, Any]) -> Request:
    return Request("POST", "", f"/?{urlencode({**params, 'Action': action, 'Version': version})}", {}, "")


def _path(path: str, params: Mapping[str, Any]) -> Request:
    return Request("GET", "", f"{path}?{urlencode(params)}", {}, "")


def _requests_of_collectors(cluster: FakeCluster) -> list[Request]:
    """Return the requests that filling all tables makes."""
    requests: list[Request] = []
    answer: Callable[[Request], Any] = cluster.cloud.gateway.answer

    def noting(request: Request) -> Any:
        requests.append(request)
        return answer(request)

    with mock.patch.object(cluster.cloud.gateway, "answer", noting):
        collected(cluster, providers())
    return requests


def _answers(cloud: FakeCloud, requests: Iterable[Request]) -> Iterator[Answered]:
    cloud.gateway.check_signatures = False
    for request in requests:
        before = len(cloud.calls)
        reply = cloud.gateway.answer(request)
        assert reply.status == 200, f"{request.target}: {reply.body.decode()}"
        (call,) = cloud.calls[before:]
        version = call.params.get("Version") or PRODUCTS[call.product].version
        yield Answered(call.product, version, call.action, call.params, json.loads(reply.body))
