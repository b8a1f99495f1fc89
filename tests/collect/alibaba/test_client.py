"""Calls: repeats, deadlines, limits, and what becomes of each kind of failure."""

import logging
import subprocess
import sys
import threading
from typing import Any

import pytest
import responses

from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.pacing import Backoff, Limiter, Limits, Meter, repeat
from auditor.collect.alibaba.sdk import Request
from auditor.collect.alibaba.transport import proxies_for
from auditor.facts.table import ReasonKind
from auditor.facts.text import t
from tests.collect.alibaba.kit import CLUSTER, DISKS, client_of, failure, make_client
from tests.fakes.cloud import ACCESS_KEY_ID, ApiError, FakeCloud


def test_a_call_returns_the_decoded_answer(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        assert client.call(CLUSTER)["name"] == "shop-prod"
        assert client.cost("cs").calls == 1
        assert client.cost("cs").retries == 0
        assert client.cost("ecs").calls == 0


@pytest.mark.parametrize("code", ["Throttling", "Throttling.User", "Throttling.Api", "ServiceUnavailable"])
def test_what_may_pass_is_asked_again(cloud: FakeCloud, code: str) -> None:
    cloud.fail_with("ecs:DescribeDisks", ApiError(code, "later", 400), times=2)
    with client_of(cloud) as client:
        assert client.call(DISKS)["Disks"] == {"Disk": []}
        assert (client.cost("ecs").calls, client.cost("ecs").retries) == (3, 2)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_http_status_is_asked_again_whatever_its_body(cloud: FakeCloud, status: int) -> None:
    cloud.fail("ecs:DescribeDisks", status, "<html>busy</html>", times=1)
    with client_of(cloud) as client:
        client.call(DISKS)
        assert client.cost("ecs").retries == 1


def test_a_connection_that_breaks_is_asked_again(cloud: FakeCloud) -> None:
    cloud.cut("ecs:DescribeDisks", times=1)
    with client_of(cloud) as client:
        client.call(DISKS)
        assert client.cost("ecs").retries == 1


def test_lower_case_errors_of_cs_may_pass_too(cloud: FakeCloud) -> None:
    cloud.fail("cs:DescribeClusterDetail", 503, {"code": "ServiceUnavailable", "message": "later"}, times=1)
    with client_of(cloud) as client:
        client.call(CLUSTER)
        assert client.cost("cs").retries == 1


def test_throttling_is_borne_longer_than_other_failures(cloud: FakeCloud) -> None:
    cloud.throttle("ecs:DescribeDisks", times=30)
    with client_of(cloud, backoff=Backoff(first=0.001, longest=0.002, attempts=3)) as client:
        client.call(DISKS)
        assert client.cost("ecs").retries == 30


def test_repeats_end_when_the_time_that_is_left_is_shorter_than_the_wait() -> None:
    left = [5.0, 4.0, 0.0]
    attempts: list[int] = []

    def attempt(number: int) -> None:
        attempts.append(number)
        raise CallFailed("ecs", ReasonKind.THROTTLED, t("busy"), is_passing=True)

    with pytest.raises(CallFailed, match="busy"):
        repeat(attempt, Backoff(first=0.001, longest=0.002, attempts=2), lambda: left[len(attempts) - 1])
    assert attempts == [1, 2, 3]


def test_when_the_time_is_over_nothing_is_sent(cloud: FakeCloud) -> None:
    with client_of(cloud, deadline_seconds=0) as client:
        failed = failure(client)
        assert failed.kind is ReasonKind.TIMEOUT
        assert "timeout_seconds" in str(failed)
        assert client.cost("ecs").calls == 0
    assert cloud.calls == []


def test_other_failures_are_repeated_so_many_times(cloud: FakeCloud) -> None:
    cloud.fail_with("ecs:DescribeDisks", ApiError("InternalError", "oops", 500))
    with client_of(cloud, backoff=Backoff(first=0.001, longest=0.002, attempts=3)) as client:
        assert failure(client).kind is ReasonKind.ERROR
        assert client.cost("ecs").calls == 3


@pytest.mark.parametrize("code", ["Forbidden.RAM", "InvalidDiskIds.Malformed", "InvalidDiskId.NotFound"])
def test_what_stays_as_it_is_is_asked_once(cloud: FakeCloud, code: str) -> None:
    cloud.fail_with("ecs:DescribeDisks", ApiError(code, "no", 403))
    with client_of(cloud) as client:
        failure(client)
        assert client.cost("ecs").calls == 1


def test_all_styles_of_request_reach_a_base_url(cloud: FakeCloud) -> None:
    with cloud.serve() as base_url:
        client = make_client(endpoint=f"{base_url}/")
        assert client.call(CLUSTER)["cluster_id"]
        assert client.call(DISKS)["Disks"] == {"Disk": []}
        quotas = Request("quotas", "ListProductQuotas", {"ProductCode": "slb", "MaxResults": 100})
        assert client.call(quotas)["Quotas"], "parameters in the form body"
        pools = Request("cs", "DescribeClusterNodePools", dict(CLUSTER.params), path="/clusters/[ClusterId]/nodepools")
        assert client.call(pools)["nodepools"]
        client.close()


def test_calls_are_https_and_go_to_the_regions_hosts(network: responses.RequestsMock) -> None:
    for method, host in ((responses.POST, "slb.aliyuncs.com/"), (responses.POST, "nlb.cn-hangzhou.aliyuncs.com/")):
        network.add(method, f"https://{host}", json={"TotalCount": 0})
    network.add(responses.GET, f"https://cs.cn-hangzhou.aliyuncs.com/clusters/{CLUSTER.params['ClusterId']}", json={})
    client = make_client()
    client.call(Request("slb", "DescribeLoadBalancers"))
    client.call(Request("nlb", "ListLoadBalancers"))
    client.call(CLUSTER)
    assert len(network.calls) == 3


def test_each_attempt_signs_a_fresh_request(network: responses.RequestsMock) -> None:
    network.add(
        responses.POST, "https://ecs-cn-hangzhou.aliyuncs.com/", status=503, json={"Code": "ServiceUnavailable"}
    )
    client = make_client()
    failure(client)
    sent = [call.request for call in network.calls]
    assert len({request.url for request in sent}) == len(sent) == 4, "each has a nonce of its own"
    assert len({request.headers["User-Agent"] for request in sent}) == 1, "which grows when a request is used again"


def test_many_threads_may_share_a_client(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        answers = client.each(lambda _n: client.call(DISKS), range(60))
        assert len(answers) == 60
        assert client.cost("ecs").calls == 60


def test_results_keep_the_order_of_the_items() -> None:
    client = make_client()
    assert client.each(lambda n: n * 2, range(50)) == [n * 2 for n in range(50)]
    assert client.each(str, [1]) == ["1"]
    assert client.each(str, []) == []


def test_no_more_calls_are_under_way_than_allowed() -> None:
    limiter = Limiter(Limits(concurrent=2, per_second=10_000, burst=100))
    running, most, lock, gate = 0, 0, threading.Lock(), threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with limiter.admitted():
            with lock:
                running += 1
                most = max(most, running)
            gate.wait(5)
            with lock:
                running -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_the_rate_is_held_when_the_bucket_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("auditor.collect.alibaba.pacing.time.sleep", waits.append)
    monkeypatch.setattr("auditor.collect.alibaba.pacing.time.monotonic", lambda: 100.0)
    limiter = Limiter(Limits(concurrent=1, per_second=10, burst=2))
    for _ in range(4):
        with limiter.admitted():
            pass
    assert waits == pytest.approx([0, 0, 0.1, 0.2])


def test_each_operation_has_a_rate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("auditor.collect.alibaba.pacing.time.sleep", waits.append)
    monkeypatch.setattr("auditor.collect.alibaba.pacing.time.monotonic", lambda: 100.0)
    limiter = Limiter(Limits(concurrent=1, per_second=10, burst=1))
    for operation in ("DescribeDisks", "DescribeInstances", "DescribeDisks"):
        with limiter.admitted(operation):
            pass
    assert waits == pytest.approx([0, 0, 0.1])


def test_the_clock_of_a_source_runs_only_while_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("auditor.collect.alibaba.pacing.time.monotonic", lambda: now[0])
    meter = Meter(10)
    with meter.running():
        now[0] = 1
        with meter.running():
            now[0] = 3
        now[0] = 4
        assert meter.seconds == 4, "two at once count once"
    now[0] = 50
    assert meter.left == 6
    with meter.running():
        now[0] = 99
        assert meter.left == 0


@pytest.mark.parametrize(
    ("variables", "url", "expected"),
    [
        ({}, "https://ecs.aliyuncs.com", None),
        ({"HTTPS_PROXY": "http://proxy:1"}, "https://ecs.aliyuncs.com", "http://proxy:1"),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "aliyuncs.com"}, "https://ecs.aliyuncs.com", None),
        ({"HTTPS_PROXY": "http://proxy:1", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3", None),
        ({"HTTPS_PROXY": "http://proxy:1", "HTTP_PROXY": "http://proxy:1"}, "https://127.0.0.1:8443", None),
    ],
)
def test_proxies_follow_the_environment_and_no_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, expected: str | None
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxies = proxies_for(url)
    assert proxies["https"] == expected
    assert proxies, "an empty mapping would make the SDK read the environment by itself"


def test_nothing_is_sent_through_a_proxy_that_no_proxy_excludes(
    monkeypatch: pytest.MonkeyPatch, cloud: FakeCloud
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with cloud.serve() as base_url:
        client = make_client(endpoint=base_url)
        assert client.call(DISKS)
        client.close()


def test_the_sdk_is_silent_and_names_its_server(
    cloud: FakeCloud, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_  # noqa: PLC0415

    monkeypatch.setenv("DEBUG", "sdk")
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    monkeypatch.setattr(handler, "emit", records.append)
    root = logging.getLogger()
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    try:
        cloud.deny("ecs:DescribeDisks")
        with client_of(cloud) as client:
            client.call(CLUSTER)
            failure(client)
    finally:
        root.removeHandler(handler)
    assert not [record for record in records if record.name.startswith(("aliyunsdkcore", "credentials"))]
    output = "".join(capfd.readouterr())
    assert ACCESS_KEY_ID not in output
    assert "x-acs" not in output
    assert ssl_.HAS_SNI is True


def test_the_sdk_is_not_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import auditor.collect.alibaba.tables, auditor.collect.alibaba.sts; "
        "sys.exit(any(name.startswith(('aliyunsdk', 'alibabacloud')) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_operation_builds_over_and_over() -> None:
    request = Request("slb", "DescribeLoadBalancerListeners", {"LoadBalancerIds": ["lb-1", "lb-2"], "MaxResults": 100})
    first: Any = request.build()
    assert first is not request.build()
    assert first.get_query_params()["LoadBalancerId.2"] == "lb-2"
