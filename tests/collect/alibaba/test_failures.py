"""What becomes of each kind of failure, and that none of them shows a secret."""

import pytest
import requests
import responses
from aliyunsdkcore.vendored import requests as vendored

from auditor.collect.alibaba.credentials import CredentialSettings
from auditor.collect.alibaba.failures import CallFailed
from auditor.facts.table import ReasonKind
from tests.collect.alibaba.kit import CLUSTER, client_of, failure, make_client
from tests.fakes.cloud import ACCESS_KEY_ID, ApiError, FakeCloud


def failure_with(cloud: FakeCloud, code: str, message: str = "as it is", status: int = 400) -> CallFailed:
    cloud.fail_with("ecs:DescribeDisks", ApiError(code, message, status))
    with client_of(cloud) as client:
        return failure(client)


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


@pytest.mark.parametrize(
    ("code", "is_absent"),
    [
        ("InvalidLoadBalancerId.NotFound", True),
        ("EntityNotExist.Role", True),
        ("ResourceNotFound.serverGroup", True),
        ("InvalidAction.NotFound", False),
        ("InvalidApi.NotFound", False),
        ("InvalidVersion.NotFound", False),
        ("InvalidProduct.NotFound", False),
        ("InvalidRegionId.NotFound", False),
        ("UnsupportedEndpoint.NotFound", False),
    ],
)
def test_only_a_missing_object_is_absent_and_not_a_missing_operation(
    cloud: FakeCloud, code: str, is_absent: bool
) -> None:
    assert failure_with(cloud, code, status=404).is_absent is is_absent


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
        (requests.exceptions.ConnectionError("Read timed out"), ReasonKind.TIMEOUT),
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
