"""Calls: repeats, deadlines, limits, and what becomes of each kind of failure."""

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from aliyunsdkcore.vendored import requests as vendored

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.pacing import Backoff, Limiter, Limits, Meter
from auditor.collect.alibaba.sdk import Request, proxies_for
from auditor.facts.table import ReasonKind
from tests.collect.alibaba.kit import client_of, make_client
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, ApiError, FakeCloud

SEND = "aliyunsdkcore.vendored.requests.adapters.HTTPAdapter.send"
DISKS = Request("ecs", "DescribeDisks", {"DiskIds": '["d-1"]', "MaxResults": 100})
CLUSTER = Request("cs", "DescribeClusterDetail", {"ClusterId": "c1cef2604bddf0081a2bc425e1415ce18"})
SECRETS = (ACCESS_KEY_ID, ACCESS_KEY_SECRET, "Signature=", "SecurityToken=")


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud.recorded()


@pytest.fixture
def network() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(target=SEND, assert_all_requests_are_fired=False) as mock:
        yield mock


def failure(client: CloudClient, request: Request = DISKS) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        client.call(request)
    text = f"{caught.value}{caught.value.reason}{caught.value.code}"
    assert not [secret for secret in SECRETS if secret in text], text
    return caught.value


def failure_with(cloud: FakeCloud, code: str, message: str = "as it is", status: int = 400) -> CallFailed:
    cloud.fail_with("ecs:DescribeDisks", ApiError(code, message, status))
    with client_of(cloud) as client:
        return failure(client)


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


def test_throttling_is_borne_until_the_time_is_over(cloud: FakeCloud) -> None:
    cloud.throttle("ecs:DescribeDisks")
    with client_of(cloud, deadline_seconds=0.15) as client:
        assert failure(client).kind is ReasonKind.THROTTLED
        assert client.cost("ecs").retries > 4, "more often than other failures"
        assert failure(client).kind is ReasonKind.TIMEOUT, "no further call is made then"
        assert client.cost("vpc").left == 0.15, "each product has a time of its own"


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


@pytest.mark.parametrize(
    "code", ["Forbidden.RAM", "NoPermission", "Forbidden", "Forbidden.Unauthorized", "UnauthorizedOperation"]
)
def test_a_denial_names_the_missing_permission(cloud: FakeCloud, code: str) -> None:
    failed = failure_with(cloud, code, status=403)
    assert failed.kind is ReasonKind.FORBIDDEN
    assert failed.missing == ("ecs:DescribeDisks",)
    assert failed.http_status == 403
    assert failed.request_id


@pytest.mark.parametrize("code", ["StatusForbidden", "ErrorCheckAcl", "Forbidden"])
def test_a_denial_of_cs_names_the_missing_permission(cloud: FakeCloud, code: str) -> None:
    cloud.fail_with("cs:DescribeClusterDetail", ApiError(code, "no", 403))
    with client_of(cloud) as client:
        failed = failure(client, CLUSTER)
    assert (failed.kind, failed.code) == (ReasonKind.FORBIDDEN, code)
    assert failed.missing == ("cs:DescribeClusterDetail",)
    assert failed.request_id


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("InvalidAccessKeyId.NotFound", "id is right"),
        ("InvalidAccessKeyId.Inactive", "enabled"),
        ("InvalidSecurityToken.Expired", "get a new one"),
        ("InvalidSecurityToken.MismatchWithAccessKey", "security token"),
        ("SignatureDoesNotMatch", "secret"),
        ("IncompleteSignature", "secret"),
    ],
)
def test_a_wrong_key_is_no_missing_permission(cloud: FakeCloud, code: str, advice: str) -> None:
    failed = failure_with(cloud, code)
    assert failed.kind is ReasonKind.FORBIDDEN
    assert failed.missing == ()
    assert advice in str(failed)
    assert "credentials (kind access_key)" in str(failed)
    assert not failed.is_absent


@pytest.mark.parametrize("message", ["no colon in it", "server string to sign is:POST&%2F&AccessKeyId%3DLTAI", ""])
def test_signature_errors_of_every_wording_are_understood(cloud: FakeCloud, message: str) -> None:
    assert failure_with(cloud, "SignatureDoesNotMatch", message).code == "SignatureDoesNotMatch"


def test_a_real_wrong_secret_and_a_real_unknown_key(cloud: FakeCloud) -> None:
    from auditor.collect.alibaba.credentials import CredentialSettings  # noqa: PLC0415

    wrong = CredentialSettings("access_key", access_key_id=ACCESS_KEY_ID, access_key_secret="another-secret")
    with client_of(cloud, credentials=wrong) as client:
        assert failure(client).missing == ()
        assert failure(client, CLUSTER).kind is ReasonKind.FORBIDDEN
    unknown = CredentialSettings("access_key", access_key_id="LTAI-nobody", access_key_secret="another-secret")
    with client_of(cloud, credentials=unknown) as client:
        failed = failure(client)
        assert failed.code.startswith("InvalidAccessKeyId")
        assert "LTAI-nobody" not in str(failed)


