"""The ways in: within the process, over HTTP, from the command line, and for the credentials package."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
import requests
from alibabacloud_credentials.provider.oidc import OIDCRoleArnCredentialsProvider
from alibabacloud_credentials.provider.ram_role_arn import RamRoleArnCredentialsProvider
from alibabacloud_credentials.provider.static_ak import StaticAKCredentialsProvider
from aliyunsdkcore.acs_exception.exceptions import ClientException
from aliyunsdkcore.auth.credentials import StsTokenCredential

from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud, sdk

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_every_host_of_the_cloud_is_answered_within_the_process(protocol: str) -> None:
    hosts = ["ecs-cn-hangzhou.aliyuncs.com", "ecs.cn-beijing.aliyuncs.com", "ecs-vpc.cn-hangzhou.aliyuncs.com"]
    with FakeCloud.recorded().in_process() as cloud:
        for host in hosts:
            request = sdk.rpc("ecs", "DescribeDisks", RegionId="cn-hangzhou")
            request.set_protocol_type(protocol)
            request.set_endpoint(host)
            assert sdk.send(sdk.client(), request)["TotalCount"] == 0
        assert cloud.actions() == ["ecs:DescribeDisks"] * 3


def test_no_other_host_is_reached_by_the_sdk() -> None:
    request = sdk.rpc("ecs", "DescribeDisks")
    request.set_endpoint("cloud.example.com")
    with FakeCloud.recorded().in_process(), pytest.raises(ClientException):
        sdk.send(sdk.client(), request)


def test_the_installed_http_library_is_answered_too_and_may_go_elsewhere() -> None:
    cloud = FakeCloud.recorded(check_signatures=False)
    with cloud.serve() as base_url, cloud.in_process():
        params = {"Action": "GetCallerIdentity", "Version": "2015-04-01"}
        here = requests.post("https://sts.cn-hangzhou.aliyuncs.com/", params=params, timeout=5)
        elsewhere = requests.get(base_url, params=params, timeout=5)
    assert here.json()["AccountId"] == elsewhere.json()["AccountId"] == "1098765432101234"


def test_a_cut_connection_is_told_by_the_installed_http_library() -> None:
    cloud = FakeCloud.recorded()
    cloud.cut("sts:*")
    url = "https://sts.cn-hangzhou.aliyuncs.com/?Action=GetCallerIdentity&Version=2015-04-01"
    cloud.gateway.check_signatures = False
    with cloud.in_process(), pytest.raises(requests.exceptions.ConnectionError):
        requests.post(url, timeout=5)


def test_parameters_of_query_and_form_body_are_read_together() -> None:
    cloud = FakeCloud.recorded(check_signatures=False)
    with cloud.serve() as base_url:
        url = f"{base_url}/?Action=DescribeAccessRules&Version=2017-06-26"
        request = Request(url, data=b"AccessGroupName=shop-prod-nodes", method="POST")
        with urlopen(request, timeout=5) as response:
            assert json.load(response)["TotalCount"] == 4


def test_a_server_ends_and_another_starts() -> None:
    cloud = FakeCloud.recorded()
    for _ in range(2):
        with cloud.serve() as base_url:
            assert sdk.send(sdk.client(), sdk.rpc("slb", "DescribeLoadBalancers"), base_url)["TotalCount"] == 5
        with pytest.raises(ClientException):
            sdk.send(sdk.client(), sdk.rpc("slb", "DescribeLoadBalancers"), base_url)


def test_the_command_serves() -> None:
    command = [sys.executable, "-m", "tests.fakes.cloud", "--port", "0", "--deny", "ecs:DescribeDisks"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            assert sdk.send(sdk.client(), sdk.rpc("slb", "DescribeLoadBalancers"), base_url)["TotalCount"] == 5
            with sdk.refusal() as said:
                sdk.send(sdk.client(), sdk.rpc("ecs", "DescribeDisks"), base_url)
        finally:
            process.terminate()
    assert said["code"] == "Forbidden.RAM"


@pytest.mark.parametrize("kind", ["oidc", "role"])
def test_the_credentials_package_gets_keys_that_are_taken(kind: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token of a service account", encoding="utf-8")
    role = {
        "role_arn": "acs:ram::1098765432101234:role/ack-auditor",
        "role_session_name": "audit",
        "sts_region_id": "cn-hangzhou",
    }
    own = StaticAKCredentialsProvider(access_key_id=ACCESS_KEY_ID, access_key_secret=ACCESS_KEY_SECRET)
    provider = (
        OIDCRoleArnCredentialsProvider(
            **role, oidc_provider_arn="acs:ram::1098765432101234:oidc-provider/ack", oidc_token_file_path=str(token)
        )
        if kind == "oidc"
        else RamRoleArnCredentialsProvider(**role, credentials_provider=own)
    )
    with FakeCloud.recorded().in_process():
        given = provider.get_credentials()
        keys = (given.get_access_key_id(), given.get_access_key_secret(), given.get_security_token())
        acs = sdk.client(credential=StsTokenCredential(*keys))
        identity = sdk.send(acs, sdk.rpc("sts", "GetCallerIdentity"))
    assert identity["Arn"] == "acs:ram::1098765432101234:assumed-role/ack-auditor/audit"