def test_a_wrong_clock_says_what_to_do(cloud: FakeCloud) -> None:
    failed = failure_with(cloud, "InvalidTimeStamp.Expired")
    assert failed.kind is ReasonKind.ERROR
    assert "clock of this machine differs" in str(failed)


def test_an_unknown_cluster_is_named_with_the_key_to_check(cloud: FakeCloud) -> None:
    cloud.fail_with("cs:DescribeClusterDetail", ApiError("ErrorClusterNotFound", "no", 404))
    with client_of(cloud) as client:
        failed = failure(client, CLUSTER)
    assert failed.kind is ReasonKind.ERROR
    assert str(CLUSTER.params["ClusterId"]) in str(failed)
    assert "cluster_id" in str(failed)


def test_success_false_is_an_error_though_http_says_200(cloud: FakeCloud) -> None:
    cloud.fail("ecs:DescribeDisks", 200, {"Success": False, "Code": "400", "Message": "bad dimensions"})
    with client_of(cloud) as client:
        failed = failure(client)
    assert failed.kind is ReasonKind.ERROR
    assert "bad dimensions" in str(failed)


@pytest.mark.parametrize("body", ["<html>hello</html>", "", "{", "[1]", "7", "null", '"text"', "\xff"])
@pytest.mark.parametrize("status", [200, 302, 404])
def test_what_is_no_json_object_is_malformed(cloud: FakeCloud, body: str, status: int) -> None:
    cloud.fail("ecs:DescribeDisks", status, body)
    with client_of(cloud) as client:
        assert failure(client).kind is ReasonKind.MALFORMED
        assert client.cost("ecs").calls == 1


def test_a_gateway_page_that_stays_is_malformed(cloud: FakeCloud) -> None:
    cloud.fail("ecs:DescribeDisks", 502, "<html>502 Bad Gateway</html>")
    with client_of(cloud) as client:
        failed = failure(client)
    assert failed.kind is ReasonKind.MALFORMED
    assert "502" in str(failed)
    assert "html" not in str(failed)


def test_an_answer_that_breaks_off_is_a_failure(cloud: FakeCloud) -> None:
    cloud.cut("ecs:DescribeDisks", halfway=True)
    with client_of(cloud) as client:
        assert failure(client).kind in (ReasonKind.MALFORMED, ReasonKind.UNREACHABLE)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (vendored.exceptions.ConnectTimeout(), ReasonKind.TIMEOUT),
        (vendored.exceptions.ReadTimeout("Read timed out."), ReasonKind.TIMEOUT),
        (responses.ConnectionError("Read timed out"), ReasonKind.TIMEOUT),
        (TimeoutError(), ReasonKind.TIMEOUT),
        (ConnectionResetError("Connection reset by peer"), ReasonKind.UNREACHABLE),
        (ConnectionRefusedError("refused"), ReasonKind.UNREACHABLE),
        (vendored.exceptions.ConnectionError("[Errno -2] Name or service not known"), ReasonKind.UNREACHABLE),
        (vendored.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"), ReasonKind.UNREACHABLE),
        (vendored.exceptions.ProxyError("no"), ReasonKind.UNREACHABLE),
    ],
)
def test_no_answer_is_a_timeout_or_unreachable(
    network: responses.RequestsMock, error: Exception, kind: ReasonKind
) -> None:
    network.add(responses.POST, "https://ecs-cn-hangzhou.aliyuncs.com/", body=error)
    client = make_client()
    failed = failure(client)
    assert failed.kind is kind
    assert failed.code == "SDK.HttpError"
    assert "ecs:DescribeDisks" in str(failed)
    is_tls = isinstance(error, vendored.exceptions.SSLError)
    assert client.cost("ecs").calls == (1 if is_tls else 4), "a certificate does not get better"


def test_the_signed_url_in_a_network_error_is_not_shown() -> None:
    client = make_client(endpoint="http://127.0.0.1:9")
    failed = failure(client)
    assert failed.kind is ReasonKind.UNREACHABLE
    assert "127.0.0.1" in str(failed)
    assert "DiskIds" not in str(failed)


def test_the_same_failure_is_the_same_reason_each_time() -> None:
    client = make_client(endpoint="http://127.0.0.1:9")
    assert failure(client).reason == failure(client).reason


def test_whatever_the_sdk_stumbles_over_is_one_failed_call(network: responses.RequestsMock) -> None:
    network.add(responses.POST, "https://ecs-cn-hangzhou.aliyuncs.com/", body=IndexError("list index out of range"))
    assert failure(make_client()).kind is ReasonKind.MALFORMED


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
